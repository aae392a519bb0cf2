// SPDX-License-Identifier: BSD-2-Clause
/*
 * Every step of an add that can fail does, and SAs, parser entries, classifier tables and key memory are as
 * before. What takes no memory cannot run out of it: the index and the slots are made with the store, so the
 * steps are the key, the SA, the parser entry, and the classifier's two tables.
 */
#include "sadb_rig.h"

#define UNUSED_ENTRIES (XESP_PARSERS_MAX - 1)

struct snapshot {
	struct fake fake;
	struct sadb_parser parsers[XESP_PARSERS_MAX];
	uint32_t parser_count;
	uint32_t count;
	int keys;
};

static void take_snapshot(const struct fixture *fixture, struct snapshot *snapshot)
{
	const struct sadb_parser *parser;
	uint32_t index = 0;

	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->fake = *fixture->fake;
	snapshot->fake.fail_in = 0;
	while ((parser = sadb_parser_next(fixture->db, &index)))
		snapshot->parsers[snapshot->parser_count++] = *parser;
	assert_int_equal(snapshot->parser_count, sadb_parser_count(fixture->db));
	snapshot->count = sadb_count(fixture->db);
	snapshot->keys = counting.keys;
}

struct step {
	const char *name;
	int refuse_with;   /* by the crypto provider */
	unsigned int call; /* of the classifier that fails: set_parser, if any, comes first */
	int fail_with;
	uint16_t port; /* of the SA; 0: without encapsulation */
	int want;
};

#define PORT_OLD 4500	 /* has an entry with an SA */
#define PORT_UNUSED 5000 /* has an entry without */
#define PORT_NEW 6000

static const struct step steps[] = {
	{"no key memory", .refuse_with = -ENOMEM, .port = PORT_NEW, .want = -ENOMEM},
	{"bad key", .refuse_with = -EOPNOTSUPP, .port = PORT_NEW, .want = -EOPNOTSUPP},
	{"no key memory, old entry", .refuse_with = -ENOMEM, .port = PORT_OLD, .want = -ENOMEM},
	{"new entry", .call = 1, .fail_with = -E2BIG, .port = PORT_NEW, .want = -E2BIG},
	{"SA under a new entry", .call = 2, .fail_with = -ENOSPC, .port = PORT_NEW, .want = -ENOSPC},
	{"SA under an old entry", .call = 1, .fail_with = -ENOSPC, .port = PORT_OLD, .want = -ENOSPC},
	{"SA under an unused entry", .call = 1, .fail_with = -ENOMEM, .port = PORT_UNUSED, .want = -ENOMEM},
	{"SA without entry", .call = 1, .fail_with = -EEXIST, .port = 0, .want = -EEXIST},
};

static void try_step(struct fixture *fixture, const struct step *step, struct snapshot *before,
		     struct snapshot *after)
{
	struct sa_params params = params_of(0x2000, XESP_ENCAP_RFC3948, step->port);
	const struct sa *sa = NULL;

	take_snapshot(fixture, before);
	counting.refuse_with = step->refuse_with;
	fixture->fake->fail_in = step->call;
	fixture->fake->fail_with = step->fail_with;
	assert_int_equal(add(fixture, &params, &sa), step->want);
	assert_int_equal(fixture->fake->fail_in, 0); /* the step was reached */
	counting.refuse_with = 0;
	fixture->fake->fail_with = before->fake.fail_with;
	assert_null(sa);
	assert_null(sadb_find(fixture->db, params.spi, &params.dst));
	take_snapshot(fixture, after);
	print_message("# %s\n", step->name);
	assert_memory_equal(before, after, sizeof(*before));
}

/* M6 */
static void test_failed_add_changes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params old = params_of(0x1000, XESP_ENCAP_RFC3948, PORT_OLD);
	struct sa_params gone = params_of(0x1001, XESP_ENCAP_RFC3948, PORT_UNUSED);
	struct snapshot *snapshots = calloc(2, sizeof(*snapshots));
	const struct sa *kept;
	const struct sa *sa;

	assert_int_equal(add(fixture, &old, &kept), 0);
	assert_int_equal(add(fixture, &gone, &sa), 0);
	assert_int_equal(sadb_delete(fixture->db, sa, SADB_ENTRY_STAYS, NULL), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct sa_params params = params_of(0x2000, XESP_ENCAP_RFC3948, steps[i].port);

		try_step(fixture, &steps[i], &snapshots[0], &snapshots[1]);
		assert_ptr_equal(sadb_get(fixture->db, kept->index, kept->generation), kept);
		/* And when nothing fails, the same add goes through. */
		assert_int_equal(add(fixture, &params, &sa), 0);
		assert_int_equal(sadb_delete(fixture->db, sa,
					     steps[i].port == PORT_NEW ? SADB_ENTRY_GOES : SADB_ENTRY_STAYS,
					     NULL),
				 0);
	}
	free(snapshots);
}

/* M6: no room for another parser entry, while those that are there can be used. */
static void test_parser_table_full(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, XESP_ENCAP_RFC3948, 1);
	struct snapshot *snapshots = calloc(2, sizeof(*snapshots));
	const struct sa *kept;
	const struct sa *sa = NULL;
	const char *what = NULL;

	assert_int_equal(add(fixture, &params, &kept), 0);
	for (uint32_t i = 0; i < UNUSED_ENTRIES; i++) {
		params = params_of(0x2000, XESP_ENCAP_RFC3948, (uint16_t)(2 + i));
		assert_int_equal(add(fixture, &params, &sa), 0);
		assert_int_equal(sadb_delete(fixture->db, sa, SADB_ENTRY_STAYS, NULL), 0);
	}
	take_snapshot(fixture, &snapshots[0]);
	params = params_of(0x2000, XESP_ENCAP_RFC3948, 2 + UNUSED_ENTRIES);
	sa = NULL;
	assert_int_equal(sadb_add(fixture->db, &params, &sa, &what), -ENOSPC);
	assert_string_equal(what, "parser entries");
	assert_null(sa);
	take_snapshot(fixture, &snapshots[1]);
	assert_memory_equal(&snapshots[0], &snapshots[1], sizeof(snapshots[0]));
	params = params_of(0x2000, XESP_ENCAP_RFC3948, 77);
	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_int_equal(sadb_delete(fixture->db, sa, SADB_ENTRY_GOES, NULL), 0);
	/* The place of the one that went is taken by the one that found none. */
	params = params_of(0x2000, XESP_ENCAP_RFC3948, 2 + UNUSED_ENTRIES);
	assert_int_equal(add(fixture, &params, &sa), 0);
	free(snapshots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_failed_add_changes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parser_table_full, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sadb_faults", tests, NULL, NULL);
}

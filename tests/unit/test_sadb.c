// SPDX-License-Identifier: BSD-2-Clause
/*
 * The SA store: parser entries as NDIS wants them, names and handles, capacity, deletion requests.
 */
#include "sadb_rig.h"

/* M2, M3, M4, M13 */
static void test_add_creates_and_shares_parser_entries(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params first = params_of(0x1000, XESP_ENCAP_RFC3948, 4500);
	struct sa_params second = params_of(0x1001, XESP_ENCAP_RFC3948, 4500);
	struct sa_params draft = params_of(0x1002, XESP_ENCAP_IKE, 4500);
	struct sa_params elsewhere = params_of(0x1003, XESP_ENCAP_RFC3948, 4501);
	struct sa_params native = params_of(0x1004, 0, 0);
	struct sa_params bound = params_of(0x1005, 0, 0);
	const struct sa *sa;
	struct handle entry;
	uint32_t id;

	assert_int_equal(add(fixture, &first, &sa), 0);
	entry = only_parser(fixture)->handle;
	id = only_parser(fixture)->id;
	assert_ptr_equal(sadb_parser_of(fixture->db, sa), only_parser(fixture));
	assert_int_not_equal(sa->generation, 0);
	assert_int_not_equal(entry.generation, 0);
	assert_int_not_equal(id, 0);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], id);
	assert_int_equal(fixture->fake->sas[0].ref.parser_id, id);

	/* The same type and port: the same entry. */
	assert_int_equal(add(fixture, &second, &sa), 0);
	assert_true(same_handle(only_parser(fixture)->handle, entry));
	assert_int_equal(sadb_parser_of(fixture->db, sa)->refs, 2);

	/* Named by its handle: the list is as before, and the SA takes over type and port. */
	assert_int_equal(sadb_bind(fixture->db, entry, &bound), 0);
	assert_int_equal(bound.encap.dport, 4500);
	assert_int_equal(bound.encap.type, XESP_ENCAP_RFC3948);
	assert_int_equal(add(fixture, &bound, &sa), 0);
	assert_true(same_handle(only_parser(fixture)->handle, entry));
	assert_int_equal(only_parser(fixture)->refs, 3);
	assert_int_equal(fixture->fake->sas[2].ref.parser_id, id);

	/* Both types on one port, and another port, are entries that leave each other alone. */
	assert_int_equal(add(fixture, &draft, &sa), 0);
	assert_int_equal(add(fixture, &elsewhere, &sa), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 3);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], id);
	assert_int_not_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_IKE], 0);
	assert_int_not_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_IKE], id);
	assert_int_not_equal(fixture->fake->parsers[4501].id[XESP_ENCAP_RFC3948], 0);

	assert_int_equal(add(fixture, &native, &sa), 0);
	assert_null(sadb_parser_of(fixture->db, sa));
	assert_int_equal(fixture->fake->sas[5].ref.parser_id, 0);
}

/* M5 */
static void test_stale_parser_handle_is_refused(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, XESP_ENCAP_RFC3948, 4500);
	struct sa_params other = params_of(0x1001, 0, 0);
	struct sa_params before = other;
	const struct sa *sa;
	struct handle stale;

	assert_int_equal(add(fixture, &params, &sa), 0);
	stale = only_parser(fixture)->handle;
	assert_int_equal(sadb_delete(fixture->db, sa, SADB_ENTRY_GOES, NULL), 0);
	assert_int_equal(sadb_bind(fixture->db, stale, &other), -ESTALE);
	/* The same type and port again: another entry, in the same place, and the old handle is not its. */
	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_int_equal(only_parser(fixture)->handle.index, stale.index);
	assert_int_equal(sadb_bind(fixture->db, stale, &other), -ESTALE);
	assert_null(sadb_parser_get(fixture->db, stale));
	assert_int_equal(sadb_bind(fixture->db, (struct handle){XESP_PARSERS_MAX, 1}, &other), -ESTALE);
	assert_int_equal(sadb_bind(fixture->db, (struct handle){UINT32_MAX, UINT32_MAX}, &other), -ESTALE);
	assert_int_equal(sadb_bind(fixture->db, (struct handle){1, 0}, &other), -ESTALE);
	assert_memory_equal(&other, &before, sizeof(other));
	/* Of another port or type than the SA says. */
	other = params_of(0x1001, XESP_ENCAP_RFC3948, 4501);
	assert_int_equal(sadb_bind(fixture->db, only_parser(fixture)->handle, &other), -EINVAL);
	other = params_of(0x1001, XESP_ENCAP_IKE, 4500);
	assert_int_equal(sadb_bind(fixture->db, only_parser(fixture)->handle, &other), -EINVAL);
	assert_int_equal(sadb_count(fixture->db), 1);
	assert_int_equal(only_parser(fixture)->refs, 1);
}

/* M8, M9 */
static void test_delete_and_the_parser_entry(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, XESP_ENCAP_RFC3948, 4500);
	const struct sa *sas[3];
	struct handle entry;

	for (uint32_t i = 0; i < 3; i++) {
		params.spi = 0x1000 + i;
		assert_int_equal(add(fixture, &params, &sas[i]), 0);
	}
	entry = only_parser(fixture)->handle;
	/* Both together: refused as long as others belong to the entry, with nothing changed. */
	assert_int_equal(sadb_delete(fixture->db, sas[0], SADB_ENTRY_GOES, NULL), -EBUSY);
	assert_int_equal(sadb_count(fixture->db), 3);
	assert_int_equal(fixture->fake->sa_count, 3);
	assert_int_equal(only_parser(fixture)->refs, 3);
	assert_int_equal(fixture->quiesced, 0);
	/* Only the SA: the others are still found, their entry is still with the classifier. */
	assert_int_equal(sadb_delete(fixture->db, sas[0], SADB_ENTRY_STAYS, NULL), 0);
	assert_int_equal(only_parser(fixture)->refs, 2);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], only_parser(fixture)->id);
	assert_ptr_equal(sadb_get(fixture->db, sas[1]->index, sas[1]->generation), sas[1]);
	/* The entry stays also without SAs, and is used again. */
	assert_int_equal(sadb_delete(fixture->db, sas[1], SADB_ENTRY_STAYS, NULL), 0);
	assert_int_equal(sadb_delete(fixture->db, sas[2], SADB_ENTRY_STAYS, NULL), 0);
	assert_int_equal(only_parser(fixture)->refs, 0);
	assert_int_not_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], 0);
	assert_int_equal(add(fixture, &params, &sas[0]), 0);
	assert_true(same_handle(only_parser(fixture)->handle, entry));
	/* The last SA with the entry: both are gone. */
	assert_int_equal(sadb_delete(fixture->db, sas[0], SADB_ENTRY_GOES, NULL), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 0);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], 0);
	/* An entry that goes with its last SA, and only then. */
	assert_int_equal(add(fixture, &params, &sas[0]), 0);
	params.spi++;
	assert_int_equal(add(fixture, &params, &sas[1]), 0);
	assert_int_equal(sadb_delete(fixture->db, sas[0], SADB_ENTRY_IF_UNUSED, NULL), 0);
	assert_int_equal(only_parser(fixture)->refs, 1);
	assert_int_equal(sadb_del(fixture->db, params.spi, &params.dst), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 0);
	assert_int_equal(sadb_del(fixture->db, params.spi, &params.dst), -ENOENT);
}

static void test_flush_takes_unused_parser_entries(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, XESP_ENCAP_RFC3948, 4500);
	const struct sa *sa;

	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_int_equal(sadb_delete(fixture->db, sa, SADB_ENTRY_STAYS, NULL), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 1);
	assert_int_equal(sadb_flush(fixture->db), 0);
	assert_int_equal(sadb_parser_count(fixture->db), 0);
	assert_int_equal(fixture->fake->parsers[4500].id[XESP_ENCAP_RFC3948], 0);
}

static void test_identity(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, XESP_ENCAP_RFC3948, 4500);
	struct sa_params other = params;
	const struct sa *sa;

	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_int_equal(add(fixture, &params, &sa), -EEXIST);
	assert_int_equal(sadb_count(fixture->db), 1);
	/* The same SPI for another destination, or another family, is another SA. */
	assert_int_equal(ip_addr_parse("192.0.2.2", &other.dst), 0);
	assert_int_equal(add(fixture, &other, &sa), 0);
	assert_int_equal(ip_addr_parse("c000:0201::", &other.dst), 0);
	assert_int_equal(add(fixture, &other, &sa), 0);
	assert_ptr_equal(sadb_find(fixture->db, 0x1000, &other.dst), sa);
	assert_null(sadb_find(fixture->db, 0x1001, &other.dst));
	assert_int_equal(sadb_flush(fixture->db), 3);
	assert_int_equal(fixture->quiesced, 1);
	assert_int_equal(sadb_parser_count(fixture->db), 0);
}

static void test_stale_generation(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, 0, 0);
	const struct sa *sa;

	/* Each slot in turn, twice: a slot comes back with another generation. */
	for (unsigned int round = 0; round < 2 * CAPACITY; round++) {
		struct handle handle;

		assert_int_equal(add(fixture, &params, &sa), 0);
		handle = handle_of(sa);
		assert_int_equal(handle.index, round % CAPACITY);
		assert_int_equal(handle.generation, 1 + round / CAPACITY);
		assert_ptr_equal(sadb_get(fixture->db, handle.index, handle.generation), sa);
		assert_null(sadb_get(fixture->db, handle.index, handle.generation + 1));
		assert_int_equal(sadb_del(fixture->db, 0x1000, &params.dst), 0);
		assert_null(sadb_get(fixture->db, handle.index, handle.generation));
	}
	assert_null(sadb_get(fixture->db, CAPACITY, 1));
	assert_null(sadb_get(fixture->db, UINT32_MAX, 1));
}

static void fill(struct fixture *fixture, const struct sa **ret_sas)
{
	for (uint32_t i = 0; i < CAPACITY; i++) {
		struct sa_params params = params_of(0x1000 + i, XESP_ENCAP_RFC3948, 4500);

		assert_int_equal(add(fixture, &params, &ret_sas[i]), 0);
	}
}

/* M27 */
static void test_one_more_than_capacity_harms_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x2000, XESP_ENCAP_RFC3948, 14500);
	const struct sa *sas[CAPACITY];
	const struct sa *sa = NULL;
	const char *what = NULL;

	fill(fixture, sas);
	assert_int_equal(sadb_add(fixture->db, &params, &sa, &what), -ENOSPC);
	assert_string_equal(what, "SAs");
	assert_null(sa);
	assert_int_equal(sadb_count(fixture->db), CAPACITY);
	assert_int_equal(only_parser(fixture)->refs, CAPACITY);
	assert_int_equal(fixture->fake->parsers[14500].id[XESP_ENCAP_RFC3948], 0);
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_ptr_equal(sadb_get(fixture->db, sas[i]->index, sas[i]->generation), sas[i]);
	assert_int_equal(sadb_del(fixture->db, 0x1005, &params.dst), 0);
	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_int_equal(sa->index, 5);
}

/* M28 */
static void test_full_store_asks_for_a_deletion(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x2000, XESP_ENCAP_RFC3948, 4500);
	const struct sa *sas[CAPACITY];
	const struct sa *sa;
	uint64_t now = (uint64_t)time(NULL);

	fill(fixture, sas);
	for (uint32_t i = 0; i < CAPACITY; i++)
		atomic_store(&((struct sa *)sas[i])->counters.last_used, now + 1000 - i);
	/* The one used least recently; the next time the one before it: each once. */
	for (uint32_t i = 1; i <= CAPACITY; i++) {
		assert_int_equal(add(fixture, &params, &sa), -ENOSPC);
		assert_int_equal(fixture->requests, i);
		assert_ptr_equal(fixture->requested, sas[CAPACITY - i]);
		assert_true(atomic_load(&sas[CAPACITY - i]->delete_requested));
	}
	assert_int_equal(add(fixture, &params, &sa), -ENOSPC);
	assert_int_equal(fixture->requests, CAPACITY);
	/* It stays usable until its deletion comes. */
	sa = fixture->requested;
	assert_ptr_equal(sadb_get(fixture->db, sa->index, sa->generation), sa);
	assert_false(atomic_load(&sa->dead));
	assert_int_equal(fixture->fake->sa_count, CAPACITY);
	assert_int_equal(sadb_delete(fixture->db, sa, SADB_ENTRY_STAYS, NULL), 0);
	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_false(atomic_load(&sa->delete_requested));
}

/* M28: added and used within one second, the one that was never used is asked for. */
static void test_never_used_is_asked_for_first(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x2000, XESP_ENCAP_RFC3948, 4500);
	const struct sa *sas[CAPACITY];
	const struct sa *sa;
	uint64_t now;

	fill(fixture, sas);
	now = (uint64_t)time(NULL);
	for (uint32_t i = 0; i < CAPACITY; i++)
		if (i != 5)
			atomic_store(&((struct sa *)sas[i])->counters.last_used, now);
	assert_int_equal(add(fixture, &params, &sa), -ENOSPC);
	assert_ptr_equal(fixture->requested, sas[5]);
}

/* M11: what a worker holds is not freed, nor is its room given away, but the SA is gone for everybody else.
 */
static void test_delete_that_cannot_finish_marks(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, XESP_ENCAP_RFC3948, 4500);
	const struct sa *sas[CAPACITY];
	const struct sa *again;
	bool marked = false;

	fill(fixture, sas);
	fixture->hangs = true;
	atomic_store(&((struct sa *)sas[0])->owner, 1);
	assert_int_equal(sadb_delete(fixture->db, sas[0], SADB_ENTRY_IF_UNUSED, &marked), 0);
	assert_true(marked);
	assert_int_equal(fixture->waited_ms, SADB_QUIESCE_MS);
	assert_int_equal(fixture->marked_calls, 1);
	assert_true(atomic_load(&sas[0]->dead)); /* still there to be read */
	assert_int_equal(counting.keys, CAPACITY);
	assert_null(sadb_get(fixture->db, 0, 1));
	assert_null(sadb_find(fixture->db, 0x1000, &params.dst));
	assert_int_equal(fixture->fake->sa_count, CAPACITY - 1);
	assert_int_equal(only_parser(fixture)->refs, CAPACITY - 1);
	assert_int_equal(sadb_count(fixture->db), CAPACITY - 1);
	assert_int_equal(sadb_marked(fixture->db), 1);
	assert_int_equal(add(fixture, &params, &again), -ENOSPC);
	/* The next one does not wait as long for a worker that is known to hang. */
	fixture->waited_ms = 0;
	assert_int_equal(sadb_delete(fixture->db, sas[1], SADB_ENTRY_IF_UNUSED, &marked), 0);
	assert_true(marked);
	assert_int_equal(fixture->waited_ms, 0);
	assert_int_equal(sadb_reap(fixture->db), 2);
	assert_int_equal(fixture->quiesced, 1); /* the second one's wait begins behind the first one's */
	fixture->hangs = false;
	assert_int_equal(sadb_reap(fixture->db), 0);
	assert_int_equal(fixture->quiesced, 2);
	assert_int_equal(fixture->waited_ms, SADB_QUIESCE_AGAIN_MS);
	assert_int_equal(sadb_marked(fixture->db), 0);
	assert_int_equal(counting.keys, CAPACITY - 2);
	assert_int_equal(fixture->forgotten, 1); /* the one that had an owner */
	/* The name is free all the time, the room now. */
	assert_int_equal(add(fixture, &params, &again), 0);
}

static void test_flush_that_cannot_finish_marks_all(void **state)
{
	struct fixture *fixture = *state;
	const struct sa *sas[CAPACITY];

	fill(fixture, sas);
	fixture->hangs = true;
	assert_int_equal(sadb_flush(fixture->db), CAPACITY);
	assert_int_equal(sadb_count(fixture->db), 0);
	assert_int_equal(sadb_marked(fixture->db), CAPACITY);
	assert_int_equal(sadb_parser_count(fixture->db), 0);
	assert_int_equal(sadb_flush(fixture->db), 0);
	for (uint32_t i = 0; i < CAPACITY; i++)
		assert_true(atomic_load(&sas[i]->dead));
	/* Freed by tear_down(), whose workers have ended. */
}

static void test_store_keeps_no_key(void **state)
{
	struct fixture *fixture = *state;
	struct sa_params params = params_of(0x1000, 0, 0);
	static const uint8_t zero[XESP_KEY_MAX];
	const struct sa *sa;

	memset(params.key, 0xa5, params.key_bytes);
	assert_int_equal(add(fixture, &params, &sa), 0);
	assert_memory_equal(sa->params.key, zero, sizeof(zero));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add_creates_and_shares_parser_entries, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_stale_parser_handle_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete_and_the_parser_entry, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flush_takes_unused_parser_entries, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stale_generation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_more_than_capacity_harms_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_store_asks_for_a_deletion, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_never_used_is_asked_for_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_delete_that_cannot_finish_marks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flush_that_cannot_finish_marks_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_store_keeps_no_key, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sadb", tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * One million random requests against a model of what NDIS says of SAs and parser entries: adds without and
 * with handles of entries, deletes of each sort, queries, stale handles, both families, failing tables,
 * workers that hang for a while. The store and its classifier agree with the model after each.
 */
#include "sadb_rig.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ROUNDS 100000
#else
#define ROUNDS 1000000
#endif

#define SPIS 48
#define FAMILIES 2
#define PORTS 5
#define ENTRIES (PORTS * XESP_ENCAP_TYPES)
#define NO_ENTRY ENTRIES

struct model_sa {
	bool present;
	bool ever; /* `handle` means something, perhaps a stale one */
	unsigned int entry;
	struct handle handle;
};

struct model_entry {
	bool present;
	bool ever;
	unsigned int refs;
	struct handle handle;
};

struct model {
	struct fixture *fixture;
	struct model_sa sas[FAMILIES][SPIS];
	struct model_entry entries[ENTRIES]; /* by port * types + type */
	unsigned int count;
	unsigned int entry_count;
};

static struct ip_addr dst_of(unsigned int family)
{
	struct ip_addr dst;

	assert_int_equal(ip_addr_parse(family ? "2001:db8::1" : "192.0.2.1", &dst), 0);
	return dst;
}

static unsigned int dice(unsigned int sides)
{
	return (unsigned int)random() % sides;
}

static struct sa_params params_for(unsigned int family, unsigned int spi, unsigned int entry)
{
	struct sa_params params =
		params_of(0x1000 + spi, entry % XESP_ENCAP_TYPES,
			  entry == NO_ENTRY ? 0 : (uint16_t)(4500 + entry / XESP_ENCAP_TYPES));

	params.dst = dst_of(family);
	return params;
}

/* ---- add ----------------------------------------------------------------------------------------------- */

static void note_added(struct model *model, struct model_sa *m, const struct sa *sa, unsigned int entry)
{
	const struct sadb_parser *parser = sadb_parser_of(model->fixture->db, sa);
	struct model_entry *e = &model->entries[entry];

	/* A handle that was ever given is not given again. */
	if (m->ever)
		assert_false(same_handle(m->handle, handle_of(sa)));
	*m = (struct model_sa){.present = true, .ever = true, .entry = entry, .handle = handle_of(sa)};
	model->count++;
	if (entry == NO_ENTRY) {
		assert_null(parser);
		return;
	}
	assert_non_null(parser);
	if (e->present) {
		assert_true(same_handle(e->handle, parser->handle));
	} else {
		if (e->ever)
			assert_false(same_handle(e->handle, parser->handle));
		*e = (struct model_entry){.present = true, .ever = true, .handle = parser->handle};
		model->entry_count++;
	}
	e->refs++;
	assert_int_equal(parser->refs, e->refs);
}

static int expected_of_add(const struct model *model, const struct model_sa *m, unsigned int entry,
			   unsigned int fail_in)
{
	bool makes_entry = entry != NO_ENTRY && !model->entries[entry].present;

	if (m->present)
		return -EEXIST;
	if (model->count + sadb_marked(model->fixture->db) == CAPACITY)
		return -ENOSPC;
	return fail_in && fail_in <= 1u + makes_entry ? -E2BIG : 0;
}

static void random_add(struct model *model)
{
	struct fixture *fixture = model->fixture;
	unsigned int family = dice(FAMILIES), spi = dice(SPIS), entry = dice(ENTRIES + 1);
	unsigned int fail_in = dice(10) ? 0 : 1 + dice(2);
	struct model_sa *m = &model->sas[family][spi];
	struct sa_params params = params_for(family, spi, entry);
	const struct sa *sa = NULL;
	int want;

	/* With the handle of an entry: as good as naming type and port, unless it is stale. */
	if (entry != NO_ENTRY && model->entries[entry].ever && dice(2)) {
		const struct model_entry *e = &model->entries[entry];

		if (dice(2))
			params.encap = (struct sa_encap){0};
		want = e->present ? 0 : -ESTALE;
		assert_int_equal(sadb_bind(fixture->db, e->handle, &params), want);
		if (want)
			return;
	}
	want = expected_of_add(model, m, entry, fail_in);
	fixture->fake->fail_in = fail_in;
	fixture->fake->fail_with = -E2BIG;
	assert_int_equal(add(fixture, &params, &sa), want);
	fixture->fake->fail_in = 0;
	if (!want)
		note_added(model, m, sa, entry);
	else
		assert_null(sa);
}

/* ---- delete -------------------------------------------------------------------------------------------- */

static void note_entry_gone(struct model *model, struct model_entry *e)
{
	assert_null(sadb_parser_get(model->fixture->db, e->handle));
	e->present = false;
	model->entry_count--;
}

static void note_deleted(struct model *model, struct model_sa *m, enum sadb_entry fate)
{
	struct model_entry *e = m->entry == NO_ENTRY ? NULL : &model->entries[m->entry];

	m->present = false;
	model->count--;
	if (!e)
		return;
	e->refs--;
	if (!e->refs && fate != SADB_ENTRY_STAYS)
		note_entry_gone(model, e);
}

static void random_delete(struct model *model)
{
	struct fixture *fixture = model->fixture;
	unsigned int family = dice(FAMILIES), spi = dice(SPIS);
	struct model_sa *m = &model->sas[family][spi];
	enum sadb_entry fate = (enum sadb_entry)dice(3);
	struct ip_addr dst = dst_of(family);
	const struct sa *sa;
	int want = 0;

	if (!m->present) {
		assert_int_equal(sadb_del(fixture->db, 0x1000 + spi, &dst), -ENOENT);
		if (m->ever)
			assert_null(sadb_get(fixture->db, m->handle.index, m->handle.generation));
		return;
	}
	if (!dice(3)) {
		assert_int_equal(sadb_del(fixture->db, 0x1000 + spi, &dst), 0);
		note_deleted(model, m, SADB_ENTRY_IF_UNUSED);
		return;
	}
	sa = sadb_get(fixture->db, m->handle.index, m->handle.generation);
	assert_non_null(sa);
	if (fate == SADB_ENTRY_GOES && m->entry != NO_ENTRY && model->entries[m->entry].refs > 1)
		want = -EBUSY;
	assert_int_equal(sadb_delete(fixture->db, sa, fate, NULL), want);
	if (!want)
		note_deleted(model, m, fate);
}

static void flush_all(struct model *model)
{
	assert_int_equal(sadb_flush(model->fixture->db), model->count);
	for (unsigned int i = 0; i < FAMILIES * SPIS; i++)
		model->sas[i / SPIS][i % SPIS].present = false;
	for (unsigned int i = 0; i < ENTRIES; i++) {
		if (model->entries[i].present)
			note_entry_gone(model, &model->entries[i]);
		model->entries[i].refs = 0;
	}
	model->count = 0;
}

/* ---- query --------------------------------------------------------------------------------------------- */

static void query_sa(const struct model *model, unsigned int family, unsigned int spi)
{
	const struct fixture *fixture = model->fixture;
	const struct model_sa *m = &model->sas[family][spi];
	struct ip_addr dst = dst_of(family);
	const struct sa *sa = sadb_find(fixture->db, 0x1000 + spi, &dst);
	unsigned int at = fake_find(fixture->fake, 0x1000 + spi, &dst);

	assert_int_equal(sa != NULL, m->present);
	assert_int_equal(at < fixture->fake->sa_count, m->present);
	if (m->ever)
		assert_ptr_equal(sadb_get(fixture->db, m->handle.index, m->handle.generation), sa);
	if (!sa)
		return;
	assert_true(same_handle(handle_of(sa), m->handle));
	assert_int_equal(fixture->fake->sas[at].ref.index, m->handle.index);
	assert_int_equal(fixture->fake->sas[at].ref.generation, m->handle.generation);
	assert_int_equal(fixture->fake->sas[at].ref.parser_id,
			 m->entry == NO_ENTRY ? 0 : sadb_parser_of(fixture->db, sa)->id);
}

static void query_entry(const struct model *model, unsigned int entry)
{
	const struct fixture *fixture = model->fixture;
	const struct model_entry *e = &model->entries[entry];
	const struct sadb_parser *parser = e->ever ? sadb_parser_get(fixture->db, e->handle) : NULL;
	uint32_t id = fixture->fake->parsers[4500 + entry / XESP_ENCAP_TYPES].id[entry % XESP_ENCAP_TYPES];

	assert_int_equal(parser != NULL, e->present);
	assert_int_equal(id, parser ? parser->id : 0);
	if (parser)
		assert_int_equal(parser->refs, e->refs);
}

static void check(const struct model *model)
{
	const struct fixture *fixture = model->fixture;

	assert_int_equal(sadb_count(fixture->db), model->count);
	assert_int_equal(fixture->fake->sa_count, model->count);
	assert_int_equal(sadb_parser_count(fixture->db), model->entry_count);
	assert_int_equal(counting.keys, model->count + sadb_marked(fixture->db));
}

static void check_everything(const struct model *model)
{
	for (unsigned int i = 0; i < FAMILIES * SPIS; i++)
		query_sa(model, i / SPIS, i % SPIS);
	for (unsigned int i = 0; i < ENTRIES; i++)
		query_entry(model, i);
}

/* M10 */
static void test_random_requests_agree_with_the_model(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	model->fixture = *state;
	srandom(4500);
	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int what = dice(1000);

		if (what < 450)
			random_add(model);
		else if (what < 800)
			random_delete(model);
		else if (what < 900)
			query_sa(model, dice(FAMILIES), dice(SPIS));
		else if (what < 990)
			query_entry(model, dice(ENTRIES));
		else if (what < 999)
			model->fixture->hangs = !dice(3);
		else
			flush_all(model);
		sadb_reap(model->fixture->db);
		check(model);
		if (round % 1000 == 0)
			check_everything(model);
	}
	check_everything(model);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_random_requests_agree_with_the_model, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("sadb_model", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* When dummy packets are due, on a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/dummies.h"

#define INTERVAL 1000
#define NOW 5000000
#define PAUSE 10

struct rig {
	struct outbound *outbound;
	struct dummies *dummies;
	struct crypto_ctx *crypto;
	bool refuse;
	bool deletes;
	unsigned int sent;
};

static void send_one(void *owner, struct sa_out *sa)
{
	struct rig *rig = owner;

	if (rig->refuse)
		return;
	rig->sent++;
	if (rig->deletes)
		outbound_delete(rig->outbound, sa, NULL);
	else
		sa_out_count(sa, 1, 0, 1);
}

static int set_up(void **state)
{
	static struct rig rig;
	struct dummies_config config = {.send = send_one, .owner = &rig};
	struct outbound_config store = {.provider = crypto_provider_by_name("openssl"), .capacity = 4096};

	memset(&rig, 0, sizeof(rig));
	if (store.provider->ctx_new(&rig.crypto))
		return -1;
	store.crypto = rig.crypto;
	*state = &rig;
	if (outbound_new(&store, &rig.outbound))
		return -1;
	config.outbound = rig.outbound;
	return dummies_new(&config, &rig.dummies);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	dummies_free(rig->dummies);
	outbound_free(rig->outbound);
	crypto_provider_by_name("openssl")->ctx_free(rig->crypto);
	return 0;
}

static struct sa_out *add(struct rig *rig, uint32_t spi, uint32_t interval, uint64_t now)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .spi = spi,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16,
				   .dummy_ms = interval};
	const struct sa_out *sa = NULL;
	const char *what = NULL;

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.dst), 0);
	assert_int_equal(ip_addr_parse("192.0.2.2", &params.src), 0);
	assert_int_equal(outbound_add(rig->outbound, &params, &sa, &what), 0);
	assert_int_equal(dummies_watch(rig->dummies, sa, now), 0);
	return outbound_sender(rig->outbound, (struct handle){sa->index, sa->generation});
}

/* `sent`: since the test began. */
static void run(const struct rig *rig, uint64_t now, uint64_t next, unsigned int sent)
{
	dummies_run(rig->dummies, now);
	assert_int_equal(rig->sent, sent);
	assert_int_equal(dummies_next(rig->dummies), next);
}

static void test_in_silence(void **state)
{
	struct rig *rig = *state;
	const struct sa_out *sa = add(rig, 0x1001, INTERVAL, NOW);

	assert_int_equal(dummies_next(rig->dummies), NOW + INTERVAL);
	run(rig, NOW + INTERVAL - PAUSE, NOW + INTERVAL, 0);
	run(rig, NOW + INTERVAL, NOW + 2 * INTERVAL, 1);
	run(rig, NOW + 2 * INTERVAL, NOW + 3 * INTERVAL, 2);
	/* Late: what was missed is not made good for. */
	run(rig, NOW + 9 * INTERVAL, NOW + 10 * INTERVAL, 3);
	outbound_delete(rig->outbound, sa, NULL);
	run(rig, NOW + 10 * INTERVAL, UINT64_MAX, 3);
}

static void test_traffic_counts(void **state)
{
	struct rig *rig = *state;
	struct sa_out *sa = add(rig, 0x1001, INTERVAL, NOW);

	sa_out_count(sa, 1, 100, 1);
	run(rig, NOW + INTERVAL, NOW + 2 * INTERVAL, 0);
	sa_out_count(sa, 64, 6400, 1);
	run(rig, NOW + 2 * INTERVAL, NOW + 3 * INTERVAL, 0);
	run(rig, NOW + 3 * INTERVAL, NOW + 4 * INTERVAL, 1);
	/* Each SA for itself. */
	add(rig, 0x1002, INTERVAL, NOW + 3 * INTERVAL);
	sa_out_count(sa, 1, 100, 1);
	run(rig, NOW + 4 * INTERVAL, NOW + 5 * INTERVAL, 2);
}

static void test_only_where_asked_for(void **state)
{
	struct rig *rig = *state;

	add(rig, 0x1001, 0, NOW);
	assert_int_equal(dummies_next(rig->dummies), UINT64_MAX);
	run(rig, NOW + INTERVAL, UINT64_MAX, 0);
}

static void test_without_a_way(void **state)
{
	struct rig *rig = *state;

	add(rig, 0x1001, INTERVAL, NOW);
	rig->refuse = true;
	run(rig, NOW + INTERVAL, NOW + 2 * INTERVAL, 0);
	rig->refuse = false;
	run(rig, NOW + 2 * INTERVAL, NOW + 3 * INTERVAL, 1);
}

/* A dummy packet may be the last of an SA. */
static void test_ends_the_sa(void **state)
{
	struct rig *rig = *state;

	add(rig, 0x1001, INTERVAL, NOW);
	rig->deletes = true;
	run(rig, NOW + INTERVAL, UINT64_MAX, 1);
	assert_int_equal(outbound_count(rig->outbound), 0);
}

/* The place of an SA that ended is another's: it has its own intervals only. */
static void test_place_taken_again(void **state)
{
	struct rig *rig = *state;
	uint64_t at = NOW;

	for (uint32_t i = 0; i < 5000; i++)
		outbound_delete(rig->outbound, add(rig, 0x1001, INTERVAL, at), NULL);
	add(rig, 0x1002, INTERVAL, NOW + INTERVAL / 2);
	for (at = NOW + INTERVAL; at < NOW + INTERVAL + INTERVAL / 2; at += PAUSE)
		dummies_run(rig->dummies, at);
	assert_int_equal(rig->sent, 0);
	run(rig, at, at + INTERVAL, 1);
}

/* However many are due: so many a run, and the next run is some time later; each has its turn. */
static void test_bounded(void **state)
{
	struct rig *rig = *state;
	const struct sa_out *sa;
	uint64_t now = NOW + PAUSE;

	for (uint32_t i = 0; i < 3 * XESP_DUMMIES_AT_ONCE; i++)
		add(rig, 0x1000 + i, XESP_DUMMY_MS_MIN, NOW);
	run(rig, now, now + PAUSE, XESP_DUMMIES_AT_ONCE);
	run(rig, now + PAUSE - 1, now + PAUSE + PAUSE - 1, XESP_DUMMIES_AT_ONCE);
	now += PAUSE + PAUSE - 1;
	run(rig, now, now + PAUSE, 2 * XESP_DUMMIES_AT_ONCE);
	run(rig, now + PAUSE, now + 2 * PAUSE, 3 * XESP_DUMMIES_AT_ONCE);
	for (uint32_t i = 0; (sa = outbound_next(rig->outbound, &i));)
		assert_int_equal(atomic_load(&sa->counters.packets), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_silence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_traffic_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_where_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_a_way, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ends_the_sa, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_place_taken_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("dummies", tests, NULL, NULL);
}

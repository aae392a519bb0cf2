/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Outbound SAs: what of the request stands in them, their numbers up to the last, their outer addresses.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/sa_out.h"
#include "tests/lib/esp_rig.h"

static struct {
	const struct crypto_provider *provider;
	struct crypto_ctx *crypto;
} bench;

static int set_up(void **state)
{
	(void)state;
	bench.provider = crypto_provider_by_name("auto");
	return bench.provider->ctx_new(&bench.crypto);
}

static int tear_down(void **state)
{
	(void)state;
	bench.provider->ctx_free(bench.crypto);
	return 0;
}

static struct sa_out *make(const struct sa_params *params)
{
	struct sa_out *sa = NULL;

	assert_int_equal(sa_out_new(params, bench.provider, bench.crypto, &sa), 0);
	return sa;
}

static struct sa_params out_params(void)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);

	params.dir = SA_DIR_OUT;
	assert_int_equal(ip_addr_parse("192.0.2.77", &params.src), 0);
	params.encap =
		(struct sa_encap){.present = true, .type = XESP_ENCAP_RFC3948, .sport = 4500, .dport = 31337};
	return params;
}

static void test_fields(void **state)
{
	static const uint8_t zero[XESP_KEY_MAX + XESP_AUTH_KEY_MAX];
	struct sa_params params = out_params();
	struct sa_out_ends ends;
	struct sa_out *sa;

	(void)state;
	esp_rig_suite(&params, ALGO_AES_CBC, 16, ALGO_HMAC_SHA256, 0);
	sa = make(&params);
	assert_int_equal(sa->spi, ESP_RIG_SPI);
	assert_int_equal(sa->mode, SA_MODE_TUNNEL);
	assert_int_equal(sa->form, XESP_FORM_UDP);
	assert_int_equal(sa->iv_bytes, 16);
	assert_int_equal(sa->icv_bytes, 16);
	assert_int_equal(sa->align_bytes, 16);
	assert_int_equal(sa->outer_bytes, 28);
	assert_true(sa->iv_random);
	assert_false(sa->esn);
	assert_false(sa->dead);
	sa_out_get_ends(sa, &ends);
	assert_true(ip_addr_equal(&ends.src, &params.src) && ip_addr_equal(&ends.dst, &params.dst));
	assert_int_equal(ends.sport, 4500);
	assert_int_equal(ends.dport, 31337);
	/* The keys lie in key memory and nowhere else; the request stays the caller's. */
	assert_memory_equal(sa->params.key, zero, sizeof(sa->params.key));
	assert_memory_equal(sa->params.auth_key, zero, sizeof(sa->params.auth_key));
	assert_int_not_equal(params.key[1], 0);
	assert_int_equal((uintptr_t)sa % 64, 0);
	sa_out_free(sa);
	sa_out_free(NULL);
}

static void test_forms_and_families(void **state)
{
	struct sa_params params = out_params();
	struct sa_out *sa;

	(void)state;
	params.encap.type = XESP_ENCAP_IKE;
	sa = make(&params);
	assert_int_equal(sa->form, XESP_FORM_UDP_IKE);
	assert_int_equal(sa->outer_bytes, 36);
	sa_out_free(sa);
	params.encap.present = false;
	assert_int_equal(ip_addr_parse("2001:db8::1", &params.dst), 0);
	params.src = (struct ip_addr){0};
	sa = make(&params);
	assert_int_equal(sa->form, XESP_FORM_NATIVE);
	assert_int_equal(sa->outer_bytes, 40);
	sa_out_free(sa);
}

/* CBC alone: with the others, an IV that comes twice is what must not be. */
static void test_which_ivs_are_random(void **state)
{
	const struct algo *algo;

	(void)state;
	for (size_t i = 0; (algo = algo_at(i)); i++)
		assert_int_equal(algo->iv_random,
				 algo->class == ALGO_CLASS_ENC && strstr(algo->xfrm_name, "cbc(") != NULL);
}

/* Each SA begins somewhere else, also with the same key. */
static void test_iv_base(void **state)
{
	const struct sa_params params = out_params();
	uint64_t bases[16];

	(void)state;
	for (size_t i = 0; i < 16; i++) {
		struct sa_out *sa = make(&params);

		bases[i] = sa->iv_base;
		sa_out_free(sa);
		for (size_t j = 0; j < i; j++)
			assert_true(bases[i] != bases[j]);
	}
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

static struct sa_out *make_at(uint64_t send_seq, bool esn)
{
	struct sa_params params = out_params();

	params.send_seq = send_seq;
	params.flags = esn ? SA_FLAG_ESN : 0;
	return make(&params);
}

static void test_numbers_start_at_1(void **state)
{
	struct sa_out *sa = make_at(0, false);

	(void)state;
	assert_true(sa_out_left(sa) == UINT32_MAX);
	assert_true(sa_out_take(sa, 1) == 1);
	assert_true(sa_out_take(sa, 64) == 2);
	assert_true(sa_out_take(sa, 0) == 0);
	assert_true(sa_out_take(sa, 1) == 66);
	assert_true(sa_out_left(sa) == UINT32_MAX - 66);
	sa_out_free(sa);
}

static void take_to_the_end(uint64_t limit, bool esn)
{
	struct sa_out *sa = make_at(limit - 10, esn);

	assert_true(sa_out_take(sa, 3) == limit - 9);
	assert_true(sa_out_take(sa, 8) == 0);
	assert_true(sa_out_take(sa, UINT32_MAX) == 0);
	/* What was too much has taken nothing. */
	assert_true(sa_out_left(sa) == 7);
	assert_true(sa_out_take(sa, 6) == limit - 6);
	assert_true(sa_out_take(sa, 1) == limit);
	for (unsigned int i = 0; i < 3; i++)
		assert_true(sa_out_take(sa, 1) == 0);
	assert_true(sa_out_left(sa) == 0);
	sa_out_free(sa);
}

/* RFC 4303 section 3.3.3 */
static void test_numbers_end(void **state)
{
	(void)state;
	take_to_the_end(UINT32_MAX, false);
	take_to_the_end(UINT64_MAX, true);
}

static void test_numbers_go_on(void **state)
{
	struct sa_out *sa = make_at(UINT32_MAX, true);

	(void)state;
	assert_true(sa_out_take(sa, 2) == 1ull << 32);
	sa_out_free(sa);
	/* All of them sent before; more than there are is no way around it. */
	sa = make_at(UINT32_MAX, false);
	assert_true(sa_out_take(sa, 1) == 0);
	sa_out_free(sa);
	sa = make_at(1ull << 40, false);
	assert_true(sa_out_take(sa, 1) == 0);
	sa_out_free(sa);
	sa = make_at(UINT64_MAX, true);
	assert_true(sa_out_take(sa, 1) == 0);
	sa_out_free(sa);
}

/* ---- addresses ----------------------------------------------------------------------------------------- */

static void test_ends_change(void **state)
{
	const struct sa_params params = out_params();
	struct sa_out *sa = make(&params);
	struct sa_out_ends ends, now;

	(void)state;
	sa_out_get_ends(sa, &ends);
	for (uint16_t i = 0; i < 5; i++) {
		assert_int_equal(ip_addr_parse(i % 2 ? "203.0.113.9" : "2001:db8::9", &ends.dst), 0);
		ends.dport = 1000 + i;
		sa_out_set_ends(sa, &ends);
		sa_out_get_ends(sa, &now);
		assert_true(ip_addr_equal(&now.src, &params.src) && ip_addr_equal(&now.dst, &ends.dst));
		assert_int_equal(now.sport, 4500);
		assert_int_equal(now.dport, 1000 + i);
	}
	sa_out_free(sa);
}

/* "Any" is no address to send from. */
static void test_source_unknown(void **state)
{
	struct sa_params params = out_params();
	struct sa_out_ends ends;
	struct sa_out *sa;

	(void)state;
	assert_int_equal(ip_addr_parse("0.0.0.0", &params.src), 0);
	sa = make(&params);
	sa_out_get_ends(sa, &ends);
	assert_int_equal(ends.src.family, AF_UNSPEC);
	sa_out_free(sa);
}

static void test_refused(void **state)
{
	struct sa_params params = out_params();
	struct sa_out *sa = NULL;

	(void)state;
	params.cipher = ALGO_NONE;
	assert_int_equal(sa_out_new(&params, bench.provider, bench.crypto, &sa), -EOPNOTSUPP);
	params = out_params();
	params.icv_bytes = 5;
	assert_int_equal(sa_out_new(&params, bench.provider, bench.crypto, &sa), -EOPNOTSUPP);
	assert_null(sa);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_forms_and_families),
		cmocka_unit_test(test_which_ivs_are_random),
		cmocka_unit_test(test_iv_base),
		cmocka_unit_test(test_numbers_start_at_1),
		cmocka_unit_test(test_numbers_end),
		cmocka_unit_test(test_numbers_go_on),
		cmocka_unit_test(test_ends_change),
		cmocka_unit_test(test_source_unknown),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("sa_out", tests, set_up, tear_down);
}

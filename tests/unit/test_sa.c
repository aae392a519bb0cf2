/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building a running SA from params.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"

static void test_fields(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	static const uint8_t zero[XESP_KEY_MAX];
	struct esp_rig rig;

	(void)state;
	params.flags = SA_FLAG_ESN;
	params.replay_window = 1000;
	params.replay_seq = 77;
	esp_rig_setup(&rig, &params, NULL);
	assert_int_equal(rig.sa->owner, SA_OWNER_NONE);
	assert_int_equal(rig.sa->mode, SA_MODE_TUNNEL);
	assert_int_equal(rig.sa->icv_bytes, 16);
	assert_int_equal(rig.sa->iv_bytes, 8);
	assert_int_equal(rig.sa->align_bytes, 4);
	assert_int_equal(rig.sa->replay.top, 77);
	assert_int_equal(rig.sa->replay.window, 1000);
	assert_true(rig.sa->replay.esn);
	assert_int_equal(rig.sa->params.spi, ESP_RIG_SPI);
	/* The key lives expanded in key memory and nowhere else. */
	assert_memory_equal(rig.sa->params.key, zero, sizeof(zero));
	/* The request stays the caller's. */
	assert_int_not_equal(params.key[1], 0);
	/* What the packet path writes does not share a line with the next SA. */
	assert_int_equal((uintptr_t)rig.sa % 64, 0);
	esp_rig_teardown(&rig);
}

static uint32_t steps_of(const struct sa_params *params)
{
	struct esp_rig rig;
	uint32_t steps;

	esp_rig_setup(&rig, params, &crypto_openssl);
	steps = rig.sa->steps;
	esp_rig_teardown(&rig);
	return steps;
}

static void test_steps(void **state)
{
	const struct sa_params tunnel = esp_rig_params(SA_MODE_TUNNEL);
	const struct sa_params transport = esp_rig_params(SA_MODE_TRANSPORT);
	struct sa_params params = tunnel;

	(void)state;
	assert_int_equal(steps_of(&tunnel), SA_STEP_ECN);
	assert_int_equal(steps_of(&transport), 0);
	params.flags = SA_FLAG_NO_ECN;
	assert_int_equal(steps_of(&params), 0);
	params.flags = SA_FLAG_NO_ECN | SA_FLAG_DECAP_DSCP;
	assert_int_equal(steps_of(&params), SA_STEP_DSCP);
	params = transport;
	params.flags = SA_FLAG_DECAP_DSCP;
	assert_int_equal(steps_of(&params), 0);
	params = transport;
	params.selector.protocol = 6;
	assert_int_equal(steps_of(&params), SA_STEP_SELECTOR);
	params = transport;
	params.selector.sport = 1;
	assert_int_equal(steps_of(&params), SA_STEP_SELECTOR);
	params = transport;
	params.selector.dport = 1;
	assert_int_equal(steps_of(&params), SA_STEP_SELECTOR);
	params = transport;
	params.selector.src.addr.family = AF_INET;
	assert_int_equal(steps_of(&params), SA_STEP_SELECTOR);
	params = transport;
	params.selector.dst.addr.family = AF_INET6;
	assert_int_equal(steps_of(&params), SA_STEP_SELECTOR);
}

static void test_refused(void **state)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct crypto_ctx *ctx;
	struct sa *sa = (struct sa *)&params;

	(void)state;
	assert_int_equal(crypto_openssl.ctx_new(&ctx), 0);
	params.cipher = ALGO_NONE;
	assert_int_equal(sa_new(&params, &crypto_openssl, ctx, &sa), -EOPNOTSUPP);
	params.cipher = ALGO_AES_GCM;
	params.key_bytes = 21;
	assert_int_equal(sa_new(&params, &crypto_openssl, ctx, &sa), -EOPNOTSUPP);
	assert_ptr_equal(sa, &params);
	sa_free(NULL);
	crypto_openssl.ctx_free(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_steps),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The receive result of every reason, written down by hand from the NDIS contract: CryptoDone,
 * NextCryptoDone, CryptoStatus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/reasons.h"
#include "dataplane/esp_result.h"
#include "dataplane/event.h"

#define NONE (-1) /* nothing was processed */
#define AUTH (-2)

/* M17, M18, M19, M20, M21: by reason. */
static const struct {
	enum xesp_reason reason;
	int status;
} statuses[] = {
	{XESP_REASON_DELIVERED, CRYPTO_SUCCESS},
	{XESP_REASON_BAD_META, NONE},
	{XESP_REASON_SA_GONE, NONE},
	{XESP_REASON_SYNTAX, CRYPTO_INVALID_PACKET_SYNTAX},
	{XESP_REASON_SEQ_ZERO, CRYPTO_INVALID_PACKET_SYNTAX},
	{XESP_REASON_REPLAY_OLD, NONE},
	{XESP_REASON_REPLAY_DUPLICATE, NONE},
	{XESP_REASON_AUTH_FAILED, AUTH},
	{XESP_REASON_CRYPTO_ERROR, CRYPTO_GENERIC_ERROR},
	{XESP_REASON_PAD_LENGTH, CRYPTO_INVALID_PACKET_SYNTAX},
	{XESP_REASON_PAD_BYTES, CRYPTO_INVALID_PACKET_SYNTAX},
	{XESP_REASON_NEXT_HEADER, CRYPTO_INVALID_PROTOCOL},
	{XESP_REASON_INNER_HEADER, CRYPTO_INVALID_PACKET_SYNTAX},
	{XESP_REASON_DUMMY, CRYPTO_SUCCESS},
	{XESP_REASON_SELECTOR, CRYPTO_SUCCESS},
	{XESP_REASON_ECN, CRYPTO_SUCCESS},
	{XESP_REASON_SINK_FULL, CRYPTO_SUCCESS},
	{XESP_REASON_SINK_ERROR, CRYPTO_SUCCESS},
	{XESP_REASON_HANDOFF_FULL, NONE},
	{XESP_REASON_EXPIRED, CRYPTO_SUCCESS},
	{XESP_REASON_NESTED_UDP, CRYPTO_SUCCESS},
	{XESP_REASON_NO_BUFFER, NONE},
	{XESP_REASON_FORWARDED, CRYPTO_SUCCESS},
};

static void expect(struct esp_result result, bool done, bool next, int status)
{
	assert_int_equal(result.crypto_done, done);
	assert_int_equal(result.next_crypto_done, next);
	/* Without crypto_done the status says nothing. */
	if (done)
		assert_int_equal(result.crypto_status, status);
}

static void test_status_of_each_reason(void **state)
{
	/* NDIS knows two; BEET is told as transport. */
	static const enum sa_mode modes[] = {SA_MODE_TRANSPORT, SA_MODE_TUNNEL, SA_MODE_BEET};

	(void)state;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		for (size_t j = 0; j < sizeof(modes) / sizeof(modes[0]); j++) {
			enum sa_mode mode = modes[j];
			int status = statuses[i].status;
			bool done = status != NONE;

			if (status == AUTH)
				status = mode == SA_MODE_TUNNEL ? CRYPTO_TUNNEL_ESP_AUTH_FAILED
								: CRYPTO_TRANSPORT_ESP_AUTH_FAILED;
			expect(esp_result_of(statuses[i].reason, mode, false, false), done, false, status);
			/* M22: of the second layer, behind a tunnel that was fine. */
			expect(esp_result_of(statuses[i].reason, mode, false, true), true, done,
			       done ? status : CRYPTO_SUCCESS);
		}
}

/* A replay that only shows behind the crypto was processed. */
static void test_replay_behind_the_crypto(void **state)
{
	(void)state;
	expect(esp_result_of(XESP_REASON_REPLAY_DUPLICATE, SA_MODE_TUNNEL, true, false), true, false,
	       CRYPTO_SUCCESS);
	expect(esp_result_of(XESP_REASON_REPLAY_OLD, SA_MODE_TRANSPORT, true, true), true, true,
	       CRYPTO_SUCCESS);
}

static void test_no_reason_is_missing_above(void **state)
{
	size_t engine = 0;

	(void)state;
	/* What comes from the host was not received. */
	for (unsigned int number = XESP_ENGINE_REASON_FIRST; number < XESP_REASON_SEND_REFUSED; number++)
		engine += reason_info(number) != NULL;
	assert_int_equal(engine, sizeof(statuses) / sizeof(statuses[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_of_each_reason),
		cmocka_unit_test(test_replay_behind_the_crypto),
		cmocka_unit_test(test_no_reason_is_missing_above),
	};

	return cmocka_run_group_tests_name("esp_result", tests, NULL, NULL);
}

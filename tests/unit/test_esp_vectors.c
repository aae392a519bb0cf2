/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The published vectors that are whole ESP packets, each opened by the ESP path: headers, window, crypto and
 * trailer, down to the inner packet. Those whose next header is not IP are of transport mode to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/vectors.h"

#define OUTER_IP_BYTES 20

static uint8_t next_header(const struct vector *vector)
{
	return vector->text[vector->text_len - 1];
}

static size_t payload_len(const struct vector *vector)
{
	return vector->text_len - 2 - vector->text[vector->text_len - 2];
}

static struct sa_params params_of(const struct vector *vector)
{
	struct sa_params params =
		esp_rig_params(next_header(vector) == IPPROTO_IPIP ? SA_MODE_TUNNEL : SA_MODE_TRANSPORT);

	params.cipher = vector->cipher->id;
	params.auth = vector->auth ? vector->auth->id : ALGO_NONE;
	memcpy(params.key, vector->key, vector->key_bytes);
	params.key_bytes = (uint8_t)vector->key_bytes;
	memcpy(params.auth_key, vector->auth_key, vector->auth_key_bytes);
	params.auth_key_bytes = (uint8_t)vector->auth_key_bytes;
	params.icv_bytes = vector->icv_bytes;
	params.spi = (uint32_t)vector->packet[0] << 24 | (uint32_t)vector->packet[1] << 16 |
		     (uint32_t)vector->packet[2] << 8 | vector->packet[3];
	params.flags = vector->esn ? SA_FLAG_ESN : 0;
	params.replay_seq = vector->seq - 1;
	return params;
}

static enum xesp_reason open_again(struct esp_rig *rig, const struct vector *vector,
				   const struct esp_rig_outer *outer, const uint8_t *esp,
				   struct esp_packet *ret_packet)
{
	*ret_packet = esp_rig_wrap(rig, 0, outer, esp, vector->packet_len);
	return esp_rig_open(rig, ret_packet);
}

static void check_inner(const struct vector *vector, const struct esp_packet *packet)
{
	size_t len = payload_len(vector);

	if (next_header(vector) == IPPROTO_IPIP) {
		assert_int_equal(packet->packet_len, len);
		assert_memory_equal(packet->packet, vector->text, len);
		return;
	}
	assert_int_equal(packet->packet_len, OUTER_IP_BYTES + len);
	assert_int_equal(packet->packet[9], next_header(vector));
	assert_memory_equal(packet->packet + OUTER_IP_BYTES, vector->text, len);
}

static void open_one(const struct vector *vector, const struct crypto_provider *provider)
{
	static const struct esp_rig_outer native = {4, XESP_FORM_NATIVE, 0};
	/* A byte of IV or text, of the middle, and of the ICV. */
	const size_t damaged[] = {8, vector->packet_len / 2, vector->packet_len - 1};
	struct sa_params params = params_of(vector);
	struct esp_packet packet;
	struct esp_rig rig;
	uint8_t esp[512];

	assert_true(vector->packet_len <= sizeof(esp));
	esp_rig_setup(&rig, &params, provider);
	for (size_t i = 0; i < 3; i++) {
		memcpy(esp, vector->packet, vector->packet_len);
		esp[damaged[i]] ^= 0x04;
		assert_int_equal(open_again(&rig, vector, &esp_rig_udp4, esp, &packet),
				 XESP_REASON_AUTH_FAILED);
	}
	/* None of them has moved the window. */
	assert_int_equal(open_again(&rig, vector, &native, vector->packet, &packet), XESP_REASON_DELIVERED);
	assert_int_equal(packet.spi, params.spi);
	assert_int_equal(packet.seq, vector->seq);
	check_inner(vector, &packet);
	assert_int_equal(open_again(&rig, vector, &esp_rig_udp4, vector->packet, &packet),
			 XESP_REASON_REPLAY_DUPLICATE);
	esp_rig_teardown(&rig);
}

static void open_file(const char *file)
{
	struct vector_set set;
	size_t opened = 0;

	vectors_load(file, &set);
	for (size_t i = 0; i < set.count; i++) {
		if (!set.list[i].whole)
			continue;
		opened++;
		open_one(&set.list[i], NULL);
		open_one(&set.list[i], &crypto_openssl);
	}
	assert_true(opened >= set.cases);
	vectors_free(&set);
}

static void test_draft_mcgrew(void **state)
{
	(void)state;
	open_file("draft-mcgrew-gcm-test-01.json");
}

static void test_rfc3602(void **state)
{
	(void)state;
	open_file("rfc3602-esp.json");
}

static void test_rfc7634(void **state)
{
	(void)state;
	open_file("rfc7634.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_draft_mcgrew),
		cmocka_unit_test(test_rfc3602),
		cmocka_unit_test(test_rfc7634),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

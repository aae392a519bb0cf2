/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ESP packets of draft-mcgrew-gcm-test-01, each opened whole: headers, window, crypto and trailer. Their
 * next header is 1, so they are transport-mode packets to the code under test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/esp_rig.h"
#include "tests/lib/gcm_vectors.h"

struct bytes {
	uint8_t at[256];
	size_t len;
};

static struct bytes from_hex(const char *hex)
{
	struct bytes bytes = {.len = strlen(hex) / 2};

	for (size_t i = 0; i < bytes.len; i++) {
		char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};

		bytes.at[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return bytes;
}

static uint64_t number(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *at++;
	return value;
}

static struct sa_params params_of(const struct gcm_vector *vector)
{
	struct bytes key = from_hex(vector->key);
	struct bytes nonce = from_hex(vector->nonce);
	struct bytes aad = from_hex(vector->aad);
	struct sa_params params = esp_rig_params(SA_MODE_TRANSPORT);

	memcpy(params.key, key.at, key.len);
	memcpy(params.key + key.len, nonce.at, 4);
	params.key_bytes = (uint8_t)(key.len + 4);
	params.spi = (uint32_t)number(aad.at, 4);
	params.flags = aad.len == 12 ? SA_FLAG_ESN : 0;
	params.replay_seq = number(aad.at + 4, aad.len - 4) - 1;
	return params;
}

static void open_one(const struct gcm_vector *vector, const struct crypto_provider *provider)
{
	static const struct esp_rig_outer native = {4, XESP_FORM_NATIVE, 0};
	struct bytes nonce = from_hex(vector->nonce);
	struct bytes aad = from_hex(vector->aad);
	struct bytes plain = from_hex(vector->plain);
	struct bytes cipher = from_hex(vector->cipher);
	struct bytes tag = from_hex(vector->tag);
	struct sa_params params = params_of(vector);
	size_t payload_len = plain.len - 2 - plain.at[plain.len - 2];
	uint8_t esp[512];
	struct esp_rig rig;
	struct esp_packet packet;

	/* On the wire: SPI, low half of the number, IV, ciphertext, ICV. */
	memcpy(esp, aad.at, 4);
	memcpy(esp + 4, aad.at + aad.len - 4, 4);
	memcpy(esp + 8, nonce.at + 4, 8);
	memcpy(esp + 16, cipher.at, cipher.len);
	memcpy(esp + 16 + cipher.len, tag.at, tag.len);

	esp_rig_setup(&rig, &params, provider);
	packet = esp_rig_wrap(&rig, 0, &native, esp, 16 + cipher.len + tag.len);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_DELIVERED);
	assert_int_equal(packet.spi, number(aad.at, 4));
	assert_int_equal(packet.seq, number(aad.at + 4, aad.len - 4));
	assert_int_equal(packet.packet_len, 20 + payload_len);
	assert_int_equal(packet.packet[9], plain.at[plain.len - 1]);
	assert_memory_equal(packet.packet + 20, plain.at, payload_len);
	packet = esp_rig_wrap(&rig, 0, &native, esp, 16 + cipher.len + tag.len);
	assert_int_equal(esp_rig_open(&rig, &packet), XESP_REASON_REPLAY_DUPLICATE);
	esp_rig_teardown(&rig);
}

static void test_draft_mcgrew(void **state)
{
	(void)state;
	for (size_t i = 0; i < gcm_vectors_esp_count; i++) {
		open_one(&gcm_vectors_esp[i], NULL);
		open_one(&gcm_vectors_esp[i], &crypto_openssl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_draft_mcgrew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

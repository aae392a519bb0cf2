/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SAs as JSON: round trips, and refusal of everything that type Sa of the interface does not allow.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/sa_json.h"
#include "control/validate.h"
#include "tests/unit/sa_sample.h"

#define KEY "101112131415161718191a1b1c1d1e1f20212223"
#define REQUIRED \
	"\"dst\":\"192.0.2.1\",\"spi\":256,\"mode\":\"tunnel\",\"aead\":\"rfc4106(gcm(aes))\",\"icv_bits\":128"

static int decode(const char *text, struct sa_params *ret_params, struct field_error *ret_error)
{
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	int err;

	if (!object)
		fail_msg("not JSON: %s", text);
	err = sa_json_decode(object, ret_params, ret_error);
	json_decref(object);
	return err;
}

static void check_round_trip(const struct sa_params *params)
{
	json_t *object = sa_json_encode(params, true);
	struct sa_params again;
	struct field_error error;

	assert_non_null(object);
	if (sa_json_decode(object, &again, &error) != 0)
		fail_msg("%s '%s': %s", error.field, error.value, error.rule);
	assert_true(sample_equal(&again, params));
	json_decref(object);
}

static void test_round_trip(void **state)
{
	struct sa_params params = sample_full();

	(void)state;
	check_round_trip(&params);
	params = sample_plain();
	check_round_trip(&params);
	params.replay_window = 0;
	params.mode = SA_MODE_TRANSPORT;
	params.replay_seq = INT64_MAX;
	check_round_trip(&params);
	params.dir = SA_DIR_OUT;
	params.tfc_pad = 100;
	params.dummy_ms = 20000;
	check_round_trip(&params);
	for (uint32_t flags = 0; flags < 16; flags++) {
		params.flags = flags;
		check_round_trip(&params);
	}
	params = sample_full();
	params.encap.type = XESP_ENCAP_RFC3948;
	params.selector.src = (struct ip_prefix){0};
	check_round_trip(&params);
}

static void test_round_trip_of_suites(void **state)
{
	enum algo_id cipher, auth;

	(void)state;
	for (size_t i = 0; sample_suite_at(i, &cipher, &auth); i++) {
		struct sa_params params = sample_suite(cipher, auth);

		check_round_trip(&params);
		params.mode = SA_MODE_BEET;
		check_round_trip(&params);
	}
}

/* The members of an AEAD, of a cipher with integrity, and of the NULL cipher. */
static void test_members_of_suites(void **state)
{
	static const struct {
		enum algo_id cipher, auth;
		const char *text;
	} rows[] = {
		{ALGO_AES_GCM, ALGO_NONE,
		 "\"aead\":\"rfc4106(gcm(aes))\",\"key\":\"" KEY "\",\"icv_bits\":64"},
		{ALGO_DES_CBC, ALGO_HMAC_MD5,
		 "\"enc\":\"cbc(des)\",\"auth\":\"hmac(md5)\",\"key\":\"1011121314151617\","
		 "\"auth_key\":\"606162636465666768696a6b6c6d6e6f\",\"icv_bits\":96"},
		{ALGO_NULL, ALGO_AES_XCBC,
		 "\"enc\":\"ecb(cipher_null)\",\"auth\":\"xcbc(aes)\","
		 "\"auth_key\":\"606162636465666768696a6b6c6d6e6f\",\"icv_bits\":96"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sa_params params = sample_suite(rows[i].cipher, rows[i].auth), again;
		json_t *object = sa_json_encode(&params, true);
		char *text = json_dumps(object, JSON_COMPACT), with_empty_key[512];
		struct field_error error;

		assert_non_null(strstr(text, rows[i].text));
		/* What the NULL cipher has for a key may be said. */
		snprintf(with_empty_key, sizeof(with_empty_key),
			 "{\"dst\":\"192.0.2.1\",\"spi\":256,"
			 "\"mode\":\"tunnel\",%s%s}",
			 rows[i].text, rows[i].cipher == ALGO_NULL ? ",\"key\":\"\"" : "");
		assert_int_equal(decode(with_empty_key, &again, &error), 0);
		assert_true(sample_equal(&params, &again));
		free(text);
		json_decref(object);
	}
}

static void test_key_only_on_request(void **state)
{
	struct sa_params params = sample_plain();
	json_t *with = sa_json_encode(&params, true), *without = sa_json_encode(&params, false);
	char *text = json_dumps(without, 0);

	(void)state;
	assert_string_equal(json_string_value(json_object_get(with, "key")), KEY);
	assert_null(json_object_get(without, "key"));
	assert_null(strstr(text, "10111213"));
	free(text);
	json_decref(with);
	json_decref(without);
	params = sample_suite(ALGO_AES_CBC, ALGO_HMAC_SHA512);
	without = sa_json_encode(&params, false);
	text = json_dumps(without, 0);
	assert_null(json_object_get(without, "key"));
	assert_null(json_object_get(without, "auth_key"));
	assert_null(strstr(text, "10111213"));
	assert_null(strstr(text, "60616263"));
	free(text);
	json_decref(without);
}

static void test_defaults(void **state)
{
	struct sa_params params, expected = sample_plain();
	struct field_error error;

	(void)state;
	memset(&params, 0xff, sizeof(params));
	assert_int_equal(decode("{" REQUIRED ",\"key\":\"" KEY "\"}", &params, &error), 0);
	assert_true(sample_equal(&params, &expected));
	assert_int_equal(decode("{" REQUIRED ",\"src\":null,\"reqid\":null,\"key\":null,\"encap\":null,"
				"\"replay_window\":null,\"replay_seq\":null,\"flags\":null,\"sel\":null,"
				"\"dev\":null}",
				&params, &error),
			 0);
	assert_int_equal(params.key_bytes, 0);
	assert_int_equal(params.replay_window, XESP_REPLAY_WINDOW_DEFAULT);
	/* Without a key it decodes, since lists have none, but it can not be added. */
	assert_int_equal(validate_sa(&params, false, &error), -EINVAL);
	assert_string_equal(error.field, "key");
	/* An empty key is none. */
	assert_int_equal(decode("{" REQUIRED ",\"key\":\"\"}", &params, &error), 0);
	assert_int_equal(validate_sa(&params, false, &error), -EINVAL);
	assert_string_equal(error.field, "key");
	/* Without a cipher it decodes, and cannot be added either. */
	assert_int_equal(decode("{\"dst\":\"192.0.2.1\",\"spi\":256,\"mode\":\"tunnel\",\"icv_bits\":128}",
				&params, &error),
			 0);
	assert_int_equal(validate_sa(&params, false, &error), -EINVAL);
	assert_string_equal(error.field, "aead");
}

#define ENCAP(inside) "{" REQUIRED ",\"encap\":{" inside "}}"
#define SEL(inside) "{" REQUIRED ",\"sel\":{" inside "}}"
#define MORE(inside) "{" REQUIRED "," inside "}"

static const struct {
	const char *text;
	const char *field;
} refused[] = {
	{"[]", "sa"},
	{"null", "sa"},
	{"7", "sa"},
	{"{}", "sa.dst"},
	{"{\"dst\":null}", "sa.dst"},
	{"{\"dst\":\"192.0.2.1\"}", "sa.spi"},
	{"{\"dst\":\"192.0.2.1\",\"spi\":256}", "sa.mode"},
	{"{\"dst\":\"192.0.2.1\",\"spi\":256,\"mode\":\"tunnel\"}", "sa.icv_bits"},
	{"{\"dst\":\"192.0.2.1\",\"spi\":256,\"mode\":\"tunnel\",\"aead\":\"rfc4106(gcm(aes))\"}",
	 "sa.icv_bits"},
	{"{\"mode\":1}", "sa.mode"},
	{"{\"dst\":3221225985}", "sa.dst"},
	{"{\"dst\":\"example.org\"}", "sa.dst"},
	{"{\"dst\":\"192.0.2.1\\u0000\"}", "sa.dst"},
	{"{\"spi\":-1}", "sa.spi"},
	{"{\"spi\":4294967296}", "sa.spi"},
	{"{\"spi\":\"256\"}", "sa.spi"},
	{"{\"spi\":256.0}", "sa.spi"},
	{"{\"spi\":true}", "sa.spi"},
	{"{\"icv_bits\":127}", "sa.icv_bits"},
	{"{\"icv_bits\":2048}", "sa.icv_bits"},
	{MORE("\"src\":\"\""), "sa.src"},
	{MORE("\"reqid\":4294967296"), "sa.reqid"},
	{MORE("\"key\":\"0x" KEY "\""), "sa.key"},
	{MORE("\"key\":\"1\""), "sa.key"},
	{MORE("\"auth_key\":\"0x" KEY "\""), "sa.auth_key"},
	{MORE("\"auth_key\":\"1\""), "sa.auth_key"},
	{MORE("\"auth_key\":1"), "sa.auth_key"},
	{MORE("\"auth_key\":\"" KEY KEY KEY KEY "\""), "sa.auth_key"},
	{MORE("\"enc\":\"cbc(aes)\""), "sa.enc"},
	{MORE("\"auth\":1"), "sa.auth"},
	{"{\"enc\":[]}", "sa.enc"},
	{"{\"enc\":\"cbc(aes)\",\"aead\":\"rfc4106(gcm(aes))\"}", "sa.aead"},
	{MORE("\"key\":16"), "sa.key"},
	{MORE("\"key\":[\"" KEY "\"]"), "sa.key"},
	{MORE("\"key\":\"" KEY KEY "\""), "sa.key"},
	{MORE("\"key\":\"" KEY "\\u0000\""), "sa.key"},
	{MORE("\"replay_window\":-1"), "sa.replay_window"},
	{MORE("\"replay_window\":4294967296"), "sa.replay_window"},
	{MORE("\"replay_seq\":-1"), "sa.replay_seq"},
	{MORE("\"flags\":\"esn\""), "sa.flags"},
	{MORE("\"flags\":[1]"), "sa.flags"},
	{MORE("\"flags\":[null]"), "sa.flags"},
	{MORE("\"flags\":[\"esn\",\"esn\"]"), "sa.flags"},
	{MORE("\"flags\":[\"ESN\"]"), "sa.flags"},
	{MORE("\"dev\":\"\""), "sa.dev"},
	{MORE("\"dev\":\"abcdefghijklmnop\""), "sa.dev"},
	{MORE("\"dev\":\"eth0\\u0000x\""), "sa.dev"},
	{MORE("\"ttl\":1"), "sa.ttl"},
	{MORE("\"\":1"), "sa."},
	{MORE("\"encap\":[]"), "sa.encap"},
	{ENCAP(""), "sa.encap.type"},
	{ENCAP("\"type\":\"espinudp\",\"sport\":4500"), "sa.encap.dport"},
	{ENCAP("\"type\":\"espinudp-nonike\""), "sa.encap.type"},
	{ENCAP("\"type\":\"espinudp\",\"sport\":null,\"dport\":1"), "sa.encap.sport"},
	{ENCAP("\"type\":\"espinudp\",\"sport\":1,\"dport\":65536"), "sa.encap.dport"},
	{ENCAP("\"dport\":\"4500\""), "sa.encap.dport"},
	{ENCAP("\"oa\":\"10.0.0.0/8\""), "sa.encap.oa"},
	{ENCAP("\"oa_dst\":1"), "sa.encap.oa_dst"},
	{ENCAP("\"port\":1"), "sa.encap.port"},
	{MORE("\"sel\":\"any\""), "sa.sel"},
	{SEL("\"src\":\"10.0.0.1/8\""), "sa.sel.src"},
	{SEL("\"dst\":7"), "sa.sel.dst"},
	{SEL("\"proto\":256"), "sa.sel.proto"},
	{SEL("\"proto\":\"tcp\""), "sa.sel.proto"},
	{SEL("\"sport\":65536"), "sa.sel.sport"},
	{SEL("\"dport\":-1"), "sa.sel.dport"},
	{SEL("\"uid\":0"), "sa.sel.uid"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		struct sa_params params, before;
		struct field_error error = {"", "", "", NULL};

		memset(&params, 0xee, sizeof(params));
		before = params;
		assert_int_equal(decode(refused[i].text, &params, &error), -EINVAL);
		assert_string_equal(error.field, refused[i].field);
		assert_null(error.capability);
		assert_true(strlen(error.rule) > 0);
		assert_null(strstr(error.value, "1011"));
		assert_null(strstr(error.rule, "1011"));
		assert_memory_equal(&params, &before, sizeof(params));
	}
}

/* What is right and beyond xesp names the capability that is missing. */
static void test_unsupported(void **state)
{
	static const struct {
		const char *text;
		const char *field;
		const char *capability;
	} rows[] = {
		{"{\"mode\":\"iptfs\"}", "sa.mode", "mode"},
		{"{\"aead\":\"cbc(aes)\"}", "sa.aead", "aead"},
		{"{\"aead\":\"\"}", "sa.aead", "aead"},
		{"{\"enc\":\"cbc(camellia)\"}", "sa.enc", "enc"},
		{"{\"enc\":\"rfc4106(gcm(aes))\"}", "sa.enc", "enc"},
		{"{\"enc\":\"aes\"}", "sa.enc", "enc"}, /* older names are for words only */
		{"{\"auth\":\"sha256\"}", "sa.auth", "auth"},
		{"{\"auth\":\"hmac(rmd160)\"}", "sa.auth", "auth"},
		{"{\"auth\":\"digest_null\"}", "sa.auth", "auth"},
		{MORE("\"flags\":[\"wildrecv\"]"), "sa.flags", "flags"},
		{MORE("\"flags\":[\"esn\",\"align4\"]"), "sa.flags", "flags"},
		{ENCAP("\"type\":\"espintcp\""), "sa.encap.type", "encap"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct sa_params params;
		struct field_error error;

		assert_int_equal(decode(rows[i].text, &params, &error), -EOPNOTSUPP);
		assert_string_equal(error.field, rows[i].field);
		assert_string_equal(error.capability, rows[i].capability);
	}
}

static void test_no_object(void **state)
{
	struct sa_params params;
	struct field_error error;

	(void)state;
	assert_int_equal(sa_json_decode(NULL, &params, &error), -EINVAL);
	assert_string_equal(error.field, "sa");
}

/* Stand in for libc's, in both forms that the compiler may choose: count what is wiped. */
static size_t wiped;

void explicit_bzero(void *block, size_t bytes)
{
	memset(block, 0, bytes);
	__asm__ volatile("" : : "r"(block) : "memory");
	wiped += bytes;
}

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the name is libc's */
void __explicit_bzero_chk(void *block, size_t bytes, size_t room);
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): likewise */
void __explicit_bzero_chk(void *block, size_t bytes, size_t room)
{
	assert_true(bytes <= room);
	explicit_bzero(block, bytes);
}

static void test_wiped_when_freed(void **state)
{
	struct sa_params params = sample_plain();
	json_t *object;

	(void)state;
	sa_json_wipe_on_free();
	object = sa_json_encode(&params, true);
	assert_non_null(object);
	wiped = 0;
	json_object_del(object, "key");
	assert_true(wiped >= strlen(KEY));
	wiped = 0;
	json_decref(object);
	assert_true(wiped > 100);
	test_round_trip(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	  cmocka_unit_test(test_key_only_on_request),
		cmocka_unit_test(test_defaults),	  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unsupported),	  cmocka_unit_test(test_no_object),
		cmocka_unit_test(test_wiped_when_freed),  cmocka_unit_test(test_round_trip_of_suites),
		cmocka_unit_test(test_members_of_suites),
	};

	return cmocka_run_group_tests_name("sa_json", tests, NULL, NULL);
}

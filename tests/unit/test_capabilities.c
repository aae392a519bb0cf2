/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The capability query against what requests are really taken: everything that it lists, and its neighbours.
 * Every add goes through the socket, so through decoding, validation and the SA store.
 */
#include "requests_rig.h"

#include "control/capabilities.h"
#include "control/sa_flag.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static json_t *query(void)
{
	return ask("{\"method\":\"org.xesp.Capabilities\"}", NULL);
}

static json_t *sound_sa(void)
{
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:i}", "dst", "192.0.2.2", "spi", 4097, "mode", "tunnel",
			 "aead", "rfc4106(gcm(aes))", "key", "000102030405060708090a0b0c0d0e0f10111213",
			 "icv_bits", 128);
}

/* True if a member of this name is anywhere in the answer. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the answer is */
static bool has_member(const json_t *value, const char *name)
{
	const char *key;
	json_t *member;
	size_t i;

	json_array_foreach (value, i, member) {
		if (has_member(member, name))
			return true;
	}
	json_object_foreach ((json_t *)value, key, member) {
		if (!strcmp(key, name) || has_member(member, name))
			return true;
	}
	return false;
}

/* Adds the SA; takes over the reference. Returns the error without "org.xesp.", "" if it was added (and then
 * deleted again). An error changes nothing, and one that says NotSupported names a member of the query. */
static const char *add(json_t *sa)
{
	static char error[64];
	json_t *call = json_pack("{s:s, s:{s:o}}", "method", "org.xesp.AddSa", "parameters", "sa", sa);
	char *text = json_dumps(call, JSON_COMPACT);
	json_t *answer, *capabilities;
	const char *name;

	send_text(rig.fd, text, strlen(text) + 1);
	free(text);
	json_decref(call);
	answer = reply(rig.fixture, rig.fd);
	assert_non_null(answer);
	name = json_string_value(json_object_get(answer, "error"));
	snprintf(error, sizeof(error), "%s", name ? name + strlen("org.xesp.") : "");
	if (!strcmp(error, "NotSupported")) {
		name = json_string_value(
			json_object_get(json_object_get(answer, "parameters"), "capability"));
		capabilities = query();
		if (!name || !has_member(capabilities, name))
			fail_msg("the query has no %s", name ? name : "(nothing)");
		json_decref(capabilities);
	}
	json_decref(answer);
	assert_int_equal(sadb_count(rig.iface.db), *error ? 0 : 1);
	if (!*error)
		json_decref(ask("{\"method\":\"org.xesp.FlushSas\"}", NULL));
	return error;
}

static const char *add_with(const char *member, json_t *value)
{
	json_t *sa = sound_sa();

	json_object_set_new(sa, member, value);
	return add(sa);
}

static bool lists(const json_t *list, const char *word)
{
	const json_t *item;
	size_t i;

	json_array_foreach (list, i, item) {
		const char *name = json_string_value(item);

		if (!name)
			name = json_string_value(json_object_get(item, "name"));
		if (!name)
			name = json_string_value(json_object_get(item, "type"));
		if (!strcmp(name, word))
			return true;
	}
	return false;
}

/* M25 */
static void test_modes_are_taken_as_listed(void **state)
{
	static const char *const unknown[] = {"Tunnel", "tunnel ", "", "tunneltransport", "0"};
	json_t *capabilities = query();
	const json_t *modes = json_object_get(capabilities, "mode");
	const struct capability_word *word;
	size_t taken = 0;

	(void)state;
	for (size_t row = 0; (word = capabilities_word_at(row)); row++) {
		bool listed = lists(modes, word->json);

		if (word->field != CAPABILITY_MODE)
			continue;
		assert_string_equal(add_with("mode", json_string(word->json)), listed ? "" : "NotSupported");
		taken += listed;
	}
	assert_int_equal(taken, json_array_size(modes));
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_string_equal(add_with("mode", json_string(unknown[i])), "InvalidField");
	json_decref(capabilities);
}

static json_t *encap_of(const char *type, json_int_t dport)
{
	return json_pack("{s:s, s:i, s:I}", "type", type, "sport", 4500, "dport", dport);
}

/* M25 */
static void test_encapsulations_and_ports_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *encaps = json_object_get(capabilities, "encap");
	const struct capability_word *word;
	const json_t *encap;
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(encaps), 2);
	for (size_t row = 0; (word = capabilities_word_at(row)); row++) {
		if (word->field == CAPABILITY_ENCAP)
			assert_string_equal(add_with("encap", encap_of(word->json, 4500)),
					    lists(encaps, word->json) ? "" : "NotSupported");
	}
	json_array_foreach (encaps, i, encap) {
		const char *type = json_string_value(json_object_get(encap, "type"));
		json_int_t min = json_integer_value(json_object_get(encap, "port_min"));
		json_int_t max = json_integer_value(json_object_get(encap, "port_max"));

		assert_string_equal(add_with("encap", encap_of(type, min)), "");
		assert_string_equal(add_with("encap", encap_of(type, max)), "");
		assert_string_equal(add_with("encap", encap_of(type, min - 1)), "InvalidField");
		assert_string_equal(add_with("encap", encap_of(type, max + 1)), "InvalidField");
	}
	assert_string_equal(add_with("encap", encap_of("ESPINUDP", 4500)), "InvalidField");
	/* No encapsulation is native ESP, which the query has as a feature. */
	assert_true(lists(json_object_get(capabilities, "features"), "native_esp"));
	assert_string_equal(add_with("encap", json_null()), "");
	json_decref(capabilities);
}

static bool contains(const json_t *numbers, json_int_t number)
{
	const json_t *item;
	size_t i;

	json_array_foreach (numbers, i, item) {
		if (json_integer_value(item) == number)
			return true;
	}
	return false;
}

static const char *add_aead(const char *name, size_t key_bytes, json_int_t icv_bits)
{
	json_t *sa = sound_sa();
	char key[2 * 64 + 1];

	memset(key, 'a', 2 * key_bytes);
	key[2 * key_bytes] = '\0';
	json_object_set_new(sa, "aead", json_string(name));
	json_object_set_new(sa, "key", json_string(key));
	json_object_set_new(sa, "icv_bits", json_integer(icv_bits));
	return add(sa);
}

/* M25 */
static void test_key_and_icv_lengths_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *aeads = json_object_get(capabilities, "aead");
	const json_t *aead;
	size_t i;

	(void)state;
	assert_true(json_array_size(aeads) > 0);
	json_array_foreach (aeads, i, aead) {
		const char *name = json_string_value(json_object_get(aead, "name"));
		json_int_t salt = json_integer_value(json_object_get(aead, "salt_bits"));
		const json_t *keys = json_object_get(aead, "key_bits");
		const json_t *icvs = json_object_get(aead, "icv_bits");

		for (size_t bytes = 0; bytes <= 64; bytes++)
			assert_string_equal(add_aead(name, bytes, 128),
					    contains(keys, (json_int_t)bytes * 8 - salt) ? ""
											 : "InvalidField");
		for (json_int_t bits = 0; bits <= 160; bits++) {
			const char *error = add_aead(name, 20, bits);

			assert_int_equal(!*error, contains(icvs, bits));
			/* RFC 4106 section 6 has these, too. */
			if (bits == 64 || bits == 96)
				assert_string_equal(error, "NotSupported");
		}
	}
	json_decref(capabilities);
}

/* Names that `ip xfrm` takes for an AEAD, a cipher, an integrity algorithm, and some that nobody takes. */
static const char *const algorithms[] = {
	"rfc4106(gcm(aes))",
	"rfc4309(ccm(aes))",
	"rfc4543(gcm(aes))",
	"rfc7539esp(chacha20,poly1305)",
	"gcm(aes)",
	"seqiv(rfc4106(gcm(aes)))",
	"RFC4106(GCM(AES))",
	"rfc4106(gcm(aes)) ",
	"rfc4106(gcm(camellia))",
};

/* M25 */
static void test_algorithms_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *aeads = json_object_get(capabilities, "aead");
	size_t taken = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		bool listed = lists(aeads, algorithms[i]);

		assert_string_equal(add_aead(algorithms[i], 20, 128), listed ? "" : "NotSupported");
		taken += listed;
	}
	assert_int_equal(taken, json_array_size(aeads));
	json_decref(capabilities);
}

/* M31 */
static void test_no_sa_without_authentication(void **state)
{
	static const char *const ciphers[] = {
		"cbc(aes)", "ecb(cipher_null)", "cipher_null", "rfc3686(ctr(aes))",
		"cbc(des)", "cbc(des3_ede)",	"digest_null", "none",
		""};
	static const json_int_t icvs[] = {128, 96, 0};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(icvs); j++)
			assert_string_equal(add_aead(ciphers[i], 20, icvs[j]), "NotSupported");
	}
	assert_string_equal(add_aead("rfc4106(gcm(aes))", 20, 0), "InvalidField");
	assert_string_equal(add_with("enc", json_string("cbc(aes)")), "InvalidField");
	assert_string_equal(add_with("aead", json_null()), "InvalidField");
	assert_string_equal(add_with("icv_bits", json_null()), "InvalidField");
}

/* M25 */
static void test_flags_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *flags = json_object_get(capabilities, "flags");
	const struct sa_flag_name *flag;
	size_t taken = 0;

	(void)state;
	for (size_t row = 0; (flag = sa_flag_at(row)); row++) {
		bool listed = lists(flags, flag->name);

		assert_string_equal(add_with("flags", json_pack("[s]", flag->name)),
				    listed ? "" : "NotSupported");
		taken += listed;
	}
	assert_int_equal(taken, json_array_size(flags));
	assert_string_equal(add_with("flags", json_pack("[s]", "warp")), "InvalidField");
	json_decref(capabilities);
}

/* M25 */
static void test_windows_are_taken_as_listed(void **state)
{
	json_t *capabilities = query();
	const json_t *window = json_object_get(capabilities, "replay_window");
	json_int_t min = json_integer_value(json_object_get(window, "min"));
	json_int_t max = json_integer_value(json_object_get(window, "max"));

	(void)state;
	for (json_int_t packets = 0; packets <= max + 64; packets++)
		assert_string_equal(add_with("replay_window", json_integer(packets)),
				    !packets || (packets >= min && packets <= max) ? "" : "NotSupported");
	json_decref(capabilities);
}

static bool family_listed(const json_t *families, const char *mode, json_int_t outer, json_int_t inner)
{
	const json_t *row;
	size_t i;

	json_array_foreach (families, i, row) {
		if (!strcmp(json_string_value(json_object_get(row, "mode")), mode) &&
		    json_integer_value(json_object_get(row, "outer")) == outer)
			return contains(json_object_get(row, "inner"), inner);
	}
	return false;
}

/* M25 */
static void test_families_are_taken_as_listed(void **state)
{
	static const char *const modes[] = {"tunnel", "transport"};
	json_t *capabilities = query();

	(void)state;
	for (unsigned int i = 0; i < 8; i++) {
		json_int_t outer = i & 1 ? 6 : 4;
		json_int_t inner = i & 2 ? 6 : 4;
		const char *mode = modes[i >> 2];
		json_t *sa = sound_sa();

		json_object_set_new(sa, "mode", json_string(mode));
		json_object_set_new(sa, "dst", json_string(outer == 6 ? "2001:db8::2" : "192.0.2.2"));
		json_object_set_new(sa, "sel",
				    json_pack("{s:s}", "src", inner == 6 ? "2001:db8::/32" : "10.0.0.0/8"));
		assert_int_equal(!*add(sa), family_listed(json_object_get(capabilities, "families"), mode,
							  outer, inner));
	}
	json_decref(capabilities);
}

static json_int_t number(const json_t *object, const char *outer, const char *inner, const char *name)
{
	return json_integer_value(json_object_get(
		json_object_get(outer ? json_object_get(object, outer) : object, inner), name));
}

/* M25, M27: the capacity that the query says is the one that holds. */
static void test_capacity_is_as_listed(void **state)
{
	json_t *capabilities = query();
	json_t *ndis = json_object_get(capabilities, "ndis");
	json_int_t capacity = number(ndis, NULL, "v2", "SaOffloadCapacity");
	char request[400];

	(void)state;
	assert_int_equal(number(capabilities, NULL, "interfaces", "used"), 1);
	assert_int_equal(number(capabilities, NULL, "interfaces", "limit"), XESP_IFACES_MAX);
	json_decref(capabilities);
	for (json_int_t i = 0; i <= capacity; i++) {
		snprintf(request, sizeof(request),
			 "{\"method\":\"org.xesp.AddSa\",\"parameters\":{\"sa\":{\"dst\":\"192.0.2.2\","
			 "\"spi\":%d,\"mode\":\"tunnel\",\"aead\":\"rfc4106(gcm(aes))\",\"icv_bits\":128,"
			 "\"key\":\"000102030405060708090a0b0c0d0e0f10111213\"}}}",
			 4096 + (int)i);
		json_decref(ask(request, i < capacity ? NULL : "org.xesp.CapacityExceeded"));
	}
	capabilities = query();
	assert_int_equal(
		number(json_array_get(json_object_get(capabilities, "attached"), 0), NULL, "sas", "used"),
		capacity);
	assert_int_equal(
		number(json_array_get(json_object_get(capabilities, "attached"), 0), NULL, "sas", "limit"),
		capacity);
	json_decref(capabilities);
}

/* M25: the bits of the NDIS structures are those of the kinds and algorithms that are listed in words. */
static void test_ndis_bits_are_those_of_the_words(void **state)
{
	json_t *capabilities = query();
	const json_t *ndis = json_object_get(capabilities, "ndis");
	const json_t *v1 = json_object_get(ndis, "v1");
	const json_t *kind, *aead, *bits;
	json_int_t flags = 0, udp_esp = 0, encryption = 0;
	size_t i, j;

	(void)state;
	json_array_foreach (json_object_get(capabilities, "kinds"), i, kind) {
		int letter = json_string_value(json_object_get(kind, "letter"))[0] - 'A';

		assert_in_range(letter, 0, 3);
		flags |= 0x11 << letter;
		udp_esp |= 1 << letter;
	}
	json_array_foreach (json_object_get(capabilities, "aead"), i, aead) {
		assert_string_equal(json_string_value(json_object_get(aead, "name")), "rfc4106(gcm(aes))");
		json_array_foreach (json_object_get(aead, "key_bits"), j, bits)
			encryption |= 0x08 << (json_integer_value(bits) / 64 - 2);
	}
	assert_int_equal(udp_esp, 15);
	assert_int_equal(number(v1, NULL, "Supported", "Flags"), flags);
	assert_int_equal(number(v1, NULL, "Supported", "TransportTunnelCombined"), 1);
	assert_int_equal(number(v1, NULL, "Supported", "IPv4Options"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "IPv4Options"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "IPv6NonIPsecExtensionHeaders"), 1);
	assert_int_equal(number(v1, NULL, "IPv4ESP", "Receive"), 1);
	assert_int_equal(number(v1, NULL, "IPv4ESP", "Send"), 0);
	assert_int_equal(number(ndis, NULL, "v2", "UdpEsp"), udp_esp);
	assert_int_equal(number(ndis, NULL, "v2", "EncryptionAlgorithms"), encryption);
	assert_int_equal(number(ndis, NULL, "v2", "Tunnel"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "IPv6Supported"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "ExtendedSequenceNumbers"), 1);
	/* Each bit has its name: two of V1 and one of V2 a kind, one a key length. */
	assert_int_equal(json_array_size(json_object_get(ndis, "words")),
			 3 * json_array_size(json_object_get(capabilities, "kinds")) +
				 (size_t)__builtin_popcountll((unsigned long long)encryption));
	json_decref(capabilities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_modes_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_encapsulations_and_ports_are_taken_as_listed, start,
						end),
		cmocka_unit_test_setup_teardown(test_key_and_icv_lengths_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_algorithms_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_no_sa_without_authentication, start, end),
		cmocka_unit_test_setup_teardown(test_flags_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_windows_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_families_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_capacity_is_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_ndis_bits_are_those_of_the_words, start, end),
	};

	return cmocka_run_group_tests_name("capabilities", tests, NULL, NULL);
}

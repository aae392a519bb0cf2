/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Algorithms, key and ICV lengths: the capability query against what requests are really taken, in words and
 * as bits of NDIS, with and without the switch for legacy algorithms.
 */
#include "capabilities_rig.h"

/* So many bytes as hex; no two parts are equal, which 3DES would not take. */
static json_t *key_of(json_int_t bytes)
{
	char key[2 * 255 + 1] = "";

	assert_in_range(bytes, 0, 255);
	for (json_int_t i = 0; i < bytes; i++)
		snprintf(key + 2 * i, 3, "%02x", (unsigned int)(i * 7 & 0xff));
	return json_string(key);
}

/* What protects an SA, as the request has it; lengths in bits. */
struct suite {
	const char *aead, *enc, *auth;
	json_int_t key, auth_key, icv;
};

static const char *add_suite(struct suite suite)
{
	json_t *sa = sound_sa();

	json_object_del(sa, "aead");
	if (suite.aead)
		json_object_set_new(sa, "aead", json_string(suite.aead));
	if (suite.enc)
		json_object_set_new(sa, "enc", json_string(suite.enc));
	if (suite.auth) {
		json_object_set_new(sa, "auth", json_string(suite.auth));
		json_object_set_new(sa, "auth_key", key_of(suite.auth_key / 8));
	}
	json_object_set_new(sa, "key", key_of(suite.key / 8));
	json_object_set_new(sa, "icv_bits", json_integer(suite.icv));
	return add(sa);
}

static const char *name_of(const json_t *algo)
{
	return json_string_value(json_object_get(algo, "name"));
}

/* The first of a list of lengths; 0 for the NULL cipher, which has none. */
static json_int_t first_of(const json_t *algo, const char *lengths)
{
	return json_integer_value(json_array_get(json_object_get(algo, lengths), 0));
}

static json_int_t salt_of(const json_t *algo)
{
	return json_integer_value(json_object_get(algo, "salt_bits"));
}

static bool key_listed(const json_t *algo, json_int_t bits)
{
	const json_t *keys = json_object_get(algo, "key_bits");

	if (!json_array_size(keys))
		return bits == 0;
	return contains(keys, bits - salt_of(algo));
}

/* The suite of two rows of the query, the second NULL for an AEAD. */
static struct suite suite_of(const json_t *cipher, const json_t *auth)
{
	struct suite suite = {.key = first_of(cipher, "key_bits") + salt_of(cipher),
			      .icv = first_of(auth ? auth : cipher, "icv_bits")};

	if (!auth) {
		suite.aead = name_of(cipher);
		return suite;
	}
	suite.enc = name_of(cipher);
	suite.auth = name_of(auth);
	suite.auth_key = first_of(auth, "key_bits");
	return suite;
}

/* RFC 4309 has keys of 192 bits, which is no mistake. */
static const char *key_refusal(const json_t *algo, json_int_t bits)
{
	return !strcmp(name_of(algo), "rfc4309(ccm(aes))") && bits == 192 + 24 ? "NotSupported"
									       : "InvalidField";
}

/* Every length of the keys and of the ICV around those that are listed. */
static void check_lengths(const json_t *cipher, const json_t *auth)
{
	const json_t *icvs = json_object_get(auth ? auth : cipher, "icv_bits");
	struct suite suite = suite_of(cipher, auth);

	for (suite.key = 0; suite.key <= 40 * 8; suite.key += 8)
		assert_string_equal(add_suite(suite),
				    key_listed(cipher, suite.key) ? "" : key_refusal(cipher, suite.key));
	suite = suite_of(cipher, auth);
	for (suite.auth_key = 0; auth && suite.auth_key <= 66 * 8; suite.auth_key += 8)
		assert_string_equal(add_suite(suite), key_listed(auth, suite.auth_key) ? "" : "InvalidField");
	suite = suite_of(cipher, auth);
	for (suite.icv = 0; suite.icv <= 66 * 8; suite.icv += suite.icv == 128 ? 4 : suite.icv % 8 ? 4 : 8) {
		const char *error = add_suite(suite);

		assert_int_equal(!*error, contains(icvs, suite.icv));
		/* Kernels truncate as one likes. */
		if (auth && *error && suite.icv && suite.icv <= 128 && suite.icv % 8 == 0)
			assert_string_equal(error, "NotSupported");
	}
}

/* Each listed length of one key with each of the ICV. */
static void check_combinations(const json_t *cipher, const json_t *auth)
{
	struct suite suite = suite_of(cipher, auth);
	const json_t *key, *icv;
	size_t i, j;

	json_array_foreach (json_object_get(cipher, "key_bits"), i, key) {
		json_array_foreach (json_object_get(auth ? auth : cipher, "icv_bits"), j, icv) {
			suite.key = json_integer_value(key) + salt_of(cipher);
			suite.icv = json_integer_value(icv);
			assert_string_equal(add_suite(suite), "");
		}
	}
}

/* All suites that the query offers. */
static void for_each_suite(const json_t *capabilities, void (*check)(const json_t *, const json_t *))
{
	const json_t *cipher, *auth;
	size_t i, j;

	json_array_foreach (json_object_get(capabilities, "aead"), i, cipher) {
		check(cipher, NULL);
	}
	json_array_foreach (json_object_get(capabilities, "enc"), i, cipher) {
		json_array_foreach (json_object_get(capabilities, "auth"), j, auth) {
			check(cipher, auth);
		}
	}
}

/* M25 */
static void test_key_and_icv_lengths_are_taken_as_listed(void **state)
{
	json_t *capabilities;

	(void)state;
	rig.config.legacy = true;
	capabilities = query();
	assert_int_equal(json_array_size(json_object_get(capabilities, "aead")), 7);
	assert_int_equal(json_array_size(json_object_get(capabilities, "enc")), 5);
	assert_int_equal(json_array_size(json_object_get(capabilities, "auth")), 7);
	for_each_suite(capabilities, check_lengths);
	for_each_suite(capabilities, check_combinations);
	json_decref(capabilities);
}

/* Names that `ip xfrm` takes for an AEAD, a cipher, an integrity algorithm; their older forms; what xesp has
 * beside them; and some that nobody takes. */
static const char *const algorithms[] = {
	"rfc4106(gcm(aes))",
	"rfc4309(ccm(aes))",
	"rfc4543(gcm(aes))",
	"rfc7539esp(chacha20,poly1305)",
	"rfc8750(gcm(aes))",
	"rfc8750(ccm(aes))",
	"rfc8750(chacha20,poly1305)",
	"gcm(aes)",
	"seqiv(rfc4106(gcm(aes)))",
	"RFC4106(GCM(AES))",
	"rfc4106(gcm(aes)) ",
	"rfc4106(gcm(camellia))",
	"ecb(cipher_null)",
	"cbc(aes)",
	"rfc3686(ctr(aes))",
	"cbc(des)",
	"cbc(des3_ede)",
	"cbc(cast5)",
	"cbc(blowfish)",
	"cbc(serpent)",
	"cbc(camellia)",
	"cbc(twofish)",
	"cbc(sm4)",
	"lrw(aes)",
	"cipher_null",
	"aes",
	"des",
	"des3_ede",
	"hmac(md5)",
	"hmac(sha1)",
	"hmac(sha256)",
	"hmac(sha384)",
	"hmac(sha512)",
	"hmac(rmd160)",
	"hmac(sm3)",
	"xcbc(aes)",
	"cmac(aes)",
	"hmac(digest_null)",
	"digest_null",
	"md5",
	"sha1",
	"sha256",
	"none",
	"",
};

/* The row of that name, or NULL. */
static const json_t *row_of(const json_t *list, const char *name)
{
	const json_t *row;
	size_t i;

	json_array_foreach (list, i, row) {
		if (!strcmp(name_of(row), name))
			return row;
	}
	return NULL;
}

/* Each name as each member: taken where it is listed, and not supported elsewhere. */
static void check_names(void)
{
	json_t *capabilities = query();
	const json_t *aeads = json_object_get(capabilities, "aead");
	const json_t *encs = json_object_get(capabilities, "enc"),
		     *auths = json_object_get(capabilities, "auth");
	const json_t *cbc = row_of(encs, "cbc(aes)"), *sha1 = row_of(auths, "hmac(sha1)");
	size_t taken = 0;

	for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++) {
		const char *name = algorithms[i];
		const json_t *aead = row_of(aeads, name), *enc = row_of(encs, name);
		const json_t *auth = row_of(auths, name);
		struct suite as_aead = {.aead = name, .key = 160, .icv = 128};
		struct suite as_enc = suite_of(enc ? enc : cbc, sha1);
		struct suite as_auth = suite_of(cbc, auth ? auth : sha1);

		as_enc.enc = name;
		as_auth.auth = name;
		assert_string_equal(add_suite(aead ? suite_of(aead, NULL) : as_aead),
				    aead ? "" : "NotSupported");
		assert_string_equal(add_suite(as_enc), enc ? "" : "NotSupported");
		assert_string_equal(add_suite(as_auth), auth ? "" : "NotSupported");
		taken += !!aead + !!enc + !!auth;
	}
	assert_int_equal(taken, json_array_size(aeads) + json_array_size(encs) + json_array_size(auths));
	json_decref(capabilities);
}

/* M25 */
static void test_algorithms_are_taken_as_listed(void **state)
{
	(void)state;
	check_names();
	rig.config.legacy = true;
	check_names();
}

/* Legacy algorithms are there only with the switch. */
static void test_legacy_algorithms_need_the_switch(void **state)
{
	static const struct {
		const char *list, *name;
	} rows[] = {{"enc", "cbc(des)"}, {"enc", "cbc(des3_ede)"}, {"auth", "hmac(md5)"}};
	static const struct suite suites[] = {
		{.enc = "cbc(des)", .auth = "hmac(sha1)", .key = 64, .auth_key = 160, .icv = 96},
		{.enc = "cbc(des3_ede)", .auth = "hmac(sha1)", .key = 192, .auth_key = 160, .icv = 96},
		{.enc = "cbc(aes)", .auth = "hmac(md5)", .key = 128, .auth_key = 128, .icv = 96},
		{.enc = "cbc(des)", .auth = "hmac(md5)", .key = 64, .auth_key = 128, .icv = 96},
	};

	(void)state;
	for (unsigned int on = 0; on < 2; on++) {
		json_t *capabilities;

		rig.config.legacy = on;
		capabilities = query();
		for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
			assert_int_equal(lists(json_object_get(capabilities, rows[i].list), rows[i].name),
					 on);
		assert_int_equal(lacks_feature(capabilities, "legacy"), !on);
		for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
			assert_string_equal(add_suite(suites[i]), on ? "" : "NotSupported");
		json_decref(capabilities);
	}
}

static void expect_no_encryption_alone(const json_t *cipher, const json_t *auth)
{
	struct suite suite = suite_of(cipher, auth);
	json_t *sa;

	if (!auth)
		return;
	suite.auth = NULL;
	assert_string_equal(add_suite(suite), "NotSupported");
	suite.icv = 0;
	assert_string_equal(add_suite(suite), "NotSupported");
	/* Nor as what it is not. */
	suite.aead = suite.enc;
	suite.enc = NULL;
	assert_string_equal(add_suite(suite), "NotSupported");
	/* An ICV of no length is none. */
	suite = suite_of(cipher, auth);
	suite.icv = 0;
	assert_string_equal(add_suite(suite), "InvalidField");
	suite.auth = "digest_null";
	assert_string_equal(add_suite(suite), "NotSupported");
	/* A key for an algorithm that is not named. */
	sa = sound_sa();
	json_object_set_new(sa, "auth_key", key_of(suite.auth_key / 8));
	assert_string_equal(add(sa), "InvalidField");
}

/* M31 */
static void test_no_sa_without_authentication(void **state)
{
	const struct suite auth_alone = {.auth = "hmac(sha1)", .auth_key = 160, .icv = 96};
	const struct suite both = {
		.aead = "rfc4106(gcm(aes))", .auth = "hmac(sha1)", .key = 160, .auth_key = 160, .icv = 96};
	json_t *capabilities;

	(void)state;
	rig.config.legacy = true;
	capabilities = query();
	for_each_suite(capabilities, expect_no_encryption_alone);
	json_decref(capabilities);
	assert_string_equal(add_suite((struct suite){.aead = "rfc4106(gcm(aes))", .key = 160}),
			    "InvalidField");
	assert_string_equal(add_suite(auth_alone), "InvalidField");
	assert_string_equal(add_suite(both), "InvalidField");
	assert_string_equal(add_with("enc", json_string("cbc(aes)")), "InvalidField");
	assert_string_equal(add_with("aead", json_null()), "InvalidField");
	assert_string_equal(add_with("icv_bits", json_null()), "InvalidField");
}

/* The bits that NDIS has for the key lengths of an algorithm, the shortest first. */
static const struct {
	const char *list, *name;
	json_int_t encryption, authentication;
} ndis_bits[] = {
	{"aead", "rfc4106(gcm(aes))", 0x08 | 0x10 | 0x20, 0},
	{"aead", "rfc4543(gcm(aes))", 0, 0x08 | 0x10 | 0x20},
	{"enc", "cbc(aes)", 0x40 | 0x80 | 0x100, 0},
	{"enc", "ecb(cipher_null)", 0x1, 0},
	{"enc", "cbc(des)", 0x2, 0},
	{"enc", "cbc(des3_ede)", 0x4, 0},
	{"auth", "hmac(md5)", 0, 0x1},
	{"auth", "hmac(sha1)", 0, 0x2},
	{"auth", "hmac(sha256)", 0, 0x4},
};

static size_t bits_in(json_int_t mask)
{
	return (size_t)__builtin_popcountll((unsigned long long)mask);
}

static void check_ndis(void)
{
	json_t *capabilities = query();
	const json_t *ndis = json_object_get(capabilities, "ndis");
	const json_t *v1 = json_object_get(ndis, "v1"), *kind;
	json_int_t flags = 0, udp_esp = 0, encryption = 0, authentication = 0;
	size_t i;

	json_array_foreach (json_object_get(capabilities, "kinds"), i, kind) {
		int letter = json_string_value(json_object_get(kind, "letter"))[0] - 'A';

		assert_in_range(letter, 0, 3);
		flags |= 0x11 << letter;
		udp_esp |= 1 << letter;
	}
	for (i = 0; i < ARRAY_SIZE(ndis_bits); i++) {
		if (lists(json_object_get(capabilities, ndis_bits[i].list), ndis_bits[i].name)) {
			encryption |= ndis_bits[i].encryption;
			authentication |= ndis_bits[i].authentication;
		}
	}
	assert_int_equal(udp_esp, 15);
	assert_int_equal(number(v1, NULL, "Supported", "Flags"), flags);
	assert_int_equal(number(v1, NULL, "Supported", "TransportTunnelCombined"), 1);
	assert_int_equal(number(v1, NULL, "Supported", "IPv4Options"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "IPv4Options"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "IPv6NonIPsecExtensionHeaders"), 1);
	assert_int_equal(number(v1, NULL, "IPv4ESP", "Receive"), 1);
	assert_int_equal(number(v1, NULL, "IPv4ESP", "Send"), 1);
	assert_int_equal(number(v1, NULL, "IPv4ESP", "NullEsp"), !!(encryption & 0x1));
	assert_int_equal(number(v1, NULL, "IPv4ESP", "Des"), !!(encryption & 0x2));
	assert_int_equal(number(v1, NULL, "IPv4ESP", "TripleDes"), !!(encryption & 0x4));
	assert_int_equal(number(v1, NULL, "IPv4AH", "Md5"), !!(authentication & 0x1));
	assert_int_equal(number(v1, NULL, "IPv4AH", "Sha_1"), !!(authentication & 0x2));
	assert_int_equal(number(v1, NULL, "IPv4AH", "Receive"), 0);
	assert_int_equal(number(ndis, NULL, "v2", "UdpEsp"), udp_esp);
	assert_int_equal(number(ndis, NULL, "v2", "EncryptionAlgorithms"), encryption);
	assert_int_equal(number(ndis, NULL, "v2", "AuthenticationAlgorithms"), authentication);
	assert_int_equal(number(ndis, NULL, "v2", "Tunnel"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "IPv6Supported"), 1);
	assert_int_equal(number(ndis, NULL, "v2", "ExtendedSequenceNumbers"), 1);
	/* Each bit has its name: two of V1 and one of V2 a kind, and those of the algorithms. */
	assert_int_equal(json_array_size(json_object_get(ndis, "words")),
			 3 * json_array_size(json_object_get(capabilities, "kinds")) + bits_in(encryption) +
				 bits_in(authentication));
	assert_int_equal(encryption, rig.config.legacy ? 0x1ff : 0x1f9);
	assert_int_equal(authentication, rig.config.legacy ? 0x3f : 0x3e);
	json_decref(capabilities);
}

/* M25: the bits of the NDIS structures are those of the kinds and algorithms that are listed in words. */
static void test_ndis_bits_are_those_of_the_words(void **state)
{
	(void)state;
	check_ndis();
	rig.config.legacy = true;
	check_ndis();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key_and_icv_lengths_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_algorithms_are_taken_as_listed, start, end),
		cmocka_unit_test_setup_teardown(test_legacy_algorithms_need_the_switch, start, end),
		cmocka_unit_test_setup_teardown(test_no_sa_without_authentication, start, end),
		cmocka_unit_test_setup_teardown(test_ndis_bits_are_those_of_the_words, start, end),
	};

	return cmocka_run_group_tests_name("capabilities_algos", tests, NULL, NULL);
}

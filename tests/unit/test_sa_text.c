/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SAs as words: the grammar, every word that is refused, what is printed, and that no error text has a key in
 * it. Keys from files are in test_sa_text_key.c, files of SAs in test_sa_text_read.c.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/sa_text.h"
#include "tests/unit/sa_words.h"

static void assert_refused(const char *text, const char *field, const char *value)
{
	struct sa_params params, before;
	struct field_error error = {"", "", "", NULL};

	memset(&params, 0xee, sizeof(params));
	before = params;
	assert_int_equal(parse(text, &params, &error), -EINVAL);
	if (strcmp(error.field, field) != 0 || strcmp(error.value, value) != 0)
		fail_msg("'%s': %s '%s': %s", text, error.field, error.value, error.rule);
	assert_true(strlen(error.rule) > 0);
	assert_no_key(&error);
	assert_memory_equal(&params, &before, sizeof(params));
}

static void test_defaults(void **state)
{
	struct sa_params params, expected = sample_plain();

	(void)state;
	assert_parses(BASE AEAD, &params);
	assert_true(sample_equal(&params, &expected));
	assert_parses(
		"src 0.0.0.0 " BASE AEAD "reqid 0 if_id 0 mark 0 output-mark 0x0 tfcpad 9 dir in seq 7 "
		"limit byte-hard 0xffffffffffffffff limit time-soft 0 replay-oseq 4 replay-oseq-hi 5 pcpu-num 2 "
		"extra-flag dont-encap-dscp oseq-may-wrap follow proto esp flag nopmtudisc wildrecv icmp",
		&params);
	/* What is about sending is kept: the file may not say yet which way the SA goes. */
	expected.flags = SA_FLAG_NO_PMTU_DISC | SA_FLAG_NO_ENCAP_DSCP | SA_FLAG_FOLLOW;
	expected.tfc_pad = 9;
	expected.send_seq = 5ull << 32 | 4;
	expected.send_seq_given = true;
	assert_true(sample_equal(&params, &expected));
	expected = sample_plain();
	expected.flags = SA_FLAG_NO_ENCAP_DSCP | SA_FLAG_NO_PMTU_DISC;
	assert_parses("mark 0 mask 0xffffffff output-mark 0 mask 5 extra-flag 0x3 flag 0x04 "
		      "offload packet dev eth9 dir in " BASE AEAD,
		      &params);
	assert_true(sample_equal(&params, &expected));
}

static void test_outbound(void **state)
{
	struct sa_params params, expected = sample_plain();

	(void)state;
	expected.dir = SA_DIR_OUT;
	assert_parses(BASE AEAD "offload dev eth0 dir out", &params);
	assert_true(sample_equal(&params, &expected));
	expected.priority = 4294967295;
	expected.tfc_pad = 1400;
	expected.dummy_ms = 86400000;
	expected.send_seq = 0x100000002;
	expected.send_seq_given = true;
	assert_parses(BASE AEAD "dir out priority 4294967295 tfcpad 1400 dummy-interval 86400000 "
				"replay-oseq-hi 1 replay-oseq 2",
		      &params);
	assert_true(sample_equal(&params, &expected));
}

static void test_all_words(void **state)
{
	struct sa_params params, expected = sample_full();
	static const char text[] =
		"src 2001:db8::1 dst 2001:db8::2 proto esp spi 0xFEDCBA98 reqid 4294967295 mode tunnel "
		"aead rfc4106(gcm(aes)) 0xB0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3 "
		"128 encap espinudp-nonike 65535 500 2001:db8::a oa-dst 2001:db8::b replay-window 4096 "
		"replay-seq 0x9abcdef0 replay-seq-hi 305419896 flag esn noecn decap-dscp af-unspec "
		"sel src 10.1.0.0/16 dst 0.0.0.0/0 proto udp sport 1 dport 65535 dev eth0.4094 "
		"limit byte-soft 1 limit byte-hard 9223372036854775806 limit packet-soft 2 "
		"limit packet-hard 4294967296 limit time-soft 3 limit time-hard 86400 limit time-use-soft 4 "
		"limit time-use-hard 5";

	(void)state;
	assert_parses(text, &params);
	assert_true(sample_equal(&params, &expected));
}

static void test_encap_forms(void **state)
{
	struct sa_params params;

	(void)state;
	assert_parses(BASE AEAD "encap espinudp 0 4500 0.0.0.0", &params);
	assert_true(params.encap.present);
	assert_int_equal(params.encap.type, XESP_ENCAP_RFC3948);
	assert_int_equal(params.encap.sport, 0);
	assert_int_equal(params.encap.dport, 4500);
	assert_int_equal(params.encap.original_src.family, AF_UNSPEC);
	assert_parses(BASE AEAD "encap type espinudp sport 1 dport 2 addr ::", &params);
	assert_int_equal(params.encap.sport, 1);
	assert_int_equal(params.encap.dport, 2);
	assert_int_equal(params.encap.original_src.family, AF_UNSPEC);
}

static void test_selector_forms(void **state)
{
	struct sa_params params;

	(void)state;
	assert_parses(BASE AEAD "sel proto 132 dport 2905", &params);
	assert_int_equal(params.selector.protocol, 132);
	assert_int_equal(params.selector.dport, 2905);
	assert_int_equal(params.selector.src.addr.family, AF_UNSPEC);
	assert_parses(BASE AEAD "sel dst 10.0.0.1 src any proto any", &params);
	assert_int_equal(params.selector.dst.length, 32);
	assert_int_equal(params.selector.src.addr.family, AF_UNSPEC);
	assert_int_equal(params.selector.protocol, 0);
	assert_parses(BASE AEAD "sel src ::/0 dst ::/0 dev lo uid 0", &params);
	assert_string_equal(params.dev, "lo");
	assert_parses(BASE AEAD "sel src ::/0 proto ipv6-icmp reqid 5", &params);
	assert_int_equal(params.selector.protocol, 58);
	assert_int_equal(params.reqid, 5);
}

static const struct {
	const char *text;
	const char *field;
	const char *value;
} refused[] = {
	{"", "mode", ""},
	{"dst 192.0.2.1 spi 256 " AEAD, "mode", ""},
	{"dst", "dst", ""},
	{"dst host", "dst", "host"},
	{"dst 192.0.2.1 dst 192.0.2.2", "dst", "dst"},
	{"src 10.0.0.0/8", "src", "10.0.0.0/8"},
	{"proto ah", "proto", "ah"},
	{"proto comp", "proto", "comp"},
	{"proto 50", "proto", "50"},
	{"spi", "spi", ""},
	{"spi 0x", "spi", "0x"},
	{"spi 0x100000000", "spi", "0x100000000"},
	{"spi -1", "spi", "-1"},
	{"spi 0400", "spi", "0400"},
	{"spi 99999999999999999999999", "spi", "(hidden)"},
	{"spi 1 2", "word", "2"},
	{"reqid x", "reqid", "x"},
	{"mode iptfs", "mode", "iptfs"},
	{"mode ro", "mode", "ro"},
	{"mode", "mode", ""},
	{"aead", "aead", ""},
	{"aead rfc4106(gcm(camellia)) 0x" KEY " 128", "aead", "rfc4106(gcm(camellia))"},
	{"aead cbc(aes) 0x" KEY " 128", "aead", "cbc(aes)"},
	{"00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13", "word", "(hidden)"},
	{"src 2001:0db8:0000:0000:0000:0000:0000:000g", "src", "2001:0db8:0000:0000:0000:0000:0000:000g"},
	{"aead 0x" KEY " 128", "aead", "(hidden)"},
	{"aead " KEY " 128", "aead", "(hidden)"},
	{"aead rfc4106(gcm(aes))", "key", ""},
	{"aead rfc4106(gcm(aes)) " KEY " 128", "key", "(hidden)"},
	{"aead rfc4106(gcm(aes)) 0x" KEY "1 128", "key", "(hidden)"},
	{"aead rfc4106(gcm(aes)) 0x" KEY "zz 128", "key", "(hidden)"},
	{"aead rfc4106(gcm(aes)) 0x" KEY KEY " 128", "key", "(hidden)"},
	{"aead rfc4106(gcm(aes)) 0x 128", "key", "(hidden)"},
	{"aead rfc4106(gcm(aes)) <<Keys hidden>> 128", "key", "(hidden)"},
	{"aead rfc4106(gcm(aes)) <hidden> 128", "key", "(hidden)"},
	{"aead rfc4106(gcm(aes)) file:/nonexistent/key 128", "key file", "/nonexistent/key"},
	{"aead rfc4106(gcm(aes)) file:/ 128", "key file", "/"},
	{"aead rfc4106(gcm(aes)) file:0x" KEY " 128", "key file", "(hidden)"},
	{"aead rfc4106(gcm(aes)) 0x" KEY, "icv", ""},
	{"aead rfc4106(gcm(aes)) 0x" KEY " 0x" KEY, "icv", "(hidden)"},
	{"aead rfc4106(gcm(aes)) 0x" KEY " 127", "icv", "127"},
	{"aead rfc4106(gcm(aes)) 0x" KEY " 2048", "icv", "2048"},
	{AEAD "0x" KEY, "word", "(hidden)"},
	{AEAD AEAD, "aead", "aead"},
	{"auth hmac(rmd160) 0x" KEY, "auth", "hmac(rmd160)"},
	{"auth cbc(aes) 0x" KEY, "auth", "cbc(aes)"},
	{"auth", "auth", ""},
	{"auth sha1", "auth key", ""},
	{"auth sha1 " KEY, "auth key", "(hidden)"},
	{"auth sha1 <<Keys hidden>>", "auth key", "(hidden)"},
	{"auth hmac(sha256) 0x" KEY, "auth", "hmac(sha256)"},
	{"auth sha256 0x" KEY, "auth", "hmac(sha256)"},
	{"auth-trunc hmac(sha384) 0x" KEY KEY KEY KEY " 128", "auth key", "(hidden)"},
	{"auth-trunc hmac(sha1) 0x" KEY, "icv", ""},
	{"auth-trunc hmac(sha1) 0x" KEY " 95", "icv", "95"},
	{"auth-trunc digest_null  0", "auth-trunc", "digest_null"},
	{"auth sha1 0x" KEY " auth-trunc sha1 0x" KEY " 96", "auth-trunc", "auth-trunc"},
	{"enc cbc(camellia) 0x" KEY, "enc", "cbc(camellia)"},
	{"enc aes", "key", ""},
	{"enc aes 0x" KEY KEY, "key", "(hidden)"},
	{"enc aes 0x" KEY " 128", "word", "128"},
	{"enc aes 0x" KEY " enc aes 0x" KEY, "enc", "enc"},
	{"enc aes 0x" KEY " " AEAD, "aead", "aead"},
	{AEAD "enc aes 0x" KEY, "enc", "enc"},
	{"enc cipher_null 0x" KEY, "key", "(hidden)"},
	{"enc cipher_null 0x", "key", "(hidden)"},
	{"enc cipher_null -", "key", "(hidden)"},
	{"enc cipher_null file:/nonexistent/key", "key", "(hidden)"},
	{"enc cipher_null " KEY, "word", "(hidden)"},
	{"spi 0x1122334455667788", "spi", "(hidden)"}, /* the length of a DES key */
	{"enc 0x" KEY, "enc", "(hidden)"},
	{"enc averysecretasciikey", "enc", "(hidden)"},
	{"comp deflate", "comp", "deflate"},
	{"encap", "encap", ""},
	{"encap espintcp 1 2 0.0.0.0", "encap", "espintcp"},
	{"encap espinudp", "encap sport", ""},
	{"encap espinudp 65536 4500 0.0.0.0", "encap sport", "65536"},
	{"encap espinudp 4500 4500, 0.0.0.0", "encap dport", "4500,"},
	{"encap espinudp 4500 4500 none", "encap oaddr", "none"},
	{"encap espinudp 4500 4500 0.0.0.0 oa-dst", "encap oa-dst", ""},
	{"encap type espinudp 4500", "encap", "4500"},
	{"replay-window 4294967296", "replay-window", "4294967296"},
	{"replay-seq 4294967296", "replay-seq", "4294967296"},
	{"replay-seq-hi x", "replay-seq-hi", "x"},
	{"flag", "flag", ""},
	{"flag none", "flag", "none"},
	{"flag esn none", "word", "none"},
	{"flag align4", "flag", "align4"},
	{"flag 0x40", "flag", "align4"},
	{"flag 0x100", "flag", "0x100"},
	{"extra-flag foo", "extra-flag", "foo"},
	{"sel", "sel", ""},
	{"sel mode tunnel", "sel", "mode"},
	{"sel src 10.0.0.1/8", "sel src", "10.0.0.1/8"},
	{"sel src 10.0.0.0/8 src 10.0.0.0/8", "sel", "src"},
	{"sel proto nosuch", "sel proto", "nosuch"},
	{"sel proto 256", "sel proto", "256"},
	{"sel proto", "sel proto", ""},
	{"sel proto tcp sport 65536", "sel sport", "65536"},
	{"sel proto icmp type 8", "sel", "8"},
	{"sel proto icmp code 0", "sel", "0"},
	{"sel proto gre key 7", "sel", "7"},
	{"sel uid x", "sel uid", "x"},
	{"dev", "dev", ""},
	{"dev abcdefghijklmnop", "dev", "abcdefghijklmnop"},
	{"sel proto 6 dev a sel", "sel", "sel"},
	{"sel proto 6 dev a reqid 1 dev b", "dev", "b"},
	{"mark 1", "mark", "1"},
	{"mark 0x10/0xff", "mark", "0x10/0xff"},
	{"output-mark 5 mask 7", "output-mark", "5"},
	{"if_id 1", "if_id", "1"},
	{"coa 2001:db8::1", "coa", "2001:db8::1"},
	{"ctx system_u:object_r:x:s0", "ctx", "system_u:object_r:x:s0"},
	{"security context x", "security", "context"},
	{"limit foo 1", "limit", "foo"},
	{"limit byte_hard 1", "limit", "byte_hard"},
	{"limit byte-hard x", "byte-hard", "x"},
	{"limit byte-soft 0", "byte-soft", "0"},
	{"limit packet-hard 0", "packet-hard", "0"},
	{"lifetime config: limit: soft INF", "byte-soft", "INF"},
	{"lifetime config: limit: soft (INF)(bytes), hard 5(bytes) limit: hard", "lifetime", "hard"},
	{"dir sideways", "dir", "sideways"},
	{BASE AEAD "priority -1", "priority", "-1"},
	{BASE AEAD "tfcpad 65536", "tfcpad", "65536"},
	{BASE AEAD "dummy-interval 4294967296", "dummy-interval", "4294967296"},
	{BASE AEAD "replay-oseq x", "replay-oseq", "x"},
	{"offload eth0", "offload", "eth0"},
	{"anti-replay foo", "anti-replay", "foo"},
	{"anti-replay esn context: seq-hi 0, seq 0, oseq-hi 0, oseq 0 replay_window 1, bitmap-length "
	 "4294967295 0",
	 "bitmap-length", ""},
	{"lifetime forever", "lifetime", "forever"},
	{"stats: 1", "stats:", "1"},
	{"tfcpad", "tfcpad", ""},
	{"dummy-interval", "dummy-interval", ""},
	{"frobnicate 1", "word", "frobnicate"},
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_refused(refused[i].text, refused[i].field, refused[i].value);
}

static void test_words_of_odd_size(void **state)
{
	size_t count = 100000;
	char **words = calloc(count, sizeof(*words));
	char *huge = malloc(1 << 20);
	struct sa_params params;
	struct field_error error;

	(void)state;
	memset(huge, '7', (1 << 20) - 1);
	huge[(1 << 20) - 1] = '\0';
	for (size_t i = 0; i < count; i++)
		words[i] = (char *)(i % 2 ? "esn" : "flag");
	assert_int_equal(sa_text_parse_words(words, count, &params, &error), -EINVAL);
	assert_string_equal(error.field, "mode");
	for (size_t i = 0; i < count; i++)
		words[i] = huge;
	assert_int_equal(sa_text_parse_words(words, count, &params, &error), -EINVAL);
	words[0] = (char *)"spi";
	assert_int_equal(sa_text_parse_words(words, count, &params, &error), -EINVAL);
	assert_string_equal(error.field, "spi");
	words[0] = (char *)"";
	assert_int_equal(sa_text_parse_words(words, 1, &params, &error), -EINVAL);
	free(words);
	free(huge);
}

static int parse_id(const char *text, struct sa_params *ret_params, struct field_error *ret_error)
{
	struct line line;

	split(text, &line);
	return sa_text_parse_id(line.words, line.count, ret_params, ret_error);
}

static void test_id(void **state)
{
	static const struct {
		const char *text;
		const char *field;
	} bad[] = {{"", "dst"},
		   {"dst 192.0.2.1", "spi"},
		   {"spi 0x100", "dst"},
		   {BASE, "word"},
		   {"dst 192.0.2.1 spi", "spi"},
		   {"dst 0.0.0.0 spi 1", "dst"},
		   {"0xc0ffee01", "word"},
		   {"dst 192.0.2.1 spi 0", "spi"},
		   {"dst x spi 1", "dst"},
		   {"dst ::1 spi 1 " AEAD, "word"}};
	struct sa_params params;
	struct field_error error;

	(void)state;
	assert_int_equal(
		parse_id("src 203.0.113.9 dst 192.0.2.1 proto esp spi 0xc0ffee01 dev eth0", &params, &error),
		0);
	assert_int_equal(params.spi, 0xc0ffee01);
	assert_string_equal(params.dev, "eth0");
	assert_int_equal(parse_id("spi 300 dst 2001:db8::1", &params, &error), 0);
	assert_int_equal(params.spi, 300);
	assert_int_equal(params.dst.family, AF_INET6);
	assert_string_equal(params.dev, "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(parse_id(bad[i].text, &params, &error), -EINVAL);
		assert_string_equal(error.field, bad[i].field);
		assert_no_key(&error);
	}
}

static void test_print_round_trip(void **state)
{
	struct sa_params params = sample_full();

	(void)state;
	check_round_trip(&params);
	params = sample_plain();
	check_round_trip(&params);
	for (uint32_t flags = 0; flags < 16; flags++) {
		params.flags = flags;
		check_round_trip(&params);
	}
	params.mode = SA_MODE_TRANSPORT;
	params.replay_window = 0;
	params.replay_seq = UINT64_MAX;
	params.selector.protocol = 6;
	check_round_trip(&params);
	params.replay_seq = 7ull << 32;
	params.selector.dst = sample_prefix("::/0");
	params.encap = (struct sa_encap){.present = true, .type = XESP_ENCAP_RFC3948, .dport = 4500};
	check_round_trip(&params);
	params.dir = SA_DIR_OUT;
	params.tfc_pad = 100;
	params.dummy_ms = 20000;
	check_round_trip(&params);
}

static void test_print_layout(void **state)
{
	static const char expected[] = "src 2001:db8::1 dst 2001:db8::2\n"
				       "\tproto esp spi 0xfedcba98 reqid 4294967295 mode tunnel\n"
				       "\treplay-window 4096 replay-seq 2596069104 replay-seq-hi 305419896 "
				       "flag noecn decap-dscp af-unspec esn\n"
				       "\taead rfc4106(gcm(aes)) <hidden> 128\n"
				       "\tencap type espinudp-nonike sport 65535 dport 500 addr 2001:db8::a "
				       "oa-dst 2001:db8::b\n"
				       "\tsel src 10.1.0.0/16 dst 0.0.0.0/0 proto 17 sport 1 dport 65535\n"
				       "\tlimit byte-soft 1 limit byte-hard 9223372036854775806 "
				       "limit packet-soft 2 limit packet-hard 4294967296 limit time-soft 3 "
				       "limit time-hard 86400 limit time-use-soft 4 limit time-use-hard 5\n"
				       "\tdev eth0.4094\n";
	struct sa_params params = sample_full();
	char text[2048] = "";

	(void)state;
	print(&params, text, sizeof(text));
	assert_string_equal(text, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),	  cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_all_words),	  cmocka_unit_test(test_encap_forms),
		cmocka_unit_test(test_selector_forms),	  cmocka_unit_test(test_refused),
		cmocka_unit_test(test_words_of_odd_size), cmocka_unit_test(test_id),
		cmocka_unit_test(test_print_round_trip),  cmocka_unit_test(test_print_layout),
	};

	return cmocka_run_group_tests_name("sa_text", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files of SAs: what iproute2 prints, lines of `xesp sa add`, both mixed, and files that are neither.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/validate.h"
#include "tests/unit/sa_file.h"

static void check_plain_state(const struct result *result)
{
	const struct sa_params *params = result->params;

	assert_int_equal(params[0].spi, 0xc0ffee01);
	assert_int_equal(params[0].reqid, 1);
	assert_int_equal(params[0].flags, SA_FLAG_AF_UNSPEC);
	assert_int_equal(params[0].replay_window, 32);
	assert_int_equal(params[0].replay_seq, 0x2a);
	assert_int_equal(params[0].key[19], 0x23);
	assert_int_equal(params[0].encap.type, XESP_ENCAP_RFC3948);
	assert_int_equal(params[1].replay_seq, 0); /* oseq is the sender's */
	assert_int_equal(params[2].mode, SA_MODE_TRANSPORT);
	assert_int_equal(params[2].flags, SA_FLAG_ESN | SA_FLAG_NO_ECN);
	assert_int_equal(params[2].replay_window, 128);
	assert_true(params[2].replay_seq == 0x100000005);
	assert_int_equal(params[2].icv_bytes, 12);
	assert_int_equal(params[2].encap.type, XESP_ENCAP_IKE);
	assert_int_equal(params[2].encap.original_src.bytes[15], 0x77);
	assert_int_equal(params[2].selector.protocol, 17);
	assert_int_equal(params[2].selector.dport, 1701);
	assert_int_equal(params[3].src.family, AF_UNSPEC);
	assert_int_equal(params[3].replay_window, 4096);
	assert_int_equal(params[3].replay_seq, 9);
	assert_int_equal(params[3].selector.src.length, 24);
	assert_int_equal(params[3].key_bytes, 28);
}

static void test_ip_xfrm_state(void **state)
{
	static const unsigned int lines[] = {1, 7, 13, 23};
	static struct result result;

	(void)state;
	assert_reads(read_path("tests/data/xfrm/state.txt", &result), &result, 4);
	check_plain_state(&result);
	assert_memory_equal(result.lines, lines, sizeof(lines));
	assert_reads(read_path("tests/data/xfrm/state-o.txt", &result), &result, 4);
	check_plain_state(&result);
	assert_int_equal(result.lines[3], 4);
}

static void test_ip_s_xfrm_state(void **state)
{
	static const struct sa_limits limits = {
		.byte_hard = 1099511627776, .packet_hard = 1000000, .time_soft = 3000, .time_hard = 3600};
	static struct result result;

	(void)state;
	assert_reads(read_path("tests/data/xfrm/state-s.txt", &result), &result, 3);
	assert_int_equal(result.params[0].spi, 0xc0ffee01);
	assert_int_equal(result.params[0].replay_window, 32);
	assert_int_equal(result.params[0].replay_seq, 0x2a);
	assert_true(sample_limits_equal(&result.params[0].limits, &limits));
	assert_int_equal(result.params[1].flags, 0);
	assert_int_equal(result.params[1].replay_window, 128);
	assert_int_equal(result.params[1].selector.sport, 443);
	assert_int_equal(result.params[2].flags,
			 SA_FLAG_AF_UNSPEC | SA_FLAG_ESN | SA_FLAG_NO_PMTU_DISC | SA_FLAG_NO_ENCAP_DSCP);
	assert_int_equal(result.params[2].replay_window, 256);
	assert_true(result.params[2].replay_seq == 0x200000010);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(validate_sa(&result.params[i], false, &result.error), 0);
}

static void test_newer_versions(void **state)
{
	static struct result result;

	(void)state;
	assert_reads(read_path("tests/data/xfrm/state-offload.txt", &result), &result, 1);
	assert_int_equal(result.params[0].encap.sport, 0);
	assert_int_equal(result.params[0].dir, SA_DIR_IN);
	assert_reads(read_path("tests/data/xfrm/state-6.18.txt", &result), &result, 2);
	assert_int_equal(result.params[0].dir, SA_DIR_IN);
	assert_int_equal(result.params[1].dir, SA_DIR_OUT);
	assert_string_equal(result.params[0].dev, "");
}

/* Each file is one SA that xesp can not take over; the error names what it is about. */
static void test_refused_states(void **state)
{
	static const struct {
		const char *name, *field, *value;
	} files[] = {
		{"ah", "proto", "ah"},
		{"align4", "flag", "align4"},
		{"auth", "auth", "digest_null"},
		{"comp", "proto", "comp"},
		{"espintcp", "encap", "espintcp"},
		{"icmp-selector", "sel", "8"},
		{"if_id", "if_id", "0x2a"},
		{"mark", "mark", "0x5/0xffffffff"},
		{"output-mark", "output-mark", "0x5/0xff"},
		{"ro", "proto", "route2"},
		{"security", "security", "context"},
	};
	static struct result result;
	static struct result tolerated = {.tolerant = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char path[128];

		snprintf(path, sizeof(path), "tests/data/xfrm/refused-%s.txt", files[i].name);
		assert_int_equal(read_path(path, &result), -EINVAL);
		assert_int_equal(result.count, 0);
		assert_int_equal(result.error_line, 1);
		assert_string_equal(result.error.field, files[i].field);
		assert_string_equal(result.error.value, files[i].value);
		assert_int_equal(read_path(path, &tolerated), 0);
		assert_int_equal(tolerated.count, 0);
		assert_int_equal(tolerated.unsupported_count, i + 1);
		assert_string_equal(tolerated.unsupported[i].field, files[i].field);
	}
}

/* All of these are the same SA, once or twice. */
static void test_forms_of_lines(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} files[] = {
		{SA, 1},
		{SA "\n", 1},
		{SA "\r\n" SA "\r\n", 2},
		{"\n \n\t\n# comment\n  # another\n" SA " # and here\n\n", 1},
		{"xesp sa add " SA "\nip xfrm state add " SA "\nip -6 xfrm state update " SA "\n", 3},
		{"  xesp sa add " SA "\n  ip xfrm state add " SA, 2},
		{"\tdst 192.0.2.1\n\tspi 0x100\n\tmode tunnel\n\taead rfc4106(gcm(aes)) 0x" KEY " 128\n", 1},
		{"dst 192.0.2.1 \\\nspi 256 \\\r\n mode tunnel aead 'rfc4106(gcm(aes))' \\\n0x" KEY
		 " 128\n" SA,
		 2},
		{"dst\t192.0.2.1\v spi\f256 mode\ttunnel aead \"rfc4106(gcm(aes))\" 0x" KEY "\t128", 1},
		{"dst 192.0.2.1 spi 256 mode tun'nel' aead rfc4106\\(gcm\"(\\aes)\"\\) 0x" KEY " '12'\"8\"",
		 1},
		{SA "\n# src of the next\n" SA "\n\n" SA, 3},
		{"dst 192.0.2.1 spi 256 mode tunnel\n\n# in between\n\taead rfc4106(gcm(aes)) 0x" KEY " 128",
		 1},
		{"", 0},
		{"\n", 0},
		{"# nothing", 0},
		{"\\\n", 0},
	};
	static struct result result;
	struct sa_params expected = sample_plain();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (files[i].text[0] == '\0')
			continue; /* fmemopen refuses an empty file; /dev/null is below */
		assert_reads(read_text(files[i].text, &result), &result, files[i].count);
		for (size_t sa = 0; sa < result.count; sa++)
			assert_true(sample_equal(&result.params[sa], &expected));
	}
	assert_reads(read_path("/dev/null", &result), &result, 0);
}

static void test_mixed(void **state)
{
	char *text;
	static struct result result;

	(void)state;
	assert_true(
		asprintf(&text,
			 "%s\nsrc 203.0.113.9 dst 192.0.2.1\n\tproto esp spi 0x00000200 reqid 1 mode tunnel\n"
			 "\taead rfc4106(gcm(aes)) 0x%s 128\n\tsel src 10.0.0.0/8 dst 0.0.0.0/0 \n%s\n",
			 SA, KEY, SA) > 0);
	assert_reads(read_text(text, &result), &result, 3);
	assert_int_equal(result.params[1].spi, 0x200);
	assert_int_equal(result.lines[0], 1);
	assert_int_equal(result.lines[1], 2);
	assert_int_equal(result.lines[2], 6);
	free(text);
}

static void test_errors_say_where(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *field;
		size_t before; /* SAs reported before */
	} files[] = {
		{"frobnicate\n", 1, "word", 0},
		{SA "\n\n" SA " spi 5\n" SA, 3, "spi", 1},
		{SA "\n" SA "\n'open quote\n" SA, 3, "line", 1},
		{"\"open", 1, "line", 0},
		{"dst 192.0.2.1\n\tspi 256\n\tfoo\n", 1, "word", 0},
		{SA "\nxesp sa del dst 192.0.2.1 spi 7", 2, "word", 1},
		{SA "\nip route add", 2, "word", 1},
		{"dst 192.0.2.1 spi 256 mode tunnel aead 'rfc4106(gcm(aes))' - 128", 1, "key", 0},
		{"dst '' spi 256", 1, "dst", 0},
	};
	static struct result result;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(read_text(files[i].text, &result), -EINVAL);
		assert_int_equal(result.error_line, files[i].line);
		assert_string_equal(result.error.field, files[i].field);
		assert_int_equal(result.count, files[i].before);
	}
}

static void test_nul_bytes(void **state)
{
	static const char in_word[] = "dst 192.0\0.2.1", alone[] = SA "\n\0\n", quoted[] = "dst 'a\0b'";
	static struct result result;

	(void)state;
	assert_int_equal(read_bytes(in_word, sizeof(in_word) - 1, &result), -EINVAL);
	assert_int_equal(read_bytes(alone, sizeof(alone) - 1, &result), -EINVAL);
	assert_int_equal(result.error_line, 2);
	assert_int_equal(read_bytes(quoted, sizeof(quoted) - 1, &result), -EINVAL);
	assert_string_equal(result.error.field, "line");
}

/* A file of `len` bytes, made of copies of `piece`. */
static int read_repeated(const char *piece, size_t len, struct result *ret_result)
{
	char *text = malloc(len + 1);
	size_t piece_len = strlen(piece);
	int err;

	assert_non_null(text);
	for (size_t i = 0; i < len; i++)
		text[i] = piece[i % piece_len];
	text[len] = '\0';
	err = read_bytes(text, len, ret_result);
	free(text);
	return err;
}

static void test_sizes(void **state)
{
	static struct result result;

	(void)state;
	assert_int_equal(read_repeated("x", 10 << 20, &result), -EINVAL);
	assert_string_equal(result.error.field, "line");
	assert_int_equal(read_repeated("flag esn ", 9 * 100000, &result), -EINVAL);
	assert_string_equal(result.error.field, "line");
	assert_int_equal(read_repeated(" ", 10 << 20, &result), 0);
	assert_int_equal(read_repeated("#", 10 << 20, &result), 0);
	assert_int_equal(read_repeated("\n", 1 << 20, &result), 0);
	assert_int_equal(read_repeated("\\", 1 << 20, &result), -EINVAL);
	assert_int_equal(read_repeated("'' ", 1 << 20, &result), -EINVAL);
	assert_int_equal(result.count, 0);
	/* Around the longest record and the number of words, every length. */
	for (size_t len = 16370; len < 16400; len++)
		assert_int_equal(read_repeated("x", len, &result), -EINVAL);
	for (size_t len = 2040; len < 2056; len++)
		assert_int_equal(read_repeated("x ", len, &result), -EINVAL);
}

static int keep_count(const struct sa_params *params, unsigned int line, void *ctx)
{
	unsigned int *count = ctx;

	(void)params;
	++*count;
	return line == *count ? 0 : -ERANGE;
}

/* More than fits one block, so that words lie across blocks. */
static void test_many(void **state)
{
	static const unsigned int lines = 5000;
	FILE *file = tmpfile();
	struct field_error error;
	unsigned int count = 0, line;
	const struct sa_text_sink sink = {.each = keep_count, .ctx = &count};

	(void)state;
	assert_non_null(file);
	for (unsigned int i = 0; i < lines; i++)
		fprintf(file, "%s reqid %u\n", SA, i);
	rewind(file);
	assert_int_equal(sa_text_read(file, &sink, &line, &error), 0);
	assert_int_equal(count, lines);
	fclose(file);
}

/* What xesp lacks is told and passed over, what is wrong still ends the reading. */
static void test_unsupported_is_passed_over(void **state)
{
	static const char id[] = "src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1000 mode";
	static struct result result = {.tolerant = true};
	char text[2048];

	(void)state;
	snprintf(
		text, sizeof(text),
		"%s tunnel enc 'cbc(camellia)' 0x00112233445566778899aabbccddeeff auth-trunc 'hmac(sha1)' 0x00 96\n"
		"%s\n"
		"%s tunnel aead 'rfc7539(chacha20,poly1305)' 0x00 128\n"
		"%s iptfs\n"
		"%s tunnel mark 5\n"
		"%s tunnel if_id 7\n",
		id, SA, id, id, id, id);
	assert_int_equal(read_text(text, &result), 0);
	assert_int_equal(result.count, 1);
	assert_int_equal(result.lines[0], 2);
	assert_int_equal(result.unsupported_count, 5);
	assert_int_equal(result.unsupported_lines[0], 1);
	assert_string_equal(result.unsupported[0].field, "enc");
	assert_int_equal(result.unsupported_lines[1], 3);
	assert_string_equal(result.unsupported[1].field, "aead");
	assert_string_equal(result.unsupported[2].field, "mode");
	assert_string_equal(result.unsupported[3].field, "mark");
	assert_int_equal(result.unsupported_lines[4], 6);
	assert_string_equal(result.unsupported[4].field, "if_id");

	result.unsupported_count = 0;
	snprintf(text, sizeof(text), "%s iptfs\n%s tunel\n%s\n", id, id, SA);
	assert_int_equal(read_text(text, &result), -EINVAL);
	assert_int_equal(result.error_line, 2);
	assert_int_equal(result.unsupported_count, 1);
	assert_int_equal(result.count, 0);
}

static void test_each_ends_reading(void **state)
{
	static struct result result = {.stop_with = -EEXIST};

	(void)state;
	assert_int_equal(read_text(SA "\n" SA "\n", &result), -EEXIST);
	assert_int_equal(result.count, 1);
	result.stop_with = 5; /* not negative: goes on */
	assert_int_equal(read_text(SA "\n" SA "\n", &result), 0);
	assert_int_equal(result.count, 2);
}

static void test_unreadable(void **state)
{
	static struct result result;
	FILE *directory = fopen("/tmp", "re"), *hole = tmpfile();

	(void)state;
	assert_non_null(directory);
	assert_int_equal(read_file(directory, &result), -EIO);
	fclose(directory);
	/* One comment and a hole of 256 MiB behind it. */
	assert_non_null(hole);
	fputs("#", hole);
	fflush(hole);
	assert_int_equal(ftruncate(fileno(hole), (256 << 20) + 1), 0);
	rewind(hole);
	assert_int_equal(read_file(hole, &result), -EFBIG);
	fclose(hole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ip_xfrm_state),
		cmocka_unit_test(test_ip_s_xfrm_state),
		cmocka_unit_test(test_newer_versions),
		cmocka_unit_test(test_refused_states),
		cmocka_unit_test(test_forms_of_lines),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_errors_say_where),
		cmocka_unit_test(test_nul_bytes),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_each_ends_reading),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_unsupported_is_passed_over),
	};

	return cmocka_run_group_tests_name("sa_text_read", tests, NULL, NULL);
}

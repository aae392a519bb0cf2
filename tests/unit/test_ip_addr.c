/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses and prefixes: what parses, what prints, and matching against a bit-by-bit comparison.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/ip_addr.h"

static void test_parse_and_format(void **state)
{
	static const char *const texts[] = {"0.0.0.0",	   "192.0.2.1", "255.255.255.255",	    "::",
					    "2001:db8::1", "ff02::1",	"fe80::ffff:ffff:ffff:ffff"};
	char buffer[IP_ADDR_TEXT_MAX];
	struct ip_addr addr;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(ip_addr_parse(texts[i], &addr), 0);
		assert_int_equal(addr.family, strchr(texts[i], ':') ? AF_INET6 : AF_INET);
		assert_ptr_equal(ip_addr_format(&addr, buffer), buffer);
		assert_string_equal(buffer, texts[i]);
		assert_int_equal(ip_addr_is_any(&addr), i == 0 || i == 3);
	}
	/* The longest text there is. */
	assert_int_equal(ip_addr_parse("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", &addr), 0);
	assert_string_equal(ip_addr_format(&addr, buffer), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	addr = (struct ip_addr){.family = AF_UNSPEC};
	assert_true(ip_addr_is_any(&addr));
	assert_string_equal(ip_addr_format(&addr, buffer), "none");
}

static void test_malformed(void **state)
{
	static const char *const texts[] = {
		"",	"1.2.3", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4", "1.2.3.4 ",  "::1%lo",
		"host", "1:2",	 ":::",	      "12345::",   "01.2.3.4", "1.2.3.4/24"};
	struct ip_addr addr = {.family = 99};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		assert_int_equal(ip_addr_parse(texts[i], &addr), -EINVAL);
		assert_int_equal(addr.family, 99);
	}
}

static void test_equal(void **state)
{
	struct ip_addr a = {.family = AF_INET}, b = {.family = AF_INET6};

	(void)state;
	assert_false(ip_addr_equal(&a, &b));
	b.family = AF_INET;
	assert_true(ip_addr_equal(&a, &b));
	b.bytes[3] = 1;
	assert_false(ip_addr_equal(&a, &b));
	assert_int_equal(ip_addr_size(AF_INET), 4);
	assert_int_equal(ip_addr_size(AF_INET6), 16);
	assert_int_equal(ip_addr_size(AF_UNIX), 0);
}

static void test_prefix_texts(void **state)
{
	static const struct {
		const char *text;
		const char *printed; /* NULL: malformed */
	} cases[] = {
		{"10.1.0.0/16", "10.1.0.0/16"},
		{"10.1.2.3", "10.1.2.3/32"},
		{"0.0.0.0/0", "0.0.0.0/0"},
		{"::/0", "::/0"},
		{"0.0.0.0", "0.0.0.0/0"},
		{"::", "::/0"},
		{"0.0.0.0/32", "0.0.0.0/32"},
		{"2001:db8::/33", "2001:db8::/33"},
		{"2001:db8::1", "2001:db8::1/128"},
		{"10.128.0.0/9", "10.128.0.0/9"},
		{"10.1.0.0/15", NULL},
		{"10.0.0.0/33", NULL},
		{"::/129", NULL},
		{"10.0.0.0/", NULL},
		{"10.0.0.0/-1", NULL},
		{"10.0.0.0/+8", NULL},
		{"10.0.0.0/8 ", NULL},
		{"10.0.0.0/8/8", NULL},
		{"/8", NULL},
		{"", NULL},
		{"10.0.0.0/0x8", NULL},
		{"10.0.0.0/4294967304", NULL},
		{"any", NULL},
		{"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128x", NULL},
		{"1111111111111111111111111111111111111111111111111111111/1", NULL},
	};
	char buffer[IP_PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix prefix = {.length = 77};
		int err = ip_prefix_parse(cases[i].text, &prefix);

		assert_int_equal(err, cases[i].printed ? 0 : -EINVAL);
		if (cases[i].printed)
			assert_string_equal(ip_prefix_format(&prefix, buffer), cases[i].printed);
		else
			assert_int_equal(prefix.length, 77);
	}
	assert_string_equal(ip_prefix_format(&(struct ip_prefix){0}, buffer), "any");
}

/* All lengths against addresses that differ from the prefix in one bit each. */
static void check_family(uint8_t family)
{
	unsigned int bits = (unsigned int)ip_addr_size(family) * 8;

	for (unsigned int length = 0; length <= bits; length++) {
		struct ip_prefix prefix = {.addr = {.family = family}, .length = (uint8_t)length};
		uint8_t bytes[16] = {0};

		for (unsigned int bit = 0; bit < length; bit += 3)
			prefix.addr.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
		for (unsigned int flip = 0; flip < bits; flip++) {
			memcpy(bytes, prefix.addr.bytes, sizeof(bytes));
			bytes[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
			assert_int_equal(ip_prefix_match(&prefix, family, bytes), flip >= length);
		}
		assert_true(ip_prefix_match(&prefix, family, prefix.addr.bytes));
		assert_false(
			ip_prefix_match(&prefix, family == AF_INET ? AF_INET6 : AF_INET, prefix.addr.bytes));
	}
}

static void test_match(void **state)
{
	struct ip_prefix any = {0};
	struct ip_prefix broken = {.addr = {.family = AF_INET}, .length = 129};
	uint8_t bytes[16] = {1};

	(void)state;
	check_family(AF_INET);
	check_family(AF_INET6);
	assert_true(ip_prefix_match(&any, AF_INET, bytes));
	assert_true(ip_prefix_match(&any, AF_INET6, bytes));
	assert_false(ip_prefix_match(&broken, AF_INET, bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_and_format),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_prefix_texts),
		cmocka_unit_test(test_match),
	};

	return cmocka_run_group_tests_name("ip_addr", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `xesp sa load` keeps in memory: the list of SAs, and the addresses of this host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/load_list.c"
#include "cli/local_addrs.c"

#define SA_LINE "src 192.0.2.1 dst 192.0.2.2 spi %u mode tunnel aead rfc4106(gcm(aes)) 0x%040u 128 %s\n"

static void reads_many_in_order(void **state)
{
	CLEANUP(load_list_clear) struct load_list list = {0};
	struct field_error error;
	unsigned int line = 0;
	FILE *file = tmpfile();

	(void)state;
	for (unsigned int i = 0; i < 1000; i++)
		fprintf(file, SA_LINE, 256 + i, i, i % 3 ? "" : "dir out");
	rewind(file);
	assert_int_equal(load_list_read(&list, file, &line, &error), 0);
	assert_int_equal(list.count, 1000);
	for (unsigned int i = 0; i < 1000; i++) {
		assert_int_equal(list.entries[i].params.spi, 256 + i);
		assert_int_equal(list.entries[i].line, i + 1);
		assert_int_equal(list.entries[i].params.dir, i % 3 == 0 ? SA_DIR_OUT : SA_DIR_IN);
		assert_false(list.entries[i].skip);
	}
	fclose(file);
}

static void names_the_line_of_a_fault(void **state)
{
	CLEANUP(load_list_clear) struct load_list list = {0};
	struct field_error error;
	unsigned int line = 0;
	FILE *file = tmpfile();

	(void)state;
	fprintf(file, SA_LINE "# comment\nsrc nonsense\n", 256u, 1u, "");
	rewind(file);
	assert_int_equal(load_list_read(&list, file, &line, &error), -EINVAL);
	assert_int_equal(line, 3);
	assert_string_equal(error.value, "nonsense");
	fclose(file);
}

static bool have(const struct local_addrs *addrs, const char *text)
{
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(text, &addr), 0);
	return local_addrs_have(addrs, &addr);
}

static void knows_addresses_of_this_host(void **state)
{
	CLEANUP(local_addrs_clear) struct local_addrs addrs = {0};
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr other = {.sa_family = AF_PACKET};

	(void)state;
	addrs.items = calloc(3, sizeof(*addrs.items));
	assert_true(from_sockaddr((struct sockaddr *)&in6, &addrs.items[0]));
	assert_true(from_sockaddr((struct sockaddr *)&in, &addrs.items[1]));
	assert_false(from_sockaddr(&other, &addrs.items[2]));
	assert_false(from_sockaddr(NULL, &addrs.items[2]));
	addrs.count = 2;
	qsort(addrs.items, addrs.count, sizeof(*addrs.items), compare);
	assert_true(have(&addrs, "192.0.2.1"));
	assert_true(have(&addrs, "::1"));
	assert_false(have(&addrs, "192.0.2.2"));
	assert_false(have(&addrs, "c000:201::"));
}

static void reads_addresses_of_this_host(void **state)
{
	CLEANUP(local_addrs_clear) struct local_addrs addrs = {0};

	(void)state;
	assert_int_equal(local_addrs_read(&addrs), 0);
	/* Documentation addresses (RFC 5737) are nobody's. */
	assert_false(have(&addrs, "203.0.113.254"));
	for (size_t i = 0; i < addrs.count; i++)
		assert_true(local_addrs_have(&addrs, &addrs.items[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_many_in_order),
		cmocka_unit_test(names_the_line_of_a_fault),
		cmocka_unit_test(knows_addresses_of_this_host),
		cmocka_unit_test(reads_addresses_of_this_host),
	};

	return cmocka_run_group_tests_name("cli_load", tests, NULL, NULL);
}

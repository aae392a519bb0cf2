/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which SA a packet goes into: the rules one by one, and a comparison with a model that keeps a plain list
 * and looks at all of it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <xesp/limits.h>

#include "dataplane/sa_out.h"
#include "dataplane/spd.h"

/* SAs of which the table needs nothing but their addresses. */
static struct sa_out *sas_new(size_t count)
{
	struct sa_out *sas = aligned_alloc(64, count * sizeof(*sas));

	assert_non_null(sas);
	memset(sas, 0, count * sizeof(*sas));
	return sas;
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix result;

	assert_int_equal(ip_prefix_parse(text, &result), 0);
	return result;
}

static struct sa_selector selector(const char *src, const char *dst, uint8_t protocol, uint16_t sport,
				   uint16_t dport)
{
	struct sa_selector result = {.protocol = protocol, .sport = sport, .dport = dport};

	if (src)
		result.src = prefix(src);
	if (dst)
		result.dst = prefix(dst);
	return result;
}

static struct spd_flow flow(const char *src, const char *dst, uint8_t protocol, uint16_t sport,
			    uint16_t dport)
{
	struct spd_flow result = {.protocol = protocol, .sport = sport, .dport = dport};
	struct ip_addr addr;

	assert_int_equal(ip_addr_parse(src, &addr), 0);
	memcpy(result.src, addr.bytes, 16);
	result.family = addr.family == AF_INET ? 4 : 6;
	assert_int_equal(ip_addr_parse(dst, &addr), 0);
	memcpy(result.dst, addr.bytes, 16);
	result.has_ports = protocol == IPPROTO_UDP || protocol == IPPROTO_TCP;
	return result;
}

#define WEB flow("10.1.2.3", "192.0.2.9", IPPROTO_TCP, 40000, 80)

/* ---- the order among those that match --------------------------------------------------------------------
 */

/* From the one that wins over all others to the one that loses to all. */
static void check_order(const struct sa_selector *selectors, size_t count, const struct spd_flow *packet)
{
	struct sa_out *sas = sas_new(count);
	struct spd *spd;

	assert_int_equal(spd_new(&spd), 0);
	/* Each put in last, so that being the newest is no help. */
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(spd_add(spd, &selectors[i], 7, &sas[i]), 0);
		assert_ptr_equal(spd_find(spd, packet), &sas[0]);
	}
	for (size_t i = 0; i < count; i++) {
		assert_ptr_equal(spd_find(spd, packet), &sas[i]);
		spd_remove(spd, &sas[i]);
	}
	assert_null(spd_find(spd, packet));
	assert_int_equal(spd_count(spd), 0);
	spd_free(spd);
	free(sas);
}

static void test_most_specific_wins(void **state)
{
	const struct sa_selector selectors[] = {
		selector("10.0.0.0/8", "192.0.2.9/32", 0, 0, 0),
		selector(NULL, "192.0.2.9/32", IPPROTO_TCP, 0, 80),
		selector("10.1.2.3", "192.0.2.0/24", 0, 0, 0),
		selector("10.1.2.0/25", "192.0.2.0/24", IPPROTO_TCP, 40000, 80),
		selector("10.1.2.0/25", "192.0.2.0/24", IPPROTO_TCP, 0, 80),
		selector("10.1.2.0/25", "192.0.2.0/24", IPPROTO_TCP, 40000, 0),
		selector("10.1.2.0/25", "192.0.2.0/24", IPPROTO_TCP, 0, 0),
		selector("10.1.2.0/25", "192.0.2.0/24", 0, 0, 0),
		selector("10.1.2.3", NULL, IPPROTO_TCP, 40000, 80),
		selector("10.1.2.0/24", "0.0.0.0/0", 0, 0, 0),
		selector("10.0.0.0/7", NULL, 0, 0, 0),
		selector(NULL, NULL, IPPROTO_TCP, 0, 0),
		selector(NULL, NULL, 0, 0, 0),
	};
	const struct spd_flow packet = WEB;

	(void)state;
	check_order(selectors, sizeof(selectors) / sizeof(selectors[0]), &packet);
}

static void test_most_specific_wins_ipv6(void **state)
{
	const struct sa_selector selectors[] = {
		selector("2001:db8:1::/48", "2001:db8:2::7", 0, 0, 0),
		selector("2001:db8:1::3", "2001:db8:2::/65", 0, 0, 0),
		selector("2001:db8:1::/64", "2001:db8:2::/64", IPPROTO_UDP, 0, 53),
		selector("2001:db8:1::/63", "2001:db8:2::/64", IPPROTO_UDP, 0, 53),
		selector("::/0", "2001:db8:2::/64", IPPROTO_UDP, 0, 0),
		selector("2001::/16", NULL, IPPROTO_UDP, 0, 0),
		selector(NULL, NULL, 0, 0, 0),
	};
	const struct spd_flow packet = flow("2001:db8:1::3", "2001:db8:2::7", IPPROTO_UDP, 4000, 53);

	(void)state;
	check_order(selectors, sizeof(selectors) / sizeof(selectors[0]), &packet);
}

static void test_priority_before_all_else(void **state)
{
	const struct sa_selector wide = selector(NULL, NULL, 0, 0, 0);
	const struct sa_selector narrow = selector("10.1.2.3", "192.0.2.9", IPPROTO_TCP, 40000, 80);
	struct sa_out *sas = sas_new(5);
	const struct spd_flow packet = WEB;
	struct spd *spd;

	(void)state;
	assert_int_equal(spd_new(&spd), 0);
	assert_int_equal(spd_add(spd, &narrow, UINT32_MAX, &sas[0]), 0);
	assert_ptr_equal(spd_find(spd, &packet), &sas[0]);
	assert_int_equal(spd_add(spd, &wide, UINT32_MAX - 1, &sas[1]), 0);
	assert_ptr_equal(spd_find(spd, &packet), &sas[1]);
	assert_int_equal(spd_add(spd, &narrow, 0, &sas[2]), 0);
	assert_ptr_equal(spd_find(spd, &packet), &sas[2]);
	/* The newest of the same selector and priority; behind one of a lower number. */
	assert_int_equal(spd_add(spd, &narrow, 0, &sas[3]), 0);
	assert_int_equal(spd_add(spd, &narrow, 1, &sas[4]), 0);
	assert_ptr_equal(spd_find(spd, &packet), &sas[3]);
	spd_remove(spd, &sas[3]);
	assert_ptr_equal(spd_find(spd, &packet), &sas[2]);
	spd_remove(spd, &sas[2]);
	assert_ptr_equal(spd_find(spd, &packet), &sas[4]);
	spd_remove(spd, &sas[4]);
	assert_ptr_equal(spd_find(spd, &packet), &sas[1]);
	spd_remove(spd, &sas[1]);
	assert_ptr_equal(spd_find(spd, &packet), &sas[0]);
	spd_free(spd);
	free(sas);
}

static void test_what_does_not_match(void **state)
{
	const struct sa_selector selectors[] = {
		selector("10.1.2.2", NULL, 0, 0, 0),	      selector(NULL, "192.0.2.8/32", 0, 0, 0),
		selector(NULL, "192.0.2.0/29", 0, 0, 0),      selector(NULL, NULL, IPPROTO_UDP, 0, 0),
		selector(NULL, NULL, IPPROTO_TCP, 0, 81),     selector(NULL, NULL, IPPROTO_TCP, 80, 0),
		selector(NULL, NULL, IPPROTO_TCP, 40000, 81), selector("::/0", NULL, 0, 0, 0),
	};
	const struct spd_flow packet = WEB;
	struct spd_flow fragment = WEB;
	struct sa_out *sas = sas_new(9);
	struct spd *spd;

	(void)state;
	assert_int_equal(spd_new(&spd), 0);
	assert_null(spd_find(spd, &packet));
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(spd_add(spd, &selectors[i], 0, &sas[i]), 0);
	assert_null(spd_find(spd, &packet));
	/* RFC 4301 section 7: a fragment without ports needs a selector without. */
	assert_int_equal(
		spd_add(spd, &(struct sa_selector){.protocol = IPPROTO_TCP, .dport = 80}, 0, &sas[8]), 0);
	assert_ptr_equal(spd_find(spd, &packet), &sas[8]);
	fragment.has_ports = false;
	assert_null(spd_find(spd, &fragment));
	spd_free(spd);
	free(sas);
}

static void test_version_and_twice(void **state)
{
	const struct sa_selector any = {.protocol = 0};
	struct sa_out *sas = sas_new(1);
	uint64_t version;
	struct spd *spd;

	(void)state;
	assert_int_equal(spd_new(&spd), 0);
	version = spd_version(spd);
	assert_int_equal(spd_add(spd, &any, 0, sas), 0);
	assert_true(spd_version(spd) > version);
	assert_int_equal(spd_add(spd, &any, 1, sas), -EEXIST);
	version = spd_version(spd);
	assert_int_equal(spd_count(spd), 1);
	spd_remove(spd, sas);
	assert_true(spd_version(spd) > version);
	version = spd_version(spd);
	spd_remove(spd, sas);
	assert_true(spd_version(spd) == version);
	assert_int_equal(spd_count(spd), 0);
	spd_free(spd);
	spd_free(NULL);
	free(sas);
}

/* One kind of selector more than there may be changes nothing. */
static void test_kinds_are_bounded(void **state)
{
	struct sa_out *sas = sas_new(XESP_SPD_GROUPS_MAX + 2);
	struct sa_selector wide = {.protocol = 0};
	struct spd *spd;
	uint64_t version;
	size_t i;

	(void)state;
	assert_int_equal(spd_new(&spd), 0);
	for (i = 0; i < XESP_SPD_GROUPS_MAX; i++) {
		struct sa_selector sel = selector("::/0", "::/0", 0, 0, 0);

		sel.src.length = (uint8_t)(i % 128);
		sel.dst.length = (uint8_t)(1 + i / 128);
		assert_int_equal(spd_add(spd, &sel, 0, &sas[i]), 0);
	}
	version = spd_version(spd);
	/* Both families: nothing of it is left in IPv4, either. */
	assert_int_equal(spd_add(spd, &wide, 0, &sas[i]), -ENOSPC);
	assert_true(spd_version(spd) == version);
	assert_int_equal(spd_count(spd), XESP_SPD_GROUPS_MAX);
	assert_null(spd_find(spd, &(struct spd_flow){.family = 4}));
	/* More of a kind that is there, and another when there is one less. */
	assert_int_equal(spd_add(spd,
				 &(struct sa_selector){.src.addr.family = AF_INET6,
						       .src.length = 0,
						       .dst.addr.family = AF_INET6,
						       .dst.length = 3},
				 0, &sas[i + 1]),
			 0);
	spd_remove(spd, &sas[5]);
	assert_int_equal(spd_add(spd, &wide, 0, &sas[i]), 0);
	assert_ptr_equal(spd_find(spd, &(struct spd_flow){.family = 4}), &sas[i]);
	spd_free(spd);
	free(sas);
}

/* ---- many ---------------------------------------------------------------------------------------------- */

#define MANY 65536u

static struct sa_selector host_selector(uint32_t i)
{
	struct sa_selector sel = {
		.dst = {{AF_INET, {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}}, 32}};

	return sel;
}

static struct spd_flow host_flow(uint32_t i)
{
	const struct sa_selector sel = host_selector(i);
	struct spd_flow result = {.family = 4, .src = {192, 0, 2, 1}};

	memcpy(result.dst, sel.dst.addr.bytes, sizeof(result.dst));
	return result;
}

static void check_many(const struct spd *spd, const struct sa_out *sas, uint32_t first, uint32_t end)
{
	for (uint32_t i = 0; i < MANY; i++) {
		const struct spd_flow packet = host_flow(i);
		const struct sa_out *sa = spd_find(spd, &packet);

		if (sa != (i >= first && i < end ? &sas[i] : NULL))
			fail_msg("host %u: another SA than its own", i);
	}
}

/* All in, half of them out, back in, all out: what is left behind is found, what went is not. */
static void test_65536_entries(void **state)
{
	struct sa_out *sas = sas_new(MANY);
	struct spd *spd;

	(void)state;
	assert_int_equal(spd_new(&spd), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		const struct sa_selector sel = host_selector(i);

		assert_int_equal(spd_add(spd, &sel, i % 7, &sas[i]), 0);
	}
	assert_true(spd_reap_begin(spd));
	spd_reap(spd);
	assert_false(spd_reap_begin(spd));
	check_many(spd, sas, 0, MANY);
	for (uint32_t i = MANY / 2; i < MANY; i++)
		spd_remove(spd, &sas[i]);
	check_many(spd, sas, 0, MANY / 2);
	for (uint32_t i = MANY / 2; i < MANY; i++) {
		const struct sa_selector sel = host_selector(i);

		assert_int_equal(spd_add(spd, &sel, 3, &sas[i]), 0);
	}
	check_many(spd, sas, 0, MANY);
	for (uint32_t i = 0; i < MANY; i++)
		spd_remove(spd, &sas[i]);
	check_many(spd, sas, 0, 0);
	assert_int_equal(spd_count(spd), 0);
	spd_free(spd);
	free(sas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_most_specific_wins),
		cmocka_unit_test(test_most_specific_wins_ipv6),
		cmocka_unit_test(test_priority_before_all_else),
		cmocka_unit_test(test_what_does_not_match),
		cmocka_unit_test(test_version_and_twice),
		cmocka_unit_test(test_kinds_are_bounded),
		cmocka_unit_test(test_65536_entries),
	};

	return cmocka_run_group_tests_name("spd", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of outbound selectors where memory ends: an add that fails changes nothing, a remove does not
 * fail.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/sa_out.h"
#include "dataplane/spd.h"
#include "tests/unit/memory_rig.h"

#define SAS 200

/* Of a few kinds, some of them in both families. */
static struct sa_selector selector_of(uint32_t i)
{
	struct sa_selector sel = {.protocol = i % 3 ? 0 : IPPROTO_TCP, .dport = i % 3 ? 0 : (uint16_t)i};

	if (i % 5 == 0)
		return sel;
	sel.dst = (struct ip_prefix){{AF_INET, {10, 0, (uint8_t)i}}, (uint8_t)(24 + i % 4)};
	return sel;
}

static struct spd_flow flow_of(uint32_t i)
{
	return (struct spd_flow){.family = 4,
				 .protocol = IPPROTO_TCP,
				 .has_ports = true,
				 .dport = (uint16_t)(i * 7 % SAS),
				 .dst = {10, 0, (uint8_t)i}};
}

static void look_up_all(const struct spd *spd, struct sa_out **ret_found)
{
	for (uint32_t i = 0; i < SAS; i++) {
		const struct spd_flow flow = flow_of(i);

		ret_found[i] = spd_find(spd, &flow);
	}
}

/* Each add fails at its first allocation, then at its second, and so on, until it needs no more. */
static void add_with_failures(struct spd *spd, struct sa_out *sa, uint32_t i, size_t *failures)
{
	const struct sa_selector sel = selector_of(i);
	struct sa_out *before[SAS], *after[SAS];
	uint64_t version = spd_version(spd);
	int err = -ENOMEM;

	look_up_all(spd, before);
	for (size_t good = 0; err; good++) {
		memory_left = good;
		err = spd_add(spd, &sel, i % 2, sa);
		memory_left = SIZE_MAX;
		if (!err)
			return;
		assert_int_equal(err, -ENOMEM);
		++*failures;
		look_up_all(spd, after);
		assert_memory_equal(before, after, sizeof(before));
		assert_true(spd_version(spd) == version);
		assert_int_equal(spd_count(spd), i);
	}
}

static void test_no_memory(void **state)
{
	struct sa_out *found[SAS], *sas;
	struct spd *spd, *other;
	size_t failures = 0;

	(void)state;
	sas = aligned_alloc(64, SAS * sizeof(*sas));
	assert_non_null(sas);
	memset(sas, 0, SAS * sizeof(*sas));
	for (memory_left = 0; spd_new(&spd) != 0; memory_left = ++failures)
		assert_true(failures < 10);
	for (uint32_t i = 0; i < SAS; i++)
		add_with_failures(spd, &sas[i], i, &failures);
	assert_true(failures > SAS || !MEMORY_ENDS);
	/* What could not be made smaller is used again. */
	memory_left = 0;
	for (uint32_t i = 0; i < SAS; i++)
		spd_remove(spd, &sas[i]);
	assert_true(!MEMORY_ENDS || spd_new(&other) == -ENOMEM);
	memory_left = SIZE_MAX;
	look_up_all(spd, found);
	for (uint32_t i = 0; i < SAS; i++)
		assert_null(found[i]);
	for (uint32_t i = 0; i < SAS; i++)
		add_with_failures(spd, &sas[i], i, &failures);
	spd_free(spd);
	free(sas);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("spd_faults", tests, NULL, NULL);
}

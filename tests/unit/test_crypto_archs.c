/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The code paths of libipsec-mb for other CPUs than this one, all suites on each: they differ in what they
 * read beside a packet, too. This program chooses in the place of the library's init_mb_mgr_auto().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/crypto_rig.h"

#if defined(__x86_64__)

#include <intel-ipsec-mb.h>

#define LONGEST 1500
#define NO_SHA (IMB_FLAG_SHANI_OFF | IMB_FLAG_GFNI_OFF)

static const struct path {
	const char *name;
	void (*init)(IMB_MGR *manager);
	uint64_t needed;
	uint64_t flags; /* what to do without */
} paths[] = {
	{"SSE", init_mb_mgr_sse, IMB_CPUFLAGS_SSE, NO_SHA},
	{"SSE with SHA", init_mb_mgr_sse, IMB_CPUFLAGS_SSE_T2, 0},
	{"AVX", init_mb_mgr_avx, IMB_CPUFLAGS_AVX, NO_SHA},
	{"AVX with SHA", init_mb_mgr_avx, IMB_CPUFLAGS_AVX | IMB_FEATURE_SHANI, 0},
	{"AVX2", init_mb_mgr_avx2, IMB_CPUFLAGS_AVX2, NO_SHA},
	{"AVX2 with SHA", init_mb_mgr_avx2, IMB_CPUFLAGS_AVX2 | IMB_FEATURE_SHANI, 0},
	{"AVX512 without VAES", init_mb_mgr_avx512, IMB_CPUFLAGS_AVX512, NO_SHA},
	{"AVX512 with VAES", init_mb_mgr_avx512, IMB_CPUFLAGS_AVX512_T2, 0},
};

static const struct path *chosen = &paths[0];

/* Takes the place of the library's. */
void init_mb_mgr_auto(IMB_MGR *manager, IMB_ARCH *ret_arch)
{
	(void)ret_arch;
	imb_set_pointers_mb_mgr(manager, chosen->flags, 1);
	chosen->init(manager);
}

static void test_paths(void **state)
{
	size_t tested = 0;

	(void)state;
	for (chosen = paths; chosen < paths + sizeof(paths) / sizeof(paths[0]); chosen++) {
		struct crypto_rig *rig;

		if ((imb_get_feature_flags() & chosen->needed) != chosen->needed) {
			print_message("%s: not on this CPU\n", chosen->name);
			continue;
		}
		assert_int_equal(crypto_rig_setup((void **)&rig), 0);
		assert_non_null(rig->ctx[0]);
		print_message("%s: %s\n", chosen->name, crypto_ipsec_mb.ctx_describe(rig->ctx[0]));
		crypto_rig_check_suites(rig, false, LONGEST, 11);
		crypto_rig_check_suites(rig, true, LONGEST, 12);
		crypto_rig_teardown((void **)&rig);
		tested++;
	}
	assert_true(tested > 0);
}

#else

static void test_paths(void **state)
{
	(void)state;
	print_message("libipsec-mb is for x86-64 only\n");
	skip();
}

#endif

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths)};

	return cmocka_run_group_tests_name("crypto_archs", tests, NULL, NULL);
}

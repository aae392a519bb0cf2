/* SPDX-License-Identifier: BSD-2-Clause */
/* Which routes are asked for as outbound SAs come and go; the loader is a list. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <xesp/limits.h>

#include <cmocka.h>

#include "control/outbound.h"
#include "control/tun_routes.h"

#define CAPACITY (XESP_ROUTES_MAX + 8)

struct rig {
	struct outbound *outbound;
	struct tun_routes *routes;
	struct crypto_ctx *crypto;
	int result; /* of the loader */
	unsigned int added;
	unsigned int removed;
	char last[IP_PREFIX_TEXT_MAX];
};

static int add(void *owner, const struct ip_prefix *dst, const struct ip_prefix *src)
{
	struct rig *rig = owner;

	assert_non_null(src);
	ip_prefix_format(dst, rig->last);
	rig->added++;
	return rig->result;
}

static void remove_route(void *owner, const struct ip_prefix *dst)
{
	struct rig *rig = owner;

	ip_prefix_format(dst, rig->last);
	rig->removed++;
}

static int set_up(void **state)
{
	static struct rig rig;
	struct tun_routes_config config = {.add = add, .remove = remove_route, .owner = &rig};
	struct outbound_config store = {.provider = crypto_provider_by_name("openssl"), .capacity = CAPACITY};

	memset(&rig, 0, sizeof(rig));
	if (store.provider->ctx_new(&rig.crypto))
		return -1;
	store.crypto = rig.crypto;
	*state = &rig;
	return outbound_new(&store, &rig.outbound) || tun_routes_new(&config, &rig.routes);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	tun_routes_free(rig->routes);
	outbound_free(rig->outbound);
	crypto_provider_by_name("openssl")->ctx_free(rig->crypto);
	return 0;
}

static const struct sa_out *add_sa(struct rig *rig, uint32_t spi, enum sa_mode mode, const char *dst)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .spi = spi,
				   .mode = mode,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16};
	const struct sa_out *sa = NULL;
	const char *what = NULL;

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.dst), 0);
	assert_int_equal(ip_addr_parse("192.0.2.2", &params.src), 0);
	if (dst)
		assert_int_equal(ip_prefix_parse(dst, &params.selector.dst), 0);
	assert_int_equal(outbound_add(rig->outbound, &params, &sa, &what), 0);
	return sa;
}

static void sync(struct rig *rig, unsigned int added, unsigned int removed)
{
	tun_routes_sync(rig->routes, rig->outbound);
	assert_int_equal(rig->added, added);
	assert_int_equal(rig->removed, removed);
}

static void test_one_a_destination(void **state)
{
	struct rig *rig = *state;
	const struct sa_out *first = add_sa(rig, 0x1001, SA_MODE_TUNNEL, "10.1.0.0/16");
	const struct sa_out *second = add_sa(rig, 0x1002, SA_MODE_TUNNEL, "10.1.0.0/16");

	sync(rig, 1, 0);
	assert_string_equal(rig->last, "10.1.0.0/16");
	sync(rig, 1, 0);
	outbound_delete(rig->outbound, first, NULL);
	sync(rig, 1, 0);
	add_sa(rig, 0x1003, SA_MODE_TUNNEL, "10.0.0.0/8");
	sync(rig, 2, 0);
	outbound_delete(rig->outbound, second, NULL);
	sync(rig, 2, 1);
	assert_string_equal(rig->last, "10.1.0.0/16");
}

static void test_what_gets_none(void **state)
{
	struct rig *rig = *state;

	add_sa(rig, 0x1001, SA_MODE_TRANSPORT, "192.0.2.1/32");
	add_sa(rig, 0x1002, SA_MODE_TUNNEL, NULL);
	sync(rig, 0, 0);
}

static void test_refused_is_not_asked_again(void **state)
{
	struct rig *rig = *state;
	const struct sa_out *sa = add_sa(rig, 0x1001, SA_MODE_TUNNEL, "fd00::/64");

	rig->result = -EREMOTEIO;
	sync(rig, 1, 0);
	sync(rig, 1, 0);
	outbound_delete(rig->outbound, sa, NULL);
	sync(rig, 1, 0); /* nothing was set */
	rig->result = 0;
	add_sa(rig, 0x1001, SA_MODE_TUNNEL, "fd00::/64");
	sync(rig, 2, 0);
}

static void test_bounded(void **state)
{
	struct rig *rig = *state;
	char text[IP_PREFIX_TEXT_MAX];

	for (uint32_t i = 0; i < XESP_ROUTES_MAX + 4; i++) {
		snprintf(text, sizeof(text), "10.%u.%u.0/24", i / 256, i % 256);
		add_sa(rig, 0x1000 + i, SA_MODE_TUNNEL, text);
	}
	sync(rig, XESP_ROUTES_MAX, 0);
	outbound_flush(rig->outbound, "");
	sync(rig, XESP_ROUTES_MAX, XESP_ROUTES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_a_destination, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_what_gets_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused_is_not_asked_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_bounded, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("tun_routes", tests, NULL, NULL);
}

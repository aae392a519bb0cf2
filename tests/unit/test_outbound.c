/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store of outbound SAs: all or nothing, names, handles, and that nothing is freed while a worker may
 * have it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "control/outbound.h"

#define CAPACITY 8

/* What the store asks of others, and what they say. */
struct rig {
	struct outbound *outbound;
	struct crypto_ctx *crypto;
	int keys; /* alive */
	int hops; /* taken */
	int forgotten;
	int told; /* that SAs are marked */
	int key_err;
	int hop_err;
	bool busy;	      /* a worker is in its round */
	struct ip_addr asked; /* the last peer that a way was asked for */
};

static struct rig rig;
static struct nexthop *const the_hop = (struct nexthop *)&rig;

static int key_new(struct crypto_ctx *ctx, const struct crypto_suite *suite, struct crypto_key **ret_key)
{
	int err = rig.key_err ? rig.key_err : crypto_openssl.key_new(ctx, suite, ret_key);

	rig.keys += !err;
	return err;
}

static void key_free(struct crypto_key *key)
{
	rig.keys -= key != NULL;
	crypto_openssl.key_free(key);
}

static bool quiesce(void *owner, bool begin, unsigned int timeout_ms)
{
	(void)begin;
	(void)timeout_ms;
	assert_ptr_equal(owner, &rig);
	return !rig.busy;
}

static void forget(void *owner, const struct crypto_key *key)
{
	assert_ptr_equal(owner, &rig);
	assert_non_null(key);
	rig.forgotten++;
}

static int hop_take(void *owner, const struct ip_addr *dst, struct nexthop **ret_hop)
{
	assert_ptr_equal(owner, &rig);
	if (rig.hop_err)
		return rig.hop_err;
	rig.asked = *dst;
	rig.hops++;
	*ret_hop = the_hop;
	return 0;
}

static void hop_give(void *owner, struct nexthop *hop)
{
	assert_ptr_equal(owner, &rig);
	assert_ptr_equal(hop, the_hop);
	rig.hops--;
}

static void marked(void *owner)
{
	assert_ptr_equal(owner, &rig);
	rig.told++;
}

static int setup(void **state)
{
	static struct crypto_provider provider;
	struct outbound_config config = {.provider = &provider,
					 .capacity = CAPACITY,
					 .quiesce = quiesce,
					 .forget = forget,
					 .hop_take = hop_take,
					 .hop_give = hop_give,
					 .marked = marked,
					 .owner = &rig};

	(void)state;
	provider = crypto_openssl;
	provider.key_new = key_new;
	provider.key_free = key_free;
	memset(&rig, 0, sizeof(rig));
	assert_int_equal(crypto_openssl.ctx_new(&rig.crypto), 0);
	config.crypto = rig.crypto;
	return outbound_new(&config, &rig.outbound);
}

/* Whatever a test did, nothing is left. */
static int teardown(void **state)
{
	(void)state;
	rig.busy = false;
	outbound_free(rig.outbound);
	crypto_openssl.ctx_free(rig.crypto);
	assert_int_equal(rig.keys, 0);
	assert_int_equal(rig.hops, 0);
	return 0;
}

static struct sa_params params_of(uint32_t spi)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .spi = spi,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16,
				   .dev = "eth0"};

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.src), 0);
	assert_int_equal(ip_addr_parse("198.51.100.1", &params.dst), 0);
	memset(params.key, 0x5a, params.key_bytes);
	return params;
}

static const struct sa_out *add(uint32_t spi)
{
	struct sa_params params = params_of(spi);
	const struct sa_out *sa = NULL;
	const char *what = NULL;

	assert_int_equal(outbound_add(rig.outbound, &params, &sa, &what), 0);
	return sa;
}

static int add_err(const struct sa_params *params, const char **ret_what)
{
	static const struct sa_out untouched;
	const struct sa_out *sa = &untouched;
	int err = outbound_add(rig.outbound, params, &sa, ret_what);

	assert_ptr_equal(sa, &untouched);
	return err;
}

static struct sa_out *look_up(void)
{
	const struct spd_flow flow = {.family = 4, .protocol = 17};

	return spd_find(outbound_spd(rig.outbound), &flow);
}

static void test_add(void **state)
{
	const struct sa_out *sa = add(0x1000);
	struct handle handle = {sa->index, sa->generation};
	uint32_t index = 0;

	(void)state;
	assert_ptr_equal(look_up(), sa);
	assert_ptr_equal(outbound_get(rig.outbound, handle), sa);
	assert_ptr_equal(outbound_find(rig.outbound, 0x1000, &sa->params.dst), sa);
	assert_null(outbound_find(rig.outbound, 0x1001, &sa->params.dst));
	assert_null(outbound_find(rig.outbound, 0x1000, &sa->params.src));
	assert_ptr_equal(outbound_next(rig.outbound, &index), sa);
	assert_null(outbound_next(rig.outbound, &index));
	assert_int_equal(outbound_count(rig.outbound), 1);
	assert_true(ip_addr_equal(&rig.asked, &sa->params.dst));
	assert_ptr_equal(sa->hop, the_hop);
	for (size_t i = 0; i < sizeof(sa->params.key); i++)
		assert_int_equal(sa->params.key[i], 0);
}

/* The way to where the peer was is given back when no worker can read it. */
static void test_move(void **state)
{
	const struct sa_out *sa = add(0x1000);
	struct sa_out_ends ends;
	struct ip_addr peer;

	(void)state;
	assert_int_equal(ip_addr_parse("2001:db8::1", &peer), 0);
	assert_int_equal(outbound_move(rig.outbound, sa, &peer, 0), -EAFNOSUPPORT);
	assert_int_equal(ip_addr_parse("198.51.100.2", &peer), 0);
	rig.hop_err = -ENOSPC;
	assert_int_equal(outbound_move(rig.outbound, sa, &peer, 1024), -ENOSPC);
	sa_out_get_ends(sa, &ends);
	assert_true(ip_addr_equal(&ends.dst, &sa->params.dst));
	rig.hop_err = 0;
	rig.busy = true;
	assert_int_equal(outbound_move(rig.outbound, sa, &peer, 1024), 0);
	assert_true(ip_addr_equal(&rig.asked, &peer));
	assert_int_equal(rig.hops, 2);
	assert_int_equal(rig.told, 1);
	assert_int_equal(outbound_reap(rig.outbound), 1);
	rig.busy = false;
	assert_int_equal(outbound_reap(rig.outbound), 0);
	assert_int_equal(rig.hops, 1);
	sa_out_get_ends(sa, &ends);
	assert_true(ip_addr_equal(&ends.dst, &peer));
	assert_int_equal(ends.dport, 1024);
	assert_ptr_equal(outbound_find(rig.outbound, 0x1000, &sa->params.dst), sa);
	/* Another port alone needs no other way. */
	assert_int_equal(outbound_move(rig.outbound, sa, &peer, 1025), 0);
	assert_int_equal(rig.hops, 1);
	assert_int_equal(outbound_reap(rig.outbound), 0);
	/* One that a worker may read when all ends. */
	rig.busy = true;
	assert_int_equal(outbound_move(rig.outbound, sa, &sa->params.dst, 1025), 0);
	assert_int_equal(rig.hops, 2);
}

/* Each failure leaves what was there, and only that. */
static void test_all_or_nothing(void **state)
{
	const struct sa_out *sa = add(0x1000);
	struct sa_params params = params_of(0x1000);
	const char *what = NULL;
	static const int errors[] = {-ENOMEM, -ENOSPC};

	(void)state;
	assert_int_equal(add_err(&params, &what), -EEXIST);
	params.spi = 0x1001;
	rig.key_err = -EOPNOTSUPP;
	assert_int_equal(add_err(&params, &what), -EOPNOTSUPP);
	rig.key_err = 0;
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		rig.hop_err = errors[i];
		assert_int_equal(add_err(&params, &what), errors[i]);
		assert_string_equal(what, "peers");
	}
	rig.hop_err = 0;
	assert_int_equal(outbound_count(rig.outbound), 1);
	assert_int_equal(rig.keys, 1);
	assert_int_equal(rig.hops, 1);
	assert_ptr_equal(look_up(), sa);
	/* No slot was lost by that. */
	for (uint32_t i = 1; i < CAPACITY; i++)
		add(0x2000 + i);
	what = NULL;
	assert_int_equal(add_err(&params, &what), -ENOSPC);
	assert_string_equal(what, "outbound SAs");
}

static void test_delete(void **state)
{
	const struct sa_out *sa = add(0x1000);
	struct handle handle = {sa->index, sa->generation};
	struct ip_addr dst = sa->params.dst;
	bool waits = true;

	(void)state;
	outbound_delete(rig.outbound, sa, &waits);
	assert_false(waits);
	assert_null(look_up());
	assert_null(outbound_get(rig.outbound, handle));
	assert_null(outbound_find(rig.outbound, 0x1000, &dst));
	assert_int_equal(outbound_count(rig.outbound), 0);
	assert_int_equal(rig.keys, 0);
	assert_int_equal(rig.hops, 0);
	assert_int_equal(rig.forgotten, 1);
	assert_int_equal(rig.told, 0);
	/* The handle stays stale when something else is in its place. */
	for (uint32_t i = 0; i < CAPACITY; i++)
		add(0x3000 + i);
	assert_null(outbound_get(rig.outbound, handle));
}

/* A worker that does not come to an end keeps the memory, not the name, and nothing is sent by the SA. */
static void test_delete_waits_for_workers(void **state)
{
	const struct sa_out *sa = add(0x1000);
	bool waits = false;

	(void)state;
	rig.busy = true;
	outbound_delete(rig.outbound, sa, &waits);
	assert_true(waits);
	assert_int_equal(rig.told, 1);
	assert_true(atomic_load(&sa->dead));
	assert_int_equal(rig.keys, 1);
	assert_int_equal(rig.forgotten, 0);
	assert_int_equal(outbound_count(rig.outbound), 0);
	assert_int_equal(outbound_reap(rig.outbound), 1);
	add(0x1000);
	assert_int_equal(rig.keys, 2);
	rig.busy = false;
	assert_int_equal(outbound_reap(rig.outbound), 0);
	assert_int_equal(rig.keys, 1);
	assert_int_equal(rig.hops, 1);
}

/* Those marked while others are awaited are awaited anew. */
static void test_marked_in_turn(void **state)
{
	const struct sa_out *first = add(1 << 16), *second = add(2 << 16);

	(void)state;
	rig.busy = true;
	outbound_delete(rig.outbound, first, NULL);
	outbound_delete(rig.outbound, second, NULL);
	assert_int_equal(outbound_reap(rig.outbound), 2);
	rig.busy = false;
	assert_int_equal(outbound_reap(rig.outbound), 0);
	assert_int_equal(rig.forgotten, 2);
}

static void test_flush(void **state)
{
	struct sa_params other = params_of(0x4000);
	const struct sa_out *sa;
	const char *what;

	(void)state;
	add(0x1000);
	add(0x1001);
	memcpy(other.dev, "eth1", sizeof("eth1"));
	assert_int_equal(outbound_add(rig.outbound, &other, &sa, &what), 0);
	assert_int_equal(outbound_flush(rig.outbound, "eth2"), 0);
	assert_int_equal(outbound_flush(rig.outbound, "eth0"), 2);
	assert_ptr_equal(look_up(), sa);
	assert_int_equal(outbound_flush(rig.outbound, ""), 1);
	assert_null(look_up());
	assert_int_equal(rig.keys, 0);
}

/* The newer of two SAs with one selector takes over, and gives back when it goes. */
static void test_rekey(void **state)
{
	const struct sa_out *old = add(0x1000), *new = add(0x1001);

	(void)state;
	assert_ptr_equal(look_up(), new);
	outbound_delete(rig.outbound, new, NULL);
	assert_ptr_equal(look_up(), old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_add, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_all_or_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_waits_for_workers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_marked_in_turn, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flush, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rekey, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

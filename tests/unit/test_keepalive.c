/* SPDX-License-Identifier: BSD-2-Clause */
/* When NAT keepalives are due, and their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "control/keepalive.h"
#include "dataplane/checksum.h"
#include "dataplane/nat_keepalive.h"
#include "dataplane/wire.h"

#define SECONDS 20
#define NOW 1000000

struct rig {
	struct outbound *outbound;
	struct keepalive *keepalive;
	struct crypto_ctx *crypto;
	bool refuse;
	unsigned int sent;
	struct sa_out_ends last;
};

static bool send_one(void *owner, const struct sa_out *sa, const struct sa_out_ends *ends)
{
	struct rig *rig = owner;

	assert_non_null(sa);
	rig->last = *ends;
	rig->sent += !rig->refuse;
	return !rig->refuse;
}

static int set_up(void **state)
{
	static struct rig rig;
	struct keepalive_config config = {.seconds = SECONDS, .send = send_one, .owner = &rig};
	struct outbound_config store = {.provider = crypto_provider_by_name("openssl"), .capacity = 64};

	memset(&rig, 0, sizeof(rig));
	if (store.provider->ctx_new(&rig.crypto))
		return -1;
	store.crypto = rig.crypto;
	*state = &rig;
	return outbound_new(&store, &rig.outbound) || keepalive_new(&config, &rig.keepalive);
}

static int tear_down(void **state)
{
	struct rig *rig = *state;

	keepalive_free(rig->keepalive);
	outbound_free(rig->outbound);
	crypto_provider_by_name("openssl")->ctx_free(rig->crypto);
	return 0;
}

/* With UDP if there is a port. */
static struct sa_out *add(struct rig *rig, uint32_t spi, uint16_t dport)
{
	struct sa_params params = {.dir = SA_DIR_OUT,
				   .spi = spi,
				   .mode = SA_MODE_TUNNEL,
				   .cipher = ALGO_AES_GCM,
				   .key_bytes = 20,
				   .icv_bytes = 16,
				   .encap = {.present = dport, .sport = 4500, .dport = dport}};
	const struct sa_out *sa = NULL;
	const char *what = NULL;

	assert_int_equal(ip_addr_parse("192.0.2.1", &params.dst), 0);
	assert_int_equal(ip_addr_parse("192.0.2.2", &params.src), 0);
	assert_int_equal(outbound_add(rig->outbound, &params, &sa, &what), 0);
	return (struct sa_out *)sa;
}

static void sweep(struct rig *rig, uint64_t now, uint32_t next, unsigned int sent)
{
	assert_int_equal(keepalive_sweep(rig->keepalive, rig->outbound, now), next);
	assert_int_equal(rig->sent, sent);
}

static void test_after_silence(void **state)
{
	struct rig *rig = *state;

	sweep(rig, NOW, 0, 0);
	add(rig, 0x1001, 4500);
	sweep(rig, NOW, SECONDS, 0);
	sweep(rig, NOW + SECONDS - 1, 1, 0);
	sweep(rig, NOW + SECONDS, SECONDS, 1);
	assert_int_equal(rig->last.dport, 4500);
	sweep(rig, NOW + SECONDS + 1, SECONDS - 1, 1);
	sweep(rig, NOW + 2 * SECONDS, SECONDS, 2);
	outbound_flush(rig->outbound, "");
	sweep(rig, NOW + 3 * SECONDS, 0, 2);
}

static void test_traffic_of_any_sa_counts(void **state)
{
	struct rig *rig = *state;
	struct sa_out *first = add(rig, 0x1001, 4500);

	add(rig, 0x1002, 4500);
	sweep(rig, NOW, SECONDS, 0);
	atomic_store(&first->counters.last_used, NOW + 15);
	sweep(rig, NOW + SECONDS, 15, 0);
	sweep(rig, NOW + SECONDS + 15, SECONDS, 1);
	add(rig, 0x1003, 4501); /* another mapping */
	sweep(rig, NOW + 50, 5, 1);
	sweep(rig, NOW + 55, 15, 2);
	sweep(rig, NOW + 70, 5, 3);
	assert_int_equal(rig->last.dport, 4501);
}

static void test_only_in_udp(void **state)
{
	struct rig *rig = *state;

	add(rig, 0x1001, 0);
	sweep(rig, NOW, 0, 0);
	sweep(rig, NOW + SECONDS, 0, 0);
}

static void test_without_a_way_tried_again(void **state)
{
	struct rig *rig = *state;

	add(rig, 0x1001, 4500);
	sweep(rig, NOW, SECONDS, 0);
	rig->refuse = true;
	sweep(rig, NOW + SECONDS, 1, 0);
	rig->refuse = false;
	sweep(rig, NOW + SECONDS + 1, SECONDS, 1);
}

static void test_clock_set_back(void **state)
{
	struct rig *rig = *state;

	add(rig, 0x1001, 4500);
	sweep(rig, NOW, SECONDS, 0);
	sweep(rig, NOW - 5000, SECONDS, 0);
	sweep(rig, NOW - 5000 + SECONDS, SECONDS, 1);
}

static struct sa_out_ends ends_of(const char *src, const char *dst)
{
	struct sa_out_ends ends = {.sport = 4500, .dport = 1024};

	assert_int_equal(ip_addr_parse(src, &ends.src), 0);
	assert_int_equal(ip_addr_parse(dst, &ends.dst), 0);
	return ends;
}

static void test_bytes(void **state)
{
	static const uint8_t link[NEXTHOP_LINK_BYTES] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	static const uint8_t ipv4[] = {0x45, 0,	   0,	 29,   0, 0, 0x40, 0, 64,  17,
				       0xb6, 0xcc, 192,	 0,    2, 2, 192,  0, 2,   1,
				       0x11, 0x94, 0x04, 0x00, 0, 9, 0,	   0, 0xff};
	struct sa_out_ends ends = ends_of("192.0.2.2", "192.0.2.1");
	uint8_t frame[NAT_KEEPALIVE_BYTES_MAX];
	const uint8_t *udp = frame + 14 + 40;
	uint64_t sum;

	(void)state;
	assert_int_equal(nat_keepalive_write(&ends, link, frame), 14 + sizeof(ipv4));
	assert_memory_equal(frame, link, sizeof(link));
	assert_memory_equal(frame + 14, ipv4, sizeof(ipv4));
	ends = ends_of("2001:db8::2", "2001:db8::1");
	assert_int_equal(nat_keepalive_write(&ends, link, frame), sizeof(frame));
	assert_int_equal(frame[14], 0x60);
	assert_int_equal(wire_get16(frame + 14 + 4), 9);
	assert_int_equal(frame[14 + 6], 17);
	assert_int_equal(udp[8], 0xff);
	sum = checksum_pseudo(6, ends.src.bytes, ends.dst.bytes, 9, 17);
	assert_int_equal(checksum_finish(checksum_add(sum, udp, 9)), 0);
	assert_int_not_equal(wire_get16(udp + 6), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_after_silence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_traffic_of_any_sa_counts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_only_in_udp, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_without_a_way_tried_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_clock_set_back, set_up, tear_down),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests_name("keepalive", tests, NULL, NULL);
}

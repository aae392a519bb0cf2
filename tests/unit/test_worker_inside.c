/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets from inside in a worker's AF_XDP socket, among those to be opened: each goes its way, is counted
 * once, and its frame comes home.
 */
#include "tests/unit/worker_rig.h"

#include <sys/socket.h>

#define LINK 14

static int host; /* the other end of the first worker's TUN queue */

static void add_send(void)
{
	struct worker *worker = bench.group->workers[0];
	struct send_config config = {.crypto = worker->crypto, .counters = worker->counters};
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
	config.tun = worker->sink.fd = ends[0];
	host = ends[1];
	assert_int_equal(send_new(&config, &worker->send), 0);
}

/* `meta` but for its magic; the packet is the IP packet of a frame. */
static void send_inside(uint32_t queue, struct xesp_meta meta, const uint8_t *ip, size_t len)
{
	uint8_t bytes[sizeof(meta) + LINK + NEST_PACKET_MAX] = {0};

	meta.magic = XESP_META_MAGIC_INSIDE;
	memcpy(bytes, &meta, sizeof(meta));
	memcpy(bytes + sizeof(meta) + LINK, ip, len);
	assert_true(kernel_receive(queue, bytes + sizeof(meta), LINK + len, sizeof(meta)));
	bench.sent++;
}

static size_t to_be_sealed(uint8_t *out)
{
	return plain_inner(out);
}

static struct xesp_meta meta_of(size_t len)
{
	return (struct xesp_meta){.l3_offset = LINK, .esp_length = (uint16_t)len};
}

/* There is no outbound SA: the packet has come as far as that, and its sender is told. */
static void test_among_others(void **state)
{
	uint8_t ip[NEST_PACKET_MAX], answer[NEST_PACKET_MAX];
	size_t len;

	(void)state;
	set_up(&nest_kinds[0]);
	add_send();
	own(bench.nest.tunnel_sa, 0);
	own(bench.nest.transport_sa, 0);
	len = to_be_sealed(ip);
	for (int i = 0; i < 6; i++) {
		send_inside(0, meta_of(len), ip, len);
		send_nested(0);
	}
	run_all();
	assert_int_equal(count_of(XESP_REASON_SEND_REFUSED), 6);
	expect_plain_delivered(6);
	expect_sums();
	for (int i = 0; i < 6; i++)
		assert_true(read(host, answer, sizeof(answer)) > 0);
	close(host);
	tear_down();
}

/* Lengths that reach beyond the frame, and a worker that sends nothing. */
static void test_bad_metadata(void **state)
{
	uint8_t ip[NEST_PACKET_MAX];
	size_t len;

	(void)state;
	set_up(&nest_kinds[0]);
	add_send();
	len = to_be_sealed(ip);
	send_inside(0, meta_of(len + 1), ip, len);
	send_inside(0, (struct xesp_meta){.l3_offset = (uint16_t)(LINK + len + 1)}, ip, len);
	send_inside(0, (struct xesp_meta){.l3_offset = 9, .esp_length = 20}, ip, len);
	send_inside(1, meta_of(len), ip, len);
	run_all();
	assert_int_equal(count_of(XESP_REASON_BAD_META), 4);
	send_inside(0, meta_of(len), ip, len);
	run_all();
	assert_int_equal(count_of(XESP_REASON_SEND_REFUSED), 1);
	expect_sums();
	close(host);
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_among_others),
		cmocka_unit_test(test_bad_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Through the transmit ring of an AF_XDP socket: what is sealed in its frames is what a packet socket would
 * have sent, in the same order over changes of the way, and each frame comes back. This file stands in for
 * sendto(), by which the kernel is told to look at the ring; what it does then is that of copy mode
 * (net/xdp/xsk.c,
 * __xsk_generic_xmit).
 */
#include <linux/if_xdp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/send_rig.h"

#define MTU 1500
#define BATCH 32 /* packets that the kernel sends with one call */
#define RING XESP_TX_FRAMES_PER_QUEUE

static struct {
	struct xsk_tx tx;
	struct xdp_desc ring[RING];
	uint64_t done[RING];
	uint64_t held[RING]; /* sent, but not given back */
	uint32_t holding;
	uint32_t producer, consumer, done_producer, done_consumer, flags;
	uint8_t *umem;
	uint32_t calls;
	bool keeps; /* frames, until give_back() */
	bool down, busy;
	uint32_t throws; /* away, so many packets */
} nic;

/* ---- the kernel -------------------------------------------------------------------------------------------
 */

static void give_back(void)
{
	for (uint32_t i = 0; i < nic.holding; i++)
		nic.done[nic.done_producer++ % RING] = nic.held[i];
	nic.holding = 0;
}

/* A frame that is as the packet socket's, with nothing left to be done. */
static void transmit(const struct xdp_desc *desc)
{
	static uint8_t frame[PORT_FRONT + XESP_FRAME_SIZE];

	assert_true(desc->addr >= nic.tx.begin && desc->options == 0);
	assert_true(desc->addr % XESP_FRAME_SIZE + desc->len <= XESP_FRAME_SIZE);
	memcpy(frame + PORT_FRONT, nic.umem + desc->addr, desc->len);
	/* Whoever reads it later is not to find it unchanged. */
	memset(nic.umem + desc->addr, 0xdd, desc->len);
	wire_takes(frame + PORT_FRONT, desc->len);
}

static int refuse(int error)
{
	errno = error;
	return -1;
}

static ssize_t take_from_ring(void)
{
	for (uint32_t i = 0; nic.consumer != nic.producer; i++) {
		const struct xdp_desc *desc = &nic.ring[nic.consumer % RING];

		if (i == BATCH || nic.busy)
			return refuse(EAGAIN);
		nic.consumer++;
		nic.held[nic.holding++] = desc->addr;
		if (!nic.throws)
			transmit(desc);
		if (!nic.keeps)
			give_back();
		if (nic.throws) {
			nic.throws--;
			return refuse(EBUSY);
		}
	}
	return 0;
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	(void)to;
	(void)to_len;
	assert_int_equal(fd, -7);
	assert_null(data);
	assert_int_equal(len, 0);
	assert_true(flags & MSG_DONTWAIT);
	nic.calls++;
	return nic.down ? refuse(ENETDOWN) : take_from_ring();
}

static void set_up_ring(const struct sa_params *params, uint32_t mtu, enum tx_mode mode)
{
	const uint32_t before = 4 * XESP_FRAME_SIZE; /* frames that receive */

	set_up(params, mtu);
	memset(&nic, 0, sizeof(nic));
	nic.umem = calloc(RING + 4, XESP_FRAME_SIZE);
	assert_non_null(nic.umem);
	nic.flags = XDP_RING_NEED_WAKEUP;
	nic.tx = (struct xsk_tx){.socket = -7,
				 .umem = nic.umem,
				 .ring = {.mask = RING - 1,
					  .size = RING,
					  .producer = &nic.producer,
					  .consumer = &nic.consumer,
					  .ring = nic.ring,
					  .flags = &nic.flags,
					  .cached_cons = RING},
				 .done = {.mask = RING - 1,
					  .size = RING,
					  .producer = &nic.done_producer,
					  .consumer = &nic.done_consumer,
					  .ring = nic.done,
					  .flags = &nic.flags}};
	xsk_tx_init(&nic.tx, before, RING, XESP_FRAME_SIZE);
	send_set_port(bench.send, bench.port, &nic.tx, mode);
}

/* All frames are free again. */
static void tear_down_ring(void)
{
	give_back();
	assert_int_equal(xsk_tx_idle(&nic.tx), RING);
	assert_int_equal(xsk_tx_collect(&nic.tx), RING);
	assert_int_equal(xsk_tx_pending(&nic.tx), 0);
	tear_down();
	free(nic.umem);
}

static struct sa_params tunnel(void)
{
	return seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
}

static uint64_t by_ring(void)
{
	return atomic_load(&bench.port->by_ring);
}

/* A step with `count` packets; what is on the wire is in bench.packet, from the first on. */
static void send_some(uint32_t count, uint32_t data)
{
	uint8_t inner[4000];

	for (uint32_t i = 0; i < count; i++)
		host_sends(inner, inner_udp(4, data, false, inner));
	run();
}

static uint32_t number_of(uint32_t i)
{
	const uint8_t *seq = bench.packet[i].bytes + 20 + 8 + 4;

	return (uint32_t)packet_get16(seq) << 16 | packet_get16(seq + 2);
}

/* ---- what comes out ---------------------------------------------------------------------------------------
 */

static void check_single(const struct sa_params *params, uint8_t family)
{
	uint8_t inner[1500];

	set_up_ring(params, MTU, TX_MODE_XDP);
	for (uint32_t data = 0; data < 1350; data += 119) {
		uint32_t len = inner_udp(family, data, false, inner);

		host_sends(inner, len);
		run();
		assert_int_equal(bench.packets, 1);
		seal_rig_expect(params, inner);
		expect_opened(0, inner, len);
	}
	assert_int_equal(count_of(XESP_REASON_SENT), bench.in);
	assert_int_equal(by_ring(), bench.in);
	assert_int_equal(atomic_load(&bench.port->sent), bench.in);
	expect_sum(0);
	tear_down_ring();
}

static void test_modes_and_forms(void **state)
{
	const enum sa_mode modes[] = {SA_MODE_TUNNEL, SA_MODE_TRANSPORT, SA_MODE_BEET};

	(void)state;
	for (size_t m = 0; m < 3; m++)
		for (unsigned int form = XESP_FORM_NATIVE; form <= XESP_FORM_UDP_IKE; form++)
			for (uint8_t inner = 4; inner <= 6; inner += 2)
				for (uint8_t outer = 4; outer <= 6; outer += 2) {
					struct sa_params params =
						seal_rig_params(modes[m], inner, outer, (enum xesp_form)form);

					if (modes[m] == SA_MODE_TRANSPORT && inner != outer)
						continue;
					check_single(&params, inner);
					esp_rig_suite(&params, ALGO_AES_CBC, 16, ALGO_HMAC_SHA256, 16);
					check_single(&params, inner);
				}
}

/* Segments are packets of their own, with few calls. */
static void test_flows(void **state)
{
	struct sa_params params = tunnel();

	(void)state;
	params.replay_window = 1024;
	set_up_ring(&params, MTU, TX_MODE_XDP);
	check_flow(&params, 4, 40000, 1300);
	assert_int_equal(bench.frames, bench.packets);
	assert_int_equal(nic.calls, 1);
	check_flow(&params, 4, 65000, 1300);
	check_flow(&params, 4, 1300, 1300);
	check_flow(&params, 4, 65000, 500);
	assert_int_equal(by_ring(), atomic_load(&bench.port->sent));
	tear_down_ring();
}

/* What does not fit a frame, or is cut by the other end of nobody, goes where it always went. */
static void test_not_for_the_ring(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[4000];

	(void)state;
	set_up_ring(&params, 9000, TX_MODE_XDP);
	send_some(3, 1000);
	assert_int_equal(bench.packets, 3);
	assert_int_equal(by_ring(), 0);
	tear_down_ring();
	params = seal_rig_params(SA_MODE_TRANSPORT, 4, 4, XESP_FORM_UDP);
	set_up_ring(&params, 1000, TX_MODE_XDP);
	host_sends(inner, inner_udp(4, 1500, true, inner)); /* outer fragments */
	run();
	assert_int_equal(bench.packets, 2);
	assert_int_equal(by_ring(), 0);
	send_some(1, 100);
	assert_int_equal(by_ring(), 1);
	tear_down_ring();
}

/* The way of an interface that is not the worker's, and of one without a ring. */
static void test_other_ports(void **state)
{
	struct sa_params params = tunnel();
	struct port *other;

	(void)state;
	set_up(&params, MTU);
	assert_int_equal(port_new(8, &other), 0);
	memset(&nic, 0, sizeof(nic));
	send_set_port(bench.send, bench.port, &nic.tx, TX_MODE_XDP);
	send_some(3, 100);
	assert_int_equal(bench.packets, 3);
	assert_int_equal(by_ring(), 0);
	tear_down();
	set_up_ring(&params, MTU, TX_MODE_XDP);
	bench.send->tx.port = other;
	send_some(3, 100);
	assert_int_equal(bench.packets, 3);
	assert_int_equal(by_ring(), 0);
	tear_down_ring();
	port_free(other);
}

/* ---- a ring that is full, an interface that is down -------------------------------------------------------
 */

/* Nothing is read when frames do not come back, and nothing is lost. */
static void test_full(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[1500];
	uint32_t sent = 0;

	(void)state;
	set_up_ring(&params, MTU, TX_MODE_XDP);
	nic.keeps = true;
	while (send_blocked(bench.send) == SEND_NOT_BLOCKED) {
		assert_true(sent < RING);
		bench.packets = 0;
		host_sends(inner, inner_udp(4, 100, false, inner));
		sent += send_step(bench.send, ESP_RIG_NOW);
	}
	assert_int_equal(send_blocked(bench.send), SEND_BLOCKED_TIME);
	assert_true(send_timeout(bench.send) > 0);
	assert_int_equal(count_of(XESP_REASON_SENT), sent);
	expect_sum(1);
	assert_int_equal(xsk_tx_idle(&nic.tx), RING - sent);
	assert_false(send_step(bench.send, ESP_RIG_NOW));
	give_back();
	nic.keeps = false;
	bench.packets = 0;
	assert_true(send_step(bench.send, ESP_RIG_NOW));
	assert_int_equal(send_blocked(bench.send), SEND_NOT_BLOCKED);
	assert_int_equal(bench.packets, 1);
	assert_int_equal(number_of(0), sent + 1);
	expect_sum(0);
	assert_int_equal(atomic_load(&bench.port->failed), 0);
	tear_down_ring();
}

/* Packets stay in the ring while the driver is busy, and leave first afterwards. */
static void test_busy(void **state)
{
	struct sa_params params = tunnel();

	(void)state;
	set_up_ring(&params, MTU, TX_MODE_XDP);
	nic.busy = true;
	send_some(40, 100);
	assert_int_equal(bench.packets, 0);
	assert_int_equal(xsk_tx_pending(&nic.tx), 40);
	assert_true(send_timeout(bench.send) > 0);
	nic.busy = false;
	send_some(0, 0);
	assert_int_equal(bench.packets, 40);
	assert_int_equal(number_of(0), 1);
	assert_int_equal(send_timeout(bench.send), -1);
	send_some(1, 100);
	assert_int_equal(number_of(0), 41);
	tear_down_ring();
}

/* Counted as refused by the interface, and the others are sent. */
static void test_thrown_away(void **state)
{
	struct sa_params params = tunnel();

	(void)state;
	set_up_ring(&params, MTU, TX_MODE_XDP);
	nic.throws = 5;
	send_some(20, 100);
	assert_int_equal(bench.packets, 15);
	assert_int_equal(atomic_load(&bench.port->failed), 5);
	assert_int_equal(atomic_load(&bench.port->sent), 15);
	assert_int_equal(by_ring(), 15);
	tear_down_ring();
}

/* The packet socket takes over, which says so of each packet; what is in the ring leaves when it is up. */
static void test_down(void **state)
{
	struct sa_params params = tunnel();

	(void)state;
	set_up_ring(&params, MTU, TX_MODE_XDP);
	nic.down = true;
	send_some(10, 100);
	assert_int_equal(bench.packets, 0);
	assert_int_equal(xsk_tx_pending(&nic.tx), 10);
	bench.send->tx.switch_by = 1; /* long ago */
	send_some(10, 100);
	assert_int_equal(bench.packets, 10);
	assert_int_equal(number_of(0), 11);
	assert_int_equal(by_ring(), 10);
	nic.down = false;
	send_some(1, 100);
	assert_int_equal(bench.packets, 11);
	assert_int_equal(number_of(0), 1);
	assert_int_equal(number_of(10), 21);
	assert_int_equal(bench.send->tx.way, TX_WAY_XDP);
	tear_down_ring();
}

/* A kernel that gives back what it never had. */
static void test_wild_addresses(void **state)
{
	const uint64_t wild[] = {0, 4095, (RING + 4ull) * XESP_FRAME_SIZE, UINT64_MAX};
	struct sa_params params = tunnel();

	(void)state;
	set_up_ring(&params, MTU, TX_MODE_XDP);
	for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++)
		nic.done[nic.done_producer++] = wild[i];
	send_some(20, 100);
	assert_int_equal(bench.packets, 20);
	tear_down_ring();
}

/* ---- the choice -------------------------------------------------------------------------------------------
 */

/* Steps until the way that bursts are to take is another one than they take. */
static void send_until_change(void)
{
	uint32_t bursts = 0;

	do {
		assert_true(++bursts < 100);
		send_some(10, 100);
	} while (tx_choice_way(&bench.send->tx.choice) == bench.send->tx.way);
}

/* Nothing leaves by another way before what went this one is out. */
static void test_change_waits(void **state)
{
	struct sa_params params = tunnel();
	uint8_t inner[200], taken[WIRE_MAX];

	(void)state;
	set_up_ring(&params, MTU, TX_MODE_AUTO);
	assert_int_equal(bench.send->tx.way, TX_WAY_PACKET);
	/* All but the last burst was read from the wire. */
	for (uint32_t i = 0; tx_choice_way(&bench.send->tx.choice) == TX_WAY_PACKET; i++) {
		assert_true(i < 100);
		while (read(bench.wire, taken, sizeof(taken)) > 0)
			;
		for (uint32_t j = 0; j < 10; j++)
			host_sends(inner, inner_udp(4, 100, false, inner));
		assert_true(send_step(bench.send, ESP_RIG_NOW));
	}
	host_sends(inner, inner_udp(4, 100, false, inner));
	bench.send->tx.switch_by = UINT64_MAX;
	assert_false(send_step(bench.send, ESP_RIG_NOW));
	assert_int_equal(send_blocked(bench.send), SEND_BLOCKED_TIME);
	assert_true(send_timeout(bench.send) > 0);
	while (read(bench.wire, taken, sizeof(taken)) > 0)
		;
	assert_true(send_step(bench.send, ESP_RIG_NOW));
	assert_int_equal(bench.send->tx.way, TX_WAY_XDP);
	assert_int_equal(by_ring(), 1);
	/* And back. */
	nic.keeps = true;
	send_until_change();
	host_sends(inner, inner_udp(4, 100, false, inner));
	bench.send->tx.switch_by = UINT64_MAX;
	assert_false(send_step(bench.send, ESP_RIG_NOW));
	/* Not for ever. */
	bench.send->tx.switch_by = 1;
	assert_true(send_step(bench.send, ESP_RIG_NOW));
	assert_int_equal(bench.send->tx.way, TX_WAY_PACKET);
	expect_sum(0);
	tear_down_ring();
}

/* Over a whole trial every packet arrives, in order. */
static void test_trial(void **state)
{
	struct sa_params params = tunnel();
	struct send_state told;
	uint32_t next = 1;

	(void)state;
	set_up_ring(&params, MTU, TX_MODE_AUTO);
	for (uint32_t bursts = 0; !atomic_load(&bench.send->tx.choice.trials); bursts++) {
		assert_true(bursts < 1000);
		send_some(10, 100);
		assert_int_equal(bench.packets, 10);
		for (uint32_t i = 0; i < bench.packets; i++)
			assert_int_equal(number_of(i), next++);
	}
	assert_int_equal(count_of(XESP_REASON_SENT), next - 1);
	assert_true(by_ring() > TX_CHOICE_SAMPLES * 9 && by_ring() < next - TX_CHOICE_SAMPLES * 9);
	send_read_state(bench.send, &told);
	assert_int_equal(told.why, TX_WHY_MEASURED);
	assert_int_equal(told.trials, 1);
	assert_true(told.ns[TX_WAY_PACKET] > 0 && told.ns[TX_WAY_XDP] > 0);
	tear_down_ring();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes_and_forms),
		cmocka_unit_test(test_flows),
		cmocka_unit_test(test_not_for_the_ring),
		cmocka_unit_test(test_other_ports),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_busy),
		cmocka_unit_test(test_thrown_away),
		cmocka_unit_test(test_down),
		cmocka_unit_test(test_wild_addresses),
		cmocka_unit_test(test_change_waits),
		cmocka_unit_test(test_trial),
	};

	return cmocka_run_group_tests_name("send_tx", tests, NULL, NULL);
}

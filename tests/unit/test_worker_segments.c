/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pieces of UDP segments among the workers of a group: each packet in them is one like others, wherever its
 * SA is owned and whatever is in it, and has an exit of its own.
 */
#include "tests/unit/worker_rig.h"

#define PIECE_MAX 65535
#define NUMBERS 4096 /* of packets in a test */

/* Tunnels in UDP, of all nest_kinds. */
static const size_t kinds[] = {0, 1, 2, 3, 12, 13};

/* The piece that is being made; its metadata in front. */
static struct {
	struct esp_packet first;
	uint8_t bytes[sizeof(struct xesp_meta) + PIECE_MAX];
	size_t len;
} piece;

/* Packets by number, which is their source port inside. */
static uint8_t seen[NUMBERS];
static uint32_t last_seen;
static size_t sealed;

static size_t plain(uint32_t number, uint8_t *out)
{
	const struct packet_spec spec = {.family = bench.nest.kind.transport.family,
					 .protocol = IPPROTO_UDP,
					 .src = packet_addr(bench.nest.kind.transport.family, 2),
					 .dst = packet_addr(bench.nest.kind.transport.family, 0),
					 .sport = (uint16_t)number,
					 .dport = 9,
					 .data_len = bench.data_len};

	return packet_build(&spec, out);
}

static void check_content(const struct esp_packet *packet)
{
	uint8_t want[NEST_PACKET_MAX];
	size_t header = bench.nest.kind.transport.family == 4 ? 20 : 40;
	uint32_t number = packet_get16(packet->packet + header);

	assert_true(number < NUMBERS);
	assert_int_equal(packet->packet_len, plain(number, want));
	assert_memory_equal(packet->packet, want, packet->packet_len);
	seen[number]++;
	last_seen = number;
}

static void deliver_checked(struct sink *to, struct esp_packet *packets, size_t count)
{
	deliver(to, packets, count);
	for (size_t i = 0; i < count; i++)
		if (esp_is_delivered(packets[i].reason))
			check_content(&packets[i]);
}

static const struct sink_ops checking = {.name = "test", .deliver = deliver_checked};

static void begin(size_t kind, uint32_t frames)
{
	set_up_frames(&nest_kinds[kind], frames);
	for (uint32_t i = 0; i < QUEUES; i++)
		bench.group->workers[i]->sink.ops = &checking;
	worker_group_set_segments(bench.group, true);
	memset(seen, 0, sizeof(seen));
	sealed = 0;
	piece.len = 0;
}

/* Each of the packets that were sealed has come once, and nothing else. */
static void expect_all(void)
{
	assert_int_equal(bench.delivered, sealed);
	for (size_t i = 0; i < NUMBERS; i++)
		assert_int_equal(seen[i], i < sealed);
	expect_sums();
}

static void own_all(uint32_t worker)
{
	own(bench.nest.tunnel_sa, worker);
	own(bench.nest.transport_sa, worker);
}

static struct esp_packet next_packet(bool nested)
{
	uint8_t bytes[NEST_PACKET_MAX], inner[NEST_PACKET_MAX];
	size_t header = bench.nest.kind.transport.family == 4 ? 20 : 40;
	size_t len = plain((uint32_t)sealed++, bytes);

	if (!nested)
		return nest_wrap(&bench.nest, 0, bytes, len);
	len = nest_inner(&bench.nest, bytes + header, len - header, IPPROTO_UDP, inner);
	return nest_wrap(&bench.nest, 0, inner, len);
}

/* In front of the UDP payload. */
static size_t front(void)
{
	return piece.first.meta.esp_offset - (piece.first.meta.form == XESP_FORM_UDP_IKE ? 8u : 0u);
}

static void add(bool nested)
{
	const struct esp_packet packet = next_packet(nested);
	uint8_t *frame = piece.bytes + sizeof(packet.meta);
	size_t skip = 0;

	if (!piece.len)
		piece.first = packet;
	else
		skip = front();
	assert_true(piece.len + packet.frame_len - skip <= PIECE_MAX);
	memcpy(frame + piece.len, packet.frame + skip, packet.frame_len - skip);
	piece.len += packet.frame_len - skip;
}

/* Lengths, and the sum over the pseudo-header in place of UDP's checksum. */
static void finish_headers(uint8_t *frame)
{
	uint8_t *ip = frame + piece.first.meta.l3_offset, *udp = frame + front() - 8;
	uint16_t udp_length = (uint16_t)(piece.len - front() + 8);
	uint16_t sum;

	packet_put16(udp + 4, udp_length);
	if (piece.first.meta.family == 4) {
		packet_ipv4_set16(ip, 2, (uint16_t)(piece.len - piece.first.meta.l3_offset));
		sum = packet_checksum(IPPROTO_UDP + udp_length, ip + 12, 8);
	} else {
		packet_put16(ip + 4, udp_length);
		sum = packet_checksum(IPPROTO_UDP + udp_length, ip + 8, 32);
	}
	packet_put16(udp + 6, (uint16_t)~sum);
}

/* What was added, in one piece. */
static void send_piece(uint32_t queue)
{
	struct xesp_meta meta = piece.first.meta;
	uint8_t *frame = piece.bytes + sizeof(meta);

	finish_headers(frame);
	meta.esp_length = (uint16_t)(piece.len - meta.esp_offset);
	memcpy(piece.bytes, &meta, sizeof(meta));
	assert_true(kernel_receive(queue, frame, piece.len, sizeof(meta)));
	bench.sent++;
	piece.len = 0;
}

static void send_packets(uint32_t queue, size_t count, bool nested)
{
	for (size_t i = 0; i < count; i++)
		add(nested);
	send_piece(queue);
}

static void send_one(uint32_t queue, bool nested)
{
	const struct esp_packet packet = next_packet(nested);

	send_packet(queue, &packet);
}

static void expect_cut(uint32_t queue, uint64_t pieces, uint64_t packets)
{
	struct worker_state state;

	worker_group_state(bench.group, queue, &state);
	assert_int_equal(state.cut_pieces, pieces);
	assert_int_equal(state.cut_packets, packets);
}

/* Wherever the piece comes in and whoever owns the SAs of both layers. */
static void test_each_way_through_the_workers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		begin(kinds[i], FRAMES);
		for (uint32_t way = 0; way < QUEUES * QUEUES * QUEUES; way++) {
			own(bench.nest.tunnel_sa, way / QUEUES % QUEUES);
			own(bench.nest.transport_sa, way / QUEUES / QUEUES);
			send_packets(way % QUEUES, 5, way % 2);
			run_all();
			assert_int_equal(last_seen, sealed - 1);
		}
		for (uint32_t queue = 0; queue < QUEUES; queue++)
			expect_cut(queue, QUEUES * QUEUES, 5ul * QUEUES * QUEUES);
		expect_all();
		tear_down();
	}
}

/* In the order in which they came: the windows are as small as may be, and nothing is too old. */
static void test_among_others(void **state)
{
	(void)state;
	for (uint32_t owner = 0; owner < 2; owner++) {
		begin(0, 256);
		own_all(owner);
		for (size_t i = 0; i < 12; i++) {
			bench.data_len = 99;
			send_one(0, i % 2);
			send_packets(0, 2 + i, i % 3);
		}
		run_all();
		assert_int_equal(last_seen, sealed - 1);
		expect_all();
		expect_cut(0, 12, 90);
		tear_down();
	}
}

/* A burst is worked off in the middle of a piece, at each place. */
static void test_more_than_a_burst(void **state)
{
	(void)state;
	for (size_t in_front = 0; in_front < XESP_BURST_MAX; in_front += 7) {
		begin(0, 128);
		own_all(0);
		for (size_t i = 0; i < in_front; i++)
			send_one(0, false);
		send_packets(0, 100, false);
		send_one(0, false);
		send_packets(0, 128, true);
		run_all();
		assert_int_equal(bench.nest.tunnel_sa->replay.top, in_front + 229);
		expect_all();
		expect_cut(0, 2, 228);
		tear_down();
	}
}

/* 64 KB, and packets that have several frames each. */
static void test_long_ones(void **state)
{
	(void)state;
	begin(0, 128);
	own_all(2);
	bench.data_len = 1300;
	send_packets(0, 46, false);
	run_all();
	bench.data_len = 9000;
	send_packets(0, 7, false);
	run_all();
	expect_all();
	expect_cut(0, 2, 53);
	tear_down();
}

static size_t events_of(enum xesp_reason reason)
{
	struct event event;
	size_t count = 0;

	while (worker_group_next_event(bench.group, &event)) {
		if (event.type != EVENT_PACKET || event.reason != reason)
			continue;
		count++;
		assert_int_equal(event.sa_index, bench.nest.tunnel_sa->index);
		if (reason == XESP_REASON_DELIVERED)
			assert_int_equal(event.seq, count);
	}
	return count;
}

/* The owner gets no CPU: all buffers wait there, and what finds none is counted, packet by packet. */
static void test_no_buffer_is_free(void **state)
{
	const uint32_t pieces = XESP_JUMBO_BUFFERS / 20 + 3;

	(void)state;
	begin(0, 4096);
	own_all(1);
	worker_group_monitor_packets(bench.group, true);
	for (uint32_t i = 0; i < pieces; i++) {
		send_packets(0, 20, false);
		worker_run_once(bench.group->workers[0]);
	}
	assert_int_equal(count_of(XESP_REASON_NO_BUFFER), 20 * pieces - XESP_JUMBO_BUFFERS);
	assert_int_equal(events_of(XESP_REASON_NO_BUFFER), 20 * pieces - XESP_JUMBO_BUFFERS);
	for (uint32_t i = 0; i < XESP_JUMBO_BUFFERS; i += XESP_BURST_MAX)
		run_all();
	assert_int_equal(bench.delivered, XESP_JUMBO_BUFFERS);
	expect_sums();
	send_packets(0, 20, false);
	run_all();
	assert_int_equal(bench.delivered, XESP_JUMBO_BUFFERS + 20);
	expect_cut(0, pieces + 1, 20 * (pieces + 1));
	expect_sums();
	tear_down();
}

/* More than may be away from home at a time. */
static void test_handing_over_what_is_too_much(void **state)
{
	(void)state;
	begin(0, FRAMES);
	own_all(1);
	send_packets(0, FRAMES, false);
	run_all();
	assert_int_equal(count_of(XESP_REASON_HANDOFF_FULL), FRAMES / 2);
	assert_int_equal(bench.delivered, FRAMES / 2);
	expect_sums();
	tear_down();
}

static void test_an_event_each(void **state)
{
	(void)state;
	begin(0, FRAMES);
	own_all(0);
	worker_group_monitor_packets(bench.group, true);
	send_packets(0, 20, false);
	run_all();
	assert_int_equal(events_of(XESP_REASON_DELIVERED), 20);
	expect_all();
	tear_down();
}

/* Of a damaged packet the others do not suffer. */
static void test_one_is_damaged(void **state)
{
	(void)state;
	begin(0, FRAMES);
	own_all(0);
	for (size_t i = 0; i < 10; i++) {
		add(false);
		if (i == 4)
			piece.bytes[sizeof(struct xesp_meta) + piece.len - 1] ^= 1;
	}
	send_piece(0);
	run_all();
	assert_int_equal(count_of(XESP_REASON_AUTH_FAILED), 1);
	assert_int_equal(bench.delivered, 9);
	assert_int_equal(seen[4], 0);
	expect_cut(0, 1, 10);
	expect_sums();
	tear_down();
}

/* The SA went while they waited: each has its exit. */
static void test_sa_is_gone(void **state)
{
	(void)state;
	begin(0, FRAMES);
	own_all(0);
	for (int i = 0; i < 10; i++)
		add(false);
	piece.first.meta.sa_generation++;
	send_piece(0);
	run_all();
	assert_int_equal(count_of(XESP_REASON_SA_GONE), 10);
	expect_sums();
	tear_down();
}

/* With numbers that do not rise it is one packet, which nobody has sealed. */
static void test_what_is_no_piece(void **state)
{
	(void)state;
	begin(0, FRAMES);
	own_all(0);
	add(false);
	bench.nest.tunnel.seal.seq = 0;
	add(false);
	send_piece(0);
	run_all();
	assert_int_equal(bench.delivered, 0);
	expect_cut(0, 0, 0);
	expect_sums();
	tear_down();
}

/* To XDP in native mode none can come, only what poses as one. */
static void test_where_none_can_come(void **state)
{
	(void)state;
	begin(0, FRAMES);
	worker_group_set_segments(bench.group, false);
	own_all(0);
	send_packets(0, 10, false);
	run_all();
	assert_int_equal(count_of(XESP_REASON_AUTH_FAILED), 1);
	assert_int_equal(bench.delivered, 0);
	expect_cut(0, 0, 0);
	expect_sums();
	tear_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_way_through_the_workers),
		cmocka_unit_test(test_among_others),
		cmocka_unit_test(test_more_than_a_burst),
		cmocka_unit_test(test_long_ones),
		cmocka_unit_test(test_no_buffer_is_free),
		cmocka_unit_test(test_handing_over_what_is_too_much),
		cmocka_unit_test(test_an_event_each),
		cmocka_unit_test(test_one_is_damaged),
		cmocka_unit_test(test_sa_is_gone),
		cmocka_unit_test(test_what_is_no_piece),
		cmocka_unit_test(test_where_none_can_come),
	};

	return cmocka_run_group_tests_name("worker_segments", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames and jumbo buffers of a socket: packets come out as they came, whatever they lie in and wherever the
 * ring was cut, and every frame and buffer is somewhere at any time.
 */
#include <xesp/abi.h>

#include "tests/unit/xsk_rig.h"

#define FRAMES 64
#define PACKET_MAX (XESP_PACKET_JUMBO_MAX + 2 * XESP_PACKET_MAX)
#define META sizeof(struct xesp_meta)
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static struct xsk xsk;

static int set_up(void **state)
{
	const struct ipc_queue queue = kernel_queue(0, FRAMES);

	(void)state;
	return xsk_map(&queue, -1, -1, &xsk);
}

static int set_up_single_buffer(void **state)
{
	struct ipc_queue queue = kernel_queue(0, FRAMES);

	(void)state;
	queue.multi_buffer = 0;
	return xsk_map(&queue, -1, -1, &xsk);
}

static int tear_down(void **state)
{
	(void)state;
	xsk_unmap(&xsk);
	return 0;
}

/* The bytes of packet `number`, its metadata in front; another each time. */
static const uint8_t *packet_bytes(uint32_t number, size_t len)
{
	static uint8_t memory[META + PACKET_MAX];

	assert_true(len <= PACKET_MAX);
	for (size_t i = 0; i < META + len; i++)
		memory[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
	return memory + META;
}

static void send_packet(uint32_t number, size_t len)
{
	assert_true(kernel_receive(0, packet_bytes(number, len), len, META));
}

static void expect_packet(const struct xsk_packet *packet, uint32_t number, size_t len)
{
	assert_true(packet->whole);
	assert_int_equal(packet->len, len);
	assert_memory_equal(xsk.umem + packet->addr - META, packet_bytes(number, len) - META, META + len);
}

/* Not put together, but its metadata are there. */
static void expect_broken(const struct xsk_packet *packet, uint32_t number)
{
	assert_false(packet->whole);
	assert_memory_equal(xsk.umem + packet->addr - META, packet_bytes(number, 1) - META, META);
}

static void expect_levels(uint32_t rx, uint32_t held, uint32_t jumbo_held, uint64_t received)
{
	struct xsk_levels levels;

	xsk_flush(&xsk);
	kernel_settle(&kernels[0]);
	xsk_read_levels(&xsk, &levels);
	assert_int_equal(levels.fill, FRAMES - rx - held);
	assert_int_equal(levels.rx, rx);
	assert_int_equal(levels.held, held);
	assert_int_equal(levels.jumbo_held, jumbo_held);
	assert_int_equal(levels.received, received);
}

static struct xsk_packet receive_one(void)
{
	struct xsk_packet packets[FRAMES];

	assert_int_equal(xsk_receive(&xsk, packets, FRAMES), 1);
	return packets[0];
}

static void test_packet_in_one_frame(void **state)
{
	struct xsk_packet packet;

	(void)state;
	send_packet(1, XESP_PACKET_MAX);
	expect_levels(1, 0, 0, 0);
	packet = receive_one();
	expect_packet(&packet, 1, XESP_PACKET_MAX);
	assert_true(packet.addr < (uint64_t)FRAMES * XESP_FRAME_SIZE); /* no copy */
	expect_levels(0, 1, 0, 1);
	xsk_return(&xsk, packet.addr);
	expect_levels(0, 0, 0, 1);
}

static void test_packet_in_several_frames(void **state)
{
	static const size_t lengths[] = {XESP_PACKET_MAX + 1,	    2 * XESP_PACKET_MAX - 1,
					 2 * XESP_PACKET_MAX,	    2 * XESP_PACKET_MAX + 1,
					 XESP_PACKET_JUMBO_MAX - 1, XESP_PACKET_JUMBO_MAX};

	(void)state;
	for (uint32_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct xsk_packet packet;

		send_packet(i, lengths[i]);
		packet = receive_one();
		expect_packet(&packet, i, lengths[i]);
		expect_levels(0, 0, 1, i + 1); /* its frames are back */
		xsk_return(&xsk, packet.addr);
		expect_levels(0, 0, 0, i + 1);
	}
}

/* A burst ends inside of a packet: at each place, with packets of one frame around. */
static void test_packet_over_two_bursts(void **state)
{
	static const size_t lengths[] = {60, 9000, 9000, 3841, 60, 3 * XESP_PACKET_MAX};
	const uint32_t count = sizeof(lengths) / sizeof(lengths[0]);
	uint64_t received = 0;

	(void)state;
	for (uint32_t max = 1; max <= 14; max++) {
		struct xsk_packet packets[FRAMES];
		uint32_t have = 0;

		for (uint32_t i = 0; i < count; i++)
			send_packet(i, lengths[i]);
		for (int round = 0; round < 14 && have < count; round++) {
			uint32_t n = xsk_receive(&xsk, packets + have, max);

			assert_true(n <= max);
			have += n;
		}
		assert_int_equal(have, count);
		received += count;
		for (uint32_t i = 0; i < count; i++)
			expect_packet(&packets[i], i, lengths[i]);
		expect_levels(0, 2, 4, received);
		for (uint32_t i = 0; i < count; i++)
			xsk_return(&xsk, packets[i].addr);
		expect_levels(0, 0, 0, received);
	}
}

static void test_no_buffer_is_free(void **state)
{
	struct xsk_packet packets[XESP_JUMBO_BUFFERS], broken[2], packet;

	(void)state;
	for (uint32_t i = 0; i < XESP_JUMBO_BUFFERS; i++) {
		send_packet(i, 8000);
		packets[i] = receive_one();
		expect_levels(0, 0, i + 1, i + 1);
	}
	for (uint32_t i = 0; i < 2; i++) {
		send_packet(1000 + i, 8000);
		broken[i] = receive_one();
		expect_broken(&broken[i], 1000 + i);
		/* Of three frames the first is left. */
		expect_levels(0, i + 1, XESP_JUMBO_BUFFERS, XESP_JUMBO_BUFFERS + i + 1);
	}
	for (uint32_t i = 0; i < XESP_JUMBO_BUFFERS; i++)
		expect_packet(&packets[i], i, 8000);
	send_packet(2000, 100);
	packet = receive_one();
	expect_packet(&packet, 2000, 100);
	xsk_return(&xsk, packet.addr);
	xsk_return(&xsk, packets[77].addr);
	send_packet(3000, XESP_PACKET_JUMBO_MAX);
	packets[77] = receive_one();
	expect_packet(&packets[77], 3000, XESP_PACKET_JUMBO_MAX);
	for (uint32_t i = 0; i < XESP_JUMBO_BUFFERS; i++)
		xsk_return(&xsk, packets[i].addr);
	xsk_return(&xsk, broken[1].addr);
	xsk_return(&xsk, broken[0].addr);
	expect_levels(0, 0, 0, XESP_JUMBO_BUFFERS + 4);
}

static void test_packet_longer_than_a_buffer(void **state)
{
	struct xsk_packet packet;

	(void)state;
	for (uint32_t more = 1; more <= 2 * XESP_PACKET_MAX; more += 641) {
		send_packet(more, XESP_PACKET_JUMBO_MAX + more);
		packet = receive_one();
		expect_broken(&packet, more);
		xsk_return(&xsk, packet.addr);
		xsk_flush(&xsk);
	}
	send_packet(7, XESP_PACKET_JUMBO_MAX);
	packet = receive_one();
	expect_packet(&packet, 7, XESP_PACKET_JUMBO_MAX);
	xsk_return(&xsk, packet.addr);
	expect_levels(0, 0, 0, 13);
}

/* What never ends takes one buffer, and the packet behind it along. */
static void test_packet_without_end(void **state)
{
	struct xsk_packet packets[FRAMES], packet;

	(void)state;
	kernels[0].unfinished = true;
	for (uint32_t i = 0; i < 10 * FRAMES; i++) {
		send_packet(i, 1000);
		assert_int_equal(xsk_receive(&xsk, packets, FRAMES), 0);
		expect_levels(0, 0, 1, 0);
	}
	kernels[0].unfinished = false;
	send_packet(5, 100);
	packet = receive_one();
	expect_broken(&packet, 0);
	xsk_return(&xsk, packet.addr);
	expect_levels(0, 0, 0, 1);
	send_packet(6, 9000);
	packet = receive_one();
	expect_packet(&packet, 6, 9000);
}

/* Nobody sends several frames to such a socket; the buffers are there for what is cut. */
static void test_socket_for_single_buffers(void **state)
{
	struct xsk_packet packet;

	(void)state;
	send_packet(1, 9000);
	packet = receive_one();
	expect_packet(&packet, 1, 9000);
	expect_levels(0, 0, 1, 1);
	xsk_return(&xsk, packet.addr);
	send_packet(2, XESP_PACKET_MAX);
	packet = receive_one();
	expect_packet(&packet, 2, XESP_PACKET_MAX);
	xsk_return(&xsk, packet.addr);
	expect_levels(0, 0, 0, 2);
}

/* The worker is faster than the kernel, which has told of the packets but not yet of the frames it took. */
static void test_frames_come_back_early(void **state)
{
	struct xsk_packet packets[FRAMES];

	(void)state;
	kernels[0].late = true;
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < FRAMES / 3; i++)
			send_packet(i, 9000);
		assert_int_equal(xsk_receive(&xsk, packets, FRAMES), FRAMES / 3);
		for (uint32_t i = 0; i < FRAMES / 3; i++)
			xsk_return(&xsk, packets[i].addr);
		for (uint32_t i = 0; i < FRAMES; i++)
			assert_int_equal(kernel_receive(0, packet_bytes(i, 60), 60, META), i == 0);
		assert_int_equal(xsk_receive(&xsk, packets, FRAMES), 1);
		xsk_return(&xsk, packets[0].addr);
		expect_levels(0, 0, 0, (round + 1) * (FRAMES / 3 + 1));
	}
}

struct held {
	struct xsk_packet packet;
	uint32_t number;
	size_t len;
};

static uint32_t next_random(void)
{
	static uint64_t state = 2;

	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(state >> 33);
}

/* Any lengths, any bursts, given back in any order. */
static void test_at_random(void **state)
{
	static const uint32_t longest[] = {200, 200, 200, 9216, 9216, 9216, 9216, XESP_PACKET_JUMBO_MAX};
	static struct held sent[FRAMES], held[4 * FRAMES];
	uint32_t sent_count = 0, held_count = 0, number = 0;
	struct xsk_levels levels;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		struct xsk_packet packets[FRAMES];
		size_t len = 1 + next_random() % longest[next_random() % ARRAY_SIZE(longest)];
		uint32_t n;

		if (kernel_receive(0, packet_bytes(number, len), len, META)) {
			sent[sent_count++] = (struct held){.number = number, .len = len};
			number++;
		}
		n = xsk_receive(&xsk, packets, 1 + next_random() % 3);
		for (uint32_t i = 0; i < n; i++) {
			held[held_count] = sent[i];
			held[held_count++].packet = packets[i];
		}
		sent_count -= n;
		memmove(sent, sent + n, sent_count * sizeof(*sent));
		while (held_count > 2 * FRAMES || (held_count && next_random() % 2)) {
			uint32_t i = next_random() % held_count;

			expect_packet(&held[i].packet, held[i].number, held[i].len);
			xsk_return(&xsk, held[i].packet.addr);
			held[i] = held[--held_count];
		}
		xsk_flush(&xsk);
		xsk_read_levels(&xsk, &levels);
		assert_int_equal(levels.fill + levels.rx + levels.held, FRAMES);
	}
	assert_true(number > 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_packet_in_one_frame, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_packet_in_several_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_packet_over_two_bursts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_buffer_is_free, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_packet_longer_than_a_buffer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_packet_without_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_socket_for_single_buffers, set_up_single_buffer,
						tear_down),
		cmocka_unit_test_setup_teardown(test_frames_come_back_early, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_at_random, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("xsk", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From an ICMP error in a socket of the loader to the MTU of the way to a peer, with a loader that is this
 * test: its sockets are UDP sockets, by which errors come as from raw ones.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <xesp/limits.h>

#include "control/engine_pmtu.h"
#include "control/lifetime.h"
#include "control/nexthops.h"
#include "dataplane/checksum.h"
#include "dataplane/wire.h"
#include "requests_rig.h"
#include "sa_sample.h"

#define ETH 7
#define SPI 0x1000
#define SENT 100
#define ERROR_BYTES (20 + 8 + 20 + 8 + 8)

struct fake {
	int loader; /* our end of the engine's socket */
	int router; /* we write errors into this */
	char port;  /* is only compared */
	struct sa_out *sa;
};

static struct fake fake;

static struct port *port(void *owner, uint32_t ifindex)
{
	(void)owner;
	return ifindex == ETH ? (struct port *)&fake.port : NULL;
}

static int hop_take(void *owner, const struct ip_addr *peer, struct nexthop **ret_hop)
{
	const struct engine *engine = owner;

	return nexthops_take(engine->nexthops, peer, ret_hop);
}

static void hop_give(void *owner, struct nexthop *hop)
{
	const struct engine *engine = owner;

	nexthops_give(engine->nexthops, hop);
}

static int begin(void **state)
{
	const struct nexthops_config ways = {
		.port = port, .expired = engine_pmtu_expired, .owner = &rig.engine};
	struct outbound_config store = {
		.capacity = RIG_CAPACITY, .hop_take = hop_take, .hop_give = hop_give, .owner = &rig.engine};
	int pair[2];

	assert_int_equal(start(state), 0);
	outbound_events_free(rig.engine.outbound_events);
	outbound_free(rig.engine.outbound);
	store.provider = rig.config.provider;
	store.crypto = rig.engine.crypto;
	assert_int_equal(nexthops_new(&ways, &rig.engine.nexthops), 0);
	assert_int_equal(outbound_new(&store, &rig.engine.outbound), 0);
	assert_int_equal(outbound_events_new(rig.engine.outbound, rig.engine.event, rig.engine.monitor,
					     &rig.engine.outbound_events),
			 0);
	assert_int_equal(engine_pmtu_begin(&rig.engine), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	rig.engine.loader.socket = pair[0];
	fake.loader = pair[1];
	fake.router = -1;
	return 0;
}

static int finish(void **state)
{
	engine_pmtu_end(&rig.engine);
	if (fake.router >= 0)
		close(fake.router);
	close(rig.engine.loader.socket);
	close(fake.loader);
	outbound_events_free(rig.engine.outbound_events);
	rig.engine.outbound_events = NULL;
	outbound_free(rig.engine.outbound);
	rig.engine.outbound = NULL;
	nexthops_free(rig.engine.nexthops);
	return end(state);
}

static void add_sa(void)
{
	struct sa_params params = {
		.dir = SA_DIR_OUT,
		.src = sample_addr("192.0.2.1"),
		.dst = sample_addr("198.51.100.1"),
		.spi = SPI,
		.mode = SA_MODE_TUNNEL,
		.cipher = ALGO_AES_GCM,
		.key_bytes = 20,
		.icv_bytes = 16,
		.encap = {.present = true, .type = XESP_ENCAP_RFC3948, .sport = 4500, .dport = 4500}};
	const struct ipc_nexthop way = {
		.dst = params.dst, .ifindex = ETH, .state = NEXTHOP_USABLE, .mtu = 1500};
	const struct sa_out *sa = NULL;
	const char *what = NULL;

	assert_int_equal(outbound_add(rig.engine.outbound, &params, &sa, &what), 0);
	fake.sa = (struct sa_out *)sa;
	assert_int_equal(sa_out_take(fake.sa, SENT), 1);
	nexthops_note(rig.engine.nexthops, &way);
}

/* What the loader will have answered when it is asked. */
static void answer_with_socket(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct ipc_message done = {.type = IPC_DONE, .id = rig.engine.loader.last_id + 1};
	socklen_t bytes = sizeof(address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	fake.router = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fake.router, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(ipc_send(fake.loader, &done, &fd, 1), 0);
	close(fd);
}

static void send_error(uint32_t seq, uint16_t mtu)
{
	uint8_t bytes[ERROR_BYTES] = {0x45};
	uint8_t *icmp = bytes + 20, *quoted = icmp + 8, *udp = quoted + 20;

	wire_put16(bytes + IPV4_TOTAL_LENGTH, ERROR_BYTES);
	bytes[IPV4_PROTOCOL] = IPPROTO_ICMP;
	icmp[0] = 3;
	icmp[1] = 4;
	wire_put16(icmp + 6, mtu);
	quoted[0] = 0x45;
	wire_put16(quoted + IPV4_TOTAL_LENGTH, 1500);
	quoted[IPV4_PROTOCOL] = IPPROTO_UDP;
	memcpy(quoted + IPV4_SRC, fake.sa->params.src.bytes, 4);
	memcpy(quoted + IPV4_DST, fake.sa->params.dst.bytes, 4);
	wire_put16(udp, 4500);
	wire_put16(udp + 2, 4500);
	wire_put32(udp + 8, SPI);
	wire_put32(udp + 12, seq);
	wire_store_checksum(icmp + 2, checksum_finish(checksum_add(0, icmp, ERROR_BYTES - 20)));
	assert_int_equal(send(fake.router, bytes, sizeof(bytes), 0), sizeof(bytes));
}

static json_int_t result(const char *name)
{
	json_t *results = engine_pmtu_json(rig.engine.pmtu);
	json_int_t number = json_integer_value(json_object_get(results, name));

	assert_non_null(json_object_get(results, name));
	json_decref(results);
	return number;
}

/* Until so many errors had that end; the loop's pauses come to an end as well. */
static void run_until(const char *name, json_int_t number)
{
	uint64_t deadline = lifetime_now() + 20000;

	while (result(name) < number && lifetime_now() < deadline)
		assert_true(sd_event_run(rig.engine.event, 100000) >= 0);
	assert_int_equal(result(name), number);
}

static void test_learns(void **state)
{
	(void)state;
	engine_pmtu_need(&rig.engine); /* without SAs nothing is asked for */
	assert_int_equal(rig.engine.loader.last_id, 0);
	add_sa();
	answer_with_socket();
	engine_pmtu_need(&rig.engine);
	engine_pmtu_need(&rig.engine);
	assert_int_equal(rig.engine.loader.last_id, 1);
	send_error(SENT + 1, 1300);
	run_until("not_sent", 1);
	assert_int_equal(nexthops_mtu(fake.sa->hop), 1500);
	send_error(SENT, 1300);
	run_until("learned", 1);
	assert_int_equal(nexthops_mtu(fake.sa->hop), 1300);
	assert_true(nexthops_learned_until(fake.sa->hop) > lifetime_now());
	send_error(SENT, 1300);
	run_until("known", 1);
	send_error(SENT, 100);
	run_until("too_small", 1);
	assert_int_equal(send(fake.router, "x", 1, 0), 1);
	run_until("malformed", 1);
	assert_int_equal(nexthops_mtu(fake.sa->hop), 1300);
}

/* More than one turn reads, and more than fits the buffer. */
static void test_long_and_many(void **state)
{
	static const uint8_t zeros[4000];

	(void)state;
	add_sa();
	answer_with_socket();
	engine_pmtu_need(&rig.engine);
	assert_int_equal(send(fake.router, zeros, sizeof(zeros), 0), sizeof(zeros));
	run_until("malformed", 1);
	for (int i = 0; i < 150; i++)
		send_error(SENT + 1, 1300);
	run_until("not_sent", 150);
	send_error(SENT, 1300);
	run_until("learned", 1);
}

static void test_of_an_sa_that_is_gone(void **state)
{
	(void)state;
	add_sa();
	answer_with_socket();
	engine_pmtu_need(&rig.engine);
	send_error(SENT, 1300);
	outbound_delete(rig.engine.outbound, fake.sa, NULL);
	run_until("no_sa", 1);
}

/* The engine works on, and does not ask again and again. */
static void test_no_sockets(void **state)
{
	struct ipc_message failed = {.type = IPC_FAILED, .id = 1, .failed = {.error = EPERM}};

	(void)state;
	add_sa();
	assert_int_equal(ipc_send(fake.loader, &failed, NULL, 0), 0);
	engine_pmtu_need(&rig.engine);
	engine_pmtu_need(&rig.engine);
	assert_int_equal(rig.engine.loader.last_id, 1);
	assert_int_equal(result("learned"), 0);
}

static void test_nothing_yet(void **state)
{
	json_t *results = engine_pmtu_json(NULL);

	(void)state;
	assert_int_equal(json_object_size(results), PATH_MTU_RESULT_END);
	json_decref(results);
}

static json_t *next_event(int fd)
{
	json_t *message = reply(rig.fixture, fd);
	json_t *event = json_incref(json_object_get(json_object_get(message, "parameters"), "event"));

	json_decref(message);
	return event;
}

/* Subscribers are told of both ends. */
static void test_events(void **state)
{
	static const char request[] =
		"{\"method\":\"org.xesp.Monitor\",\"more\":true,\"parameters\":{\"types\":[\"pmtu\"]}}";
	int fd = client(rig.fixture);
	json_t *event;

	(void)state;
	send_text(fd, request, sizeof(request));
	json_decref(next_event(fd));
	add_sa();
	answer_with_socket();
	engine_pmtu_need(&rig.engine);
	send_error(SENT, 1300);
	run_until("learned", 1);
	event = next_event(fd);
	assert_string_equal(json_string_value(json_object_get(event, "type")), "pmtu");
	assert_string_equal(json_string_value(json_object_get(event, "dst")), "198.51.100.1");
	assert_int_equal(json_integer_value(json_object_get(event, "mtu")), 1300);
	assert_int_equal(json_integer_value(json_object_get(event, "spi")), SPI);
	assert_null(json_object_get(event, "src"));
	json_decref(event);
	nexthops_expire(rig.engine.nexthops, UINT64_MAX);
	event = next_event(fd);
	assert_int_equal(json_integer_value(json_object_get(event, "mtu")), 1500);
	assert_null(json_object_get(event, "handle"));
	json_decref(event);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_learns, begin, finish),
		cmocka_unit_test_setup_teardown(test_long_and_many, begin, finish),
		cmocka_unit_test_setup_teardown(test_of_an_sa_that_is_gone, begin, finish),
		cmocka_unit_test_setup_teardown(test_no_sockets, begin, finish),
		cmocka_unit_test_setup_teardown(test_nothing_yet, begin, finish),
		cmocka_unit_test_setup_teardown(test_events, begin, finish),
	};

	return cmocka_run_group_tests_name("engine_pmtu", tests, NULL, NULL);
}

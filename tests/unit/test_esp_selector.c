/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Selectors after decapsulation, and finding the upper-layer protocol that they ask for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/esp_upper.h"
#include "tests/lib/esp_rig.h"
#include "tests/lib/packet.h"

#define SPORT 1111
#define DPORT 2222

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix result;

	assert_int_equal(ip_prefix_parse(text, &result), 0);
	return result;
}

static size_t inner_build(uint8_t family, uint8_t protocol, uint8_t *out)
{
	const struct packet_spec spec = {
		.family = family,
		.protocol = protocol,
		.src = packet_addr(family, 1),
		.dst = packet_addr(family, 3),
		.sport = SPORT,
		.dport = DPORT,
		.data_len = 24,
	};

	return packet_build(&spec, out);
}

/* The reason of one inner packet through an SA with this selector. */
static enum xesp_reason tunnel(const struct sa_selector *sel, const uint8_t *inner, size_t len)
{
	struct sa_params params = esp_rig_params(SA_MODE_TUNNEL);
	struct esp_rig rig;
	struct esp_packet packet;
	enum xesp_reason reason;

	params.selector = *sel;
	esp_rig_setup(&rig, &params, NULL);
	packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, inner, len, inner[0] >> 4 == 4 ? 4 : 41);
	reason = esp_rig_open(&rig, &packet);
	/* The number is used up either way. */
	assert_int_equal(rig.sa->replay.top, 1);
	assert_int_equal(ESP_RIG_COUNTER(&rig, malformed), reason == XESP_REASON_SELECTOR);
	esp_rig_teardown(&rig);
	return reason;
}

static void expect_tunnel(const struct sa_selector *sel, const uint8_t *inner, size_t len, bool match)
{
	assert_int_equal(tunnel(sel, inner, len), match ? XESP_REASON_DELIVERED : XESP_REASON_SELECTOR);
}

/* The inner packet is 192.0.2.2 to 203.0.113.254, or 2001:db8::2 to fd00:1234::8001:feff, TCP. */
static void test_addresses(void **state)
{
	static const struct {
		const char *src;
		const char *dst;
		bool match4;
		bool match6;
	} rows[] = {
		{NULL, NULL, true, true},
		{"192.0.2.2", NULL, true, false},
		{"192.0.2.3", NULL, false, false},
		{"192.0.2.0/24", NULL, true, false},
		{"192.0.2.0/30", NULL, true, false},
		{"192.0.2.0/31", NULL, false, false},
		{"0.0.0.0/0", NULL, true, false},
		{NULL, "203.0.113.254", true, false},
		{NULL, "203.0.113.254/31", true, false},
		{NULL, "203.0.113.252/31", false, false},
		{"192.0.2.0/24", "203.0.113.0/24", true, false},
		{"192.0.2.0/24", "203.0.112.0/24", false, false},
		{"203.0.113.0/24", "192.0.2.0/24", false, false},
		{"2001:db8::2", NULL, false, true},
		{"2001:db8::/32", "fd00:1234::/32", false, true},
		{"2001:db8::/127", NULL, false, false},
		{"2001:db8::2/127", NULL, false, true},
		{NULL, "fd00:1234::8001:fe00/120", false, true},
		{NULL, "fd00:1234::8001:fd00/120", false, false},
		{"::/0", NULL, false, true},
	};
	uint8_t inner4[200], inner6[200];
	size_t len4 = inner_build(4, IPPROTO_TCP, inner4);
	size_t len6 = inner_build(6, IPPROTO_TCP, inner6);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_selector sel = {0};

		if (rows[i].src)
			sel.src = prefix(rows[i].src);
		if (rows[i].dst)
			sel.dst = prefix(rows[i].dst);
		expect_tunnel(&sel, inner4, len4, rows[i].match4);
		expect_tunnel(&sel, inner6, len6, rows[i].match6);
	}
}

static void test_protocol_and_ports(void **state)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMPV6};
	uint8_t inner[200];

	(void)state;
	for (unsigned int i = 0; i < 2 * 3; i++) {
		uint8_t protocol = protocols[i / 2];
		size_t len = inner_build(i % 2 ? 6 : 4, protocol, inner);
		bool ports = protocol != IPPROTO_ICMPV6;

		for (size_t other = 0; other < 3; other++)
			expect_tunnel(&(struct sa_selector){.protocol = protocols[other]}, inner, len,
				      protocols[other] == protocol);
		expect_tunnel(&(struct sa_selector){.sport = SPORT}, inner, len, ports);
		expect_tunnel(&(struct sa_selector){.dport = DPORT}, inner, len, ports);
		expect_tunnel(&(struct sa_selector){.sport = SPORT, .dport = DPORT}, inner, len, ports);
		expect_tunnel(&(struct sa_selector){.sport = SPORT, .dport = DPORT, .protocol = protocol},
			      inner, len, ports);
		expect_tunnel(&(struct sa_selector){.sport = DPORT}, inner, len, false);
		expect_tunnel(&(struct sa_selector){.dport = SPORT}, inner, len, false);
		expect_tunnel(&(struct sa_selector){.sport = SPORT, .dport = DPORT + 1}, inner, len, false);
	}
}

/* Where other protocols have other things, the same bytes are no ports. */
static void test_ports_of_other_protocols(void **state)
{
	static const uint8_t with_ports[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_DCCP, IPPROTO_SCTP,
					     IPPROTO_UDPLITE};
	uint8_t inner[200];
	size_t len = inner_build(4, IPPROTO_UDP, inner);

	(void)state;
	for (unsigned int protocol = 0; protocol < 256; protocol++) {
		inner[9] = (uint8_t)protocol;
		expect_tunnel(&(struct sa_selector){.sport = SPORT, .dport = DPORT}, inner, len,
			      memchr(with_ports, (int)protocol, sizeof(with_ports)) != NULL);
	}
}

/* RFC 4301 section 7: only a first fragment has ports. */
static void test_ipv4_fragments(void **state)
{
	uint8_t inner[200];
	size_t len = inner_build(4, IPPROTO_UDP, inner);

	(void)state;
	packet_put16(inner + 6, 0x2000); /* first */
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP, .dport = DPORT}, inner, len, true);
	packet_put16(inner + 6, 0x2001); /* middle; its bytes look like the right ports */
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP, .dport = DPORT}, inner, len, false);
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP}, inner, len, true);
	packet_put16(inner + 6, 0x0001); /* last */
	expect_tunnel(&(struct sa_selector){.dport = DPORT}, inner, len, false);
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_TCP}, inner, len, false);
	packet_put16(inner + 6, 0x4000); /* don't fragment: none */
	expect_tunnel(&(struct sa_selector){.dport = DPORT}, inner, len, true);
}

/* Ports behind IPv4 options are found; a packet cut inside them has none. */
static void test_ipv4_options_and_short_headers(void **state)
{
	uint8_t inner[200];
	size_t len = inner_build(4, IPPROTO_UDP, inner);

	(void)state;
	memmove(inner + 32, inner + 20, len - 20);
	memset(inner + 20, 1, 12);
	inner[0] = 0x48;
	packet_put16(inner + 2, (uint16_t)(len + 12));
	expect_tunnel(&(struct sa_selector){.sport = SPORT, .dport = DPORT}, inner, len + 12, true);
	/* What lies behind the inner packet's end is no header, though it holds the right ports. */
	for (uint16_t upper = 0; upper < 6; upper++) {
		packet_put16(inner + 2, 32 + upper);
		expect_tunnel(&(struct sa_selector){.dport = DPORT}, inner, len + 12, upper >= 4);
		expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP}, inner, len + 12, true);
	}
}

/* An IPv6 packet with these extension headers (protocols, ended by 0xff) in front of UDP; each header has
 * `units` times 8 bytes. */
static size_t with_extensions(const uint8_t *headers, size_t units, uint8_t *out)
{
	uint8_t upper[100];
	const struct packet_spec spec = {.family = 6,
					 .protocol = IPPROTO_UDP,
					 .src = packet_addr6[1],
					 .dst = packet_addr6[3],
					 .sport = SPORT,
					 .dport = DPORT,
					 .data_len = 10};
	size_t upper_len = packet_upper(&spec, upper);
	size_t len = packet_build(&spec, out) - upper_len;
	size_t next_at = 6;

	for (; *headers != 0xff; headers++) {
		size_t bytes = *headers == IPPROTO_FRAGMENT ? 8 : units * 8;

		memset(out + len, 0, bytes);
		/* AH counts in words of 4 bytes less 2, the others in 8 bytes less 1. */
		out[len + 1] = (uint8_t)(*headers == IPPROTO_AH ? units * 2 - 2 : units - 1);
		if (*headers == IPPROTO_FRAGMENT)
			out[len + 1] = 0;
		out[next_at] = *headers;
		next_at = len;
		len += bytes;
	}
	out[next_at] = IPPROTO_UDP;
	memcpy(out + len, upper, upper_len);
	packet_put16(out + 4, (uint16_t)(len + upper_len - 40));
	return len + upper_len;
}

static void test_ipv6_extensions(void **state)
{
	static const uint8_t chains[][9] = {
		{0, 0xff},
		{43, 0xff},
		{60, 0xff},
		{51, 0xff},
		{44, 0xff},
		{135, 0xff},
		{139, 0xff},
		{140, 0xff},
		{0, 60, 43, 44, 51, 60, 0xff},
		{60, 60, 60, 60, 60, 60, 60, 0xff},
	};
	const struct sa_selector sel = {.protocol = IPPROTO_UDP, .sport = SPORT, .dport = DPORT};
	uint8_t inner[2000];

	(void)state;
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++) {
		for (size_t units = 1; units < 5; units++) {
			size_t len = with_extensions(chains[i], units, inner);

			expect_tunnel(&sel, inner, len, true);
			expect_tunnel(&(struct sa_selector){.protocol = chains[i][0] ? chains[i][0] : 1},
				      inner, len, false);
		}
	}
}

/* What cannot be walked matches a selector that does not ask, and no other. */
static void test_ipv6_extensions_malformed(void **state)
{
	static const uint8_t endless[] = {60, 60, 60, 60, 60, 60, 60, 60, 60, 60, 0xff};
	static const uint8_t one[] = {60, 0xff};
	const struct sa_selector udp = {.protocol = IPPROTO_UDP};
	const struct sa_selector port = {.dport = DPORT};
	const struct sa_selector address = {.src = prefix("2001:db8::/32")};
	uint8_t inner[2000];
	size_t len = with_extensions(endless, 1, inner);

	(void)state;
	expect_tunnel(&udp, inner, len, false);
	expect_tunnel(&port, inner, len, false);
	expect_tunnel(&address, inner, len, true);
	len = with_extensions(one, 1, inner);
	inner[41] = 255;
	expect_tunnel(&udp, inner, len, false);
	expect_tunnel(&port, inner, len, false);
	/* Cut inside the extension header. */
	for (uint16_t left = 0; left < 8; left++) {
		packet_put16(inner + 4, left);
		expect_tunnel(&udp, inner, 40u + left, false);
		expect_tunnel(&address, inner, 40u + left, true);
	}
}

static void test_ipv6_fragments(void **state)
{
	static const uint8_t chain[] = {44, 0xff};
	uint8_t inner[200];
	size_t len = with_extensions(chain, 1, inner);

	(void)state;
	packet_put16(inner + 42, 0x0001); /* first, more follow */
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP, .dport = DPORT}, inner, len, true);
	packet_put16(inner + 42, 0x0009); /* offset 8 */
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP, .dport = DPORT}, inner, len, false);
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP}, inner, len, true);
	/* The rest of a chain lies in the first fragment: the protocol is not known here. */
	inner[40] = IPPROTO_DSTOPTS;
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_UDP}, inner, len, false);
	expect_tunnel(&(struct sa_selector){.protocol = IPPROTO_DSTOPTS}, inner, len, false);
	expect_tunnel(&(struct sa_selector){0}, inner, len, true);
}

/* Transport mode: the outer addresses, which are packet_addr 2 and 0, and the inner ports. */
static void test_transport(void **state)
{
	static const struct {
		const char *src;
		const char *dst;
		uint8_t protocol;
		uint16_t dport;
		bool match;
	} rows[] = {
		{NULL, NULL, 0, DPORT, true},
		{"198.51.100.77", "192.0.2.1", IPPROTO_UDP, DPORT, true},
		{"198.51.100.77", "192.0.2.1", IPPROTO_TCP, DPORT, false},
		{"198.51.100.77", "192.0.2.1", IPPROTO_UDP, DPORT + 1, false},
		{"198.51.100.78", NULL, 0, 0, false},
		{NULL, "192.0.2.2", 0, 0, false},
		{"2001:db8::/32", NULL, 0, 0, false},
	};
	const struct packet_spec spec = {.family = 4,
					 .protocol = IPPROTO_UDP,
					 .src = packet_addr4[2],
					 .dst = packet_addr4[0],
					 .sport = SPORT,
					 .dport = DPORT,
					 .data_len = 3};
	uint8_t payload[100];
	size_t len = packet_upper(&spec, payload);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sa_params params = esp_rig_params(SA_MODE_TRANSPORT);
		struct esp_rig rig;
		struct esp_packet packet;

		params.selector.protocol = rows[i].protocol;
		params.selector.dport = rows[i].dport;
		if (rows[i].src)
			params.selector.src = prefix(rows[i].src);
		if (rows[i].dst)
			params.selector.dst = prefix(rows[i].dst);
		esp_rig_setup(&rig, &params, NULL);
		packet = esp_rig_seal_payload(&rig, 0, &esp_rig_udp4, payload, len, IPPROTO_UDP);
		assert_int_equal(esp_rig_open(&rig, &packet),
				 rows[i].match ? XESP_REASON_DELIVERED : XESP_REASON_SELECTOR);
		esp_rig_teardown(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_protocol_and_ports),
		cmocka_unit_test(test_ports_of_other_protocols),
		cmocka_unit_test(test_ipv4_fragments),
		cmocka_unit_test(test_ipv4_options_and_short_headers),
		cmocka_unit_test(test_ipv6_extensions),
		cmocka_unit_test(test_ipv6_extensions_malformed),
		cmocka_unit_test(test_ipv6_fragments),
		cmocka_unit_test(test_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

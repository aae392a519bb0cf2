/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which packets are merged, rule by rule. All groups are cut again (tests/lib/merged.c).
 */
#include "tests/unit/merge_rig.h"

/* ---- rules -------------------------------------------------------------------------------------------- */

enum where { IP, L4 };

#define ANY 0

/* Three packets in a row; a bit of the second, or of all, is changed. If the second becomes one of another
 * flow, the third still fits the first in IPv6 datagrams, which have nothing that counts. */
struct rule {
	const char *what;
	uint8_t family;	  /* ANY */
	uint8_t protocol; /* ANY */
	enum where where;
	uint8_t offset;
	uint8_t bits;	 /* that are turned */
	bool everywhere; /* in all packets, not in the second alone */
	bool unsummed;	 /* checksums stay as they were */
	uint8_t groups;	 /* that come out; 1 without the change */
};

static const struct rule rules[] = {
	{"nothing", ANY, ANY, IP, 0, 0, false, false, 1},
	{"DSCP", 4, ANY, IP, 1, 0x20, false, false, 3},
	{"DSCP of all", 4, ANY, IP, 1, 0x20, true, false, 1},
	{"CE", 4, ANY, IP, 1, 0x03, false, false, 3},
	{"identification", 4, ANY, IP, 4, 0x10, false, false, 3},
	{"no DF", 4, ANY, IP, 6, 0x40, false, false, 3},
	{"no DF in any", 4, ANY, IP, 6, 0x40, true, false, 1},
	{"reserved flag of all", 4, ANY, IP, 6, 0x80, true, false, 3},
	{"fragment", 4, ANY, IP, 6, 0x20, true, false, 3},
	{"later fragment", 4, ANY, IP, 7, 0x01, true, false, 3},
	{"TTL", 4, ANY, IP, 8, 1, false, false, 3},
	{"IPv4 header checksum", 4, ANY, IP, 10, 1, false, true, 3},
	{"IPv4 source", 4, ANY, IP, 15, 0x40, false, false, 3},
	{"IPv4 destination", 4, ANY, IP, 19, 0x40, false, false, 3},
	{"traffic class", 6, ANY, IP, 0, 0x01, false, false, 3},
	{"flow label", 6, ANY, IP, 3, 0x01, false, false, 3},
	{"flow label of all", 6, ANY, IP, 3, 0x01, true, false, 1},
	{"hop limit", 6, ANY, IP, 7, 0x01, false, false, 3},
	{"IPv6 source", 6, IPPROTO_TCP, IP, 23, 0x40, false, false, 3},
	{"IPv6 source", 6, IPPROTO_UDP, IP, 23, 0x40, false, false, 2},
	{"IPv6 destination", 6, IPPROTO_TCP, IP, 39, 0x40, false, false, 3},
	{"IPv6 destination", 6, IPPROTO_UDP, IP, 39, 0x40, false, false, 2},
	{"extension header", 6, ANY, IP, 6, 0x3a, true, false, 3},
	{"source port", ANY, IPPROTO_TCP, L4, 1, 1, false, false, 3},
	{"source port", 4, IPPROTO_UDP, L4, 1, 1, false, false, 3},
	{"source port", 6, IPPROTO_UDP, L4, 1, 1, false, false, 2},
	{"destination port", ANY, IPPROTO_TCP, L4, 3, 1, false, false, 3},
	{"destination port", 4, IPPROTO_UDP, L4, 3, 1, false, false, 3},
	{"destination port", 6, IPPROTO_UDP, L4, 3, 1, false, false, 2},
	{"sequence number", ANY, IPPROTO_TCP, L4, 4, 1, false, false, 3},
	{"sequence number by one", ANY, IPPROTO_TCP, L4, 7, 1, false, false, 3},
	{"ACK number", ANY, IPPROTO_TCP, L4, 11, 1, false, false, 3},
	{"header length", ANY, IPPROTO_TCP, L4, 12, 0x10, false, false, 3},
	{"header length too short", ANY, IPPROTO_TCP, L4, 12, 0xc0, true, false, 3},
	{"reserved bits of all", ANY, IPPROTO_TCP, L4, 12, 0x01, true, false, 3},
	{"FIN", ANY, IPPROTO_TCP, L4, 13, 0x01, false, false, 3},
	{"SYN", ANY, IPPROTO_TCP, L4, 13, 0x02, false, false, 3},
	{"RST", ANY, IPPROTO_TCP, L4, 13, 0x04, false, false, 3},
	{"PSH", ANY, IPPROTO_TCP, L4, 13, 0x08, false, false, 2},
	{"PSH of all", ANY, IPPROTO_TCP, L4, 13, 0x08, true, false, 3},
	{"no ACK", ANY, IPPROTO_TCP, L4, 13, 0x10, true, false, 3},
	{"URG", ANY, IPPROTO_TCP, L4, 13, 0x20, true, false, 3},
	{"ECE", ANY, IPPROTO_TCP, L4, 13, 0x40, true, false, 3},
	{"CWR", ANY, IPPROTO_TCP, L4, 13, 0x80, true, false, 3},
	{"window", ANY, IPPROTO_TCP, L4, 15, 1, false, false, 3},
	{"TCP checksum", ANY, IPPROTO_TCP, L4, 16, 1, false, true, 3},
	{"urgent pointer", ANY, IPPROTO_TCP, L4, 19, 1, false, false, 3},
	{"urgent pointer of all", ANY, IPPROTO_TCP, L4, 19, 1, true, false, 1},
	{"option", ANY, IPPROTO_TCP, L4, 31, 1, false, false, 3},
	{"option of all", ANY, IPPROTO_TCP, L4, 31, 1, true, false, 1},
	{"TCP payload", ANY, IPPROTO_TCP, L4, 32, 1, false, true, 3},
	{"last byte of TCP payload", ANY, IPPROTO_TCP, L4, 131, 1, false, true, 3},
	{"UDP length", ANY, IPPROTO_UDP, L4, 5, 1, false, false, 3},
	{"UDP checksum", ANY, IPPROTO_UDP, L4, 6, 1, false, true, 3},
	{"UDP payload", ANY, IPPROTO_UDP, L4, 107, 1, false, true, 3},
};

static size_t groups_of(const struct rule *rule, uint8_t family, uint8_t protocol)
{
	struct flow flow = flow_of(family, protocol);
	struct merged_packet packets[3];
	struct merge merge;

	for (size_t i = 0; i < 3; i++) {
		uint8_t *ip;

		packets[i] = make(&flow, i, 100);
		ip = memory[i].end - packets[i].len;
		if (!rule->everywhere && i != 1)
			continue;
		ip[(rule->where == IP ? 0 : l4_of(ip)) + rule->offset] ^= rule->bits;
		if (!rule->unsummed)
			fix_checksums(ip, packets[i].len);
	}
	return merge_all(&merge, packets, 3);
}

static void test_each_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		for (uint8_t family = 4; family <= 6; family += 2)
			for (uint8_t udp = 0; udp < 2; udp++) {
				const struct rule *rule = &rules[i];
				uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
				size_t groups;

				if ((rule->family && rule->family != family) ||
				    (rule->protocol && rule->protocol != protocol))
					continue;
				groups = groups_of(rule, family, protocol);
				if (groups != rule->groups)
					fail_msg("%s, family %u, protocol %u: %zu groups", rule->what, family,
						 protocol, groups);
			}
}

/* Payload lengths of one flow's packets, and those of the groups. */
static void check_lengths(uint8_t protocol, const uint32_t *lengths, size_t count, const char *expected)
{
	struct flow flow = flow_of(4, protocol);
	struct merged_packet packets[XESP_BURST_MAX];
	struct merge merge;
	char got[XESP_BURST_MAX * 8] = "";

	for (size_t i = 0; i < count; i++)
		packets[i] = make(&flow, i, lengths[i]);
	merge_all(&merge, packets, count);
	for (size_t i = 0; i < merge.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", i ? " " : "",
			 merge.groups[i].count);
	assert_string_equal(got, expected);
}

#define LENGTHS(protocol, expected, ...) \
	check_lengths(protocol, (const uint32_t[]){__VA_ARGS__}, \
		      sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t), expected)

static void test_lengths(void **state)
{
	(void)state;
	LENGTHS(IPPROTO_TCP, "1", 100);
	LENGTHS(IPPROTO_TCP, "3", 100, 100, 1);
	LENGTHS(IPPROTO_TCP, "1 1", 100, 101);
	LENGTHS(IPPROTO_TCP, "2 2", 100, 50, 50, 10);
	LENGTHS(IPPROTO_TCP, "2 1 1", 100, 100, 0, 100);
	LENGTHS(IPPROTO_TCP, "1 1 1", 0, 0, 0);
	LENGTHS(IPPROTO_TCP, "1 1", 7, 7);
	LENGTHS(IPPROTO_TCP, "2", 8, 8);
	LENGTHS(IPPROTO_UDP, "3", 100, 100, 1);
	LENGTHS(IPPROTO_UDP, "1 1", 1, 2);
	LENGTHS(IPPROTO_UDP, "3", 1, 1, 1);
	LENGTHS(IPPROTO_UDP, "1 1 1", 0, 0, 0);
}

/* At most 65,535 bytes with the IP header, in both families. */
static void test_longest(void **state)
{
	struct merged_packet packets[XESP_BURST_MAX];
	struct merge merge;

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct flow flow = flow_of(family, IPPROTO_UDP);
		uint32_t head = family == 4 ? 28 : 48;

		for (size_t i = 0; i < XESP_BURST_MAX; i++)
			packets[i] = make(&flow, i, (65535 - head) / 63);
		assert_int_equal(merge_all(&merge, packets, XESP_BURST_MAX), 2);
		assert_int_equal(merge.groups[0].count, 63);
	}
}

/* RFC 768: 0 is none, and segmentation would make one. */
static void test_udp_without_checksum(void **state)
{
	struct flow flow = flow_of(4, IPPROTO_UDP);
	struct merged_packet packets[2];
	struct merge merge;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		packets[i] = make(&flow, i, 64);
		packet_put16(memory[i].end - packets[i].len + 26, 0);
	}
	assert_int_equal(merge_all(&merge, packets, 2), 2);
}

/* Both zeros are right, and segmentation makes one of them. */
static void test_zeros_of_tcp(void **state)
{
	struct merged_packet packets[2];
	struct merge merge;

	(void)state;
	for (int zero = 0; zero < 2; zero++) {
		struct flow flow = flow_of(6, IPPROTO_TCP);
		uint8_t *second;

		packets[0] = make(&flow, 0, 64);
		packets[1] = make(&flow, 1, 64);
		second = memory[1].end - packets[1].len;
		/* The payload takes over what the checksum was. */
		packet_put16(second + packets[1].len - 2, 0);
		fix_checksums(second, packets[1].len);
		packet_put16(second + packets[1].len - 2, packet_get16(second + 56));
		packet_put16(second + 56, zero ? 0xffff : 0);
		assert_true(packet_upper_checksum_good(second, packets[1].len));
		assert_int_equal(merge_all(&merge, packets, 2), 2);
	}
}

/* Identification that stays the same: only with DF, and only if it stays so. */
static void test_same_identification(void **state)
{
	static const struct {
		bool df;
		uint16_t ids[4];
		size_t groups;
	} rows[] = {
		{true, {0, 0, 0, 0}, 1},      {false, {0, 0, 0, 0}, 4}, {true, {7, 7, 8, 9}, 2},
		{true, {7, 8, 8, 8}, 2},      {true, {7, 8, 7, 8}, 2},	{true, {7, 7, 9, 9}, 2},
		{true, {0xffff, 0, 1, 2}, 1}, {true, {7, 6, 5, 4}, 4},
	};
	struct merge merge;

	(void)state;
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		struct flow flow = flow_of(4, IPPROTO_TCP);
		struct merged_packet packets[4];

		for (size_t i = 0; i < 4; i++) {
			uint8_t *ip;

			packets[i] = make(&flow, i, 40);
			ip = memory[i].end - packets[i].len;
			packet_put16(ip + 4, rows[row].ids[i]);
			packet_put16(ip + 6, rows[row].df ? 0x4000 : 0);
			fix_checksums(ip, packets[i].len);
		}
		assert_int_equal(merge_all(&merge, packets, 4), rows[row].groups);
	}
}

static void test_udp_is_not_wanted(void **state)
{
	struct flow flow = flow_of(4, IPPROTO_UDP);
	struct merge merge;

	(void)state;
	merge_begin(&merge, false);
	for (uint8_t i = 0; i < 3; i++) {
		struct merged_packet packet = make(&flow, i, 64);

		merge_add(&merge, i, packet.packet, packet.len);
	}
	assert_int_equal(merge.count, 3);
}

/* Flows in turn: as many as may go on at a time, and one more. */
static void test_flows_in_turn(void **state)
{
	(void)state;
	for (size_t flows = 1; flows <= MERGE_OPEN_MAX + 1; flows++) {
		struct flow all[MERGE_OPEN_MAX + 1];
		struct merged_packet packets[XESP_BURST_MAX];
		struct merge merge;

		for (size_t i = 0; i < flows; i++) {
			all[i] = flow_of(i % 2 ? 6 : 4, i % 3 ? IPPROTO_TCP : IPPROTO_UDP);
			all[i].port = (uint16_t)(1000 + i);
		}
		for (size_t i = 0; i < flows * 4; i++)
			packets[i] = make(&all[i % flows], i, 80);
		assert_int_equal(merge_all(&merge, packets, flows * 4),
				 flows <= MERGE_OPEN_MAX ? flows : flows * 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rule),	  cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_longest),		  cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_zeros_of_tcp),	  cmocka_unit_test(test_same_identification),
		cmocka_unit_test(test_udp_is_not_wanted), cmocka_unit_test(test_flows_in_turn),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

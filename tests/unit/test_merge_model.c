/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Merging of random streams of several flows, with all that can happen to packets, and of garbage: all groups
 * are cut again (tests/lib/merged.c).
 */
#include "tests/unit/merge_rig.h"

/* What happens to a packet now and then. */
static void disturb(struct flow *flow, uint8_t *ip, uint32_t len)
{
	uint32_t l4 = l4_of(ip);

	switch (next_random(12)) {
	case 0: ip[len - 1] ^= 1; return; /* the checksum is wrong */
	case 1: ip[l4 + next_random(len - l4)] ^= (uint8_t)(1 << next_random(8)); break;
	case 2: ip[next_random(l4)] ^= (uint8_t)(1 << next_random(8)); break;
	case 3: flow->seq += next_random(3); return; /* loss */
	case 4: flow->seq -= next_random(200); return;
	case 5: flow->id++; return;
	case 6:
		if (flow->protocol == IPPROTO_TCP)
			ip[l4 + 13] |= 0x08;
		break;
	default: return;
	}
	if (next_random(2) && (ip[0] == 0x45 || ip[0] >> 4 == 6) &&
	    (protocol_of(ip) == IPPROTO_TCP || protocol_of(ip) == IPPROTO_UDP))
		fix_checksums(ip, len);
}

static size_t random_burst(uint32_t flows, uint32_t calm)
{
	struct flow all[12];
	uint32_t sizes[12];
	struct merged_packet packets[XESP_BURST_MAX];
	size_t count = 1 + next_random(XESP_BURST_MAX);
	uint32_t now = 0;
	struct merge merge;

	for (uint32_t i = 0; i < flows; i++) {
		all[i] = flow_of(next_random(2) ? 4 : 6, next_random(2) ? IPPROTO_TCP : IPPROTO_UDP);
		all[i].port = (uint16_t)(1000 + next_random(6));
		all[i].tcp_options = all[i].protocol == IPPROTO_TCP ? (uint8_t)(next_random(11) * 4) : 0;
		all[i].same_id = next_random(3) == 0;
		sizes[i] = next_random(10) ? 1 + next_random(1500) : next_random(9);
	}
	for (size_t i = 0; i < count; i++) {
		if (next_random(3) == 0)
			now = next_random(flows);
		packets[i] = make(&all[now], i, next_random(8) ? sizes[now] : next_random(sizes[now] + 1));
		if (next_random(calm) == 0)
			disturb(&all[now], memory[i].end - packets[i].len, packets[i].len);
	}
	return count - merge_all(&merge, packets, count);
}

static void test_random_streams(void **state)
{
	size_t saved = 0;

	(void)state;
	for (uint32_t round = 0; round < 6000; round++)
		saved += random_burst(1 + round % 12, 1 + round % 40);
	/* Far fewer if a rule refused what it should not. */
	assert_true(saved > 60000);
}

/* Bytes of any kind, and packets that end anywhere. */
static void test_garbage(void **state)
{
	struct flow flow = flow_of(4, IPPROTO_TCP);
	struct merged_packet packets[XESP_BURST_MAX];
	struct merge merge;

	(void)state;
	for (uint32_t round = 0; round < 3000; round++) {
		for (size_t i = 0; i < XESP_BURST_MAX; i++) {
			uint32_t len = next_random(130);

			if (i % 4 == 0)
				flow = flow_of(next_random(2) ? 4 : 6,
					       next_random(2) ? IPPROTO_TCP : IPPROTO_UDP);
			packets[i] = make(&flow, i, 100);
			if (len < packets[i].len) { /* the head of it */
				memmove(memory[i].end - len, packets[i].packet, len);
				packets[i] = (struct merged_packet){memory[i].end - len, len};
			}
			for (uint32_t n = next_random(4); n && packets[i].len; n--)
				memory[i].end[-1 - (int)next_random(packets[i].len)] =
					(uint8_t)next_random(256);
		}
		merge_all(&merge, packets, XESP_BURST_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_streams),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

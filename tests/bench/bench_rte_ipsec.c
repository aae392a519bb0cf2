/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xesp's data plane beside DPDK's librte_ipsec: the same packets in memory, the same libipsec-mb, 64 packets
 * in bursts of 32, one SA of tunnel mode in UDP. What is measured begins with a packet whose SA and headers
 * are known, and ends with an inner packet, or the other way round; docs/PERFORMANCE.md says what both do in
 * it. All ways of librte_ipsec and xesp are measured in turn, round by round, and the fastest of its ways
 * counts. Before anything is measured, both open the same packets to the same bytes, xesp opens what
 * both sealed, and each finds the packet whose ICV is wrong. One thread. Arguments: suites by (part of) their
 * name; default all below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/rte_peer.h"
#include "tests/lib/burst_bench.h"
#include "tests/lib/figure.h"
#include "tests/lib/packet.h"
#include "tests/lib/require.h"
#include "tests/lib/seal_rig.h"
#include "tests/lib/stopwatch.h"

#define LEFT_OUT 77 /* exit status: nothing was measured, and why was said */
#define PACKETS BURST_BENCH_PACKETS
#define BURST RTE_PEER_BURST
_Static_assert(PACKETS == RTE_PEER_SLOTS, "as many for both");
#define ROUNDS 1001
#define ROUNDS_MIN 101
#define ROUNDS_QUICK 4 /* times fewer */
#define INNER_MAX BURST_BENCH_INNER_MAX
#define LINK_BYTES 14
#define OUTER_BYTES 28 /* IPv4, UDP */
#define FRAME_MAX (LINK_BYTES + OUTER_BYTES + ESP_OUT_FRONT_MAX + INNER_MAX + ESP_OUT_BACK_MAX)
#define INNER_HEADER_MAX 40
/* Behind the beginning of a cache line: where an inner packet that came by Ethernet begins. */
#define INNER_OFFSET LINK_BYTES

static const struct suite {
	const char *name;
	enum algo_id cipher;
	uint8_t cipher_key_bytes;
	enum algo_id auth;
	uint8_t icv_bytes;
} suites[] = {
	{"aes128gcm16", ALGO_AES_GCM, 16, ALGO_NONE, 16},
	{"chacha20poly1305", ALGO_CHACHA20_POLY1305, 32, ALGO_NONE, 16},
	{"aes128cbc-sha256", ALGO_AES_CBC, 16, ALGO_HMAC_SHA256, 0},
};

struct bench {
	struct seal_rig rig;
	struct sa_params params; /* of both of its SAs, with key */
	const struct suite *suite;
	bool open;
	uint8_t *frames[PACKETS]; /* xesp's */
	uint8_t inner[INNER_MAX]; /* all packets are this one */
	size_t inner_len;
	uint8_t sealed[PACKETS][FRAME_MAX]; /* opening: the frames as they came */
	struct esp_packet packets[PACKETS];
	struct esp_out outs[PACKETS];
	struct esp_out_split splits[PACKETS];
	uint8_t headers[PACKETS][INNER_HEADER_MAX]; /* sealing: what outer headers are made from */
	struct rte_peer *peers[RTE_PEER_WAYS];	    /* NULL: a way that this suite does not have */
	size_t rounds;
	double xesp[ROUNDS];
	double peer[RTE_PEER_WAYS][ROUNDS];
	double scratch[ROUNDS];
};

/* ---- xesp ---------------------------------------------------------------------------------------------- */

static void restore_xesp(struct bench *bench)
{
	uint8_t iv_bytes = bench->rig.sa->iv_bytes;

	replay_init(&bench->rig.peer.sa->replay, 64, false, 0);
	for (size_t i = 0; i < PACKETS; i++) {
		if (bench->open)
			memcpy(bench->packets[i].frame, bench->sealed[i], bench->packets[i].frame_len);
		else
			memcpy(bench->outs[i].esp + 8 + iv_bytes, bench->inner, bench->inner_len);
	}
}

/* As the send path does it with a piece of a flow: numbers and counters of all at once; but headers of each.
 */
static void seal_burst(struct bench *bench, size_t first)
{
	struct sa_out *sa = bench->rig.sa;
	uint64_t seq = sa_out_take(sa, BURST);

	for (size_t i = first; i < first + BURST; i++) {
		struct esp_out *out = &bench->outs[i];
		const uint8_t *inner = out->esp + 8 + sa->iv_bytes;

		if (esp_out_split(sa, inner, out->payload_len, &bench->splits[i]))
			abort();
		memcpy(bench->headers[i], inner, INNER_HEADER_MAX);
		bench->splits[i].inner = bench->headers[i];
		out->next_header = bench->splits[i].next_header;
		out->seq = seq + i - first;
		out->iv = sa->iv_random ? iv_pool_take(bench->rig.ivs, sa->iv_bytes) : NULL;
	}
	esp_out_burst(bench->rig.peer.crypto, bench->outs + first, BURST);
	for (size_t i = first; i < first + BURST; i++) {
		const struct esp_out *out = &bench->outs[i];
		uint32_t bytes = esp_out_header_bytes(sa, &bench->splits[i]);

		esp_out_headers(sa, &bench->splits[i], out->esp, out->esp_len, false, out->esp - bytes);
	}
	sa_out_count(sa, BURST, BURST * bench->inner_len, ESP_RIG_NOW);
}

static double round_xesp(struct bench *bench)
{
	uint64_t start;

	restore_xesp(bench);
	start = stopwatch_cycles();
	for (size_t i = 0; i < PACKETS; i += BURST) {
		if (bench->open)
			esp_open_burst(bench->rig.peer.crypto, bench->packets + i, BURST, ESP_RIG_NOW);
		else
			seal_burst(bench, i);
	}
	start = stopwatch_cycles() - start;
	for (size_t i = 0; i < PACKETS; i++)
		if (bench->open ? bench->packets[i].reason != XESP_REASON_DELIVERED : bench->outs[i].status)
			abort();
	return (double)start / PACKETS;
}

/* ---- librte_ipsec -------------------------------------------------------------------------------------- */

static void restore_peer(struct bench *bench, struct rte_peer *peer)
{
	rte_peer_reset(peer);
	for (size_t i = 0; i < PACKETS; i++) {
		if (bench->open)
			rte_peer_put(peer, i, bench->sealed[i], bench->packets[i].frame_len, LINK_BYTES,
				     OUTER_BYTES);
		else
			rte_peer_put(peer, i, bench->inner, bench->inner_len, 0, 20);
	}
}

static double round_peer(struct bench *bench, struct rte_peer *peer)
{
	uint64_t start;
	size_t good = 0;

	restore_peer(bench, peer);
	start = stopwatch_cycles();
	for (size_t i = 0; i < PACKETS; i += BURST)
		good += rte_peer_run(peer, i, BURST);
	start = stopwatch_cycles() - start;
	if (good != PACKETS)
		abort();
	return (double)start / PACKETS;
}

/* ---- before anything is measured ----------------------------------------------------------------------- */

static void require_inner(const struct bench *bench, const uint8_t *packet, size_t len)
{
	REQUIRE(len == bench->inner_len);
	REQUIRE(memcmp(packet, bench->inner, len) == 0);
}

/* Both open all packets, and all but one if its ICV is wrong. */
static void check_opening(struct bench *bench, struct rte_peer *peer)
{
	uint8_t *icv_end = &bench->sealed[PACKETS / 4][bench->packets[PACKETS / 4].frame_len - 1];
	size_t len;

	round_xesp(bench);
	round_peer(bench, peer);
	for (size_t i = 0; i < PACKETS; i++) {
		const uint8_t *packet = rte_peer_packet(peer, i, &len);

		require_inner(bench, packet, len);
		require_inner(bench, bench->packets[i].packet, bench->packets[i].packet_len);
	}
	*icv_end ^= 1;
	restore_peer(bench, peer);
	REQUIRE(rte_peer_run(peer, 0, BURST) == BURST - 1);
	restore_xesp(bench);
	esp_open_burst(bench->rig.peer.crypto, bench->packets, BURST, ESP_RIG_NOW);
	REQUIRE(bench->packets[PACKETS / 4].reason == XESP_REASON_AUTH_FAILED);
	*icv_end ^= 1;
}

/* `outer`: an IPv4 packet that was sealed. xesp opens it, with a window that has not moved. */
static void require_sealed(struct bench *bench, const uint8_t *outer, size_t len)
{
	struct esp_packet packet;

	REQUIRE(packet_get16(outer + 2) == len && packet_get16(outer + 24) == len - 20);
	REQUIRE(packet_get16(outer + 20) == bench->rig.sa->params.encap.sport);
	REQUIRE(memcmp(outer + 12, packet_addr4[2], 4) == 0 && memcmp(outer + 16, packet_addr4[0], 4) == 0);
	packet = esp_rig_wrap(&bench->rig.peer, 0, &esp_rig_udp4, outer + OUTER_BYTES, len - OUTER_BYTES);
	REQUIRE(esp_rig_open(&bench->rig.peer, &packet) == XESP_REASON_DELIVERED);
	require_inner(bench, packet.packet, packet.packet_len);
}

static void check_sealing(struct bench *bench, struct rte_peer *peer)
{
	size_t len;

	replay_init(&bench->rig.peer.sa->replay, 64, false, 0);
	round_peer(bench, peer);
	for (size_t i = 0; i < PACKETS; i++) {
		const uint8_t *packet = rte_peer_packet(peer, i, &len);

		require_sealed(bench, packet, len);
	}
	round_xesp(bench);
	for (size_t i = 0; i < PACKETS; i++)
		require_sealed(bench, bench->outs[i].esp - OUTER_BYTES, bench->outs[i].esp_len + OUTER_BYTES);
}

/* ---- measuring ----------------------------------------------------------------------------------------- */

static void name_figure(const struct bench *bench, const char *what, char name[96])
{
	snprintf(name, 96, "librte_ipsec.%s.%s.%zu.%s", bench->open ? "open" : "seal", bench->suite->name,
		 bench->inner_len, what);
}

/* The median; the samples stay in the order of the rounds. */
static double report(struct bench *bench, const char *what, const char *unit, const double *samples)
{
	char name[96];

	name_figure(bench, what, name);
	memcpy(bench->scratch, samples, bench->rounds * sizeof(*samples));
	figure_samples(name, unit, bench->scratch, bench->rounds);
	return bench->scratch[bench->rounds / 2];
}

/* The way with the lowest median, or NULL; medians[] of all, 0 where there is none. */
static const double *fastest_way(struct bench *bench, double medians[RTE_PEER_WAYS])
{
	const double *fastest = NULL;
	double best = 0;

	for (size_t way = 0; way < RTE_PEER_WAYS; way++) {
		medians[way] = 0;
		if (!bench->peers[way])
			continue;
		medians[way] = report(bench, rte_peer_ways[way].name, STOPWATCH_CYCLES " a packet",
				      bench->peer[way]);
		if (!fastest || medians[way] < best) {
			fastest = bench->peer[way];
			best = medians[way];
		}
	}
	return fastest;
}

static void print_results(struct bench *bench)
{
	double xesp = report(bench, "xesp", STOPWATCH_CYCLES " a packet", bench->xesp), ratio = 0;
	double medians[RTE_PEER_WAYS];
	const double *fastest = fastest_way(bench, medians);

	if (fastest) {
		for (size_t round = 0; round < bench->rounds; round++)
			bench->xesp[round] = fastest[round] / bench->xesp[round];
		ratio = report(bench, "ratio", "times", bench->xesp);
	}
	printf("%-5s %-17s %5zu %9.1f", bench->open ? "open" : "seal", bench->suite->name, bench->inner_len,
	       xesp);
	for (size_t way = 0; way < RTE_PEER_WAYS; way++) {
		if (medians[way] > 0)
			printf(" %9.1f", medians[way]);
		else
			printf(" %9s", "-");
	}
	printf(" %6.2f\n", ratio);
}

/* Long packets vary less, and there is an end to patience. */
static size_t rounds_for(size_t inner_len)
{
	size_t rounds = ROUNDS_MIN + (ROUNDS - ROUNDS_MIN) * 64 / inner_len;

	return figure_quick() ? rounds / ROUNDS_QUICK : rounds;
}

static void measure(struct bench *bench, bool open)
{
	bench->open = open;
	for (size_t way = 0; way < RTE_PEER_WAYS; way++) {
		bench->peers[way] = NULL;
		if (rte_peer_new(&rte_peer_ways[way], &bench->params, open, FRAME_MAX, &bench->peers[way]))
			continue;
		if (open)
			check_opening(bench, bench->peers[way]);
		else
			check_sealing(bench, bench->peers[way]);
	}
	bench->rounds = rounds_for(bench->inner_len);
	for (size_t round = 0; round < bench->rounds; round++) {
		bench->xesp[round] = round_xesp(bench);
		for (size_t way = 0; way < RTE_PEER_WAYS; way++)
			if (bench->peers[way])
				bench->peer[way][round] = round_peer(bench, bench->peers[way]);
	}
	print_results(bench);
	for (size_t way = 0; way < RTE_PEER_WAYS; way++)
		rte_peer_free(bench->peers[way]);
}

/* Packets for both directions, in plain memory. */
static void make_packets(struct bench *bench)
{
	uint8_t iv_bytes = bench->rig.sa->iv_bytes;

	for (size_t i = 0; i < PACKETS; i++) {
		struct esp_packet *packet = &bench->packets[i];

		*packet = esp_rig_seal_payload(&bench->rig.peer, i, &esp_rig_udp4, bench->inner,
					       bench->inner_len, IPPROTO_IPIP);
		REQUIRE(packet->frame_len <= FRAME_MAX);
		memcpy(bench->sealed[i], packet->frame, packet->frame_len);
		packet->frame = bench->frames[i];
		bench->outs[i] = (struct esp_out){
			.sa = bench->rig.sa,
			.esp = bench->frames[i] + 128 + INNER_OFFSET - 8 - iv_bytes,
			.payload_len = (uint32_t)bench->inner_len,
		};
	}
}

static void measure_size(struct bench *bench, const struct suite *suite, size_t inner_len)
{
	bench->suite = suite;
	bench->params = seal_rig_params(SA_MODE_TUNNEL, 4, 4, XESP_FORM_UDP);
	esp_rig_suite(&bench->params, suite->cipher, suite->cipher_key_bytes, suite->auth, suite->icv_bytes);
	seal_rig_setup(&bench->rig, &bench->params, &crypto_ipsec_mb);
	bench->inner_len = packet_udp4(bench->inner, inner_len - 28);
	make_packets(bench);
	measure(bench, true);
	measure(bench, false);
	seal_rig_teardown(&bench->rig);
}

static bool is_wanted(const char *name, int count, char *const *names)
{
	for (int i = 0; i < count; i++)
		if (strstr(name, names[i]))
			return true;
	return count == 0;
}

/* False: not on this machine. */
static bool print_head(void)
{
	struct crypto_ctx *ctx;

	if (crypto_ipsec_mb.ctx_new(&ctx)) {
		fprintf(stderr, "bench_rte_ipsec: xesp has no libipsec-mb on this machine\n");
		return false;
	}
	printf("%s, %s, one library for both\n", rte_peer_version(), crypto_ipsec_mb.ctx_describe(ctx));
	crypto_ipsec_mb.ctx_free(ctx);
	printf("%s a packet; ways of librte_ipsec, and its fastest over xesp\n", STOPWATCH_CYCLES);
	printf("%-5s %-17s %5s %9s", "", "suite", "bytes", "xesp");
	for (size_t way = 0; way < RTE_PEER_WAYS; way++)
		printf(" %9s", rte_peer_ways[way].name);
	printf(" %6s\n", "ratio");
	return true;
}

static void measure_suites(int count, char *const *names)
{
	static const size_t sizes[] = {64, 128, 256, 576, 1400, INNER_MAX};
	struct bench *bench = calloc(1, sizeof(*bench));

	if (!bench)
		abort();
	burst_bench_frames_new(bench->frames);
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(sizes[0]); j++)
			if (is_wanted(suites[i].name, count, names))
				measure_size(bench, &suites[i], sizes[j]);
	burst_bench_frames_free(bench->frames);
	free(bench);
}

int main(int argc, char **argv)
{
	int status = LEFT_OUT;

	if (rte_peer_begin() == 0 && print_head()) {
		measure_suites(argc - 1, argv + 1);
		status = 0;
	}
	rte_peer_end();
	return status;
}

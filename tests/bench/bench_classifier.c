// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the classifier costs a packet, above an XDP program that does nothing: BPF_PROG_TEST_RUN of both in
 * turn, medians over rounds. The promise: at most 30 ns for ESP with 65,536 SAs installed; it is judged by
 * the quietest round of each, since whatever else the machine does can only add to either. One packet, over
 * and over, finds its SA in the cache; what many SAs cost beyond that are the cache misses on one or two
 * buckets and the ref. Needs root.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <bpf/xesp.skel.h>
#include <endian.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "bpf/sa_table.h"
#include "host/classifier.h"
#include "host/classifier_table.h"
#include "tests/lib/frame.h"
#include "tests/lib/xdp_bench.h"

#define SAS 65536
#define ROUNDS 9
#define CASES_MAX 16
#define LIMIT_NS 30.0
#define SPI_FIRST 0x10000
#define SPI_USED (SPI_FIRST + 12345)
#define PORT 4500

struct bench_case {
	const char *name;
	bool empty;   /* the program that does nothing, on this packet */
	bool limited; /* by the promise */
	uint32_t action;
	struct frame frame;
	double ns[ROUNDS];
};

static const struct frame_spec spec4 = {
	.src = {AF_INET, {192, 0, 2, 1}}, .dst = {AF_INET, {192, 0, 2, 2}}, .sport = 4500, .dport = PORT};
static const struct frame_spec spec6 = {.src = {AF_INET6, {0x20, 1, 0xd, 0xb8, [15] = 1}},
					.dst = {AF_INET6, {0x20, 1, 0xd, 0xb8, [15] = 2}},
					.sport = 4500,
					.dport = PORT};

static const uint8_t zeros[64];

static struct bench_case *next_case(struct bench_case *cases, size_t *count, const char *name,
				    uint32_t action)
{
	struct bench_case *entry = &cases[(*count)++];

	entry->name = name;
	entry->action = action;
	return entry;
}

/* An SPI of IPv4 that the classifier finds in the second bucket only, after another cache line; 0 if there is
 * none. */
static uint32_t second_bucket_spi(const struct classifier_fds *fds)
{
	for (uint32_t spi = SPI_FIRST; spi < SPI_FIRST + SAS; spi++) {
		struct xesp_sa_key key = {.spi = htobe32(spi)};
		union xesp_sa_element element;
		uint32_t numbers[2];

		memcpy(&key.daddr[3], spec4.dst.bytes, sizeof(key.daddr[3]));
		sa_table_hash(&key, classifier_table_entries(SAS) - 1, numbers);
		if (!bpf_map_lookup_elem(fds->sa4, &numbers[0], &element) &&
		    !sa_table_in(&element.bucket, &key))
			return spi;
	}
	return 0;
}

static size_t build_cases(struct bench_case *cases, uint32_t second_spi)
{
	struct frame_spec summed = spec4;
	struct bench_case *entry;
	size_t count = 0;

	summed.checksum = FRAME_CHECKSUM_RIGHT;
	entry = next_case(cases, &count, "empty program", XDP_PASS);
	entry->empty = true;
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, SPI_USED, 1392);
	entry = next_case(cases, &count, "ESP in UDP, IPv4", XDP_REDIRECT);
	entry->limited = true;
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, SPI_USED, 1392);
	entry = next_case(cases, &count, "the same, second bucket", XDP_REDIRECT);
	entry->limited = true;
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, second_spi, 1392);
	entry = next_case(cases, &count, "ESP in UDP, IPv6", XDP_REDIRECT);
	entry->limited = true;
	frame_esp(&entry->frame, &spec6, XESP_FORM_UDP, SPI_USED, 1392);
	entry = next_case(cases, &count, "ESP without UDP", XDP_REDIRECT);
	entry->limited = true;
	frame_esp(&entry->frame, &spec4, XESP_FORM_NATIVE, SPI_USED, 1392);
	entry = next_case(cases, &count, "ESP, UDP checksum not 0", XDP_REDIRECT);
	frame_esp(&entry->frame, &summed, XESP_FORM_UDP, SPI_USED, 1392);
	entry = next_case(cases, &count, "ESP, IPv4 options", XDP_REDIRECT);
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, SPI_USED, 1392);
	frame_insert(&entry->frame, 0, "\x94\4\0\0", 4);
	entry = next_case(cases, &count, "ESP, IPv6 options", XDP_REDIRECT);
	frame_esp(&entry->frame, &spec6, XESP_FORM_UDP, SPI_USED, 1392);
	frame_insert(&entry->frame, IPPROTO_DSTOPTS, "\1\0\1\4\0\0\0\0", 8);
	entry = next_case(cases, &count, "ESP, three buffers", XDP_REDIRECT);
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, SPI_USED, 8900);
	entry = next_case(cases, &count, "the same, checksum not 0", XDP_REDIRECT);
	frame_esp(&entry->frame, &summed, XESP_FORM_UDP, SPI_USED, 8900);
	entry = next_case(cases, &count, "ESP without SA", XDP_PASS);
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, SPI_FIRST + SAS, 1392);
	entry = next_case(cases, &count, "IKE", XDP_PASS);
	frame_udp(&entry->frame, &spec4, zeros, sizeof(zeros));
	entry = next_case(cases, &count, "keepalive", XDP_DROP);
	frame_udp(&entry->frame, &spec4, "\xff", 1);
	entry = next_case(cases, &count, "TCP", XDP_PASS);
	frame_ip(&entry->frame, &spec4, IPPROTO_TCP, zeros, 20);
	entry = next_case(cases, &count, "not IP", XDP_PASS);
	frame_ip(&entry->frame, &spec4, IPPROTO_TCP, zeros, 20);
	frame_put16(&entry->frame, 12, 0x0806);
	return count;
}

static int fill(const struct classifier_fds *fds)
{
	struct xesp_parser_slot slot = {.id = {[XESP_ENCAP_RFC3948] = 1}};
	struct classifier *classifier;
	int ret;

	ret = classifier_fds_new(fds, false, &classifier);
	if (ret)
		return ret;
	ret = classifier->ops->set_parser(classifier, PORT, &slot);
	for (uint32_t i = 0; i < SAS && !ret; i++) {
		struct xesp_sa_ref ref = {.index = i, .generation = 1, .parser_id = 1};

		ret = classifier->ops->add_sa(classifier, SPI_FIRST + i, &spec4.dst, &ref);
		if (!ret)
			ret = classifier->ops->add_sa(classifier, SPI_FIRST + i, &spec6.dst, &ref);
	}
	classifier_free(classifier);
	return ret;
}

static int measure(int prog, const struct bench_case *entry, double *ret_ns)
{
	int ret = xdp_bench_run(prog, &entry->frame, entry->action, ret_ns);

	if (ret == -EPROTO)
		fprintf(stderr, "bench_classifier: %s: another XDP action than %u\n", entry->name,
			entry->action);
	return ret;
}

static int measure_all(struct bench_case *cases, size_t count, int empty, int classifier)
{
	int ret;

	for (int round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < count; i++) {
			ret = measure(cases[i].empty ? empty : classifier, &cases[i], &cases[i].ns[round]);
			if (ret)
				return ret;
		}
	}
	for (size_t i = 0; i < count; i++)
		xdp_bench_median(cases[i].ns, ROUNDS);
	return 0;
}

/* Returns the number of broken promises. */
static int report(const struct bench_case *cases, size_t count)
{
	double empty = cases[0].ns[ROUNDS / 2];
	int broken = 0;

	printf("ns a packet, median of %d rounds of %d (min..max), %d SAs of each family\n", ROUNDS,
	       XDP_BENCH_REPEAT, SAS);
	for (size_t i = 0; i < count; i++) {
		double median = cases[i].ns[ROUNDS / 2], above = median - empty;
		double quietest = cases[i].ns[0] - cases[0].ns[0];
		bool bad = cases[i].limited && quietest > LIMIT_NS;

		printf("%-26s %6.0f  (%.0f..%.0f)", cases[i].name, median, cases[i].ns[0],
		       cases[i].ns[ROUNDS - 1]);
		if (i)
			printf("  %+6.0f above empty", above);
		if (cases[i].limited)
			printf("  quietest %+.0f, limit %.0f: %s", quietest, LIMIT_NS,
			       bad ? "BROKEN" : "kept");
		printf("\n");
		broken += bad;
	}
	return broken;
}

int main(void)
{
	CLEANUP_FREE struct bench_case *cases = calloc(CASES_MAX, sizeof(*cases));
	CLEANUP_FD int empty = xdp_bench_empty();
	CLEANUP_FD int xsk = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	struct xesp_bpf *object = NULL;
	struct classifier_fds fds;
	size_t count;
	int ret, broken = 0;

	if (!cases || empty < 0 || xsk < 0) {
		fprintf(stderr, "bench_classifier: needs root: %s\n", strerror(empty < 0 ? -empty : errno));
		return 1;
	}
	ret = xdp_bench_classifier(SAS, xsk, &object, &fds);
	if (!ret)
		ret = fill(&fds);
	if (!ret) {
		count = build_cases(cases, second_bucket_spi(&fds));
		ret = measure_all(cases, count, empty, xdp_bench_program(object));
	}
	if (!ret)
		broken = report(cases, count);
	else
		fprintf(stderr, "bench_classifier: %s\n", strerror(-ret));
	xesp_bpf__destroy(object);
	return ret || broken;
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * What the classifier costs a packet, above an XDP program that does nothing: BPF_PROG_TEST_RUN of both in
 * turn, medians over rounds, with 1 to a million SAs of each family installed. Beside the median the quietest
 * round of each: whatever else the machine does can only add to either. One packet, over and over, finds its
 * SA in the cache; what many SAs cost beyond that are the cache misses on one or two buckets and the ref.
 * Before that, what the verifier processed of each program. Needs root.
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
#include "host/classifier_bpf.h"
#include "host/classifier_table.h"
#include "tests/lib/figure.h"
#include "tests/lib/frame.h"
#include "tests/lib/xdp_bench.h"

#define SAS_MAX 1000000
#define ROUNDS 9
#define ROUNDS_QUICK 5
#define CASES_MAX 16
#define SPI_FIRST 0x10000
#define PORT 4500

struct bench_case {
	const char *name;
	const char *figure; /* its name there; NULL: only in the table */
	bool empty;	    /* the program that does nothing, on this packet */
	bool limited;	    /* by the promise */
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
				    const char *figure, uint32_t action)
{
	struct bench_case *entry = &cases[(*count)++];

	entry->name = name;
	entry->figure = figure;
	entry->action = action;
	return entry;
}

/* An SPI of IPv4 that the classifier finds in the second bucket only, after another cache line; 0 if there is
 * none. */
static uint32_t second_bucket_spi(const struct classifier_fds *fds, uint32_t sas)
{
	for (uint32_t spi = SPI_FIRST; spi < SPI_FIRST + sas; spi++) {
		struct xesp_sa_key key = {.spi = htobe32(spi)};
		union xesp_sa_element element;
		uint32_t numbers[2];

		memcpy(&key.daddr[3], spec4.dst.bytes, sizeof(key.daddr[3]));
		sa_table_hash(&key, classifier_table_entries(4, sas) - 1, numbers);
		if (!bpf_map_lookup_elem(fds->sa4, &numbers[0], &element) && !sa_table_in(&element, 4, &key))
			return spi;
	}
	return 0;
}

static size_t build_cases(struct bench_case *cases, uint32_t sas, uint32_t second_spi)
{
	const uint32_t spi = SPI_FIRST + sas / 5;
	struct frame_spec summed = spec4;
	struct bench_case *entry;
	size_t count = 0;

	summed.checksum = FRAME_CHECKSUM_RIGHT;
	entry = next_case(cases, &count, "empty program", NULL, XDP_PASS);
	entry->empty = true;
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, spi, 1392);
	entry = next_case(cases, &count, "ESP in UDP, IPv4", "esp_hit", XDP_REDIRECT);
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, spi, 1392);
	if (second_spi) {
		entry = next_case(cases, &count, "the same, second bucket", "esp_hit_second_bucket",
				  XDP_REDIRECT);
		frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, second_spi, 1392);
	}
	entry = next_case(cases, &count, "ESP in UDP, IPv6", "esp_hit_ipv6", XDP_REDIRECT);
	frame_esp(&entry->frame, &spec6, XESP_FORM_UDP, spi, 1392);
	entry = next_case(cases, &count, "ESP without UDP", "esp_native", XDP_REDIRECT);
	frame_esp(&entry->frame, &spec4, XESP_FORM_NATIVE, spi, 1392);
	entry = next_case(cases, &count, "ESP, UDP checksum not 0", "esp_checksum", XDP_REDIRECT);
	frame_esp(&entry->frame, &summed, XESP_FORM_UDP, spi, 1392);
	entry = next_case(cases, &count, "ESP, IPv4 options", NULL, XDP_REDIRECT);
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, spi, 1392);
	frame_insert(&entry->frame, 0, "\x94\4\0\0", 4);
	entry = next_case(cases, &count, "ESP, IPv6 options", NULL, XDP_REDIRECT);
	frame_esp(&entry->frame, &spec6, XESP_FORM_UDP, spi, 1392);
	frame_insert(&entry->frame, IPPROTO_DSTOPTS, "\1\0\1\4\0\0\0\0", 8);
	entry = next_case(cases, &count, "ESP, three buffers", NULL, XDP_REDIRECT);
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, spi, 8900);
	entry = next_case(cases, &count, "the same, checksum not 0", NULL, XDP_REDIRECT);
	frame_esp(&entry->frame, &summed, XESP_FORM_UDP, spi, 8900);
	entry = next_case(cases, &count, "ESP without SA", "esp_miss", XDP_PASS);
	frame_esp(&entry->frame, &spec4, XESP_FORM_UDP, SPI_FIRST + SAS_MAX, 1392);
	entry = next_case(cases, &count, "IKE", "ike", XDP_PASS);
	frame_udp(&entry->frame, &spec4, zeros, sizeof(zeros));
	entry = next_case(cases, &count, "keepalive", "keepalive", XDP_DROP);
	frame_udp(&entry->frame, &spec4, "\xff", 1);
	entry = next_case(cases, &count, "TCP", "tcp", XDP_PASS);
	frame_ip(&entry->frame, &spec4, IPPROTO_TCP, zeros, 20);
	entry = next_case(cases, &count, "not IP", "not_ip", XDP_PASS);
	frame_ip(&entry->frame, &spec4, IPPROTO_TCP, zeros, 20);
	frame_put16(&entry->frame, 12, 0x0806);
	return count;
}

static int fill(const struct classifier_fds *fds, uint32_t sas)
{
	struct xesp_parser_slot slot = {.id = {[XESP_ENCAP_RFC3948] = 1}};
	struct classifier *classifier;
	int ret;

	ret = classifier_fds_new(fds, false, &classifier);
	if (ret)
		return ret;
	ret = classifier->ops->set_parser(classifier, PORT, &slot);
	for (uint32_t i = 0; i < sas && !ret; i++) {
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

static int measure_all(struct bench_case *cases, size_t count, int rounds, int empty, int classifier)
{
	int ret;

	for (int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < count; i++) {
			if (figure_quick() && i && !cases[i].figure)
				continue;
			ret = measure(cases[i].empty ? empty : classifier, &cases[i], &cases[i].ns[round]);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* What the case took above the empty program in the same round. */
static void print_figures(const struct bench_case *empty, const struct bench_case *entry, int rounds,
			  uint32_t sas)
{
	double above[ROUNDS], quietest = entry->ns[0], quietest_empty = empty->ns[0];
	char name[96];

	for (int round = 0; round < rounds; round++) {
		above[round] = entry->ns[round] - empty->ns[round];
		quietest = entry->ns[round] < quietest ? entry->ns[round] : quietest;
		quietest_empty = empty->ns[round] < quietest_empty ? empty->ns[round] : quietest_empty;
	}
	snprintf(name, sizeof(name), "classifier.%s.%u", entry->figure, sas);
	figure_samples(name, "ns above an empty program", above, (size_t)rounds);
	snprintf(name, sizeof(name), "classifier.%s.%u.quietest", entry->figure, sas);
	figure_value(name, "ns above an empty program", quietest - quietest_empty);
}

static void report(struct bench_case *cases, size_t count, int rounds, uint32_t sas)
{
	double empty;

	for (size_t i = 0; i < count; i++)
		if (cases[i].figure)
			print_figures(&cases[0], &cases[i], rounds, sas);
	for (size_t i = 0; i < count; i++)
		figure_median(cases[i].ns, (size_t)rounds);
	empty = cases[0].ns[rounds / 2];
	printf("ns a packet, median of %d rounds of %d (min..max), %u SAs of each family\n", rounds,
	       XDP_BENCH_REPEAT, sas);
	for (size_t i = 0; i < count; i++) {
		double median = cases[i].ns[rounds / 2], above = median - empty;
		double quietest = cases[i].ns[0] - cases[0].ns[0];

		if (median == 0) /* not measured */
			continue;
		printf("%-26s %6.0f  (%.0f..%.0f)", cases[i].name, median, cases[i].ns[0],
		       cases[i].ns[rounds - 1]);
		if (i)
			printf("  %+6.0f above empty, quietest %+.0f", above, quietest);
		printf("\n");
	}
}

/* ---- the verifier ------------------------------------------------------------------------------------- */

/* What it goes through when a program is loaded. */
static void print_verified(const struct xesp_bpf *object, const char *where)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object->obj)
	{
		struct bpf_prog_info info = {0};
		uint32_t len = sizeof(info);
		char name[96];

		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &len))
			continue;
		snprintf(name, sizeof(name), "classifier.verified.%s.%s", bpf_program__name(program), where);
		figure_value(name, "instructions", info.verified_insns);
		printf("verifier: %s, %s interface: %u instructions processed, %u bytes of machine code\n",
		       bpf_program__name(program), where, info.verified_insns, info.jited_prog_len);
	}
}

/* Of the interfaces that peers are behind, and of a gateway's inside interface. */
static int report_verified(void)
{
	static const char *const names[] = {"outside", "inside"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct xesp_bpf *object = NULL;
		int ret = classifier_bpf_open(1000, &object);

		if (!ret && i == 1)
			ret = classifier_bpf_set_inside(object, 1, (const uint8_t[]){2, 0, 0, 0, 0, 1},
							false);
		if (!ret)
			ret = xesp_bpf__load(object);
		if (!ret)
			print_verified(object, names[i]);
		xesp_bpf__destroy(object);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static int bench_with(uint32_t sas, int empty, int xsk)
{
	CLEANUP_FREE struct bench_case *cases = calloc(CASES_MAX, sizeof(*cases));
	int rounds = figure_quick() ? ROUNDS_QUICK : ROUNDS;
	struct xesp_bpf *object = NULL;
	struct classifier_fds fds;
	size_t count = 0;
	int ret;

	if (!cases)
		return -ENOMEM;
	ret = xdp_bench_classifier(sas, xsk, &object, &fds);
	if (!ret)
		ret = fill(&fds, sas);
	if (!ret) {
		count = build_cases(cases, sas, second_bucket_spi(&fds, sas));
		ret = measure_all(cases, count, rounds, empty, xdp_bench_program(object));
	}
	if (!ret)
		report(cases, count, rounds, sas);
	xesp_bpf__destroy(object);
	return ret;
}

int main(void)
{
	static const uint32_t counts[] = {1, 1000, 65536, SAS_MAX};
	CLEANUP_FD int empty = xdp_bench_empty();
	CLEANUP_FD int xsk = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	int ret;

	if (empty < 0 || xsk < 0) {
		fprintf(stderr, "bench_classifier: needs root: %s\n", strerror(empty < 0 ? -empty : errno));
		return 1;
	}
	ret = report_verified();
	if (ret)
		fprintf(stderr, "bench_classifier: the verifier's counts: %s\n", strerror(-ret));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		ret = bench_with(counts[i], empty, xsk);
		if (ret) {
			fprintf(stderr, "bench_classifier: %u SAs: %s\n", counts[i], strerror(-ret));
			return 1;
		}
	}
	return 0;
}

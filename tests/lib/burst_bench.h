/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the benchmarks of opening and of sealing share: suites, sizes, bursts; rounds in which the whole, the
 * crypto provider alone and libipsec-mb alone work on the same bytes, each in turn; their table and figures.
 */
#ifndef XESP_TESTS_BURST_BENCH_H
#define XESP_TESTS_BURST_BENCH_H

#include <stdbool.h>
#include <xesp/limits.h>

#include "control/sa_params.h"
#include "dataplane/crypto.h"
#include "tests/lib/bare_gcm.h"

/* Of each round, in bursts of 1 to all. */
#define BURST_BENCH_PACKETS XESP_BURST_MAX
#define BURST_BENCH_INNER_MAX 9000
#define BURST_BENCH_HEADROOM 256

enum burst_bench_way {
	BURST_BENCH_WHOLE,
	BURST_BENCH_CRYPTO, /* the provider, with the jobs that the whole had for it */
	BURST_BENCH_ALONE,  /* libipsec-mb called as its documentation says, nothing around it */
	BURST_BENCH_WAYS
};

struct burst_bench_ops {
	const char *figure;  /* what names of figures begin with */
	const char *done;    /* what packets are then */
	bool usual_provider; /* that one alone, and not each in turn */
	/* Of an SA, whose suite is still to be set. */
	struct sa_params (*params)(void);
	/* An SA, and packets of so many bytes inside. */
	void (*set_up)(void *bench, const struct sa_params *params, const struct crypto_provider *provider,
		       size_t inner_len);
	void (*tear_down)(void *bench);
	/* Before each run: packets as they come. Not measured. */
	void (*restore)(void *bench, enum burst_bench_way way);
	/* Measured. `bare` is NULL but for BURST_BENCH_ALONE. */
	void (*run)(void *bench, enum burst_bench_way way, size_t burst, struct bare_gcm *bare);
	/* After each: ends the program if packets are not what they should be. Not measured. */
	void (*check)(void *bench, enum burst_bench_way way);
};

/* Measures; the arguments are suites by (part of) their names, none: all. */
void burst_bench_run(const struct burst_bench_ops *ops, void *bench, int count, char *const *names);

/* Memory for packets as in a UMEM: room for BURST_BENCH_HEADROOM bytes in front of each, and for ESP behind
 * it. Beside the inaccessible pages of the rigs, loads of idle lanes, whose faults the CPU suppresses, are
 * slow. */
void burst_bench_frames_new(uint8_t *frames[BURST_BENCH_PACKETS]);
void burst_bench_frames_free(uint8_t *frames[BURST_BENCH_PACKETS]);

#endif

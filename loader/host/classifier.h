/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The classifier as userspace sees it: tables to fill, counters to read, and, for `xesp explain` and
 * tests, a way to run one frame through it. Two implementations of one source: the BPF program in the
 * kernel, and the same files compiled natively (bpf/native.c), for machines without privileges.
 */
#ifndef XESP_HOST_CLASSIFIER_H
#define XESP_HOST_CLASSIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xesp/abi.h>
#include <xesp/drop_reasons.h>
#include <xesp/limits.h>

#include "base/ip_addr.h"
#include "host/classifier_table.h"

struct classifier;

/* Of a run: more than is ever handed over. */
#define CLASSIFIER_FRAME_MAX (XESP_PACKET_JUMBO_MAX + 4096)

struct classifier_result {
	enum xesp_reason reason;
	bool redirected; /* to AF_XDP: `meta` is valid */
	struct xesp_meta meta;
	/* The frame as the classifier left it; equal to the input unless the classifier has a bug. Points
	 * into the classifier, valid until the next run. NULL if consumed. */
	const uint8_t *frame;
	size_t frame_len;
};

struct classifier_ops {
	const char *name; /* "kernel", "native" */
	void (*free)(struct classifier *classifier);
	int (*set_config)(struct classifier *classifier, const struct xesp_config *config);
	/* Both ids 0: removes the entry. */
	int (*set_parser)(struct classifier *classifier, uint16_t port, const struct xesp_parser_slot *slot);
	/* `spi` in host order. -EEXIST if there is one, -ENOSPC if the table is full. */
	int (*add_sa)(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst,
		      const struct xesp_sa_ref *ref);
	int (*del_sa)(struct classifier *classifier, uint32_t spi, const struct ip_addr *dst);
	/* Sums over CPUs; `counters` has XESP_CLASSIFIER_REASON_END elements. */
	int (*read_counters)(struct classifier *classifier, uint64_t *counters);
	/* Runs one Ethernet frame (14 to CLASSIFIER_FRAME_MAX bytes). Not for an attached classifier:
	 * -EOPNOTSUPP. */
	int (*run)(struct classifier *classifier, const uint8_t *frame, size_t frame_len,
		   struct classifier_result *ret_result);
};

/* The tables, for threads that look while the one that the classifier belongs to writes. */
struct classifier_tables {
	const struct xesp_config *config;
	const struct xesp_parser_slot *parsers; /* XESP_PORTS of them */
	const struct classifier_table *sa4;
	const struct classifier_table *sa6;
};

struct classifier {
	const struct classifier_ops *ops;
	struct classifier_tables tables;
};

/* The native one: no privileges needed, holds `capacity` SAs. -ENOMEM. */
int classifier_native_new(uint32_t capacity, struct classifier **ret_classifier);
/* Loads the BPF program, unattached, for test runs: -EPERM without CAP_BPF and CAP_NET_ADMIN. */
int classifier_kernel_new(uint32_t capacity, struct classifier **ret_classifier);

/* Map descriptors of a loaded classifier; -1 where absent. */
struct classifier_fds {
	int config;
	int parsers;
	int sa4;
	int sa6;
	int counters;
	int sockets; /* XSKMAP, by receive queue */
	int audit;   /* ring buffer of struct xesp_audit_event */
	int destinations;
};

/* Tables and counters of a classifier that another process loaded and attached. The descriptors stay the
 * caller's. `clear`: it is switched off, and what some other process has put into its tables goes, be it
 * sound or not. Needs no privileges from kernel 5.19 on. -ENOMEM. */
int classifier_fds_new(const struct classifier_fds *fds, bool clear, struct classifier **ret_classifier);

/* What the classifier makes of an IP packet that came out of a tunnel, by the same steps. Nothing is counted.
 * XESP_REASON_TO_ENGINE sets `*ret_meta`, whose offsets count from `packet`. Any thread. While an SA is
 * deleted or moved in its table the metadata may name another one: the caller compares SPI and destination.
 */
enum xesp_reason classifier_inner(const struct classifier *classifier, const uint8_t *packet, size_t len,
				  struct xesp_meta *ret_meta);

/* NULL-safe. */
static inline void classifier_free(struct classifier *classifier)
{
	if (classifier)
		classifier->ops->free(classifier);
}

#endif

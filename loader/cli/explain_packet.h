/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One packet of a capture on its way through `xesp explain`: read by explain_capture, judged by
 * explain_engine, printed by explain_report, written by explain_plain.
 */
#ifndef XESP_CLI_EXPLAIN_PACKET_H
#define XESP_CLI_EXPLAIN_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/time.h>
#include <xesp/drop_reasons.h>

#include "base/ip_addr.h"
#include "dataplane/esp_result.h"

/* Longest frame that the classifier takes. */
#define EXPLAIN_FRAME_MAX 65535

/* What keeps a packet from being judged at all. */
enum explain_skip {
	EXPLAIN_JUDGED = 0,
	EXPLAIN_OVERSIZE, /* longer than EXPLAIN_FRAME_MAX */
	EXPLAIN_RUNT,	  /* ends inside the link-layer header: passes without a look at it */
};

/* ESP inside of the packet that came out of a tunnel. */
struct explain_inner {
	bool present; /* false: the rest is not valid */
	enum xesp_reason reason;
	struct ip_addr src;
	struct ip_addr dst;
	uint32_t spi; /* host order */
	uint64_t seq;
};

struct explain_packet {
	/* of the capture */
	uint64_t number;     /* from 1 */
	struct timeval time; /* tv_usec counts nanoseconds */
	uint32_t captured;   /* bytes in the file */
	uint32_t length;     /* bytes on the wire */
	uint8_t *frame;	     /* room for EXPLAIN_FRAME_MAX; Ethernet, opened in place */
	size_t frame_len;
	enum explain_skip skip;
	/* of the classifier and the data plane */
	enum xesp_reason reason;
	struct ip_addr src; /* outer addresses, AF_UNSPEC if there are none */
	struct ip_addr dst;
	bool has_spi;
	uint32_t spi;	       /* host order */
	uint64_t seq;	       /* with ESN the whole number, once an SA is known */
	const uint8_t *opened; /* IP packet inside the frame, or NULL */
	size_t opened_len;
	struct esp_result result; /* all 0 if it did not come to the data plane */
	struct explain_inner inner;
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `xesp explain` prints: a line or a JSON object a packet as it comes, and the sums at the end.
 */
#ifndef XESP_CLI_EXPLAIN_REPORT_H
#define XESP_CLI_EXPLAIN_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/reasons.h"
#include "cli/explain_packet.h"

struct explain_report {
	FILE *out;
	bool json;
	unsigned int only; /* which verdicts are listed, as explain_report_only() says; 0: all */
	const char *classifier;
	const char *crypto;
	/* private */
	bool begun;	 /* a packet was listed */
	int64_t zero_ns; /* time of the first packet */
	uint64_t packets;
	uint64_t skipped;
	uint64_t exits[REASON_EXIT_DROPPED + 1];
	uint64_t reasons[XESP_REASON_END];
};

/* The bit of a verdict in `only`; 0 if no packet of a capture can get one so named. */
unsigned int explain_report_only(const char *verdict);

void explain_report_begin(struct explain_report *report);
/* Counts the packet, and lists it if it is to be listed. */
int explain_report_packet(struct explain_report *report, const struct explain_packet *packet);
/* `complete`: false if the capture could not be read to its end. */
int explain_report_end(struct explain_report *report, bool complete);

#endif

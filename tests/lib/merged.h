/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether groups of merged packets are what was given: each is cut again, by code of this file alone, and
 * must give back its packets.
 */
#ifndef XESP_TESTS_MERGED_H
#define XESP_TESTS_MERGED_H

#include <stddef.h>

#include "dataplane/merge.h"

struct merged_packet {
	const uint8_t *packet;
	uint32_t len;
};

/* NULL if every one of the packets given is in one group, groups of several packets cut again are those
 * packets byte for byte (but for the IPv4 identification where it was the same in all and DF is set), had
 * good checksums, and packets of a flow are in order. Else what is not so. */
const char *merged_wrong(const struct merge *merge, const struct merged_packet *packets, size_t count);

#endif

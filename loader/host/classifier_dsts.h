/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The destination addresses of the SAs of a classifier, each with the number of SAs that have it. One thread.
 */
#ifndef XESP_HOST_CLASSIFIER_DSTS_H
#define XESP_HOST_CLASSIFIER_DSTS_H

#include <stdbool.h>
#include <xesp/abi.h>

#include "base/ip_addr.h"

struct classifier_dsts {
	struct classifier_dst *index;
};

struct xesp_destination classifier_dsts_key(const struct ip_addr *dst);
/* One more SA with this destination; true if it is the first. Without memory the address stays unknown, and
 * keepalives to it pass. */
bool classifier_dsts_take(struct classifier_dsts *dsts, const struct ip_addr *dst);
/* One SA less; true if it was the last. */
bool classifier_dsts_give(struct classifier_dsts *dsts, const struct ip_addr *dst);
bool classifier_dsts_have(const struct classifier_dsts *dsts, const struct xesp_destination *key);
void classifier_dsts_clear(struct classifier_dsts *dsts);

#endif

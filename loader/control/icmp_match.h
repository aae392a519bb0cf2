/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a packet that an ICMP error quotes can be one that was sent, and by which outbound SA (RFC 4301
 * section 8.2.1: such an error comes from anybody). Control thread.
 */
#ifndef XESP_CONTROL_ICMP_MATCH_H
#define XESP_CONTROL_ICMP_MATCH_H

#include "control/outbound.h"
#include "control/path_mtu.h"
#include "dataplane/icmp_quote.h"

/* How long ago a number may have been taken, in numbers: a second of a million packets a second, several
 * times the way there and back. */
#define ICMP_MATCH_RECENT (1u << 20)
/* The same where the quote ends before the number, and the 16 bits of the IPv4 identification stand for it.
 */
#define ICMP_MATCH_RECENT_ID 4096u

/* LEARNED: `*ret_sa` has sent it, as far as the quote says. NO_SA, NOT_SENT. BUSY: all SAs had to be looked
 * at (the quote does not reach the SPI, or the SA has followed its peer), which `may_scan` does not allow. */
enum path_mtu_result icmp_match(const struct outbound *outbound, const struct icmp_quote *quote,
				bool may_scan, const struct sa_out **ret_sa);

#endif

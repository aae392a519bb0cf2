/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The answer to a packet that is not sent: an ICMP error to whoever sent it, so that its send fails with
 * an errno instead of into silence. Pure.
 */
#ifndef XESP_DATAPLANE_ICMP_REFUSE_H
#define XESP_DATAPLANE_ICMP_REFUSE_H

#include <stddef.h>
#include <stdint.h>

/* Largest answer: an IPv6 error is at most the minimum MTU (RFC 4443 section 2.4 c). */
#define ICMP_REFUSE_MAX 1280

/* Builds "communication administratively prohibited" (ICMP type 3 code 13, RFC 1812 section 5.2.7.1; ICMPv6
 * type 1 code 1, RFC 4443 section 3.1) about the IP packet of `len` bytes, as if from its destination.
 * Returns the bytes written to `answer` (ICMP_REFUSE_MAX large), or 0 where no error may be sent: malformed
 * packets, ICMP errors, fragments but the first, addresses that name no single host (RFC 1122 section 3.2.2,
 * RFC 4443 section 2.4 e). */
size_t icmp_refuse(const uint8_t *packet, size_t len, uint8_t *answer);
/* The same with "host unreachable" (type 3 code 1; ICMPv6 "address unreachable", type 1 code 3): there is no
 * way to the peer. */
size_t icmp_unreachable(const uint8_t *packet, size_t len, uint8_t *answer);
/* The same with "fragmentation needed" (type 3 code 4, RFC 1191 section 4; ICMPv6 "packet too big", type 2):
 * packets of `mtu` bytes can be sent, at most 65535 for IPv4. */
size_t icmp_too_big(const uint8_t *packet, size_t len, uint32_t mtu, uint8_t *answer);

#endif

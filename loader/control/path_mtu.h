/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MTU of the path to a peer as routers on it tell: what an error is worth, and for how long. Pure but for
 * the time, which is given.
 */
#ifndef XESP_CONTROL_PATH_MTU_H
#define XESP_CONTROL_PATH_MTU_H

#include <stdbool.h>
#include <stdint.h>

/* How long a value is believed after the last error that said so, as in Linux (net.ipv4.route.mtu_expires),
 * in milliseconds. RFC 1191 section 6.3 and RFC 8201 section 4 want at least 5 minutes. */
#define PATH_MTU_EXPIRES_MS 600000u

/* Less is not believed: for IPv4 as Linux has it (net.ipv4.route.min_pmtu), for IPv6 what every link carries
 * (RFC 8201 section 4). Errors can be forged, and small packets cost both ends most. */
#define PATH_MTU_MIN_IPV4 552
#define PATH_MTU_MIN_IPV6 1280

/* What becomes of an error: X(NAME, "name in org.xesp.varlink", "what it says") */
#define PATH_MTU_RESULTS(X) \
	X(LEARNED, "learned", "the path's MTU is less than was known") \
	X(KNOWN, "known", "what it says is not less than what is known") \
	X(MALFORMED, "malformed", "it is no such error, or contradicts itself") \
	X(NO_SA, "no_sa", "what it quotes was sent by no outbound SA") \
	X(NOT_SENT, "not_sent", "the number that it quotes was not sent lately") \
	X(TOO_SMALL, "too_small", "no path has so small an MTU") \
	X(BUSY, "busy", "there was no time to look for the SA")

enum path_mtu_result {
#define PATH_MTU_ENUM(NAME, name, text) PATH_MTU_##NAME,
	PATH_MTU_RESULTS(PATH_MTU_ENUM)
#undef PATH_MTU_ENUM
		PATH_MTU_RESULT_END,
};

const char *path_mtu_result_name(enum path_mtu_result result);

/* What is known of one path; all zero: nothing. */
struct path_mtu {
	uint32_t mtu;	   /* of the outer packet, in bytes; 0: nothing */
	uint64_t until_ms; /* when it is forgotten */
};

/* LEARNED with `*ret_mtu`: what an error says that is about a packet of `packet_bytes`, whose next hop takes
 * `told` bytes; 0: an old router does not say, so the next lower usual MTU is tried (RFC 1191 section 7.1).
 * MALFORMED: the packet was not longer than that. TOO_SMALL. */
enum path_mtu_result path_mtu_judge(uint8_t family, uint32_t told, uint32_t packet_bytes, uint32_t *ret_mtu);

/* Learns `mtu`; `present`: what is used now. LEARNED, or KNOWN; what was learned before and is told again
 * counts from now on. */
enum path_mtu_result path_mtu_learn(struct path_mtu *path, uint32_t mtu, uint32_t present, uint64_t now_ms);
/* Forgets what is too old; true if it was that just now. */
bool path_mtu_expire(struct path_mtu *path, uint64_t now_ms);
/* The less of both, of which 0 is none. */
uint32_t path_mtu_least(const struct path_mtu *path, uint32_t mtu);

#endif

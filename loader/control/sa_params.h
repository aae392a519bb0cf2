/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a request says about one SA: a plain value, filled by the text parser (`sa add`, `ip xfrm
 * state`) or from JSON, checked by validate.c, turned into a running SA by the SA store. Contains the
 * key: the owner wipes it with sa_params_wipe() when done.
 */
#ifndef XESP_CONTROL_SA_PARAMS_H
#define XESP_CONTROL_SA_PARAMS_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <xesp/abi.h>
#include <xesp/limits.h>

#include "base/ip_addr.h"
#include "control/algo.h"

/* Values of XFRM_MODE_*. */
enum sa_mode { SA_MODE_TRANSPORT = 0, SA_MODE_TUNNEL = 1, SA_MODE_BEET = 4 };

enum sa_dir { SA_DIR_IN = 0, SA_DIR_OUT = 1 };

enum sa_flag {
	SA_FLAG_ESN = 1u << 0,		 /* extended sequence numbers (RFC 4303 section 2.2.1) */
	SA_FLAG_NO_ECN = 1u << 1,	 /* leave the inner ECN field alone on decapsulation */
	SA_FLAG_DECAP_DSCP = 1u << 2,	 /* copy the outer DSCP to the inner header */
	SA_FLAG_AF_UNSPEC = 1u << 3,	 /* selectors without addresses match both families */
	SA_FLAG_NO_PMTU_DISC = 1u << 4,	 /* OUT: DF of the inner header is not copied to the outer one */
	SA_FLAG_NO_ENCAP_DSCP = 1u << 5, /* OUT: the outer DSCP is 0 */
	SA_FLAG_FOLLOW = 1u << 6,	 /* OUT: the peer is where the inbound SAs of this reqid see it */
};

/* Which inner packets the SA may carry (RFC 4301 section 5.2). A field that is 0 or AF_UNSPEC matches
 * everything. Ports are in host order and only apply to protocols that have them. */
struct sa_selector {
	struct ip_prefix src;
	struct ip_prefix dst;
	uint8_t protocol;
	uint16_t sport;
	uint16_t dport;
};

/* RFC 4301 section 4.4.1.1: next layer protocols with ports, in the first four bytes of their headers. */
static inline bool sa_selector_has_ports(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_DCCP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE: return true;
	default: return false;
	}
}

struct sa_encap {
	bool present;
	enum xesp_encap type;
	uint16_t sport; /* peer's port at the time of the request, host order; not checked on receive */
	uint16_t dport; /* our port: the parser entry's, host order */
	struct ip_addr original_src; /* NAT-OA of the peer, or AF_UNSPEC (RFC 3948 section 3.1.2) */
	struct ip_addr original_dst; /* NAT-OA of this end, or AF_UNSPEC */
};

/* Lifetimes (RFC 4301 section 4.4.2.1): soft asks for a new SA, hard ends this one. 0: none. */
struct sa_limits {
	uint64_t byte_soft; /* of ESP payload, as the SA's counter has them */
	uint64_t byte_hard;
	uint64_t packet_soft;
	uint64_t packet_hard;
	uint64_t time_soft; /* seconds since the add */
	uint64_t time_hard;
	uint64_t time_use_soft; /* seconds since the first packet */
	uint64_t time_use_hard;
};

struct sa_params {
	enum sa_dir dir;
	struct ip_addr src; /* outer source; AF_UNSPEC: any */
	struct ip_addr dst; /* outer destination: with the SPI the key of the SA */
	uint32_t spi;	    /* host order */
	uint32_t reqid;	    /* for the operator, not interpreted */
	enum sa_mode mode;
	enum algo_id cipher;	   /* of class AEAD or ENC */
	enum algo_id auth;	   /* of class AUTH; ALGO_NONE with an AEAD */
	uint8_t key[XESP_KEY_MAX]; /* cipher key, then salt */
	uint8_t key_bytes;
	uint8_t auth_key[XESP_AUTH_KEY_MAX];
	uint8_t auth_key_bytes;
	uint8_t icv_bytes;
	struct sa_encap encap;
	uint32_t replay_window; /* packets; 0: replay protection is off */
	uint64_t replay_seq;	/* highest sequence number received so far; the high half is ESN's */
	uint32_t flags;		/* enum sa_flag */
	struct sa_selector selector;
	struct sa_limits limits;
	uint32_t priority;     /* OUT: which SA a packet goes into, lower first */
	uint32_t tfc_pad;      /* OUT: bytes of payload that packets are padded to; 0: none */
	uint32_t dummy_ms;     /* OUT: a dummy packet in so many milliseconds without another one; 0: none */
	uint64_t send_seq;     /* OUT: highest number sent already */
	bool send_seq_given;   /* OUT: the request says so, be it 0 */
	char dev[IF_NAMESIZE]; /* attached interface, or "" for the only one */
};

/* What is wrong with a request: which field, its value as the user wrote it ("(hidden)" for keys), and
 * the rule that it breaks. The text parser and validation fill it. */
struct field_error {
	char field[32];
	char value[80];
	char rule[200];
	const char *capability; /* that xesp lacks for it, or NULL if the request is wrong */
};

static inline void sa_params_wipe(struct sa_params *params)
{
	explicit_bzero(params, sizeof(*params));
}

#endif

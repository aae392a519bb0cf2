/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sealing: from an IP packet that matched an outbound SA to ESP and the headers in front of it (RFC 4303
 * section 3.3), a burst at a time. Pure: no I/O, no allocation, no clock; numbers and IVs are given.
 *
 *   esp_out_split()    what of the packet goes into ESP; the caller puts it behind room for header and IV
 *   sa_out_take()      numbers
 *   esp_out_burst()    ESP
 *   esp_out_headers()  what goes in front of it
 */
#ifndef XESP_DATAPLANE_ESP_OUT_H
#define XESP_DATAPLANE_ESP_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <xesp/limits.h>

#include "dataplane/crypto.h"
#include "dataplane/sa_out.h"

/* Longest outer header: IPv6, in transport mode with the host's hop-by-hop options, UDP, non-IKE marker. */
#define ESP_OUT_HEADER_MAX (40 + XESP_IPV6_EXTENSION_BYTES_MAX + 8 + 8)
/* Most bytes of ESP in front of the payload (header, IV), and behind it without TFC padding (padding, pad
 * length, next header, ICV). */
#define ESP_OUT_FRONT_MAX (8 + 16)
#define ESP_OUT_BACK_MAX (15 + 2 + 32)

#define ESP_OUT_PREFIX_MAX 8

/* Which part of an IP packet is the payload of ESP: `prefix`, then all behind the first `skip` bytes. */
struct esp_out_split {
	const uint8_t *inner; /* the packet; NULL: a dummy packet (RFC 4303 section 2.6) */
	uint32_t skip; /* 0 in tunnel mode; else bytes of IP header, the same for each segment of a flow */
	uint8_t next_header;
	uint8_t prefix_bytes;		    /* never more than `skip` */
	uint8_t prefix[ESP_OUT_PREFIX_MAX]; /* BEET mode, IPv4 options: the pseudo-header in front of them */
};

/* One packet to seal. The payload lies at `esp` + 8 + iv_bytes, with room behind it up to the end of
 * esp_out_bytes(). */
struct esp_out {
	struct sa_out *sa;
	uint8_t *esp;
	uint32_t payload_len;
	uint32_t pad_to; /* TFC: the payload is filled up to so many bytes; see esp_out_pad_to() */
	uint8_t next_header;
	uint64_t seq;	   /* from sa_out_take() */
	const uint8_t *iv; /* iv_bytes of them where the SA's are random, else NULL */
	/* out */
	uint32_t esp_len; /* header to ICV */
	int8_t status;	  /* 0, or -EIO: not to be sent */
	struct crypto_op op;
};

/* -EINVAL: malformed, or a family that the SA cannot carry. -EPROTONOSUPPORT: in transport and BEET mode
 * fragments (RFC 4303 section 3.1.1: whole IP packets only), in transport mode an IPv6 routing header or too
 * many options. */
int esp_out_split(const struct sa_out *sa, const uint8_t *inner, uint32_t len,
		  struct esp_out_split *ret_split);

/* Bytes of ESP for a payload that is filled up to `pad_to` (RFC 4303 sections 2.4, 2.7). */
uint32_t esp_out_bytes(const struct sa_out *sa, uint32_t payload_len, uint32_t pad_to);
/* The longest IP packet that goes into an outer packet of `mtu` bytes; 0 if none does. In transport mode, of
 * a packet without IP options and extension headers. */
uint32_t esp_out_inner_max(const struct sa_out *sa, uint32_t mtu);
/* What payloads are filled up to where outer packets may have `mtu` bytes; 0: no TFC padding. */
uint32_t esp_out_pad_to(const struct sa_out *sa, uint32_t mtu);

/* Header, IV, padding and trailer, then the crypto of all. At most XESP_BURST_MAX packets, whose SAs have the
 * provider of `ctx`. */
void esp_out_burst(struct crypto_ctx *ctx, struct esp_out *packets, size_t count);

/* Bytes of esp_out_headers(): at most ESP_OUT_HEADER_MAX. */
uint32_t esp_out_header_bytes(const struct sa_out *sa, const struct esp_out_split *split);
/* IP, UDP and marker in front of the ESP at `esp`, which is sealed: the first esp_out_header_bytes() of
 * `out`, which may lie right in front of it, but not over the inner packet. Returns how many. DS field (RFC
 * 6040 section 4.1, RFC 2983), DF, flow label, and in transport mode the whole header are the inner packet's.
 * `esp_len`: of the packet; of the first one where the kernel cuts UDP segments and sets lengths and
 * identification of each. `checksum_partial`: UDP gets the pseudo-header's sum for whoever completes it; else
 * 0 on IPv4 (RFC 3948 section 2.1), and the full one on IPv6. */
uint32_t esp_out_headers(const struct sa_out *sa, const struct esp_out_split *split, const uint8_t *esp,
			 uint32_t esp_len, bool checksum_partial, uint8_t *out);
/* The identification of the outer IPv4 header in tunnel mode; `seq`: the low half of the number. */
uint16_t esp_out_id(const struct sa_out *sa, uint32_t seq);

#endif

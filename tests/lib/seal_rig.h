/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for tests of the send path: an outbound SA and the inbound one at the peer. What is sealed lies so
 * that it ends at an inaccessible page, goes through the classifier, and is opened.
 */
#ifndef XESP_TESTS_SEAL_RIG_H
#define XESP_TESTS_SEAL_RIG_H

#include "dataplane/esp_out.h"
#include "dataplane/iv_pool.h"
#include "host/classifier.h"
#include "tests/lib/esp_rig.h"

struct seal_rig {
	struct esp_rig peer; /* its inbound SA; provider and context are both ends' */
	struct sa_out *sa;
	struct iv_pool *ivs;
	struct classifier *classifier; /* the peer's */
};

/* An inner packet on its way. */
struct seal_packet {
	uint8_t *frame; /* Ethernet header, outer headers, ESP */
	uint32_t frame_len;
	uint32_t headers; /* bytes of IP, UDP and marker */
	struct esp_out_split split;
	struct esp_out out;
};

/* Params of both SAs: from packet_addr 2 to packet_addr 0 of the outer family; in BEET mode for packets of
 * the inner family from packet_addr 1 to packet_addr 3. */
struct sa_params seal_rig_params(enum sa_mode mode, uint8_t inner, uint8_t outer, enum xesp_form form);

/* `provider` NULL: libipsec-mb where it works, else OpenSSL. */
void seal_rig_setup(struct seal_rig *rig, const struct sa_params *params,
		    const struct crypto_provider *provider);
/* Other SAs in place of the rig's. */
void seal_rig_change(struct seal_rig *rig, const struct sa_params *params);
void seal_rig_teardown(struct seal_rig *rig);

/* Splits the packet, takes a number and puts the payload in its place in the memory of `slot`. The error of
 * esp_out_split(), or 0. */
int seal_rig_prepare(struct seal_rig *rig, size_t slot, const uint8_t *inner, size_t len, uint32_t pad_to,
		     struct seal_packet *ret_packet);
/* Seals them in one burst, and puts headers in front. Each has to be as long as esp_out_bytes() said and to
 * have written nothing in front of the room for headers. */
void seal_rig_seal(struct seal_rig *rig, struct seal_packet *packets, size_t count);
/* What the peer's classifier makes of it, which has to be a packet for its engine, and which is what was
 * sealed. */
struct esp_packet seal_rig_arrive(struct seal_rig *rig, const struct seal_packet *packet);

/* An inner packet that the SA may carry: `protocol` with `data_len` bytes behind its header. Returns its
 * length. */
size_t seal_rig_inner(const struct sa_params *params, uint8_t family, uint8_t protocol, size_t data_len,
		      uint8_t *out);
/* The same as it has to come out: BEET mode loses what the outer header has no field for. */
void seal_rig_expect(const struct sa_params *params, uint8_t *inner);

#endif

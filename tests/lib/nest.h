/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bench for ESP inside of ESP: a tunnel SA and a transport SA in one store, with the peer's side of both.
 */
#ifndef XESP_TESTS_NEST_H
#define XESP_TESTS_NEST_H

#include "control/sadb.h"
#include "tests/lib/esp_rig.h"

#define NEST_PACKET_MAX 12000

/* The layers: family, form; the transport layer is what the tunnel carries. */
struct nest_kind {
	const char *name;
	struct esp_rig_outer tunnel;
	struct esp_rig_outer transport;
};

/* NDIS kinds C and D and transport over tunnel without UDP, for each family outside and inside; C and D with
 * the non-IKE marker of old drafts. */
#define NEST_KINDS 16
extern const struct nest_kind nest_kinds[NEST_KINDS];

struct nest {
	struct nest_kind kind;
	struct classifier *classifier;
	struct sadb *db;
	struct esp_rig tunnel; /* their keys and sequence numbers; the SAs in the store are others */
	struct esp_rig transport;
	struct sa *tunnel_sa;
	struct sa *transport_sa;
};

/* The SAs that nest_setup() adds, to change them before. */
struct sa_params nest_tunnel_params(const struct nest_kind *kind);
struct sa_params nest_transport_params(const struct nest_kind *kind);

void nest_setup(struct nest *nest, const struct nest_kind *kind, const struct sa_params *tunnel,
		const struct sa_params *transport);
void nest_setup_kind(struct nest *nest, const struct nest_kind *kind);
void nest_teardown(struct nest *nest);

/* Seals the payload for the transport SA, puts the headers of its layer in front, returns the length. */
size_t nest_inner(struct nest *nest, const uint8_t *payload, size_t len, uint8_t next_header, uint8_t *out);
/* Seals an IP packet for the tunnel SA, with metadata as the classifier makes them. */
struct esp_packet nest_wrap(struct nest *nest, size_t slot, const uint8_t *packet, size_t len);

#endif

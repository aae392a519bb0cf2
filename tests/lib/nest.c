/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See the header.
 */
#include "tests/lib/nest.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/packet.h"
#include "tests/lib/require.h"

#define ETHERNET_BYTES 14
#define CAPACITY 16

#define KIND(name, out, out_form, in, in_form) \
	{ \
		name ", IPv" #in " in IPv" #out, {out, out_form, 0}, \
		{ \
			in, in_form, 0 \
		} \
	}
#define C(out, in) KIND("C", out, XESP_FORM_UDP, in, XESP_FORM_NATIVE)
#define D(out, in) KIND("D", out, XESP_FORM_NATIVE, in, XESP_FORM_UDP)
#define PLAIN(out, in) KIND("without UDP", out, XESP_FORM_NATIVE, in, XESP_FORM_NATIVE)
#define C_DRAFT(out, in) KIND("C of old drafts", out, XESP_FORM_UDP_IKE, in, XESP_FORM_NATIVE)
#define D_DRAFT(out, in) KIND("D of old drafts", out, XESP_FORM_NATIVE, in, XESP_FORM_UDP_IKE)

const struct nest_kind nest_kinds[NEST_KINDS] = {
	C(4, 4),       C(4, 6),	      C(6, 4),	     C(6, 6),	    D(4, 4),	 D(4, 6),
	D(6, 4),       D(6, 6),	      PLAIN(4, 4),   PLAIN(4, 6),   PLAIN(6, 4), PLAIN(6, 6),
	C_DRAFT(4, 4), C_DRAFT(6, 6), D_DRAFT(4, 4), D_DRAFT(6, 6),
};

static struct sa_params params_of(const struct esp_rig_outer *layer, enum sa_mode mode)
{
	struct sa_params params = esp_rig_params(mode);

	params.dst.family = layer->family == 4 ? AF_INET : AF_INET6;
	memcpy(params.dst.bytes, packet_addr(layer->family, 0), ip_addr_size(params.dst.family));
	params.encap.present = layer->form != XESP_FORM_NATIVE;
	params.encap.type = layer->form == XESP_FORM_UDP ? XESP_ENCAP_RFC3948 : XESP_ENCAP_IKE;
	params.encap.dport = layer->form == XESP_FORM_UDP ? 4500 : 500;
	return params;
}

struct sa_params nest_tunnel_params(const struct nest_kind *kind)
{
	return params_of(&kind->tunnel, SA_MODE_TUNNEL);
}

struct sa_params nest_transport_params(const struct nest_kind *kind)
{
	struct sa_params params = params_of(&kind->transport, SA_MODE_TRANSPORT);

	params.spi++;
	params.key[0] ^= 0xff;
	return params;
}

static struct sa *add(struct nest *nest, const struct sa_params *params)
{
	const char *what;
	const struct sa *sa;

	REQUIRE(sadb_add(nest->db, params, &sa, &what) == 0);
	return sadb_get(nest->db, sa->index, sa->generation);
}

void nest_setup(struct nest *nest, const struct nest_kind *kind, const struct sa_params *tunnel,
		const struct sa_params *transport)
{
	const struct xesp_config config = {
		.enabled = 1, .packet_max = XESP_PACKET_JUMBO_MAX, .multi_buffer = 1};
	struct sadb_config store = {.capacity = CAPACITY};

	memset(nest, 0, sizeof(*nest));
	nest->kind = *kind;
	esp_rig_setup(&nest->tunnel, tunnel, NULL);
	esp_rig_setup(&nest->transport, transport, NULL);
	REQUIRE(classifier_native_new(CAPACITY, &nest->classifier) == 0);
	REQUIRE(nest->classifier->ops->set_config(nest->classifier, &config) == 0);
	store.classifier = nest->classifier;
	store.provider = nest->tunnel.provider;
	store.crypto = nest->tunnel.crypto;
	REQUIRE(sadb_new(&store, &nest->db) == 0);
	nest->tunnel_sa = add(nest, tunnel);
	nest->transport_sa = add(nest, transport);
}

void nest_setup_kind(struct nest *nest, const struct nest_kind *kind)
{
	const struct sa_params tunnel = nest_tunnel_params(kind);
	const struct sa_params transport = nest_transport_params(kind);

	nest_setup(nest, kind, &tunnel, &transport);
}

void nest_teardown(struct nest *nest)
{
	sadb_free(nest->db);
	classifier_free(nest->classifier);
	esp_rig_teardown(&nest->tunnel);
	esp_rig_teardown(&nest->transport);
}

size_t nest_inner(struct nest *nest, const uint8_t *payload, size_t len, uint8_t next_header, uint8_t *out)
{
	struct esp_packet packet =
		esp_rig_seal_payload(&nest->transport, 0, &nest->kind.transport, payload, len, next_header);

	len = packet.frame_len - ETHERNET_BYTES;
	REQUIRE(len <= NEST_PACKET_MAX);
	memcpy(out, packet.frame + ETHERNET_BYTES, len);
	return len;
}

struct esp_packet nest_wrap(struct nest *nest, size_t slot, const uint8_t *packet, size_t len)
{
	struct esp_packet outer = esp_rig_seal_payload(&nest->tunnel, slot, &nest->kind.tunnel, packet, len,
						       packet[0] >> 4 == 4 ? IPPROTO_IPIP : IPPROTO_IPV6);

	outer.sa = nest->tunnel_sa;
	outer.meta.sa_index = outer.sa->index;
	outer.meta.sa_generation = outer.sa->generation;
	return outer;
}

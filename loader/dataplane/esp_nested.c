/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding the second layer. Pure; called by the worker that owns the SA of the first.
 */
#include "dataplane/esp_nested.h"

#include "host/classifier.h"

/* The classifier's table may have changed while it was read. */
static bool is_of(const struct sa *sa, const struct esp_packet *inner)
{
	const uint8_t *ip = inner->frame;
	uint8_t family = inner->meta.family == 4 ? AF_INET : AF_INET6;
	const uint8_t *dst = ip + (inner->meta.family == 4 ? IPV4_DST : IPV6_DST);

	return sa->spi == wire_get32(inner->frame + inner->meta.esp_offset) &&
	       sa->params.dst.family == family && !memcmp(sa->params.dst.bytes, dst, ip_addr_size(family));
}

enum xesp_reason esp_nested_find(const struct sadb *db, const struct esp_packet *outer,
				 struct esp_packet *ret_inner)
{
	struct esp_packet *inner = ret_inner;
	enum xesp_reason reason;

	if (!esp_nested_possible(outer))
		return XESP_REASON_NOT_IPSEC;
	reason = classifier_inner(sadb_classifier(db), outer->packet, outer->packet_len, &inner->meta);
	if (reason != XESP_REASON_TO_ENGINE)
		return reason;
	inner->frame = outer->packet;
	inner->frame_len = outer->packet_len;
	inner->outer_spi = outer->spi;
	inner->events = outer->events;
	inner->sa = sadb_get(db, inner->meta.sa_index, inner->meta.sa_generation);
	/* A tunnel or BEET inside of a tunnel is none of the kinds that xesp opens. */
	if (!inner->sa || !is_of(inner->sa, inner) || inner->sa->mode != SA_MODE_TRANSPORT)
		return XESP_REASON_NO_SA;
	if (outer->meta.form != XESP_FORM_NATIVE && inner->meta.form != XESP_FORM_NATIVE)
		return XESP_REASON_NESTED_UDP;
	return XESP_REASON_TO_ENGINE;
}

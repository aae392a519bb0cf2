/* SPDX-License-Identifier: BSD-2-Clause */
#include "dataplane/esp_event.h"

#include "dataplane/esp_meta.h"
#include "dataplane/wire.h"

void esp_event_fill(const struct esp_packet *packet, uint8_t type, struct event *ret_event)
{
	const struct sa *sa = packet->sa;
	const uint8_t *ip = packet->frame + packet->meta.l3_offset;
	bool v4 = packet->meta.family == 4;
	size_t addr_bytes = v4 ? 4 : 16;

	*ret_event = (struct event){.type = type,
				    .family = packet->meta.family,
				    .form = packet->meta.form,
				    .sa_index = sa->index,
				    .sa_generation = sa->generation,
				    .spi = sa->spi,
				    .seq = packet->seq};
	memcpy(ret_event->src, ip + (v4 ? IPV4_SRC : IPV6_SRC), addr_bytes);
	/* In transport mode the opened packet may lie over its outer header's end by now; the source, and the
	 * SA's address, do not. */
	memcpy(ret_event->dst, sa->params.dst.bytes, addr_bytes);
	if (packet->meta.form == XESP_FORM_NATIVE)
		return;
	ret_event->sport = wire_get16(esp_meta_udp(packet));
	ret_event->dport = wire_get16(esp_meta_udp(packet) + 2);
}

bool esp_event_is_audited(enum xesp_reason reason)
{
	switch (reason) {
	case XESP_REASON_SYNTAX:
	case XESP_REASON_SEQ_ZERO:
	case XESP_REASON_REPLAY_OLD:
	case XESP_REASON_REPLAY_DUPLICATE:
	case XESP_REASON_AUTH_FAILED:
	case XESP_REASON_PAD_LENGTH:
	case XESP_REASON_PAD_BYTES:
	case XESP_REASON_NEXT_HEADER:
	case XESP_REASON_INNER_HEADER:
	case XESP_REASON_SELECTOR:
	case XESP_REASON_ECN: return true;
	default: return false;
	}
}

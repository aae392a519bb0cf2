/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The second layer.
 */
#include "cli/explain_nested.h"

#include "cli/explain_outer.h"
#include "dataplane/esp_nested.h"

bool explain_reason_means_esp(enum xesp_reason reason)
{
	switch (reason) {
	case XESP_REASON_TO_ENGINE:
	case XESP_REASON_UDP_CHECKSUM:
	case XESP_REASON_NO_SA:
	case XESP_REASON_PARSER_MISMATCH:
	case XESP_REASON_NO_SOCKET:
	case XESP_REASON_NO_META:
	case XESP_REASON_TOO_LONG:
	case XESP_REASON_NESTED_UDP: return true;
	default: return false;
	}
}

/* Before it is opened, which may overwrite its headers. */
static void describe_inner(const struct esp_packet *esp, enum xesp_reason reason,
			   struct explain_inner *ret_inner)
{
	struct explain_outer headers;

	explain_outer_read_ip(esp->packet, esp->packet_len, &headers);
	*ret_inner = (struct explain_inner){.present = headers.has_esp,
					    .reason = reason,
					    .src = headers.src,
					    .dst = headers.dst,
					    .spi = headers.spi,
					    .seq = headers.seq};
}

static void take_inner_result(struct explain_packet *packet, const struct esp_packet *nested)
{
	bool delivered = esp_is_delivered(nested->reason);

	packet->reason = nested->reason;
	packet->result = nested->result;
	packet->opened = delivered ? nested->packet : NULL;
	packet->opened_len = delivered ? nested->packet_len : 0;
	packet->inner.reason = nested->reason;
	if (nested->spi)
		packet->inner.seq = nested->seq;
}

void explain_nested_open(const struct sadb *db, struct crypto_ctx *crypto, const struct esp_packet *esp,
			 struct explain_packet *const *packets, size_t count, uint64_t now)
{
	struct esp_packet nested[XESP_BURST_MAX];
	struct explain_packet *nested_in[XESP_BURST_MAX];
	size_t nested_count = 0;

	for (size_t i = 0; i < count; i++) {
		enum xesp_reason reason = esp_nested_find(db, &esp[i], &nested[nested_count]);

		if (!explain_reason_means_esp(reason))
			continue;
		describe_inner(&esp[i], reason, &packets[i]->inner);
		if (reason == XESP_REASON_NESTED_UDP)
			packets[i]->reason = reason;
		if (reason == XESP_REASON_TO_ENGINE)
			nested_in[nested_count++] = packets[i];
	}
	if (nested_count)
		esp_open_burst(crypto, nested, nested_count, now);
	for (size_t i = 0; i < nested_count; i++)
		take_inner_result(nested_in[i], &nested[i]);
}

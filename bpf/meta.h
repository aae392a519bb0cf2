/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Hands a packet to the data plane: metadata in front, then the AF_XDP socket of the receive queue. Until
 * both are certain the packet is untouched, so that it can still pass.
 */
#ifndef XESP_BPF_META_H
#define XESP_BPF_META_H

#include "packet.h"
#include "sa_table.h"

static __always_inline enum xesp_reason hand_over(CTX *ctx, const struct packet *pkt,
						  const struct xesp_sa_ref *ref)
{
	/* Before meta_reserve(), which ends the life of every pointer into the frame. */
	__u16 l3_offset = (__u16)(pkt->ip - pkt->begin);
	__u16 esp_offset = (__u16)(pkt->esp - pkt->begin);
	struct xesp_meta *meta;

	if (!socket_redirect(ctx))
		return XESP_REASON_NO_SOCKET;
	meta = meta_reserve(ctx);
	if (!meta)
		return XESP_REASON_NO_META;
	meta->sa_index = SA_TABLE_WORD(ref->index);
	meta->sa_generation = SA_TABLE_WORD(ref->generation);
	meta->l3_offset = l3_offset;
	meta->esp_offset = esp_offset;
	meta->esp_length = (__u16)pkt->esp_length;
	meta->family = pkt->family;
	meta->form = pkt->form;
	meta->magic = XESP_META_MAGIC;
	return XESP_REASON_TO_ENGINE;
}

#endif

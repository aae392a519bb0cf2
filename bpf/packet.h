/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the steps know of a packet. parse.h, or options.h, fills the first part, demux.h the second.
 */
#ifndef XESP_BPF_PACKET_H
#define XESP_BPF_PACKET_H

#include <linux/types.h>

struct packet {
	const __u8 *begin; /* of the frame */
	const __u8 *end;   /* of the bytes that can be read */
	const __u8 *ip;
	const __u8 *transport; /* UDP or ESP header: the bytes of at least the UDP header are readable */
	__u32 ip_payload;      /* bytes from `transport` on, as the IP header says */
	__u8 family;	       /* 4 or 6 */
	__u8 protocol;	       /* IPPROTO_UDP or IPPROTO_ESP */

	const __u8 *esp;  /* 8 readable bytes: SPI and sequence number */
	__u32 esp_length; /* to the end of the ICV */
	__u32 parser_id;  /* 0 for native ESP */
	__u8 form;	  /* enum xesp_form */
};

#endif

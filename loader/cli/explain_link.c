/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Link layers of captures (tcpdump.org/linktypes.html) as Ethernet frames. Pure.
 */
#include "cli/explain_link.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <pcap/dlt.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/explain_bytes.h"

/* libpcap turns LINKTYPE_RAW (101) into its own DLT_RAW (12; 14 where a BSD wrote the file), but hands on
 * numbers that it does not know. */
#define LINK_RAW_OPENBSD 14
#define LINK_RAW_FILE 101

#define TYPE_UNKNOWN 0 /* no EtherType has this number: the classifier calls such a frame not_ip */

struct link {
	int dlt;
	size_t header; /* bytes in front of the packet */
	uint16_t (*ethertype)(const uint8_t *data, size_t bytes);
};

static uint16_t type_of_version(const uint8_t *data, size_t bytes)
{
	if (bytes == 0)
		return TYPE_UNKNOWN;
	switch (data[0] >> 4) {
	case 4: return ETH_P_IP;
	case 6: return ETH_P_IPV6;
	default: return TYPE_UNKNOWN;
	}
}

static uint16_t type_ipv4(const uint8_t *data, size_t bytes)
{
	(void)data;
	(void)bytes;
	return ETH_P_IP;
}

static uint16_t type_ipv6(const uint8_t *data, size_t bytes)
{
	(void)data;
	(void)bytes;
	return ETH_P_IPV6;
}

/* The address family, in the byte order of the machine that captured (NULL) or of the network (LOOP).
 * No family has a number above 255, so that one reading fits both orders. */
static uint16_t type_of_family(const uint8_t *data, size_t bytes)
{
	uint8_t family = data[0] | data[3];

	(void)bytes;
	if (data[1] || data[2] || (data[0] && data[3]))
		return TYPE_UNKNOWN;
	switch (family) {
	case 2: return ETH_P_IP;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */ return ETH_P_IPV6;
	default: return TYPE_UNKNOWN;
	}
}

static uint16_t type_sll(const uint8_t *data, size_t bytes)
{
	(void)bytes;
	return bytes_be16(data + 14);
}

static uint16_t type_sll2(const uint8_t *data, size_t bytes)
{
	(void)bytes;
	return bytes_be16(data);
}

static const struct link links[] = {
	{DLT_RAW, 0, type_of_version},
	{LINK_RAW_OPENBSD, 0, type_of_version},
	{LINK_RAW_FILE, 0, type_of_version},
	{DLT_IPV4, 0, type_ipv4},
	{DLT_IPV6, 0, type_ipv6},
	{DLT_NULL, 4, type_of_family},
	{DLT_LOOP, 4, type_of_family},
	{DLT_LINUX_SLL, 16, type_sll},
	{DLT_LINUX_SLL2, 20, type_sll2},
};

static const struct link *link_find(int dlt)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		if (links[i].dlt == dlt)
			return &links[i];
	return NULL;
}

bool explain_link_supported(int link)
{
	return link == DLT_EN10MB || link_find(link);
}

static int copy_ethernet(const uint8_t *data, size_t bytes, uint8_t *frame, size_t room, size_t *ret_len)
{
	if (bytes < ETH_HLEN)
		return -ENODATA;
	if (bytes > room)
		return -EMSGSIZE;
	memcpy(frame, data, bytes);
	*ret_len = bytes;
	return 0;
}

int explain_link_to_ethernet(int link, const uint8_t *data, size_t bytes, uint8_t *frame, size_t room,
			     size_t *ret_len)
{
	const struct link *row;
	uint16_t type;

	if (link == DLT_EN10MB)
		return copy_ethernet(data, bytes, frame, room, ret_len);
	row = link_find(link);
	if (!row)
		return -EPROTONOSUPPORT;
	if (bytes <= row->header)
		return -ENODATA;
	if (room < ETH_HLEN || bytes - row->header > room - ETH_HLEN)
		return -EMSGSIZE;
	type = row->ethertype(data, bytes);
	memset(frame, 0, 2 * ETH_ALEN);
	frame[2 * ETH_ALEN] = (uint8_t)(type >> 8);
	frame[2 * ETH_ALEN + 1] = (uint8_t)type;
	memcpy(frame + ETH_HLEN, data + row->header, bytes - row->header);
	*ret_len = bytes - row->header + ETH_HLEN;
	return 0;
}

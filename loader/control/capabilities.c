/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tables of capabilities. A row that says "supported" has a test that proves it. Any thread.
 */
#include "control/capabilities.h"

#include <string.h>

#include "base/cleanup.h"
#include "control/sa_params.h"

static const struct capability_kind kinds[] = {
	{"A", "udp_transport", true, 0x10, 0x01, "IPSEC_TPT_UDPESP_ENCAPTYPE", 0x1,
	 "IPSEC_OFFLOAD_V2_UDP_ESP_ENCAPSULATION_TRANSPORT", "transport mode in UDP"},
	{"B", "udp_tunnel", true, 0x20, 0x02, "IPSEC_TUN_UDPESP_ENCAPTYPE", 0x2,
	 "IPSEC_OFFLOAD_V2_UDP_ESP_ENCAPSULATION_TUNNEL", "tunnel mode in UDP"},
	{"C", "transport_over_udp_tunnel", true, 0x40, 0x04, "IPSEC_TPTOVERTUN_UDPESP_ENCAPTYPE", 0x4,
	 "IPSEC_OFFLOAD_V2_TRANSPORT_OVER_UDP_ESP_ENCAPSULATION_TUNNEL",
	 "transport mode inside tunnel mode in UDP, both opened in one pass"},
	{"D", "udp_transport_over_tunnel", true, 0x80, 0x08, "IPSEC_TPT_UDPESP_OVER_PURE_TUN_ENCAPTYPE", 0x8,
	 "IPSEC_OFFLOAD_V2_UDP_ESP_ENCAPSULATION_TRANSPORT_OVER_TUNNEL",
	 "transport mode in UDP inside plain tunnel mode, both opened in one pass"},
};

static const char *const field_names[CAPABILITY_FIELDS] = {
	[CAPABILITY_MODE] = "mode",
	[CAPABILITY_ENCAP] = "encap",
	[CAPABILITY_PROTO] = "proto",
};

static const struct capability_word words[] = {
	{CAPABILITY_MODE, "transport", "transport", SA_MODE_TRANSPORT, 0, 0},
	{CAPABILITY_MODE, "tunnel", "tunnel", SA_MODE_TUNNEL, 0, 0},
	{CAPABILITY_MODE, "beet", "beet", SA_MODE_BEET, 0, 0},
	{CAPABILITY_MODE, "iptfs", "iptfs", CAPABILITY_NONE, 0, 0},
	{CAPABILITY_MODE, "ro", "ro", CAPABILITY_NONE, 0, 0},
	{CAPABILITY_MODE, "in_trigger", "in_trigger", CAPABILITY_NONE, 0, 0},
	{CAPABILITY_ENCAP, "espinudp", "espinudp", XESP_ENCAP_RFC3948, 4500, 0},
	{CAPABILITY_ENCAP, "espinudp-nonike", "espinudp_nonike", XESP_ENCAP_IKE, 500, 8},
	{CAPABILITY_ENCAP, "espintcp", "espintcp", CAPABILITY_NONE, 0, 0},
	{CAPABILITY_PROTO, "esp", "esp", 0, 0, 0},
	{CAPABILITY_PROTO, "ah", "ah", CAPABILITY_NONE, 0, 0},
	{CAPABILITY_PROTO, "comp", "comp", CAPABILITY_NONE, 0, 0},
	{CAPABILITY_PROTO, "route2", "route2", CAPABILITY_NONE, 0, 0},
	{CAPABILITY_PROTO, "hao", "hao", CAPABILITY_NONE, 0, 0},
};

#define FEATURE_LEGACY "legacy"

static const struct capability_feature features[] = {
	{"native_esp", true, "ESP without UDP, also mixed with UDP on one SA (RFC 7296 section 2.23)"},
	{"transport_over_tunnel", true, "transport mode inside plain tunnel mode, both opened in one pass"},
	{"esn", true, "extended sequence numbers (RFC 4303 section 2.2.1)"},
	{"ecn", true, "congestion marks of the outer header go to the inner one (RFC 6040)"},
	{"decap_dscp", true, "the outer DSCP can go to the inner header"},
	{"selectors", true, "inner addresses, protocol and ports are compared (RFC 4301 section 5.2)"},
	{"nat_oa", true, "original addresses repair the checksum behind a NAT (RFC 3948 section 3.1.2)"},
	{"tfc_padding", true, "padding behind the inner packet is cut off (RFC 4303 section 2.7)"},
	{"dummy_packets", true, "next header 59 is dropped silently (RFC 4303 section 2.6)"},
	{"dummy_sending", true, "outbound SAs send such packets where they would be silent"},
	{"lifetimes", true, "soft and hard, in bytes, packets and seconds (RFC 4301 section 4.4.2.1)"},
	{"mapping_change", true, "a peer's new address or port is an event (RFC 7296 section 2.23)"},
	{"vlan_tags", true, "up to two VLAN tags in front"},
	{"ipv4_options", true,
	 "outer IPv4 options; packets with source routes or security labels pass to the kernel"},
	{"ipv6_extension_headers", true,
	 "outer hop-by-hop and destination options, up to 64 bytes; other extension headers pass to the kernel"},
	{"fragments", false, "outer fragments: they pass to the kernel"},
	{"send", true, "outbound SAs: what the host routes into the TUN device is sealed and sent"},
	{"ah", false, "AH, alone or with ESP"},
	{"double_udp", false, "UDP-encapsulated ESP inside UDP-encapsulated ESP"},
	{FEATURE_LEGACY, false, "algorithms that RFC 8221 is against: DES, 3DES, MD5 (xespd --legacy)"},
};

const struct capability_kind *capabilities_kind_at(size_t row)
{
	return row < ARRAY_SIZE(kinds) ? &kinds[row] : NULL;
}

const char *capabilities_field_name(enum capability_field field)
{
	return field_names[field];
}

const struct capability_word *capabilities_word(enum capability_field field, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].field == field && !strcmp(words[i].word, word))
			return &words[i];
	}
	return NULL;
}

const struct capability_word *capabilities_json(enum capability_field field, const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].field == field && !strcmp(words[i].json, word))
			return &words[i];
	}
	return NULL;
}

const struct capability_word *capabilities_value(enum capability_field field, int value)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (words[i].field == field && words[i].value == value && value != CAPABILITY_NONE)
			return &words[i];
	}
	return NULL;
}

const struct capability_word *capabilities_word_at(size_t row)
{
	return row < ARRAY_SIZE(words) ? &words[row] : NULL;
}

const struct capability_feature *capabilities_feature_at(size_t row)
{
	return row < ARRAY_SIZE(features) ? &features[row] : NULL;
}

bool capabilities_has_feature(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		if (!strcmp(features[i].name, name))
			return features[i].supported;
	}
	return false;
}

bool capabilities_feature_supported(const struct capability_feature *feature, bool legacy_on)
{
	return feature->supported || (legacy_on && !strcmp(feature->name, FEATURE_LEGACY));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one list of everything that can become of a packet. The enum, the text of the CLI, the names in
 * JSON and metrics, and xesp-reasons(7) are generated from it. A number keeps its meaning for ever:
 * add at the end of a block, never renumber, never reuse.
 *
 * X(number, NAME, "name", EXIT, CRYPTO_STATUS, "what it means, as the operator reads it")
 *
 * EXIT is where the packet went:
 *   PASSED    to the kernel, byte for byte as it came
 *   CONSUMED  ended here because it has done its work (a NAT keepalive, a dummy packet)
 *   ENGINE    handed to the data plane through AF_XDP
 *   DELIVERED opened and given to the sink
 *   DROPPED   belonged to an offloaded SA and must not be delivered, or came from the host and is not sent
 *   REFUSED   came from the host, not from the wire, and was not sent; its sender got an ICMP error
 *   SENT      came from the host, and left as ESP
 *
 * CRYPTO_STATUS is the NDIS receive status (docs of NDIS_IPSEC_OFFLOAD_V1_NET_BUFFER_LIST_INFO) that
 * the contract attaches to it; NONE where nothing was processed. AUTH_FAILED becomes the transport or
 * the tunnel form by the SA's mode.
 *
 * Numbers 1 to 63 are counted by the classifier (per-CPU BPF map), 64 to 127 by the data plane, of them
 * 120 to 127 for what the host routes into the sink: each packet that came out of the TUN device, or from
 * inside, has one of these.
 */
#ifndef XESP_DROP_REASONS_H
#define XESP_DROP_REASONS_H

#define XESP_CLASSIFIER_REASONS(X) \
	X(1, TO_ENGINE, "to_engine", ENGINE, NONE, "ESP of an offloaded SA, redirected to AF_XDP") \
	X(2, DISABLED, "disabled", PASSED, NONE, "offload is switched off") \
	X(3, NOT_IP, "not_ip", PASSED, NONE, "neither IPv4 nor IPv6 behind at most two VLAN tags") \
	X(4, VLAN_DEPTH, "vlan_depth", PASSED, NONE, "more than two VLAN tags") \
	X(5, NOT_IPSEC, "not_ipsec", PASSED, NONE, "neither UDP nor ESP") \
	X(6, TRUNCATED, "truncated", PASSED, NONE, \
	  "the frame, or the first of its buffers, ends inside a header") \
	X(7, IP_HEADER, "ip_header", PASSED, NONE, "IP version or IPv4 header length is wrong") \
	X(8, IP_LENGTH, "ip_length", PASSED, NONE, \
	  "the IP length is shorter than the headers or longer than the frame") \
	X(9, IP_CHECKSUM, "ip_checksum", PASSED, NONE, "the IPv4 header checksum is wrong") \
	X(10, IP_OPTIONS, "ip_options", PASSED, NONE, \
	  "IPv4 options that are the kernel's: a source route, a security label, or malformed") \
	X(11, FRAGMENT, "fragment", PASSED, NONE, "an outer IP fragment; the kernel reassembles it") \
	X(12, IPV6_EXT, "ipv6_ext", PASSED, NONE, \
	  "an IPv6 extension header that is the kernel's: no options, options not to be skipped, or too many") \
	X(13, UDP_LENGTH, "udp_length", PASSED, NONE, \
	  "the UDP length is below 8 or longer than the IP payload") \
	X(14, NO_PARSER, "no_parser", PASSED, NONE, "UDP to a port without a parser entry") \
	X(15, UDP_CHECKSUM, "udp_checksum", PASSED, NONE, \
	  "ESP of an offloaded SA, but the non-zero UDP checksum is wrong") \
	X(16, KEEPALIVE, "keepalive", CONSUMED, NONE, "a NAT keepalive (RFC 3948 section 2.3), consumed") \
	X(17, KEEPALIVE_PASSED, "keepalive_passed", PASSED, NONE, \
	  "a NAT keepalive, passed on because the interface is set so") \
	X(18, IKE, "ike", PASSED, NONE, "IKE on a port with a parser entry") \
	X(19, ESP_SHORT, "esp_short", PASSED, NONE, "too short for marker and ESP header") \
	X(20, NO_SA, "no_sa", PASSED, NONE, "ESP, but no offloaded SA has this SPI and destination address") \
	X(21, PARSER_MISMATCH, "parser_mismatch", PASSED, NONE, \
	  "the SA belongs to another parser entry than the packet's") \
	X(22, NO_SOCKET, "no_socket", PASSED, NONE, "no AF_XDP socket on this receive queue") \
	X(23, NO_META, "no_meta", PASSED, NONE, \
	  "the driver has no room for metadata in front of the packet") \
	X(24, TOO_LONG, "too_long", PASSED, NONE, \
	  "longer than the AF_XDP socket takes; `xesp status` says how long that is") \
	X(25, KEEPALIVE_FOREIGN, "keepalive_foreign", PASSED, NONE, \
	  "a NAT keepalive to an address that is no SA's destination") \
	X(26, FROM_INSIDE, "from_inside", ENGINE, NONE, \
	  "came from inside, and the host would route it into the TUN device: redirected to AF_XDP")

#define XESP_ENGINE_REASONS(X) \
	X(64, DELIVERED, "delivered", DELIVERED, SUCCESS, "opened and delivered") \
	X(65, BAD_META, "bad_meta", DROPPED, GENERIC_ERROR, \
	  "the classifier's metadata is missing or does not fit the packet") \
	X(66, SA_GONE, "sa_gone", DROPPED, NONE, "the SA was deleted while the packet was in the ring") \
	X(67, SYNTAX, "syntax", DROPPED, INVALID_PACKET_SYNTAX, \
	  "shorter than ESP header, IV and ICV, or not of whole cipher blocks or 4-byte words") \
	X(68, SEQ_ZERO, "seq_zero", DROPPED, INVALID_PACKET_SYNTAX, \
	  "sequence number 0, which no sender may use") \
	X(69, REPLAY_OLD, "replay_old", DROPPED, NONE, "sequence number left of the anti-replay window") \
	X(70, REPLAY_DUPLICATE, "replay_duplicate", DROPPED, NONE, "sequence number already received") \
	X(71, AUTH_FAILED, "auth_failed", DROPPED, AUTH_FAILED, "the ICV is wrong") \
	X(72, CRYPTO_ERROR, "crypto_error", DROPPED, GENERIC_ERROR, "the crypto provider failed") \
	X(73, PAD_LENGTH, "pad_length", DROPPED, INVALID_PACKET_SYNTAX, \
	  "the pad length is larger than the payload") \
	X(74, PAD_BYTES, "pad_bytes", DROPPED, INVALID_PACKET_SYNTAX, "the padding is not 1, 2, 3, ...") \
	X(75, NEXT_HEADER, "next_header", DROPPED, INVALID_PROTOCOL, \
	  "the next header does not fit the SA's mode") \
	X(76, INNER_HEADER, "inner_header", DROPPED, INVALID_PACKET_SYNTAX, \
	  "the inner IP header, or in BEET mode the header of its options, is malformed or its length lies") \
	X(77, DUMMY, "dummy", CONSUMED, SUCCESS, "a dummy packet (next header 59)") \
	X(78, SELECTOR, "selector", DROPPED, SUCCESS, "the inner packet is outside the SA's selectors") \
	X(79, ECN, "ecn", DROPPED, SUCCESS, "outer CE on a not-ECN-capable inner packet (RFC 6040)") \
	X(80, SINK_FULL, "sink_full", DROPPED, SUCCESS, "opened, but the sink did not take it") \
	X(81, SINK_ERROR, "sink_error", DROPPED, SUCCESS, "opened, but writing to the sink failed") \
	X(82, HANDOFF_FULL, "handoff_full", DROPPED, NONE, \
	  "the ring to the worker that owns the SA is full") \
	X(83, EXPIRED, "expired", DROPPED, SUCCESS, "opened, but the SA has reached a hard lifetime") \
	X(84, NESTED_UDP, "nested_udp", DELIVERED, SUCCESS, \
	  "opened and delivered with ESP of an offloaded SA inside: both layers in UDP are not supported") \
	X(85, NO_BUFFER, "no_buffer", DROPPED, NONE, \
	  "came in several frames or a piece of segments: no jumbo buffer was free, or it was longer than one") \
	X(86, FORWARDED, "forwarded", DELIVERED, SUCCESS, \
	  "opened, and sent out of the inside interface")

#define XESP_HOST_REASONS(X) \
	X(120, SEND_REFUSED, "send_refused", REFUSED, NONE, \
	  "matched no outbound SA: not sent, in the clear least of all") \
	X(121, SENT, "sent", SENT, NONE, \
	  "sealed and sent; what the host hands over in one piece counts once") \
	X(122, SEND_TOO_BIG, "send_too_big", REFUSED, NONE, \
	  "too long for the path, and must not be fragmented") \
	X(123, SEND_NO_ROUTE, "send_no_route", REFUSED, NONE, \
	  "no route to the SA's peer through an attached interface") \
	X(124, SEND_WAITED, "send_waited", DROPPED, NONE, \
	  "waited for the neighbour's link-layer address until there was no more time or room") \
	X(125, SEND_ENDED, "send_ended", REFUSED, NONE, \
	  "the SA has no sequence number left, or has reached a hard lifetime") \
	X(126, SEND_FAILED, "send_failed", DROPPED, NONE, \
	  "the interface did not take it, or it could not be sealed") \
	X(127, SEND_MALFORMED, "send_malformed", DROPPED, NONE, \
	  "no IP packet, or none that the SA can carry")

#define XESP_REASONS(X) XESP_CLASSIFIER_REASONS(X) XESP_ENGINE_REASONS(X) XESP_HOST_REASONS(X)

enum xesp_reason {
	XESP_REASON_NONE = 0,
#define XESP_REASON_ENUM(number, NAME, name, exit, crypto, text) XESP_REASON_##NAME = (number),
	XESP_REASONS(XESP_REASON_ENUM)
#undef XESP_REASON_ENUM
};

#define XESP_CLASSIFIER_REASON_END 64 /* entries of the classifier's counter map */
#define XESP_ENGINE_REASON_FIRST 64
#define XESP_REASON_END 128

#endif

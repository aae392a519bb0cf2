# SPDX-License-Identifier: BSD-2-Clause
"""Packets as bytes, for the end-to-end tests: building and reading headers, checksums, capture files.

Written without scapy, so that what is sent is exactly what is written here, lies included.
"""
import ipaddress
import struct

ETH_IPV4, ETH_IPV6, ETH_VLAN = 0x0800, 0x86DD, 0x8100
PROTO_ICMP, PROTO_TCP, PROTO_UDP, PROTO_ESP, PROTO_ICMPV6 = 1, 6, 17, 50, 58
LINK_ETHERNET, LINK_RAW = 1, 101


def checksum(data):
    """Internet checksum (RFC 1071) as a number in network order."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def family(address):
    return ipaddress.ip_address(address).version


def packed(address):
    return ipaddress.ip_address(address).packed


def pseudo_header(src, dst, protocol, length):
    if family(src) == 4:
        return packed(src) + packed(dst) + struct.pack("!BBH", 0, protocol, length)
    return packed(src) + packed(dst) + struct.pack("!IHBB", length, 0, 0, protocol)


def ip(src, dst, protocol, payload, tos=0, ttl=64, ident=0, fragment=0, flow=0, extra=()):
    """An IP packet of the family that the addresses have.

    extra: IPv4 options as bytes, a multiple of 4; or IPv6 extension headers as (number, content) in order,
    the content being what follows next header and length, 6 bytes and multiples of 8 more.
    """
    if family(src) == 4:
        options = bytes(extra)
        total = 20 + len(options) + len(payload)
        first = 0x45 + len(options) // 4
        head = struct.pack("!BBHHHBBH", first, tos, total, ident, fragment, ttl, protocol, 0)
        head += packed(src) + packed(dst) + options
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    for number, content in reversed(extra):
        payload = bytes([protocol, (len(content) + 2) // 8 - 1]) + content + payload
        protocol = number
    head = struct.pack("!IHBB", 6 << 28 | tos << 20 | flow, len(payload), protocol, ttl)
    return head + packed(src) + packed(dst) + payload


def addresses(packet):
    """Source and destination of an IP packet, as text."""
    first, size = (12, 4) if packet[0] >> 4 == 4 else (8, 16)
    return [str(ipaddress.ip_address(packet[at : at + size])) for at in (first, first + size)]


def parts(packet):
    """Protocol, payload, and the fields that ip() takes, of an IP packet without IPv6 extension headers."""
    if packet[0] >> 4 == 4:
        header = (packet[0] & 15) * 4
        tos, ident, fragment, ttl, protocol = struct.unpack_from("!xB2xHHBB", packet)
        fields = {"tos": tos, "ttl": ttl, "ident": ident, "fragment": fragment, "extra": packet[20:header]}
        return protocol, packet[header:], fields
    first, protocol, ttl = struct.unpack_from("!I2xBB", packet)
    return protocol, packet[40:], {"tos": first >> 20 & 0xFF, "ttl": ttl, "flow": first & 0xFFFFF}


def udp(src, dst, sport, dport, payload, with_checksum=True):
    length = 8 + len(payload)
    head = struct.pack("!HHHH", sport, dport, length, 0)
    if not with_checksum:
        return head + payload
    value = checksum(pseudo_header(src, dst, PROTO_UDP, length) + head + payload) or 0xFFFF
    return head[:6] + struct.pack("!H", value) + payload


def tcp(src, dst, sport, dport, payload, seq=1, ack=1, flags=0x18):
    head = struct.pack("!HHIIBBHHH", sport, dport, seq, ack, 5 << 4, flags, 8192, 0, 0)
    value = checksum(pseudo_header(src, dst, PROTO_TCP, len(head) + len(payload)) + head + payload)
    return head[:16] + struct.pack("!H", value) + head[18:] + payload


def echo_request(src, dst, ident, seq, payload):
    """ICMP or ICMPv6 echo request."""
    kind, protocol = (8, PROTO_ICMP) if family(src) == 4 else (128, PROTO_ICMPV6)
    body = struct.pack("!BBHHH", kind, 0, 0, ident, seq) + payload
    covered = body if protocol == PROTO_ICMP else pseudo_header(src, dst, protocol, len(body)) + body
    return body[:2] + struct.pack("!H", checksum(covered)) + body[4:]


def ethernet(dst_mac, src_mac, packet, vlans=()):
    frame = bytes.fromhex(dst_mac.replace(":", "")) + bytes.fromhex(src_mac.replace(":", ""))
    for tag in vlans:
        frame += struct.pack("!HH", ETH_VLAN, tag)
    return frame + struct.pack("!H", ETH_IPV4 if packet[0] >> 4 == 4 else ETH_IPV6) + packet


def read_pcap(path):
    """Link type and the list of packets of a capture file (whole packets as far as the capture has them)."""
    with open(path, "rb") as file:
        data = file.read()
    order = {0xA1B2C3D4: "<", 0xD4C3B2A1: ">"}[struct.unpack_from("<I", data)[0]]
    link = struct.unpack_from(order + "I", data, 20)[0]
    packets, at = [], 24
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        if at + 16 + length > len(data):
            break  # still being written
        packets.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return link, packets


def write_pcap(path, link, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link))
        for packet in packets:
            file.write(struct.pack("<IIII", 0, 0, len(packet), len(packet)) + packet)

# SPDX-License-Identifier: BSD-2-Clause
"""Capture files with all that they can hold: time stamps of either precision, both byte orders, packets
that were cut, pcapng. And whether the checksums of an IP packet are right.
"""
import struct
from dataclasses import dataclass

import packets

MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D


@dataclass
class Record:
    data: bytes
    time_ns: int = 0
    length: int = 0  # on the wire; 0: as many as captured

    @property
    def wire_length(self):
        return self.length or len(self.data)


def read(path):
    """Link type and records of a pcap file."""
    with open(path, "rb") as file:
        data = file.read()
    for order in "<>":
        magic, link = struct.unpack_from(order + "I16xI", data)
        if magic in (MICRO, NANO):
            break
    else:
        raise ValueError(f"{path}: no pcap file")
    scale = 1 if magic == NANO else 1000
    records, at = [], 24
    while at < len(data):
        seconds, fraction, captured, length = struct.unpack_from(order + "4I", data, at)
        at += 16
        if at + captured > len(data):
            raise ValueError(f"{path}: ends inside a packet")
        records.append(Record(data[at : at + captured], seconds * 10**9 + fraction * scale, length))
        at += captured
    return link, records


def write(path, link, records, order="<", magic=NANO):
    scale = 1 if magic == NANO else 1000
    with open(path, "wb") as file:
        file.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, link))
        for record in records:
            seconds, ns = divmod(record.time_ns, 10**9)
            head = struct.pack(order + "4I", seconds, ns // scale, len(record.data), record.wire_length)
            file.write(head + record.data)


def _block(kind, body):
    body += bytes(-len(body) % 4)
    total = len(body) + 12
    return struct.pack("<II", kind, total) + body + struct.pack("<I", total)


def write_pcapng(path, link, records):
    """One section, one interface, nanoseconds (option if_tsresol)."""
    with open(path, "wb") as file:
        file.write(_block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
        resolution = struct.pack("<HHB3x", 9, 1, 9) + bytes(4)
        file.write(_block(1, struct.pack("<HHI", link, 0, 262144) + resolution))
        for record in records:
            time = record.time_ns
            head = struct.pack("<5I", 0, time >> 32, time & 0xFFFFFFFF, len(record.data), record.wire_length)
            file.write(_block(6, head + record.data))


def network(packet):
    """(source, destination, protocol, payload) of an IP packet; ValueError if its header is wrong."""
    if packet[0] >> 4 == 4:
        header = (packet[0] & 15) * 4
        if packets.checksum(packet[:header]) != 0:
            raise ValueError("IPv4 header checksum")
        length = int.from_bytes(packet[2:4], "big")
        source, destination, protocol = packet[12:16], packet[16:20], packet[9]
    else:
        header = 40
        length = 40 + int.from_bytes(packet[4:6], "big")
        source, destination, protocol = packet[8:24], packet[24:40], packet[6]
    if length != len(packet):
        raise ValueError(f"IP length {length}, packet has {len(packet)}")
    return source, destination, protocol, packet[header:]


def check_checksums(packet):
    """ValueError if the IP header or a checksum in it or behind it is wrong."""
    source, destination, protocol, payload = network(packet)
    covered = payload
    if protocol in (packets.PROTO_TCP, packets.PROTO_UDP, packets.PROTO_ICMPV6):
        if len(source) == 4:
            pseudo = source + destination + struct.pack("!BBH", 0, protocol, len(payload))
        else:
            pseudo = source + destination + struct.pack("!IHBB", len(payload), 0, 0, protocol)
        covered = pseudo + payload
        if protocol == packets.PROTO_UDP and len(source) == 4 and payload[6:8] == b"\0\0":
            return  # RFC 768: none
    elif protocol != packets.PROTO_ICMP:
        return
    if packets.checksum(covered) != 0:
        raise ValueError(f"checksum of protocol {protocol}")

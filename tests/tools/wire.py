#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""wire.py CAPTURE --inner PREFIX...: what an IKE and ESP-in-UDP conversation looks like on the wire.

Prints one JSON object. `clear` counts packets that show an inner address outside ESP, in any direction
and of any protocol: what must never be. Reads captures that are still being written.
"""
import argparse
import ipaddress
import json
import struct

import packets


def udp_kind(dport, sport, payload):
    """What UDP carries between the IKE ports (RFC 3948 section 2)."""
    if payload == b"\xff":
        return "keepalive"
    if dport == 500 or sport == 500:
        return "ike_500"
    if payload[:4] == bytes(4):
        return "ike_4500"
    return "esp" if len(payload) > 8 else "other"


class Wire:
    def __init__(self, inner, gateway):
        self.inner = [ipaddress.ip_network(prefix) for prefix in inner]
        self.gateway = gateway
        kinds = ("ike_500", "ike_4500", "keepalive", "esp", "esp_to_gateway", "clear", "other")
        self.counts = dict.fromkeys(kinds, 0)
        self.ike_path = []  # (source port, destination port) of IKE to the gateway, in order of appearance
        self.top = {}  # highest sequence number by SPI

    def add(self, packet):
        if packet[:1] == b"" or packet[0] >> 4 != 4:
            return
        src, dst = (ipaddress.ip_address(packet[at : at + 4]) for at in (12, 16))
        if any(address in prefix for address in (src, dst) for prefix in self.inner):
            self.counts["clear"] += 1
            return
        if packet[9] != packets.PROTO_UDP:
            self.counts["other"] += 1
            return
        at = (packet[0] & 15) * 4
        sport, dport, length = struct.unpack_from("!HHH", packet, at)
        payload = packet[at + 8 : at + length]
        # The port that the NAT leaves alone is the gateway's, whichever direction this is.
        to_gateway = str(dst) == self.gateway
        kind = udp_kind(dport, sport, payload) if to_gateway else udp_kind(sport, dport, payload)
        self.counts[kind] += 1
        if kind.startswith("ike") and to_gateway and (sport, dport) not in self.ike_path:
            self.ike_path.append((sport, dport))
        if kind == "esp" and to_gateway:
            self.counts["esp_to_gateway"] += 1
            spi, seq = struct.unpack_from("!II", payload)
            self.top[f"0x{spi:08x}"] = max(seq, self.top.get(f"0x{spi:08x}", 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("capture")
    parser.add_argument("--inner", nargs="+", required=True)
    parser.add_argument("--gateway", required=True)
    args = parser.parse_args()
    wire = Wire(args.inner, args.gateway)
    _, frames = packets.read_pcap(args.capture)
    for frame in frames:
        if frame[12:14] == struct.pack("!H", packets.ETH_IPV4):
            wire.add(frame[14:])
    print(json.dumps(dict(wire.counts, ike_path=wire.ike_path, top=wire.top)))


if __name__ == "__main__":
    main()

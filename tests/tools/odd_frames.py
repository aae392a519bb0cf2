#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""odd_frames.py IFACE --src A --dst B --src6 A --dst6 B --src-mac M --dst-mac M: sends frames of every kind
that a classifier of ESP looks at without being concerned: ESP and IKE of others, keepalives, tags,
fragments, options, lies about lengths, other protocols. Always the same frames; prints how many."""
import argparse
import random
import socket
import struct

import packets

MAX_PAYLOAD = 1472


def udp_contents(rng):
    """UDP payloads on the IKE ports: each short length, each marker, random ones up to the MTU."""
    for length in range(0, 41):
        yield rng.randbytes(length)
    for length in (100, 1000, MAX_PAYLOAD - 20):
        yield rng.randbytes(length)
    yield b"\xff"  # NAT keepalive
    yield b"\xff\xff"
    yield bytes(4) + rng.randbytes(200)  # IKE on 4500
    yield bytes(8) + rng.randbytes(200)  # the non-IKE marker
    yield from (bytes(length) for length in range(1, 20))
    yield struct.pack("!II", 0x12345678, 1) + rng.randbytes(100)  # ESP of an unknown SA


def ip_packets(src, dst, rng):
    for sport, dport in ((4500, 4500), (500, 500), (20000, 14500)):
        for content in udp_contents(rng):
            yield packets.ip(src, dst, packets.PROTO_UDP, packets.udp(src, dst, sport, dport, content))
    for length in (0, 4, 7, 8, 9, 40, 1000):
        yield packets.ip(src, dst, packets.PROTO_ESP, rng.randbytes(length))
    for lie in (0, 7, 200, 65535):  # UDP lengths
        datagram = packets.udp(src, dst, 4500, 4500, rng.randbytes(60))
        yield packets.ip(src, dst, packets.PROTO_UDP, datagram[:4] + struct.pack("!H", lie) + datagram[6:])
    for protocol in (0, 2, 6, 41, 43, 44, 47, 51, 59, 60, 132, 255):
        yield packets.ip(src, dst, protocol, rng.randbytes(48))


def ipv4_lies(src, dst, rng):
    datagram = packets.udp(src, dst, 4500, 4500, rng.randbytes(64))
    sound = packets.ip(src, dst, packets.PROTO_UDP, datagram)
    for first in (0x44, 0x4F, 0x46, 0x05, 0x65, 0xF5):  # version and header length
        yield bytes([first]) + sound[1:]
    for length in (0, 19, 27, len(sound) + 1, 65535):  # total length
        yield sound[:2] + struct.pack("!H", length) + sound[4:]
    yield sound[:10] + b"\0\0" + sound[12:]  # checksum
    for fragment in (0x2000, 0x0001, 0x2001, 0x4000, 0x8000):
        yield packets.ip(src, dst, packets.PROTO_UDP, datagram, ident=7, fragment=fragment)
    for cut in range(1, len(sound), 5):
        yield sound[:cut]


def ipv6_lies(src, dst, rng):
    datagram = packets.udp(src, dst, 4500, 4500, rng.randbytes(64))
    sound = packets.ip(src, dst, packets.PROTO_UDP, datagram)
    for length in (0, 7, len(datagram) + 1, 65535):
        yield sound[:4] + struct.pack("!H", length) + sound[6:]
    yield b"\x40" + sound[1:]
    for header in (0, 43, 60):  # hop-by-hop, routing, destination options
        yield packets.ip(src, dst, header, bytes([packets.PROTO_UDP, 0, 1, 4, 0, 0, 0, 0]) + datagram)
    yield packets.ip(src, dst, 44, bytes([packets.PROTO_UDP, 0, 0, 1, 0, 0, 0, 9]) + datagram)
    for cut in range(1, len(sound), 5):
        yield sound[:cut]


def frames(args, rng):
    macs = (args.dst_mac, args.src_mac)
    for src, dst, lies in ((args.src, args.dst, ipv4_lies), (args.src6, args.dst6, ipv6_lies)):
        plain = list(ip_packets(src, dst, rng))
        for packet in plain:
            yield packets.ethernet(*macs, packet)
        for tags in ([5], [5, 6], [5, 6, 7], [0x6005]):
            for packet in plain[::10]:
                yield packets.ethernet(*macs, packet, tags)
        head = packets.ethernet(*macs, plain[0])[:14]
        for lie in lies(src, dst, rng):
            yield head + lie
        yield head + plain[0] + bytes(18)  # Ethernet padding
    addresses = packets.ethernet(*macs, b"\x40")[:12]
    for ethertype in (0x0026, 0x0806, 0x8100, 0x88A8, 0x88CC, 0x8847, 0x8863, 0x0800, 0x86DD, 0xFFFF):
        yield addresses + struct.pack("!H", ethertype) + rng.randbytes(46)
    # Ends behind a tag. Frames that end inside one are for tests/bpf: the kernel drops them unseen.
    yield addresses + struct.pack("!HH", packets.ETH_VLAN, 5) * 2
    yield b"\xff" * 6 + addresses[6:] + struct.pack("!H", 0x0800) + rng.randbytes(100)


def main():
    parser = argparse.ArgumentParser(description="frames that are no offloaded ESP")
    parser.add_argument("iface")
    for name in ("--src", "--dst", "--src6", "--dst6", "--src-mac", "--dst-mac"):
        parser.add_argument(name, required=True)
    args = parser.parse_args()
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((args.iface, 0))
        for frame in frames(args, random.Random(3948)):
            sender.send(frame)
            sent += 1
    print(sent)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""icmp_error.py TO --src A --dst B ...: an ICMP error to TO, as from a router, about a packet from A to B that was too
long for it. What it quotes is made here, so it can be anything.

--count N sends N of them, as fast as it goes, each with another sequence number.
"""
import argparse
import socket
import struct

from packets import PROTO_ICMP, PROTO_ICMPV6, PROTO_UDP, checksum, family, ip


def quoted(args, seq):
    esp = struct.pack("!II", args.spi, seq)
    filling = b"\0" * (args.bytes - len(esp) - 8 - (20 if family(args.src) == 4 else 40))
    udp = struct.pack("!HHHH", args.sport, args.dport, 8 + len(esp + filling), 0)
    packet = ip(args.src, args.dst, PROTO_UDP, udp + esp + filling, ident=args.ident, fragment=0x4000)
    return packet[: args.quote]


def error(args, seq):
    """From the ICMP header on. The kernel fills the checksum of ICMPv6 in."""
    if family(args.src) == 6:
        return struct.pack("!BBHI", 2, 0, 0, args.mtu) + quoted(args, seq)
    rest = struct.pack("!HH", 0, args.mtu) + quoted(args, seq)
    return struct.pack("!BBH", 3, 4, checksum(struct.pack("!BBH", 3, 4, 0) + rest)) + rest


def number(text):
    return int(text, 0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("to")
    parser.add_argument("--src", required=True)
    parser.add_argument("--dst", required=True)
    parser.add_argument("--sport", type=number, default=4500)
    parser.add_argument("--dport", type=number, default=4500)
    parser.add_argument("--spi", type=number, required=True)
    parser.add_argument("--seq", type=number, default=1)
    parser.add_argument("--ident", type=number, default=0)
    parser.add_argument("--mtu", type=number, required=True)
    parser.add_argument("--bytes", type=number, default=1500, help="length of the packet")
    parser.add_argument("--quote", type=number, default=200, help="bytes of it that are quoted")
    parser.add_argument("--count", type=number, default=1)
    args = parser.parse_args()
    four = family(args.to) == 4
    kind = (socket.AF_INET, PROTO_ICMP) if four else (socket.AF_INET6, PROTO_ICMPV6)
    with socket.socket(kind[0], socket.SOCK_RAW, kind[1]) as out:
        for i in range(args.count):
            out.sendto(error(args, args.seq + i), (args.to, 0))


if __name__ == "__main__":
    main()

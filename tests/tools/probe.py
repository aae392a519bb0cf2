#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""probe.py: sends ESP packets out of an interface, then looks where each came out, byte for byte.

--expect delivered  each packet once, opened, in the TUN capture, and its content in the sink's file
--expect inner      each packet once, as the tunnel carried it, in the TUN capture (with --tunnel-spi)
--expect kernel     each frame unchanged in the capture of the receiving interface
--expect none       nowhere

Both captures and the sink's file may grow while they are read; what they hold beforehand is not looked at.
Any packet too many, too few or changed is named, and the status is 1.
"""
import argparse
import os
import random
import socket
import sys
import time

import espgen
import packets

KEY = bytes(range(20))  # the SA of every test: 16 bytes of key, 4 of salt
SETTLE = 0.15  # seconds without anything new before the outcome is looked at


def number(text):
    return int(text, 0)


def ranges(text):
    """All numbers of the ranges, in order."""
    ends = [[int(end) for end in part.split("-")] for part in text.split(",")]
    return [size for first, *last in ends for size in range(first, (last or [first])[0] + 1)]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--iface", required=True)
    parser.add_argument("--src-mac", required=True)
    parser.add_argument("--dst-mac", required=True)
    parser.add_argument("--src", required=True)
    parser.add_argument("--dst", required=True)
    parser.add_argument("--spi", type=number, required=True)
    parser.add_argument("--inner-src", default="")
    parser.add_argument("--inner-dst", default="")
    parser.add_argument("--form", choices=("udp", "ike", "native"), default="udp")
    parser.add_argument("--sport", type=int, default=4500)
    parser.add_argument("--dport", type=int, default=4500)
    parser.add_argument("--esn", action="store_true")
    parser.add_argument("--udp-checksum", action="store_true")
    parser.add_argument("--nat-src", default="", help="transport mode: source before a NAT changed it")
    parser.add_argument("--defect", choices=sorted(espgen.DEFECTS), default="")
    parser.add_argument("--tunnel-spi", type=number, default=0, help="of a second layer, around the first")
    parser.add_argument("--tunnel-src", default="")
    parser.add_argument("--tunnel-dst", default="")
    parser.add_argument("--tunnel-form", choices=("udp", "ike", "native"), default="udp")
    parser.add_argument("--tunnel-seq", type=number, default=1, help="of the first packet")
    parser.add_argument("--tunnel-defect", choices=sorted(espgen.DEFECTS), default="")
    parser.add_argument("--options", default="", help="in hexadecimal, of the outer header")
    parser.add_argument("--vlans", type=int, default=0, help="tags in front of the IP header")
    parser.add_argument("--seq", type=number, default=1, help="of the first packet, 64 bits")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--size", type=int, default=0, help="bytes of content; 0: varying")
    parser.add_argument("--sizes", type=ranges, default=[], help="as 1-30,3800-3900: a packet of each size")
    parser.add_argument("--flows", type=int, default=1, help="UDP source ports to take in turn")
    parser.add_argument("--copies", type=int, default=1, help="of each packet, in other flows")
    parser.add_argument("--in-flight", type=int, default=0, help="packets to send before waiting; 0: all")
    parser.add_argument("--any-order", action="store_true")
    parser.add_argument("--tag", default="probe")
    parser.add_argument("--expect", choices=("delivered", "inner", "kernel", "none"), required=True)
    parser.add_argument("--tun", required=True, help="capture of the TUN device")
    parser.add_argument("--kernel", required=True, help="capture of the receiving interface")
    parser.add_argument("--sink", required=True, help="file of udp_sink.py")
    return parser.parse_args()


def tunnel_of(args):
    """The SA of the layer around, or None."""
    if not args.tunnel_spi:
        return None
    return espgen.Sa(
        spi=args.tunnel_spi, key=KEY, src=args.tunnel_src, dst=args.tunnel_dst, mode="tunnel", form=args.tunnel_form,
        sport=args.sport, dport=500 if args.tunnel_form == "ike" else 4500,
    )  # fmt: skip


def outer_extra(args):
    """IPv4 options, or as IPv6 destination options, for packets.ip()."""
    options = bytes.fromhex(args.options)
    if packets.family(args.src) == 4:
        return options
    return ((60, options),) if options else ()


def make(args):
    """Frames to send, packets that must come out of them, contents."""
    tunnel = tunnel_of(args)
    sa = espgen.Sa(
        spi=args.spi, key=KEY, src=args.src, dst=args.dst, inner_src=args.inner_src, inner_dst=args.inner_dst,
        form=args.form, sport=args.sport, dport=args.dport, esn=args.esn, udp_checksum=args.udp_checksum,
        nat_src=args.nat_src, outer_extra=outer_extra(args),
    )  # fmt: skip
    frames, opened, texts = [], [], []
    vlans = [100 + tag for tag in range(args.vlans)]
    for i in range(len(args.sizes) or args.count):
        seq = args.seq + i
        text = f"{args.tag} {seq} ".encode()
        size = args.size or random.Random(seq).choice((32, 33, 34, 35, 200, 1000, 1200))
        text += b"x" * (size - len(text))
        if args.sizes:
            text = text.ljust(args.sizes[i], b"y")[: args.sizes[i]]
        for copy in range(args.copies):
            sport = args.sport + (i + copy) % args.flows
            packet, plain = sa.packet(seq, text, args.defect, 0 if tunnel else sport)
            if tunnel:
                plain = packet if args.expect == "inner" else plain
                packet = tunnel.carry(args.tunnel_seq + i, packet, args.tunnel_defect, sport)
            frames.append(packets.ethernet(args.dst_mac, args.src_mac, packet, vlans))
        opened.append(plain)
        texts.append(text)
    return frames, opened, texts


class Outcome:
    """What came out at the three places since this object was made."""

    def __init__(self, args):
        self.args = args
        self.before = [len(packets_there) for packets_there in self.look()]

    def sink(self):
        with open(self.args.sink, "rb") as file:
            return [line for line in file.read().split(b"\n") if line]

    def look(self):
        return packets.read_pcap(self.args.tun)[1], packets.read_pcap(self.args.kernel)[1], self.sink()

    def new(self):
        return [there[count:] for there, count in zip(self.look(), self.before)]

    def sizes(self):
        return [os.stat(path).st_size for path in (self.args.tun, self.args.kernel, self.args.sink)]

    def settle(self, wanted):
        """Waits until the wanted numbers of packets came (not for ever) and nothing more comes."""
        limit = time.monotonic() + 3
        while time.monotonic() < limit and [len(there) for there in self.new()] != wanted:
            time.sleep(0.02)
        last = None
        while last != (last := self.sizes()) and time.monotonic() < limit + 3:
            time.sleep(SETTLE)


def send(args, frames, outcome):
    """At most `in_flight` packets are on their way at a time, as far as the TUN capture tells."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((args.iface, 0))
        for i, frame in enumerate(frames):
            if args.in_flight and i % args.in_flight == args.in_flight - 1:
                limit = time.monotonic() + (1 if args.expect == "delivered" else 0.01)
                while len(outcome.new()[0]) < (i - args.in_flight) // args.copies and time.monotonic() < limit:
                    time.sleep(0.002)
            sender.send(frame)


def compare(where, wanted, got, any_order):
    if any_order:
        wanted, got = sorted(wanted), sorted(got)
    if wanted == got:
        return True
    print(f"{where}: {len(wanted)} packets wanted, {len(got)} came")
    for i, (want, have) in enumerate(zip(wanted, got)):
        if want != have:
            print(f"first difference in packet {i}:\nwanted {want.hex()}\ngot    {have.hex()}")
            break
    return False


def main():
    args = arguments()
    frames, opened, texts = make(args)
    outcome = Outcome(args)
    send(args, frames, outcome)
    wanted = {
        "delivered": [opened, [], texts],
        "inner": [opened, [], []],
        "kernel": [[], frames, []],
        "none": [[], [], []],
    }[args.expect]
    outcome.settle([len(there) for there in wanted])
    results = [
        compare(where, want, got, args.any_order)
        for where, want, got in zip(("TUN", "kernel", "socket"), wanted, outcome.new())
    ]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()

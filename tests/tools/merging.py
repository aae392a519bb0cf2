#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""merging.py: senders for what xesp merges. While a burst is sent the engine is stopped, so that it finds the
packets side by side.

merging.py burst KIND FAMILY COUNT SIZE [BAD]...   COUNT packets of a flow, 5001 to 7777, with SIZE bytes of
                                                   content each; numbers BAD have a wrong checksum
merging.py relay TUN                               seals what the host routes into TUN, for ever

Of the SA: --iface, --src-mac, --dst-mac, --src, --dst, --spi, --seq; of the engine: --engine PID.
"""
import argparse
import fcntl
import os
import select
import signal
import socket
import struct
import time

import espgen
import packets
from probe import KEY

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
TOGETHER = 48  # packets; fewer than a worker takes at once
PATIENCE = 0.003  # seconds that a relayed packet waits for others
INNER = {4: ("10.81.0.1", "10.82.0.1"), 6: ("fd81::1", "fd82::1")}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("iface", "src-mac", "dst-mac", "src", "dst"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--spi", type=int, required=True)
    parser.add_argument("--seq", type=int, default=1, help="of the first packet")
    parser.add_argument("--engine", type=int, required=True)
    commands = parser.add_subparsers(dest="command", required=True)
    burst = commands.add_parser("burst")
    burst.add_argument("kind", choices=("tcp", "udp"))
    burst.add_argument("family", type=int, choices=(4, 6))
    burst.add_argument("count", type=int)
    burst.add_argument("size", type=int)
    burst.add_argument("bad", type=int, nargs="*")
    commands.add_parser("relay").add_argument("tun")
    return parser.parse_args()


def stop(pid):
    """Returns when no thread of the process runs any more."""
    os.kill(pid, signal.SIGSTOP)
    while True:
        states = []
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", encoding="ascii", errors="replace") as file:
                states.append(file.read().rpartition(")")[2].split()[0])
        if set(states) == {"T"}:
            return
        time.sleep(0.0005)


class Sender:
    def __init__(self, args):
        self.args = args
        self.seq = args.seq
        self.sa = espgen.Sa(
            spi=args.spi, key=KEY, src=args.src, dst=args.dst, inner_src="10.81.0.1", inner_dst="10.82.0.1"
        )
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((args.iface, 0))

    def send(self, inner):
        frames = []
        for packet in inner:
            outer = self.sa.carry(self.seq, packet)
            frames.append(packets.ethernet(self.args.dst_mac, self.args.src_mac, outer))
            self.seq += 1
        try:
            stop(self.args.engine)
            for frame in frames:
                self.socket.send(frame)
        finally:
            os.kill(self.args.engine, signal.SIGCONT)


def flow(args):
    """The packets of one flow: TCP segments without a connection, or datagrams whose lines are numbered."""
    src, dst = INNER[args.family]
    seq = 1000
    for number in range(args.count):
        content = f"datagram {number} ".encode().ljust(args.size, b"x")
        if args.kind == "tcp":
            l4, protocol = packets.tcp(src, dst, 5001, 7777, content, seq, 1, 0x10), packets.PROTO_TCP
            seq += len(content)
        else:
            l4, protocol = packets.udp(src, dst, 5001, 7777, content), packets.PROTO_UDP
        if number in args.bad:
            l4 = l4[:-1] + bytes([l4[-1] ^ 1])
        fields = {"ident": number, "fragment": 0x4000} if args.family == 4 else {"flow": 77}
        yield packets.ip(src, dst, protocol, l4, **fields)


def relay(args, sender):
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", args.tun.encode(), IFF_TUN | IFF_NO_PI))
    print("relaying", flush=True)
    while True:
        select.select([tun], [], [])
        waiting, limit = [], time.monotonic() + PATIENCE
        while len(waiting) < TOGETHER and time.monotonic() < limit:
            try:
                waiting.append(os.read(tun, 65535))
            except BlockingIOError:
                select.select([tun], [], [], PATIENCE / 4)
        sender.send(packet for packet in waiting if packet[0] >> 4 == 4 or packet[6] != 58)


def main():
    args = arguments()
    sender = Sender(args)
    if args.command == "burst":
        sender.send(list(flow(args)))
    else:
        relay(args, sender)


if __name__ == "__main__":
    main()

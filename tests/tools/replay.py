#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""replay.py IFACE WHAT --tun CAPTURE --kernel CAPTURE: sends captures of tests/data out of an interface, then
looks what came out of the TUN device and what reached the kernel, byte for byte, in order, and nothing else.

WHAT is a data set (all its SAs in turn, so that neighbours are of different suites and modes), or `odd`: the
neg-* and odd-* captures of the corpus. --no-legacy: packets of legacy SAs must reach the kernel as they were
sent. Prints what the counters must have grown by, "REASON PACKETS" a line, sorted; status 1 if any packet is not
as it should be. Both captures may grow while they are read; what they hold beforehand is not looked at.
"""
import argparse
import collections
import itertools
import os
import socket
import struct
import sys
import time

import corpus

IN_FLIGHT = 256  # packets: far fewer than a ring has room for
STALLED_S = 3  # nothing has come for so long: it will not
SETTLE_S = 0.15  # and then nothing more must come


class Growing:
    """The packets that came into a capture file since this object was made."""

    def __init__(self, path):
        self.path = path
        self.offset = os.stat(path).st_size
        self.packets = []

    def look(self):
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            data = file.read()
        at = 0
        while at + 16 <= len(data):
            end = at + 16 + struct.unpack_from("<I", data, at + 8)[0]
            if end > len(data):
                break
            self.packets.append(data[at + 16 : end])
            at = end
        self.offset += at
        return len(self.packets)


def plan_set(name, legacy):
    """(frame, packet for the TUN device or None, frame for the kernel or None, reason) of each packet."""
    for packet in corpus.interleaved(corpus.DataSet(name).all_packets()):
        if packet.sa.legacy and not legacy:
            yield packet.frame, None, packet.frame, "no_sa"
        else:
            yield packet.frame, packet.plain, None, "delivered"


def plan_odd():
    for frame, verdict, reason, plain in corpus.beside(corpus.DataSet("corpus")):
        yield frame, plain, frame if verdict == "passed" else None, reason


def send(iface, plan, places):
    """Waits for what was sent to come out, wherever, so that no ring runs over."""
    sent = wanted = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((iface, 0))
        for frame, plain, passed, _ in plan:
            sender.send(frame)
            sent += 1
            wanted += (plain is not None) + (passed is not None)
            if sent % (IN_FLIGHT // 2) == 0:
                wait(places, wanted - IN_FLIGHT // 2)
    wait(places, wanted)
    time.sleep(SETTLE_S)
    wait(places, wanted)


def wait(places, wanted):
    count, limit = -1, time.monotonic() + STALLED_S
    while (now := sum(place.look() for place in places)) < wanted and time.monotonic() < limit:
        if now != count:
            count, limit = now, time.monotonic() + STALLED_S
        time.sleep(0.002)


def compare(where, wanted, got):
    """True if both lists are the same; else says where they begin to differ."""
    if wanted == got:
        return True
    print(f"{where}: {len(wanted)} packets wanted, {len(got)} came", file=sys.stderr)
    for number, (want, have) in enumerate(itertools.zip_longest(wanted, got)):
        if want != have:
            shown = [packet.hex() if packet is not None else "none" for packet in (want, have)]
            print(f"packet {number}:\nwanted {shown[0]}\ngot    {shown[1]}", file=sys.stderr)
            break
    lost = collections.Counter(wanted) - collections.Counter(got)
    strange = collections.Counter(got) - collections.Counter(wanted)
    print(f"missing {lost.total()}, not wanted {strange.total()}", file=sys.stderr)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("iface")
    parser.add_argument("what")
    parser.add_argument("--no-legacy", dest="legacy", action="store_false")
    parser.add_argument("--tun", required=True)
    parser.add_argument("--kernel", required=True)
    args = parser.parse_args()
    plan = list(plan_odd() if args.what == "odd" else plan_set(args.what, args.legacy))
    tun, kernel = Growing(args.tun), Growing(args.kernel)
    send(args.iface, plan, (tun, kernel))
    good = compare("TUN", [plain for _, plain, _, _ in plan if plain is not None], tun.packets)
    good &= compare("kernel", [passed for _, _, passed, _ in plan if passed is not None], kernel.packets)
    counts = collections.Counter(reason for _, _, _, reason in plan)
    counts["to_engine"] = sum(count for reason, count in counts.items() if reason in corpus.ENGINE_REASONS)
    for reason in sorted(counts):
        if counts[reason]:
            print(reason, counts[reason])
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""flood.py IFACE SECONDS SRC-MAC DST-MAC SRC DST SPI...: sends ESP in UDP as fast as it can.

Each SPI has 1000 packets of 32 flows, so that the receive queues share an SA; they are sent again and again.
Prints how many frames it sent.
"""
import socket
import sys
import time

import espgen
import packets
from probe import KEY

FLOWS = 32


def frames(src_mac, dst_mac, src, dst, spi):
    sa = espgen.Sa(
        spi=spi, key=KEY, src=src, dst=dst, inner_src="10.81.0.1", inner_dst="10.82.0.1", form="udp",
        sport=4500, dport=4500, esn=False, udp_checksum=False, nat_src="",
    )  # fmt: skip
    for seq in range(1, 1001):
        packet, _ = sa.packet(seq, b"flood %d" % seq, "", 4500 + seq % FLOWS)
        yield packets.ethernet(dst_mac, src_mac, packet, [])


def main():
    iface, seconds, src_mac, dst_mac, src, dst = sys.argv[1:7]
    lists = [list(frames(src_mac, dst_mac, src, dst, int(spi, 0))) for spi in sys.argv[7:]]
    everything = [frame for together in zip(*lists) for frame in together]
    sent = 0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((iface, 0))
        limit = time.monotonic() + float(seconds)
        while time.monotonic() < limit:
            for frame in everything:
                try:
                    sender.send(frame)
                    sent += 1
                except OSError:  # the cable is being pulled
                    time.sleep(0.01)
    print(sent)


if __name__ == "__main__":
    main()

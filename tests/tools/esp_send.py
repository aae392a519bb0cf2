#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""esp_send.py IFACE SRC-MAC DST-MAC SRC DST SPI SEQ COUNT SIZE TAG: sends ESP in UDP out of an interface.

Tunnel mode, in 16 flows; the content of each packet is "TAG SEQ", filled up to SIZE bytes. Prints nothing:
what becomes of the packets is for others to look at.
"""
import socket
import sys

import espgen
import packets
from probe import KEY

FLOWS = 16


def frames(src_mac, dst_mac, src, dst, spi, seq, count, size, tag):
    sa = espgen.Sa(
        spi=int(spi, 0), key=KEY, src=src, dst=dst, inner_src="10.81.0.1", inner_dst="10.82.0.1"
    )
    for number in range(int(seq), int(seq) + int(count)):
        text = f"{tag} {number} ".encode()
        packet, _ = sa.packet(number, text.ljust(int(size), b"x"), "", 4500 + number % FLOWS)
        yield packets.ethernet(dst_mac, src_mac, packet)


def main():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((sys.argv[1], 0))
        for frame in frames(*sys.argv[2:]):
            sender.send(frame)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""wire_again.py IFACE CAPTURE: sends the ESP in UDP of a capture once more, as somebody on the wire can who recorded it.

Not faster than 20,000 packets a second, so that no ring runs over. Prints how many packets they are. IFACE -: that only.
"""
import socket
import struct
import sys
import time

import packets

ESP_PORT = 4500
AT_ONCE, PAUSE_S = 100, 0.005


def is_esp(frame):
    ether_type, protocol = struct.unpack_from("!H9xB", frame, 12)
    return ether_type == packets.ETH_IPV4 and protocol == packets.PROTO_UDP and frame[42:46] != bytes(4) and (
        ESP_PORT in struct.unpack_from("!HH", frame, 34) and len(frame) > 60
    )  # fmt: skip


def main():
    frames = [frame for frame in packets.read_pcap(sys.argv[2])[1] if is_esp(frame)]
    print(len(frames))
    if sys.argv[1] == "-":
        return
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((sys.argv[1], 0))
        for number, frame in enumerate(frames):
            sender.send(frame)
            if number % AT_ONCE == 0:
                time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()

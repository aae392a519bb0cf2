#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tap_queues.py NAME FIFO: a TAP device whose receive queues come and go, driven by lines from a FIFO.

queues N                     the device has N queues from now on
send QUEUE ARGUMENT...       frames arrive on that queue; the arguments are those of esp_send.py behind IFACE
piece QUEUE ARGUMENT...      the same, in one piece that is to be cut (UDP GSO), as from a virtual machine
Prints "worked-off" for each line that it has worked off, and "refused" before it if the kernel (before 6.2) knows no
such pieces.
"""
import errno
import fcntl
import os
import struct
import sys

from esp_send import frames
from scapy.utils import checksum

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE, IFF_VNET_HDR = 2, 0x1000, 0x100, 0x4000
NEEDS_CSUM, GSO_UDP_L4 = 1, 5  # of a virtio-net header
IP, UDP, PAYLOAD = 14, 34, 42  # offsets; IPv4 without options


def open_queue(name):
    queue = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(queue, TUNSETIFF, struct.pack("16sH22x", name, IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR))
    return queue


def vnet_header(gso_size=0):
    if not gso_size:
        return bytes(10)
    return struct.pack("=BBHHHH", NEEDS_CSUM, GSO_UDP_L4, PAYLOAD, gso_size, UDP, 6)


def piece(parts):
    """One frame of many, with the sum over the pseudo-header for a checksum, as the kernel leaves it."""
    payload = b"".join(part[PAYLOAD:] for part in parts)
    head = bytearray(parts[0][:PAYLOAD])
    head[IP + 2:IP + 4] = struct.pack("!H", PAYLOAD - IP + len(payload))
    head[IP + 10:IP + 12] = bytes(2)
    head[IP + 10:IP + 12] = struct.pack("!H", checksum(bytes(head[IP:UDP])))
    length = struct.pack("!H", PAYLOAD - UDP + len(payload))
    pseudo = bytes(head[IP + 12:UDP]) + b"\0\x11" + length
    head[UDP + 4:PAYLOAD] = length + struct.pack("!H", ~checksum(pseudo) & 0xffff)
    return vnet_header(len(parts[0]) - PAYLOAD) + bytes(head) + payload


def send_piece(queue, parts):
    try:
        os.write(queue, piece(parts))
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        print("refused", flush=True)


def main():
    name, queues = sys.argv[1].encode(), []
    with os.fdopen(os.open(sys.argv[2], os.O_RDWR)) as fifo:  # for writing, too: no end of file
        for line in iter(fifo.readline, ""):
            word, *arguments = line.split()
            if word == "queues":
                while len(queues) < int(arguments[0]):
                    queues.append(open_queue(name))
                while len(queues) > int(arguments[0]):
                    os.close(queues.pop())
            elif word == "piece":
                send_piece(queues[int(arguments[0])], [bytes(frame) for frame in frames(*arguments[1:])])
            else:
                for frame in frames(*arguments[1:]):
                    os.write(queues[int(arguments[0])], vnet_header() + bytes(frame))
            print("worked-off", flush=True)


if __name__ == "__main__":
    main()

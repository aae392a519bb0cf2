#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""xsk_hold.py IFACE QUEUE: holds the queue with an AF_XDP socket, as another program would, until it is ended."""
import ctypes
import mmap
import os
import socket
import struct
import sys
import time

AF_XDP, SOL_XDP = 44, 283
RX_RING, UMEM_REG, UMEM_FILL_RING, UMEM_COMPLETION_RING = 2, 4, 5, 6
BYTES, CHUNK = 1 << 20, 4096


def main():
    umem = mmap.mmap(-1, BYTES, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
    address = ctypes.addressof(ctypes.c_char.from_buffer(umem))
    xsk = socket.socket(AF_XDP, socket.SOCK_RAW)
    xsk.setsockopt(SOL_XDP, UMEM_REG, struct.pack("=QQIII4x", address, BYTES, CHUNK, 0, 0))
    for ring in (UMEM_FILL_RING, UMEM_COMPLETION_RING, RX_RING):
        xsk.setsockopt(SOL_XDP, ring, struct.pack("=I", 64))
    sockaddr = struct.pack("=HHIII", AF_XDP, 0, socket.if_nametoindex(sys.argv[1]), int(sys.argv[2]), 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(xsk.fileno(), sockaddr, len(sockaddr)):
        sys.exit(os.strerror(ctypes.get_errno()))
    print("holding", flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Datagrams as fast as they go, for bench_send.

send_load.py take ADDRESS PORT                          has a socket there that nobody reads, for ever
send_load.py send ADDRESS PORT BYTES SEGMENTS SECONDS   SEGMENTS datagrams of BYTES bytes with each system call
"""
import socket
import sys
import time

UDP_SEGMENT = 103  # <linux/udp.h>


def take(address, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, port))
        print("serving", flush=True)
        while True:
            time.sleep(3600)


def send(address, port, size, segments, seconds):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((address, port))
        if segments > 1:
            client.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
        data = bytes(size * segments)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for _ in range(16):
                try:
                    client.send(data)
                except OSError:  # the device's queue is full
                    time.sleep(0.0001)


if __name__ == "__main__":
    if sys.argv[1] == "take":
        take(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], *(int(word) for word in sys.argv[3:6]), float(sys.argv[6]))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""udp_sink.py PORT FILE: an ordinary UDP socket of both families; writes each datagram as one line."""
import socket
import sys

SO_RCVBUFFORCE = 33  # asm-generic/socket.h; for root


def main():
    with (
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sink,
        open(sys.argv[2], "wb", buffering=0) as file,
    ):
        sink.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sink.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        sink.bind(("::", int(sys.argv[1])))
        print("listening", flush=True)
        while True:
            file.write(sink.recv(65535) + b"\n")


if __name__ == "__main__":
    main()

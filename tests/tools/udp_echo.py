#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""UDP datagrams there and back, content checked.

udp_echo.py serve ADDRESS PORT            answers each datagram with itself, for ever
udp_echo.py send ADDRESS PORT SIZE...     sends one datagram of each size, some times; prints the sizes that got no answer
"""
import random
import socket
import sys

TRIES = 3
SECONDS = 2


def make(address):
    return socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)


def serve(address, port):
    with make(address) as server:
        server.bind((address, port))
        print("serving", flush=True)
        while True:
            data, client = server.recvfrom(65535)
            server.sendto(data, client)


def is_answered(client, data):
    for _ in range(TRIES):
        try:
            client.send(data)
            while True:
                if client.recv(65535) == data:
                    return True
        except OSError:  # also what an ICMP error says
            pass
    return False


def send(address, port, sizes):
    missing = []
    with make(address) as client:
        client.settimeout(SECONDS)
        client.connect((address, port))
        for size in sizes:
            if not is_answered(client, random.Random(size).randbytes(size)):
                missing.append(size)
    print(*missing)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], int(sys.argv[3]), map(int, sys.argv[4:]))

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A TCP transfer whose content is checked.

transfer.py serve ADDRESS PORT          answers each connection with the SHA-256 of what came, for ever
transfer.py send ADDRESS PORT BYTES     sends pseudo-random bytes; fails if the digest differs
transfer.py send ADDRESS PORT BYTES FILE
                                        sends them again and again, without haste, until there is such a file
"""
import hashlib
import os
import random
import socket
import sys
import time

CHUNK = 1 << 16
PAUSE_S = 0.05


def serve(address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, port), family=family) as server:
        print("serving", flush=True)
        while True:
            connection, _ = server.accept()
            with connection:
                digest = hashlib.sha256()
                while chunk := connection.recv(CHUNK):
                    digest.update(chunk)
                connection.sendall(digest.digest())


def send(address, port, size, until):
    content = random.Random(size).randbytes(size)
    digest = hashlib.sha256()
    start = time.monotonic()
    with socket.create_connection((address, port), timeout=60 if until else 20) as connection:
        while True:
            for at in range(0, size, CHUNK):
                connection.sendall(content[at : at + CHUNK])
                time.sleep(PAUSE_S if until else 0)
            digest.update(content)
            if not until or os.path.exists(until):
                break
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(CHUNK):
            answer += chunk
    if answer != digest.digest():
        sys.exit("transfer: the content arrived changed")
    print(f"{size / 1e6:.1f} MB intact, {size * 8 / 1e6 / (time.monotonic() - start):.0f} Mb/s")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] if len(sys.argv) > 5 else None)

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A TCP transfer whose content is checked.

transfer.py serve ADDRESS PORT          answers each connection with the SHA-256 of what came, for ever
transfer.py send ADDRESS PORT BYTES [SECONDS]
                                        sends pseudo-random bytes, in so much time or as fast as it goes; fails if the
                                        digest differs
"""
import hashlib
import random
import socket
import sys
import time

CHUNK = 1 << 16


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


def write(connection, content, seconds):
    start = time.monotonic()
    for at in range(0, len(content), CHUNK):
        connection.sendall(content[at : at + CHUNK])
        time.sleep(max(0, start + seconds * at / len(content) - time.monotonic()))


def send(address, port, size, seconds):
    content = random.Random(size).randbytes(size)
    start = time.monotonic()
    with socket.create_connection((address, port), timeout=20) as connection:
        write(connection, content, seconds)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(CHUNK):
            answer += chunk
    if answer != hashlib.sha256(content).digest():
        sys.exit("transfer: the content arrived changed")
    print(f"{size / 1e6:.1f} MB intact, {size * 8 / 1e6 / (time.monotonic() - start):.0f} Mb/s")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]) if len(sys.argv) > 5 else 0)

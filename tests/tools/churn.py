#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""churn.py SOCKET SECONDS IFACE DST SPI...: many clients change the same few SAs and the attachment at once.

Every answer must be one of those that the race allows; any other is printed, and the status is 1.
"""
import json
import random
import socket
import sys
import threading
import time

KEY = bytes(range(20)).hex()
ALLOWED = {
    "AddSa": {"", "AlreadyExists", "NotFound"},
    "DeleteSa": {"", "NotFound"},
    "FlushSas": {"", "NotFound"},
    "ListSas": {"", "NotFound"},
    "Status": {""},
    "Stats": {"", "NotFound"},
    "ListParsers": {"", "NotFound"},
    "Detach": {"", "NotFound"},
    "Attach": {"", "AlreadyExists"},
}


def call(path, method, parameters, more=False):
    """Name of the error, or "" for an answer without."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect(path)
        message = {"method": "org.xesp." + method, "parameters": parameters, "more": more}
        client.sendall(json.dumps(message).encode() + b"\0")
        answer = b""
        while True:
            chunk = client.recv(1 << 20)
            if not chunk:
                return "closed"
            answer += chunk
            while b"\0" in answer:
                first, answer = answer.split(b"\0", 1)
                reply = json.loads(first)
                if not reply.get("continues"):
                    return reply.get("error", "").rpartition(".")[2]


def sa(dst, spi):
    return {
        "dst": dst, "spi": spi, "mode": "tunnel", "aead": "rfc4106(gcm(aes))", "key": KEY, "icv_bits": 128,
        "replay_window": random.choice((32, 64, 4096)), "encap": {"type": "espinudp", "sport": 4500, "dport": 4500},
    }  # fmt: skip


def step(iface, dst, spis):
    """A method, its parameters, and whether more than one reply is wanted."""
    spi = random.choice(spis)
    return random.choice(
        [("AddSa", {"sa": sa(dst, spi)}, False)] * 8
        + [("DeleteSa", {"dst": dst, "spi": spi}, False)] * 4
        + [("ListSas", {}, True), ("ListSas", {"dst": dst, "spi": spi}, False), ("Status", {}, False)]
        + [("Stats", {"dev": iface}, False), ("ListParsers", {}, False), ("FlushSas", {}, False)]
    )


def run(path, limit, choose, wrong):
    while time.monotonic() < limit and not wrong:
        method, parameters, more = choose()
        try:
            error = call(path, method, parameters, more)
        except OSError as problem:
            error = str(problem)
        if error not in ALLOWED[method]:
            wrong.append(f"{method} {parameters.get('dev', '')}: {error}")


def attachment(iface):
    """In turn: away for a moment, there for longer."""
    while True:
        time.sleep(0.1)
        yield "Detach", {"dev": iface}, False
        yield "Attach", {"dev": iface, "mode": random.choice(("auto", "native", "generic"))}, False
        time.sleep(0.3)


def main():
    path, seconds, iface, dst = sys.argv[1:5]
    spis = [int(spi, 0) for spi in sys.argv[5:]]
    limit = time.monotonic() + float(seconds)
    wrong = []
    turns = attachment(iface)
    threads = [
        threading.Thread(target=run, args=(path, limit, lambda: step(iface, dst, spis), wrong)) for _ in range(3)
    ]
    threads.append(threading.Thread(target=run, args=(path, limit, lambda: next(turns), wrong)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(wrong))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()

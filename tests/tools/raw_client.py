#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""raw_client.py SOCKET: sends malformed messages to the control socket, each over its own connection.

Prints a line each: name, what is allowed to happen (a regular expression), what happened: the name of the
error, "reply" (an answer without error), "closed", or "silent" (no answer, connection open).
"""
import json
import socket
import sys

SA = {
    "dst": "192.0.2.2", "spi": 0x7001, "mode": "tunnel", "aead": "rfc4106(gcm(aes))",
    "key": "5a" * 20, "icv_bits": 128,
}  # fmt: skip
REFUSED = "InvalidField|InvalidParameter"
BROKEN = "closed|InvalidParameter|.*Failed"


def call(method, parameters=None, **more):
    message = dict(method=method, **more)
    if parameters is not None:
        message["parameters"] = parameters
    return json.dumps(message).encode() + b"\0"


def add(**changes):
    sa = dict(SA, **changes)
    return call("org.xesp.AddSa", {"sa": {name: value for name, value in sa.items() if value is not ...}})


def framing():
    yield "no JSON", BROKEN, b"hello\0"
    yield "empty message", BROKEN, b"\0"
    yield "not an object", BROKEN, b"[1, 2]\0"
    yield "half an object", BROKEN, b'{"method": "org.xesp.Stat\0'
    yield "bytes that are not UTF-8", BROKEN, b'{"method": "\xff\xfe"}\0'
    yield "no end", "silent", b'{"method": "org.xesp.Status"}'
    yield "longer than a message may be", BROKEN, b'{"method": "' + b"a" * 200000 + b'"}\0'
    yield "deeply nested", BROKEN, b'{"method": "org.xesp.Status", "parameters": ' + b"[" * 30000 + b"\0"
    twice = b'{"method": "x.y", "method": "org.xesp.Status"}\0'
    yield "a member twice", BROKEN + "|MethodNotFound|InterfaceNotFound|reply", twice


def calls():
    yield "no method", BROKEN, b"{}\0"
    yield "method is a number", BROKEN, b'{"method": 1}\0'
    yield "unknown method", "MethodNotFound", call("org.xesp.Explode")
    yield "unknown interface", "InterfaceNotFound|MethodNotFound", call("org.example.Status")
    yield "parameters are a list", BROKEN, call("org.xesp.Status", [])
    yield "Attach without dev", REFUSED, call("org.xesp.Attach", {})
    yield "Attach, dev is a number", REFUSED, call("org.xesp.Attach", {"dev": 5})
    yield "Attach, long dev", REFUSED + "|NotFound|Failed", call("org.xesp.Attach", {"dev": "x" * 4000})
    yield "Attach, unknown mode", REFUSED, call("org.xesp.Attach", {"dev": "g0", "mode": "turbo"})
    yield "Detach, not attached", "NotFound", call("org.xesp.Detach", {"dev": "lo"})
    yield "DeleteSa, unknown", "NotFound", call("org.xesp.DeleteSa", {"dst": "192.0.2.2", "spi": 99999})
    for spi in (-1, 1 << 32, (1 << 32) + 0x5001, 1 << 62):
        yield f"DeleteSa, spi {spi}", REFUSED, call("org.xesp.DeleteSa", {"dst": "192.0.2.2", "spi": spi})
        yield f"ListSas, spi {spi}", REFUSED, call("org.xesp.ListSas", {"dst": "192.0.2.2", "spi": spi})
    yield "DeleteSa, dst is a name", REFUSED, call("org.xesp.DeleteSa", {"dst": "gateway", "spi": 4097})
    yield "ListSas, unknown dev", "NotFound", call("org.xesp.ListSas", {"dev": "nosuch"})


def security_associations():
    yield "AddSa without sa", REFUSED, call("org.xesp.AddSa", {})
    yield "AddSa, sa is a list", REFUSED, call("org.xesp.AddSa", {"sa": []})
    for name, value in (
        ("dst", ...), ("dst", 5), ("dst", "192.0.2"), ("dst", "255.255.255.255"), ("spi", ...), ("spi", -1),
        ("spi", 255), ("spi", 1 << 32), ("spi", 1 << 62), ("spi", 4097.5), ("spi", "0x1001"),
        ("mode", 1), ("mode", "turbo"),
        ("aead", None), ("enc", "cbc(aes)"), ("auth", "hmac(sha1)"), ("auth_key", "5a" * 20), ("auth_key", 7),
        ("auth_key", "5a" * 65), ("key", ...), ("key", ""), ("key", "zz" * 20), ("key", "0x" + "5a" * 20),
        ("key", "5a" * 19), ("key", "5a" * 1000), ("key", 7), ("icv_bits", 0), ("icv_bits", 129),
        ("icv_bits", -128), ("replay_window", 1 << 40), ("replay_seq", -1),
        ("flags", "esn"), ("flags", ["warp"]), ("flags", [1]), ("encap", 4500), ("encap", {}),
        ("encap", {"type": "espinudp", "sport": 4500, "dport": 0}),
        ("encap", {"type": "espinudp", "sport": 4500, "dport": 65536}),
        ("sel", {"src": "10.0.0.1/8"}), ("sel", {"proto": 256}), ("sel", {"colour": "red"}), ("surprise", 1),
        ("dev", 3), ("dev", "x" * 40),
    ):  # fmt: skip
        text = "absent" if value is ... else json.dumps(value)[:30]
        yield f"AddSa, {name} {text}", REFUSED + ("|NotFound" if name == "dev" else ""), add(**{name: value})


    for name, value in (
        ("mode", "iptfs"), ("aead", "rfc4106(gcm(camellia))"), ("aead", "cbc(aes)"), ("auth", "sha1"),
        ("auth", "hmac(rmd160)"), ("replay_window", 7), ("replay_window", 65537), ("flags", ["align4"]),
        ("encap", {"type": "espintcp", "sport": 4500, "dport": 4500}),
    ):  # fmt: skip
        yield f"AddSa, {name} {json.dumps(value)[:30]}", "NotSupported", add(**{name: value})


def outcome(path, message):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(0.5)
        client.connect(path)
        try:
            client.sendall(message)
            answer = b""
            while not answer.endswith(b"\0"):
                chunk = client.recv(65536)
                if not chunk:
                    return "closed"
                answer += chunk
        except TimeoutError:
            return "silent"
        except (BrokenPipeError, ConnectionResetError):
            return "closed"
    if b"5a5a5a" in answer:
        return "the key comes back"
    return json.loads(answer[:-1]).get("error", "reply").rpartition(".")[2]


def main():
    for group in (framing, calls, security_associations):
        for name, allowed, message in group():
            print(name, allowed, outcome(sys.argv[1], message), sep="\t")


if __name__ == "__main__":
    main()

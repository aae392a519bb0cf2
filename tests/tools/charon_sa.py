#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""charon_sa.py LOG --src A --dst B --sport N --replay-seq N: a responder's newest inbound CHILD_SA.

Reads a charon log written with `chd = 4`, which shows keys, and prints one line for `xesp sa load -`.
The line holds the key: pipe it, never put it into an argument.
"""
import argparse
import re
import sys

HEX_LINE = re.compile(r"^(?:.*\[CHD\](?: <[^>]*>)?)?\s+\d+: ((?:[0-9A-F]{2} )+)")
KEY_HEAD = re.compile(r"\[CHD\].* encryption (initiator|responder) key => (\d+) bytes")
ESTABLISHED = re.compile(
    r"CHILD_SA \S+ established with SPIs ([0-9a-f]+)_i [0-9a-f]+_o and TS (\S+) === (\S+)"
)


def newest_child(log):
    """SPI, keys by role, local and remote traffic selector of the last CHILD_SA in the log."""
    keys, child, role, wanted = {}, None, None, 0
    for line in log:
        if head := KEY_HEAD.search(line):
            role, wanted = head.group(1), int(head.group(2))
            keys[role] = b""
        elif role and len(keys[role]) < wanted and (row := HEX_LINE.match(line)):
            keys[role] += bytes.fromhex(row.group(1))
        elif found := ESTABLISHED.search(line):
            spi, local, remote = found.groups()
            child = {"spi": int(spi, 16), "keys": dict(keys), "local": local, "remote": remote}
    return child


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log")
    parser.add_argument("--src", required=True, help="outer source as this end sees it")
    parser.add_argument("--dst", required=True)
    parser.add_argument("--sport", type=int, required=True, help="UDP source port as this end sees it")
    parser.add_argument("--replay-seq", type=int, default=0, help="highest sequence number received so far")
    args = parser.parse_args()
    with open(args.log, encoding="ascii", errors="replace") as log:
        child = newest_child(log)
    # What comes in at the responder was sealed with the initiator's key.
    key = child["keys"].get("initiator", b"") if child else b""
    if len(key) not in (20, 28, 36):
        sys.exit("charon_sa: the log shows no AES-GCM CHILD_SA")
    print(
        f"src {args.src} dst {args.dst} spi 0x{child['spi']:08x} mode tunnel"
        f" aead 'rfc4106(gcm(aes))' 0x{key.hex()} 128 encap espinudp {args.sport} 4500 0.0.0.0"
        f" replay-window 128 replay-seq {args.replay_seq} sel src {child['remote']} dst {child['local']}"
    )


if __name__ == "__main__":
    main()

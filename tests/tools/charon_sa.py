#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""charon_sa.py LOG --src A --dst B --sport N [...]: the SAs of a responder's newest CHILD_SA.

Reads a charon log written with `chd = 4`, which shows keys, and prints a line for `xesp sa load -` for the inbound
SA, with --both also one for the outbound SA. With --judge it prints them as words for esp_judge.py instead. Lines
hold keys: pipe them, never put those of an SA that matters into an argument.
"""
import argparse
import re
import sys

HEX_LINE = re.compile(r"^(?:.*\[CHD\](?: <[^>]*>)?)?\s+\d+: ((?:[0-9A-F]{2} )+)")
USING = re.compile(r"\[CHD\].* using (\S+) for (encryption|integrity)")
KEY_HEAD = re.compile(r"\[CHD\].* (encryption|integrity) (initiator|responder) key => (\d+) bytes")
ESTABLISHED = re.compile(
    r"CHILD_SA \S+ established with SPIs ([0-9a-f]+)_i ([0-9a-f]+)_o and TS (\S+) === (\S+)"
)

# Algorithms as charon calls them: words of `xesp sa add`, and the name that esp_judge.py has.
SUITES = {
    ("AES_GCM_16", None): ("aead 'rfc4106(gcm(aes))' {encryption} 128", "gcm"),
    ("CHACHA20_POLY1305", None): ("aead 'rfc7539esp(chacha20,poly1305)' {encryption} 128", "chacha"),
    ("AES_CBC", "HMAC_SHA2_256_128"): (
        "enc 'cbc(aes)' {encryption} auth-trunc 'hmac(sha256)' {integrity} 128", "cbc",
    ),
}  # fmt: skip


def newest_child(log):
    """SPIs, algorithms, keys by use and role, local and remote traffic selector of the last CHILD_SA in the log."""
    using, keys, child, at, wanted = {}, {}, None, None, 0
    for line in log:
        if found := USING.search(line):
            if found.group(2) == "encryption":
                using, keys, at = {}, {}, None
            using[found.group(2)] = found.group(1)
        elif head := KEY_HEAD.search(line):
            at, wanted = head.group(1, 2), int(head.group(3))
            keys[at] = b""
        elif at and len(keys[at]) < wanted and (row := HEX_LINE.match(line)):
            keys[at] += bytes.fromhex(row.group(1))
        elif found := ESTABLISHED.search(line):
            spis = [int(spi, 16) for spi in found.group(1, 2)]
            child = {"spis": spis, "using": using, "keys": keys, "local": found.group(3), "remote": found.group(4)}
    return child


def keys_of(child, role):
    return {use: f"0x{key.hex()}" for (use, whose), key in child["keys"].items() if whose == role}


def sa_line(child, args, outbound):
    """What comes in at the responder was sealed with the initiator's key."""
    keys = keys_of(child, "responder" if outbound else "initiator")
    words, name = SUITES[child["using"].get("encryption"), child["using"].get("integrity")]
    spi = f"0x{child['spis'][outbound]:08x}"
    if args.judge:
        return ":".join((spi, name, *(keys[use] for use in ("encryption", "integrity") if use in keys)))
    no_address = "::" if ":" in args.src else "0.0.0.0"
    line = f"src {args.dst} dst {args.src}" if outbound else f"src {args.src} dst {args.dst}"
    line += f" spi {spi} mode tunnel {words.format(**keys)}"
    if outbound:
        line += f" encap espinudp 4500 {args.sport} {no_address} dir out"
        return f"{line} sel src {child['local']} dst {child['remote']}"
    line += f" encap espinudp {args.sport} 4500 {no_address} replay-window 128 replay-seq {args.replay_seq}"
    return f"{line} sel src {child['remote']} dst {child['local']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("log")
    parser.add_argument("--src", required=True, help="outer source as this end sees it")
    parser.add_argument("--dst", required=True)
    parser.add_argument("--sport", type=int, required=True, help="UDP source port as this end sees it")
    parser.add_argument("--replay-seq", type=int, default=0, help="highest sequence number received so far")
    parser.add_argument("--both", action="store_true", help="also the outbound SA")
    parser.add_argument("--judge", action="store_true", help="words for esp_judge.py")
    args = parser.parse_args()
    with open(args.log, encoding="ascii", errors="replace") as log:
        child = newest_child(log)
    if not child or (child["using"].get("encryption"), child["using"].get("integrity")) not in SUITES:
        sys.exit("charon_sa: the log shows no CHILD_SA of a known suite")
    for outbound in (False, True)[: 1 + args.both]:
        print(sa_line(child, args, outbound))


if __name__ == "__main__":
    main()

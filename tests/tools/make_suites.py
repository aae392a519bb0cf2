#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make_suites.py DIRECTORY: writes the data set tests/data/suites anew, byte for byte the same each time.

Every suite of esp_suites.py that xesp supports has an SA in tunnel, in transport and in BEET mode. The families
inside and outside, native ESP and ESP in UDP, and 32-bit and extended sequence numbers are dealt out in turn,
so that each suite meets some and all are met by many suites. Extended numbers cross 2^32 here, out of order.
"""
import os
import random
import sys

import captures
import esp_suites
import espgen
import packets

SEED = 8750
FIRST_SPI = 0x20000001
MACS = ("52:54:00:00:50:02", "02:00:00:00:00:01")  # destination, source
OUTER = {4: ("10.50.0.1", "10.50.0.2"), 6: ("fd50::1", "fd50::2")}
INNER = {4: ("10.1.0.1", "10.2.0.1"), 6: ("fd01::1", "fd02::1")}
TIME_NS = 1700000000 * 10**9

# Families inside and outside, form: an odd number in each list, so that both kinds of sequence numbers meet all.
MODES = {
    "tunnel": [(4, 4, "udp"), (6, 6, "native"), (4, 6, "udp"), (6, 4, "native"), (4, 4, "native"), (6, 6, "udp"), (6, 4, "udp")],
    "transport": [(4, 4, "udp"), (6, 6, "native"), (4, 4, "native"), (6, 6, "udp"), (4, 4, "udp"), (6, 6, "udp"), (4, 4, "native")],
    "beet": [(4, 4, "udp"), (6, 6, "udp"), (4, 4, "native"), (4, 6, "udp"), (6, 4, "udp"), (6, 6, "native"), (4, 6, "native")],
}  # fmt: skip
SHORT = {"tunnel": "tun", "transport": "tra", "beet": "beet"}

# What was received before, and the numbers of the packets in their order.
NUMBERS = {
    "seq32": (0, [1, 2, 4, 3, 5, 6]),
    "esn": (0xFFFFFFF0, [0xFFFFFFFD, 0xFFFFFFFE, 0x100000001, 0xFFFFFFFF, 0x100000000, 0x100000002]),
}
SIZES = [0, 1, 15, 16, 17, 31, 40, 48, 100, 200]

# 192-bit keys of CCM: libipsec-mb has none.
NOT_SUPPORTED = ("aes192ccm8", "aes192ccm12", "aes192ccm16", "aes192ccm8iiv")


def file_of(name, words):
    """The capture that an SA's packets are in: one a kind of suite."""
    if esp_suites.is_legacy(words):
        return "legacy"
    kinds = ("iiv", "gmac", "gcm", "ccm", "chacha", "cbc", "ctr", "null")
    return next(kind for kind in kinds if kind in name.split("-")[0])


def inner_packet(rng, inner, outer, mode, number):
    """A packet to protect. In BEET mode its header is made from the outer one, which has not all fields of the
    other family's."""
    src, dst = OUTER[inner] if mode == "transport" else INNER[inner]
    content = rng.randbytes(rng.choice(SIZES))
    ports = (1024 + number, 7777)
    protocol, payload = [
        lambda: (
            packets.PROTO_ICMP if inner == 4 else packets.PROTO_ICMPV6,
            packets.echo_request(src, dst, 0x4500, number, content),
        ),
        lambda: (packets.PROTO_UDP, packets.udp(src, dst, *ports, content)),
        lambda: (packets.PROTO_TCP, packets.tcp(src, dst, *ports, content)),
    ][number % 3]()
    fields = {"tos": rng.choice((0, 0, 1, 2, 3, 0xB8)), "ttl": rng.choice((1, 64, 255))}
    carried = mode == "beet" and inner != outer
    if inner == 4:
        fields["ident"] = 0 if carried else rng.randrange(65536)
        fields["fragment"] = 0x4000 if carried else rng.choice((0, 0x4000))
    else:
        fields["flow"] = 0 if carried else rng.randrange(1 << 20)
    if mode == "beet" and inner == 4 and number in (2, 3):
        # 4 and 8 bytes: with and without filling in the pseudo header. Router alert; NOPs and a stream id.
        fields["extra"] = bytes.fromhex("94040000" if number == 2 else "0101010188040007")
    return packets.ip(src, dst, protocol, payload, **fields)


def describe(sa, numbers, families):
    """The line of sa.txt."""
    inner, outer = families
    line = [f"src {sa.src} dst {sa.dst} proto esp spi 0x{sa.spi:08x} reqid 7 mode {sa.mode}"]
    flags = ["esn"] * sa.esn + ["af-unspec"] * sa.tunnel
    if flags:
        line.append("flag " + " ".join(flags))
    line.append("replay-window 128" if sa.esn else "replay-window 32")
    received, _ = NUMBERS[numbers]
    if received:
        line.append(f"replay-seq 0x{received:x}")
    line.append(esp_suites.SUITES[sa.suite].words.format(enc="0x" + sa.key.hex(), auth="0x" + sa.auth_key.hex()))
    if sa.form == "udp":
        line.append(f"encap espinudp {sa.sport} {sa.dport} {'0.0.0.0' if outer == 4 else '::'}")
    if sa.mode == "beet":
        bits = 32 if inner == 4 else 128
        line.append(f"sel src {sa.inner_src}/{bits} dst {sa.inner_dst}/{bits}")
    return " ".join(line)


def make_sa(rng, spi, suite_name, mode, turn):
    """Name, line of sa.txt, frames and plain packets in pairs."""
    inner, outer, form = MODES[mode][turn % len(MODES[mode])]
    numbers = "esn" if turn % 2 else "seq32"
    enc, auth = (rng.randbytes(length) for length in esp_suites.SUITES[suite_name].key_bytes)
    inner_src, inner_dst = INNER[inner] if mode != "transport" else ("", "")
    sa = espgen.Sa(
        spi=spi, key=enc, auth_key=auth, src=OUTER[outer][0], dst=OUTER[outer][1], form=form, suite=suite_name,
        esn=numbers == "esn", mode=mode, inner_src=inner_src, inner_dst=inner_dst,
    )  # fmt: skip
    line = describe(sa, numbers, (inner, outer))
    families = f"{inner}{outer}" if inner_src else f"{outer}"
    name = f"{file_of(suite_name, line)}.{suite_name}.{SHORT[mode]}{families}.{form}.{numbers}"
    pairs = []
    for number, seq in enumerate(NUMBERS[numbers][1], 1):
        opened = inner_packet(rng, inner, outer, mode, number)
        tfc = rng.randrange(1, 80) if sa.tunnel and number in (3, 6) else 0
        packet = sa.carry(seq, opened, tfc=tfc, pseudo=inner == 4 and number == 5)
        pairs.append((packets.ethernet(*MACS, packet), opened))
    return name, line, pairs


def write_captures(directory, name, pairs):
    for column, suffix, link in ((0, "", packets.LINK_ETHERNET), (1, ".plain", packets.LINK_RAW)):
        records = [captures.Record(pair[column], TIME_NS + i * 10**6) for i, pair in enumerate(pairs)]
        captures.write(os.path.join(directory, f"{name}{suffix}.pcap"), link, records, magic=captures.MICRO)


def make(directory):
    rng = random.Random(SEED)
    suites = [name for name in sorted(esp_suites.SUITES) if name not in NOT_SUPPORTED]
    text = ["# one inbound SA a line, as in tests/data/corpus/sa.txt, but the names of RFC 8750 are not the kernel's"]
    files = {}
    for turn, (suite_name, mode) in enumerate((name, mode) for name in suites for mode in MODES):
        name, line, pairs = make_sa(rng, FIRST_SPI + turn, suite_name, mode, turn)
        text += [f"# {name}", line]
        files.setdefault(name.split(".")[0], []).extend(pairs)
    with open(os.path.join(directory, "sa.txt"), "w", encoding="ascii") as file:
        file.write("\n".join(text) + "\n")
    for name, pairs in files.items():
        write_captures(directory, name, pairs)


if __name__ == "__main__":
    make(sys.argv[1])

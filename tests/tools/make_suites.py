#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make_suites.py DIRECTORY: writes the data set tests/data/suites anew, byte for byte the same each time.

Every suite of esp_suites.py that xesp supports has an SA in tunnel, in transport and in BEET mode. The
families inside and outside, native ESP and ESP in UDP, and 32-bit and extended sequence numbers are dealt out in
turn, so that each suite meets some and all are met by many suites. Extended numbers cross 2^32, out of order.
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

# Families inside and outside, and form: an odd number in each list, so that both kinds of sequence numbers meet
# all of them.
MODES = {
    mode: [(int(ends[0]), int(ends[1]), ends[3:]) for ends in text.split()]
    for mode, text in {
        "tunnel": "44-udp 66-native 46-udp 64-native 44-native 66-udp 64-udp",
        "transport": "44-udp 66-native 44-native 66-udp 44-udp 66-udp 44-native",
        "beet": "44-udp 66-udp 44-native 46-udp 64-udp 66-native 46-native",
    }.items()
}
# Little stands in front of the text that has to make room for an IPv6 header: those that have least of it.
TIGHT = (6, 4, "native")
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


def upper(rng, src, dst, number):
    """Protocol and payload: ICMP, UDP and TCP in turn."""
    content = rng.randbytes(rng.choice(SIZES))
    if number % 3 == 0:
        protocol = packets.PROTO_ICMP if packets.family(src) == 4 else packets.PROTO_ICMPV6
        return protocol, packets.echo_request(src, dst, 0x4500, number, content)
    if number % 3 == 1:
        return packets.PROTO_UDP, packets.udp(src, dst, 1024 + number, 7777, content)
    return packets.PROTO_TCP, packets.tcp(src, dst, 1024 + number, 80, content)


def inner_packet(rng, sa, number):
    """A packet to protect. In BEET mode its header is made from the outer one, which does not have all fields
    of the other family's."""
    src, dst = sa.inner_src or sa.src, sa.inner_dst or sa.dst
    inner, outer = packets.family(src), packets.family(sa.src)
    protocol, payload = upper(rng, src, dst, number)
    fields = {"tos": rng.choice((0, 0, 1, 2, 3, 0xB8)), "ttl": rng.choice((1, 64, 255))}
    lost = sa.mode == "beet" and inner != outer
    if inner == 4:
        fields["ident"] = 0 if lost else rng.randrange(65536)
        fields["fragment"] = 0x4000 if lost else rng.choice((0, 0x4000))
    else:
        fields["flow"] = 0 if lost else rng.randrange(1 << 20)
    if sa.mode == "beet" and inner == 4 and number in (2, 3):
        # 4 and 8 bytes: with and without filling in the pseudo header. Router alert; NOPs and a stream id.
        fields["extra"] = bytes.fromhex("94040000" if number == 2 else "0101010188040007")
    return packets.ip(src, dst, protocol, payload, **fields)


def make_sa(rng, spi, suite, mode, ends, numbers):
    """ends: families inside and outside, form."""
    inner, outer, form = ends
    enc, auth = (rng.randbytes(length) for length in esp_suites.SUITES[suite].key_bytes)
    inner_src, inner_dst = INNER[inner] if mode != "transport" else ("", "")
    return espgen.Sa(
        spi=spi, key=enc, auth_key=auth, src=OUTER[outer][0], dst=OUTER[outer][1], form=form, suite=suite,
        esn=numbers == "esn", mode=mode, inner_src=inner_src, inner_dst=inner_dst,
    )  # fmt: skip


def describe(sa):
    """The line of sa.txt, and the SA's name without that of the file."""
    numbers = "esn" if sa.esn else "seq32"
    outer = packets.family(sa.src)
    line = [f"src {sa.src} dst {sa.dst} proto esp spi 0x{sa.spi:08x} reqid 7 mode {sa.mode}"]
    flags = ["esn"] * sa.esn + ["af-unspec"] * sa.tunnel
    if flags:
        line.append("flag " + " ".join(flags))
    line.append("replay-window 128" if sa.esn else "replay-window 32")
    if NUMBERS[numbers][0]:
        line.append(f"replay-seq 0x{NUMBERS[numbers][0]:x}")
    words = esp_suites.SUITES[sa.suite].words
    line.append(words.format(enc="0x" + sa.key.hex(), auth="0x" + sa.auth_key.hex()))
    if sa.form == "udp":
        line.append(f"encap espinudp {sa.sport} {sa.dport} {'0.0.0.0' if outer == 4 else '::'}")
    families = str(outer)
    if sa.inner_src:
        families = f"{packets.family(sa.inner_src)}{outer}"
    if sa.mode == "beet":
        bits = 32 if packets.family(sa.inner_src) == 4 else 128
        line.append(f"sel src {sa.inner_src}/{bits} dst {sa.inner_dst}/{bits}")
    return " ".join(line), f"{sa.suite}.{SHORT[sa.mode]}{families}.{sa.form}.{numbers}"


def frames_of(rng, sa):
    """Frames, and what must come out of them."""
    for number, seq in enumerate(NUMBERS["esn" if sa.esn else "seq32"][1], 1):
        opened = inner_packet(rng, sa, number)
        tfc = rng.randrange(1, 80) if sa.tunnel and number in (3, 6) else 0
        packet = sa.carry(seq, opened, tfc=tfc, pseudo=opened[0] >> 4 == 4 and number == 5)
        yield packets.ethernet(*MACS, packet), opened


def all_sas(rng):
    """Every suite in every mode."""
    turn = 0
    for suite in sorted(set(esp_suites.SUITES) - set(NOT_SUPPORTED)):
        modes = list(MODES.items())
        if esp_suites.SUITES[suite].iv == 0 or esp_suites.SUITES[suite].icv == 8:
            modes.append(("beet", [TIGHT]))
        for mode, ends in modes:
            numbers = ("seq32", "esn")[turn % 2]
            yield make_sa(rng, FIRST_SPI + turn, suite, mode, ends[turn % len(ends)], numbers)
            turn += 1


def write(directory, first_line, files):
    """files: of each name, SAs with the pairs of frames and plain packets."""
    text = [first_line]
    for file, sas in files.items():
        text += [line for sa, _ in sas for line in (f"# {file}.{describe(sa)[1]}", describe(sa)[0])]
        pairs = [pair for _, of_sa in sas for pair in of_sa]
        for column, suffix, link in ((0, "", packets.LINK_ETHERNET), (1, ".plain", packets.LINK_RAW)):
            records = [captures.Record(pair[column], TIME_NS + i * 10**6) for i, pair in enumerate(pairs)]
            path = os.path.join(directory, f"{file}{suffix}.pcap")
            captures.write(path, link, records, magic=captures.MICRO)
    with open(os.path.join(directory, "sa.txt"), "w", encoding="ascii") as out:
        out.write("\n".join(text) + "\n")


def make(directory):
    rng = random.Random(SEED)
    files = {}
    for sa in all_sas(rng):
        files.setdefault(file_of(sa.suite, describe(sa)[0]), []).append((sa, list(frames_of(rng, sa))))
    first_line = "# one inbound SA a line, as in tests/data/corpus/sa.txt"
    write(directory, f"{first_line}, but the names of RFC 8750 are not the kernel's", files)


if __name__ == "__main__":
    make(sys.argv[1])

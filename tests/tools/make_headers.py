#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""make_headers.py DIRECTORY: writes the data set tests/data/headers anew, byte for byte the same each time:
ESP behind IPv4 options and IPv6 extension headers, in every mode.
"""
import random
import sys

import make_suites
import packets

SEED = 8200
FIRST_SPI = 0x30000001
SUITES = ("aes128gcm16", "aes256cbc-sha256", "chacha20poly1305iiv")
ENDS = {
    "tunnel": [(4, 4, "udp"), (6, 4, "native"), (4, 6, "udp"), (6, 6, "native")],
    "transport": [(4, 4, "udp"), (4, 4, "native"), (6, 6, "udp"), (6, 6, "native")],
    "beet": [(4, 4, "udp"), (6, 4, "udp"), (4, 6, "native"), (6, 6, "udp")],
}

IPV4_OPTIONS = [
    bytes.fromhex(text)
    for text in (
        "01010101",  # NOPs
        "94040000",  # router alert (RFC 2113)
        "440c0500" + "00" * 8,  # time stamps, with room for two
        "8804000701010100",  # stream id; NOPs, end of list
        "1e0a" + "5a" * 8 + "0000",  # an experiment (RFC 4727): unknown, so ignored
        "072704" + "00" * 36 + "00",  # record route, as long as options can be
    )
]
HOP_BY_HOP, DESTINATION = 0, 60
PADDING = bytes.fromhex("010400000000")
UNKNOWN = bytes.fromhex("1e06" + "5a" * 6)  # to be skipped (RFC 4727)
ALERT = bytes.fromhex("050200000100")  # router alert (RFC 2711), PadN
IPV6_CHAINS = [
    ((DESTINATION, PADDING),),
    ((HOP_BY_HOP, ALERT),),
    ((HOP_BY_HOP, PADDING), (DESTINATION, PADDING)),
    ((HOP_BY_HOP, ALERT), (DESTINATION, PADDING), (DESTINATION, PADDING + UNKNOWN)),
    ((DESTINATION, UNKNOWN + PADDING),),
    ((DESTINATION, bytes.fromhex("1e3c") + b"\x5a" * 60),),  # 64 bytes
]


def frames_of(rng, sa):
    """Frames, and what must come out of them: in transport mode with the options."""
    received = make_suites.NUMBERS["esn" if sa.esn else "seq32"][1]
    extras = IPV4_OPTIONS if packets.family(sa.src) == 4 else IPV6_CHAINS
    for number, (seq, extra) in enumerate(zip(received, extras), 1):
        opened = make_suites.inner_packet(rng, sa, number)
        sa.outer_extra = extra
        frame = packets.ethernet(*make_suites.MACS, sa.carry(seq, opened))
        if sa.mode == "transport":
            protocol, payload, fields = packets.parts(opened)
            opened = packets.ip(sa.src, sa.dst, protocol, payload, **dict(fields, extra=extra))
        yield frame, opened


def make(directory):
    rng = random.Random(SEED)
    files = {}
    spi = FIRST_SPI
    for mode, all_ends in ENDS.items():
        for suite in SUITES:
            for ends in all_ends:
                sa = make_suites.make_sa(rng, spi, suite, mode, ends, ("seq32", "esn")[spi % 2])
                files.setdefault(mode, []).append((sa, list(frames_of(rng, sa))))
                spi += 1
    make_suites.write(directory, "# one inbound SA a line, as in tests/data/suites/sa.txt", files)


if __name__ == "__main__":
    make(sys.argv[1])

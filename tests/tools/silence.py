#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""silence.py CAPTURE TIME...: how long nothing came around each time, in milliseconds, a line each.

The longest pause between two packets of the capture that begins not earlier than 50 ms before the time, and not later
than 2 s after it; -1 if nothing came afterwards. Times are seconds since 1970.
"""
import itertools
import struct
import sys

BEFORE, BEHIND = 0.05, 2


def times(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length = struct.unpack_from("<III", data, at)
        yield seconds + micros / 1e6
        at += 16 + length


def main():
    came = list(times(sys.argv[1]))
    for word in sys.argv[2:]:
        around = [
            behind - before for before, behind in itertools.pairwise(came)
            if float(word) - BEFORE <= before <= float(word) + BEHIND
        ]  # fmt: skip
        print(f"{max(around) * 1000:.0f}" if around else -1)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""dummy_judge.py CAPTURE SPI:gcm:KEY...: which of the ESP in a capture are dummy packets (RFC 4303 section 2.6).

tshark opens the packets; what has next header 59 it shows as data, since nothing is inside (4.0). Prints figures, "name
number" a line:
  dummies  packets with next header 59 and sound padding
  others   packets with something inside
  wrong    all else: ICV or checksum wrong, malformed
  silence  least milliseconds between a dummy packet and the packet of its SA in front of it
  lengths  how many lengths dummy packets have
"""
import subprocess
import sys

import tshark_judge

NEXT_HEADER_NONE = 59
MORE_FIELDS = ("esp.decrypted_data", "frame.time_epoch", "frame.len")


def is_dummy(text):
    padding = text[-2 - text[-2] : -2]
    return text[-1] == NEXT_HEADER_NONE and padding == bytes(range(1, text[-2] + 1))


def kind_of(line):
    _, icv_good, protocol, *_, text, _, _ = line.split(";")
    if icv_good != "1" or tshark_judge.is_wrong(line.rsplit(";", len(MORE_FIELDS))[0], ()):
        return "wrong"
    if protocol:
        return "others"
    return "dummies" if is_dummy(bytes.fromhex(text)) else "wrong"


def main():
    command = tshark_judge.command(sys.argv[1], sys.argv[2:])
    for field in MORE_FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures = {"dummies": 0, "others": 0, "wrong": 0}
    silences, lengths, last = [], set(), {}
    for line in done.stdout.splitlines():
        kind, spi = kind_of(line), tshark_judge.spi_of(line)
        time, length = line.split(";")[-2:]
        figures[kind] += 1
        if kind == "dummies":
            lengths.add(length)
            if spi in last:
                silences.append(float(time) - last[spi])
        last[spi] = float(time)
    figures["silence"] = round(min(silences, default=0) * 1000)
    figures["lengths"] = len(lengths)
    for name, number in figures.items():
        print(name, number)


if __name__ == "__main__":
    main()

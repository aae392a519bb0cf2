#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""same_packets.py SENT RECEIVED: status 0 if both captures hold the same frames, each as often. Their order
may differ: several CPUs carry them."""
import collections
import sys

import packets


def main():
    (_, sent), (_, received) = (packets.read_pcap(path) for path in sys.argv[1:3])
    sent, received = collections.Counter(sent), collections.Counter(received)
    lost, strange = sent - received, received - sent
    if lost or strange:
        for text, frames in (("sent, not received", lost), ("received, not sent", strange)):
            print(f"{text}: {frames.total()} frames", *(frame.hex() for frame in list(frames)[:5]), sep="\n")
        sys.exit(1)
    if not sent.total():
        sys.exit("no frame was sent")
    print(f"{sent.total()} frames")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-2-Clause
"""The captures in tests/data with keys and exact plaintext. A data set is a directory with

  sa.txt           each SA as words of `ip xfrm state add` and `xesp sa add`, its name in the comment before it:
                   FILE.SUITE.MODE.FORM.NUMBERS, or without FILE. where that is the suite
  FILE.pcap        Ethernet: what a peer sent, in the order of arrival
  FILE.plain.pcap  raw IP: what must come out, packet by packet
"""
import glob
import os
import re
import struct
from dataclasses import dataclass

import captures
import esp_suites
import packets

DATA = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "data")
NUMBERS = re.compile(r" (spi|replay-seq|replay-seq-hi) (\S+)")
AEAD_KEY = re.compile(r"(aead '\S+' )0x([0-9a-f]+)")
INTEGRITY_KEY = re.compile(r"(auth-trunc '\S+' )0x([0-9a-f]+)")


@dataclass
class Sa:
    name: str
    line: int  # in sa.txt, from 1
    text: str

    def __post_init__(self):
        self.file = self.name.split(".")[0]
        self.suite, self.mode, self.form, _ = self.name.split(".")[-4:]
        self.numbers = {key: int(value, 0) for key, value in NUMBERS.findall(self.text)}
        self.spi = self.numbers["spi"]
        self.esn = " esn " in self.text
        self.legacy = esp_suites.is_legacy(self.text)

    def seq(self, low):
        """The number of the packet that has `low` in its header. No packet of a data set is older than what
        sa.txt says was received."""
        if not self.esn:
            return low
        wrapped = low <= self.numbers.get("replay-seq", 0) and "replay-seq" in self.numbers
        return self.numbers.get("replay-seq-hi", 0) + wrapped << 32 | low


@dataclass
class Packet:
    sa: Sa
    number: int  # of this SA, from 1
    frame: bytes
    plain: bytes
    time_ns: int

    def __post_init__(self):
        self.start = esp_start(self.frame)
        self.seq = self.sa.seq(struct.unpack_from("!I", self.frame, self.start + 4)[0])

    def __str__(self):
        return f"{self.sa.name} packet {self.number}"

    def flipped(self, at):
        """The frame with a bit of ESP's byte `at` flipped. A UDP checksum, if there is one, fits again, so that
        it is not what the packet is refused for."""
        changed = bytearray(self.frame)
        changed[self.start + at] ^= 1 << at % 8
        if self.sa.form == "udp" and any(changed[self.start - 2 : self.start]):
            src, dst = packets.addresses(self.frame[14:])
            sport, dport = struct.unpack_from("!HH", changed, self.start - 8)
            changed[self.start - 8 :] = packets.udp(src, dst, sport, dport, bytes(changed[self.start :]))
        return bytes(changed)


def esp_start(frame):
    """Where ESP begins in an Ethernet frame: in UDP, or native; there are no IPv6 extension headers."""
    is_ipv4 = frame[14] >> 4 == 4
    start = 14 + ((frame[14] & 15) * 4 if is_ipv4 else 40)
    protocol = frame[23] if is_ipv4 else frame[20]
    return start + (8 if protocol == packets.PROTO_UDP else 0)


def read_sas(path):
    sas, name = [], ""
    with open(path, encoding="ascii") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#"):
                name = line[1:].strip()
            else:
                sas.append(Sa(name, number, line.strip()))
    return sas


class DataSet:
    def __init__(self, name):
        self.directory = os.path.join(DATA, name)
        self.sa_path = os.path.join(self.directory, "sa.txt")
        self.sas = read_sas(self.sa_path)
        self.by_spi = {sa.spi: sa for sa in self.sas}
        if len(self.by_spi) != len(self.sas):
            raise ValueError(f"{self.sa_path}: an SPI stands there twice")

    def path(self, file):
        return os.path.join(self.directory, file + ".pcap")

    def files(self):
        """Names of the captures that belong to SAs, in the order of sa.txt; each must be there."""
        wanted = list(dict.fromkeys(sa.file for sa in self.sas))
        plain = glob.glob(self.path("*.plain"))
        there = {os.path.basename(path)[: -len(".plain.pcap")] for path in plain}
        if there != set(wanted):
            raise ValueError(f"{self.directory}: sa.txt and captures differ: {sorted(there ^ set(wanted))}")
        return wanted

    def packets(self, file):
        """The packets of a capture, with their SAs."""
        link, sent = captures.read(self.path(file))
        plain_link, plain = captures.read(self.path(file + ".plain"))
        if (link, plain_link) != (packets.LINK_ETHERNET, packets.LINK_RAW) or len(sent) != len(plain):
            raise ValueError(f"{self.path(file)} and its plaintext do not fit each other")
        counts, found = {}, []
        for record, opened in zip(sent, plain):
            spi = struct.unpack_from("!I", record.data, esp_start(record.data))[0]
            counts[spi] = counts.get(spi, 0) + 1
            found.append(Packet(self.by_spi[spi], counts[spi], record.data, opened.data, record.time_ns))
        return found

    def all_packets(self):
        return [packet for file in self.files() for packet in self.packets(file)]

    def of_sa(self, name):
        """The packets of one SA."""
        return [packet for packet in self.packets(name.split(".")[0]) if packet.sa.name == name]


def interleaved(chosen):
    """The same packets with the SAs in turn, so that neighbours are of different suites and modes."""
    return sorted(chosen, key=lambda packet: packet.number)


def write(path, frames):
    captures.write(path, packets.LINK_ETHERNET, [captures.Record(*frame) for frame in frames])


# ---- SAs with something wrong, as lines of sa.txt; None where the SA has nothing of the kind ----------------


def _changed(digits, at):
    return f"{digits[:at]}{int(digits[at], 16) ^ 1:x}{digits[at + 1:]}"


def wrong_key(sa):
    """Of the AEAD, or of the integrity algorithm beside a cipher: another key of the cipher alone is not noticed."""
    for pattern in (AEAD_KEY, INTEGRITY_KEY):
        if pattern.search(sa.text):
            return pattern.sub(lambda match: f"{match[1]}0x{_changed(match[2], 1)}", sa.text)
    return None


def wrong_salt(sa):
    """The salt is the end of an AEAD's key."""
    if not AEAD_KEY.search(sa.text):
        return None
    last = len(AEAD_KEY.search(sa.text)[2]) - 1
    return AEAD_KEY.sub(lambda match: f"{match[1]}0x{_changed(match[2], last)}", sa.text)


def wrong_high_half(sa):
    """Of the extended sequence numbers."""
    if not sa.esn:
        return None
    high = sa.numbers.get("replay-seq-hi", 0)
    return re.sub(r" replay-seq-hi \S+", "", sa.text) + f" replay-seq-hi {high + 1}"

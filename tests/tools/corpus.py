# SPDX-License-Identifier: BSD-2-Clause
"""The captures in tests/data with keys and exact plaintext. A data set is a directory with

  sa.txt           each SA as words of `ip xfrm state add` and `xesp sa add`, its name in the comment before
                   it: FILE.SUITE.MODE.FORM.NUMBERS, or without FILE. where that is the suite
  FILE.pcap        Ethernet: what a peer sent, in the order of arrival
  FILE.plain.pcap  raw IP: what must come out, packet by packet
"""
import glob
import os
import re
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
        """The frame with a bit of ESP's byte `at` flipped. A UDP checksum, if there is one, fits again: it is
        not what the packet is to be refused for."""
        changed = bytearray(self.frame)
        changed[self.start + at] ^= 1 << at % 8
        if self.sa.form == "udp" and any(changed[self.start - 2 : self.start]):
            src, dst = packets.addresses(self.frame[14:])
            sport, dport = struct.unpack_from("!HH", changed, self.start - 8)
            changed[self.start - 8 :] = packets.udp(src, dst, sport, dport, bytes(changed[self.start :]))
        return bytes(changed)


def esp_start(frame):
    """Where ESP begins in an Ethernet frame: in UDP, or native; behind IPv4 options or IPv6 options."""
    if frame[14] >> 4 == 4:
        start, protocol = 14 + (frame[14] & 15) * 4, frame[23]
    else:
        start, protocol = 14 + 40, frame[20]
        while protocol in (0, 60):
            start, protocol = start + frame[start + 1] * 8 + 8, frame[start]
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


# ---- the captures of the corpus beside those of SAs --------------------------------------------------------

BASIC = "aes128gcm16.tun44.udp.seq32"  # whose SA they belong to

# capture: exit and reason of its packet
NEGATIVE = {
    "neg-bad-icv": ("dropped", "auth_failed"),
    "neg-bad-ciphertext": ("dropped", "auth_failed"),
    "neg-bad-seq-aad": ("dropped", "auth_failed"),
    "neg-keepalive": ("consumed", "keepalive"),
    "neg-ike-nonesp": ("passed", "ike"),
    "neg-empty-udp": ("passed", "esp_short"),
    "neg-runt4": ("passed", "esp_short"),
    "neg-runt8": ("passed", "esp_short"),
    "neg-runt31": ("dropped", "syntax"),
    "neg-unknown-spi": ("passed", "no_sa"),
    "neg-seq-zero": ("dropped", "seq_zero"),
    "neg-udp-bad-checksum": ("passed", "udp_checksum"),
}
ODD_CAPTURE = "odd-ok-replay-csum-options-vlan-frags"
# exit, reason and sequence number of its packets
ODD = [
    ("delivered", "delivered", 200),
    ("delivered", "delivered", 201),
    ("dropped", "replay_duplicate", 201),
    ("delivered", "delivered", 202),
    ("delivered", "delivered", 203),
    ("delivered", "delivered", 204),
] + [("passed", "fragment", None)] * 6
# What is counted by the data plane, of all of the reasons here: the packet went to the engine.
ENGINE_REASONS = ("delivered", "auth_failed", "syntax", "seq_zero", "replay_duplicate")


def opened(sa, frame):
    """The inner packet of AES-GCM with a 16 byte ICV, in tunnel mode and with 32-bit numbers (RFC 4106)."""
    key = bytes.fromhex(AEAD_KEY.search(sa.text)[2])
    shift = 4 if frame[12:14] == struct.pack("!H", packets.ETH_VLAN) else 0
    esp = frame[shift + esp_start(frame[shift:]) :]
    text = AESGCM(key[:-4]).decrypt(key[-4:] + esp[8:16], esp[16:], esp[:8])
    return text[: int.from_bytes(text[2:4], "big")]


def beside(data):
    """(frame, exit, reason, what comes out or None) of each packet of the captures beside those of SAs."""
    sa = next(sa for sa in data.sas if sa.name == BASIC)
    outcomes = [(name, [outcome]) for name, outcome in NEGATIVE.items()]
    outcomes.append((ODD_CAPTURE, [(verdict, reason) for verdict, reason, _ in ODD]))
    for name, expected in outcomes:
        for record, (verdict, reason) in zip(captures.read(data.path(name))[1], expected, strict=True):
            plain = opened(sa, record.data) if verdict == "delivered" else None
            yield record.data, verdict, reason, plain


def write(path, frames):
    captures.write(path, packets.LINK_ETHERNET, [captures.Record(*frame) for frame in frames])


# ---- SAs with something wrong, as lines of sa.txt; None where the SA has nothing of the kind ---------------


def _changed(digits, at):
    return f"{digits[:at]}{int(digits[at], 16) ^ 1:x}{digits[at + 1:]}"


def wrong_key(sa):
    """Of the AEAD, or of the integrity algorithm: another key of the cipher beside that is not noticed."""
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

# SPDX-License-Identifier: BSD-2-Clause
"""ESP as a sender makes it (RFC 4303, AES-GCM by RFC 4106), in UDP (RFC 3948), behind the non-IKE marker of
the old drafts, or native; sound, or with one chosen defect.

The plaintext is a UDP datagram whose content names the test and the sequence number, so that a receiver can
tell exactly which packets came out.
"""
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import packets

INNER_PORTS = (40000, 7777)
NEXT_DUMMY = 59

# What can be wrong with a packet, and the reason that xesp counts it under.
DEFECTS = {
    "icv": "auth_failed",
    "text": "auth_failed",
    "seq-zero": "seq_zero",
    "short": "syntax",
    "align": "syntax",
    "pad-length": "pad_length",
    "pad-bytes": "pad_bytes",
    "next-header": "next_header",
    "inner-version": "inner_header",
    "inner-length": "inner_header",
    "dummy": "dummy",
    "selector": "selector",
    "ecn": "ecn",
}


@dataclass
class Sa:
    spi: int
    key: bytes  # cipher key and 4 bytes of salt
    src: str
    dst: str
    inner_src: str = ""  # "": transport mode
    inner_dst: str = ""
    form: str = "udp"  # udp, ike, native
    sport: int = 4500
    dport: int = 4500
    esn: bool = False
    udp_checksum: bool = False
    nat_src: str = ""  # transport mode behind a NAT: the source that the sender knows itself by

    @property
    def tunnel(self):
        return self.inner_src != ""

    def seal(self, seq, plain, next_header, defect=""):
        """The ESP packet: SPI, sequence number, IV, ciphertext, ICV."""
        fill = -(len(plain) + 2) % 4
        padding = bytes(range(1, fill + 1))
        pad_length = fill
        if defect == "pad-bytes":
            padding += b"\xaa\xaa\xaa\xaa"
            pad_length = len(padding)
        if defect == "pad-length":
            pad_length = 255
        if defect == "align":
            padding += b"\1"
        text = plain + padding + bytes([pad_length, next_header])
        low = struct.pack("!I", 0 if defect == "seq-zero" else seq & 0xFFFFFFFF)
        head = struct.pack("!I", self.spi) + low
        aad = struct.pack("!II", self.spi, seq >> 32) + low if self.esn else head
        iv = struct.pack("!Q", seq)
        sealed = AESGCM(self.key[:-4]).encrypt(self.key[-4:] + iv, text, aad)
        if defect == "icv":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        if defect == "text":
            sealed = bytes([sealed[0] ^ 1]) + sealed[1:]
        if defect == "short":
            return head + iv + sealed[:12]
        return head + iv + sealed

    def plaintext(self, text, defect=""):
        """What goes into ESP, its next header, and the IP packet that must come out."""
        src, dst = (self.inner_src, self.inner_dst) if self.tunnel else (self.src, self.dst)
        if defect == "selector" and self.tunnel:
            src = "10.83.0.1" if packets.family(src) == 4 else "fd83::1"
        datagram = packets.udp(src, dst, *INNER_PORTS, text)
        # The sender's checksum is about addresses that nobody here has seen (RFC 3948 section 3.1.2).
        sent = packets.udp(self.nat_src, dst, *INNER_PORTS, text) if self.nat_src else datagram
        opened = packets.ip(src, dst, packets.PROTO_UDP, datagram)
        if not self.tunnel:
            plain, next_header = sent, packets.PROTO_UDP
        else:
            plain, next_header = opened, 4 if packets.family(src) == 4 else 41
        if defect == "dummy":
            next_header = NEXT_DUMMY
        if defect == "next-header":
            next_header = 255 if self.tunnel else 4
        if defect == "inner-version":
            plain = bytes([plain[0] & 15 | 0x70]) + plain[1:]
        if defect == "inner-length":  # one byte more than there is
            at = 2 if packets.family(src) == 4 else 4
            longer = struct.unpack_from("!H", plain, at)[0] + 200
            plain = plain[:at] + struct.pack("!H", longer) + plain[at + 2 :]
        return plain, next_header, opened

    def packet(self, seq, text, defect="", sport=0):
        """The outer IP packet, and the packet that must come out of it."""
        plain, next_header, opened = self.plaintext(text, defect)
        return self.wrap(self.seal(seq, plain, next_header, defect), defect, sport), opened

    def carry(self, seq, packet, defect="", sport=0):
        """The outer IP packet around any IP packet, of tunnel mode."""
        next_header = 4 if packet[0] >> 4 == 4 else 41
        return self.wrap(self.seal(seq, packet, next_header, defect), defect, sport)

    def wrap(self, esp, defect="", sport=0):
        """The IP packet of the SA's form that carries ESP."""
        tos = 3 if defect == "ecn" else 0  # outer CE on an inner packet that is not ECN-capable
        if self.form == "native":
            return packets.ip(self.src, self.dst, packets.PROTO_ESP, esp, tos)
        marker = bytes(8) if self.form == "ike" else b""
        # IPv6 wants the checksum (RFC 8200 section 8.1), IPv4 should have none (RFC 3948 section 2.1).
        summed = self.udp_checksum or packets.family(self.src) == 6
        datagram = packets.udp(self.src, self.dst, sport or self.sport, self.dport, marker + esp, summed)
        return packets.ip(self.src, self.dst, packets.PROTO_UDP, datagram, tos)


if __name__ == "__main__":
    for defect, reason in DEFECTS.items():
        print(defect, reason)

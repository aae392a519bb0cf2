# SPDX-License-Identifier: BSD-2-Clause
"""ESP packets as a sender makes them (RFC 4303), of every suite in esp_suites.py, in tunnel, transport and
BEET mode; in UDP (RFC 3948), behind the non-IKE marker of the old drafts, or native; sound, or with one chosen
defect.

`packet()` makes the plaintext as well: a UDP datagram whose content names the test and the sequence number,
so that a receiver can tell exactly which packets came out. `carry()` takes any IP packet.
"""
import struct
from dataclasses import dataclass

import esp_suites
import packets

INNER_PORTS = (40000, 7777)
NEXT_DUMMY = 59
NEXT_BEET_PSEUDO = 94  # RFC 7402 appendix B.5: the options of an IPv4 header, which is not sent itself

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


def beet_pseudo_header(next_header, options):
    """What stands in front of the payload: next header, length in units of 8 bytes after the first 8, bytes
    of filling, 0; the filling; the options. The filling is NOPs and makes the whole a multiple of 8 bytes.
    """
    fill = 4 - (len(options) & 4)
    length = (4 + fill + len(options)) // 8 - 1
    return bytes([next_header, length, fill, 0]) + b"\x01" * fill + options


@dataclass
class Sa:
    spi: int
    key: bytes  # of the cipher, with its salt
    src: str
    dst: str
    inner_src: str = ""
    inner_dst: str = ""
    form: str = "udp"  # udp, ike, native
    sport: int = 4500
    dport: int = 4500
    esn: bool = False
    udp_checksum: bool = False
    nat_src: str = ""  # transport mode behind a NAT: the source that the sender knows itself by
    suite: str = "aes128gcm16"
    auth_key: bytes = b""
    mode: str = ""  # tunnel, transport, beet; "": tunnel if there are inner addresses, else transport
    outer_extra: tuple = ()  # IPv4 options or IPv6 extension headers of the outer header, for packets.ip()

    def __post_init__(self):
        self.mode = self.mode or ("tunnel" if self.inner_src else "transport")

    @property
    def tunnel(self):
        return self.mode == "tunnel"

    def seal(self, seq, plain, next_header, defect="", tfc=0, iv=None):
        """The ESP packet: SPI, sequence number, IV, ciphertext, ICV.

        tfc: bytes of TFC padding (section 2.7). iv: None for one of this sender's.
        """
        suite = esp_suites.SUITES[self.suite]
        plain += bytes(tfc)
        fill = -(len(plain) + 2) % max(4, suite.block)
        padding = bytes(range(1, fill + 1))
        pad_length = fill
        if defect == "pad-bytes":
            padding += b"\xaa" * max(4, suite.block)
            pad_length = len(padding)
        if defect == "pad-length":
            pad_length = 255
        if defect == "align":
            padding += b"\1"
        text = plain + padding + bytes([pad_length, next_header])
        if defect == "seq-zero":
            seq = seq >> 32 << 32
        head = struct.pack("!II", self.spi, seq & 0xFFFFFFFF)
        sealed = esp_suites.seal(suite, (self.key, self.auth_key), self.spi, seq, self.esn, text, iv)
        if defect == "icv":
            sealed = sealed[:-1] + bytes([sealed[-1] ^ 1])
        if defect == "text":
            sealed = sealed[: suite.iv] + bytes([sealed[suite.iv] ^ 1]) + sealed[suite.iv + 1 :]
        if defect == "short":
            sealed = sealed[: suite.iv + suite.icv - 4]
        return head + sealed

    def plaintext(self, text, defect=""):
        """What goes into ESP, its next header, and the IP packet that must come out."""
        src, dst = self.inner_src or self.src, self.inner_dst or self.dst
        if defect == "selector" and self.tunnel:
            src = "10.83.0.1" if packets.family(src) == 4 else "fd83::1"
        datagram = packets.udp(src, dst, *INNER_PORTS, text)
        # The sender's checksum is about addresses that nobody here has seen (RFC 3948 section 3.1.2).
        sent = packets.udp(self.nat_src, dst, *INNER_PORTS, text) if self.nat_src else datagram
        # In transport mode the outer header is the packet's own.
        extra = self.outer_extra if self.mode == "transport" else ()
        opened = packets.ip(src, dst, packets.PROTO_UDP, datagram, extra=extra)
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

    def carry(self, seq, packet, defect="", sport=0, tfc=0, pseudo=False, iv=None):
        """The outer IP packet around any IP packet that fits the mode, which must come out again.

        In transport and BEET mode its header's fields become those of the outer header, in transport mode its
        options as well. pseudo: a BEET pseudo header although there are no options.
        """
        if self.tunnel:
            next_header = 4 if packet[0] >> 4 == 4 else 41
            return self.wrap(self.seal(seq, packet, next_header, defect, tfc, iv), defect, sport)
        next_header, plain, fields = packets.parts(packet)
        options = fields.pop("extra", b"")
        if self.mode == "beet" and (options or pseudo):
            plain, next_header = beet_pseudo_header(next_header, options) + plain, NEXT_BEET_PSEUDO
        elif options:
            fields["extra"] = options
        return self.wrap(self.seal(seq, plain, next_header, defect, tfc, iv), defect, sport, **fields)

    def wrap(self, esp, defect="", sport=0, **fields):
        """The IP packet of the SA's form that carries ESP. fields: of its header, for packets.ip()."""
        if defect == "ecn":
            fields["tos"] = 3  # outer CE on an inner packet that is not ECN-capable
        fields.setdefault("extra", self.outer_extra)
        if self.form == "native":
            return packets.ip(self.src, self.dst, packets.PROTO_ESP, esp, **fields)
        marker = bytes(8) if self.form == "ike" else b""
        # IPv6 wants the checksum (RFC 8200 section 8.1), IPv4 should have none (RFC 3948 section 2.1).
        summed = self.udp_checksum or packets.family(self.src) == 6
        datagram = packets.udp(self.src, self.dst, sport or self.sport, self.dport, marker + esp, summed)
        return packets.ip(self.src, self.dst, packets.PROTO_UDP, datagram, **fields)


if __name__ == "__main__":
    for defect, reason in DEFECTS.items():
        print(defect, reason)

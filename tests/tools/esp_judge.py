#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""esp_judge.py CAPTURE... SPI:KIND:KEY[:AUTH-KEY]...: what an observer who has the keys makes of captures of the wire.

KIND is gcm, chacha or cbc (with HMAC-SHA2-256); keys are hexadecimal, as in `ip xfrm`. Opens every ESP packet with
python-cryptography: nothing here comes from xesp. Prints figures, "name number" a line:
  opened    packets whose ICV is good, with padding 1, 2, 3, ..., that hold a sound IP packet
  damaged   the other ESP packets
  clear     IP packets that are neither ESP in UDP nor IKE, but for what IPv6 itself sends on a link
  ike       packets of IKE, and NAT keepalives
  repeated  ESP packets with a number or an IV that their SA has used before
  gaps      numbers that are missing between the first and the last of an SA
  late      by how much a packet's number was below the highest of its SA that was on the wire before it, at most
"""
import hashlib
import hmac
import itertools
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

import captures
import packets

ESP_PORTS = {4500}
IKE_PORTS = {500}


def open_aead(cipher, key, esp):
    key, salt = key[:-4], key[-4:]
    return cipher(key).decrypt(salt + esp[8:16], esp[16:], esp[:8]), 16


def open_cbc(key, auth_key, esp):
    icv = hmac.new(auth_key, esp[:-16], hashlib.sha256).digest()[:16]
    if icv != esp[-16:]:
        raise InvalidTag
    decryptor = Cipher(algorithms.AES(key), modes.CBC(esp[8:24])).decryptor()
    return decryptor.update(esp[24:-16]) + decryptor.finalize(), 24


class Sa:
    def __init__(self, words):
        spi, self.kind, *keys = words.split(":")
        self.spi = int(spi, 0)
        self.keys = [bytes.fromhex(key.removeprefix("0x")) for key in keys]
        self.seen, self.ivs = set(), set()
        self.top = self.late = 0

    def open(self, esp):
        """The inner packet, and whether number or IV were used before."""
        if self.kind == "gcm":
            text, start = open_aead(AESGCM, self.keys[0], esp)
        elif self.kind == "chacha":
            text, start = open_aead(ChaCha20Poly1305, self.keys[0], esp)
        else:
            text, start = open_cbc(*self.keys, esp)
        seq, iv = struct.unpack("!I", esp[4:8])[0], esp[8:start]
        repeated = seq in self.seen or iv in self.ivs
        self.seen.add(seq)
        self.top = max(self.top, seq)
        self.late = max(self.late, self.top - seq)
        self.ivs.add(iv)
        padding = text[-2 - text[-2] : -2]
        if padding != bytes(range(1, len(padding) + 1)) or len(padding) != text[-2]:
            raise ValueError("padding")
        if text[-1] != {4: 4, 6: 41}[text[0] >> 4]:
            raise ValueError("next header")
        return text[: -2 - len(padding)], repeated

    def gaps(self):
        return max(self.seen) - min(self.seen) + 1 - len(self.seen) if self.seen else 0


def is_of_the_link(packet):
    """Neighbour discovery, and reports of multicast listeners."""
    return packet[0] >> 4 == 6 and (packet[6] == 58 or packet[24:26] == b"\xff\x02")


def is_ike(ports, payload):
    """RFC 3948 sections 2.2 and 2.3."""
    return bool(ports & IKE_PORTS) or (bool(ports & ESP_PORTS) and (payload[:4] == bytes(4) or payload == b"\xff"))


def check_inner(inner):
    """ValueError unless lengths are right, and checksums, where a packet is no fragment."""
    captures.network(inner)
    if inner[0] >> 4 == 6 or not struct.unpack("!H", inner[6:8])[0] & 0x3FFF:
        captures.check_checksums(inner)


def main():
    sas = {sa.spi: sa for sa in map(Sa, filter(lambda word: ":" in word, sys.argv[1:]))}
    files = [word for word in sys.argv[1:] if ":" not in word]
    figures = dict.fromkeys(("opened", "damaged", "clear", "ike", "repeated", "gaps"), 0)
    for frame in itertools.chain.from_iterable(packets.read_pcap(file)[1] for file in files):
        ether_type = struct.unpack("!H", frame[12:14])[0]
        if ether_type not in (0x0800, 0x86DD):
            continue
        packet = frame[14:]
        header = (packet[0] & 15) * 4 if packet[0] >> 4 == 4 else 40
        protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
        *ports, length = struct.unpack("!3H", packet[header : header + 6])
        esp = packet[header + 8 : header + length]
        if protocol == 17 and is_ike(set(ports), esp):
            figures["ike"] += 1
            continue
        if protocol != 17 or not set(ports) & ESP_PORTS:
            figures["clear"] += not is_of_the_link(packet)
            continue
        try:
            inner, repeated = sas[struct.unpack("!I", esp[:4])[0]].open(esp)
            check_inner(inner)
            figures["opened"] += 1
            figures["repeated"] += repeated
        except (InvalidTag, ValueError, KeyError, IndexError) as error:
            figures["damaged"] += 1
            if figures["damaged"] < 5:
                print(f"{error!r}: {packet[:80].hex()}", file=sys.stderr)
    figures["gaps"] = sum(sa.gaps() for sa in sas.values())
    figures["late"] = max(sa.late for sa in sas.values())
    for name, number in figures.items():
        print(name, number)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""sealed_check.py FOLDER: has others than xesp open what xesp sealed.

FOLDER has sealed.pcap and plain.pcap (raw IP, in the same order), and sa.txt, a line an SA: SPI, mode, cipher and
its key, integrity algorithm and its key ("-": none), bytes of ICV. scapy opens the packets of all suites that it
knows, and each must come to the plain packet; tshark, if it is installed, those that it knows, finds each ICV good
and none of all packets malformed. Comments go to standard error; status 1 if anything is wrong.
"""
import collections
import logging
import pathlib
import shutil
import subprocess
import sys
import warnings

warnings.filterwarnings("ignore")
logging.getLogger("scapy").setLevel(logging.ERROR)

import packets  # noqa: E402
from scapy.layers.inet import IP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.layers.ipsec import ESP, SecurityAssociation  # noqa: E402

Sa = collections.namedtuple("Sa", "spi mode cipher key auth auth_key icv")

# Implicit IVs and GMAC are nobody's else.
SCAPY_CIPHERS = {
    "rfc4106(gcm(aes))": "AES-GCM",
    "rfc4309(ccm(aes))": "AES-CCM",
    "rfc7539esp(chacha20,poly1305)": "CHACHA20-POLY1305",
    "cbc(aes)": "AES-CBC",
    "rfc3686(ctr(aes))": "AES-CTR",
    "cbc(des3_ede)": "3DES",
    "cbc(des)": "DES",
    "ecb(cipher_null)": "NULL",
}
SCAPY_AUTHS = {
    "hmac(md5)": "HMAC-MD5-96",
    "hmac(sha1)": "HMAC-SHA1-96",
    "hmac(sha256)": "SHA2-256-128",
    "hmac(sha384)": "SHA2-384-192",
    "hmac(sha512)": "SHA2-512-256",
    "cmac(aes)": "AES-CMAC-96",
    "-": "NULL",
}
# tshark 4.0 knows ICVs of 128 bits with AEADs, and checks those of GCM.
TSHARK_CIPHERS = {
    "rfc4106(gcm(aes))": "AES-GCM with 16 octet ICV [RFC4106]",
    "cbc(aes)": "AES-CBC [RFC3602]",
    "rfc3686(ctr(aes))": "AES-CTR [RFC3686]",
    "cbc(des3_ede)": "TripleDES-CBC [RFC2451]",
    "cbc(des)": "DES-CBC [RFC2405]",
    "ecb(cipher_null)": "NULL",
}
TSHARK_AUTHS = {
    "hmac(md5)": "HMAC-MD5-96 [RFC2403]",
    "hmac(sha1)": "HMAC-SHA-1-96 [RFC2404]",
    "hmac(sha256)": "HMAC-SHA-256-128 [RFC4868]",
    "hmac(sha384)": "HMAC-SHA-384-192 [RFC4868]",
    "hmac(sha512)": "HMAC-SHA-512-256 [RFC4868]",
    "-": "NULL",
}


def read_sas(path):
    sas = {}
    for line in path.read_text().splitlines():
        spi, mode, cipher, key, auth, auth_key, icv = line.split()
        key, auth_key = (bytes.fromhex(text.strip("-")) for text in (key, auth_key))
        sas[int(spi, 16)] = Sa(int(spi, 16), mode, cipher, key, auth, auth_key, int(icv))
    return sas


def is_udp(packet):
    return packet[9 if packet[0] >> 4 == 4 else 6] == packets.PROTO_UDP


def spi_of(packet):
    at = (20 if packet[0] >> 4 == 4 else 40) + (8 if is_udp(packet) else 0)
    return int.from_bytes(packet[at : at + 4], "big")


def parsed(packet):
    return (IP if packet[0] >> 4 == 4 else IPv6)(packet)


def native(packet):
    """The packet without its UDP header, which scapy 2.5 leaves in IPv6."""
    if not is_udp(packet):
        return packet
    _, payload, fields = packets.parts(packet)
    fields.pop("extra", None)
    return packets.ip(*packets.addresses(packet), packets.PROTO_ESP, payload[8:], **fields)


def open_with_scapy(sa, packet):
    association = SecurityAssociation(
        ESP, sa.spi, crypt_algo=SCAPY_CIPHERS[sa.cipher], crypt_key=sa.key or None,
        crypt_icv_size=sa.icv if sa.auth == "-" else None,
        auth_algo=SCAPY_AUTHS[sa.auth], auth_key=sa.auth_key or None,
        tunnel_header=parsed(packet) if sa.mode == "tunnel" else None,
    )  # fmt: skip
    return bytes(association.decrypt(parsed(native(packet))))


def scapy_knows(sa):
    """Of GCM, python-cryptography has the whole ICV only."""
    return sa.cipher in SCAPY_CIPHERS and sa.auth in SCAPY_AUTHS and ("gcm" not in sa.cipher or sa.icv == 16)


def scapy_judges(sas, pairs):
    count = wrong = 0
    for sealed, plain in pairs:
        sa = sas[spi_of(sealed)]
        if not scapy_knows(sa):
            continue
        count += 1
        try:
            opened = open_with_scapy(sa, sealed)
        except Exception as error:  # pylint: disable=broad-except
            opened = repr(error).encode()
        # In tunnel mode there may be TFC padding behind the packet, which scapy leaves.
        if sa.mode == "tunnel" and opened[: len(plain)] == plain and not any(opened[len(plain) :]):
            continue
        if opened != plain:
            print(f"# scapy, {sa.cipher} {sa.auth} {sa.mode}: {opened[:80]!r}, not {plain[:80]!r}", file=sys.stderr)
            wrong += 1
    print(f"# scapy has opened {count - wrong} of {count} packets", file=sys.stderr)
    return count if not wrong else 0


def tshark_knows(sa):
    return sa.cipher in TSHARK_CIPHERS and sa.auth in TSHARK_AUTHS and (sa.auth != "-" or sa.icv == 16)


def tshark_command(folder, sas):
    command = ["tshark", "-r", str(folder / "sealed.pcap"), "-T", "fields", "-E", "separator=;"]
    for field in ("esp.spi", "_ws.malformed", "esp.icv_good", "esp.icv_bad", "esp.protocol", "_ws.expert.message"):
        command += ["-e", field]
    for name in ("enable_encryption_decode", "enable_authentication_check"):
        command += ["-o", f"esp.{name}:TRUE"]
    for sa in sas.values():
        if not tshark_knows(sa):
            continue
        for protocol in ("IPv4", "IPv6"):
            key = f"0x{sa.key.hex()}" if sa.key else ""
            auth_key = f"0x{sa.auth_key.hex()}" if sa.auth_key else ""
            fields = (protocol, "*", "*", f"0x{sa.spi:08x}", TSHARK_CIPHERS[sa.cipher], key,
                      TSHARK_AUTHS[sa.auth], auth_key, "32-bit")  # fmt: skip
            command += ["-o", "uat:esp_sa:" + ",".join(f'"{field}"' for field in fields)]
    return command


def tshark_judges(folder, sas, pairs):
    """True also without tshark."""
    if not shutil.which("tshark"):
        print("# tshark is not installed and has not been asked", file=sys.stderr)
        return True
    done = subprocess.run(tshark_command(folder, sas), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or len(lines) != len(pairs):
        print(f"# tshark: status {done.returncode}, {len(lines)} packets: {done.stderr[-400:]}", file=sys.stderr)
        return False
    good = wrong = 0
    for line in lines:
        spi, malformed, icv_good, icv_bad, protocol = line.split(";")[:5]
        sa = sas[int(spi, 16)]
        if tshark_knows(sa):
            bad = malformed or not protocol or icv_good != "1" or icv_bad == "1"
        else:
            bad = malformed
        if bad:
            print(f"# tshark, {sa.cipher} {sa.auth} {sa.icv}: {line}", file=sys.stderr)
        wrong += bool(bad)
        good += tshark_knows(sa) and not bad
    print(f"# tshark has opened {good} of {len(lines)} packets; wrong: {wrong}", file=sys.stderr)
    return not wrong and good


def main():
    folder = pathlib.Path(sys.argv[1])
    sas = read_sas(folder / "sa.txt")
    pairs = list(zip(packets.read_pcap(folder / "sealed.pcap")[1], packets.read_pcap(folder / "plain.pcap")[1]))
    if len(pairs) < len(sas):
        sys.exit("sealed_check: there are fewer packets than SAs")
    by_scapy = scapy_judges(sas, pairs)
    by_tshark = tshark_judges(folder, sas, pairs)
    sys.exit(0 if by_scapy > len(pairs) / 2 and by_tshark else 1)


main()

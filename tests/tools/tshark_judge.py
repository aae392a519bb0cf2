#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tshark_judge.py CAPTURE SPI:KIND:KEY[:AUTH-KEY]...: has tshark open ESP in UDP in a capture of the wire.

The words are those of esp_judge.py. Status 0 if tshark opens each packet of the SAs whose suite it knows (4.0 knows no
ChaCha20-Poly1305), finds each ICV good, no IP or UDP checksum wrong, and no packet of any SA malformed. What is inside
of TCP and UDP is not looked into: guesses about random content are no findings. Checksums of TCP are left to
esp_judge.py: where they come to zero Linux writes 0xffff, the other zero, which tshark takes for a mistake.
"""
import subprocess
import sys

SUITES = {
    "gcm": ("AES-GCM with 16 octet ICV [RFC4106]", "NULL"),
    "cbc": ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]"),
}
PROTOCOLS = ("eth", "ethertype", "arp", "ip", "ipv6", "udp", "udpencap", "esp", "tcp", "icmp", "icmpv6", "data")
PREFERENCES = ("esp.enable_encryption_decode", "esp.enable_authentication_check", "ip.check_checksum",
               "udp.check_checksum")  # fmt: skip
FIELDS = ("esp.spi", "esp.icv_good", "esp.protocol", "_ws.malformed", "esp.icv_bad", "ip.checksum.status",
          "udp.checksum.status")  # fmt: skip


def other_protocols():
    done = subprocess.run(["tshark", "-G", "protocols"], capture_output=True, text=True, check=True)
    names = {line.split("\t")[2] for line in done.stdout.splitlines()}
    if missing := set(PROTOCOLS) - names:
        sys.exit(f"tshark does not know {missing}")
    return sorted(names - set(PROTOCOLS))


def command(capture, words):
    result = ["tshark", "-n", "-r", capture, "-Y", "esp", "-T", "fields", "-E", "separator=;"]
    for protocol in other_protocols():
        result += ["--disable-protocol", protocol]
    for preference in PREFERENCES:
        result += ["-o", f"{preference}:TRUE"]
    for field in FIELDS:
        result += ["-e", field]
    for word in words:
        spi, kind, key, *auth_key = word.split(":")
        if kind in SUITES:
            cipher, auth = SUITES[kind]
            for family in ("IPv4", "IPv6"):
                row = (family, "*", "*", f"0x{int(spi, 0):08x}", cipher, key, auth, *(auth_key or [""]), "32-bit")
                result += ["-o", "uat:esp_sa:" + ",".join(f'"{column}"' for column in row)]
    return result


def spi_of(line):
    """Garbage may look like another layer of ESP: the outermost comes first."""
    return int(line.split(";")[0].split(",")[0], 16)


def is_wrong(line, known):
    _, icv_good, protocol, malformed, icv_bad, *checksums = line.split(";")
    # A status of 0 is a bad checksum; those of the packet and of what is inside of it stand with commas between.
    if malformed or "1" in icv_bad.split(",") or any("0" in status.split(",") for status in checksums):
        return True
    return spi_of(line) in known and (icv_good != "1" or not protocol)


def main():
    capture, *words = sys.argv[1:]
    known = {int(word.split(":")[0], 0) for word in words if word.split(":")[1] in SUITES}
    spis = {int(word.split(":")[0], 0) for word in words}
    done = subprocess.run(command(capture, words), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    wrong = [line for line in lines if is_wrong(line, known)]
    seen = {spi_of(line) for line in lines}
    print(f"{len(lines)} ESP packets, {len(wrong)} of them wrong", *wrong[:5], sep="\n")
    if done.returncode or seen != spis or wrong:
        sys.exit(f"status {done.returncode}, SPIs {seen}: {done.stderr[-400:]}")


if __name__ == "__main__":
    main()

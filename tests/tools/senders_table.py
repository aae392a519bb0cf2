# SPDX-License-Identifier: BSD-2-Clause
"""What the guests of tests/vm send: suites, modes and families, and the packets inside, as tables.

The addresses are those of tests/vm/test-senders and test-receivers.
"""
import random
from dataclasses import dataclass

import esp_suites
import make_suites
import packets

GUEST = {4: "192.0.2.1", 6: "2001:db8::1"}
HOST = {4: "192.0.2.2", 6: "2001:db8::2"}
INNER_GUEST = {4: "10.81.0.1", 6: "fd81::1"}
INNER_HOST = {4: "10.82.0.1", 6: "fd82::1"}
SILENT_HOST = {4: "10.82.0.9", 6: "fd82::9"}  # nobody's: what comes out for it is not answered

# The suites that peers negotiate most: each in every mode and every mix of families, with and without ESN.
MAIN_SUITES = ("aes128gcm16", "chacha20poly1305", "aes128cbc-sha256")


def other_suites():
    """All others that both xesp and the kernel have: RFC 8750 is xesp's alone, AES-192-CCM the kernel's."""
    for name, suite in sorted(esp_suites.SUITES.items()):
        if name not in (*MAIN_SUITES, *make_suites.NOT_SUPPORTED) and "rfc8750" not in suite.words:
            yield name


@dataclass(frozen=True)
class Row:
    """One SA of the guest, and what it carries."""

    suite: str
    mode: str
    inner: int  # family
    outer: int
    esn: bool = False
    udp: bool = True
    jumbo: bool = False

    def __str__(self):
        families = f"{self.inner} in {self.outer}" if self.mode != "transport" else str(self.outer)
        form = "UDP" if self.udp else "native"
        text = f"{self.suite}, {self.mode} {families}, {form}, {'ESN' if self.esn else 'no ESN'}"
        return f"{text}, MTU {JUMBO_MTU}" if self.jumbo else text

    def ends(self):
        """Source and destination of the packets inside."""
        if self.mode == "transport":
            return GUEST[self.outer], HOST[self.outer]
        return INNER_GUEST[self.inner], SILENT_HOST[self.inner]

    def content(self):
        """Name of the capture with what the guest sends."""
        return f"{self.mode}{self.inner}{'jumbo' if self.jumbo else ''}"


MIXES = ((4, 4), (4, 6), (6, 4), (6, 6))
SHAPES = [("tunnel", *mix) for mix in MIXES] + [("transport", 4, 4), ("transport", 6, 6)]
BEET_SHAPES = [("beet", *mix) for mix in MIXES]


def rows():
    for suite in MAIN_SUITES:
        for shape in SHAPES:
            yield Row(suite, *shape)
            yield Row(suite, *shape, esn=True)
        for shape in BEET_SHAPES:
            yield Row(suite, *shape, esn=shape[1] == 4)
        yield Row(suite, "tunnel", 4, 4, udp=False)
        yield Row(suite, "transport", 6, 6, esn=True, udp=False)
    # Of the others each in one way; ESN comes and goes with each, and with each round through the shapes.
    shapes = SHAPES + BEET_SHAPES
    for i, suite in enumerate(other_suites()):
        yield Row(suite, *shapes[i % len(shapes)], esn=(i + i // len(shapes)) % 2 == 1)


def transfer_rows():
    for suite in MAIN_SUITES:
        for mode in ("tunnel", "transport"):
            for family in (4, 6):
                yield Row(suite, mode, family, family, esn=family == 6)


def jumbo_rows():
    for suite in MAIN_SUITES:
        yield Row(suite, "tunnel", 4, 6, jumbo=True)
        yield Row(suite, "transport", 6, 6, esn=True, jumbo=True)


def jumbo_transfer_rows():
    for suite in MAIN_SUITES:
        yield Row(suite, "tunnel", 4, 4, jumbo=True)


def _xfrm_address(address):
    return f"{address}/{32 if packets.family(address) == 4 else 128}"


def _ends(row, back):
    """Outer source and destination."""
    ends = GUEST[row.outer], HOST[row.outer]
    return ends[::-1] if back else ends


def state_words(row, spi, selector=None, back=False):
    """The words behind `ip xfrm state add`. ESN starts shortly before the low half wraps, with a high half
    that is not 0, as if the SA had been in use; `selector` is the pair of addresses that BEET mode needs. With
    `back` it leads from the host to the guest."""
    rng = random.Random(f"{row} {spi}")
    suite = esp_suites.SUITES[row.suite]
    enc, auth = ("0x" + rng.randbytes(length).hex() for length in suite.key_bytes)
    outer_src, outer_dst = _ends(row, back)
    words = f"src {outer_src} dst {outer_dst} proto esp spi {spi} reqid {spi} mode {row.mode} "
    words += "replay-window 64 "
    if row.esn:
        words += "replay-seq 0xfffffff0 replay-oseq 0xfffffff0 replay-seq-hi 7 replay-oseq-hi 7 flag esn "
    if row.mode == "tunnel" and row.inner != row.outer:
        words += "af-unspec " if row.esn else "flag af-unspec "
    words += suite.words.format(enc=enc, auth=auth)
    if row.udp:
        words += f" encap espinudp 4500 4500 {'0.0.0.0' if row.outer == 4 else '::'}"
    if row.mode == "beet":
        words += selector_words(*(selector or row.ends()))
    return words


def selector_words(src, dst):
    return f" sel src {_xfrm_address(src)} dst {_xfrm_address(dst)}"


def policy_words(row, spi, ends=None, direction="out"):
    """The words behind `ip xfrm policy add`. What is not `out` is for what comes from the host."""
    src, dst = ends or row.ends()
    outer_src, outer_dst = _ends(row, direction != "out")
    return (
        f"src {_xfrm_address(src)} dst {_xfrm_address(dst)} dir {direction} priority 100 "
        f"tmpl src {outer_src} dst {outer_dst} proto esp reqid {spi} mode {row.mode}"
    )


# IPv6 in UDP with the longest IV, padding and ICV takes 125 bytes.
MTU, INNER_MAX = 1500, 1360
JUMBO_MTU, JUMBO_INNER_MAX = 9000, 8860


HOP_BY_HOP, DESTINATION_OPTIONS = 0, 60  # RFC 8200 sections 4.3, 4.6


def _with_options4(packet):
    """With 8 bytes of options that do nothing (RFC 791 section 3.1)."""
    head = b"\x47" + packet[1:2] + (len(packet) + 8).to_bytes(2, "big")
    head += packet[4:10] + b"\0\0" + packet[12:20] + bytes([1] * 7 + [0])
    return head[:10] + packets.checksum(head).to_bytes(2, "big") + head[12:] + packet[20:]


def _datagrams(src, dst, rng):
    """Every length of a cipher's last block, then some up to the longest."""
    head = 28 if packets.family(src) == 4 else 48
    for length in [*range(34), 64, 100, 255, 512, 1000, INNER_MAX - head - 1, INNER_MAX - head]:
        yield packets.udp(src, dst, 1024 + length, 9, rng.randbytes(length))


def _jumbo_content(row):
    """Lengths around what one and two frames of an AF_XDP socket hold, the longest, short ones among them."""
    rng = random.Random(row.content())
    src, dst = row.ends()
    overhead = 28 if row.inner == 4 else 48
    for i, length in enumerate((*range(3500, 3900, 13), 100, *range(7300, 7700, 13), 100, JUMBO_INNER_MAX)):
        datagram = packets.udp(src, dst, 1024 + i, 9, rng.randbytes(length - overhead))
        yield packets.ip(src, dst, packets.PROTO_UDP, datagram, ident=0x3000 + i)


def content(row):
    """The packets that a guest sends through an SA of a mode, different in every header field that counts."""
    if row.jumbo:
        return list(_jumbo_content(row))
    rng = random.Random(row.content())
    mode, family = row.mode, row.inner
    src, dst = row.ends()
    result = []
    for i, datagram in enumerate(_datagrams(src, dst, rng)):
        fields = {"tos": (0, 0xB8, 0x01, 0x02, 0x2E)[i % 5], "ttl": 255 - i, "ident": 0x1000 + i}
        fields["fragment"] = 0x4000 * (i % 2)  # don't fragment
        result.append(packets.ip(src, dst, packets.PROTO_UDP, datagram, **fields))
    segment = packets.tcp(src, dst, 5000, 9, rng.randbytes(700))
    result.append(packets.ip(src, dst, packets.PROTO_TCP, segment, ident=0x2000))
    echo = packets.PROTO_ICMP if family == 4 else packets.PROTO_ICMPV6
    result.append(packets.ip(src, dst, echo, packets.echo_request(src, dst, 7, 1, b"x" * 56), ident=0x2001))
    result.append(packets.ip(src, dst, 253, rng.randbytes(33), ident=0x2002))  # RFC 3692: experiments
    if family == 4:
        bare = packets.udp(src, dst, 5001, 9, b"no checksum", with_checksum=False)
        result.append(packets.ip(src, dst, packets.PROTO_UDP, bare, ident=0x2003))
        result.append(_with_options4(packets.ip(src, dst, packets.PROTO_UDP, bare, ident=0x2005)))
    elif mode != "beet":
        datagram = packets.udp(src, dst, 5003, 9, rng.randbytes(50))
        for kind in (HOP_BY_HOP, DESTINATION_OPTIONS):
            options = bytes([packets.PROTO_UDP, 0, 1, 4]) + bytes(4)  # PadN
            result.append(packets.ip(src, dst, kind, options + datagram))
    if mode == "tunnel" and family == 4:
        whole = packets.udp(src, dst, 5002, 9, rng.randbytes(1200))
        result.append(packets.ip(src, dst, packets.PROTO_UDP, whole[:600], ident=0x2004, fragment=0x2000))
        result.append(packets.ip(src, dst, packets.PROTO_UDP, whole[600:], ident=0x2004, fragment=600 // 8))
    return result


def opened(row):
    """What comes out of the SA: what went in. But in BEET mode the inner header does not travel, and an outer
    IPv6 header has no place for IPv4's identification and flags."""
    packets_sent = content(row)
    if (row.mode, row.inner, row.outer) != ("beet", 4, 6):
        return packets_sent
    result = []
    for packet in packets_sent:
        length = (packet[0] & 15) * 4
        head = packet[:4] + b"\0\0\x40\0" + packet[8:10] + b"\0\0" + packet[12:length]
        result.append(head[:10] + packets.checksum(head).to_bytes(2, "big") + head[12:] + packet[length:])
    return result

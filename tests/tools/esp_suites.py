# SPDX-License-Identifier: BSD-2-Clause
"""What ESP does with keys (RFC 4303 sections 2.8, 3.3.2 and 3.4.4): one table of the suites that peers
negotiate, with the words of `ip xfrm` for each, and their sender's side by python-cryptography. Nothing here is
shared with xesp or made by it, so that the two can disagree.
"""
import hashlib
import hmac
import struct
import warnings
from dataclasses import dataclass

from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import aead, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

# In newer versions DES is on its way out, and says so on standard error.
warnings.filterwarnings("ignore", message=".*TripleDES.*")


def counters(spi, seq, esn):
    """What the ICV of an AEAD covers in front of IV and ciphertext: with ESN the high half comes second."""
    low = struct.pack("!I", seq & 0xFFFFFFFF)
    return struct.pack("!I", spi) + (struct.pack("!I", seq >> 32) if esn else b"") + low


# ---- ciphers with an ICV of their own ---------------------------------------------------------------------


@dataclass(frozen=True)
class Aead:
    """salt: bytes behind the key; iv: bytes on the wire. Called with key, nonce, plaintext and AAD."""

    word: str
    key: int
    salt: int
    iv: int
    icv: int
    seal: object
    block = 1

    @property
    def words(self):
        return f"aead '{self.word}' {{enc}} {self.icv * 8}"

    @property
    def key_bytes(self):
        return self.key + self.salt, 0


def gcm(icv):
    """SP 800-38D section 5.2.1.2: a shorter tag is the beginning of the longest."""

    def seal(key, nonce, text, aad):
        sealed = aead.AESGCM(key).encrypt(nonce, text, aad)
        return sealed[: len(text) + icv]

    return seal


def gmac(key, nonce, text, aad):
    """RFC 4543 section 3.3: everything is AAD, the IV as well."""
    return text + aead.AESGCM(key).encrypt(nonce, b"", aad + nonce[4:] + text)


def ccm(icv):
    def seal(key, nonce, text, aad):
        return aead.AESCCM(key, tag_length=icv).encrypt(nonce, text, aad)

    return seal


def chacha20_poly1305(key, nonce, text, aad):
    return aead.ChaCha20Poly1305(key).encrypt(nonce, text, aad)


# ---- ciphers and integrity algorithms beside each other ----------------------------------------------------


@dataclass(frozen=True)
class Encryption:
    word: str
    key: int  # with the nonce of counter mode
    iv: int
    block: int
    run: object  # (key, iv, text) -> ciphertext


@dataclass(frozen=True)
class Integrity:
    word: str
    key: int
    icv: int
    run: object  # (key, data) -> MAC, of which the first `icv` bytes are the ICV


@dataclass(frozen=True)
class Pair:
    cipher: Encryption
    integrity: Integrity

    @property
    def words(self):
        key = "{enc}" if self.cipher.key else "''"
        return (
            f"enc '{self.cipher.word}' {key} "
            f"auth-trunc '{self.integrity.word}' {{auth}} {self.integrity.icv * 8}"
        )

    @property
    def key_bytes(self):
        return self.cipher.key, self.integrity.key

    @property
    def iv(self):
        return self.cipher.iv

    @property
    def icv(self):
        return self.integrity.icv

    @property
    def block(self):
        return self.cipher.block


def cbc(algorithm):
    def run(key, iv, text):
        encryptor = ciphers.Cipher(algorithm(key), modes.CBC(iv)).encryptor()
        return encryptor.update(text) + encryptor.finalize()

    return run


def des(key):
    """Triple DES with the same key three times is DES."""
    return algorithms.TripleDES(key * 3)


def ctr(key, iv, text):
    """RFC 3686 section 4: nonce, IV, and a block counter that starts at 1."""
    counter = key[-4:] + iv + struct.pack("!I", 1)
    encryptor = ciphers.Cipher(algorithms.AES(key[:-4]), modes.CTR(counter)).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def null(_key, _iv, text):
    return text


def with_hmac(name):
    return lambda key, data: hmac.digest(key, data, name)


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def xcbc(key, data):
    """RFC 3566 section 4: a CBC-MAC with three keys made from one; a last block is told from a padded one."""

    def block(under, text):
        return ciphers.Cipher(algorithms.AES(under), modes.ECB()).encryptor().update(text)

    def xor(left, right):
        return bytes(a ^ b for a, b in zip(left, right))

    chain, whole, padded = (block(key, bytes([number]) * 16) for number in (1, 2, 3))
    mac, last = bytes(16), max(0, (len(data) - 1) // 16 * 16)
    for at in range(0, last, 16):
        mac = block(chain, xor(mac, data[at : at + 16]))
    end = data[last:]
    if len(end) == 16:
        return block(chain, xor(xor(mac, end), whole))
    return block(chain, xor(xor(mac, (end + b"\x80").ljust(16, b"\0")), padded))


CIPHERS = {
    "aes128cbc": Encryption("cbc(aes)", 16, 16, 16, cbc(algorithms.AES)),
    "aes192cbc": Encryption("cbc(aes)", 24, 16, 16, cbc(algorithms.AES)),
    "aes256cbc": Encryption("cbc(aes)", 32, 16, 16, cbc(algorithms.AES)),
    "aes128ctr": Encryption("rfc3686(ctr(aes))", 20, 8, 1, ctr),
    "aes192ctr": Encryption("rfc3686(ctr(aes))", 28, 8, 1, ctr),
    "aes256ctr": Encryption("rfc3686(ctr(aes))", 36, 8, 1, ctr),
    "3des": Encryption("cbc(des3_ede)", 24, 8, 8, cbc(algorithms.TripleDES)),
    "des": Encryption("cbc(des)", 8, 8, 8, cbc(des)),
    "null": Encryption("ecb(cipher_null)", 0, 0, 1, null),
}
INTEGRITIES = {
    "md5": Integrity("hmac(md5)", 16, 12, with_hmac("md5")),
    "sha1": Integrity("hmac(sha1)", 20, 12, with_hmac("sha1")),
    "sha256": Integrity("hmac(sha256)", 32, 16, with_hmac("sha256")),
    "sha384": Integrity("hmac(sha384)", 48, 24, with_hmac("sha384")),
    "sha512": Integrity("hmac(sha512)", 64, 32, with_hmac("sha512")),
    "xcbc": Integrity("xcbc(aes)", 16, 12, xcbc),
    "cmac": Integrity("cmac(aes)", 16, 12, cmac),
}


def _aeads():
    for bits in (128, 192, 256):
        key = bits // 8
        for icv in (8, 12, 16):
            yield f"aes{bits}gcm{icv}", Aead("rfc4106(gcm(aes))", key, 4, 8, icv, gcm(icv))
            yield f"aes{bits}ccm{icv}", Aead("rfc4309(ccm(aes))", key, 3, 8, icv, ccm(icv))
        yield f"aes{bits}gmac", Aead("rfc4543(gcm(aes))", key, 4, 8, 16, gmac)
        yield f"aes{bits}gcm16iiv", Aead("rfc8750(gcm(aes))", key, 4, 0, 16, gcm(16))
        yield f"aes{bits}ccm8iiv", Aead("rfc8750(ccm(aes))", key, 3, 0, 8, ccm(8))
    yield "chacha20poly1305", Aead("rfc7539esp(chacha20,poly1305)", 32, 4, 8, 16, chacha20_poly1305)
    yield "chacha20poly1305iiv", Aead("rfc8750(chacha20,poly1305)", 32, 4, 0, 16, chacha20_poly1305)


# Every suite by the name that captures have: CIPHER or CIPHER-INTEGRITY.
SUITES = dict(_aeads())
SUITES.update(
    (f"{cipher}-{integrity}", Pair(CIPHERS[cipher], INTEGRITIES[integrity]))
    for cipher in CIPHERS
    for integrity in INTEGRITIES
)

# RFC 8221 sections 5 and 6 forbid or discourage them; xesp takes them only with its switch `legacy`.
LEGACY_WORDS = ("cbc(des)", "cbc(des3_ede)", "hmac(md5)")


def is_legacy(words):
    return any(word in words for word in LEGACY_WORDS)


# ---- ESP ---------------------------------------------------------------------------------------------------


def wire_iv(suite, spi, seq):
    """An IV as this sender makes it: the sequence number where it must not repeat, else unpredictable."""
    if suite.iv <= 8 and suite.block == 1:
        return struct.pack("!Q", seq)[: suite.iv]
    return hashlib.sha256(struct.pack("!IQ", spi, seq)).digest()[: suite.iv]


def seal(suite, keys, spi, seq, esn, text, iv=None):
    """IV, ciphertext and ICV of the ESP packet with this number (64 bits; without `esn` the low half counts).

    `text` is padded already. Ciphertext that is no whole number of blocks has an end that no cipher has seen:
    no sender makes that, but an attacker may.
    """
    enc, auth = keys
    head = counters(spi, seq, esn)
    if iv is None:
        iv = wire_iv(suite, spi, seq)
    if isinstance(suite, Aead):
        # RFC 8750 section 4: without ESN the counter is 32 bits of zero and the number.
        implicit = struct.pack("!Q", seq if esn else seq & 0xFFFFFFFF)
        nonce = enc[suite.key :] + (iv or implicit)
        return iv + suite.seal(enc[: suite.key], nonce, text, head)
    whole = len(text) // suite.block * suite.block
    sealed = iv + suite.cipher.run(enc, iv, text[:whole]) + text[whole:]
    # RFC 4303 section 2.2.1: the high half is covered behind all that is sent.
    covered = counters(spi, seq, False) + sealed + (struct.pack("!I", seq >> 32) if esn else b"")
    return sealed + suite.integrity.run(auth, covered)[: suite.icv]

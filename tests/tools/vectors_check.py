#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""vectors_check.py FOLDER: computes every case of the vector files with Python's cryptography, which shares
no code with the programs under test but OpenSSL's primitives. So a slip in the transcription is found here,
and a slip in the programs by tests/unit/test_vectors. Prints TAP, one test a file. README.md in FOLDER has
the format.
"""

import json
import pathlib
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import cmac, hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESCCM, AESGCM, ChaCha20Poly1305

GMAC = "rfc4543(gcm(aes))"
AEADS = {
    "rfc4106(gcm(aes))": lambda key, icv: AESGCM(key),
    "rfc4309(ccm(aes))": lambda key, icv: AESCCM(key, tag_length=icv),
    "rfc7539esp(chacha20,poly1305)": lambda key, icv: ChaCha20Poly1305(key),
}
# Bytes of IV in front of the text of whole packets.
CIPHER_IV = {"cbc(aes)": 16}
HASHES = {
    "hmac(md5)": hashes.MD5,
    "hmac(sha1)": hashes.SHA1,
    "hmac(sha256)": hashes.SHA256,
    "hmac(sha384)": hashes.SHA384,
    "hmac(sha512)": hashes.SHA512,
}


class Wrong(Exception):
    """A case that does not compute, or a file that is not of the format."""


def require(condition, text):
    if not condition:
        raise Wrong(text)


def field(case, name):
    return bytes.fromhex(case[name])


def encrypted(algorithm, key, salt, iv, plain):
    """The ciphertext of a cipher that does not authenticate."""
    if algorithm == "cbc(aes)":
        cipher = Cipher(algorithms.AES(key), modes.CBC(iv))
    elif algorithm == "rfc3686(ctr(aes))":
        cipher = Cipher(algorithms.AES(key), modes.CTR(salt + iv + bytes([0, 0, 0, 1])))
    elif algorithm in ("cbc(des3_ede)", "cbc(des)"):
        require(len(key) == (24 if algorithm == "cbc(des3_ede)" else 8), "length of the key")
        # One key of 8 bytes stands for three equal ones, which is DES.
        cipher = Cipher(algorithms.TripleDES(key), modes.CBC(iv))
    else:
        raise Wrong(f"unknown cipher {algorithm}")
    encryptor = cipher.encryptor()
    return encryptor.update(plain) + encryptor.finalize()


def xcbc(key, message):
    """RFC 3566 section 4."""
    aes = lambda k, block: Cipher(algorithms.AES(k), modes.ECB()).encryptor().update(block)
    xor = lambda a, b: bytes(x ^ y for x, y in zip(a, b))
    k1, k2, k3 = (aes(key, bytes([n] * 16)) for n in (1, 2, 3))
    blocks = [message[i : i + 16] for i in range(0, len(message), 16)] or [b""]
    state = bytes(16)
    for block in blocks[:-1]:
        state = aes(k1, xor(state, block))
    last = blocks[-1]
    if len(last) == 16:
        return aes(k1, xor(xor(state, last), k2))
    return aes(k1, xor(xor(state, (last + b"\x80").ljust(16, b"\0")), k3))


def mac(algorithm, key, message):
    """The whole MAC, not truncated."""
    if algorithm == "xcbc(aes)":
        return xcbc(key, message)
    if algorithm == "cmac(aes)":
        state = cmac.CMAC(algorithms.AES(key))
    else:
        require(algorithm in HASHES, f"unknown integrity algorithm {algorithm}")
        state = hmac.HMAC(key, HASHES[algorithm]())
    state.update(message)
    return state.finalize()


def check_mac(algorithm, case):
    icv = field(case, "icv")
    right = mac(algorithm, field(case, "key"), field(case, "message"))[: len(icv)] == icv
    require(len(icv) >= 12, "an ICV of less than 96 bits")
    require(right == (case.get("result", "valid") == "valid"), "the ICV")


def check_cipher(algorithm, case):
    salt = field(case, "salt") if "salt" in case else b""
    text = encrypted(algorithm, field(case, "key"), salt, field(case, "iv"), field(case, "plain"))
    require(text == field(case, "text"), "the ciphertext")


def opened(aead, nonce, text, aad):
    try:
        return aead.decrypt(nonce, text, aad)
    except InvalidTag:
        return None


def check_aead(algorithm, case):
    icv, aad, nonce = field(case, "icv"), field(case, "aad"), field(case, "nonce")
    require(len(aad) in (8, 12), "length of the AAD")
    require(len(nonce) == (11 if "ccm" in algorithm else 12), "length of the nonce")
    plain = opened(AEADS[algorithm](field(case, "key"), len(icv)), nonce, field(case, "text") + icv, aad)
    require((plain is not None) == (case.get("result", "valid") == "valid"), "the ICV")
    require(plain is None or plain == field(case, "plain"), "the plaintext")


def check_esp(algorithm, case):
    seq, packet, plain = field(case, "seq"), field(case, "packet"), field(case, "plain")
    require(len(seq) in (4, 8) and packet[4:8] == seq[-4:], "sequence number")
    aad, body = packet[:4] + seq, packet[8:]
    key, salt = field(case, "key"), field(case, "salt") if "salt" in case else b""
    # The trailer of RFC 4303 section 2.4: pad bytes 1, 2, 3 ..., their number, the next header.
    pad = plain[-2]
    require(plain[-2 - pad : -2] == bytes(range(1, pad + 1)), "padding")
    if algorithm in CIPHER_IV:
        iv, text = body[: CIPHER_IV[algorithm]], body[CIPHER_IV[algorithm] :]
        require(encrypted(algorithm, key, salt, iv, plain) == text, "the packet")
        return
    iv, body = body[:8], body[8:]
    if algorithm == GMAC:
        require(body == plain + AESGCM(key).encrypt(salt + iv, b"", aad + iv + plain), "the packet")
    else:
        require(opened(AEADS[algorithm](key, 16), salt + iv, body, aad) == plain, "the packet")


KINDS = {"esp": check_esp, "aead": check_aead, "cipher": check_cipher, "mac": check_mac}


def check_file(path):
    """The number of cases. Raises Wrong."""
    data = json.loads(path.read_text(encoding="utf-8"))
    for name in ("source", "section", "licence", "kind", "left_out", "tests"):
        require(name in data, f"no '{name}'")
    require(data["tests"], "no cases")
    ids = [case["id"] for case in data["tests"]]
    require(len(set(ids)) == len(ids), "two cases of the same id")
    for case in data["tests"]:
        try:
            require(case.get("result", "valid") in ("valid", "invalid"), "the result")
            KINDS[data["kind"]](case.get("algorithm", data.get("algorithm")), case)
        except (Wrong, KeyError, ValueError) as error:
            raise Wrong(f"case {case['id']}: {error}") from error
    return len(ids)


def main():
    folder = pathlib.Path(sys.argv[1])
    files = sorted(folder.glob("*.json"))
    failed, cases = 0, set()
    print(f"1..{len(files) + 1}")
    for number, path in enumerate(files, 1):
        try:
            count = check_file(path)
            cases.add((path.name, str(count)))
            print(f"ok {number} - {path.name}: {count} cases")
        except Wrong as error:
            failed += 1
            print(f"not ok {number} - {path.name}: {error}")
    # A table row for each file with its number of cases, and a file for each row.
    readme = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    rows = {tuple(cell.strip(" `") for cell in line.split("|")[1:3]) for line in readme if ".json` |" in line}
    differ = sorted(name for name, _ in rows ^ cases)
    failed += bool(differ)
    print(f"{'not ' if differ else ''}ok {len(files) + 1} - README.md has each file and its number of cases"
          + (f": {', '.join(differ)}" if differ else ""))
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""wycheproof_reduce.py TESTVECTORS FOLDER: from the files of Project Wycheproof (github.com/C2SP/wycheproof,
folder testvectors_v1) takes the cases that can be an ESP packet, and writes them to FOLDER in the format that
its README.md describes. Prints how many cases of each file were taken, and why the others were not.
"""

import collections
import json
import pathlib
import sys

sys.dont_write_bytecode = True
import vectors_check

LICENCE = "Copyright 2016-2026 The Wycheproof Authors. Apache License 2.0, see LICENSE.Apache-2.0. " \
          "Reduced: only the cases that can be an ESP packet, in another format."

# Wycheproof's file, our kind of file, algorithm, allowed bytes of key and ICV, bytes of the nonce.
FILES = (
    ("aes_gcm", "aead", "rfc4106(gcm(aes))", (16, 24, 32), (16,), 12),
    ("aes_ccm", "aead", "rfc4309(ccm(aes))", (16, 32), (8, 12, 16), 11),
    ("chacha20_poly1305", "aead", "rfc7539esp(chacha20,poly1305)", (32,), (16,), 12),
    ("aes_gmac", "gmac", "rfc4543(gcm(aes))", (16, 24, 32), (16,), 12),
    ("aes_cbc_pkcs5", "cipher", "cbc(aes)", (16, 24, 32), (), 16),
    ("aes_cmac", "mac", "cmac(aes)", (16,), (12,), None),
    ("hmac_sha1", "mac", "hmac(sha1)", (20,), (12,), None),
    ("hmac_sha256", "mac", "hmac(sha256)", (32,), (16,), None),
    ("hmac_sha384", "mac", "hmac(sha384)", (48,), (24,), None),
    ("hmac_sha512", "mac", "hmac(sha512)", (64,), (32,), None),
)


class Left(Exception):
    """Why a case is left out."""


def size(test, name):
    return len(test[name]) // 2


def aead(test, icvs, nonce):
    if size(test, "iv") != nonce:
        raise Left(f"the nonce has not {nonce} bytes")
    if size(test, "aad") not in (8, 12):
        raise Left("the AAD has not 8 or 12 bytes")
    if size(test, "tag") not in icvs:
        raise Left("the ICV has another length than in ESP")
    return {"nonce": test["iv"], "aad": test["aad"], "plain": test["msg"], "text": test["ct"],
            "icv": test["tag"]}


def gmac(test, icvs, nonce):
    if size(test, "iv") != nonce:
        raise Left(f"the nonce has not {nonce} bytes")
    if test["iv"][8:] not in (test["msg"][16:32], test["msg"][24:40]):
        raise Left("the message has not the packet's IV behind an ESP header")
    raise NotImplementedError("a GMAC case in the shape of ESP: there was none when this was written")


def cipher(test, icvs, nonce):
    if test["result"] != "valid":
        raise Left("wrong padding of PKCS #5, which is not that of ESP")
    message = bytes.fromhex(test["msg"])
    pad = nonce - len(message) % nonce
    return {"iv": test["iv"], "plain": (message + bytes([pad]) * pad).hex(), "text": test["ct"]}


def mac(test, icvs, nonce):
    icv = test["tag"][: 2 * icvs[0]]
    if size(test, "msg") < 8:
        raise Left("the message is shorter than an ESP header")
    if size(test, "tag") < icvs[0]:
        raise Left("the ICV is shorter than in ESP")
    return {"message": test["msg"], "icv": icv}


SHAPES = {"aead": aead, "gmac": gmac, "cipher": cipher, "mac": mac}


def right_once_cut(algorithm, test, case):
    """A MAC that is wrong only behind the part that ESP sends."""
    whole = vectors_check.mac(algorithm, bytes.fromhex(test["key"]), bytes.fromhex(test["msg"])).hex()
    return test["result"] == "invalid" and whole.startswith(case["icv"])


def reduce(tests, kind, algorithm, keys, icvs, nonce):
    """Cases taken, and a count for each reason to leave one out."""
    taken, left, seen = [], collections.Counter(), set()
    for test in tests:
        try:
            if size(test, "key") not in keys:
                raise Left("the key has another length than in ESP")
            case = {"key": test["key"], **SHAPES[kind](test, icvs, nonce)}
            if kind == "mac" and right_once_cut(algorithm, test, case):
                raise Left("the damage is in the part of the MAC that ESP does not send")
            if json.dumps(case) in seen:
                raise Left("equal to another case once the MAC is cut to its length in ESP")
            seen.add(json.dumps(case))
            case = {"id": f"{test['tcId']}", "comment": test["comment"], **case}
            if test["result"] != "valid":
                case["result"] = "invalid"
            taken.append(case)
        except Left as reason:
            left[str(reason)] += 1
    return taken, dict(sorted(left.items()))


def main():
    source, folder = map(pathlib.Path, sys.argv[1:])
    for name, kind, algorithm, keys, icvs, nonce in FILES:
        data = json.loads((source / f"{name}_test.json").read_text(encoding="utf-8"))
        tests = [test for group in data["testGroups"] for test in group["tests"]]
        if any(test["result"] not in ("valid", "invalid") for test in tests):
            raise SystemExit(f"{name}: a case that is neither valid nor invalid")
        taken, left = reduce(tests, kind, algorithm, keys, icvs, nonce)
        print(f"{name}_test.json: {len(taken)} of {len(tests)} cases")
        for reason, count in left.items():
            print(f"    {count:4} left out: {reason}")
        if not taken:
            continue
        reduced = {
            "source": f"Project Wycheproof, testvectors_v1/{name}_test.json",
            "section": "all that apply",
            "licence": LICENCE,
            "kind": kind,
            "algorithm": algorithm,
            "left_out": left,
            "tests": taken,
        }
        with open(folder / f"wycheproof-{name.replace('_', '-')}.json", "w", encoding="utf-8") as file:
            json.dump(reduced, file, indent="\t")
            file.write("\n")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of `xesp explain` share: TAP, running it, and the checks that hold for every run."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import captures
import corpus
import packets
from captures import Record

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build")
XESP = BUILD + "/xesp"
CORPUS = ROOT + "/tests/data/corpus"
SAS = CORPUS + "/sa.txt"
SETS = {name: corpus.DataSet(name) for name in ("corpus", "suites", "headers", "linux-beet")}
BASIC = corpus.BASIC
IS_ROOT = os.geteuid() == 0
CLASSIFIERS = ("kernel", "native") if IS_ROOT else ("native",)
CRYPTO = ("ipsec-mb", "openssl")
VERDICTS = ("passed", "delivered", "dropped", "consumed", "skipped")


class Failed(Exception):
    pass


def require(condition, text):
    if not condition:
        raise Failed(text)


def equal(what, got, wanted):
    require(got == wanted, f"{what}: got {got!r}, wanted {wanted!r}")


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def run(self, text, function, *args, skip=""):
        """One test point: `function` raises what is wrong."""
        self.count += 1
        if skip:
            print(f"ok {self.count} - {text} # skip {skip}", flush=True)
            return
        try:
            function(*args)
            print(f"ok {self.count} - {text}", flush=True)
        except (Failed, ValueError, KeyError, OSError, subprocess.TimeoutExpired) as error:
            self.failed += 1
            print(f"not ok {self.count} - {text}")
            print("\n".join(f"#   {line[:800]}" for line in str(error).splitlines()[:20]), flush=True)

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


def secrets():
    """Every key of the captures, as it would look in any text."""
    for path in [data.sa_path for data in SETS.values()] + glob.glob(CORPUS + "/strongswan/*.sa"):
        with open(path, encoding="ascii") as file:
            words = file.read().lower().split()
        yield from (word[2:] for word in words if len(word) >= 18 and word[:2] == "0x")


SECRETS = set(secrets())


class Result:
    def __init__(self, process):
        self.status = process.returncode
        self.raw = process.stdout
        self.out = process.stdout.decode(errors="replace")
        self.err = process.stderr.decode(errors="replace")

    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise Failed(f"no JSON: {error}\n{self.out[:300]}\n{self.err}") from error

    def expect(self, status, *texts):
        equal(f"status ({self.err.strip()})", self.status, status)
        for text in texts:
            require(text in self.err + self.out, f"{text!r} is not in:\n{self.err}{self.out}")
        return self


def xesp(*args, stdin=b"", program=(XESP,)):
    """Runs `xesp explain`. Whatever it does: no signal, no hang, no key in its output."""
    process = subprocess.run(
        [*program, "explain", *args], input=stdin, capture_output=True, timeout=60, check=False
    )
    result = Result(process)
    require(result.status in (0, 1, 2), f"status {result.status}: {result.err[-2000:]}")
    # A key would be a part of a long run of hexadecimal digits, of which there are few.
    runs = set(re.findall(r"[0-9a-f]{16,}", (result.out + result.err).lower()))
    require(not any(secret in run for run in runs for secret in SECRETS), "a key is in the output")
    return result


def explain(capture, *args, sa=SAS, status=0, **options):
    """The JSON document, after the checks that hold for every one."""
    result = xesp(capture, "--sa", sa, "--json", *args, **options).expect(status)
    document = result.json()
    summary = document["summary"]
    equal("sum of verdicts", sum(summary[verdict] for verdict in VERDICTS), summary["packets"])
    equal("sum of reasons", sum(summary["reasons"].values()), summary["packets"] - summary["skipped"])
    if "--only" not in args:
        for verdict in VERDICTS:
            listed = sum(packet["verdict"] == verdict for packet in document["packets"])
            equal(f"packets listed as {verdict}", listed, summary[verdict])
        numbers = [packet["number"] for packet in document["packets"]]
        equal("numbers", numbers, list(range(1, summary["packets"] + 1)))
    return document


def outcomes(document):
    return [(packet["verdict"], packet["reason"]) for packet in document["packets"]]


class Suite:
    """Tests that share a directory for what they write."""

    def __init__(self, directory):
        self.directory = directory
        self.basic, self.basic_plain = self.records(BASIC)

    def records(self, name):
        """What was sent under an SA of the corpus, and what must come out."""
        found = SETS["corpus"].of_sa(name)
        require(found, f"no packets of {name}")
        columns = ([p.frame for p in found], [p.plain for p in found])
        return [[Record(data, p.time_ns, len(data)) for data, p in zip(column, found)] for column in columns]

    def capture(self, name):
        """The path of a capture of one SA of the corpus."""
        path = self.path(name)
        if not os.path.exists(path):
            captures.write(path, packets.LINK_ETHERNET, self.records(name)[0], magic=captures.MICRO)
        return path

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self.path(name)


def main(suite_class, run_all):
    """Runs `run_all(tap, suite)` in a directory of its own; the exit status."""
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="xesp-explain-") as directory:
        run_all(tap, suite_class(directory))
    return tap.end()

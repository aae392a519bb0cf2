#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""contract_check.py TABLE LOG-DIRECTORY: holds docs/CONTRACT.md against the results of this run.

Every item M1 to M34, and M45, must have exactly one row, and every proof that a row cites, `PROGRAM: TEST`, must be a
test of that name that passed: a line "ok N - ...TEST..." in the TAP log of PROGRAM. Prints TAP, one test an
item."""
import re
import sys
from pathlib import Path

ITEMS = [f"M{number}" for number in range(1, 35)] + ["M45"]


def rows_of(table):
    """Item -> list of (program, test), and the items that have more than one row."""
    rows, doubled = {}, []
    for line in table.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\| (M\d+) \|.*\|(.*)\|$", line)
        if not match:
            continue
        if match.group(1) in rows:
            doubled.append(match.group(1))
        rows[match.group(1)] = re.findall(r"`([^`:]+): ([^`]+)`", match.group(2))
    return rows, doubled


def passed_tests(log):
    """What passed, as text: the names behind 'ok N - ' without those that were skipped."""
    if not log.exists():
        return None
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if re.match(r"ok \d+", line) and "# skip" not in line.lower()]


def faults_of(item, rows, doubled, logs):
    if item not in rows:
        return ["no row in the table"]
    faults = ["two rows"] if item in doubled else []
    if not rows[item]:
        faults.append("no test is cited")
    for program, test in rows[item]:
        passed = passed_tests(logs / (program.replace("/", "_") + ".tap"))
        if passed is None:
            faults.append(f"{program} did not run")
        elif not any(test in line for line in passed):
            faults.append(f"{program}: no test '{test}' passed")
    return faults


def main():
    table, logs = Path(sys.argv[1]), Path(sys.argv[2])
    rows, doubled = rows_of(table)
    failed = 0
    print(f"1..{len(ITEMS) + 1}")
    for number, item in enumerate(ITEMS, 1):
        faults = faults_of(item, rows, doubled, logs)
        failed += bool(faults)
        print(f"{'not ok' if faults else 'ok'} {number} - {item}")
        for fault in faults:
            print(f"# {item}: {fault}")
    unknown = [item for item in rows if item not in ITEMS]
    failed += bool(unknown)
    print(f"{'not ok' if unknown else 'ok'} {len(ITEMS) + 1} - no other item is in the table")
    return 1 if failed else 0


sys.exit(main())

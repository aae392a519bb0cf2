#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""memory_scan.py PID HEX: how often these bytes, or their hex text, stand in the memory of a process."""
import sys


def regions(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        for line in maps:
            fields = line.split()
            if "r" in fields[1] and fields[-1] not in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                start, end = (int(text, 16) for text in fields[0].split("-"))
                yield start, end


def main():
    pid, text = sys.argv[1], sys.argv[2].lower()
    patterns = (bytes.fromhex(text), text.encode(), text.upper().encode())
    found = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for start, end in regions(pid):
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except OSError:
                continue  # a device's pages: rings of AF_XDP
            found += sum(data.count(pattern) for pattern in patterns)
    print(found)


if __name__ == "__main__":
    main()

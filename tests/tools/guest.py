#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""guest.py PORT [SECONDS]: runs the shell script on standard input in a guest of tests/vm.

PORT is the Unix socket at the host's end of the guest's virtio port. Prints what the script printed; the
status is the script's, or 125 if the guest did not answer in time (60 seconds unless told)."""
import base64
import socket
import sys


class Guest:
    def __init__(self, port):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(port)
        self.stream = self.socket.makefile("rb")

    def run(self, script, seconds=60):
        """Status and output of a shell script; TimeoutError if it takes longer."""
        self.socket.settimeout(seconds)
        self.socket.sendall(base64.b64encode(script.encode()) + b"\n")
        head = self.stream.readline().split()
        if len(head) != 2:
            raise ConnectionError("the guest is gone")
        return int(head[0]), self.stream.read(int(head[1])).decode(errors="replace")


def main():
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60
    try:
        status, output = Guest(sys.argv[1]).run(sys.stdin.read(), seconds)
    except OSError as error:
        print(f"guest.py: {error}", file=sys.stderr)
        return 125
    sys.stdout.write(output)
    return status


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A kernel in a guest of tests/vm sends ESP, xesp opens it. Prints TAP, a test a row of senders_table.py.

senders.py packets DIR                  writes what the guest is to send
senders.py run GUEST-PORT SOCKET XESP   inside the namespace that the guest's link ends in and xespd serves

Each row's SA is added in the guest; what `ip xfrm state` prints there is what `xesp sa load` gets here. Then
the guest sends, and each packet must have been counted by the guest's SA and by xesp's, under no other
counter of the data plane, and must come out of the TUN device as it went in, byte for byte and in order.
"""
import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import packets
import senders_table as table
from guest import Guest

DATA_PLANE = 64  # reasons from here on are the data plane's (include/xesp/drop_reasons.h)
PACKET_OUTGOING = 4  # linux/if_packet.h
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
PATIENCE = 10  # seconds for packets that are on their way
TRANSFER_SIZE = 3_000_000
GUEST_IP = "/usr/sbin/ip"  # busybox has one, too


class Failed(Exception):
    """The row has failed; why."""


class Daemon:
    def __init__(self, program, control):
        self.command = [program, "--socket", control]
        self.marked = {}

    def call(self, *words, text=None):
        command = [*self.command, *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"xesp {' '.join(words[:2])}: {done.stderr.strip()}")
        return done.stdout

    def counters(self):
        """Of the data plane, by name."""
        (interface,) = json.loads(self.call("stats", "--json"))["interfaces"]
        return {c["name"]: c["packets"] for c in interface["counters"] if c["number"] >= DATA_PLANE}

    def mark(self):
        self.marked = self.counters()

    def grown(self):
        """How much each counter has grown since the mark."""
        grown = {name: count - self.marked.get(name, 0) for name, count in self.counters().items()}
        return {name: count for name, count in grown.items() if count}

    def sas(self):
        return json.loads(self.call("sa", "show", "--json"))["sas"]

    def sa(self):
        (sa,) = self.sas()
        return sa


class Opened:
    """What comes out of the TUN device."""

    def __init__(self, device):
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
        self.socket.bind((device, 3))

    def take(self, count, seconds):
        """The next `count` packets, or as many as come in time."""
        taken, limit = [], time.monotonic() + seconds
        while len(taken) < count and (left := limit - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                packet, address = self.socket.recvfrom(1 << 16)
            except TimeoutError:
                break
            if address[2] != PACKET_OUTGOING:
                taken.append(packet)
        return taken

    def forget(self):
        self.socket.setblocking(False)
        try:
            while True:
                self.socket.recv(1)
        except BlockingIOError:
            pass


def guest_adds(guest, row, spi, ends=None):
    """Only this SA is in the guest then; what `ip xfrm state` prints of it."""
    batch = "\n".join((
        "xfrm policy flush", "xfrm state flush",
        f"xfrm state add {table.state_words(row, spi, ends)}",
        f"xfrm policy add {table.policy_words(row, spi, ends)}",
        "xfrm state list",  # ends the batch
    ))  # fmt: skip
    status, output = guest.run(f"{GUEST_IP} -batch - << 'END'\n{batch}\nEND")
    if status:
        raise Failed(f"in the guest: {output.strip()}")
    return output


def guest_sends(guest, script, seconds=60):
    """What a script printed that had the guest send something, and the packets of the SA then."""
    status, output = guest.run(f"{{ {script}; }} && {GUEST_IP} -s xfrm state", seconds)
    printed, listed, state = output.partition("src ")
    if status or not listed:
        raise Failed(f"in the guest: {output.strip()}")
    lifetime = state[state.index("lifetime current:") :]
    return printed, int(lifetime.split("(bytes), ")[1].split("(packets)")[0])


def compare(wanted, opened):
    for i, (want, have) in enumerate(zip(wanted, opened)):
        if want != have:
            raise Failed(f"packet {i}:\nwanted {want.hex()}\nopened {have.hex()}")
    if len(wanted) != len(opened):
        raise Failed(f"{len(wanted)} packets sent, {len(opened)} opened")


def check_counters(daemon, sent):
    """The last packets may still be on their way."""
    limit = time.monotonic() + PATIENCE
    while (sa := daemon.sa())["packets"] < sent and time.monotonic() < limit:
        time.sleep(0.05)
    if (sa["packets"], sa["auth_failed"], sa["malformed"], sa["replayed"]) != (sent, 0, 0, 0):
        raise Failed(f"SA: {sent} packets were sent, but {json.dumps(sa)}")
    while sum((grown := daemon.grown()).values()) < sent and time.monotonic() < limit:
        time.sleep(0.05)
    if grown != {"delivered": sent}:
        raise Failed(f"counters: delivered should have grown by {sent}, but {grown}")
    daemon.mark()


def run_packets(guest, daemon, opened, row, spi):
    """A number of packets, each looked at."""
    listing = guest_adds(guest, row, spi)
    opened.forget()
    daemon.call("sa", "load", "-", text=listing)
    wanted = table.opened(row)
    _, sent = guest_sends(guest, f"send_raw /packets/{row.content()}")
    if sent != len(wanted):
        raise Failed(f"the guest's SA has {sent} packets, {len(wanted)} were sent")
    compare(wanted, opened.take(len(wanted), PATIENCE))
    check_counters(daemon, sent)
    return f"{sent} packets"


class Receiver(threading.Thread):
    """One TCP connection: length and digest of what comes."""

    def __init__(self, address):
        super().__init__(daemon=True)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.server = socket.create_server((address, 0), family=family)
        self.port = self.server.getsockname()[1]
        self.length, self.digest, self.seconds = 0, "", 0.0

    def run(self):
        connection, _ = self.server.accept()
        digest, start = hashlib.sha256(), time.monotonic()
        with connection:
            while chunk := connection.recv(1 << 16):
                digest.update(chunk)
                self.length += len(chunk)
        self.seconds = time.monotonic() - start
        self.digest = digest.hexdigest()
        self.server.close()


def run_transfer(guest, daemon, opened, row, spi):
    """TCP from the guest; what goes back to it is in the clear, for xesp does not send."""
    ends = row.ends()
    if row.mode != "transport":
        ends = table.INNER_GUEST[row.inner], table.INNER_HOST[row.inner]
    daemon.call("sa", "load", "-", text=guest_adds(guest, row, spi, ends))
    receiver = Receiver(ends[1])
    receiver.start()
    digest, sent = guest_sends(
        guest,
        f"[ -e /tmp/content ] || head -c {TRANSFER_SIZE} /dev/urandom > /tmp/content\n"
        f"sha256sum < /tmp/content; timeout 80 nc {ends[1]} {receiver.port} < /tmp/content",
        90,
    )
    receiver.join(PATIENCE)
    if receiver.length != TRANSFER_SIZE or receiver.digest != digest.split()[0]:
        raise Failed(f"{receiver.length} bytes came, content intact: {receiver.digest == digest.split()[0]}")
    check_counters(daemon, sent)
    sa = daemon.sa()
    if sa["bytes"] < TRANSFER_SIZE:
        raise Failed(f"only {sa['bytes']} bytes came through the SA")
    opened.forget()
    speed = receiver.length * 8e-6 / receiver.seconds
    return f"{receiver.length / 1e6:.0f} MB in {sa['packets']} packets, {speed:.0f} Mb/s"


def set_mtu(guest, before, mtu):
    """At both ends of the link."""
    if mtu != before:
        subprocess.run(["ip", "link", "set", "tap0", "mtu", str(mtu)], check=True)
        guest.run(f"{GUEST_IP} link set eth0 mtu {mtu}")
    return mtu


def run(port, control, xesp):
    guest, daemon, opened = Guest(port), Daemon(xesp, control), Opened("xesp0")
    tests = [(run_packets, row) for row in table.rows()]
    tests += [(run_transfer, row) for row in table.transfer_rows()]
    tests += [(run_packets, row) for row in table.jumbo_rows()]
    tests += [(run_transfer, row) for row in table.jumbo_transfer_rows()]
    failed, mtu = 0, table.MTU
    for number, (function, row) in enumerate(tests, 1):
        mtu = set_mtu(guest, mtu, table.JUMBO_MTU if row.jumbo else table.MTU)
        name = f"{'TCP through ' if function is run_transfer else ''}{row}"
        try:
            result = function(guest, daemon, opened, row, 0x1000 + number)
            print(f"ok {number} - {name}: {result}", flush=True)
        except Failed as fault:
            failed += 1
            print(f"not ok {number} - {name}", *str(fault).splitlines(), sep="\n# ", flush=True)
            daemon.mark()
        daemon.call("sa", "flush")
    print(f"1..{len(tests)}")
    return 1 if failed else 0


def write_packets(directory):
    for row in {row.content(): row for row in (*table.rows(), *table.jumbo_rows())}.values():
        packets.write_pcap(Path(directory) / row.content(), packets.LINK_RAW, table.content(row))


def main():
    if sys.argv[1] == "packets":
        write_packets(sys.argv[2])
        return 0
    return run(*sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())

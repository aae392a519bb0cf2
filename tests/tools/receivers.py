#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""xesp sends ESP, a kernel in a guest of tests/vm opens it, and answers through an SA of its own. Prints TAP.

receivers.py GUEST-PORT SOCKET XESP    inside the namespace that the guest's link ends in and xespd serves

Each row has an SA each way; the guest lets nothing else in or out between the addresses inside. Pings and UDP
datagrams of many sizes are answered, and through some SAs TCP carries content there and back. Then what xesp has
sent is what the guest has opened, and the other way round, and the guest's IPsec counted no error.
"""
import hashlib
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import senders_table as table
from guest import Guest
from senders import GUEST_IP, PATIENCE, Daemon, Failed

TUN_MTU = Path("/sys/class/net/xesp0/mtu")
PING_SIZES = (0, 13, 56, 1300)
LONG_PING = 2000
ECHO_PORT = 7
# Each place of a cipher's block, and about the longest that fits into one packet.
UDP_SIZES = (*range(1, 34), 64, 100, 255, 512, 1000, *range(1290, 1301))
# In fragments. Those go into tunnels only: transport mode is for whole packets (RFC 4303 section 3.3.4).
LONG_UDP_SIZES = (1500, 2000, 4000, 8192, 20000, 40000, 64999, 65000)
# On their way at a time: what fits into the queues and buffers of both kernels.
UDP_BYTES = 65_000
UDP_COUNT = 16
UDP_SECONDS = 20  # for an answer
TRANSFER_SIZE = 1_000_000
ERRORS = "/proc/net/xfrm_stat"


def rows():
    for suite in table.MAIN_SUITES:
        for shape in table.SHAPES:
            yield table.Row(suite, *shape)
            yield table.Row(suite, *shape, esn=True)
        for shape in table.BEET_SHAPES:
            yield table.Row(suite, *shape, esn=shape[1] == 6)
        yield table.Row(suite, "tunnel", 6, 4, udp=False)
        yield table.Row(suite, "transport", 4, 4, esn=True, udp=False)


def ends(row):
    """Addresses inside: the guest's, the host's."""
    if row.mode == "transport":
        return row.ends()
    return table.INNER_GUEST[row.inner], table.INNER_HOST[row.inner]


def guest_adds(guest, row, spi):
    there = ends(row)
    back = there[::-1]
    batch = "\n".join((
        "xfrm policy flush", "xfrm state flush",
        f"xfrm state add {table.state_words(row, spi, there)}",
        f"xfrm policy add {table.policy_words(row, spi, there)}",
        f"xfrm state add {table.state_words(row, spi + 1, back, back=True)}",
        f"xfrm policy add {table.policy_words(row, spi + 1, back, 'in' if row.mode == 'transport' else 'fwd')}",
        # Linux also asks for policies before it looks into UDP. By number: the guest has no names of protocols.
        f"xfrm policy add src {table.HOST[row.outer]} dst {table.GUEST[row.outer]} proto 17 dport 4500 dir in",
    ))  # fmt: skip
    status, output = guest.run(f"{GUEST_IP} -batch - << 'END'\n{batch}\nEND")
    if status:
        raise Failed(f"in the guest: {output.strip()}")


def wait_for(what, is_reached):
    limit = time.monotonic() + PATIENCE
    while not is_reached():
        if time.monotonic() > limit:
            raise Failed(f"not in {PATIENCE} seconds: {what}")
        time.sleep(0.02)


def is_usable(daemon):
    """Whether the way to the guest is known, and the TUN device has the MTU that follows from it and from the SA."""
    (send,) = (sa["send"] for sa in daemon.sas() if sa["sa"]["dir"] == "out")
    return send["next_hop"] == "usable" and int(TUN_MTU.read_text()) == send["mtu"]


def xesp_adds(daemon, row, spi):
    there = ends(row)
    outbound = table.state_words(row, spi + 1, there[::-1], back=True) + " dir out"
    if row.mode != "beet":
        outbound += table.selector_words(*there[::-1])
    daemon.call("sa", "load", "-", text=f"{table.state_words(row, spi, there)} dir in\n{outbound}\n")
    wait_for("the outbound SA is usable", lambda: is_usable(daemon))


# ---- traffic ----------------------------------------------------------------------------------------------


def ping(row):
    guest, host = ends(row)
    sizes = (*PING_SIZES, LONG_PING) if row.mode == "tunnel" else PING_SIZES
    for size in sizes:
        command = ["ping", "-q", "-I", host, "-c", "1", "-W", str(PATIENCE), "-s", str(size), guest]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"no answer to a ping of {size} bytes: {done.stdout.strip()} {done.stderr.strip()}")
    return f"{len(sizes)} pings"


def bound_socket(kind, address, port=0):
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    made.bind((address, port))
    return made


def datagrams(row):
    guest, host = ends(row)
    sizes = (*UDP_SIZES, *LONG_UDP_SIZES) if row.mode == "tunnel" else UDP_SIZES
    to_send, waiting = list(reversed(sizes)), {}
    with bound_socket(socket.SOCK_DGRAM, host) as client:
        client.connect((guest, ECHO_PORT))
        client.settimeout(UDP_SECONDS)
        while to_send or waiting:
            while to_send and (
                not waiting or (len(waiting) < UDP_COUNT and sum(waiting) + to_send[-1] <= UDP_BYTES)
            ):
                size = to_send.pop()
                waiting[size] = random.Random(size).randbytes(size)
                client.send(waiting[size])
            try:
                answer = client.recv(1 << 16)
            except OSError as error:  # also what ICMP says
                raise Failed(f"datagrams of {sorted(waiting)} bytes: {error}") from error
            if waiting.pop(len(answer), None) != answer:
                raise Failed(f"an answer of {len(answer)} bytes to nothing that was sent")
    return f"{len(sizes)} datagrams of up to {sizes[-1]} bytes"


class Echo(threading.Thread):
    """One TCP connection: what came goes back when all has come."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.server = bound_socket(socket.SOCK_STREAM, address)
        self.server.listen()
        self.server.settimeout(60)
        self.port = self.server.getsockname()[1]

    def run(self):
        with self.server:
            connection, _ = self.server.accept()
            with connection:
                content = b""
                while chunk := connection.recv(1 << 16):
                    content += chunk
                connection.sendall(content)


def transfer(guest, row):
    content = random.Random(str(row)).randbytes(TRANSFER_SIZE // 1000)
    digest = hashlib.sha256(content * 1000).hexdigest()
    echo = Echo(ends(row)[1])
    echo.start()
    octets = "".join(f"\\{byte:03o}" for byte in content)
    where = "" if row.mode == "transport" else f"{GUEST_IP} netns exec inside "
    tenfold = "cat " + "/tmp/content " * 10 + "> /tmp/part; mv /tmp/part /tmp/content\n"
    status, output = guest.run(
        f"printf '{octets}' > /tmp/content\n{tenfold * 3}"
        f"{where}timeout 80 nc {ends(row)[1]} {echo.port} < /tmp/content | sha256sum",
        90,
    )
    if status or output.split()[:1] != [digest]:
        raise Failed(f"the content did not come back: {output.strip()}")
    return f"{TRANSFER_SIZE / 1e6:.0f} MB of TCP there and back"


# ---- counters ---------------------------------------------------------------------------------------------


def errors(guest):
    """Counters of the guest's IPsec."""
    status, output = guest.run(f"cat {ERRORS}")
    if status:
        raise Failed(f"the guest has no {ERRORS}")
    return {name: int(count) for name, count in (line.split() for line in output.splitlines())}


def guest_packets(guest, row, spi, back):
    """Of one of the guest's SAs; Failed if it found a replay or a wrong ICV."""
    address = (table.GUEST if back else table.HOST)[row.outer]
    status, output = guest.run(f"{GUEST_IP} -s xfrm state get dst {address} proto esp spi {spi}")
    if status or " failed 0" not in output or "replay 0" not in output:
        raise Failed(f"in the guest: {output.strip()}")
    lifetime = output[output.index("lifetime current:") :]
    return int(lifetime.split("(bytes), ")[1].split("(packets)")[0])


def check_counters(guest, daemon, row, spi, errors_before):
    """The last packets may still be on their way."""
    limit = time.monotonic() + PATIENCE
    while True:
        sas = {sa["sa"]["dir"]: sa for sa in daemon.sas()}
        theirs = [guest_packets(guest, row, spi, False), guest_packets(guest, row, spi + 1, True)]
        ours = [sas["in"]["packets"], sas["out"]["packets"]]
        if ours == theirs or time.monotonic() > limit:
            break
        time.sleep(0.1)
    if ours != theirs or not min(ours):
        seen = f"{daemon.counters()}\n{daemon.call('status', '--json')}"
        raise Failed(f"packets to and from the host: xesp {ours}, the guest {theirs}\n{seen}")
    wrong = [sas["in"][name] for name in ("auth_failed", "malformed", "replayed")]
    if any(wrong) or sas["out"]["send"]["refused"]:
        raise Failed(f"xesp: {sas}")
    if (found := errors(guest)) != errors_before:
        raise Failed(f"the guest's IPsec: {found}, before {errors_before}")
    return f"{theirs[1]} packets opened by the guest"


def run_row(guest, daemon, row, spi, with_transfer):
    errors_before = errors(guest)
    guest_adds(guest, row, spi)
    xesp_adds(daemon, row, spi)
    done = [ping(row), datagrams(row)]
    if with_transfer:
        done.append(transfer(guest, row))
    done.append(check_counters(guest, daemon, row, spi, errors_before))
    return ", ".join(done)


def main():
    guest, daemon = Guest(sys.argv[1]), Daemon(sys.argv[3], sys.argv[2])
    # As an IKE daemon would: else what comes for an SA that is gone is answered by ICMP, in the clear.
    held = [bound_socket(socket.SOCK_DGRAM, host, 4500) for host in table.HOST.values()]
    tests = list(rows())
    with_transfer = set(table.transfer_rows())
    failed = 0
    for number, row in enumerate(tests, 1):
        try:
            result = run_row(guest, daemon, row, 0x1000 + 2 * number, row in with_transfer)
            print(f"ok {number} - {row}: {result}", flush=True)
        except Failed as fault:
            failed += 1
            print(f"not ok {number} - {row}", *str(fault).splitlines(), sep="\n# ", flush=True)
        daemon.call("sa", "flush")
    for port in held:
        port.close()
    print(f"1..{len(tests)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tunnel_measure.py --rounds N --seconds S NAME,CLIENT-NS,SERVER-NS,CLIENT-ADDRESS,SERVER-ADDRESS...

Measures tunnels between network namespaces in turn, round by round, so that what drifts drifts for all: TCP, TCP
with 8 flows, UDP of 1300 bytes, the CPU time that the TCP flow took, and pings without and with it. Prints a JSON
line a figure with one sample a round (pings: one each). See docs/PERFORMANCE.md for what each figure means.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time

UDP_BYTES = 1300
TESTS = {"tcp": [], "tcp8": ["-P", "8"], "udp": ["-u", "-b", "0", "-l", str(UDP_BYTES)]}
PINGS_IDLE = 50
TICKS = os.sysconf("SC_CLK_TCK")

Tunnel = collections.namedtuple("Tunnel", "name client server source target")


def in_ns(namespace, *command):
    return ["ip", "netns", "exec", namespace, *command]


def machine_seconds():
    """Of all CPUs, busy with anything; without what a hypervisor took."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq = map(int, file.readline().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def thread_seconds(pids):
    """What the scheduler gave the threads of processes, in ns; work that the kernel did on their time included."""
    total = 0
    for pid in pids:
        try:
            tasks = os.listdir(f"/proc/{pid}/task")
        except FileNotFoundError:
            continue
        for task in tasks:
            try:
                with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                    total += int(file.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
    return total / 1e9


def kernel_threads():
    """ksoftirqd of each CPU: what the kernel puts off when there is much of it, of any process."""
    found = subprocess.run(["pgrep", "-x", "ksoftirqd/[0-9]+"], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def processes(tunnel):
    pids = []
    for namespace in (tunnel.client, tunnel.server):
        listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=True)
        pids += [int(pid) for pid in listed.stdout.split()]
    return pids


class Cpu:
    """Between begin and end, beside a client that is waited for."""

    def __init__(self, tunnel):
        self.pids = processes(tunnel) + kernel_threads()
        self.own = thread_seconds(self.pids)
        self.machine = machine_seconds()

    def end(self, client):
        own = thread_seconds(self.pids) - self.own + client.ru_utime + client.ru_stime
        return own, machine_seconds() - self.machine


def ping(tunnel, count, interval, under_load=False):
    """Round trips in microseconds; what got no answer is infinite."""
    command = in_ns(tunnel.client, "ping", "-n", "-I", tunnel.source, "-i", str(interval), "-W", "2",
                    "-c", str(count), tunnel.target)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    if under_load:
        return process
    return read_ping(process)


def read_ping(process):
    output, _ = process.communicate()
    times = [float(match) * 1000 for match in re.findall(r"time=([0-9.]+) ms", output)]
    sent = re.search(r"(\d+) packets transmitted", output)
    return times, int(sent.group(1)) - len(times) if sent else 0


def run_client(tunnel, test, seconds):
    """iperf3's report and the resources that it took itself."""
    command = in_ns(tunnel.client, "iperf3", "-J", "-B", tunnel.source, "-c", tunnel.target, "-t", str(seconds),
                    *TESTS[test])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, _, usage = os.wait4(process.pid, 0)
    report = json.loads(output)
    if "error" in report:
        raise RuntimeError(f"{tunnel.name} {test}: iperf3: {report['error']}")
    return report["end"], usage


def received(test, end):
    """Bits a second that reached the other end, bytes that did, and the share that was lost."""
    if test != "udp":
        total = end["sum_received"]
        return total["bits_per_second"], total["bytes"], None
    total = end["sum"]
    got = total["packets"] - total["lost_packets"]
    return got * UDP_BYTES * 8 / total["seconds"], got * UDP_BYTES, total["lost_percent"]


class Figures:
    def __init__(self):
        self.samples = {}

    def add(self, tunnel, name, unit, value):
        self.samples.setdefault((f"tunnel.{name}.{tunnel.name}", unit), []).append(value)

    def extend(self, tunnel, name, unit, values):
        for value in values:
            self.add(tunnel, name, unit, value)

    def show(self):
        for (name, unit), samples in self.samples.items():
            print(json.dumps({"figure": name, "unit": unit, "samples": samples}), flush=True)


def measure(tunnel, test, seconds, figures):
    """Pings go beside the TCP flow, a hundred a second, which is nothing beside its packets."""
    pings = ping(tunnel, seconds * 100, 0.01, under_load=True) if test == "tcp" else None
    cpu = Cpu(tunnel)
    end, usage = run_client(tunnel, test, seconds)
    own, machine = cpu.end(usage)
    rate, size, lost = received(test, end)
    figures.add(tunnel, test, "b/s", rate)
    if lost is not None:
        figures.add(tunnel, "udp_lost", "%", lost)
    if test == "tcp":
        figures.add(tunnel, "cpu", "s/GB", own / size * 1e9)
        figures.add(tunnel, "cpu_machine", "s/GB", machine / size * 1e9)
    if pings:
        times, missing = read_ping(pings)
        figures.extend(tunnel, "ping_load", "us", times)
        figures.add(tunnel, "ping_load_lost", "packets", missing)
    return rate


def serve(tunnel):
    command = in_ns(tunnel.server, "iperf3", "-s", "-B", tunnel.target)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run(tunnels, tests, rounds, seconds, figures):
    for number in range(rounds):
        for tunnel in tunnels:
            figures.extend(tunnel, "ping_idle", "us", ping(tunnel, PINGS_IDLE, 0.002)[0])
            rates = []
            for test in tests:
                rates.append(f"{test} {measure(tunnel, test, seconds, figures) / 1e9:.2f}")
            print(f"tunnel: round {number + 1} of {rounds}: {tunnel.name}: {', '.join(rates)} Gb/s",
                  file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--tests", default=",".join(TESTS))
    parser.add_argument("tunnel", nargs="+")
    arguments = parser.parse_args()
    tunnels = [Tunnel(*words.split(",")) for words in arguments.tunnel]
    figures = Figures()
    servers = [serve(tunnel) for tunnel in tunnels]
    try:
        time.sleep(0.5)  # they say nothing when they listen
        run(tunnels, arguments.tests.split(","), arguments.rounds, arguments.seconds, figures)
    finally:
        for server in servers:
            server.terminate()
            server.wait()
    figures.show()


if __name__ == "__main__":
    main()

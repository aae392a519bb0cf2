#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tunnel_measure.py --rounds N --seconds S NAME,CLIENT-NS,SERVER-NS,CLIENT-ADDRESS,SERVER-ADDRESS...

Measures tunnels between network namespaces in turn, round by round, so that what drifts drifts for all: TCP, TCP
with 8 flows, UDP of 1300 bytes as fast as it goes and as fast as little of it is lost, the CPU time that the TCP flow
took, and pings without and with it. Prints a JSON line a figure with one sample a round (pings: one each). See
docs/PERFORMANCE.md for what each figure means.
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
UDP_SECONDS = 1  # as fast as it goes
UDP_LOST_MOST = 1  # percent, where little may be lost
UDP_STEPS = 6
UDP_STEP_SECONDS = 0.4
UDP_TRIES = 2  # of a step: one hiccup of a shared machine is no bound
UDP_STEP_LEAST = 200  # datagrams
UDP_NEAR = 0.05  # of the rate; closer than this a step does not tell
# The usual bound of rmem_max, which the kernel doubles. Without it the receiving iperf3 has room for a millisecond of
# datagrams, and what is measured is how soon it gets a CPU.
UDP_BUFFER = "208K"
TESTS = {"tcp": [], "load": [], "tcp8": ["-P", "8"], "udp": []}
PINGS_IDLE = 50
LOAD_SECONDS = 2
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


def run_client(tunnel, test, *options):
    """iperf3's report and the resources that it took itself."""
    command = in_ns(tunnel.client, "iperf3", "-J", "-B", tunnel.source, "-c", tunnel.target, *options)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, _, usage = os.wait4(process.pid, 0)
    report = json.loads(output)
    if "error" in report:
        raise RuntimeError(f"{tunnel.name} {test}: iperf3: {report['error']}")
    return report["end"], usage


def offer_udp(tunnel, *options):
    """Bits a second that reached the other end, and the percent of what was sent that did not."""
    end, _ = run_client(tunnel, "udp", "-u", "-l", str(UDP_BYTES), "-w", UDP_BUFFER, *options)
    total = end["sum"]
    got = total["packets"] - total["lost_packets"]
    return got * UDP_BYTES * 8 / total["seconds"], total["lost_percent"]


def step_udp(tunnel, rate):
    """Bits a second that arrived of so many; zero if too many were lost."""
    count = max(int(rate * UDP_STEP_SECONDS / 8 / UDP_BYTES), UDP_STEP_LEAST)
    for _ in range(UDP_TRIES):
        arrived, lost = offer_udp(tunnel, "-b", str(int(rate)), "-k", str(count))
        if lost <= UDP_LOST_MOST:
            return arrived
    return 0


def udp_bounded(tunnel, arrived, lost):
    """The most bits a second that arrived while no more than UDP_LOST_MOST percent were lost, by bisection between
    nothing and what was sent when `arrived` did: where too much is sent, about what can go arrives, so that comes
    first. Zero if every step lost more."""
    if lost <= UDP_LOST_MOST:
        return arrived
    low, high, rate, best = 0, arrived / max(1 - lost / 100, 0.01), arrived, 0
    for _ in range(UDP_STEPS):
        got = step_udp(tunnel, rate)
        if got:
            low, best = rate, max(best, got)
        else:
            high = rate
        if high - low < UDP_NEAR * high:
            break
        rate = (low + high) / 2
    return best


class Figures:
    def __init__(self):
        self.samples = {}

    def add(self, tunnel, name, unit, value):
        self.samples.setdefault((f"tunnel.{name}.{tunnel.name}", unit), []).append(value)

    def extend(self, tunnel, name, unit, values):
        for value in values:
            self.add(tunnel, name, unit, value)

    def leave_out(self, tunnel, why):
        """What is known of it already is of fewer rounds than the others', and of a tunnel that did not work."""
        for key in [key for key in self.samples if key[0].endswith(f".{tunnel.name}")]:
            del self.samples[key]
        print(json.dumps({"left_out": f"tunnel.*.{tunnel.name}", "why": why}), flush=True)

    def show(self):
        for (name, unit), samples in self.samples.items():
            print(json.dumps({"figure": name, "unit": unit, "samples": samples}), flush=True)


def measure_load(tunnel, seconds, figures):
    """Pings beside a TCP flow of its own: ping(8) spins when the next one is due within 10 ms, and would take a good
    part of a CPU from a flow that is measured."""
    pings = ping(tunnel, seconds * 100, 0.01, under_load=True)
    end, _ = run_client(tunnel, "load", "-t", str(seconds))
    times, missing = read_ping(pings)
    figures.extend(tunnel, "ping_load", "us", times)
    figures.add(tunnel, "ping_load_lost", "packets", missing)
    return f"{end['sum_received']['bits_per_second'] / 1e9:.2f}"


def measure_tcp(tunnel, test, seconds, figures):
    cpu = Cpu(tunnel)
    end, usage = run_client(tunnel, test, "-t", str(seconds), *TESTS[test])
    own, machine = cpu.end(usage)
    total = end["sum_received"]
    figures.add(tunnel, test, "b/s", total["bits_per_second"])
    if test == "tcp":
        figures.add(tunnel, "cpu", "s/GB", own / total["bytes"] * 1e9)
        figures.add(tunnel, "cpu_machine", "s/GB", machine / total["bytes"] * 1e9)
    return f"{total['bits_per_second'] / 1e9:.2f}"


def measure_udp(tunnel, figures):
    arrived, lost = offer_udp(tunnel, "-b", "0", "-t", str(UDP_SECONDS))
    bounded = udp_bounded(tunnel, arrived, lost)
    figures.add(tunnel, "udp", "b/s", arrived)
    figures.add(tunnel, "udp_lost", "%", lost)
    figures.add(tunnel, "udp_bounded", "b/s", bounded)
    return f"{bounded / 1e9:.2f} ({arrived / 1e9:.2f} with {lost:.0f} % lost)"


def serve(tunnel):
    command = in_ns(tunnel.server, "iperf3", "-s", "-B", tunnel.target)
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(tunnel, number, tests, arguments, figures):
    """One round of one tunnel; what to tell of it."""
    figures.extend(tunnel, "ping_idle", "us", ping(tunnel, PINGS_IDLE, 0.002)[0])
    rates = []
    for test in tests:
        if test == "load":
            rates.append(f"beside pings {measure_load(tunnel, min(LOAD_SECONDS, arguments.seconds), figures)}")
        elif test != "udp":
            rates.append(f"{test} {measure_tcp(tunnel, test, arguments.seconds, figures)}")
        elif number < arguments.udp_rounds:
            rates.append(f"{test} {measure_udp(tunnel, figures)}")
    return ", ".join(rates)


def run(tunnels, tests, arguments, figures):
    """The tunnels that failed; the others' figures do not suffer."""
    failed = []
    for number in range(arguments.rounds):
        for tunnel in tunnels:
            if tunnel in failed:
                continue
            try:
                told = measure(tunnel, number, tests, arguments, figures) + " Gb/s"
            except (RuntimeError, ValueError, KeyError, ZeroDivisionError) as error:
                told = f"{type(error).__name__}: {error}"
                failed.append(tunnel)
                figures.leave_out(tunnel, f"it failed in round {number + 1}: {told}")
            print(f"bench_tunnel: round {number + 1} of {arguments.rounds}: {tunnel.name}: {told}", file=sys.stderr,
                  flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--udp-rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--tests", default=",".join(TESTS))
    parser.add_argument("tunnel", nargs="+")
    arguments = parser.parse_args()
    tunnels = [Tunnel(*words.split(",")) for words in arguments.tunnel]
    figures = Figures()
    servers = [serve(tunnel) for tunnel in tunnels]
    try:
        time.sleep(0.5)  # they say nothing when they listen
        failed = run(tunnels, arguments.tests.split(","), arguments, figures)
    finally:
        for server in servers:
            server.terminate()
            server.wait()
    figures.show()
    if failed:
        sys.exit(f"bench_tunnel: {', '.join(tunnel.name for tunnel in failed)} failed")


if __name__ == "__main__":
    main()

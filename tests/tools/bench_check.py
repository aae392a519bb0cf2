#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench_check.py: what the benchmark makes of parts that go wrong, and of figures: programs of a few lines stand in for
parts. Prints TAP."""
import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
import xml.etree.ElementTree

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bench"))

# pylint: disable=wrong-import-position # behind the line above
import goals
import parts
import plot
import tables
import tunnel_measure

GOOD = '{"figure": "fake.%s", "unit": "ns", "samples": [%s]}'


class Bench:
    """A folder with one part, `fake`, which is a shell script."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(f"{directory}/bench")
        self.path = f"{directory}/fake_part"

    def run(self, script):
        part = parts.Part("fake", self.path)
        parts.PARTS[:] = [part]
        with open(self.path, "w", encoding="ascii") as file:
            file.write("#!/bin/bash\n" + script)
        os.chmod(self.path, 0o755)
        results = parts.Results()
        parts.run(part, self.directory, False, results)
        return results, results.outcomes["fake"]


def figure(name, *samples):
    return f"echo '{GOOD % (name, ', '.join(map(str, samples)))}'\n"


def test_measured(bench):
    results, outcome = bench.run("echo a table\n" + figure("one", 3, 1, 2) + figure("many", *range(100)))
    one, many = results.figures["fake.one"], results.figures["fake.many"]
    assert outcome.told() == "measured"
    assert (one["median"], one["q1"], one["q3"], one["n"], one["samples"]) == (2, 1, 3, 3, [3, 1, 2])
    assert (many["median"], many["q1"], many["q3"], many["p99"], many["max"]) == (49.5, 25, 74, 99, 99)
    assert "samples" not in many
    with open(f"{bench.directory}/bench/fake.log", encoding="ascii") as log:
        assert log.read() == "a table\n"


def test_failed(bench):
    results, outcome = bench.run(figure("one", 1) + "echo 'fake_part: no cable' >&2; echo a log >&2; exit 3")
    assert outcome.told() == "failed: status 3: no cable"
    assert results.figures["fake.one"]["median"] == 1
    assert results.why_not("fake.two") == "fake: failed: status 3: no cable"


def test_killed(bench):
    _, outcome = bench.run("kill -SEGV $$")
    assert outcome.told() == "failed: status -11: it said nothing"


def test_left_out(bench):
    results, outcome = bench.run("echo 'fake_part: needs two CPUs' >&2; exit 77")
    assert outcome.told() == "left out: needs two CPUs"
    assert results.why_not("fake.one") == "fake: left out: needs two CPUs"


def test_some_left_out(bench):
    results, outcome = bench.run("""echo '{"left_out": "fake.*.two", "why": "no two"}'\n""" + figure("a.one", 1))
    assert outcome.told() == "measured" and "fake.a.one" in results.figures
    assert results.why_not("fake.a.two") == "no two"
    assert results.why_not("fake.a.three") == "this form of it has no such figure"
    assert results.why_not("nobody.a.one") == "no part measures it"


def test_no_figures(bench):
    for line in ('{"figure": "fake.bad", "unit": "ns", "samples": []}', '{"figure": "fake.bad", "samples": [NaN]}',
                 '{"figure": "fake.bad", "samples": ["1"]}', '{"figure": "fake.bad", "samples": [1e999]}',
                 '{"unit": "ns"}', '{"figure"', '{"left_out": "x"}', '{"figure": "fake.bad", "median": 1}'):
        results, outcome = bench.run(f"echo '{line}'\n" + figure("one", 1))
        assert outcome.status == "failed" and "is no figure" in outcome.why, (line, outcome)
        assert set(results.figures) == {"fake.one"}, line


def test_figure_inside_a_line(bench):
    results, outcome = bench.run("printf 'a table, '\n" + figure("one", 1) + figure("two", 1))
    assert outcome.status == "failed" and "behind other text" in outcome.why, outcome
    assert set(results.figures) == {"fake.two"}


def test_too_long(bench):
    most, parts.SECONDS_MOST = parts.SECONDS_MOST, 0.3
    try:
        results, outcome = bench.run(figure("one", 1) + f"trap 'echo cleaned > {bench.path}.end; exit 1' TERM\n"
                                     "sleep 100 & wait")
    finally:
        parts.SECONDS_MOST = most
    assert outcome.told() == "failed: ended after 0.3 s" and "fake.one" in results.figures
    assert os.path.exists(bench.path + ".end")


def test_not_there(bench):
    parts.PARTS[:] = [parts.Part("fake", "./bench_fake")]
    results = parts.Results()
    parts.run(parts.PARTS[0], bench.directory, False, results)
    assert results.outcomes["fake"].told().startswith("failed: No such file or directory: ")


def judge(results, *arguments, **named):
    row, = [goals.judge_one(goals.Goal("a goal", *arguments, **named), results)]
    return row


def test_goals(bench):
    results, _ = bench.run(figure("a", 10, 40, 90) + figure("b", 1, 2, 3) + figure("zero", 0, 0, 0))
    row = judge(results, "fake.a", 40, True)
    assert row["met"] is True and row["median"] == 40
    assert judge(results, "fake.a", 39, True)["met"] is False
    assert judge(results, "fake.a", 41, False)["met"] is False
    row = judge(results, "fake.a", 20, False, over="fake.b")  # 10, 20, 30: round by round
    assert (row["met"], row["q1"], row["median"], row["q3"]) == (True, 10, 20, 30)
    assert judge(results, "fake.a", 1, True, over="fake.zero")["why"] == "fake.zero is 0"
    assert judge(results, "fake.none", 1, True)["met"] is None
    assert judge(results, "fake.a", 1, True, over="fake.none")["why"] == "this form of it has no such figure"


def test_tunnel_failed(_):
    """One of three tunnels fails in the second round: the others have all rounds."""
    names = ("one", "two", "three")
    tunnels = [tunnel_measure.Tunnel(name, "", "", "", "") for name in names]
    arguments = argparse.Namespace(rounds=3)

    def measure(tunnel, number, _tests, _arguments, figures):
        figures.add(tunnel, "tcp", "b/s", number)
        if tunnel.name == "two" and number == 1:
            raise RuntimeError("no server")
        return ""

    real, tunnel_measure.measure = tunnel_measure.measure, measure
    try:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            figures = tunnel_measure.Figures()
            failed = tunnel_measure.run(tunnels, [], arguments, figures)
            figures.show()
    finally:
        tunnel_measure.measure = real
    outcome, taken = parts.Outcome(), {}
    for line in out.getvalue().splitlines():
        parts.take_line(line, taken, outcome)
    assert failed == [tunnels[1]]
    assert {name: figure["samples"] for name, figure in taken.items()} == {
        "tunnel.tcp.one": [0, 1, 2], "tunnel.tcp.three": [0, 1, 2]}
    assert outcome.left_out == [("tunnel.*.two", "it failed in round 2: RuntimeError: no server")]


def test_keep(bench):
    """Figures of the other part stay, those of the part that runs again do not."""
    results, _ = bench.run(figure("one", 1) + "echo '{\"left_out\": \"fake.two\", \"why\": \"no two\"}'")
    results.figures["other.one"] = results.figures["fake.one"]
    path = f"{bench.directory}/results.json"
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"parts": {"fake": vars(results.outcomes["fake"])}, "figures": results.figures}, file)
    kept = parts.Results()
    kept.keep(path, [])
    assert kept.outcomes["fake"].told() == "measured" and set(kept.figures) == {"fake.one"}
    assert kept.why_not("fake.two") == "no two"
    again = parts.Results()
    again.keep(path, ["fake"])
    assert not again.figures and again.outcomes["fake"].told() == "not run"


def test_goals_of_one_part(_):
    """What is compared is measured in turn."""
    for goal in goals.GOALS:
        measured_by = [[part.name for part in parts.PARTS if parts.measures(part, figure)]
                       for figure in (goal.figure, goal.over or goal.figure)]
        assert len(measured_by[0]) == 1 and measured_by[0] == measured_by[1], goal


def test_tables(bench):
    """A tunnel without pings has its row all the same."""
    results, _ = bench.run("".join(f"echo '{json.dumps(row)}'\n" for row in (
        {"figure": "tunnel.tcp.none", "unit": "b/s", "samples": [5e9]},
        {"figure": "tunnel.ping_idle.xesp-gcm", "unit": "us", "samples": list(range(200))},
        {"figure": "requests.delete.socket.idle", "unit": "us", "samples": list(range(100, 300))})))
    assert [line.split() for line in tables.tunnel_lines(results.figures)[1:]] == [
        ["xesp,", "AES-128-GCM", "-", "-", "-", "-", "99.5", "198", "-", "-"],
        ["no", "tunnel", "5", "-", "-", "-", "-", "-", "-", "-"]]
    assert tables.latency_lines(results.figures)[1].split() == ["socket.idle", "200", "298", "299"]


def test_nothing_measured(_):
    results = parts.Results()
    judged = goals.judge(results)
    machine = {"cpu": "a CPU", "cpus": 2, "kernel": "6", "provider": "", "load": 0, "time": "2026-01-01T00:00:00Z"}
    assert judged and all(row["met"] is None and "not run" in row["why"] for row in judged), judged
    assert tables.all_of(machine, judged, {}).count("not measured") == len(goals.GOALS)
    xml.etree.ElementTree.fromstring(plot.svg(machine, results.figures, judged))
    json.dumps(judged, allow_nan=False)


def main():
    real = list(parts.PARTS)
    tests = [(name, function) for name, function in globals().items() if name.startswith("test_")]
    failed = 0
    for number, (name, function) in enumerate(tests, 1):
        parts.PARTS[:] = real
        with tempfile.TemporaryDirectory() as directory:
            try:
                function(Bench(directory))
                print(f"ok {number} - {name}")
            except AssertionError as error:
                failed += 1
                print(f"not ok {number} - {name}\n#   line {error.__traceback__.tb_next.tb_lineno}: {error}")
    print(f"1..{len(tests)}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

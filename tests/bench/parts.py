# SPDX-License-Identifier: BSD-2-Clause
"""The parts of the benchmark, and how one is run.

A part is a program that prints JSON lines on standard output:

  {"figure": NAME, "unit": UNIT, "samples": [...]}             or, instead of samples, q1, median, q3, n
  {"left_out": PATTERN, "why": TEXT}                           figures that there will not be on this machine

With status 77 the whole part is left out, and the last line on standard error says why. Whatever else it prints goes to
DIR/bench/PART.log. It finds BENCH_JSON in its environment, and BENCH_QUICK if there should be less of everything.
"""
import dataclasses
import fnmatch
import json
import math
import os
import signal
import statistics
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LEFT_OUT = 77
SECONDS_MOST = 600  # of one part, after which it is ended
SECONDS_MOST_QUICK = 120
SECONDS_TO_END = 20


@dataclasses.dataclass
class Part:
    name: str
    program: str  # with a dot in front: made by make
    arguments: tuple = ()
    quick: tuple = ()  # arguments of the quick form
    figures: tuple = ()  # what their names begin with; none: the part's name


QUICK_SUITES = ("aes128gcm16", "chacha20poly1305", "aes128cbc-sha256")
PARTS = [
    Part("classifier", "./bench_classifier"),
    Part("pipeline", "./bench_pipeline", quick=QUICK_SUITES, figures=("open",)),
    Part("worker", "./bench_worker", quick=QUICK_SUITES),
    Part("seal", "./bench_seal", quick=QUICK_SUITES),
    Part("librte_ipsec", "./bench_rte_ipsec", quick=("aes128gcm16",)),
    Part("merge", "./bench_merge"),
    Part("gateway", "./bench_gateway"),
    Part("control", "./bench_control", figures=("control", "crypto_keys_in_turn")),
    Part("requests", "bench_requests", ("BUILD",), ("BUILD",)),
    Part("receive", "./bench_receive"),
    Part("send", "bench_send", ("BUILD",), ("BUILD", "--quick")),
    Part("tunnel", "bench_tunnel", ("BUILD",), ("BUILD", "--quick")),
]


@dataclasses.dataclass
class Outcome:
    """What became of a part."""
    status: str = "not run"  # or measured, failed, left out
    why: str = ""
    seconds: float = 0
    time: str = ""  # when it began
    quick: bool = False
    left_out: list = dataclasses.field(default_factory=list)  # pattern, why

    def told(self):
        return self.status + (f": {self.why}" if self.why else "")


def measures(part, figure):
    return figure.split(".")[0] in (part.figures or (part.name,))


class Results:
    """Figures by name, and outcomes of parts by theirs."""

    def __init__(self):
        self.figures = {}
        self.outcomes = {part.name: Outcome() for part in PARTS}

    def keep(self, path, names):
        """What results.json at `path` has of other parts than these."""
        with open(path, encoding="utf-8") as file:
            before = json.load(file)
        for part in PARTS:
            if part.name in names or part.name not in before["parts"]:
                continue
            self.outcomes[part.name] = Outcome(**before["parts"][part.name])
            self.figures.update((name, figure) for name, figure in before["figures"].items() if measures(part, name))

    def why_not(self, figure):
        """Why there is no such figure."""
        for part in PARTS:
            if not measures(part, figure):
                continue
            outcome = self.outcomes[part.name]
            for pattern, why in outcome.left_out:
                if fnmatch.fnmatchcase(figure, pattern):
                    return why
            return "this form of it has no such figure" if outcome.status == "measured" else f"{part.name}: {outcome.told()}"
        return "no part measures it"


def not_finite(text):
    raise ValueError(f"{text} in a figure")


def summary(figure):
    """Median and quartiles of the samples, which stay if they are few. ValueError: no figure."""
    if "samples" in figure:
        ordered = sorted(figure["samples"])
        if not ordered:
            raise ValueError("no samples")
        figure.update(n=len(ordered), median=statistics.median(ordered), q1=ordered[len(ordered) // 4],
                      q3=ordered[-1 - len(ordered) // 4])
        if len(ordered) > 10:
            figure["p99"], figure["max"] = ordered[len(ordered) * 99 // 100], ordered[-1]
            del figure["samples"]
    if not all(math.isfinite(figure[key]) for key in ("q1", "median", "q3", "n")):
        raise ValueError("no finite number")
    return figure


def take_line(line, figures, outcome):
    """Another figure, or what is left out. Any of several exceptions: the line is neither."""
    said = json.loads(line, parse_constant=not_finite)
    if "left_out" in said:
        outcome.left_out.append((said["left_out"], said["why"]))
    else:
        name = said.pop("figure")
        figures[name] = summary(said)


def last_words(path, program):
    """The last line that the program put its name in front of; else the last one."""
    with open(path, encoding="utf-8", errors="replace") as log:
        lines = [line.strip() for line in log if line.strip()]
    name = os.path.basename(program) + ": "
    own = [line.removeprefix(name) for line in lines if line.startswith(name)]
    return (own or lines or ["it said nothing"])[-1]


def command_of(part, build, quick):
    made = part.program.startswith("./")
    path = os.path.join(build, "tests/bench", part.program[2:]) if made else os.path.join(HERE, part.program)
    return [path] + [build if word == "BUILD" else word for word in (part.quick if quick else part.arguments)]


def end(process):
    """Ends the program and what it started; asks first, so that it cleans up after itself. Returns what it printed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            return process.communicate(timeout=SECONDS_TO_END)[0]
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    return ""


def take_output(process, figures, outcome, log, most):
    """Reads until the program has ended. What is wrong with what it did, or nothing."""
    wrong = ""
    try:
        output, _ = process.communicate(timeout=most)
    except subprocess.TimeoutExpired:
        wrong = f"ended after {most} s"
        output = end(process)
    for line in output.splitlines(keepends=True):
        if not line.startswith("{"):
            log.write(line)
            if '{"figure"' in line:
                wrong = wrong or f"printed a figure behind other text, {line.strip()[:60]!r}"
            continue
        try:
            take_line(line, figures, outcome)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wrong = wrong or f"printed what is no figure, {line.strip()[:60]!r}: {error!r}"
    return wrong


def run(part, build, quick, results):
    """Figures of a part that failed count as far as they are there."""
    outcome = results.outcomes[part.name]
    outcome.time, outcome.quick = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), quick
    environment = dict(os.environ, BENCH_JSON="1")
    if quick:
        environment["BENCH_QUICK"] = "1"
    start = time.monotonic()
    path = f"{build}/bench/{part.name}.log"
    with open(path, "w", encoding="utf-8") as log:
        try:
            process = subprocess.Popen(command_of(part, build, quick), env=environment, stdout=subprocess.PIPE,
                                       stderr=log, text=True, start_new_session=True)
        except OSError as error:
            outcome.status, outcome.why = "failed", f"{error.strerror}: {error.filename}"
            return
        try:
            wrong = take_output(process, results.figures, outcome, log, SECONDS_MOST_QUICK if quick else SECONDS_MOST)
        except KeyboardInterrupt:
            outcome.status, outcome.why = "failed", "interrupted"
            end(process)
            raise
    outcome.seconds = round(time.monotonic() - start, 1)
    if process.returncode == LEFT_OUT:
        outcome.status, outcome.why = "left out", last_words(path, part.program)
    elif process.returncode and not wrong:
        outcome.status, outcome.why = "failed", f"status {process.returncode}: {last_words(path, part.program)}"
    else:
        outcome.status, outcome.why = ("failed" if wrong else "measured"), wrong

# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmark is to show: the only place that knows goals. Each is a figure, or the ratio of two figures of one
run, with the bound that it has to keep."""
import dataclasses
from typing import Optional


@dataclasses.dataclass
class Goal:
    text: str
    figure: str
    bound: float
    most: bool  # the bound is an upper one
    over: Optional[str] = None  # the figure that it is divided by
    unit: str = "times"


GCM = "open.ipsec-mb.aes128gcm16"
WORKER = "worker.ipsec-mb.aes128gcm16"
PEER = "librte_ipsec"  # its cycles over xesp's
GOALS = [
    Goal("opening 1400 B, AES-128-GCM, over libipsec-mb alone", f"{GCM}.1400.32.over_library", 1.5, True),
    Goal("opening 64 B, AES-128-GCM, above libipsec-mb alone", f"{GCM}.64.32.above_library", 120, True, unit="cycles"),
    Goal("receive ring to null sink, 1400 B, over libipsec-mb alone", f"{WORKER}.1400.32.over_library", 1.5, True),
    Goal("receive ring to null sink, 64 B, above libipsec-mb alone", f"{WORKER}.64.32.above_library", 120, True,
         unit="cycles"),
    Goal("librte_ipsec's cycles over xesp's, opening 64 B, AES-128-GCM", f"{PEER}.open.aes128gcm16.64.ratio", 1.2, False),
    Goal("the same, opening 1400 B", f"{PEER}.open.aes128gcm16.1400.ratio", 1.2, False),
    Goal("the same, sealing 64 B", f"{PEER}.seal.aes128gcm16.64.ratio", 1.2, False),
    Goal("the same, sealing 1400 B", f"{PEER}.seal.aes128gcm16.1400.ratio", 1.2, False),
    Goal("classifier, ESP hit at 1,000,000 SAs, above an empty program", "classifier.esp_hit.1000000.quietest", 30, True,
         unit="ns"),
    Goal("receive to the null sink over receive-and-recycle, 1400 B", "receive.null.1400", 0.9, False,
         "receive.recycle.1400"),
    Goal("receive to the null sink over receive-and-recycle, 64 B", "receive.null.64", 0.8, False,
         "receive.recycle.64"),
    Goal("receive to TUN, one TCP flow, over the null sink", "receive.tun.1400", 0.7, False, "receive.null.1400"),
    Goal("TCP through a tunnel over strongSwan's ESP in user space, AES-128-GCM", "tunnel.tcp.xesp-gcm", 10, False,
         "tunnel.tcp.strongswan-gcm"),
    Goal("TCP through a tunnel over wireguard-go, AES-128-GCM", "tunnel.tcp.xesp-gcm", 2, False,
         "tunnel.tcp.wireguard-go"),
    Goal("the same with ChaCha20-Poly1305, as wireguard-go", "tunnel.tcp.xesp-chacha", 2, False,
         "tunnel.tcp.wireguard-go"),
    Goal("CPU seconds a gigabyte of TCP over wireguard-go's, AES-128-GCM", "tunnel.cpu.xesp-gcm", 0.5, True,
         "tunnel.cpu.wireguard-go"),
    Goal("the same with ChaCha20-Poly1305", "tunnel.cpu.xesp-chacha", 0.5, True, "tunnel.cpu.wireguard-go"),
    Goal("SA adds a second at the store", "control.adds", 100000, False, unit="a second"),
    Goal("engine memory an SA, at 1,000,000", "control.memory", 1024, True, unit="bytes"),
]


def value_of(goal, figures):
    """Median and quartiles. Samples of one round are compared with each other, so that drift falls out."""
    figure = figures[goal.figure]
    if not goal.over:
        return figure["median"], figure["q1"], figure["q3"], figure["n"]
    over = figures[goal.over]
    if "samples" in figure and len(figure["samples"]) == len(over.get("samples", [])):
        ratios = sorted(a / b for a, b in zip(figure["samples"], over["samples"]) if b)
        if ratios:
            count = len(ratios)
            return ratios[count // 2], ratios[count // 4], ratios[-1 - count // 4], count
    return (figure["median"] / over["median"], figure["q1"] / over["q3"], figure["q3"] / over["q1"],
            min(figure["n"], over["n"]))


def judge_one(goal, results):
    """`met` is None where there is no figure, and `why` says why not."""
    row = {"goal": goal.text, "bound": goal.bound, "at": "most" if goal.most else "least", "unit": goal.unit, "met": None}
    for name in (goal.figure, goal.over):
        if name and name not in results.figures:
            row["why"] = results.why_not(name)
            return row
    try:
        row.update(zip(("median", "q1", "q3", "n"), value_of(goal, results.figures)))
    except ZeroDivisionError:
        row["why"] = f"{goal.over} is 0"
        return row
    row["met"] = row["median"] <= goal.bound if goal.most else row["median"] >= goal.bound
    return row


def judge(results):
    return [judge_one(goal, results) for goal in GOALS]

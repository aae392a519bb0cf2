# SPDX-License-Identifier: BSD-2-Clause
"""What a run prints: goals, tunnels, and how long single things take."""

TUNNELS = {
    "xesp-gcm": "xesp, AES-128-GCM",
    "xesp-chacha": "xesp, ChaCha20",
    "strongswan-gcm": "strongSwan userland",
    "wireguard-go": "wireguard-go",
    "none": "no tunnel",
}


def number(value):
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def machine_lines(machine):
    lines = [f"{machine['cpu']}, {machine['cpus']} CPUs, Linux {machine['kernel']}, {machine['provider'] or 'provider unknown'}"]
    if machine["load"] > 0.5:
        lines.append(f"Others were at work (load {machine['load']:.1f} before the run): absolute figures are low.")
    return lines


def goal_lines(judged):
    lines = [f"{'goal':<76} {'measured (quartiles)':>30} {'bound':>12}"]
    for row in judged:
        bound = f"{'<=' if row['at'] == 'most' else '>='} {number(row['bound'])}"
        if row["met"] is None:
            measured, verdict = "not measured", f"({row['why']})"
        else:
            measured = f"{number(row['median'])} ({number(row['q1'])}..{number(row['q3'])}) {row['unit']}"
            verdict = "met" if row["met"] else "NOT MET"
        lines.append(f"{row['goal']:<76} {measured:>30} {bound:>12}  {verdict}")
    return lines


# Heading, figure, factor, key.
TUNNEL_COLUMNS = (
    ("TCP, Gb/s", "tcp", 1e-9, "median"),
    ("8 flows", "tcp8", 1e-9, "median"),
    ("UDP, 1 % lost", "udp_bounded", 1e-9, "median"),
    ("CPU s/GB", "cpu", 1, "median"),
    ("ping p50, us", "ping_idle", 1, "median"),
    ("p99", "ping_idle", 1, "p99"),
    ("beside TCP p50", "ping_load", 1, "median"),
    ("p99", "ping_load", 1, "p99"),
)


def cell(figure, key, factor):
    return number(figure[key] * factor) if figure and key in figure else "-"


def tunnel_lines(figures):
    """Nothing if no tunnel was measured."""
    rows = [(label, [cell(figures.get(f"tunnel.{name}.{tunnel}"), key, factor) for _, name, factor, key in TUNNEL_COLUMNS])
            for tunnel, label in TUNNELS.items() if any(name.startswith("tunnel.") and name.endswith(f".{tunnel}")
                                                        for name in figures)]
    if not rows:
        return []
    lines = [f"{'tunnel (medians)':<20} " + " ".join(f"{heading:>14}" for heading, *_ in TUNNEL_COLUMNS)]
    return lines + [f"{label:<20} " + " ".join(f"{word:>14}" for word in cells) for label, cells in rows]


def latency_lines(figures):
    """What has a distribution: deletes of SAs."""
    rows = [(name, figure) for name, figure in figures.items() if name.startswith("requests.delete.")]
    if not rows:
        return []
    lines = [f"{'delete of an SA, us':<30} {'p50':>10} {'p99':>10} {'longest':>10}"]
    return lines + [f"{name.removeprefix('requests.delete.'):<30} "
                    + " ".join(f"{cell(figure, key, 1):>10}" for key in ("median", "p99", "max")) for name, figure in rows]


def all_of(machine, judged, figures):
    """The whole text; parts are apart by empty lines."""
    tables = (machine_lines(machine) + goal_lines(judged), tunnel_lines(figures), latency_lines(figures))
    return "\n\n".join("\n".join(lines) for lines in tables if lines)

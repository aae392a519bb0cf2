# SPDX-License-Identifier: BSD-2-Clause
"""Draws a run: goals, and bars of what tunnels carry, what a gigabyte costs, and what a packet costs. Plain SVG."""
import math
from xml.sax.saxutils import escape

from tables import TUNNELS, number

WIDTH = 940
MARGIN = 12
COLUMN = 452  # width of a panel, two beside each other
LABEL = 130  # of its bars' labels
VALUE = 140  # of its bars' figures
BAR = 16
GAP = 6
COLOURS = {"xesp": "#1f6fb2", "other": "#9aa5b1", "met": "#2e7d32", "missed": "#c62828", "grey": "#777"}
SIZES = (64, 128, 256, 576, 1400, 9000)

# Of the goals: where labels end, where the axis is; its powers of two from the bound.
GOAL_LABEL = 440
GOAL_AXIS = (456, 660)
GOAL_RANGE = (-1, 3)


class Drawing:
    def __init__(self):
        self.parts = []

    def text(self, x, y, text, size=12, anchor="start", weight="normal", fill="#222"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
                          f' fill="{fill}">{escape(text)}</text>')

    def path(self, shape, stroke="#222", more=""):
        self.parts.append(f'<path d="{shape}" stroke="{stroke}" fill="none"{more}/>')

    def whiskers(self, low, high, y):
        self.path(f"M{low:.1f} {y:.1f}H{high:.1f}M{low:.1f} {y - 3:.1f}v6M{high:.1f} {y - 3:.1f}v6")

    def title(self, x, y, text, note):
        self.text(x, y + 16, text, 14, weight="bold")
        self.text(x, y + 32, note, 11, fill="#555")
        return y + 40

    def bars(self, x, y, panel):
        """A panel of bars, as long as their medians, whiskers from quartile to quartile. Returns where it ends."""
        y = self.title(x, y, panel.title, panel.note)
        longest = max(figure["q3"] for _, figure, _ in panel.rows) or 1
        scale = (COLUMN - LABEL - VALUE) / longest
        left = x + LABEL
        for label, figure, colour in panel.rows:
            middle = y + BAR / 2
            length, low, high = (max(figure[key] * scale, 0) for key in ("median", "q1", "q3"))
            self.text(left - 6, middle + 4, label, 11, anchor="end")
            self.parts.append(f'<rect x="{left}" y="{y}" width="{max(length, 1):.1f}" height="{BAR}" fill="{colour}"/>')
            self.whiskers(left + low, left + high, middle)
            self.text(max(left + length, left + high) + 6, middle + 4, told(figure, panel.unit), 11)
            y += BAR + GAP
        return y + 10

    def goals(self, y, judged):
        y = self.title(MARGIN, y, "Goals", "how much better than its bound each is, in powers of two; what is left of the line is"
                       " not met")
        bound = axis(0)
        top = y
        for row in judged:
            middle = y + BAR / 2
            self.text(GOAL_LABEL, middle + 4, row["goal"], 11, anchor="end")
            kept = f"at {row['at']} {number(row['bound'])}"
            if row["met"] is None:
                self.text(GOAL_AXIS[1] + 14, middle + 4, f"not measured ({kept})", 11, fill=COLOURS["grey"])
            else:
                colour = COLOURS["met" if row["met"] else "missed"]
                low, at, high = (axis(ahead(row, row[key])) for key in ("q1", "median", "q3"))
                self.whiskers(min(low, high), max(low, high), middle)
                self.parts.append(f'<circle cx="{at:.1f}" cy="{middle:.1f}" r="5" fill="{colour}"/>')
                mark = "\u2713" if row["met"] else "\u2717"
                self.text(GOAL_AXIS[1] + 14, middle + 4, f"{mark} {told(row, row['unit'])}, {kept}", 11, fill=colour)
            y += BAR + GAP - 2
        self.path(f"M{bound:.1f} {top:.1f}V{y:.1f}", more=' stroke-width="1.5"')
        for power in range(GOAL_RANGE[0], GOAL_RANGE[1] + 1):
            name = {-1: "half", 0: "bound"}.get(power, f"{2 ** power} times")
            if power:
                self.path(f"M{axis(power):.1f} {top:.1f}V{y:.1f}", "#ccc", ' stroke-dasharray="2 3"')
            self.text(axis(power), y + 12, name, 10, anchor="middle", fill="#555")
        return y + 26

    def svg(self, height):
        body = "\n".join(self.parts)
        return ('<!-- SPDX-License-Identifier: BSD-2-Clause -->\n'
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}"'
                f' viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">\n'
                f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')


def told(figure, unit):
    middle, low, high = (number(figure[key]) for key in ("median", "q1", "q3"))
    return f"{middle} {unit}" + ("" if low == middle == high else f" ({low} to {high})")


def ahead(row, value):
    """Powers of two that the value is better than its bound."""
    if value <= 0:
        return GOAL_RANGE[1] if row["at"] == "most" else GOAL_RANGE[0]
    return math.log2(value / row["bound"]) * (-1 if row["at"] == "most" else 1)


def axis(power):
    low, high = GOAL_RANGE
    left, right = GOAL_AXIS
    return left + (min(max(power, low), high) - low) / (high - low) * (right - left)


class Panel:
    """Rows of label, figure and colour; those without figure are left out."""

    def __init__(self, title, note, unit, rows, factor=1.0):
        self.title, self.note, self.unit = title, note, unit
        self.rows = [(label, {key: figure[key] * factor for key in ("median", "q1", "q3")}, COLOURS[colour])
                     for label, figure, colour in rows if figure]


def tunnels(figures, name):
    for tunnel, label in TUNNELS.items():
        yield label, figures.get(f"tunnel.{name}.{tunnel}"), "xesp" if "xesp" in tunnel else "other"


def sizes(figures, name):
    for size in SIZES:
        yield f"{size} bytes", figures.get(f"{name}.ipsec-mb.aes128gcm16.{size}.32.above_library"), "xesp"


def peer(figures):
    for way, label in (("open", "opening"), ("seal", "sealing")):
        for size in (64, 576, 1400):
            yield f"{label} {size}", figures.get(f"librte_ipsec.{way}.aes128gcm16.{size}.ratio"), "xesp"


def classified(figures):
    for count in (1, 1000, 65536, 1000000):
        yield f"ESP, {count:,} SAs", figures.get(f"classifier.esp_hit.{count}"), "xesp"
    for name, label in (("esp_miss", "ESP without SA"), ("ike", "IKE"), ("keepalive", "keepalive"), ("tcp", "TCP")):
        yield label, figures.get(f"classifier.{name}.65536"), "xesp"


def received(figures):
    for size in ("1400", "imix", "64"):
        for way, label in (("recycle", "only receives"), ("null", "opens"), ("tun", "opens, to TUN"),
                           ("dev", "opens, to inside")):
            yield f"{label}, {size}", figures.get(f"receive.{way}.{size}"), "other" if way == "recycle" else "xesp"


def saved(figures):
    for name, label in (("merge.gain.tcp1.1400", "merged, TCP 1400"), ("merge.gain.tcp8.1400", "the same, 8 flows"),
                        ("merge.gain.udp1.1200", "merged, UDP 1200"), ("gateway.gain.single.udp64.1200", "to inside, 1200"),
                        ("gateway.gain.single.udp64.64", "to inside, 64")):
        yield label, figures.get(name), "xesp"


def sent(figures):
    for peer, peer_label in (("xesp", "to xesp"), ("kernel", "to a kernel")):
        for kind, label in (("1400x40", "UDP 1400"), ("tcp", "TCP")):
            for way, colour in (("packet", "xesp"), ("xdp", "other")):
                yield f"{label} {peer_label}", figures.get(f"send.cpu.{peer}.{kind}.{way}"), colour


def panels(figures):
    shorter = "shorter is better"
    return [
        Panel("TCP, one flow, through a tunnel", "both ends and their traffic on this machine; longer is better", "Gb/s",
              tunnels(figures, "tcp"), 1e-9),
        Panel("CPU seconds a gigabyte of TCP", f"daemons, kernel and iperf3 of both ends; {shorter}", "s",
              tunnels(figures, "cpu")),
        Panel("TCP, 8 flows", "longer is better", "Gb/s", tunnels(figures, "tcp8"), 1e-9),
        Panel("UDP, at most 1 % lost", "longer is better", "Gb/s", tunnels(figures, "udp_bounded"), 1e-9),
        Panel("Opening a packet, AES-128-GCM, bursts of 32", f"above libipsec-mb alone on the same bytes; {shorter}",
              "cycles", sizes(figures, "open")),
        Panel("Sealing a packet, with outer headers", f"above libipsec-mb alone on the same bytes; {shorter}", "cycles",
              sizes(figures, "seal")),
        Panel("Classifier", f"a packet, above an empty XDP program; {shorter}", "ns", classified(figures)),
        Panel("DPDK's librte_ipsec, AES-128-GCM", "its cycles over xesp's, same packets and library; longer is better",
              "times", peer(figures)),
        Panel("What merging and the inside interface save", "times the packets a second of CPU time, against without",
              "times", saved(figures)),
        Panel("Receive behind AF_XDP, one CPU", "packets a second; longer is better", "M", received(figures), 1e-6),
        Panel("Sending, CPU time a packet", f"all that the sender's engine has; grey: by AF_XDP; {shorter}", "ns",
              sent(figures)),
    ]


def svg(machine, figures, judged):
    drawing = Drawing()
    busy = ", others at work" if machine["load"] > 0.5 else ""
    drawing.text(MARGIN, 20, f"{machine['cpu']}, {machine['cpus']} CPUs{busy}, Linux {machine['kernel']},"
                 f" {machine['time'][:10]}; medians, whiskers are quartiles", 11, fill="#555")
    measured = [row for row in judged if row["met"] is not None]
    drawing.text(MARGIN, 36, f"{sum(row['met'] for row in measured)} of {len(measured)} measured goals are met"
                 " (docs/PERFORMANCE.md)", 11, fill="#555")
    y = drawing.goals(44, judged)
    drawn = [panel for panel in panels(figures) if panel.rows]
    for i in range(0, len(drawn), 2):
        y = max(drawing.bars(x, y, panel)
                for x, panel in zip((MARGIN, WIDTH - MARGIN - COLUMN), drawn[i:i + 2]))
    return drawing.svg(y)

# SPDX-License-Identifier: BSD-2-Clause
"""Draws a run: bars of what tunnels carry, what a gigabyte costs, and what a packet costs. Plain SVG."""
from xml.sax.saxutils import escape

WIDTH = 760
LEFT = 190  # of the bars
BAR = 18
GAP = 6
COLOURS = {"xesp": "#1f6fb2", "other": "#9aa5b1"}
NAMES = {
    "xesp-gcm": "xesp, AES-128-GCM",
    "xesp-chacha": "xesp, ChaCha20",
    "strongswan-gcm": "strongSwan userland",
    "wireguard-go": "wireguard-go",
    "none": "no tunnel",
}


class Drawing:
    def __init__(self):
        self.parts = []
        self.y = 20

    def text(self, x, y, text, size=12, anchor="start", weight="normal", fill="#222"):
        self.parts.append(f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}"'
                          f' fill="{fill}">{escape(text)}</text>')

    def title(self, text, note):
        self.y += 14
        self.text(12, self.y, text, 14, weight="bold")
        self.y += 16
        self.text(12, self.y, note, 11, fill="#555")
        self.y += 10

    def bars(self, rows, unit):
        """Rows of label, figure, colour; as long as their medians, whiskers from quartile to quartile."""
        longest = max((figure["q3"] for _, figure, _ in rows), default=0) or 1
        scale = (WIDTH - LEFT - 190) / longest
        for label, figure, colour in rows:
            middle = self.y + BAR / 2
            length = max(figure["median"] * scale, 1)
            self.text(LEFT - 8, middle + 4, label, anchor="end")
            self.parts.append(f'<rect x="{LEFT}" y="{self.y}" width="{length:.1f}" height="{BAR}" fill="{colour}"/>')
            low, high = LEFT + figure["q1"] * scale, LEFT + figure["q3"] * scale
            self.parts.append(f'<path d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} {middle - 4}v8M{high:.1f} {middle - 4}v8"'
                              ' stroke="#222" fill="none"/>')
            self.text(max(LEFT + length, high) + 8, middle + 4,
                      f"{figure['median']:.3g} {unit} ({figure['q1']:.3g} to {figure['q3']:.3g})", 11)
            self.y += BAR + GAP
        self.y += 8

    def svg(self):
        body = "\n".join(self.parts)
        return ('<!-- SPDX-License-Identifier: BSD-2-Clause -->\n'
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{self.y + 10}"'
                f' viewBox="0 0 {WIDTH} {self.y + 10}" font-family="sans-serif">\n'
                f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n')


def scaled(figure, factor):
    return {key: figure[key] * factor for key in ("median", "q1", "q3")}


def tunnel_rows(figures, name, factor):
    rows = []
    for tunnel, label in NAMES.items():
        figure = figures.get(f"tunnel.{name}.{tunnel}")
        if figure:
            rows.append((label, scaled(figure, factor), COLOURS["xesp" if "xesp" in tunnel else "other"]))
    return rows


def pipeline_rows(figures):
    rows = []
    for size in (64, 128, 256, 576, 1400, 9000):
        figure = figures.get(f"open.ipsec-mb.aes128gcm16.{size}.32.above_library")
        if figure:
            rows.append((f"{size} bytes", scaled(figure, 1), COLOURS["xesp"]))
    return rows


def classifier_rows(figures):
    rows = []
    for count in (1, 1000, 65536, 1000000):
        figure = figures.get(f"classifier.esp_hit.{count}")
        if figure:
            rows.append((f"ESP, {count:,} SAs", scaled(figure, 1), COLOURS["xesp"]))
    figure = figures.get("classifier.ike.65536")
    if figure:
        rows.append(("IKE", scaled(figure, 1), COLOURS["xesp"]))
    return rows


def svg(machine, figures, judged):
    drawing = Drawing()
    busy = ", others at work" if machine["load"] > 0.5 else ""
    drawing.text(12, drawing.y, f"{machine['cpu']}, {machine['cpus']} CPUs{busy}, Linux {machine['kernel']},"
                 f" {machine['time'][:10]}; medians, whiskers are quartiles", 11, fill="#555")
    measured = [row for row in judged if row["met"] is not None]
    drawing.y += 16
    drawing.text(12, drawing.y, f"{sum(row['met'] for row in measured)} of {len(measured)} measured goals are met"
                 " (docs/PERFORMANCE.md)", 11, fill="#555")
    drawing.y += 8
    for name, title, note, factor, unit in (
            ("tcp", "TCP, one flow, through a tunnel", "both ends and their traffic on this machine; longer is better",
             1e-9, "Gb/s"),
            ("tcp8", "TCP, 8 flows", "the same; longer is better", 1e-9, "Gb/s"),
            ("cpu", "CPU seconds a gigabyte of TCP", "daemons, kernel and iperf3 of both ends; shorter is better", 1,
             "s")):
        rows = tunnel_rows(figures, name, factor)
        if rows:
            drawing.title(title, note)
            drawing.bars(rows, unit)
    for rows, title, note, unit in (
            (pipeline_rows(figures), "Opening a packet, AES-128-GCM, bursts of 32",
             "cycles above libipsec-mb alone on the same bytes; shorter is better", "cycles"),
            (classifier_rows(figures), "Classifier", "ns a packet above an empty XDP program; shorter is better", "ns")):
        if rows:
            drawing.title(title, note)
            drawing.bars(rows, unit)
    return drawing.svg()

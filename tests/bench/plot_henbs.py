#!/usr/bin/env python3
"""How the key service grows with the HeNBs, as a picture: plot_henbs.py POINTS.json OUT.svg

POINTS.json comes from `./dev bench --only henbs` (build/bench/henbs.json). Both axes are logarithmic.
"""

import json
import math
import pathlib
import sys

WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 190, 62, 34, 34
PANELS = (("start_s", "start, s"), ("resident_mib", "resident memory, MiB"), ("p99_ms", "p99 of a call, ms"))


def ticks(low, high):
    """Powers of ten around the values."""
    return [10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def label(value):
    if value >= 1e6:
        return f"{value / 1e6:g} M"
    return f"{value / 1e3:g} k" if value >= 1e3 else f"{value:g}"


def panel(points, field, title, left):
    xs, ys = [p["henbs"] for p in points], [max(p[field], 1e-3) for p in points]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), ticks(min(ys), max(ys) * 1.01)

    def x(value):
        return left + WIDTH * math.log10(value / x_ticks[0]) / math.log10(x_ticks[-1] / x_ticks[0])

    def y(value):
        return TOP + HEIGHT * (1 - math.log10(value / y_ticks[0]) / math.log10(y_ticks[-1] / y_ticks[0]))

    out = [f'<text x="{left}" y="{TOP - 12}" font-weight="bold">{title}</text>']
    for tick in x_ticks:
        out.append(f'<line x1="{x(tick):.1f}" y1="{TOP}" x2="{x(tick):.1f}" y2="{TOP + HEIGHT}" stroke="#ddd"/>')
        out.append(f'<text x="{x(tick):.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{label(tick)}</text>')
    for tick in y_ticks:
        out.append(f'<line x1="{left}" y1="{y(tick):.1f}" x2="{left + WIDTH}" y2="{y(tick):.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{label(tick)}</text>')
    line = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(xs, ys))
    out.append(f'<polyline points="{line}" fill="none" stroke="#1464a0" stroke-width="2"/>')
    for a, b in zip(xs, ys):
        out.append(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3" fill="#1464a0"/>')
        out.append(f'<text x="{x(a):.1f}" y="{y(b) - 8:.1f}" text-anchor="middle">{b:.3g}</text>')
    return out


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    points = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    step = LEFT + WIDTH + GAP
    width, height = step * len(PANELS), TOP + HEIGHT + 44
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for n, (field, title) in enumerate(PANELS):
        out += panel(points, field, title, n * step + LEFT)
    out.append(f'<text x="{width / 2}" y="{height - 8}" text-anchor="middle">registered HeNBs, a tenth as many exceptions for pairs</text>')
    pathlib.Path(sys.argv[2]).write_text("\n".join([*out, "</svg>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

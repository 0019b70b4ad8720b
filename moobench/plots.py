# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG for a page: boxes, dots and lines on logarithmic axes. Colours are the page's: classes ours, peer, plain and floor, and s0 to s9."""

import html
import math

LEFT, WIDTH, RIGHT = 330, 1000, 20
ROW = 26


def _log(value, low, high, at, size):
    return at + size * (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))


def _ticks(low, high):
    """1, 2 and 5 times powers of ten, or the powers alone where they would be many."""
    steps = (1, 2, 5) if high / low < 300 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [step * 10.0 ** power for power in powers for step in steps if low <= step * 10.0 ** power <= high]


def _number(value):
    return "%g" % value if value < 10000 else format(int(value), ",")


def _text(x, y, text, kind="", anchor="start"):
    return '<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>' % (x, y, kind, anchor, html.escape(text))


def _svg(height, parts, label):
    return '<svg viewBox="0 0 %d %d" role="img" aria-label="%s">%s</svg>' % (WIDTH, height, html.escape(label), "".join(parts))


def _grid(low, high, top, bottom, unit):
    parts, size = [], WIDTH - LEFT - RIGHT
    for tick in _ticks(low, high):
        x = _log(tick, low, high, LEFT, size)
        parts.append('<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>' % (x, x, top, bottom))
        parts.append(_text(x, bottom + 16, _number(tick), "tick", "middle"))
    parts.append(_text(WIDTH - RIGHT, bottom + 34, unit, "tick", "end"))
    return parts


def boxes(rows, unit, label):
    """rows: (title, class, (p5, q1, median, q3, p95), what to say). Boxes from quartile to quartile, whiskers to the 5th and 95th percentile."""
    low, high = min(row[2][0] for row in rows) * 0.9, max(row[2][4] for row in rows) * 1.6
    bottom, size = 8 + ROW * len(rows), WIDTH - LEFT - RIGHT
    parts = _grid(low, high, 4, bottom, unit)
    for i, (title, kind, five, said) in enumerate(rows):
        y = 8 + ROW * i + ROW / 2
        x = [_log(value, low, high, LEFT, size) for value in five]
        parts.append('<g class="%s"><title>%s</title>' % (kind, html.escape(said)))
        parts.append(_text(LEFT - 10, y + 4, title, "name", "end"))
        parts.append('<line class="whisker" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>' % (x[0], x[4], y, y))
        parts.append('<rect x="%.1f" y="%.1f" width="%.1f" height="14" rx="2"/>' % (x[1], y - 7, max(3, x[3] - x[1])))
        parts.append('<line class="median" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>' % (x[2], x[2], y - 8, y + 8))
        parts.append(_text(max(x[4], x[3]) + 8, y + 4, "%.3g" % five[2], "value"))
        parts.append("</g>")
    return _svg(bottom + 40, parts, label)


def dots(rows, names, unit, label):
    """rows: (title, [value or None, ...]), a dot for each of the names, joined by a line."""
    values = [value for _, row in rows for value in row if value]
    low, high = min(1, min(values)) * 0.9, max(values) * 1.5
    top, size = 30, WIDTH - LEFT - RIGHT
    bottom = top + ROW * len(rows)
    parts = _grid(low, high, top - 4, bottom, unit)
    for i, name in enumerate(names):
        parts.append('<circle class="s%d" cx="%d" cy="12" r="6"/>' % (i, LEFT + 10 + 200 * i))
        parts.append(_text(LEFT + 22 + 200 * i, 16, name, "name"))
    for i, (title, row) in enumerate(rows):
        y = top + ROW * i + ROW / 2
        at = [(k, value, _log(value, low, high, LEFT, size)) for k, value in enumerate(row) if value]
        parts.append(_text(LEFT - 10, y + 4, title, "name", "end"))
        parts.append('<line class="join" x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f"/>' % (min(x for _, _, x in at), max(x for _, _, x in at), y, y))
        for k, value, x in at:
            parts.append('<circle class="s%d" cx="%.1f" cy="%.1f" r="6"><title>%s: %.3g</title></circle>' % (k, x, y, html.escape(names[k]), value))
    return _svg(bottom + 40, parts, label)


def lines(series, x_unit, y_unit, label):
    """series: (title, [(x, y), ...]), lines on two logarithmic axes; the titles stand beside their ends."""
    xs = sorted({x for _, points in series for x, _ in points})
    ys = [y for _, points in series for _, y in points]
    low, high = min(ys) * 0.8, max(ys) * 1.3
    left, top, bottom, right = 70, 10, 430, WIDTH - 300
    parts = []
    for tick in _ticks(low, high):
        y = _log(tick, low, high, bottom, top - bottom)
        parts.append('<line class="grid" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>' % (left, right, y, y))
        parts.append(_text(left - 8, y + 4, _number(tick), "tick", "end"))
    for x in xs:
        at = _log(x, xs[0], xs[-1], left, right - left)
        parts.append('<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>' % (at, at, top, bottom))
        parts.append(_text(at, bottom + 18, _number(x), "tick", "middle"))
    parts.append(_text(right, bottom + 36, x_unit, "tick", "end"))
    parts.append(_text(left - 60, top + 4, y_unit, "tick"))
    ends = []
    for i, (title, points) in enumerate(series):
        at = [(_log(x, xs[0], xs[-1], left, right - left), _log(y, low, high, bottom, top - bottom)) for x, y in points]
        parts.append('<g class="s%d"><title>%s</title><polyline points="%s"/>' % (i % 10, html.escape(title), " ".join("%.1f,%.1f" % place for place in at)))
        parts += ['<circle cx="%.1f" cy="%.1f" r="3"/>' % place for place in at]
        parts.append("</g>")
        ends.append((at[-1][1], i, title))
    free = top
    for y, i, title in sorted(ends):
        free = max(free + 16, y + 4)
        parts.append('<line class="join" x1="%d" x2="%d" y1="%.1f" y2="%.1f"/>' % (right + 2, right + 14, y, free - 4))
        parts.append('<g class="s%d">%s</g>' % (i % 10, _text(right + 18, free, title, "name")))
    return _svg(max(bottom, int(free)) + 44, parts, label)

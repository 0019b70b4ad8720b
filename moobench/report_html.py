# SPDX-License-Identifier: Apache-2.0
"""The page: plots and tables of a result in one file that needs nothing else, in light and dark."""

import html

import figures
import plots
import report

STYLE = """
:root { --page: #fff; --text: #1c2430; --dim: #5b6675; --line: #d9dee5; --s0: #0b6bcb; --s1: #c2410c; --s2: #7c3aed; --s3: #0f766e; --s4: #be185d;
  --s5: #4d7c0f; --s6: #b45309; --s7: #475569; --s8: #0369a1; --s9: #9f1239; --ours: #0b6bcb; --peer: #c2410c; --plain: #475569; --floor: #0f766e }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --text: #e6e9ee; --dim: #9aa5b4; --line: #2c343f; --s0: #6cb0ff; --s1: #ff9b6b;
  --s2: #b79bff; --s3: #5ed0c3; --s4: #ff8fc0; --s5: #a9d36b; --s6: #f2b95f; --s7: #a8b3c2; --s8: #67c5f5; --s9: #ff8f9d; --ours: #6cb0ff;
  --peer: #ff9b6b; --plain: #a8b3c2; --floor: #5ed0c3 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1200px; padding: 1.5rem; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.7rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem } p { margin: .2rem 0 .8rem } .dim { color: var(--dim) }
svg { width: 100%; height: auto; display: block; font: 13px system-ui, sans-serif }
text { fill: var(--text) } .tick { fill: var(--dim); font-size: 12px } .value { font-size: 12px; font-variant-numeric: tabular-nums }
.grid { stroke: var(--line) } .join { stroke: var(--dim); fill: none; opacity: .6 } .whisker { stroke-width: 1.5 }
.ours rect, .ours .whisker { fill: var(--ours); stroke: var(--ours) } .peer rect, .peer .whisker { fill: var(--peer); stroke: var(--peer) }
.plain rect, .plain .whisker { fill: var(--plain); stroke: var(--plain) } .floor rect, .floor .whisker { fill: var(--floor); stroke: var(--floor) }
rect { fill-opacity: .55 } .median { stroke: var(--text); stroke-width: 2 }
polyline { fill: none; stroke-width: 2 }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--page) }
th { color: var(--dim); font-weight: 600 } .missed { color: var(--peer); font-weight: 600 }
.key span { margin-right: 1.2rem } .key i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em }
""" + "\n".join("circle.s%d, .s%d circle { fill: var(--s%d) } .s%d polyline { stroke: var(--s%d) } .s%d text { fill: var(--s%d) }" % ((i,) * 7)
                for i in range(10))

PEERS = ("pack-", "cprofile", "viztracer", "opentelemetry")


def _kind(key):
    if key in ("none", "c-none"):
        return "plain"
    if key in ("floor", "c-clock"):
        return "floor"
    return "peer" if key.startswith(PEERS) else "ours"


def _boxes(result, python):
    x, rows = result.xs("table")[0], []
    for key in result.keys(python, "table"):
        taken = result.of(python, "table", x, key)
        five = [figures.quantile(taken, q) / 1e3 for q in (0.05, 0.25, 0.5, 0.75, 0.95)]
        rows.append((result.title(key), _kind(key), five, "%s: median %.3g us, quartiles %.3g to %.3g, mean %.3g" % (
            result.title(key), five[2], five[1], five[3], figures.mean(taken) / 1e3)))
    return plots.boxes(rows, "microseconds of an outer call, logarithmic", "Time of a call under each setup, " + python)


def _dots(table):
    rows = [(row[0], [float(cell) if cell else None for cell in row[1:4]]) for row in table.rows]
    return plots.dots(rows, ["this agent", "Kieker Python, published", "Kieker Java, published"], "times the uninstrumented call, logarithmic", table.title)


def _depth(result, python):
    series = []
    for key in result.keys(python, "depth"):
        points = [(x, figures.quantile(result.of(python, "depth", x, key), 0.5) / 1e3) for x in result.xs("depth") if result.of(python, "depth", x, key)]
        series.append((result.title(key), points))
    return plots.lines(series, "depth", "us", "Time of a call over its depth, " + python)


def _table(table):
    cells = ["<h2>%s</h2><p class=dim>%s</p><div class=scroll tabindex=0><table><thead><tr>" % (html.escape(table.title), html.escape(table.note))]
    cells += ["<th scope=col>%s" % html.escape(column) for column in table.columns]
    cells.append("<tbody>")
    for row in table.rows:
        cells.append("<tr>")
        cells += ["<td%s>%s" % (" class=missed" if "more than" in cell and i == len(row) - 1 else "", html.escape(cell)) for i, cell in enumerate(row)]
    cells.append("</table></div>")
    return "".join(cells)


def page(result_data):
    """The whole file, UTF-8."""
    result, tables = report.Result(result_data), report.tables(result_data)
    parts = ["<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>MooBench: what being observed costs</title>",
             "<style>%s</style><h1>What being observed costs</h1><p class=dim>%s</p>" % (STYLE, html.escape(report.about(result_data))),
             "<p class=key><span><i style='background:var(--plain)'></i>not observed</span><span><i style='background:var(--floor)'></i>floor</span>"
             "<span><i style='background:var(--ours)'></i>this agent</span><span><i style='background:var(--peer)'></i>others</span></p>"]
    for python in result.pythons:
        name = "C program" if python == "C" else "Python " + python
        if result.keys(python, "table"):
            parts += ["<h2>%s: a call that does nothing, %d deep</h2><p class=dim>Boxes from quartile to quartile, whiskers to the 5th and 95th percentile;"
                      " the number is the median.</p>" % (name, result.xs("table")[0]), _boxes(result, python)]
            beside = [table for table in tables if table.title == "%s: beside the published evaluation" % name]
            if beside:
                parts += ["<h2>%s</h2><p class=dim>%s</p>" % (html.escape(beside[0].title), html.escape(beside[0].note)), _dots(beside[0])]
        if result.keys(python, "depth"):
            parts += ["<h2>%s: over depth</h2><p class=dim>Medians; what a call costs is the slope.</p>" % name, _depth(result, python)]
    parts += [_table(table) for table in tables]
    missing = ["%s (%s): %s" % (row["setup"], row["python"], row["why"]) for row in result_data["missing"]]
    if missing:
        parts.append("<h2>Not measured</h2><ul>%s</ul>" % "".join("<li>%s" % html.escape(line) for line in missing))
    return "".join(parts) + "</html>\n"

# SPDX-License-Identifier: Apache-2.0
"""Tables of a result. They are made once, and shown as text, as CSV and in the page (report_html.py)."""

import os
import statistics

import figures

HERE = os.path.dirname(os.path.abspath(__file__))


class Table:
    """Rows of texts; the first column is words, the others are numbers or judgements. `note` says how to read it."""

    def __init__(self, title, note, columns, rows):
        self.title, self.note, self.columns, self.rows = title, note, columns, rows


class Result:
    """What was taken, by (python, experiment, x, setup): the runs, a loop each, in order."""

    def __init__(self, result):
        self.data = result
        self.setups = {setup["key"]: setup for setup in result["setups"]}
        self.runs = {}
        for run in sorted(result["runs"], key=lambda run: run["loop"]):
            self.runs.setdefault((run["python"], run["experiment"], run["x"], run["setup"]), []).append(run)
        self.pythons = list(dict.fromkeys(run["python"] for run in result["runs"]))
        # As they are listed, not as chance has run them.
        self.pythons.sort(key=lambda version: (version == "C", [int(part) for part in version.split(".") if part.isdigit()]))

    def of(self, python, experiment, x, setup):
        return self.runs.get((python, experiment, x, setup), [])

    def plain(self, python):
        return "c-none" if python == "C" else "none"

    def xs(self, experiment):
        return sorted({key[2] for key in self.runs if key[1] == experiment})

    def keys(self, python, experiment):
        """The setups that were run, in the order of their list."""
        there = {key[3] for key in self.runs if key[:2] == (python, experiment)}
        return [key for key in self.setups if key in there]

    def title(self, key):
        return self.setups[key]["title"]


def published():
    """{row: {column: us}}"""
    with open(os.path.join(HERE, "published.tsv"), encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#")]
    return {line[0]: {name: float(value) for name, value in zip(lines[0][1:], line[1:]) if value} for line in lines[1:]}


def _median(run):
    return run["q"][figures.GRID.index(0.5)]


def _ratio(pairs):
    return statistics.median(_median(run) / _median(plain) for run, plain in pairs)


def _costs(depth):
    """ns that a call costs more, of paired loops."""
    return lambda pairs: statistics.median(_median(run) - _median(plain) for run, plain in pairs) / depth


def judge(budget, found):
    if not budget:
        return ""
    name, most = budget
    return "%s %s %g" % (name, "<=" if found[name] <= most else "is more than", most)


def overhead(result, python, experiment="table"):
    """The main table of one Python, and what its rows say to the budgets."""
    x = result.xs(experiment)[0]
    plain = result.of(python, experiment, x, result.plain(python))
    rows = []
    for key in result.keys(python, experiment):
        taken = result.of(python, experiment, x, key)
        pairs = list(zip(taken, plain))
        cost, low, high = figures.bootstrap(pairs, _costs(x))
        ratio = _ratio(pairs)
        sustained = statistics.median(run["mean"] / other["mean"] for run, other in pairs)
        found = {"ns/call": cost, "median/plain": ratio, "mean/plain": sustained}
        is_plain = key == result.plain(python)
        rows.append([result.title(key), "%.2f" % (figures.mean(taken) / 1e3)] + ["%.2f" % (figures.quantile(taken, q) / 1e3) for q in (0.25, 0.5, 0.75)]
                    + (["", "", "1", "1", ""] if is_plain else ["%.1f" % cost, "%.1f to %.1f" % (low, high), "%.2f" % ratio, "%.2f" % sustained,
                                                              "%.2f" % figures.superiority(taken, plain)])
                    + ["%.0f" % statistics.median(run["beside_ns"] for run in taken), str(sum(run["lost"] for run in taken)) if
                       result.setups[key]["records"] else "", judge(result.setups[key]["budget"], found)])
    return Table("%s: one call, %d deep" % (_name(python), x),
                 "Microseconds of an outer call; ns of each of its %d calls more than plain, with the 95 % interval; A: how often a call takes longer than a"
                 " plain one (0.5: no difference); beside: ns of processor a call takes in other threads of the program." .replace("%d", str(x), 1),
                 ["setup", "mean", "1.q", "median", "3.q", "ns/call", "95 %", "median/plain", "mean/plain", "A", "beside", "lost", "budget"], rows)


def _name(python):
    return "C program" if python == "C" else "Python " + python


def against_published(result, python):
    """Ratios to the uninstrumented call: ours beside the published ones."""
    x = result.xs("table")[0]
    plain, known = result.of(python, "table", x, "none"), published()
    base, rows = known["no instrumentation"], []
    for key in result.keys(python, "table"):
        name = result.setups[key]["published"]
        if not name or key == "none":
            continue
        theirs = known[name]
        java = theirs.get("java_median") or known.get(name.replace("pre", "post"), {}).get("java_median")
        ours = _ratio(list(zip(result.of(python, "table", x, key), plain)))
        rows.append([result.title(key), "%.2f" % ours, "%.1f" % (theirs["python_median"] / base["python_median"]),
                     "%.1f" % (java / base["java_median"]) if java else "",
                     "%.0f" % (theirs["python_median"] / base["python_median"] / ours), "%.1f" % (java / base["java_median"] / ours) if java else ""])
    return Table("%s: beside the published evaluation" % _name(python),
                 "Medians as ratios to the uninstrumented call of the same machine and language. Java weaves in one way, which stands beside both of ours.",
                 ["setup", "ours", "Kieker Python", "Kieker Java", "times ahead of Python", "of Java"], rows)


def slope_pairs(result, python, key):
    """[(line of the setup, line of plain)], a loop each; lines through the medians over depth."""
    depths = result.xs("depth")
    loops = range(min(len(result.of(python, "depth", depth, name)) for depth in depths for name in (key, result.plain(python))))

    def of(name, loop):
        return figures.line([(depth, _median(result.of(python, "depth", depth, name)[loop])) for depth in depths])

    return [(of(key, loop), of(result.plain(python), loop)) for loop in loops]


def regression(result, python):
    """What a call costs, as the slope over depth."""
    rows = []
    for key in result.keys(python, "depth"):
        pairs = slope_pairs(result, python, key)
        total = figures.bootstrap(pairs, lambda pairs: statistics.median(line[0] for line, _ in pairs))
        more = figures.bootstrap(pairs, lambda pairs: statistics.median(line[0] - plain[0] for line, plain in pairs))
        once = statistics.median(line[1] for line, _ in pairs)
        rows.append([result.title(key), "%.1f" % total[0], "%.1f to %.1f" % total[1:]]
                    + (["", ""] if key == result.plain(python) else ["%.1f" % more[0], "%.1f to %.1f" % more[1:]])
                    + ["%.0f" % once, "%.4f" % statistics.median(line[2] for line, _ in pairs)])
    return Table("%s: cost a call by depth" % _name(python),
                 "Slope of the line through the medians over depths %s, in ns a call, with 95 %% intervals; then what it is more than plain. Once: what an"
                 " outer call takes besides." % ", ".join(str(x) for x in result.xs("depth")),
                 ["setup", "ns/call", "95 %", "more than plain", "95 %", "once", "R2"], rows)


def over(result, python, experiment):
    """A column each load: the median, and what the whole took for each call until everything was sent, as ratios to plain."""
    xs, rows = result.xs(experiment["key"]), []
    for key in result.keys(python, experiment["key"]):
        cells = []
        for x in xs:
            pairs = list(zip(result.of(python, experiment["key"], x, key), result.of(python, experiment["key"], x, result.plain(python))))
            if not pairs:
                cells += ["", "", ""]
                continue
            cells += ["%.2f" % (figures.quantile([run for run, _ in pairs], 0.5) / 1e3), "%.2f" % _ratio(pairs),
                      "%.2f" % statistics.median(run["wall_ns"] / plain["wall_ns"] for run, plain in pairs)]
        rows.append([result.title(key)] + cells)
    columns = [name for x in xs for name in ("%s %s: us" % (experiment["x"], x), "median/plain", "wall/plain")]
    return Table("%s: %s" % (_name(python), experiment["title"][0].lower() + experiment["title"][1:]),
                 "Median of an outer call in microseconds and as a ratio to plain; wall: the time of the whole until everything has been sent.",
                 ["setup"] + columns, rows)


def where(result, python):
    """Where the time of a call that is observed goes, by differences of setups that were run in turn."""
    x = result.xs("table")[0]

    def cost(of, key):
        pairs = list(zip(result.of(of, "table", x, key), result.of(of, "table", x, result.plain(of))))
        return figures.bootstrap(pairs, _costs(x)) if pairs else None

    whole, floor = cost(python, "null-pre-events"), cost(python, "floor")
    clock, probe = cost("C", "c-clock"), cost("C", "c-null-events")
    if not (whole and floor and clock and probe):
        return None
    beside = {key: statistics.median(run["beside_ns"] for run in result.of(python, "table", x, key))
              for key in ("null-pre-events", "sink-pre-events", "collector-pre-events") if result.of(python, "table", x, key)}
    rows = [["the whole, null writer, pre", "%.1f" % whole[0], "%.1f to %.1f" % whole[1:], "Python, null writer less no instrumentation"],
            ["the clock, twice", "%.1f" % clock[0], "%.1f to %.1f" % clock[1:], "C, the clock read twice, less nothing"],
            ["the ring, twice", "%.1f" % (probe[0] - clock[0]), "", "C, probes with the null writer, less the clock"],
            ["reaching the probe, twice", "%.1f" % (whole[0] - probe[0]), "", "the rest: the interpreter"],
            ["floor: a C function that does nothing, twice", "%.1f" % floor[0], "%.1f to %.1f" % floor[1:], "what any probe in the function's code costs that is called"],
            ["more than that floor and the clock", "%.1f" % (whole[0] - floor[0] - clock[0]), "", ""]]
    rows += [["sender's thread, %s" % result.title(key), "%.1f" % ns, "", "processor in other threads of the program"] for key, ns in beside.items()]
    return Table("%s: where it goes" % _name(python), "ns of each call.", ["part", "ns", "95 %", "by"], rows)


def tables(result_data):
    """All tables that the result has figures for."""
    result, found = Result(result_data), []
    kept = {experiment["key"] for experiment in result_data["experiments"]}
    for python in result.pythons:
        if "table" in kept and result.keys(python, "table"):
            found.append(overhead(result, python))
            if python != "C":
                found.append(against_published(result, python))
                found.append(where(result, python))
        if "depth" in kept and result.keys(python, "depth"):
            found.append(regression(result, python))
        found += [over(result, python, experiment) for experiment in result_data["experiments"]
                  if experiment["key"] in ("time", "threads", "tasks") and result.keys(python, experiment["key"])]
    return [table for table in found if table and table.rows]


def about(result):
    """What it was taken on, in a line."""
    machine = result["machine"]
    return "%s; %d processors (%s%s), %d MiB, %s, kernel %s, clock %s; load %s before, %s after; %d loops, seed %d" % (
        result["began_at"], machine["processors"], machine["processor"], ", virtual" if machine["virtual"] else "", machine["memory_mib"], machine["system"],
        machine["kernel"], machine["clock"], machine["load"][0], result.get("load_after", ["?"])[0], result["loops"], result["seed"])


def text(result):
    lines = [about(result), ""]
    for table in tables(result):
        widths = [max(len(row[i]) for row in [table.columns] + table.rows) for i in range(len(table.columns))]
        lines += [table.title, table.note, ""]
        for row in [table.columns, ["-" * width for width in widths]] + table.rows:
            cells = [cell.ljust(width) if i == 0 else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths))]
            lines.append("| %s |" % " | ".join(cells))
        lines.append("")
    lines += ["not measured: %s (%s): %s" % (missing["setup"], missing["python"], missing["why"]) for missing in result["missing"]]
    return "\n".join(lines)


def csv(result_data):
    """A line for every setup, load and Python: quartiles and mean in ns, medians over the loops."""
    result, lines = Result(result_data), ["python,experiment,x,setup,loops,mean_ns,q1_ns,median_ns,q3_ns,p99_ns,own_ns,beside_ns,wall_ns,lost"]
    for (python, experiment, x, setup), taken in sorted(result.runs.items(), key=lambda item: item[0][:2] + (item[0][2], item[0][3])):
        middle = [statistics.median(run[name] for run in taken) for name in ("own_ns", "beside_ns", "wall_ns")]
        lines.append(",".join(str(cell) for cell in [python, experiment, x, setup, len(taken), figures.mean(taken)]
                              + [figures.quantile(taken, q) for q in (0.25, 0.5, 0.75, 0.99)] + middle + [sum(run["lost"] for run in taken)]))
    return "\n".join(lines) + "\n"

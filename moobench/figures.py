# SPDX-License-Identifier: Apache-2.0
"""The statistics: quantiles, intervals by bootstrap, the line through medians over depth, and how much two samples overlap."""

import random
import statistics

# Of each run these quantiles are kept, and nothing else of its single calls.
GRID = [0.01] + [step / 20 for step in range(1, 20)] + [0.99]

RESAMPLES = 2000


def describe(taken):
    """What is kept of one run: how many calls were taken, their mean, and their quantiles over GRID, in ns."""
    taken = sorted(taken)
    last = len(taken) - 1
    return {"count": len(taken), "mean": round(sum(taken) / len(taken), 1), "q": [taken[round(q * last)] for q in GRID]}


def quantile(runs, q):
    """The median over runs of one of the quantiles."""
    return statistics.median(run["q"][GRID.index(q)] for run in runs)


def mean(runs):
    return statistics.median(run["mean"] for run in runs)


def bootstrap(pairs, figure, seed=1):
    """(figure, low, high): a figure of paired loops, and the 95 % interval of it when loops are drawn again with replacement.

    A loop is the unit: calls of one process share what happened to that process, so drawing calls would promise too much.
    """
    draw = random.Random(seed)
    found = sorted(figure([pairs[draw.randrange(len(pairs))] for _ in pairs]) for _ in range(RESAMPLES))
    return figure(pairs), found[round(0.025 * (RESAMPLES - 1))], found[round(0.975 * (RESAMPLES - 1))]


def line(points):
    """(slope, intercept, r2) of the line through (x, y) with errors in proportion to y: least squares weighted by 1 / y^2."""
    weights = [1 / (y * y) for _, y in points]
    total = sum(weights)
    x_mean = sum(w * x for w, (x, _) in zip(weights, points)) / total
    y_mean = sum(w * y for w, (_, y) in zip(weights, points)) / total
    spread = sum(w * (x - x_mean) ** 2 for w, (x, _) in zip(weights, points))
    slope = sum(w * (x - x_mean) * (y - y_mean) for w, (x, y) in zip(weights, points)) / spread
    intercept = y_mean - slope * x_mean
    around = sum(w * (y - y_mean) ** 2 for w, (_, y) in zip(weights, points))
    off = sum(w * (y - intercept - slope * x) ** 2 for w, (x, y) in zip(weights, points))
    return slope, intercept, 1 - off / around if around else 1.0


def superiority(runs, others):
    """Vargha and Delaney's A: how often a call of `runs` takes longer than one of `others`; 0.5 where they are alike.

    By the quantiles that were kept, each of which stands for as many calls as the next.
    """
    ours = sorted(q for run in runs for q in run["q"])
    theirs = sorted(q for run in others for q in run["q"])
    longer = below = equal_to = 0
    for value in ours:
        while below < len(theirs) and theirs[below] < value:
            below += 1
        equal_to = max(equal_to, below)
        while equal_to < len(theirs) and theirs[equal_to] == value:
            equal_to += 1
        longer += below + (equal_to - below) / 2
    return longer / (len(ours) * len(theirs))

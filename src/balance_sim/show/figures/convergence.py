"""Were there enough runs: the headline's excess as the runs come in, with its Monte Carlo error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import BLUE, INK, head, note, nothing, owner, sheet, styled
from balance_sim.show.wording import arm_words, decimals, number, plural, signed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

COLUMNS = ["runs", "excess", "mcse", "arm", "reference", "window"]
FIRST, MOST = 2, 200


def convergence_table(result: Result) -> pd.DataFrame:
    """Tidy: mean paired excess of the headline arm over the first so many runs, and its Monte Carlo error.

    Counts of runs from 2 to all, at most MOST of them, evenly apart in the logarithm. Numbers of the failed are
    left out."""
    arm, frame = result.headline_arm, result.outcomes
    if arm is None or frame.empty:
        return pd.DataFrame(columns=COLUMNS)
    wide = frame.pivot(index="run", columns="arm", values=f"accords_counter_{result.window}").sort_index()
    difference = (wide[arm] - wide[result.reference]).dropna().to_numpy(float)
    n = len(difference)
    if n < FIRST:
        return pd.DataFrame(columns=COLUMNS)
    counts = np.unique(np.round(np.geomspace(FIRST, n, MOST)).astype(int))
    mean = np.cumsum(difference)[counts - 1] / counts
    squares = np.cumsum(difference**2)[counts - 1] - counts * mean**2
    error = np.sqrt(np.maximum(squares, 0.0) / (counts - 1) / counts)
    table = pd.DataFrame({"runs": counts, "excess": mean, "mcse": error})
    return table.assign(arm=arm, reference=result.reference, window=result.window)[COLUMNS]


def convergence_title(table: pd.DataFrame) -> str:
    """The finding: the error reached, and how far the estimate moved in the second half of the runs."""
    last = table.iloc[-1]
    n = int(last["runs"])
    late = table[table["runs"] >= n / 2]["excess"]
    error, moved = float(last["mcse"]), float((late - last["excess"]).abs().max())
    if error == 0:
        return f"All {n:,} runs give the same excess, {signed(float(last['excess']), 0)}"
    places = decimals(error)
    return (
        f"After {n:,} runs the excess is {signed(float(last['excess']), places)} with a Monte Carlo error of "
        f"{number(error, places)}; since half of them it has moved by at most {number(moved, places)}"
    )


@styled
def draw_convergence(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """The running mean with a band of one Monte Carlo error; the final value as a line."""
    own = ax is None
    ax = ax if ax is not None else sheet(8.6, 4.6).subplots()
    if table.empty:
        return nothing(ax, "Fewer than two paired runs: there is no error to follow.")
    runs, mean, error = (table[name].to_numpy(float) for name in ("runs", "excess", "mcse"))
    ax.axhline(0, color=INK, linewidth=1)
    ax.axhline(mean[-1], color=BLUE, linewidth=1, linestyle=(0, (4, 3)))
    ax.fill_between(runs, mean - error, mean + error, color=BLUE, alpha=0.22, linewidth=0)
    ax.plot(runs, mean, color=BLUE, linewidth=2)
    if runs[-1] > runs[0]:
        ax.set_xscale("log")
        ax.set_xlim(runs[0], runs[-1])
    ticks = [
        t
        for t in (2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000)
        if runs[0] <= t < 0.8 * runs[-1]
    ]
    ax.set_xticks([*ticks, int(runs[-1])], [f"{t:,}" for t in (*ticks, int(runs[-1]))])
    ax.minorticks_off()
    settled = runs >= min(10.0, runs[-1])
    low = min(float((mean - error)[settled].min()), 0.0)
    high = max(float((mean + error)[settled].max()), 0.0)
    margin = 0.12 * (high - low or 1.0)
    ax.set_ylim(low - margin, high + margin)
    arm, reference = (arm_words(str(table[name].iloc[0])) for name in ("arm", "reference"))
    window = int(table["window"].iloc[0])
    ax.set_xlabel("runs so far, in the order of their numbers (log scale)")
    ax.set_ylabel("excess counter-accords\nper run")
    marks = (
        f"{arm} less {reference}, within {window} days. Band: one Monte Carlo error each "
        f"way; dashed: all {plural(int(runs[-1]), 'run')}"
    )
    head(ax, convergence_title(table), marks, own=own, wrap=76)
    more = "Four times the runs halve the error."
    note(ax, f"{more} The first few runs may leave the picture.", own=own, wrap=112)
    return owner(ax)

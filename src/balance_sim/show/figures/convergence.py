"""Were there enough replications: the headline arm's effect as they come in, with its Monte Carlo standard error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.replications.outcomes import FILTERED
from balance_sim.show.figures.paper import BLUE, INK, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.roles import first, titled
from balance_sim.show.wording import COUNTER, decimals, number, signed, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.result import Result

COLUMNS = ["runs", "effect", "mcse", "arm", "title", "control", "treatment", "window"]
FIRST, MOST = 2, 200


def convergence_table(result: Result) -> pd.DataFrame:
    """Tidy: mean paired effect of the headline arm over the first so many replications (filtered where there
    are filtered numbers), and its Monte Carlo standard error.

    From 2 replications to all, at most MOST rows, evenly apart in the logarithm. Failed replications are left out."""
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame(columns=COLUMNS)
    outcome = f"accords_counter_{result.window}"
    outcome = FILTERED + outcome if FILTERED + outcome in result.by_run.names else outcome
    wide = result.by_run.frame(outcome).pivot(index="run", columns="arm", values=outcome).sort_index()
    difference = (wide[arm] - wide[result.reference]).dropna().to_numpy(float)
    n = len(difference)
    if n < FIRST:
        return pd.DataFrame(columns=COLUMNS)
    counts = np.unique(np.round(np.geomspace(FIRST, n, MOST)).astype(int))
    mean = np.cumsum(difference)[counts - 1] / counts
    squares = np.cumsum(difference**2)[counts - 1] - counts * mean**2
    error = np.sqrt(np.maximum(squares, 0.0) / (counts - 1) / counts)
    table = pd.DataFrame({"runs": counts, "effect": mean, "mcse": error})
    return titled(table.assign(arm=arm, window=result.window), result)[COLUMNS]


def convergence_title(table: pd.DataFrame) -> str:
    """The finding: the error reached, and how far the estimate moved in the second half of the runs."""
    last = table.iloc[-1]
    n = int(last["runs"])
    late = table[table["runs"] >= n / 2]["effect"]
    error, moved = float(last["mcse"]), float((late - last["effect"]).abs().max())
    if error == 0:
        return f"All {n:,} replications give the same effect, {signed(float(last['effect']), 0)}"
    places = decimals(error)
    return (
        f"After {n:,} replications the effect is {signed(float(last['effect']), places)} with a Monte Carlo standard "
        f"error of {number(error, places + 1)}; in the second half it moved by at most {number(moved, places + 1)}"
    )


@styled
def draw_convergence(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """The running mean with a band of one Monte Carlo error; the final value as a line."""
    own = ax is None
    ax = ax if ax is not None else sheet(8.6, 4.6).subplots()
    if table.empty:
        return nothing(ax, "Fewer than two paired replications: there is no error to follow.")
    runs, mean, error = (table[name].to_numpy(float) for name in ("runs", "effect", "mcse"))
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
    ax.set_xlabel("replications so far, in the order of their numbers (log scale)")
    ax.set_ylabel("effect on expected\nagreements")
    marks = f"Effect on {COUNTER} {within(int(table['window'].iloc[0]))}. Band: one Monte Carlo standard error each way"
    head(ax, convergence_title(table), marks, own=own, wrap=76)
    small = f"{first(table, 'treatment')}. Control: {first(table, 'control')}. "
    small += "Four times the replications halve the error."
    note(ax, small, own=own, wrap=112)
    return owner(ax)

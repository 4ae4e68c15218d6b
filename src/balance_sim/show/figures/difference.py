"""ECDF of the paired difference: what an arm adds, run by run, with the same random numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import BLUE, INK, head, note, nothing, owner, sheet, styled
from balance_sim.show.figures.roles import arm_with_role, role
from balance_sim.show.wording import arm_words, plural

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

COLUMNS = ["arm", "role", "reference", "window", "difference", "runs", "share", "cumulative", "lo", "hi", "n"]


def dkw_half_width(n: int, confidence: float = 0.95) -> float:
    """Half width of the band that holds the whole distribution function at once.

    Dvoretzky, Kiefer, Wolfowitz 1956 with Massart's constant (1990, Annals of Probability 18):
    sqrt(ln(2 / (1 - confidence)) / 2n). Wider than need be where values are whole numbers."""
    return math.sqrt(math.log(2.0 / (1.0 - confidence)) / (2.0 * n)) if n > 0 else float("nan")


def difference_table(result: Result) -> pd.DataFrame:
    """Tidy: counter-accords within the longest window, arm minus reference, same run.

    Per arm each whole difference from one below the least to one above the most: runs with it, their share,
    share with at most it, its 95 % DKW band clipped to 0..1, n."""
    outcome, frame = f"accords_counter_{result.window}", result.outcomes
    parts = [pd.DataFrame(columns=COLUMNS)]
    if not frame.empty:
        wide = frame.pivot(index="run", columns="arm", values=outcome)
        base = wide[result.reference]
        parts += [
            _one_arm(result, arm, (wide[arm] - base).dropna()) for arm in result.arms[1:] if arm in wide
        ]
    filled = [part for part in parts if not part.empty]
    return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _one_arm(result: Result, arm: str, difference: pd.Series[float]) -> pd.DataFrame:
    values = difference.to_numpy().astype(int)
    n = len(values)
    if n == 0:
        return pd.DataFrame(columns=COLUMNS)
    steps = np.arange(min(values.min(), 0) - 1, max(values.max(), 0) + 2)
    runs = np.array([(values == step).sum() for step in steps])
    cumulative, half = runs.cumsum() / n, dkw_half_width(n)
    return pd.DataFrame(
        {
            "arm": arm,
            "role": role(result, arm),
            "reference": result.reference,
            "window": result.window,
            "difference": steps,
            "runs": runs,
            "share": runs / n,
            "cumulative": cumulative,
            "lo": np.maximum(cumulative - half, 0.0),
            "hi": np.minimum(cumulative + half, 1.0),
            "n": n,
        }
    )


def shares(rows: pd.DataFrame) -> tuple[float, float, float]:
    """Shares of runs below, at and above zero, of one arm's rows."""
    sign = np.sign(rows["difference"].to_numpy())
    share = rows["share"].to_numpy()
    return float(share[sign < 0].sum()), float(share[sign == 0].sum()), float(share[sign > 0].sum())


def tenths(share: float) -> str:
    """Per cent with one decimal, so that the three shares add up."""
    return f"{100 * share:.1f} %"


def difference_title(rows: pd.DataFrame) -> str:
    """The finding of one arm's rows."""
    below, at, above = shares(rows)
    arm, n = arm_words(str(rows["arm"].iloc[0])), int(rows["n"].iloc[0])
    window = int(rows["window"].iloc[0])
    if n == 1:
        only = int(rows.loc[rows["runs"] == 1, "difference"].iloc[0])
        count = f"{only:+d}" if only else "no more and no fewer"
        return f"One run: {arm} has {count} counter-accords within {window} days; one run says little"
    if at == 1:
        return f"{arm} changes the number of counter-accords in none of {plural(n, 'run')}"
    return (
        f"In {tenths(at)} of runs {arm} has the same number of counter-accords within {window} days; "
        f"in {tenths(above) if above else 'none'} more, in {tenths(below) if below else 'none'} fewer"
    )


@styled
def draw_difference(table: pd.DataFrame, ax: Axes | None = None, arm: str | None = None) -> Figure:
    """Steps: share of runs with at most so many more. Band: 95 %, for the whole curve."""
    own = ax is None
    ax = ax if ax is not None else sheet(8.6, 5.4).subplots()
    arm = arm if arm is not None else arm_with_role(table, "headline")
    rows = table[table["arm"] == arm]
    if rows.empty:
        return nothing(ax, "No arm to compare, or no run finished: there is no difference to show.")
    x = np.append(rows["difference"].to_numpy(), rows["difference"].iloc[-1] + 0.6).astype(float)
    x[0] -= 0.6
    curve, lo, hi = (np.append(rows[c].to_numpy(), rows[c].iloc[-1]) for c in ("cumulative", "lo", "hi"))
    ax.fill_between(x, lo, hi, step="post", color=BLUE, alpha=0.2, linewidth=0)
    ax.step(x, curve, where="post", color=BLUE, linewidth=2.2)
    ax.axvline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    _mark_shares(ax, rows)
    n, window = int(rows["n"].iloc[0]), int(rows["window"].iloc[0])
    ax.set_xlim(x[0], x[-1])
    ax.set_ylim(0, 1.18)
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    whole = rows["difference"].to_numpy()
    ticks = whole[:: max(1, len(whole) // 16)]
    ax.set_xticks(ticks, [f"{d:+d}" if d else "0" for d in ticks])
    reference = arm_words(str(rows["reference"].iloc[0]))
    ax.set_xlabel(f"counter-accords within {window} days: {arm_words(str(arm))} minus {reference}, same run")
    ax.set_ylabel("share of runs with at most so many")
    marks = f"Paired difference, not smoothed. Band: 95 % (DKW), the whole curve at once; {plural(n, 'run')}"
    head(ax, difference_title(rows), marks, own=own, wrap=76)
    note(
        ax,
        "Same number need not mean the same accords. The band narrows with more runs; the steps do not.",
        own=own,
        wrap=112,
    )
    return owner(ax)


def _mark_shares(ax: Axes, rows: pd.DataFrame) -> None:
    below, at, above = shares(rows)
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    for x, side, words in (
        (-0.06, "right", f"fewer: {tenths(below)}"),
        (0.06, "left", f"more: {tenths(above)}"),
    ):
        ax.text(x, 1.11, words, ha=side, va="center", fontsize=10, color=INK, bbox=box)
    if at > 0:
        words, middle = f"same number: {tenths(at)}", (0.0, below + at / 2)
        ax.annotate(words, middle, (10, 0), textcoords="offset points", va="center", fontsize=10, bbox=box)
        ax.plot([0, 0], [below, below + at], color=INK, linewidth=3.5, solid_capstyle="butt")

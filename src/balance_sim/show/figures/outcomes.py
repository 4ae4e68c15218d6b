"""Bars of a whole-number outcome by arm: in how many runs were there so many counter-accords?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.evidence.score import exact_share
from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    head,
    head_over,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.figures.roles import arm_with_role, role
from balance_sim.show.wording import arm_words, percent, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.study.result import Result

COLUMNS = ["arm", "role", "count", "runs", "share", "lo", "hi", "n", "window"]
MOST_PANELS = 11


def outcomes_table(result: Result) -> pd.DataFrame:
    """Tidy: arm, role, count; runs with so many counter-accords in the longest window, their share with its

    95 % interval (Clopper, Pearson), n. Every count from the least to the most in any arm, also those never seen."""
    frame, outcome = result.outcomes, f"accords_counter_{result.window}"
    if frame.empty:
        return pd.DataFrame(columns=COLUMNS)
    counts = np.arange(int(frame[outcome].min()), int(frame[outcome].max()) + 1)
    parts = []
    for arm in result.arms:
        values = frame.loc[frame["arm"] == arm, outcome].to_numpy(int)
        runs = np.bincount(values - counts[0], minlength=len(counts))
        share = runs / len(values)
        lo, hi = exact_share(np.rint(share * len(values)), np.array(float(len(values))))
        part = pd.DataFrame({"count": counts, "runs": runs, "share": share, "lo": lo, "hi": hi})
        parts.append(part.assign(arm=arm, role=role(result, arm), n=len(values), window=result.window))
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def middle_half(rows: pd.DataFrame) -> tuple[int, int]:
    """Counts between which at least half of an arm's runs lie: the quartiles, of runs."""
    cumulative, counts = rows["share"].cumsum().to_numpy(), rows["count"].to_numpy()
    return tuple(int(counts[np.searchsorted(cumulative, share - 1e-12)]) for share in (0.25, 0.75))  # type: ignore[return-value]


def overlap(table: pd.DataFrame, arm: str, reference: str) -> float:
    """Share that two arms' distributions have in common: the sum of the lesser of the two shares, 0 to 1."""
    one, other = (table.loc[table["arm"] == name, "share"].to_numpy() for name in (arm, reference))
    return float(np.minimum(one, other).sum())


def outcomes_title(table: pd.DataFrame) -> str:
    """The finding: where the middle half of the runs lies with and without, and what they have in common."""
    base = table[table["role"] == "reference"]
    half = _span(*middle_half(base))
    name, arm = arm_words(str(base["arm"].iloc[0])), arm_with_role(table, "headline")
    if arm is None:
        return f"The middle half of runs of {name} has {half} counter-accords"
    chosen = table[table["role"] == "headline"]
    if int(base["n"].iloc[0]) == 1:
        return f"One run: {half} counter-accords in {name}, {middle_half(chosen)[0]} in {arm_words(arm)}"
    if np.array_equal(base["runs"].to_numpy(), chosen["runs"].to_numpy()):
        return (
            f"The middle half of runs has {half} counter-accords in {name} and in {arm_words(arm)}: "
            "the two distributions are the same"
        )
    common = percent(overlap(table, arm, str(base["arm"].iloc[0])))
    now = _span(*middle_half(chosen))
    return (
        f"The middle half of runs has {half} counter-accords in {name}, {now} in "
        f"{arm_words(arm)}; the two distributions have {common} in common"
    )


def _span(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


@styled
def draw_outcomes(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel an arm: its bars with intervals, the reference's as steps. ax: as many axes as arms to compare."""
    own = ax is None
    others = (
        [str(arm) for arm in table.loc[table["role"] != "reference", "arm"].unique()] if len(table) else []
    )
    others.sort(key=lambda arm: arm != arm_with_role(table, "headline"))
    shown = others[:MOST_PANELS]
    if ax is None:
        columns = 1 if len(shown) < 2 else 2
        rows = max(1, -(-len(shown) // columns))
        figure = sheet(5.2 * columns + (2.6 if columns == 1 else 0), 2.0 * rows + 1.9)
        ax = list(np.ravel(figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)))
    if table.empty:
        for axes in ax[1:]:
            axes.set_axis_off()
        return nothing(ax[0], "No run finished: there are no counts to show.")
    base = table[table["role"] == "reference"]
    spare = not shown or len(ax) > len(shown)  # room for the reference by itself
    panels = [*shown, str(base["arm"].iloc[0])] if spare else shown
    for axes, arm in zip(ax, panels, strict=False):
        _panel(axes, table[table["arm"] == arm], base)
    for axes in list(ax)[len(panels) :]:
        axes.set_axis_off()
    for axes in list(ax)[: len(panels)]:
        axes.tick_params(labelbottom=True)
    for axes in list(ax)[: len(panels)][-2:]:
        axes.set_xlabel(f"counter-accords within {int(base['window'].iloc[0])} days")
    reference = arm_words(str(base["arm"].iloc[0]))
    left = len(others) - len(shown)
    n = int(base["n"].iloc[0])
    marks = f"Share of {plural(n, 'run')}{f'; steps: {reference}' if shown else ''}."
    if n > 1:
        marks += " Whiskers: 95 % interval of a share (Clopper, Pearson)."
    if own:
        head_over(ax[0], outcomes_title(table), 84 if len(shown) > 1 else 64)
        marks += " They narrow with more runs; the spread of the bars does not." if n > 1 else ""
        marks += f" {plural(left, 'more arm is', 'more arms are')} in the table." if left else ""
        note(ax[0], marks, own=own, wrap=118)
    else:
        head(ax[0], outcomes_title(table), marks, own=own, wrap=60)
    return owner(ax[0])


def _panel(ax: Axes, rows: pd.DataFrame, base: pd.DataFrame) -> None:
    count, share = rows["count"].to_numpy(float), 100 * rows["share"].to_numpy()
    headline = rows["role"].iloc[0] == "headline"
    reference = rows["role"].iloc[0] == "reference"
    fill = "#c4c4c4" if reference else BLUE if headline else "#9ccbe8"
    _bars(ax, count, share, fill)
    seen = rows["runs"].to_numpy() > 0
    if int(rows["n"].iloc[0]) > 1:
        low, high = (100 * rows[name].to_numpy()[seen] for name in ("lo", "hi"))
        gap = np.full(seen.sum(), np.nan)  # between the whiskers, so that they are one line
        x, y = np.column_stack([count[seen]] * 2 + [gap]), np.column_stack([low, high, gap])
        ax.plot(x.ravel(), y.ravel(), color=INK, linewidth=0.7, solid_capstyle="butt")
    if not reference:
        edges = np.append(count - 0.5, count[-1] + 0.5)
        ax.stairs(100 * base["share"].to_numpy(), edges, color=INK, linewidth=1.3)
    words = arm_words(str(rows["arm"].iloc[0])) + (
        " (headline)" if headline else " (reference)" if reference else ""
    )
    ax.set_title(words, loc="left", fontsize=10, color=INK if headline else QUIET)
    ax.set_ylabel("% of runs", fontsize=SMALL)
    ax.set_ylim(0, None)
    span = count[-1] - count[0] + 1
    wide = max(span, 4.0) / 2 + 0.1
    ax.set_xlim((count[0] + count[-1]) / 2 - wide, (count[0] + count[-1]) / 2 + wide)
    step = next((s for s in (1, 2, 5, 10, 20, 50) if span / s <= 12), 100)
    ax.set_xticks(np.arange(-(-count[0] // step) * step, count[-1] + 1, step))


def _bars(ax: Axes, count: npt.NDArray[np.float64], height: npt.NDArray[np.float64], colour: str) -> None:
    """Bars as one path: a picture of a dozen arms stays small."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    corners: list[tuple[float, float]] = []
    tall = [(x, top) for x, top in zip(count, height, strict=True) if top > 0]
    for x, top in tall:
        corners += [(x - 0.42, 0), (x - 0.42, top), (x + 0.42, top), (x + 0.42, 0), (x - 0.42, 0)]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(tall)
    if tall:
        ax.add_patch(PathPatch(Path(corners, codes), facecolor=colour, linewidth=0))
        ax.update_datalim(corners)
        ax.autoscale_view()

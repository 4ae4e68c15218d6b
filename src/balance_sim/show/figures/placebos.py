"""Placebo tests: the effect of the event among those of events that should have none, by family of placebos."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    frame_words,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.names import capital, treatment
from balance_sim.show.wording import COUNTER, plural, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.analysis.result import AnalysedResult

COLUMNS = ["family", "label", "effect", "is_event", "window", "p", "verdict"]
FAMILIES = {
    "participants": "other participants on the same day",
    "dates": "the same participants on other days",
}
STACK = 0.11  # height of a dot on top of another
BINS = 40


def placebos_table(result: AnalysedResult) -> pd.DataFrame:
    """One row a placebo, and one of each family for the event itself: family (`participants` or `dates`), label, effect
    on expected counter-balancing agreements, is_event; window: days in which agreements are counted; p, verdict:
    two-sided, of the family's permutation test, in all its rows. Empty where no placebos were simulated."""
    arm = result.headline_arm
    if arm is None or not result.finished:
        return pd.DataFrame(columns=COLUMNS)
    families = {of.name: of for of in result.placebos.families if len(of.placebos)}
    table = result.placebos.table()
    table = table[table["family"].isin(list(families))].reset_index(drop=True)
    names = [
        treatment(result, arm) if event else label
        for event, label in zip(table["is_event"], table["label"], strict=True)
    ]
    of = [families[name] for name in table["family"]]
    return table.assign(
        label=names,
        window=[family.window for family in of],
        p=[family.p for family in of],
        verdict=[family.verdict for family in of],
    )[COLUMNS]


def placebos_title(table: pd.DataFrame) -> str:
    """The finding: what each family's test says of the event."""
    told = []
    for family, rows in table.groupby("family", sort=False):
        told.append(f"{family}: {rows['verdict'].iloc[0]} (p = {_p(float(rows['p'].iloc[0]))})")
    return f"The event among its placebos. {capital('; '.join(told))}"


def _p(value: float) -> str:
    return f"{value:.2g}" if value >= 0.001 else "under 0.001"


@styled
def draw_placebos(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A strip a family on one scale: dots stacked where they fall together, the event as a labelled line.

    ax: as many as families."""
    own = ax is None
    families = list(dict.fromkeys(table["family"]))
    if ax is None:
        rows = max(len(families), 1)
        figure = sheet(9.6, 1.6 + 1.6 * rows)
        ax = list(np.ravel(figure.subplots(rows, 1, sharex=True, squeeze=False)))
    if table.empty:
        return nothing(ax[0], "No placebo events were simulated: there is no effect to compare with.")
    ends = np.append(table["effect"].to_numpy(float), 0.0)
    low, high = float(ends.min()), float(ends.max())
    margin = 0.06 * (high - low or 1.0)
    for axes, family in zip(ax, families, strict=False):
        rows = table[table["family"] == family]
        _strip(axes, rows, (low - margin, high + margin))
        what = FAMILIES.get(str(family), str(family))
        count = plural(int((~rows["is_event"]).sum()), "placebo")
        found = f"within {rows['window'].iloc[0]} days, {count}, two-sided p = {_p(float(rows['p'].iloc[0]))}"
        axes.set_title(f"{capital(str(family))}: {what}, {found}", loc="left", color=QUIET)
    ax[len(families) - 1].set_xlabel(f"effect on expected {COUNTER}")
    small = "Dots: placebo events. p: share of all, the event among them, whose effect is at least as far from zero"
    small += "; of dates also those less than 5 % nearer." if "dates" in families else "."
    frame_words(ax[0], placebos_title(table), small, own=own, wrap=80, small_wrap=118)
    return owner(ax[0])


def _strip(axes: Axes, rows: pd.DataFrame, span: tuple[float, float]) -> None:
    """Placebos as stacked dots and the event as a line with its words."""
    placebo = np.sort(rows.loc[~rows["is_event"], "effect"].to_numpy(float))
    step = (span[1] - span[0]) / BINS
    place = np.floor((placebo - span[0]) / step).astype(int)
    rank = np.arange(len(place)) - np.searchsorted(place, place)  # how many share the bin below it
    middle = np.array(
        [placebo[place == one].mean() for one in place]
    )  # of a bin, so that its dots stand in a column
    axes.scatter(middle, rank * STACK, s=30, color="#9a9a9a", edgecolors="white", linewidths=0.5, zorder=2)
    axes.axvline(0, color=INK, linewidth=0.8)
    top = max(0.6, STACK * (int(rank.max()) + 3)) if len(rank) else 0.6
    for row in rows[rows["is_event"]].to_dict("records"):
        axes.axvline(row["effect"], color=BLUE, linewidth=2)
        right = row["effect"] > (span[0] + span[1]) / 2
        axes.annotate(
            f"{row['label']} {signed(row['effect'], 3)}", (row["effect"], 0.93 * top), (-6 if right else 6, 0),
            textcoords="offset points", ha="right" if right else "left", va="center", color=BLUE, fontsize=SMALL,
        )  # fmt: skip
    axes.set_xlim(*span)
    axes.set_ylim(-0.6 * STACK, top)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)

"""Martingale residuals: agreements signed so far less the hazard integrated along the record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.analysis.gof_file import GoodnessOfFit
from balance_sim.show.figures.paper import BLUE, INK, QUIET, SMALL, frame_words, nothing, owner, sheet, styled
from balance_sim.show.gof import residual_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = ["date", "signed", "expected", "residual", "finding"]


def gof_residuals_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a step of the engine: agreements signed before it, integrated hazard, and their difference."""
    one = study.residuals
    if one is None:
        return pd.DataFrame(columns=COLUMNS)
    start = datetime.combine(one.start, datetime.min.time())
    return pd.DataFrame(
        {
            "date": [start + timedelta(days=float(day)) for day in one.day],
            "signed": one.signed,
            "expected": one.expected,
            "residual": one.signed - one.expected,
            "finding": residual_words(one),
        }
    )[COLUMNS]


@styled
def draw_gof_residuals(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """Above: both counts. Below: their difference, with the 95 % band of a right model at each date."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    own = ax is None
    if ax is None:
        ax = list(sheet(10.6, 7.4).subplots(2, 1, sharex=True, height_ratios=[1.0, 1.0]))
    if table.empty:
        return nothing(ax[0], "The hazard of these networks is not known: there are no residuals.")
    days = table["date"].to_numpy()
    signed, expected = table["signed"].to_numpy(float), table["expected"].to_numpy(float)
    ax[0].step(days, signed, where="post", color=INK, linewidth=2.0)
    ax[0].plot(days, expected, color=BLUE, linewidth=2.0, linestyle=(0, (5, 2)))
    ax[0].annotate(
        f"on record: {signed[-1]:.0f}", (days[-1], signed[-1]), (6, 0), textcoords="offset points", color=INK,
        va="center", fontsize=SMALL, annotation_clip=False,
    )  # fmt: skip
    ax[0].annotate(
        f"integrated\nhazard: {expected[-1]:.1f}", (days[-1], expected[-1]), (6, -8), textcoords="offset points",
        color=BLUE, va="center", fontsize=SMALL, annotation_clip=False,
    )  # fmt: skip
    ax[0].set_ylabel("agreements signed so far")
    half = 1.96 * np.sqrt(expected)
    ax[1].fill_between(days, -half, half, color=BLUE, alpha=0.18, linewidth=0)
    ax[1].axhline(0, color=QUIET, linewidth=0.8)
    ax[1].plot(days, signed - expected, color=INK, linewidth=1.8, drawstyle="steps-post")
    ax[1].set_ylabel("martingale residual:\nsigned less expected")
    for axes in ax:
        axes.grid(axis="y", color="#e6e6e6", linewidth=0.7)
        axes.set_xlim(days[0], days[-1])
    ax[0].set_ylim(bottom=0)
    locator = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    ax[1].xaxis.set_major_locator(locator)
    ax[1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    small = (
        "The hazard is integrated along the record itself: beliefs, partners and experience are those of each day. "
        "Band: 95 % at each single date, if the model is right."
    )
    frame_words(ax[0], str(table["finding"].iloc[0]), small, own=own, wrap=84, small_wrap=118)
    return owner(ax[0])

"""Scorecard: the model beside its baselines, every measure with its interval over pairs of states; and beneath
them the model less the best baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from balance_sim.evidence.forecast.score import MEASURES, Scored, Way, best_baseline
from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    VERMILION,
    frame_words,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.wording import arm_words, interval, number, plural, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = [
    "way", "forecast", "measure", "value", "lo", "hi", "level", "n", "events", "expected", "detectable", "reference",
]  # fmt: skip
REFERENCE = "base_rate"
WORDS = {
    "log_skill": "log skill",
    "brier_skill": "Brier skill",
    "average_precision_gain": "average precision, gain",
    "auc_gain": "AUC, gain",
}
LEVELS = {
    "log_skill": "log_score",
    "brier_skill": "brier",
    "average_precision_gain": "average_precision",
    "auc_gain": "auc",
}
GAINED = {
    "log_skill": "log_skill",
    "brier_skill": "brier_skill",
    "average_precision_gain": "average_precision",
    "auc_gain": "auc",
}
LESS = "model less "
LOOKS = ((BLUE, "o"), (VERMILION, "s"))


def scorecard_table(scored: Scored) -> pd.DataFrame:
    """Tidy: way, forecast, measure: skill or gain over the reference with 95 % interval (bootstrap over pairs of

    states), level: the score itself; n rows scored, events among them, expected by the forecast; detectable:
    smallest log skill that such a sample would show 8 times in 10. Where there is a baseline but the reference,
    `model less <baseline>` of each way: what the model gains on the best of them by log skill, on the same
    resamples."""
    rows = []
    for way in scored.ways:
        for name, held in way.scores.items():
            for measure in MEASURES:
                lo, hi = held[f"{measure}_ci95"]
                counts = [held[key] for key in ("n", "events", "expected", "minimum_detectable_log_skill")]
                rows.append([way.name, name, measure, held[measure], lo, hi, held[LEVELS[measure]], *counts])
        rows += _less_the_best(way)
    reference = str(scored.about.get("reference", "base rate"))
    return pd.DataFrame(rows, columns=COLUMNS[:-1]).assign(reference=reference)


def _less_the_best(way: Way) -> list[list[object]]:
    """Rows of the model less the best baseline; none where there is none, or in a file without them."""
    best = best_baseline({name: held["log_skill"] for name, held in way.scores.items()}, REFERENCE)
    if best is None or not way.scores[best]["model_gains"]:
        return []
    gains, nan = way.scores[best]["model_gains"], float("nan")
    counts = [way.scores["model"][key] for key in ("n", "events")]
    return [
        [way.name, LESS + best, measure, *gains[GAINED[measure]], nan, *counts, nan, nan]
        for measure in MEASURES
    ]


def scorecard_title(table: pd.DataFrame) -> str:
    """The finding, of the last way (the hardest): the model's log skill, and the best baseline's."""
    part = table[(table["way"] == table["way"].iloc[-1]) & (table["measure"] == "log_skill")]
    model = part[part["forecast"] == "model"].iloc[0]
    words = f"log skill {number(float(model['value']), 3)} ({interval(float(model['lo']), float(model['hi']), 3)})"
    way = "" if table["way"].nunique() == 1 else f", {arm_words(str(model['way']))},"
    less = part["forecast"].str.startswith(LESS)
    others = part[~part["forecast"].isin(["model", REFERENCE]) & ~less].dropna(subset=["value"])
    if others.empty:
        return f"The model{way} has {words} over the {model['reference']}"
    best = others.sort_values(["value", "forecast"], ascending=[False, True], kind="stable").iloc[0]
    size = f"{number(float(best['value']), 3)} ({interval(float(best['lo']), float(best['hi']), 3)})"
    found = f"The model{way} has {words}; the best baseline, {arm_words(str(best['forecast']))}, {size}"
    gap = part[less].dropna(subset=["value", "lo", "hi"])
    if gap.empty:
        return found
    value, lo, hi = (float(gap.iloc[0][name]) for name in ("value", "lo", "hi"))
    told = "" if lo > 0 or hi < 0 else ", not told from none"
    return f"{found}; the difference is {signed(value, 3)} ({interval(lo, hi, 3)}){told}"


@styled
def draw_scorecard(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel a measure, a line a forecast, a mark a way. ax: as many axes as measures."""
    own = ax is None
    names = list(dict.fromkeys(table["forecast"])) if len(table) else []
    if ax is None:
        figure = sheet(11.0, 2.6 + 0.46 * max(len(names), 2))
        ax = list(figure.subplots(1, len(MEASURES), sharey=True))
    if table.empty:
        for axes in ax[1:]:
            axes.set_axis_off()
        return nothing(ax[0], "No forecast was scored: there is nothing to show.")
    less = [one for one in names if one.startswith(LESS)]
    names = ["model", *(one for one in names if one not in ("model", REFERENCE, *less)), REFERENCE, *less]
    names = [one for one in names if (table["forecast"] == one).any()]
    ways = list(dict.fromkeys(table["way"]))
    for axes, measure in zip(ax, MEASURES, strict=True):
        _panel(axes, table[table["measure"] == measure], names, ways)
        axes.set_title(WORDS[measure], loc="left", color=QUIET)
    ax[0].set_yticks(range(len(names)), [arm_words(one) for one in names[::-1]])
    ax[0].get_yticklabels()[-1].set_fontweight("bold")
    for at in range(len(less)):
        ax[0].get_yticklabels()[at].set_fontweight("bold")
    one = table.iloc[0]
    keys = " ".join(f"{('Circle' if k == 0 else 'Square')}: {arm_words(way)}." for k, way in enumerate(ways))
    small = (
        f"{keys} Line: 95 % interval over resampled pairs of states. Zero: the {one['reference']}; right is better. "
        f"{plural(int(one['n']), 'row')}, {plural(int(one['events']), 'accord')} among them. "
    )
    if less:
        small += (
            "Under the line: the model less the best baseline by log skill, on the same resamples; open where it "
            "holds zero. "
        )
    if np.isfinite(one["detectable"]):
        small += (
            f"A log skill below {number(float(one['detectable']), 3)} would be missed 2 times in 10 or more."
        )
    title = scorecard_title(table)
    frame_words(ax[0], title, small, own=own, wrap=96, small_wrap=144)
    return owner(ax[0])


def _panel(ax: Axes, rows: pd.DataFrame, names: list[str], ways: list[str]) -> None:
    ax.axvline(0, color=INK, linewidth=1)
    less = sum(name.startswith(LESS) for name in names)
    if less:
        ax.axhline(less - 0.5, color=QUIET, linewidth=0.8, clip_on=False)
    for k, way in enumerate(ways):
        colour, marker = LOOKS[k % len(LOOKS)]
        part = rows[rows["way"] == way].set_index("forecast")
        for y, name in enumerate(names[::-1]):
            if name not in part.index:
                continue
            row = part.loc[[name]].to_dict("records")[0]
            spot = y + (0.0 if len(ways) == 1 else 0.16 - 0.32 * k)
            if not np.isfinite(row["value"]):
                ax.text(0, spot, " undefined", fontsize=SMALL, va="center", color=QUIET)
                continue
            if np.isfinite(row["lo"]) and row["hi"] > row["lo"]:
                ax.plot(
                    [row["lo"], row["hi"]], [spot, spot], color=colour, linewidth=1.6, solid_capstyle="butt"
                )
            clear = name.startswith(LESS) and (row["lo"] > 0 or row["hi"] < 0)
            fill = colour if name == "model" or clear else "white"
            ax.plot(
                row["value"],
                spot,
                marker,
                color=colour,
                markerfacecolor=fill,
                markersize=6,
                markeredgewidth=1.4,
            )
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=5)

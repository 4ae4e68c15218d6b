"""Two studies side by side: what differs outcome by outcome, and the dyads that differ most."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    VERMILION,
    folded,
    frame_words,
    head,
    note,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.names import arm_title, dyad_name, state_names
from balance_sim.show.tables import DIRECTIONS, clear
from balance_sim.show.wording import (
    arm_words,
    decimals,
    digits,
    interval,
    outcome_words,
    plural,
    signed,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.show.comparison import Comparison

OUTCOMES = [
    "label",
    "arm",
    "outcome",
    "left",
    "right",
    "difference",
    "lo",
    "hi",
    "mcse",
    "n",
    "paired",
    "left_name",
    "right_name",
]
PAIRS = [
    "a", "b", "dyad", "left", "right", "difference", "lo", "hi", "paired", "arm", "title", "left_name", "right_name",
]  # fmt: skip
MOST_ROWS, MOST_PAIRS = 24, 16


def differences_table(comparison: Comparison) -> pd.DataFrame:
    """Tidy: every outcome of every arm (and point) that both sides have: both means, right less left, with its

    95 % interval; arm: how the row is called. Counter-accords and their like come first. Empty for more than two."""
    found = comparison.found
    if found is None or found.outcomes.empty:
        return pd.DataFrame(columns=OUTCOMES)
    frame = found.outcomes.assign(label=[_row_words(row) for row in found.outcomes.to_dict("records")])
    frame = frame.assign(arm=frame["right_arm"], paired=found.paired, **_names(comparison))
    first = frame["outcome"].isin(_shown_outcomes(frame))
    if "point" in frame:  # two sweeps: of their many rows those asked for
        asked = frame["outcome"].isin(comparison.studies[-1].outcome_names)
        frame, first = frame[first | asked], first[first | asked]
    return pd.concat([frame[first], frame[~first]], ignore_index=True)[OUTCOMES]


def _names(comparison: Comparison) -> dict[str, str]:
    return dict(zip(("left_name", "right_name"), comparison.names, strict=True))


def _row_words(row: dict[Any, Any]) -> str:
    left, right = arm_words(str(row["left_arm"])), arm_words(str(row["right_arm"]))
    arms = right if left == right else f"{right} less {left}"
    return arms if "point" not in row else f"point {row['point']}, {arms}"


def _shown_outcomes(table: pd.DataFrame) -> list[str]:
    """accords_<direction>_<longest window>, those that there are."""
    windows = [
        int(m[1]) for name in table["outcome"].unique() if (m := re.fullmatch(r"accords_all_(\d+)", name))
    ]
    names = [f"accords_{direction}_{max(windows)}" for direction in DIRECTIONS] if windows else []
    return [name for name in names if (table["outcome"] == name).any()]


def differences_title(table: pd.DataFrame) -> str:
    """The finding: in how many rows the first outcome shown can be told apart, and where most."""
    outcome = (_shown_outcomes(table) or [str(table["outcome"].iloc[0])])[0]
    rows = table[table["outcome"] == outcome]
    sure = rows[clear(rows)]
    words = outcome_words(outcome)
    if sure.empty:
        return f"{words[0].upper()}{words[1:]} do not differ detectably in any of {_rows_of(rows)}"
    top = sure.sort_values("difference", key=abs, ascending=False, kind="stable").iloc[0]
    places = decimals(float(top["mcse"]), float(top["lo"]), float(top["hi"]))
    told = f"they differ detectably in {len(sure)} of {_rows_of(rows)}"
    size = f"{signed(top['difference'], places)} ({interval(top['lo'], top['hi'], places)})"
    return f"{words[0].upper()}{words[1:]}: {told}; most in {top['label']}, {size}"


def _rows_of(rows: pd.DataFrame) -> str:
    points = rows["label"].str.startswith("point ").any()
    return plural(len(rows), "arm and point" if points else "arm", "arms and points" if points else "")


@styled
def draw_differences(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel a direction of accords: right less left in every arm, with its interval. ax: as many as directions."""
    own = ax is None
    shown = _shown_outcomes(table) if len(table) else []
    labels = list(dict.fromkeys(table["label"])) if len(table) else []
    if shown and len(labels) > MOST_ROWS:
        far = table[table["outcome"] == shown[0]].sort_values(
            "difference", key=abs, ascending=False, kind="stable"
        )
        chosen = set(far["label"].head(MOST_ROWS))
        labels = [label for label in labels if label in chosen]
    if ax is None:
        columns = max(len(shown), 1)
        figure = sheet(max(2.5 * columns + 2.0, 8.6), 2.4 + 0.4 * max(len(labels), 2))
        ax = list(np.ravel(figure.subplots(1, columns, sharey=True, squeeze=False)))
    if not shown:
        return nothing(
            ax[0], "No accords counted on both sides, or more than two sides: see the table of each."
        )
    for axes, outcome in zip(ax, shown, strict=True):
        rows = table[table["outcome"] == outcome].set_index("label")
        axes.axvline(0, color=INK, linewidth=1)
        for y, label in enumerate(labels[::-1]):
            if label not in rows.index:
                continue
            row = rows.loc[[label]].to_dict("records")[0]
            told = row["lo"] > 0 or row["hi"] < 0
            if np.isfinite(row["lo"]):
                axes.plot([row["lo"], row["hi"]], [y, y], color=BLUE, linewidth=2.2 if told else 1.3,
                          solid_capstyle="butt")  # fmt: skip
            axes.plot(
                row["difference"], y, "o", color=BLUE, markerfacecolor=BLUE if told else "white", markersize=6
            )
        axes.set_title(folded(outcome_words(outcome), 22), loc="left", color=QUIET, fontsize=SMALL)
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=4)
    ax[0].set_yticks(range(len(labels)), [folded(label, 34) for label in labels[::-1]])
    ax[0].set_ylim(-0.7, len(labels) - 0.3)
    left, right = (str(table[f"{side}_name"].iloc[0]) for side in ("left", "right"))
    how = (
        "replication by replication"
        if bool(table["paired"].iloc[0])
        else "of independent replications, as the seeds differ"
    )
    marks = (
        f"Means, {right} less {left}, {how}. Bars: 95 % CI; open dots: it holds zero. "
        f"Scales differ from panel to panel. All outcomes are in the table."
    )
    title = differences_title(table)
    frame_words(ax[0], title, marks, own=own, wrap=84, small_wrap=124)
    return owner(ax[0])


def comparison_pairs_table(comparison: Comparison) -> pd.DataFrame:
    """One row a dyad with an expected agreement on either side: the filtered numbers, right less left, 95 % CI.

    Of the headline arm of the right side, or of the arms named; furthest from zero first. Empty for more than two."""
    found, study = comparison.found, comparison.studies[-1]
    if found is None or found.dyads.empty or "point" in found.dyads:
        return pd.DataFrame(columns=PAIRS)
    arms = list(dict.fromkeys(found.dyads["right_arm"]))
    arm = str(study.headline_arm if study.headline_arm in arms else arms[0])
    rows = found.dyads.loc[found.dyads["right_arm"] == arm]
    names = state_names(study.scenario)
    dyads = [dyad_name(names, a, b) for a, b in zip(rows["a"], rows["b"], strict=True)]
    more = {"arm": arm, "title": arm_title(study.scenario, arm), **_names(comparison)}
    return rows.assign(dyad=dyads, paired=found.paired, **more)[PAIRS].reset_index(drop=True)


def comparison_pairs_title(table: pd.DataFrame) -> str:
    """The finding: how many dyads differ detectably, and which most."""
    sure = table[clear(table)]
    if sure.empty:
        return f"No dyad of {len(table):,} differs detectably in its expected new security agreements"
    top = sure.iloc[0]
    far = f"{top['dyad']}, {signed(float(top['difference']), digits(float(top['difference'])))}"
    told = f"{plural(len(sure), 'dyad')} of {len(table):,} {'differs' if len(sure) == 1 else 'differ'} detectably"
    return f"{told}; largest difference: {far}"


@styled
def draw_comparison_pairs(table: pd.DataFrame, ax: Axes | None = None) -> Figure:
    """The dyads that differ most: both expected numbers on one line, the difference beside it."""
    own = ax is None
    shown = table.head(MOST_PAIRS)
    ax = ax if ax is not None else sheet(9.4, 2.4 + 0.32 * max(len(shown), 3)).subplots()
    if table.empty:
        return nothing(
            ax, "No expected agreement of any dyad on either side, or more than two sides: nothing to show."
        )
    places = digits(*shown["difference"])
    heights = np.arange(len(shown))[::-1]
    for y, row, told in zip(heights, shown.to_dict("records"), clear(shown), strict=True):
        ends = row["left"], row["right"]
        ax.plot(ends, [y, y], color="#9a9a9a", linewidth=2 if told else 1, zorder=1)
        ax.plot(ends[0], y, "o", color=QUIET, markerfacecolor="white", markersize=7, markeredgewidth=1.4)
        ax.plot(ends[1], y, "o", color=BLUE if ends[1] >= ends[0] else VERMILION, markersize=7)
        words = f"{signed(row['difference'], places)}  ({interval(row['lo'], row['hi'], places)})"
        ax.annotate(words, (1.0, y), (8, 0), xycoords=ax.get_yaxis_transform(), textcoords="offset points", va="center",
                    fontsize=SMALL, fontweight="bold" if told else "normal", annotation_clip=False)  # fmt: skip
    ax.set_yticks(heights, list(shown["dyad"]))
    ax.set_ylim(-0.7, len(shown) - 0.3)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x", color="#e6e6e6", linewidth=0.6)
    ax.set_xlabel("expected new security agreements of the dyad")
    left, right = (str(table[f"{side}_name"].iloc[0]) for side in ("left", "right"))
    marks = f"{table['title'].iloc[0]}. Open: {left}; filled: {right} (blue more, red fewer). "
    marks += "At the right: the difference with its 95 % CI; bold: it excludes zero"
    head(ax, comparison_pairs_title(table), marks, own=own, wrap=78)
    left_out = len(table) - len(shown)
    more = f" {left_out:,} dyads that differ less are in the table." if left_out else ""
    note(ax, f"Each CI is for one dyad by itself: of dyads that do not differ about 5 % seem to.{more}",
         own=own, wrap=118)  # fmt: skip
    return owner(ax)

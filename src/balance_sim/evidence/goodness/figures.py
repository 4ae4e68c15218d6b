"""Goodness of fit in words, a table and a figure: every statistic beside its band."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from balance_sim.evidence.goodness.networks import GoodnessOfFit
from balance_sim.show import wording as say
from balance_sim.show.figures import style

LEVEL = 0.05
TITLES = {
    "degree": "States by partners",
    "isolates": "States without a partner",
    "geodesics": "Dyads by distance in the network",
    "shared_partners": "Dyads by shared partners",
    "triads": "Triads by ties",
    "transitivity": "Transitivity",
    "modularity": "Modularity",
    "repeats": "Repeats within a dyad",
    "distance": "Distance, km",
    "regimes": "Regimes of the two",
    "hostile": "In a dispute",
    "kinds": "Agreements by kind",
    "lags": "Lags",
    "years": "Agreements by year",
    "states": "Agreements by state",
}
COLUMNS = 3
NUMBERS = dict.fromkeys(("observed", "mean", "q05", "q95"), float)


def p_words(p: float | None, replications: int) -> str:
    """`p = 0.31`; the smallest that so many replications can give is `p < ...`."""
    smallest = 1 / (replications + 1)
    if p is None or np.isnan(p):
        return "not tested"
    if p < smallest:
        return f"p < {say.number(smallest, 3)}"
    return f"p = {say.number(p, 3 if p < 0.1 else 2)}"


def span_words(study: GoodnessOfFit) -> str:
    """`2022-01-01 to 2025-08-31`."""
    return f"{study['span']['first']} to {study['span']['last']}"


def verdict_words(study: GoodnessOfFit) -> str:
    """The finding in a sentence."""
    tested = [group for group in study["groups"] if group["distance"] is not None]
    rejected = [TITLES[group["name"]] for group in tested if group["p"] <= LEVEL]
    replications = study["replications"]
    if 0.5 / (replications + 1) > LEVEL:
        enough = math.ceil(0.5 / LEVEL) - 1
        return (
            f"{replications} replications are too few to test the record at {LEVEL}; "
            f"{enough} would do"
        )
    if not tested:
        return "No group of statistics can be tested"
    if not rejected:
        groups = f"all {len(tested)} groups of statistics"
        if len(tested) < len(study["groups"]):
            groups += f" that can be tested, of {len(study['groups'])}"
        return f"The record is like the simulated networks in {groups}"
    count = f"{len(rejected)} of {len(tested)} groups"
    names = "; ".join(rejected)
    return f"The record differs from the simulated networks in {count}: {names}"


def tests_table(study: GoodnessOfFit) -> list[list[str]]:
    """A row a group: its test, and how many statistics lie outside of their band."""
    rows, replications = [], study["replications"]
    for group in study["groups"]:
        outside = sum(row["outside"] for row in group["statistics"])
        test = p_words(group["p"], replications).removeprefix("p = ")
        count = f"{outside} of {len(group['statistics'])}"
        rows.append([TITLES[group["name"]], test, count])
    together = p_words(study["p"], replications).removeprefix("p = ")
    return [*rows, ["All groups together", together, ""]]


def gof_table(study: GoodnessOfFit) -> pd.DataFrame:
    """Tidy: a row a statistic, but for those of single states: as observed, mean and
    5-95 % band, p of its group; z, z_lo, z_hi: observed and band less the mean, in
    standard deviations of the replications."""
    frames = []
    for group in study["groups"]:
        if group["name"] != "states":
            frame = pd.DataFrame(group["statistics"]).astype(NUMBERS)
            simulated = pd.DataFrame(group["simulated"], dtype=float)
            spread = simulated.std(axis=1, ddof=0)
            frame["sd"] = spread.where(spread > 0)
            frames.append(frame.assign(group=group["name"], p=group["p"]))
    table = pd.concat(frames, ignore_index=True).astype({"p": float})
    for name, column in {"z": "observed", "z_lo": "q05", "z_hi": "q95"}.items():
        table[name] = (table[column] - table["mean"]) / table["sd"]
    return table.assign(
        replications=study["replications"],
        agreements=study["agreements"],
        span=span_words(study),
        finding=verdict_words(study),
    )


def _gof_page(table: pd.DataFrame) -> list[style.Axes]:
    """Columns of rows, a row a statistic and a head a group."""
    rows = len(table) + table["group"].nunique()
    height = 2.2 + 0.2 * rows / COLUMNS
    return style.panels(1, COLUMNS, height, sharex=True)


@style.figure(
    "gof",
    "Is the network of new agreements like the simulated ones?",
    gof_table,
    page=_gof_page,
    empty="There is no statistic to compare.",
    columns="group name observed mean q05 q95 outside p",
)
def draw_gof(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A row a statistic: its 5-95 % band, and a dot for what was observed."""
    groups = [rows for _, rows in table.groupby("group", sort=False)]
    share = (len(table) + len(groups)) / len(axes)
    row_count, columns = 0, [list[pd.DataFrame]() for _ in axes]
    for rows in groups:
        middle = row_count + (len(rows) + 1) / 2
        columns[min(int(middle / share), len(axes) - 1)].append(rows)
        row_count += len(rows) + 1
    for ax, column in zip(axes, columns, strict=True):
        _draw_column(ax, column)
    most = max(len(ax.get_yticks()) for ax in axes)
    for ax in axes:  # rows of all columns are of one height
        ax.set_ylim(bottom=len(ax.get_yticks()) - most - 0.7)
    agreements = say.plural(int(table["agreements"].iloc[0]), "agreement")
    replications = say.plural(int(table["replications"].iloc[0]), "replication")
    small = (
        f"Dots: {agreements} on record, {say.first(table, 'span')}; bars: 5-95 % band "
        f"of {replications}; both less the mean of the replications, in their standard "
        "deviations. Vermilion: outside of the band, or p of the group's Mahalanobis "
        "Monte Carlo test at 0.05 or less."
    )
    return style.Words(say.first(table, "finding"), "", small)


def _draw_column(ax: style.Axes, groups: list[pd.DataFrame]) -> None:
    """Groups one under the other, each under a head with its p."""
    labels: list[str] = []
    for rows in groups:
        test = p_words(rows["p"].iloc[0], int(rows["replications"].iloc[0]))
        labels += [f"{TITLES[rows['group'].iloc[0]]}, {test}", *rows["name"]]
    words = [style.folded(label.replace("_", " "), 60) for label in labels]
    heights = iter(style.row_axis(ax, words))
    ticks = iter(ax.get_yticklabels())
    for rows in groups:
        colour = style.VERMILION if rows["p"].iloc[0] <= LEVEL else style.INK
        next(ticks).set(color=style.readable(colour), fontweight="bold")
        next(heights)
        for row in rows.to_dict("records"):
            next(ticks)
            y = next(heights)
            ax.hlines(y, row["z_lo"], row["z_hi"], color=style.PALE, linewidth=6)
            colour = style.VERMILION if row["outside"] else style.INK
            ax.plot(row["z"], y, "o", color=colour, ms=6, clip_on=False, zorder=4)
    ax.axvline(0, color=style.QUIET, linewidth=0.8)

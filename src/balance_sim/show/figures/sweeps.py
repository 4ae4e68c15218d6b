"""The excess over the points of a sweep, a panel a factor. What its other figures start from, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.scenario.assemble import value_at
from balance_sim.show.figures.paper import (
    BLUE,
    INK,
    QUIET,
    SMALL,
    folded,
    frame_words,
    nothing,
    owner,
    sheet,
    styled,
)
from balance_sim.show.tables import clear
from balance_sim.show.wording import arm_words, digits, factor_words, number, outcome_words, plural, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from balance_sim.results.sweep_result import SweepResult

COLUMNS = [
    "point",
    "factor",
    "value",
    "excess",
    "lo",
    "hi",
    "mcse",
    "here",
    "arm",
    "reference",
    "outcome",
    "runs",
]
MOST_PANELS = 12
FEW_POINTS = 60  # up to so many, every point shows its interval
CLASSES = 5


def headline_effects(result: SweepResult) -> pd.DataFrame:
    """Rows of the sweep's effects of its headline arm on the outcome drawn; empty where there are none."""
    effects = result.effects
    if effects.empty or result.headline_arm is None:
        return pd.DataFrame()
    return effects[(effects["arm"] == result.headline_arm) & (effects["outcome"] == result.headline_outcome)]


def multiples_table(result: SweepResult) -> pd.DataFrame:
    """Tidy: a row a point and factor: the factor's value there, and the point's mean paired excess with its

    95 % interval. Values that are no numbers keep their words. here: the scenario's own value, if a number."""
    found = headline_effects(result)
    parts = [pd.DataFrame(columns=COLUMNS)]
    for factor in result.paths:
        if found.empty or factor not in found:
            continue
        part = found.rename(columns={"mean": "excess"})[["point", "excess", "lo", "hi", "mcse", "outcome"]]
        values = found[factor]
        words = values if pd.api.types.is_numeric_dtype(values) else values.astype(str)
        more = {"arm": result.headline_arm, "reference": result.reference, "runs": result.runs}
        here = _own_value(result, factor)
        parts.append(part.assign(factor=factor, value=words.to_numpy(), here=here, **more))
    filled = [part for part in parts if not part.empty]
    return pd.concat(filled, ignore_index=True)[COLUMNS] if filled else parts[0]


def _own_value(result: SweepResult, path: str) -> float:
    try:
        value = value_at(result.scenario, path)
    except LookupError:
        return float("nan")
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if plain else float("nan")


def classes_of(values: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Numbers of more than eight values in five classes of equal counts, from 0."""
    found: npt.NDArray[np.int64] = pd.qcut(values.rank(method="first"), CLASSES, labels=False).to_numpy(int)
    return found


def spread_between(rows: pd.DataFrame) -> float:
    """How far the means of the excess over a factor's values lie apart: largest less smallest."""
    values = rows["value"]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > 8:
        values = pd.Series(classes_of(values))
    means = rows["excess"].groupby(np.asarray(values)).mean()
    return float(means.max() - means.min())


def multiples_title(table: pd.DataFrame) -> str:
    """The finding: the range of the excess over the points, at how many it can be told from none, and the factor

    along whose values its means lie furthest apart."""
    points = table.drop_duplicates("point")
    low, high, sure = float(points["excess"].min()), float(points["excess"].max()), int(clear(points).sum())
    spreads = {str(factor): spread_between(rows) for factor, rows in table.groupby("factor")}
    most = max(spreads, key=lambda factor: (spreads[factor], factor))
    places = digits(low, high)
    if low == high and sure == 0:
        return f"The excess is the same, {signed(low, places)}, at each of {plural(len(points), 'point')}"
    words = f"Over {plural(len(points), 'point')} the excess runs from {signed(low, places)} to {signed(high, places)}"
    words += f", told from none at {sure or 'none'} of them"
    if spreads[most] == 0:
        return f"{words}; no factor changes its mean"
    return f"{words}; it changes most along {factor_words(most)}" if len(spreads) > 1 else words


def shown_factors(table: pd.DataFrame) -> list[str]:
    """The factors that get a panel, in the order of the design: of too many those along which it changes most."""
    factors = list(dict.fromkeys(table["factor"])) if len(table) else []
    if len(factors) <= MOST_PANELS:
        return factors
    spreads = {str(factor): spread_between(rows) for factor, rows in table.groupby("factor")}
    most = set(sorted(factors, key=lambda factor: (-spreads[factor], factor))[:MOST_PANELS])
    return [factor for factor in factors if factor in most]


@styled
def draw_multiples(table: pd.DataFrame, ax: Sequence[Axes] | None = None) -> Figure:
    """A panel a factor: every point's excess with its interval, and the mean by value."""
    own = ax is None
    factors = shown_factors(table)
    if ax is None:
        columns = 2 if len(factors) in (2, 4) else min(max(len(factors), 1), 3)
        rows = max(1, -(-len(factors) // columns))
        figure = sheet(max(3.9 * columns, 8.2), 2.9 * rows + 1.7)
        ax = list(np.ravel(figure.subplots(rows, columns, sharey=True, squeeze=False)))
    if table.empty:
        for axes in ax[1:]:
            axes.set_axis_off()
        return nothing(ax[0], "No arm to compare, or no point finished: there is no excess to show.")
    for axes, factor in zip(ax, factors, strict=False):
        _panel(axes, table[table["factor"] == factor], factor)
    for axes in list(ax)[len(factors) :]:
        axes.set_axis_off()
    shown = ["excess", "lo", "hi"] if table["point"].nunique() <= FEW_POINTS else ["excess"]
    if not np.nanmax(np.abs(table[shown].to_numpy(float))) > 1e-12:  # flat
        ax[0].set_ylim(-0.05, 0.05)
    wrap, small_wrap = (72, 100) if len(factors) in (1, 2, 4) else (100, 140)
    frame_words(ax[0], multiples_title(table), _marks(table), own=own, wrap=wrap, small_wrap=small_wrap)
    return owner(ax[0])


def _marks(table: pd.DataFrame) -> str:
    arm, reference, outcome = (str(table[name].iloc[0]) for name in ("arm", "reference", "outcome"))
    points = table.drop_duplicates("point")
    runs = plural(int(table["runs"].iloc[0]), "run")
    words = (
        f"Excess of {outcome_words(outcome)}, {arm_words(arm)} less {arm_words(reference)}, {runs} a point. "
    )
    half = float(((points["hi"] - points["lo"]) / 2).median())
    if len(points) <= FEW_POINTS:
        words += "Dot: a point, with its 95 % interval; open: it holds zero. "
    elif np.isfinite(half):
        usual = number(half, digits(half))
        words += f"Dot: a point; open: its 95 % interval, most often {usual} each way, holds zero. "
    shared = any(rows["value"].duplicated().any() for _, rows in table.groupby("factor"))
    words += "Points of one value stand side by side. " if shared else ""
    many = any(rows["value"].nunique() > 8 for _, rows in table.groupby("factor"))
    words += f"Heavy line: mean {'of each fifth of the points' if many else 'by value'}. "
    if table["here"].notna().any():
        words += "Dotted: the scenario's own value. "
    left = table["factor"].nunique() - MOST_PANELS
    return words + (
        f"{plural(left, 'factor')} along which it changes less: in the table." if left > 0 else ""
    )


def _panel(ax: Axes, rows: pd.DataFrame, factor: str) -> None:
    rows = rows.sort_values(["value", "point"], kind="stable")
    numeric = pd.api.types.is_numeric_dtype(rows["value"].infer_objects())
    names = sorted(rows["value"].unique())
    place = {name: k for k, name in enumerate(names)}
    x = rows["value"].to_numpy(float) if numeric else np.array([place[v] for v in rows["value"]], float)
    y, sure = rows["excess"].to_numpy(float), clear(rows).to_numpy(bool)
    ax.axhline(0, color=INK, linewidth=1)
    if np.isfinite(rows["here"].iloc[0]):
        ax.axvline(float(rows["here"].iloc[0]), color=QUIET, linewidth=1, linestyle=(0, (1, 2)))
    few = len(rows) <= FEW_POINTS
    spots = x + (_aside(x) if len(names) <= 8 else 0.0)
    if few and np.isfinite(rows["lo"]).all():
        ax.vlines(spots, rows["lo"], rows["hi"], color=QUIET, linewidth=0.9, alpha=0.6)
    for of, fill in ((sure, QUIET), (~sure, "white")):
        ax.plot(spots[of], y[of], "o", color=QUIET, markerfacecolor=fill, markersize=4.5 if few else 3,
                markeredgewidth=0.9)  # fmt: skip
    by = x if len(names) <= 8 else classes_of(rows["value"])
    means = pd.DataFrame({"x": x, "y": y, "by": by}).groupby("by").mean()
    joined = numeric or len(names) == 2
    ax.plot(means["x"], means["y"], color=BLUE, linewidth=2.2, marker="" if joined else "_", markersize=16,
            markeredgewidth=2.2, linestyle="-" if joined else "none", zorder=3)  # fmt: skip
    if not numeric:
        ax.set_xticks(range(len(names)), [folded(str(name).replace("_", " "), 12) for name in names])
        ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_xlabel(folded(factor, 40), fontsize=SMALL)
    ax.set_ylabel("mean excess per run", fontsize=SMALL)
    ax.tick_params(labelleft=True)


def _aside(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far to put points of one value beside each other, a tenth of the way to the next at most."""
    places = np.unique(x)
    gap = float(np.diff(places).min()) if len(places) > 1 else 1.0
    out = np.zeros(len(x))
    for value in places:
        here = np.flatnonzero(x == value)
        if len(here) > 1:
            out[here] = np.linspace(-0.1, 0.1, len(here)) * gap
    return out

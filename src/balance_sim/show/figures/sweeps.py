"""Sweeps: the effect over the points, a panel a factor, and over the two factors that
matter most; and Sobol and Morris indices as bars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.scenario.setter import value_at
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import has_rows
from balance_sim.show.headline import clear
from balance_sim.study.sweep_result import SweepResult

WHOSE = ["arm", "reference", "outcome", "runs", "title", "control"]
COLUMNS = ["point", "factor", "value", "excess", "lo", "hi", "mcse", "here", *WHOSE]
MOST_PANELS, MOST_VALUES = 12, 8
FEW_POINTS = 60  # up to so many, every point shows its interval
CLASSES = 5
FLAT = 1e-12
ROUND = 0.05  # each way, of an axis of effects that are all zero


def headline_effects(sweep: SweepResult) -> pd.DataFrame:
    """Rows of the sweep's effects of its headline arm on the outcome drawn; empty where
    there are none."""
    effects = sweep.effects
    if effects.empty or sweep.headline_arm is None:
        return pd.DataFrame()
    of_arm = effects["arm"] == sweep.headline_arm
    return effects[of_arm & (effects["outcome"] == sweep.headline_outcome)]


def _arms(sweep: SweepResult) -> dict[str, Any]:
    """Columns that say whose effect it is, of how many replications a point."""
    arm, reference = str(sweep.headline_arm), sweep.reference
    return {
        "arm": arm,
        "reference": reference,
        "runs": sweep.runs,
        "title": say.arm_title(sweep.scenario, arm),
        "control": say.arm_title(sweep.scenario, reference),
    }


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether it is a number, which a truth value is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numeric(values: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(values.infer_objects())


# -- a panel a factor ------------------------------------------------------------------


def multiples_table(sweep: SweepResult) -> pd.DataFrame:
    """Tidy: a row a point and factor: the factor's value there, and the point's mean
    paired effect (`excess`) with its 95 % CI. Values that are no numbers keep their
    words. here: the scenario's own value, if a number."""
    effects = headline_effects(sweep).rename(columns={"mean": "excess"})
    pieces = []
    for factor in sweep.paths:
        if factor not in effects:
            continue
        values = effects[factor]
        if not pd.api.types.is_numeric_dtype(values):
            values = values.astype(str)
        own_value = _own_value(sweep, factor)
        part = effects.assign(factor=factor, value=values.to_numpy(), here=own_value)
        pieces.append(part.assign(**_arms(sweep)))
    if not pieces:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(pieces, ignore_index=True)[COLUMNS]


def _own_value(sweep: SweepResult, path: str) -> float:
    """The scenario's own value; NaN where that is no number."""
    try:
        value = value_at(sweep.scenario, path)
    except LookupError:
        return float("nan")
    return float(value) if is_number(value) else float("nan")


def _fifths(values: pd.Series[Any]) -> npt.NDArray[np.int64]:
    """Numbers of more than eight values in five classes of equal counts, from 0."""
    ranks = values.rank(method="first")
    return np.asarray(pd.qcut(ranks, CLASSES, labels=False), np.int64)


def spread_between(rows: pd.DataFrame) -> float:
    """How far the means of the effect over a factor's values lie apart: largest less
    smallest."""
    values = rows["value"]
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_VALUES:
        values = pd.Series(_fifths(values))
    means = rows["excess"].groupby(np.asarray(values)).mean()
    return float(means.max() - means.min())


def _spreads(table: pd.DataFrame) -> dict[str, float]:
    factors = table.groupby("factor")
    return {str(factor): spread_between(rows) for factor, rows in factors}


def multiples_title(table: pd.DataFrame) -> str:
    """The finding: the range of the effect over the points, at how many it can be
    detected, and the factor along whose values its means lie furthest apart."""
    points = table.drop_duplicates("point")
    low, high = float(points["excess"].min()), float(points["excess"].max())
    detected = int(clear(points).sum())
    count, places = say.plural(len(points), "point"), say.digits(low, high)
    if low == high and detected == 0:
        return f"The effect is the same, {say.signed(low, places)}, at each of {count}"
    span = f"{say.signed(low, places)} to {say.signed(high, places)}"
    words = (
        f"Over {count} the effect runs from {span}, detectable at {detected or 'none'} "
        "of them"
    )
    spreads = _spreads(table)
    factor = max(spreads, key=lambda name: (spreads[name], name))
    if spreads[factor] == 0:
        return f"{words}; no factor changes its mean"
    if len(spreads) == 1:
        return words
    return f"{words}; it changes most along {say.factor_words(factor)}"


def shown_factors(table: pd.DataFrame) -> list[str]:
    """The factors that get a panel, in the order of the design: of too many those along
    which it changes most."""
    factors = list(dict.fromkeys(table["factor"])) if len(table) else []
    if len(factors) <= MOST_PANELS:
        return factors
    spreads = _spreads(table)
    ordered = sorted(factors, key=lambda factor: (-spreads[factor], factor))
    chosen = set(ordered[:MOST_PANELS])
    return [factor for factor in factors if factor in chosen]


def _multiples_page(table: pd.DataFrame) -> list[style.Axes]:
    count = len(shown_factors(table))
    columns = 2 if count in (2, 4) else min(count, 3)
    rows = -(-count // columns)
    width, height = max(3.9 * columns, 8.2), 2.9 * rows + 1.7
    return style.panels(width, height, rows, columns, sharey=True)


@style.figure(
    "multiples",
    "How does the effect change with each factor?",
    multiples_table,
    page=_multiples_page,
    empty="No arm to compare, or no point finished: there is no effect to show.",
    columns="factor value point excess lo hi mcse",
)
def draw_multiples(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A panel a factor: every point's effect with its interval, and the mean by
    value."""
    factors = shown_factors(table)
    for ax, factor in zip(axes, factors, strict=False):
        _panel(ax, table[table["factor"] == factor], factor)
    for ax in axes[len(factors) :]:
        ax.set_axis_off()
    is_few = table["point"].nunique() <= FEW_POINTS
    columns = ["excess", "lo", "hi"] if is_few else ["excess"]
    if not np.nanmax(np.abs(table[columns].to_numpy(float))) > FLAT:
        axes[0].set_ylim(-ROUND, ROUND)
    wraps = (72, 100) if len(factors) in (1, 2, 4) else (100, 140)
    return style.Words(multiples_title(table), "", _marks(table), *wraps)


def _whose(table: pd.DataFrame) -> str:
    """Which outcome, of which arm relative to which, of how many replications a
    point."""
    runs = say.plural(int(table["runs"].iloc[0]), "replication")
    outcome = say.outcome_words(say.first(table, "outcome"))
    arms = f"{say.first(table, 'title')}, relative to {say.first(table, 'control')}"
    return f"Effect on {outcome}: {arms}; {runs} a point"


def _marks(table: pd.DataFrame) -> str:
    """What the marks of the panels are."""
    points = table.drop_duplicates("point")
    half = float(((points["hi"] - points["lo"]) / 2).median())
    factors = [rows["value"] for _, rows in table.groupby("factor")]
    sentences = [f"{_whose(table)}."]
    if len(points) <= FEW_POINTS:
        sentences.append("Dot: a point, with its 95 % CI; open: it holds zero.")
    elif np.isfinite(half):
        usual = say.number(half, say.digits(half))
        sentences.append(
            f"Dot: a point; open: its 95 % CI, most often {usual} each way, holds zero."
        )
    if any(values.duplicated().any() for values in factors):
        sentences.append("Points of one value stand side by side.")
    has_many = any(values.nunique() > MOST_VALUES for values in factors)
    mean = "of each fifth of the points" if has_many else "by value"
    sentences.append(f"Heavy line: mean {mean}.")
    if table["here"].notna().any():
        sentences.append("Dotted: the scenario's own value.")
    undrawn = len(factors) - MOST_PANELS
    if undrawn > 0:
        count = say.plural(undrawn, "factor")
        sentences.append(f"{count} along which it changes less: in the table.")
        return " ".join(sentences)
    return " ".join([*sentences, ""])


def _panel(ax: style.Axes, rows: pd.DataFrame, factor: str) -> None:
    """The points of one factor and their means."""
    rows = rows.sort_values(["value", "point"], kind="stable")
    is_numeric, names = _is_numeric(rows["value"]), sorted(rows["value"].unique())
    if is_numeric:
        x = rows["value"].to_numpy(float)
    else:
        x = np.array([names.index(value) for value in rows["value"]], float)
    y, sure = rows["excess"].to_numpy(float), clear(rows).to_numpy(bool)
    is_few, distinct = len(rows) <= FEW_POINTS, len(names) <= MOST_VALUES
    ax.axhline(0, color=style.INK, linewidth=1)
    own_value = float(rows["here"].iloc[0])
    if np.isfinite(own_value):
        ax.axvline(own_value, color=style.QUIET, linewidth=1, linestyle=(0, (1, 2)))
    spots = x + _aside(x) if distinct else x
    if is_few and np.isfinite(rows["lo"]).all():
        thin: dict[str, Any] = {"color": style.QUIET, "linewidth": 0.9, "alpha": 0.6}
        ax.vlines(spots, rows["lo"], rows["hi"], **thin)
    dots: dict[str, Any] = {"color": style.QUIET, "markersize": 4.5 if is_few else 3}
    for shown, face in ((sure, style.QUIET), (~sure, "white")):
        fill: dict[str, Any] = {"markerfacecolor": face, "markeredgewidth": 0.9}
        ax.plot(spots[shown], y[shown], "o", **dots, **fill)
    classes = x if distinct else _fifths(rows["value"])
    means = pd.DataFrame({"x": x, "y": y, "class": classes}).groupby("class").mean()
    looks: dict[str, Any] = {"color": style.BLUE, "linewidth": 2.2, "markersize": 16}
    looks |= {"markeredgewidth": 2.2, "zorder": 3, "linestyle": "-"}
    if not is_numeric and len(names) != 2:
        looks |= {"marker": "_", "linestyle": "none"}
    ax.plot(means["x"], means["y"], **looks)
    if not is_numeric:
        labels = [style.folded(str(name).replace("_", " "), 12) for name in names]
        ax.set_xticks(range(len(names)), labels)
        ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_xlabel(style.folded(say.factor_words(factor), 40), fontsize=style.SMALL)
    ax.set_ylabel("mean effect", fontsize=style.SMALL)
    ax.tick_params(labelleft=True)


def _aside(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far to put points of one value beside each other, a tenth of the way to the
    next at most."""
    places, counts = np.unique(x, return_counts=True)
    gap = float(np.diff(places).min()) if len(places) > 1 else 1.0
    steps = np.zeros(len(x))
    for value, count in zip(places, counts, strict=True):
        if count > 1:
            steps[x == value] = np.linspace(-0.1, 0.1, count) * gap
    return steps


# -- two factors together --------------------------------------------------------------

CELL = ["x", "y", "words_x", "words_y"]
SURFACE = [*CELL, "excess", "lo", "hi", "points", "factor_x", "factor_y", *WHOSE]


def surface_table(sweep: SweepResult) -> pd.DataFrame:
    """Tidy: mean effect over the points at each pair of values of the two numeric
    factors that change it most.

    A factor of more than eight values is cut into five classes of equal width; x and y
    are then their middles. lo, hi: the mean of the points' 95 % CIs, which is no
    narrower than that of their mean, whatever the random numbers they share. Empty
    where there are no two such factors."""
    spreads = {}
    for factor, rows in multiples_table(sweep).groupby("factor"):
        if _is_numeric(rows["value"]) and rows["value"].nunique() >= 2:
            spreads[str(factor)] = spread_between(rows)
    if len(spreads) < 2:
        return pd.DataFrame()
    factors = sorted(spreads, key=lambda factor: (-spreads[factor], factor))
    factor_x, factor_y = factors[:2]
    effects = headline_effects(sweep).rename(columns={"mean": "excess"})
    x, words_x = _binned(effects[factor_x].to_numpy(float))
    y, words_y = _binned(effects[factor_y].to_numpy(float))
    cells = effects[["excess", "lo", "hi"]]
    cells = cells.assign(x=x, words_x=words_x, y=y, words_y=words_y)
    grouped = cells.groupby(CELL, sort=True)
    grid = grouped.mean().assign(points=grouped.size()).reset_index()
    factor_columns = {"factor_x": factor_x, "factor_y": factor_y}
    outcome = sweep.headline_outcome
    return grid.assign(outcome=outcome, **factor_columns, **_arms(sweep))[SURFACE]


def _binned(values: npt.NDArray[np.float64]) -> tuple[Any, list[str]]:
    """Each value, or the middle of its class, and how to write it."""
    if len(np.unique(values)) <= MOST_VALUES:
        return values, [f"{value:.3g}" for value in values]
    edges = np.linspace(values.min(), values.max(), CLASSES + 1)
    places = np.searchsorted(edges, values, side="right") - 1
    places = np.clip(places, 0, CLASSES - 1)
    middles = (edges[:-1] + edges[1:]) / 2
    names = [f"{low:.2g} to {high:.2g}" for low, high in pairwise(edges)]
    return middles[places], [names[place] for place in places]


def surface_title(table: pd.DataFrame) -> str:
    """The finding: where the effect is largest, and in how many cells it can be
    detected."""
    places, sure = say.digits(*table["excess"]), clear(table)
    if float(table["excess"].max()) == float(table["excess"].min()):
        effect = say.signed(float(table["excess"].iloc[0]), places)
        return f"The effect is the same, {effect}, in every cell"
    order = ["clear", "excess", "x", "y"]
    ascending = [False, False, True, True]
    cells = table.assign(clear=sure)
    top = cells.sort_values(order, ascending=ascending, kind="stable").iloc[0]
    where = " and ".join(
        f"{say.factor_words(str(top[f'factor_{axis}']))} {top[f'words_{axis}']}"
        for axis in "xy"
    )
    effect = say.signed(float(top["excess"]), places)
    size = f"{effect} ({say.interval(float(top['lo']), float(top['hi']), places)})"
    count = int(sure.sum()) if sure.any() else "none"
    which = "largest of them" if sure.any() else "largest"
    return (
        f"The effect is detectable in {count} of {len(table)} cells; {which}: {size} "
        "at "
        f"{where}"
    )


@style.figure(
    "surface",
    "And with the two that matter most together?",
    surface_table,
    fits=has_rows(surface_table),
    page=lambda _: style.panels(8.8, 6.0),
    empty=(
        "Fewer than two factors are numbers with two values or more: there is no "
        "surface to show."
    ),
)
def draw_surface(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """A cell for each pair of values or classes, its mean effect as colour and
    number."""
    ax = axes[0]
    wide = table.pivot(index="y", columns="x", values="excess")
    wide = wide.sort_index(ascending=False)
    low = min(float(table["excess"].min()), 0.0)
    high = max(float(table["excess"].max()), 0.0)
    reach, places = max(-low, high) or 0.01, say.digits(low, high)
    looks: dict[str, Any] = {"cmap": style.effect_colours(), "aspect": "auto"}
    looks |= {"interpolation": "none", "vmin": -reach, "vmax": reach}
    image = ax.imshow(wide, **looks)
    columns, rows = list(wide.columns), list(wide.index)
    words_x = dict(zip(table["x"], table["words_x"], strict=True))
    words_y = dict(zip(table["y"], table["words_y"], strict=True))
    ax.set_xticks(range(len(columns)), [words_x[value] for value in columns])
    ax.set_yticks(range(len(rows)), [words_y[value] for value in rows])
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0}
    looks = {"ha": "center", "va": "center", "fontsize": style.SMALL, "bbox": box}
    for row in table.assign(clear=clear(table)).to_dict("records"):
        place = columns.index(row["x"]), rows.index(row["y"])
        weight = "bold" if row["clear"] else "normal"
        ax.text(*place, say.signed(row["excess"], places), fontweight=weight, **looks)
    x, y = (say.factor_words(say.first(table, f"factor_{axis}")) for axis in "xy")
    ax.set(xlabel=x, ylabel=y)
    ax.tick_params(length=0)
    if low < high:
        bar = style.owner(ax).colorbar(image, ax=ax, shrink=0.8)
        bar.outline.set_visible(False)
        bar.ax.set_ylim(low, high)
        bar.set_label("mean effect (amber: less, blue: more)")
    smallest, largest = int(table["points"].min()), int(table["points"].max())
    under = _whose(table)
    small = "Bold: the 95 % CI excludes zero. "
    if largest > 1:
        count = say.plural(largest, "point")
        if smallest < largest:
            count = f"{smallest} to {count}"
        under += f"; mean over {count} a cell"
        small += (
            "Where a cell has more than one point, its CI is the mean of theirs, which "
            "is rather too wide. "
        )
    if wide.size > len(table):
        small += "Light grey: no point there."
    return style.Words(surface_title(table), under, small, 74, 112)


# -- indices ---------------------------------------------------------------------------

INDICES = [
    *("factor", "index", "value", "lo", "hi", "of", "arm", "outcome", "method"),
    *("samples", "share", "share_lo", "share_hi", "title"),
]


@dataclass(frozen=True)
class IndexMethod:
    """How a method of sensitivity analysis is shown.

    bars : its indices, a bar each, and what they are; main: by which factors are
        ordered; size: its name in a title; count: the column of its samples; title:
        the method, of so many of them; ci: of what its interval is; axis; more: what
        else is to be known
    """

    bars: dict[str, str]
    main: str
    size: str
    count: str
    title: str
    ci: str
    axis: str
    more: str = ""


METHODS = {
    "sobol": IndexMethod(
        bars={"first": "first, alone", "total": "total, with all it takes part in"},
        main="total",
        size="total index",
        count="samples",
        title="Sobol, {} base samples",
        ci="bootstrap over the samples",
        axis="share of the variance",
        more="An index below 0 or above 1 says that there are too few samples or "
        "replications.",
    ),
    "morris": IndexMethod(
        bars={
            "mu_star": "mu star, mean size of a step",
            "sigma": "sigma, its spread",
        },
        main="mu_star",
        size="mean step",
        count="trajectories",
        title="Morris, {} trajectories",
        ci="over trajectories",
        axis="steps in the outcome, over the factor's range",
    ),
}
REACH = (-0.25, 1.25)  # of the picture of a share, which lies between 0 and 1
MOST_FACTORS = 16


def indices_table(sweep: SweepResult) -> pd.DataFrame:
    """Tidy: Sobol (first, total) or Morris (mu_star, sigma) indices with 95 % CIs, of
    the headline arm's effect and of its mean. samples: base samples or trajectories.
    share: part of the variance over points and replications that is parametric, with
    its CI; the rest is Monte Carlo."""
    from balance_sim.effects.sensitivity import sensitivity
    from balance_sim.scenario.errors import WrongRequest

    method, arm = str(sweep.manifest.design.method), sweep.headline_arm
    if method not in METHODS or arm is None:
        return pd.DataFrame()
    try:
        analysis = sensitivity(sweep, [sweep.headline_outcome])
    except WrongRequest:  # no replication has finished
        return pd.DataFrame()
    if analysis.indices.empty:
        return pd.DataFrame()
    split = analysis.split[analysis.split["arm"] == arm].set_index("of")
    shares = split.filter(like="share_parameters")
    shares = shares.rename(columns=lambda name: name.replace("_parameters", ""))
    rows = analysis.indices[analysis.indices["arm"] == arm]
    spec = METHODS[method]
    samples, title = rows[spec.count], say.arm_title(sweep.scenario, arm)
    pieces = []
    for index in spec.bars:
        part = rows[["factor", "arm", "outcome", "of"]].assign(
            index=index,
            value=rows[index],
            lo=rows[f"{index}_lo"],
            hi=rows[f"{index}_hi"],
            samples=samples,
        )
        pieces.append(part)
    table = pd.concat(pieces).sort_index(kind="stable")
    table = table.join(shares, on="of").assign(method=method, title=title)
    return table[INDICES].reset_index(drop=True)


def main_index(table: pd.DataFrame) -> pd.DataFrame:
    """The rows by which factors are ordered: total, or mu_star; largest first, ties by
    name."""
    rows = table[table["index"] == METHODS[say.first(table, "method")].main]
    return rows.sort_values(["value", "factor"], ascending=[False, True], kind="stable")


def indices_title(table: pd.DataFrame) -> str:
    """The finding: the factor with the largest index of the effect, if it and the
    factors' share can be detected: of a variance that is all Monte Carlo an index says
    nothing."""
    rows = main_index(table[table["of"] == "effect"])
    if (rows["value"].fillna(0.0) == 0).all():  # Sobol's are undefined then
        return "No factor changes the effect at any point"
    sure = rows[(rows["lo"] > 0) & (rows["share_lo"] > 0)]
    top = (sure if len(sure) else rows).iloc[0]
    value, lo, hi = (float(top[column]) for column in ("value", "lo", "hi"))
    places, factor = say.digits(value), say.factor_words(str(top["factor"]))
    bounds = "too few samples for a CI"
    if np.isfinite(lo):
        bounds = say.ci(lo, hi, places)
    size = f"{METHODS[top['method']].size} {say.number(value, places)}, {bounds}"
    if len(sure):
        return f"{factor} moves the effect most ({size})"
    return f"No factor has a detectable part in the effect; largest: {factor} ({size})"


def _indices_page(table: pd.DataFrame) -> list[style.Axes]:
    factors = min(table["factor"].nunique(), MOST_FACTORS)
    return style.panels(10.4, 2.7 + 0.56 * max(factors, 2), 1, 2, sharey=True)


@style.figure(
    "indices",
    "Which factor matters how much?",
    indices_table,
    fits=lambda sweep: sweep.manifest.design.method in METHODS,
    page=_indices_page,
    empty=(
        "Not a Sobol or Morris design, or too few samples are finished: there are no "
        "indices to show."
    ),
)
def draw_indices(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Left the effect, right the level: two bars a factor with their intervals."""
    method = METHODS[say.first(table, "method")]
    order = main_index(table[table["of"] == "effect"])["factor"].tolist()
    factors = order[:MOST_FACTORS]
    quantities = {"effect": "effect", "mean": "level"}
    for ax, (quantity, words) in zip(axes, quantities.items(), strict=True):
        rows = table[table["of"] == quantity]
        is_cut = _draw_bars(ax, rows, factors, list(method.bars))
        title = f"{words}, {say.first(table, 'title')}{_share(rows)}"
        ax.set_title(style.folded(title, 46), loc="left", color=style.QUIET)
        ax.set_xlabel(method.axis)
        if is_cut:
            looks: dict[str, Any] = {"xycoords": "axes fraction", "ha": "right"}
            looks |= {"va": "baseline", "color": style.QUIET}
            style.note(ax, "lines go on beyond the edge", (1.0, 1.0), (0, 2), **looks)
    labels = [style.folded(say.factor_words(factor), 26) for factor in factors[::-1]]
    axes[0].set_yticks(range(len(factors)), labels)
    outcome = say.outcome_words(say.first(table, "outcome"))
    plain, hatched = method.bars.values()
    small = f"{method.title.format(int(table['samples'].iloc[0]))}; {outcome}. "
    small += f"Plain bar: {plain}; hatched: {hatched}. "
    small += f"Line: 95 % CI ({method.ci}); grey bar: it holds zero"
    if table["lo"].isna().any():
        small += ", or there are too few samples for one"
    small += f". {method.more}"
    undrawn = table["factor"].nunique() - len(factors)
    if undrawn:
        small += f" {undrawn} more factors are in the table."
    return style.Words(indices_title(table), "", small, 84, 132)


def _share(rows: pd.DataFrame) -> str:
    """How much of the variance is parametric; empty where that is not known."""
    row = rows.iloc[0]
    if not np.isfinite(row["share"]):
        return ""
    if row["share"] <= 0 or not row["share_lo"] > 0:
        return ": no detectable parametric part of the variance"
    share = say.percent(float(row["share"]))
    return f": {share} of the variance is parametric, the rest Monte Carlo"


def _draw_bars(
    ax: style.Axes, rows: pd.DataFrame, factors: Sequence[str], indices: Sequence[str]
) -> bool:
    """Bars of one quantity; whether some line was cut at the edge of the picture."""
    largest = float(np.nanmax(rows[["value", "hi"]].to_numpy(float)))
    is_share = "total" in indices
    low, high = REACH if is_share else (0.0, 1.08 * largest or 1.0)
    is_cut = False
    colours = (style.BLUE, style.OTHERS[0][0])
    for place, (index, colour) in enumerate(zip(indices, colours, strict=True)):
        part = rows[rows["index"] == index].set_index("factor")
        for y, factor in enumerate(factors[::-1]):
            value, lo, hi = part.loc[factor, ["value", "lo", "hi"]].to_numpy(float)
            spot = y + 0.2 - 0.4 * place
            is_sure = lo > 0
            looks: dict[str, Any] = {"hatch": "//" if place else "", "linewidth": 0.8}
            looks["color"] = colour if is_sure else "#d0d0d0"
            looks["edgecolor"] = "white" if place and is_sure else colour
            ax.barh(spot, float(np.clip(value, low, high)), height=0.36, **looks)
            if np.isfinite(lo) and hi > lo:
                is_cut = is_cut or bool(lo < low or hi > high)
                line: dict[str, Any] = {"color": style.INK, "linewidth": 1.3}
                ends = np.clip([lo, hi], low, high)
                ax.plot(ends, [spot, spot], solid_capstyle="butt", **line)
    ax.axvline(0, color=style.INK, linewidth=1)
    if is_share:
        ax.axvline(1, color=style.QUIET, linewidth=0.8, linestyle=(0, (1, 2)))
    ax.set(xlim=(low, high), ylim=(-0.6, len(factors) - 0.4))
    ax.tick_params(axis="y", length=0)
    return is_cut

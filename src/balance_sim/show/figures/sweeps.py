"""Sweeps: the effect over the values of each factor, and over the two factors that
matter most; and Sobol and Morris indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import has_rows
from balance_sim.show.headline import clear, furthest
from balance_sim.study.sweep_result import SweepResult

MOST_PANELS, MOST_VALUES, MOST_FACTORS = 12, 8, 16
FEW_POINTS = 60
"""Points up to which every point shows its interval."""
CLASSES = 5


def headline_effects(sweep: SweepResult) -> pd.DataFrame:
    """Return the effects of a sweep's headline arm on the outcome drawn.

    Returns
    -------
    A row a point: the factors' values by key path; effect, lo, hi, mcse, n, and what
    the arm and its control are called. Empty where there are none
    """
    effects, arm = sweep.effects, sweep.headline_arm
    if effects.empty or arm is None:
        return pd.DataFrame()
    is_drawn = (effects["arm"] == arm) & (effects["outcome"] == sweep.headline_outcome)
    return (
        effects[is_drawn]
        .rename(columns={"mean": "effect"})
        .assign(
            title=say.arm_title(sweep.scenario, arm),
            control=say.arm_title(sweep.scenario, sweep.reference),
        )
    )


# -- a panel a factor ------------------------------------------------------------------


def factors_table(sweep: SweepResult) -> pd.DataFrame:
    """Return the effect by factor and point.

    Returns
    -------
    A row a point and factor: the factor's value there and place (the value, or the
    middle of its class where it is one of more than MOST_VALUES numbers), with the
    columns of `headline_effects`
    """
    effects = headline_effects(sweep)
    pieces = []
    for factor in [path for path in sweep.paths if path in effects]:
        values = effects[factor].infer_objects()
        if not pd.api.types.is_numeric_dtype(values):
            values = values.astype(str)
        part = effects.drop(columns=list(sweep.paths), errors="ignore")
        pieces.append(
            part.assign(factor=factor, value=values, place=classes_of(values))
        )
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame()


def classes_of(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values, or of more than MOST_VALUES numbers the middles of CLASSES classes
    of equal width."""
    if not pd.api.types.is_numeric_dtype(values) or values.nunique() <= MOST_VALUES:
        return values
    edges = np.linspace(values.min(), values.max(), CLASSES + 1)
    middles = (edges[:-1] + edges[1:]) / 2
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, CLASSES - 1)
    return pd.Series(middles[places], index=values.index)


def factor_spreads(table: pd.DataFrame) -> pd.Series[float]:
    """Return by factor how far the means of the effect over its values lie apart, the
    largest first, ties by name."""
    means = table.groupby(["factor", "place"])["effect"].mean().groupby("factor")
    spreads = (means.max() - means.min()).sort_index()
    return spreads.sort_values(ascending=False, kind="stable")


def factors_title(table: pd.DataFrame) -> str:
    """Return the range of the effect over the points, at how many it can be detected,
    and the factor along whose values its means lie furthest apart."""
    points = table.drop_duplicates("point")
    low, high = float(points["effect"].min()), float(points["effect"].max())
    detected = int(clear(points).sum())
    count, places = say.plural(len(points), "point"), say.digits(low, high)
    if low == high and detected == 0:
        return f"The effect is the same, {say.signed(low, places)}, at each of {count}"
    words = (
        f"Over {count} the effect runs from {say.signed(low, places)} to "
        f"{say.signed(high, places)}, detectable at {detected or 'none'} of them"
    )
    spreads = factor_spreads(table)
    if len(spreads) == 1:
        return words
    return f"{words}; it changes most along {say.factor_words(str(spreads.index[0]))}"


def _factors_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page with a panel a factor, three in a row."""
    count = min(table["factor"].nunique(), MOST_PANELS)
    columns = 2 if count in (2, 4) else min(count, 3)
    rows = -(-count // columns)
    width, height = max(3.9 * columns, 8.2), 2.9 * rows + 1.7
    return style.panels(width, height, rows, columns, sharey=True)


@style.figure(
    "factors",
    "How does the effect change with each factor?",
    factors_table,
    page=_factors_page,
    empty="No arm to compare, or no point finished: there is no effect to show.",
    columns="factor value point effect lo hi mcse",
)
def draw_factors(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a panel a factor, those first along which the effect changes most: every
    point's effect with its interval, and the mean by value."""
    factors = list(factor_spreads(table).index[:MOST_PANELS])
    for ax, factor in zip(axes, factors, strict=False):
        _draw_factor(ax, table[table["factor"] == factor])
        ax.set_xlabel(style.folded(say.factor_words(factor), 40), fontsize=style.SMALL)
    for ax in axes[len(factors) :]:
        ax.set_axis_off()
    small = (
        f"{_whose(table)}. Dot: a point; open: its 95 % CI holds zero. Heavy line: "
        "mean by value, or of five classes of it."
    )
    undrawn = table["factor"].nunique() - len(factors)
    if undrawn:
        count = say.plural(undrawn, "factor")
        small += f" {count} along which it changes less: in the table."
    is_wide = len(factors) not in (1, 2, 4)
    wraps = (100, 140) if is_wide else (72, 100)
    return style.Words(factors_title(table), "", small, *wraps)


def _whose(table: pd.DataFrame) -> str:
    """Return which outcome, of which arm relative to which, of how many replications a
    point."""
    outcome = say.outcome_words(say.first(table, "outcome"))
    arms = f"{say.first(table, 'title')}, relative to {say.first(table, 'control')}"
    return f"Effect on {outcome}: {arms}; {style.runs_of(table)} a point"


def _draw_factor(ax: style.Axes, rows: pd.DataFrame) -> None:
    """Draw the points of one factor and their means."""
    x, places = rows["value"], rows["place"]
    if not pd.api.types.is_numeric_dtype(x):
        names = sorted(x.unique())
        labels = [style.folded(say.arm_words(name), 12) for name in names]
        ax.set_xticks(range(len(names)), labels)
        ax.set_xlim(-0.6, len(names) - 0.4)
        x = places = x.map(names.index)
    ax.axhline(0, color=style.INK, linewidth=1)
    if len(rows) <= FEW_POINTS:
        line: dict[str, Any] = {"color": style.QUIET, "linewidth": 0.9, "alpha": 0.6}
        ax.vlines(x, rows["lo"], rows["hi"], **line)
    faces = np.where(clear(rows), style.QUIET, "white")
    ax.scatter(x, rows["effect"], s=18, c=faces, edgecolors=style.QUIET, zorder=2)
    means = rows.groupby(places)["effect"].mean()
    looks: dict[str, Any] = {"color": style.BLUE, "linewidth": 2.2, "zorder": 3}
    ax.plot(means.index, means, marker="_", markersize=16, **looks)
    ax.set_ylabel("mean effect", fontsize=style.SMALL)
    ax.tick_params(labelleft=True)


# -- two factors together --------------------------------------------------------------


def surface_table(sweep: SweepResult) -> pd.DataFrame:
    """Return the effect over the two numeric factors along which it changes most.

    Returns
    -------
    A row a pair of values, or of classes where a factor has more than MOST_VALUES: x,
    y; effect: the mean over its points; lo, hi: the mean of the points' 95 % CIs, which
    is no narrower than that of their mean, whatever random numbers they share; points:
    how many; factor_x, factor_y. Empty where there are no two such factors
    """
    table = factors_table(sweep)
    if table.empty:
        return table
    numeric = [
        factor
        for factor, rows in table.groupby("factor")
        if pd.api.types.is_numeric_dtype(rows["value"].infer_objects())
        and rows["value"].nunique() >= 2
    ]
    factors = [factor for factor in factor_spreads(table).index if factor in numeric]
    if len(factors) < 2:
        return pd.DataFrame()
    effects = headline_effects(sweep)
    axes = {
        axis: classes_of(effects[factor].infer_objects().astype(float))
        for axis, factor in zip("xy", factors, strict=False)
    }
    cells = effects[["effect", "lo", "hi"]].assign(**axes).groupby(["x", "y"])
    grid = cells.mean().assign(points=cells.size()).reset_index()
    names = ["outcome", "title", "control", "n"]
    whose = {name: effects[name].iloc[0] for name in names}
    return grid.assign(factor_x=factors[0], factor_y=factors[1], **whose)


def surface_title(table: pd.DataFrame) -> str:
    """Return in how many cells the effect can be detected, and where it is largest."""
    places, sure = say.digits(*table["effect"]), table[clear(table)]
    if table["effect"].nunique() == 1:
        effect = say.signed(float(table["effect"].iloc[0]), places)
        return f"The effect is the same, {effect}, in every cell"
    rows = sure if len(sure) else table
    top = furthest(rows)
    where = " and ".join(
        f"{say.factor_words(top[f'factor_{axis}'])} {top[axis]:.3g}" for axis in "xy"
    )
    bounds = say.interval(float(top["lo"]), float(top["hi"]), places)
    size = f"{say.signed(float(top['effect']), places)} ({bounds})"
    which = "largest of them" if len(sure) else "largest"
    return (
        f"The effect is detectable in {len(sure) or 'none'} of {len(table)} cells; "
        f"{which}: {size} at {where}"
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
    """Draw a cell for each pair of values or classes, its mean effect as colour and
    number."""
    ax = axes[0]
    wide = table.pivot(index="y", columns="x", values="effect")
    reach = float(table["effect"].abs().max()) or 0.01
    looks: dict[str, Any] = {"cmap": style.effect_colours(), "aspect": "auto"}
    looks |= {"interpolation": "none", "vmin": -reach, "vmax": reach}
    image = ax.imshow(wide, origin="lower", **looks)
    ax.set_xticks(range(wide.shape[1]), [f"{value:.3g}" for value in wide.columns])
    ax.set_yticks(range(wide.shape[0]), [f"{value:.3g}" for value in wide.index])
    box = {"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0}
    words: dict[str, Any] = {"ha": "center", "va": "center", "bbox": box}
    places = say.digits(*table["effect"])
    for row in table.assign(clear=clear(table)).to_dict("records"):
        column, line = (
            list(wide.columns).index(row["x"]),
            list(wide.index).index(row["y"]),
        )
        words["fontweight"] = "bold" if row["clear"] else "normal"
        ax.text(column, line, say.signed(row["effect"], places), **words)
    x, y = (say.factor_words(say.first(table, f"factor_{axis}")) for axis in "xy")
    ax.set(xlabel=x, ylabel=y)
    ax.tick_params(length=0)
    bar = style.owner(ax).colorbar(image, ax=ax, shrink=0.8)
    bar.outline.set_visible(False)
    bar.set_label("mean effect (amber: less, blue: more)")
    small = (
        "Bold: the 95 % CI excludes zero. Numbers on the axes are values, or the "
        "middles of classes; a cell is the mean over its points, and its CI the mean "
        "of theirs, which is rather too wide. Light grey: no point there."
    )
    return style.Words(surface_title(table), _whose(table), small, 74, 112)


# -- indices ---------------------------------------------------------------------------

METHODS = {"sobol": ("total", "first"), "morris": ("mu_star", "sigma")}
"""By design the index by which factors are ordered, and the other one."""
INDEX_WORDS = {
    "total": "total index",
    "first": "first-order index",
    "mu_star": "mean step (mu star)",
    "sigma": "its spread (sigma)",
}
REACH = (-0.25, 1.25)
"""Ends of the axis of a share, which lies between 0 and 1."""


def indices_table(sweep: SweepResult) -> pd.DataFrame:
    """Return Sobol or Morris indices of the headline arm's effect.

    Returns
    -------
    A row a factor and index, the largest main index first: value with its 95 % CI (lo,
    hi); samples: base samples or trajectories; share, share_lo: part of the variance
    over points and replications that is parametric; the rest is Monte Carlo. Empty
    where the design has no indices
    """
    from balance_sim.effects.sensitivity import sensitivity
    from balance_sim.scenario.errors import WrongRequest

    method, arm = str(sweep.manifest.design.method), sweep.headline_arm
    if method not in METHODS or arm is None:
        return pd.DataFrame()
    try:
        analysis = sensitivity(sweep, [sweep.headline_outcome])
    except WrongRequest:  # no replication has finished
        return pd.DataFrame()
    frames = [analysis.indices, analysis.split]
    if any(frame.empty for frame in frames):
        return pd.DataFrame()
    indices, split = (
        frame[(frame["arm"] == arm) & (frame["of"] == "effect")] for frame in frames
    )
    indices = indices.sort_values("factor").sort_values(
        METHODS[method][0], ascending=False, kind="stable"
    )
    pieces = []
    for index in METHODS[method]:
        numbers = indices[[index, f"{index}_lo", f"{index}_hi"]]
        part = numbers.set_axis(["value", "lo", "hi"], axis=1)
        pieces.append(part.assign(index=index, factor=indices["factor"]))
    samples = "samples" if method == "sobol" else "trajectories"
    return pd.concat(pieces, ignore_index=True).assign(
        outcome=sweep.headline_outcome,
        samples=indices[samples].iloc[0],
        share=split["share_parameters"].iloc[0],
        share_lo=split["share_parameters_lo"].iloc[0],
        title=say.arm_title(sweep.scenario, arm),
    )


def indices_title(table: pd.DataFrame) -> str:
    """Return the factor with the largest index of the effect, if it and the factors'
    share can be detected: of a variance that is all Monte Carlo an index says
    nothing."""
    rows = table[table["index"] == table["index"].iloc[0]]
    if (rows["value"].fillna(0.0) == 0).all():  # Sobol's are undefined then
        return "No factor changes the effect at any point"
    sure = rows[(rows["lo"] > 0) & (rows["share_lo"] > 0)]
    top = (sure if len(sure) else rows).iloc[0]
    places, factor = say.digits(top["value"]), say.factor_words(top["factor"])
    bounds = "too few samples for a CI"
    if np.isfinite(top["lo"]):
        bounds = say.ci(top["lo"], top["hi"], places)
    size = f"{INDEX_WORDS[top['index']]} {say.number(top['value'], places)}, {bounds}"
    if len(sure):
        return f"{factor} moves the effect most ({size})"
    return f"No factor has a detectable part in the effect; largest: {factor} ({size})"


def _indices_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page with a row a factor."""
    factors = min(table["factor"].nunique(), MOST_FACTORS)
    return style.panels(9.6, 2.9 + 0.5 * max(factors, 2))


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
    columns="factor index value lo hi",
)
def draw_indices(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw two dots a factor with their intervals: the index that orders them, and the
    other one."""
    ax = axes[0]
    factors = list(table["factor"].unique()[:MOST_FACTORS])
    labels = [style.folded(say.factor_words(factor), 26) for factor in factors]
    heights = dict(zip(factors, style.row_axis(ax, labels), strict=True))
    ax.axvline(0, color=style.INK, linewidth=1)
    colours = iter((style.BLUE, style.VERMILION))
    for index, rows in table.groupby("index", sort=False):
        shown = rows[rows["factor"].isin(factors)]
        shift = 0.12 if index in ("total", "mu_star") else -0.12
        spots = shown["factor"].map(heights) + shift
        colour = next(colours)
        ax.hlines(spots, shown["lo"], shown["hi"], colors=colour, linewidth=2)
        ax.plot(shown["value"], spots, "o", color=colour, label=INDEX_WORDS[str(index)])
    is_share = "total" in set(table["index"])
    samples, outcome = int(table["samples"].iloc[0]), say.first(table, "outcome")
    small = f"Morris, {samples} trajectories"
    ax.set_xlabel("steps in the outcome, over the factor's range")
    if is_share:
        ax.set(xlim=REACH, xlabel="share of the variance")
        small = (
            f"Sobol, {samples} base samples; an index below 0 or above 1 says that "
            "there are too few samples or replications"
        )
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, ncols=2)
    under = f"Effect of {say.first(table, 'title')}{_share_words(table)}"
    small += f"; {say.outcome_words(outcome)}. Lines: 95 % CI."
    undrawn = table["factor"].nunique() - len(factors)
    if undrawn:
        small += f" {undrawn} more factors are in the table."
    return style.Words(indices_title(table), under, small, 76, 118)


def _share_words(table: pd.DataFrame) -> str:
    """Return how much of the variance is parametric; empty where that is not known."""
    share, low = table["share"].iloc[0], table["share_lo"].iloc[0]
    if not np.isfinite(share):
        return ""
    if not low > 0:
        return ": no detectable parametric part of the variance"
    return f": {say.percent(share)} of the variance is parametric, the rest Monte Carlo"

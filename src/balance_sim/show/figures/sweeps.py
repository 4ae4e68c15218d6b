"""Sweeps: the effect over the values of each factor; and Sobol and Morris indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.headline import clear, detected
from balance_sim.stats.indices import FEW_POINTS, FEWEST_OF_SPLIT
from balance_sim.study.sweep_result import SweepResult

MOST_PANELS, MOST_VALUES, MOST_NAMED = 12, 8, 3
MOST_LINES = 60
"""Points up to which every point shows its interval."""


def headline_effects(sweep: SweepResult, outcome: str = "") -> pd.DataFrame:
    """Return the effects of a sweep's headline arm on an outcome.

    Parameters
    ----------
    outcome : empty for the headline outcome

    Returns
    -------
    A row a point: the factors' values by key path; effect, lo, hi, mcse, n, spread
    (standard deviation of the estimate over replications of an arm), and what the arm
    and its control are called. Empty where there are none
    """
    effects, arm = sweep.effects, sweep.headline_arm
    if effects.empty or arm is None:
        return pd.DataFrame()
    outcome = outcome or sweep.headline_outcome
    is_drawn = (effects["arm"] == arm) & (effects["outcome"] == outcome)
    levels = sweep.levels[sweep.levels["outcome"] == outcome]
    squares = (levels["mcse"] ** 2 * levels["n"]).groupby(levels["point"]).mean()
    return (
        effects[is_drawn]
        .assign(spread=effects["point"].map(squares**0.5))
        .rename(columns={"mean": "effect"})
        .assign(
            title=say.arm_title(sweep.scenario, arm),
            control=say.arm_title(sweep.scenario, sweep.reference),
        )
    )


# -- a panel a factor ------------------------------------------------------------------


def factors_table(sweep: SweepResult, outcome: str = "") -> pd.DataFrame:
    """Return the effect on an outcome by factor and point.

    Returns
    -------
    A row a point and factor: the factor's value there, a number or a word, with the
    columns of `headline_effects`
    """
    effects = headline_effects(sweep, outcome)
    pieces = []
    for factor in [path for path in sweep.paths if path in effects]:
        values = effects[factor].infer_objects()
        if not pd.api.types.is_numeric_dtype(values):
            values = values.astype(str)
        part = effects.drop(columns=list(sweep.paths), errors="ignore")
        pieces.append(part.assign(factor=factor, value=values))
    return pd.concat(pieces, ignore_index=True) if pieces else pd.DataFrame()


def factor_spreads(table: pd.DataFrame) -> pd.Series[float]:
    """Return by factor how far the means of the effect over its values lie apart, the
    largest first; of factors with few values, since each point of a sampled design has
    values of its own."""
    by_factor = table.groupby("factor", sort=True)
    discrete = by_factor.filter(lambda rows: rows["value"].nunique() <= MOST_VALUES)
    means = discrete.groupby(["factor", "value"])["effect"].mean().groupby("factor")
    return (means.max() - means.min()).sort_values(ascending=False, kind="stable")


def factors_title(table: pd.DataFrame) -> str:
    """Return at how many points the effect can be detected, and the factor along whose
    values its means lie furthest apart."""
    points = table.drop_duplicates("point")
    names = table.groupby("point")[["factor", "value"]].apply(_point_words)
    points = points.assign(name=points["point"].map(names))
    words = detected(points, "points", "name")
    spreads = factor_spreads(table)
    if len(spreads) < 2:
        return words
    return f"{words}; it changes most along {say.factor_words(str(spreads.index[0]))}"


def _point_words(rows: pd.DataFrame) -> str:
    """Return a point by its values; by how many they are where they are too many for a
    title."""
    if len(rows) > MOST_NAMED:
        return f"at one set of {len(rows)} values"
    values = [
        value.replace("_", " ") if isinstance(value, str) else f"{value:.3g}"
        for value in rows["value"]
    ]
    factors = map(say.factor_words, rows["factor"])
    words = (f"{name} {value}" for name, value in zip(factors, values, strict=True))
    return say.listed(list(words))


def sweep_finding(sweep: SweepResult) -> str:
    """Return what a sweep shows of its headline arm and outcome."""
    table = factors_table(sweep)
    if table.empty:
        return "No arm to compare, or no point finished, so there is nothing to report."
    return f"{factors_title(table)}. {_whose(table)}."


def _factors_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page with a panel a factor, three in a row, two of two or four; at most
    MOST_PANELS."""
    count = min(table["factor"].nunique(), MOST_PANELS)
    columns = 2 if count in (2, 4) else min(count, 3)
    rows = -(-count // columns)
    return style.panels(rows, columns, 1.9 + 1.9 * rows, sharey=True)


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
    factors = dict.fromkeys([*factor_spreads(table).index, *table["factor"]])
    for ax, factor in zip(axes, factors, strict=False):
        _draw_factor(ax, table[table["factor"] == factor])
        ax.set_xlabel(style.folded(say.factor_words(factor), 40), fontsize=style.SMALL)
    axes[0].set_ylim(style.limits(table["effect"].to_numpy(float), 0.3))
    for ax in axes[len(factors) :]:
        ax.set_axis_off()
    dots = (
        "open: its 95 % CI holds zero. Line: the CI, which may go on beyond the picture"
    )
    if table["lo"].isna().all():
        dots = "grey: it has no CI, since there are too few replications"
    small = f"{_whose(table)}. Dot: a point; {dots}. Blue: mean by value."
    return style.Words(factors_title(table), "", small)


def _whose(table: pd.DataFrame) -> str:
    """Return which outcome, of which arm relative to which, of how many replications a
    point."""
    outcome = say.outcome_words(say.first(table, "outcome"))
    arms = f"{say.first(table, 'title')}, relative to {say.first(table, 'control')}"
    return f"Effect on {outcome}: {arms}; {style.runs_of(table)} a point"


def _draw_factor(ax: style.Axes, rows: pd.DataFrame) -> None:
    """Draw the points of one factor and their means.

    Words stand side by side, those with the largest means first; the mean by value is
    left out where each point has a value of its own.
    """
    x, line = rows["value"], "-"
    if not pd.api.types.is_numeric_dtype(x.infer_objects()):
        order = rows.groupby("value")["effect"].mean()
        names = list(order.sort_values(ascending=False, kind="stable").index)
        labels = [style.folded(say.arm_words(name), 12) for name in names]
        ax.set_xticks(range(len(names)), labels)
        ax.set_xlim(-0.6, len(names) - 0.4)
        x, line = x.map(names.index), ""
    elif x.nunique() <= MOST_VALUES:
        values = sorted(x.unique())
        ax.set_xticks(values, [f"{value:.3g}" for value in values])
    ax.axhline(0, color=style.INK, linewidth=1)
    if len(rows) <= MOST_LINES:
        ax.vlines(x, rows["lo"], rows["hi"], colors=style.PALE, linewidth=1.2)
    faces = np.where(clear(rows), style.QUIET, "white")
    faces = np.where(rows["lo"].isna(), style.PALE, faces)
    ax.scatter(x, rows["effect"], s=18, c=faces, edgecolors=style.QUIET, zorder=2)
    means = rows["effect"].groupby(x).mean()
    if len(means) <= MOST_VALUES:
        look: dict[str, Any] = {"color": style.BLUE, "linewidth": 2, "markersize": 16}
        ax.plot(means.index, means, linestyle=line, marker="" if line else "_", **look)
    ax.set_ylabel("effect")
    ax.tick_params(labelleft=True)


# -- indices ---------------------------------------------------------------------------

METHODS = {"sobol": ("total", "first"), "morris": ("mu_star", "sigma")}
"""By design the index by which factors are ordered, and the other one."""
INDEX_WORDS = {
    "total": "total index: alone and with others",
    "first": "first-order index: alone",
    "mu_star": "mean step (mu star)",
    "sigma": "its spread (sigma)",
}
REACH = (-0.1, 1.1)
"""Ends of the axis of a share, which lies between 0 and 1."""


def indices_table(sweep: SweepResult) -> pd.DataFrame:
    """Return Sobol or Morris indices of the headline arm's effect.

    Returns
    -------
    A row a factor, the largest first: both indices of METHODS with their 95 % CIs
    (`_lo`, `_hi`); main, other: which they are; share, share_lo: part of the variance
    over points and replications that is parametric; the rest is Monte Carlo. Empty
    where the design has no indices, or no replication finished
    """
    from balance_sim.effects.sensitivity import sensitivity

    method, arm = str(sweep.manifest.design.method), sweep.headline_arm
    if method not in METHODS or arm is None or sweep.effects.empty:
        return pd.DataFrame()
    analysis = sensitivity(sweep, [sweep.headline_outcome])
    if analysis.indices.empty:
        return pd.DataFrame()
    indices, split = (
        frame[(frame["arm"] == arm) & (frame["of"] == "effect")]
        for frame in (analysis.indices, analysis.split)
    )
    main, secondary = METHODS[method]
    return indices.sort_values(main, ascending=False, kind="stable").assign(
        main=main,
        other=secondary,
        share=split["share_parameters"].iloc[0],
        share_lo=split["share_parameters_lo"].iloc[0],
        title=say.arm_title(sweep.scenario, arm),
    )


def indices_title(table: pd.DataFrame) -> str:
    """Return which factor has the largest index, and the index. Where the variance may
    be all Monte Carlo an index says nothing."""
    least = table["share_lo"].iloc[0]
    if np.isnan(least):
        return (
            "Too few points or replications to tell the factors from chance: "
            f"{FEW_POINTS} and {FEWEST_OF_SPLIT} are the fewest"
        )
    if not least > 0:
        return (
            "These replications do not tell the factors from chance: the whole "
            "variance may be Monte Carlo error"
        )
    row, main = table.iloc[0], say.first(table, "main")
    name = say.capital(say.factor_words(row["factor"]))
    return f"{name} matters most: {INDEX_WORDS[main]} {_index_words(row, main)}"


def _index_words(row: Any, index: str) -> str:
    """Return an index of a row, with its CI where it has one."""
    low, high = row[f"{index}_lo"], row[f"{index}_hi"]
    places = say.decimals((high - low) / 4, low, high)
    bounds = f" ({say.interval(low, high, places)})" if np.isfinite(low) else ""
    return f"{say.number(row[index], places)}{bounds}"


@style.figure(
    "indices",
    "Which factor matters how much?",
    indices_table,
    page=lambda table: style.rows_page(len(table), 0.6),
    empty=(
        "Not a Sobol or Morris design, or too few samples are finished: there are no "
        "indices to show."
    ),
)
def draw_indices(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw two dots a factor with their intervals and numbers: the index that orders
    them, and the other one; at the edge where they lie beyond."""
    ax = axes[0]
    labels = [style.folded(say.factor_words(factor), 26) for factor in table["factor"]]
    heights = style.row_axis(ax, labels)
    ax.axvline(0, color=style.INK, linewidth=1)
    low, high = REACH if "total" in table else (-np.inf, np.inf)
    for column, shift, colour in (
        ("main", 0.16, style.BLUE),
        ("other", -0.16, style.QUIET),
    ):
        index, spots = say.first(table, column), heights + shift
        ends = table[[f"{index}_lo", index, f"{index}_hi"]].clip(low, high)
        left, _, right = ends.to_numpy().T
        ax.hlines(spots, left, right, colors=colour, linewidth=2)
        look: dict[str, Any] = {"label": INDEX_WORDS[index], "clip_on": False}
        ax.plot(ends[index], spots, "o", color=colour, **look)
        for y, row in zip(spots, table.to_dict("records"), strict=True):
            style.beside(ax, y, _index_words(row, index), color=colour)
    ax.set_xlabel("steps in the outcome, over the factor's range")
    if "total" in table:
        ax.set(xlim=REACH, xlabel="share of the variance")
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), frameon=False, ncols=2)
    outcome = say.outcome_words(say.first(table, "outcome"))
    share = say.percent(table["share"].iloc[0])
    under = f"Effect of {say.first(table, 'title')} on {outcome}. Lines: 95 % CI"
    small = (
        f"{share} of the variance is parametric, the rest Monte Carlo. A share below 0 "
        "or above 1 says that there are too few samples or replications."
    )
    return style.Words(indices_title(table), under, small)

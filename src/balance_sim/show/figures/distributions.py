"""Any outcome, as it is spread over replications: `plot RESULTS --outcome NAME --kind
ecdf|hist|forest`.

Shapes are of what was drawn in each replication, not smoothed and not filtered;
effects, in the title and in `forest`, are paired with the control arm, and filtered
where there is a filtered estimate.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import draw_effects
from balance_sim.show.figures.sweeps import draw_factors, factors_table
from balance_sim.show.headline import EFFECT, detected, effect_table
from balance_sim.study.outcomes import FILTERED, known_outcome
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

KINDS = {
    "ecdf": "share of replications with at most so much, a line an arm",
    "hist": "how often each value came, a panel an arm, the control arm behind",
    "forest": "paired effect with its interval, a row an arm",
}
MOST_ARMS, MOST_BINS = 7, 40
NO_REPLICATION = "No replication finished: there is nothing to show."
SMALL = f"As drawn in each replication, not smoothed. Effects are paired. {say.CAVEAT}"
LOOKS = ((style.BASE, "-"), (style.BLUE, style.DASHES), *style.OTHERS)
"""Colour and line style of the control arm, the headline arm, and others."""


def spread_of(
    study: Result | SweepResult, outcome: str, kind: str | None = None
) -> style.FigureSpec:
    """Return the figure of an outcome; of no kind in particular an ECDF, of a sweep its
    effect by factor.

    Raises
    ------
    WrongRequest : for an unknown outcome or kind
    """
    kind = kind or "ecdf"
    is_sweep = isinstance(study, SweepResult)
    names = sorted(set(study.effects["outcome"])) if is_sweep else study.outcome_names
    names = [name for name in names if not name.startswith(FILTERED)]
    if outcome not in names:
        advice = did_you_mean(outcome, names)
        raise WrongRequest(
            f"unknown outcome `{shown(outcome)}`; {advice}\n"
            f"codebook.csv in the results folder lists all {len(names)}"
        )
    if is_sweep:
        table = partial(factors_table, outcome=outcome)
        return replace(draw_factors, name=f"factors_{outcome}", table=table)
    if kind not in KINDS:
        raise WrongRequest(f"no kind of figure `{kind}`; there are: {listed(KINDS)}")
    make_table = effects_table if kind == "forest" else values_table
    marks, page = MARKS[kind]
    return style.FigureSpec(
        name=f"{kind}_{outcome}",
        question=f"{say.capital(say.outcome_words(outcome))}: {KINDS[kind]}",
        table=partial(make_table, outcome=outcome),
        marks=partial(marks, outcome=outcome),
        page=page,
        empty=NO_REPLICATION,
    )


# -- tables ----------------------------------------------------------------------------


def values_table(result: Result, outcome: str) -> pd.DataFrame:
    """Return the values of an outcome.

    Returns
    -------
    A row a replication and arm, the control arm first, then the headline arm, at most
    MOST_ARMS: value, where it came by the horizon; n; effect, lo, hi, mcse of the arm;
    and what `wording.titled` says of it
    """
    if not result.finished:
        return pd.DataFrame()
    frame = result.by_run.frame(outcome).rename(columns={outcome: "value"})
    effects = effect_table(result, [outcome]).drop(columns="outcome")
    table = frame.dropna(subset="value").merge(effects, on="arm")
    order = table["role"].map({"reference": 0, "headline": 1, "other": 2})
    table = table.assign(order=order).sort_values("order", kind="stable")
    arms = table["arm"].unique()[:MOST_ARMS]
    return table[table["arm"].isin(arms)].drop(columns="order")


def effects_table(result: Result, outcome: str) -> pd.DataFrame:
    """Return a row an arm but the control arm, the largest effect first: effect, lo,
    hi, mcse, n, and what `wording.titled` says of it."""
    table = effect_table(result, [outcome])
    if table.empty:
        return table
    arms = table[table["role"] != "reference"]
    ordered = arms.sort_values("effect", ascending=False, kind="stable")
    return ordered.reset_index(drop=True)


# -- drawing ---------------------------------------------------------------------------


def _unit(name: str) -> str:
    """Return the unit of an outcome; of the user's own its name, since its author alone
    knows its unit."""
    outcome = known_outcome(name)
    if outcome is None or outcome.measure == "own":
        return say.outcome_words(name)
    return outcome.declared.unit


def _title(table: pd.DataFrame, outcome: str) -> str:
    """Return the mean in the control arm, and the headline arm's effect."""
    subject = say.capital(say.outcome_words(outcome))
    mean = table.loc[table["role"] == "reference", "value"].mean()
    words = f"{subject}: {say.number(mean, 1)} on average in the control arm"
    headline = table[(table["role"] == "headline") & table["effect"].notna()]
    if len(headline):
        words += f"; effect {say.effect_words(*headline[EFFECT].iloc[0])}"
    return words


def draw_ecdf(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """Draw a step line an arm: the share of replications with at most so much."""
    ax = axes[0]
    groups = table.groupby("title", sort=False)["value"]
    for (title, values), (colour, dashes) in zip(groups, LOOKS, strict=False):
        label = style.folded(str(title), 34)
        ax.ecdf(values, color=colour, linestyle=dashes, linewidth=1.8, label=label)
    ax.set_ylabel("share of replications\nwith at most so much")
    ax.set_xlabel(_unit(outcome))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    under = f"{style.runs_of(table)} per arm. Grey: the control arm"
    return style.Words(_title(table, outcome), under, SMALL, wrap=84)


def edges_of(values: Any) -> Any:
    """Return edges of bins: one a whole number where all values are, and few; else
    MOST_BINS over the range.

    >>> edges_of(np.array([1.0, 3.0])).tolist()
    [0.5, 1.5, 2.5, 3.5]
    """
    low, high = values.min(), values.max()
    count = int(high - low) + 1
    if count <= MOST_BINS and (values == np.round(values)).all():
        return np.arange(count + 1) + low - 0.5
    return np.histogram_bin_edges(values, MOST_BINS)


def draw_hist(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """Draw a panel an arm: how many replications have each value; the control arm's
    outline behind."""
    edges = edges_of(table["value"].to_numpy(float))
    groups = list(table.groupby("title", sort=False)["value"])
    for ax, (title, values), (colour, _) in zip(axes, groups, LOOKS, strict=False):
        ax.hist(values, edges, color=colour, alpha=0.55)
        ax.hist(groups[0][1], edges, histtype="step", color=style.INK)
        ax.set_title(str(title), loc="left")
    axes[0].set_ylabel("replications")
    small = f"{say.capital(_unit(outcome))}. Outline: the control arm. {SMALL}"
    return style.Words(_title(table, outcome), "", small, 84, 130)


def draw_forest(
    axes: list[style.Axes], table: pd.DataFrame, outcome: str
) -> style.Words:
    """Draw a row an arm: the paired effect with its 95 % CI."""
    draw_effects(axes[0], table, [style.folded(title, 44) for title in table["title"]])
    axes[0].set_xlabel(f"effect, {_unit(outcome)}")
    subject = say.capital(say.outcome_words(outcome))
    title = f"{subject}: {detected(table, 'arms', 'title')}"
    under = (
        f"paired with the control arm over {style.runs_of(table)}; open dots: the CI "
        "holds zero"
    )
    return style.Words(title, under, say.CAVEAT, wrap=72)


def _hist_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page with a panel an arm."""
    arms = table["arm"].nunique()
    return style.panels(10.6, 1.4 + 1.6 * arms, arms, sharex=True, sharey=True)


MARKS: dict[str, tuple[Any, Any]] = {
    "ecdf": (draw_ecdf, lambda _: style.panels(10.6, 5.4)),
    "hist": (draw_hist, _hist_page),
    "forest": (draw_forest, lambda table: style.panels(9.6, 1.6 + 0.34 * len(table))),
}
"""By kind of figure: the function that draws it, and the one that makes its axes."""

"""Any outcome, as it is spread over replications: `plot RESULTS --outcome NAME`.

Shapes are of what was drawn in each replication, not smoothed and not filtered; the
effect in the title is paired with the control arm, and filtered where there is a
filtered estimate.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from balance_sim.scenario.diagnostics import did_you_mean, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.sweeps import draw_factors, factors_table
from balance_sim.show.headline import EFFECT, effect_table
from balance_sim.study.outcomes import FILTERED, known_outcome
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

SMALL = f"Bars are of what was drawn in each replication. {say.CAVEAT}"
HELD = " The level of agreements is held at what is expected."
QUANTILES = ["q05", "q25", "q50", "q75", "q95"]


def spread_of(study: Result | SweepResult, outcome: str) -> style.FigureSpec:
    """Return the figure of an outcome: of a run how it is spread, of a sweep the effect
    on it by factor.

    Raises
    ------
    WrongRequest : for an unknown outcome
    """
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
    subject = say.capital(say.outcome_words(outcome))
    return replace(
        draw_spread,
        name=f"spread_{outcome}",
        question=f"{subject}: how is it spread over replications?",
        table=partial(values_table, outcome=outcome),
    )


def values_table(result: Result, outcome: str) -> pd.DataFrame:
    """Return how an outcome is spread.

    Returns
    -------
    A row an arm, the control arm first, then the headline arm, then the others:
    q05, q25, q50, q75, q95 over its replications; level, n, effect, lo, hi and mcse;
    what `wording.titled` says of it; and held, a sentence where the level is
    """
    table = effect_table(result, [outcome])
    if table.empty:
        return table
    levels = result.levels[result.levels["outcome"] == outcome]
    table = table.merge(levels[["arm", *QUANTILES]], on="arm")
    order = table["role"].map({"reference": 0, "headline": 1, "other": 2})
    table = table.assign(held="" if result.draws else HELD)
    return table.iloc[order.argsort(kind="stable")]


def _unit(name: str) -> str:
    """Return the unit of an outcome; of the user's own its name, since its author alone
    knows its unit."""
    outcome = known_outcome(name)
    if outcome is None or outcome.measure == "own":
        return say.outcome_words(name)
    return outcome.declared.unit


def _title(table: pd.DataFrame) -> str:
    """Return the level of the control arm, as tables have it, and the headline arm's
    effect."""
    subject = say.capital(say.outcome_words(say.first(table, "outcome")))
    level = float(table["control_level"].iloc[0])
    words = f"{subject}: {say.level(level)} in the control arm"
    headline = table[(table["role"] == "headline") & table["effect"].notna()]
    if len(headline):
        effect = say.effect_words(*headline[EFFECT].iloc[0])
        words += f"; effect {say.first(table, 'values')} {effect}"
    return words


@style.figure(
    "spread",
    "How is an outcome spread over replications?",
    pd.DataFrame,
    page=lambda table: style.rows_page(len(table), 0.42),
    empty="No replication finished: there is nothing to show.",
    columns="title level q05 q50 q95 effect lo hi",
)
def draw_spread(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a row an arm: bars of the middle 90 % and 50 % of replications, a dot at
    their mean; at the right the effect."""
    ax = axes[0]
    heights = style.row_axis(ax, [style.folded(title, 40) for title in table["title"]])
    places = say.decimals(table["mcse"].max(), *table["lo"], *table["hi"])
    for y, row in zip(heights, table.to_dict("records"), strict=True):
        is_headline = row["role"] == "headline"
        colour = style.BLUE if is_headline else style.BASE
        ax.barh(y, row["q95"] - row["q05"], 0.16, row["q05"], color=style.PALE)
        middle = style.FAINT if is_headline else style.PALE
        ax.barh(y, row["q75"] - row["q25"], 0.46, row["q25"], color=middle)
        ax.plot(row["level"], y, "o", color=colour, markersize=8, zorder=3)
        words = "control" if row["role"] == "reference" else ""
        if np.isfinite(row["effect"]):
            words = style.effect_label(row, places)
        style.beside(ax, y, words, color=style.readable(colour))
    values = table[["q05", "level", "q95"]].to_numpy(float)
    values = values[np.isfinite(values)]
    if len(values):
        room = 0.04 * float(np.ptp(values)) or 0.5
        ax.set_xlim(values.min() - room, values.max() + room)
    ax.set_xlabel(_unit(say.first(table, "outcome")))
    under = (
        f"Bars: the middle 50 % and 90 % of {style.runs_of(table)}; dots: means. At "
        "the right: paired effect and 95 % CI"
    )
    return style.Words(_title(table), under, SMALL + say.first(table, "held"))

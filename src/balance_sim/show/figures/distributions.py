"""Any outcome, as it is spread over replications: `plot RESULTS --outcome NAME`.

Shapes are of what was drawn in each replication, not smoothed and not filtered; the
effect in the title is paired with the control arm, and filtered where there is a
filtered estimate.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

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

MOST_ARMS = 7
SMALL = f"As drawn in each replication, not smoothed. Effects are paired. {say.CAVEAT}"
HELD = " The level of agreements is held at what is expected."
LOOKS = ((style.BASE, "-"), (style.BLUE, style.DASHES), *style.OTHERS)
"""Colour and line style of the control arm, the headline arm, and others."""


def spread_of(study: Result | SweepResult, outcome: str) -> style.FigureSpec:
    """Return the figure of an outcome: of a run its ECDF, of a sweep the effect on it
    by factor.

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
        draw_ecdf,
        name=f"ecdf_{outcome}",
        question=f"{subject}: how is it spread over replications?",
        table=partial(values_table, outcome=outcome),
    )


def values_table(result: Result, outcome: str) -> pd.DataFrame:
    """Return the values of an outcome.

    Returns
    -------
    A row a replication and arm, the control arm first, then the headline arm, at most
    MOST_ARMS: value, where it came by the horizon; n; effect, lo, hi, mcse of the arm;
    what `wording.titled` says of it; and held, a sentence where the level is
    """
    if not result.finished:
        return pd.DataFrame()
    frame = result.by_run.frame(outcome).rename(columns={outcome: "value"})
    table = frame.dropna(subset="value").merge(
        effect_table(result, [outcome]), on="arm"
    )
    order = table["role"].map({"reference": 0, "headline": 1, "other": 2})
    table = table.assign(order=order, held="" if result.draws else HELD)
    table = table.sort_values("order", kind="stable")
    arms = table["arm"].unique()[:MOST_ARMS]
    return table[table["arm"].isin(arms)].drop(columns="order")


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
    words = f"{subject}: {say.number(level, say.digits(level))} in the control arm"
    headline = table[(table["role"] == "headline") & table["effect"].notna()]
    if len(headline):
        effect = say.effect_words(*headline[EFFECT].iloc[0])
        words += f"; effect {say.first(table, 'values')} {effect}"
    return words


@style.figure(
    "ecdf",
    "How is an outcome spread over replications?",
    pd.DataFrame,
    page=lambda _: style.panels(10.6, 5.4),
    empty="No replication finished: there is nothing to show.",
)
def draw_ecdf(axes: list[style.Axes], table: pd.DataFrame) -> style.Words:
    """Draw a step line an arm: the share of replications with at most so much."""
    ax = axes[0]
    groups = table.groupby("title", sort=False)["value"]
    for (title, values), (colour, dashes) in zip(groups, LOOKS, strict=False):
        label = style.folded(str(title), 34)
        ax.ecdf(values, color=colour, linestyle=dashes, linewidth=1.8, label=label)
    ax.set_ylabel("share of replications\nwith at most so much")
    ax.set_xlabel(_unit(say.first(table, "outcome")))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    under = f"{style.runs_of(table)} per arm. Grey: the control arm"
    return style.Words(_title(table), under, SMALL + say.first(table, "held"))

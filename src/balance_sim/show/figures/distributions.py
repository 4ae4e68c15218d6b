"""Any outcome, as it is spread over replications: `plot RESULTS --outcome NAME --kind
ecdf|hist|forest`.

Shapes are of what was drawn in each replication, not smoothed and not filtered;
effects, in the title and in `forest`, are paired with the control arm, and filtered
where there is a filtered estimate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show import wording as say
from balance_sim.show.figures import style
from balance_sim.show.figures.effects import draw_effects
from balance_sim.show.figures.sweeps import draw_factors, factors_table
from balance_sim.show.headline import detected
from balance_sim.study.outcomes import FILTERED, OutcomeType, known_outcome
from balance_sim.study.result import Result
from balance_sim.study.sweep_result import SweepResult

Floats = npt.NDArray[np.float64]
KINDS = {
    "ecdf": "share of replications with at most so much, a line an arm",
    "hist": "how often each value came, a panel an arm, the control arm behind",
    "forest": "paired effect with its interval, a row an arm",
}
MOST_ARMS, BINS = 7, 30
EFFECT = ["effect", "lo", "hi", "mcse"]
NO_REPLICATION = "No replication finished: there is nothing to show."


def spread_of(
    study: Result | SweepResult, outcome: str, kind: str | None = None
) -> style.FigureSpec:
    """Return the figure of an outcome; of no kind in particular an ECDF, of a sweep its
    effect by factor.

    Raises
    ------
    WrongRequest : for an unknown outcome or kind
    """
    if isinstance(study, SweepResult):
        names = sorted(set(study.effects["outcome"]))
    else:
        names = [name for name in study.by_run.names if not name.startswith(FILTERED)]
    if outcome not in names:
        advice = did_you_mean(outcome, names)
        raise WrongRequest(
            f"unknown outcome `{shown(outcome)}`; {advice}\n"
            f"codebook.csv in the results folder lists all {len(names)}"
        )
    if isinstance(study, SweepResult):
        table = partial(factors_table, outcome=outcome)
        return replace(draw_factors, name=f"factors_{outcome}", table=table)
    kind = kind or "ecdf"
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
    MOST_ARMS: value (missing: not by the horizon), n; effect, lo, hi, mcse of the arm;
    and what `wording.titled` says of it
    """
    if not result.finished:
        return pd.DataFrame()
    frame = result.by_run.frame(outcome).rename(columns={outcome: "value"})
    arms = [result.reference, *result.arms]
    if result.headline_arm is not None:
        arms.insert(1, result.headline_arm)
    arms = list(dict.fromkeys(arms))[:MOST_ARMS]
    frame = frame[frame["arm"].isin(arms)]
    effects = effects_table(result, outcome).reindex(columns=["arm", *EFFECT])
    table = frame.merge(effects, on="arm", how="left")
    counts = table.groupby("arm")["value"].transform("size")
    order = table["arm"].map(arms.index)
    table = table.assign(n=counts, order=order).sort_values(["order", "run"])
    return say.titled(table.drop(columns="order"), result)


def effects_table(result: Result, outcome: str) -> pd.DataFrame:
    """Return a row an arm but the control arm, the largest effect first: effect, lo,
    hi, mcse, n, and what `wording.titled` says of it."""
    if result.effects.empty:
        return pd.DataFrame(columns=["arm", *EFFECT])
    rows = result.effects[result.effects["outcome"] == outcome]
    rows = rows.rename(columns={"mean": "effect"})
    rows = rows.sort_values("effect", ascending=False, kind="stable")
    return say.titled(rows.reset_index(drop=True), result)


# -- drawing ---------------------------------------------------------------------------


def _arms(table: pd.DataFrame) -> Iterator[tuple[str, Floats, dict[str, Any]]]:
    """Yield the arms of a table in its order: name, values, colour and line style."""
    own_looks = {"reference": (style.BASE, "-"), "headline": (style.BLUE, style.DASHES)}
    others = iter(style.OTHERS)
    for _, rows in table.groupby("arm", sort=False):
        role, name = say.first(rows, "role"), say.first(rows, "title")
        if role == "reference":
            name = f"{name} (control)"
        colour, dashes = own_looks[role] if role in own_looks else next(others)
        looks = {"color": colour, "linestyle": dashes}
        yield style.folded(name, 34), rows["value"].to_numpy(float), looks


def edges_of(values: Floats, *, is_whole: bool) -> Floats:
    """Return edges of bins: one a whole number where values are counts of few; else
    BINS over the range.

    >>> edges_of(np.array([1.0, 3.0]), is_whole=True).tolist()
    [0.5, 1.5, 2.5, 3.5]
    """
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    if is_whole and high - low <= 2 * BINS:
        return np.arange(np.floor(low) - 0.5, np.floor(high) + 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _is_count(name: str, table: pd.DataFrame) -> bool:
    """Return whether an outcome is a count, or of the user's own and in whole
    numbers."""
    outcome = known_outcome(name)
    if outcome is None:
        return False
    if outcome.measure == "own":
        values = table["value"].dropna()
        return bool((values == values.round()).all())
    return outcome.declared.type is OutcomeType.COUNT


def _unit(name: str) -> str:
    """Return the unit of an outcome; of the user's own its name, since its author alone
    knows its unit."""
    outcome = known_outcome(name)
    if outcome is None:
        return ""
    if outcome.measure == "own":
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


def _small(table: pd.DataFrame) -> str:
    """Return what the shapes are of."""
    words = (
        f"As drawn in each replication, not smoothed. Effects are paired. {say.CAVEAT}"
    )
    missing = int(table["value"].isna().sum())
    if missing:
        words += (
            f" In {missing:,} rows it did not come by the horizon: they are left out."
        )
    return words


def _whole_ticks(ax: style.Axes) -> None:
    """Put whole numbers alone on the x axis."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))


def draw_ecdf(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """Draw a step line an arm: the share of replications with at most so much."""
    ax = axes[0]
    for name, values, looks in _arms(table):
        ordered = np.sort(values[np.isfinite(values)])
        if not len(ordered):
            continue
        shares = np.arange(len(ordered) + 1) / len(values)
        steps = np.append(ordered[:1], ordered)
        ax.step(steps, shares, where="post", linewidth=1.8, label=name, **looks)
    ticks = [0, 0.25, 0.5, 0.75, 1]
    ax.set_yticks(ticks, [f"{share:.0%}" for share in ticks])
    ax.set(ylim=(0, 1.02), ylabel="share of replications\nwith at most so much")
    ax.set_xlabel(_unit(outcome))
    if _is_count(outcome, table):
        _whole_ticks(ax)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    under = f"{style.runs_of(table)} per arm"
    return style.Words(_title(table, outcome), under, _small(table), wrap=84)


def draw_hist(axes: list[style.Axes], table: pd.DataFrame, outcome: str) -> style.Words:
    """Draw a panel an arm: how many replications have each value; the control arm's
    outline behind."""
    arms, is_whole = list(_arms(table)), _is_count(outcome, table)
    edges = edges_of(table["value"].to_numpy(float), is_whole=is_whole)
    control, _ = np.histogram(arms[0][1], edges)
    for ax, (name, values, looks) in zip(axes, arms, strict=False):
        counts, _ = np.histogram(values, edges)
        ax.stairs(counts, edges, fill=True, color=looks["color"], alpha=0.55)
        ax.stairs(control, edges, color=style.INK, linewidth=1.1)
        ax.set_title(name, loc="left")
    for ax in axes[len(arms) :]:
        ax.set_axis_off()
    axes[0].set_ylabel("replications")
    if is_whole:
        _whole_ticks(axes[0])
    small = f"{say.capital(_unit(outcome))}. Outline: the control arm. {_small(table)}"
    return style.Words(_title(table, outcome), "", small, 84, 130)


def draw_forest(
    axes: list[style.Axes], table: pd.DataFrame, outcome: str
) -> style.Words:
    """Draw a row an arm, or a point: the paired effect with its 95 % CI."""
    labels = [style.folded(title, 44) for title in table["title"]]
    draw_effects(axes[0], table, labels)
    axes[0].set_xlabel(f"effect, {_unit(outcome)}")
    subject = say.capital(say.outcome_words(outcome))
    title = f"{subject}: {detected(table, 'rows', 'title')}"
    runs = say.plural(int(table["n"].max()), "replication")
    under = f"paired with the control arm over {runs}; open dots: the CI holds zero"
    return style.Words(title, under, say.CAVEAT, wrap=72)


def _hist_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page of three panels in a row."""
    rows = -(-table["arm"].nunique() // 3)
    return style.panels(10.6, 1.2 + 2.2 * rows, rows, 3, sharex=True, sharey=True)


def _forest_page(table: pd.DataFrame) -> list[style.Axes]:
    """Make a page with a row an effect."""
    return style.panels(9.6, 1.6 + 0.34 * max(len(table), 3))


MARKS: dict[str, tuple[Any, Any]] = {
    "ecdf": (draw_ecdf, lambda _: style.panels(10.6, 5.4)),
    "hist": (draw_hist, _hist_page),
    "forest": (draw_forest, _forest_page),
}
"""By kind of figure: the function that draws it, and the one that makes its axes."""

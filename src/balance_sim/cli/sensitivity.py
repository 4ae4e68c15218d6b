"""`balance-sim sensitivity RESULTS`: which factors matter, what is Monte Carlo error,
how many more runs to add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.show.wording import (
    arm_words,
    capital,
    digits,
    factor_words,
    outcome_words,
    table,
    wrapped,
)

if TYPE_CHECKING:
    import pandas as pd

    from balance_sim.effects.sensitivity import Sensitivity

MOST_FACTORS = 8
MOST_OUTCOMES = 3
BOOTSTRAP = 1000
INDICES = {
    "sobol": "first: share of the variance over points due to a factor alone; total: "
    "with its interactions.",
    "morris": "mu_star: mean absolute elementary effect over a factor's range, in the "
    "outcome's unit; sigma: its standard deviation, large where the factor's effect is "
    "not linear or depends on others.",
}
"""What the indices of a design are, in words."""
SPLIT_WORDS = (
    "variance by parameters: share of the variance over points and replications that "
    "the factors make, with the noise of few replications taken off (so that it can "
    "fall below 0); half-width: of the 95 % CI at the worst point, in the outcome's "
    "unit; more: replications that a half-width of {wanted:g} still asks for"
)
QUANTITY = ["of", "arm", "outcome"]
"""Columns that say of which quantity a row is."""


@click.command()
@click.argument("results", type=options.PATH)
@click.option(
    "--outcome",
    "outcomes",
    multiple=True,
    help="Only this outcome. Repeatable.  [default: the file's]",
)
@click.option(
    "--precision",
    type=options.FiniteRange(min=1e-9),
    default=0.1,
    show_default=True,
    help="Wanted half-width of the 95 % CI of means and effects.",
)
@click.option(
    "--seed",
    type=options.SHORT_SEED,
    default=1,
    show_default=True,
    help="Of the bootstrap.",
)
@options.verbose_option
@options.json_option
@options.terms_option
def sensitivity(
    results: Path,
    outcomes: tuple[str, ...],
    precision: float,
    seed: int,
    verbose: bool,
) -> None:
    """Sobol or Morris indices with 95 % CIs, on means and on paired effects, and the
    split of the variance into parametric and Monte Carlo variance, with the noise of
    finite runs removed.

    Printed are effects, on the outcomes that are named, here or in the experiment's
    file, else on the headline outcome; --verbose prints means and every outcome too."""
    from balance_sim.effects.sensitivity import sensitivity as sensitivity_of
    from balance_sim.study.sweep_result import open_sweep

    result = open_sweep(results)
    indices = sensitivity_of(result, outcomes or None, precision, BOOTSTRAP, seed)
    names = list(outcomes) or result.outcome_names
    if not outcomes and len(names) > MOST_OUTCOMES:
        headline = result.headline_outcome
        names = [headline] if headline in names else names[:1]
    shown = None if verbose else names
    options.answer(indices.as_dict, lambda: sensitivity_lines(indices, shown))


def sensitivity_lines(
    result: Sensitivity, outcomes: Sequence[str] | None = None
) -> Iterator[str]:
    """Yield for a person the largest indices of each quantity, then parametric shares
    and the replications wanted.

    outcomes: whose effects are shown (means, where there is none); None for
    everything."""
    split = result.split
    if split.empty:
        yield "No outcome has a mean in every replication: there is nothing to tell."
        for lost in result.left_out:
            yield from wrapped(f"left out: {lost}")
        return
    shown = split
    if outcomes is not None:
        quantity = "effect" if "effect" in set(split["of"]) else "mean"
        is_shown = split["outcome"].isin(outcomes) & (split["of"] == quantity)
        shown = split[is_shown]
    points, runs = int(result.convergence["points"].max()), int(split["runs"].max())
    design = result.method or "points of a list"
    yield f"design: {design}; {points:,} points, {runs:,} replications each"
    if result.indices.empty:
        yield "no indices: they need a sobol or morris design"
    else:
        yield from wrapped(INDICES[result.method], "", 80)
        keys = set(shown[QUANTITY].itertuples(index=False, name=None))
        for key, rows in result.indices.groupby(QUANTITY, sort=False):
            if key in keys:
                yield from _index_lines(key, rows, result.method)
    yield from ["", *_split_lines(shown, result.convergence)]
    for lost in result.left_out:
        if outcomes is None or lost.split()[2] in outcomes:
            yield from wrapped(f"left out: {lost}")
    for note in result.notes:
        yield from wrapped(f"note: {note}")
    hidden = len(split) - len(shown)
    if hidden:
        yield f"{hidden:,} further means and effects: --verbose, or --outcome NAME"


def _split_lines(split: pd.DataFrame, convergence: pd.DataFrame) -> Iterator[str]:
    """Yield a row a quantity: the parametric share of its variance, the half-width of
    the worst point, the runs wanted."""
    widths = convergence.drop(columns=["points", "runs"], errors="ignore")
    quantities = split.merge(widths, on=QUANTITY)
    yield from wrapped(SPLIT_WORDS.format(wanted=convergence["wanted"].iloc[0]), "")
    for outcome, rows in quantities.groupby("outcome", sort=False):
        share = f"variance by parameters{_ci(rows, 'share_parameters')}"
        cells = [("", share, "half-width", "more")]
        for row in rows.to_dict("records"):
            front = "effect of" if row["of"] == "effect" else "mean in"
            name = f"{front} {arm_words(row['arm'])}"
            cells.append((name, _interval(row, "share_parameters"), *_runs_wanted(row)))
        yield capital(outcome_words(str(outcome)))
        yield from table(cells, "<<>>", indent="  ")


def _index_lines(key: Any, rows: pd.DataFrame, method: str) -> Iterator[str]:
    """Yield the factors of the largest indices on one quantity."""
    quantity, arm, outcome = key
    title = f"mean of {outcome_words(outcome)} in {arm_words(arm)}"
    if quantity == "effect":
        title = f"effect of {arm_words(arm)} on {outcome_words(outcome)}"
    if method == "sobol":
        main, names, places = "total", ("first", "total"), 3
    else:
        main, names = "mu_star", ("mu_star", "sigma")
        places = digits(float(rows[main].max()))
    ranked = rows.sort_values(main, ascending=False, kind="stable")
    if ranked[main].isna().all():
        yield from ["", *wrapped(f"{capital(title)}: nothing varies")]
        return
    yield from ["", *wrapped(capital(title))]
    cells = [("factor", *(f"{name}{_ci(rows, name)}" for name in names))]
    for row in ranked.head(MOST_FACTORS).to_dict("records"):
        values = [_interval(row, name, places) for name in names]
        cells.append((factor_words(row["factor"]), *values))
    yield from table(cells, indent="  ")
    if len(ranked) > MOST_FACTORS:
        yield f"  ... and {len(ranked) - MOST_FACTORS} more: --json"


def _interval(row: dict[Any, Any], name: str, places: int = 3) -> str:
    """Return the value of a column with its interval, where there is one."""
    import pandas as pd

    if pd.isna(row[name]):
        return "nothing varies"
    value, low, high = (
        f"{row[column]:z.{places}f}" for column in (name, f"{name}_lo", f"{name}_hi")
    )
    return f"{value} ({low} to {high})" if pd.notna(row[f"{name}_lo"]) else value


def _ci(rows: pd.DataFrame, name: str) -> str:
    """Return what the head of a column adds, where there are intervals."""
    return " (95 % CI)" if rows[f"{name}_lo"].notna().any() else ""


def _runs_wanted(row: dict[Any, Any]) -> tuple[str, str]:
    """Return the half-width at the worst point, and the replications still wanted."""
    import pandas as pd

    if pd.isna(row["more_runs"]):
        return "-", "unknown: one run"
    if row["points_alike"] == row["points"]:
        return "-", "unknown: no replications differ"
    runs = f"{row['more_runs']:,}" if row["more_runs"] else "none"
    return f"{row['half_width_worst']:.3g}", runs

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
    number,
    outcome_words,
    page_width,
    said,
    table,
    wrapped,
)

if TYPE_CHECKING:
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
    "by parameters: share of the variance over points and replications that the "
    "factors make, with the noise of few replications taken off (so that it can fall "
    "below 0); half-width: of the 95 % CI at the worst point, in the outcome's unit; "
    "more: replications that a half-width of {wanted:g} still asks for"
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
@options.json_option
@options.terms_option
def sensitivity(
    results: Path,
    outcomes: tuple[str, ...],
    precision: float,
    seed: int,
) -> None:
    """Sobol or Morris indices with 95 % CIs, on means and on paired effects, and the
    split of the variance into parametric and Monte Carlo variance, with the noise of
    finite runs removed.

    Printed are effects, on the outcomes that are named, here or in the experiment's
    file, else on the headline outcome; --json holds means and every outcome too."""
    from balance_sim.effects.sensitivity import sensitivity as sensitivity_of
    from balance_sim.study.sweep_result import open_sweep

    result = open_sweep(results)
    indices = sensitivity_of(result, outcomes or None, precision, BOOTSTRAP, seed)
    names = list(outcomes) or result.outcome_names
    if not outcomes and len(names) > MOST_OUTCOMES:
        headline = result.headline_outcome
        names = [headline] if headline in names else names[:1]
    options.answer(indices.as_dict, lambda: sensitivity_lines(indices, names))


def sensitivity_lines(result: Sensitivity, outcomes: Sequence[str]) -> Iterator[str]:
    """Yield for a person the largest indices of each quantity, then parametric shares
    and the replications wanted.

    Parameters
    ----------
    outcomes : whose effects are shown; means, where there are no effects
    """
    split, convergence = result.split, result.convergence
    if split.empty:
        yield "No outcome has a mean in every replication: there is nothing to tell."
        return
    quantity = "effect" if "effect" in set(split["of"]) else "mean"
    points, runs = int(convergence["points"].max()), int(split["runs"].max())
    design = result.method or "points of a list"
    yield f"design: {design}; {points:,} points, {runs:,} replications each"
    frames = [
        frame[frame["outcome"].isin(outcomes) & (frame["of"] == quantity)]
        for frame in (result.indices, split)
        if len(frame)
    ]
    if len(frames) < 2:
        yield "no indices: they need a sobol or morris design"
    else:
        yield from said(INDICES[result.method], page_width())
        for key, rows in frames[0].groupby(QUANTITY, sort=False):
            yield from ["", *wrapped(_title(*map(str, key)))]
            yield from _index_lines(rows.to_dict("records"), result.method)
    wanted = convergence["wanted"].iloc[0]
    yield from ["", *said(SPLIT_WORDS.format(wanted=wanted), page_width())]
    widths = convergence.drop(columns=["points", "runs"], errors="ignore")
    cells = [["", "by parameters", "half-width", "more"]]
    for row in frames[-1].merge(widths, on=QUANTITY).to_dict("records"):
        name = _title(*(row[column] for column in QUANTITY))
        share = _interval(row, "share_parameters", 3)
        cells.append([name, share, *_runs_wanted(row)])
    yield from table(cells, "<<>>", width=page_width())
    for lost in result.left_out:
        if lost.split()[2] in outcomes:
            yield from wrapped(f"left out: {lost}")
    for note in result.notes:
        yield from wrapped(f"note: {note}")


def _title(quantity: str, arm: str, outcome: str) -> str:
    """Return which quantity it is."""
    if quantity == "effect":
        words = f"effect of {arm_words(arm)} on {outcome_words(outcome)}"
    else:
        words = f"mean of {outcome_words(outcome)} in {arm_words(arm)}"
    return capital(words)


def _index_lines(rows: list[dict[Any, Any]], method: str) -> Iterator[str]:
    """Yield the factors of the largest indices on one quantity."""
    main, names, places = "total", ("first", "total"), 3
    if method == "morris":
        main, names = "mu_star", ("mu_star", "sigma")
        places = digits(*(row[main] for row in rows))
    ranked = sorted(rows, key=lambda row: -row[main] if row[main] == row[main] else 1.0)
    cells = [["factor", *(f"{name} (95 % CI)" for name in names)]]
    for row in ranked[:MOST_FACTORS]:
        values = [_interval(row, name, places) for name in names]
        cells.append([factor_words(row["factor"]), *values])
    yield from table(cells, indent="  ")
    if len(ranked) > MOST_FACTORS:
        yield f"  ... and {len(ranked) - MOST_FACTORS} more: --json"


def _interval(row: dict[Any, Any], name: str, places: int) -> str:
    """Return the value of a column with its interval, where there is one."""
    if row[name] != row[name]:
        return "nothing varies"
    value, low, high = (
        number(row[column], places) for column in (name, f"{name}_lo", f"{name}_hi")
    )
    return f"{value} ({low} to {high})" if low != "-" else value


def _runs_wanted(row: dict[Any, Any]) -> tuple[str, str]:
    """Return the half-width at the worst point, and the replications still wanted.

    Nothing is known of either from one replication a point, nor where the replications
    do not differ at any point.
    """
    if row["more_runs"] != row["more_runs"]:
        return "-", "unknown: one run"
    if row["points_alike"] == row["points"]:
        return "-", "unknown: no replications differ"
    runs = f"{row['more_runs']:,.0f}" if row["more_runs"] else "none"
    return f"{row['half_width_worst']:.3g}", runs

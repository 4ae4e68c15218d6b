"""`balance-sim sensitivity RESULTS`: which factors matter, and what is chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.show.wording import (
    arm_words,
    digits,
    factor_words,
    interval,
    number,
    outcome_words,
    page_width,
    said,
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
    "by parameters: share of the variance over points and replications that the "
    "factors make, with the noise of few replications taken off (so that it can fall "
    "below 0)"
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
    indices = sensitivity_of(result, outcomes or None, BOOTSTRAP, seed)
    names = list(outcomes) or result.outcome_names
    if not outcomes and len(names) > MOST_OUTCOMES:
        headline = result.headline_outcome
        names = [headline] if headline in names else names[:1]
    options.answer(indices.as_dict, lambda: sensitivity_lines(indices, names))


def sensitivity_lines(result: Sensitivity, outcomes: Sequence[str]) -> Iterator[str]:
    """Yield for a person the largest indices of each quantity, then parametric shares.

    Parameters
    ----------
    outcomes : whose effects are shown; means, where there are no effects
    """
    split = result.split
    if split.empty:
        yield "No outcome has a mean in every replication: there is nothing to tell."
        return
    quantity = "effect" if "effect" in set(split["of"]) else "mean"
    points, runs = int(split["points"].max()), int(split["runs"].max())
    design = result.method or "points of a list"
    yield f"design: {design}; {points:,} points, {runs:,} replications each"
    split, indices = (
        frame[frame["outcome"].isin(outcomes) & (frame["of"] == quantity)]
        if len(frame)
        else frame
        for frame in (split, result.indices)
    )
    if indices.empty:
        yield "no indices: they need a sobol or morris design"
    else:
        yield from said(INDICES[result.method], page_width())
        for key, rows in indices.groupby(QUANTITY, sort=False):
            yield from ["", *wrapped(_title(*map(str, key)))]
            yield from _index_lines(rows, result.method)
    yield from ["", *said(SPLIT_WORDS, page_width())]
    cells = [["", "by parameters"]]
    for row in split.to_dict("records"):
        name = _title(*(row[column] for column in QUANTITY))
        cells.append([name, _interval(row, "share_parameters", 3)])
    yield from table(cells, "<<", width=page_width())
    lost = [words for words in result.left_out if words.split()[2] in outcomes]
    for words in (*(f"left out: {name}" for name in lost), *result.notes):
        yield from wrapped(words)


def _title(quantity: str, arm: str, outcome: str) -> str:
    """Return which quantity it is."""
    if quantity == "effect":
        return f"Effect of {arm_words(arm)} on {outcome_words(outcome)}"
    return f"Mean of {outcome_words(outcome)} in {arm_words(arm)}"


def _index_lines(rows: pd.DataFrame, method: str) -> Iterator[str]:
    """Yield the factors of the largest indices on one quantity."""
    from balance_sim.show.figures.sweeps import METHODS

    names = METHODS[method]
    places = 3 if method == "sobol" else digits(*rows[names[0]])
    largest = rows.sort_values(names[0], ascending=False, kind="stable")
    cells = [["factor", *(f"{name} (95 % CI)" for name in names)]]
    for row in largest.head(MOST_FACTORS).to_dict("records"):
        values = [_interval(row, name, places) for name in names]
        cells.append([factor_words(row["factor"]), *values])
    yield from table(cells, indent="  ")
    if len(rows) > MOST_FACTORS:
        yield f"  ... and {len(rows) - MOST_FACTORS} more: --json"


def _interval(row: dict[Any, Any], name: str, places: int) -> str:
    """Return the value of a column with its interval, where there is one."""
    value = number(row[name], places)
    bounds = interval(row[f"{name}_lo"], row[f"{name}_hi"], places)
    return value if bounds == "-" else f"{value} ({bounds})"

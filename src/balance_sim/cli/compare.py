"""`balance-sim compare A B`: two results side by side, paired where the seeds match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.show.wording import (
    arm_titles,
    arm_words,
    outcome_words,
    page_width,
    said,
    table,
)

if TYPE_CHECKING:
    from balance_sim.effects.compare import StudyComparison

MOST_INPUTS = 6


@click.command()
@click.argument("left")
@click.argument("right")
@options.json_option
@options.terms_option
def compare(left: str, right: str) -> None:
    """Compare two results folders, or two arms: FOLDER, FOLDER:arm, FOLDER@point,
    FOLDER@point:arm.

    Differences are RIGHT less LEFT, replication by replication where both have the same
    seed. What differs in the inputs is said first. Two results whose class tables
    differ are refused. --json holds every outcome and dyad."""
    from balance_sim.effects.compare import compare as compare_results

    comparison = compare_results(left, right)
    options.answer(
        comparison.as_dict, lambda: comparison_lines(comparison, page_width())
    )


def comparison_lines(comparison: StudyComparison, width: int) -> Iterator[str]:
    """Yield the effects of both sides, inputs that differ, where the results part, then
    new agreements within the longest window."""
    from balance_sim.effects.compare import open_run, parse_side
    from balance_sim.scenario.diagnostics import shown
    from balance_sim.show.comparison import agreement_rows, effects_sentence

    sides = parse_side(comparison.left), parse_side(comparison.right)
    studies = open_run(sides[0]), open_run(sides[1])
    titles = arm_titles(studies[1].scenario) | arm_titles(studies[0].scenario)
    outcomes = comparison.outcomes
    yield from said(effects_sentence(sides, studies), width)
    runs = 0 if outcomes.empty else int(outcomes["n"].max())
    pairing = f"{runs:,} replications that are not paired, as the seeds differ"
    if comparison.paired:
        pairing = f"{runs:,} paired replications"
    names = f"Left: {comparison.left}; right: {comparison.right}."
    yield from said(f"Differences are right less left, over {pairing}. {names}", width)
    # the scenario's sha256 follows from the rest
    inputs = [
        words.removeprefix("inputs.")
        for words in comparison.differences
        if not words.startswith("scenario.sha256:")
    ]
    yield "inputs that differ:" if inputs else "the inputs are the same"
    for words in inputs[:MOST_INPUTS]:
        yield f"  {shown(words, width - 2)}"
    if len(inputs) > MOST_INPUTS:
        yield f"  ... and {len(inputs) - MOST_INPUTS} more: --json"
    yield from said(_first_difference(comparison, titles), width)
    if outcomes.empty:
        yield "No replication finished in both: there is nothing to compare."
        return
    yield from ["", *table(agreement_rows(outcomes, titles), "<>>><", width=width)]
    moved = int((comparison.dyads["difference"] != 0).sum())
    yield f"dyads that differ: {moved} of {len(comparison.dyads)} (--json has them)"


def _first_difference(comparison: StudyComparison, titles: Mapping[str, str]) -> str:
    """Return where the two results part: why their digests differ; empty where they do
    not."""
    place: dict[str, Any] | None = comparison.first_difference
    if place is None:
        return ""
    arm = titles.get(place["arm"], arm_words(place["arm"]))
    difference = {
        "replications": "only one side has it",
        "agreements": "its agreements (no outcome differs)",
    }.get(place["outcome"], outcome_words(place["outcome"]))
    return (
        f"The results first differ in replication {place['replication']} of “{arm}”: "
        f"{difference}."
    )

"""`balance-sim effect SCENARIO`: the expected effect, its channels and dyads, without
random numbers, in a second."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.registry import part
from balance_sim.show.wording import (
    DIRECTIONS,
    dyad_name,
    focal_words,
    said,
    signed,
    state_names,
    table,
    treatment,
    within,
)

if TYPE_CHECKING:
    from balance_sim.effects.expected_effect import ExpectedEffect
    from balance_sim.effects.headline import Headline

MOST_DYADS = 5
ESTIMATOR = (
    "Worked out with partners as at the start, without random numbers; `run` simulates "
    "partners that change."
)
MEASURES = {"accords": "security agreements", "exercises": "joint exercises"}
HEADS = ("control", "arm", "effect")
DYAD_COLUMNS = ("a", "b", "control", "mean")


@click.command()
@click.argument("scenario")
@click.option("--arm", help="Which arm  [default: the headline arm]")
@click.option(
    "--draws",
    type=click.IntRange(10, 100_000),
    help="Work out the intervals over so many draws of prior and posterior, on all "
    "cores  [default: as kept with the scenario]",
)
@options.set_option
@options.theory_option
@options.json_option
@options.terms_option
def effect(
    scenario: str,
    arm: str | None,
    draws: int | None,
    settings: tuple[str, ...],
    theory: str | None,
) -> None:
    """Print the expected effect of an arm of SCENARIO over the control arm, with its
    channels and dyads.

    No random numbers are drawn. Agreements in force stay those of the start; states
    remember what they are expected to sign on the way. `run` simulates agreements, and
    prints the gap between the two."""
    from balance_sim.effects.expected_effect import expected_effect
    from balance_sim.effects.headline import (
        headline_of,
        in_short,
        stored_uncertainty,
    )

    began = time.monotonic()
    loaded = options.telling(scenario, settings, theory, Steps(["reading"]).say)
    expected = expected_effect(loaded, arm)
    uncertainty = stored_uncertainty(loaded, expected.arm)
    if draws is not None:
        with Steps(["draws"]) as steps:
            uncertainty = part("uncertainty", "estimate")(
                loaded,
                expected.arm,
                draws=draws,
                workers=options.cores(),
                progress=steps.counter("draws"),
            )

    level = expected.outcomes[0][expected.outcome]
    point = {"mean": expected.effect, "ci95": None, "level": level}
    point |= dict.fromkeys(("mcse", "n"))
    headline = headline_of(loaded, expected.arm, uncertainty, point)

    def document() -> dict[str, Any]:
        content = expected.as_dict()
        content |= {"outcome": expected.outcome, "effect": expected.effect}
        content |= {"headline": asdict(headline), **in_short(uncertainty)}
        content["uncertainty"] = uncertainty
        return content | {"seconds": time.monotonic() - began}

    options.answer(document, lambda: effect_lines(expected, headline, uncertainty))


def effect_lines(
    expected: ExpectedEffect, headline: Headline, uncertainty: Mapping[str, Any] | None
) -> Iterator[str]:
    """Yield the headline, then, at the point values, expected numbers within the
    longest window and the dyads that change most.

    Parameters
    ----------
    uncertainty : what is known of the effect; None: it was not worked out
    """
    from balance_sim.show import headline as words

    scenario, window = expected.scenario, within(expected.window)
    treated = treatment(expected, expected.arm)
    yield from said(f"Asked about: {focal_words(scenario)}")
    yield from said(words.headline_sentence(headline, treated, expected.window))
    yield from ["", *table(words.headline_rows(headline), "<>"), ""]
    sentences = words.doubts(headline, scenario.name)
    sentences.append(words.channel_words(uncertainty, expected.channels))
    for sentence in sentences:
        yield from said(sentence)
    rows = [[f"at the point values, {window}", *HEADS]]
    for measure, noun in MEASURES.items():
        for direction, days, without, level in expected.rows(measure):
            if days == expected.window:
                label = f"  {noun}, {DIRECTIONS[direction]}"
                rows.append([label, *_cells(without, level, 3)])
    if expected.effort is not None:
        rows.append(["  effort of the threatened", *_cells(*expected.effort, 4)])
    names = state_names(scenario)
    columns = (expected.by_dyad[name][:MOST_DYADS] for name in DYAD_COLUMNS)
    for a, b, control, mean in zip(*columns, strict=True):
        rows.append([f"  {dyad_name(names, a, b)}", *_cells(control, mean, 4)])
    yield from ["", *table(rows, "<>"), ""]
    yield from said(f"{words.exercise_words()} {ESTIMATOR}")


def _cells(control: float, level: float, places: int) -> list[str]:
    """Return both levels and the effect as text."""
    return [f"{control:.{places}f}", f"{level:.{places}f}", signed(level - control, 4)]

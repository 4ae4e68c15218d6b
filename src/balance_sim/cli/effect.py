"""`balance-sim effect SCENARIO`: the expected effect, its channels and dyads, without
random numbers, in a second."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.registry import part
from balance_sim.show.wording import (
    DIRECTIONS,
    arm_title,
    dyad_name,
    signed,
    state_names,
    table,
    within,
    wrapped,
)

if TYPE_CHECKING:
    from balance_sim.effects.expected_effect import ExpectedEffect

CHANNELS = {
    "picture": "picture: who stands together",
    "threat": "threat to the event's targets",
    "rest": "what else the arm changes",
}
"""Channels of an expected effect, by their keys, in words."""
SMALLEST_REST = 1e-12
"""What is left over by rounding, and is not printed as a channel."""
HEADS = ("control", "arm", "effect")
SECONDS_A_DRAW = 0.05


@click.command()
@click.argument("scenario")
@click.option("--arm", help="Which arm  [default: the headline arm]")
@click.option(
    "--dyads",
    type=click.IntRange(0, 100_000),
    default=5,
    show_default=True,
    help="Dyads that are shown.",
)
@click.option(
    "--draws",
    type=click.IntRange(10, 100_000),
    help="Work out the intervals over so many draws of prior and posterior, on all "
    "cores  [default: as kept with the scenario]",
)
@options.set_option
@options.theory_option
@options.verbose_option
@options.json_option
@options.terms_option
def effect(
    scenario: str,
    arm: str | None,
    dyads: int,
    draws: int | None,
    settings: tuple[str, ...],
    theory: str | None,
    verbose: bool,
) -> None:
    """Print the expected effect of an arm of SCENARIO over the control arm, with its
    channels and dyads.

    The network of agreements is that of the start, and no random numbers are drawn:
    what agreements made on the way change is left out. `run` simulates it, and prints
    the gap between the two."""
    from balance_sim.effects.expected_effect import expected_effect
    from balance_sim.scenario import load_scenario

    began = time.monotonic()
    loaded = load_scenario(scenario, set=settings, theory=theory)
    expected = expected_effect(loaded, arm)
    uncertainty = part("uncertainty", "headline")(loaded, expected.arm)
    if draws is not None:
        with Steps({"draws": SECONDS_A_DRAW * draws}) as steps:
            uncertainty = part("uncertainty", "estimate")(
                loaded,
                expected.arm,
                draws=draws,
                workers=options.cores(),
                progress=steps.counter("draws"),
            )

    def document() -> dict[str, Any]:
        content = expected.as_dict()
        content |= {"outcome": expected.outcome, "effect": expected.effect}
        content |= dict.fromkeys(("posterior", "prior", "theories", "placebo"))
        content["uncertainty"] = None
        if uncertainty is not None:
            content |= uncertainty.in_short()
            content["uncertainty"] = uncertainty.as_dict()
        return content | {"seconds": time.monotonic() - began}

    def lines() -> Iterator[str]:
        yield from effect_lines(expected, verbose=verbose)
        yield ""
        for sentence in part("uncertainty", "sentences")(uncertainty):
            yield from wrapped(sentence, "")
        yield from _dyad_lines(expected, dyads)
        yield ""
        yield from wrapped(
            "Expected estimator: the network as at the start, no random numbers. `run` "
            "measures the rest."
        )

    options.answer(document, lines)


def effect_lines(expected: ExpectedEffect, *, verbose: bool = False) -> Iterator[str]:
    """Yield for a terminal, at 80 columns, the expected numbers within the longest
    window, with verbose within all of them, and the channels of the effect."""
    scenario = expected.scenario
    yield arm_title(scenario, expected.arm)
    yield f"  against: {arm_title(scenario, scenario.reference_arm)}"
    titles = {"accords": "security agreements", "declarations": "declarations"}
    for measure, title in titles.items():
        rows = [[f"expected new {title}", *HEADS]]
        for direction, days, control, level in expected.rows(measure):
            if verbose or days >= expected.window:
                label = f"  {DIRECTIONS[direction]}, {within(days)}"
                change = signed(level - control, 4)
                rows.append([label, f"{control:.3f}", f"{level:.3f}", change])
        yield from ["", *table(rows, "<>")]
    if expected.parts is None:
        return
    rows = [
        [f"  {words}", signed(expected.parts[channel], 4)]
        for channel, words in CHANNELS.items()
        if channel != "rest" or abs(expected.parts[channel]) > SMALLEST_REST
    ]
    outcome = f"counter-balancing security agreements {within(expected.window)}"
    yield from ["", f"of the effect on {outcome}:", *table(rows, "<>")]


def _dyad_lines(expected: ExpectedEffect, most: int) -> Iterator[str]:
    """Yield a row a dyad, those that change most first."""
    rows = [[f"dyad: security agreements {within(expected.window)}", *HEADS]]
    names = state_names(expected.scenario)
    for row in expected.dyads.head(most).to_dict("records"):
        dyad = dyad_name(names, row["a"], row["b"])
        change = signed(row["effect"], 4)
        rows.append([dyad, f"{row['control']:.4f}", f"{row['mean']:.4f}", change])
    if len(rows) > 1:
        yield from ["", *table(rows, "<>")]

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
@options.json_option
@options.terms_option
def effect(
    scenario: str,
    arm: str | None,
    dyads: int,
    draws: int | None,
    settings: tuple[str, ...],
    theory: str | None,
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
        with Steps(["draws"]) as steps:
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
            content["uncertainty"] = uncertainty
        return content | {"seconds": time.monotonic() - began}

    options.answer(document, lambda: effect_lines(expected, uncertainty, dyads))


def effect_lines(
    expected: ExpectedEffect, uncertainty: Any, dyads: int
) -> Iterator[str]:
    """Yield the expected numbers within the longest window, the channels of the effect,
    what draws of the parameters say of it, and the dyads that change most.

    Parameters
    ----------
    uncertainty : what the role of that name gives; None: it was not worked out
    dyads : how many are shown at most
    """
    scenario, window = expected.scenario, within(expected.window)
    yield arm_title(scenario, expected.arm)
    yield f"  against: {arm_title(scenario, scenario.reference_arm)}"
    titles = {"accords": "security agreements", "declarations": "declarations"}
    for measure, title in titles.items():
        rows = [[f"expected new {title}", *HEADS]]
        for direction, days, control, level in expected.rows(measure):
            if days == expected.window:
                label = f"  {DIRECTIONS[direction]}, {window}"
                rows.append([label, *_cells(control, level, 3)])
        yield from ["", *table(rows, "<>")]
    if expected.channels is not None:
        outcome = f"counter-balancing security agreements {window}"
        yield from ["", f"of the effect on {outcome}:"]
        rows = [
            [f"  {words}", signed(expected.channels[channel], 4)]
            for channel, words in CHANNELS.items()
            if channel != "rest" or abs(expected.channels[channel]) > SMALLEST_REST
        ]
        yield from table(rows, "<>")
    yield ""
    for sentence in part("uncertainty", "sentences")(uncertainty):
        yield from wrapped(sentence, "")
    names = state_names(scenario)
    rows = [[f"dyad: security agreements {window}", *HEADS]]
    for row in expected.dyads.head(dyads).to_dict("records"):
        dyad = dyad_name(names, row["a"], row["b"])
        rows.append([dyad, *_cells(row["control"], row["mean"], 4)])
    if len(rows) > 1:
        yield from ["", *table(rows, "<>")]
    yield from [
        "",
        "Expected estimator: the network as at the start, no random numbers.",
    ]
    yield "`run` measures the rest."


def _cells(control: float, level: float, places: int) -> list[str]:
    """Return both levels and the effect as text."""
    change = signed(level - control, 4)
    return [f"{control:.{places}f}", f"{level:.{places}f}", change]

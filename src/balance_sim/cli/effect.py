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
    said,
    signed,
    state_names,
    table,
    within,
    wrapped,
)

if TYPE_CHECKING:
    from balance_sim.effects.expected_effect import ExpectedEffect

MOST_DYADS = 5
ESTIMATOR = (
    "Expected estimator: the network as at the start, no random numbers. `run` "
    "measures the rest."
)
HEADS = ("control", "arm", "effect")


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

    options.answer(document, lambda: effect_lines(expected, uncertainty))


def effect_lines(expected: ExpectedEffect, uncertainty: Any) -> Iterator[str]:
    """Yield the expected numbers within the longest window, the channels of the effect,
    what draws of the parameters say of it, and the dyads that change most.

    Parameters
    ----------
    uncertainty : what the role of that name gives; None: it was not worked out
    """
    from balance_sim.show.headline import channel_words

    scenario, window = expected.scenario, within(expected.window)
    control = arm_title(scenario, scenario.reference_arm)
    yield from wrapped(f"{arm_title(scenario, expected.arm)}, against {control}", "")
    rows = [[f"expected new security agreements {window}", *HEADS]]
    for direction, days, without, level in expected.rows("accords"):
        if days == expected.window:
            label = f"  {DIRECTIONS[direction]}"
            rows.append([label, *_cells(without, level, 3)])
    rows.append([f"expected joint exercises {window}", *HEADS])
    for direction, days, without, level in expected.rows("exercises"):
        if days == expected.window:
            label = f"  {DIRECTIONS[direction]}"
            rows.append([label, *_cells(without, level, 3)])
    if expected.effort is not None:
        rows.append([f"effort {window}, share of capability", *HEADS])
        rows.append(["  threatened states", *_cells(*expected.effort, 4)])
    names = state_names(scenario)
    rows.append(["dyads that change most", *HEADS])
    for row in expected.dyads.head(MOST_DYADS).to_dict("records"):
        dyad = dyad_name(names, row["a"], row["b"])
        rows.append([f"  {dyad}", *_cells(row["control"], row["mean"], 4)])
    yield from ["", *table(rows, "<>"), ""]
    sentences = part("uncertainty", "sentences")(uncertainty)
    for sentence in [channel_words(expected.channels), *sentences, ESTIMATOR]:
        yield from said(sentence)


def _cells(control: float, level: float, places: int) -> list[str]:
    """Return both levels and the effect as text."""
    change = signed(level - control, 4)
    return [f"{control:.{places}f}", f"{level:.{places}f}", change]

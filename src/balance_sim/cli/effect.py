"""`balance-sim effect SCENARIO`: the expected effect, its channels and dyads, without random numbers, in a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.show.terminal import table, wrapped
from balance_sim.show.uncertainty import TOO_SHORT, draws_sentence, placebo_words, uncertainty_lines
from balance_sim.show.wording import DIRECTIONS, arm_title, dyad_name, signed, state_names, within

if TYPE_CHECKING:
    from collections.abc import Iterator

    from balance_sim.analysis.effect_draws import Uncertainty
    from balance_sim.analysis.expected_effect import ExpectedEffect

CHANNELS = {"picture": "picture: who stands together", "threat": "threat to the event's targets"}


@click.command()
@click.argument("scenario")
@click.option("--arm", help="Which arm  [default: the headline arm]")
@click.option("--dyads", type=click.IntRange(0, 100_000), default=5, show_default=True, help="Dyads that are shown.")
@click.option(
    "--draws", type=click.IntRange(10, 100_000),
    help="Work out the intervals over so many draws of prior and posterior  [default: as kept with the scenario]",
)  # fmt: skip
@click.option("--workers", type=click.IntRange(1, 256), default=2, show_default=True, help="Processes, for --draws.")
@options.set_option
@options.theory_option
@options.verbose_option
@options.json_option
def effect(
    scenario: str, arm: str | None, dyads: int, draws: int | None, workers: int, settings: tuple[str, ...],
    theory: str | None, verbose: bool,
) -> None:  # fmt: skip
    """Print the expected effect of an arm of SCENARIO over the control arm, with its channels and dyads.

    The network of agreements is that of the start, and no random numbers are drawn: what agreements made on the way
    change is left out. `run` simulates it, and prints the gap between the two."""
    from balance_sim.analysis.effect_draws import kept, uncertainty
    from balance_sim.analysis.expected_effect import expected_effect
    from balance_sim.cli.progress import Steps
    from balance_sim.scenario import load_scenario

    began = time.monotonic()
    loaded = load_scenario(scenario, set=settings, theory=theory)
    found = expected_effect(loaded, arm)
    doubt = kept(loaded, found.arm)
    if draws is not None:
        with Steps({"draws": 0.05 * draws}) as steps:
            doubt = uncertainty(loaded, found.arm, draws=draws, workers=workers, progress=steps.of("draws"))

    def document() -> dict[str, Any]:
        short = dict.fromkeys(("posterior", "prior", "theories", "placebo", "uncertainty"))
        short |= {} if doubt is None else doubt.in_short() | {"uncertainty": doubt.as_dict()}
        told = {"outcome": found.outcome, "effect": found.effect, **short}
        return found.as_dict() | told | {"seconds": time.monotonic() - began}

    def told() -> Iterator[str]:
        is_asked = verbose and doubt is not None and doubt.theories and doubt.stacked is None
        return lines(found, dyads, doubt, verbose=verbose, unscored=_unscored(scenario) if is_asked else "")

    options.answer(document, told)


def _unscored(scenario: str) -> str:
    """Why the theories of a scenario have no stacking weights."""
    from balance_sim.evidence.forecast.theories import stacking_weights_beside
    from balance_sim.scenario import load_scenario
    from balance_sim.scenario.files import Sources

    weights = stacking_weights_beside(load_scenario(scenario, calibrated=False), Sources(scenario).path.with_suffix(""))
    if weights is None:
        return TOO_SHORT
    if weights:
        return "Their weights in theories.yaml are not used here."
    return (
        "Their scores in theories.yaml are of another record, fit or set of theories: balance-sim calibrate "
        f"{scenario} --theories scores them anew."
    )


def lines(
    found: ExpectedEffect, dyads: int, doubt: Uncertainty | None = None, *, verbose: bool = False, unscored: str = ""
) -> Iterator[str]:
    """For a terminal, at 80 columns: the longest window; verbose: all windows, theories, and what carries the width.

    unscored: why theories have no weights, where they have none."""
    scenario, heads, names = found.scenario, ["control", "arm", "effect"], state_names(found.scenario)
    yield arm_title(scenario, found.arm)
    yield f"  against: {arm_title(scenario, scenario.reference_arm)}"
    for title, what in (("security agreements", "accords"), ("declarations", "declarations")):
        rows = [[f"expected new {title}", *heads]]
        for name, days, control, level in found.rows(what):
            if verbose or days >= found.window:
                label, effect = f"  {DIRECTIONS[name]}, {within(days)}", signed(level - control, 4)
                rows.append([label, f"{control:.3f}", f"{level:.3f}", effect])
        yield from ["", *table(rows, "<>")]
    if found.parts is not None:
        parts = [[f"  {words}", signed(found.parts[name], 4)] for name, words in CHANNELS.items()]
        if abs(found.parts["rest"]) > 1e-12:
            parts.append(["  what else the arm changes", signed(found.parts["rest"], 4)])
        yield f"\nof the effect on counter-balancing security agreements {within(found.window)}:"
        yield from table(parts, "<>")
    yield ""
    if verbose or doubt is None:
        yield from uncertainty_lines(doubt, placebos=True, unscored=unscored)
    else:
        for words in (draws_sentence(doubt), placebo_words(doubt.placebos)):
            yield from wrapped(words, "") if words else ()
    rows = [[f"dyad: security agreements {within(found.window)}", *heads]]
    for row in found.dyads.head(dyads).to_dict("records"):
        dyad = dyad_name(names, row["a"], row["b"])
        rows.append([dyad, f"{row['control']:.4f}", f"{row['mean']:.4f}", signed(row["effect"], 4)])
    if len(rows) > 1:
        yield from ["", *table(rows, "<>")]
    yield ""
    yield from wrapped("Expected estimator: the network as at the start, no random numbers. `run` measures the rest.")

"""`balance-sim evidence hindcast EXPERIMENT`: fit on the past, forecast the years
after, score against what happened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.documents import figure_option, own_folder
from balance_sim.evidence.commands.threads import use_one_thread
from balance_sim.show.wording import printable, wrapped

if TYPE_CHECKING:
    from balance_sim.cli.check import CheckedFile


@click.command()
@click.argument("experiment", type=options.PATH)
@click.option(
    "--data",
    type=options.PATH,
    required=True,
    help="Folder with the field's data files.",
)
@click.option(
    "--outcomes",
    type=options.PATH,
    help="Agreements of the years forecast, in DCAD's columns or the generic ones, "
    "if DATA lacks them.",
)
@click.option(
    "--out",
    type=options.FOLDER,
    help="Results folder  [default: results/<experiment>-<key>]",
)
@figure_option
@options.json_option
def hindcast(
    experiment: Path,
    data: Path,
    outcomes: Path | None,
    out: Path | None,
    figures: bool,
) -> None:
    """Fit the model up to a year, forecast the years after, and score it beside five
    baselines.

    Each year is forecast with the history before it known. Scores and a figure go into
    the results folder. EXPERIMENT: see experiments/hindcast_dcad.yaml and
    docs/evidence.md."""
    use_one_thread()
    from balance_sim.evidence.estimation.parameter_files import data_used
    from balance_sim.evidence.forecast.figures import draw_reliability
    from balance_sim.evidence.forecast.hindcast import STEPS, hindcast_of, read_history
    from balance_sim.evidence.forecast.hindcast_plan import (
        BOOSTED_TREES,
        read_hindcast_plan,
    )
    from balance_sim.scenario.errors import plain_data
    from balance_sim.show.save import save_drawn
    from balance_sim.study.machine import version

    plan = read_hindcast_plan(experiment)
    if BOOSTED_TREES in plan.baselines:
        options.require_package("sklearn")

    def begin(step: str) -> Callable[..., None]:
        steps.begin(step)
        return steps.counter(STEPS[step])

    with Steps(("reading", *STEPS, "figures")) as steps:
        history = read_history(plan, data, outcomes)
        inputs = {"plan": plan.model_dump(), "data": data_used(history)}
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        folder = out or Path("results") / f"{experiment.stem}-{key[:8]}"
        with own_folder(folder, "hindcast.json") as store:
            scored = hindcast_of(plan, history, begin)
            origin = {"version": version(), "command": options.command_line()}
            scored["about"] |= origin
            document = plain_data(scored)
            text = json.dumps(document, indent=1, allow_nan=False)
            store.write_text("hindcast.json", f"{text}\n")
            if figures:
                steps.begin("figures")
                save_drawn({"reliability": draw_reliability.draw(scored)}, folder)
    options.answer(document, [*hindcast_lines(scored), f"wrote {folder}"], indent=1)


def hindcast_lines(scored: dict[str, Any]) -> Iterator[str]:
    """For a terminal: what was forecast from what; the model beside the best baseline,
    then every forecast."""
    from balance_sim.evidence.forecast.lines import score_lines
    from balance_sim.evidence.forecast.score import WAY

    about, scores = scored["about"], scored[WAY]
    yield printable(about["plan"]["title"])
    (fit_from, fit_to), (first, last) = about["fitted"], about["forecast"]
    yield from wrapped(
        f"Fitted on {fit_from}-{fit_to}, forecast {first}-{last}, each year with the "
        "history before it known. Skills are over the base rate (0: no better, 1: "
        "perfect), dyads that share a state vary together in the CIs.",
        "",
    )
    model = scores["model"]
    rows = f"{model['n']:,} dyad-years, {model['events']:,} with an agreement"
    yield from ["", rows, *score_lines(scores, about["notes"])]


def check_file(path: str, settings: tuple[str, ...], theory: str | None) -> CheckedFile:
    """Read the plan of a hindcast, for `balance-sim check`. Raises ScenarioError."""
    from balance_sim.cli.check import checked_plan, refuse_changes
    from balance_sim.evidence.forecast.hindcast_plan import read_hindcast_plan

    refuse_changes(settings, theory)
    plan = read_hindcast_plan(path)
    return checked_plan(
        "balance-sim evidence hindcast", f"fit to {plan.last}, forecast to {plan.until}"
    )

"""`balance-sim evidence gof SCENARIO`: does the model make networks like the one on
record?"""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import click

from balance_sim.cli import options
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.documents import figure_option, own_folder


@click.command()
@click.argument("scenario", type=options.PATH)
@click.option(
    "--runs",
    type=click.IntRange(2, 100_000),
    default=128,
    show_default=True,
    help="Replications.",
)
@click.option(
    "--seed",
    type=options.SHORT_SEED,
    default=1,
    show_default=True,
    help="Random numbers.",
)
@click.option(
    "--from",
    "first",
    type=options.Day(),
    help="First day  [default: 1 January, three years before that of the "
    "scenario's start]",
)
@click.option(
    "--until",
    type=options.Day(),
    help="Last day  [default: the day before the scenario's start]",
)
@click.option(
    "--ahead",
    is_flag=True,
    help="Out of sample: calibrate on the record before the first day alone, and draw "
    "parameters and level.",
)
@options.workers_option
@click.option(
    "--out",
    type=options.FOLDER,
    help="Folder for gof.json and its figure  [default: results/<name>-gof]",
)
@figure_option
@options.json_option
@options.terms_option
def gof(
    scenario: Path,
    runs: int,
    seed: int,
    first: date | None,
    until: date | None,
    ahead: bool,
    workers: int,
    out: Path | None,
    figures: bool,
) -> None:
    """Compare simulated networks of new agreements with the observed one.

    The years before the scenario's start are simulated from their first day, with what
    was known then, and compared with the scenario's own record in degrees, shared
    partners, triads, distance, regimes, counts and more; each group of statistics has a
    Mahalanobis Monte Carlo p. See docs/gof.md."""
    from balance_sim.evidence.goodness.figures import draw_gof
    from balance_sim.evidence.goodness.lines import gof_lines
    from balance_sim.evidence.goodness.networks import Span
    from balance_sim.evidence.goodness.set_back import own_span
    from balance_sim.evidence.goodness.study import calibrated_before, goodness_of_fit
    from balance_sim.scenario import load_scenario
    from balance_sim.show.save import save_drawn

    names = ["calibration"] * ahead + ["simulation", "figure"]
    loaded = load_scenario(scenario)
    folder = out or Path("results") / f"{scenario.stem}-gof"
    span = own_span(loaded)
    stop = span.stop if until is None else until + timedelta(days=1)
    span = Span(first or span.first, stop)
    with Steps(names) as steps:
        if ahead:
            loaded = calibrated_before(scenario, span.first)
        steps.begin("simulation")
        study = goodness_of_fit(
            loaded,
            runs=runs,
            seed=seed,
            span=span,
            workers=workers,
            ahead=ahead,
            progress=steps.counter("replications"),
        )
        study["about"]["command"] = options.command_line()
        steps.begin("figure")
        with own_folder(folder, "gof.json") as store:
            text = json.dumps(study.as_dict(simulated=True), allow_nan=False)
            store.write_text("gof.json", f"{text}\n")
            if figures:
                save_drawn({"gof": draw_gof.draw(study)}, folder)
    options.answer(study.as_dict, [*gof_lines(study), f"wrote {folder}"], indent=1)

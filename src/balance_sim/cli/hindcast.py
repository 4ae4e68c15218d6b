"""`balance-sim hindcast EXPERIMENT`: fit on the past, forecast the years after, score against what
happened."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.score_text import accord_lines, detectable_lines, gain_lines, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.hindcast import Hindcast, HindcastPlan


@click.command()
@click.argument("experiment", type=click.Path(path_type=Path))
@click.option(
    "--data", type=click.Path(path_type=Path), required=True, help="Folder with the field's data files."
)
@click.option(
    "--outcomes",
    type=click.Path(path_type=Path),
    help="Accords of the years forecast, in DCAD's columns or the generic ones, if DATA lacks them.",
)
@click.option("--runs", type=click.IntRange(1, 100_000), help="Runs forward  [default: as in EXPERIMENT]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="[default: as in EXPERIMENT]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Results folder  [default: results/<experiment>-<key>]",
)
@click.option("--figures/--no-figures", default=True, help="Figures and report in the results folder.")
@json_option
def command(
    experiment: Path,
    data: Path,
    outcomes: Path | None,
    runs: int | None,
    seed: int | None,
    out: Path | None,
    figures: bool,
    as_json: bool,
) -> None:
    """Fit the model up to a year, forecast the years after, and score it beside five baselines.

    Two forecasts: one year ahead with the history known, and run forward from the last year of the fit. Scores,
    figures and the report go into the results folder. EXPERIMENT: see experiments/hindcast_dcad.yaml and
    docs/evidence.md."""
    from balance_sim.evidence.estimation.parameter_files import data_used
    from balance_sim.evidence.forecast.hindcast import hindcast_of, read_hindcast_plan, read_history
    from balance_sim.results.folder import version

    plan = read_hindcast_plan(experiment)
    asked = {"runs": runs or plan.runs, "seed": plan.seed if seed is None else seed}
    plan = plan.model_copy(update=asked)
    history = read_history(plan, data, outcomes)
    about = json.loads(json.dumps({"plan": plan.model_dump(), "data": data_used(history)}))
    folder = out or Path("results") / f"{experiment.stem}-{key_of(about)[:8]}"
    with held(folder, about):
        found = hindcast_of(plan, history)
        record = found.as_dict()
        record["about"] |= {"version": version(), "command": shlex.join(["balance-sim", *sys.argv[1:]])}
        keep(record, folder, figures=figures)
    if as_json:
        click.echo(json.dumps(record, indent=1, allow_nan=False))
        return
    click.echo("\n".join([*table_lines(found), "", f"wrote {folder}"]))


def key_of(about: dict[str, Any]) -> str:
    """sha256 of what decides a hindcast's results: its plan and the data it read."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


@contextmanager
def held(folder: Path, about: dict[str, Any]) -> Iterator[None]:
    """The folder, made if need be, is ours to write for as long as this lasts.

    Raises FolderBusy, CannotWrite, and WrongRequest if it holds another study or a hindcast of another plan or data."""
    from balance_sim.results.store import Store

    refuse_other(folder, about)
    with Store(folder).lock(places=()):
        refuse_other(folder, about)
        yield


def refuse_other(folder: Path, about: dict[str, Any]) -> None:
    """Raise WrongRequest if the folder holds another study, or a hindcast with other values of these keys."""
    from balance_sim.evidence.forecast.score import FILE, read_scored
    from balance_sim.pool.faults import WrongRequest
    from balance_sim.results.folder import refuse_strange

    refuse_strange(folder, (FILE,))
    if (folder / "manifest.json").exists():
        raise WrongRequest(f"{folder} holds results of another kind: choose another --out")
    if not (folder / FILE).exists():
        return
    there = read_scored(folder / FILE).about
    other = [name for name, value in about.items() if there.get(name) != value]
    if other:
        raise WrongRequest(
            f"{folder} holds a hindcast with another {' and '.join(other)}: choose another --out"
        )


def keep(record: dict[str, Any], folder: Path, *, figures: bool) -> None:
    """The scores, and figures and report of them, into a folder that is held. Raises CannotWrite."""
    from balance_sim.evidence.forecast.score import FILE, read_scored
    from balance_sim.results.store import Store

    record = json.loads(json.dumps(record))
    Store(folder).write_text(FILE, json.dumps(record, indent=1, allow_nan=False) + "\n")
    if figures:
        from balance_sim.show.plots import Plots
        from balance_sim.show.report import save_report

        plots = Plots(read_scored(folder / FILE))
        plots.save(folder)
        save_report(plots.study, folder / "report.html")


def following(plan: HindcastPlan, memory: float) -> list[str]:
    """What of the forecasts is not as it was fitted up to the origin."""
    lines = []
    if plan.refit == "yearly":
        lines.append("model and baselines are fitted anew for each year ahead")
    if plan.drift:
        pairs = f", factors of pairs with variance {plan.pair_variance:g}" if plan.pair_variance > 0 else ""
        lines.append(f"model: propensities and level follow the years, memory {memory:g}{pairs}")
    return lines


def table_lines(found: Hindcast) -> list[str]:
    """One table: both ways, the model and its baselines."""
    plan = found.plan
    first, last = found.fit.years
    lines = [
        f"fitted on {first}-{last}, forecast {plan.last + 1}-{plan.until}",
        "skill over the base rate, 95 % intervals over pairs",
    ]
    for way, scores in found.scores.items():
        one = scores["model"]
        about = ""
        if way == "simulated_forward":
            kept = plan.persistence if plan.drift else 1.0
            about = f", {plan.runs} runs" + (f", propensities persist by {kept:g} a year" if kept < 1 else "")
        lines += [
            "",
            *wrapped(f"{way.replace('_', ' ')}{about}: {one.n} pairs and years, {one.events} with an accord"),
            *detectable_lines(one),
            *accord_lines(scores),
            *gain_lines(scores),
        ]
        if way == "one_year_ahead" and found.as_fitted is not None:
            left = found.as_fitted
            said = (
                *following(plan, found.memory),
                f"model left as fitted: log skill {left.log_skill.value:.4f}, "
                f"Brier skill {left.brier_skill.value:.4f}",
            )
            lines += [line for one in said for line in wrapped(one)]
    return [*lines, "", *(line for note in found.notes for line in wrapped(f"note: {note}"))]

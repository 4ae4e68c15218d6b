"""`balance-sim hindcast EXPERIMENT`: fit on the past, forecast the years after, score against what
happened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import json_option

if TYPE_CHECKING:
    from balance_sim.evidence.hindcast import Hindcast


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
@json_option
def command(
    experiment: Path, data: Path, outcomes: Path | None, runs: int | None, seed: int | None, as_json: bool
) -> None:
    """Fit the model up to a year, forecast the years after, and score it beside five baselines.

    Two forecasts: one year ahead with the history known, and run forward from the last year of the fit.
    EXPERIMENT: see experiments/hindcast_dcad.yaml and docs/evidence.md."""
    from dataclasses import replace

    from balance_sim.evidence.hindcast import hindcast, read_plan

    plan = read_plan(experiment)
    plan = replace(plan, runs=runs or plan.runs, seed=plan.seed if seed is None else seed)
    found = hindcast(plan, data, outcomes)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=1, allow_nan=False))
        return
    click.echo("\n".join(table_lines(found)))


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
        about = f", {plan.runs} runs" if way == "simulated_forward" else ""
        lines += [
            "",
            f"{way.replace('_', ' ')}{about}: {one.n} pairs and years, {one.events} with an accord",
            f"smallest log skill that would be seen 8 times in 10: {one.detectable:.3f}",
            f"{'':<18}{'log skill':<28}{'Brier skill':<14}{'average precision':<20}{'AUC':<8}{'expected':>8}",
        ]
        for name, s in scores.items():
            spread = f"{s.log_skill.value:.4f} ({s.log_skill.low:.4f}..{s.log_skill.high:.4f})"
            lines.append(
                f"{name:<18}{spread:<28}{s.brier_skill.value:<14.4f}{s.average_precision:<20.4f}"
                f"{s.auc:<8.4f}{s.expected:>8.0f}"
            )
    return [*lines, "", *(f"note: {note}" for note in found.notes)]

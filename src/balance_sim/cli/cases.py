"""`balance-sim cases PLAN`: several cases of history, run and scored, one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.program import ExitCode
from balance_sim.cli.run import cores
from balance_sim.cli.score import score_result
from balance_sim.cli.score_text import case_lines


@click.command()
@click.argument("plan", type=click.Path(path_type=Path))
@click.option("--runs", type=click.IntRange(1, 10_000_000), help="Replications  [default: the plan's]")
@click.option("--seed", type=click.IntRange(0, 2**64 - 1), help="Random numbers  [default: the plan's]")
@click.option("--workers", type=click.IntRange(1, 512), help="Processes  [default: cores]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep each study's results in a folder here; without it nothing is written.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    plan: Path,
    runs: int | None,
    seed: int | None,
    workers: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Run every case of PLAN (experiments/cases.yaml) and score it against the responses on record.

    Each scenario is run in its reference arm and in the arm that changes nothing. A case without responses on
    record is run and not scored."""
    from balance_sim.evidence.cases.tables import read_cases_plan
    from balance_sim.experiment.run import run
    from balance_sim.scenario import load_scenario

    wanted = read_cases_plan(plan)
    found: list[dict[str, Any]] = []
    failed = 0
    for case in wanted.cases:
        scenario = load_scenario(case.scenario)
        arms = [name for name, arm in scenario.arms.items() if not (arm.drop or arm.add or arm.set)]
        click.echo(f"{scenario.name} ...", err=True)
        result = run(
            scenario,
            runs or wanted.runs,
            wanted.seed if seed is None else seed,
            arms=arms,
            workers=workers or cores(),
            out=None if out is None else out / scenario.name,
        )
        failed += len(result.failed)
        if case.case is None:
            found.append({"scenario": scenario.name, "case": None, "runs": result.runs})
        else:
            found.append(score_result(result, wanted.responses, case.case))
    if as_json:
        click.echo(json.dumps({"title": wanted.title, "cases": found}, indent=2, allow_nan=False))
    else:
        click.echo(cases_text(wanted.title, found))
    if failed:
        click.echo(f"{failed} runs failed and are not in the scores", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def cases_text(title: str, found: list[dict[str, Any]]) -> str:
    """One block a case: three forecasts by three measures, and what the model gains on each baseline."""
    lines = [title, ""]
    for scored in found:
        if scored["case"] is None:
            lines += [f"{scored['scenario']}: no responses on record; not scored", ""]
            continue
        how_many = f"{scored['responding_pairs']} of {scored['pairs']} pairs; {scored['runs']} runs"
        lines.append(f"{scored['scenario']}: {scored['agreements']} agreements, {how_many}")
        lines += case_lines(scored)
        lines.append("")
    lines.append("A gain above 0 is the model's: higher average precision and AUC, lower Brier score.")
    return "\n".join(lines)

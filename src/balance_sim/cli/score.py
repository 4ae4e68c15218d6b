"""`balance-sim score FORECAST OUTCOMES`: a forecast of pairs against what is on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.program import ExitCode
from balance_sim.cli.score_text import case_lines, wrapped

if TYPE_CHECKING:
    from datetime import datetime

    from balance_sim.results.result import Result


@click.command()
@click.argument("forecast", type=click.Path(path_type=Path))
@click.argument("outcomes", type=click.Path(path_type=Path), required=False)
@click.option("--case", "case_id", metavar="CASE_ID", help="The case whose rows count, of several.")
@click.option("--data", type=click.Path(path_type=Path), help="Field data to train the five baselines on.")
@click.option(
    "--scenario",
    type=click.Path(path_type=Path),
    help="Scenario on whose own record baselines are trained  [default: that of a results folder]",
)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Only this kind of accord. Repeatable.")
@click.option(
    "--stage", type=click.Choice(["signed", "in_force"]), default="signed", help="What counts as made."
)
@click.option("--arm", metavar="ARM", help="Of a results folder  [default: the event as it was]")
@click.option(
    "--window", type=click.IntRange(min=1), help="Days after the focal event  [default: the longest]"
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    help="Of a results folder: replications simulated again, those it holds at most  [default: 32]",
)
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day, for a CSV.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day, for a CSV.")
@click.option(
    "--freeze",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the forecast with its hash and today's date to this file.",
)
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    forecast: Path,
    outcomes: Path | None,
    case_id: str | None,
    data: Path | None,
    scenario: Path | None,
    kinds: tuple[str, ...],
    stage: str,
    arm: str | None,
    window: int | None,
    runs: int | None,
    first: datetime | None,
    until: datetime | None,
    freeze: Path | None,
    as_json: bool,
) -> None:
    """Score the pairs of FORECAST against OUTCOMES.

    FORECAST is a results folder, a CSV (iso3_a, iso3_b, p; or COW numbers) with --from and --until, or a file
    made by --freeze. OUTCOMES is a CSV of accords (iso3_a, iso3_b, kind, stage, date; or DCAD's columns), or a
    table of a case's responses (state_a, state_b, date, direction): see docs/scoring.md and docs/cases.md."""
    if outcomes is None and freeze is None:
        raise click.UsageError(
            "give OUTCOMES to score the forecast, or --freeze FILE to keep it until they come"
        )
    if outcomes is not None and freeze is None and is_case_table(outcomes):
        score_responses(ctx, forecast, outcomes, case_id, runs, as_json)
        return
    from balance_sim.cli.score_forecast import Asked, score_pairs

    asked = Asked(forecast, outcomes, data, kinds, stage, arm, window, first, until, freeze, runs, scenario)
    refuse_idle(ctx, forecast)
    out, lines, failed = score_pairs(asked)
    click.echo(json.dumps(out, indent=1, allow_nan=False) if as_json else "\n".join(lines))
    if failed:
        click.echo(f"{failed} runs failed and are not in the forecast", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


IDLE = {
    "folder": {"first": "--from", "until": "--until"},
    "frozen": {
        "first": "--from",
        "until": "--until",
        "kinds": "--kind",
        "stage": "--stage",
        "window": "--window",
        "arm": "--arm",
        "runs": "--runs",
    },
    "csv": {"window": "--window", "arm": "--arm", "runs": "--runs"},
}
"""Options that say nothing about a forecast of this form."""


def refuse_idle(ctx: click.Context, forecast: Path) -> None:
    """Refuse options that the forecast leaves no room for."""
    frozen = forecast.suffix.lower() == ".json"
    form = "folder" if forecast.is_dir() else "frozen" if frozen else "csv"
    why = {
        "folder": "the results hold the days",
        "frozen": "the frozen forecast says it",
        "csv": "it is for a results folder",
    }
    for name, option in IDLE[form].items():
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} does not apply here: {why[form]}")


def is_case_table(outcomes: Path) -> bool:
    """Whether the file is a table of responses: state_a and direction among its columns."""
    from balance_sim.evidence.data.table import open_table

    probe = open_table(outcomes, "outcomes", {"a": ("state_a",), "direction": ("direction",)}, ())
    return probe.has("a", "direction")


def score_responses(
    ctx: click.Context,
    results: Path,
    outcomes: Path,
    case_id: str | None,
    runs: int | None,
    as_json: bool,
) -> None:
    """A results folder against a case's responses."""
    from balance_sim.results.result import open_result

    scored = score_result(open_result(results), outcomes, case_id, runs)
    if as_json:
        click.echo(json.dumps(scored, indent=2, allow_nan=False))
    else:
        click.echo(scores_text(scored))
    if scored["failed_runs"]:
        click.echo(f"{scored['failed_runs']} runs failed and are not in the scores", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def score_result(
    result: Result, outcomes: Path, case_id: str | None, runs: int | None = None
) -> dict[str, Any]:
    """The scores of a finished study, in the arm that changes nothing, with what was scored.

    runs: replications simulated again for the probabilities; a few dozen if None."""
    from balance_sim.evidence.cases.scores import score_case
    from balance_sim.evidence.cases.tables import responses_of
    from balance_sim.evidence.data.errors import DataError

    responses = responses_of(outcomes, case_id)
    finished = int(result.outcomes["run"].nunique())
    if finished == 0:
        raise DataError(
            "no run has finished: there is nothing to score", "Run the study first", result.folder
        )
    p, excess = chances(result, runs)
    scored = score_case(result.scenario, p, responses, excess)
    return {
        "scenario": result.scenario.name,
        "case": responses[0].case_id or case_id,
        "arm": result.headline_arm,
        "runs": finished,
        "failed_runs": len(result.failed),
        **scored,
    }


def chances(
    result: Result, runs: int | None
) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Pair -> probability of a new accord of any kind in the headline arm, and its excess over the control arm."""
    from balance_sim.analysis.chances import dyad_chances

    if result.headline_arm is None:
        raise click.UsageError("the results hold the reference arm only; run the arm with the event too")
    p, without = (dyad_chances(result, arm, runs=runs) for arm in (result.headline_arm, result.reference))
    return p, {pair: p[pair] - without[pair] for pair in p}


def scores_text(scored: dict[str, Any]) -> str:
    """The scores as lines for a terminal."""
    head = (
        f"{scored['scenario']}, arm {scored['arm']}, {scored['runs']} runs: "
        f"{scored['agreements']} agreements, {scored['responding_pairs']} of {scored['pairs']} pairs; "
        f"{scored['expected_accords']:.1f} pairs are expected to sign"
    )
    lines = [*wrapped(head), "", *case_lines(scored)]
    lines += ["", "recorded responses: rank of the best pair, and the model's probabilities"]
    for row in scored["responses"]:
        who = ", ".join(f"{pair} {p:.3f}" for pair, p in zip(row["pairs"][:4], row["p"], strict=False))
        more = ", ..." if len(row["pairs"]) > 4 else ""
        front = f"  {row['date']:<10} {row['direction']:<9} {row['best_rank']:>4}"
        lines += wrapped(f"{front}  {who}{more}", " " * (len(front) + 2))
    for row in scored["not_scored"]:
        text = f"not scored: {row['state_a']}-{row['state_b']} {row['date']}: {row['reason']}"
        lines += [f"  {line}" for line in wrapped(text)]
    return "\n".join(lines)

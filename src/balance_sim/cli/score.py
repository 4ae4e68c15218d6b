"""`balance-sim score RESULTS OUTCOMES`: a study's pairs against what is on record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli.options import json_option
from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from balance_sim.study.result import Result

FORECASTS = ("model", "base_rate", "earlier_accords")
MEASURES = ("average_precision", "auc", "brier")


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@click.argument("outcomes", type=click.Path(path_type=Path))
@click.option("--case", "case_id", metavar="CASE_ID", help="The case whose rows count, of several.")
@json_option
@click.pass_context
def command(ctx: click.Context, results: Path, outcomes: Path, case_id: str | None, as_json: bool) -> None:
    """Score the pairs of a results folder against the responses recorded in OUTCOMES.

    OUTCOMES is a table of responses (case_id, state_a, state_b, date, direction, agreement_id): only
    `counter` and `bandwagon` rows are responses; the others are listed with the reason. See docs/cases.md."""
    from balance_sim.study.run import open_result

    scored = score_result(open_result(results), outcomes, case_id)
    if as_json:
        click.echo(json.dumps(scored, indent=2, allow_nan=False))
    else:
        click.echo(scores_text(scored))
    if scored["failed_runs"]:
        click.echo(f"{scored['failed_runs']} runs failed and are not in the scores", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def score_result(result: Result, outcomes: Path, case_id: str | None) -> dict[str, Any]:
    """The scores of a finished study, in the arm that changes nothing, with what was scored."""
    from balance_sim.evidence.case_responses import responses_of
    from balance_sim.evidence.case_scores import score_case
    from balance_sim.evidence.errors import DataError

    responses = responses_of(outcomes, case_id)
    finished = int(result.outcomes["run"].nunique())
    if finished == 0:
        raise DataError(
            "no run has finished: there is nothing to score", "Run the study first", result.folder
        )
    p, excess = chances(result)
    scored = score_case(result.scenario, p, responses, excess)
    return {
        "scenario": result.scenario.name,
        "case": responses[0].case_id or case_id,
        "arm": result.headline_arm,
        "runs": finished,
        "failed_runs": len(result.failed),
        **scored,
    }


def chances(result: Result) -> tuple[dict[tuple[str, str], float], dict[tuple[str, str], float]]:
    """Pair -> share of runs with a new accord of any kind in the headline arm, and its excess."""
    if result.headline_arm is None:
        raise click.UsageError("the results hold the reference arm only; run the arm with the event too")
    frame = result.dyads
    frame = frame[(frame["kind"] == "any") & (frame["arm"] == result.headline_arm)]
    pairs = [tuple(sorted(pair)) for pair in zip(frame["a"], frame["b"], strict=True)]
    keyed = [(str(a), str(b)) for a, b in pairs]
    p = dict(zip(keyed, frame["p"].astype(float), strict=True))
    return p, dict(zip(keyed, frame["excess"].astype(float), strict=True))


def scores_text(scored: dict[str, Any]) -> str:
    """The scores as lines for a terminal."""
    head = (
        f"{scored['scenario']}, arm {scored['arm']}, {scored['runs']} runs: "
        f"{scored['agreements']} agreements, {scored['responding_pairs']} of {scored['pairs']} pairs; "
        f"{scored['expected_accords']:.1f} pairs are expected to sign"
    )
    columns = "".join(f"{title:<26}" for title in ("average precision", "AUC", "Brier"))
    lines = [head, "", f"{'':<18}{columns}".rstrip()]
    lines += [
        f"{name:<18}" + "".join(f"{_cell(scored[name], m):<26}" for m in MEASURES).rstrip()
        for name in FORECASTS
    ]
    excess = scored.get("excess")
    if excess:
        by_excess = "".join(f"{number(excess[m]):<26}" for m in ("average_precision", "auc"))
        lines += [f"{'ranked by excess':<18}{by_excess}".rstrip()]
    lines += ["", "recorded responses, with the model's probability and the rank of the best pair:"]
    for row in scored["responses"]:
        who = ", ".join(f"{pair} {p:.3f}" for pair, p in zip(row["pairs"][:4], row["p"], strict=False))
        more = ", ..." if len(row["pairs"]) > 4 else ""
        lines.append(f"  {row['date']} {row['direction']:<10}{row['best_rank']:>4}  {who}{more}")
    for row in scored["not_scored"]:
        lines.append(f"  not scored: {row['state_a']}-{row['state_b']} {row['date']}: {row['reason']}")
    return "\n".join(lines)


def _cell(measures: dict[str, Any], name: str) -> str:
    interval = measures[f"{name}_ci95"]
    spread = f" ({number(interval[0])}..{number(interval[1])})" if interval else ""
    return number(measures[name]) + spread


def number(value: float | None) -> str:
    """Three decimals; `-` where a score is undefined."""
    return "-" if value is None else f"{value:.3f}"

"""`balance-sim evidence score FORECAST OUTCOMES`: a forecast of dyads against what is
on record."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.program import ExitCode
from balance_sim.evidence.forecast.lines import (
    gain_table,
    reaction_lines,
    score_lines,
)
from balance_sim.show.wording import plural, wrapped

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result

ABOUT = ("first", "last", "kinds", "stage", "about")
"""Keys of a forecast's content that its document has."""


@click.command()
@click.argument("forecast", type=options.PATH)
@click.argument("outcomes", type=options.PATH, required=False)
@click.option(
    "--case",
    "case_id",
    metavar="CASE_ID",
    help="OUTCOMES is a table of responses; the case whose rows count.",
)
@click.option(
    "--scenario",
    type=options.PATH,
    help="Scenario on whose own record baselines are trained  "
    "[default: that of a results folder]",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="TYPE",
    help="Of a results folder: only this type of agreement. Repeatable.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Of a results folder: how many of its replications are simulated again.",
)
@click.option(
    "--freeze",
    type=options.FILE,
    help="Write the forecast with its hash and today's date to this file.",
)
@click.option(
    "--reaction",
    is_flag=True,
    help="Of a results folder: counter-balancing agreements beside the others, found "
    "over forecast, and the Bayes factor of each arm.",
)
@options.json_option
@click.pass_context
def score(
    ctx: click.Context,
    forecast: Path,
    outcomes: Path | None,
    case_id: str | None,
    scenario: Path | None,
    kinds: tuple[str, ...],
    runs: int,
    freeze: Path | None,
    reaction: bool,
) -> None:
    """Score the dyads of FORECAST against OUTCOMES.

    FORECAST is a results folder, or a file made by --freeze. OUTCOMES is a CSV of
    agreements (iso3_a, iso3_b, kind, stage, date; or DCAD's columns), or with --case a
    table of responses (state_a, state_b, date, direction): see docs/scoring.md and
    docs/cases.md."""
    from balance_sim.evidence.forecast import forecast as dyads
    from balance_sim.scenario.errors import plain_data
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.result import Result
    from balance_sim.study.sweep_result import open_run

    if outcomes is None and freeze is None:
        hint = "--freeze FILE to keep it until they come"
        raise click.UsageError(f"give OUTCOMES to score the forecast, or {hint}")
    result = open_run(forecast, Result) if forecast.is_dir() else None
    if reaction:
        if result is None or outcomes is None or case_id or kinds or freeze:
            raise click.UsageError(
                "--reaction takes a results folder and OUTCOMES, without --case, "
                "--kind and --freeze"
            )
        _answer_reaction(result, outcomes)
        leave_if_failed(ctx, len(result.failed), "forecast")
        return
    roster = load_scenario(scenario) if scenario else None
    if roster is None and result is not None:
        roster = result.scenario
    frozen = None
    if outcomes is not None and case_id is not None:
        from balance_sim.evidence.cases.scores import score_frozen, score_result

        if roster is None:
            raise click.UsageError("a frozen forecast of a case needs --scenario")
        if result is not None:
            case = score_result(result, outcomes, case_id, runs)
        else:
            case = score_frozen(forecast, outcomes, case_id, roster)
        options.answer(case, _case_lines(case), indent=2)
        leave_if_failed(ctx, case.get("failed_runs", 0), "scores")
        return
    if result is None and kinds:
        raise click.UsageError("--kind does not apply to a frozen forecast")
    _require_baselines(outcomes, roster)
    if result is not None:
        selected = dyads.forecast_of(result, kinds, runs)
    else:
        selected, frozen = dyads.thaw(forecast)
    document = {"frozen": frozen, "sha256": selected.sha256}
    document |= {key: selected.content[key] for key in ABOUT}
    lines = [f"forecast of {len(selected.pairs)} dyads, sha256 {selected.sha256[:12]}"]
    if freeze is not None:
        document["frozen"] = dyads.freeze(selected, freeze)["frozen"]
        lines.append(f"frozen on {document['frozen']} in {freeze}")
    if outcomes is not None:
        scores, about = dyads.score_forecast(selected, outcomes, roster)
        document |= plain_data(scores | about)
        model = scores["model"]
        lines.append(f"{model['events']:,} of {model['n']:,} dyads made an agreement")
        lines.append(f"skills are over the {about['reference']}")
        lines += score_lines(scores, about["notes"])
    options.answer(document, lines, indent=1)
    leave_if_failed(ctx, len(result.failed) if result else 0, "forecast")


def _require_baselines(outcomes: Path | None, roster: Scenario | None) -> None:
    """Ask for the package of the baseline of trees before dyads are simulated. There
    are baselines only where outcomes are scored and a roster is known."""
    if outcomes is not None and roster is not None:
        options.require_package("sklearn")


def _answer_reaction(result: Result, outcomes: Path) -> None:
    """Print what the record says of a reaction."""
    from balance_sim.evidence.forecast.reaction import reaction_of
    from balance_sim.scenario.errors import plain_data

    document = reaction_of(result, outcomes)
    options.answer(
        plain_data(document), reaction_lines(document, result.scenario), indent=1
    )


def leave_if_failed(ctx: click.Context, failed: int, where: str) -> None:
    """End with the exit code for it, and say so, where some replications failed."""
    if failed:
        click.echo(f"{failed} replications failed and are not in the {where}", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def _case_lines(scored: dict[str, Any]) -> Iterator[str]:
    """The scores of one case for a terminal."""
    dyads = f"{scored['responding_pairs']} of {scored['pairs']} dyads"
    expected = f"{scored['expected_accords']:.1f} dyads are expected to sign"
    agreements = f"{scored['agreements']} agreements on record, of {dyads}"
    yield from wrapped(f"{scored['about']}: {agreements}; {expected}.", "")
    yield from ["", *gain_table([scored]), ""]
    if scored["not_scored"]:
        rows = plural(len(scored["not_scored"]), "row")
        yield f"{rows} not scored; --json says why, and each response's rank"

"""`balance-sim evidence score FORECAST OUTCOMES`: a forecast of dyads against what is
on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.program import ExitCode
from balance_sim.evidence.forecast.lines import gain_table, score_lines
from balance_sim.show.wording import dyad_name, state_names, table, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.forecast import Forecast
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result

MOST_RESPONSES = 6
OF_FOLDER = {"window": "--window", "arm": "--arm", "runs": "--runs"}
DAYS = {"first": "--from", "until": "--until"}
INAPPLICABLE = {
    "folder": DAYS,
    "frozen": DAYS | {"kinds": "--kind"} | OF_FOLDER,
    "csv": OF_FOLDER,
}
"""Options that say nothing about a forecast of this form."""
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
    help="Only this type of agreement. Repeatable.",
)
@click.option(
    "--arm", metavar="ARM", help="Of a results folder  [default: the event as it was]"
)
@click.option(
    "--window",
    type=click.IntRange(min=1),
    help="Days after the focal event  [default: the longest]",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    help="Of a results folder: replications simulated again, those it holds at "
    "most  [default: 32]",
)
@click.option("--from", "first", type=options.Day(), help="First day, for a CSV.")
@click.option("--until", type=options.Day(), help="Last day, for a CSV.")
@click.option(
    "--freeze",
    type=options.FILE,
    help="Write the forecast with its hash and today's date to this file.",
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
    arm: str | None,
    window: int | None,
    runs: int | None,
    first: date | None,
    until: date | None,
    freeze: Path | None,
) -> None:
    """Score the dyads of FORECAST against OUTCOMES.

    FORECAST is a results folder, a CSV (iso3_a, iso3_b, p; or COW numbers) with --from
    and --until, or a file made by --freeze. OUTCOMES is a CSV of agreements (iso3_a,
    iso3_b, kind, stage, date; or DCAD's columns), or with --case a table of responses
    (state_a, state_b, date, direction): see docs/scoring.md and docs/cases.md."""
    from balance_sim.evidence.forecast import forecast as dyads
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.result import open_result

    if outcomes is None and freeze is None:
        hint = "--freeze FILE to keep it until they come"
        raise click.UsageError(f"give OUTCOMES to score the forecast, or {hint}")
    record = None if scenario is None else load_scenario(scenario)
    if outcomes is not None and case_id is not None:
        _score_case(ctx, forecast, outcomes, case_id, record, runs)
        return
    form = "frozen" if forecast.suffix.lower() == ".json" else "csv"
    if forecast.is_dir():
        form = "folder"
    for name, option in INAPPLICABLE[form].items():
        if options.is_given(ctx, name):
            raise click.UsageError(f"{option} does not apply to this forecast")
    frozen, failed, kind_names = None, 0, tuple[str, ...]()
    if form == "folder":
        result = open_result(forecast)
        selected = forecast_of(result, arm, window, kinds, runs)
        failed, kind_names = len(result.failed), tuple(result.scenario.kinds)
        record = record or result.scenario
    elif form == "frozen":
        selected, frozen = dyads.thaw(forecast)
    elif first is None or until is None or first > until:
        raise click.UsageError("a CSV needs --from and --until, in this order")
    else:
        selected = dyads.read_dyads(forecast, first, until, kinds)
    document = {"frozen": frozen, "sha256": selected.sha256}
    document |= {key: selected.content[key] for key in ABOUT}
    lines = [f"forecast of {len(selected.pairs)} dyads, sha256 {selected.sha256[:12]}"]
    if freeze is not None:
        document["frozen"] = dyads.freeze(selected, freeze)["frozen"]
        lines.append(f"frozen on {document['frozen']} in {freeze}")
    if outcomes is not None:
        scored = dyads.score_forecast(
            selected, outcomes, kinds=kind_names, scenario=record
        )
        document |= scored.as_dict()
        model = scored.scores["model"]
        lines.append(f"{model['events']:,} of {model['n']:,} dyads made an agreement")
        lines.append(f"skills are over the {scored.reference}")
        lines += score_lines(scored.scores, scored.notes)
    options.answer(document, lines, indent=1)
    leave_if_failed(ctx, failed, "forecast")


def leave_if_failed(ctx: click.Context, failed: int, where: str) -> None:
    """End with the exit code for it, and say so, where some replications failed."""
    if failed:
        click.echo(f"{failed} replications failed and are not in the {where}", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def _score_case(
    ctx: click.Context,
    forecast: Path,
    outcomes: Path,
    case_id: str,
    roster: Scenario | None,
    runs: int | None,
) -> None:
    """Score a forecast against a table of responses to a case."""
    from balance_sim.evidence.cases.scoring import score_frozen, score_result
    from balance_sim.study.result import open_result

    if forecast.is_dir():
        result = open_result(forecast)
        roster, scored = result.scenario, score_result(result, outcomes, case_id, runs)
    elif roster is None:
        raise click.UsageError("a frozen forecast of a case needs --scenario")
    else:
        scored = score_frozen(forecast, outcomes, case_id, roster)
    lines = _case_lines(scored, state_names(roster))
    options.answer(scored, lines, indent=2)
    leave_if_failed(ctx, scored.get("failed_runs", 0), "scores")


def forecast_of(
    result: Result,
    arm: str | None,
    window: int | None,
    kinds: tuple[str, ...],
    runs: int | None,
) -> Forecast:
    """Each dyad's probability of a new agreement in an arm, from some of its
    replications simulated again. Raises WrongRequest."""
    from balance_sim.evidence.cases.scoring import finished_runs
    from balance_sim.evidence.forecast.forecast import Forecast
    from balance_sim.evidence.goodness.dyad_probabilities import (
        RUNS,
        dyad_probabilities,
    )
    from balance_sim.scenario.diagnostics import listed
    from balance_sim.scenario.errors import WrongRequest

    scenario, arm = result.scenario, arm or result.headline_arm
    window = window or result.window
    if arm not in result.arms:
        raise WrongRequest(
            f"the results have no arm {arm}; they have {listed(result.arms)}"
        )
    if not {*kinds} <= {*scenario.kinds}:
        kind_names = listed(sorted(scenario.kinds))
        raise WrongRequest(f"the scenario has no such --kind; it has {kind_names}")
    if window > result.horizon:
        end = f"the runs end {result.horizon} days after the focal event"
        raise WrongRequest(f"--window {window}: {end}")
    again = min(finished_runs(result), runs or RUNS)
    p = dyad_probabilities(result, arm, window=window, kinds=kinds, runs=runs)
    focal = FIRST_DAY + result.focal_day
    return Forecast(
        pairs=tuple(p),
        p=tuple(p.values()),
        first=date.fromordinal(focal + 1),
        last=date.fromordinal(focal + window),
        kinds=kinds,
        about=f"{scenario.name}, arm {arm}, {again} runs simulated again",
    )


FIRST_DAY = 719163
"""The ordinal of 1 January 1970, from which results count days."""


def _case_lines(scored: dict[str, Any], names: dict[str, str]) -> Iterator[str]:
    """The scores of one case for a terminal, and the first MOST_RESPONSES responses."""
    dyads = f"{scored['responding_pairs']} of {scored['pairs']} dyads"
    expected = f"{scored['expected_accords']:.1f} dyads are expected to sign"
    agreements = f"{scored['agreements']} agreements on record, of {dyads}"
    yield from wrapped(f"{scored['about']}: {agreements}; {expected}.", "")
    yield from ["", *gain_table([scored]), ""]
    rows = [("date", "response", "rank", "dyad and probability")]
    for row in scored["responses"][:MOST_RESPONSES]:
        words = f"{dyad_name(names, *row['pairs'][0].split('-'))} {row['p'][0]:.3f}"
        rows.append((row["date"], row["direction"], str(row["best_rank"]), words))
    yield f"responses on record, and the rank of their likeliest dyad of {dyads}"
    yield from table(rows, "<<><", indent="  ")
    for row in scored["not_scored"]:
        dyad = f"{row['state_a']}-{row['state_b']} {row['date']}"
        yield from wrapped(f"not scored: {dyad}: {row['reason']}")

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
from balance_sim.evidence.forecast.lines import (
    MEASURES,
    agreement_lines,
    case_lines,
    detectable_lines,
    gain_lines,
    note_lines,
)
from balance_sim.show.wording import dyad_name, state_names, table, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.forecast import Forecast, ScoredForecast
    from balance_sim.study.result import Result

MOST_RESPONSES = 6
DAYS = {"first": "--from", "until": "--until"}
OF_FOLDER = {"window": "--window", "arm": "--arm", "runs": "--runs"}
INAPPLICABLE = {
    "folder": ("the results hold the days", DAYS),
    "frozen": (
        "the frozen forecast says it",
        DAYS | {"kinds": "--kind", "stage": "--stage"} | OF_FOLDER,
    ),
    "csv": ("it is for a results folder", OF_FOLDER),
}
"""Options that say nothing about a forecast of this form, and why."""


@click.command()
@click.argument("forecast", type=options.PATH)
@click.argument("outcomes", type=options.PATH, required=False)
@click.option(
    "--case",
    "case_id",
    metavar="CASE_ID",
    help="The case whose rows count, of several.",
)
@click.option(
    "--data", type=options.PATH, help="Field data to train the five baselines on."
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
    "--stage",
    type=click.Choice(["signed", "in_force"]),
    default="signed",
    help="What counts as made.",
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
@options.verbose_option
@options.json_option
@click.pass_context
def score(
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
    first: date | None,
    until: date | None,
    freeze: Path | None,
    verbose: bool,
) -> None:
    """Score the dyads of FORECAST against OUTCOMES.

    FORECAST is a results folder, a CSV (iso3_a, iso3_b, p; or COW numbers) with --from
    and --until, or a file made by --freeze. OUTCOMES is a CSV of agreements (iso3_a,
    iso3_b, kind, stage, date; or DCAD's columns), or a table of a case's responses
    (state_a, state_b, date, direction): see docs/scoring.md and docs/cases.md."""
    form = "csv"
    if forecast.is_dir():
        form = "folder"
    elif forecast.suffix.lower() == ".json":
        form = "frozen"
    if outcomes is None and freeze is None:
        hint = "--freeze FILE to keep it until they come"
        raise click.UsageError(f"give OUTCOMES to score the forecast, or {hint}")
    if outcomes is not None and freeze is None and _is_case_table(outcomes):
        _score_case(ctx, forecast, outcomes, case_id, scenario, runs, verbose=verbose)
        return
    why, inapplicable = INAPPLICABLE[form]
    for name, option in inapplicable.items():
        if options.is_given(ctx, name):
            raise click.UsageError(f"{option} does not apply here: {why}")
    from balance_sim.evidence.forecast import forecast as dyads
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.result import open_result

    record = None if scenario is None else load_scenario(scenario)
    frozen, failed, known_kinds = None, 0, tuple[str, ...]()
    if form == "folder":
        result = open_result(forecast)
        selected = _forecast_of_folder(result, arm, window, kinds, stage, runs)
        failed, known_kinds = len(result.failed), tuple(result.scenario.kinds)
        record = record or result.scenario
    elif form == "frozen":
        selected, frozen = dyads.thaw(forecast)
    elif first is None or until is None or first > until:
        days = "--from and --until, in this order: the days that it is about"
        raise click.UsageError(f"a CSV needs {days}")
    else:
        selected = dyads.read_dyads(forecast, first, until, kinds, stage)
    about = {key: selected.content[key] for key in ABOUT}
    document = {"frozen": frozen, "sha256": selected.sha256, **about}
    days = f"{selected.first} to {selected.last}"
    sha256 = f"sha256 {selected.sha256[:12]}"
    lines = [f"forecast of {len(selected.pairs)} dyads, {days}, {sha256}"]
    if freeze is not None:
        document["frozen"] = dyads.freeze(selected, freeze)["frozen"]
        lines.append(f"frozen on {document['frozen']} in {freeze}")
    if outcomes is None:
        command = f"balance-sim evidence score {freeze} OUTCOMES"
        lines.append(f"next, once it is known what came: {command}")
    else:
        scored = dyads.score_forecast(
            selected, outcomes, data, kinds=known_kinds, scenario=record
        )
        document |= scored.as_dict()
        lines += _score_lines(scored)
    options.answer(document, lines, indent=1)
    leave_if_failed(ctx, failed, "forecast")


ABOUT = ("first", "last", "kinds", "stage", "about")
"""Keys of a forecast's content that its document has."""


def leave_if_failed(ctx: click.Context, failed: int, where: str) -> None:
    """End with the exit code for it, and say so, where some replications failed."""
    if failed:
        click.echo(f"{failed} replications failed and are not in the {where}", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def _is_case_table(outcomes: Path) -> bool:
    """Whether the file is a table of responses: state_a and direction among its
    columns."""
    from balance_sim.evidence.data.table import open_table

    table = open_table(outcomes, "outcomes", "state_a direction")
    return {*table.published} == {"state_a", "direction"}


def _score_case(
    ctx: click.Context,
    forecast: Path,
    outcomes: Path,
    case_id: str | None,
    scenario: Path | None,
    runs: int | None,
    *,
    verbose: bool,
) -> None:
    """Score a forecast against a table of responses to a case."""
    from balance_sim.evidence.cases.scoring import score_frozen, score_result
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.result import open_result

    if forecast.is_dir():
        result = open_result(forecast)
        scored = score_result(result, outcomes, case_id, runs)
        roster = result.scenario
    elif scenario is None:
        hint = "--scenario: its roster is scored"
        raise click.UsageError(
            f"a frozen forecast is scored against a case with {hint}"
        )
    else:
        roster = load_scenario(scenario)
        scored = score_frozen(forecast, outcomes, case_id, roster)

    def lines() -> Iterator[str]:
        return _case_lines(scored, state_names(roster), verbose=verbose)

    options.answer(scored, lines, indent=2)
    leave_if_failed(ctx, scored.get("failed_runs", 0), "scores")


def _score_lines(scored: ScoredForecast) -> Iterator[str]:
    """The scores of a forecast of dyads, for a terminal."""
    model = scored.scores["model"]
    count = f"{model.events:,} of {model.n:,} dyads made an agreement"
    yield from wrapped(
        f"{count}, {model.expected:.1f} were expected to. Skills are over the "
        f"{scored.reference} (0: no better, 1: perfect); CIs resample dyads.",
        "",
    )
    yield from ["", *agreement_lines(scored.scores), "", *gain_lines(scored.scores)]
    yield from detectable_lines(model)
    yield from note_lines(scored.notes)


def _forecast_of_folder(
    result: Result,
    arm: str | None,
    window: int | None,
    kinds: tuple[str, ...],
    stage: str,
    runs: int | None,
) -> Forecast:
    """Each dyad's probability of a new agreement in an arm, from some of its
    replications simulated again."""
    from balance_sim.evidence.cases.scoring import finished_runs
    from balance_sim.evidence.forecast.forecast import Forecast
    from balance_sim.evidence.goodness.dyad_probabilities import (
        RUNS,
        dyad_probabilities,
    )

    scenario = result.scenario
    if arm is not None and arm not in result.arms:
        arms = ", ".join(result.arms)
        raise click.UsageError(f"the results have no arm {arm}; they have {arms}")
    arm = arm or result.headline_arm
    if arm is None:
        hint = f"--arm {result.reference} scores it"
        raise click.UsageError(f"the results hold the control arm only; {hint}")
    unknown = [kind for kind in kinds if kind not in scenario.kinds]
    if unknown:
        names = ", ".join(sorted(scenario.kinds))
        raise click.UsageError(f"the scenario has no kind {unknown[0]}; it has {names}")
    window = window or result.window
    if window > result.horizon:
        end = f"the runs end {result.horizon} days after the focal event"
        raise click.UsageError(f"--window {window}: {end}")
    finished = finished_runs(result)
    focal = FIRST_DAY + result.focal_day
    p = dyad_probabilities(
        result, arm, window=window, kinds=kinds, stage=stage, runs=runs
    )
    again = min(finished, runs or RUNS)
    return Forecast(
        pairs=tuple(p),
        p=tuple(p.values()),
        first=date.fromordinal(focal + 1),
        last=date.fromordinal(focal + window),
        kinds=kinds,
        stage=stage,
        about=f"{scenario.name}, arm {arm}, {again} runs simulated again",
    )


FIRST_DAY = 719163
"""The ordinal of 1 January 1970, from which results count days."""


def _case_lines(
    scored: dict[str, Any], names: dict[str, str], *, verbose: bool
) -> Iterator[str]:
    """The scores of one case for a terminal. verbose: every response, else the first
    MOST_RESPONSES."""
    again = ""
    if "simulated_again" in scored:
        again = f" (probabilities from {scored['simulated_again']} of them)"
    dyads = f"{scored['responding_pairs']} of {scored['pairs']} dyads"
    expected = f"{scored['expected_accords']:.1f} dyads are expected to sign{again}"
    agreements = f"{scored['agreements']} agreements on record, of {dyads}"
    yield from wrapped(f"{scored['about']}: {agreements}; {expected}.", "")
    gains, verdicts = scored["earlier_accords"]["model_gains"], []
    for measure, title in MEASURES.items():
        verdicts.append(f"{title} {_verdict(gains[measure]['ci95'])}")
    head = "The model beside past agreements of the dyads"
    yield from wrapped(f"{head}: {', '.join(verdicts)}.", "")
    yield from ["", *case_lines(scored), ""]
    rows = [("date", "response", "rank", "dyad and probability")]
    shown = scored["responses"] if verbose else scored["responses"][:MOST_RESPONSES]
    for row in shown:
        words = f"{dyad_name(names, *row['pairs'][0].split('-'))} {row['p'][0]:.3f}"
        if len(row["pairs"]) > 1:
            words += f", and {len(row['pairs']) - 1} more"
        rows.append((row["date"], row["direction"], str(row["best_rank"]), words))
    rank = f"rank of the likeliest dyad of {scored['pairs']}"
    yield f"recorded responses: {rank}, and the model's probability"
    yield from table(rows, "<<><", indent="  ")
    if len(shown) < len(scored["responses"]):
        yield f"  {len(scored['responses']) - len(shown)} more: --verbose"
    for row in scored["not_scored"]:
        dyad = f"{row['state_a']}-{row['state_b']} {row['date']}"
        yield from wrapped(f"not scored: {dyad}: {row['reason']}")


def _verdict(bounds: list[float] | None) -> str:
    """What a gain with these bounds says of the model."""
    if not bounds:
        return "no CI"
    if bounds[0] > 0:
        return "better"
    return "worse" if bounds[1] < 0 else "not distinguishable"

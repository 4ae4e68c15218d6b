"""`balance-sim evidence score FORECAST OUTCOMES`: a forecast of dyads against what is on record;
`balance-sim evidence cases PLAN`: several cases of history, simulated and scored."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.cli.program import ExitCode
from balance_sim.cli.progress import Steps
from balance_sim.evidence.forecast import lines as of_scores
from balance_sim.evidence.forecast.lines import MEASURES, agreement_lines, case_lines
from balance_sim.show.wording import dyad_name, plural, state_names, table, wrapped

if TYPE_CHECKING:
    from balance_sim.evidence.forecast.forecast import Forecast
    from balance_sim.scenario.schema import Scenario
    from balance_sim.study.result import Result

MOST_RESPONSES = 6
DAYS = {"first": "--from", "until": "--until"}
OF_FOLDER = {"window": "--window", "arm": "--arm", "runs": "--runs"}
IDLE = {
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
    help="Scenario on whose own record baselines are trained  [default: that of a results folder]",
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
    help="Of a results folder: replications simulated again, those it holds at most  [default: 32]",
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
    from balance_sim.scenario.load import load_scenario
    from balance_sim.study.result import open_result

    form = (
        "folder"
        if forecast.is_dir()
        else "frozen"
        if forecast.suffix.lower() == ".json"
        else "csv"
    )
    if outcomes is None and freeze is None:
        raise click.UsageError(
            "give OUTCOMES to score the forecast, or --freeze FILE to keep it until they come"
        )
    if outcomes is not None and freeze is None and _is_case_table(outcomes):
        if form == "frozen":
            scored = score_frozen(forecast, outcomes, case_id, scenario)
            names = state_names(load_scenario(str(scenario)))
        else:
            result = open_result(forecast)
            scored, names = (
                score_result(result, outcomes, case_id, runs),
                state_names(result.scenario),
            )
        options.answer(
            scored, lambda: _case_text(scored, names, verbose=verbose), indent=2
        )
        _leave_if_failed(ctx, scored.get("failed_runs", 0), "scores")
        return
    why, idle = IDLE[form]
    for name, option in idle.items():
        if options.is_given(ctx, name):
            raise click.UsageError(f"{option} does not apply here: {why}")
    from balance_sim.evidence.forecast import forecast as dyads

    frozen, failed, own = None, 0, None
    if form == "folder":
        result = open_result(forecast)
        made, failed, own = (
            _forecast_of_folder(result, arm, window, kinds, stage, runs),
            len(result.failed),
            result.scenario,
        )
    elif form == "frozen":
        made, frozen = dyads.thaw(forecast)
    elif first is None or until is None or first > until:
        raise click.UsageError(
            "a CSV needs --from and --until, in this order: the days that it is about"
        )
    else:
        made = dyads.read_dyads(forecast, first, until, kinds, stage)
    about = ("first", "last", "kinds", "stage", "about")
    out: dict[str, Any] = {
        "frozen": frozen,
        "sha256": made.sha256,
        **{k: made.content[k] for k in about},
    }
    lines = [
        f"forecast of {len(made.pairs)} dyads, {made.first} to {made.last}, sha256 {made.sha256[:12]}"
    ]
    if freeze is not None:
        out["frozen"] = dyads.freeze(made, freeze)["frozen"]
        lines.append(f"frozen on {out['frozen']} in {freeze}")
        if outcomes is None:
            lines.append(
                f"next, once it is known what came: balance-sim evidence score {freeze} OUTCOMES"
            )
    if outcomes is not None:
        record = load_scenario(scenario) if scenario is not None else own
        more, scored_lines = _scored(
            made, outcomes, data, () if own is None else tuple(own.kinds), record
        )
        out, lines = out | more, [*lines, *scored_lines]
    options.answer(out, lines, indent=1)
    _leave_if_failed(ctx, failed, "forecast")


def _leave_if_failed(ctx: click.Context, failed: int, where: str) -> None:
    if failed:
        click.echo(f"{failed} replications failed and are not in the {where}", err=True)
        ctx.exit(ExitCode.FAILED_RUNS)


def _is_case_table(outcomes: Path) -> bool:
    """Whether the file is a table of responses: state_a and direction among its
    columns."""
    from balance_sim.evidence.data.table import open_table

    probe = open_table(
        outcomes, "outcomes", {"a": ("state_a",), "direction": ("direction",)}, ()
    )
    return probe.has("a", "direction")


def _scored(
    made: Forecast,
    outcomes: Path,
    data: Path | None,
    kinds: tuple[str, ...],
    record: Scenario | None,
) -> tuple[dict[str, Any], Iterator[str]]:
    """The scores of a forecast of dyads, for JSON and line by line. kinds: types of
    agreement that are known."""
    from balance_sim.evidence.forecast.forecast import score_forecast
    from balance_sim.scenario.errors import plain_data

    scored = score_forecast(made, outcomes, data, kinds=kinds, scenario=record)
    out: dict[str, Any] = {name: one.as_dict() for name, one in scored.scores.items()}
    out |= {"calibration": list(scored.calibration), "reference": scored.reference}
    out |= {"outcomes": scored.outcomes.as_dict(), "notes": list(scored.notes)}

    def lines() -> Iterator[str]:
        one = scored.scores["model"]
        yield from wrapped(
            f"{one.events:,} of {one.n:,} dyads made an agreement, {one.expected:.1f} were expected to. Skills are "
            f"over the {scored.reference} (0: no better, 1: perfect); CIs resample dyads.",
            "",
        )
        yield from [
            "",
            *agreement_lines(scored.scores),
            "",
            *of_scores.gain_lines(scored.scores),
            *of_scores.detectable_lines(one),
        ]
        yield from of_scores.note_lines(scored.notes)

    plain: dict[str, Any] = plain_data(out)
    return plain, lines()


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
    from balance_sim.effects.dyad_probabilities import RUNS, dyad_probabilities
    from balance_sim.evidence.forecast.forecast import Forecast

    if arm is not None and arm not in result.arms:
        raise click.UsageError(
            f"the results have no arm {arm}; they have {', '.join(result.arms)}"
        )
    arm = arm or result.headline_arm
    if arm is None:
        raise click.UsageError(
            f"the results hold the control arm only; --arm {result.reference} scores it"
        )
    unknown = [kind for kind in kinds if kind not in result.scenario.kinds]
    if unknown:
        known = ", ".join(sorted(result.scenario.kinds))
        raise click.UsageError(f"the scenario has no kind {unknown[0]}; it has {known}")
    window = window or result.window
    if window > result.horizon:
        raise click.UsageError(
            f"--window {window}: the runs end {result.horizon} days after the focal event"
        )
    finished = _finished(result)
    first, last = (
        date.fromordinal(719163 + result.focal_day + days) for days in (1, window)
    )
    p = dyad_probabilities(
        result, arm, window=window, kinds=kinds, stage=stage, runs=runs
    )
    about = f"{result.scenario.name}, arm {arm}, {min(finished, runs or RUNS)} runs simulated again"
    return Forecast(tuple(p), tuple(p.values()), first, last, kinds, stage, about)


def _finished(result: Result) -> int:
    """How many replications there are. Raises DataError for none."""
    from balance_sim.evidence.data.errors import DataError

    if not (finished := int(result.outcomes["run"].nunique())):
        raise DataError(
            "no run has finished: there is nothing to score",
            "Run the study first",
            result.folder,
        )
    return finished


def score_result(
    result: Result, outcomes: Path, case_id: str | None, runs: int | None = None
) -> dict[str, Any]:
    """The scores of a finished study, in the arm that changes nothing. runs:
    replications simulated again, if given."""
    from balance_sim.effects.dyad_probabilities import RUNS, dyad_probabilities
    from balance_sim.evidence.cases.scores import score_case
    from balance_sim.evidence.cases.tables import responses_of

    responses, finished, arm = (
        responses_of(outcomes, case_id),
        _finished(result),
        result.headline_arm,
    )
    if arm is None:
        raise click.UsageError(
            "the results hold the control arm only; run the arm with the event too"
        )
    p, without = (
        dyad_probabilities(result, one, runs=runs) for one in (arm, result.reference)
    )
    return {
        "scenario": result.scenario.name,
        "case": responses[0].case_id or case_id,
        "about": f"{result.scenario.name}, arm {arm}, {finished} replications",
        "arm": arm,
        "runs": finished,
        "simulated_again": min(finished, runs or RUNS),
        "failed_runs": len(result.failed),
        **score_case(
            result.scenario, p, responses, {dyad: p[dyad] - without[dyad] for dyad in p}
        ),
    }


def score_frozen(
    frozen: Path, outcomes: Path, case_id: str | None, scenario: Path | str | None
) -> dict[str, Any]:
    """The scores of a frozen forecast against a case's responses; `scenario` says which
    dyads are scored.

    Raises UsageError without a scenario, DataError where the forecast was changed after
    it was frozen."""
    from balance_sim.evidence.cases.scores import score_case
    from balance_sim.evidence.cases.tables import responses_of
    from balance_sim.evidence.forecast.forecast import thaw
    from balance_sim.scenario.load import load_scenario

    if scenario is None:
        raise click.UsageError(
            "a frozen forecast is scored against a case with --scenario: its roster is scored"
        )
    forecast, day = thaw(frozen)
    responses, case = responses_of(outcomes, case_id), load_scenario(scenario)
    return {
        "scenario": case.name,
        "case": responses[0].case_id or case_id,
        "about": f"{forecast.about}, frozen on {day}",
        "frozen": day,
        "sha256": forecast.sha256,
        **score_case(
            case, dict(zip(forecast.pairs, forecast.p, strict=True)), responses
        ),
    }


def _case_text(
    scored: dict[str, Any], names: dict[str, str], *, verbose: bool
) -> Iterator[str]:
    """The scores of one case for a terminal. verbose: every response, else the first
    MOST_RESPONSES."""
    again = (
        f" (probabilities from {scored['simulated_again']} of them)"
        if "simulated_again" in scored
        else ""
    )
    yield from wrapped(
        f"{scored['about']}: {scored['agreements']} agreements on record, of {scored['responding_pairs']} of "
        f"{scored['pairs']} dyads; {scored['expected_accords']:.1f} dyads are expected to sign{again}.",
        "",
    )
    told, gains = [], scored["earlier_accords"]["model_gains"]
    for of, said in MEASURES.items():
        ci = gains[of]["ci95"]
        found = (
            "no CI"
            if not ci
            else "better"
            if ci[0] > 0
            else "worse"
            if ci[1] < 0
            else "not distinguishable"
        )
        told.append(f"{said} {found}")
    yield from wrapped(
        f"The model beside past agreements of the dyads: {', '.join(told)}.", ""
    )
    yield from ["", *case_lines(scored), ""]
    rows = [("date", "response", "rank", "dyad and probability")]
    shown = scored["responses"] if verbose else scored["responses"][:MOST_RESPONSES]
    for row in shown:
        first = f"{dyad_name(names, *row['pairs'][0].split('-'))} {row['p'][0]:.3f}"
        more = f", and {len(row['pairs']) - 1} more" if len(row["pairs"]) > 1 else ""
        rows.append(
            (row["date"], row["direction"], str(row["best_rank"]), first + more)
        )
    yield f"recorded responses: rank of the likeliest dyad of {scored['pairs']}, and the model's probability"
    yield from table(rows, "<<><", indent="  ")
    if len(shown) < len(scored["responses"]):
        yield f"  {len(scored['responses']) - len(shown)} more: --verbose"
    for row in scored["not_scored"]:
        yield from wrapped(
            f"not scored: {row['state_a']}-{row['state_b']} {row['date']}: {row['reason']}"
        )


@click.command()
@click.argument("plan", type=options.PATH)
@click.option(
    "--runs",
    type=click.IntRange(1, 10_000_000),
    help="Replications  [default: the plan's]",
)
@click.option("--seed", type=options.SEED, help="Random numbers  [default: the plan's]")
@options.workers_option
@click.option(
    "--out",
    type=options.FOLDER,
    help="Keep each study's results in a folder here; without it nothing is written.",
)
@options.verbose_option
@options.json_option
@click.pass_context
def cases(
    ctx: click.Context,
    plan: Path,
    runs: int | None,
    seed: int | None,
    workers: int,
    out: Path | None,
    verbose: bool,
) -> None:
    """Simulate every case of PLAN (experiments/cases.yaml) and score it against the
    responses on record.

    Each scenario is simulated in its control arm and in the arm that changes nothing. A
    case without responses on record is simulated and not scored."""
    from balance_sim.effects.run import run
    from balance_sim.evidence.cases.tables import read_cases_plan
    from balance_sim.scenario import load_scenario

    wanted = read_cases_plan(plan)
    found: list[dict[str, Any]] = []
    failed, many, seed = 0, runs or wanted.runs, wanted.seed if seed is None else seed
    scenarios = [load_scenario(case.scenario) for case in wanted.cases]
    with Steps({scenario.name: 2 + 0.05 * many for scenario in scenarios}) as steps:
        for case, scenario in zip(wanted.cases, scenarios, strict=True):
            steps.begin(scenario.name)
            arms = [
                name
                for name, arm in scenario.arms.items()
                if not (arm.drop or arm.add or arm.set)
            ]
            folder = None if out is None else out / scenario.name
            result = run(
                scenario,
                many,
                seed,
                arms=arms,
                workers=workers,
                out=folder,
                progress=steps.counter("replications"),
            )
            failed += len(result.failed)
            if case.case is None:
                found.append(
                    {"scenario": scenario.name, "case": None, "runs": result.runs}
                )
            else:
                found.append(score_result(result, wanted.responses, case.case))
    document = {"title": wanted.title, "cases": found}
    options.answer(
        document, lambda: _cases_text(wanted.title, found, verbose=verbose), indent=2
    )
    _leave_if_failed(ctx, failed, "scores")


def _cases_text(
    title: str, found: list[dict[str, Any]], *, verbose: bool
) -> Iterator[str]:
    """A line a case and measure; verbose: a block a case, and what the model gains on
    each baseline."""
    scored = [one for one in found if one["case"] is not None]
    not_scored = [
        f"{one['scenario']}: no responses on record; not scored"
        for one in found
        if one["case"] is None
    ]
    counts = sorted({one["runs"] for one in found})
    runs = plural(counts[-1], "replication") if counts else "no replications"
    yield from wrapped(
        f"{title} ({plural(len(scored), 'case')} scored, {runs} each)", ""
    )
    if not scored:
        yield from not_scored
        return
    gains = [one["earlier_accords"]["model_gains"] for one in scored]
    clear = sum(
        bool(ci := one["average_precision"]["ci95"]) and ci[0] > 0 for one in gains
    )
    above = {of: sum((one[of]["value"] or 0.0) > 0 for one in gains) for of in MEASURES}
    yield from wrapped(
        "The model is better than past agreements of the dyads in average precision in "
        f"{above['average_precision']} of {len(scored)} cases (with a 95 % CI above 0 in {clear}), in AUC in "
        f"{above['auc']}, in the Brier score in {above['brier']}.",
        "",
    )
    yield ""
    for one in scored if verbose else ():
        how_many = f"{one['responding_pairs']} of {one['pairs']} dyads; {one['runs']} replications"
        yield from [
            f"{one['scenario']}: {one['agreements']} agreements, {how_many}",
            *case_lines(one),
            "",
        ]
    yield from [*(() if verbose else of_scores.gain_table(scored)), *not_scored]
    more = "" if verbose else "; --verbose adds the base rate and the Brier score"
    yield from wrapped(
        f"gain: the model less past agreements, above 0 where the model ranks better{more}."
    )

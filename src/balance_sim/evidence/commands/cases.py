"""`balance-sim evidence case NAME CASE_ID`: the scenario of a case from history;
`balance-sim evidence cases PLAN`: several cases, simulated and scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from balance_sim.cli import options
from balance_sim.cli.check import CheckedFile, checked_plan, refuse_changes
from balance_sim.cli.inputs import write_new
from balance_sim.cli.progress import Steps
from balance_sim.evidence.commands.score import leave_if_failed
from balance_sim.evidence.forecast.lines import gain_table
from balance_sim.show.wording import plural, wrapped

SCENARIOS = Path("scenarios")


@click.command()
@click.argument("name")
@click.argument("case_id")
@click.option(
    "--cases",
    "table",
    type=options.PATH,
    metavar="CSV",
    required=True,
    help="Table of cases: case_id, signal_date, participants, observers, ...",
)
@click.option(
    "--data",
    type=options.PATH,
    metavar="DIR",
    required=True,
    help="Folder of the public series; see docs/cases.md.",
)
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write  [default: NAME.yaml in ./scenarios if it is there, or here]",
)
def case(
    name: str,
    case_id: str,
    table: Path,
    data: Path,
    out: str | None,
) -> None:
    """Write the scenario of a case, from what the series know at its date.

    It is NAME.yaml and tables in a folder NAME beside it. Its level is that of the
    record: a calibration where there are agreements enough for one, else a base rate.
    Never overwrites a file."""
    from balance_sim.evidence.cases.scenario import build_case
    from balance_sim.evidence.cases.tables import case_named
    from balance_sim.evidence.commands.calibrate import calibrate

    target = Path((out or name).removesuffix(".yaml"))
    is_bare = out is None and target.name == str(target)
    folder = SCENARIOS if is_bare and SCENARIOS.is_dir() else target.parent
    files, until = build_case(case_named(table, case_id), data, target.name)
    write_new({folder / path: text for path, text in files.items()})
    scenario = folder / f"{target.name}.yaml"
    if until is not None:
        calibrate.main(
            [str(scenario), "--until", until.isoformat(), "--no-card"],
            prog_name="balance-sim evidence calibrate",
            standalone_mode=False,
        )
    tables = len(files) - 1
    click.echo(f"wrote {scenario} and {tables} tables")
    click.echo(f"next: balance-sim check {scenario}")


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
@options.json_option
@click.pass_context
def cases(
    ctx: click.Context,
    plan: Path,
    runs: int | None,
    seed: int | None,
    workers: int,
    out: Path | None,
) -> None:
    """Simulate every case of PLAN (experiments/cases.yaml) and score it against the
    responses on record.

    Each scenario is simulated in its control arm and in the arm that changes nothing. A
    case without responses on record is simulated and not scored."""
    from balance_sim.effects.run import run
    from balance_sim.evidence.cases.scores import score_result
    from balance_sim.evidence.cases.tables import read_cases_plan
    from balance_sim.scenario import load_scenario

    planned_cases = read_cases_plan(plan)
    seed = planned_cases.seed if seed is None else seed
    runs = runs or planned_cases.runs
    scored: list[dict[str, Any]] = []
    failed = 0
    scenarios = [load_scenario(planned.scenario) for planned in planned_cases.cases]
    with Steps(scenario.name for scenario in scenarios) as steps:
        for planned, scenario in zip(planned_cases.cases, scenarios, strict=True):
            steps.begin(scenario.name)
            result = run(
                scenario,
                runs,
                seed,
                arms=[
                    name
                    for name, arm in scenario.arms.items()
                    if not (arm.drop or arm.add or arm.set)
                ],
                workers=workers,
                out=None if out is None else out / scenario.name,
                progress=steps.counter("replications"),
            )
            failed += len(result.failed)
            row = {"scenario": scenario.name, "case": None, "runs": result.runs}
            if planned.case is not None:
                row = score_result(result, planned_cases.responses, planned.case)
            scored.append(row)

    def lines() -> Iterator[str]:
        return _lines(planned_cases.title, scored)

    options.answer({"title": planned_cases.title, "cases": scored}, lines, indent=2)
    leave_if_failed(ctx, failed, "scores")


def _lines(title: str, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """A line a case and measure: the model beside past agreements."""
    scored = [row for row in rows if row["case"] is not None]
    runs = plural(max((row["runs"] for row in rows), default=0), "replication")
    yield from wrapped(
        f"{title} ({plural(len(scored), 'case')} scored, {runs} each)", ""
    )
    if scored:
        yield from ["", *gain_table(scored)]
        meaning = "above 0 where the model ranks better"
        yield from wrapped(f"gain: the model less past agreements, {meaning}.")
    for row in rows:
        if row["case"] is None:
            yield f"{row['scenario']}: no responses on record; not scored"


def check_file(path: str, settings: tuple[str, ...], theory: str | None) -> CheckedFile:
    """Read a plan of cases and their scenarios. Raises ScenarioError."""
    from balance_sim.evidence.cases.tables import read_cases_plan
    from balance_sim.scenario import load_scenario

    refuse_changes(settings, theory)
    scenarios = [load_scenario(row.scenario) for row in read_cases_plan(path).cases]
    return checked_plan("balance-sim evidence cases", f"{len(scenarios)} cases")

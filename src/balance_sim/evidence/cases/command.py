"""`balance-sim evidence case NAME CASE_ID`: the scenario of a case from history.

What `balance-sim check` says of a plan of cases.
"""

from __future__ import annotations

from pathlib import Path

import click

from balance_sim.cli import options
from balance_sim.cli.check import CheckedFile, checked_plan, refuse_changes
from balance_sim.cli.inputs import BASE_RATE, write_new

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
@click.option(
    "--base-rate",
    type=BASE_RATE,
    metavar="RATE",
    help="Agreements a year, of all types, that the states sign among themselves "
    "[default: counted]",
)
def case(
    name: str,
    case_id: str,
    table: Path,
    data: Path,
    out: str | None,
    base_rate: float | None,
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
    row = case_named(table, case_id)
    files, until = build_case(row, data, target.name, base_rate)
    write_new({folder / path: text for path, text in files.items()})
    scenario = folder / f"{target.name}.yaml"
    if until is not None:
        words = [str(scenario), "--until", until.isoformat(), "--no-card"]
        program = "balance-sim evidence calibrate"
        calibrate.main(words, prog_name=program, standalone_mode=False)
    tables = len(files) - 1
    click.echo(f"wrote {scenario} and {tables} tables")
    click.echo(f"next: balance-sim check {scenario}")


def check_file(path: str, settings: tuple[str, ...], theory: str | None) -> CheckedFile:
    """Read a plan of cases and their scenarios. Raises ScenarioError."""
    from balance_sim.evidence.cases.tables import read_cases_plan
    from balance_sim.scenario import load_scenario

    refuse_changes(settings, theory)
    scenarios = [load_scenario(row.scenario) for row in read_cases_plan(path).cases]
    return checked_plan("balance-sim evidence cases", f"{len(scenarios)} cases")

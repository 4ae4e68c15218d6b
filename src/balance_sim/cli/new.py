"""`balance-sim new NAME`: a commented scenario to start from, or one built from a case of history."""

from __future__ import annotations

import sys
from pathlib import Path

import click

SCENARIOS = Path("scenarios")


@click.command()
@click.argument("name")
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write; - for stdout. Default: NAME.yaml here; a case goes to ./scenarios if it is there.",
)
@click.option("--from-case", "case_id", metavar="CASE_ID", help="Build the scenario of this case of history.")
@click.option(
    "--cases",
    type=click.Path(path_type=Path),
    metavar="CSV",
    help="Table of cases: case_id, signal_date, participants, observers, ...",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder of the public series; see docs/cases.md.",
)
@click.option(
    "--base-rate",
    type=click.FloatRange(min=0, max=1e4, min_open=True),
    metavar="RATE",
    help="Agreements a year, all kinds, that the states sign among themselves. Asked for at a terminal; a case counts "
    "its own.",
)
def command(
    name: str,
    out: str | None,
    case_id: str | None,
    cases: Path | None,
    data: Path | None,
    base_rate: float | None,
) -> None:
    """Write a small commented scenario that checks and runs as it is. Never overwrites a file.

    With --from-case, --cases and --data: the scenario of a case, from what the series know at its date, as
    NAME.yaml and tables in a folder NAME beside it. Its level is that of the record: a calibration where there are
    agreements enough for one, else a base rate."""
    if case_id is None and cases is None and data is None:
        if base_rate is None and out != "-" and sys.stdin.isatty():
            base_rate = _asked()
        _starter(name, out, base_rate)
        return
    if case_id is None or cases is None or data is None:
        raise click.UsageError("a case needs all three of --from-case, --cases and --data")
    if out == "-":
        raise click.UsageError("a case is several files; give --out a file name")
    _from_case(name, out, case_id, cases, data, base_rate)


def _asked() -> float | None:
    """What a user at a terminal says of the level; None where there is no answer."""
    text = click.prompt(
        "Agreements a year that these states sign among themselves (empty: leave it open)",
        default="",
        show_default=False,
    )
    if not text.strip():
        return None
    return float(click.FloatRange(min=0, max=1e4, min_open=True)(text))


def _starter(name: str, out: str | None, base_rate: float | None) -> None:
    from balance_sim.scenario.defaults import new_scenario

    text = new_scenario(name.removesuffix(".yaml"), base_rate)
    if out == "-":
        click.echo(text, nl=False)
        return
    path = Path(out or f"{name.removesuffix('.yaml')}.yaml")
    _write({path: text})
    click.echo(f"wrote {path}; next: balance-sim check {path}")


def _from_case(
    name: str, out: str | None, case_id: str, cases: Path, data: Path, base_rate: float | None
) -> None:
    from balance_sim.cli.calibrate import command as calibrate
    from balance_sim.evidence.cases.scenario import build_case
    from balance_sim.evidence.cases.tables import case_named

    given = Path((out or name).removesuffix(".yaml"))
    is_bare = out is None and given.name == str(given)
    folder = SCENARIOS if is_bare and SCENARIOS.is_dir() else given.parent
    files, until = build_case(case_named(cases, case_id), data, given.name, base_rate)
    _write({folder / path: text for path, text in files.items()})
    main = folder / f"{given.name}.yaml"
    if until is not None:
        words = [str(main), "--until", until.isoformat(), "--no-card"]
        calibrate.main(words, prog_name="balance-sim calibrate", standalone_mode=False)
    click.echo(f"wrote {main} and {len(files) - 1} tables; next: balance-sim check {main}")


def _write(files: dict[Path, str]) -> None:
    """All of the files, or none: an existing one is never overwritten."""
    there = [path for path in files if path.exists()]
    if there:
        raise click.UsageError(f"{there[0]} exists; choose another name or --out")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("x", encoding="utf-8", newline="\n")
        try:
            with stream:
                stream.write(text)
        except OSError:
            path.unlink(missing_ok=True)  # half a file
            raise

"""`balance-sim list`, `new`, `parameters`, `schema`: what there is to run, and what a
scenario of your own needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from balance_sim.cli import options
from balance_sim.registry import part
from balance_sim.show.wording import page_width, spread_words, table

BASE_RATE = options.FiniteRange(min=0, max=1e4, min_open=True)


@click.command("list")
@options.json_option
def list_() -> None:
    """List the scenarios, experiments and games that commands find by name, and how
    each is run.

    They come with the program, and a file of the name in ./scenarios, ./experiments or
    ./games goes before them."""
    from balance_sim.scenario.diagnostics import shown
    from balance_sim.scenario.plans import SHOWN_KINDS, offered_files

    files = offered_files()
    name_width = max((len(file.name) for file in files), default=0)

    def lines() -> Iterator[str]:
        for file_type, heading in SHOWN_KINDS.items():
            same_type = [file for file in files if file.kind == file_type]
            if same_type:
                command = same_type[0].command.replace(same_type[0].name, "NAME", 1)
                yield f"{heading}: {command}"
            for file in same_type:
                front = f"  {file.name:{name_width}}  "
                title = shown(file.title, max(page_width() - len(front), 20))
                yield f"{front}{title}".rstrip()
        local = [shown(file.path) for file in files if not file.is_shipped]
        if local:
            yield f"Not shipped, but here: {', '.join(local)}"

    options.answer([file._asdict() for file in files], lines, indent=2)


@click.command()
@click.argument("name")
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write; - for stdout  [default: NAME.yaml here]",
)
@click.option(
    "--base-rate",
    type=BASE_RATE,
    metavar="RATE",
    help="Agreements a year, of all types, that the states sign among themselves.",
)
@click.option(
    "--states",
    metavar="CODES",
    help="Real states, as SAU,IRN,USA: filled from public series, in tables beside.",
)
@click.option(
    "--year",
    type=int,
    help="On whose first day the real states are taken  [default: the last on record]",
)
def new(
    name: str,
    out: str | None,
    base_rate: float | None,
    states: str | None,
    year: int | None,
) -> None:
    """Write a small commented scenario that checks and runs as it is: of five invented
    states, or with --states of real ones. Never overwrites a file."""
    from balance_sim.scenario.defaults import new_scenario

    name = name.removesuffix(".yaml")
    path = Path(out or f"{name}.yaml")
    if states is None:
        if year is not None:
            raise click.UsageError("--year is of real states: name them by --states")
        content = new_scenario(name, base_rate)
        if out == "-":
            click.echo(content, nl=False)
            return
        files, summary = {path: content}, ""
    else:
        if out == "-":
            raise click.UsageError("with --states tables are written: name a file")
        build = part("new", "world")
        texts, summary = build(path.stem if out else name, states, year, base_rate)
        files = {path.parent / file: text for file, text in texts.items()}
        summary = f", {summary}, and {len(files) - 1} tables"
    write_new(files)
    click.echo(f"wrote {path}{summary}; next: balance-sim check {path}")


def write_new(files: Mapping[Path, str]) -> None:
    """Write all of the files, or none: an existing one is never overwritten.

    Raises
    ------
    click.UsageError : for one that exists
    CannotWrite : from the folder
    """
    from balance_sim.scenario.errors import write_fault
    from balance_sim.study.atomic_files import write_atomic

    for path in files:
        if path.exists():
            raise click.UsageError(f"{path} exists; choose another name or --out")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise write_fault(error, path) from None
        write_atomic(path, text.encode())


@click.command()
@click.argument("scenario", required=False)
@options.json_option
def parameters(scenario: str | None) -> None:
    """Print every default: value, unit, source, standard error or range.

    With SCENARIO also the prior of what is not known and, where the scenario names
    joint draws, the posterior, each as its central 95 %, and whether data inform it,
    the prior dominates, or the two are in conflict (power scaling)."""
    from balance_sim.scenario.defaults import parameter_table

    if scenario is None:
        rows = parameter_table()
        heads, cells = ("value", "range", "source", "unit"), _default_cells
    else:
        from balance_sim.scenario.load import load_scenario

        rows = part("parameters", "summary")(load_scenario(scenario))
        heads, cells = ("in use", "prior", "posterior", "finding"), _drawn_cells
    body = [[str(row["path"]), *cells(row)] for row in rows]
    lines = table([["path for --set", *heads], *body], width=1000)
    options.answer(rows, (line[: page_width()] for line in lines), indent=2)


def _default_cells(row: Mapping[str, Any]) -> list[str]:
    """Return value, range or standard error, source and unit of a default."""
    value, source, unit = f"{row['value']:g}", str(row["source"]), str(row["unit"])
    return [value, spread_words(row), source, unit]


def _drawn_cells(row: Mapping[str, Any]) -> list[str]:
    """Return value, prior, posterior and finding of a parameter that is drawn."""
    finding = (row["finding"] or {}).get("word", "") if row["posterior"] else ""
    intervals = [_interval(row[name]) for name in ("prior", "posterior")]
    return [_number(row["value"]), *intervals, finding.removesuffix("-dominated")]


def _interval(quantiles: Mapping[str, Any] | None) -> str:
    """Return the central 95 % as text."""
    if quantiles is None:
        return ""
    return f"{_number(quantiles['low'])} to {_number(quantiles['high'])}"


def _number(value: float | None) -> str:
    """Return two significant digits; nothing of what is not known."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2g}"


@click.command()
@click.argument(
    "kind", type=click.Choice(["scenario", "experiment", "game"]), default="scenario"
)
def schema(kind: str) -> None:
    """Print the JSON Schema of scenario, experiment or game files, for editors."""
    from balance_sim.scenario.reference.schemas import experiment_schema, json_schema

    schemas = {"scenario": json_schema, "experiment": experiment_schema}
    write = schemas[kind] if kind in schemas else part("schema", kind)
    click.echo(json.dumps(write(), indent=2))

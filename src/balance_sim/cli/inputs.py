"""`balance-sim list`, `new`, `parameters`, `schema`: what there is to run, and what a
scenario of your own needs."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from balance_sim.cli import options
from balance_sim.registry import part
from balance_sim.show.wording import UNLIMITED, table, terminal_width, wrapped

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario

BASE_RATE = options.FiniteRange(min=0, max=1e4, min_open=True)
COLUMNS = ("path", "value", "unit", "source", "range")
WIDE = 105
"""Columns of a terminal from which a prior is shown with its median."""


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
    width = min(terminal_width(), 120)
    name_width = max((len(file.name) for file in files), default=0)

    def lines() -> Iterator[str]:
        for file_type, heading in SHOWN_KINDS.items():
            same_type = [file for file in files if file.kind == file_type]
            if same_type:
                words = same_type[0].command.split()
                place = len(words) - 1 - words[::-1].index(same_type[0].name)
                words[place] = "NAME"
                yield f"{heading}: {' '.join(words)}"
            for file in same_type:
                front = f"  {file.name:{name_width}}  "
                title = shown(file.title, max(width - len(front), 20))
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
    help="Agreements a year, of all types, that the states sign among themselves. "
    "Asked for at a terminal.",
)
def new(name: str, out: str | None, base_rate: float | None) -> None:
    """Write a small commented scenario that checks and runs as it is. Never overwrites
    a file."""
    from balance_sim.scenario.defaults import new_scenario

    if base_rate is None and out != "-" and sys.stdin.isatty():
        question = (
            "Agreements a year that these states sign among themselves "
            "(empty: leave it open)"
        )
        text = click.prompt(question, default="", show_default=False)
        base_rate = float(BASE_RATE(text)) if text.strip() else None
    name = name.removesuffix(".yaml")
    content = new_scenario(name, base_rate)
    if out == "-":
        click.echo(content, nl=False)
        return
    path = Path(out or f"{name}.yaml")
    write_new({path: content})
    click.echo(f"wrote {path}; next: balance-sim check {path}")
    schema_file = path.parent / "balance-sim.schema.json"
    if not schema_file.exists():
        command = f"balance-sim schema > {schema_file}"
        click.echo(f"for an editor that completes keys: {command}")


def write_new(files: dict[Path, str]) -> None:
    """Write all of the files, or none: an existing one is never overwritten.

    Raises click.UsageError for one that exists, CannotWrite."""
    for path in files:
        if path.exists():
            raise click.UsageError(f"{path} exists; choose another name or --out")
    from balance_sim.scenario.errors import write_fault
    from balance_sim.study.atomic_files import write_atomic

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
    joint draws, the posterior: median and central 95 %, and whether data inform it, the
    prior dominates, or the two are in conflict (power scaling)."""
    from balance_sim.scenario.defaults import parameter_table

    if scenario is not None:
        from balance_sim.registry import part
        from balance_sim.scenario.load import load_scenario

        loaded = load_scenario(scenario)
        drawn = part("parameters", "summary")(loaded)
        options.answer(drawn, lambda: _drawn_lines(loaded, drawn), indent=2)
        return
    defaults = parameter_table()
    width = terminal_width()

    def lines() -> list[str]:
        rows = [COLUMNS, *map(_default_cells, defaults)]
        wide_lines = table(rows, width=UNLIMITED)
        fits = max(map(len, wide_lines)) <= width
        return wide_lines if fits else _grouped_lines(rows, width)

    options.answer(defaults, lines, indent=2)


def _drawn_lines(scenario: Scenario, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a line a parameter for a terminal; on a narrow one without values, and a
    prior is its interval alone."""
    is_wide = terminal_width() >= WIDE
    has_posterior = bool(scenario.posterior.count)
    cells = [["median (95 %)", "in use", "prior", "posterior", "finding"]]
    cells += [_drawn_cells(row, is_wide=is_wide) for row in rows]
    columns = [0, 1, 2] if is_wide else [0, 2]
    columns += [3, 4] if has_posterior else []
    shown = [[row[column] for column in columns] for row in cells]
    head, *lines = table(shown, "<><" if is_wide else "<", width=UNLIMITED)
    title = (
        f"Parameters of {scenario.title}: what is drawn, by key path as --set takes it"
    )
    yield from wrapped(title, width=min(terminal_width(), 120))
    yield head
    group = ""
    for row, line in zip(rows, lines, strict=True):
        row_group = str(row["path"]).rpartition(".")[0]
        if row_group not in ("", group):
            yield from ["", row_group]
        group = row_group
        yield line
    yield ""
    yield from wrapped(
        _posterior_words(scenario, rows), width=min(terminal_width(), 120)
    )


def _drawn_cells(row: dict[str, Any], *, is_wide: bool) -> list[str]:
    """Return name, value, prior, posterior and finding of a parameter, as text."""
    group, _, name = str(row["path"]).rpartition(".")
    finding = ""
    if row["posterior"] and row["finding"]:
        finding = row["finding"]["word"]
    if not is_wide:
        finding = finding.removeprefix("in ").removesuffix("-dominated")
    return [
        f"  {name}" if group else name,
        _number(row["value"]),
        _interval(row["prior"], is_wide=is_wide, ends_alone=not is_wide),
        _interval(row["posterior"], is_wide=is_wide),
        finding,
    ]


def _posterior_words(scenario: Scenario, rows: Sequence[dict[str, Any]]) -> str:
    """Return how many draws there are, and how many parameters data inform."""
    draws = scenario.posterior.count
    if not draws:
        command = f"balance-sim evidence posterior {scenario.name}"
        return f"No posterior: {command} draws one."
    findings = [
        row["finding"]["word"] for row in rows if row["finding"] and row["posterior"]
    ]
    counts = [f"{findings.count(word)} {word}" for word in sorted(set(findings))]
    return f"{draws:,} joint draws; {', '.join(counts)}. See docs/posterior.md."


def _interval(
    quantiles: dict[str, Any] | None, *, is_wide: bool, ends_alone: bool = False
) -> str:
    """Return the median and central 95 % as text, or the ends alone."""
    if quantiles is None:
        return ""
    digits = 3 if is_wide else 2
    low, high = (_number(quantiles[name], digits) for name in ("low", "high"))
    ends = f"{low} to {high}" if is_wide else f"{low}..{high}"
    return ends if ends_alone else f"{_number(quantiles['median'], digits)} ({ends})"


def _number(value: object, digits: int = 3) -> str:
    """Return so many digits, without powers of ten where there can be none."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 or value == 0 else "<0.0001"


def _grouped_lines(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Return lines for a narrow terminal: what paths have in common stands above them,
    units last, folded to fit."""
    cells = [("name", "value", "range", "source", "|")]
    groups, units = [""], ["unit"]
    for path, value, unit, source, spread in rows[1:]:
        group, _, name = path.rpartition(".")
        indented = f"  {name}" if group else name
        cells.append((indented, value, spread, source, "|"))
        groups.append(group)
        units.append(unit)
    lines = ["Paths for --set: the line above and the name, as in parameters.beta", ""]
    group = ""
    columns = table(cells, width=UNLIMITED)
    for row_group, column, unit in zip(groups, columns, units, strict=True):
        if row_group != group:
            lines += ["", row_group]
            group = row_group
        front = column[:-1]
        folded = textwrap.wrap(unit, max(width - len(front), 12)) or [""]
        lines.append(f"{front}{folded[0]}".rstrip())
        lines += [" " * len(front) + line for line in folded[1:]]
    return lines


def _default_cells(row: dict[str, object]) -> tuple[str, ...]:
    """Return the text of one line; the range is low..high, or the standard error where
    that is given."""
    bounds, error, value = row["range"], row["standard_error"], row["value"]
    spread = f"{bounds[0]:g}..{bounds[1]:g}" if isinstance(bounds, list) else ""
    if error is not None:
        spread = f"s.e. {error:g}"
    number = f"{value:g}" if isinstance(value, int | float) else str(value)
    return (str(row["path"]), number, str(row["unit"]), str(row["source"]), spread)


@click.command()
@click.argument(
    "kind", type=click.Choice(["scenario", "experiment", "game"]), default="scenario"
)
@click.option(
    "--markdown",
    is_flag=True,
    help="The reference page of all three, docs/scenario_reference.md.",
)
def schema(kind: str, markdown: bool) -> None:
    """Print the JSON Schema of scenario, experiment or game files, for editors."""
    from balance_sim.scenario.reference.schemas import (
        experiment_schema,
        json_schema,
        reference_page,
    )

    if markdown:
        files = {
            "Scenario": json_schema(),
            "Experiment": experiment_schema(),
            "GamePlan": part("schema", "game")(),
        }
        click.echo(reference_page(files), nl=False)
        return
    if kind == "scenario":
        document = json_schema()
    elif kind == "experiment":
        document = experiment_schema()
    else:
        document = part("schema", kind)()
    click.echo(json.dumps(document, indent=2))

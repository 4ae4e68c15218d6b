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
    options.answer(defaults, lambda: _default_lines(defaults), indent=2)


def _drawn_lines(scenario: Scenario, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a line a parameter that is drawn, under the path that it shares with
    others."""
    width = min(terminal_width(), 120)
    title = (
        f"Parameters of {scenario.title}: what is drawn, by key path as --set takes it"
    )
    yield from wrapped(title, width=width)
    has_posterior = bool(scenario.posterior.count)
    heads = ("median (95 %)", "in use", "prior", "posterior", "finding")
    cells = [_drawn_cells(row) for row in rows]
    columns = 5 if has_posterior else 3
    shown = [row[:columns] for row in [heads, *cells]]
    head, *lines = table(shown, "<><", width=UNLIMITED)
    yield head
    yield from _under_paths([str(row["path"]) for row in rows], lines)
    yield ""
    yield from wrapped(_posterior_words(scenario, rows), width=width)


def _under_paths(paths: Sequence[str], lines: Sequence[str]) -> Iterator[str]:
    """Yield lines, with what their paths have in common above them."""
    group = ""
    for path, line in zip(paths, lines, strict=True):
        path_group = path.rpartition(".")[0]
        if path_group not in ("", group):
            yield from ["", path_group]
        group = path_group
        yield line


def _name(path: str) -> str:
    """Return the last part of a path, indented where it stands under others."""
    group, _, name = path.rpartition(".")
    return f"  {name}" if group else name


def _drawn_cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return name, value, prior, posterior and finding of a parameter, as text."""
    finding = (row["finding"] or {}).get("word", "") if row["posterior"] else ""
    return (
        _name(str(row["path"])),
        _number(row["value"]),
        _interval(row["prior"]),
        _posterior(row["posterior"]),
        finding.removesuffix("-dominated"),
    )


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


def _interval(quantiles: dict[str, Any] | None) -> str:
    """Return the central 95 % as text."""
    if quantiles is None:
        return ""
    return f"{_number(quantiles['low'])} to {_number(quantiles['high'])}"


def _posterior(quantiles: dict[str, Any] | None) -> str:
    """Return the median and the central 95 % as text."""
    if quantiles is None:
        return ""
    return f"{_number(quantiles['median'])} ({_interval(quantiles)})"


def _number(value: object) -> str:
    """Return two digits, without powers of ten where there can be none."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2g}" if abs(value) >= 1e-4 or value == 0 else "<0.0001"


def _default_lines(defaults: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a line a default, under the path that it shares with others; units last,
    folded to fit."""
    yield "Paths for --set: the line above and the name, as in parameters.beta"
    cells = [("name", "value", "range", "source", "|"), *map(_default_cells, defaults)]
    head, *columns = table(cells, width=UNLIMITED)
    yield from ["", f"{head[:-1]}unit"]
    width = max(terminal_width() - len(head), 12)
    lines = []
    for column, row in zip(columns, defaults, strict=True):
        unit = textwrap.wrap(str(row["unit"]), width) or [""]
        indent = " " * (len(column) - 1)
        lines.append(
            f"\n{indent}".join([f"{column[:-1]}{unit[0]}".rstrip(), *unit[1:]])
        )
    text = "\n".join(_under_paths([str(row["path"]) for row in defaults], lines))
    yield from text.splitlines()


def _default_cells(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the text of one line; the range is low..high, or the standard error where
    that is given."""
    bounds, error, value = row["range"], row["standard_error"], row["value"]
    spread = f"{bounds[0]:g}..{bounds[1]:g}" if isinstance(bounds, list) else ""
    if error is not None:
        spread = f"s.e. {error:g}"
    number = f"{value:g}" if isinstance(value, int | float) else str(value)
    return (_name(str(row["path"])), number, spread, str(row["source"]), "|")


@click.command()
@click.argument(
    "kind", type=click.Choice(["scenario", "experiment", "game"]), default="scenario"
)
def schema(kind: str) -> None:
    """Print the JSON Schema of scenario, experiment or game files, for editors."""
    from balance_sim.scenario.reference.schemas import experiment_schema, json_schema

    if kind == "scenario":
        document = json_schema()
    elif kind == "experiment":
        document = experiment_schema()
    else:
        document = part("schema", kind)()
    click.echo(json.dumps(document, indent=2))

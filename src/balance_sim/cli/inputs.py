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
from balance_sim.show.wording import UNLIMITED, table, terminal_width, wrapped

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario

SCENARIOS = Path("scenarios")
BASE_RATE = options.FiniteRange(min=0, max=1e4, min_open=True)
COLUMNS = ("path", "value", "unit", "source", "range")


@click.command("list")
@options.json_option
def list_() -> None:
    """List the scenarios, experiments and games that commands find by name, and how
    each is run.

    They come with the program, and a file of the name in ./scenarios, ./experiments or
    ./games goes before them."""
    from balance_sim.scenario.diagnostics import shown
    from balance_sim.scenario.validation import SHOWN_KINDS, offered_files

    found = offered_files()

    def lines() -> Iterator[str]:
        width, wide = (
            min(terminal_width(), 120),
            max((len(one.name) for one in found), default=0),
        )
        for kind, heading in SHOWN_KINDS.items():
            of = [one for one in found if one.kind == kind]
            if of:
                program, command, _, *more = of[0].command.split()
                yield f"{heading}: {' '.join([program, command, 'NAME', *more])}"
            for one in of:
                front = f"  {one.name:{wide}}  "
                yield f"{front}{shown(one.title, max(width - len(front), 20))}".rstrip()
        if own := [shown(one.path) for one in found if not one.is_shipped]:
            yield f"Not shipped, but here: {', '.join(own)}"

    options.answer([one._asdict() for one in found], lines, indent=2)


@click.command()
@click.argument("name")
@click.option(
    "--out",
    metavar="FILE",
    help="Where to write; - for stdout. Default: NAME.yaml here; a case goes to ./scenarios if it is there.",
)
@click.option(
    "--from-case",
    "case_id",
    metavar="CASE_ID",
    help="Build the scenario of this case of history.",
)
@click.option(
    "--cases",
    type=options.PATH,
    metavar="CSV",
    help="Table of cases: case_id, signal_date, participants, observers, ...",
)
@click.option(
    "--data",
    type=options.PATH,
    metavar="DIR",
    help="Folder of the public series; see docs/cases.md.",
)
@click.option(
    "--base-rate",
    type=BASE_RATE,
    metavar="RATE",
    help="Agreements a year, of all types, that the states sign among themselves. Asked for at a terminal; a case "
    "counts its own.",
)
def new(
    name: str,
    out: str | None,
    case_id: str | None,
    cases: Path | None,
    data: Path | None,
    base_rate: float | None,
) -> None:
    """Write a small commented scenario that checks and runs as it is. Never overwrites
    a file.

    With --from-case, --cases and --data: the scenario of a case, from what the series
    know at its date, as NAME.yaml and tables in a folder NAME beside it. Its level is
    that of the record: a calibration where there are agreements enough for one, else a
    base rate."""
    if case_id is None and cases is None and data is None:
        if base_rate is None and out != "-" and sys.stdin.isatty():
            question = "Agreements a year that these states sign among themselves (empty: leave it open)"
            text = click.prompt(question, default="", show_default=False)
            base_rate = float(BASE_RATE(text)) if text.strip() else None
        _starter(name, out, base_rate)
        return
    if case_id is None or cases is None or data is None:
        raise click.UsageError(
            "a case needs all three of --from-case, --cases and --data"
        )
    if out == "-":
        raise click.UsageError("a case is several files; give --out a file name")
    _from_case(name, out, case_id, cases, data, base_rate)


def _starter(name: str, out: str | None, base_rate: float | None) -> None:
    from balance_sim.scenario.defaults import new_scenario

    name = name.removesuffix(".yaml")
    text, path = new_scenario(name, base_rate), Path(out or f"{name}.yaml")
    if out == "-":
        click.echo(text, nl=False)
        return
    _write({path: text})
    click.echo(f"wrote {path}; next: balance-sim check {path}")
    schema_file = path.parent / "balance-sim.schema.json"
    if not schema_file.exists():
        click.echo(
            f"for an editor that completes keys: balance-sim schema > {schema_file}"
        )


def _from_case(
    name: str,
    out: str | None,
    case_id: str,
    cases: Path,
    data: Path,
    base_rate: float | None,
) -> None:
    from balance_sim.evidence.cases.scenario import build_case
    from balance_sim.evidence.cases.tables import case_named
    from balance_sim.evidence.estimation.command import calibrate

    given = Path((out or name).removesuffix(".yaml"))
    is_bare = out is None and given.name == str(given)
    folder = SCENARIOS if is_bare and SCENARIOS.is_dir() else given.parent
    files, until = build_case(case_named(cases, case_id), data, given.name, base_rate)
    _write({folder / path: text for path, text in files.items()})
    main = folder / f"{given.name}.yaml"
    if until is not None:
        words = [str(main), "--until", until.isoformat(), "--no-card"]
        calibrate.main(
            words, prog_name="balance-sim evidence calibrate", standalone_mode=False
        )
    click.echo(
        f"wrote {main} and {len(files) - 1} tables; next: balance-sim check {main}"
    )


def _write(files: dict[Path, str]) -> None:
    """All of the files, or none: an existing one is never overwritten."""
    if there := next((path for path in files if path.exists()), None):
        raise click.UsageError(f"{there} exists; choose another name or --out")
    from balance_sim.scenario.errors import write_fault

    for path, text in files.items():
        begun = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as stream:
                begun = True
                stream.write(text)
        except OSError as error:
            if begun:
                path.unlink(missing_ok=True)  # half a file
            raise write_fault(error, path) from None


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
    found, width = parameter_table(), terminal_width()

    def lines() -> list[str]:
        rows = [COLUMNS, *(_cells(row) for row in found)]
        whole = table(rows, width=UNLIMITED)
        return whole if max(map(len, whole)) <= width else _grouped_lines(rows, width)

    options.answer(found, lines, indent=2)


def _drawn_lines(scenario: Scenario, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """For a terminal. Below 105 columns a prior is its interval alone, and a finding
    its first word."""
    is_wide, width, count = (
        terminal_width() >= 105,
        min(terminal_width(), 120),
        scenario.posterior.count,
    )
    cells, heads, above = (
        [["median (95 %)", "in use", "prior", "posterior", "finding"]],
        [],
        "",
    )
    for row in rows:
        of, _, name = str(row["path"]).rpartition(".")
        heads.append(of if of != above else "")
        above = of
        said = (row["finding"] or {}).get("word", "") if row["posterior"] else ""
        word = said if is_wide else said.removeprefix("in ").removesuffix("-dominated")
        prior, posterior = (
            _span(row["prior"], is_wide, ends_alone=not is_wide),
            _span(row["posterior"], is_wide),
        )
        cells.append(
            ["  " * bool(of) + name, _number(row["value"]), prior, posterior, word]
        )
    kept = [k for k in range(5) if (k != 1 or is_wide) and (k < 3 or count)]
    head, *lines = table(
        [[row[k] for k in kept] for row in cells],
        "<><" if is_wide else "<",
        width=UNLIMITED,
    )
    yield from wrapped(
        f"Parameters of {scenario.title}: what is drawn, by key path as --set takes it",
        width=width,
    )
    yield head
    for group, line in zip(heads, lines, strict=True):
        yield from ["", group, line] if group else [line]
    words = [
        row["finding"]["word"] for row in rows if row["finding"] and row["posterior"]
    ]
    counts = ", ".join(f"{words.count(word)} {word}" for word in sorted({*words}))
    told = f"{count:,} joint draws; {counts}. See docs/posterior.md."
    none = f"No posterior: balance-sim evidence posterior {scenario.name} draws one."
    yield from ["", *wrapped(told if count else none, width=width)]


def _span(of: dict[str, Any] | None, is_wide: bool, *, ends_alone: bool = False) -> str:
    if of is None:
        return ""
    middle, *both = (
        _number(of[name], 3 if is_wide else 2) for name in ("median", "low", "high")
    )
    ends = (" to " if is_wide else "..").join(both)
    return ends if ends_alone else f"{middle} ({ends})"


def _number(value: object, digits: int = 3) -> str:
    """So many digits, without powers of ten where there can be none."""
    if not isinstance(value, int | float):
        return "" if value is None else str(value)
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 or value == 0 else "<0.0001"


def _grouped_lines(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """For a narrow terminal: what paths have in common stands above them, units last,
    folded to fit."""
    groups, units = [""], ["unit"]
    cells = [("name", "value", "range", "source", "|")]
    for path, value, unit, source, spread in rows[1:]:
        of, _, name = path.rpartition(".")
        groups.append(of)
        units.append(unit)
        cells.append(("  " * bool(of) + name, value, spread, source, "|"))
    lines, above = (
        ["Paths for --set: the line above and the name, as in parameters.beta", ""],
        "",
    )
    for of, column, unit in zip(
        groups, table(cells, width=UNLIMITED), units, strict=True
    ):
        if of != above:
            lines += ["", of]
            above = of
        front = column[:-1]
        first, *rest = textwrap.wrap(unit, max(width - len(front), 12)) or [""]
        lines += [
            f"{front}{first}".rstrip(),
            *(" " * len(front) + line for line in rest),
        ]
    return lines


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    """Text of one line; the range is low..high, or the standard error where that is
    given."""
    bounds, error, value = row["range"], row["standard_error"], row["value"]
    spread = f"{bounds[0]:g}..{bounds[1]:g}" if isinstance(bounds, list) else ""
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    told = spread if error is None else f"s.e. {error:g}"
    return (str(row["path"]), shown, str(row["unit"]), str(row["source"]), told)


@click.command()
@click.argument(
    "kind", type=click.Choice(["scenario", "experiment", "game"]), default="scenario"
)
@click.option(
    "--markdown",
    is_flag=True,
    help="The reference page of all kinds, docs/scenario_reference.md.",
)
def schema(kind: str, markdown: bool) -> None:
    """Print the JSON Schema of scenario, experiment or game files, for editors."""
    from balance_sim.scenario.reference.schemas import experiment_schema, json_schema

    if kind != "game" and not markdown:
        click.echo(
            json.dumps(
                json_schema() if kind == "scenario" else experiment_schema(), indent=2
            )
        )
        return
    from balance_sim.games.plan import game_schema

    if not markdown:
        click.echo(json.dumps(game_schema(), indent=2))
        return
    from balance_sim.scenario.reference.schemas import reference_page

    files = {
        "Scenario": json_schema(),
        "Experiment": experiment_schema(),
        "GamePlan": game_schema(),
    }
    click.echo(reference_page(files), nl=False)

"""`balance-sim parameters`: every default with its unit and source."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Sequence

import click

from balance_sim.cli.options import json_option

COLUMNS = ("path", "value", "unit", "source", "range")
WITHOUT_LIMIT = 1000  # columns, where no terminal says how many there are: a line each, for other programs


@click.command()
@json_option
def command(as_json: bool) -> None:
    """Print every default: value, unit, source, standard error or range."""
    from balance_sim.scenario.defaults import parameter_table

    table = parameter_table()
    if as_json:
        click.echo(json.dumps(table, indent=2))
        return
    rows = [COLUMNS, *(_cells(row) for row in table)]
    width = shutil.get_terminal_size((WITHOUT_LIMIT, 24)).columns
    lines = whole_lines(rows)
    click.echo("\n".join(lines if max(map(len, lines)) <= width else grouped_lines(rows, width)))


def whole_lines(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A line a parameter with its whole path. rows: the heads, then the cells, in the order of COLUMNS."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def grouped_lines(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """The same for a narrow terminal: what paths have in common stands above them, units last, folded to fit."""
    heads, *cells = rows
    names = [
        (*path.rpartition(".")[::2], value, spread, source, unit)
        for path, value, unit, source, spread in cells
    ]
    columns = [("name", *heads[1:2], "range", "source"), *(row[1:5] for row in names)]
    widths = [max(len(row[at]) for row in columns) for at in range(4)]
    room = max(width - 2 - sum(widths) - 2 * len(widths), 12)
    lines = ["Paths for --set: the line above and the name, as in parameters.beta", ""]
    lines += _folded(("name", "value", "range", "source", "unit"), widths, room, "")
    group = ""
    for of, *row in names:
        if of != group:
            lines += ["", of]
            group = of
        lines += _folded(row, widths, room, "  " if of else "")
    return lines


def _folded(row: Sequence[str], widths: Sequence[int], room: int, indent: str) -> list[str]:
    """One row; its last cell in lines of at most `room`."""
    name, *cells = row[:-1]
    front = [(indent + name).ljust(widths[0] + 2)]
    front += [cell.ljust(width) for cell, width in zip(cells, widths[1:], strict=True)]
    before = "  ".join([*front, ""])
    first, *rest = textwrap.wrap(row[-1], room) or [""]
    return [f"{before}{first}".rstrip(), *(" " * len(before) + line for line in rest)]


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    """Text of one line; the range is low..high, or the standard error where that is given."""
    bounds, error = row["range"], row["standard_error"]
    spread = f"{bounds[0]:g}..{bounds[1]:g}" if isinstance(bounds, list) else ""
    if error is not None:
        spread = f"s.e. {error:g}"
    value = row["value"]
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    return (str(row["path"]), shown, str(row["unit"]), str(row["source"]), spread)

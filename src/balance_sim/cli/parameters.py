"""`balance-sim parameters`: every default with its unit and source."""

from __future__ import annotations

import json

import click

from balance_sim.cli.options import json_option

COLUMNS = ("path", "value", "unit", "source", "range")


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
    widths = [max(len(row[at]) for row in rows) for at in range(len(COLUMNS))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _cells(row: dict[str, object]) -> tuple[str, ...]:
    """Text of one line; the range is low..high, or the standard error where that is given."""
    bounds, error = row["range"], row["standard_error"]
    spread = f"{bounds[0]:g}..{bounds[1]:g}" if isinstance(bounds, list) else ""
    if error is not None:
        spread = f"s.e. {error:g}"
    value = row["value"]
    shown = f"{value:g}" if isinstance(value, int | float) else str(value)
    return (str(row["path"]), shown, str(row["unit"]), str(row["source"]), spread)

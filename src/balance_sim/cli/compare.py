"""`balance-sim compare A B`: two results side by side, paired where the seeds match."""

from __future__ import annotations

import shutil

import click

from balance_sim.cli.options import classes_option, json_option


@click.command()
@click.argument("left")
@click.argument("right")
@click.option(
    "--pairs", type=click.IntRange(0, 100_000), default=15, show_default=True, help="Pairs of states shown."
)
@classes_option
@json_option
def command(left: str, right: str, pairs: int, classes: str | None, as_json: bool) -> None:
    """Compare two results folders, or two arms: FOLDER, FOLDER:arm, FOLDER@point, FOLDER@point:arm.

    Differences are RIGHT less LEFT, run by run where both have the same seed. What differs in the inputs is
    said first. Two results whose class tables differ are refused without --classes.
    `balance-sim report LEFT RIGHT` makes a page of it."""
    from balance_sim.analysis.compare import compare
    from balance_sim.analysis.compare_text import WITHOUT_LIMIT, as_lines, as_plain

    found = compare(left, right, classes)
    if as_json:
        import json

        click.echo(json.dumps(as_plain(found), allow_nan=False))
        return
    for line in as_lines(found, pairs, shutil.get_terminal_size((WITHOUT_LIMIT, 24)).columns):
        click.echo(line)

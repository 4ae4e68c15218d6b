"""`balance-sim status RESULTS`: how far a study is, also while it runs."""

from __future__ import annotations

from pathlib import Path

import click

from balance_sim.cli.options import json_option


@click.command()
@click.argument("results", type=click.Path(path_type=Path))
@json_option
def command(results: Path, as_json: bool) -> None:
    """Say how far the study in RESULTS is: points, runs, rate, time left, failures. Disturbs nothing."""
    from balance_sim.experiment.status import status_lines, status_of

    found = status_of(results)
    if as_json:
        import json

        click.echo(json.dumps(found, allow_nan=False))
        return
    for line in status_lines(found):
        click.echo(line)

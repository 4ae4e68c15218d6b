"""`balance-sim schema`: the JSON Schema of scenario files."""

from __future__ import annotations

import json

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of scenario files, for editors."""
    from balance_sim.scenario.layout import json_schema

    click.echo(json.dumps(json_schema(), indent=2))

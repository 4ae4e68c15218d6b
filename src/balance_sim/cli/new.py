"""`balance-sim new NAME`: a commented scenario to start from."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("name")
@click.option(
    "--out", metavar="FILE", help="Where to write; - for stdout. Default: NAME.yaml in this folder."
)
def command(name: str, out: str | None) -> None:
    """Write a small commented scenario that checks and runs as it is. Never overwrites a file."""
    from balance_sim.scenario.starter import new_scenario

    text = new_scenario(name.removesuffix(".yaml"))
    if out == "-":
        click.echo(text, nl=False)
        return
    path = Path(out or f"{name.removesuffix('.yaml')}.yaml")
    try:
        with path.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} exists; choose another name or --out") from None
    except FileNotFoundError:
        raise click.UsageError(f"there is no folder {path.parent}") from None
    click.echo(f"wrote {path}; next: balance-sim check {path}")

"""`balance-sim app SCENARIO`: a page on this machine to change events on."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from balance_sim.cli.progress import resumable


@click.command()
@click.argument("scenario")
@click.option(
    "--port",
    type=click.IntRange(1024, 65535),
    help="Where to listen  [default: any free port]",
)
@click.option("--no-browser", is_flag=True, help="Print the address, open nothing.")
def app(scenario: str, port: int | None, no_browser: bool) -> None:
    """Open SCENARIO as a page in the browser: a map, a time line of events, and who
    fears whom.

    Switch an event off, move it, change who takes part and whom it is aimed at: the
    page answers with the expected effect, as `effect` prints it, and offers the
    scenario file that gives it again. Its address, good for this machine and until
    Ctrl-C, is printed on stdout; on a terminal the browser opens it."""
    from balance_sim.app.what_if import setting_of
    from balance_sim.scenario import load_scenario
    from balance_sim.scenario.files import Sources, shipped_files

    path = Sources(scenario).path
    original = load_scenario(scenario)
    from balance_sim.app.server import serve  # a wrong scenario is told before

    names = {file.resolve(): file.stem for _, file in shipped_files()}
    setting = setting_of(original, names.get(path.resolve(), Path(path).name))

    def announce(address: str) -> None:
        click.echo(address)
        sys.stdout.flush()
        click.echo("Open it in a browser on this machine. Ctrl-C ends it.", err=True)
        if sys.stdout.isatty() and not no_browser:
            click.launch(address)

    with resumable("to open it again, at another address"):
        serve(setting, port or 0, announce)

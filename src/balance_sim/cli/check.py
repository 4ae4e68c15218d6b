"""`balance-sim check FILE`: every error with file, line, column, key path and the next step."""

from __future__ import annotations

import click

from balance_sim.cli.options import json_option, set_option, theory_option
from balance_sim.cli.program import problems_as_json


@click.command()
@click.argument("file")
@json_option
@set_option
@theory_option
def command(file: str, as_json: bool, settings: tuple[str, ...], theory: str | None) -> None:
    """Validate a scenario; every problem is found in one pass.

    FILE is a path, or the name of a scenario in ./scenarios. Exit code 4 if it is refused."""
    from balance_sim.scenario.load import check_scenario
    from balance_sim.scenario.problems import ScenarioError, report

    scenario, problems = check_scenario(file, set=settings, theory=theory)
    if scenario is None:
        raise ScenarioError(problems)
    counts = {name: len(getattr(scenario, name)) for name in ("states", "accords", "events", "arms")}
    if as_json:
        identity = {"name": scenario.name, "sha256": scenario.sha256}
        click.echo(problems_as_json(problems, scenario={**identity, **counts}))
        return
    if problems:
        click.echo(report(problems), err=True)
    what = ", ".join(f"{count} {name}" for name, count in counts.items())
    click.echo(f"{file}: ok ({what}; sha256 {scenario.sha256[:8]})")

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
    """Validate a scenario or an experiment; every problem is found in one pass.

    FILE is a path, or the name of a file in ./scenarios or ./experiments. Exit code 4 if it is refused."""
    from balance_sim.scenario.experiment import names_experiment

    if names_experiment(file):
        if settings or theory:
            raise click.UsageError("an experiment holds its own `set` and `theory`")
        _check_experiment(file, as_json=as_json)
        return
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


def _check_experiment(file: str, *, as_json: bool) -> None:
    from balance_sim.scenario.experiment import check_experiment
    from balance_sim.scenario.problems import ScenarioError, report

    experiment, problems = check_experiment(file)
    if experiment is None:
        raise ScenarioError(problems)
    counts = {"factors": len(experiment.paths), "points": experiment.count(), "runs": experiment.head.runs}
    if as_json:
        click.echo(problems_as_json(problems, experiment={"name": experiment.name, **counts}))
        return
    if problems:
        click.echo(report(problems), err=True)
    what = f"{counts['factors']} factors, {counts['points']:,} points x {counts['runs']:,} runs"
    click.echo(f"{file}: ok ({what} of {experiment.scenario.name})")

"""`balance-sim check FILE`: every error with file, line, column, key path and the next step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from balance_sim.cli.options import json_option, set_option, theory_option
from balance_sim.cli.program import problems_as_json

if TYPE_CHECKING:
    from balance_sim.analysis.world_at_start import WorldAtStart
    from balance_sim.scenario.schema import Scenario
    from balance_sim.scenario.validation import PlanKind


@click.command()
@click.argument("file")
@json_option
@set_option
@theory_option
@click.option(
    "--world/--no-world",
    default=True,
    help="Of a scenario also its world at the start: who fears whom, what can count, what is expected.",
)
def command(file: str, as_json: bool, settings: tuple[str, ...], theory: str | None, world: bool) -> None:
    """Validate a scenario, an experiment or a plan; every problem is found in one pass.

    FILE is a path, or the name of a file in ./scenarios or ./experiments. Exit code 4 if it is refused. Of a scenario
    the world at the start is printed, in the control arm, by the expected estimator."""
    from balance_sim.scenario.experiment import names_experiment

    file = _file_in(file)
    if names_experiment(file):
        if settings or theory:
            raise click.UsageError("an experiment holds its own `set` and `theory`")
        _check_experiment(file, as_json=as_json)
        return
    from balance_sim.scenario.load import check_scenario
    from balance_sim.scenario.problems import ScenarioError, report
    from balance_sim.scenario.validation import plan_kind

    kind = plan_kind(file)
    if kind is not None:
        if settings or theory:
            raise click.UsageError("`set` and `theory` change scenarios; this is a plan")
        _check_plan(file, kind, as_json=as_json)
        return
    scenario, problems = check_scenario(file, set=settings, theory=theory)
    if scenario is None:
        raise ScenarioError(problems)
    counts = {name: len(getattr(scenario, name)) for name in ("states", "accords", "events", "arms")}
    start = _world_of(scenario) if world else None
    if as_json:
        identity = {"name": scenario.name, "sha256": scenario.sha256}
        of_world = {} if start is None else {"world": start.as_dict()}
        click.echo(problems_as_json(problems, scenario={**identity, **counts}, **of_world))
        return
    if problems:
        click.echo(report(problems), err=True)
    what = ", ".join(f"{count} {name}" for name, count in counts.items())
    click.echo(f"{file}: ok ({what}; sha256 {scenario.sha256[:8]})")
    if start is not None:
        click.echo("\n".join(["", *world_lines(start)]))
        for reason in start.why_nothing:
            click.echo(f"warning: nothing can count: {reason}", err=True)


def _world_of(scenario: Scenario) -> WorldAtStart:
    """Raises click.ClickException where the numbers of the scenario lead to none."""
    from balance_sim.analysis.world_at_start import world_at_start
    from balance_sim.model.state import InvalidNumber

    try:
        return world_at_start(scenario)
    except InvalidNumber as error:
        said = f"{error}: check the parameters, or leave the world out with --no-world"
        raise click.ClickException(said) from None


def world_lines(start: WorldAtStart) -> list[str]:
    """For a terminal, at 80 columns."""
    from balance_sim.show.wording import printable

    names = {state.id: printable(state.name) or state.id for state in start.scenario.states}
    title = printable(start.scenario.arms[start.scenario.reference_arm].title)
    head = f"the world at the start ({title or start.scenario.reference_arm})"
    lines = [head, f"  {'fears most, share of its balance of threat':<58}{'class':>14}"]
    order = sorted(range(len(start.codes)), key=lambda i: names[start.codes[i]])
    words = {"participants": "takes part", "others": ""}
    for i in order:
        (most, share), *_ = start.ranking(i)
        said = f"{names[most][:24]} {share:.1%}" if share > 0 else "nobody"
        listed = words.get(start.listed[i], start.listed[i])
        lines.append(f"  {names[start.codes[i]][:26]:<27}{said:<31}{listed:>14}".rstrip())
    expected = start.a_year()
    lines += [
        "",
        f"  {'dyads, and new agreements expected a year':<44}{'dyads':>7}{'security':>10}{'declared':>10}",
    ]
    for name, count in start.as_dict()["classes"].items():
        row = [f"{expected[what][name]:>10.2f}" for what in ("security", "declarations")]
        lines.append(f"    {name.replace('_', ' '):<42}{count:>7}{row[0]}{row[1]}")
    return lines


def _file_in(file: str) -> str:
    """The plan in a folder that `fit --model coordination` would take; a file as it is."""
    import os

    if not os.path.isdir(file):
        return file
    plan = os.path.join(file, "coordination.yaml")
    if os.path.isfile(plan):
        return plan
    from balance_sim.scenario.problems import listed, shown

    name = shown(file, 200)
    if os.path.isfile(os.path.join(file, "manifest.json")):
        raise click.UsageError(f"{name} is a results folder: balance-sim verify {name}")
    files = sorted(one for one in os.listdir(file) if one.endswith((".yaml", ".yml")))
    inside = f"it holds {listed(files)}" if files else "it holds no YAML file"
    raise click.UsageError(f"{name} is a folder: give the path of a file; {inside}")


def _check_plan(file: str, kind: PlanKind, *, as_json: bool) -> None:
    """What the plan's own command checks before it begins; the scenarios of cases too. Of a two-sided choice all
    that `fit` would report: its files are read and it is fitted."""
    from balance_sim.scenario.validation import PLAN_COMMANDS

    found: dict[str, object] = {}
    notes: list[str] = []
    if kind == "cases":
        from balance_sim.evidence.cases.tables import read_cases_plan
        from balance_sim.scenario import load_scenario

        cases = read_cases_plan(file).cases
        for case in cases:
            load_scenario(case.scenario)
        what = f"{len(cases)} cases"
    elif kind == "hindcast":
        from balance_sim.evidence.forecast.hindcast import read_hindcast_plan

        plan = read_hindcast_plan(file)
        what = f"fit to {plan.last}, forecast to {plan.until}"
    else:
        what, found, notes = _fitted(file)
    if as_json:
        click.echo(problems_as_json([], plan={"command": PLAN_COMMANDS[kind], **found}))
        return
    click.echo("\n".join([f"{file}: ok (plan of `{PLAN_COMMANDS[kind]}`: {what})", *notes]))


def _fitted(file: str) -> tuple[str, dict[str, object], list[str]]:
    """A two-sided choice read and fitted as `fit` does, so that nothing is left for it to refuse."""
    from balance_sim.cli.fit import one_thread

    one_thread()
    from balance_sim.coordination.plan import note_lines, read_coordination_plan, read_lines

    plan = read_coordination_plan(file)
    data = plan.load()
    fit = plan.fit(data)
    notes = note_lines(fit, data)
    found = {
        "effects": len(plan.effects),
        "events": fit.events,
        "moments": fit.moments,
        "actors": len(data.actors),
        "iterations": fit.iterations,
        "notes": [note.removeprefix("note: ") for note in notes],
    }
    steps = f"a maximum after {fit.iterations} steps"
    return f"{len(plan.effects)} effects", found, [*read_lines(fit, data), steps, *notes]


def _check_experiment(file: str, *, as_json: bool) -> None:
    from balance_sim.scenario.experiment import check_experiment
    from balance_sim.scenario.problems import ScenarioError, report

    experiment, problems = check_experiment(file)
    if experiment is None:
        raise ScenarioError(problems)
    if experiment.head.outcomes:
        from balance_sim.replications.jobs import check_named_outcomes

        unknown = check_named_outcomes(experiment)
        if unknown:
            raise ScenarioError([*unknown, *problems])
    counts = {"factors": len(experiment.paths), "points": experiment.count(), "runs": experiment.head.runs}
    if as_json:
        click.echo(problems_as_json(problems, experiment={"name": experiment.name, **counts}))
        return
    if problems:
        click.echo(report(problems), err=True)
    factors = f"{counts['factors']} factor{'' if counts['factors'] == 1 else 's'}"
    what = f"{factors}, {counts['points']:,} points x {counts['runs']:,} runs"
    click.echo(f"{file}: ok ({what} of {experiment.scenario.name})")

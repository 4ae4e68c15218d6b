"""`balance-sim check FILE`: every error with file, line, column, key path and the next
step."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.program import document_of
from balance_sim.show.wording import (
    DIRECTIONS,
    arm_title,
    percent,
    plural,
    state_names,
    table,
    wrapped,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from balance_sim.effects.world_at_start import WorldAtStart
    from balance_sim.scenario.diagnostics import Diagnostic
    from balance_sim.scenario.schema import Scenario
    from balance_sim.scenario.validation import PlanKind


@click.command()
@click.argument("file")
@options.json_option
@options.set_option
@options.theory_option
@options.verbose_option
@click.option(
    "--world/--no-world",
    default=True,
    help="Of a scenario also the start of the control arm: who fears whom, what can count, what is expected.",
)
def check(
    file: str, settings: tuple[str, ...], theory: str | None, world: bool, verbose: bool
) -> None:
    """Validate a scenario, an experiment, a game or a plan; every problem is found in
    one pass.

    FILE is a path, or a name as `balance-sim list` gives it. Exit code 4 if it is
    refused. Of a scenario the start of the control arm is printed, by the expected
    estimator."""
    from balance_sim.scenario.experiment import names_experiment
    from balance_sim.scenario.validation import kind_of_file, plan_kind

    file = _file_in(file)
    found = kind_of_file(file)
    if found is not None and found.name == "game":
        _check_game(file, settings, theory)
    elif names_experiment(file):
        if settings or theory:
            raise click.UsageError("an experiment holds its own `set` and `theory`")
        _check_experiment(file)
    elif (kind := plan_kind(file)) is not None:
        if settings or theory:
            raise click.UsageError(
                "`set` and `theory` change scenarios; this is a plan"
            )
        _check_plan(file, kind)
    else:
        _check_scenario(file, settings, theory, world=world, verbose=verbose)


def _check_scenario(
    file: str,
    settings: tuple[str, ...],
    theory: str | None,
    *,
    world: bool,
    verbose: bool,
) -> None:
    from balance_sim.scenario.diagnostics import ScenarioError
    from balance_sim.scenario.load import check_scenario

    scenario, problems = check_scenario(file, set=settings, theory=theory)
    if scenario is None:
        raise ScenarioError(problems)
    counts = {
        name: len(getattr(scenario, name))
        for name in ("states", "accords", "events", "arms")
    }
    start = _world_of(scenario) if world else None
    about: dict[str, object] = {
        "scenario": {"name": scenario.name, "sha256": scenario.sha256, **counts}
    }
    about |= {} if start is None else {"world": start.as_dict()}

    def lines() -> Iterator[str]:
        what = ", ".join(
            f"{count} {name.replace('accords', 'agreements')}"
            for name, count in counts.items()
        )
        yield from _with_warnings(
            problems, f"{file}: ok ({what}; sha256 {scenario.sha256[:8]})"
        )
        if start is not None:
            yield from ["", *world_lines(start, verbose=verbose)]
            for reason in start.why_nothing:
                click.echo(f"warning: why nothing happens: {reason}", err=True)

    options.answer(document_of(problems, **about), lines, indent=2)


def _with_warnings(problems: Sequence[Diagnostic], line: str) -> Iterator[str]:
    """A line on stdout, after the warnings on stderr."""
    from balance_sim.scenario.diagnostics import report

    if problems:
        click.echo(report(problems), err=True)
    yield line


def _world_of(scenario: Scenario) -> WorldAtStart:
    """Raises click.ClickException where the numbers of the scenario lead to none."""
    from balance_sim.effects.world_at_start import world_at_start
    from balance_sim.model.state import InvalidNumber

    try:
        return world_at_start(scenario)
    except InvalidNumber as error:
        said = f"{error}: check the parameters, or leave the start out with --no-world"
        raise click.ClickException(said) from None


def world_lines(start: WorldAtStart, *, verbose: bool = False) -> Iterator[str]:
    """For a terminal: whom the roles of the event fall to, and what is expected;
    verbose: whom each state fears."""
    names = state_names(start.scenario)
    order = sorted(range(len(start.codes)), key=lambda i: names[start.codes[i]])
    yield from wrapped(
        f"Start of the control arm ({arm_title(start.scenario, start.scenario.reference_arm)})"
    )
    words = {"participants": "takes part", "others": "" if verbose else "neither"}
    said = {i: words.get(of, of.replace("_", " ")) for i, of in enumerate(start.listed)}
    if verbose:
        rows = [["state", "fears most (share of all threat)", "role in the event"]]
        for i in order:
            (most, share), *_ = start.ranking(i)
            feared = f"{names[most][:24]} {percent(share)}" if share > 0 else "nobody"
            rows.append([names[start.codes[i]][:26], feared, said[i]])
        yield from table(rows, indent="  ")
    for role in (
        ()
        if verbose
        else sorted(
            {*said.values()}, key=lambda role: ([*said.values()].count(role), role)
        )
    ):
        who = ", ".join(names[start.codes[i]] for i in order if said[i] == role)
        yield from wrapped(f"  {role}: {who}", "    ")
    expected = start.a_year()
    rows = [
        [
            "dyads, and new agreements expected a year",
            "dyads",
            "security",
            "declarations",
        ]
    ]
    for name, count in start.as_dict()["classes"].items():
        levels = [
            f"{expected[what][name]:.2f}" for what in ("security", "declarations")
        ]
        rows.append([f"  {DIRECTIONS[name]}", str(count), *levels])
    yield from ["", *table(rows, "<>", indent="  ")]
    if not verbose:
        yield from ["", "whom each state fears most: --verbose"]


def _file_in(file: str) -> str:
    """The file as it is. Raises click.UsageError for a folder."""
    if not os.path.isdir(file):
        return file
    from balance_sim.scenario.diagnostics import listed, shown

    name = shown(file, 200)
    if os.path.isfile(os.path.join(file, "manifest.json")):
        raise click.UsageError(f"{name} is a results folder: balance-sim verify {name}")
    files = sorted(one for one in os.listdir(file) if one.endswith((".yaml", ".yml")))
    inside = f"it holds {listed(files)}" if files else "it holds no YAML file"
    raise click.UsageError(f"{name} is a folder: give the path of a file; {inside}")


def _check_plan(file: str, kind: PlanKind) -> None:
    """What the plan's own command checks before it begins."""
    from balance_sim.scenario.validation import PLAN_COMMANDS

    if kind == "cases":
        from balance_sim.evidence.cases.tables import read_cases_plan
        from balance_sim.scenario import load_scenario

        scenarios = [
            load_scenario(case.scenario) for case in read_cases_plan(file).cases
        ]
        what = f"{len(scenarios)} cases"
    else:
        from balance_sim.evidence.forecast.hindcast import read_hindcast_plan

        plan = read_hindcast_plan(file)
        what = f"fit to {plan.last}, forecast to {plan.until}"
    document = document_of([], plan={"command": PLAN_COMMANDS[kind]})
    options.answer(
        document, [f"{file}: ok (plan of `{PLAN_COMMANDS[kind]}`: {what})"], indent=2
    )


def _check_game(file: str, settings: tuple[str, ...], theory: str | None) -> None:
    from balance_sim.games.plan import check_game
    from balance_sim.scenario.diagnostics import ScenarioError

    game, problems = check_game(file, set=settings, theory=theory)
    if game is None:
        raise ScenarioError(problems)
    counts = {
        "players": len(game.players),
        "profiles": len(game.profiles),
        "outcomes": len(game.cast.outcomes),
    }
    what = ", ".join(
        plural(count, name.removesuffix("s")) for name, count in counts.items()
    )
    line = f"{file}: ok ({what}; of {game.scenario.name})"
    options.answer(
        document_of(problems, game={"name": game.name, **counts}),
        lambda: _with_warnings(problems, line),
    )


def _check_experiment(file: str) -> None:
    from balance_sim.scenario.diagnostics import ScenarioError
    from balance_sim.scenario.experiment import check_experiment

    experiment, problems = check_experiment(file)
    if experiment is None:
        raise ScenarioError(problems)
    if experiment.head.outcomes:
        from balance_sim.study.jobs import check_named_outcomes

        if unknown := check_named_outcomes(experiment):
            raise ScenarioError([*unknown, *problems])
    counts = {
        "factors": len(experiment.paths),
        "points": experiment.count(),
        "runs": experiment.head.runs,
    }
    what = f"{plural(counts['factors'], 'factor')}, {counts['points']:,} points x {counts['runs']:,} replications"
    line = f"{file}: ok ({what} of {experiment.scenario.name})"
    document = document_of(problems, experiment={"name": experiment.name, **counts})
    options.answer(document, lambda: _with_warnings(problems, line), indent=2)

"""`balance-sim check FILE`: every error with file, line, column, key path and the next
step."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.program import document_of
from balance_sim.registry import part, places
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
    from balance_sim.effects.world_at_start import WorldAtStart
    from balance_sim.scenario.diagnostics import Diagnostic
    from balance_sim.scenario.schema import Scenario

ROLES = {"participants": "takes part", "others": "neither"}
"""Roles in the focal event, in words."""
WIDEST = {"state": 26, "feared": 24}
"""Characters of names in the table of whom each state fears."""


@dataclass(frozen=True)
class CheckedFile:
    """A file that is not refused.

    Attributes
    ----------
    summary : what it holds, for a person
    document : the same by key, for `--json`
    warnings : problems for which it is not refused
    """

    summary: str
    document: dict[str, object]
    warnings: Sequence[Diagnostic] = field(default=())


@click.command()
@click.argument("file")
@options.json_option
@options.set_option
@options.theory_option
@options.verbose_option
@click.option(
    "--world/--no-world",
    default=True,
    help="Of a scenario also the start of the control arm: who fears whom, what can "
    "count, what is expected.",
)
@click.option(
    "--seal",
    is_flag=True,
    help="First write the sha256 of its tables into FILE, where it is missing.",
)
@options.terms_option
def check(
    file: str,
    settings: tuple[str, ...],
    theory: str | None,
    world: bool,
    verbose: bool,
    seal: bool,
) -> None:
    """Validate a scenario, an experiment, a game or a plan; every problem is found in
    one pass.

    FILE is a path, or a name as `balance-sim list` gives it. Exit code 4 if it is
    refused. Of a scenario the start of the control arm is printed, by the expected
    estimator."""
    from balance_sim.scenario.plans import kind_of_file

    _refuse_folder(file)
    if seal:
        _write_digests(file)
    file_type = kind_of_file(file)
    start = None
    type_name = "scenario" if file_type is None else file_type.name
    if type_name in places("check"):
        checked = part("check", type_name)(file, settings, theory)
    elif type_name == "experiment":
        checked = _checked_experiment(file, settings, theory)
    else:
        scenario, checked = _checked_scenario(file, settings, theory)
        start = _world_at_start(scenario) if world else None
    document = dict(checked.document)
    if start is not None:
        document["world"] = start.as_dict()

    def lines() -> Iterator[str]:
        from balance_sim.scenario.diagnostics import report

        if checked.warnings:
            click.echo(report(checked.warnings), err=True)
        yield f"{file}: ok ({checked.summary})"
        if start is not None:
            yield from ["", *world_lines(start, verbose=verbose)]
            for reason in start.why_nothing:
                click.echo(f"warning: why nothing happens: {reason}", err=True)

    options.answer(document_of(checked.warnings, **document), lines, indent=2)


def _write_digests(file: str) -> None:
    """Write the sha256 of each table into the scenario that names it, where it is
    missing. Raises ScenarioError."""
    from balance_sim.scenario import seal

    for table_name in seal(file):
        click.echo(f"sealed: {table_name}", err=True)


def refuse_changes(settings: tuple[str, ...], theory: str | None) -> None:
    """Raise click.UsageError where --set or --theory is given for a plan."""
    if settings or theory:
        raise click.UsageError(
            "--set and --theory change scenarios; this file holds its own"
        )


def checked_plan(command: str, summary: str) -> CheckedFile:
    """Return what is said of a plan that a command reads."""
    return CheckedFile(
        f"plan of `{command}`: {summary}", {"plan": {"command": command}}
    )


def _checked_scenario(
    file: str, settings: tuple[str, ...], theory: str | None
) -> tuple[Scenario, CheckedFile]:
    """Return the scenario, and what is said of it. Raises ScenarioError."""
    from balance_sim.scenario.diagnostics import ScenarioError
    from balance_sim.scenario.load import check_scenario

    scenario, problems = check_scenario(file, set=settings, theory=theory)
    if scenario is None:
        raise ScenarioError(problems)
    sections = ("states", "accords", "events", "arms")
    counts = {name: len(getattr(scenario, name)) for name in sections}
    words = [f"{count} {name}" for name, count in counts.items()]
    summary = ", ".join(words).replace("accords", "agreements")
    head = {"name": scenario.name, "sha256": scenario.sha256, **counts}
    checked = CheckedFile(
        f"{summary}; sha256 {scenario.sha256[:8]}", {"scenario": head}, problems
    )
    return scenario, checked


def _checked_experiment(
    file: str, settings: tuple[str, ...], theory: str | None
) -> CheckedFile:
    """Return what is said of an experiment. Raises ScenarioError."""
    from balance_sim.scenario.diagnostics import ScenarioError
    from balance_sim.scenario.experiment import check_experiment

    refuse_changes(settings, theory)
    experiment, problems = check_experiment(file)
    if experiment is None:
        raise ScenarioError(problems)
    if experiment.head.outcomes:
        from balance_sim.study.jobs import check_named_outcomes

        unknown = check_named_outcomes(experiment)
        if unknown:
            raise ScenarioError([*unknown, *problems])
    factors, points = len(experiment.paths), experiment.count()
    runs = experiment.head.runs
    size = f"{points:,} points x {runs:,} replications"
    summary = f"{plural(factors, 'factor')}, {size} of {experiment.scenario.name}"
    head = {
        "name": experiment.name,
        "factors": factors,
        "points": points,
        "runs": runs,
    }
    return CheckedFile(summary, {"experiment": head}, problems)


def _world_at_start(scenario: Scenario) -> WorldAtStart:
    """Raises click.ClickException where the numbers of the scenario lead to none."""
    from balance_sim.effects.world_at_start import world_at_start
    from balance_sim.model.state import InvalidNumber

    try:
        return world_at_start(scenario)
    except InvalidNumber as error:
        advice = "check the parameters, or leave the start out with --no-world"
        raise click.ClickException(f"{error}: {advice}") from None


def world_lines(start: WorldAtStart, *, verbose: bool = False) -> Iterator[str]:
    """Yield for a terminal whom the roles of the event fall to, and what is expected;
    verbose: whom each state fears."""
    title = arm_title(start.scenario, start.scenario.reference_arm)
    yield from wrapped(f"Start of the control arm ({title})")
    yield from _fear_lines(start) if verbose else _role_lines(start)
    expected = start.a_year()
    head = "dyads, and new agreements expected a year"
    rows = [[head, "dyads", "security", "declarations"]]
    for name, count in start.as_dict()["classes"].items():
        security, declarations = (
            f"{expected[agreement_type][name]:.2f}"
            for agreement_type in ("security", "declarations")
        )
        rows.append([f"  {DIRECTIONS[name]}", str(count), security, declarations])
    yield from ["", *table(rows, "<>", indent="  ")]
    if not verbose:
        yield from ["", "whom each state fears most: --verbose"]


def _fear_lines(start: WorldAtStart) -> Iterator[str]:
    """Yield a row a state: whom it fears most, and its role in the event."""
    names = state_names(start.scenario)
    rows = [["state", "fears most (share of all threat)", "role in the event"]]
    for state in _by_name(start):
        feared, share = start.ranking(state)[0]
        words = "nobody"
        if share > 0:
            words = f"{names[feared][: WIDEST['feared']]} {percent(share)}"
        role = _role(start, state) if start.listed[state] != "others" else ""
        name = names[start.codes[state]][: WIDEST["state"]]
        rows.append([name, words, role])
    yield from table(rows, indent="  ")


def _role_lines(start: WorldAtStart) -> Iterator[str]:
    """Yield a line a role in the event, with the states it falls to; the role of
    fewest states is first."""
    names = state_names(start.scenario)
    members: dict[str, list[str]] = {}
    for state in _by_name(start):
        members.setdefault(_role(start, state), []).append(names[start.codes[state]])
    for role in sorted(members, key=lambda role: (len(members[role]), role)):
        yield from wrapped(f"  {role}: {', '.join(members[role])}", "    ")


def _by_name(start: WorldAtStart) -> list[int]:
    """Return the places of all states, in the order of their names."""
    names = state_names(start.scenario)
    return sorted(range(len(start.codes)), key=lambda i: names[start.codes[i]])


def _role(start: WorldAtStart, state: int) -> str:
    """Return the role of a state in the focal event, in words."""
    role = start.listed[state]
    return ROLES.get(role, role.replace("_", " "))


def _refuse_folder(file: str) -> None:
    """Raise click.UsageError for a folder, with what there is to check in it."""
    if not os.path.isdir(file):
        return
    from balance_sim.scenario.diagnostics import listed, shown

    name = shown(file, 200)
    if os.path.isfile(os.path.join(file, "manifest.json")):
        raise click.UsageError(f"{name} is a results folder: balance-sim verify {name}")
    files = sorted(
        path for path in os.listdir(file) if path.endswith((".yaml", ".yml"))
    )
    content = f"it holds {listed(files)}" if files else "it holds no YAML file"
    raise click.UsageError(f"{name} is a folder: give the path of a file; {content}")

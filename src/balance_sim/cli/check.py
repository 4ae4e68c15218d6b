"""`balance-sim check FILE`: every error with file, line, column, key path and the next
step.

Files of the core are scenarios and experiments; a room of the upper storey registers
how its own are checked (role `check` of the registry), and gives back a `CheckedFile`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from balance_sim.cli import options
from balance_sim.cli.program import document_of
from balance_sim.registry import part, places
from balance_sim.show.wording import (
    DIRECTIONS,
    arm_title,
    arm_words,
    focal_words,
    level,
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


@dataclass(frozen=True)
class CheckedFile:
    """A file that is not refused.

    Attributes
    ----------
    summary : what it holds, for a person
    document : the same by key, for `--json`
    warnings : problems for which it is not refused
    details : lines that follow the summary
    """

    summary: str
    document: dict[str, object]
    warnings: Sequence[Diagnostic] = field(default=())
    details: Sequence[str] = field(default=())


@click.command()
@click.argument("file")
@options.json_option
@options.set_option
@options.theory_option
@click.option(
    "--world/--no-world",
    default=True,
    help="Print of a scenario who has which role in its event, which dyads can count, "
    "what is expected, and what standard acts would do; with --json also who fears "
    "whom.",
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
    seal: bool,
) -> None:
    """Validate a scenario, an experiment, a game or a plan; every problem is found in
    one pass.

    FILE is a path, or a name as `balance-sim list` gives it. Exit code 4 if it is
    refused. Of a scenario the start of the control arm and the scale of its world are
    printed, by the expected estimator."""
    from balance_sim.scenario.diagnostics import report
    from balance_sim.scenario.plans import kind_of_file

    if seal:
        from balance_sim.scenario import seal as write_digests

        for name in write_digests(file):
            click.echo(f"sealed: {name}", err=True)
    file_type = kind_of_file(file)
    type_name = "scenario" if file_type is None else file_type.name
    if type_name in places("check"):
        checked = part("check", type_name)(file, settings, theory)
    elif type_name == "experiment":
        checked = _checked_experiment(file, settings, theory)
    else:
        scenario, checked = _checked_scenario(file, settings, theory)
        checked = _with_world(scenario, checked, file) if world else checked

    def lines() -> Iterator[str]:
        if checked.warnings:
            click.echo(report(checked.warnings), err=True)
        yield f"{file}: ok ({checked.summary})"
        yield from checked.details

    records = [warning.record() for warning in checked.warnings]
    options.answer(document_of(records, **checked.document), lines, indent=2)


def refuse_changes(settings: tuple[str, ...], theory: str | None) -> None:
    """Raise click.UsageError where --set or --theory is given for a plan."""
    if settings or theory:
        raise click.UsageError(
            "--set and --theory change scenarios; this file holds its own"
        )


def checked_plan(command: str, summary: str) -> CheckedFile:
    """Return what is said of a plan that a command reads.

    Parameters
    ----------
    command : that reads it, as it is written
    summary : what it holds
    """
    document: dict[str, object] = {"plan": {"command": command}}
    return CheckedFile(f"plan of `{command}`: {summary}", document)


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
    words = ", ".join(f"{count} {name}" for name, count in counts.items())
    summary = f"{words.replace('accords', 'agreements')}; sha256 {scenario.sha256[:8]}"
    head = {"name": scenario.name, "sha256": scenario.sha256, **counts}
    changes, pacts = changes_of(scenario), pacts_of(scenario)
    policies = policies_of(scenario)
    document: dict[str, object] = {"scenario": head}
    document |= {"changes": changes} if changes else {}
    document |= {"pacts": pacts} if pacts else {}
    document |= {"policies": policies} if policies else {}
    titled = changes | ({"Pacts that states may join": pacts} if pacts else {})
    titled |= policies
    details = [
        line
        for title, sentences in titled.items()
        for line in ["", title, *(f"  {sentence}" for sentence in sentences)]
    ]
    folded = [line for text in details for line in wrapped(text, "    ")]
    focal_line = f"Asked about: {focal_words(scenario)}"
    return scenario, CheckedFile(summary, document, problems, [focal_line, *folded])


def _with_world(scenario: Scenario, checked: CheckedFile, file: str) -> CheckedFile:
    """Return what is said of a scenario with the start of its control arm, with what
    standard acts would do in it, and with a warning of all that is absurd there."""
    from balance_sim.effects.scale import scale
    from balance_sim.effects.world_at_start import world_at_start
    from balance_sim.scenario.load import places_in
    from balance_sim.show.absurdities import absurdities
    from balance_sim.show.scale import scale_lines

    start, acts = world_at_start(scenario), scale(scenario)
    document = {"world": start.as_dict(), "scale": acts.as_dict()}
    lines = ["", *world_lines(start), "", *scale_lines(acts, scenario)]
    places, findings = places_in(file), [*start.why_nothing, *absurdities(start, acts)]
    return replace(
        checked,
        document=checked.document | document,
        details=[*checked.details, *lines],
        warnings=[*checked.warnings, *map(places.problem, findings)],
    )


def _checked_experiment(
    file: str, settings: tuple[str, ...], theory: str | None
) -> CheckedFile:
    """Return what is said of an experiment. Raises ScenarioError."""
    from balance_sim.scenario.diagnostics import ScenarioError
    from balance_sim.scenario.experiment import check_experiment
    from balance_sim.study.plan import check_named_outcomes

    refuse_changes(settings, theory)
    experiment, problems = check_experiment(file)
    if experiment is None:
        raise ScenarioError(problems)
    unknown = check_named_outcomes(experiment) if experiment.head.outcomes else []
    if unknown:
        raise ScenarioError([*unknown, *problems])
    factors, points = len(experiment.paths), experiment.count()
    head = {"name": experiment.name, "factors": factors, "points": points}
    document: dict[str, object] = {"experiment": head | {"runs": experiment.head.runs}}
    replications = f"{experiment.head.runs:,} replications"
    summary = f"{plural(factors, 'factor')}, {points:,} points x {replications}"
    return CheckedFile(f"{summary} of {experiment.scenario.name}", document, problems)


def changes_of(scenario: Scenario) -> dict[str, list[str]]:
    """Return what changes in the world, in sentences: by a title, those of every arm
    first. Empty where nothing changes."""
    from balance_sim.show.diary import change_lines

    versions = {"Changes in every arm": scenario.changes}
    for name, arm in scenario.arms.items():
        versions[f"Changes in {arm_title(scenario, name)}"] = arm.changes
    return {
        title: [*change_lines(scenario, changes)]
        for title, changes in versions.items()
        if changes
    }


def policies_of(scenario: Scenario) -> dict[str, list[str]]:
    """Return what players do when they see something, in sentences: by a title, those
    of the scenario first, then of arms that have others."""
    from balance_sim.scenario.load import arm_scenario
    from balance_sim.show.diary import policy_sentences

    versions = {"Policies": scenario}
    for name, arm in scenario.arms.items():
        if any(path.partition(".")[0] == "players" for path in arm.set):
            title = f"Policies in {arm_title(scenario, name)}"
            versions[title] = arm_scenario(scenario, name, sealed=False)
    by_title = {
        title: [*policy_sentences(policies)] for title, policies in versions.items()
    }
    none = ["none"] if by_title["Policies"] else []
    return {title: rows or none for title, rows in by_title.items() if rows or none}


def pacts_of(scenario: Scenario) -> list[str]:
    """Return a sentence on each pact that states may seek to join."""
    from balance_sim.show.diary import pact_sentence

    return [pact_sentence(scenario, name) for name in scenario.pacts]


def world_lines(start: WorldAtStart) -> Iterator[str]:
    """Yield whom the roles of the event fall to, the role of fewest states first, and
    what is expected in a year.

    Parameters
    ----------
    start : of the control arm, by the expected estimator
    """
    title = arm_title(start.scenario, start.scenario.reference_arm)
    yield from wrapped(f"Start of the control arm ({title}), at the point values")
    names = state_names(start.scenario)
    members: dict[str, list[str]] = {}
    for code, role in zip(start.codes, start.listed, strict=True):
        members.setdefault(role, []).append(names[code])
    for role in sorted(members, key=lambda role: (len(members[role]), role)):
        words = ROLES.get(role, arm_words(role))
        yield from wrapped(f"  {words}: {', '.join(sorted(members[role]))}", "    ")
    share = percent(start.scenario.parameters.tau)
    yield from wrapped(
        f"  Threatened: those who take part make up more than {share} of the state's "
        "balance (all threats and its own defence), and it is aligned with none of "
        "them. Wary: more than a quarter of that.",
        "  ",
    )
    expected, classes = start.a_year(), start.as_dict()["classes"]
    measures = ("security", "declarations")
    rows = [["new agreements expected a year", "dyads", *measures]]
    for name, count in classes.items():
        numbers = [level(expected[measure][name]) for measure in measures]
        rows.append([f"  {DIRECTIONS[name]}", str(count), *numbers])
    yield from ["", *table(rows, "<>", indent="  ")]

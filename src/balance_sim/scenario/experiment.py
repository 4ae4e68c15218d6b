"""An experiment file becomes a frozen `Experiment`: a scenario, what is varied in it,
how, and how often.

Checked as scenarios are: file, line and column of everything that is wrong, in one
pass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from balance_sim.scenario.design import (
    Experiment,
    ExperimentPlan,
    Factor,
)
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    errors_in,
    in_order,
    refused,
    shown,
    unknown,
)
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.files import EXPERIMENTS, Sources
from balance_sim.scenario.load import (
    Settings,
    check_scenario,
    option_changes,
    scenario_files,
    stem,
    with_changes,
)
from balance_sim.scenario.nodes import Node, from_plain
from balance_sim.scenario.plans import opened
from balance_sim.scenario.reading import ValueChange
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import canonical_path, changes_in, check_path
from balance_sim.scenario.validation import read_piece

MOST_RUNS = 10_000_000
MOST_REFUSED = 500  # values: no more are tried then
TOP = tuple(field.alias or key for key, field in ExperimentPlan.model_fields.items())


def load_experiment(
    path: str | os.PathLike[str],
    *,
    set: Settings = (),  # noqa: A002 - as the option is called
    runs: int | None = None,
    seed: int | None = None,
) -> Experiment:
    """The experiment in a file.

    Parameters
    ----------
    path : of the file; or the name of one in ./experiments, or of a shipped one
    set : `key.path=value` texts, or values by key path, laid over the file's own `set`
    runs, seed : instead of the file's, where given

    Returns
    -------
    Experiment : with its scenario, complete and checked at every value of a factor

    Raises
    ------
    ScenarioError : with everything that is wrong

    Examples
    --------
    >>> load_experiment("experiments/smoke.yaml").count()
    6
    """
    experiment, problems = check_experiment(path, set=set, runs=runs, seed=seed)
    if experiment is None:
        raise ScenarioError(errors_in(problems))
    return experiment


def experiment_from(source: Experiment | str | os.PathLike[str]) -> Experiment:
    """The experiment itself, or as `load_experiment` reads it."""
    return source if isinstance(source, Experiment) else load_experiment(source)


def check_experiment(
    path: str | os.PathLike[str],
    *,
    set: Settings = (),  # noqa: A002 - as the option is called
    runs: int | None = None,
    seed: int | None = None,
) -> tuple[Experiment | None, list[Diagnostic]]:
    """The experiment, or None if it is refused, and all problems and warnings: errors
    first, in the order of the file. Parameters are those of `load_experiment`."""
    try:
        sources, tree, problems = opened(path, "experiment")
    except ScenarioError as error:
        return None, in_order(error.problems, shown(path, 200))
    for name, number in (("runs", runs), ("seed", seed)):
        if number is not None:
            option = from_plain(number, Mark(f"--{name}", 1, 1))
            tree = tree.with_fields({name: option})
    changes = option_changes(set, None, problems)
    experiment = _read(tree, sources, changes, problems)
    is_wrong = bool(errors_in(problems))
    return None if is_wrong else experiment, in_order(problems, sources.shown)


# --- files ----------------------------------------------------------------------------


def experiment_files(
    path: str | os.PathLike[str], folder: Path = EXPERIMENTS
) -> dict[str, str]:
    """A file by its name, and the files of the scenario that it names as
    `scenario/NAME`.

    folder: where a file that is given by its name may lie. Raises ScenarioError if one
    cannot be read."""
    sources = Sources(path, folder)
    tree, _ = read_document(sources.main(), sources.shown)
    files, node = dict(sources.files), tree.get("scenario")
    if node is not None and isinstance(node.value, str):
        named = scenario_files(_scenario_path(node, sources))
        files |= {f"scenario/{name}": data for name, data in named.items()}
    return {name: data.decode("utf-8", "replace") for name, data in files.items()}


def _scenario_path(node: Node, sources: Sources) -> str:
    """Where the scenario of an experiment lies.

    It may name what lies in its own folder or in the working directory, links resolved,
    and a YAML file in a folder beside its own (`../scenarios/x.yaml`). A name alone may
    be one of ./scenarios. Raises ScenarioError for what lies elsewhere."""
    written, folder = str(node.value), sources.path.parent
    path = os.path.join(folder, written)
    if "\0" in written:
        return path
    if not os.path.lexists(path) and ".." not in Path(written).parts:
        path = written
    real, home = Path(os.path.realpath(path)), Path(os.path.realpath(folder))
    roots = (home, Path(os.path.realpath(".")))
    is_inside = any(root.parent != root and real.is_relative_to(root) for root in roots)
    is_beside = real.suffix in (".yaml", ".yml") and real.parents[1:2] == (home.parent,)
    if not (is_inside or is_beside):
        why = f"`{shown(written)}` lies outside this file's folder and the working one"
        hint = "copy the scenario beside it, or work in a folder that holds both"
        raise refused(node, "scenario", "E501", why, hint)
    return path


# --- reading --------------------------------------------------------------------------


def named_scenario(
    tree: Node,
    sources: Sources,
    problems: Diagnostics,
    *,
    settings: Sequence[str] = (),
    preset: str | None = None,
) -> Scenario | None:
    """The scenario that a file names, with the file's `set` laid over it.

    Parameters
    ----------
    tree, sources : of the file
    problems : what is wrong is added
    settings, preset : of options, laid over the scenario before that
    """
    node = tree.get("scenario")
    if node is None or not isinstance(node.value, str) or not node.value:
        return None
    try:
        path = _scenario_path(node, sources)
    except ScenarioError as error:
        problems += error.problems
        return None
    scenario, of_scenario = check_scenario(path, set=settings, theory=preset)
    errors = errors_in(of_scenario)
    is_absent = len(errors) == 1 and errors[0].code in ("E001", "E501")
    problems += _placed(errors, node.mark) if is_absent else errors
    if scenario is None:
        return None
    return changed_scenario(scenario, changes_in(tree.below("set")), problems)


def _placed(errors: Sequence[Diagnostic], mark: Mark) -> list[Diagnostic]:
    """Errors at another place: where a file names what is at fault elsewhere."""
    return [replace(error, **mark._asdict()) for error in errors]


def changed_scenario(
    scenario: Scenario, changes: Sequence[ValueChange], problems: Diagnostics
) -> Scenario | None:
    """A scenario with changes, checked in every arm.

    Parameters
    ----------
    scenario : as it is before
    changes : values by key path; without any the scenario comes back as it is
    problems : what is wrong is added; elsewhere than at a change it points at the first

    Returns
    -------
    Scenario or None : None where a change is refused
    """
    if not changes:
        return scenario
    changed, of_change = with_changes(scenario, changes)
    files = {change.key.file for change in changes}
    errors = errors_in(of_change)
    problems += [error for error in errors if error.file in files]
    elsewhere = [error for error in errors if error.file not in files]
    problems += _placed(elsewhere, changes[0].key)
    return changed


def _read(
    tree: Node,
    sources: Sources,
    changes: Sequence[ValueChange],
    problems: Diagnostics,
) -> Experiment | None:
    """The experiment in a tree, or None where a part could not be read.

    Parameters
    ----------
    tree, sources : of the file
    changes : of options, laid over the scenario
    problems : what is wrong is added
    """
    plan = read_piece(ExperimentPlan, tree, "", problems)
    scenario = named_scenario(tree, sources, problems)
    nodes, points = tree.below("factors").fields, tree.below("points").items
    varied = {path for row in (tree.below("factors"), *points) for path in row.fields}
    for change in changes:
        if change.path in varied:  # it would be overwritten at every point
            why = f"`{shown(change.path)}` is varied by the experiment"
            problems.add(change.key, change.path, "E404", why, "leave it out")
    if scenario is not None:
        scenario = changed_scenario(scenario, changes, problems)
    if scenario is None or plan is None:
        return None
    taken: dict[str, Any] = plan.factors
    factors = [Factor(path, takes, nodes[path]) for path, takes in taken.items()]
    name = stem(sources.path.name)
    experiment = Experiment(name, plan, scenario, tuple(factors), tree)
    _check_design(experiment, problems)
    if not any(problem.code.startswith("E4") for problem in problems):
        _check_values(experiment, problems)
    return experiment


def _check_design(experiment: Experiment, problems: Diagnostics) -> None:
    """Something is varied, the method fits factors and points, and arms are the
    scenario's.

    A list goes through its factors side by side, so they have one length; a grid needs
    values; Sobol and Morris split a variance among two factors at least."""
    head, factors, tree = experiment.head, experiment.factors, experiment.tree
    method, arms = head.design.method, experiment.scenario.arms
    node, count = tree.get("design") or tree, experiment.count()
    for arm in head.arms or ():
        if arm not in arms:
            texts = unknown("arm", arm, arms)
            problems.add(tree.fields["arms"], "arms", "E107", *texts)
    if head.points and (method != "list" or factors):
        why = "`points` stand alone, with `design: {method: list}`"
        problems.add(tree.fields["points"].at, "points", "E407", why)
    if not (experiment.paths or problems):
        why = "nothing is varied: give `factors`, or `points`"
        problems.add(node, "factors", "E402", why)
    for factor in factors:
        path, takes = f"factors.{factor.path}", factor.takes
        if method in ("grid", "list") and not takes.grid():
            why = f"a {method} needs values: give a list, or `steps`"
            problems.add(factor.node, path, "E403", why)
    if method == "list" and len({len(factor.takes.grid()) for factor in factors}) > 1:
        why = "the lists of a list design have one length"
        problems.add(node, "design", "E402", why)
    if method in ("sobol", "morris") and len(factors) < 2:
        why = f"{method} needs at least 2 factors, got {len(factors)}"
        problems.add(node, "design", "E406", why, "add a factor, or take a grid")
    if count * head.runs > MOST_RUNS:  # there may be very many values
        why = f"{count:,} points x {head.runs:,} runs exceed {MOST_RUNS:,} runs"
        problems.add(node, "design", "E405", why, "fewer values, runs, or a sample")


def _check_values(experiment: Experiment, problems: Diagnostics) -> None:
    """Every key path is one of the scenario, once; every value (of a range: both ends)
    is one it may take, with the rules and in every arm, as `with_values` tries it.

    Two spellings of a dyad are one key path."""
    scenario, count, factors = experiment.scenario, len(problems), experiment.factors
    rows = [row.without("label") for row in experiment.tree.below("points").items]
    marks = {factor.path: factor.node.at for factor in factors}
    for row in rows[:1]:
        marks |= {path: child.at for path, child in row.fields.items()}
    lines: dict[str, int] = {}
    for path, mark in marks.items():
        wrong_paths = check_path(scenario, path, mark)
        problems += [replace(problem, code="E401") for problem in wrong_paths]
        line = lines.setdefault(canonical_path(path), mark.line)
        if line != mark.line:
            problems.add(mark, path, "E404", f"also varied at line {line}")
    rounds = max((len(factor.takes.ends()) for factor in factors), default=0)
    trials = [changes_in(row) for row in rows]
    trials += [[factor.change(place) for factor in factors] for place in range(rounds)]
    for changes in trials if len(problems) == count else ():
        changed_scenario(scenario, changes, problems)
        if len(problems) - count > MOST_REFUSED:
            break

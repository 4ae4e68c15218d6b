"""An experiment file becomes a frozen `Experiment`: a scenario, what is varied in it, how, and how often.

Checked as scenarios are: file, line and column of everything that is wrong, in one pass."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from balance_sim.scenario.defaults import parameter_table, presets
from balance_sim.scenario.design import Design, Experiment, Head, Point
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.experiment_checks import (
    EXAMPLE,
    MOST_FACTORS,
    changed_scenario,
    check_arms,
    check_axes,
    check_size,
    check_values,
)
from balance_sim.scenario.factors import Factor, Spread, read_takes
from balance_sim.scenario.file_kinds import other_kind
from balance_sim.scenario.files import EXPERIMENTS, Sources
from balance_sim.scenario.load import check_scenario, scenario_files, stem
from balance_sim.scenario.nodes import REFUSED, Node, plain
from balance_sim.scenario.problems import (
    Problem,
    ScenarioError,
    few_suggestions,
    in_order,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.refusals import kind_of, read_piece, unknown_key
from balance_sim.scenario.schema import SIGNAL_ORDER, Scenario
from balance_sim.scenario.values import Change, value_at

MOST_RUNS = 1_000_000
TOP = (
    *("schema", "title", "question", "notes", "scenario", "set", "theory", "design", "factors", "points"),
    *("guesses", "arms", "runs", "seed", "outcomes"),
)


def load_experiment(
    path: str | os.PathLike[str], *, max_runs: int = MOST_RUNS, held: Mapping[str, bytes] | None = None
) -> Experiment:
    """The experiment in a file; `path` may also name one in ./experiments. Raises ScenarioError.

    held: files by name, `path` among them, to read from instead of the disk."""
    experiment, problems = check_experiment(path, max_runs=max_runs, held=held)
    if experiment is None:
        raise ScenarioError(one for one in problems if not one.is_warning)
    return experiment


def experiment_files(path: str | os.PathLike[str]) -> dict[str, str]:
    """The experiment file by its name, and the files of its scenario as `scenario/NAME`.

    Raises ScenarioError if one cannot be read."""
    sources = Sources(_found(path))
    tree, _ = read_document(sources.main(), sources.shown)
    files = {name: data.decode("utf-8", "replace") for name, data in sources.files.items()}
    node = tree.get("scenario")
    if node is not None and isinstance(node.value, str):
        scenario = _scenario_path(node.value, sources)
        if scenario is None:
            raise ScenarioError([_outside(node)])
        found = scenario_files(scenario)
        files |= {f"scenario/{name}": data.decode("utf-8", "replace") for name, data in found.items()}
    return files


def scenario_named(data: bytes) -> str | None:
    """What an experiment file says its scenario is; None where it is no experiment that can be read."""
    held = {"experiment.yaml": data}
    try:
        node = read_document(Sources("experiment.yaml", held).main(), "experiment.yaml")[0].get("scenario")
    except ScenarioError:
        return None
    return node.value if node is not None and isinstance(node.value, str) else None


def names_experiment(path: str | os.PathLike[str]) -> bool:
    """True if a file names its scenario or factors at its top level, as experiments do and scenarios do not."""
    try:
        text = Sources(_found(path)).main()
    except ScenarioError:
        return False
    return any(line.startswith(("scenario:", "factors:", "points:")) for line in text.splitlines())


def check_experiment(
    path: str | os.PathLike[str], *, max_runs: int = MOST_RUNS, held: Mapping[str, bytes] | None = None
) -> tuple[Experiment | None, list[Problem]]:
    """The experiment, or None if it is refused, and all problems and warnings in the order of the file."""
    first = shown(os.fspath(path), 200)
    with few_suggestions():
        try:
            sources = Sources(path if held is not None else _found(path), held)
            first = sources.shown
            tree, problems = read_document(sources.main(), sources.shown)
        except ScenarioError as error:
            return None, in_order(error.problems, first)
        if not isinstance(tree.value, dict):
            why = f"expected a mapping with keys {listed(TOP, 4)}, got {kind_of(tree)}"
            return None, [problem(tree.mark, "", "E012", why, suggestion=EXAMPLE)]
        other = other_kind(tree.fields, "experiment", first)
        if other:
            return None, [problem(tree.mark, "", "E012", other[0], suggestion=other[1])]
        problems = [_twice(one) for one in problems]
        experiment, found = _read(tree, sources, max_runs)
        problems = in_order([*problems, *found], first)
    refused = any(not one.is_warning for one in problems)
    return None if refused else experiment, problems


def _found(path: str | os.PathLike[str]) -> str:
    written = os.fspath(path)
    here = EXPERIMENTS / f"{written}.yaml"
    return str(here) if not os.path.lexists(written) and os.path.isfile(here) else written


def _twice(one: Problem) -> Problem:
    """A key given twice among the factors is two axes on one key."""
    is_axis = one.code == "E014" and one.path.startswith("factors.")
    return replace(one, code="E404", message=one.message.replace("already given", "also")) if is_axis else one


def _read(tree: Node, sources: Sources, max_runs: int) -> tuple[Experiment | None, list[Problem]]:
    problems = [_unknown(child, key) for key, child in tree.fields.items() if key not in TOP]
    problems += _check_version(tree)
    own = tree.with_value({key: child for key, child in tree.fields.items() if key in Head.model_fields})
    head, found = read_piece(Head, own, "")
    problems += found
    design, found = read_piece(Design, tree.get("design") or Node({}, tree.mark), "design")
    problems += found
    factors, found = _read_factors(tree.get("factors"))
    problems += found
    points, rows, found = _read_points(tree.get("points"))
    problems += found
    scenario, found = _read_scenario(tree, sources, head)
    problems += found
    if scenario is None or head is None or design is None:
        return None, problems
    if head.guesses:
        factors += _guesses(
            scenario, {factor.path for factor in factors} | _set_paths(tree), tree.fields["guesses"]
        )
    problems += check_axes(tree, design, factors, points)
    problems += check_arms(tree, head, scenario)
    if not any(one.code.startswith("E4") for one in problems) and len(factors) <= MOST_FACTORS:
        problems += check_values(scenario, factors, rows)
        problems += check_size(tree, head, design, factors, points, max_runs)
    marks = {name: (tree.get(name) or tree).mark for name in TOP}
    name = stem(sources.path.name)
    return Experiment(name, head, design, scenario, tuple(factors), tuple(points), marks), problems


def _unknown(node: Node, key: str) -> Problem:
    """A key that no experiment has at its top; one of the design's is told so."""
    if key in Design.model_fields:
        why = f"`{key}` belongs in design, found in the top level"
        return problem(node.at, key, "E102", why, suggestion=f"write `design: {{{key}: ...}}`")
    return unknown_key(node, "", key, TOP, "")


def _check_version(tree: Node) -> list[Problem]:
    written = tree.get("schema")
    if written is not None and written.value == 1 and not isinstance(written.value, bool):
        return []
    mark = written.mark if written else tree.mark
    why = f"this version reads 1, got {kind_of(written)}" if written else "`schema` is required"
    return [problem(mark, "schema", "E108", why, "1", "write `schema: 1`")]


def _read_factors(node: Node | None) -> tuple[list[Factor], list[Problem]]:
    if node is None or node.value is REFUSED:
        return [], []
    if not isinstance(node.value, dict):
        why = f"expected a mapping of key paths, got {kind_of(node)}"
        return [], [problem(node.mark, "factors", "E201", why, suggestion="e.g. parameters.beta: [0.2, 0.4]")]
    factors: list[Factor] = []
    problems: list[Problem] = []
    for path, child in node.fields.items():
        takes, found = read_takes(child, f"factors.{shown(path)}")
        problems += found
        if takes is not None:
            factors.append(Factor(path, takes, child))
    return factors, problems


def _read_points(node: Node | None) -> tuple[list[Point], list[Node], list[Problem]]:
    if node is None or node.value is REFUSED:
        return [], [], []
    if not isinstance(node.value, list) or not node.items:
        why = "expected a list of points, each a mapping of key paths to values"
        return [], [], [problem(node.mark, "points", "E402", why)]
    problems: list[Problem] = []
    points: list[Point] = []
    rows: list[Node] = []
    wanted = [key for key in node.items[0].fields if key != "label"]
    for at, item in enumerate(node.items):
        keys = [key for key in item.fields if key != "label"]
        if sorted(keys) != sorted(wanted) or not keys:
            gap = listed(f"`{key}`" for key in sorted({*wanted} ^ {*keys})) or "a value"
            why = f"every point gives the same keys; here {gap} is missing or too much"
            problems.append(problem(item.mark, f"points[{at}]", "E402", why))
            continue
        values = {key: plain(item.fields[key]) for key in wanted}
        if any(values == point.values for point in points):
            problems.append(
                problem(item.mark, f"points[{at}]", "E402", "the same values as an earlier point")
            )
        label = item.fields["label"].text if "label" in item.fields else ""
        points.append(Point(values, label))
        rows.append(item.without(("label",)))
    return points, rows, problems


def _read_scenario(tree: Node, sources: Sources, head: Head | None) -> tuple[Scenario | None, list[Problem]]:
    node = tree.get("scenario")
    if node is None or not isinstance(node.value, str) or not node.value.strip():
        why = f"expected a path, got {kind_of(node)}" if node else "`scenario` is required"
        mark = node.mark if node else tree.mark
        hint = "write the path of a scenario, as seen from this file"
        return None, [problem(mark, "scenario", "E103" if node is None else "E201", why, suggestion=hint)]
    if "://" in node.value:
        return None, [problem(node.mark, "scenario", "E501", "URLs are not read", suggestion="write a path")]
    path = _scenario_path(node.value, sources)
    if path is None:
        return None, [_outside(node)]
    scenario, problems = check_scenario(path, held=sources.held)
    problems = [one for one in problems if not one.is_warning]
    if [one.code for one in problems] == ["E001"]:
        return None, [replace(problems[0], file=node.mark.file, line=node.mark.line, col=node.mark.col)]
    if scenario is None:
        return None, problems
    return _with_settings(scenario, tree, head)


def _scenario_path(written: str, sources: Sources) -> Path | str | None:
    """Where the scenario of an experiment lies; None where that is outside of what an experiment may name.

    It may name what lies in its own folder or in the working directory, links resolved, and a YAML file in a folder
    beside its own (`../scenarios/x.yaml`). A name alone may be one of ./scenarios."""
    beside = sources.path.parent / written
    if sources.held is not None:
        return beside
    if "\0" in written:
        return written
    path = beside if os.path.lexists(beside) else Path(written)
    real, own = Path(os.path.realpath(path)), Path(os.path.realpath(sources.path.parent))
    roots = [own]
    with contextlib.suppress(FileNotFoundError):  # a working directory that is gone
        roots.append(Path.cwd())
    if any(root.parent != root and real.is_relative_to(root) for root in roots):
        return path if path is beside else written
    parts = Path(os.path.normpath(written)).parts
    is_sibling = parts[0] == ".." and len(parts) > 1 and parts[1] != ".." and own.parent.parent != own.parent
    if is_sibling and real.suffix in (".yaml", ".yml") and real.is_relative_to(own.parent):
        return beside
    return None


def _outside(node: Node) -> Problem:
    why = f"`{shown(node.text)}` lies outside the experiment's folder and the working directory"
    hint = "copy the scenario beside the experiment, or give the command in a folder that holds both"
    return problem(node.mark, "scenario", "E501", why, suggestion=hint)


def _set_paths(tree: Node) -> set[str]:
    return set(tree.fields["set"].fields) if "set" in tree.fields else set()


def _with_settings(
    scenario: Scenario, tree: Node, head: Head | None
) -> tuple[Scenario | None, list[Problem]]:
    """The scenario with the file's `theory` and `set` laid over it."""
    settings = tree.get("set")
    changes = [Change(path, child, child.at) for path, child in (settings.fields if settings else {}).items()]
    theory = tree.get("theory")
    if head is not None and head.theory is not None and theory is not None:
        changes.append(Change("theory.preset", theory, theory.at))
    if settings is not None and not isinstance(settings.value, dict):
        return scenario, [problem(settings.mark, "set", "E201", "write `key.path: value` pairs")]
    if not changes:
        return scenario, []
    return changed_scenario(scenario, changes, settings or tree)


def _guesses(scenario: Scenario, taken: set[str], node: Node) -> list[Factor]:
    """Every default that is a guess and may move alone, over its range.

    A weight that the theory itself names is no guess. Shares of capability must sum to 1 and signals must rise in
    their order, so those cannot be drawn one apart from the other: vary them in lists."""
    preset = presets().get(scenario.theory.preset)
    named = {f"theory.weights.{term}" for term in (preset.weights if preset else ())}
    out = []
    for row in parameter_table():
        path, span = str(row["path"]), row["range"]
        if row["source"] != "guess" or not isinstance(span, list) or span[0] >= span[1]:
            continue
        if path in taken or path in named or _is_bound(path) or not _has(scenario, path):
            continue
        out.append(Factor(path, Spread("uniform", float(span[0]), float(span[1])), node))
    return out


def _is_bound(path: str) -> bool:
    """True for what is no parameter of the model, or may not move apart from others."""
    head, _, rest = path.partition(".")
    kind, _, name = rest.partition(".")
    in_order = head == "event_kinds" and kind in SIGNAL_ORDER and name in ("alignment", "intent")
    return path == "step_days" or head == "capability" or in_order


def _has(scenario: Scenario, path: str) -> bool:
    try:
        return value_at(scenario, path) is not None
    except LookupError:
        return False


__all__ = [
    "Design",
    "Experiment",
    "Head",
    "Point",
    "check_experiment",
    "experiment_files",
    "load_experiment",
    "scenario_named",
]

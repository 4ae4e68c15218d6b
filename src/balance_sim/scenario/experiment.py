"""An experiment file becomes a frozen `Experiment`: a scenario, what is varied in it, how, and how often.

Checked as scenarios are: file, line and column of everything that is wrong, in one pass."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from balance_sim.scenario.actors import read_names
from balance_sim.scenario.assemble import assemble
from balance_sim.scenario.defaults import parameter_table, presets
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.factors import Factor, Spread, Values, read_takes
from balance_sim.scenario.files import Sources
from balance_sim.scenario.layout import NoSuchPath, locate
from balance_sim.scenario.load import check_scenario, scenario_files, stem
from balance_sim.scenario.nodes import REFUSED, Node, plain
from balance_sim.scenario.problems import (
    Mark,
    Problem,
    ScenarioError,
    did_you_mean,
    few_suggestions,
    in_order,
    listed,
    problem,
    shown,
)
from balance_sim.scenario.refusals import kind_of, read_piece, unknown_key
from balance_sim.scenario.schema import SIGNAL_ORDER, Identifier, Scenario, Strict, Text
from balance_sim.scenario.values import Change, apply_changes, as_tree, known_kinds, value_at

MOST_RUNS = 1_000_000
MOST_FACTORS = 1_000
FOLDER = Path("experiments")
EXAMPLE = "smallest file: `schema: 1`, `scenario`, `factors`, `runs`"
TOP = (
    *("schema", "title", "question", "notes", "scenario", "set", "theory", "design", "factors", "points"),
    *("guesses", "arms", "runs", "seed", "outcomes"),
)


class Design(Strict):
    """How points are chosen. samples: of lhs; base samples of sobol, a power of 2; trajectories of morris.

    levels: of morris, even. seed: of the sample, apart from that of the runs."""

    method: Literal["grid", "list", "lhs", "sobol", "morris"] = "grid"
    samples: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    levels: Annotated[int, Field(ge=2, le=1000, multiple_of=2)] = 4
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1


class Head(Strict):
    """The plain part of an experiment file."""

    title: Text = ""
    question: Text = ""
    notes: Text = ""
    theory: Identifier | None = None
    guesses: bool = False
    arms: tuple[Identifier, ...] | None = None
    runs: Annotated[int, Field(ge=1, le=1_000_000_000)]
    seed: Annotated[int, Field(ge=0, le=2**64 - 1)] = 1
    outcomes: tuple[Identifier, ...] = ()


@dataclass(frozen=True)
class Point:
    """One row of a list design: values by key path, and a label for people."""

    values: dict[str, object]
    label: str = ""


@dataclass(frozen=True)
class Experiment:
    """All that a sweep needs. `scenario` holds the file's `set` and `theory` already."""

    name: str
    head: Head
    design: Design
    scenario: Scenario
    factors: tuple[Factor, ...]
    points: tuple[Point, ...] = ()
    marks: dict[str, Mark] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[str, ...]:
        """Key paths of what is varied, in the order of the file."""
        if self.points:
            return tuple(dict.fromkeys(path for point in self.points for path in point.values))
        return tuple(factor.path for factor in self.factors)

    def count(self) -> int:
        """How many points the design has, without making them."""
        return _count(self.design, self.factors, self.points)


def load_experiment(path: str | os.PathLike[str], *, max_runs: int = MOST_RUNS) -> Experiment:
    """The experiment in a file; `path` may also name one in ./experiments. Raises ScenarioError."""
    experiment, problems = check_experiment(path, max_runs=max_runs)
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
        beside = sources.path.parent / node.value
        found = scenario_files(beside if os.path.lexists(beside) else node.value)
        files |= {f"scenario/{name}": data.decode("utf-8", "replace") for name, data in found.items()}
    return files


def is_experiment(text: str) -> bool:
    """True if a file's text names a scenario at its top level, as experiments do and scenarios do not."""
    return any(line.startswith(("scenario:", "factors:", "points:")) for line in text.splitlines())


def check_experiment(
    path: str | os.PathLike[str], *, max_runs: int = MOST_RUNS
) -> tuple[Experiment | None, list[Problem]]:
    """The experiment, or None if it is refused, and all problems and warnings in the order of the file."""
    first = shown(os.fspath(path), 200)
    with few_suggestions():
        try:
            sources = Sources(_found(path))
            first = sources.shown
            tree, problems = read_document(sources.main(), sources.shown)
        except ScenarioError as error:
            return None, in_order(error.problems, first)
        if not isinstance(tree.value, dict):
            why = f"expected a mapping with keys {listed(TOP, 4)}, got {kind_of(tree)}"
            return None, [problem(tree.mark, "", "E012", why, suggestion=EXAMPLE)]
        problems = [_twice(one) for one in problems]
        experiment, found = _read(tree, sources, max_runs)
        problems = in_order([*problems, *found], first)
    refused = any(not one.is_warning for one in problems)
    return None if refused else experiment, problems


def _found(path: str | os.PathLike[str]) -> str:
    written = os.fspath(path)
    here = FOLDER / f"{written}.yaml"
    return str(here) if not os.path.lexists(written) and here.is_file() else written


def _twice(one: Problem) -> Problem:
    """A key given twice among the factors is two axes on one key."""
    is_axis = one.code == "E014" and one.path.startswith("factors.")
    return replace(one, code="E404", message=one.message.replace("already given", "also")) if is_axis else one


def _read(tree: Node, sources: Sources, max_runs: int) -> tuple[Experiment | None, list[Problem]]:
    problems = [unknown_key(child, "", key, TOP, "") for key, child in tree.fields.items() if key not in TOP]
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
    problems += _check_axes(tree, design, factors, points)
    problems += _check_arms(tree, head, scenario)
    if not any(one.code.startswith("E4") for one in problems):
        problems += _check_values(scenario, factors, rows)
        problems += _check_size(tree, head, design, factors, points, max_runs)
    marks = {name: (tree.get(name) or tree).mark for name in TOP}
    name = stem(sources.path.name)
    return Experiment(name, head, design, scenario, tuple(factors), tuple(points), marks), problems


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
    if node is None or not isinstance(node.value, str):
        why = f"expected a path, got {kind_of(node)}" if node else "`scenario` is required"
        mark = node.mark if node else tree.mark
        return None, [problem(mark, "scenario", "E103" if node is None else "E201", why)]
    if "://" in node.value:
        return None, [problem(node.mark, "scenario", "E501", "URLs are not read", suggestion="write a path")]
    beside = sources.path.parent / node.value
    is_beside = os.path.lexists(beside)
    scenario, problems = check_scenario(beside if is_beside else node.value)
    problems = [one for one in problems if not one.is_warning]
    if [one.code for one in problems] == ["E001"]:
        return None, [replace(problems[0], file=node.mark.file, line=node.mark.line, col=node.mark.col)]
    if scenario is None:
        return None, problems
    return _with_settings(scenario, tree, head)


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
    return _changed(scenario, changes, settings or tree)


def _changed(
    scenario: Scenario, changes: Sequence[Change], where: Node
) -> tuple[Scenario | None, list[Problem]]:
    """A scenario with changes, checked in every arm; problems point at what was changed."""
    tree = as_tree(scenario, Mark(scenario.name, 1, 1))
    names, _ = read_names(tree)
    tree, problems = apply_changes(tree, changes, names)
    changed, found = assemble(tree, scenario.name)
    spots = {change.key: change for change in changes}
    file, refused = where.mark.file, []
    for one in (*problems, *found):
        if one.is_warning:
            continue
        mark = next(iter(spots), where.mark)  # where the trouble shows elsewhere in the scenario
        is_here = one.file == file
        refused.append(one if is_here else replace(one, file=file, line=mark.line, col=mark.col))
    return (None if refused else changed), refused


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


def _check_axes(
    tree: Node, design: Design, factors: Sequence[Factor], points: Sequence[Point]
) -> list[Problem]:
    node = tree.get("factors") or tree.get("points") or tree
    problems: list[Problem] = []
    if points and design.method != "list":
        why = "`points` are a list: write `design: {method: list}`"
        problems.append(problem((tree.get("points") or tree).at, "points", "E407", why))
    if points and factors:
        why = "give `points`, or `factors`; not both"
        problems.append(problem((tree.get("factors") or tree).at, "factors", "E407", why))
    if not points and not factors and not (tree.get("factors") and tree.fields["factors"].fields):
        problems.append(problem(node.mark, "factors", "E402", "nothing is varied", suggestion=EXAMPLE))
    if len(factors) > MOST_FACTORS:
        problems.append(problem(node.mark, "factors", "E022", f"more than {MOST_FACTORS:,} factors"))
    return problems + _check_method(tree, design, factors, points)


def _check_method(
    tree: Node, design: Design, factors: Sequence[Factor], points: Sequence[Point]
) -> list[Problem]:
    problems: list[Problem] = []
    at = tree.get("design") or tree
    if design.method in ("grid", "list"):
        for factor in factors:
            if isinstance(factor.takes, Spread) and not factor.takes.steps:
                why = f"a {design.method} needs values: give a list, `steps` or `step`"
                problems.append(problem(factor.node.mark, f"factors.{factor.path}", "E403", why))
    if design.method == "list" and not points:
        lengths = {len(_listed_values(factor)) for factor in factors}
        if len(lengths) > 1:
            why = f"the lists of a list design have one length; here {listed(map(str, sorted(lengths)))}"
            problems.append(problem(at.mark, "design", "E402", why))
    if design.method in ("lhs", "sobol", "morris") and design.samples is None:
        problems.append(problem(at.mark, "design", "E103", "`samples` is required (1 or more)"))
    elif design.method == "sobol" and design.samples is not None and design.samples & (design.samples - 1):
        low = 1 << (design.samples.bit_length() - 1)
        why = f"samples {design.samples:,} is not a power of 2"
        mark = at.fields["samples"].mark
        problems.append(problem(mark, "design.samples", "E406", why, suggestion=f"write {low} or {2 * low}"))
    if design.method in ("sobol", "morris") and len(factors) < 2:
        why = f"{design.method} needs at least 2 factors, got {len(factors)}"
        problems.append(problem(at.mark, "design", "E406", why))
    return problems


def _check_arms(tree: Node, head: Head, scenario: Scenario) -> list[Problem]:
    node = tree.get("arms")
    return [
        problem(item.mark, f"arms[{at}]", "E107", f"no arm `{shown(item.value)}`", listed(scenario.arms),
                did_you_mean(str(item.value), scenario.arms))
        for at, item in enumerate(node.items if node and head.arms is not None else ())
        if item.value not in scenario.arms
    ]  # fmt: skip


def _listed_values(factor: Factor) -> tuple[object, ...]:
    return factor.takes.values if isinstance(factor.takes, Values) else factor.takes.grid()


def _check_values(scenario: Scenario, factors: Sequence[Factor], rows: Sequence[Node]) -> list[Problem]:
    """Every key path is one of the scenario, once; every value (of a range: both ends) is one it may take."""
    tree = as_tree(scenario, Mark(scenario.name, 1, 1))
    names, _ = read_names(tree)
    problems: list[Problem] = []
    seen: dict[tuple[str | int, ...], Mark] = {}
    keys = [(factor.path, factor.node.at) for factor in factors]
    keys += [(path, child.at) for path, child in (rows[0].fields.items() if rows else ())]
    for path, mark in keys:
        try:
            steps = tuple(locate(tree, path, known_kinds(names)))
        except NoSuchPath as error:
            why = shown(str(error), 120)
            problems.append(problem(mark, shown(path), "E401", why, suggestion=error.suggestion))
            continue
        if steps in seen:
            problems.append(
                problem(mark, shown(path), "E404", f"two axes on one key; also at line {seen[steps].line}")
            )
        seen[steps] = mark
    if problems:
        return problems
    for changes in _rounds(factors, rows):
        problems += _changed(scenario, changes, changes[0].node)[1]
    return problems


def _rounds(factors: Sequence[Factor], rows: Sequence[Node]) -> list[list[Change]]:
    """Sets of changes that together try every value, one of each factor at a time."""
    if rows:
        return [[Change(path, child, child.at) for path, child in row.fields.items()] for row in rows]
    most = max((len(factor.takes.ends()) for factor in factors), default=0)
    return [[_change(factor, at) for factor in factors] for at in range(most)]


def _change(factor: Factor, at: int) -> Change:
    ends = factor.takes.ends()
    at = min(at, len(ends) - 1)
    node, value = factor.node, ends[at]
    if node.items:
        return Change(factor.path, node.items[at], node.items[at].mark, f"factors.{factor.path}[{at}]")
    written = node.get("min" if at == 0 else "max") or node
    number = Node(value, written.mark, key=node.at, text=f"{value:.12g}")
    return Change(factor.path, number, written.mark, f"factors.{factor.path}")


def _count(design: Design, factors: Sequence[Factor], points: Sequence[Point]) -> int:
    samples = design.samples or 0
    if points:
        return len(points)
    if design.method == "list":
        return len(_listed_values(factors[0]))
    if design.method == "grid":
        return math.prod(
            len(factor.takes.values) if isinstance(factor.takes, Values) else factor.takes.steps
            for factor in factors
        )
    return samples * {"lhs": 1, "sobol": len(factors) + 2, "morris": len(factors) + 1}[design.method]


def _check_size(
    tree: Node, head: Head, design: Design, factors: Sequence[Factor], points: Sequence[Point], max_runs: int
) -> list[Problem]:
    count = _count(design, factors, points)
    total = count * head.runs
    if total <= max_runs:
        return []
    why = f"{count:,} points x {head.runs:,} runs: {total:,} runs exceeds {max_runs:,} (`--max-runs`)"
    mark = (tree.get("design") or tree.get("factors") or tree).mark
    return [problem(mark, "design", "E405", why, suggestion="fewer values, fewer runs, or a sample")]

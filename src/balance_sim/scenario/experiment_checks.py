"""Whether an experiment's parts fit together and fit its scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from balance_sim.scenario.actors import read_names
from balance_sim.scenario.assemble import assemble
from balance_sim.scenario.design import Design, Head, Point, count_points, listed_values
from balance_sim.scenario.factors import Factor, Spread
from balance_sim.scenario.layout import NoSuchPath, locate
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.problems import Mark, Problem, did_you_mean, listed, problem, shown
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.values import Change, apply_changes, as_tree, known_kinds

MOST_FACTORS = 1_000
MOST_REFUSED = 500  # values: no more are tried then
EXAMPLE = "smallest file: `schema: 1`, `scenario`, `factors`, `runs`"


def changed_scenario(
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
    return (None if refused or changed is None else changed.counted_as(scenario)), refused


def check_axes(
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
    is_tried = tree.get("points") is not None or (tree.get("factors") and tree.fields["factors"].fields)
    if not points and not factors and not is_tried:
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
        lengths = {len(listed_values(factor)) for factor in factors}
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
        problems.append(problem(at.mark, "design", "E406", why, suggestion="add a factor, or take a grid"))
    return problems


def check_arms(tree: Node, head: Head, scenario: Scenario) -> list[Problem]:
    """The arms asked for are the scenario's, each once; so is each outcome."""
    node = tree.get("arms")
    return _given_twice(tree, "arms") + _given_twice(tree, "outcomes") + [
        problem(item.mark, f"arms[{at}]", "E107", f"no arm `{shown(item.value)}`", listed(scenario.arms),
                did_you_mean(str(item.value), scenario.arms))
        for at, item in enumerate(node.items if node and head.arms is not None else ())
        if item.value not in scenario.arms
    ]  # fmt: skip


def _given_twice(tree: Node, name: str) -> list[Problem]:
    node = tree.get(name)
    items = [item for item in (node.items if node else ()) if isinstance(item.value, str)]
    words = [item.value for item in items]
    return [
        problem(item.mark, f"{name}[{at}]", "E015", f"`{shown(item.value)}` given twice", "", "remove one")
        for at, item in enumerate(items)
        if item.value in words[:at]
    ]


def check_values(scenario: Scenario, factors: Sequence[Factor], rows: Sequence[Node]) -> list[Problem]:
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
        found = changed_scenario(scenario, changes, changes[0].node)[1]
        problems += [_with_position(one, factors) for one in found]
        if len(problems) > MOST_REFUSED:
            break
    return problems


def _with_position(one: Problem, factors: Sequence[Factor]) -> Problem:
    """A value of a list says which of them it is."""
    for factor in factors:
        for at, item in enumerate(factor.node.items, 1):
            if (item.mark.line, item.mark.col) == (one.line, one.col):
                return replace(one, message=f"at position {at}: {one.message}")
    return one


def _rounds(factors: Sequence[Factor], rows: Sequence[Node]) -> Iterator[list[Change]]:
    """Sets of changes that together try every value, one of each factor at a time."""
    for row in rows:
        yield [Change(path, child, child.at) for path, child in row.fields.items()]
    most = 0 if rows else max((len(factor.takes.ends()) for factor in factors), default=0)
    for at in range(most):
        yield [_change(factor, at) for factor in factors]


def _change(factor: Factor, at: int) -> Change:
    ends = factor.takes.ends()
    at = min(at, len(ends) - 1)
    node, value = factor.node, ends[at]
    if node.items:
        return Change(factor.path, node.items[at], node.items[at].mark, f"factors.{factor.path}[{at}]")
    written = node.get("min" if at == 0 else "max") or node
    number = Node(value, written.mark, key=node.at, text=f"{value:.12g}")
    return Change(factor.path, number, written.mark, f"factors.{factor.path}")


def check_size(
    tree: Node, head: Head, design: Design, factors: Sequence[Factor], points: Sequence[Point], max_runs: int
) -> list[Problem]:
    count = count_points(design, factors, points)
    total = count * head.runs
    if total <= max_runs:
        return []
    why = f"{count:,} points x {head.runs:,} runs: {total:,} runs exceeds {max_runs:,} (`--max-runs`)"
    mark = (tree.get("design") or tree.get("factors") or tree).mark
    return [problem(mark, "design", "E405", why, suggestion="fewer values, fewer runs, or a sample")]

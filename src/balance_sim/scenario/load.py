"""From files to a `Scenario`: read, lay over the defaults, change by `--set`, check, seal."""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property

from balance_sim.scenario.actors import Names, read_names
from balance_sim.scenario.assemble import assemble, assemble_arm, without_and_with
from balance_sim.scenario.calibration import stale, with_calibration
from balance_sim.scenario.documents import EXAMPLE, no_space, read_document
from balance_sim.scenario.draft import Reader
from balance_sim.scenario.file_kinds import other_kind
from balance_sim.scenario.files import LARGEST_SCENARIO, Sources, decoded
from balance_sim.scenario.fingerprint import sealed as sealed_anew
from balance_sim.scenario.layout import SECTIONS, TOP, row_key
from balance_sim.scenario.leaves import with_numbers, with_settings
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
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
from balance_sim.scenario.refusals import kind_of
from balance_sim.scenario.schema import Scenario, Strict
from balance_sim.scenario.tables import read_table
from balance_sim.scenario.values import EXPANDED, Change, apply_changes, as_tree

DEEPEST_EXTENDS = 8
MOST_READ = 100  # variations whose rows are held on to
MOST_VARIED = 2  # scenarios whose variations are held on to
Path = str | os.PathLike[str]


def load_scenario(
    path: Path,
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
    calibrated: bool = True,
) -> Scenario:
    """The scenario in a file, complete. `path` may also name one in ./scenarios.

    set: `key.path=value` texts laid over the file. theory: a preset that replaces the file's.
    held: files by name, `path` among them, to read from instead of the disk. calibrated: with the calibration that
    it names, else as if it named none.
    Raises ScenarioError with everything that is wrong."""
    scenario, problems = check_scenario(path, set=set, theory=theory, held=held, calibrated=calibrated)
    if scenario is None:
        raise ScenarioError(one for one in problems if not one.is_warning)
    return scenario


def check_scenario(
    path: Path,
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
    calibrated: bool = True,
) -> tuple[Scenario | None, list[Problem]]:
    """The scenario, or None if it is refused, and all problems and warnings in the order of the file."""
    with few_suggestions():
        return _check(path, set, theory, held, calibrated=calibrated)


def _check(
    path: Path,
    settings: Sequence[str],
    theory: str | None,
    held: Mapping[str, bytes] | None,
    *,
    calibrated: bool,
) -> tuple[Scenario | None, list[Problem]]:
    first = shown(os.fspath(path), 200)
    sources = None
    try:
        sources = Sources(path, held)
        first = sources.shown
        tree, problems = read_files(sources, calibrated=calibrated)
    except ScenarioError as error:
        return None, in_order(_from_where(error.problems, sources) if sources else error.problems, first)
    other = other_kind(tree.fields, "scenario", first)
    if other:
        return None, [problem(tree.mark, "", "E012", other[0], suggestion=other[1])]
    is_table_lost = any(
        not one.is_warning and one.file != first and one.line == one.col == 1 for one in problems
    )
    names, _ = read_names(tree)
    changes, found = _options(settings, theory)
    problems += found
    name, reader = stem(sources.path.name), Reader()
    written = assemble(tree, name, reader)[0] if changes or tree.get("calibration") else None
    problems += stale(written, tree, first) if written is not None else []
    tree, found = apply_changes(tree, changes, names)
    problems += found
    scenario, found = assemble(tree, name, reader)
    if scenario is not None:
        scenario = scenario.counted_as(written or scenario)
    if is_table_lost:  # its states are unknown everywhere: only the table itself is worth telling
        found = [one for one in found if not (one.code == "E301" and one.message.startswith("unknown state"))]
    problems = in_order(_from_where([*problems, *found], sources), first)
    refused = any(not one.is_warning for one in problems)
    return None if refused else scenario, problems


def scenario_files(path: Path) -> dict[str, bytes]:
    """Every file the scenario is read from, by its name within the scenario's folder.

    Raises ScenarioError if one cannot be read."""
    sources = Sources(path)
    _, problems = read_files(sources)
    refused = [one for one in problems if not one.is_warning]
    if refused:
        raise ScenarioError(in_order(refused, sources.shown))
    return dict(sorted(sources.files.items()))


def with_values(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """The scenario with other values at some key paths (`events.parade.visibility`); checked in every arm.

    Its classes stay those of the scenario as written. Raises ScenarioError for a path that leads nowhere or a value
    that is refused."""
    return _variations(scenario).with_values(values)


class Variations:
    """A scenario whose values are changed again and again: what a change leaves as it is, is read once.

    Numbers that no other value bears on are set in the scenario as it was checked once; any other change is read and
    checked as a file is. Safe among threads."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._mark = Mark(scenario.name, 1, 1)
        self._guard = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._reader, self._read = Reader(), 0

    def with_values(self, values: Mapping[str, object]) -> Scenario:
        """What `with_values` gives, and raises, for the scenario."""
        with self._guard:
            return self._with_numbers(values) or self._read_with(values)

    def _with_numbers(self, values: Mapping[str, object]) -> Scenario | None:
        """The short way; None where it does not lead there."""
        if with_numbers(self.scenario, values) is None or self._sound is None:
            return None
        changed = with_numbers(self._sound, values)
        return None if changed is None else sealed_anew(changed)

    @cached_property
    def _sound(self) -> Scenario | None:
        """The scenario as it is when it is read, if it is not refused."""
        try:
            return self._read_with({})
        except ScenarioError:
            return None

    def _read_with(self, values: Mapping[str, object]) -> Scenario:
        """The long way: the whole scenario is read as a file with these values."""
        if self._read == MOST_READ:
            self._forget()
        self._read += 1
        changes = []
        for at, (path, value) in enumerate(values.items(), 1):
            mark = Mark("values", at, 1)
            changes.append(Change(path, from_plain(value, mark), mark))
        tree, problems = apply_changes(self._tree, changes, self._names, EXPANDED)
        changed, found = assemble(tree, self.scenario.name, self._reader)
        changed = _or_raise(changed, [*problems, *found], self.scenario.name)
        return changed.counted_as(self.scenario)

    @cached_property
    def _tree(self) -> Node:
        return as_tree(self.scenario, self._mark)

    @cached_property
    def _names(self) -> Names:
        return read_names(self._tree)[0]


_varied: deque[tuple[Scenario, Scenario, Variations]] = deque(maxlen=MOST_VARIED)
_guard = threading.Lock()


def _variations(scenario: Scenario) -> Variations:
    """Those of this very object; new ones if a mapping in it, which Python code can reach, has changed since."""
    with _guard:
        known = next((one for one in _varied if one[0] is scenario and one[1] == scenario), None)
        if known is None:
            mappings = {name: value for name, value in scenario if isinstance(value, dict | Strict)}
            known = (scenario, scenario.model_copy(update=deepcopy(mappings)), Variations(scenario))
            _varied.append(known)
        return known[2]


def arm_scenario(scenario: Scenario, arm: str, *, sealed: bool = True) -> Scenario:
    """The scenario as it is in one arm: without what the arm drops, with what it adds and sets.

    Its `arms` keep titles and the reference mark only. sealed False: its sha256 may be missing, which takes as long
    to work out as its arrays. Raises ScenarioError for an unknown arm."""
    mark = Mark(scenario.name, 1, 1)
    if arm not in scenario.arms:
        near = did_you_mean(arm, scenario.arms)
        why = f"no arm `{shown(arm)}`"
        raise ScenarioError([problem(mark, "arms", "E107", why, listed(scenario.arms), near)])
    settings = scenario.arms[arm].set
    if not settings:
        return without_and_with(scenario, arm, sealed=sealed)
    changed = with_settings(without_and_with(scenario, arm, sealed=False), settings)
    if changed is not None:
        return sealed_anew(changed) if sealed else changed
    version, problems = assemble_arm(as_tree(scenario, mark), scenario.name, arm)
    return _or_raise(version, problems, scenario.name).counted_as(scenario)


def _or_raise(scenario: Scenario | None, problems: Sequence[Problem], first: str) -> Scenario:
    refused = [one for one in problems if not one.is_warning]
    if scenario is None or refused:
        raise ScenarioError(in_order(refused, first))
    return scenario


def stem(name: str) -> str:
    """The scenario's name from its file's: what no identifier may hold becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", os.path.splitext(name)[0])[:64] or "scenario"


def read_files(sources: Sources, *, calibrated: bool = True) -> tuple[Node, list[Problem]]:
    """The tree of a scenario file, its tables read in and the files it extends laid below it.

    calibrated: with what the calibration says that it names.

    Raises ScenarioError where there is no tree to speak of."""
    tree, problems = _read_mapping(sources.main(), sources.shown)
    base, found = _with_base(tree, sources.path.name, sources, [(sources.path.name, 0)])
    if not calibrated:
        return base.without(("calibration",)), problems + found
    whole, more = with_calibration(base, sources)
    return whole, [*problems, *found, *more]


def _read_mapping(text: str, file: str) -> tuple[Node, list[Problem]]:
    node, problems = read_document(text, file)
    if isinstance(node.value, dict):
        return node, problems
    if node.value is None:
        raise ScenarioError([problem(Mark(file, 1, 1), "", "E004", "the file is empty", suggestion=EXAMPLE)])
    if isinstance(node.value, str) and (found := re.match(r"([A-Za-z_]\w*):(\S+)", node.value)):
        raise ScenarioError([no_space(node.mark, "", found[1], found[2])])
    why = f"expected a mapping with keys {listed(TOP, 4)}, got {kind_of(node)}"
    raise ScenarioError([problem(node.mark, "", "E012", why, suggestion=EXAMPLE)])


def _with_base(
    tree: Node, name: str, sources: Sources, chain: list[tuple[str, int]]
) -> tuple[Node, list[Problem]]:
    tree, problems = _with_tables(tree, name, sources)
    extends = tree.get("extends")
    if extends is None or extends.value is REFUSED:
        return tree, problems
    tree = tree.without(("extends",))
    try:
        base_name, base_shown, data = sources.beside(
            extends.value, name, extends.mark, "extends", LARGEST_SCENARIO
        )
        chain = [*chain[:-1], (name, extends.at.line), (base_name, 0)]
        _check_chain(extends, chain)
        sources.included.setdefault(base_shown, f"{extends.mark.file}:{extends.at.line}")
        base, found = _read_mapping(decoded(data, base_shown), base_shown)
        below, more = _with_base(base, base_name, sources, chain)
    except ScenarioError as error:
        raise ScenarioError([*problems, *error.problems]) from None
    return _laid_over(below, tree), problems + found + more


def _check_chain(extends: Node, chain: Sequence[tuple[str, int]]) -> None:
    """Refuse a file that extends itself in the end; chain: files from the first on, with the lines that extend."""
    names = [name for name, _ in chain]
    if names[-1] in names[:-1]:
        steps = [f"{name}:{line}" for name, line in chain[names.index(names[-1]) : -1]]
        why = f"cycle: {' -> '.join([*steps, names[-1]])}"
        raise ScenarioError(
            [problem(extends.mark, "extends", "E502", why, suggestion="remove one `extends`")]
        )
    if len(chain) > DEEPEST_EXTENDS + 1:
        why = f"more than {DEEPEST_EXTENDS} files extend each other"
        raise ScenarioError([problem(extends.mark, "extends", "E502", why, suggestion="merge some of them")])


def _from_where(problems: Sequence[Problem], sources: Sources) -> list[Problem]:
    """Problems of an extended file say by which line it came in."""
    return [
        replace(one, message=f"{one.message} (included from {sources.included[one.file]})")
        if one.file in sources.included and one.code != "E502"
        else one
        for one in problems
    ]


def _laid_over(below: Node, above: Node) -> Node:
    """A file over the one it extends: rows with the same key are merged, new ones added."""
    children = dict(below.fields)
    for key, child in above.fields.items():
        old = children.get(key)
        if old is not None and key in SECTIONS and old.items and isinstance(child.value, list):
            children[key] = _rows_over(old, child, key)
        else:
            children[key] = merged(old, child) if old is not None else child
    return above.with_value(children)


def _rows_over(below: Node, above: Node, name: str) -> Node:
    section = SECTIONS[name]
    rows = list(below.items)
    at = {key: number for number, row in enumerate(rows) if (key := row_key(section, row))}
    for row in above.items:
        key = row_key(section, row)
        if key in at:
            rows[at[key]] = merged(rows[at[key]], row)
        else:
            rows.append(row)
    return above.with_value(rows)


def _with_tables(tree: Node, base: str, sources: Sources) -> tuple[Node, list[Problem]]:
    """The tree with every `{table: ...}` item replaced by the rows of that table."""
    problems: list[Problem] = []
    changes: dict[str, Node] = {}
    for name in SECTIONS:
        node = tree.get(name)
        if node is not None and any("table" in item.fields for item in node.items):
            changes[name] = _expanded(node, name, base, sources, problems)
    arms = tree.get("arms")
    for name, arm in (arms.fields if arms else {}).items():
        added = arm.get("add")
        if arms is not None and added is not None and any("table" in item.fields for item in added.items):
            rows = _expanded(added, "events", base, sources, problems)
            arms = arms.with_fields({name: arm.with_fields({"add": rows})})
            changes["arms"] = arms
    return (tree.with_fields(changes) if changes else tree), problems


def _expanded(node: Node, name: str, base: str, sources: Sources, problems: list[Problem]) -> Node:
    rows: list[Node] = []
    seen: dict[str, int] = {}
    for item in node.items:
        table = item.get("table")
        if table is None:
            rows.append(item)
            continue
        key = sources.name_of(table.value, base)
        if key in seen:
            why = f"`{shown(table.text)}` already given at line {seen[key]}"
            problems.append(problem(table.mark, f"{name}[].table", "E015", why, suggestion="remove one"))
            continue
        seen[key] = table.mark.line
        found_rows, found = read_table(item, name, SECTIONS[name], sources, base)
        rows += found_rows
        problems += found
    return node.with_value(rows)


def _options(settings: Sequence[str], theory: str | None) -> tuple[list[Change], list[Problem]]:
    """Changes from `--set key.path=value` texts and `--theory`."""
    changes: list[Change] = []
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    if theory is not None:
        mark = Mark("--theory", 1, 1)
        changes.append(Change("theory.preset", from_plain(theory, mark), mark))
    for at, text in enumerate(settings):
        label = f"--set[{at}]"
        path, equals, value = text.partition("=")
        path = path.strip()
        key = Mark(label, 1, 1)
        if not equals or not path:
            why = f"expected key.path=value, got `{shown(text)}`"
            problems.append(problem(key, shown(path), "E101", why, suggestion="e.g. parameters.beta=0.2"))
        elif path in seen:
            why = f"`{shown(path)}` already set by --set[{seen[path]}]"
            problems.append(problem(key, shown(path), "E014", why, suggestion="give it once"))
        else:
            seen[path] = at
            node, found = _option_value(value, label, len(text) - len(value) + 1)
            problems += found
            changes.append(Change(path, node, key))
    return changes, problems


def _option_value(text: str, label: str, column: int) -> tuple[Node, list[Problem]]:
    try:
        node, problems = (
            read_document(text, label) if text.strip() else (from_plain(None, Mark(label, 1, 1)), [])
        )
    except ScenarioError as error:
        node, problems = Node(REFUSED, Mark(label, 1, 1)), list(error.problems)
    moved = Mark(label, 1, column)
    if not isinstance(node.value, dict | list):
        node = Node(node.value, moved, key=moved, text=node.text, quoted=node.quoted)
    return node, problems

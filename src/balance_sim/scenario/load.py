"""From files to a `Scenario`: read, lay over the defaults, change by `--set`, check;
and the same with other values."""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property

from balance_sim.scenario.arms import at_hand, keep_arms, resolved, with_numbers
from balance_sim.scenario.assemble import (
    EXPANDED,
    ValueChange,
    apply_changes,
    as_tree,
    assemble,
)
from balance_sim.scenario.calibration import stale, with_calibration, with_posterior
from balance_sim.scenario.diagnostics import (
    REFUSED,
    Diagnostic,
    Diagnostics,
    Mark,
    Node,
    ScenarioError,
    did_you_mean,
    errors_in,
    few_suggestions,
    from_plain,
    in_order,
    listed,
    merged,
    refused,
    shown,
)
from balance_sim.scenario.documents import EXAMPLE, no_space, read_document
from balance_sim.scenario.draft import Reader
from balance_sim.scenario.files import LARGEST_SCENARIO, Sources, decoded
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.fingerprint import sealed as sealed_anew
from balance_sim.scenario.layout import SECTIONS, TOP, row_key
from balance_sim.scenario.schema import Scenario, Strict
from balance_sim.scenario.tables import read_table
from balance_sim.scenario.validation import is_misspelt, refuse_other_kind

DEEPEST_EXTENDS = 8
MOST_READ = 100  # variations whose rows are held on to
MOST_VARIED = 6  # scenarios whose variations are held on to
Path = str | os.PathLike[str]


def load_scenario(
    path: Path,
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
    calibrated: bool = True,
    drawn: bool = True,
) -> Scenario:
    """The scenario in a file, complete, with each of its arms: frozen, and checked in
    every one.

    Parameters
    ----------
    path : of a YAML file, or the name of one in ./scenarios
    set : `key.path=value` texts laid over the file
    theory : a preset that replaces the file's
    held : files by name, `path` among them, to read from instead of the disk
    calibrated : with the calibration that the file names, else as if it named none, and no posterior
    drawn : with the posterior that the file names, else as if it named none

    Raises
    ------
    ScenarioError : with everything that is wrong: file, line, column, key, value, bound, next step

    Examples
    --------
    >>> load_scenario("scenarios/beijing_2025.yaml").reference_arm
    'no_parade'
    """
    scenario, problems = check_scenario(
        path, set=set, theory=theory, held=held, calibrated=calibrated, drawn=drawn
    )
    if scenario is None:
        raise ScenarioError(errors_in(problems))
    return scenario


def check_scenario(
    path: Path,
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
    calibrated: bool = True,
    drawn: bool = True,
) -> tuple[Scenario | None, list[Diagnostic]]:
    """The scenario, or None if it is refused, and all problems and warnings in the
    order of the file."""
    with few_suggestions():
        first, sources, found = shown(os.fspath(path), 200), None, Diagnostics()
        try:
            sources = Sources(path, held)
            first = sources.shown
            tree = read_files(sources, found, calibrated=calibrated, drawn=drawn)
            refuse_other_kind(tree, "scenario", first)
        except ScenarioError as error:
            problems = (
                error.problems
                if sources is None
                else _from_where(error.problems, sources)
            )
            return None, in_order(problems, first)
        scenario = _read_with(
            tree,
            stem(sources.path.name),
            first,
            option_changes(set, theory, found),
            found,
        )
        if scenario is not None and held is None:
            scenario._folder = os.fspath(sources.folder_of(scenario.posterior.file))
        problems = _from_where(found, sources)
    return None if errors_in(problems) else scenario, in_order(problems, first)


def _read_with(
    tree: Node,
    name: str,
    first: str,
    changes: Sequence[ValueChange],
    found: Diagnostics,
) -> Scenario | None:
    is_table_lost = any(
        one.file != first and one.line == one.col == 1 for one in errors_in(found)
    )
    reader, written = Reader(), None
    if changes or tree.get("calibration"):
        written = assemble(tree, name, Diagnostics(), reader)
    if written is not None:
        stale(written, tree, first, found)
    tree = apply_changes(tree, changes, found)
    scenario = assemble(tree, name, of_scenario := Diagnostics(), reader)
    for one in of_scenario:  # of a lost table the states are unknown everywhere: only the table itself is worth telling
        if not (
            is_table_lost
            and one.code == "E301"
            and one.message.startswith("unknown state")
        ):
            found.append(one)
    return None if scenario is None else scenario.counted_as(written or scenario)


def scenario_files(path: Path) -> dict[str, bytes]:
    """Every file the scenario is read from, by its name within the scenario's folder.

    Raises ScenarioError if one cannot be read."""
    sources, found = Sources(path), Diagnostics()
    read_files(sources, found)
    if refused := errors_in(found):
        raise ScenarioError(in_order(refused, sources.shown))
    return dict(sorted(sources.files.items()))


# --- values and arms --------------------------------------------------------------------------------


def with_values(scenario: Scenario, values: Mapping[str, object]) -> Scenario:
    """The scenario with other values at some key paths, checked in every arm. Its
    classes stay those as written.

    Parameters
    ----------
    scenario : that is changed; it stays as it is
    values : by key path, as `events.parade.visibility`

    Raises
    ------
    ScenarioError : for a path that leads nowhere, or a value that is refused

    Examples
    --------
    >>> scenario = load_scenario("scenarios/beijing_2025.yaml")
    >>> with_values(scenario, {"parameters.beta": 0.5}).parameters.beta
    0.5
    """
    return _variations(scenario).with_values(values)


class Variations:
    """A scenario whose values are changed again and again: what a change leaves as it
    is, is read once.

    Numbers that no other value bears on are set in the scenario as it was checked once;
    any other change is read and checked as a file is. Safe among threads."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._guard = threading.RLock()
        self._reader, self._read = Reader(), 0

    def with_values(self, values: Mapping[str, object]) -> Scenario:
        """What `with_values` gives, and raises, for the scenario."""
        with self._guard:
            changed = with_numbers(self.scenario, values)
            if changed is not None and self._sound is not self.scenario:
                changed = with_numbers(self._sound, values) if self._sound else None
            if changed is None:
                return self._read_with(values)
            changed = sealed_anew(changed)
            changed._checked = changed.sha256
            return changed

    @cached_property
    def _sound(self) -> Scenario | None:
        """The scenario as it is when it is read, if it is not refused: itself, where it
        is as it was checked."""
        if _is_as_checked(self.scenario):
            return self.scenario
        try:
            return self._read_with({})
        except ScenarioError:
            return None

    def _read_with(self, values: Mapping[str, object]) -> Scenario:
        """The long way: the whole scenario is read as a file with these values."""
        if self._read == MOST_READ:
            self._reader, self._read = Reader(), 0
        self._read += 1
        found, marks = (
            Diagnostics(),
            [Mark("values", at, 1) for at in range(1, len(values) + 1)],
        )
        told = zip(values.items(), marks, strict=True)
        changes = [
            ValueChange(path, from_plain(value, mark), mark)
            for (path, value), mark in told
        ]
        tree = apply_changes(self._tree, changes, found, EXPANDED)
        changed = assemble(tree, self.scenario.name, found, self._reader)
        if changed is None or errors_in(found):
            raise ScenarioError(in_order(errors_in(found), self.scenario.name))
        return changed.counted_as(self.scenario)

    @cached_property
    def _tree(self) -> Node:
        return as_tree(self.scenario)


def _is_as_checked(scenario: Scenario) -> bool:
    """Whether the content is what was read and found right, to the last value."""
    return scenario._checked != "" and scenario._checked == content_digest(scenario)


_varied: deque[tuple[Scenario, Scenario, Variations]] = deque(maxlen=MOST_VARIED)
_guard = threading.Lock()


def _variations(scenario: Scenario) -> Variations:
    """Those of this very object; new ones if a mapping in it, which Python code can
    reach, has changed since."""
    with _guard:
        known = next(
            (one for one in _varied if one[0] is scenario and one[1] == scenario), None
        )
        if known is None:
            mappings = {
                name: value
                for name, value in scenario
                if isinstance(value, dict | Strict)
            }
            known = (
                scenario,
                scenario.model_copy(update=deepcopy(mappings)),
                Variations(scenario),
            )
            _varied.append(known)
        return known[2]


def arm_scenario(scenario: Scenario, arm: str, *, sealed: bool = True) -> Scenario:
    """The scenario as it is in one arm: without what the arm drops, with what it adds
    and sets.

    A scenario that was loaded has its arms at hand; of any other they are resolved
    once, in its models. Their `arms` keep titles and the reference mark only. sealed
    False: its sha256 may be missing, which takes as long to work out as its arrays.
    Raises ScenarioError for an unknown arm."""
    if arm not in scenario.arms:
        near = did_you_mean(arm, scenario.arms)
        why = f"no arm `{shown(arm)}`"
        raise refused(
            Mark(scenario.name, 1, 1), "arms", "E107", why, near, listed(scenario.arms)
        )
    known = at_hand(scenario)
    version = known.get((arm, False))
    if version is None:
        version = resolved(scenario, arm, is_checked=False)
        if version is None and _is_as_checked(scenario):
            version = resolved(scenario, arm, is_checked=True)
        version = version or at_hand(Variations(scenario)._read_with({}))[
            arm, False
        ].counted_as(scenario)
    whole = known.get((arm, True)) or (sealed_anew(version) if sealed else None)
    keep_arms(
        scenario,
        known | {(arm, False): version} | ({(arm, True): whole} if whole else {}),
    )
    return whole if sealed and whole else version


# --- files ------------------------------------------------------------------------------------------


def stem(name: str) -> str:
    """The scenario's name from its file's: what no identifier may hold becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", os.path.splitext(name)[0])[:64] or "scenario"


def read_files(
    sources: Sources, found: Diagnostics, *, calibrated: bool = True, drawn: bool = True
) -> Node:
    """The tree of a scenario file: its tables read in, the files it extends and its
    calibration laid below it.

    Raises ScenarioError where there is no tree to speak of."""
    tree = _read_mapping(sources.main(), sources.shown, found)
    base = _with_base(tree, sources.path.name, sources, [], found)
    left_out = (
        ()
        if calibrated and drawn
        else ("posterior",)
        if calibrated
        else ("posterior", "calibration")
    )
    return with_posterior(
        with_calibration(base.without(*left_out), sources, found), sources, found
    )


def _read_mapping(text: str, file: str, found: Diagnostics) -> Node:
    node, problems = read_document(text, file)
    if isinstance(node.value, dict):
        found += problems
        return node
    if node.value is None:
        raise refused(Mark(file, 1, 1), "", "E004", "the file is empty", EXAMPLE)
    if isinstance(node.value, str) and (
        text_of := re.match(r"([A-Za-z_]\w*):(\S+)", node.value)
    ):
        raise ScenarioError([no_space(node.mark, text_of[1], text_of[2])])
    why = f"expected a mapping with keys {listed(TOP, 4)}, got {node.kind}"
    raise refused(node, "", "E012", why, EXAMPLE)


def _with_base(
    tree: Node,
    name: str,
    sources: Sources,
    chain: list[tuple[str, int]],
    found: Diagnostics,
) -> Node:
    before = len(found)
    tree = _with_tables(tree, name, sources, found)
    extends = tree.get("extends")
    if extends is None or extends.value is REFUSED:
        return tree
    tree, of_base, chain = (
        tree.without("extends"),
        Diagnostics(),
        [*chain, (name, extends.at.line)],
    )
    try:
        base_name, base_shown, data = sources.beside(
            extends.value, name, extends.mark, "extends", LARGEST_SCENARIO
        )
        _check_chain(extends, chain, base_name)
        sources.included.setdefault(
            base_shown, f"{extends.mark.file}:{extends.at.line}"
        )
        base = _read_mapping(decoded(data, base_shown), base_shown, of_base)
        below = _with_base(base, base_name, sources, chain, of_base)
    except ScenarioError as error:
        raise ScenarioError([*found[before:], *error.problems]) from None
    found += of_base
    rows = {  # rows with the same key are merged, new ones added
        key: _rows_over(old, tree.fields[key], key, found)
        for key, old in below.fields.items()
        if key in SECTIONS and old.items and isinstance(tree.below(key).value, list)
    }
    return merged(below, tree).with_fields(rows)


def _check_chain(extends: Node, chain: Sequence[tuple[str, int]], base: str) -> None:
    """Refuse a file that extends itself in the end; chain: files from the first on,
    with the lines that extend."""
    names = [name for name, _ in chain]
    if base in names:
        steps = [f"{name}:{line}" for name, line in chain[names.index(base) :]]
        why = f"cycle: {' -> '.join([*steps, base])}"
        raise refused(extends, "extends", "E502", why, "remove one `extends`")
    if len(chain) > DEEPEST_EXTENDS:
        why = f"more than {DEEPEST_EXTENDS} files extend each other"
        raise refused(extends, "extends", "E502", why, "merge some of them")


def _from_where(problems: Sequence[Diagnostic], sources: Sources) -> list[Diagnostic]:
    """Problems of an extended file say by which line it came in. Warnings of one that
    comes with the package are left out: who extends it cannot mend it, and `check` of
    it says them."""
    return [
        replace(
            one, message=f"{one.message} (included from {sources.included[one.file]})"
        )
        if one.file in sources.included and one.code != "E502"
        else one
        for one in problems
        if not (one.is_warning and sources.names.get(one.file) in sources.of_package)
    ]


def _rows_over(below: Node, above: Node, name: str, found: Diagnostics) -> Node:
    section, rows = SECTIONS[name], list(below.items)
    at = {
        key: number for number, row in enumerate(rows) if (key := row_key(section, row))
    }
    for row in above.items:
        key = row_key(section, row)
        if key in at:
            rows[at[key]] = merged(rows[at[key]], row)
        elif not is_misspelt(row, key, name, at, found):
            rows.append(row)
    return above.with_value(rows)


def _with_tables(tree: Node, base: str, sources: Sources, found: Diagnostics) -> Node:
    """The tree with every `{table: ...}` item replaced by the rows of that table."""
    for name in SECTIONS:
        if node := tree.get(name):
            tree = tree.with_fields({name: _expanded(node, name, base, sources, found)})
    for name, arm in tree.below("arms").fields.items():
        if added := arm.get("add"):
            whole = arm.with_fields(
                {"add": _expanded(added, "events", base, sources, found)}
            )
            tree = tree.with_fields(
                {"arms": tree.fields["arms"].with_fields({name: whole})}
            )
    return tree


def _expanded(
    node: Node, name: str, base: str, sources: Sources, found: Diagnostics
) -> Node:
    """The list with the rows of its tables, each named once."""
    if not any("table" in item.fields for item in node.items):
        return node
    rows: list[Node] = []
    seen: dict[str, int] = {}
    for item in node.items:
        table = item.get("table")
        key = sources.name_of(table.value, base) if table else ""
        if table is None:
            rows.append(item)
        elif key in seen:
            why = f"`{shown(table.text)}` already given at line {seen[key]}"
            found.add(table, f"{name}[].table", "E015", why, "remove one")
        else:
            seen[key] = table.mark.line
            rows += read_table(item, name, sources, base, found)
    return node.with_value(rows)


# --- options ----------------------------------------------------------------------------------------


def option_changes(
    settings: Sequence[str], theory: str | None, found: Diagnostics
) -> list[ValueChange]:
    """Changes from `--set key.path=value` texts and `--theory`."""
    mark = Mark("--theory", 1, 1)
    changes = (
        []
        if theory is None
        else [ValueChange("theory.preset", from_plain(theory, mark), mark)]
    )
    seen: dict[str, int] = {}
    for at, text in enumerate(settings):
        path, equals, value = text.partition("=")
        path, label = path.strip(), f"--set[{at}]"
        key = Mark(label, 1, 1)
        if not equals or not path:
            why = f"expected key.path=value, got `{shown(text)}`"
            found.add(key, shown(path), "E101", why, "e.g. parameters.beta=0.2")
        elif path in seen:
            why = f"`{shown(path)}` already set by --set[{seen[path]}]"
            found.add(key, shown(path), "E014", why, "give it once")
        else:
            seen[path] = at
            node = _option_value(value, label, len(text) - len(value) + 1, found)
            changes.append(ValueChange(path, node, key))
    return changes


def _option_value(text: str, label: str, column: int, found: Diagnostics) -> Node:
    node, moved = from_plain(None, Mark(label, 1, 1)), Mark(label, 1, column)
    problems: Sequence[Diagnostic] = ()
    try:
        if text.strip():
            node, problems = read_document(text, label)
    except ScenarioError as error:
        node, problems = node.with_value(REFUSED), error.problems
    found += problems
    return (
        node
        if isinstance(node.value, dict | list)
        else replace(node, mark=moved, key=moved)
    )

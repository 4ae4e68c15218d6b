"""The one setter: values at key paths of a scenario, for `--set`, the `set` of arms,
points of experiments, draws of parameters and `with_values`.

A value is read and validated as its file's would be, by the same functions, with the
piece that it belongs to; all else of the scenario is shared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

from balance_sim.scenario.actors import code_of
from balance_sim.scenario.defaults import presets, weights_under
from balance_sim.scenario.diagnostics import (
    Diagnostics,
    Mark,
    did_you_mean,
    listed,
    shown,
)
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.layout import (
    FROM_FILES,
    NAMES,
    OF_THE_CLOCKS,
    OF_THE_COUNT,
    PARTS,
    SECTIONS,
)
from balance_sim.scenario.nodes import REFUSED, Node, from_plain
from balance_sim.scenario.reading import ValueChange, names_in, read_part
from balance_sim.scenario.schema import Scenario, Theory, sorted_rows
from balance_sim.scenario.validation import read_piece

SETTABLE = {*PARTS} - {*FROM_FILES}
OPEN = ("weights", "attention", "positions", "set", "players", "policies")
"""Mappings that take other keys than those they have."""
PRESET = "theory.preset"
_ROW_TYPES = frozenset(SECTIONS.values())


class NoSuchPath(LookupError):
    """A key path that leads nowhere; the text says which part."""


def changes_in(settings: Node, within: str = "") -> list[ValueChange]:
    """The changes of a mapping of key paths to values. within: of the mapping, for
    messages."""
    return [
        ValueChange(path, child, child.at, f"{within}.{shown(path)}" if within else "")
        for path, child in settings.fields.items()
    ]


class Editor:
    """Changes a scenario value by value.

    Attributes
    ----------
    scenario : Scenario
        As it is by now; its sha256 is the old one.
    problems : Diagnostics
        Why values were refused.
    parts : set of str
        Parts of the scenario that were changed.
    arms : dict of str to Node
        Arms that were changed.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.problems = Diagnostics()
        self.parts: set[str] = set()
        self.arms: dict[str, Node] = {}

    def apply(
        self, changes: Iterable[ValueChange], fixed: Collection[str] = NAMES
    ) -> None:
        """Make every change, in the order of their paths; a theory before its weights.

        Parameters
        ----------
        changes : iterable of ValueChange
            That are made; what is refused goes to `problems`.
        fixed : collection of str
            First parts of paths that cannot be set here, and patterns of paths.
        """
        order = sorted(changes, key=lambda change: (change.path != PRESET, change.path))
        for head, group in groupby(order, lambda change: change.path.split(".")[0]):
            allowed = []
            for change in group:
                if head in fixed or _is_like(change.path, fixed):
                    self._refuse_fixed(change)
                elif head in SETTABLE:
                    allowed.append(change)
                else:
                    self.refuse(change, f"unknown key `{head}`")
            if allowed:
                self.parts.add(head)
                set_values = self._set_rows if head in SECTIONS else self._set_part
                set_values(head, allowed)

    def _refuse_fixed(self, change: ValueChange) -> None:
        """Report a key path that leads to what cannot be set here."""
        why = "it cannot be set here"
        hint = "edit the file"
        in_scenario = f"give `{change.path}` to the scenario: in its file, or by --set"
        if change.path in OF_THE_COUNT:
            why = "it says which dyads count, in all arms and at all points alike"
            hint = in_scenario
        elif _is_like(change.path, OF_THE_CLOCKS):
            why = "all arms are paired by the same clocks of talks"
            hint = in_scenario
        self.problems.add(change.key, change.label or change.path, "E110", why, hint)

    def refuse(self, change: ValueChange, why: object) -> None:
        """Report a key path that leads nowhere."""
        hint = path_meant(self.scenario, change.path)
        label = change.label or change.path
        self.problems.add(change.key, label, "E101", shown(why, 120), hint)

    def put(self, node: Node, steps: Sequence[str], change: ValueChange) -> Node | None:
        """The node with a value changed below it; None where the steps lead nowhere,
        which is reported."""
        try:
            return _put(node, steps, change.node)
        except NoSuchPath as error:
            self.refuse(change, error)
        return None

    def _set_part(self, head: str, changes: Sequence[ValueChange]) -> None:
        """Values at the top or in a part that is no section; another theory at
        first."""
        mark, part = changes[0].key, getattr(self.scenario, head)
        if head == "audiences" and "rest" in part:  # those that no other names
            empty = part["rest"].model_copy(update={"members": ()})
            part = {**part, "rest": empty}
        if changes[0].path == PRESET:
            part, *changes = _other_preset(part, changes[0].node), *changes[1:]
        tree = from_plain({head: part}, mark)
        for change in changes:  # of an arm the key path in its `set` is one step
            steps = change.path.split(".", 3 if head == "arms" else -1)
            tree = self.put(tree, steps, change) or tree
        read = read_part(head, tree, names_in(self.scenario), self.problems)
        self.scenario = self.scenario.model_copy(update=read)
        if head == "arms":
            names = {change.path.split(".")[1] for change in changes}
            nodes = tree.fields[head].fields
            self.arms = {name: nodes[name] for name in names & {*nodes}}

    def _set_rows(self, section: str, changes: Sequence[ValueChange]) -> None:
        """Values in rows of a section."""
        model, names = SECTIONS[section], names_in(self.scenario)
        rows = {row.key: row for row in getattr(self.scenario, section)}
        sorted_by, is_sorted = model.ORDER or model.KEYS, True
        for change in changes:
            _, key, name = [*canonical_path(change.path).split(".", 2), "", ""][:3]
            if key not in rows or name in model.KEYS:
                self.refuse(change, f"`{section}` has no value at `{key}.{name}`")
                continue
            row = rows[key]
            node = self.put(from_plain(row, change.key), [name], change)
            if node is not None:
                read = read_piece(model, node, row.path, self.problems, names=names)
                rows[key] = read or row
                is_sorted &= name not in sorted_by
        ordered = tuple(rows.values())
        ordered = ordered if is_sorted else sorted_rows(ordered)
        self.scenario = self.scenario.model_copy(update={section: ordered})


def _other_preset(theory: Theory, preset: Node) -> Node:
    """What the file says of its theory under another preset. What the scenario says
    itself stays where the new one says nothing."""
    if preset.value is None:  # the theory `null`
        preset = preset.with_value(preset.text)
    below, named = weights_under(theory.preset), presets().get(str(preset.value), {})
    weights = {
        term: weight
        for term, weight in theory.weights.items()
        if weight != below.get(term) and term not in named.get("weights", {})
    }
    return from_plain({**named, "preset": preset, "weights": weights}, preset.mark)


# --- key paths ------------------------------------------------------------------------


def _put(node: Node, steps: Sequence[str], value: Node, above: str = "") -> Node:
    """The node with another value at the end of some steps. above: the step to it."""
    step, *steps_below = steps or [""]
    is_new = above in OPEN and not steps_below
    child = node.get(step)
    if step == "" or (child is None and not is_new):
        raise NoSuchPath(f"unknown key `{step}`" if step else "a name is missing")
    if child is None or not steps_below:
        if child is not None and isinstance(child.value, dict) and step not in OPEN:
            raise NoSuchPath(f"`{step}` is no single value")
        return node.with_fields({step: value})
    return node.with_fields({step: _put(child, steps_below, value, step)})


def _is_like(path: str, patterns: Collection[str]) -> bool:
    """Whether a key path is one of some, or fits a pattern such as
    `kinds.*.ceiling`."""
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def check_path(scenario: Scenario, path: str, mark: Mark) -> Diagnostics:
    """What is wrong with a key path as such; nothing where points of a study may differ
    in its value."""
    editor, nothing = Editor(scenario), Node(REFUSED, mark)
    editor.apply([ValueChange(path, nothing, mark)], (*NAMES, *OF_THE_COUNT))
    return editor.problems


def canonical_path(path: str) -> str:
    """One spelling for all key paths to a value: undirected dyads sorted."""
    head, *steps = path.split(".")
    model = SECTIONS.get(head)
    if model is None or len(model.KEYS) == 1 or not steps:
        return path
    words = dict(zip(model.KEYS, steps[0].split("-"), strict=False))
    return ".".join([head, model.key_of(words.get) or steps[0], *steps[1:]])


def value_at(scenario: Scenario, path: str) -> Any:
    """The present value at a key path.

    Parameters
    ----------
    scenario : Scenario
    path : str
        As `events.parade.visibility`.

    Returns
    -------
    float, str, date, bool, tuple or None
        As the models hold it.

    Raises
    ------
    LookupError
        Where there is none.

    Examples
    --------
    >>> from balance_sim.scenario import load_scenario
    >>> scenario = load_scenario("scenarios/beijing_2025.yaml")
    >>> value_at(scenario, "events.parade.visibility")
    1.0
    """
    value: Any = scenario
    steps = canonical_path(path).split(".")
    for place, step in enumerate(steps):
        children = _children(value)
        path_below = ".".join(steps[place:])
        if path_below in children:  # a key path in an arm's `set`
            return children[path_below]
        if step not in children:
            raise LookupError(f"nothing at `{path}`")
        value = children[step]
    return value


def _children(value: Any) -> Mapping[str, Any]:
    """What lies below a value, by the names of key paths."""
    if isinstance(value, Strict):
        return value.__dict__
    if isinstance(value, tuple):
        return {row.key: row for row in value if type(row) in _ROW_TYPES}
    return value if isinstance(value, Mapping) else {}


def _paths(value: Any, path: str) -> Iterator[str]:
    """Every key path below a value."""
    children = _children(value)
    for name, child in children.items():
        yield from _paths(child, f"{path}.{name}")
    if not children:
        yield path


def _with_codes(scenario: Scenario, path: str) -> str:
    """The path with codes in place of the names of states that name a row."""
    head, *rest = path.split(".")
    if head not in SECTIONS or not rest:
        return path
    if head != "states" and len(SECTIONS[head].KEYS) != 2:  # it goes by ids
        return path
    names = {state.name: state.id for state in scenario.states if state.name}
    whole = code_of(rest[0], names)
    if head == "states":
        key = whole or rest[0]
    else:
        words = rest[0].split("-")
        codes = [code_of(word, names) or word for word in words]
        key = "-".join(codes if SECTIONS[head].IS_DIRECTED else sorted(codes))
    return ".".join([head, key, *rest[1:]])


def path_meant(scenario: Scenario, path: str) -> str:
    """For a path that leads nowhere the one that was meant: it is misspelt, or its
    front is missing."""
    paths = [
        key_path
        for head in sorted(SETTABLE)
        for key_path in _paths(getattr(scenario, head), head)
        if ".add." not in key_path and key_path != path
    ]
    path = _with_codes(scenario, path)
    if path in paths:
        return f"did you mean `{path}`?"
    head, key, *_ = [*path.split("."), ""]
    if head == "states" and code_of(key) == key and key not in scenario.codes:
        return f"`{key}` is none of the states here: {listed(scenario.codes)}"
    matches = [key_path for key_path in paths if key_path.endswith(f".{path}")]
    matches.sort(key=lambda match: f".{scenario.focal}." not in match)
    return did_you_mean([*matches, path][0], paths)

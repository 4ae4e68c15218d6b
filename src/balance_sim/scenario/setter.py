"""The one setter: values at key paths of a scenario, for `--set`, the `set` of arms,
points of experiments, draws of parameters and `with_values`.

A value is read and validated as its file's would be, by the same functions, with the
piece that it belongs to; all else of the scenario is shared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from balance_sim.scenario.defaults import presets, weights_under
from balance_sim.scenario.diagnostics import Diagnostics, Mark, did_you_mean, shown
from balance_sim.scenario.layout import FROM_FILES, NAMES, PARTS, SECTIONS
from balance_sim.scenario.nodes import REFUSED, Node, from_plain
from balance_sim.scenario.reading import ValueChange, names_in, read_part
from balance_sim.scenario.schema import Scenario, Strict, Theory
from balance_sim.scenario.validation import read_piece

MOST_SUGGESTED = 3
SETTABLE = {*PARTS} - {*FROM_FILES}
OPEN = ("weights", "attention", "positions", "set")
"""Mappings that take other keys than those they have."""
_PRESET = "theory.preset"


class NoSuchPath(LookupError):
    """A key path that leads nowhere; the text says which part."""


def changes_in(settings: Node, within: str = "") -> list[ValueChange]:
    """The changes of a mapping of key paths to values. within: of the mapping, for
    messages."""
    return [
        ValueChange(path, child, child.at, f"{within}.{shown(path)}" if within else "")
        for path, child in settings.fields.items()
    ]


@dataclass
class Editor:
    """Changes a scenario value by value.

    scenario : as it is by now; its sha256 is the old one
    problems : why values were refused
    changed : key paths without names of rows, as rules read them
    arms : nodes of arms that are changed
    """

    scenario: Scenario
    problems: Diagnostics = field(default_factory=Diagnostics)
    changed: set[str] = field(default_factory=set)
    arms: dict[str, Node] = field(default_factory=dict)

    def apply(
        self, changes: Iterable[ValueChange], fixed: Collection[str] = NAMES
    ) -> None:
        """Make every change, in the order of their paths; a theory before its weights.

        Parameters
        ----------
        changes : iterable of ValueChange
            That are made; what is refused goes to `problems`.
        fixed : collection of str
            First parts of paths that cannot be set here.
        """
        order = sorted(
            changes, key=lambda change: (change.path != _PRESET, change.path)
        )
        for head, group in groupby(order, lambda change: change.path.split(".")[0]):
            if head in fixed:
                for change in group:
                    label = change.label or change.path
                    why, hint = f"`{head}` cannot be set here", "set it in the file"
                    self.problems.add(change.key, label, "E110", why, hint)
            elif head in SECTIONS:
                self._set_rows(head, group)
            elif head in SETTABLE:
                self._set_part(head, [*group])
            else:
                for change in group:
                    self.refuse(change, f"unknown key `{head}`")

    def refuse(self, change: ValueChange, why: object) -> None:
        """Report a key path that leads nowhere."""
        hint, label = (
            path_meant(self.scenario, change.path),
            change.label or change.path,
        )
        self.problems.add(change.key, label, "E101", shown(why, 120), hint)

    def put(self, node: Node, change: ValueChange, depth: int) -> Node:
        """The node of what a change belongs to, with its value; as it was where the
        path leads nowhere. depth: of the node in the path."""
        steps = change.path.split(".")
        if steps[0] == "arms":
            steps[3:] = [".".join(steps[3:])] if steps[3:] else []
        self.changed.add(without_row(change.path))
        try:
            return _put(node, steps[depth:], change.node)
        except NoSuchPath as error:
            self.refuse(change, error)
        return node

    def _set_rows(self, section: str, changes: Iterable[ValueChange]) -> None:
        """Values in rows of a section."""
        layout, names = SECTIONS[section], names_in(self.scenario)
        rows = list(getattr(self.scenario, section))
        places = {layout.name_of(row): place for place, row in enumerate(rows)}
        for change in changes:
            _, name, field_name = [*canonical_path(change.path).split(".", 2), "", ""][
                :3
            ]
            if name not in places or field_name in layout.keys:
                self.refuse(
                    change, f"`{section}` has no value at `{name}.{field_name}`"
                )
                continue
            problem_count = len(self.problems)
            place = places[name]
            node = self.put(from_plain(rows[place]), change, depth=2)
            if len(self.problems) == problem_count:
                path, model = f"{section}.{name}", layout.model
                row = read_piece(model, node, path, self.problems, names=names)
                rows[place] = row or rows[place]
        is_moved = not self.changed.isdisjoint(
            f"{section}.{name}" for name in layout.order
        )
        update = {section: layout.sorted(rows) if is_moved else tuple(rows)}
        self.scenario = self.scenario.model_copy(update=update)

    def _set_part(self, head: str, changes: Sequence[ValueChange]) -> None:
        """Values at the top, or in one of its parts; another theory at first."""
        mark, part = changes[0].node.mark, getattr(self.scenario, head)
        if changes[0].path == _PRESET:
            node = _other_preset(self.scenario.theory, changes[0].node)
            self._read(head, Node({head: node}, mark))
            self.changed.add(head)
            changes, part = changes[1:], self.scenario.theory
        if head == "audiences" and "rest" in part:  # those that no other names
            empty = part["rest"].model_copy(update={"members": ()})
            part = {**part, "rest": empty}
        tree = from_plain({head: part})
        for change in changes:
            tree = self.put(tree, change, depth=0)
        if changes:
            self._read(head, tree)
        if head == "arms":
            names = {change.path.split(".")[1] for change in changes}
            nodes = tree.fields[head].fields
            self.arms = {name: nodes[name] for name in names & {*nodes}}

    def _read(self, head: str, tree: Node) -> None:
        """Take a part again, unless it is refused."""
        part = read_part(head, tree, names_in(self.scenario), self.problems)
        self.scenario = self.scenario.model_copy(update=part)


def without_row(path: str) -> str:
    """A key path as rules read it: `events.date` of `events.parade.date`."""
    head, _, steps = path.partition(".")
    return f"{head}.{steps.rpartition('.')[2]}" if head in SECTIONS else head


def _other_preset(theory: Theory, preset: Node) -> Node:
    """What the file says of its theory under another preset. What the scenario says
    itself stays where the new one says nothing."""
    if preset.value is None:  # the theory `null`
        preset = preset.with_value(preset.text)
    chosen, below = presets().get(str(preset.value)), weights_under(theory.preset)
    weights = {
        term: weight
        for term, weight in theory.weights.items()
        if weight != below.get(term) and (chosen is None or term not in chosen.weights)
    }
    return Node({"preset": preset, "weights": from_plain(weights)}, preset.mark)


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


def check_path(scenario: Scenario, path: str, mark: Mark) -> Diagnostics:
    """What is wrong with a key path as such; nothing where a value can be set."""
    editor = Editor(scenario)
    editor.apply([ValueChange(path, Node(REFUSED, mark), mark)])
    return editor.problems


def canonical_path(path: str) -> str:
    """One spelling for all key paths to a value: undirected dyads sorted."""
    head, *steps = path.split(".")
    section = SECTIONS.get(head)
    if section is None or len(section.keys) == 1 or not steps:
        return path
    return ".".join([head, section.name(steps[0].split("-")), *steps[1:]])


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
    layouts = [
        section
        for section in SECTIONS.values()
        if isinstance(value, tuple) and value and type(value[0]) is section.model
    ]
    if layouts:
        return {layouts[0].name_of(row): row for row in value}
    return value if isinstance(value, Mapping) else {}


def _paths(value: Any, path: str) -> Iterator[str]:
    """Every key path below a value."""
    children = _children(value)
    for name, child in children.items():
        yield from _paths(child, f"{path}.{name}")
    if not children:
        yield path


def path_meant(scenario: Scenario, path: str) -> str:
    """For a path that leads nowhere the paths that were meant: it is misspelt, or its
    front is missing."""
    paths = [
        key_path
        for head in sorted(SETTABLE)
        for key_path in _paths(getattr(scenario, head), head)
        if ".add." not in key_path and key_path != path
    ]
    matches = [key_path for key_path in paths if key_path.endswith(f".{path}")]
    matches.sort(key=lambda match: f".{scenario.focal}." not in match)
    if not matches:
        return did_you_mean(path, paths)
    several = [f"`{match}`" for match in matches[:MOST_SUGGESTED]]
    return f"did you mean {' or '.join(several)}?"

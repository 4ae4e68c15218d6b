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
                hint = "set it in the file"
                self.refuse(group, "E110", f"`{head}` cannot be set here", hint)
            elif head not in SETTABLE:
                for change in group:
                    hint = path_meant(self.scenario, change.path)
                    self.refuse([change], "E101", f"unknown key `{shown(head)}`", hint)
            elif head in SECTIONS:
                self._set_rows(head, group)
            else:
                self._set_part(head, [*group])

    def refuse(
        self, changes: Iterable[ValueChange], code: str, why: str, hint: str
    ) -> None:
        """Report that changes cannot be made."""
        for change in changes:
            self.problems.add(change.key, change.label or change.path, code, why, hint)

    def put(self, node: Node, change: ValueChange, depth: int = 1) -> Node:
        """The node of what a change belongs to, with its value; as it was where the
        path leads nowhere. depth: of the node in the path."""
        steps = change.path.split(".")
        if steps[0] == "arms":
            steps[3:] = [".".join(steps[3:])] if steps[3:] else []
        self.changed.add(without_row(change.path))
        try:
            return _put(node, steps[depth:], change.node)
        except NoSuchPath as error:
            hint = path_meant(self.scenario, change.path)
            self.refuse([change], "E101", shown(error, 120), hint)
        return node

    def _set_rows(self, section: str, changes: Iterable[ValueChange]) -> None:
        """Values in rows of a section."""
        layout, rows = SECTIONS[section], list(getattr(self.scenario, section))
        places = {layout.name_of(row): place for place, row in enumerate(rows)}
        names = names_in(self.scenario)
        for change in changes:
            parts = change.path.split(".")
            words = parts[1].split("-") if len(layout.keys) > 1 else parts[1:2]
            place = places.get(layout.name(words) if len(parts) > 1 else "")
            if place is None or parts[-1] in layout.keys:
                why = f"`{section}` has no value at `{'.'.join(parts[1:])}`"
                hint = path_meant(self.scenario, change.path)
                self.refuse([change], "E101", shown(why, 120), hint)
                continue
            count = len(self.problems)
            node = self.put(from_plain(rows[place]), change, depth=2)
            if len(self.problems) == count:
                path, model = f"{section}.{parts[1]}", layout.model
                row = read_piece(model, node, path, self.problems, names=names)
                rows[place] = row or rows[place]
        update = {section: layout.sorted(rows)}
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
            rest = part["rest"].model_copy(update={"members": ()})
            part = {**part, "rest": rest}
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
    step, *rest = steps or [""]
    is_new = above in OPEN and not rest
    child = node.get(step)
    if step == "" or (child is None and not is_new):
        raise NoSuchPath(f"unknown key `{step}`" if step else "a name is missing")
    if child is None or not rest:
        if child is not None and isinstance(child.value, dict) and step not in OPEN:
            raise NoSuchPath(f"`{step}` is no single value")
        return node.with_fields({step: value})
    return node.with_fields({step: _put(child, rest, value, step)})


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
        rest = ".".join(steps[place:])
        if rest in children:  # a key path in an arm's `set`
            return children[rest]
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
        known
        for head in sorted(SETTABLE)
        for known in _paths(getattr(scenario, head), head)
    ]
    matches = [known for known in paths if known.endswith(f".{path}")]
    matches.sort(key=lambda known: f".{scenario.focal}." not in known)
    if not matches:
        return did_you_mean(path, paths)
    several = [f"`{match}`" for match in matches[:MOST_SUGGESTED]]
    return f"did you mean {' or '.join(several)}?"

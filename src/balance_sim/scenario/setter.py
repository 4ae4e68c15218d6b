"""The one setter: values at key paths of a scenario, for `--set`, the `set` of arms,
points of experiments, draws of parameters and `with_values`.

A value is read and validated as its file's would be, by the same functions, with the
piece that it belongs to; all else of the scenario is shared."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from balance_sim.scenario.actors import Names
from balance_sim.scenario.defaults import (
    REPLACED_TERMS,
    is_term,
    presets,
    weights_under,
)
from balance_sim.scenario.diagnostics import (
    Diagnostics,
    Mark,
    closest,
    did_you_mean,
    listed,
    shown,
)
from balance_sim.scenario.layout import (
    FROM_FILES,
    PLAIN,
    SECTIONS,
    SETTABLE,
    TABLES_OF,
    TOP,
    homes,
)
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, plain
from balance_sim.scenario.reading import (
    ValueChange,
    names_in,
    read_audiences,
    read_theory,
    tidy,
)
from balance_sim.scenario.rows import read_row
from balance_sim.scenario.schema import (
    TERMS,
    Audience,
    Scenario,
    ScenarioHead,
    SectionRow,
    Strict,
    Theory,
)
from balance_sim.scenario.validation import read_piece

MOST_SUGGESTED = 3
NAMES_OF_FILES = ("groups", "outside")
"""What a file's rows are read with: it is changed in the file, or by --set."""
TRANSLATED = (
    "a",
    "b",
    "patrons",
    "principals",
    "guests",
    "targets",
    "host",
    "kind",
    "status",
    "sign",
    "state",
)
"""Fields of rows that are read with the names of the scenario."""


class NoSuchPath(LookupError):
    """A key path that leads nowhere; the text says which part. options: names that the
    part could be."""

    def __init__(self, part: str, options: Iterable[str], why: str = "") -> None:
        self.part, self.options = part, tuple(options)
        super().__init__(why or f"unknown key `{part}`")


def changes_in(settings: Node, within: str = "") -> list[ValueChange]:
    """The changes of a mapping of key paths to values. within: of the mapping, for
    messages."""
    return [
        ValueChange(path, child, child.at, f"{within}.{shown(path)}" if within else "")
        for path, child in settings.fields.items()
    ]


@dataclass(slots=True)
class Rows:
    """Rows of a section while they are changed; places: of each, by its name."""

    rows: list[Any]
    places: dict[str, int]
    is_moved: bool = False


@dataclass
class Editor:
    """Changes a scenario value by value.

    problems : why values were refused
    changed : key paths without names of rows, as rules read them
    arms : nodes of arms as they are written; those that are changed are to be read
        again
    """

    scenario: Scenario
    problems: Diagnostics = field(default_factory=Diagnostics)
    changed: set[str] = field(default_factory=set)
    arms: dict[str, Node] = field(default_factory=dict)
    pieces: dict[str, Any] = field(default_factory=dict)
    sections: dict[str, Rows] = field(default_factory=dict)

    @cached_property
    def names(self) -> Names:
        """What rows may refer to."""
        return names_in(self.scenario)

    def apply(
        self, changes: Iterable[ValueChange], fixed: Collection[str] = NAMES_OF_FILES
    ) -> None:
        """Make every change, in the order of their paths; a theory before its weights.

        fixed: first parts of paths that cannot be set here."""
        order = sorted(
            changes, key=lambda change: (change.path != "theory.preset", change.path)
        )
        for change in order:
            label, head = change.label or change.path, change.path.partition(".")[0]
            if head in fixed:
                why = f"`{head}` cannot be set here"
                hint = "set it in the file, or with --set"
                self.problems.add(change.key, label, "E110", why, hint)
                continue
            try:
                self._set(change)
            except NoSuchPath as error:
                hint = path_meant(self.scenario, change.path, error)
                why = shown(error, 120)
                self.problems.add(change.key, label, "E101", why, hint)

    def result(self) -> Scenario:
        """The scenario with the changes; its sha256 is the old one."""
        update = dict(self.pieces)
        for section, table in self.sections.items():
            rows: tuple[Any, ...] = tuple(table.rows)
            update[section] = SECTIONS[section].sorted(rows) if table.is_moved else rows
        return self.scenario.model_copy(update=update) if update else self.scenario

    def piece(self, name: str) -> Any:
        """A field of the scenario as it is by now."""
        return self.pieces.get(name, getattr(self.scenario, name))

    def _set(self, change: ValueChange) -> None:
        """One change. Raises NoSuchPath."""
        head, *steps = change.path.split(".")
        node = change.node
        if head in SECTIONS:
            self._set_in_row(head, steps, node)
        elif head in PLAIN:
            _refuse_rest(steps)
            values = {name: self.piece(name) for name in ScenarioHead.model_fields}
            changed_head = self._validated(ScenarioHead, values, head, node, "")
            self._keep(head, getattr(changed_head, head, None), head)
        elif head == "theory":
            self._keep(head, self._theory(steps, node), head)
        elif head in SETTABLE:
            name = _only(steps, SETTABLE[head].model_fields, head)
            values = self.piece(head).__dict__
            piece = self._validated(SETTABLE[head], values, name, node, head)
            self._keep(head, None if piece is None else tidy(piece), head)
        elif head == "audiences":
            self._keep(head, self._audiences(steps, node), head)
        elif head == "arms":
            self._set_in_arm(steps, node)
        elif head in TABLES_OF:
            self._keep(head, self._kinds(head, steps, node), head)
        elif head in ("schema", "extends", "name", *FROM_FILES):
            raise NoSuchPath(head, (), f"`{head}` cannot be set")
        else:
            raise NoSuchPath(head, TOP)

    def _keep(self, name: str, value: Any, changed: str) -> None:
        """Take a piece, unless it was refused."""
        self.changed.add(changed)
        if value is not None or name == "base_rate":
            self.pieces[name] = value

    def _validated[Model: Strict](
        self,
        model: type[Model],
        values: Mapping[str, Any],
        name: str,
        node: Node,
        path: str,
    ) -> Model | None:
        """A model of its values, of which one is new; None if it is refused."""
        if node.value is REFUSED:
            return None
        try:
            return model.model_validate({**values, name: plain(node)})
        except ValidationError:
            fields = {key: from_plain(value) for key, value in values.items()}
            model_node = Node({**fields, name: node}, node.mark)
            return read_piece(model, model_node, path, self.problems)

    # rows

    def rows(self, section: str) -> Rows:
        """Rows of a section while they are changed."""
        if section not in self.sections:
            rows = list(getattr(self.scenario, section))
            name_of = SECTIONS[section].name_of
            places = {name_of(row): place for place, row in enumerate(rows)}
            self.sections[section] = Rows(rows, places)
        return self.sections[section]

    def _set_in_row(self, head: str, rest: Sequence[str], node: Node) -> None:
        table = self.rows(head)
        place, name = _place_of(head, table.places, rest)
        row = self._row(head, table.rows[place], name, node, f"{head}.{rest[0]}")
        self.changed.add(f"{head}.{name}")
        if row is not None:
            table.rows[place] = row
            table.is_moved = table.is_moved or name in SECTIONS[head].order

    def _row(
        self, section: str, row: SectionRow, name: str, node: Node, path: str
    ) -> SectionRow | None:
        """A row with another value in one field."""
        if name not in TRANSLATED:
            return self._validated(type(row), row.__dict__, name, node, path)
        fields = {
            key: from_plain(value)
            for key, value in row.__dict__.items()
            if value is not None
        }
        row_node = Node({**fields, name: node}, node.mark)
        new: SectionRow | None = read_row(
            section, row_node, path, self.names, self.problems
        )
        return new

    # theory, kinds, audiences, arms

    def _theory(self, rest: Sequence[str], node: Node) -> Theory | None:
        theory: Theory = self.piece("theory")
        if rest == ["preset"]:
            return self._other_preset(theory, node)
        if rest[:1] == ["weights"]:
            term = rest[1] if len(rest) > 1 else ""
            if term in REPLACED_TERMS:
                new_term, why, _ = REPLACED_TERMS[term]
                raise NoSuchPath(new_term, (new_term,), why)
            options = [*TERMS, term] if is_term(term) else TERMS
            name = _only(rest[1:], options, "theory.weights")
            weights = _with_child(theory.weights, name, node)
            values = theory.__dict__
            new = self._validated(Theory, values, "weights", weights, "theory")
            return None if new is None else tidy(new)
        name = _only(rest, Theory.model_fields, "theory")
        fields = {key: from_plain(value) for key, value in theory.__dict__.items()}
        return read_theory(Node({**fields, name: node}, node.mark), self.problems)

    def _other_preset(self, theory: Theory, node: Node) -> Theory | None:
        """Another theory. What the scenario says itself stays where the new one says
        nothing."""
        below = weights_under(theory.preset)
        own_weights = {
            term: weight
            for term, weight in theory.weights.items()
            if weight != below.get(term)
        }
        name = node.value if node.value is not None else node.text
        preset = presets().get(str(name))
        kept_weights = {
            term: weight
            for term, weight in own_weights.items()
            if preset is None or term not in preset.weights
        }
        theory_node = Node(
            {"preset": node, "weights": from_plain(kept_weights)}, node.mark
        )
        return read_theory(theory_node, self.problems)

    def _kinds(
        self, head: str, rest: Sequence[str], node: Node
    ) -> dict[str, Any] | None:
        kinds = self.piece(head)
        kind = _first(rest, kinds, head)
        model, path = TABLES_OF[head], f"{head}.{kind}"
        name = _only(rest[1:], model.model_fields, path)
        piece = self._validated(model, kinds[kind].__dict__, name, node, path)
        return None if piece is None else {**kinds, kind: piece}

    def _audiences(self, rest: Sequence[str], node: Node) -> dict[str, Any] | None:
        audiences: dict[str, Audience] = self.piece("audiences")
        name = _first(rest, audiences, "audiences")
        path, audience = f"audiences.{name}", audiences[name]
        if rest[1:2] == ["attention"] and len(rest) > 2:
            kinds = (*self.piece("event_kinds"), "default")
            kind = _only(rest[2:], kinds, f"{path}.attention")
            node = _with_child(audience.attention, kind, node)
            values = audience.__dict__
            piece = self._validated(Audience, values, "attention", node, path)
            return None if piece is None else {**audiences, name: tidy(piece)}
        _only(rest[1:], ("members",), path)
        dumped: dict[str, dict[str, Any]] = {
            key: dict(piece.__dict__) for key, piece in audiences.items()
        }
        if "rest" in dumped:
            dumped["rest"]["members"] = ()  # those that no other names
        dumped[name]["members"] = node
        return read_audiences(from_plain(dumped), self.names, self.problems)

    def _set_in_arm(self, rest: Sequence[str], node: Node) -> None:
        arms = self.scenario.arms
        name = _first(rest, arms, "arms")
        path = f"arms.{name}"
        arm = self.arms.get(name) or from_plain(arms[name].model_dump())
        self.changed.add(path)
        if rest[1:2] == ["set"] and len(rest) > 2:
            settings = arm.below("set").with_fields({".".join(rest[2:]): node})
            self.arms[name] = arm.with_fields({"set": settings})
        elif rest[1:2] == ["add"] and len(rest) > 2:
            events = list(arm.below("add").items)
            places = {str(row.value_of("id")): k for k, row in enumerate(events)}
            place, field_name = _place_of("events", places, rest[2:])
            events[place] = events[place].with_fields({field_name: node})
            added = arm.below("add").with_value(events)
            self.arms[name] = arm.with_fields({"add": added})
        else:
            key = _only(rest[1:], ("title", "reference", "drop", "set"), path)
            self.arms[name] = arm.with_fields({key: node})


def _with_child(values: Mapping[str, Any], name: str, node: Node) -> Node:
    """A mapping of values with another one under a name."""
    fields = {key: Node(value, node.mark) for key, value in values.items()}
    return Node({**fields, name: node}, node.mark)


# --- key paths ------------------------------------------------------------------------


def _place_of(
    section: str, places: Mapping[str, int], rest: Sequence[str]
) -> tuple[int, str]:
    """The position of the row that a key path names, and the field."""
    layout, name = SECTIONS[section], rest[0] if rest else ""
    if name not in places and len(layout.keys) > 1:
        name = layout.name(name.split("-"))
    if name not in places:
        why = f"`{section}` has no `{name}`"
        if not name:
            why = f"`{section}` needs the name of an item, then a field"
        raise NoSuchPath(name, places, why)
    if rest[1:2] and rest[1] in layout.keys:
        why = f"`{rest[1]}` names the item and cannot be set"
        raise NoSuchPath(rest[1], (), why)
    fields = [key for key in layout.model.model_fields if key not in layout.keys]
    return places[name], _only(rest[1:], fields, f"{section}.{name}")


def _first(rest: Sequence[str], options: Collection[str], where: str) -> str:
    """The first part of the rest of a key path, one of the options."""
    part = rest[0] if rest else ""
    if part not in options:
        why = f"`{where}` has no `{part}`" if part else f"`{where}` needs a name"
        raise NoSuchPath(part, options, why)
    return part


def _only(rest: Sequence[str], options: Collection[str], where: str) -> str:
    """The one part that is left of a key path."""
    part = _first(rest, options, where)
    _refuse_rest(rest[1:])
    return part


def _refuse_rest(rest: Sequence[str]) -> None:
    if rest:
        why = f"nothing lies below: `{'.'.join(rest)}` is one part too many"
        raise NoSuchPath(rest[0], (), why)


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
    """The present value at a key path, as the models hold it. Raises LookupError where
    there is none.

    >>> from balance_sim.scenario import load_scenario
    >>> scenario = load_scenario("scenarios/beijing_2025.yaml")
    >>> value_at(scenario, "events.parade.visibility")
    1.0"""
    value: Any = scenario
    steps = path.split(".")
    while steps:
        step = steps.pop(0)
        if isinstance(value, Mapping) and step not in value and step != "set":
            step, steps = ".".join([step, *steps]), []  # a key path in an arm's `set`
        if isinstance(value, Mapping):
            value = value[step]
        elif isinstance(value, tuple):
            value = _row_named(value, step)
        elif isinstance(value, Strict) and step in type(value).model_fields:
            value = getattr(value, step)
        else:
            raise LookupError(f"nothing at `{path}`")
    return value


def _row_named(rows: tuple[Any, ...], name: str) -> Any:
    """The row of a section with that name."""
    for row in rows:
        sections = [part for part in SECTIONS.values() if type(row) is part.model]
        if not sections:
            break
        words = name.split("-") if len(sections[0].keys) > 1 else [name]
        if sections[0].name_of(row) == sections[0].name(words):
            return row
    raise LookupError(f"no item `{name}`")


def path_meant(scenario: Scenario, path: str, error: NoSuchPath) -> str:
    """For a path that leads nowhere the whole path that was meant, or the few: one part
    is misspelt, or the front of the path is missing."""
    near = closest(error.part, error.options, cutoff=0.75)
    if near is not None and near != error.part:
        matches = [path.replace(error.part, near, 1)]
    else:
        front, _, last = path[:200].rpartition(".")
        fields = {*homes(), *TERMS, *scenario.event_kinds}
        name = last if last in fields else closest(last, fields, cutoff=0.75)
        paths = [*_paths_to(scenario, name or "")]
        matches = [match for match in paths if f".{front}." in f".{match}" or not front]
        nearest = None if matches else closest(path, paths, cutoff=0.7)
        matches = [nearest] if nearest else matches
    if not matches or not error.options:
        return did_you_mean(error.part, error.options)
    several = listed((f"`{match}`" for match in matches), MOST_SUGGESTED)
    return f"did you mean {several.replace(', ', ' or ')}?"


def _paths_to(scenario: Scenario, name: str) -> Iterator[str]:
    """Every path to a field of that name, the focal event's first."""
    if name in PLAIN:
        yield name
    if name in TERMS:
        yield f"theory.weights.{name}"
    for head, model in SETTABLE.items():
        if name in model.model_fields:
            yield f"{head}.{name}"
    for head, section in SECTIONS.items():
        if name in section.model.model_fields and name not in section.keys:
            rows = [section.name_of(row) for row in getattr(scenario, head)]
            rows.sort(key=lambda row: row != scenario.focal)
            yield from (f"{head}.{row}.{name}" for row in rows)
    for head, table in TABLES_OF.items():
        if name in table.model_fields:
            yield from (f"{head}.{key}.{name}" for key in getattr(scenario, head))
    if name == "default" or name in scenario.event_kinds:
        yield from (f"audiences.{key}.attention.{name}" for key in scenario.audiences)

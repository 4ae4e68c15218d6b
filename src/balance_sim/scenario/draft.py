"""A file's tree read piece by piece, so that one refused piece does not hide what is wrong with others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from balance_sim.scenario.actors import Names, check_identifier, many_actors, read_names
from balance_sim.scenario.defaults import (
    DEFAULT_PRESET,
    default_tree,
    presets,
    weights_under,
)
from balance_sim.scenario.layout import OTHER_NAMES, REQUIRED, SECTIONS, TOP, row_path
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged
from balance_sim.scenario.problems import Problem, did_you_mean, listed, problem, shown
from balance_sim.scenario.refusals import kind_of, read_piece, unknown_key
from balance_sim.scenario.rows import Row, read_row
from balance_sim.scenario.schema import (
    REPLACED_TERMS,
    SCHEMA_VERSION,
    TERMS,
    AccordKind,
    Audience,
    Calibration,
    CapabilityWeights,
    Day,
    EventKind,
    Identifier,
    Parameters,
    Report,
    StepDays,
    Strict,
    Text,
    Theory,
)

MOST_REFUSED = 500
MOST_KINDS = 200
NEEDED = {
    "title": "some text",
    "start": "a date, YYYY-MM-DD",
    "end": "a date after `start`, YYYY-MM-DD",
    "focal": "the id of one of the events",
    "states": "a list of 2 to 400",
    "arms": "a mapping, one of them with `reference: true`",
}


class Head(Strict):
    """The single values at the top of a file."""

    title: Annotated[Text, Field(min_length=1)]
    question: Text = ""
    source: Text = ""
    notes: Text = ""
    start: Day
    end: Day
    step_days: StepDays
    focal: Identifier
    base_rate: Annotated[float, Field(gt=0.0, le=1e6)] | None = None


@dataclass(slots=True)
class Draft:
    """What could be read of a tree. Pieces that were refused are None, or missing from their section."""

    tree: Node
    names: Names
    head: Head | None
    rows: dict[str, list[Row]]
    capability: CapabilityWeights | None
    parameters: Parameters | None
    kinds: dict[str, AccordKind]
    event_kinds: dict[str, EventKind]
    audiences: dict[str, Audience]
    theory: Theory | None
    report: Report | None
    calibration: Calibration | None
    problems: list[Problem] = field(default_factory=list)


class Reader:
    """Reads trees that share most of their nodes, as the arms of a scenario do, each node once."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int, int, str], Row] = {}
        self._sections: dict[tuple[str, int, int], tuple[list[Row], list[Problem]]] = {}
        self._names: dict[Names, Names] = {}
        self._kept: list[Node] = []
        self._named: dict[tuple[str, int], dict[int, Row]] = {}  # by their nodes, which `row` keeps

    def draft(self, tree: Node) -> Draft:
        """Everything that `tree` says, and every problem with a single piece of it."""
        names, problems = read_names(tree)
        names = self._names.setdefault(names, names)
        problems += check_top(tree)
        rows = {name: self._section(name, tree, names, problems) for name in SECTIONS}
        base = default_tree()

        def piece(model: type[Strict], name: str) -> Any:
            given = tree.get(name)
            below = base.get(name)
            node = merged(below, given) if below and given else given or below
            return _gather(problems, read_piece(model, node, name)) if node else model()

        return Draft(
            tree=tree,
            names=names,
            head=_head(tree, problems),
            rows=rows,
            capability=piece(CapabilityWeights, "capability"),
            parameters=piece(Parameters, "parameters"),
            kinds=_kinds(tree, "kinds", AccordKind, problems),
            event_kinds=_kinds(tree, "event_kinds", EventKind, problems),
            audiences=read_audiences(tree, names, problems),
            theory=_theory(tree, problems),
            report=piece(Report, "report"),
            calibration=piece(Calibration, "calibration"),
            problems=problems,
        )

    def row(self, name: str, node: Node, path: str, names: Names) -> Row:
        """One row, read once for every tree that holds the same node."""
        key = (name, id(node), id(names), path)
        found = self._rows.get(key)
        if found is None:
            self._kept.append(node)
            found = self._rows[key] = read_row(name, node, path, names)
        return found

    def _section(self, name: str, tree: Node, names: Names, problems: list[Problem]) -> list[Row]:
        node = tree.get(name)
        if node is None or node.value is REFUSED:
            return []
        if not isinstance(node.value, list):
            hint = f"write `{name}:` and below it items that begin with `- `"
            code = "E207" if node.value is None else "E201"
            problems.append(problem(node.mark, name, code, f"expected a list, got {kind_of(node)}", "", hint))
            return []
        key = (name, id(node), id(names))
        if key not in self._sections:
            self._kept.append(node)
            self._sections[key] = self._read_section(name, node, names)
        rows, found = self._sections[key]
        problems += found
        return rows

    def _read_section(self, name: str, node: Node, names: Names) -> tuple[list[Row], list[Problem]]:
        problems: list[Problem] = []
        refused = 0
        known = self._named.setdefault((name, id(names)), {})
        rows = [known[id(item)] for item in node.items if id(item) in known]
        if len(rows) == len(node.items) <= SECTIONS[name].most and not any(row.problems for row in rows):
            return rows, []  # as in nearly all of many arms
        rows = []
        for at, item in enumerate(node.items):
            row = known.get(id(item))
            if row is None:
                path = row_path(name, item, at)
                row = self.row(name, item, path, names)
                if not path.endswith("]"):  # it has a name of its own, wherever it stands
                    known[id(item)] = row
            rows.append(row)
            if row.problems:
                problems.extend(row.problems)
                refused += 1
            if refused > MOST_REFUSED or at >= SECTIONS[name].most:
                what = f"{MOST_REFUSED} rows are refused" if refused > MOST_REFUSED else f"{at:,} rows"
                why = f"more than {what}; the rest of `{name}` was not read"
                problems.append(problem(item.mark, name, "E022", why))
                rows.append(Row(None, item.with_value(REFUSED), name))
                break
        return rows, problems


def _gather(problems: list[Problem], read: tuple[Any, list[Problem]]) -> Any:
    problems += read[1]
    return read[0]


def check_top(tree: Node) -> list[Problem]:
    """Keys of the top level: known, none missing, the schema one that this version reads."""
    problems = [
        unknown_key(child, "", key, TOP, "the top level")
        for key, child in tree.fields.items()
        if key not in TOP
    ]
    meant = {OTHER_NAMES.get(key) for key in tree.fields}
    for key in REQUIRED:
        if tree.get(key) is None and key not in meant:
            code, need = ("E108", "") if key == "schema" else ("E103", f" ({NEEDED[key]})")
            hint = f"write `schema: {SCHEMA_VERSION}`" if key == "schema" else ""
            problems.append(problem(tree.mark, key, code, f"`{key}` is required{need}", suggestion=hint))
    schema = tree.get("schema")
    if (
        schema
        and schema.value is not REFUSED
        and (schema.value != SCHEMA_VERSION or isinstance(schema.value, bool))
    ):
        why = f"got {kind_of(schema)}: this version reads {SCHEMA_VERSION}"
        hint = f"write `schema: {SCHEMA_VERSION}`"
        problems.append(problem(schema.mark, "schema", "E108", why, str(SCHEMA_VERSION), hint))
    return problems


def _head(tree: Node, problems: list[Problem]) -> Head | None:
    names = Head.model_fields
    given = {name: child for name, child in tree.fields.items() if name in names}
    given.setdefault("step_days", default_tree().fields["step_days"])
    head, found = read_piece(Head, tree.with_value(given), "")
    problems += [one for one in found if one.code != "E103"]
    return head


def _kinds[Kind: Strict](
    tree: Node, name: str, model: type[Kind], problems: list[Problem]
) -> dict[str, Kind]:
    base = default_tree().fields[name]
    given = tree.get(name)
    if given is None or given.value is REFUSED:
        given = Node({}, base.mark)
    if not isinstance(given.value, dict):
        problems.append(
            problem(given.mark, name, "E201", f"expected a mapping of kinds, got {kind_of(given)}")
        )
        given = Node({}, base.mark)
    if len(given.fields) > MOST_KINDS:
        why = f"{len(given.fields):,} kinds, more than {MOST_KINDS}"
        problems.append(problem(given.mark, name, "E022", why))
        given = Node({}, base.mark)
    kinds: dict[str, Kind] = {}
    for kind, node in merged(base, given).fields.items():
        path = f"{name}.{shown(kind)}"
        problems += check_identifier(kind, node, path)
        read = _gather(problems, read_piece(model, node, path))
        if read is not None:
            kinds[kind] = read
    return kinds


def read_audiences(tree: Node, names: Names, problems: list[Problem]) -> dict[str, Audience]:
    """Audiences, each state in exactly one; `rest` takes those that no other names."""
    given = tree.get("audiences")
    if given is not None and not isinstance(given.value, dict):
        if given.value is not REFUSED:
            problems.append(
                problem(given.mark, "audiences", "E201", f"expected a mapping, got {kind_of(given)}")
            )
        given = None
    audiences: dict[str, Audience] = {}
    taken: dict[str, tuple[str, Node]] = {}
    for name, written in (given.fields if given else {}).items():
        path = f"audiences.{shown(name)}"
        problems += check_identifier(name, written, path)
        members, changes = written.get("members"), {}
        if members is not None:
            members, found = many_actors(members, f"{path}.members", names, outside=False)
            problems += found
            changes["members"] = members
        problems += _check_attention(written.get("attention"), f"{path}.attention", names)
        read = _gather(
            problems, read_piece(Audience, written.with_fields(changes) if changes else written, path)
        )
        for item in members.items if members else ():
            code = str(item.value)
            if code in taken:
                why = f"`{code}` is in audience `{taken[code][0]}` already (line {taken[code][1].mark.line})"
                problems.append(
                    problem(item.mark, f"{path}.members", "E306", why, "each state in one audience")
                )
            taken.setdefault(code, (name, item))
        if read is not None:
            audiences[name] = read.model_copy(update={"attention": {"default": 1.0, **read.attention}})
    left = tuple(sorted(names.roster - set(taken)))
    if left:
        rest = audiences.get("rest") or Audience(attention={"default": 1.0})
        audiences["rest"] = rest.model_copy(update={"members": tuple(sorted({*rest.members, *left}))})
    return audiences


def _check_attention(node: Node | None, path: str, names: Names) -> list[Problem]:
    known = ["default", *names.event_kinds]
    return [
        problem(
            child.at,
            f"{path}.{shown(kind)}",
            "E211",
            f"unknown kind of event `{shown(kind)}`",
            listed(known, 30),
            did_you_mean(kind, known),
        )
        for kind, child in (node.fields if node else {}).items()
        if kind not in known
    ]


def _theory(tree: Node, problems: list[Problem]) -> Theory | None:
    given = tree.get("theory") or from_plain({})
    if given.value is REFUSED:
        return None
    if not isinstance(given.value, dict):
        hint = f"write preset: {given.text}" if given.text in presets() else ""
        problems.append(
            problem(given.mark, "theory", "E201", f"expected a mapping, got {kind_of(given)}", "", hint)
        )
        return None
    preset = given.get("preset") or from_plain(DEFAULT_PRESET)
    if preset.value is None and preset.text in presets():
        preset = preset.with_value(preset.text)
    if isinstance(preset.value, str) and preset.value not in presets():
        known = list(presets())
        why = f"unknown theory `{shown(preset.value)}`"
        problems.append(
            problem(
                preset.mark, "theory.preset", "E211", why, listed(known), did_you_mean(preset.value, known)
            )
        )
        preset = preset.with_value(REFUSED)
    weights = given.get("weights")
    for term, child in (weights.fields if weights else {}).items():
        if term in REPLACED_TERMS:
            _, why, hint = REPLACED_TERMS[term]
            problems.append(problem(child.at, f"theory.weights.{term}", "E104", why, suggestion=hint))
        elif term not in TERMS:
            problems.append(unknown_key(child, "theory.weights", term, TERMS, "theory.weights"))
    name = preset.value if isinstance(preset.value, str) else DEFAULT_PRESET
    equal = presets()[name].equal_hostility if name in presets() else None
    below = from_plain({"equal_hostility": equal, "weights": weights_under(name)})
    complete = merged(below, given).with_fields({"preset": preset})
    read: Theory | None = _gather(problems, read_piece(Theory, complete, "theory"))
    return read

"""What a scenario file is made of: its sections, the fields of each, and how a key path finds a value."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import annotated_types

from balance_sim.scenario.nodes import Node, descend
from balance_sim.scenario.problems import did_you_mean, shown
from balance_sim.scenario.schema import (
    REPLACED_TERMS,
    TERMS,
    Accord,
    AccordKind,
    Arm,
    Audience,
    Calibration,
    CapabilityWeights,
    Dispute,
    Distance,
    Event,
    EventKind,
    Frailty,
    NoRelations,
    Parameters,
    Provocation,
    Report,
    State,
    Strict,
    Theory,
    Trade,
)


@dataclass(frozen=True, slots=True)
class Section:
    """A list of at most `most` rows.

    `keys` name a row: its id, or its pair (in either order unless `directed`)."""

    model: type[Strict]
    most: int
    keys: tuple[str, ...] = ("id",)
    directed: bool = False


SECTIONS = {
    "states": Section(State, 400),
    "disputes": Section(Dispute, 20_000, ("a", "b")),
    "no_relations": Section(NoRelations, 20_000, ("a", "b", "kind")),
    "distances": Section(Distance, 50_000, ("a", "b")),
    "trade": Section(Trade, 50_000, ("state", "partner"), directed=True),
    "frailties": Section(Frailty, 80_000, ("a", "b")),
    "accords": Section(Accord, 20_000),
    "events": Section(Event, 5_000),
    "provocations": Section(Provocation, 1_000),
}
TABLES_OF: dict[str, type[Strict]] = {
    "kinds": AccordKind,
    "event_kinds": EventKind,
    "audiences": Audience,
    "arms": Arm,
}
SINGLES: dict[str, type[Strict]] = {
    "capability": CapabilityWeights,
    "parameters": Parameters,
    "theory": Theory,
    "report": Report,
    "calibration": Calibration,
}
TEXTS = ("title", "question", "source", "notes")
PLAIN = (*TEXTS, "start", "end", "step_days", "focal", "base_rate")
TOP = ("schema", "extends", *PLAIN, "outside", "groups", *SECTIONS, *TABLES_OF, *SINGLES)
REQUIRED = ("schema", "title", "start", "end", "focal", "states", "arms")
FIXED_IN_ARMS = (
    "schema",
    "extends",
    *PLAIN,
    "arms",
    "report",
    "outside",
    "groups",
    "calibration",
    "frailties",
)

OTHER_NAMES = {
    "schema_version": "schema",
    "version": "schema",
    "description": "question",
    "begin": "start",
    "horizon": "end",
    "finish": "end",
    "step": "step_days",
    "dt": "step_days",
    "participants": "principals",
    "actors": "principals",
    "target": "targets",
    "guest": "guests",
    "hosts": "host",
    "type": "kind",
    "event_type": "kind",
    "iso3": "id",
    "iso3_a": "a",
    "iso3_b": "b",
    "state_a": "a",
    "state_b": "b",
    "code": "id",
    "country": "id",
    "gdp": "gdp_bn",
    "gdp_usd_bn": "gdp_bn",
    "milex": "milex_bn",
    "population": "population_m",
    "lat": "latitude",
    "lon": "longitude",
    "capital_lat": "latitude",
    "capital_lon": "longitude",
    "ideal": "ideal_point",
    "libdem": "democracy",
    "signed_precision": "precision",
    "entry_into_force": "in_force",
    "agreements": "accords",
    "treaties": "accords",
    "countries": "states",
    "actors_outside": "outside",
    "half_life": "half_life_days",
    "baseline": "reference",
    "preset_name": "preset",
    "hash": "sha256",
    "file": "table",
    "delete": "drop",
    "remove": "drop",
}


def field_names(model: type[Strict]) -> list[str]:
    """Fields that a file may give."""
    return list(model.model_fields)


@cache
def homes() -> dict[str, tuple[str, ...]]:
    """Where each field belongs, by its name: for `visibility`, `events[]` and `provocations[]`."""
    found: dict[str, list[str]] = {name: ["the top level"] for name in TOP}
    places: list[tuple[str, type[Strict]]] = [
        (f"{name}[]", section.model) for name, section in SECTIONS.items()
    ]
    places += [(f"{name}.NAME", model) for name, model in TABLES_OF.items()]
    places += list(SINGLES.items())
    for place, model in places:
        for name in field_names(model):
            found.setdefault(name, []).append(place)
    return {name: tuple(where) for name, where in found.items()}


def row_key(section: Section, row: Node) -> str | None:
    """What names a row in a key path: `JPN`, `parade`, `CHN-JPN`; None if its keys are not given as text."""
    if len(section.keys) == 1:
        child = row.get(section.keys[0])
        return child.value or None if child is not None and isinstance(child.value, str) else None
    parts = [child.value if (child := row.get(key)) else None for key in section.keys]
    if not all(isinstance(part, str) and part for part in parts):
        return None
    words = [str(part) for part in parts]
    return "-".join(words if section.directed else sorted(words))


def row_path(name: str, row: Node, at: int) -> str:
    """`events.parade` where the row can be named, else `events[3]`."""
    key = row_key(SECTIONS[name], row)
    return f"{name}.{shown(key)}" if key else f"{name}[{at}]"


def spread(annotation: object) -> list[object]:
    """An annotation with `Annotated`, unions, tuples and dicts taken apart: its types and its constraints."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *extra = typing.get_args(annotation)
        return [*spread(inner), *extra]
    if origin in (typing.Union, types.UnionType, tuple, dict, typing.Literal):
        head: list[object] = [origin] if origin in (tuple, dict, typing.Literal) else []
        return [*head, *(part for arg in typing.get_args(annotation) for part in spread(arg))]
    return [annotation]


@cache
def _parts(model: type[Strict], name: str) -> tuple[object, ...]:
    info = model.model_fields[name]
    return (*spread(info.annotation), *info.metadata)


@cache
def cell_sort(model: type[Strict], name: str) -> str:
    """What a table's cell holds for a field: `flag`, `list`, `number`, `whole`, `text`."""
    parts = _parts(model, name)
    if tuple in parts:
        return "list"
    if bool in parts:
        return "flag"
    if float in parts:
        return "number"
    return "whole" if any(isinstance(part, int) for part in parts) else "text"


@cache
def bounds(model: type[Strict], name: str) -> str:
    """The allowed range of a number, as `0..1` or `>0..92`; empty if there is none."""
    low = high = ""
    strict_low = False
    for part in _parts(model, name):
        for item in [part, *getattr(part, "metadata", ())]:
            if isinstance(item, annotated_types.Ge):
                low = _bound(item.ge)
            elif isinstance(item, annotated_types.Gt):
                low, strict_low = _bound(item.gt), True
            elif isinstance(item, annotated_types.Le):
                high = _bound(item.le)
    if low and high:
        return f">{low}..{high}" if strict_low else f"{low}..{high}"
    if low:
        return f">{low}" if strict_low else f"{low} or more"
    return f"up to {high}" if high else ""


def _bound(value: object) -> str:
    return str(value) if isinstance(value, int) else f"{value:.12g}"


class NoSuchPath(LookupError):
    """A key path that leads nowhere; the text says which part, and what was probably meant."""

    def __init__(self, part: str, options: Iterable[str], why: str = "") -> None:
        self.suggestion = did_you_mean(part, options)
        super().__init__(why or f"unknown key `{part}`")


def locate(tree: Node, path: str, names: dict[str, Sequence[str]]) -> list[str | int]:
    """The steps from the root of a file's tree to the value that a key path names.

    `names` gives what `kinds` and `event_kinds` are known. Raises NoSuchPath."""
    head, *rest = path.split(".")
    if head in SECTIONS:
        return [head, *_in_rows(tree.get(head), SECTIONS[head], head, rest)]
    if head in PLAIN or head == "outside":
        return [head, *_end(rest)]
    if head in ("capability", "parameters", "report"):
        return [head, *_field(SINGLES[head], head, rest)]
    if head == "theory":
        if rest[:1] == ["weights"]:
            if len(rest) == 2 and rest[1] in REPLACED_TERMS:
                near, why, _ = REPLACED_TERMS[rest[1]]
                raise NoSuchPath(near, (near,), why)
            return ["theory", "weights", *_name(rest[1:], TERMS, "theory.weights")]
        return ["theory", *_field(Theory, "theory", rest)]
    if head in (*TABLES_OF, "groups"):
        return [head, *_in_table(tree, head, rest, names)]
    if head in ("schema", "extends", "name", "calibration"):
        raise NoSuchPath(head, (), f"`{head}` cannot be set")
    raise NoSuchPath(head, [name for name in TOP if name not in ("schema", "extends")])


def _in_table(tree: Node, head: str, rest: list[str], names: dict[str, Sequence[str]]) -> list[str | int]:
    table = tree.get(head)
    given = list(table.fields) if table else []
    if head == "groups":
        return [*_name(rest, given, head)]
    if head == "arms":
        return _in_arm(tree, rest, given)
    name = _one(rest, names.get(head, given), head)
    where = f"{head}.{name}"
    if head == "audiences" and rest[1:2] == ["attention"]:
        kinds = [*names["event_kinds"], "default"]
        return [name, "attention", *_name(rest[2:], kinds, f"{where}.attention")]
    return [name, *_field(TABLES_OF[head], where, rest[1:])]


def _in_arm(tree: Node, rest: list[str], given: list[str]) -> list[str | int]:
    name = _one(rest, given, "arms")
    inner = rest[1:]
    if inner[:1] == ["set"] and len(inner) > 1:
        return [name, "set", ".".join(inner[1:])]
    if inner[:1] == ["add"]:
        added = descend(tree, ["arms", name]).get("add")
        return [name, "add", *_in_rows(added, SECTIONS["events"], f"arms.{name}.add", inner[1:])]
    return [name, *_field(Arm, f"arms.{name}", inner)]


def _in_rows(rows: Node | None, section: Section, head: str, rest: list[str]) -> list[str | int]:
    known = {row_key(section, row): at for at, row in enumerate(rows.items)} if rows else {}
    wanted = rest[0] if rest else ""
    if wanted not in known and len(section.keys) > 1 and not section.directed:
        wanted = "-".join(sorted(wanted.split("-")))
    if wanted not in known:
        why = f"`{head}` has no `{wanted}`" if wanted else f"`{head}` needs the name of an item, then a field"
        raise NoSuchPath(wanted, [key for key in known if key], why)
    fields = [name for name in field_names(section.model) if name not in section.keys]
    if rest[1:2] and rest[1] in section.keys:
        raise NoSuchPath(rest[1], (), f"`{rest[1]}` names the item and cannot be set")
    return [known[wanted], *_name(rest[1:], fields, f"{head}.{wanted}")]


def _one(rest: list[str], options: Sequence[str], where: str) -> str:
    part = rest[0] if rest else ""
    if part not in options:
        raise NoSuchPath(part, options, f"`{where}` has no `{part}`" if part else f"`{where}` needs a name")
    return part


def _name(rest: list[str], options: Sequence[str], where: str) -> list[str]:
    name = _one(rest, options, where)
    return [name, *_end(rest[1:])]


def _field(model: type[Strict], where: str, rest: list[str]) -> list[str]:
    return _name(rest, field_names(model), where)


def _end(rest: list[str]) -> list[str]:
    if rest:
        raise NoSuchPath(rest[0], (), f"nothing lies below: `{'.'.join(rest)}` is one part too many")
    return []


def replaced(tree: Node, steps: Sequence[str | int], new: Node) -> Node:
    """The tree with the value at `steps` replaced; missing mappings on the way are made."""
    if not steps:
        return new
    step, below = steps[0], steps[1:]
    if isinstance(step, int):
        items = list(tree.items)
        items[step] = replaced(items[step], below, new)
        return tree.with_value(items)
    child = tree.get(step) or Node({}, new.mark)
    if below and not isinstance(child.value, dict | list):
        child = Node({}, new.mark)
    return tree.with_fields({step: replaced(child, below, new)})

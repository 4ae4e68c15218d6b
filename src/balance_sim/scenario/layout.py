"""What a scenario file is made of: sections, the fields of each, other names for them,
and where key paths lead."""

from __future__ import annotations

import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache

from balance_sim.scenario import schema
from balance_sim.scenario.defaults import REPLACED_TERMS, default_tree, is_term
from balance_sim.scenario.diagnostics import (
    Node,
    closest,
    descend,
    did_you_mean,
    may_suggest,
    shown,
)
from balance_sim.scenario.schema import TERMS, Strict


@dataclass(frozen=True, slots=True)
class Section:
    """A list of at most `most` rows. `keys` name one: its id, or its pair (in either
    order unless `directed`)."""

    model: type[Strict]
    most: int
    keys: tuple[str, ...] = ("id",)
    directed: bool = False


SECTIONS = {
    "states": Section(schema.State, 400),
    "disputes": Section(schema.Dispute, 20_000, ("a", "b")),
    "no_relations": Section(schema.NoRelations, 20_000, ("a", "b", "kind")),
    "distances": Section(schema.Distance, 50_000, ("a", "b")),
    "trade": Section(schema.Trade, 50_000, ("state", "partner"), directed=True),
    "frailties": Section(schema.Frailty, 80_000, ("a", "b")),
    "accords": Section(schema.Agreement, 20_000),
    "events": Section(schema.Event, 5_000),
    "provocations": Section(schema.Provocation, 1_000),
    "targets_alternatives": Section(schema.TargetsCoding, 20),
}
TABLES_OF: dict[str, type[Strict]] = {
    "kinds": schema.AgreementKind,
    "event_kinds": schema.EventKind,
    "audiences": schema.Audience,
    "arms": schema.Arm,
}
SINGLES: dict[str, type[Strict]] = {
    "capability": schema.CapabilityWeights,
    "parameters": schema.Parameters,
    "theory": schema.Theory,
    "report": schema.Report,
    "calibration": schema.Calibration,
    "posterior": schema.Posterior,
}
FROM_FILES = ("calibration", "posterior")
SETTABLE = {name: model for name, model in SINGLES.items() if name not in FROM_FILES}
PLAIN = tuple(schema.ScenarioHead.model_fields)
TOP = (
    "schema",
    "extends",
    *PLAIN,
    "outside",
    "groups",
    *SECTIONS,
    *TABLES_OF,
    *SINGLES,
)
REQUIRED = ("schema", "title", "start", "end", "focal", "states", "arms")
FIXED_IN_ARMS = {
    "schema",
    "extends",
    *PLAIN,
    *FROM_FILES,
    "arms",
    "report",
    "outside",
    "groups",
}
FIXED_IN_ARMS |= {"frailties", "targets_alternatives"}

# --- how others name things -------------------------------------------------------------------------


def _meaning(names: Mapping[str, str]) -> dict[str, str]:
    """Our name for each of the others, which stand with spaces between them."""
    return {other: ours for ours, others in names.items() for other in others.split()}


OTHER_NAMES = _meaning(
    {
        "schema": "schema_version version",
        "question": "description",
        "start": "begin",
        "end": "horizon finish",
        "step_days": "step dt",
        "principals": "participants actors",
        "targets": "target",
        "guests": "guest",
        "host": "hosts",
        "kind": "type event_type",
        "id": "iso3 code country",
        "a": "iso3_a state_a",
        "b": "iso3_b state_b",
        "gdp_bn": "gdp gdp_usd_bn",
        "milex_bn": "milex",
        "population_m": "population",
        "latitude": "lat capital_lat",
        "longitude": "lon capital_lon",
        "ideal_point": "ideal",
        "democracy": "libdem",
        "precision": "signed_precision",
        "in_force": "entry_into_force",
        "accords": "agreements treaties",
        "states": "countries",
        "outside": "actors_outside",
        "half_life_days": "half_life",
        "reference": "baseline",
        "preset": "preset_name",
        "sha256": "hash",
        "table": "file",
        "drop": "delete remove",
    }
)
"""Names of fields that others use, and ours: told in the message, not taken."""
AGREEMENT_KINDS = _meaning(
    {
        "political_declaration": "strategic_partnership declaration entente consultation",
        "information_sharing": "intelligence_sharing information_security",
        "logistics": "acquisition_cross_servicing acsa",
        "defence_cooperation": "defense_cooperation defense_cooperation_agreement defence_cooperation_agreement"
        " dca general",
        "access": "reciprocal_access status_of_forces visiting_forces raa sofa sovfa",
        "defence_pact": "defense_pact alliance membership",
        "non_aggression": "nonaggression non_aggression_pact neutrality",
    }
)
"""Names of kinds that other sources use, and ours: taken, unless the scenario defines a
kind of that name."""
EVENT_KINDS = _meaning(
    {
        "arms_or_basing": "military_aid arms arms_transfer basing",
        "joint_summit": "summit",
        "sanction": "sanctions",
        "exercise": "joint_exercise",
    }
)


class Stage(typing.NamedTuple):
    """Our status for another's, and the kind it implies (None: whatever the row
    says)."""

    status: str
    kind: str | None = None


AGREEMENT_STATUSES = {
    "political_or_nonbinding": Stage("in_force", "political_declaration"),
    **dict.fromkeys(("signed_not_in_force", "signed_status_unknown"), Stage("signed")),
    **dict.fromkeys(
        ("initialled", "initialed", "negotiating", "under_negotiation"), Stage("talks")
    ),
    "in force": Stage("in_force"),
    **dict.fromkeys(("never_ratified", "never ratified", "failed"), Stage("collapsed")),
    **dict.fromkeys(("terminated", "expired"), Stage("ended")),
}


@cache
def homes() -> dict[str, tuple[str, ...]]:
    """Where each field belongs, by its name: for `visibility`, `events[]` and
    `provocations[]`."""
    found: dict[str, list[str]] = {name: ["the top level"] for name in TOP}
    places = {f"{name}[]": section.model for name, section in SECTIONS.items()}
    places |= {f"{name}.NAME": model for name, model in TABLES_OF.items()} | SINGLES
    for place, model in places.items():
        for name in model.model_fields:
            found.setdefault(name, []).append(place)
    return {name: tuple(where) for name, where in found.items()}


def row_key(section: Section, row: Node) -> str | None:
    """What names a row in a key path: `JPN`, `parade`, `CHN-JPN`; None if its keys are
    not given as text."""
    if len(section.keys) == 1:  # asked for in every row, for every arm
        child = row.get(section.keys[0])
        return (
            child.value or None
            if child is not None and isinstance(child.value, str)
            else None
        )
    words = [child.value if (child := row.get(key)) else None for key in section.keys]
    if not all(isinstance(word, str) and word for word in words):
        return None
    return "-".join(map(str, words) if section.directed else sorted(map(str, words)))


def row_path(name: str, row: Node, at: int) -> str:
    """`events.parade` where the row can be named, else `events[3]`."""
    key = row_key(SECTIONS[name], row)
    return f"{name}.{shown(key)}" if key else f"{name}[{at}]"


# --- what a field holds -----------------------------------------------------------------------------


def _spread(annotation: object) -> list[object]:
    """An annotation with `Annotated`, unions, tuples and dicts taken apart: its types
    and its constraints."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        inner, *extra = typing.get_args(annotation)
        return [*_spread(inner), *extra]
    if origin is None:
        return [annotation]
    head: list[object] = [] if origin in (typing.Union, types.UnionType) else [origin]
    return [
        *head,
        *(part for arg in typing.get_args(annotation) for part in _spread(arg)),
    ]


@cache
def parts_of(model: type[Strict], name: str) -> tuple[object, ...]:
    """The types and the constraints of a field."""
    info = model.model_fields[name]
    return (*_spread(info.annotation), *info.metadata)


@cache
def cell_sort(model: type[Strict], name: str) -> str:
    """What a table's cell holds for a field: `flag`, `list`, `number`, `whole`,
    `text`."""
    parts = parts_of(model, name)
    for kind, sort in ((tuple, "list"), (bool, "flag"), (float, "number")):
        if kind in parts:
            return sort
    return "whole" if any(isinstance(part, int) for part in parts) else "text"


@cache
def is_day(model: type[Strict], name: str) -> bool:
    """Whether a field holds a date."""
    return date in parts_of(model, name)


@cache
def bounds(model: type[Strict], name: str) -> str:
    """The allowed range of a number, as `0..1` or `>0..92`; empty if there is none."""
    told: dict[str, str] = {}
    for part in parts_of(model, name):
        for item in [part, *getattr(part, "metadata", ())]:
            for sort in ("ge", "gt", "le"):
                if (value := getattr(item, sort, None)) is not None:
                    told[sort] = (
                        str(value) if isinstance(value, int) else f"{value:.12g}"
                    )
    low, high = (
        f">{told['gt']}" if "gt" in told else told.get("ge", ""),
        told.get("le", ""),
    )
    if low:
        return f"{low}..{high}" if high else low if "gt" in told else f"{low} or more"
    return f"up to {high}" if high else ""


MOST_SUGGESTED = 3
MOST_COMPARED_PATHS = 500

# --- key paths --------------------------------------------------------------------------------------


class NoSuchPath(LookupError):
    """A key path that leads nowhere; the text says which part. options: names that the
    part could be."""

    def __init__(self, part: str, options: Iterable[str], why: str = "") -> None:
        self.part, self.options = part, tuple(options)
        super().__init__(why or f"unknown key `{part}`")


def names_in(tree: Node, head: str) -> tuple[str, ...]:
    """Names in a section that is a mapping; of kinds the shipped ones first."""
    return tuple({**default_tree().below(head).fields, **tree.below(head).fields})


def locate(tree: Node, path: str) -> list[str | int]:
    """The steps from the root of a file's tree to the value that a key path names.
    Raises NoSuchPath."""
    head, *rest = path.split(".")
    if head in SECTIONS:
        return [head, *_in_rows(tree.get(head), SECTIONS[head], head, rest)]
    if head in (*PLAIN, "outside"):
        return [head, *_end(rest)]
    if head == "theory" and rest[:1] == ["weights"]:
        if len(rest) == 2 and rest[1] in REPLACED_TERMS:
            near, why, _ = REPLACED_TERMS[rest[1]]
            raise NoSuchPath(near, (near,), why)
        own = [term for term in rest[1:2] if is_term(term)]
        return ["theory", "weights", *_name(rest[1:], [*TERMS, *own], "theory.weights")]
    if head in SETTABLE:
        return [head, *_name(rest, SETTABLE[head].model_fields, head)]
    if head == "groups":
        return [head, *_name(rest, names_in(tree, head), head)]
    if head in TABLES_OF:
        return [head, *_in_table(tree, head, rest)]
    if head in ("schema", "extends", "name", *FROM_FILES):
        raise NoSuchPath(head, (), f"`{head}` cannot be set")
    raise NoSuchPath(head, [name for name in TOP if name not in ("schema", "extends")])


def _in_table(tree: Node, head: str, rest: list[str]) -> list[str | int]:
    name = _one(rest, names_in(tree, head), head)
    where, inner = f"{head}.{name}", rest[1:]
    if head == "arms" and inner[:1] == ["set"] and len(inner) > 1:
        return [name, "set", ".".join(inner[1:])]
    if head == "arms" and inner[:1] == ["add"]:
        added = descend(tree, ["arms", name]).get("add")
        return [
            name,
            "add",
            *_in_rows(added, SECTIONS["events"], f"{where}.add", inner[1:]),
        ]
    if head == "audiences" and inner[:1] == ["attention"]:
        return [
            name,
            "attention",
            *_name(
                inner[1:],
                (*names_in(tree, "event_kinds"), "default"),
                f"{where}.attention",
            ),
        ]
    return [name, *_name(inner, TABLES_OF[head].model_fields, where)]


def _in_rows(
    rows: Node | None, section: Section, head: str, rest: list[str]
) -> list[str | int]:
    known = (
        {row_key(section, row): at for at, row in enumerate(rows.items)} if rows else {}
    )
    wanted = rest[0] if rest else ""
    if wanted not in known and len(section.keys) > 1 and not section.directed:
        wanted = "-".join(sorted(wanted.split("-")))
    if wanted not in known:
        why = (
            f"`{head}` has no `{wanted}`"
            if wanted
            else f"`{head}` needs the name of an item, then a field"
        )
        raise NoSuchPath(wanted, [key for key in known if key], why)
    if rest[1:2] and rest[1] in section.keys:
        raise NoSuchPath(rest[1], (), f"`{rest[1]}` names the item and cannot be set")
    fields = [name for name in section.model.model_fields if name not in section.keys]
    return [known[wanted], *_name(rest[1:], fields, f"{head}.{wanted}")]


def _one(rest: list[str], options: Collection[str], where: str) -> str:
    part = rest[0] if rest else ""
    if part not in options:
        raise NoSuchPath(
            part,
            options,
            f"`{where}` has no `{part}`" if part else f"`{where}` needs a name",
        )
    return part


def _name(rest: list[str], options: Collection[str], where: str) -> list[str]:
    return [_one(rest, options, where), *_end(rest[1:])]


def _end(rest: list[str]) -> list[str]:
    if rest:
        raise NoSuchPath(
            rest[0], (), f"nothing lies below: `{'.'.join(rest)}` is one part too many"
        )
    return []


def what_was_meant(tree: Node, path: str, error: NoSuchPath) -> str:
    """For a path that leads nowhere the whole path that was meant, or the few; else the
    part that is nearest, if any.

    >>> from balance_sim.scenario.diagnostics import from_plain
    >>> tree = from_plain({"events": [{"id": "parade"}], "provocations": [{"id": "drills"}]})
    >>> what_was_meant(tree, "visibility", NoSuchPath("visibility", TOP))
    'did you mean `events.parade.visibility` or `provocations.drills.visibility`?'"""
    is_sought = error.options and error.part not in error.options and may_suggest()
    meant = _paths_like(tree, path) if is_sought else []
    if not meant:
        return did_you_mean(error.part, error.options)
    *several, final = [f"`{shown(one, 120)}`" for one in meant[:MOST_SUGGESTED]]
    if len(meant) > MOST_SUGGESTED:
        several, final = [*several, final], f"one of {len(meant) - MOST_SUGGESTED} more"
    return f"did you mean {', '.join(several)}{' or ' if several else ''}{final}?"


def _paths_like(tree: Node, path: str) -> list[str]:
    """Paths to a field of the path's last name, or of the nearest to it: those that
    have the rest of the path in them, else the one that is nearest as a whole."""
    *front, last = path[:200].split(".")
    fields = {name for name, where in homes().items() if where != ("the top level",)}
    fields |= {*PLAIN, *TERMS, "default", *names_in(tree, "event_kinds")}
    field = last if last in fields else closest(last, fields, cutoff=0.75)
    if field is None:
        return []
    paths = _paths_to(tree, field)
    holding = [one for one in paths if f".{'.'.join(front)}." in f".{one}"]
    if holding or not front:
        return holding if front else paths
    nearest = closest(path, paths[:MOST_COMPARED_PATHS], cutoff=0.7)
    return [nearest] if nearest else []


def _paths_to(tree: Node, field: str) -> list[str]:
    """Every path that `locate` takes to a field of that name, the focal event's
    first."""
    paths = [field] if field in (*PLAIN, "outside") else []
    paths += [f"theory.weights.{field}"] if field in TERMS else []
    paths += [
        f"{head}.{field}"
        for head, model in SETTABLE.items()
        if field in model.model_fields
    ]
    focal = tree.get("focal")
    for head, section in SECTIONS.items():
        if field in section.model.model_fields and field not in section.keys:
            keys = [
                key for row in tree.below(head).items if (key := row_key(section, row))
            ]
            keys.sort(key=lambda key: focal is None or key != focal.value)
            paths += [f"{head}.{key}.{field}" for key in keys]
    for head, model in TABLES_OF.items():
        if field in model.model_fields:
            paths += [f"{head}.{name}.{field}" for name in names_in(tree, head)]
    if field in ("default", *names_in(tree, "event_kinds")):
        paths += [
            f"audiences.{name}.attention.{field}"
            for name in tree.below("audiences").fields
        ]
    return paths


def replaced(tree: Node, steps: Sequence[str | int], new: Node) -> Node:
    """The tree with the value at `steps` replaced; missing mappings on the way are
    made."""
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

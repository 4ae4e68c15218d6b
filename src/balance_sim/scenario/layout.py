"""What a scenario file is made of: sections, and the fields of each."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from functools import cache

from balance_sim.scenario import schema
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.nodes import Node, plain
from balance_sim.scenario.schema import SectionRow

SECTIONS: dict[str, type[SectionRow]] = {
    row.SECTION: row
    for row in (
        schema.State,
        schema.Dispute,
        schema.NoRelations,
        schema.Distance,
        schema.Trade,
        schema.Frailty,
        schema.Agreement,
        schema.Event,
        schema.Provocation,
        schema.TargetsCoding,
    )
}
"""Models of rows by the section that they stand in."""
MOST_ROWS = 80_000
LIMITS = {"states": 400, "events": 20_000, "targets_alternatives": 20}
LIMITS |= dict.fromkeys(("kinds", "event_kinds", "audiences", "pacts", "arms"), 300)
LIMITS["players"] = 100
"""How many rows or names a part may have, if fewer than MOST_ROWS."""
FROM_FILES = ("calibration", "posterior")
PLAIN = tuple(schema.ScenarioHead.model_fields)
NAMES = ("outside", "groups")
_INTERNAL = (
    *("schema_version", "name", "sha256"),
    *("origin", "folder", "leveled", "together"),
)
PARTS = tuple(
    name for name in schema.Scenario.model_fields if name not in (*NAMES, *_INTERNAL)
)
"""Keys of the top level that are fields of a scenario, but for names."""
TOP = ("schema", "extends", *NAMES, *PARTS)
REQUIRED = ("schema", "title", "start", "end", "focal", "states", "arms")
OF_THE_COUNT = ("parameters.tau",)
"""Key paths that say which dyads count: the same in all arms and at all points."""
OF_THE_CLOCKS = (
    *(f"kinds.*.{name}" for name in ("ceiling", "talks_days", "talks_shape")),
    *(f"kinds.*.{name}" for name in ("at_once", "force_days", "force_shape")),
    "parameters.collapse_rate",
)
"""Patterns of key paths that say how often states meet and how long talks and
ratification take: the same in all arms, which are paired by these clocks."""
FIXED_IN_ARMS = (
    "schema",
    "extends",
    *PLAIN,
    *FROM_FILES,
    *NAMES,
    "changes",
    "arms",
    "report",
    "frailties",
    "targets_alternatives",
    *OF_THE_COUNT,
    *OF_THE_CLOCKS,
)

LADDERS = ("alignment", "intent")
CAPABILITY = tuple(f"capability.{name}" for name in ("gdp", "milex", "population"))
COMPANIES = (
    *(
        {f"event_kinds.{kind}.{field}" for kind in schema.SIGNAL_ORDER}
        for field in LADDERS
    ),
    {*CAPABILITY},
)
"""Parameters of which one that is given fixes all: steps of a ladder could pass it, and
shares sum to 1."""


def with_its_company(paths: Iterable[str]) -> set[str]:
    """These key paths, and all that one of them fixes."""
    fixed = set(paths)
    return fixed.union(*(company for company in COMPANIES if company & fixed))


def row_path(section: str, row: Node, position: int) -> str:
    """The key path of a row.

    Parameters
    ----------
    section : str
        That it is of.
    row : Node
        As it is written.
    position : int
        In the list, from 0.

    Returns
    -------
    str
        `events.parade` where the row can be named, else `events[3]`.
    """

    def value_of(name: str) -> object:
        """What is written in a field of the row; None without it."""
        child = row.get(name)
        return None if child is None else plain(child)

    key = SECTIONS.get(section, schema.Change).key_of(value_of)
    return f"{section}.{shown(key, 200)}" if key else f"{section}[{position}]"


# --- what a field holds ---------------------------------------------------------------


@cache
def parts_of(model: type[Strict], name: str) -> tuple[object, ...]:
    """What the annotation of a field is made of.

    Parameters
    ----------
    model : type of Strict
        That has the field.
    name : str
        Of the field; empty for none.

    Returns
    -------
    tuple
        Its types, constraints and literals, however they are nested.
    """
    info = model.model_fields.get(name)
    annotations: list[object] = []
    pending = [info.annotation, *info.metadata] if info is not None else []
    for part in pending:
        annotations.append(typing.get_origin(part) or part)
        pending += (*typing.get_args(part), *getattr(part, "metadata", ()))
    return tuple(annotations)


@cache
def cell_type(model: type[Strict], name: str) -> str:
    """What a table's cell holds for a field: `list`, `number` (flags among them) or
    `text`."""
    annotations = parts_of(model, name)
    if tuple in annotations:
        return "list"
    is_number = any(part in (float, int, bool) for part in annotations)
    return "number" if is_number else "text"


@cache
def bounds(model: type[Strict], name: str) -> str:
    """The allowed range of a number.

    Parameters
    ----------
    model : type of Strict
        That has the field.
    name : str
        Of the field; empty for none.

    Returns
    -------
    str
        As `0..1`, `>0..92`, `up to 5` or `0 or more`; empty if there is none.
    """
    sides = ("ge", "gt", "le")
    limits = {
        side: f"{getattr(part, side):.12g}"
        for part in parts_of(model, name)
        for side in sides
        if getattr(part, side, None) is not None
    }
    low, high = limits.get("ge", ""), limits.get("le", "")
    if "gt" in limits:
        low = f">{limits['gt']}"
    if low and high:
        return f"{low}..{high}"
    if high:
        return f"up to {high}"
    return f"{low} or more" if "ge" in limits else low

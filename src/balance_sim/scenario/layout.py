"""What a scenario file is made of: sections, and the fields of each."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache

from balance_sim.scenario import schema
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.schema import SectionRow, Strict


@dataclass(frozen=True, slots=True)
class Section:
    """A list of rows.

    Attributes
    ----------
    model : type of SectionRow
        Of a row.
    row_limit : int
        How many there may be.
    keys : tuple of str
        Fields that name a row: its id, or its dyad.
    directed : bool
        Whether a dyad is another one with its states exchanged.
    order : tuple of str
        Fields by which rows are sorted.
    """

    model: type[SectionRow]
    row_limit: int
    keys: tuple[str, ...] = ("id",)
    directed: bool = False
    order: tuple[str, ...] = ("id",)

    def name(self, words: Iterable[object]) -> str:
        """What names a row in a key path.

        Parameters
        ----------
        words : iterable
            Values of its keys.

        Returns
        -------
        str
            As `JPN`, `parade` or `CHN-JPN`.
        """
        texts = [str(word) for word in words]
        return "-".join(texts if self.directed else sorted(texts))

    def name_of(self, row: SectionRow) -> str:
        """What names a row in a key path."""
        if self.keys == ("id",):
            return str(row.id)  # type: ignore[attr-defined]
        return self.name([getattr(row, key) for key in self.keys])

    def sorted(self, rows: Iterable[SectionRow]) -> tuple[typing.Any, ...]:
        """Rows in the order in which a scenario holds them; dates that are blank
        first."""
        return tuple(sorted(rows, key=self._place))

    def _place(self, row: SectionRow) -> tuple[object, ...]:
        """What a row is sorted by."""
        return tuple([getattr(row, field) or date.min for field in self.order])


_DYAD = ("a", "b")
_TRADE = ("state", "partner")
SECTIONS = {
    "states": Section(schema.State, 400),
    "disputes": Section(schema.Dispute, 20_000, _DYAD, order=_DYAD),
    "no_relations": Section(
        schema.NoRelations, 20_000, (*_DYAD, "kind"), order=(*_DYAD, "kind", "from")
    ),
    "distances": Section(schema.Distance, 50_000, _DYAD, order=_DYAD),
    "trade": Section(schema.Trade, 50_000, _TRADE, directed=True, order=_TRADE),
    "frailties": Section(schema.Frailty, 80_000, _DYAD, order=_DYAD),
    "accords": Section(schema.Agreement, 20_000),
    "events": Section(schema.Event, 5_000, order=("date", "id")),
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
PLAIN = tuple(schema.ScenarioHead.model_fields)
NAMES = ("outside", "groups")
LISTS = ("changes",)
"""Lists whose rows have no names."""
PARTS = (*PLAIN, *SECTIONS, *LISTS, *TABLES_OF, *SINGLES)
"""Keys of the top level that are fields of a scenario, but for names."""
TOP = ("schema", "extends", *NAMES, *PARTS)
REQUIRED = ("schema", "title", "start", "end", "focal", "states", "arms")
FIXED_IN_ARMS = (
    "schema",
    "extends",
    *PLAIN,
    *FROM_FILES,
    *NAMES,
    *LISTS,
    "arms",
    "report",
    "frailties",
    "targets_alternatives",
)


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
    keys = [row.value_of(key) for key in SECTIONS[section].keys]
    if all(isinstance(key, str) and key for key in keys):
        return f"{section}.{shown(SECTIONS[section].name(keys))}"
    return f"{section}[{position}]"


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

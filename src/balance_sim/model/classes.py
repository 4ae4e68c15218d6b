"""The class table: what each state is to a scenario's focal event, which fixes the
direction of every dyad.

Every state stands in one of four lists: it takes part; it is threatened by those who
do; it is wary of them, with a quarter of that fear or more; or neither. A dyad with a
participant is `with_participant`; else one of two states of which one is threatened,
and the other threatened or wary, is `counter`; else it is `other`. Beside the lists
stand the roles that outcomes are measured on. `model/baseline.py` works the table
out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

from pydantic import TypeAdapter

from balance_sim.scenario.fields import Identifier

LISTS = ("participants", "threatened", "wary", "others")
SHORT = 16  # digits of the table's own sha256
Dyad = tuple[Identifier, Identifier]
Codes = tuple[Identifier, ...]


@dataclass(frozen=True)
class Classes:
    """Codes of states, each list sorted; every state of the scenario as written stands
    in one of the lists of LISTS.

    junior, third: the least and the most capable participant beside the host. guests:
    seen with the participants. wars: dyads at war. groups, audiences: their members by
    name."""

    participants: Codes
    threatened: Codes
    others: Codes
    wary: Codes = ()
    host: Identifier | None = None
    junior: Identifier | None = None
    third: Identifier | None = None
    guests: Codes = ()
    wars: tuple[Dyad, ...] = ()
    groups: Mapping[Identifier, Codes] = field(default_factory=dict)
    audiences: Mapping[Identifier, Codes] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        """The table without what was worked out from it: one pickle for one table."""
        return {name: self.__dict__[name] for name in self.__dataclass_fields__}

    @cached_property
    def list_of(self) -> dict[str, str]:
        """The list that each state stands in, by code."""
        return {code: name for name in LISTS for code in getattr(self, name)}

    def direction(self, a: str, b: str) -> str | None:
        """The class of a dyad; None where one of its states is not in the table.

        >>> table = Classes(("CHN",), ("JPN",), ("CHE",), ("AUS",))
        >>> table.direction("AUS", "JPN"), table.direction("CHE", "JPN")
        ('counter', 'other')"""
        lists = {self.list_of.get(a), self.list_of.get(b)}
        if None in lists:
            return None
        if "participants" in lists:
            return "with_participant"
        is_counter = "threatened" in lists and "others" not in lists
        return "counter" if is_counter else "other"

    def unlike(self, other: Classes) -> list[tuple[Dyad, str | None, str | None]]:
        """Dyads whose class differs, with the class here and there; None where a table
        lacks the dyad."""
        if all(getattr(self, name) == getattr(other, name) for name in LISTS):
            return []
        dyads = combinations(sorted({*self.list_of, *other.list_of}), 2)
        rows = [(dyad, self.direction(*dyad), other.direction(*dyad)) for dyad in dyads]
        return [row for row in rows if row[1] != row[2]]

    @cached_property
    def sha256(self) -> str:
        """The first 16 digits of the sha256 of the table."""
        text = json.dumps(_plain(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:SHORT]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the table's sha256."""
        return _plain(self) | {"sha256": self.sha256}

    @staticmethod
    def read(said: object) -> Classes:
        """The other way round. Raises ValueError for what is no class table, or not the
        one of its sha256."""
        rows = dict(said) if isinstance(said, dict) else {}
        sha256 = rows.pop("sha256", None)
        table = TypeAdapter(Classes).validate_python(rows)
        if table.sha256 != sha256:
            raise ValueError("not the table of its sha256")
        return table


def _plain(table: Classes) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(table)))
    return plain

"""The class table of a scenario: what each state is to its focal event, which fixes the direction of every dyad.

Every state stands in one of four lists: it takes part; it is threatened by those who do; it is wary of them, with a
quarter of that fear or more; or neither. A dyad with a participant is `with_participant`; else one of two states of
which one is threatened, and the other threatened or wary, is `counter`; else it is `other`. Beside the lists stand the
roles that outcomes are measured on. The table is worked out in `model/classes.py`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import combinations
from typing import Any

LISTS = ("participants", "threatened", "wary", "others")
SHORT = 16  # digits of the table's own sha256
_CODE = re.compile(r"[A-Za-z0-9_-]{1,64}")
Dyad = tuple[str, str]


@dataclass(frozen=True)
class Classes:
    """Codes of states, each list sorted; every state of the scenario as written stands in one of the lists of LISTS.

    junior, third: the least and the most capable participant beside the host. guests: seen with the participants.
    wars: dyads at war. groups, audiences: their members by name."""

    participants: tuple[str, ...]
    threatened: tuple[str, ...]
    others: tuple[str, ...]
    wary: tuple[str, ...] = ()
    host: str | None = None
    junior: str | None = None
    third: str | None = None
    guests: tuple[str, ...] = ()
    wars: tuple[Dyad, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    audiences: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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
        of = {self.list_of.get(a), self.list_of.get(b)}
        if None in of:
            return None
        if "participants" in of:
            return "with_participant"
        return "counter" if "threatened" in of and "others" not in of else "other"

    def unlike(self, other: Classes) -> list[tuple[Dyad, str | None, str | None]]:
        """Dyads whose class differs, with the class here and there; None where a table lacks the dyad."""
        if all(getattr(self, name) == getattr(other, name) for name in LISTS):
            return []
        dyads = combinations(sorted({*self.list_of, *other.list_of}), 2)
        found = ((dyad, self.direction(*dyad), other.direction(*dyad)) for dyad in dyads)
        return [one for one in found if one[1] != one[2]]

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
        """The other way round. Raises ValueError for what is no class table, or not the one of its sha256."""
        if not isinstance(said, dict) or {*said} != {*Classes.__dataclass_fields__, "sha256"}:
            raise ValueError("keys are missing or too many")
        codes = {name: _codes(said[name]) for name in (*LISTS, "guests")}
        named = {name: _named(said[name]) for name in ("groups", "audiences")}
        roles = {name: said[name] for name in ("host", "junior", "third")}
        if not all(code is None or _is_code(code) for code in roles.values()):
            raise ValueError("a role is no code")
        wars = tuple(_codes(pair) for pair in _list(said["wars"]))
        if any(len(pair) != 2 for pair in wars):
            raise ValueError("a war is no pair")
        table = Classes(**codes, **roles, wars=wars, **named)  # type: ignore[arg-type]
        if len(table.list_of) != sum(len(codes[name]) for name in LISTS):
            raise ValueError("a state stands there twice")
        if table.sha256 != said["sha256"]:
            raise ValueError("not the table of its sha256")
        return table


def _plain(table: Classes) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(json.dumps(asdict(table)))
    return said


def _is_code(value: object) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise ValueError("no list")
    return value


def _codes(value: object) -> tuple[str, ...]:
    found = tuple(code for code in _list(value) if isinstance(code, str) and _is_code(code))
    if len(found) != len(_list(value)):
        raise ValueError("a list of what are no codes")
    return found


def _named(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict) or not all(_is_code(name) for name in value):
        raise ValueError("no lists by name")
    return {name: _codes(codes) for name, codes in value.items()}

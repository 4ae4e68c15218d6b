"""What contents are told by: sha256 of scenarios and of their records, whatever the
layout of files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Hashable, Sequence
from datetime import date
from operator import itemgetter
from typing import Any

from cachetools import LRUCache, cached

from balance_sim.scenario.defaults import shipped_likelihoods, shipped_priors
from balance_sim.scenario.fields import Strict
from balance_sim.scenario.files import shipped
from balance_sim.scenario.nodes import from_plain, plain
from balance_sim.scenario.schema import Scenario, SectionRow


class RecentResults[Value]:
    """The last `most` results of a function of things that never change.

    Rows of a section are told apart by identity (they are frozen, and held here),
    tuples item by item, numbers, text and dates by how they are written. Safe among
    threads. What is handed out is shared: nobody may change it.

        >>> lengths = RecentResults[int](most=2)
        >>> lengths.get(("abc",), lambda: len("abc"))
        3
    """

    def __init__(self, most: int) -> None:
        self._cache: LRUCache[object, tuple[Sequence[object], Value]] = LRUCache(most)
        self._guard = threading.Lock()

    def get(self, arguments: Sequence[object], make: Callable[[], Value]) -> Value:
        """The result of `make`, or what it was for the same arguments before.

        arguments: all that the result follows from; they are held as long as it is."""
        key = _identity(tuple(arguments))
        with self._guard:
            entry = self._cache.get(key)
        if entry is None:
            entry = arguments, make()
            with self._guard:
                self._cache[key] = entry
        return entry[1]


def _identity(value: object) -> object:
    """What tells a value apart from others."""
    if isinstance(value, tuple) and {*map(type, value)} != {str}:
        is_section = bool(value) and isinstance(value[0], SectionRow)
        return tuple(map(id if is_section else _identity, value))
    return id(value) if isinstance(value, SectionRow) else repr(value)


# --- contents -------------------------------------------------------------------------

LEFT_OUT = ("folder", "leveled", "name", "origin", "sha256", "together")
"""What belongs to a scenario without being a part of its content."""
WHERE_GIVEN = (
    "frailties",
    "calibration",
    "base_rate",
    "changes",
    "pacts",
    "players",
    "plugins",
    "posterior",
    "targets_alternatives",
)
"""Parts that count where they say something, so that a scenario without them keeps the
number it had."""
OF_POSTERIOR = "values"
"""What counts of a posterior: the values in use. Its draws have a sha256 of their own,
which a study that draws from them has beside this one."""


def canonical(value: Any) -> Any:
    """Plain data in one form: keys as text, dates ISO, numbers as floats, lists for
    tuples."""
    if type(value) in (str, bool) or value is None:
        return value
    if isinstance(value, int | float):
        return float(value) + 0.0  # no negative zero
    if isinstance(value, dict | Strict):
        fields = value if isinstance(value, dict) else value.model_dump()
        return {str(key): canonical(child) for key, child in fields.items()}
    if isinstance(value, list | tuple):
        return [canonical(child) for child in value]
    return value.isoformat() if isinstance(value, date) else value


def content_digest(scenario: Scenario) -> str:
    """sha256 of the canonical JSON of everything but the name and the digest itself;
    of a scenario with the level of another, of that one's too.

    The texts of parts are kept: only those of changed parts are made again."""
    fields = Scenario.model_fields
    content = {name: getattr(scenario, name) for name in {*fields} - {*LEFT_OUT}}
    silent = {name for name in WHERE_GIVEN if content[name] == fields[name].default}
    values = getattr(scenario.posterior, OF_POSTERIOR)
    content["posterior"] = values
    silent |= set() if values else {"posterior"}
    parts = [(name, content[name]) for name in sorted({*content} - silent)]
    keyed = tuple((name, part_key(value), value) for name, value in parts)
    digest = _hashed(keyed)[0].copy()
    if scenario.leveled is not None:
        source = scenario.level_source
        level = scenario.leveled if source is None else content_digest(source)
        digest.update(f',"leveled":"{level}"'.encode())
    digest.update(b"}")
    return str(digest.hexdigest())


def part_key(value: Any) -> Hashable:
    """What tells a field's value from others: the content of what has mappings, which
    Python can change in place; else which object it is, since rows are frozen."""
    if isinstance(value, dict | Strict):
        return hashlib.sha256(repr(value).encode()).digest()
    return id(value)


type _Part = tuple[str, Hashable, Any]
"""The name of a field of a scenario, the key of its value, and the value."""


@cached(
    LRUCache(256),
    key=lambda parts: tuple(part[:2] for part in parts),
    lock=threading.Lock(),
)
def _hashed(parts: tuple[_Part, ...]) -> tuple[Any, tuple[_Part, ...]]:
    """What hashes the first fields so far; and the fields, held as the key names them.
    The last few are stored: a point has those before the first that it changes in
    common with others."""
    if not parts:
        return hashlib.sha256(), parts
    digest = _hashed(parts[:-1])[0].copy()
    digest.update(f'{"," if parts[:-1] else "{"}"{parts[-1][0]}":'.encode())
    digest.update(_part_text(parts[-1])[0])
    return digest, parts


@cached(LRUCache(64), key=itemgetter(1), lock=threading.Lock())
def _part_text(part: _Part) -> tuple[bytes, _Part]:
    """The canonical JSON of a field, as digests count it; and the field, held as the
    key names it. The last few are stored.

    Of events points change one at a time."""
    name, _, value = part
    if name != "events":
        return _text(value), part
    return b"[" + b",".join(_row_text(row)[0] for row in value) + b"]", part


@cached(LRUCache(2**12), key=id, lock=threading.Lock())
def _row_text(row: SectionRow) -> tuple[bytes, object]:
    """The same of a row."""
    return _text(row), row


def _text(value: Any) -> bytes:
    """The canonical JSON of a value."""
    options: Any = {"sort_keys": True, "allow_nan": False, "separators": (",", ":")}
    return json.dumps(canonical(value), **options).encode("ascii")


def sealed(scenario: Scenario) -> Scenario:
    """The scenario with the sha256 of its content: a copy that Python code has changed
    carries an old one."""
    return scenario.model_copy(update={"sha256": content_digest(scenario)})


RECORD = ("states", "disputes", "no_relations", "distances", "trade", "accords")
NOT_DATA = {
    "propensity",
    "propensity_declarations",
    "name",
    "source",
    "guesses",
    "confidence",
    "note",
}


def record_digest(scenario: Scenario) -> str:
    """sha256 of what a calibration is told: start, states, quarrels, distances, trade
    and agreements, without texts."""
    texts = {name: _record_text(getattr(scenario, name))[0] for name in RECORD}
    texts["start"] = _text(scenario.start)
    parts = [b'"%b":%b' % (name.encode(), text) for name, text in sorted(texts.items())]
    return hashlib.sha256(b"{%b}" % b",".join(parts)).hexdigest()


@cached(LRUCache(64), key=id, lock=threading.Lock())
def _record_text(rows: Sequence[SectionRow]) -> tuple[bytes, object]:
    """The canonical JSON of a section without texts; and its rows, held as the key
    names them. The last few are stored."""
    return _text([row.model_dump(exclude=NOT_DATA) for row in rows]), rows


def weights_digest() -> str:
    """sha256 of the shipped fit, from which a calibration starts."""
    return hashlib.sha256(shipped("balance_sim.scenario", "fitted.yaml")).hexdigest()


OF_DRAWS = (
    "calibration",
    "base_rate",
    "theory",
    "parameters",
    "capability",
    "kinds",
    "event_kinds",
    "audiences",
)


def posterior_digest(scenario: Scenario, values: Collection[str]) -> str:
    """sha256 of what a scenario's draws are drawn for: its record, calibration, level,
    theory, numbers of the rules and of acts, attention. Texts, arms, dates of acts and
    the table of draws itself are left out, and what is drawn.

    values: key paths whose values follow from the draws."""
    tree = from_plain(canonical({name: getattr(scenario, name) for name in OF_DRAWS}))
    for path in values:
        if tree.at_path(path) is not None:
            tree = tree.with_path(path, None)
    content = plain(tree)
    content["states"] = [
        (state.id, state.propensity, state.propensity_declarations)
        for state in scenario.states
    ]
    content["frailties"] = [
        (row.a, row.b, row.factor, row.shape) for row in scenario.frailties
    ]
    record = record_digest(scenario).encode()
    return hashlib.sha256(record + _text(content)).hexdigest()


def priors_digest() -> str:
    """sha256 of the priors, and of what the shipped fits say: what the draws of every
    scenario follow from."""
    texts = map(_text, (shipped_priors(), *shipped_likelihoods()))
    return hashlib.sha256(b"".join(texts)).hexdigest()

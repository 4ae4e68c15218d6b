"""What contents are told by: sha256 of scenarios and of their records, whatever the
layout of files."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any

from cachetools import LRUCache

from balance_sim.scenario.defaults import shipped_likelihoods, shipped_priors, switches
from balance_sim.scenario.files import shipped
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
        self._found: LRUCache[object, tuple[Sequence[object], Value]] = LRUCache(most)
        self._guard = threading.Lock()

    def get(self, given: Sequence[object], make: Callable[[], Value]) -> Value:
        """What `make` gives, or gave when the same was `given`. `given`: all that the
        result follows from."""
        key = _identity(tuple(given))
        with self._guard:
            found = self._found.get(key)
        if found is None:
            found = given, make()
            with self._guard:
                self._found[key] = found
        return found[1]

    def clear(self) -> None:
        with self._guard:
            self._found.clear()


def _identity(one: object) -> object:
    if isinstance(one, SectionRow):
        return id(one)
    if not isinstance(one, tuple):
        return repr(one)
    return (
        tuple(map(id, one))
        if _is_section(one)
        else tuple([_identity(item) for item in one])
    )


def _is_section(value: object) -> bool:
    """Whether these are rows of a section, one at least."""
    kinds = {*map(type, value)} if type(value) is tuple else ()
    return bool(kinds) and all(issubclass(kind, SectionRow) for kind in kinds)


# --- contents ---------------------------------------------------------------------------------------

LEFT_OUT = (
    "folder",
    "name",
    "origin",
    "plugins",
    "posterior",
    "sha256",
    "targets_alternatives",
)
"""What belongs to a scenario without being a part of what its replications do."""
WHERE_GIVEN = ("frailties", "calibration", "base_rate")
"""Parts that count where they say something, so that a scenario without them keeps the
number it had."""
_TEXTS = RecentResults[bytes](
    most=16
)  # sections of the scenarios at hand and of their versions


def canonical(value: Any) -> Any:
    """Plain data in one form: keys as text, dates ISO, numbers as floats, lists for
    tuples."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is float or isinstance(value, int | float):
        return float(value) + 0.0  # no negative zero
    if isinstance(value, dict | SectionRow):
        fields = value if isinstance(value, dict) else value.__dict__
        return {str(key): canonical(child) for key, child in fields.items()}
    if isinstance(value, list | tuple):
        return [canonical(child) for child in value]
    return value.isoformat() if isinstance(value, date) else value


def content_digest(scenario: Scenario) -> str:
    """sha256 of the canonical JSON of everything but the name and the digest itself.

    The text of a section is kept: it is made again only where a row was changed."""
    silent = [
        name
        for name in WHERE_GIVEN
        if getattr(scenario, name) == Scenario.model_fields[name].default
    ]
    names = sorted({*Scenario.model_fields} - {*LEFT_OUT, *silent})
    sections = {name for name in names if _is_section(getattr(scenario, name))}
    rest = scenario.model_dump(include={*names} - sections)
    digest = hashlib.sha256()
    for name in names:
        if name in sections:
            text = _TEXTS.get(
                (name, getattr(scenario, name)), partial(_text, getattr(scenario, name))
            )
        else:
            text = _text(_as_counted(name, rest[name]))
        digest.update(f'{"," if name != names[0] else "{"}"{name}":'.encode("ascii"))
        digest.update(text)
    digest.update(b"}")
    return digest.hexdigest()


def _as_counted(name: str, value: Any) -> Any:
    """A part of a scenario as its digests count it: weights of switches only where they
    say something."""
    if name != "theory":
        return value
    weights = {
        term: weight
        for term, weight in value["weights"].items()
        if weight != 0 or term not in switches()
    }
    return {**value, "weights": weights}


def _text(value: Any) -> bytes:
    content = canonical(value)
    text = json.dumps(
        content,
        sort_keys=True,
        ensure_ascii=True,
        allow_nan=False,
        separators=(",", ":"),
    )
    return text.encode("ascii")


def sealed(scenario: Scenario) -> Scenario:
    """The scenario with the sha256 of what it holds: a copy that Python code has
    changed carries an old one."""
    return scenario.model_copy(update={"sha256": content_digest(scenario)})


RECORD = ("states", "disputes", "no_relations", "distances", "trade", "accords")
NOT_DATA = (
    "propensity",
    "propensity_declarations",
    "name",
    "source",
    "guesses",
    "confidence",
    "note",
)


def record_digest(scenario: Scenario) -> str:
    """sha256 of what a calibration is told: start, states, quarrels, distances, trade
    and agreements, without texts."""
    rows = {
        section: [
            {name: value for name, value in row if name not in NOT_DATA}
            for row in getattr(scenario, section)
        ]
        for section in RECORD
    }
    return hashlib.sha256(_text({"start": scenario.start, **rows})).hexdigest()


def weights_digest() -> str:
    """sha256 of the shipped fit, from which a calibration starts."""
    return hashlib.sha256(shipped("balance_sim.scenario", "fitted.yaml")).hexdigest()


def posterior_digest(scenario: Scenario) -> str:
    """sha256 of what a scenario's draws are drawn for: its record, calibration, level,
    theory, numbers of the rules and of acts, attention. Texts, arms, dates of acts and
    the table of draws itself are left out."""
    parts = (
        "calibration",
        "base_rate",
        "theory",
        "parameters",
        "capability",
        "kinds",
        "event_kinds",
        "audiences",
    )
    said = {
        name: _as_counted(name, part)
        for name, part in scenario.model_dump(include={*parts}).items()
    }
    said["states"] = [
        (one.id, one.propensity, one.propensity_declarations) for one in scenario.states
    ]
    said["frailties"] = [
        (one.a, one.b, one.factor, one.shape) for one in scenario.frailties
    ]
    return hashlib.sha256(record_digest(scenario).encode() + _text(said)).hexdigest()


def priors_digest() -> str:
    """sha256 of the priors, and of what the shipped fits say: what the draws of every
    scenario follow from."""
    return hashlib.sha256(
        b"".join(map(_text, (shipped_priors(), *shipped_likelihoods())))
    ).hexdigest()

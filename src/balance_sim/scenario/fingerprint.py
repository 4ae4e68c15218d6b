"""One number for the content of a scenario, whatever the order and the layout of its files."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from functools import partial
from typing import Any

from balance_sim.scenario.kept import Kept
from balance_sim.scenario.schema import Scenario, SectionRow

LEFT_OUT = ("name", "sha256")
WHERE_GIVEN = ("frailties", "calibration", "base_rate")
"""Parts that count where they say something, so that a scenario without them keeps the number it had."""
_TEXTS = Kept[bytes](most=16)  # sections of the scenarios at hand and of their versions


def canonical(value: Any) -> Any:
    """Plain data in one form: keys as text, dates ISO, numbers as floats, lists for tuples."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is float:
        return value + 0.0  # no negative zero
    if isinstance(value, dict):
        return {str(key): canonical(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(child) for child in value]
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) + 0.0  # no negative zero
    return value


def content_digest(scenario: Scenario) -> str:
    """sha256 of the canonical JSON of everything but the name and the digest itself.

    The text of a section is kept: it is made again only where a row was changed."""
    names = sorted(
        name
        for name, field in Scenario.model_fields.items()
        if name not in LEFT_OUT and not (name in WHERE_GIVEN and getattr(scenario, name) == field.default)
    )
    sections = {name for name in names if _is_section(getattr(scenario, name))}
    rest = scenario.model_dump(include={*names} - sections)
    digest = hashlib.sha256()
    for name in names:
        if name in sections:
            text = _TEXTS.get((name, getattr(scenario, name)), partial(_section_text, scenario, name))
        else:
            text = _text(rest[name])
        digest.update(f'{"," if name != names[0] else "{"}"{name}":'.encode("ascii"))
        digest.update(text)
    digest.update(b"}")
    return digest.hexdigest()


def _is_section(value: object) -> bool:
    return (
        type(value) is tuple
        and len(value) > 0
        and all(issubclass(kind, SectionRow) for kind in set(map(type, value)))
    )


def _section_text(scenario: Scenario, name: str) -> bytes:
    return _text(scenario.model_dump(include={name})[name])


def _text(value: Any) -> bytes:
    content = canonical(value)
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.encode("ascii")


def sealed(scenario: Scenario) -> Scenario:
    """The scenario with the sha256 of what it holds: a copy that Python code has changed carries an old one."""
    return scenario.model_copy(update={"sha256": content_digest(scenario)})

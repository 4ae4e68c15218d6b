"""One number for the content of a scenario, whatever the order and the layout of its files."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

from balance_sim.scenario.schema import Scenario


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
    """sha256 of the canonical JSON of everything but the name and the digest itself."""
    content = canonical(scenario.model_dump(exclude={"name", "sha256"}))
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def sealed(scenario: Scenario) -> Scenario:
    """The scenario with the sha256 of what it holds: a copy that Python code has changed carries an old one."""
    return scenario.model_copy(update={"sha256": content_digest(scenario)})

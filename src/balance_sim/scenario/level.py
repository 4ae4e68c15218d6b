"""Whose level a scenario has after values were set.

The level is solved once, at the start of the scenario as written, and what an arm's
`set` can hold keeps it: docs/decisions/0050-level-solved-once.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from balance_sim.scenario.fingerprint import sealed
from balance_sim.scenario.reading import ValueChange
from balance_sim.scenario.schema import ANEW, Scenario
from balance_sim.scenario.setter import PRESET, Editor

BASE_RATE = "base_rate"
"""The value that asks for the level anew, and holds it whatever else is set."""
KEEPING = (
    "accords",
    "audiences",
    "capability",
    "changes",
    "disputes",
    "distances",
    "event_kinds",
    "events",
    "frailties",
    "kinds",
    "no_relations",
    "pacts",
    "parameters",
    "players",
    "provocations",
    "states",
    "theory",
    "trade",
)
"""Parts of which a changed value keeps the level, as in an arm; and of arms the control
arm. Another theory is compared at one level (decision 8), and what stands at the top of
a file is of the whole world."""


def leveled_of(
    changed: Scenario, before: Scenario, changes: Sequence[ValueChange]
) -> Scenario | Literal["anew"] | None:
    """What a changed scenario's `leveled` is: the scenario at whose start its level is
    solved, None where that is the changed one itself, ANEW where it stays so.

    before: as it was; changes: all that were made. What is set in one go and what is
    set bit by bit have one level."""
    is_asked = any(change.path == BASE_RATE for change in changes)
    if is_asked or before.leveled == ANEW:
        return ANEW
    editor = Editor(before.level_source or before)
    editor.apply(change for change in changes if change.path == PRESET)
    level = editor.scenario
    parts = {name: getattr(level, name) for name in KEEPING}
    if _control_of(changed) != _control_of(level):
        parts["arms"] = level.arms
    if all(getattr(changed, name) == part for name, part in parts.items()):
        return None
    return sealed(changed.model_copy(update={**parts, "leveled": None}))


def _control_of(scenario: Scenario) -> object:
    """The control arm as it is declared."""
    return scenario.arms[scenario.reference_arm]

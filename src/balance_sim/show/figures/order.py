"""The fixed order of states in pair figures.

First those who take part in the focal event, then the groups the scenario reports on, then its other groups,
each in the scenario's order (by name), then the rest. A state stands in the first group that holds it, and by
code within it. Groups overlap: one that comes late holds only whom no earlier one has taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from balance_sim.model.classes import classes_of

if TYPE_CHECKING:
    from balance_sim.scenario.schema import Scenario

PARTICIPANTS, REST = "participants", "others"


def state_order(scenario: Scenario) -> pd.DataFrame:
    """One row a state, in order: code, group."""
    groups: list[tuple[str, tuple[str, ...]]] = [(PARTICIPANTS, classes_of(scenario).participants)]
    named = [
        *scenario.report.groups,
        *(name for name in scenario.groups if name not in scenario.report.groups),
    ]
    groups += [(name, tuple(scenario.groups[name])) for name in named if name in scenario.groups]
    groups.append((REST, tuple(scenario.codes)))
    left, rows = set(scenario.codes), []
    for name, members in groups:
        for code in sorted(left.intersection(members)):
            rows.append({"code": code, "group": name})
            left.discard(code)
    return pd.DataFrame(rows, columns=["code", "group"])

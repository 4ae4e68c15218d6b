"""Players of a scenario as a file may write them: policies by name, in a list, or
shipped ones by their names alone."""

from __future__ import annotations

from functools import cache

from balance_sim.scenario.defaults import shipped_yaml
from balance_sim.scenario.diagnostics import Diagnostics, unknown
from balance_sim.scenario.nodes import REFUSED, Node, from_plain, merged


@cache
def ready_policies() -> dict[str, Node]:
    """The shipped policies by name."""
    return from_plain(shipped_yaml("policies.yaml")).fields


def with_policies_by_name(players: Node, problems: Diagnostics) -> Node:
    """The players with their policies as mappings by name, shipped ones laid below.

    problems: takes names of no policy, and those given twice."""
    named = {
        name: player.with_fields({"policies": _by_name(node, name, problems)})
        for name, player in players.fields.items()
        if (node := player.get("policies")) is not None
    }
    return players.with_fields(named) if named else players


def _by_name(policies: Node, player: str, problems: Diagnostics) -> Node:
    """A player's policies as a mapping."""
    path, rows = f"players.{player}.policies", dict(policies.fields)
    for position, item in enumerate(policies.items):
        named = item if isinstance(item.value, str) else item.get("id")
        place = f"{path}[{position}]"
        if named is None or not isinstance(named.value, str):
            why = "a policy in a list is a shipped one's name, or has an `id`"
            problems.add(item, place, "E103", why, "add `id`")
            return policies.with_value(REFUSED)
        if named.value in rows:
            why = f"`{named.value}` is given already"
            problems.add(named, f"{place}.id", "E015", why)
        if named is item and named.value not in ready_policies():
            texts = unknown("policy", named.value, ready_policies())
            problems.add(item, place, "E309", *texts)
            return policies.with_value(REFUSED)
        rows[named.value] = item.without("id") if item.fields else item.with_value({})
    if not (policies.items or isinstance(policies.value, dict)):
        return policies.with_value({}) if policies.value == [] else policies
    laid = {
        name: merged(ready_policies()[name], row) if name in ready_policies() else row
        for name, row in rows.items()
    }
    return policies.with_value(laid)

"""Profiles as arms: one strategy of each player, with the changes of all, checked as the arms of a file are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from balance_sim.game.checks import arm_of
from balance_sim.scenario.assemble import as_tree, assemble
from balance_sim.scenario.diagnostics import Diagnostic, Diagnostics, Mark
from balance_sim.scenario.nodes import Node, from_plain
from balance_sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from balance_sim.game.plan import GamePlan


OF_ARMS = ("W302", "W307")
"""Warnings that say nothing of a profile: it may come to the same as another, and nobody compares it with the focal
event's absence."""


def with_profiles(tree: Node, plan: GamePlan, base: Scenario, found: Diagnostics) -> Scenario | None:
    """The scenario with its control arm and an arm for each profile, checked in every one."""
    whole = as_tree(base, Mark(base.name, 1, 1))
    players, of_arms = tree.fields["players"], Diagnostics()
    arms = {base.reference_arm: whole.below("arms").fields[base.reference_arm]}
    for profile in product(*(one.strategies for one in plan.players.values())):
        played = [*zip(plan.players, profile, strict=True)]
        nodes = [players.fields[name].fields["strategies"].fields[strategy] for name, strategy in played]
        titles = [plan.players[name].strategies[one].title or one.replace("_", " ") for name, one in played]
        arms[arm_of(profile)] = _joint(nodes, "; ".join(titles), players.mark)
    tree_of_arms = whole.with_fields({"arms": Node(arms, players.mark, key=players.key)})
    scenario = assemble(tree_of_arms, base.name, of_arms, most_arms=len(arms))
    found += _told_once(of_arms, tree, base.reference_arm)
    return None if scenario is None else scenario.counted_as(base)


def _joint(nodes: Sequence[Node], title: str, mark: Mark) -> Node:
    """The arm of a profile from the strategies' nodes."""
    dropped: list[Node] = []
    for node in nodes:  # what two players drop is dropped once; what one drops twice is a slip
        known = {str(item.value) for item in dropped}
        dropped += [item for item in node.below("drop").items if str(item.value) not in known]
    fields = {
        "title": from_plain(title, mark),
        "drop": Node(dropped, mark),
        "add": Node([row for node in nodes for row in node.below("add").items], mark),
        "set": Node({path: child for node in nodes for path, child in node.below("set").fields.items()}, mark),
    }
    return Node({name: child for name, child in fields.items() if child.value}, mark)


def _told_once(of_arms: Sequence[Diagnostic], tree: Node, control: str) -> Iterator[Diagnostic]:
    """What is wrong with profiles, under the key path of the strategy at fault; once for all the profiles it is in."""
    homes: dict[tuple[int, int], str] = {}
    for name, player in tree.fields["players"].fields.items():
        for strategy, node in player.below("strategies").fields.items():
            for part in _all_nodes(node):
                for mark in (part.mark, part.at):
                    homes.setdefault((mark.line, mark.col), f"players.{name}.strategies.{strategy}")
    seen: set[tuple[int, int, str, str]] = set()
    file = tree.mark.file
    for one in of_arms:
        if one.path.startswith(f"arms.{control}") or (one.is_warning and (one.file != file or one.code in OF_ARMS)):
            continue
        home = homes.get((one.line, one.col)) if one.file == file else None
        place = tree.fields["players"].at
        _, _, rest = one.path.removeprefix("arms.").partition(": " if ": " in one.path else ".")
        told = (
            replace(one, path=f"{home}.{rest}" if rest else home)
            if home is not None
            else replace(one, file=file, line=place.line, col=place.col)
        )
        key = (told.line, told.col, told.code, told.message)
        if key not in seen:
            seen.add(key)
            yield told


def _all_nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in (*node.fields.values(), *node.items):
        yield from _all_nodes(child)

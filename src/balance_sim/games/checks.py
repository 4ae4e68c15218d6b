"""What holds between the parts of a game file: who plays, what pays whom, and what can
be played together."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product
from math import prod
from typing import TYPE_CHECKING

from balance_sim.games.players import MEASURES_OF_PLAYERS
from balance_sim.scenario.diagnostics import Diagnostics, did_you_mean, listed, shown
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from balance_sim.games.plan import GamePlan, PayoffPart, PlayerPlan

MOST_PLAYERS, STRATEGIES, MOST_PROFILES = 4, (2, 6), 256
LONGEST_NAME = 64  # of an arm
Members = dict[tuple[str, int], tuple[str, ...]]
"""Whom each part of a payoff is toward, by player and place."""


def arm_of(profile: tuple[str, ...]) -> str:
    """The name of a profile's arm.

    >>> arm_of(("all_three", "nothing"))
    'all_three-nothing'"""
    return "-".join(profile)


def check_sizes(tree: Node, plan: GamePlan, found: Diagnostics) -> None:
    players, (least, most) = tree.fields["players"], STRATEGIES
    if not 1 <= len(plan.players) <= MOST_PLAYERS:
        why = f"{len(plan.players)} players; a game has 1 to {MOST_PLAYERS}"
        found.add(
            players.at,
            "players",
            "E212",
            why,
            "name a side as `players: {NAME: {states, strategies, payoff}}`",
        )
    for name, player in plan.players.items():
        if not least <= len(player.strategies) <= most:
            node = players.fields[name].fields["strategies"]
            why = f"{len(player.strategies)} strategies; a player has {least} to {most}"
            found.add(
                node.at,
                f"players.{name}.strategies",
                "E212",
                why,
                "leave some out, or add `nothing: {}`",
            )
    profiles = prod(len(player.strategies) for player in plan.players.values())
    if profiles > MOST_PROFILES:
        why = (
            f"{profiles:,} profiles, of which each is simulated, exceed {MOST_PROFILES}"
        )
        found.add(
            players.at,
            "players",
            "E405",
            why,
            "fewer players, or fewer strategies",
            f"at most {MOST_PROFILES}",
        )
    names = map(arm_of, product(*(one.strategies for one in plan.players.values())))
    if long := next((name for name in names if len(name) > LONGEST_NAME), None):
        found.add(
            players.at,
            "players",
            "E106",
            f"`{long}` is too long a name",
            "shorten the strategies'",
        )


def check_window(tree: Node, scenario: Scenario, found: Diagnostics) -> None:
    """What players feel is measured at the end of the longest window, so the scenario
    has to last that long."""
    focal = next(event.date for event in scenario.events if event.id == scenario.focal)
    left, window = (scenario.end - focal).days, max(scenario.report.windows)
    if window > left:
        why = f"its longest window, {window} days, ends after the scenario does, {left} days after its focal event"
        hint = (
            "lengthen the scenario, or write `set: {report.windows: ["
            + str(left)
            + "]}`"
        )
        found.add(tree.fields["scenario"], "scenario", "E203", why, hint)


def check_observed(tree: Node, plan: GamePlan, found: Diagnostics) -> None:
    node = tree.fields["observed"]
    for name, strategy in plan.observed.items():
        player, at = plan.players.get(name), node.fields[name]
        if player is None:
            hint = did_you_mean(name, plan.players)
            found.add(
                at.at,
                f"observed.{name}",
                "E107",
                f"no player `{name}`",
                hint,
                listed(plan.players),
            )
        elif strategy not in player.strategies:
            hint, known = (
                did_you_mean(strategy, player.strategies),
                listed(player.strategies),
            )
            found.add(
                at,
                f"observed.{name}",
                "E107",
                f"no strategy `{strategy}` of {name}",
                hint,
                known,
            )
    for name in plan.players:
        if name not in plan.observed:
            why = f"`{name}` is missing: what did it do, or what is usual?"
            found.add(node.at, "observed", "E103", why, f"write `{name}: STRATEGY`")


def check_payoffs(
    tree: Node, plan: GamePlan, scenario: Scenario, found: Diagnostics
) -> Members:
    """Members that each part of a payoff is toward, by player and place."""
    whose: dict[str, str] = {}
    out: Members = {}
    for name, player in plan.players.items():
        node, path = tree.fields["players"].fields[name], f"players.{name}"
        for at, code in enumerate(player.states):
            where, place = f"{path}.states[{at}]", node.fields["states"].items[at]
            if code not in scenario.codes:
                hint = did_you_mean(code, scenario.codes)
                found.add(
                    place,
                    where,
                    "E301",
                    f"unknown state `{code}`",
                    hint,
                    listed(scenario.codes),
                )
            elif code in whose:
                found.add(
                    place,
                    where,
                    "E015",
                    f"`{code}` is a state of {whose[code]} already",
                    "leave it out of one",
                )
            whose.setdefault(code, name)
        seen: dict[tuple[str, str], int] = {}
        for at, part in enumerate(player.payoff):
            where, place = f"{path}.payoff[{at}]", node.fields["payoff"].items[at]
            members = _members(part, player, scenario, place, where, found)
            if members is not None:
                out[name, at] = members
            line = seen.setdefault((part.outcome, part.of or ""), place.mark.line)
            if line != place.mark.line:
                found.add(
                    place,
                    where,
                    "E015",
                    f"the same outcome as at line {line}",
                    "add the two weights up",
                )
    return out


def _members(
    part: PayoffPart,
    player: PlayerPlan,
    scenario: Scenario,
    node: Node,
    path: str,
    found: Diagnostics,
) -> tuple[str, ...] | None:
    measure, of = MEASURES_OF_PLAYERS.get(part.outcome), node.get("of")
    if measure is None:
        why, hint = (
            f"no outcome `{part.outcome}`",
            did_you_mean(part.outcome, MEASURES_OF_PLAYERS),
        )
        found.add(
            node.fields["outcome"],
            f"{path}.outcome",
            "E107",
            why,
            hint,
            listed(MEASURES_OF_PLAYERS, 20),
        )
        return None
    if not measure.toward:
        if part.of is None:
            return ()
        why = f"`{part.outcome}` is of the player alone"
        found.add(node.fields["of"].at, f"{path}.of", "E110", why, "leave `of` out")
        return None
    dyad = measure.toward == "pair"
    if part.of is None or of is None:
        what = "two states, as `RUS-UKR`" if dyad else "a group or a state"
        found.add(
            node, path, "E103", f"`{part.outcome}` needs `of`", f"write `of:` {what}"
        )
        return None
    named = tuple(
        sorted(part.of.split("-") if dyad else scenario.groups.get(part.of, (part.of,)))
    )
    inside = tuple(code for code in named if code in scenario.codes)
    left = tuple(code for code in inside if code not in player.states)
    if len(inside) < len(named) and part.of not in scenario.groups:
        what, known = (
            ("state", scenario.codes)
            if dyad
            else ("group or state", (*scenario.groups, *scenario.codes))
        )
        stranger = next(code for code in named if code not in scenario.codes)
        hint = did_you_mean(stranger, known)
        found.add(
            of, f"{path}.of", "E301", f"no {what} `{stranger}`", hint, listed(known)
        )
    elif dyad and len({*left}) != 2:
        found.add(
            of,
            f"{path}.of",
            "E203",
            f"`{part.of}` is no two states beside the player's own",
            "write two others",
        )
    elif len(left) < (2 if part.outcome == "agreements_among" else 1):
        found.add(
            of,
            f"{path}.of",
            "E212",
            f"`{part.of}` holds too few states beside the player's own",
        )
    else:
        return inside if part.outcome == "agreements_among" else left
    return None


def check_conflicts(tree: Node, plan: GamePlan, found: Diagnostics) -> None:
    """Strategies that could not be played together: what two players set, both add, or
    one drops and another needs."""
    players = tree.fields["players"].fields
    for one, other in combinations(plan.players, 2):
        for here, there in product(
            plan.players[one].strategies, plan.players[other].strategies
        ):
            a, b = (
                players[p].fields["strategies"].fields[s]
                for p, s in ((one, here), (other, there))
            )
            for word, path, node, line in _clashes(a, b):
                where = f"players.{other}.strategies.{there}.{path}"
                why = f"{word} by `{one}.{here}` too (line {line}): the two could not be played together"
                if not any(
                    known.path == where and known.line == node.at.line
                    for known in found
                ):
                    found.add(
                        node.at,
                        where,
                        "E015",
                        why,
                        "leave it to one of the two players",
                    )


def _clashes(a: Node, b: Node) -> Iterator[tuple[str, str, Node, int]]:
    """What is wrong, key path in b, its place, and the line in a."""
    for path, node in b.below("set").fields.items():
        if (mine := a.below("set").get(path)) is not None:
            yield "set", f"set.{shown(path)}", node, mine.at.line
    ids = {str(row.below("id").value): row for row in a.below("add").items}
    for at, row in enumerate(b.below("add").items):
        mine = ids.get(str(row.below("id").value)) if row.get("id") else None
        if mine is not None:
            yield "an event of this id is added", f"add[{at}]", row, mine.at.line
    for dropping, other, is_b in ((a, b, True), (b, a, False)):
        gone = {str(item.value): item for item in dropping.below("drop").items}
        for path, node in other.below("set").fields.items():
            head, _, rest = path.partition(".")
            item = gone.get(rest.partition(".")[0]) if head == "events" else None
            if item is not None:
                word = (
                    "an event is changed that is dropped"
                    if is_b
                    else "an event is dropped that is changed"
                )
                first, second = (node, item) if is_b else (item, node)
                yield (
                    word,
                    f"set.{shown(path)}" if is_b else "drop",
                    first,
                    second.at.line,
                )

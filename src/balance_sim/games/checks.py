"""What holds between the parts of a game file: who plays, what pays whom, and what can
be played together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from math import prod

from balance_sim.games.players import MEASURES_OF_PLAYERS, Cast
from balance_sim.games.schema import GamePlan, PayoffPart, PlayerPlan, arm_of
from balance_sim.scenario.diagnostics import (
    Diagnostics,
    Mark,
    did_you_mean,
    listed,
    shown,
)
from balance_sim.scenario.nodes import Node
from balance_sim.scenario.schema import Scenario

MOST_PLAYERS, MOST_PROFILES = 4, 256
FEWEST_STRATEGIES, MOST_STRATEGIES = 2, 6
LONGEST_NAME = 64  # of an arm
Members = dict[tuple[str, int], tuple[str, ...]]
"""Whom each part of a payoff is toward, by player and place."""


def check_sizes(tree: Node, plan: GamePlan, diagnostics: Diagnostics) -> None:
    """Numbers of players, strategies and profiles, and lengths of names."""
    players = tree.fields["players"]
    if not 1 <= len(plan.players) <= MOST_PLAYERS:
        message = f"{len(plan.players)} players; a game has 1 to {MOST_PLAYERS}"
        hint = "name a side as `players: {NAME: {states, strategies, payoff}}`"
        diagnostics.add(players.at, "players", "E212", message, hint)
    for name, player in plan.players.items():
        count = len(player.strategies)
        if not FEWEST_STRATEGIES <= count <= MOST_STRATEGIES:
            bounds = f"a player has {FEWEST_STRATEGIES} to {MOST_STRATEGIES}"
            place = players.fields[name].fields["strategies"].at
            message = f"{count} strategies; {bounds}"
            hint, path = "leave some out, or add `nothing: {}`", f"players.{name}"
            diagnostics.add(place, f"{path}.strategies", "E212", message, hint)
    strategies = [player.strategies for player in plan.players.values()]
    profiles = prod(map(len, strategies))
    if profiles > MOST_PROFILES:
        number = f"{profiles:,} profiles, of which each is simulated"
        message, bound = f"{number}, exceed {MOST_PROFILES}", f"at most {MOST_PROFILES}"
        hint = "fewer players, or fewer strategies"
        diagnostics.add(players.at, "players", "E405", message, hint, bound)
    for name in map(arm_of, product(*strategies)):
        if len(name) > LONGEST_NAME:
            message, hint = f"`{name}` is too long a name", "shorten the strategies'"
            diagnostics.add(players.at, "players", "E106", message, hint)
            break


def check_window(tree: Node, scenario: Scenario, diagnostics: Diagnostics) -> None:
    """What players feel is measured at the end of the longest window, so the scenario
    has to last that long."""
    focal = next(event.date for event in scenario.events if event.id == scenario.focal)
    days, window = (scenario.end - focal).days, max(scenario.report.windows)
    if window > days:
        end = f"ends after the scenario does, {days} days after its focal event"
        message = f"its longest window, {window} days, {end}"
        setting = f"`set: {{report.windows: [{days}]}}`"
        hint = f"lengthen the scenario, or write {setting}"
        node = tree.fields["scenario"]
        diagnostics.add(node, "scenario", "E203", message, hint)


def check_observed(tree: Node, plan: GamePlan, diagnostics: Diagnostics) -> None:
    """One strategy of each player."""
    observed = tree.fields["observed"]
    for name, strategy in plan.observed.items():
        player, node = plan.players.get(name), observed.fields[name]
        path = f"observed.{name}"
        if player is None:
            message = f"no player `{name}`"
            _unknown(node.at, path, "E107", message, (name, plan.players), diagnostics)
        elif strategy not in player.strategies:
            message, names = f"no strategy `{strategy}` of {name}", player.strategies
            _unknown(node, path, "E107", message, (strategy, names), diagnostics)
    for name in plan.players:
        if name not in plan.observed:
            message = f"`{name}` is missing: what did it do, or what is usual?"
            hint = f"write `{name}: STRATEGY`"
            diagnostics.add(observed.at, "observed", "E103", message, hint)


def _unknown(
    place: Mark | Node,
    path: str,
    code: str,
    message: str,
    word: tuple[str, Iterable[str]],
    diagnostics: Diagnostics,
) -> None:
    """Add that a word is none of some names, with those that are like it."""
    name, names = word[0], list(word[1])
    hint = did_you_mean(name, names)
    diagnostics.add(place, path, code, message, hint, listed(names, 20))


def check_payoffs(
    tree: Node, plan: GamePlan, scenario: Scenario, diagnostics: Diagnostics
) -> Members:
    """Members that each part of a payoff is toward, by player and place."""
    players, members = tree.fields["players"], Members()
    check_states(players, plan, scenario, diagnostics)
    for name, player in plan.players.items():
        lines: dict[tuple[str, str], int] = {}
        nodes = players.fields[name].fields["payoff"].items
        for number, (part, node) in enumerate(zip(player.payoff, nodes, strict=True)):
            path = f"players.{name}.payoff[{number}]"
            toward = _members(part, player, scenario, node, path, diagnostics)
            if toward is not None:
                members[name, number] = toward
            line = lines.setdefault((part.outcome, part.of or ""), node.mark.line)
            if line != node.mark.line:
                message = f"the same outcome as at line {line}"
                diagnostics.add(node, path, "E015", message, "add the two weights up")
    return members


def check_states(
    players: Node, plan: GamePlan, scenario: Scenario, diagnostics: Diagnostics
) -> None:
    """States of the scenario, each of one player at most."""
    owners: dict[str, str] = {}
    for name, player in plan.players.items():
        nodes = players.fields[name].fields["states"].items
        for number, (code, node) in enumerate(zip(player.states, nodes, strict=True)):
            path = f"players.{name}.states[{number}]"
            if code not in scenario.codes:
                message, word = f"unknown state `{code}`", (code, scenario.codes)
                _unknown(node, path, "E301", message, word, diagnostics)
            elif code in owners:
                message = f"`{code}` is a state of {owners[code]} already"
                diagnostics.add(node, path, "E015", message, "leave it out of one")
            owners.setdefault(code, name)


def _members(
    part: PayoffPart,
    player: PlayerPlan,
    scenario: Scenario,
    node: Node,
    path: str,
    diagnostics: Diagnostics,
) -> tuple[str, ...] | None:
    """Whom a part of a payoff is toward; None where something is wrong with it."""
    measure, key = MEASURES_OF_PLAYERS.get(part.outcome), node.get("of")
    if measure is None:
        name, word = node.fields["outcome"], (part.outcome, MEASURES_OF_PLAYERS)
        message = f"no outcome `{part.outcome}`"
        _unknown(name, f"{path}.outcome", "E107", message, word, diagnostics)
        return None
    if not measure.toward:
        if part.of is not None:
            message = f"`{part.outcome}` is of the player alone"
            place = node.fields["of"].at
            diagnostics.add(place, f"{path}.of", "E110", message, "leave `of` out")
        return () if part.of is None else None
    is_dyad = measure.toward == "pair"
    if part.of is None or key is None:
        example = "two states, as `RUS-UKR`" if is_dyad else "a group or a state"
        message, hint = f"`{part.outcome}` needs `of`", f"write `of:` {example}"
        diagnostics.add(node, path, "E103", message, hint)
        return None
    codes = part.of.split("-") if is_dyad else scenario.groups.get(part.of, (part.of,))
    inside = tuple(sorted(code for code in codes if code in scenario.codes))
    others = tuple(code for code in inside if code not in player.states)
    path = f"{path}.of"
    is_among = part.outcome == "agreements_among"
    if len(inside) < len(codes) and part.of not in scenario.groups:
        unknown = min({*codes} - {*scenario.codes})
        names = scenario.codes
        role = "state" if is_dyad else "group or state"
        if not is_dyad:
            names = (*scenario.groups, *scenario.codes)
        message = f"no {role} `{unknown}`"
        _unknown(key, path, "E301", message, (unknown, names), diagnostics)
    elif is_dyad and len({*others}) != 2:
        message = f"`{part.of}` is no two states beside the player's own"
        diagnostics.add(key, path, "E203", message, "write two others")
    elif len(others) < (2 if is_among else 1):
        message = f"`{part.of}` holds too few states beside the player's own"
        diagnostics.add(key, path, "E212", message)
    else:
        return inside if is_among else others
    return None


def warn_of_nobody_threatened(tree: Node, cast: Cast, diagnostics: Diagnostics) -> None:
    """Where a player is paid by agreements against it, and nobody could make one."""
    threatened = {player.name: player.threatened for player in cast.players}
    for outcome in cast.outcomes:
        name = outcome.player
        if outcome.measure == "agreements_against" and not threatened[name]:
            start = f"nobody is threatened by {name} at the start"
            message = f"{start}: no agreement can count as one against it"
            place = tree.fields["players"].fields[name].fields["payoff"].at
            diagnostics.add(place, f"players.{name}.payoff", "W312", message)


def check_conflicts(tree: Node, plan: GamePlan, diagnostics: Diagnostics) -> None:
    """Strategies that could not be played together: what two players set, both add, or
    one drops and another needs."""
    players, reported = tree.fields["players"].fields, set[tuple[str, int]]()
    for first, second in combinations(plan.players, 2):
        of_first = players[first].fields["strategies"].fields
        of_second = players[second].fields["strategies"].fields
        for a, b in product(of_first, of_second):
            for word, key, node, line in _clashes(of_first[a], of_second[b]):
                path = f"players.{second}.strategies.{b}.{key}"
                if (path, node.at.line) in reported:
                    continue
                reported.add((path, node.at.line))
                place = f"`{first}.{a}` too (line {line})"
                message = f"{word} by {place}: the two could not be played together"
                hint = "leave it to one of the two players"
                diagnostics.add(node.at, path, "E015", message, hint)


def _clashes(a: Node, b: Node) -> Iterator[tuple[str, str, Node, int]]:
    """What is wrong, key path in b, its place, and the line in a."""
    settings = a.below("set").fields
    for path, node in b.below("set").fields.items():
        if path in settings:
            yield "set", f"set.{shown(path)}", node, settings[path].at.line
    events = {str(row.below("id").value): row for row in a.below("add").items}
    for number, row in enumerate(b.below("add").items):
        event = str(row.below("id").value)
        if row.get("id") and event in events:
            line = events[event].at.line
            yield "an event of this id is added", f"add[{number}]", row, line
    for path, node, dropped in _dropped_and_changed(a, b):
        word, key = "an event is changed that is dropped", f"set.{shown(path)}"
        yield word, key, node, dropped.at.line
    for _, node, dropped in _dropped_and_changed(b, a):
        word = "an event is dropped that is changed"
        yield word, "drop", dropped, node.at.line


def _dropped_and_changed(
    dropping: Node, changing: Node
) -> Iterator[tuple[str, Node, Node]]:
    """Events that one strategy drops and another changes: key path and place of the
    change, and place of the drop."""
    dropped = {str(item.value): item for item in dropping.below("drop").items}
    for path, node in changing.below("set").fields.items():
        table, _, key = path.partition(".")
        event = key.partition(".")[0]
        if table == "events" and event in dropped:
            yield path, node, dropped[event]

"""What holds between the parts of a game file: who plays, what pays whom, and what can
be played together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from math import prod

from balance_sim.games.players import TOWARD, members_named
from balance_sim.games.schema import GamePlan, PayoffPart, PlayerPlan
from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.validation import joined

MOST_PROFILES = 256
SMALLEST = {"credibility": 2, "agreements_among": 2}
"""How many states besides the player's own a measure is toward, where not one."""

type Steps = tuple[str | int, ...]
"""The keys that lead to a place in the file."""
type Problem = tuple[Steps, str, str, str, str]
"""A place, a code, what is wrong, the next step, and what is allowed."""


def problems_of(plan: GamePlan, scenario: Scenario) -> Iterator[Problem]:
    """Yield what is wrong with a plan beside the scenario it changes."""
    players = plan.players
    profiles = prod(len(player.strategies) for player in players.values())
    if profiles > MOST_PROFILES:
        bound, hint = f"at most {MOST_PROFILES}", "fewer players, or fewer strategies"
        yield ("players",), "E405", f"{profiles:,} profiles", hint, bound
    yield from _unobserved(plan)
    for first, second in combinations(players, 2):
        yield from _conflicts(plan, first, second)
    yield from _short_scenario(scenario)
    owners: dict[str, str] = {}
    for name, player in players.items():
        for number, code in enumerate(player.states):
            steps = ("players", name, "states", number)
            if code not in scenario.codes:
                yield unknown_name(steps, "E301", code, scenario.codes)
            elif code in owners:
                message = f"`{code}` is a state of {owners[code]} already"
                yield steps, "E015", message, "leave it out of one", ""
            owners[code] = name
        outcomes = [(part.outcome, part.of) for part in player.payoff]
        for number, part in enumerate(player.payoff):
            steps = ("players", name, "payoff", number)
            if outcomes.index(outcomes[number]) < number:
                message = f"the same as payoff[{outcomes.index(outcomes[number])}]"
                yield steps, "E015", message, "add the two weights up", ""
            yield from _unfit_members(steps, part, player, scenario)


def unknown_name(steps: Steps, code: str, name: str, options: Iterable[str]) -> Problem:
    """Return that a name is none of those that are known."""
    names = list(options)
    hint, allowed = did_you_mean(name, names), listed(names, 20)
    return steps, code, f"there is no `{shown(name)}`", hint, allowed


def _unobserved(plan: GamePlan) -> Iterator[Problem]:
    """Yield players and strategies that are observed and are not there, and players
    without one."""
    for name, strategy in plan.observed.items():
        if name not in plan.players:
            yield unknown_name(("observed", name), "E107", name, plan.players)
        elif strategy not in plan.players[name].strategies:
            strategies = plan.players[name].strategies
            yield unknown_name(("observed", name), "E107", strategy, strategies)
    for name in plan.players.keys() - plan.observed.keys():
        hint = f"write `{name}: STRATEGY`"
        yield ("observed",), "E103", f"`{name}` is missing", hint, ""


def _conflicts(plan: GamePlan, first: str, second: str) -> Iterator[Problem]:
    """Yield values that two players set."""
    earlier, later = (
        {
            key: ("players", name, "strategies", strategy, "set", key)
            for strategy, act in plan.players[name].strategies.items()
            for key in act.set
        }
        for name in (first, second)
    )
    for key in sorted(earlier.keys() & later.keys()):
        message = f"set by {joined('', earlier[key][:4])} too"
        yield later[key], "E015", message, "leave it to one of the two players", ""


def _short_scenario(scenario: Scenario) -> Iterator[Problem]:
    """Yield where the scenario ends before its longest window does, when what players
    feel is measured."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    days, window = (scenario.end - focal.date).days, max(scenario.report.windows)
    if window > days:
        message = f"its longest window, {window} days, ends after the scenario does"
        hint = f"lengthen the scenario, or write `set: {{report.windows: [{days}]}}`"
        yield ("scenario",), "E203", message, hint, f"at most {days} days"


def _unfit_members(
    steps: Steps, part: PayoffPart, player: PlayerPlan, scenario: Scenario
) -> Iterator[Problem]:
    """Yield where `of` is missing, says nothing, names states that are not there, or
    not enough of them besides the player's own."""
    place = (*steps, "of")
    if part.of is None and part.outcome in TOWARD:
        hint = "write `of:` a group, a state, or two states as `RUS-UKR`"
        yield steps, "E103", f"`{part.outcome}` needs `of`", hint, ""
    elif part.of is not None and part.outcome not in TOWARD:
        message = f"`{part.outcome}` is of the player alone"
        yield place, "E110", message, "leave `of` out", ""
    elif part.of is not None:
        named = members_named(part, scenario)
        unknown = [code for code in named if code not in scenario.codes]
        others = {*named} - {*player.states, *unknown}
        smallest = SMALLEST.get(part.outcome, 1)
        is_dyad = part.outcome != "credibility" or len(named) == 2
        if unknown and part.of not in scenario.groups:
            known_names = (*scenario.groups, *scenario.codes)
            yield unknown_name(place, "E301", unknown[0], known_names)
        elif len(others) < smallest or not is_dyad:
            message = f"`{part.of}` names too few or too many states beside its own"
            yield place, "E212", message, "", f"at least {smallest}"

"""What holds between the parts of a game file: who plays, what pays whom, and what can
be played together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from math import prod

from balance_sim.games.players import TOWARD, members_named
from balance_sim.games.schema import GamePlan, PayoffPart, PlayerPlan
from balance_sim.scenario.diagnostics import Diagnostics, did_you_mean, listed, shown
from balance_sim.scenario.nodes import Node, descend
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.validation import joined

MOST_PROFILES = 256
SMALLEST = {"credibility": 2, "agreements_among": 2}
"""How many states besides the player's own a measure is toward, where not one."""


class GameChecks:
    """Checks of a plan beside the scenario it changes; what is wrong goes to
    `problems`.

    tree : of the file, whose nodes tell the places
    """

    def __init__(self, tree: Node, plan: GamePlan, problems: Diagnostics) -> None:
        self.tree, self.plan, self.problems = tree, plan, problems

    def run(self, scenario: Scenario) -> None:
        """Every check."""
        self.check_profiles()
        self.check_observed()
        self.check_conflicts()
        self.check_window(scenario)
        self.check_states(scenario)
        for name, player in self.plan.players.items():
            self.check_payoff(name, player, scenario)

    def refuse(self, steps: tuple[object, ...], code: str, *words: str) -> None:
        """Add a problem of what stands at the end of some steps. words: message, next
        step, what is allowed."""
        place = descend(self.tree, steps)
        self.problems.add(place, joined("", steps), code, *words)

    def refuse_unknown(
        self, steps: tuple[object, ...], code: str, name: str, known: Iterable[str]
    ) -> None:
        """Add that a name is none of those that are known."""
        names = list(known)
        message = f"there is no `{shown(name)}`"
        self.refuse(steps, code, message, did_you_mean(name, names), listed(names, 20))

    def check_profiles(self) -> None:
        """Each profile is simulated, so there are not too many."""
        profiles = prod(len(player.strategies) for player in self.plan.players.values())
        if profiles > MOST_PROFILES:
            message, bound = f"{profiles:,} profiles", f"at most {MOST_PROFILES}"
            hint = "fewer players, or fewer strategies"
            self.refuse(("players",), "E405", message, hint, bound)

    def check_observed(self) -> None:
        """One strategy of each player."""
        players, observed = self.plan.players, self.plan.observed
        for name, strategy in observed.items():
            steps = ("observed", name)
            if name not in players:
                self.refuse_unknown(steps, "E107", name, players)
            elif strategy not in players[name].strategies:
                self.refuse_unknown(steps, "E107", strategy, players[name].strategies)
        for name in players:
            if name not in observed:
                message, hint = f"`{name}` is missing", f"write `{name}: STRATEGY`"
                self.refuse(("observed",), "E103", message, hint)

    def check_conflicts(self) -> None:
        """No two players set one value."""
        for first, second in combinations(self.plan.players.items(), 2):
            earlier, later = _settings(*first), _settings(*second)
            for key in sorted(earlier.keys() & later.keys()):
                message = f"set by {joined('', earlier[key][:4])} too"
                hint = "leave it to one of the two players"
                self.refuse(later[key], "E015", message, hint)

    def check_window(self, scenario: Scenario) -> None:
        """What players feel is measured at the end of the longest window, so the
        scenario lasts that long."""
        events = {event.id: event for event in scenario.events}
        days = (scenario.end - events[scenario.focal].date).days
        window = max(scenario.report.windows)
        if window > days:
            message = f"its longest window, {window} days, ends after the scenario does"
            hint = (
                f"lengthen the scenario, or write `set: {{report.windows: [{days}]}}`"
            )
            self.refuse(("scenario",), "E203", message, hint, f"at most {days} days")

    def check_states(self, scenario: Scenario) -> None:
        """States of the scenario, each of one player at most."""
        owners: dict[str, str] = {}
        for name, player in self.plan.players.items():
            for number, code in enumerate(player.states):
                steps = ("players", name, "states", number)
                if code not in scenario.codes:
                    self.refuse_unknown(steps, "E301", code, scenario.codes)
                elif code in owners:
                    message = f"`{code}` is a state of {owners[code]} already"
                    self.refuse(steps, "E015", message, "leave it out of one")
                owners[code] = name

    def check_payoff(self, name: str, player: PlayerPlan, scenario: Scenario) -> None:
        """Each outcome stands once, and names whom it is toward if it is of that
        kind."""
        outcomes = [(part.outcome, part.of) for part in player.payoff]
        for number, part in enumerate(player.payoff):
            steps = ("players", name, "payoff", number)
            if outcomes.index((part.outcome, part.of)) < number:
                message = f"the same as payoff[{outcomes.index(outcomes[number])}]"
                self.refuse(steps, "E015", message, "add the two weights up")
            if (part.of is None) == (part.outcome in TOWARD):
                self._refuse_of(steps, part)
            elif part.of is not None:
                self._check_members(steps, part, player, scenario)

    def _refuse_of(self, steps: tuple[object, ...], part: PayoffPart) -> None:
        """Add that `of` is missing, or is there where it says nothing."""
        if part.of is None:
            hint = "write `of:` a group, a state, or two states as `RUS-UKR`"
            self.refuse(steps, "E103", f"`{part.outcome}` needs `of`", hint)
        else:
            message = f"`{part.outcome}` is of the player alone"
            self.refuse((*steps, "of"), "E110", message, "leave `of` out")

    def _check_members(
        self,
        steps: tuple[object, ...],
        part: PayoffPart,
        player: PlayerPlan,
        scenario: Scenario,
    ) -> None:
        """States that are there, and enough of them besides the player's own."""
        named = members_named(part, scenario)
        unknown = [code for code in named if code not in scenario.codes]
        others = {*named} - {*player.states, *unknown}
        smallest = SMALLEST.get(part.outcome, 1)
        if unknown and part.of not in scenario.groups:
            names = (*scenario.groups, *scenario.codes)
            self.refuse_unknown((*steps, "of"), "E301", unknown[0], names)
        elif len(others) < smallest or (
            part.outcome == "credibility" and len(named) != 2
        ):
            message = f"`{part.of}` names too few or too many states beside its own"
            self.refuse((*steps, "of"), "E212", message, "", f"at least {smallest}")


def _settings(name: str, player: PlayerPlan) -> dict[str, tuple[str, ...]]:
    """By key path that a player's strategies set, the steps to one place of it."""
    return {
        key: ("players", name, "strategies", strategy, "set", key)
        for strategy, act in player.strategies.items()
        for key in act.set
    }

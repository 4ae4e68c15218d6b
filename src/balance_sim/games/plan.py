"""A game file becomes a frozen `Game`: players, what they can do, what they want, and a
scenario with an arm a profile.

A strategy is a named change of the scenario in the language of arms; a profile is one
strategy of each player, and its arm has the changes of all. Checked as scenarios are:
everything that is wrong, with its place, in one pass."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from scipy.linalg import block_diag

from balance_sim.games.acts import conduct_of, problems_of_acts
from balance_sim.games.checks import Problem, problems_of
from balance_sim.games.menu import check_menu, problems_of_menu
from balance_sim.games.players import Cast, Player, PlayerOutcome, members_of, who_fears
from balance_sim.games.schema import GamePlan, arm_of
from balance_sim.games.stages import problems_of_play
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.core import Floats
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    ScenarioError,
    errors_in,
    in_order,
)
from balance_sim.scenario.errors import OneLine
from balance_sim.scenario.experiment import experiment_files, named_scenario
from balance_sim.scenario.files import GAMES
from balance_sim.scenario.load import stem, with_arms
from balance_sim.scenario.nodes import Node, descend, from_plain
from balance_sim.scenario.plans import opened, read_plan
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.validation import joined

_CAST = TypeAdapter(Cast)


@dataclass(frozen=True, repr=False)
class Game(OneLine):
    """A game, read and checked.

    Attributes
    ----------
    name : of the file
    plan : the file as it is written
    scenario : with the control arm, and an arm for each profile
    cast : what is measured of the players
    """

    name: str
    plan: GamePlan
    scenario: Scenario
    cast: Cast

    @property
    def players(self) -> tuple[str, ...]:
        """Their names, in the order of the file."""
        return tuple(self.plan.players)

    @property
    def strategies(self) -> tuple[tuple[str, ...], ...]:
        """Names of each player's strategies, in the order of the file."""
        return tuple(tuple(player.strategies) for player in self.plan.players.values())

    @property
    def profiles(self) -> tuple[tuple[str, ...], ...]:
        """Every combination, the last player's strategies running fastest: the order of
        flattened payoffs."""
        return tuple(product(*self.strategies))

    @property
    def arms(self) -> tuple[str, ...]:
        """The control arm, then the arm of each profile."""
        return (self.scenario.reference_arm, *map(arm_of, self.profiles))

    @cached_property
    def costs(self) -> tuple[tuple[float, ...], ...]:
        """What each strategy of each player costs, in payoff, in the order of the
        file."""
        conducts = [conduct_of(self.plan, self.scenario, name) for name in self.players]
        return tuple(tuple(conduct.costs.values()) for conduct in conducts)

    @cached_property
    def weights(self) -> Floats:
        """(Q, n) what each outcome of the cast is worth to each player."""
        plans = self.plan.players.values()
        columns = [np.array([[part.weight] for part in plan.payoff]) for plan in plans]
        return np.asarray(block_diag(*columns))

    def as_plain(self) -> dict[str, Any]:
        """The name, the plan and what is measured, for a manifest."""
        return {
            "name": self.name,
            "plan": self.plan.model_dump(mode="json", by_alias=True),
            "cast": _CAST.dump_python(self.cast, mode="json"),
        }


def game_from(source: Game | str | os.PathLike[str]) -> Game:
    """The game itself, or as `load_game` reads it."""
    return source if isinstance(source, Game) else load_game(source)


def load_game(
    path: str | os.PathLike[str],
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
) -> Game:
    """The game in a file, complete, with an arm for each profile.

    Parameters
    ----------
    path : of a YAML file, or the name of one in ./games
    set : `key.path=value` texts laid over the scenario
    theory : a preset that replaces the scenario's

    Raises
    ------
    ScenarioError : with everything that is wrong: file, line, column, key, value,
        bound, next step

    Examples
    --------
    >>> game = load_game("games/security_dilemma.yaml")
    >>> game.players, len(game.profiles)
    (('arden', 'belmar'), 4)
    """
    plan = read_plan(GamePlan, path, "game")
    sources, tree, problems = opened(path, "game")
    options: dict[str, Any] = {"settings": set, "preset": theory}
    base = named_scenario(tree, sources, problems, **options)
    scenario = None
    if base is not None:
        _add(problems, tree, problems_of(plan, base))
        _add(problems, tree, problems_of_menu(plan, base))
    if base is not None and not errors_in(problems):
        _add(problems, tree, problems_of_play(plan, base))
    if base is not None and not errors_in(problems):
        scenario = with_profiles(tree, plan, base, problems)
    if scenario is not None and not errors_in(problems):
        _add(problems, tree, problems_of_acts(plan, scenario))
        problems += check_menu(tree, plan, scenario)
    if scenario is None or errors_in(problems):
        raise ScenarioError(errors_in(in_order(problems, sources.shown)))
    return Game(stem(sources.path.name), plan, scenario, _cast(plan, scenario))


def _add(problems: Diagnostics, tree: Node, found: Iterable[Problem]) -> None:
    """Add what was found wrong, each at its place in the file."""
    for steps, *texts in found:
        problems.add(descend(tree, steps), joined("", steps), *texts)


def game_files(path: str | os.PathLike[str]) -> dict[str, str]:
    """The game file by its name, and those of its scenario as `scenario/NAME`. Raises
    ScenarioError."""
    return experiment_files(path, GAMES)


def _cast(plan: GamePlan, scenario: Scenario) -> Cast:
    """The players, with who fears them at the start, and what pays them."""
    worlds = compile_worlds(scenario, (scenario.reference_arm,))
    players, outcomes = [], []
    for name, player in plan.players.items():
        fear = who_fears(worlds, player.states)
        players.append(Player(name, tuple(sorted(player.states)), *fear))
        for part in player.payoff:
            members = members_of(part, player.states, scenario)
            outcomes.append(PlayerOutcome(part.outcome, name, part.of or "", members))
    return Cast(tuple(players), tuple(outcomes))


def with_profiles(
    tree: Node, plan: GamePlan, base: Scenario, problems: Diagnostics
) -> Scenario | None:
    """The scenario with its control arm and an arm for each profile, checked in every
    one; None where one is refused."""
    players, control = tree.fields["players"], base.arms[base.reference_arm]
    arms = {base.reference_arm: from_plain(control.model_dump(), players.mark)}
    for profile in product(*(player.strategies for player in plan.players.values())):
        nodes, titles = [], []
        for name, strategy in zip(plan.players, profile, strict=True):
            nodes.append(players.fields[name].below("strategies").fields[strategy])
            title = plan.players[name].strategies[strategy].title
            titles.append(title or strategy.replace("_", " "))
        arms[arm_of(profile)] = _joint(nodes, "; ".join(titles))
    arm_nodes = Node(arms, players.mark, key=players.key)
    scenario, of_arms = with_arms(base, arm_nodes)
    problems += _of_strategies(errors_in(of_arms), players)
    return scenario


def _joint(nodes: Sequence[Node], title: str) -> Node:
    """The arm of a profile from the strategies' nodes.

    What two players drop is dropped once; what one drops twice is a slip."""
    mark = nodes[0].mark
    dropped: list[Node] = []
    added: list[Node] = []
    changed: dict[str, Node] = {}
    for node in nodes:
        by_others = {str(item.value) for item in dropped}
        items = node.below("drop").items
        dropped += [item for item in items if str(item.value) not in by_others]
        added += node.below("add").items
        changed |= node.below("set").fields
    fields = {
        "title": from_plain(title, mark),
        "drop": Node(dropped, mark),
        "add": Node(added, mark),
        "set": Node(changed, mark),
    }
    return Node({name: child for name, child in fields.items() if child.value}, mark)


def _of_strategies(errors: Sequence[Diagnostic], players: Node) -> Iterator[Diagnostic]:
    """What is wrong with profiles, under the key path of the strategy at fault; once
    for all the profiles it is in."""
    starts = {
        (node.at.line, node.at.col): f"players.{name}.strategies.{strategy}"
        for name, player in players.fields.items()
        for strategy, node in player.below("strategies").fields.items()
    }
    reported: set[tuple[int, int, str]] = set()
    for error in errors:
        place = (error.line, error.col)
        earlier = [start for start in starts if start <= place]
        strategy = starts[max(earlier, default=min(starts))]
        key = re.sub(r"^arms\.[^.:]*(: |\.)?", "", error.path)
        if (*place, error.code) not in reported:
            reported.add((*place, error.code))
            yield replace(error, path=f"{strategy}.{key}".rstrip("."))


def game_of(plain: Mapping[str, Any], scenario: Scenario) -> Game:
    """The game that a manifest holds, of the scenario with its profiles. Raises
    ValueError for what is no such thing."""
    plan = GamePlan.model_validate_json(json.dumps(plain["plan"]))
    return Game(plain["name"], plan, scenario, _CAST.validate_python(plain["cast"]))

"""A game file becomes a frozen `Game`: players, what they can do, what they want, and a
scenario with an arm a profile.

A strategy is a named change of the scenario in the language of arms; a profile is one
strategy of each player, and its arm has the changes of all. Checked as scenarios are:
everything that is wrong, with its place, in one pass."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from pydantic import TypeAdapter

from balance_sim.games import checks
from balance_sim.games.players import Cast, Player, PlayerOutcome, who_fears
from balance_sim.games.schema import GamePlan, arm_of
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    errors_in,
    in_order,
    refused,
    shown,
)
from balance_sim.scenario.documents import read_document
from balance_sim.scenario.experiment import (
    files_with_scenario,
    found_in,
    named_scenario,
)
from balance_sim.scenario.files import GAMES, Sources, not_found
from balance_sim.scenario.load import stem, with_arms
from balance_sim.scenario.nodes import Node, from_plain
from balance_sim.scenario.plans import refuse_other_kind
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.validation import read_piece
from balance_sim.study.arms import compile_arms

EXAMPLE = (
    "smallest file: `schema: 1`, `title`, `scenario`, `players`; see "
    "games/security_dilemma.yaml"
)


@dataclass(frozen=True, repr=False)
class Game:
    """A game, read and checked. scenario: with the control arm, and an arm for each
    profile. cast: what is measured."""

    name: str
    plan: GamePlan
    scenario: Scenario
    cast: Cast

    def __repr__(self) -> str:
        players = " against ".join(self.players)
        return f"<Game {self.name}: {players}, {len(self.profiles)} profiles>"

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

    @property
    def observed(self) -> tuple[int, ...]:
        """Which strategy of each player was observed."""
        places = []
        for name, strategies in zip(self.players, self.strategies, strict=True):
            places.append(strategies.index(self.plan.observed[name]))
        return tuple(places)

    @property
    def costs(self) -> tuple[tuple[float, ...], ...]:
        """Of each player's strategies."""
        players = [player.strategies.values() for player in self.plan.players.values()]
        return tuple(tuple(act.cost for act in strategies) for strategies in players)


def load_game(
    path: str | os.PathLike[str],
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
) -> Game:
    """The game in a file, complete, with an arm for each profile.

    Parameters
    ----------
    path : of a YAML file, or the name of one in ./games
    set : `key.path=value` texts laid over the scenario
    theory : a preset that replaces the scenario's
    held : files by name, `path` among them, to read from instead of the disk

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
    game, problems = check_game(path, set=set, theory=theory, held=held)
    if game is None:
        raise ScenarioError(errors_in(problems))
    return game


def check_game(
    path: str | os.PathLike[str],
    *,
    set: Sequence[str] = (),  # noqa: A002 - as the option is called
    theory: str | None = None,
    held: Mapping[str, bytes] | None = None,
) -> tuple[Game | None, list[Diagnostic]]:
    """The game, or None if it is refused, and all problems and warnings in the order of
    the file."""
    file = shown(os.fspath(path), 200)
    try:
        sources = Sources(path if held is not None else _file_of(path), held)
        file = sources.shown
        tree, problems = read_document(sources.main(), file)
        if not isinstance(tree.value, dict):
            message = f"expected a mapping, got {tree.kind}"
            raise refused(tree, "", "E012", message, EXAMPLE)
        refuse_other_kind(tree, "game", file)
    except ScenarioError as error:
        return None, in_order(error.problems, file)
    diagnostics = Diagnostics(problems)
    game = _read(tree, sources, set, theory, diagnostics)
    if errors_in(diagnostics):
        game = None
    return game, in_order(diagnostics, file)


def game_files(path: str | os.PathLike[str]) -> dict[str, str]:
    """The game file by its name, and those of its scenario as `scenario/NAME`. Raises
    ScenarioError."""
    return files_with_scenario(_file_of(path))


def _file_of(path: str | os.PathLike[str]) -> str:
    """The file that is meant. Raises ScenarioError for a name that no game has."""
    file = found_in(GAMES, path)
    if not os.path.lexists(file) and re.fullmatch(r"[\w-]+", file):
        raise not_found(file, GAMES)
    return file


def _read(
    tree: Node,
    sources: Sources,
    settings: Sequence[str],
    theory: str | None,
    diagnostics: Diagnostics,
) -> Game | None:
    """The game in a tree; None where something is wrong, which is added to the
    diagnostics."""
    tree = _with_version(tree, diagnostics)
    # Its scenario is read apart.
    plan = read_piece(GamePlan, tree, "", diagnostics, skip=("scenario",))
    base = named_scenario(
        tree,
        sources,
        plan.theory if plan else None,
        diagnostics,
        settings=settings,
        preset=theory,
    )
    if plan is None:
        return None
    named = tree.get("scenario")
    if named is not None:
        plan = plan.model_copy(update={"scenario": named.text})
    checks.check_sizes(tree, plan, diagnostics)
    checks.check_observed(tree, plan, diagnostics)
    checks.check_conflicts(tree, plan, diagnostics)
    if base is None:
        return None
    checks.check_window(tree, base, diagnostics)
    members = checks.check_payoffs(tree, plan, base, diagnostics)
    if errors_in(diagnostics):
        return None
    scenario = with_profiles(tree, plan, base, diagnostics)
    if scenario is None or errors_in(diagnostics):
        return None
    cast = _cast(plan, scenario, members)
    checks.warn_of_nobody_threatened(tree, cast, diagnostics)
    return Game(stem(sources.path.name), plan, scenario, cast)


def _with_version(tree: Node, diagnostics: Diagnostics) -> Node:
    """The tree with the one version there is, whatever stands in it."""
    version = tree.get("schema")
    if version is not None and version.value == 1 and version.value is not True:
        return tree
    message = "`schema` is required"
    if version is not None:
        message = f"this version reads 1, got {version.kind}"
    place, hint = version or tree, "write `schema: 1`"
    diagnostics.add(place, "schema", "E108", message, hint, "1")
    return tree.with_fields({"schema": from_plain(1, tree.mark)})


def _cast(plan: GamePlan, scenario: Scenario, members: checks.Members) -> Cast:
    """The players, with who fears them at the start, and what pays them."""
    worlds = compile_arms(scenario, (scenario.reference_arm,))
    players, outcomes = [], []
    for name, player in plan.players.items():
        threatened, wary = who_fears(worlds, player.states)
        states = tuple(sorted(player.states))
        players.append(Player(name, states, threatened, wary))
        for number, part in enumerate(player.payoff):
            of, toward = part.of or "", members[name, number]
            outcomes.append(PlayerOutcome(part.outcome, name, of, toward))
    return Cast(tuple(players), tuple(outcomes))


def with_profiles(
    tree: Node, plan: GamePlan, base: Scenario, diagnostics: Diagnostics
) -> Scenario | None:
    """The scenario with its control arm and an arm for each profile, checked in every
    one."""
    players, control = tree.fields["players"], base.arms[base.reference_arm]
    arms = {base.reference_arm: from_plain(control.model_dump(), players.mark)}
    for profile in product(*(player.strategies for player in plan.players.values())):
        nodes, titles = [], []
        for name, strategy in zip(plan.players, profile, strict=True):
            strategies = players.fields[name].fields["strategies"]
            nodes.append(strategies.fields[strategy])
            title = plan.players[name].strategies[strategy].title
            titles.append(title or strategy.replace("_", " "))
        arms[arm_of(profile)] = _joint(nodes, "; ".join(titles), players.mark)
    arm_nodes = Node(arms, players.mark, key=players.key)
    scenario, of_arms = with_arms(base, arm_nodes)
    diagnostics += _once(of_arms, tree, base.reference_arm)
    return scenario


def _joint(nodes: Sequence[Node], title: str, mark: Mark) -> Node:
    """The arm of a profile from the strategies' nodes.

    What two players drop is dropped once; what one drops twice is a slip."""
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


def _once(
    of_arms: Sequence[Diagnostic], tree: Node, control: str
) -> Iterator[Diagnostic]:
    """What is wrong with profiles, under the key path of the strategy at fault; once
    for all the profiles it is in."""
    file, players = tree.mark.file, tree.fields["players"]
    strategies = _strategy_of_places(players)
    reported: set[tuple[int, int, str, str]] = set()
    for diagnostic in of_arms:
        is_here = diagnostic.file == file
        is_control = diagnostic.path.startswith(f"arms.{control}")
        if is_control or (diagnostic.is_warning and not is_here):
            continue
        strategy = strategies.get((diagnostic.line, diagnostic.col))
        place: dict[str, Any] = {"file": file}
        if is_here and strategy is not None:
            path = diagnostic.path.removeprefix("arms.")
            _, _, key = path.partition(": " if ": " in diagnostic.path else ".")
            place["path"] = f"{strategy}.{key}" if key else strategy
        else:
            place |= {"line": players.at.line, "col": players.at.col}
        placed = replace(diagnostic, **place)
        identity = (placed.line, placed.col, placed.code, placed.message)
        if identity not in reported:
            reported.add(identity)
            yield placed


def _strategy_of_places(players: Node) -> dict[tuple[int, int], str]:
    """By line and column, the key path of the strategy that stands there."""
    strategies: dict[tuple[int, int], str] = {}
    for name, player in players.fields.items():
        for strategy, node in player.below("strategies").fields.items():
            path = f"players.{name}.strategies.{strategy}"
            for descendant in _descendants(node):
                for mark in (descendant.mark, descendant.at):
                    strategies.setdefault((mark.line, mark.col), path)
    return strategies


def _descendants(node: Node) -> Iterator[Node]:
    yield node
    for child in (*node.fields.values(), *node.items):
        yield from _descendants(child)


_CAST = TypeAdapter(Cast)


def as_plain(game: Game) -> dict[str, Any]:
    """For a manifest: the plan and what is measured."""
    return {
        "name": game.name,
        "plan": game.plan.model_dump(mode="json", by_alias=True),
        "cast": _CAST.dump_python(game.cast, mode="json"),
    }

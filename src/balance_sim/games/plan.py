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
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from balance_sim.games import checks
from balance_sim.games.players import Cast, Player, PlayerOutcome, who_fears
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    Diagnostics,
    Mark,
    ScenarioError,
    errors_in,
    few_suggestions,
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
from balance_sim.scenario.schema import Identifier, Scenario, Strict, Text, Weight
from balance_sim.scenario.validation import read_piece
from balance_sim.study.arms import compile_arms

EXAMPLE = "smallest file: `schema: 1`, `title`, `scenario`, `players`; see games/security_dilemma.yaml"
OF_ARMS = ("W302", "W307")
"""Warnings that say nothing of a profile: it may come to the same as another, and
nobody compares it with the focal event's absence."""
ShortName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,24}$")]
Said = Annotated[Text, Field(min_length=1)]


class Strategy(Strict):
    """What a player can do: changes of the scenario in the language of arms, and what
    doing so costs, in payoff."""

    title: Text = ""
    cost: Weight = 0.0
    source: Text = ""
    drop: tuple[object, ...] = ()
    add: tuple[object, ...] = ()
    set: dict[str, object] = Field(default={})


class PayoffPart(Strict):
    """What a player wants more of, or less: a weight on an outcome, and where the
    weight comes from.

    of: a group or a state, for measures toward others; two states at odds, as
    `RUS-UKR`, for credibility. A weight of 0 shows the outcome in tables and pays
    nothing."""

    outcome: Identifier
    of: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    weight: Weight
    source: Said


class PlayerPlan(Strict):
    """A side: its states, what it can do, and what it wants."""

    title: Text = ""
    states: tuple[Identifier, ...] = Field(min_length=1)
    strategies: dict[ShortName, Strategy]
    payoff: tuple[PayoffPart, ...] = Field(min_length=1)


class GamePlan(Strict):
    """A game file. observed: what each player did, where that is known: what others do
    in its balance sheet."""

    schema_version: Literal[1] = Field(alias="schema")
    title: Said
    question: Text = ""
    source: Text = ""
    notes: Text = ""
    scenario: Text = ""
    theory: Identifier | None = None
    set: dict[str, object] = Field(default={})
    players: dict[ShortName, PlayerPlan]
    observed: dict[ShortName, ShortName]


@dataclass(frozen=True, repr=False)
class Game:
    """A game, read and checked. scenario: with the control arm, and an arm for each
    profile. cast: what is measured."""

    name: str
    plan: GamePlan
    scenario: Scenario
    cast: Cast

    def __repr__(self) -> str:
        return f"<Game {self.name}: {' against '.join(self.players)}, {len(self.profiles)} profiles>"

    @property
    def players(self) -> tuple[str, ...]:
        """Their names, in the order of the file."""
        return tuple(self.plan.players)

    @property
    def strategies(self) -> tuple[tuple[str, ...], ...]:
        """Names of each player's strategies, in the order of the file."""
        return tuple(tuple(one.strategies) for one in self.plan.players.values())

    @property
    def profiles(self) -> tuple[tuple[str, ...], ...]:
        """Every combination, the last player's strategies running fastest: the order of
        flattened payoffs."""
        return tuple(product(*self.strategies))

    @property
    def arms(self) -> tuple[str, ...]:
        """The control arm, then the arm of each profile."""
        return (self.scenario.reference_arm, *map(checks.arm_of, self.profiles))

    @property
    def observed(self) -> tuple[int, ...]:
        """Which strategy of each player was observed."""
        return tuple(
            [*one.strategies].index(self.plan.observed[name])
            for name, one in self.plan.players.items()
        )

    @property
    def costs(self) -> tuple[tuple[float, ...], ...]:
        """Of each player's strategies."""
        return tuple(
            tuple(s.cost for s in one.strategies.values())
            for one in self.plan.players.values()
        )


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
    ScenarioError : with everything that is wrong: file, line, column, key, value, bound, next step

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
    first = shown(os.fspath(path), 200)
    with few_suggestions():
        try:
            sources = Sources(path if held is not None else _file_of(path), held)
            first = sources.shown
            tree, problems = read_document(sources.main(), sources.shown)
            if not isinstance(tree.value, dict):
                raise refused(
                    tree, "", "E012", f"expected a mapping, got {tree.kind}", EXAMPLE
                )
            refuse_other_kind(tree, "game", first)
        except ScenarioError as error:
            return None, in_order(error.problems, first)
        found = Diagnostics(problems)
        game = _read(tree, sources, set, theory, found)
    return None if errors_in(found) else game, in_order(found, first)


def game_files(path: str | os.PathLike[str]) -> dict[str, str]:
    """The game file by its name, and those of its scenario as `scenario/NAME`. Raises
    ScenarioError."""
    return files_with_scenario(_file_of(path))


def _file_of(path: str | os.PathLike[str]) -> str:
    """The file that is meant. Raises ScenarioError for a name that no game has."""
    found = found_in(GAMES, path)
    if not os.path.lexists(found) and re.fullmatch(r"[\w-]+", found):
        raise not_found(found, GAMES)
    return found


def _read(
    tree: Node,
    sources: Sources,
    settings: Sequence[str],
    theory: str | None,
    found: Diagnostics,
) -> Game | None:
    version = tree.get("schema")
    if version is None or version.value != 1 or isinstance(version.value, bool):
        why = (
            f"this version reads 1, got {version.kind}"
            if version
            else "`schema` is required"
        )
        found.add(version or tree, "schema", "E108", why, "write `schema: 1`", "1")
        tree = tree.with_fields({"schema": from_plain(1, tree.mark)})
    plan = read_piece(GamePlan, tree, "", found, skip=("scenario",))  # read below
    if plan is not None and (named := tree.get("scenario")) is not None:
        plan = plan.model_copy(update={"scenario": named.text})
    base = named_scenario(
        tree,
        sources,
        plan.theory if plan else None,
        found,
        settings=settings,
        preset=theory,
    )
    if plan is None:
        return None
    checks.check_sizes(tree, plan, found)
    checks.check_observed(tree, plan, found)
    checks.check_conflicts(tree, plan, found)
    if base is None:
        return None
    checks.check_window(tree, base, found)
    members = checks.check_payoffs(tree, plan, base, found)
    if errors_in(found):
        return None
    scenario = with_profiles(tree, plan, base, found)
    if scenario is None or errors_in(found):
        return None
    worlds = compile_arms(scenario, (scenario.reference_arm,))
    players, outcomes = [], []
    for name, one in plan.players.items():
        player = Player(name, tuple(sorted(one.states)), *who_fears(worlds, one.states))
        players.append(player)
        for at, part in enumerate(one.payoff):
            outcomes.append(
                PlayerOutcome(part.outcome, name, part.of or "", members[name, at])
            )
            if part.outcome == "agreements_against" and not player.threatened:
                node = tree.fields["players"].fields[name].fields["payoff"]
                why = f"nobody is threatened by {name} at the start: no agreement can count as one against it"
                found.add(node.at, f"players.{name}.payoff", "W312", why)
    return Game(
        stem(sources.path.name), plan, scenario, Cast(tuple(players), tuple(outcomes))
    )


def with_profiles(
    tree: Node, plan: GamePlan, base: Scenario, found: Diagnostics
) -> Scenario | None:
    """The scenario with its control arm and an arm for each profile, checked in every
    one."""
    players, control = tree.fields["players"], base.arms[base.reference_arm]
    arms = {base.reference_arm: from_plain(control.model_dump(), players.mark)}
    for profile in product(*(one.strategies for one in plan.players.values())):
        played = [*zip(plan.players, profile, strict=True)]
        nodes = [
            players.fields[name].fields["strategies"].fields[strategy]
            for name, strategy in played
        ]
        titles = [
            plan.players[name].strategies[one].title or one.replace("_", " ")
            for name, one in played
        ]
        arms[checks.arm_of(profile)] = _joint(nodes, "; ".join(titles), players.mark)
    arm_nodes = Node(arms, players.mark, key=players.key)
    scenario, of_arms = with_arms(base, arm_nodes, most=len(arms))
    found += _told_once(of_arms, tree, base.reference_arm)
    return scenario


def _joint(nodes: Sequence[Node], title: str, mark: Mark) -> Node:
    """The arm of a profile from the strategies' nodes."""
    dropped: list[Node] = []
    for (
        node
    ) in nodes:  # what two players drop is dropped once; what one drops twice is a slip
        known = {str(item.value) for item in dropped}
        dropped += [
            item for item in node.below("drop").items if str(item.value) not in known
        ]
    fields = {
        "title": from_plain(title, mark),
        "drop": Node(dropped, mark),
        "add": Node([row for node in nodes for row in node.below("add").items], mark),
        "set": Node(
            {
                path: child
                for node in nodes
                for path, child in node.below("set").fields.items()
            },
            mark,
        ),
    }
    return Node({name: child for name, child in fields.items() if child.value}, mark)


def _told_once(
    of_arms: Sequence[Diagnostic], tree: Node, control: str
) -> Iterator[Diagnostic]:
    """What is wrong with profiles, under the key path of the strategy at fault; once
    for all the profiles it is in."""
    homes: dict[tuple[int, int], str] = {}
    for name, player in tree.fields["players"].fields.items():
        for strategy, node in player.below("strategies").fields.items():
            for part in _all_nodes(node):
                for mark in (part.mark, part.at):
                    homes.setdefault(
                        (mark.line, mark.col), f"players.{name}.strategies.{strategy}"
                    )
    seen: set[tuple[int, int, str, str]] = set()
    file = tree.mark.file
    for one in of_arms:
        if one.path.startswith(f"arms.{control}") or (
            one.is_warning and (one.file != file or one.code in OF_ARMS)
        ):
            continue
        home = homes.get((one.line, one.col)) if one.file == file else None
        place = tree.fields["players"].at
        _, _, rest = one.path.removeprefix("arms.").partition(
            ": " if ": " in one.path else "."
        )
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


_CAST = TypeAdapter(Cast)


def as_plain(game: Game) -> dict[str, Any]:
    """For a manifest: the plan and what is measured."""
    plan = game.plan.model_dump(mode="json", by_alias=True)
    return {
        "name": game.name,
        "plan": plan,
        "cast": _CAST.dump_python(game.cast, mode="json"),
    }


def game_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a game file, looser than `load_game`.

    Examples
    --------
    >>> sorted(game_schema()["required"])
    ['observed', 'players', 'scenario', 'schema', 'title']
    """
    from balance_sim.scenario.reference.schemas import definitions, file_schema

    defs = definitions([GamePlan])
    whole = defs.pop("GamePlan")
    return file_schema(
        "GamePlan", whole["properties"], [*whole["required"], "scenario"], defs
    )

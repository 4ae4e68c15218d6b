"""The keys of a game file: players, what they can do, what they want."""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal

from pydantic import Field

from balance_sim.scenario.fields import (
    Day,
    Identifier,
    RequiredText,
    Strict,
    Text,
    Weight,
)
from balance_sim.scenario.schema import Versioned

ShortName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,24}$")]
Measure = Literal[
    "insecurity",
    "effort",
    "agreements_against",
    "agreements_with",
    "agreements_among",
    "relations",
    "influence",
    "dependence",
    "credibility",
    "policy_cost",
]
"""What a payoff may be made of. What each is, and its unit: `study.outcomes.MEASURES`,
under `player_` and its name."""


class Strategy(Strict):
    """What a player can do: changes of the scenario in the language of arms, and what
    doing so costs, in payoff.

    priced: by the theory `signalling`, where `cost` is what the costliest act costs."""

    title: Text = ""
    cost: Weight = 0.0
    priced: Literal["signalling"] | None = None
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

    outcome: Measure
    of: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    weight: Weight
    source: RequiredText


class PlayerPlan(Strict):
    """A side: its states, what it can do, and what it wants."""

    title: Text = ""
    states: tuple[Identifier, ...] = Field(min_length=1)
    strategies: dict[ShortName, Strategy] = Field(min_length=2, max_length=6)
    payoff: tuple[PayoffPart, ...] = Field(min_length=1)


class OtherType(Strict):
    """Another type that a player may be of, which the others do not know: the share of
    it, its own weights on outcomes that the player's payoff has, and its own costs."""

    name: ShortName
    title: Text = ""
    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    payoff: tuple[PayoffPart, ...] = ()
    costs: dict[ShortName, Weight] = Field(default={})
    source: RequiredText


class PlayPlan(Strict):
    """Stages at which players choose again while the world runs.

    dates, or days between stages from the focal event on. horizon: stages that players
    look ahead; all if not given. players: who choose; all if not given. moves: of a
    player, names of strategies; all if not given."""

    dates: tuple[Day, ...] = ()
    every_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    horizon: Annotated[int, Field(ge=1, le=12)] | None = None
    players: tuple[ShortName, ...] | None = None
    order: Literal["simultaneous", "sequential"] = "simultaneous"
    moves: dict[ShortName, tuple[ShortName, ...]] = Field(default={})
    types: dict[ShortName, OtherType] = Field(default={})
    tremble: Annotated[float, Field(gt=0.0, lt=0.5)] = 0.01


class Move(Strict):
    """An event that the red team may add on one of some days, as a row of `events`
    without `id` and `date`, and what it costs of the budget."""

    event: dict[str, object]
    dates: tuple[Day, ...] = Field(min_length=1, max_length=24)
    cost: Annotated[float, Field(ge=0.0, le=1e9)] = 0.0


class RedTeamPlan(Strict):
    """What an opponent may do against the strategies of a player: at most so many
    events of the menu, within a budget."""

    against: ShortName
    by: ShortName
    at_most: Annotated[int, Field(ge=1, le=6)] = 2
    budget: Annotated[float, Field(ge=0.0, le=1e9)]
    menu: tuple[Move, ...] = Field(min_length=1, max_length=24)
    source: RequiredText


class GamePlan(Versioned):
    """A game file. observed: what each player did, where that is known: what others do
    in its balance sheet."""

    title: RequiredText
    question: Text = ""
    source: Text = ""
    notes: Text = ""
    scenario: RequiredText
    set: dict[str, object] = Field(default={})
    players: dict[ShortName, PlayerPlan] = Field(min_length=1, max_length=4)
    observed: dict[ShortName, ShortName]
    play: Annotated[PlayPlan | None, Field(exclude_if=operator.not_)] = None
    red_team: Annotated[RedTeamPlan | None, Field(exclude_if=operator.not_)] = None


def arm_of(profile: tuple[str, ...]) -> str:
    """The name of a profile's arm.

    >>> arm_of(("all_three", "nothing"))
    'all_three-nothing'"""
    return "-".join(profile)


def game_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a game file, looser than `load_game`.

    Examples
    --------
    >>> sorted(game_schema()["required"])
    ['observed', 'players', 'scenario', 'schema', 'title']
    """
    from balance_sim.scenario.reference.schemas import definitions, file_schema

    types = definitions([GamePlan])
    plan = types.pop("GamePlan")
    return file_schema("GamePlan", plan["properties"], plan["required"], types)

"""What is counted and measured in each replication and arm: an `Outcome` names it and
says what it is.

New agreements are those signed after the focal date that were neither signed nor
scheduled at the start; those already in talks are counted among them and shown apart.
Security agreements, the kinds with `security: true`, are the outcomes `accords_*`; all
other kinds are declarations, and have outcomes `declarations_*` of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, NEW, ORIGINS, Bools, Floats, Ints
from balance_sim.model.responses import STANCES
from balance_sim.model.state import Accessions, AgreementRows, Enacted
from balance_sim.scenario.schema import Scenario

ACCELERATED_DAYS = 30
COUNTS = ("accords", "declarations")
"""Measures of new agreements by direction: security agreements, and the agreements of
all other kinds."""
GROUP_MEASURES = ("relations", "hostility", "drawn_in", "drawn_in_war")
"""Measures of a group of states towards the host."""
DECIMALS = 12
"""Of outcomes on a scale, in the tables of replications: further digits depend on how
these were cut into blocks."""
FILTERED = "filtered_"
"""Begins the name of the column with the filtered estimate of a number of agreements or
exercises."""
NEW_ORIGINS = tuple(ORIGINS.index(origin) for origin in NEW)
FROM_TALKS = tuple(ORIGINS.index(origin) for origin in ("assumed", "talks"))


class OutcomeType(Enum):
    """What the values of an outcome are, which decides how large a jump its interval
    has room for."""

    COUNT = "count"  # of agreements, exercises or states: whole numbers
    SHARE = "share"  # a count over a fixed total: it moves in steps
    CONTINUOUS = "continuous"  # on a scale, days too


@dataclass(frozen=True)
class Measure:
    """What all outcomes of one kind are, whoever they are of and whatever the window.

    sentence: with `{of}` for whom or what."""

    type: OutcomeType
    unit: str
    sentence: str


_COUNT, _SHARE, _SCALE = OutcomeType
MEASURES = {
    "accords": Measure(_COUNT, "agreements", "New security agreements, {of}"),
    "declarations": Measure(_COUNT, "agreements", "New declarations, {of}"),
    "exercises": Measure(_COUNT, "exercises", "Joint exercises of dyads, {of}"),
    "from_talks": Measure(
        _COUNT, "agreements", "New security agreements that were in talks at the start"
    ),
    "accelerated": Measure(
        _COUNT,
        "agreements",
        "New security agreements signed 30 days or more before the control run's",
    ),
    "in_force": Measure(
        _COUNT, "agreements", "Agreements that came into force, whatever their origin"
    ),
    "scheduled": Measure(
        _COUNT, "agreements", "Agreements in force on a date that was fixed beforehand"
    ),
    "accessions": Measure(_COUNT, "accessions", "Signed accessions to a pact"),
    "first_counter_days": Measure(
        _SCALE, "days", "Days to the first counter-balancing security agreement"
    ),
    "days_without_counter": Measure(
        _SCALE,
        "days",
        "Days to the first counter-balancing security agreement, cut at the window's "
        "end",
    ),
    "states": Measure(_COUNT, "states", "States with a stance: {of}"),
    "coalition": Measure(
        _SHARE,
        "share of the participants' capability",
        "Capability of outside states with a new counter-balancing agreement",
    ),
    "insecurity": Measure(_SCALE, "0 to 1", "Mean insecurity of the {of}"),
    "insecurity_host": Measure(_SCALE, "0 to 1", "Insecurity of the host"),
    "effort": Measure(_SCALE, "share of capability", "Mean rise of effort of the {of}"),
    "alignment_participants": Measure(
        _SCALE,
        "probability",
        "Mean alignment of the participants' dyads, as read by {of}",
    ),
    "relations": Measure(_SCALE, "-1 to 1", "Mean relation of {of}"),
    "hostility": Measure(_SCALE, "nats", "Perceived hostility of the host, by {of}"),
    "drawn_in": Measure(
        _SCALE, "nats", "What the host would lend to other adversaries, by {of}"
    ),
    "drawn_in_war": Measure(
        _SCALE, "nats", "What the host would lend to those at war, by {of}"
    ),
    "credibility": Measure(_SCALE, "0 to 1", "Credibility as a mediator: {of}"),
    "influence": Measure(_SCALE, "share of defence", "Influence: {of}"),
    "defence": Measure(_SCALE, "capability", "Defence of the {of}"),
    "dependence": Measure(
        _SCALE, "share of defence", "Defence that others lend to the {of}"
    ),
    "room": Measure(
        _COUNT, "states", "Partners worth having that would agree with the {of}"
    ),
    "room_rate": Measure(
        _SCALE, "a year", "Rate at which partners of the {of} would agree"
    ),
    "neutrality_gap": Measure(
        _SCALE, "0 to 2", "Distance from the declared position, of the {of}"
    ),
    "polarisation": Measure(
        _SCALE, "0 to 1", "Spread of mutual relations over dyads, weighed by capability"
    ),
    "camps_energy": Measure(
        _SCALE, "-1 to 1", "Landscape energy of the two camps, a unit of weight"
    ),
    "camps_frustration": Measure(
        _SHARE, "share of dyads", "Dyads on the wrong side of the two camps"
    ),
    "camps_moved": Measure(
        _COUNT, "states", "States in another camp than just before the event"
    ),
    "own": Measure(_SCALE, "as its author says", "An outcome of your own: {of}"),
    "policy_acts": Measure(_COUNT, "acts", "Acts of the policies of {of}"),
    "policy_cost": Measure(
        _SCALE, "units of own payoff", "Cost of the acts of the policies of {of}"
    ),
    "player_insecurity": Measure(_SCALE, "0 to 1", "Insecurity of {of}"),
    "player_effort": Measure(_SCALE, "share of capability", "Rise of effort of {of}"),
    "player_agreements_against": Measure(
        _COUNT,
        "agreements",
        "New security agreements of two others that both fear {of}",
    ),
    "player_agreements_with": Measure(
        _COUNT, "agreements", "New security agreements of others with {of}"
    ),
    "player_agreements_among": Measure(
        _COUNT, "agreements", "New security agreements among members, {of}"
    ),
    "player_relations": Measure(_SCALE, "-1 to 1", "Mean relation to the player, {of}"),
    "player_influence": Measure(
        _SCALE, "share of defence", "Influence of the player, {of}"
    ),
    "player_dependence": Measure(
        _SCALE, "share of defence", "Defence that others lend to {of}"
    ),
    "player_credibility": Measure(
        _SCALE, "0 to 1", "Credibility of the player as a mediator, {of}"
    ),
    "player_policy_cost": Measure(
        _SCALE, "units of own payoff", "Cost of the acts of policies of states of {of}"
    ),
}
"""Every outcome's measure, by the beginning of its name. A table of outcomes with any
other name is not made."""
_LONGEST_FIRST = sorted(MEASURES, key=len, reverse=True)
_WHOM = {
    "counter": "counter-balancing",
    "with_participant": "with a participant",
    "other": "between other states",
    "all": "of any direction",
}


@dataclass(frozen=True)
class Outcome:
    """One number a replication and arm.

    measure: a key of MEASURES; of: whom or what it is of, as in names (a direction, a
    kind, a group and the host); window: days from the focal date, None for the one that
    has none.

    >>> Outcome("accords", "counter", 365).name
    'accords_counter_365'
    >>> Outcome("relations", "europe_host", 90).group
    'europe'"""

    measure: str
    of: str = ""
    window: int | None = None

    @property
    def name(self) -> str:
        """The column of tables and the key in JSON."""
        window = "" if self.window is None else str(self.window)
        return "_".join(filter(None, (self.measure, self.of, window)))

    def within(self, window: int) -> Outcome:
        """The same at the end of a window."""
        return Outcome(self.measure, self.of, window)

    @property
    def declared(self) -> Measure:
        """What MEASURES declares of it."""
        return MEASURES[self.measure]

    @property
    def direction(self) -> str | None:
        """Of the agreements or exercises that are counted: one of DIRECTIONS."""
        is_count = self.measure in (*COUNTS, "exercises")
        return self.of if is_count and self.of in DIRECTIONS else None

    @property
    def kind(self) -> str | None:
        """The agreement type of the agreements that are counted."""
        return self.of if self.measure == "accords" and self.of not in _WHOM else None

    @property
    def group(self) -> str | None:
        """The group of states that it is of, as the scenario's report names it."""
        if self.measure == "states":  # of a stance, and of a group but for `outside`
            stance = next((s for s in STANCES if self.of.startswith(s)), "")
            return self.of[len(stance) + 1 :] or None
        is_of_group = self.measure in GROUP_MEASURES
        return self.of.removesuffix("_host") if is_of_group else None

    @property
    def sentence(self) -> str:
        """What it is, for a reader."""
        whom = self.of.replace("_", " ")
        if self.kind:
            whom = f"of type {whom}"
        text = self.declared.sentence.format(of=_WHOM.get(self.of, whom))
        if self.window is None:
            return f"{text}."
        return f"{text}, {self.window} days after the event."


def headline_outcome(scenario: Scenario) -> str:
    """The outcome that answers a scenario: counter-balancing security agreements within
    the longest window."""
    return Outcome("accords", "counter", max(scenario.report.windows)).name


@cache
def known_outcome(name: str) -> Outcome | None:
    """The outcome of a column or key; None for one whose measure is not declared in
    MEASURES: another version of balance-sim has it.

    >>> known_outcome("filtered_accords_defence_pact_365").kind
    'defence_pact'"""
    plain = name.removeprefix(FILTERED)
    for measure in _LONGEST_FIRST:
        if plain == measure or plain.startswith(f"{measure}_"):
            whom, _, days = plain[len(measure) + 1 :].rpartition("_")
            if days.isdecimal():
                return Outcome(measure, whom, int(days))
            return Outcome(measure, "_".join(filter(None, (whom, days))))
    return None


def least_jump(outcome: str, steps: Mapping[str, float] | None = None) -> float:
    """How much a run that differs differs by: 1 in a count, one step in a share,
    nothing on a scale or of an outcome of another version. steps: of shares, by measure
    (`recorder.share_steps`).

    >>> steps = {"coalition": 0.2}
    >>> least_jump("camps_moved_365"), least_jump("coalition_365", steps)
    (1.0, 0.2)
    >>> least_jump("effort_host_90")
    0.0"""
    declared = known_outcome(outcome)
    if declared is None:
        return 0.0
    if declared.declared.type is OutcomeType.COUNT:
        return 1.0
    return (steps or {}).get(declared.measure, 0.0)


def fixed_beforehand(outcome: str) -> bool:
    """Whether no arm can change an outcome."""
    return outcome.startswith("scheduled_")


def days_after(signed: Floats, focal_day: float) -> Floats:
    """Whole days from the focal date to the date of signature."""
    return np.floor(signed) - focal_day


def is_new(origin: Ints, after: Floats | Ints, window: float) -> Bools:
    """(K,) whether agreements are new and signed within `window` days after the focal
    date.

    origin: indices into ORIGINS; after: whole days from the focal date to signature.

    >>> is_new(np.array([0, 0, 4]), np.array([1.0, 31.0, 1.0]), 30).tolist()
    [True, False, False]"""
    return np.isin(origin, NEW_ORIGINS) & (after >= 1) & (after <= window)


def numbers_of_agreements(
    by_direction: Mapping[int, tuple[Floats, Floats]],
    by_kind: Floats,
    kinds: Collection[str],
    longest: int,
) -> dict[str, Floats]:
    """Estimates of numbers of new agreements by the names of the outcomes that count
    them.

    Parameters
    ----------
    by_direction : mapping of ((..., D), (..., D))
        by window, of each measure of COUNTS, by class of dyads
    by_kind : (..., M)
        by agreement type, within the longest window
    kinds : collection of str
        names of the types
    longest : int
        days of that window
    """
    numbers: dict[str, Floats] = {}
    for window, measures in by_direction.items():
        for measure, values in zip(COUNTS, measures, strict=True):
            for place, direction in enumerate(DIRECTIONS):
                name = Outcome(measure, direction, window).name
                numbers[name] = values[..., place]
            numbers[Outcome(measure, "all", window).name] = values.sum(axis=-1)
    for place, kind in enumerate(kinds):
        numbers[Outcome("accords", kind, longest).name] = by_kind[..., place]
    return numbers


def outcomes_of(
    worlds: Worlds, made: AgreementRows, control: AgreementRows | None, runs: int
) -> dict[str, Floats]:
    """Each outcome that is counted in the replications of an arm.

    Parameters
    ----------
    worlds : Worlds
        compiled arms
    made : AgreementRows
        agreements of the arm's R replications
    control : AgreementRows or None
        those of the same replications in the control arm; None leaves out what
        compares with them
    runs : int
        R

    Returns
    -------
    dict of (R,)
        by the outcomes' names, in the order of the tables' columns
    """
    world, windows = worlds.reference, sorted(worlds.scenario.report.windows)
    day, end, longest = world.focal_day, world.grid[-1], windows[-1]
    signed, effective = (days_after(days, day) for days in (made.signed, made.in_force))
    security = world.ladder.security[made.kind]
    direction = worlds.baseline.direction[made.dyad]
    in_window = is_new(made.origin, signed, longest)

    def count(rows: Bools) -> Floats:
        return np.bincount(made.run[rows], minlength=runs).astype(float)

    def by_direction(rows: Bools) -> Floats:
        """(R, D) how many of some agreements."""
        cell = made.run[rows] * len(DIRECTIONS) + direction[rows]
        number = np.bincount(cell, minlength=runs * len(DIRECTIONS))
        return number.reshape(runs, len(DIRECTIONS)).astype(float)

    by_window = {}
    for window in windows:
        new = is_new(made.origin, signed, window)
        by_window[window] = by_direction(new & security), by_direction(new & ~security)
    types = range(len(world.ladder.names))
    by_kind = np.stack([count(in_window & (made.kind == k)) for k in types], axis=-1)
    numbers = numbers_of_agreements(by_window, by_kind, world.ladder.names, longest)
    came = (made.in_force >= day + 1.0) & (made.origin != ORIGINS.index("in_force"))
    came &= made.in_force < min(day + 1.0 + longest, end)
    scheduled = made.origin == ORIGINS.index("scheduled")
    scheduled &= (effective >= 1) & (effective <= longest)
    counted = {
        "from_talks": in_window & security & np.isin(made.origin, FROM_TALKS),
        "in_force": came,
        "scheduled": scheduled,
    }
    for measure, rows in counted.items():
        numbers[Outcome(measure, "", longest).name] = count(rows)
    counter = security & (direction == DIRECTIONS.index("counter"))
    counter &= is_new(made.origin, signed, end - day)
    first = np.full(runs, np.inf)
    np.minimum.at(first, made.run[counter], signed[counter])
    days = np.where(np.isfinite(first), first, np.nan)
    numbers[Outcome("first_counter_days").name] = days
    without = Outcome("days_without_counter", "", longest).name
    numbers[without] = np.minimum(first, float(longest))
    if control is not None:
        sooner = earlier_than_control(made, control, ACCELERATED_DAYS)
        sooner &= in_window & security
        numbers[Outcome("accelerated", "", longest).name] = count(sooner)
    return numbers


def accessions_of(
    worlds: Worlds, accessions: Accessions | None, runs: int
) -> dict[str, Floats]:
    """(R,) each: how many states signed their accession to a pact, by the outcomes'
    names; none where the scenario has no pacts.

    An accession that a change makes is given, and does not count."""
    numbers: dict[str, Floats] = {}
    if accessions is None:
        return numbers
    terms, world = accessions.applications.terms, worlds.reference
    days = days_after(terms.signed, world.focal_day)
    is_signed = (days >= 1) & (terms.signed < world.grid[-1])
    for window in sorted(worlds.scenario.report.windows):
        rows = is_signed & (days <= window)
        number = np.bincount(terms.run[rows], minlength=runs)
        numbers[Outcome("accessions", "", window).name] = number.astype(float)
    return numbers


def acts_of_players(
    worlds: Worlds, arm: str, enacted: Enacted | None, runs: int
) -> dict[str, Floats]:
    """(R,) each: how often each player's policies acted in an arm and what that cost,
    by the outcomes' names; 0 for players of other arms."""
    arms = worlds.arms.values()
    players = {
        name for world in arms if world.policies for name in world.policies.players
    }
    numbers, policies = {}, worlds.arms[arm].policies
    for player in sorted(players):
        acts = costs = np.zeros(runs)
        if policies is not None and enacted is not None:
            of_player = policies.player == policies.players.index(player)
            count = enacted.count[:, of_player]
            acts = count.sum(axis=1).astype(float)
            costs = (count * policies.cost[of_player]).sum(axis=1)
        numbers[Outcome("policy_acts", player).name] = acts
        numbers[Outcome("policy_cost", player).name] = costs
    return numbers


def earlier_than_control(
    arm: AgreementRows, control: AgreementRows, days: int
) -> Bools:
    """(K,) agreements signed at least `days` days earlier than the same one in the
    paired control run.

    The same: of the same run, dyad, kind, origin and opportunity, signed by the horizon
    there too.

    Parameters
    ----------
    arm, control : AgreementRows
        agreements of the same replications, K of the arm
    days : int
        whole days, at least
    """
    in_arm, in_control = _identity(arm), _identity(control)
    order = np.argsort(in_control)
    if not len(order):
        return np.zeros(len(in_arm), dtype=bool)
    place = np.searchsorted(in_control[order], in_arm)
    match = order[np.minimum(place, len(order) - 1)]
    signed, control_signed = arm.signed, control.signed[match]
    paired = in_control[match] == in_arm
    paired &= np.isfinite(signed) & np.isfinite(control_signed)
    day = np.floor(np.where(paired, signed, 0.0))
    control_day = np.floor(np.where(paired, control_signed, 0.0))
    return np.asarray(paired & (control_day - day >= days))


def _identity(agreements: AgreementRows) -> Ints:
    """One number for a run, dyad, type, origin and opportunity."""
    clock = (agreements.run * 100_000 + agreements.dyad) * 100 + agreements.kind
    return (clock * 10 + agreements.origin) * 1_000_000 + agreements.count

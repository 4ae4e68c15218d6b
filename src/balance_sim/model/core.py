"""The contract of the model, on one screen. Read this first.

    world = compile_world(scenario)          what one arm fixes: arrays, read-only
    opportunities = draw_opportunities(...)  when dyads could open talks, and the
                                             uniforms of both sides
    state = begin(world, baseline, ...)      what a block of replications carries
    for step in range(world.steps):
        turn_of_step(world, state)           what is due comes into force, or ends
        view = perceive(world, state, step)  what states see and feel in this step
        advance(world, ..., state, view)     talks open, go on, are signed, fail;
                                             returns how likely they were to open, of
                                             which filtered estimates are made

R replications at once, n states in the order of audience and code, P = n (n - 1) / 2
dyads, M agreement types. Here stands what is fixed. What is carried (`State`, state.py)
and what is only seen (`View`, perception.py) are different types. Days count from 00:00
of the scenario's start and are floats until an agreement is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.scenario.conditions import Condition, Observable
from balance_sim.scenario.errors import OneLine

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Keys = npt.NDArray[np.uint64]  # of random streams, and numbers of replications

DAYS_PER_YEAR = 365.25
NEVER = np.inf

# What an agreement is to the focal event: neither side takes part, both fear those who
# do and neither is aligned with them; one side takes part; or neither.
DIRECTIONS = ("counter", "with_participant", "other")

# Where an agreement came from. `talks`, `signed` and `scheduled` stood in the record at
# the start; `assumed` talks are those that nobody had recorded yet; `new` talks opened
# during the run; `accession`: a state joined a pact.
ORIGINS = ("new", "assumed", "talks", "signed", "scheduled", "in_force", "accession")
NEW = ("new", "assumed", "talks")
"""Origins of new agreements: neither signed nor scheduled at the start."""


@dataclass(frozen=True)
class Rules:
    """Numbers the step needs at hand, from the scenario's parameters and theory."""

    alpha_acc: float
    eta0: float
    eta_acc: float
    equal_hostility: float | None
    beta: float
    s0: float
    tau: float
    gain_floor: float
    experience_half_life_days: float
    activity_half_life_days: float
    collapse_rate: float
    end_rate: float
    effort_max: float
    effort_years: float
    effort_reaction: float
    alarm_floor: float
    signature_weight: float
    signature_half_life_days: float | None
    weights: dict[str, float]


@dataclass(frozen=True)
class AgreementTypes:
    """The kinds of agreement, sorted by name. All arrays (M,)."""

    names: tuple[str, ...]
    security: Bools  # a security agreement; the others are declarations
    depth: Floats
    calm: Floats
    ceiling: Floats
    intercept: Floats
    talks_days: Floats
    talks_shape: Floats
    force_days: Floats
    force_shape: Floats
    at_once: Floats  # share that is in force at signature
    reaction: Floats  # elasticity of signing in alarm

    def of(self, types: Ints) -> AgreementTypes:
        """Some of the types. types: (M,) positions."""
        names = tuple(self.names[kind] for kind in types)
        columns = {name: v[types] for name, v in vars(self).items() if name != "names"}
        return AgreementTypes(names, **columns)


@dataclass(frozen=True)
class InitialAgreements:
    """Agreements on record at the start that are not simply over. All arrays (K,);
    days, NaN if unknown."""

    ids: tuple[str, ...]
    keys: Keys
    dyad: Ints
    kind: Ints
    stage: Ints  # 0 talks, 1 signed, 2 in force
    opened: Floats
    signed: Floats
    in_force: Floats  # for stage 2 the day it took effect; else NaN
    fixed_signed: Floats
    fixed_in_force: Floats
    ended: Floats


@dataclass(frozen=True, repr=False)
class Baseline(OneLine):
    """Frozen once from the control arm at the start, the same for all arms and runs."""

    gain_norm: Floats  # (n, M) mean over partners of ln(G + floor)
    insecurity: Floats  # (n,)
    threat: Floats  # (n,) Theta_i
    unsided: Floats  # (n, n) threat to the row that the column would not side with
    partners: Floats  # (n,)
    shared: Floats  # (n, n) shared partners
    shared_mean: float
    threatened: Bools  # (n,) by the participants, just before the focal event
    direction: Ints  # (P,) index into DIRECTIONS
    keen: Floats  # (P, 2, M), or (R, P, 2, M): consent of both sides at the start
    refusal: float = 1.0  # mean probability that a side refuses, over talks that open
    first: dict[str, Floats] = field(default_factory=dict)
    """Changing terms at the start, (n, n) or (n, n, M), by name."""


@dataclass(frozen=True)
class AtStart:
    """The agreements in force at the start, and by step what `perception.shared` worked
    out from them."""

    in_force: npt.NDArray[np.int16]  # (P, M)
    depth: Floats  # (P,)
    calm: Floats  # (P,)
    shared: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)
    beside: World | None = field(default=None, repr=False, compare=False)
    """A world of which the evidence alone differs."""
    beside_step: Ints | None = field(default=None, repr=False, compare=False)
    """(S,) its step for each of this world's; None: the same."""


@dataclass(frozen=True)
class OddsByStep:
    """Odds of E entries in S steps, of which events move K alone. Indexed by steps it
    gives all of them."""

    before: Floats  # (E,) without events
    moved: Floats  # (S, K), or (S, A, K) as each of A readings has them
    column: Ints  # (E,) which of the K an entry is; -1: none
    shape: tuple[int, ...]  # of one step

    @staticmethod
    def of(odds: Floats, leading: int) -> OddsByStep:
        """The same of odds that are all at hand, (S, ...); leading: how many axes come
        before the entries."""
        count = int(np.prod(odds.shape[leading:]))
        moved = odds.reshape(*odds.shape[:leading], count)
        return OddsByStep(np.ones(count), moved, np.arange(count), odds.shape[1:])

    @staticmethod
    def joined(parts: Sequence[OddsByStep]) -> OddsByStep:
        """The steps of several, one after the other. Without events all have the same
        odds."""
        first = parts[0]
        entries = first.moved_with(*parts[1:])
        column = np.full(len(first.before), -1)
        column[entries] = np.arange(len(entries))
        moved = [part.among(slice(None), entries) for part in parts]
        return OddsByStep(first.before, np.concatenate(moved), column, first.shape)

    def moved_with(self, *others: OddsByStep) -> Ints:
        """Entries that events move here or in others."""
        is_moved = self.column >= 0
        for other in others:
            if other.column is not self.column:
                is_moved = is_moved | (other.column >= 0)
        return np.flatnonzero(is_moved)

    def among(self, steps: Any, entries: Ints) -> Floats:
        """(..., K) the odds of a step, or of some, at some entries."""
        moved, column = self.moved[steps], self.column.take(entries)
        if len(entries) == moved.shape[-1] == np.count_nonzero(column >= 0):
            return np.asarray(moved)
        odds = np.empty((*moved.shape[:-1], len(entries)))
        odds[:] = self.before[entries]
        odds[..., column >= 0] = moved[..., column[column >= 0]]
        return odds

    def taken(self, steps: Any) -> OddsByStep:
        """Some of the steps."""
        return OddsByStep(self.before, self.moved[steps], self.column, self.shape)

    def __getitem__(self, steps: Any) -> Floats:
        """(..., *shape) the odds of a step, or of some."""
        odds = self.moved[steps]
        if odds.shape[-1] < len(self.before):
            moved, odds = odds, np.empty((*odds.shape[:-1], len(self.before)))
            odds[:] = self.before
            odds[..., self._entries] = moved
        of_steps = odds.ndim + 1 - self.moved.ndim
        return np.asarray(odds.reshape(*odds.shape[:of_steps], *self.shape))

    def mapped(
        self, steps: Any, function: Callable[[Floats, Any], Floats]
    ) -> OddsByStep:
        """What a function makes of the odds of some steps. It takes odds, and which
        entries they are."""
        before = function(self.before, slice(None))
        moved = function(self.moved[steps], self._entries)
        return OddsByStep(before, moved, self.column, self.shape)

    def differing(
        self, steps: Any, other: OddsByStep, other_steps: Any
    ) -> tuple[Ints, Ints]:
        """Places among some steps, and entries, whose odds are not those of other odds
        in steps of theirs; by place."""
        entries = self.moved_with(other)
        is_same = self.before is other.before
        if not (is_same or np.array_equal(self.before, other.before)):
            entries = np.arange(len(self.before))
        differ = self.among(steps, entries) != other.among(other_steps, entries)
        readings = tuple(range(1, differ.ndim - 1))
        place, column = np.nonzero(differ.any(axis=readings))
        return place, entries[column]

    @cached_property
    def _entries(self) -> Ints:
        return np.flatnonzero(self.column >= 0)

    def at(self, step: Any, *where: Any) -> Floats:
        """The odds at single entries, each in a step. where: the reading, if they have
        any, and the entry; all broadcast."""
        step, *reading, entry = np.broadcast_arrays(step, *where)
        column, odds = self.column.take(entry), self.before.take(entry)
        is_moved = column >= 0
        places = (index[is_moved] for index in (step, *reading, column))
        odds[is_moved] = self.moved[*places]
        return odds


@dataclass(frozen=True)
class Hazards:
    """Acts that states commit by chance, K of them, and the T entries of intent that
    they move."""

    keys: Keys  # (K,) from their ids: the same in every arm
    rate: Floats  # (K,) per year
    half_life_days: tuple[float | None, ...]
    act: Ints  # (T,) which of the K
    target: Ints  # (T,) whose view of
    state: Ints  # (T,) whom
    dose: Floats  # (T,) nats, with visibility and the target's attention
    column: Ints  # (n * n,) which of the T stands at a place of (n, n); T: none


@dataclass(frozen=True)
class Likeness:
    """How much states learn from what is done to others (`model/spread.py`)."""

    with_target: Floats  # (n, n) share that the row learns from an act on the column
    with_actor: Floats  # (n, n) added where the row has a quarrel with who acts


@dataclass(frozen=True)
class Openness:
    """Factor on the rate at which dyads open talks, 1 but where the two have no
    relations (`model/no_relations.py`).

    factor[k] holds from days[k] to days[k + 1], days from the scenario's start; days[0]
    is minus infinity."""

    days: Floats  # (B,)
    factor: Floats  # (B, P)


@dataclass(frozen=True)
class Drawn:
    """Parameters of their own for each run of a block, the same in every arm."""

    weights: dict[str, Floats]  # (R,) by term; else the world's weight holds
    level: Floats  # (R, M) added to the intercepts
    exercise_reaction: Floats | None = None  # (R,); else the shipped one holds
    rate: Floats | None = None  # (R,) factor on the rate of opportunities; else 1


@dataclass(frozen=True)
class Signings:
    """Agreements that changes sign whatever their sides would decide, S of them, sorted
    by day. All arrays (S,)."""

    keys: Keys
    dyad: Ints
    kind: Ints
    signed: Floats  # days from the start
    in_force: Floats  # NaN: after the lag of the kind
    bilateral: Bools  # else one of those by which a state joins a pact
    count: Ints  # of the same dyad and kind before it


@dataclass(frozen=True)
class Pacts:
    """Pacts of many that states may seek to join, A of them, sorted by name
    (`model/accession.py`)."""

    names: tuple[str, ...]
    keys: Keys  # (A,) from their names: the same in every arm
    kind: Ints  # (A,) agreement type that binds a state that accedes to each member
    unanimous: Bools  # (A,) every member has to consent; else a majority
    members: Bools  # (A, n) at the start
    candidates: Bools  # (A, n)
    rate: Floats  # (A,) opportunities a year of each candidate
    joining_day: Floats  # (A, n) on which a change makes a state a member, or NEVER
    state_keys: Keys  # (n,)

    @property
    def joins(self) -> Bools:
        """(A, n) who may become a member, by accession or by a change."""
        return np.asarray(self.candidates | np.isfinite(self.joining_day))

    @property
    def joinable(self) -> Floats:
        """(n,) partners that accessions can bring a state at most."""
        joins = self.joins
        inside = self.members | joins
        partners = np.where(joins, inside.sum(axis=1, keepdims=True) - 1, 0)
        partners = np.where(self.members, joins.sum(axis=1, keepdims=True), partners)
        return np.asarray(partners.sum(axis=0), dtype=np.float64)


@dataclass(frozen=True)
class DatedActs:
    """Dated acts of an arm that players know of: E that make a target think worse of
    who commits them, and W reassurances by their senders."""

    day: Floats  # (E,)
    actor: Ints
    target: Ints
    word_day: Floats  # (W,)
    sender: Ints
    kept: Floats  # 1 where it was backed, else 0


@dataclass(frozen=True)
class Policies:
    """What players do when they see something, K policies of Q players, sorted by
    player and name (`model/policies.py`)."""

    players: tuple[str, ...]  # (Q,)
    ids: tuple[str, ...]  # (K,)
    player: Ints  # (K,)
    state: Ints  # (K,) that looks and acts
    conditions: tuple[Condition, ...]  # (K,)
    groups: tuple[dict[str, Ints], ...]  # (K,) positions of those seen, by name
    at_start: tuple[dict[Observable, float], ...]  # (K,) in the control arm
    delay: Floats  # (K,) days
    cost: Floats  # (K,)
    at_most: Ints  # (K,)
    budget: Floats  # (Q,) of 365 days; NEVER: none
    half_life_days: tuple[float | None, ...]  # (K,) of an event
    words: Bools  # (K,) whose acts lower hostile intent
    aimed: Floats  # (K, T) nats of hostile intent
    places: Ints  # (T,) entries of a flat (n, n), observer and actor
    place_column: Ints  # (n * n,) which of the T stands at a place; T: none
    shown: Floats  # (K, A, D) nats of alignment, as each of A readings has it
    dyads: Ints  # (D,) that are shown together
    dyad_column: Ints  # (P,) which of the D a dyad is; D: none
    stance: Floats  # (K, n, M) nats on the state's willingness, by alter and type
    stances: Ints  # those of the K that take one
    touches: Bools  # (K, P) dyads of which an act says anything
    ends: Bools  # (K, P, M) agreements that end
    effort: Floats  # (K,) rise


@dataclass(frozen=True, repr=False)
class World:
    """One arm's fixed facts. Matrices (n, n), row acts or looks, column is acted on or
    looked at."""

    arm: str
    codes: tuple[str, ...]
    first: Ints  # (P,) the dyad's first state
    second: Ints  # (P,)
    dyad_index: Ints  # (n, n), -1 on the diagonal
    ladder: AgreementTypes
    rules: Rules
    initial: InitialAgreements
    grid: Floats  # (S + 1,) step boundaries
    focal_day: float
    capability: Floats  # (n,)
    projected: Floats  # c_j p_ij, what j could bring to bear on i's ground
    offensive: Floats  # c_j o_j p_ij, what j could bring to bear against i
    reach: Floats  # p_ij
    gap: Floats  # |x_i - x_j|
    distance_km: Floats
    democracy: Floats  # min of the two scores
    democracy_gap: Floats  # their distance
    proximity: Floats  # -ln(d + d0)
    trade: Floats  # share of i's trade with k, 0 where missing
    trade_partners: Ints  # columns of `trade` that hold anything
    autonomy: Floats
    propensity: Floats  # (n, M) random intercept of a state, by agreement type
    frailty: Floats  # (P,) factor on the dyad's rate of opportunities
    patron_of: Bools  # patron_of[i, P]
    patrons: Ints  # states that are anybody's patron
    audience: Ints  # (n,) which reading of the news is i's; alike audiences share one
    audience_names: tuple[str, ...]
    audience_rows: tuple[slice, ...]  # where each audience's states stand
    odds_against: OddsByStep  # (S, A, P) e^-(alpha0 - alpha_x gap + evidence)
    intent_odds: OddsByStep  # (S, n, n) e^(eta0 + ... + evidence), before agreements
    reliability: Floats  # (S, n)
    at_start: AtStart
    experience: Floats  # (P,) bilateral signatures of the dyad, fading, at day 0
    engaged: Floats  # (n,) the same of each state with anyone
    active: Floats  # (n,) bilateral signatures of each state, fading sooner, at day 0
    dyad_keys: Keys
    kind_keys: Keys
    signature_attention: Floats  # (A,)
    openness: Openness
    likeness: Likeness | None = None
    highest_unsided: Floats | None = None
    """(n, n) the most that `Baseline.unsided` becomes by events, with a margin; None
    where alarm has no weight."""
    signings: Signings | None = None
    endings: Ints | None = None
    """Rows of the record that changes end."""
    decided_effort: Floats | None = None
    """(n,) rise of capability that states have decided on; None: nobody has."""
    turns: tuple[tuple[int, World], ...] = ()
    """Steps from which other facts hold, and the world then (`model/changes.py`)."""
    hazards: Hazards | None = None
    pacts: Pacts | None = None
    drawn: Drawn | None = None
    policies: Policies | None = None
    dated_acts: DatedActs | None = None
    """Of the arm; None where it has no players."""
    own_terms: Mapping[str, Any] = field(default_factory=dict)
    """`willingness.Term` by name: those of the user's own, with a weight here."""

    def __repr__(self) -> str:
        return f"<World of {self.arm}: {self.n} states, {self.steps} steps>"

    @property
    def n(self) -> int:
        return len(self.codes)

    @property
    def steps(self) -> int:
        return len(self.grid) - 1

    def at(self, step: int) -> World:
        """The world as it is in a step."""
        present = self
        for first, world in self.turns:
            present = world if first <= step else present
        return present

    def middle(self, step: Any) -> Any:
        """Day in the middle of a step, or (R,) of each of some steps."""
        return (self.grid[step] + self.grid[step + 1]) / 2

    @property
    def versions(self) -> tuple[World, ...]:
        """The world at the start and after each turn."""
        return self, *(world for _, world in self.turns)


@dataclass(frozen=True, repr=False)
class Opportunities(OneLine):
    """Opportunities at which a dyad could open talks, by step, run, dyad, kind, count.
    All arrays (C,).

    At an opportunity each side consents with its own probability; `needs` holds the two
    uniforms that it has to exceed. Between states without relations talks open only
    where the dyad's factor exceeds `bars` too. The same table serves every arm."""

    day: Floats
    run: Ints
    dyad: Ints
    kind: Ints
    count: Ints
    needs: Floats  # (C, 2)
    bars: Floats  # (C,)
    starts: Ints  # (S + 1,) where each step begins
    thinned: Bools  # (R,) those that could not lead to consent in any arm are left out
    drawn_in: World

    @cached_property
    def talks_days(self) -> Floats:
        """(C,) length of the talks that open at each, with the agreement types of
        `drawn_in`; NaN until some arm opens them."""
        return np.full(len(self.day), np.nan)


@dataclass(frozen=True)
class Thinning:
    """What an upper bound of consent makes of the opportunities in one arm. Arrays
    (C,).

    Where the bound holds nobody consents unless `kept`, and an opportunity is kept with
    probability `bound` (thinning: Lewis, Shedler 1979, Naval Research Logistics
    Quarterly 26(3))."""

    kept: Bools  # both uniforms lie below the sides' upper bounds
    bound: Floats  # product of the two upper bounds, at most 1


def content_key(value: object, leave: Collection[str] = ()) -> bytes:
    """A digest of all that a world, or a part of it, holds but for some fields and
    those that are not compared: equal for equal contents."""
    digest = blake2b(type(value).__name__.encode(), digest_size=16)
    if is_dataclass(value):
        for part in fields(value):
            if part.compare and part.name not in leave:
                digest.update(content_key(getattr(value, part.name)))
    elif isinstance(value, dict):
        for name, item in value.items():
            digest.update(repr(name).encode() + content_key(item))
    elif isinstance(value, np.ndarray):
        digest.update(repr((value.shape, value.dtype.str)).encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    else:
        digest.update(repr(value).encode())
    return digest.digest()

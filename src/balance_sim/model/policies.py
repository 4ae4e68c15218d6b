"""Policies of players: what a state does in a run when it sees something.

In each step a policy looks at what its state's own audience sees. Where its condition
holds it is due after its delay, and acts at the beginning of the first step on or after
that day, never in the step in which it looked; budget and `at_most` bound it. An act is
an event of one replication, evidence as dated events are; agreements that end; a rise
of effort; or a part of its own willingness from then on. No random number is drawn.
docs/policies.md.

Strategies as finite automata that see and act: Rubinstein 1986, Journal of Economic
Theory 39; Miller 1996, Journal of Economic Behavior and Organization 29(1). Conditional
strategies among states: Axelrod 1984, The Evolution of Cooperation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from balance_sim.model.beliefs import (
    audiences_of,
    bounded_evidence,
    decay,
    dyads_shown,
    members,
    shares_of_intent,
    signal_weights,
)
from balance_sim.model.core import (
    NEVER,
    Bools,
    DatedActs,
    Floats,
    Ints,
    Likeness,
    Policies,
    World,
)
from balance_sim.model.record import worth
from balance_sim.model.state import NETWORK, BlockState, Enacted, refresh
from balance_sim.scenario.conditions import lasting_in, observables_in, parsed
from balance_sim.scenario.defaults import OWN
from balance_sim.scenario.players import ROLES_OF_PLAYER, SECURITY, Player, Policy
from balance_sim.scenario.schema import Scenario

YEAR = 365.0
"""Days over which acts are counted and budgets are spent."""
CONSENTS = 100.0
"""Nats that make a state that seeks agreements consent."""
MOST_OF_ACTS = 100.0
"""Nats of all acts of policies in a replication."""


# --- what a scenario says -------------------------------------------------------------


def policies_of(
    scenario: Scenario, dyad_index: Ints, like: Likeness | None
) -> Policies | None:
    """The scenario's policies as arrays, sorted by player and name; None without any
    that may act. States in the order of the arrays. like: how fear spreads, if it
    does."""
    rows = [
        (name, player, policy_id, policy)
        for name, player in scenario.players.items()
        for policy_id, policy in player.policies.items()
        if policy.at_most
    ]
    if not rows:
        return None
    deeds = [_Deed(scenario, player, policy) for _, player, _, policy in rows]
    aimed, shown = map(
        np.stack, zip(*(deed.says(dyad_index, like) for deed in deeds), strict=True)
    )
    stance = np.stack([deed.stance() for deed in deeds])
    places = np.flatnonzero((aimed != 0).any(axis=0))
    touches = (shown != 0).any(axis=1)
    which, place = np.nonzero(aimed)
    touches[which, dyad_index.take(place)] = True
    shown_dyads = np.flatnonzero((shown != 0).any(axis=(0, 1)))
    names, policies = list(scenario.players), [policy for *_, policy in rows]
    budgets = [player.budget for player in scenario.players.values()]
    return Policies(
        players=tuple(names),
        ids=tuple(policy_id for _, _, policy_id, _ in rows),
        player=np.array([names.index(name) for name, *_ in rows]),
        state=np.array([deed.state for deed in deeds]),
        conditions=tuple(deed.when for deed in deeds),
        groups=tuple(deed.seen() for deed in deeds),
        at_start=tuple({} for _ in rows),
        delay=np.array([policy.delay for policy in policies]),
        cost=np.array([policy.cost for policy in policies]),
        at_most=np.array([policy.at_most for policy in policies]),
        budget=np.array([NEVER if budget is None else budget for budget in budgets]),
        half_life_days=tuple(deed.half_life_days for deed in deeds),
        words=np.array([deed.is_word for deed in deeds]),
        aimed=aimed[:, places],
        places=places,
        place_column=_columns(places, aimed.shape[1]),
        shown=shown[..., shown_dyads],
        dyads=shown_dyads,
        dyad_column=_columns(shown_dyads, shown.shape[2]),
        stance=stance,
        stances=np.flatnonzero(stance.any(axis=(1, 2))),
        touches=touches,
        ends=np.stack([deed.ends(dyad_index) for deed in deeds]),
        effort=np.array([policy.do.effort or 0.0 for policy in policies]),
    )


def _columns(places: Ints, size: int) -> Ints:
    """(size,) which of the places each one is; their number for all others."""
    column = np.full(size, len(places))
    column[places] = np.arange(len(places))
    return column


class _Deed:
    """What a policy of a player does, as arrays. States in the order of the arrays."""

    def __init__(self, scenario: Scenario, player: Player, policy: Policy) -> None:
        roles = {role: getattr(player, role) for role in ROLES_OF_PLAYER}
        self.scenario, self.when, self.do = scenario, parsed(policy.when), policy.do
        self.roster = _roster(scenario)
        self.who = {**scenario.groups, **roles}
        self.state = self.roster[player.state]

    @property
    def half_life_days(self) -> float | None:
        """Of an event; None where nothing fades."""
        kind = self.scenario.event_kinds.get(self.do.kind or "")
        return None if kind is None else kind.half_life_days

    @property
    def is_word(self) -> bool:
        """Whether it is an event of a kind that lowers hostile intent."""
        kind = self.scenario.event_kinds.get(self.do.kind or "")
        return kind is not None and kind.intent < 0

    def seen(self) -> dict[str, Ints]:
        """Positions of all that the condition names, by name."""
        names = sorted(
            {observable.who for observable in observables_in(self.when)} - {""}
        )
        return {name: self._places(name) for name in names}

    def says(self, dyad_index: Ints, like: Likeness | None) -> tuple[Floats, Floats]:
        """Nats of an act, on hostile intent by entry of a flat (n, n), and on
        alignment, (A, P)."""
        do, n, audiences = self.do, len(self.roster), audiences_of(self.scenario)
        aimed = np.zeros(n * n)
        shown = np.zeros((len(audiences.names), n * (n - 1) // 2))
        if do.kind is None:
            return aimed, shown
        kind, heed = self.scenario.event_kinds[do.kind], audiences.attention[do.kind]
        targets = self._others(do.targets).tolist()
        roles = [self.state], self._others(do.guests).tolist(), targets
        alignment, intent = signal_weights(self.scenario, do.kind)
        for i, j in dyads_shown(*roles):
            shown[:, dyad_index[i, j]] = alignment * do.visibility * heed
        places, shares = shares_of_intent(*roles, kind, like, n)
        heeded = shares * heed[audiences.of[places // n]]
        aimed[places] = intent * do.visibility * heeded
        return aimed, shown

    def stance(self) -> Floats:
        """(n, M) nats on the state's own willingness."""
        do, types = self.do, sorted(self.scenario.kinds)
        nats = np.zeros((len(self.roster), len(types)))
        for place, name in enumerate(types):
            is_security = self.scenario.kinds[name].security
            if do.stance is not None:
                nats[self._others(do.toward), place] = do.stance
            elif do.seek == name or (do.seek == SECURITY and is_security):
                wanted = CONSENTS if do.nats is None else do.nats
                nats[self._others(getattr(do, "with")), place] = wanted
        return nats

    def ends(self, dyad_index: Ints) -> Bools:
        """(P, M) agreements that end."""
        n, types = len(self.roster), sorted(self.scenario.kinds)
        ends = np.zeros((n * (n - 1) // 2, len(types)), dtype=bool)
        if self.do.end is not None:
            partners = self._others(getattr(self.do, "with"))
            ends[dyad_index[self.state, partners], types.index(self.do.end)] = True
        return ends

    def _places(self, *names: str) -> Ints:
        """Positions of those whom names stand for."""
        return np.array(members(names, self.who, self.roster), dtype=np.int64)

    def _others(self, names: tuple[str, ...]) -> Ints:
        """The same without the player's own state."""
        places = self._places(*names)
        return np.asarray(places[places != self.state])


def _roster(scenario: Scenario) -> dict[str, int]:
    return {code: i for i, code in enumerate(scenario.codes)}


def acts_of(scenario: Scenario) -> DatedActs | None:
    """Dated acts that players know of; None where there is no player. States in the
    order of the arrays."""
    if not scenario.players:
        return None
    audiences, roster, groups = (
        audiences_of(scenario),
        _roster(scenario),
        scenario.groups,
    )
    rows: list[tuple[float, int, int]] = []
    words: list[tuple[float, int, float]] = []
    for event in scenario.events:
        if event.accord is not None or event.kind.startswith(OWN):
            continue
        day = float((event.date - scenario.start).days)
        actors = members(event.principals, groups, roster)
        if scenario.event_kinds[event.kind].intent < 0:
            words += [(day, actor, float(event.kept)) for actor in actors]
        nats = signal_weights(scenario, event.kind)[1] * event.visibility
        heed = audiences.attention[event.kind]
        for target in members(event.targets, groups, roster):
            if nats * heed[audiences.of[target]] > 0:
                rows += [(day, actor, target) for actor in actors if actor != target]
    acts, said_so = (np.array(table, float).reshape(-1, 3).T for table in (rows, words))
    states = (column.astype(np.int64) for column in (*acts[1:], said_so[1]))
    actor, target, sender = states
    return DatedActs(acts[0], actor, target, said_so[0], sender, said_so[2])


def with_act(acts: DatedActs | None, further: DatedActs | None) -> DatedActs | None:
    """Dated acts and others; None where no player looks."""
    if acts is None or further is None:
        return None
    columns = zip(vars(acts).values(), vars(further).values(), strict=True)
    return DatedActs(*map(np.concatenate, columns))


# --- acts -----------------------------------------------------------------------------


def begin_enacted(world: World, runs: int) -> Enacted | None:
    """What R replications begin with: nothing held, nothing due, nothing done; None
    without policies."""
    policies = world.policies
    if policies is None:
        return None
    clocks = sum(map(lasting_in, policies.conditions))
    shape = runs, len(policies.ids)
    return Enacted(
        since=np.full((runs, clocks), NEVER),
        due=np.full(shape, NEVER),
        days=np.full((*shape, int(policies.at_most.max())), NEVER),
    )


def enact(world: World, state: BlockState, day: float) -> None:
    """What policies are due for by a day is done, as far as budgets go. A state that
    has taken a stance is beyond the bounds of its willingness."""
    policies, enacted = world.policies, state.enacted
    if policies is None or enacted is None or not (enacted.due <= day).any():
        return
    clock = 0
    for k, condition in enumerate(policies.conditions):
        clocks = slice(clock, clock := clock + lasting_in(condition))
        run = np.flatnonzero((enacted.due[:, k] <= day) & affords(world, state, k, day))
        if not len(run):
            continue
        enacted = enacted.copy()
        enacted.days[run, k, enacted.count[run, k]] = day
        enacted.due[run, k] = NEVER
        enacted.since[run, clocks] = NEVER
        state.enacted = enacted
        _take_effect(world, state, k, run)


def affords(world: World, state: BlockState, k: int, day: float) -> Bools:
    """(R,) whether a policy's cost fits into its player's budget, with all that the
    player has spent in the 365 days before a day."""
    policies, enacted = world.policies, state.enacted
    assert policies is not None
    assert enacted is not None
    of_player = policies.player == policies.player[k]
    spent = (
        enacted.within(day - YEAR, day) * np.where(of_player, policies.cost, 0.0)
    ).sum(axis=1)
    budget = policies.budget[policies.player[k]]
    return np.asarray(spent + policies.cost[k] <= budget * (1.0 + 1e-9))


def _take_effect(world: World, state: BlockState, k: int, run: Ints) -> None:
    """What an act of a policy changes at once in some replications; its evidence and
    its part of willingness follow from the day that it is remembered by."""
    policies = world.policies
    assert policies is not None
    if policies.effort[k]:
        state.effort = state.effort.copy()
        state.effort[run, policies.state[k]] += policies.effort[k]
    if k in policies.stances:
        state.within = state.within.copy()
        state.within[run] = False
    if policies.ends[k].any():
        end_agreements(world, state, policies.ends[k], run)


def end_agreements(world: World, state: BlockState, ends: Bools, run: Ints) -> None:
    """Agreements of some dyads and types, (P, M), that are in force in some
    replications are over."""
    agreements = state.agreements.take(np.arange(len(state.agreements.run)))
    state.agreements = agreements
    is_over = ends[agreements.dyad, agreements.kind] & (agreements.stage == 2)
    over = np.flatnonzero(is_over & np.isin(agreements.run, run))
    agreements.stage[over], agreements.ended[over] = 3, state.day
    dyad, kind = np.nonzero(ends)
    for name in ("in_force", *NETWORK):  # what others hold of this state stays theirs
        setattr(state, name, getattr(state, name).copy())
    state.in_force[run[:, None], dyad, kind] = 0
    dyads = np.unique(dyad)
    refresh(world, state, np.repeat(run, len(dyads)), np.tile(dyads, len(run)))


def ended_by(policies: Policies, enacted: Enacted) -> Bools:
    """(P, M) agreements that policies have ended in a first replication."""
    return np.asarray(policies.ends[enacted.count[0] > 0].any(axis=0))


def decided_rise(world: World, step: int) -> Floats | float:
    """(n,) by how much the effort that dated changes decide on rises as a step begins;
    0 where none does. world: of the arm, with all its turns."""
    later = world.at(step).decided_effort
    if later is None or step == 0:
        return 0.0
    earlier = world.at(step - 1).decided_effort
    return later if earlier is None else later - earlier


def decided_effort(world: World, state: BlockState) -> Floats:
    """(R or 1, n) rise of capability that states have decided on, by changes and by
    policies."""
    decided = np.zeros((1, world.n))
    if world.decided_effort is not None:
        decided = decided + world.decided_effort
    if world.policies is not None and state.enacted is not None:
        rises = np.eye(world.n)[world.policies.state] * world.policies.effort[:, None]
        decided = decided + (state.enacted.count[:, :, None] * rises).sum(axis=1)
    return decided


# --- what acts say --------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """What acts of policies say in a step, as factors on the odds of beliefs; the last
    column is 1."""

    intent: Floats  # (R, T + 1) on those of hostile intent, by `Policies.place_column`
    against: Floats  # (R, A, D + 1) on those against alignment, by `dyad_column`


def said(world: World, state: BlockState, step: int) -> Said | None:
    """None where no policy has acted by the beginning of the step."""
    policies, enacted = world.policies, state.enacted
    if policies is None or enacted is None:
        return None
    start, middle = world.grid[step], (world.grid[step] + world.grid[step + 1]) / 2
    days = np.where(enacted.days <= start, enacted.days, NEVER)
    if not np.isfinite(days).any():
        return None
    runs, kinds = days.shape[:2]
    intent = np.zeros((runs, len(policies.places) + 1))
    against = np.zeros((runs, policies.shown.shape[1], len(policies.dyads) + 1))
    for k in range(kinds):
        evidence = decay(middle - days[:, k], policies.half_life_days[k])
        if policies.words[k]:
            evidence = evidence * _worth(world, days, k)
        evidence = evidence.sum(axis=1)
        intent[:, :-1] += evidence[:, None] * policies.aimed[k]
        against[..., :-1] -= evidence[:, None, None] * policies.shown[k]
    return Said(
        np.exp(bounded_evidence(intent, MOST_OF_ACTS)),
        np.exp(bounded_evidence(against, MOST_OF_ACTS)),
    )


def _worth(world: World, days: Floats, k: int) -> Floats:
    """(R, W) share of its weight that each act of a policy has, of a kind that lowers
    hostile intent: by the sender's dated acts of such kinds before that day, and those
    of its policies. An act that costs something is kept, one that is free is not."""
    policies, word_days = world.policies, days[:, k]
    assert policies is not None
    sent, kept_words = np.zeros_like(word_days), np.zeros_like(word_days)
    for policy in np.flatnonzero(
        policies.words & (policies.state == policies.state[k])
    ):
        earlier = (days[:, policy, :, None] < word_days[:, None]).sum(axis=1)
        sent += earlier
        kept_words += earlier * float(policies.cost[policy] > 0)
    dated = world.dated_acts
    if dated is not None:
        of_sender = np.flatnonzero(dated.sender == policies.state[k])
        earlier_words = dated.word_day[of_sender] < word_days[..., None]
        sent += earlier_words.sum(axis=-1)
        kept_words += (earlier_words * dated.kept[of_sender]).sum(axis=-1)
    return worth(kept_words, sent)


def spoken_of(policies: Policies, enacted: Enacted) -> Bools:
    """(R, P) dyads of which acts of policies have said anything."""
    spoken = np.zeros((len(enacted.due), policies.touches.shape[1]), dtype=bool)
    for k, dyads in enumerate(policies.touches):
        spoken |= (enacted.count[:, k] > 0)[:, None] & dyads
    return spoken


def stance(
    world: World, state: BlockState, run: Ints, ego: Ints, alter: Ints, kind: Ints
) -> Floats | None:
    """(C,) nats that ego's policies add to its willingness; None where no policy takes
    a stance."""
    policies, enacted = world.policies, state.enacted
    if policies is None or enacted is None or not policies.stances.size:
        return None
    nats, count = np.zeros(len(run)), enacted.count
    for k in policies.stances:
        taken = count[run, k] * policies.stance[k, alter, kind]
        nats += np.where(ego == policies.state[k], taken, 0.0)
    return nats

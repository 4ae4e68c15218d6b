"""What an arm's states want over time, the network as at the start and no random
numbers: beliefs, threat, effort and consent in some spans of the scenario's time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.model import threat
from balance_sim.model.baseline import NO_RUN, Worlds
from balance_sim.model.beliefs import evidence
from balance_sim.model.core import Baseline, Floats, Ints, World
from balance_sim.model.engine import close_step, effort_after
from balance_sim.model.perception import (
    View,
    announcements,
    perceive,
    perceive_steps,
    view_of,
)
from balance_sim.model.pipeline import initial_agreements
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState, Workspace, begin_network
from balance_sim.model.willingness import consent, steady_terms, terms_of, willingness
from balance_sim.model.world import by_audience, event_days
from balance_sim.scenario.schema import Event, Scenario

EVIDENCE = ("odds_against", "intent_odds", "reliability")
"""Arrays of a world by step."""
SPANS = 20
"""Of the scenario's length, at least: dates at which beliefs are looked at."""


@dataclass(frozen=True)
class WillingnessOverTime:
    """What an arm's states want over time. K spans, P dyads, M kinds."""

    world: World  # in spans: see `in_spans`
    dyads: Ints  # (P,) which of the world's
    consent: Floats  # (K, P, M) probability that both sides consent at an opportunity
    gain: Floats  # (K, P, M) sum of both sides' log gain, which sets the pace of talks
    steady: Floats  # (2, P, M) what both sides' willingness is in any span
    states: tuple[BlockState, ...]  # as each span finds them
    together: Together | None = None  # where they were looked at together

    def of(self, dyads: Ints) -> WillingnessOverTime:
        """Of some of the dyads. dyads: sorted."""
        rows = np.searchsorted(self.dyads, dyads)
        return replace(
            self,
            dyads=dyads,
            consent=self.consent[:, rows],
            gain=self.gain[:, rows],
            steady=self.steady[:, rows],
        )


def spans(worlds: Worlds, least: int = SPANS) -> Ints:
    """(K + 1,) steps at which spans begin, and the number of steps: even, cut at the
    dates of all arms' events."""
    world, days = worlds.reference, set(event_days(worlds.scenario))
    longest, edges = world.grid[-1] / least, [0]
    for step in range(1, world.steps):
        is_long = world.grid[step + 1] - world.grid[edges[-1]] > longest
        if world.grid[step] in days or is_long:
            edges.append(step)
    return np.array([*edges, world.steps])


def _with_evidence(world: World, **changed: Any) -> World:
    """The world with other evidence, and nothing of what was worked out from its
    own."""
    return replace(world, at_start=replace(world.at_start, shared={}), **changed)


def in_spans(world: World, edges: Ints) -> World:
    """The world with a few long steps: in each span, its evidence is that of the step
    in the middle."""
    grid = world.grid[edges]
    middles = (grid[1:] + grid[:-1]) / 2
    steps = np.searchsorted(world.grid, middles, side="right") - 1
    arrays = {name: getattr(world, name)[steps] for name in EVIDENCE}
    return _with_evidence(world, grid=grid, **arrays)


def with_event(world: World, scenario: Scenario, event: Event) -> World:
    """A world in spans, with one more event. scenario: the arm's own version, for who
    heeds what."""
    moments, starts = (world.grid[1:] + world.grid[:-1]) / 2, world.grid[:-1]
    ordered = scenario if scenario.codes == world.codes else by_audience(scenario)
    alone = ordered.model_copy(update={"events": (event,)})
    nats = evidence(alone, moments, starts, world.dyad_index)
    odds_against, intent_odds = world.odds_against.copy(), world.intent_odds.copy()
    odds_against[..., nats.dyads] *= np.exp(-nats.align)
    intent_odds.reshape(len(moments), -1)[:, nats.places] *= np.exp(nats.intent)
    return _with_evidence(
        world,
        odds_against=odds_against,
        intent_odds=intent_odds,
        reliability=world.reliability * np.exp(-nats.lost),
    )


def at_start(world: World) -> BlockState:
    """The state of one replication at day 0 with the record alone: no talks but those
    on record, no provocations.

    What is announced at the start is touched, so that states hear of it."""
    state = begin_network(world, NO_RUN)
    state.agreements = initial_agreements(world, 0, NO_RUN)
    announced = state.agreements.stage == 1
    state.touched[0, state.agreements.dyad[announced]] = True
    return state


def course(
    world: World,
    baseline: Baseline,
    dyads: Ints | None = None,
    *,
    start: BlockState | None = None,
    beside: WillingnessOverTime | None = None,
) -> WillingnessOverTime:
    """What the states of some dyads, or of all, want in each span.

    Parameters
    ----------
    world : World
        in spans, from `in_spans` or `with_event`
    baseline : Baseline
        of the study
    dyads : (P,), optional
        which, sorted; all if not given
    start : BlockState, optional
        from `at_start` for the same record, to save time
    beside : WillingnessOverTime, optional
        the course, of these dyads among others and from the same start, of the world
        that `with_event` made this one of: what comes before the event is its

    Returns
    -------
    WillingnessOverTime
        consent, gain and states by span
    """
    if dyads is None:
        dyads = np.arange(len(world.first))
    walk = _Course(world, baseline, dyads, replace(start or at_start(world)))
    if beside is not None:
        walk.take_over(beside)
    steps = np.arange(len(walk.states), world.steps)
    terms = world.own_terms.values()
    has_own = any(term.reads != "facts" for term in terms)
    fits = 0 < len(steps) * world.n**2 <= ROOM
    if has_own or world.drawn is not None or not fits:
        walk.look_in_turn(steps)
    else:
        walk.look_together(steps)
    return walk.result


NO_STEP = np.zeros(1, dtype=np.int64)
ROOM = 2**18
"""Entries of a matrix for each span, of those seen together; more would take much
memory."""
AT_ONCE = 2**14
"""Prospects of one side looked at together, to stay in the cache; changes no result."""


class _Course:
    """`course` under way: what has been seen so far, span by span."""

    def __init__(
        self, world: World, baseline: Baseline, dyads: Ints, state: BlockState
    ) -> None:
        self.world, self.baseline, self.dyads, self.state = (
            world,
            baseline,
            dyads,
            state,
        )
        self.kinds, self.pairs = len(world.ladder.names), len(dyads)
        sides = np.stack([world.first[dyads], world.second[dyads]])
        self.ego = np.repeat(sides, self.kinds, axis=1)
        self.kind = np.tile(np.arange(self.kinds), (2, self.pairs))
        self.steady_names = steady_terms(world)
        names = terms_of(world)
        self.later_names = [name for name in names if name not in self.steady_names]
        self.consent: list[Floats] = []
        self.gain: list[Floats] = []
        self.states: list[BlockState] = []
        self.steady: Floats | None = None
        self.together: Together | None = None
        self.control_together: Together | None = None

    @property
    def result(self) -> WillingnessOverTime:
        """The course, once all spans have been looked at."""
        assert self.steady is not None  # there is a span at least
        return WillingnessOverTime(
            world=self.world,
            dyads=self.dyads,
            consent=np.concatenate(self.consent),
            gain=np.concatenate(self.gain),
            steady=self.steady.reshape(2, self.pairs, self.kinds),
            states=tuple(self.states),
            together=self.together,
        )

    def take_over(self, beside: WillingnessOverTime) -> None:
        """What comes before the evidence differs from that of another course's world is
        that course's."""
        count = _alike(self.world, beside.world)
        if not count:
            return
        rows = np.searchsorted(beside.dyads, self.dyads)
        self.consent = [beside.consent[:count, rows]]
        self.gain = [beside.gain[:count, rows]]
        self.steady = beside.steady[:, rows].reshape(2, -1)
        self.states = list(beside.states[:count])
        if count < self.world.steps:
            self.state = replace(beside.states[count])
        self.control_together = beside.together

    def prospects(self, view: View, state: BlockState, runs: Ints) -> Prospects:
        """Both sides of all dyads in some replications of a view."""
        run = np.tile(np.repeat(runs, self.pairs * self.kinds), 2)
        ego, kind = _each(self.ego, runs), _each(self.kind, runs)
        alter = _each(self.ego[::-1], runs)
        return Prospects(
            self.world,
            self.baseline,
            view,
            state,
            run,
            ego.ravel(),
            alter.ravel(),
            kind.ravel(),
            kinds_each=self.kinds,
            mirrored=True,
        )

    def look(self, view: View, state: BlockState, runs: Ints) -> Floats:
        """(2, runs, P, M) consent of either side; adds to the course."""
        if self.steady is None:
            at_first = self.prospects(view, state, NO_STEP)
            self.steady = willingness(at_first, self.steady_names).reshape(2, -1)
        prospects = self.prospects(view, state, runs)
        shape = (2, len(runs), self.pairs, self.kinds)
        steady = _each(self.steady, runs).ravel()
        u = willingness(prospects, self.later_names, steady)
        wanted = consent(u).reshape(shape)
        self.consent.append(wanted[0] * wanted[1])
        self.gain.append(prospects.log_gain.reshape(shape).sum(axis=0))
        return wanted

    def look_together(self, steps: Ints) -> None:
        """All spans at once."""
        together = Together.of(
            self.world, self.baseline, self.state, steps, self.control_together
        )
        at_once = max(1, AT_ONCE // max(self.kinds * self.pairs, 1))
        for start in range(0, len(steps), at_once):
            rows = np.arange(start, min(start + at_once, len(steps)))
            self.look(together.view, together.state, rows)
        self.states += together.states(self.state)
        self.together = together

    def look_in_turn(self, steps: Ints) -> None:
        """Span by span."""
        world, baseline, state = self.world, self.baseline, self.state
        for step in steps.tolist():
            self.states.append(replace(state))
            view = perceive(world, state, step)
            self.look(view, state, NO_STEP)
            close_step(world, baseline, state, view)


def _each[Number: np.generic](
    values: npt.NDArray[Number], runs: Ints
) -> npt.NDArray[Number]:
    """(2, C) of one replication, for each replication: (2, runs, C)."""
    return np.repeat(values[:, None], len(runs), axis=1)


BY_SPAN = (
    "depth",
    "announced",
    "unopposed",
    "hostility",
    "total",
    "sided",
    "roots",
    "defence",
    "balance",
    "insecurity",
)
"""Arrays of a view whose first axis is replications, or here spans."""


@dataclass(frozen=True)
class Together:
    """Several spans seen together, each as if it were a replication: but for effort
    nothing in one changes the next.

    state: by span what terms read that are not steady; the rest of it is the
    start's."""

    world: World
    steps: Ints
    state: BlockState
    view: View

    @staticmethod
    def of(
        world: World,
        baseline: Baseline,
        begun: BlockState,
        steps: Ints,
        beside: Together | None = None,
    ) -> Together:
        """begun: as the first span finds it. beside: the same of a world in which
        states hear other things, with as many spans at least. Raises InvalidNumber as
        these spans one by one would."""
        state = _repeated(begun, world, len(steps))
        if beside is None or beside.steps[0] > steps[0]:
            control = None
            middles = (world.grid[steps] + world.grid[steps + 1]) / 2
            by_span = [announcements(world, begun, day) for day in middles]
            announced = np.concatenate(by_span)
        else:
            first = int(np.searchsorted(beside.steps, steps[0]))
            rows = slice(first, first + len(steps))
            control = beside.world, beside.state.workspace.beliefs[:, rows]
            announced = beside.view.announced[rows]
        reliable = perceive_steps(world, state, steps, announced, control)
        if not _add_efforts(world, baseline, state, steps):
            one_by_one = replace(begun)
            for step in steps.tolist():
                view = perceive(world, one_by_one, step)
                close_step(world, baseline, one_by_one, view)
        view = view_of(world, state, steps, announced, reliable)
        return Together(world, steps, state, view)

    def seen(self, row: int) -> View:
        """The view of one span, as of `perceive`."""
        view, rows = self.view, slice(row, row + 1)
        arrays: dict[str, Any] = {name: getattr(view, name)[rows] for name in BY_SPAN}
        for name in ("step", "day", "reliability", "reliable"):
            arrays[name] = getattr(view, name)[row]
        return replace(view, **arrays)

    def states(self, begun: BlockState) -> list[BlockState]:
        """As each span finds them."""
        days = self.world.grid[self.steps]
        efforts = zip(self.state.effort[:, None], days, strict=True)
        return [replace(begun, effort=effort, day=day) for effort, day in efforts]


def _repeated(state: BlockState, world: World, count: int) -> BlockState:
    """The state of one replication as that of so many, each to be a span."""
    n, audiences = world.n, len(world.audience_rows)
    names = ("depth", "experience", "engaged", "active", "effort")
    arrays: dict[str, Any] = {
        name: np.repeat(getattr(state, name), count, axis=0) for name in names
    }
    workspace = Workspace.lay(count, audiences, n, at_once=count)
    runs = np.zeros(count, dtype=np.uint64)
    return replace(state, runs=runs, workspace=workspace, **arrays)


def _add_efforts(
    world: World, baseline: Baseline, state: BlockState, steps: Ints
) -> bool:
    """Adds own strength to the defence of each span, and effort to the next span.

    Spans are independent but for effort, which each hands to the next, so that it is
    the only thing worked out in turn. Returns False where a number is none."""
    workspace, s0, all_finite = state.workspace, world.rules.s0, True
    for row, step in enumerate(steps.tolist()):
        total, defence = workspace.total[row], workspace.defence[row]
        defence += world.capability * (1.0 + state.effort[row])
        insecurity = threat.insecurity(total, defence, s0)
        effort = effort_after(world, baseline, state.effort[row], insecurity, step)
        values = np.stack([total, defence, effort])
        all_finite = all_finite and bool(np.isfinite(values).all())
        if row + 1 < len(steps):
            state.effort[row + 1] = effort
    return all_finite


def _alike(world: World, other: World) -> int:
    """How many spans go by before the evidence in two worlds differs."""
    differ = np.zeros(world.steps, dtype=bool)
    for name in EVIDENCE:
        array = getattr(world, name).reshape(world.steps, -1)
        others = getattr(other, name).reshape(world.steps, -1)
        differ |= (array != others).any(axis=1)
    return int(differ.argmax()) if differ.any() else world.steps

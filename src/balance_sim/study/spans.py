"""What an arm's states want over time, the network as at the start and no random
numbers: beliefs, threat, effort and consent in some spans of the scenario's time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.model import threat
from balance_sim.model.baseline import Worlds
from balance_sim.model.beliefs import evidence
from balance_sim.model.core import DAYS_PER_YEAR, Baseline, Floats, Ints, World
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
from balance_sim.model.thinning import by_state, rates_at_start, usual_talks
from balance_sim.model.threat import over
from balance_sim.model.willingness import consent, steady_terms, terms_of, willingness
from balance_sim.model.world import by_audience, event_days
from balance_sim.scenario.schema import Event, Scenario

SCARCE = "talks_budget"  # the term that reads talks under way
EVIDENCE = ("odds_against", "intent_odds", "reliability")  # arrays of a world by step
SPANS = 20  # of the scenario's length, at least: dates at which beliefs are looked at
NO_RUN = np.zeros(1, dtype=np.uint64)


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
        some = {
            name: getattr(self, name)[:, rows] for name in ("consent", "gain", "steady")
        }
        return replace(self, dyads=dyads, **some)


def spans(worlds: Worlds, least: int = SPANS) -> Ints:
    """(K + 1,) steps at which spans begin, and the number of steps: even, cut at the
    dates of all arms' events."""
    world, days = worlds.reference, set(event_days(worlds.scenario))
    even, edges = world.grid[-1] / least, [0]
    for step in range(1, world.steps):
        if (
            world.grid[step] in days
            or world.grid[step + 1] - world.grid[edges[-1]] > even
        ):
            edges.append(step)
    return np.array([*edges, world.steps])


def in_spans(world: World, edges: Ints) -> World:
    """The world with a few long steps: in each span, its evidence is that of the step
    in the middle."""
    grid = world.grid[edges]
    steps = np.searchsorted(world.grid, (grid[1:] + grid[:-1]) / 2, side="right") - 1
    told: dict[str, Any] = {name: getattr(world, name)[steps] for name in EVIDENCE}
    return replace(
        world, grid=grid, at_start=replace(world.at_start, shared={}), **told
    )


def with_event(world: World, scenario: Scenario, event: Event) -> World:
    """A world in spans, with one more event. scenario: the arm's own version, for who
    heeds what."""
    moments, starts = (world.grid[1:] + world.grid[:-1]) / 2, world.grid[:-1]
    ordered = scenario if scenario.codes == world.codes else by_audience(scenario)
    alone = ordered.model_copy(update={"events": (event,)})
    more = evidence(alone, moments, starts, world.dyad_index)
    told: dict[str, Any] = {name: getattr(world, name).copy() for name in EVIDENCE}
    told["odds_against"][..., more.dyads] *= np.exp(-more.align)
    told["intent_odds"].reshape(len(moments), -1)[:, more.places] *= np.exp(more.intent)
    told["reliability"] = world.reliability * np.exp(-more.lost)
    return replace(world, at_start=replace(world.at_start, shared={}), **told)


def at_start(world: World) -> BlockState:
    """The state of one replication at day 0 with the record alone: no talks but those
    on record, no provocations."""
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

    world: in spans; start: as `at_start` gives it for the same record. beside: the
    course, of these dyads among others and from the same start, of the world that
    `with_event` made this one of: what comes before the event is its."""
    scarce = world.rules.weights[SCARCE] != 0
    if scarce and dyads is not None:
        return course(world, baseline, start=start).of(dyads)
    dyads = np.arange(len(world.first)) if dyads is None else dyads
    state, kinds, pairs = (
        replace(start or at_start(world)),
        len(world.ladder.names),
        len(dyads),
    )
    first, second = world.first[dyads], world.second[dyads]
    ego = np.repeat(np.concatenate([first, second]), kinds).reshape(2, -1)
    kind = np.tile(np.arange(kinds), 2 * pairs).reshape(2, -1)
    unmoved = steady_terms(world)
    later = [name for name in terms_of(world) if name not in unmoved]
    both, gains, states = [], [], []
    steady: Floats | None = None
    known: Together | None = None
    if beside is not None and (before := _alike(world, beside.world)):
        rows = np.searchsorted(beside.dyads, dyads)
        both, gains = [beside.consent[:before, rows]], [beside.gain[:before, rows]]
        steady, states = (
            beside.steady[:, rows].reshape(2, -1),
            list(beside.states[:before]),
        )
        state = replace(beside.states[before]) if before < world.steps else state
        known = beside.together

    def of_both_sides(view: View, state: BlockState, runs: Ints) -> Prospects:
        run = np.tile(np.repeat(runs, pairs * kinds), 2)
        mine, theirs, which = (_each(of, runs).ravel() for of in (ego, ego[::-1], kind))
        return Prospects(
            world,
            baseline,
            view,
            state,
            run,
            mine,
            theirs,
            which,
            kinds_each=kinds,
            mirrored=True,
        )

    def wanted_in(view: View, state: BlockState, runs: Ints) -> Floats:
        """(2, runs, P, M) consent of either side."""
        nonlocal steady
        if steady is None:
            steady = willingness(of_both_sides(view, state, NO_STEP), unmoved).reshape(
                2, -1
            )
        seen, shape = of_both_sides(view, state, runs), (2, len(runs), pairs, kinds)
        wanted = consent(willingness(seen, later, _each(steady, runs).ravel())).reshape(
            shape
        )
        both.append(wanted[0] * wanted[1])
        gains.append(seen.log_gain.reshape(shape).sum(axis=0))
        return wanted

    steps: Sequence[int] = range(len(states), world.steps)
    apart = (
        scarce
        or world.drawn is not None
        or any(term.reads != "facts" for term in world.own_terms.values())
    )
    apart = apart or not 0 < len(steps) * world.n**2 <= ROOM
    together = (
        None if apart else Together.of(world, baseline, state, np.array(steps), known)
    )
    if together is not None:
        at_once = max(1, AT_ONCE // max(kinds * pairs, 1))
        for begin in range(0, len(steps), at_once):
            wanted_in(
                together.view,
                together.state,
                np.arange(begin, min(begin + at_once, len(steps))),
            )
        states += together.states(state)
        steps = steps[:0]
    for step in steps:
        if scarce and state.talks is None:
            state.talks = baseline.talks.reshape(-1, world.n)[:1]
        states.append(replace(state))
        view = perceive(world, state, step)
        wanted = wanted_in(view, state, NO_STEP)
        if scarce:
            state.talks = _talks_after(world, baseline, state, wanted[:, 0], step)
        close_step(world, baseline, state, view)
    assert steady is not None  # there is a span at least
    of_both = (
        np.concatenate(both),
        np.concatenate(gains),
        steady.reshape(2, pairs, kinds),
    )
    return WillingnessOverTime(world, dyads, *of_both, tuple(states), together)


NO_STEP = np.zeros(1, dtype=np.int64)
ROOM = (
    2**18
)  # entries of a matrix for each span, of those seen together; more would take much memory
AT_ONCE = (
    2**14
)  # prospects of one side looked at together, to stay in the cache; changes no result


def _each[Kind: np.generic](of: npt.NDArray[Kind], runs: Ints) -> npt.NDArray[Kind]:
    """(2, C) of one run, for each run: (2, runs, C)."""
    return np.repeat(of[:, None], len(runs), axis=1)


@dataclass(frozen=True)
class Together:
    """Several spans seen together, each as if it were a run: but for effort nothing in
    one changes the next.

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
        """begun: as the first span finds it. beside: the same of a world that tells the
        states other things, with as many spans at least. Raises InvalidNumber as these
        spans one by one would."""
        count, n = len(steps), world.n
        lay = Workspace.lay(count, len(world.audience_rows), n, at_once=count)
        carried = ("depth", "experience", "engaged", "active", "effort")
        of_each: dict[str, Any] = {
            name: np.repeat(getattr(begun, name), count, axis=0) for name in carried
        }
        state = replace(
            begun, runs=np.zeros(count, dtype=np.uint64), workspace=lay, **of_each
        )
        if beside is None or beside.steps[0] > steps[0]:
            middles = (world.grid[steps] + world.grid[steps + 1]) / 2
            announced, known = (
                np.concatenate([announcements(world, begun, day) for day in middles]),
                None,
            )
        else:
            first = int(np.searchsorted(beside.steps, steps[0]))
            rows = slice(first, first + count)
            announced, known = (
                beside.view.announced[rows],
                (beside.world, beside.state.workspace.beliefs[:, rows]),
            )
        reliable, workspace, s0 = (
            perceive_steps(world, state, steps, announced, known),
            state.workspace,
            world.rules.s0,
        )
        for row, step in enumerate(steps.tolist()):
            workspace.defence[row] += world.capability * (1.0 + state.effort[row])
            insecurity = threat.insecurity(
                workspace.total[row], workspace.defence[row], s0
            )
            after = effort_after(world, baseline, state.effort[row], insecurity, step)
            if not all(
                np.isfinite(of).all()
                for of in (workspace.total[row], workspace.defence[row], after)
            ):
                one_by_one = replace(begun)
                for each in steps.tolist():
                    close_step(
                        world, baseline, one_by_one, perceive(world, one_by_one, each)
                    )
            if row + 1 < count:
                state.effort[row + 1] = after
        return Together(
            world, steps, state, view_of(world, state, steps, announced, reliable)
        )

    def seen(self, row: int) -> View:
        """The view of one span, as `perceive` gives it."""
        some, of = slice(row, row + 1), self.view
        names = (
            "depth",
            "announced",
            "unopposed",
            "hostility",
            "total",
            "sided",
            "roots",
            "defence",
            "balance",
        )
        mine = {name: getattr(of, name)[some] for name in (*names, "insecurity")}
        mine |= {
            name: getattr(of, name)[row]
            for name in ("step", "day", "reliability", "reliable")
        }
        return replace(of, **mine)

    def states(self, begun: BlockState) -> list[BlockState]:
        """As each span finds them."""
        of_each = zip(
            self.state.effort[:, None], self.world.grid[self.steps], strict=True
        )
        return [replace(begun, effort=effort, day=day) for effort, day in of_each]


def _talks_after(
    world: World, baseline: Baseline, state: BlockState, wanted: Floats, step: int
) -> Floats:
    """(1, n) expected talks under way at the end of a span, on the way to the steady
    state of the span's consent, (2, P, M), as fast as talks end at the start's."""
    at_start = baseline.keen.reshape(-1, *wanted.swapaxes(0, 1).shape)[0]
    steady, usual = (
        usual_talks(world, keen) for keen in (wanted.swapaxes(0, 1), at_start)
    )
    ends = (
        over(by_state(world, rates_at_start(world, at_start).sum(axis=-1)), usual)
        / DAYS_PER_YEAR
    )
    left = np.exp(-ends * (world.grid[step + 1] - world.grid[step]))
    assert state.talks is not None
    return np.asarray(steady + (state.talks - steady) * left)


def _alike(world: World, other: World) -> int:
    """How many spans go by before the evidence in two worlds differs."""
    differ = np.zeros(world.steps, dtype=bool)
    for name in EVIDENCE:
        mine, theirs = (
            getattr(one, name).reshape(world.steps, -1) for one in (world, other)
        )
        differ |= (mine != theirs).any(axis=1)
    return int(differ.argmax()) if differ.any() else world.steps

"""What arms want in spans of time, what they remember, and what they are expected to sign, against loops over days and
spans, number by number, on the five states on paper."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DAYS_PER_YEAR, NEVER, World
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import openness_on
from balance_sim.model.willingness import willingness
from balance_sim.model.world import event_days
from balance_sim.scenario import Scenario, arm_scenario, load_scenario
from balance_sim.scenario.schema import Event
from balance_sim.stats.lags import signed_within
from balance_sim.study.expected import Estimator, ExpectedSignatures
from balance_sim.study.remembered import remembered, signed_by
from balance_sim.study.spans import (
    WillingnessOverTime,
    at_start,
    course,
    courses,
    in_spans,
    spans,
    steps_of,
    walk,
    with_each_event,
    with_event,
)
from balance_sim.study.talks_at_start import TalksAtStart
from one_by_one import sigma
from scipy.special import gammainc, gammaincc

PAPER = Path(__file__).parents[1] / "model" / "by_hand" / "paper.yaml"
PACTS = """groups: {North: [XCO, XDO], Three: [XAR, XCO, XEL]}
pacts:
  Alliance: {group: North, kind: middle, candidates: [XBE, XEL, XAR], rate: 6}
  League: {group: Three, kind: shallow, consent: majority, rate: 9}
"""
CHANGES = """
      - {date: 2000-06-20, state: XCO, effort: 0.3}
      - {date: 2000-05-03, agreement: {a: XBE, b: XDO, kind: deep}}
      - {date: 2000-07-02, agreement: {a: XCO, b: XDO, kind: middle, in_force: 2000-08-11}}
      - {date: 2000-09-01, agreement: second, ended: true}
      - {date: 2000-12-05, agreement: old-pact, ended: true}
      - {date: 2000-10-15, pact: Alliance, joins: XBE, kind: middle}
"""
ARMS = f"""
  turning:
    changes: {CHANGES}
  turning_without:
    drop: [parade]
    changes: {CHANGES}
  silent:
    drop: [parade]
    add: [{{id: unseen, date: 2000-07-19, kind: treaty, principals: [XAR, XBE], targets: [North], visibility: 0}}]
report:"""
UNEVEN = ("turning", "turning_without")
EVENTS = ("parade", "doubt", "rift", "calm")


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    text = PAPER.read_text(encoding="utf-8").replace("groups: {North: [XCO, XDO]}\n", PACTS, 1)
    path = tmp_path_factory.mktemp("spans") / "spans.yaml"
    text = text.replace("scheduled_signed: 2000-06-01", "scheduled_signed: 2000-06-15", 1)  # where a step begins
    text = text.replace("scheduled_in_force: 2000-10-01", "scheduled_in_force: 2000-09-03", 1)
    path.write_text(text.replace("\nreport:", ARMS, 1), encoding="utf-8")
    return load_scenario(path)


@pytest.fixture(scope="module")
def worlds(scenario: Scenario) -> Worlds:
    return compile_worlds(scenario)


@pytest.fixture(scope="module")
def estimator(worlds: Worlds) -> Estimator:
    return Estimator(worlds)


def evidence(world: World, span: int) -> list[np.ndarray]:
    return [world.odds_against[span], world.intent_odds[span], world.reliability[span]]


def same_evidence(one: World, other: World, rtol: float = 1e-10) -> None:
    for span in range(one.steps):
        for left, right in zip(evidence(one, span), evidence(other, span), strict=True):
            np.testing.assert_allclose(left, right, rtol=rtol)


# --- spans ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("least", [1, 7, 20, 60, 400])
def test_spans_are_as_long_as_may_be(worlds: Worlds, least: int) -> None:
    """Each date on which anything happens in any arm begins one; none is longer than its share of the scenario, but a
    step; no two could be one."""
    grid, edges = worlds.reference.grid, spans(worlds, least)
    assert edges[0] == 0 and edges[-1] == worlds.reference.steps
    dated = {step for step in range(1, len(grid) - 1) if grid[step] in event_days(worlds.scenario)}
    assert dated <= {*edges.tolist()} and len(dated) > 8
    longest = grid[-1] / least
    for first, stop in pairwise(edges):
        assert stop == first + 1 or grid[stop] - grid[first] <= longest
        if stop < edges[-1] and stop not in dated:
            assert grid[stop + 1] - grid[first] > longest


@pytest.mark.parametrize("arm", ["with", "turning"])
def test_a_spans_evidence_is_that_of_the_step_in_its_middle(worlds: Worlds, estimator: Estimator, arm: str) -> None:
    whole, edges = worlds.arms[arm], estimator.edges
    short = in_spans(whole, edges)
    middles, starts = steps_of(whole, edges)
    assert short.grid.tolist() == whole.grid[edges].tolist()
    for span in range(short.steps):
        day = (short.grid[span] + short.grid[span + 1]) / 2
        (step,) = [s for s in range(whole.steps) if whole.grid[s] <= day < whole.grid[s + 1]]
        assert (middles[span], starts[span]) == ((whole.grid[step] + whole.grid[step + 1]) / 2, whole.grid[step])
        for left, right in zip(evidence(short, span), evidence(whole, step), strict=True):
            np.testing.assert_array_equal(left, right)
    for (span, turned), (step, whole_turned) in zip(short.turns, whole.turns, strict=True):
        assert short.grid[span] == whole.grid[step]
        assert turned.capability is whole_turned.capability and turned.steps == short.steps


def event_of(scenario: Scenario, name: str) -> Event:
    return next(event for event in scenario.events if event.id == name)


@pytest.mark.parametrize(("arm", "lacking"), [("with", "without"), ("turning", "turning_without")])
def test_an_added_event_is_as_if_it_had_been_written(
    scenario: Scenario, worlds: Worlds, estimator: Estimator, arm: str, lacking: str
) -> None:
    """In the world and in all that it turns to."""
    edges, event = estimator.edges, event_of(scenario, "parade")
    base, wanted = (in_spans(worlds.arms[name], edges) for name in (lacking, arm))
    (found,) = with_each_event(base, arm_scenario(scenario, lacking), [event], steps_of(worlds.arms[lacking], edges))
    assert any(not np.array_equal(*both) for both in zip(evidence(base, 9), evidence(wanted, 9), strict=True))
    same_evidence(found, wanted)
    assert len(found.turns) == len(wanted.turns)
    for (step, turned), (as_written, other) in zip(found.turns, wanted.turns, strict=True):
        assert step == as_written
        same_evidence(turned, other)


def test_events_come_in_any_order(scenario: Scenario, worlds: Worlds, estimator: Estimator) -> None:
    """Two and then two, in either order, and each of several on its own world."""
    base, told = in_spans(worlds.reference, estimator.edges), arm_scenario(scenario, "without")
    events = [
        event_of(scenario, name).model_copy(update={"date": scenario.start + timedelta(days=40 + 60 * place)})
        for place, name in enumerate(EVENTS)
    ]
    forth = back = base
    for event in events:
        forth = with_event(forth, told, event)
    for event in reversed(events):
        back = with_event(back, told, event)
    same_evidence(forth, back)
    alone = [with_event(base, told, event) for event in events]
    for one, other in zip(with_each_event(base, told, events), alone, strict=True):
        same_evidence(one, other, rtol=0)
    assert not np.array_equal(alone[1].reliability, base.reliability)
    turning = in_spans(worlds.arms["turning_without"], estimator.edges)
    for one, event in zip(with_each_event(turning, told, events), events, strict=True):
        for (_, turned), (_, other) in zip(one.turns, with_event(turning, told, event).turns, strict=True):
            same_evidence(turned, other, rtol=0)


@pytest.mark.parametrize("name", EVENTS)
def test_an_event_that_nobody_sees_says_nothing(
    scenario: Scenario, worlds: Worlds, estimator: Estimator, name: str
) -> None:
    """Nor does one before its date; from then on it is forgotten by its kind's half-life."""
    base, told = in_spans(worlds.reference, estimator.edges), arm_scenario(scenario, "without")
    day = 200
    event = event_of(scenario, name).model_copy(update={"date": scenario.start + timedelta(days=day)})
    same_evidence(with_event(base, told, event.model_copy(update={"visibility": 0.0})), base, rtol=0)
    found, said = with_event(base, told, event), []
    for span in range(base.steps):
        before, after = np.concatenate([np.ravel(of) for of in evidence(base, span)]), evidence(found, span)
        moved = np.log(np.concatenate([np.ravel(of) for of in after]) / before)
        if base.grid[span] < day:
            assert not moved.any()
        else:
            said.append(((base.grid[span] + base.grid[span + 1]) / 2, moved))
    half_life = told.event_kinds[event.kind].half_life_days
    first_day, first = said[0]
    assert abs(first).max() > 0.05
    for later_day, later in said[1:]:
        np.testing.assert_allclose(later, first * 0.5 ** ((later_day - first_day) / half_life), rtol=1e-7, atol=1e-12)


def test_what_nobody_sees_changes_no_number(worlds: Worlds, estimator: Estimator) -> None:
    """An arm whose event has no visibility is the control arm under another name."""
    silent, control = estimator.of(worlds.arms["silent"]), estimator.control
    assert estimator.is_control(worlds.arms["silent"]) and not estimator.is_control(worlds.arms["with"])
    for window in silent.windows.days:
        np.testing.assert_array_equal(silent.signed[window], control.signed[window])
    assert silent.accessions == control.accessions


# --- what they want ------------------------------------------------------------------------------------


def asked(worlds: Worlds, view: object, state: object, dyads: np.ndarray, kind: int) -> np.ndarray:
    """(P,) consent of both sides, one dyad after another."""
    out = []
    for dyad in dyads:
        clock = np.zeros(1, int), np.array([dyad]), np.array([kind])
        sides = willingness(Prospects.of_both_sides(view.world, worlds.baseline, view, state, *clock))
        out.append(sigma(float(sides[0])) * sigma(float(sides[1])))
    return np.array(out)


@pytest.mark.parametrize("arm", ["without", "with", *UNEVEN])
def test_consent_is_both_sides_consent_in_each_span(worlds: Worlds, estimator: Estimator, arm: str) -> None:
    """Some dyads and types alone; what states find in a span is what a walk finds."""
    world, dyads, kinds = in_spans(worlds.arms[arm], estimator.edges), np.array([1, 4, 5, 8]), np.array([1, 4, 8])
    (found,) = estimator.courses_of([worlds.arms[arm]])
    some = course(world, worlds.baseline, dyads, types=kinds)
    for span, (state, view) in enumerate(walk(world, worlds.baseline, at_start(world))):
        for place, kind in enumerate(kinds if span % 3 == 1 else ()):
            wanted = asked(worlds, view, state, dyads, int(kind))
            np.testing.assert_allclose(found.consent[span][dyads, kind], wanted, rtol=1e-9)
            np.testing.assert_allclose(some.consent[span][:, place], wanted, rtol=1e-9)
        for name in ("effort", "in_force", "depth", "partners", "experience", "engaged", "active", "touched"):
            np.testing.assert_allclose(
                getattr(found.states[span], name), getattr(state, name), rtol=1e-10, err_msg=name
            )
    np.testing.assert_array_equal(found.of(dyads).consent, found.consent[:, dyads])
    assert abs(np.diff(found.consent, axis=0)).max() > 1e-3


@pytest.mark.parametrize("lacking", ["without", "turning_without"])
def test_courses_beside_another_are_their_own(
    scenario: Scenario, worlds: Worlds, estimator: Estimator, lacking: str
) -> None:
    """Of several worlds at once, each from its own date on, with dyads of its own."""
    base, told = in_spans(worlds.arms[lacking], estimator.edges), arm_scenario(scenario, lacking)
    beside = course(base, worlds.baseline)
    dates = [scenario.start + timedelta(days=days) for days in (30, 210)]
    events = [event_of(scenario, "parade").model_copy(update={"date": date}) for date in dates]
    events.append(events[0].model_copy(update={"visibility": 0.0}))
    several = with_each_event(base, told, events)
    dyads = [np.array([0, 3, 9]), np.arange(10), np.array([2, 7])]
    for found, world, own in zip(courses(several, worlds.baseline, beside, dyads), several, dyads, strict=True):
        alone = course(world, worlds.baseline, own)
        np.testing.assert_allclose(found.consent, alone.consent, rtol=1e-12)
        assert len(found.states) == len(alone.states)
        for one, other in zip(found.states, alone.states, strict=True):
            np.testing.assert_allclose(one.effort, other.effort, rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(
        courses(several, worlds.baseline, beside, dyads)[2].consent, beside.consent[:, dyads[2]]
    )


def alarmed(worlds: Worlds, total: np.ndarray) -> np.ndarray:
    """Effort that states want: an elasticity times the rise of what threatens them."""
    rules, first = worlds.reference.rules, worlds.baseline.threat
    return rules.effort_reaction * np.log((total + rules.alarm_floor) / (first + rules.alarm_floor))


@pytest.mark.parametrize("arm", ["without", "with", *UNEVEN])
def test_effort_follows_alarm_span_by_span(worlds: Worlds, estimator: Estimator, arm: str) -> None:
    """What a change decides on is there from its day, and effort turns about it."""
    (found,) = estimator.courses_of([worlds.arms[arm]])
    world, rules = found.world, worlds.reference.rules
    effort, corvia = np.zeros(world.n), world.codes.index("XCO")
    for span, (_, view) in enumerate(walk(world, worlds.baseline, at_start(world))):
        decided = np.zeros(world.n)
        if arm in UNEVEN:
            decided[corvia] = 0.3 * (world.grid[span] >= 171)
            effort[corvia] += 0.3 * (world.grid[span] == 171)
        np.testing.assert_allclose(found.states[span].effort[0], effort, rtol=1e-9, atol=1e-13)
        days = world.grid[span + 1] - world.grid[span]
        share = 1.0 - np.exp(-days / DAYS_PER_YEAR / rules.effort_years)
        target = np.clip(alarmed(worlds, view.total[0]) + decided, -rules.effort_max, rules.effort_max)
        effort = effort + (target - effort) * share
    assert abs(effort).max() > 0.01


@pytest.mark.parametrize("arm", ["with", "turning"])
def test_effort_on_a_day_lies_between_its_spans(worlds: Worlds, estimator: Estimator, arm: str) -> None:
    """Even within a span; in the last as in the one before; a decision is no part of the slope."""
    (found,) = estimator.courses_of([worlds.arms[arm]])
    grid, corvia = found.world.grid, found.world.codes.index("XCO")
    begins = [state.effort[0] for state in found.states]
    for span in range(len(begins)):
        base = min(span, len(begins) - 2)
        rise = begins[base + 1] - begins[base]
        if arm == "turning" and grid[base + 1] == 171:
            rise = rise - 0.3 * np.eye(found.world.n)[corvia]
        slope = rise / (grid[base + 1] - grid[base])
        for day in np.linspace(grid[span], grid[span + 1], 5)[:-1]:
            np.testing.assert_allclose(found.effort_on(day), begins[span] + slope * (day - grid[span]), atol=1e-13)


# --- what changes sign and end ---------------------------------------------------------------------------


def in_force_by_hand(world: World, day: float) -> np.ndarray:
    """(P, M) by the dates of `CHANGES` and of the record; a lag that nobody knows is its mean, 150 days."""
    out = world.at_start.in_force.astype(int).copy()
    place, types = {code: i for i, code in enumerate(world.codes)}, world.ladder.names

    def dyad(a: str, b: str) -> int:
        return int(world.dyad_index[place[a], place[b]])

    out[dyad("XBE", "XDO"), types.index("deep")] += day >= 123 + 150
    out[dyad("XCO", "XDO"), types.index("middle")] += day >= 223
    out[dyad("XAR", "XBE"), types.index("deep")] -= int(day >= 244) + int(day >= 339)
    for member in ("XCO", "XDO"):
        out[dyad("XBE", member), types.index("middle")] += day >= 288
    return out


@pytest.mark.parametrize("steps", ["spans", "steps"])
def test_the_network_is_what_changes_make_of_it(worlds: Worlds, estimator: Estimator, steps: str) -> None:
    """Date by date; what is signed and not in force is announced; earlier spans keep what they had."""
    whole = worlds.arms["turning"]
    edges = estimator.edges if steps == "spans" else np.arange(whole.steps + 1)
    world = in_spans(whole, edges)
    states = [state for state, _ in walk(world, worlds.baseline, at_start(world))]
    seen = set()
    codes = world.codes
    deep = {(codes.index("XBE"), codes.index("XDO")): (123, 273), (codes.index("XCO"), codes.index("XDO")): (183, 223)}
    for span, state in enumerate(states):
        day, wanted = float(world.grid[span]), in_force_by_hand(world, float(world.grid[span]))
        np.testing.assert_array_equal(state.in_force[0], wanted)
        depth = np.where(wanted > 0, world.ladder.depth, 0.0).max(axis=1)
        np.testing.assert_allclose(state.depth[0][world.first, world.second], depth)
        partners = [sum(state.depth[0, i, j] > 0 for j in range(world.n)) for i in range(world.n)]
        assert state.partners[0].tolist() == partners
        waiting = {(d, k) for d, k in zip(state.agreements.dyad, state.agreements.kind, strict=True)
                   if (d, k) in {(int(world.dyad_index[i, j]), world.ladder.names.index(name))
                                 for (i, j), name in zip(deep, ("deep", "middle"), strict=True)}}  # fmt: skip
        assert len(waiting) == sum(signed <= day < force for signed, force in deep.values())
        seen.add((int(wanted.sum()), len(waiting)))
    assert len(seen) == 5


# --- what they remember ----------------------------------------------------------------------------------


def length(world: World, kind: int, day: float, age: float = 0.0) -> float:
    """Probability that talks which have lasted an age are signed within so many days; collapse since then."""
    shape, mean = float(world.ladder.talks_shape[kind]), float(world.ladder.talks_days[kind])
    collapse = world.rules.collapse_rate / DAYS_PER_YEAR
    x = np.linspace(age, age + day, 4001)
    x = (x[1:] + x[:-1]) / 2
    cdf = gammainc(shape, np.linspace(age, age + day, 4001) * shape / mean)
    return float((np.diff(cdf) * np.exp(-collapse * (x - age))).sum() / gammaincc(shape, age * shape / mean))


def remembered_by_hand(worlds: Worlds, arm: str, until: float) -> np.ndarray:
    """(P,) signed by a day: of talks found at the start, of those that open a day at a time, of the record and of
    changes."""
    world, record = worlds.arms[arm], worlds.reference.initial
    collapse = world.rules.collapse_rate / DAYS_PER_YEAR
    keen, out = worlds.baseline.keen, np.zeros(len(world.first))
    on_record = {
        (int(d), int(k)) for d, k, stage in zip(record.dyad, record.kind, record.stage, strict=True) if stage < 2
    }
    for kind in sought(world):
        shape, mean = float(world.ladder.talks_shape[kind]), float(world.ladder.talks_days[kind])
        days = np.arange(0.5, until)
        of_day = signed_within(until - days, np.asarray(shape), np.asarray(mean), collapse).sum()
        ages = np.arange(0.5, 40 * mean, 1.0)
        later = signed_within(ages + until, *map(np.asarray, (shape, mean)), collapse)
        of_start = (later - signed_within(ages, *map(np.asarray, (shape, mean)), collapse)).sum() / mean
        share = (1.0 + collapse * mean / shape) ** -shape
        busy = mean + share * (1.0 - world.ladder.at_once[kind]) * world.ladder.force_days[kind]
        for dyad in range(len(out)):
            if (dyad, kind) in on_record:
                continue
            open_ = float(openness_on(world, np.array([dyad]), np.zeros(1))[0])
            rate = float(world.frailty[dyad] * world.ladder.ceiling[kind] * open_ * keen[dyad, :, kind].prod())
            rate /= DAYS_PER_YEAR
            out[dyad] += rate / (1.0 + rate * busy) * of_day + (1.0 - np.exp(-rate * mean)) * of_start
    for row in range(len(record.stage)):
        if record.stage[row] == 0 and not np.isnan(record.fixed_signed[row]):
            out[record.dyad[row]] += record.fixed_signed[row] <= until
        elif record.stage[row] == 0:
            age = 0.0 if np.isnan(record.opened[row]) else -float(record.opened[row])
            out[record.dyad[row]] += length(world, int(record.kind[row]), until, age)
    if arm in UNEVEN:
        index, codes = world.dyad_index, world.codes
        out[index[codes.index("XBE"), codes.index("XDO")]] += until >= 123
        out[index[codes.index("XCO"), codes.index("XDO")]] += until >= 183
    return out


@pytest.mark.parametrize("arm", ["without", "turning"])
def test_signed_by_a_day_is_the_sum_over_days(worlds: Worlds, arm: str) -> None:
    days = np.array([20.0, 200.0, 500.0])
    found = signed_by(worlds.arms[arm], worlds.baseline, days)
    for day, by_dyad in zip(days, found, strict=True):
        np.testing.assert_allclose(by_dyad, remembered_by_hand(worlds, arm, float(day)), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("arm", ["without", "turning"])
def test_what_is_remembered_fades_since_it_was_signed(worlds: Worlds, estimator: Estimator, arm: str) -> None:
    """Day by day: experience by its half-life, activity by its own; each side of a dyad remembers it."""
    world = in_spans(worlds.arms[arm], estimator.edges)
    memory, rules = remembered(world, worlds.baseline), world.rules
    middles = [(first + stop) / 2 for first, stop in pairwise(world.grid)]
    by_middle = signed_by(world, worlds.baseline, np.array(middles))
    for half_life, name in ((rules.experience_half_life_days, "engaged"), (rules.activity_half_life_days, "active")):
        whole, earlier, day = np.zeros(len(world.first)), np.zeros(len(world.first)), 0.0
        for span, middle in enumerate(middles):
            whole = whole + (by_middle[span] - earlier) * 2.0 ** ((day + middle) / 2 / half_life)
            earlier, day = by_middle[span], middle
            if name == "engaged":
                np.testing.assert_allclose(memory.experience[span], world.experience + whole, rtol=1e-10)
            for state in range(world.n):
                own = sum(whole[d] for d in range(len(whole)) if state in (world.first[d], world.second[d]))
                before = getattr(world, name)[state]
                assert getattr(memory, name)[span, state] == pytest.approx(before + own, rel=1e-10)


# --- what they are expected to sign ----------------------------------------------------------------------


def busy_for(world: World, kind: int, days: int) -> np.ndarray:
    """(D,) probability that what opened at day 0 is in talks or signed and not in force in the middle of each day."""
    ladder, collapse = world.ladder, world.rules.collapse_rate / DAYS_PER_YEAR
    shape, mean = float(ladder.talks_shape[kind]), float(ladder.talks_days[kind])
    middles, edges = np.arange(days) + 0.5, np.arange(days + 1.0)
    in_talks = gammaincc(shape, middles * shape / mean)
    ends = np.diff(gammainc(shape, edges * shape / mean))
    return np.asarray(np.exp(-collapse * middles) * (in_talks + np.convolve(ends, waits(world, kind, days))[:days]))


def waits(world: World, kind: int, days: int) -> np.ndarray:
    """(D,) probability that what was signed in the middle of a day is not in force in that of a later one, but for
    collapse."""
    ladder, since = world.ladder, np.arange(days, dtype=float)
    if ladder.force_days[kind] == 0:
        return np.zeros(days)
    shape, mean = float(ladder.force_shape[kind]), float(ladder.force_days[kind])
    return np.asarray((1.0 - ladder.at_once[kind]) * gammaincc(shape, since * shape / mean))


def sought(world: World) -> list[int]:
    """Types that anybody signs in this scenario."""
    return np.flatnonzero(world.ladder.ceiling > 0.1).tolist()


def day_by_day(worlds: Worlds, wanted: WillingnessOverTime) -> tuple[np.ndarray, np.ndarray]:
    """(D, P, M) talks that open each day, and probability that clocks are idle in its middle. wanted: in spans of one
    step."""
    whole = worlds.reference
    consent = wanted.consent
    days, kinds, dyads = int(whole.grid[-1]), len(whole.ladder.names), len(whole.first)
    opened, idle = np.zeros((days, dyads, kinds)), np.zeros((days, dyads, kinds))
    started = busy_at_start(worlds, days)
    kernels = {kind: busy_for(whole, kind, days) for kind in sought(whole)}
    for day in range(days):
        step = int(np.searchsorted(whole.grid, day + 0.5, side="right")) - 1
        open_ = openness_on(whole, np.arange(dyads), np.full(dyads, day + 0.5))
        rate = whole.frailty[:, None] * whole.ladder.ceiling * open_[:, None] * consent[step] / DAYS_PER_YEAR
        busy = started[day].copy()
        for kind, kernel in kernels.items():
            busy[:, kind] += opened[:day, :, kind].T @ kernel[1 : day + 1][::-1]
        idle[day] = np.maximum(1.0 - busy, 0.0)
        opened[day] = rate * idle[day]
    return opened, idle


def busy_at_start(worlds: Worlds, days: int) -> np.ndarray:
    """(D, P, M) probability that what the start found keeps a clock busy in the middle of each day."""
    world, record = worlds.reference, worlds.reference.initial
    collapse = world.rules.collapse_rate / DAYS_PER_YEAR
    lasting = np.exp(-collapse * (np.arange(days) + 0.5))
    out = np.zeros((days, len(world.first), len(world.ladder.names)))
    chance = TalksAtStart(worlds).chance[0]
    for kind in sought(world):
        shape, mean = float(world.ladder.talks_shape[kind]), float(world.ladder.talks_days[kind])
        wait, whole = waits(world, kind, days), np.zeros(days)
        ages = np.arange(4.0, 10 * mean, 8.0)
        for age in ages:
            edges = age + np.arange(days + 1.0)
            in_talks = gammaincc(shape, (edges[:-1] + 0.5) * shape / mean)
            ends = np.diff(gammainc(shape, edges * shape / mean))
            survives = np.exp(-collapse * age) * 8.0 / mean
            whole += survives * lasting * (in_talks + np.convolve(ends, wait)[:days])
        out[:, :, kind] = chance[:, kind] * whole[:, None]
    for row in np.flatnonzero(record.stage < 2):
        kind, dyad = int(record.kind[row]), int(record.dyad[row])
        middles = np.arange(days) + 0.5
        if not np.isnan(record.fixed_in_force[row]):
            out[:, dyad, kind] = middles < record.fixed_in_force[row]
        elif not np.isnan(record.fixed_signed[row]):
            date = int(record.fixed_signed[row])
            out[:date, dyad, kind] = 1.0
            out[date:, dyad, kind] = (waits(world, kind, days) * lasting)[: days - date]
        elif record.stage[row] == 1:
            shape, mean = float(world.ladder.force_shape[kind]), float(world.ladder.force_days[kind])
            waited = -float(record.signed[row])
            left = gammaincc(shape, (waited + middles) * shape / mean) / gammaincc(shape, waited * shape / mean)
            out[:, dyad, kind] = left * lasting
        else:
            shape, mean = float(world.ladder.talks_shape[kind]), float(world.ladder.talks_days[kind])
            age = 0.0 if np.isnan(record.opened[row]) else -float(record.opened[row])
            lasted = gammaincc(shape, age * shape / mean)
            in_talks = gammaincc(shape, (age + middles) * shape / mean) / lasted
            ends = np.diff(gammainc(shape, (age + np.arange(days + 1.0)) * shape / mean)) / lasted
            out[:, dyad, kind] = lasting * (in_talks + np.convolve(ends, waits(world, kind, days))[:days])
    return out


def in_steps(worlds: Worlds) -> ExpectedSignatures:
    return ExpectedSignatures(worlds, worlds.reference.grid)


def wanted_in_steps(worlds: Worlds, arm: str) -> WillingnessOverTime:
    return course(in_spans(worlds.arms[arm], np.arange(worlds.reference.steps + 1)), worlds.baseline)


@pytest.mark.parametrize("arm", ["without", "turning"])
def test_talks_open_and_are_signed_as_in_a_loop_over_days(worlds: Worlds, estimator: Estimator, arm: str) -> None:
    """Clocks are busy with what opened before and with what the start found: talks that nobody recorded, of the record
    in talks, signed, or dated. In spans of a step each dyad and type to two per cent, in those of the report all to
    four."""
    world, collapse = worlds.reference, worlds.reference.rules.collapse_rate / DAYS_PER_YEAR
    fine = in_steps(worlds)
    wanted = wanted_in_steps(worlds, arm)
    opened, idle = day_by_day(worlds, wanted)
    by_step = np.stack([idle[int(first) : int(stop)].mean(axis=0) for first, stop in pairwise(world.grid)])
    found = fine.idle(wanted)
    np.testing.assert_allclose(found, by_step, atol=0.02)
    assert by_step.min() < 0.05 and 0.2 < by_step.mean() < 0.995
    by_window = fine.signed(wanted, found, estimator.windows).signed
    coarse = estimator.of(worlds.arms[arm]).signed
    days = np.arange(len(opened)) + 0.5
    for window in estimator.windows.days:
        first = worlds.reference.focal_day + 1.0
        stop = first + window
        signed = TalksAtStart(worlds).signed(first, stop)[0].copy()
        for kind in range(signed.shape[1]):
            lag = world.ladder.talks_shape[kind], world.ladder.talks_days[kind], collapse
            share = signed_within(stop - days, *lag) - signed_within(first - days, *lag)
            signed[:, kind] += share @ opened[:, :, kind]
        np.testing.assert_allclose(by_window[window], signed, rtol=0.02, atol=2e-3)
        assert coarse[window].sum() == pytest.approx(signed.sum(), rel=0.04)


def chances_by_hand(worlds: Worlds, view: object, state: object, pact: int, candidate: int) -> float:
    """Both the candidate and enough members consent: it to the mean of all, all or more than half to it."""
    pacts, world = worlds.reference.pacts, view.world
    members = np.flatnonzero(pacts.members[pact])
    one, kind = np.zeros(1, int), np.array([pacts.kind[pact]])

    def wants(ego: int, alter: int) -> float:
        sides = np.array([ego]), np.array([alter])
        return float(willingness(Prospects(world, worlds.baseline, view, state, one, *sides, kind))[0])

    own = np.mean([wants(candidate, member) for member in members])
    of_members = sorted(sigma(wants(member, candidate)) for member in members)
    enough = of_members[0] if pacts.unanimous[pact] else of_members[len(members) - len(members) // 2 - 1]
    return sigma(float(own)) * enough


@pytest.mark.parametrize("arm", ["without", "with", "turning"])
def test_accessions_are_first_applications_that_are_signed(worlds: Worlds, estimator: Estimator, arm: str) -> None:
    """Day by day, of each candidate and pact: hazard by rate, consent and the least openness to a member; talks that
    are over on the day on which a change makes a member."""
    world, pacts = worlds.arms[arm], worlds.reference.pacts
    short, collapse = in_spans(world, estimator.edges), world.rules.collapse_rate / DAYS_PER_YEAR
    seekers = np.argwhere(pacts.candidates).tolist()
    by_span = [
        [chances_by_hand(worlds, view, state, *seeker) for seeker in seekers]
        for state, view in walk(short, worlds.baseline, at_start(short))
    ]
    middles = np.arange(world.grid[-1]) + 0.5
    span_of = np.searchsorted(short.grid, middles, side="right") - 1
    expected = dict.fromkeys(estimator.windows.days, 0.0)
    for place, (pact, candidate) in enumerate(seekers):
        kind, is_given = pacts.kind[pact], arm == "turning" and world.codes[candidate] == "XBE"
        ends = 288.0 if is_given and pacts.names[pact] == "Alliance" else NEVER
        least = np.ones(short.steps)
        for member in np.flatnonzero(pacts.members[pact]):
            factor = openness_on(world, np.full(len(middles), world.dyad_index[candidate, member]), middles)
            means = [factor[span_of == span].mean() for span in range(short.steps)]
            least = np.minimum(least, means)
        chance = np.array([of_each[place] for of_each in by_span])
        hazard = (least * chance)[span_of] * pacts.rate[pact] / DAYS_PER_YEAR
        not_yet = np.exp(-np.cumsum(hazard))
        begins = np.append(1.0, not_yet[:-1]) - not_yet
        lag = world.ladder.talks_shape[kind], world.ladder.talks_days[kind], collapse
        for window in expected:
            since, until = (min(moment, ends) - middles for moment in estimator.windows.bounds(window))
            expected[window] += begins @ (signed_within(until, *lag) - signed_within(since, *lag))
    found = estimator.of(world).accessions
    for window, number in expected.items():
        assert found[window] == pytest.approx(number, rel=0.01)
    assert found[300] > 0.3


def test_arms_together_are_arms_alone(worlds: Worlds, estimator: Estimator) -> None:
    """In any order; of some dyads as among all, and in the report's windows as to the scenario's end."""
    names = ["with", "turning", "without", "silent"]
    together = dict(zip(names, estimator.of_arms([worlds.arms[name] for name in names]), strict=True))
    dyads = np.array([2, 5, 6])
    few, short = Estimator(worlds, dyads), Estimator(worlds, in_windows=True)
    security = worlds.reference.ladder.security
    for name in ("turning", "with"):
        alone, some, windowed = (one.of(worlds.arms[name]) for one in (estimator, few, short))
        for window in estimator.windows.days:
            whole = alone.signed[window]
            np.testing.assert_allclose(together[name].signed[window], whole, rtol=1e-12)
            np.testing.assert_allclose(some.signed[window], whole[dyads][:, security], rtol=1e-9)
            np.testing.assert_allclose(windowed.signed[window], whole, rtol=1e-9)
            assert together[name].accessions[window] == pytest.approx(alone.accessions[window], rel=1e-12)
            assert windowed.accessions[window] == pytest.approx(alone.accessions[window], rel=1e-9)
            np.testing.assert_allclose(windowed.effort[window], alone.effort[window], rtol=1e-9)


def test_effort_of_a_window_is_that_of_the_step_in_which_it_ends(worlds: Worlds, estimator: Estimator) -> None:
    """Of the threatened states the mean; of nobody none."""
    found = estimator.of(worlds.arms["with"])
    (wanted,) = estimator.courses_of([worlds.arms["with"]])
    grid, focal = worlds.reference.grid, worlds.reference.focal_day
    some = np.array([False, True, True, False, False])
    for window in (30, 90, 300):
        begins = max(day for day in grid[:-1] if day <= focal + window)
        np.testing.assert_allclose(found.effort[window], wanted.effort_on(begins), rtol=1e-12)
        mean = (found.effort[window][1] + found.effort[window][2]) / 2
        assert found.efforts(some)[f"effort_threatened_{window}"] == pytest.approx(mean)
    assert found.efforts(np.zeros(5, dtype=bool)) == {}


def test_numbers_of_a_report_are_sums_over_dyads_and_types(worlds: Worlds, estimator: Estimator) -> None:
    found, direction = estimator.of(worlds.arms["with"]), worlds.baseline.direction
    security, names = worlds.reference.ladder.security, worlds.reference.ladder.names
    numbers = found.outcomes(direction)
    for window in (30, 90, 300):
        signed = found.signed[window]
        by_dyad = [sum(signed[d, m] for m in range(len(names)) if security[m]) for d in range(len(signed))]
        np.testing.assert_allclose(found.by_dyad(window), by_dyad)
        assert numbers[f"accords_all_{window}"] == pytest.approx(sum(by_dyad))
        counter = sum(by_dyad[d] for d in range(len(signed)) if direction[d] == 0)
        assert numbers[f"accords_counter_{window}"] == pytest.approx(counter)
        assert numbers[f"declarations_all_{window}"] == pytest.approx(signed[:, ~security].sum())
        assert numbers[f"accessions_{window}"] == found.accessions[window]
    assert (np.diff([numbers[f"accords_all_{window}"] for window in (30, 90, 300)]) > 0).all()

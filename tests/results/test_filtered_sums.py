"""Filtered numbers, with and without their control variate, against sums over opportunities and over the steps of idle
clocks one by one; replications have rates of their own, and clocks are often busy."""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, NEVER, ORIGINS
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import ClockRows
from balance_sim.model.thinning import openness_on
from balance_sim.model.willingness import willingness
from balance_sim.scenario import with_values
from balance_sim.study.control_variates import ControlVariate, ControlVariates
from balance_sim.study.expected import Estimator
from balance_sim.study.filtered import FilteredSums, filtered_outcomes
from balance_sim.study.outcomes import outcomes_of
from balance_sim.study.spans import at_start, in_spans, walk
from balance_sim.study.talks_at_start import TalksAtStart
from one_by_one import compiled, drawn, idle_steps, lively, of_idle_time, over_steps, sigma, signed, step_of, within
from replications import simulated, windows_of
from scipy.integrate import quad
from scipy.special import gammainc

RUNS = np.arange(8, dtype=np.uint64)
RATE = np.array([0.4, 1.0, 1.6, 2.0, 0.7, 1.0, 1.3, 0.1])
WINDOWS = (30, 200, 330)  # the last one is longer than what is left of the scenario
ARMS = ("no_summit", "summit", "other")


@dataclass(eq=False)
class Found:
    plain: Worlds  # without rates of their own
    worlds: Worlds
    arms: dict[str, FilteredSums]  # without variates
    variates: dict[str, ControlVariate]

    def controlled(self, arm: str) -> FilteredSums:
        return replace(self.arms[arm], variate=self.variates[arm])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    scenario = with_values(lively(tmp_path_factory.mktemp("filtered")), {"report.windows": [*WINDOWS]})
    plain = compiled(scenario, *ARMS[1:])
    worlds, variates = drawn(plain, RATE), ControlVariates(plain)
    arms = {arm: simulated(worlds, arm, RUNS)[0] for arm in ARMS}
    return Found(plain, worlds, arms, {arm: variates.of(arm) for arm in ARMS})


def of_openings(found: Found, arm: str, window: int) -> np.ndarray:
    """(R, P, M) what came of opportunities: in each replication the chance that talks opened, times that they are
    signed in the window."""
    sums, world = found.arms[arm], found.worlds.reference
    c, answers = sums.simulated.opportunities, sums.simulated.answers
    out = np.zeros((len(RUNS), len(world.first), len(world.ladder.names)))
    for row, opens in zip(answers.rows, answers.opens, strict=True):
        chance = within(world, windows_of(found.worlds), window, c.kind[row], c.day[row])
        out[c.run[row], c.dyad[row], c.kind[row]] += opens * chance
    return out


@cache
def whole_steps(found: Found, window: int) -> np.ndarray:
    return over_steps(found.plain.reference, windows_of(found.plain), window)


@cache
def edges_of(found: Found) -> np.ndarray:
    """Steps at which the spans of the report begin, and the last one's end."""
    return Estimator(found.plain, in_windows=True).edges


def span_of(found: Found, step: int) -> int:
    """The span of the report's that holds a step; the last one beyond all."""
    edges = edges_of(found)
    return min(max(k for k in range(len(edges) - 1) if edges[k] <= step), len(edges) - 2)


def of_variate(found: Found, arm: str, window: int) -> np.ndarray:
    """(R, P, M) what idle time brings by the variate's openings, less what they bring at opportunities that came."""
    sums, world, openings = found.arms[arm], found.worlds.reference, found.variates[arm].openings
    integral = whole_steps(found, window)
    idle = of_idle_time(world, sums.simulated.changes, len(RUNS), lambda step: openings[span_of(found, step)], integral)
    out = RATE[:, None, None] * idle
    c, answers = sums.simulated.opportunities, sums.simulated.answers
    for row, kept in zip(answers.rows, answers.kept, strict=True):
        clock = c.dyad[row], c.kind[row]
        chance = within(world, windows_of(found.worlds), window, c.kind[row], c.day[row])
        out[c.run[row], *clock] -= openings[span_of(found, step_of(world, c.day[row])), *clock] / kept * chance
    return out


def talks(found: Found, window: int) -> np.ndarray:
    return TalksAtStart(found.worlds).signed(*windows_of(found.worlds).bounds(window))


def test_clocks_change_often_in_this_world(found: Found) -> None:
    for sums in found.arms.values():
        idle = idle_steps(sums.simulated.changes, found.worlds.reference, len(RUNS))
        assert 0.05 < 1 - idle.mean() < 0.6
        assert (np.diff(idle, axis=1) != 0).sum() > 200


@pytest.mark.parametrize("arm", ARMS)
def test_a_clock_is_idle_where_nothing_of_it_is_in_talks_or_signed(found: Found, arm: str) -> None:
    """By the dates of all agreements of its dyad and type, at the beginning of each step."""
    world, made = found.worlds.arms[arm], found.arms[arm].simulated.agreements
    by_changes = idle_steps(found.arms[arm].simulated.changes, world, len(RUNS))
    by_dates = np.ones_like(by_changes)
    for row in range(len(made.run)):
        if made.origin[row] == ORIGINS.index("in_force"):
            continue
        until = min(made.in_force[row], made.fails[row])
        opened = made.opened[row] if np.isfinite(made.opened[row]) else made.signed[row]
        for step in range(world.steps):
            if opened < world.grid[step] < until or (step == 0 and opened <= 0 < until):
                by_dates[made.run[row], step, made.dyad[row], made.kind[row]] = 0.0
    differs = by_changes != by_dates
    assert differs.mean() < 0.002, np.argwhere(differs)[:10]


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("window", WINDOWS)
def test_numbers_are_the_sums_of_what_came(found: Found, arm: str, window: int) -> None:
    """By class, type, dyad and with weights, plain and with the variate."""
    plain, controlled = found.arms[arm], found.controlled(arm)
    security, direction = found.worlds.reference.ladder.security, found.worlds.baseline.direction
    whole = of_openings(found, arm, window) + talks(found, window)
    beside = whole + of_variate(found, arm, window)
    weights = np.random.default_rng(5).normal(size=whole.shape[1:])
    for sums, wanted in ((plain, whole), (controlled, beside)):
        close = {"rtol": 1e-6, "atol": 1e-9}
        np.testing.assert_allclose(sums.by_kind(window), wanted.sum(axis=1), **close)
        np.testing.assert_allclose(sums.by_dyad(window), wanted[:, :, security].sum(axis=2), **close)
        np.testing.assert_allclose(sums.weighted(window, weights), (wanted * weights).sum(axis=(1, 2)), **close)
        for kinds in (None, ~security):
            by_dyad = wanted[:, :, security if kinds is None else kinds].sum(axis=2)
            by_class = [by_dyad[:, direction == of].sum(axis=1) for of in range(len(DIRECTIONS))]
            np.testing.assert_allclose(sums.by_direction(window, kinds), np.transpose(by_class), **close)
        of_talks = talks(found, window)[:, :, security].sum(axis=(1, 2))
        np.testing.assert_allclose(sums.from_talks(window), of_talks, rtol=1e-9)
    assert abs(beside - whole).max() > 0.01


@pytest.mark.parametrize("arm", ARMS)
def test_a_variates_openings_are_consent_and_openness_of_each_span(found: Found, arm: str) -> None:
    """Both sides' consent with the network of the start, times the dyad's openness day by day; and opportunities a
    day."""
    plain, variate = found.plain, found.variates[arm]
    edges = Estimator(plain, in_windows=True).edges
    world, n_kinds = in_spans(plain.arms[arm], edges), len(plain.reference.ladder.names)
    dyads = np.arange(len(world.first))
    for span, (state, view) in enumerate(walk(world, plain.baseline, at_start(world))):
        halves = np.arange(world.grid[span], world.grid[span + 1]) + 0.5
        openness = [openness_on(plain.reference, np.full(len(halves), d), halves).mean() for d in dyads]
        for kind in range(n_kinds):
            clock = np.zeros_like(dyads), dyads, np.full_like(dyads, kind)
            u = willingness(Prospects.of_both_sides(view.world, plain.baseline, view, state, *clock))
            first, second = u.reshape(2, -1)
            wanted = [o * sigma(a) * sigma(b) for o, a, b in zip(openness, first, second, strict=True)]
            np.testing.assert_allclose(variate.openings[span, :, kind], wanted, rtol=1e-9)
    ladder = plain.reference.ladder
    a_day = [[factor * ceiling / 365.25 for ceiling in ladder.ceiling] for factor in plain.reference.frailty]
    np.testing.assert_allclose(variate.rate, a_day, rtol=1e-12)


def test_steps_of_a_span_pass_one_after_another(found: Found) -> None:
    """What is signed of talks of a span is the sum over its steps; what has passed, that of its earlier steps."""
    steps, world = found.variates["summit"].steps, found.plain.reference
    edges = edges_of(found)
    for window in WINDOWS:
        by_step = whole_steps(found, window)
        for span in range(len(edges) - 1):
            own = [step for step in range(world.steps) if span_of(found, step) == span]
            np.testing.assert_allclose(steps.within[window][span], by_step[own].sum(axis=0), rtol=1e-7, atol=1e-10)
            for place, step in enumerate(own):
                before = by_step[own[:place]].sum(axis=0)
                np.testing.assert_allclose(steps.passed[window][step], before, rtol=1e-7, atol=1e-8)


def in_force(found: Found, kind: int, days: float) -> float:
    """By quadrature over the day of signature; collapse all along."""
    if days <= 0:
        return 0.0
    ladder = found.worlds.reference.ladder
    shape, mean = float(ladder.force_shape[kind]), float(ladder.force_days[kind])
    talks_shape, talks_mean = float(ladder.talks_shape[kind]), float(ladder.talks_days[kind])
    collapse = found.worlds.reference.rules.collapse_rate / 365.25
    faster = 1.0 + collapse * mean / shape
    at_once = float(ladder.at_once[kind])

    def each(x: float) -> float:
        later = faster**-shape * gammainc(shape, (days - x) * faster * shape / mean)
        scaled = x * talks_shape / talks_mean
        density = scaled ** (talks_shape - 1.0) * math.exp(-scaled - collapse * x) * talks_shape / talks_mean
        return float(density / math.gamma(talks_shape) * later)

    later = quad(each, 0.0, days, limit=200)[0]
    return at_once * signed(found.worlds.reference, kind, days) + (1.0 - at_once) * later


def test_in_force_is_signed_and_then_in_force(found: Found) -> None:
    """Twenty opportunities by quadrature, and the sum over all of each replication by a loop: of new talks their chance,
    of talks at the start theirs, of what was signed or dated on record and of accessions what came."""
    sums = found.arms["other"]
    c, windows = sums.simulated.opportunities, windows_of(found.worlds)
    first, last = windows.day + 1.0, float(found.worlds.reference.grid[-1])
    for row in np.linspace(0, len(c.day) - 1, 20).astype(int):
        kind, opened = int(c.kind[row]), float(c.day[row])
        wanted = in_force(found, kind, last - opened) - in_force(found, kind, first - opened)
        assert sums.prospect.in_force[row] == pytest.approx(wanted, rel=1e-4, abs=1e-6)
    number = np.array([of.sum() for of in TalksAtStart(found.worlds).in_force(first, last)])
    for row, opens in zip(sums.simulated.answers.rows, sums.simulated.answers.opens, strict=True):
        number[c.run[row]] += opens * sums.prospect.in_force[row]
    made, counted = sums.simulated.agreements, {"signed", "scheduled", "accession"}
    came = earlier = 0
    for row in range(len(made.run)):
        if ORIGINS[made.origin[row]] in counted and first <= made.in_force[row] < last:
            number[made.run[row]] += 1
            came += 1
        earlier += ORIGINS[made.origin[row]] in counted and made.in_force[row] < first
    assert came > 4 and earlier > 0
    np.testing.assert_allclose(sums.in_force(), number, rtol=1e-9)


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("window", WINDOWS)
def test_accessions_are_sums_over_candidacies(found: Found, arm: str, window: int) -> None:
    """Belmar is made a member on day 151 of one arm: what it has not signed by then is over."""
    sums, windows = found.arms[arm], windows_of(found.worlds)
    rows, world = sums.simulated.accessions.candidacies, sums.world
    kind = world.ladder.names.index("defence_cooperation")
    number = np.zeros(len(RUNS))
    for row in range(len(rows.day)):
        joined = 151.0 if arm == "other" and world.codes[rows.state[row]] == "XBE" else NEVER
        first, stop = (min(day, joined) - rows.day[row] for day in windows.bounds(window))
        number[rows.run[row]] += rows.chance[row] * (signed(world, kind, stop) - signed(world, kind, first))
    assert number.sum() > 0
    np.testing.assert_allclose(sums.accessions(window), number, rtol=1e-9, atol=1e-12)
    assert filtered_outcomes(sums)[f"accessions_{window}"].tolist() == sums.accessions(window).tolist()


def test_where_nothing_is_asked_the_variate_is_all_idle_time(found: Found) -> None:
    """Without answers and changes every replication has the same but for its rate; a clock that is busy all along is
    worth what it would have opened."""
    sums = found.arms["summit"]
    none = replace(sums.simulated.answers, rows=np.zeros(0, int), opens=np.zeros(0), kept=np.zeros(0))
    idle = replace(sums.simulated, answers=none, changes=ClockRows.none())
    one = np.zeros(1, dtype=int)
    busy = replace(idle, changes=ClockRows(one, one + 2, one + 4, one + 1, np.array([-1.0])))
    whole, less = (replace(sums, simulated=of, variate=found.variates["summit"]).by_dyad(200) for of in (idle, busy))
    known = talks(found, 200)[:, :, found.worlds.reference.ladder.security].sum(axis=2)
    by_rate = (whole - known) / RATE[:, None]
    np.testing.assert_allclose(by_rate, np.broadcast_to(by_rate[0], by_rate.shape), rtol=1e-9)
    variate = found.variates["summit"].signed(200)
    lost = np.zeros_like(whole)
    lost[2, 4] = RATE[2] * variate[4, 1]
    np.testing.assert_allclose(whole - less, lost, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("arm", ["no_summit", "other"])
def test_levels_are_those_that_are_counted(found: Found, arm: str) -> None:
    """500 replications at the shipped rate: by the variate and by the count the same, to chance; and far more exact."""
    numbers = np.arange(500, dtype=np.uint64)
    sums, _ = simulated(found.plain, arm, numbers, seed=2)
    controlled = filtered_outcomes(replace(sums, variate=found.variates[arm]))
    counted = outcomes_of(found.plain, sums.simulated.agreements, None, len(numbers))
    for name in ("accords_all_30", "accords_all_330", "accords_counter_200", "declarations_all_200"):
        gap = controlled[name] - counted[name]
        assert abs(gap.mean()) < 3.5 * gap.std() / np.sqrt(len(numbers)), name
        assert counted[name].mean() > 0.1
        assert controlled[name].std() < 0.7 * counted[name].std()

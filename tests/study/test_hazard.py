"""Probabilities that dyads sign: closed forms on three states, and the same sum as the filtered estimates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from balance_sim.evidence.goodness.dyad_probabilities import (
    Sought,
    both_consent,
    kinds_named,
    per_consent,
    probabilities_along,
)
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DAYS_PER_YEAR, World
from balance_sim.model.engine import begin, consents, perceive, simulate
from balance_sim.model.perception import View
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import draw_opportunities, most_willing, thinning
from balance_sim.model.willingness import consent
from balance_sim.scenario import load_scenario
from balance_sim.study.filtered import FilteredSums, prospect_of
from balance_sim.study.talks_at_start import Windows
from scipy.linalg import expm

BEIJING = Path(__file__).parents[2] / "scenarios" / "beijing_2025.yaml"
THREE = """
schema: 1
title: three states
start: 2000-01-01
end: 2000-12-31
step_days: {step}
focal: signal
states:
  - {{id: DEU, capability: 0.4, latitude: 52, longitude: 13}}
  - {{id: ITA, capability: 0.3, latitude: 42, longitude: 12}}
  - {{id: FRA, capability: 0.3, latitude: 49, longitude: 2}}
events: [{{id: signal, date: 2000-04-10, kind: treaty, principals: [DEU, ITA]}}]
arms: {{no_signal: {{reference: true, drop: [signal]}}, signal: {{}}}}
report: {{windows: [30]}}
"""
KIND, SEED = "access", 1


def three_states(path: Path, step: int, intercept: float, rate: float, talks: float, collapse: float) -> Worlds:
    """One kind, `rate` a year, exponential talks; nobody minds who the other is: consent is sigma^2 for good."""
    file = path / "three.yaml"
    file.write_text(THREE.format(step=step), encoding="utf-8")
    worlds = compile_worlds(load_scenario(file))
    ladder = worlds.reference.ladder
    only = np.array([name == KIND for name in ladder.names])
    ladder = replace(
        ladder,
        ceiling=np.where(only, rate, 1e-12),
        intercept=np.full(len(only), intercept),
        talks_days=np.full(len(only), talks),
        talks_shape=np.ones(len(only)),
    )
    rules = worlds.reference.rules
    rules = replace(rules, weights=dict.fromkeys(rules.weights, 0.0), collapse_rate=collapse)
    arms = {name: replace(world, ladder=ladder, rules=rules) for name, world in worlds.arms.items()}
    keen = np.full_like(worlds.baseline.keen, float(consent(np.array(intercept))))
    baseline = replace(worlds.baseline, keen=keen)
    bounds = {name: most_willing(world, baseline) for name, world in arms.items()}
    return replace(worlds, arms=arms, baseline=baseline, bounds=bounds)


def test_a_constant_hazard_in_closed_form(tmp_path: Path) -> None:
    """Talks of mean th that collapse at rate kap, f = 1 + kap th: S(r) = (1 - e^(-r f/th)) / f.

    Clocks are idle throughout, so Lambda = h (G(stop) - G(first)) with G the integral of S; talks are under way at the
    start with probability c = 1 - e^(-h th), then signed in time with (e^(-first f/th) - e^(-stop f/th)) / f^2."""
    talks, collapse, rate, first, stop = 90.0, 0.8, 2e-3, 101.0, 250.0
    worlds = three_states(tmp_path, 7, -0.5, rate, talks, collapse)
    runs = np.arange(16, dtype=np.uint64)
    world = worlds.arms["signal"]
    assert world.focal_day + 1 == first  # and so a step begins there
    found = probabilities_along(worlds, "signal", SEED, runs, Sought(kinds_named(world, [KIND]), first, stop))
    assert found.any.shape == (16, 3)

    p = 1.0 / (1.0 + np.exp(0.5))
    h = rate / DAYS_PER_YEAR * p * p
    f = 1.0 + collapse / DAYS_PER_YEAR * talks

    def integral(moment: float) -> float:
        return float((moment - talks / f * (1.0 - np.exp(-moment * f / talks))) / f)

    opened = h * (integral(stop) - integral(first))
    c = 1.0 - np.exp(-h * talks)
    under_way = c * (np.exp(-first * f / talks) - np.exp(-stop * f / talks)) / f**2
    np.testing.assert_allclose(found.openings, opened, rtol=3e-4)
    np.testing.assert_allclose(found.any, 1.0 - (1.0 - under_way) * np.exp(-opened), rtol=3e-4)
    assert not np.allclose(found.openings, h * integral(stop), rtol=0.1)  # the window's start left out
    assert not np.allclose(found.any, 1.0 - np.exp(-opened), rtol=0.1)  # talks at the start left out


def test_talks_of_a_type_that_is_not_sought_do_not_count(tmp_path: Path) -> None:
    """Another type opens talks as often, before the start too: probabilities of the one stay, those of both rise."""
    alone = three_states(tmp_path, 7, -0.5, 0.5, 90.0, 0.8)
    names = alone.reference.ladder.names
    ceiling = np.where(np.isin(names, [KIND, "logistics"]), 0.5, 1e-12)
    arms = {arm: replace(world, ladder=replace(world.ladder, ceiling=ceiling)) for arm, world in alone.arms.items()}
    bounds = {arm: most_willing(world, alone.baseline) for arm, world in arms.items()}
    both, runs = replace(alone, arms=arms, bounds=bounds), np.arange(8, dtype=np.uint64)

    def any_of(worlds: Worlds, kinds: list[str]) -> np.ndarray:
        sought = Sought(kinds_named(worlds.reference, kinds), 101.0, 250.0)
        return probabilities_along(worlds, "signal", SEED, runs, sought).any

    np.testing.assert_allclose(any_of(both, [KIND]), any_of(alone, [KIND]), rtol=1e-9)
    assert (any_of(both, [KIND, "logistics"]) > any_of(alone, [KIND])).all()


def test_busy_clocks_against_a_markov_chain(tmp_path: Path) -> None:
    """Idle, in talks, signed: a chain of three states whose last is never left.

    A clock busy with talks that end in an agreement is free, one busy with talks that do not is busy. Were every clock
    in talks taken for busy, the probability would come out too small."""
    talks, collapse, rate, stop = 200.0, 0.8, 2.0, 360.0
    worlds = three_states(tmp_path, 2, 0.0, rate, talks, collapse)
    worlds = replace(worlds, baseline=replace(worlds.baseline, keen=np.zeros_like(worlds.baseline.keen)))
    kinds = kinds_named(worlds.reference, [KIND])
    found = probabilities_along(worlds, "signal", SEED, np.arange(400, dtype=np.uint64), Sought(kinds, 0.0, stop))
    h, kap = rate / 4.0 / DAYS_PER_YEAR, collapse / DAYS_PER_YEAR
    chain = np.array([[-h, h], [kap, -kap - 1.0 / talks]])
    exact = 1.0 - expm(chain * stop)[0].sum()
    error = found.any.std(ddof=1) / np.sqrt(found.any.size)
    assert error < 0.01 * exact
    assert found.any.mean() == pytest.approx(exact, abs=3 * error)
    every_talk_is_busy = -np.expm1(-found.openings)
    assert every_talk_is_busy.mean() < exact - 8 * error


@pytest.fixture(scope="module")
def beijing() -> Worlds:
    scenario = load_scenario(BEIJING)
    return compile_worlds(scenario, ("no_parade", "parade"))


def test_consent_of_all_dyads_is_that_of_the_engine(beijing: Worlds) -> None:
    world = beijing.arms["parade"]
    runs = np.arange(2, dtype=np.uint64)
    opportunities = draw_opportunities(beijing.reference, SEED, runs, beijing.most)
    state = begin(world, beijing.baseline, SEED, runs)
    view = perceive(world, state, 0)
    rows = np.arange(0, len(opportunities.day), 50)
    sides = consents(world, beijing.baseline, opportunities, state, view, rows)
    every = both_consent(world, beijing.baseline, state, view)
    at = (opportunities.run[rows], opportunities.dyad[rows], opportunities.kind[rows])
    np.testing.assert_allclose(every[at], sides.prod(axis=1), rtol=1e-12)


def test_openings_are_the_filtered_expected_number(beijing: Worlds) -> None:
    """Both estimate one sum along the same replications: their difference is zero but for Monte Carlo error.

    A window that begins well after the start, and four times as many opportunities, so that what is signed before it
    and busy clocks matter; none is thinned, as the filtered number varies less so. Two wrong forms are beside it."""
    ladder = replace(beijing.reference.ladder, ceiling=4.0 * beijing.reference.ladder.ceiling)
    worlds = replace(beijing, arms={name: replace(world, ladder=ladder) for name, world in beijing.arms.items()})
    world, runs = worlds.arms["parade"], np.arange(24, dtype=np.uint64)
    windows = Windows(150.0, (150,), world.grid[-1])
    first, stop = windows.bounds(150)
    sought = Sought(world.ladder.security, first, stop)  # what filtered numbers by dyad count
    weight = per_consent(world, sought)
    weight_from_the_start = per_consent(world, replace(sought, first=0.0))
    no_start, never_busy = np.zeros((2, len(runs), len(world.first)))

    def look(_: World, state: BlockState, view: View) -> None:
        rate = both_consent(world, worlds.baseline, state, view)
        no_start[:] += (rate * weight_from_the_start[view.step] * ~state.busy).sum(axis=-1)
        never_busy[:] += (rate * weight[view.step]).sum(axis=-1)

    opportunities = draw_opportunities(worlds.reference, SEED, runs)
    thin = thinning(world, opportunities, None)
    made = simulate(world, worlds.baseline, opportunities, thin, SEED, runs, look)
    prospect = prospect_of(worlds, opportunities, windows)
    found = FilteredSums(world, made, prospect, windows, worlds.baseline.direction, len(runs))
    number = found.by_dyad(150) - prospect.talks[150][..., world.ladder.security].sum(axis=-1)
    assert number.sum(axis=1).mean() > 2.5

    def z(openings: np.ndarray) -> float:
        gap = (openings - number).sum(axis=1)
        return float(gap.mean() / (gap.std(ddof=1) / np.sqrt(len(gap))))

    right = z(probabilities_along(worlds, "parade", SEED, runs, sought).openings)
    assert abs(right) < 3
    assert z(no_start) > 6
    assert z(never_busy) > 6

"""What must be the same to the last bit, and what the bounds that save work must hold to."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Opportunities, World
from balance_sim.model.engine import Observer, simulate
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import AgreementRows, BlockState, Simulated
from balance_sim.model.thinning import draw_opportunities, ranges, thinning
from balance_sim.model.willingness import TERMS, willingness
from balance_sim.scenario import load_scenario
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import parting
from replications import simulated_agreements

SCENARIO = Path(__file__).parents[2] / "scenarios" / "beijing_2025.yaml"
SEED, REFERENCE, ACTUAL = 7, "no_parade", "parade"


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    """Beijing without the parade and with it; no provocations."""
    loaded = load_scenario(SCENARIO)
    arms = {name: loaded.arms[name] for name in (REFERENCE, ACTUAL)}
    return loaded.model_copy(update={"arms": arms, "provocations": ()})


@pytest.fixture(scope="module")
def worlds(scenario: Scenario) -> Worlds:
    return compile_worlds(scenario)


def numbers(first: int, stop: int) -> np.ndarray:
    return np.arange(first, stop, dtype=np.uint64)


def of_runs(a: AgreementRows, first: int, stop: int) -> dict[str, np.ndarray]:
    """All columns of these runs' agreements, sorted by what names an agreement, runs counted from `first`."""
    rows = np.flatnonzero((a.run >= first) & (a.run < stop))
    rows = rows[np.lexsort((a.key[rows], a.run[rows]))]
    columns = {one.name: getattr(a, one.name)[rows] for one in fields(AgreementRows)}
    return columns | {"run": columns["run"] - first}


def in_arm(
    worlds: Worlds, arm: str, opportunities: Opportunities, runs: np.ndarray, look: Observer | None = None
) -> Simulated:
    thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
    return simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, SEED, runs, look)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(one[name], other[name], equal_nan=name != "key") for name in one)


def test_occasions_passed_over_change_no_accord(worlds: Worlds) -> None:
    """Nor do the replications beside them."""
    runs, made = numbers(0, 12), simulated_agreements(worlds, SEED, numbers(0, 32), (ACTUAL,))
    every = draw_opportunities(worlds.reference, SEED, runs, None)
    some = draw_opportunities(worlds.reference, SEED, runs, worlds.most)
    assert len(some.day) < len(every.day)
    asked = in_arm(worlds, ACTUAL, every, runs)
    assert same(of_runs(asked.agreements, 0, 12), of_runs(made[ACTUAL], 0, 12))


def test_arms_see_the_same_until_the_first_event_that_differs(worlds: Worlds) -> None:
    runs = numbers(0, 10)
    seen: dict[str, list[tuple[np.ndarray, ...]]] = {REFERENCE: [], ACTUAL: []}
    opportunities = draw_opportunities(worlds.reference, SEED, runs, None)
    for arm, views in seen.items():

        def keep(world: World, state: BlockState, view: View, views: list = views) -> None:
            views.append((view.unopposed.copy(), view.sided.copy(), view.defence.copy(), state.depth.copy()))

        in_arm(worlds, arm, opportunities, runs, keep)
    differs = [
        not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        for one, other in zip(seen[REFERENCE], seen[ACTUAL], strict=True)
    ]
    first = differs.index(True)
    assert first == int(np.searchsorted(worlds.reference.grid, worlds.reference.focal_day))
    assert first == parting(worlds.arms[ACTUAL], worlds.reference)


def test_every_term_holds_to_its_range(worlds: Worlds) -> None:
    """Late in a run, when many pairs have changed. What a view holds, tests/model/by_hand writes out a second time."""
    world, baseline, runs = worlds.arms[ACTUAL], worlds.baseline, numbers(0, 9)
    n, last = world.n, world.steps - 1
    ego, alter, kind = (grid.ravel() for grid in np.indices((n, n, len(world.ladder.names))))
    off = ego != alter
    checked = []

    def check(world: World, state: BlockState, view: View) -> None:
        if view.step != last:
            return
        checked.append(view.step)
        assert state.touched.any(axis=1).all()
        p = Prospects(world, baseline, view, state, np.full(off.sum(), 8), ego[off], alter[off], kind[off])
        for name, (low, high) in ranges(world, baseline).items():
            least, most = (np.broadcast_to(bound, (n, n, len(world.ladder.names))) for bound in (low, high))
            value, where = TERMS[name](p), (p.ego, p.alter, p.kind)
            assert (value >= least[where] - 1e-12).all(), name
            assert (value <= most[where] + 1e-12).all(), name
        u = willingness(p)
        assert (u <= worlds.bounds[ACTUAL][p.ego, p.alter, p.kind] + 1e-9).all()
        assert (worlds.bounds[ACTUAL] <= worlds.most).all()
        np.testing.assert_allclose(p.backing, view.backing[8, p.ego, p.alter], atol=1e-15)
        np.testing.assert_allclose(p.support, view.support[8, p.ego, p.alter], atol=1e-15)

    in_arm(worlds, ACTUAL, draw_opportunities(world, SEED, runs, None), runs, check)
    assert checked == [last]


def test_few_runs_leave_the_margins(worlds: Worlds) -> None:
    """Opportunities are thinned without a second simulation in plain replications of the control arm."""
    runs = numbers(0, 128)
    opportunities = draw_opportunities(worlds.reference, SEED, runs, worlds.most)
    assert opportunities.thinned.all()
    made = in_arm(worlds, REFERENCE, opportunities, runs)
    assert len(made.agreements.run) > 128 and made.opportunities is opportunities

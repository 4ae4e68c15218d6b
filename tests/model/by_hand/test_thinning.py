"""Opportunities, the upper bounds that thin them, and talks nobody recorded, on numbers worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Drawn, Opportunities
from balance_sim.model.engine import consents, filtered, open_to_consent, probability_kept, unbarred
from balance_sim.model.thinning import chance_under_way, draw_opportunities, rates_at_start, thinning
from balance_sim.scenario import load_scenario
from test_two_programs import HERE

RUNS = np.arange(3, dtype=np.uint64)


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    return compile_worlds(load_scenario(HERE / "paper.yaml"))


def sigma(u: float) -> float:
    return 1 / (1 + math.exp(-u))


def table(worlds: Worlds, **given: object) -> Opportunities:
    """Four opportunities: of dyads 2 and 3, in runs 0 and 1."""
    n = np.array([0, 0, 1, 1])
    columns = {"day": np.array([0.5, 1.0, 1.5, 2.0]), "run": n, "dyad": np.array([2, 3, 2, 3]), "kind": 0 * n}
    columns |= {
        "count": 0 * n,
        "needs": np.full((4, 2), 0.5),
        "bars": np.zeros(4),
        "starts": np.array([0, 4]),
    }
    return Opportunities(**(columns | {"thinned": np.ones(2, bool), "drawn_in": worlds.reference} | given))  # type: ignore[arg-type]


def test_kept_is_what_lies_below_both_bounds(worlds: Worlds) -> None:
    """Of dyad 2 the first state consents with sigma(1) at most, the second with sigma(-1); of dyad 3 both with 1/2."""
    world = worlds.reference
    most = np.zeros((5, 5, len(world.ladder.names)))
    most[world.first[2], world.second[2]], most[world.second[2], world.first[2]] = 1.0, -1.0
    needs = np.array([[0.7, 0.2], [0.49, 0.49], [0.7, 0.3], [0.2, 0.51]])
    found = thinning(world, table(worlds, needs=needs), most)
    assert found.kept.tolist() == [True, True, False, False]
    assert found.bound == pytest.approx([sigma(1) * sigma(-1), 0.25] * 2, rel=1e-8)
    each = np.stack([most, most + 50.0])  # every replication its own bounds: of the second all but certain
    found = thinning(world, table(worlds, needs=needs), each)
    assert found.kept.tolist() == [True, True, True, True]
    assert found.bound == pytest.approx([sigma(1) * sigma(-1), 0.25, 1.0, 1.0], rel=1e-8)
    assert (found.bound <= 1).all()
    none = thinning(world, table(worlds), None)
    assert none.kept.all() and none.bound.tolist() == [1, 1, 1, 1]


def test_thinned_are_those_of_all_that_lie_below_the_bounds(worlds: Worlds) -> None:
    world = worlds.reference
    every, some = (draw_opportunities(world, 5, RUNS, most) for most in (None, worlds.most - 2.0))
    keep = thinning(world, every, worlds.most - 2.0).kept
    assert 0 < keep.sum() < len(keep) and some.thinned.all() and not every.thinned.any()
    for name in ("day", "run", "dyad", "kind", "count", "needs", "bars"):
        np.testing.assert_array_equal(getattr(some, name), getattr(every, name)[keep])
    own = np.stack([worlds.most - 2.0, worlds.most - 50.0, worlds.most + 50.0])
    mixed = draw_opportunities(world, 5, RUNS, own)
    counts = np.bincount(mixed.run, minlength=3)
    assert counts[0] == (keep & (every.run == 0)).sum() and counts[1] == 0
    assert counts[2] == (every.run == 2).sum()


def test_a_drawn_rate_brings_all_opportunities_of_a_replication_nearer(worlds: Worlds) -> None:
    """At twice the rate each comes in half the time, at rate 0.5 in twice it; other replications keep theirs."""
    rate = np.array([1.0, 2.0, 0.5])
    world = worlds.reference
    drawn = Drawn({}, np.zeros((3, len(world.ladder.names))), rate=rate)
    plain, moved = (draw_opportunities(w, 5, RUNS) for w in (world, replace(world, drawn=drawn)))
    days = {}
    for table_of in (plain, moved):
        places = zip(table_of.run, table_of.dyad, table_of.kind, table_of.count, strict=True)
        days[id(table_of)] = dict(zip(places, table_of.day.tolist(), strict=True))
    before, after = days[id(plain)], days[id(moved)]
    assert {place for place in before if place[0] == 0} == {place for place in after if place[0] == 0}
    assert sum(place[0] == 1 for place in after) > 1.5 * sum(place[0] == 1 for place in before)
    assert sum(place[0] == 2 for place in after) < 0.7 * sum(place[0] == 2 for place in before)
    for place in before.keys() & after.keys():
        assert after[place] * rate[place[0]] == pytest.approx(before[place])


def test_talks_under_way_at_the_start_follow_a_drawn_rate(worlds: Worlds) -> None:
    """-ln(1 - p) is proportional to the rate."""
    world = worlds.reference
    drawn = Drawn({}, np.zeros((2, len(world.ladder.names))), rate=np.array([1.0, 3.0]))
    chance = chance_under_way(replace(world, drawn=drawn), worlds.baseline)
    assert np.log1p(-chance[1]) == pytest.approx(3 * np.log1p(-chance[0]))
    np.testing.assert_array_equal(chance[:1], chance_under_way(world, worlds.baseline))


def test_opportunities_stand_by_step_and_dyad(worlds: Worlds) -> None:
    every, grid = draw_opportunities(worlds.reference, 5, RUNS), worlds.reference.grid
    for step in range(len(grid) - 1):
        day = every.day[every.starts[step] : every.starts[step + 1]]
        assert ((day >= grid[step]) & (day < grid[step + 1])).all()
    assert every.starts[0] == 0 and every.starts[-1] == len(every.day)
    apart = draw_opportunities(worlds.reference, 5, np.array([1], dtype=np.uint64))
    np.testing.assert_array_equal(np.sort(apart.day), np.sort(every.day[every.run == 1]))
    assert not len(draw_opportunities(replace(worlds.reference, grid=np.array([0.0, 1e-9])), 5, RUNS).day)


def test_who_is_asked(worlds: Worlds) -> None:
    """Clock 0-2 is busy. Of the others one was thinned: it is asked only where its replication is past its margins."""
    world = worlds.reference

    class Blank:
        busy = np.zeros((2, 10, len(world.ladder.names)), dtype=bool)
        within = np.array([True, False])

    Blank.busy[0, 2, 0] = True
    opportunities = table(worlds)
    thin = replace(thinning(world, opportunities, None), kept=np.array([True, False, False, True]))
    assert open_to_consent(world, opportunities, thin, Blank, 0, 4).tolist() == [2, 3]  # type: ignore[arg-type]
    Blank.busy[:] = False
    assert open_to_consent(world, opportunities, thin, Blank, 0, 2).tolist() == [0]  # type: ignore[arg-type]
    bars = table(worlds, bars=np.array([0.5, 1.0 - 1e-9, 0.0, 0.0]), day=np.array([0.5, 1.0, 1.5, 546.0]))
    assert unbarred(world, bars, np.arange(4)).all()
    shut = worlds.reference.dyad_index[world.codes.index("XAR"), world.codes.index("XCO")]
    bars = table(worlds, bars=np.array([0.07, 0.08, 0.09, 0.9]), dyad=np.full(4, shut), day=np.array([1.0, 2, 3, 250]))
    assert unbarred(world, bars, np.arange(4)).tolist() == [
        True,
        False,
        False,
        True,
    ]  # below 0.08 till day 244


def test_what_an_opportunity_is_worth(worlds: Worlds) -> None:
    """0.5 x 0.4 over the bound 0.25; 0.2 unheld; two of one clock in a step: the second times 1 less the first; the
    dyad's openness, 0.08, is a factor."""
    world = worlds.reference
    shut = int(world.dyad_index[world.codes.index("XAR"), world.codes.index("XCO")])
    opportunities = table(worlds, run=np.array([0, 0, 0, 1]), dyad=np.array([2, 2, shut, 2]))
    thin = replace(thinning(world, opportunities, None), bound=np.full(4, 0.25))

    class Blank:
        within = np.array([True, False])

    sides = np.array([[0.5, 0.4], [0.5, 0.3], [0.5, 0.4], [0.5, 0.4]])
    rows = np.arange(4)
    kept = probability_kept(opportunities, thin, Blank, rows)  # type: ignore[arg-type]
    found = filtered(world, opportunities, rows, kept, sides)
    p = load_scenario(HERE / "paper.yaml").parameters
    assert found == pytest.approx([0.8, 0.6 * 0.2, 0.8 * p.factor_sanctions, 0.2])
    one = table(worlds, run=np.zeros(4, dtype=np.int64), dyad=np.array([3, 2, 2, 2]))
    kept = probability_kept(one, thin, Blank, rows)  # type: ignore[arg-type]
    found = filtered(world, one, rows, kept, sides)
    assert found == pytest.approx([0.8, 0.6, 0.8 * 0.4, 0.8 * 0.4 * 0.2])


def test_talks_nobody_recorded_at_the_start(worlds: Worlds) -> None:
    """1 - e^-(rate a day x mean length); the rate is ceiling, factor, openness and both sides' consent."""
    world, base = worlds.reference, worlds.baseline
    keen = np.full((10, 2, len(world.ladder.names)), 0.5)
    keen[:, 1] = 0.2
    at, kind = (
        world.dyad_index[world.codes.index("XCO"), world.codes.index("XDO")],
        world.ladder.names.index("middle"),
    )
    shut = world.dyad_index[world.codes.index("XAR"), world.codes.index("XCO")]
    rate = rates_at_start(world, keen)
    assert rate[at, kind] == pytest.approx(1.7 * 2 * 0.1)
    assert rate[shut, kind] == pytest.approx(2 * 0.1 * 0.08)
    chance = chance_under_way(world, replace(base, keen=keen)).reshape(10, -1)
    assert chance[at, kind] == pytest.approx(1 - math.exp(-0.34 * 90 / 365.25))


def test_both_sides_of_an_opportunity_answer_for_themselves(worlds: Worlds) -> None:
    """(K, 2): the dyad's first state, then its second, as each alone would say."""
    from balance_sim.model.engine import begin, perceive
    from balance_sim.model.prospects import Prospects
    from balance_sim.model.willingness import consent, willingness

    world, base = worlds.reference, worlds.baseline
    state = begin(world, base, 5, RUNS)
    kind = np.full(4, world.ladder.names.index("middle"))
    view, opportunities = perceive(world, state, 0), table(worlds, kind=kind)
    rows = np.array([1, 3])
    both = consents(world, base, opportunities, state, view, rows)
    first, second = (who[opportunities.dyad[rows]] for who in (world.first, world.second))
    for side, (ego, alter) in enumerate([(first, second), (second, first)]):
        p = Prospects(world, base, view, state, opportunities.run[rows], ego, alter, opportunities.kind[rows])
        alone = consent(willingness(p))
        assert both[:, side] == pytest.approx(alone, rel=1e-12)
    assert abs(both[:, 0] - both[:, 1]).min() > 1e-3

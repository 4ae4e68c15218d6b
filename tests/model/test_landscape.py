"""Camps: published counts of Axelrod and Bennett 1993, and a plain enumeration beside the vectorised one."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import balance_sim
import numpy as np
import pytest
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import begin, perceive
from balance_sim.model.landscape import camps, energy_of, landscape, searched, settled
from balance_sim.model.responses import in_camps, relations
from balance_sim.scenario import load_scenario

CASES = sorted(path for path in (Path(__file__).parents[2] / "scenarios").glob("*.yaml") if "beijing" not in path.name)

# Share of world capability in 1936, per cent, as printed in Axelrod, Bennett 1993, BJPolS 23(2), Table 1.
SIZES_1936 = {
    "GBR": 7.45, "FRA": 5.32, "CSK": 1.15, "DNK": 0.20, "SUN": 15.01, "YUG": 0.59, "GRC": 0.35, "DEU": 11.49,
    "ITA": 4.03, "POL": 1.83, "ROU": 0.78, "HUN": 0.45, "PRT": 0.27, "FIN": 0.19, "LVA": 0.13, "LTU": 0.10,
    "EST": 0.06,
}  # fmt: skip


def hostile(n):
    return -np.ones((n, n))


def energy(propensity, size, sides):
    """The definition, word for word: ordered pairs of distinct states."""
    dyads = [(i, j) for i in range(len(size)) for j in range(len(size)) if i != j]
    return sum(size[i] * size[j] * propensity[i][j] * (sides[i] != sides[j]) for i, j in dyads)


def neighbours(sides):
    for k in range(len(sides)):
        moved = [*sides]
        moved[k] = 1 - moved[k]
        yield tuple(1 - s for s in moved) if moved[0] else tuple(moved)


def plain_landscape(propensity, size):
    """Minima and basins by walking down from every configuration, one state at a time."""
    basins = {}
    for rest in product((0, 1), repeat=len(size) - 1):
        sides = (0, *rest)
        while True:
            here = energy(propensity, size, sides)
            drops = [here - energy(propensity, size, other) for other in neighbours(sides)]
            if max(drops) <= 1e-9:
                break
            sides = list(neighbours(sides))[int(np.argmax(np.array(drops) > max(drops) - 1e-9))]
        basins[sides] = basins.get(sides, 0) + 1
    return basins


@pytest.mark.parametrize("seed", range(4))
def test_as_a_plain_walk_down_from_every_configuration(seed):
    rng = np.random.default_rng(seed)
    p = rng.normal(size=(7, 7))
    p, size = p + p.T, rng.uniform(0.1, 3.0, 7)
    expected = plain_landscape(p, size)
    found = landscape(p, size)
    assert len(found) == len(expected)
    for one in found:
        sides = tuple(int(k in one.camps[1]) for k in range(7))
        assert one.basin == expected[sides]
        assert one.energy == pytest.approx(energy(p, size, sides))


def test_ties_are_broken_by_the_lowest_index():
    """Three equal enemies: from all on one side each may leave at the same gain, and the first does."""
    found = {one.camps: one.basin for one in landscape(hostile(3), np.ones(3))}
    assert found == {((0,), (1, 2)): 2, ((0, 1), (2,)): 1, ((0, 2), (1,)): 1}


def test_published_number_of_configurations():
    found = landscape(hostile(17), list(SIZES_1936.values()))
    assert sum(one.basin for one in found) == 65_536


def test_published_minima_when_all_are_hostile():
    """The paper: 209 minima. Its sizes are printed to 0.01, which leaves ties: with them 195 are strict,
    226 if a state may also be indifferent. 209 lies between, and sizes drawn within the rounding give it."""
    printed = np.array(list(SIZES_1936.values()))
    level = len(landscape(hostile(17), printed))
    rng = np.random.default_rng(1)
    drawn = [len(landscape(hostile(17), printed + rng.uniform(-0.005, 0.005, 17))) for _ in range(12)]
    assert level == 226
    assert min(drawn) <= 209 <= max(drawn)
    assert min(drawn) > 195 and max(drawn) < 226


def test_published_four_stable_splits_of_five_hostile_powers():
    powers = [SIZES_1936[code] for code in ("GBR", "FRA", "SUN", "DEU", "ITA")]
    found = landscape(hostile(5), powers)
    assert len(found) == 4
    assert sum(one.basin for one in found) == 16
    assert found[0].camps == ((0, 2), (1, 3, 4))  # closest to an even split: 22.46 against 20.84


def random_terms(n, seed):
    rng = np.random.default_rng(seed)
    p, size = rng.normal(size=(n, n)), rng.uniform(0.2, 2.0, n)
    terms = (p + p.T) * np.outer(size, size)
    np.fill_diagonal(terms, 0.0)
    return terms


@pytest.mark.parametrize("terms", [random_terms(8, 3), hostile(6) + np.eye(6)], ids=["drawn", "all equal"])
def test_descent_of_one_configuration_ends_where_the_enumeration_says(terms):
    """From every configuration: as many end in each minimum as its basin holds, ties included."""
    n = len(terms)
    starts = np.array([(1, *rest) for rest in product((1, -1), repeat=n - 1)], dtype=float)
    ends = settled(np.broadcast_to(terms, (len(starts), n, n)), starts)
    ends *= ends[:, :1]
    basins = {one.camps: one for one in landscape(terms, np.ones(n))}
    reached = [tuple(map(int, np.flatnonzero(end < 0))) for end in ends]
    assert {second: reached.count(second) for second in set(reached)} == {
        second: one.basin for (_, second), one in basins.items()
    }
    for end in ends[:20]:
        one = next(m for (_, second), m in basins.items() if second == tuple(np.flatnonzero(end < 0)))
        assert energy_of(terms, end) == pytest.approx(one.energy)


@pytest.mark.parametrize("n", [1, 2, 9, 12])
def test_camps_of_few_states_are_the_lowest_minimum(n):
    terms = random_terms(n, n)
    found, lowest = camps(terms, np.ones(n)), landscape(terms, np.ones(n))[0]
    assert found.exact and found.energy == pytest.approx(lowest.energy)
    assert tuple(np.flatnonzero(found.sides < 0)) == lowest.camps[1]


def test_camps_of_many_states_are_a_search_that_may_miss_and_never_undershoots():
    found = camps(random_terms(40, 1), np.ones(40))
    assert not found.exact
    missed = 0
    for seed in range(30):
        terms = random_terms(12, seed)
        lowest, reached = camps(terms, np.ones(12)).energy, energy_of(terms, searched(terms))
        assert reached >= lowest - 1e-9
        missed += reached > lowest + 1e-9
    assert missed <= 3  # propensities drawn at random are the hard case


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_on_the_shipped_cases_the_search_finds_the_exact_camps(path):
    worlds = compile_worlds(load_scenario(path))
    world, baseline = worlds.reference, worlds.baseline
    view = perceive(world, begin(world, baseline, 0, np.zeros(1, dtype=np.uint64)), 0)
    mutual = relations(view.own, view.against)[0]
    mutual = (mutual + mutual.T) / 2
    terms = mutual * np.outer(world.capability, world.capability)
    np.fill_diagonal(terms, 0.0)
    exact = landscape(mutual[:20, :20], world.capability[:20])[0]
    assert energy_of(terms[:20, :20], searched(terms[:20, :20])) == pytest.approx(exact.energy)
    assert worlds.camps.exact == (world.n <= 20)


def test_camps_of_a_run_by_hand():
    """Two pairs of friends, foes otherwise, began with the third state on the wrong side; all of size 1/4."""
    relation = np.full((1, 4, 4), -0.5)
    for i, j in ((0, 1), (1, 0), (2, 3), (3, 2)):
        relation[0, i, j] = 0.8
    found = in_camps(relation, np.full(4, 0.25), np.array([1.0, 1.0, 1.0, -1.0]))
    assert found.moved == pytest.approx(1.0)
    assert found.energy == pytest.approx(8 * -0.5 / 12)  # eight of twelve ordered pairs lie across
    assert found.frustration == pytest.approx(0.0)
    relation[0, 0, 2] = relation[0, 2, 0] = 0.3  # friends across
    assert in_camps(relation, np.full(4, 0.25), np.array([1.0, 1.0, -1.0, -1.0])).frustration == pytest.approx(1 / 6)


def test_a_lone_state_is_in_no_camp_against_another():
    found = in_camps(np.ones((2, 1, 1)), np.ones(1), np.ones(1))
    assert [values.tolist() for values in found] == [[0.0, 0.0]] * 3


def test_the_names_of_states_do_not_matter():
    rng = np.random.default_rng(5)
    p = rng.normal(size=(9, 9))
    p, size, order = p + p.T, rng.uniform(0.5, 2.0, 9), rng.permutation(9)

    def read(found, names):
        return sorted(
            (
                round(one.energy, 9),
                one.basin,
                sorted(sorted(int(names[k]) for k in camp) for camp in one.camps),
            )
            for one in found
        )

    moved = landscape(p[np.ix_(order, order)], size[order])
    assert read(landscape(p, size), np.arange(9)) == read(moved, order)


def test_friends_stand_together_and_fields_have_names():
    (only,) = landscape(np.ones((4, 4)), [1, 2, 3, 4])
    assert only["camps"] == ((0, 1, 2, 3), ())
    assert (only["energy"], only["basin"]) == (0.0, 8)
    with pytest.raises(KeyError):
        only["colour"]


def test_twenty_states():
    rng = np.random.default_rng(0)
    p = rng.normal(size=(20, 20))
    assert sum(one.basin for one in landscape(p + p.T, np.ones(20))) == 2**19


@pytest.mark.parametrize(
    ("propensity", "size", "message"),
    [(np.ones((21, 21)), np.ones(21), "21 states"), (np.ones((3, 2)), np.ones(3), "Give"),
     ([[0, 1], [2, 0]], [1, 1], "not symmetric"), (np.ones((2, 2)), [1, -1], "negative"),
     ([[0, np.nan], [np.nan, 0]], [1, 1], "missing")],
)  # fmt: skip
def test_what_is_refused(propensity, size, message):
    with pytest.raises(ValueError, match=message):
        landscape(propensity, size)


def test_it_is_among_the_names_of_the_package():
    assert balance_sim.landscape is landscape

"""Camps: published counts of Axelrod and Bennett 1993, and a plain enumeration beside the vectorised one."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import begin, perceive
from balance_sim.model.landscape import camps, energy_of, energy_of_each, searched, settled
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


def minima(propensity, size):
    """Numbers of the configurations that no single change of sides takes lower: bit k - 1 is the side of state k."""
    n = len(size)
    numbers = np.arange(2 ** (n - 1))
    sides = np.column_stack([np.zeros_like(numbers), *(numbers >> k & 1 for k in range(n - 1))])
    weight = np.asarray(propensity) * np.outer(size, size)
    np.fill_diagonal(weight, 0.0)
    across = sides @ weight * (1 - sides) + (1 - sides) @ weight * sides
    within = sides @ weight * sides + (1 - sides) @ weight * (1 - sides)
    lowers = across.shape[1] and (within - across < -1e-9 * np.abs(weight).sum()).any(axis=1)
    return numbers[~lowers]


def test_energy_of_every_configuration_is_the_definition():
    terms = random_terms(7, 1)
    expected = [energy(terms, np.ones(7), (0, *sides[::-1])) for sides in product((0, 1), repeat=6)]
    np.testing.assert_allclose(energy_of_each(terms), expected)
    assert len(energy_of_each(hostile(17))) == 65_536  # as published


def test_published_minima_when_all_are_hostile():
    """The paper: 209 minima. Its sizes are printed to 0.01, which leaves ties: with them 195 are strict,
    226 if a state may also be indifferent. 209 lies between, and sizes drawn within the rounding give it."""
    printed = np.array(list(SIZES_1936.values()))
    rng = np.random.default_rng(1)
    drawn = [len(minima(hostile(17), printed + rng.uniform(-0.005, 0.005, 17))) for _ in range(12)]
    assert len(minima(hostile(17), printed)) == 226
    assert min(drawn) <= 209 <= max(drawn)
    assert min(drawn) > 195 and max(drawn) < 226


def test_published_four_stable_splits_of_five_hostile_powers():
    powers = np.array([SIZES_1936[code] for code in ("GBR", "FRA", "SUN", "DEU", "ITA")])
    assert len(minima(hostile(5), powers)) == 4
    found = camps(hostile(5), powers)
    assert found.exact and found.sides.tolist() == [1, -1, 1, -1, -1]  # closest to an even split: 22.46 against 20.84


def random_terms(n, seed):
    rng = np.random.default_rng(seed)
    p, size = rng.normal(size=(n, n)), rng.uniform(0.2, 2.0, n)
    terms = (p + p.T) * np.outer(size, size)
    np.fill_diagonal(terms, 0.0)
    return terms


@pytest.mark.parametrize("terms", [random_terms(8, 3), hostile(6) + np.eye(6)], ids=["drawn", "all equal"])
def test_descent_ends_in_minima_and_reaches_every_one(terms):
    n = len(terms)
    starts = np.array([(1, *rest[::-1]) for rest in product((1, -1), repeat=n - 1)], dtype=float)
    ends = settled(np.broadcast_to(terms, (len(starts), n, n)), starts)
    ends *= ends[:, :1]
    numbers = {int(((end[1:] < 0) * 2 ** np.arange(n - 1)).sum()) for end in ends}
    assert numbers == set(minima(terms, np.ones(n)).tolist())


@pytest.mark.parametrize("n", [1, 2, 9, 12])
def test_camps_of_few_states_have_the_lowest_energy(n):
    terms = random_terms(n, n)
    found = camps(terms, np.ones(n))
    sides = (found.sides < 0).astype(int)
    assert found.exact and found.energy == pytest.approx(energy_of_each(terms).min())
    assert found.energy == pytest.approx(energy(terms, np.ones(n), sides))


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
    few = terms[:20, :20]
    assert energy_of(few, searched(few)) == pytest.approx(energy_of_each(few).min())
    assert worlds.camps.exact == (world.n <= 20)


def test_camps_of_a_run_by_hand():
    """Two pairs of friends, foes otherwise, began with the third state on the wrong side; all of size 1/4."""
    relation = np.full((1, 4, 4), -0.5)
    for i, j in ((0, 1), (1, 0), (2, 3), (3, 2)):
        relation[0, i, j] = 0.8
    dyads = (0, *np.triu_indices(4, 1))
    found = in_camps(relation[dyads][None], np.full(4, 0.25), np.array([1.0, 1.0, 1.0, -1.0]))
    assert found.moved == pytest.approx(1.0)
    assert found.energy == pytest.approx(8 * -0.5 / 12)  # eight of twelve ordered pairs lie across
    assert found.frustration == pytest.approx(0.0)
    relation[0, 0, 2] = relation[0, 2, 0] = 0.3  # friends across
    found = in_camps(relation[dyads][None], np.full(4, 0.25), np.array([1.0, 1.0, -1.0, -1.0]))
    assert found.frustration == pytest.approx(1 / 6)

"""The two-sided choice against enumeration by hand, its derivatives against finite differences, its fit
against data simulated from itself."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from balance_sim.coordination.choice import (
    ChoiceSets,
    derivatives,
    dyad_probabilities,
    fit_coordination,
    log_likelihood,
    simulate,
)
from balance_sim.coordination.effects import Effect, Snapshot
from balance_sim.coordination.events import EventData, event_days
from balance_sim.coordination.files import load_event_data, ties_from_agreements
from balance_sim.evidence.data.errors import DataError

EFFECTS = (
    Effect("inertia", "accords"),
    Effect("degree", "accords", ignore_repetitions=True),
    Effect("closure", "accords"),
    Effect("tie", "border", weighted=True),
    Effect("alter", "wealth"),
    Effect("difference", "wealth"),
    Effect("pair", "trade"),
)
B = np.array([0.4, 0.3, -0.5, 0.7, 0.2, -0.6, 0.9])


def small_world() -> EventData:
    """Five actors; E leaves before the last event; two events share a day; one tie is made and ended."""
    day = pd.Timestamp
    events = pd.DataFrame(
        {
            "a": ["A", "C", "B", "A"],
            "b": ["B", "D", "E", "D"],
            "date": [day("2000-03-01"), day("2000-03-01"), day("2000-06-01"), day("2001-02-01")],
        }
    )
    agreements = pd.DataFrame(
        {
            "a": ["A", "B", "A", "C", "B", "B"],
            "b": ["C", "C", "B", "D", "C", "E"],
            "date": [
                pd.NaT,
                pd.NaT,
                day("2000-03-01"),
                day("2000-03-01"),
                day("2000-05-01"),
                day("2000-06-01"),
            ],
            "increment": [2.0, 1.0, 1.0, 1.0, -1.0, 1.0],
        }
    )
    border = pd.DataFrame({"a": ["A", "D"], "b": ["D", "E"], "date": [pd.NaT, pd.NaT], "value": [3.0, 1.0]})
    wealth = pd.DataFrame(
        {
            "actor": ["A", "B", "C", "D", "E", "B"],
            "date": [pd.NaT] * 5 + [day("2000-05-30")],
            "value": [0.1, 0.5, -0.3, 1.2, 0.8, 0.9],
        }
    )
    rng = np.random.default_rng(3)
    trade = pd.DataFrame(
        [(a, b, pd.NaT, rng.normal()) for a, b in itertools.combinations("ABCDE", 2)],
        columns=["a", "b", "date", "value"],
    )
    presence = pd.DataFrame({"actor": ["E"], "start": [day("1999-01-01")], "end": [day("2000-12-31")]})
    return EventData(
        tuple("ABCDE"),
        events,
        presence,
        {"accords": agreements, "border": border},
        {"wealth": wealth},
        {"trade": trade},
    )


def by_hand(b: np.ndarray) -> float:
    """ln P of each event by plain loops from the definitions, with the network written down by hand."""
    world = small_world()
    trade = {frozenset((r.a, r.b)): r.value for r in world.pairs["trade"].itertuples()}
    border = {frozenset("AD"): 3.0, frozenset("DE"): 1.0}
    start = {frozenset("AC"): 2, frozenset("BC"): 1}
    later = {frozenset("AC"): 2, frozenset("AB"): 1, frozenset("CD"): 1}
    last = {**later, frozenset("BE"): 1}
    wealth = {"A": 0.1, "B": 0.5, "C": -0.3, "D": 1.2, "E": 0.8}
    richer = {**wealth, "B": 0.9}
    stages = [
        ("AB", start, wealth, "ABCDE"),
        ("CD", start, wealth, "ABCDE"),
        ("BE", later, richer, "ABCDE"),
        ("AD", last, richer, "ABCD"),
    ]
    total = 0.0
    for event, ties, z, present in stages:

        def tied(i: str, j: str, ties: dict = ties) -> int:
            return int(i != j and ties.get(frozenset((i, j)), 0) > 0)

        def utility(i: str, j: str, ties: dict = ties, z: dict = z) -> float:
            s = [
                tied(i, j, ties),
                0 if tied(i, j, ties) else sum(tied(k, j, ties) for k in "ABCDE"),
                sum(tied(i, k, ties) * tied(k, j, ties) for k in "ABCDE"),
                border.get(frozenset((i, j)), 0.0),
                z[j],
                abs(z[i] - z[j]),
                trade[frozenset((i, j))],
            ]
            return sum(w * x for w, x in zip(b, s, strict=True))

        def choice(i: str, j: str, present: str = present) -> float:
            return math.exp(utility(i, j)) / sum(math.exp(utility(i, k)) for k in present if k != i)

        pairs = list(itertools.combinations(present, 2))
        both = {dyad: choice(*dyad) * choice(*dyad[::-1]) for dyad in pairs}
        total += math.log(both[tuple(event)] / sum(both.values()))
    return total


@pytest.mark.parametrize("b", [np.zeros(7), B, 3 * B])
def test_likelihood_is_the_enumeration(b: np.ndarray) -> None:
    assert log_likelihood(b, ChoiceSets(small_world(), EFFECTS)) == pytest.approx(by_hand(b), rel=1e-12)


def test_without_effects_every_pair_present_is_as_likely() -> None:
    got = log_likelihood(np.zeros(7), ChoiceSets(small_world(), EFFECTS))
    assert got == pytest.approx(-3 * math.log(10) - math.log(6), rel=1e-12)


def test_score_and_hessian_are_the_finite_differences() -> None:
    choice = ChoiceSets(small_world(), EFFECTS)
    step = 1e-5
    for k in range(len(B)):
        e = step * np.eye(len(B))[k]
        slope = (log_likelihood(B + e, choice) - log_likelihood(B - e, choice)) / (2 * step)
        assert derivatives(B, choice)[1][k] == pytest.approx(slope, rel=1e-6, abs=1e-8)
        bend = (derivatives(B + e, choice)[1] - derivatives(B - e, choice)[1]) / (2 * step)
        assert derivatives(B, choice)[3][k] == pytest.approx(bend, rel=1e-6, abs=1e-8)


def test_pair_probabilities_sum_to_one_and_are_symmetric() -> None:
    for day in ChoiceSets(small_world(), EFFECTS):
        p = dyad_probabilities(B, day)
        assert np.triu(p, 1).sum() == pytest.approx(1.0, rel=1e-12)
        assert np.array_equal(p, p.T)


def test_an_absent_actor_neither_chooses_nor_is_chosen() -> None:
    days = list(ChoiceSets(small_world(), EFFECTS))
    assert [len(day.s) for day in days] == [5, 5, 4]
    world = small_world()
    late = world.presence.assign(end=pd.Timestamp("2000-05-31"))
    gone = EventData(world.actors, world.events, late, world.networks, world.states, world.pairs)
    with pytest.raises(DataError, match=r"2000-06-01 has a side that is not present \(found 'B-E'\)"):
        list(event_days(gone))


def test_order_of_actors_does_not_matter() -> None:
    world = small_world()
    turned = EventData(tuple("DBECA"), world.events, world.presence, world.networks, world.states, world.pairs)
    a = log_likelihood(B, ChoiceSets(world, EFFECTS))
    assert log_likelihood(B, ChoiceSets(turned, EFFECTS)) == pytest.approx(a, rel=1e-12)


def test_weight_and_repetition_are_options() -> None:
    moment = next(iter(event_days(small_world()))).moment
    a, c, d = 0, 2, 3
    assert Effect("inertia", "accords").statistic(moment)[a, c] == 1
    assert Effect("inertia", "accords", weighted=True).statistic(moment)[a, c] == 2
    assert Effect("degree", "accords").statistic(moment)[a, c] == 2
    assert Effect("degree", "accords", weighted=True).statistic(moment)[a, c] == 3
    new = Effect("degree", "accords", ignore_repetitions=True).statistic(moment)
    assert new[a, c] == 0
    assert new[d, c] == 2
    assert Effect("degree", "accords", transform="log1p").statistic(moment)[d, c] == pytest.approx(math.log(3))
    with pytest.raises(ValueError, match="closure has no weighted form"):
        Effect("closure", "accords", weighted=True)


def drawn(seed: int, n: int, events: int) -> tuple[EventData, tuple[Effect, ...], np.ndarray]:
    """A stream drawn from the model itself: n actors, one of them away for half of the time."""
    rng = np.random.default_rng(seed)
    actors = tuple(f"S{i:02d}" for i in range(n))
    dates = np.datetime64("2000-01-01", "s") + (np.arange(events) * 86400 * 7).astype("timedelta64[s]")
    wealth = pd.DataFrame({"actor": actors, "date": pd.NaT, "value": rng.normal(size=n)})
    pairs = list(itertools.combinations(actors, 2))
    trade = pd.DataFrame(pairs, columns=["a", "b"]).assign(date=pd.NaT, value=rng.normal(size=len(pairs)))
    presence = pd.DataFrame({"actor": ["S00"], "start": [pd.NaT], "end": [pd.Timestamp(dates[events // 2])]})
    effects = (
        Effect("inertia", "accords"),
        Effect("closure", "accords", transform="log1p"),
        Effect("alter", "wealth"),
        Effect("pair", "trade"),
    )
    b = np.array([-0.5, 0.6, 0.4, 0.5])
    world = EventData(actors, pd.DataFrame(), presence, {}, {"wealth": wealth}, {"trade": trade})
    made = simulate(world, effects, b, list(dates), "accords", rng)
    ties = made.assign(increment=1.0)
    return EventData(actors, made, presence, {"accords": ties}, world.states, world.pairs), effects, b


def test_parameters_are_recovered_from_the_model_s_own_events() -> None:
    """Chi-square of the whole vector, 20 streams x 4 effects: 80 degrees of freedom, fails falsely in 0.1 %.

    A bias of half a standard error in every effect would give a mean of 100; b = 0 is rejected outright."""
    distance, wrong = 0.0, 0.0
    for seed in range(20):
        data, effects, b = drawn(seed, n=12, events=150)
        fit = fit_coordination(data, effects)
        weight = np.linalg.inv(fit.covariance)
        distance += (fit.estimate - b) @ weight @ (fit.estimate - b)
        wrong += fit.estimate @ weight @ fit.estimate
    low, high = 44.8, 128.3  # 0.05 % and 99.95 % of chi-square with 80 degrees of freedom
    assert low < distance < high
    assert wrong > 10 * high


def test_fit_stands_where_no_neighbour_is_better() -> None:
    data, effects, _ = drawn(99, n=10, events=80)
    fit = fit_coordination(data, effects)
    choice = ChoiceSets(data, effects)
    assert fit.log_likelihood == pytest.approx(log_likelihood(fit.estimate, choice), rel=1e-12)
    assert fit.aic == pytest.approx(8 - 2 * fit.log_likelihood)
    for k, error in enumerate(fit.standard_error):
        for sign in (-1, 1):
            away = fit.estimate + sign * error * np.eye(4)[k]
            fall = fit.log_likelihood - log_likelihood(away, choice)
            assert fall > 0.2  # a quadratic falls by at least one half; correlated effects by more
    assert fit.largest_score < 1e-2


def test_what_cannot_be_told_is_refused_by_name() -> None:
    data, effects, _ = drawn(5, n=10, events=60)
    with pytest.raises(DataError, match=r"ego\(wealth\) cannot be estimated: it never tells"):
        fit_coordination(data, [*effects, Effect("ego", "wealth")])
    with pytest.raises(
        DataError,
        match=r"difference\(wealth\), similarity\(wealth\) cannot be estimated: the likelihood is flat",
    ):
        fit_coordination(data, [Effect("difference", "wealth"), Effect("similarity", "wealth")])
    same = data.events.assign(a="S01", b="S02")
    only = pd.DataFrame({"a": ["S01"], "b": ["S02"], "date": [pd.NaT], "increment": [1.0]})
    split = EventData(data.actors, same, data.presence, {"once": only}, {}, {})
    with pytest.raises(DataError, match=r"tie\(once\) cannot be estimated: the data put them at infinity"):
        fit_coordination(split, [Effect("tie", "once")])


def test_missing_values_take_the_mean_of_those_present_or_are_refused() -> None:
    world = small_world()
    wealth = world.states["wealth"]
    hole = wealth[wealth["actor"] != "D"]
    data = EventData(world.actors, world.events, world.presence, world.networks, {"wealth": hole}, world.pairs)
    day = next(iter(ChoiceSets(data, [Effect("alter", "wealth")])))
    assert day.s[0, 3, 0] == pytest.approx((0.1 + 0.5 - 0.3 + 0.8) / 4)
    with pytest.raises(DataError, match="wealth is missing for 1 of 5 before 2000-03-01"):
        list(ChoiceSets(data, [Effect("alter", "wealth")], missing="refuse"))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(DataError, match=r"no network of this name .*Known: accords, border"):
        ChoiceSets(small_world(), [Effect("inertia", "treaties")])
    with pytest.raises(ValueError, match="no effect is called 'indegree'"):
        Effect("indegree", "accords")


def test_the_same_data_from_files(tmp_path: Path) -> None:
    world = small_world()
    frames = {
        "events": world.events.assign(increment=1),
        "accords": world.networks["accords"],
        "border": world.networks["border"].rename(columns={"value": "replace"}),
        "wealth": world.states["wealth"].rename(columns={"value": "gdp", "actor": "node"}),
        "trade": world.pairs["trade"],
        "presence": world.presence,
    }
    path = {}
    for name, frame in frames.items():
        path[name] = tmp_path / f"{name}.csv"
        frame.to_csv(path[name], index=False)
    data = load_event_data(
        path["events"],
        presence=path["presence"],
        networks={"accords": path["accords"], "border": path["border"]},
        states={"wealth": (path["wealth"], "gdp")},
        pairs={"trade": (path["trade"], "value")},
    )
    assert data.actors == world.actors
    assert log_likelihood(B, ChoiceSets(data, EFFECTS)) == pytest.approx(by_hand(B), rel=1e-12)


def test_accords_become_dated_ties() -> None:
    agreements = pd.DataFrame(
        {
            "cow_a": [2, 2],
            "cow_b": [20, 200],
            "signed": pd.to_datetime(["1990-01-01", "1991-01-01"]),
            "ended": pd.to_datetime(["1995-12-31", None]),
        }
    )
    ties = ties_from_agreements(agreements)
    assert ties["increment"].tolist() == [1.0, 1.0, -1.0]
    assert ties["a"].tolist() == ["2", "2", "2"]


def test_four_cycles_by_loops_and_by_closed_forms() -> None:
    """Loops over a graph of ten; 1 along a path of four, (n - 2)(n - 3) in a complete graph, 0 across a star."""

    def counted(x: np.ndarray) -> np.ndarray:
        return Effect("four_cycles", "t").statistic(Snapshot({"t": x}, {}, {}))

    upper = np.triu(np.random.default_rng(3).uniform(size=(10, 10)) < 0.4, 1)
    x = 2.0 * (upper | upper.T)
    off = ~np.eye(10, dtype=bool)
    loops = np.zeros((10, 10))
    for i, k, m, j in itertools.permutations(range(10), 4):
        loops[i, j] += (x[i, k] > 0) * (x[k, m] > 0) * (x[m, j] > 0)
    np.testing.assert_array_equal(counted(x)[off], loops[off])
    path = np.diag(np.ones(3), 1)
    assert counted(path + path.T)[0, 3] == 1.0
    assert (counted(off.astype(float))[off] == 8 * 7).all()
    star = np.zeros((6, 6))
    star[0, 1:] = star[1:, 0] = 1.0
    assert not counted(star)[~np.eye(6, dtype=bool)].any()
    new = Effect("four_cycles", "t", ignore_repetitions=True).statistic(Snapshot({"t": x}, {}, {}))
    np.testing.assert_array_equal(new[off], np.where(x > 0, 0.0, loops)[off])

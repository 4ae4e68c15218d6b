"""Terms that follow from a fit: by hand on a small record, nothing of later years, and fitted back from a record that
was drawn with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.record_scenario import scenario_at
from balance_sim.evidence.estimation.choices import Choices, choices, fitted_terms
from balance_sim.evidence.estimation.fitting import WeightFit, fit
from balance_sim.evidence.estimation.looking_ahead import FORESIGHT, TALKS, LookingAhead
from balance_sim.evidence.forecast.hindcast import hindcast_of
from balance_sim.evidence.forecast.hindcast_plan import HindcastPlan
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.willingness import TERMS, expected_log

PLAIN = {"proximity": 0.5, "size": 0.25, "joint_democracy": 1.5}
LEVELS = {"defence_cooperation": 4.6, "logistics": 3.6}
AHEAD = {FORESIGHT: 3.0, TALKS: 1.2}
BOTH = (FORESIGHT, TALKS)


@pytest.fixture(scope="module")
def history(invented: Callable[..., History]) -> History:
    """Regimes come and go, so that states have more to sign in some years than in others."""
    made = invented(30, 12)
    swing = np.random.default_rng(3).uniform(size=made.democracy.shape) ** 2
    typed = made.agreements.astype({"a": int, "b": int, "multilateral": bool})
    return replace(made, agreements=typed, democracy=np.repeat(swing[::3], 3, axis=0)[:12])


@pytest.fixture(scope="module")
def record(history: History) -> Choices:
    return drawn(choices(history, tuple(PLAIN), None, tuple(LEVELS)), None, 1)


@pytest.fixture(scope="module")
def found(record: Choices) -> WeightFit:
    return fit(record)


def drawn(record: Choices, truth: WeightFit | None, seed: int) -> Choices:
    """The record with agreements drawn from a fit's rates; some at random without one."""
    rng, shape = np.random.default_rng(seed), record.signed.shape
    if truth is None:
        chance = np.full(shape, 0.03)
    else:
        design, at = truth.on(record)
        chance = -np.expm1(-np.exp(design.log_rate(at)[0]))
    return replace(record, signed=(rng.uniform(size=shape) < chance).astype(float))


def true_fit(found: WeightFit, names: tuple[str, ...]) -> WeightFit:
    values = PLAIN | AHEAD | {f"intercept.{kind}": level for kind, level in LEVELS.items()}
    every = (*PLAIN, *names, *(f"intercept.{kind}" for kind in LEVELS))
    estimate = np.array([values[name] for name in every])
    return replace(found, names=every, estimate=estimate, propensity=np.zeros_like(found.propensity))


def at_rest(look: LookingAhead, record: Choices, found: WeightFit) -> tuple[Choices, WeightFit]:
    """The record in which the terms are those that the truth gives, itself included."""
    now = look.of(true_fit(found, ()), record, BOTH)
    for _ in range(10):
        now = look.of(true_fit(found, BOTH), now, BOTH)
    return now, true_fit(found, BOTH)


@pytest.fixture(scope="module")
def told(history: History, record: Choices, found: WeightFit) -> tuple[Choices, WeightFit]:
    return at_rest(LookingAhead(history), record, found)


def test_a_year_of_the_record_is_the_model_at_its_start(history: History, record: Choices, found: WeightFit) -> None:
    """Foresight and talks of 1995 are those of the year's scenario, compiled with the fit's weights."""
    look = LookingAhead(history)
    now = look.of(found, record, BOTH)
    silent = dict.fromkeys(("political_declaration", "information_sharing"), -60.0)
    scenario = scenario_at(
        history,
        1995,
        weights=dict.fromkeys(TERMS, 0.0) | found.weights | {FORESIGHT: 1e-12},
        intercepts=found.intercepts | silent,
        propensity=found.propensity,
    )
    base, world = compile_worlds(scenario).baseline, compile_worlds(scenario).reference
    place = np.array([world.codes.index(code) for code in history.iso3])
    rows = now.year == 1995
    for m, kind in enumerate(now.kinds):
        wanted = base.first[FORESIGHT][place[now.a[rows]], place[now.b[rows]], world.ladder.names.index(kind)]
        column = now.by_kind[rows, 0, m, now.by_kind_names.index(FORESIGHT)]
        np.testing.assert_allclose(column, wanted, rtol=1e-7, atol=1e-12)
    assert column.min() < -0.01
    talks = look._talks(found, now.take(rows))
    np.testing.assert_allclose(talks, base.talks[place], rtol=1e-7)
    so_far = np.mean([look._talks(found, now.within(year, year)) for year in range(1990, 1996)], axis=0)
    column = now.common[rows, 1, now.common_names.index(TALKS)]
    np.testing.assert_allclose(column, (expected_log(so_far) - expected_log(talks))[now.b[rows]], atol=1e-9)


def test_nothing_of_a_later_year_is_read(history: History, record: Choices, found: WeightFit) -> None:
    whole, early = (LookingAhead(history).of(found, part, BOTH) for part in (record, record.within(1990, 1994)))
    np.testing.assert_array_equal(whole.within(1990, 1994).by_kind, early.by_kind)
    np.testing.assert_array_equal(whole.within(1990, 1994).common, early.common)


def test_a_record_drawn_with_them_is_fitted_back(history: History, told: tuple[Choices, WeightFit]) -> None:
    look, (terms, truth) = LookingAhead(history), told
    made = drawn(terms, truth, 5)
    back = look.fit(made.with_terms(tuple(PLAIN)), BOTH, propensities=False)
    for name, estimate, error in back.table:
        assert abs(estimate - truth.estimate[truth.names.index(name)]) < 3 * error, name
    assert back.weights[FORESIGHT] > 2 * back.standard_error[back.names.index(FORESIGHT)]


@pytest.mark.long
def test_intervals_of_many_such_records_hold_the_truth(history: History, told: tuple[Choices, WeightFit]) -> None:
    look, (terms, truth) = LookingAhead(history), told
    held, z = dict.fromkeys(BOTH, 0), {name: [] for name in BOTH}
    for seed in range(40):
        back = look.fit(drawn(terms, truth, seed).with_terms(tuple(PLAIN)), BOTH, propensities=False)
        for name in BOTH:
            error = back.standard_error[back.names.index(name)]
            z[name].append((back.weights[name] - AHEAD[name]) / error)
            held[name] += abs(z[name][-1]) < 1.96
    for name in BOTH:
        assert held[name] >= 33, (name, held)
        assert abs(np.mean(z[name])) < 0.5, name


def test_a_record_without_them_tells_nothing_of_them(history: History, record: Choices, found: WeightFit) -> None:
    look = LookingAhead(history)
    plain = look.of(true_fit(found, ()), record, BOTH)
    back = look.fit(drawn(plain, true_fit(found, ()), 7).with_terms(tuple(PLAIN)), BOTH, propensities=False)
    for name in BOTH:
        assert abs(back.weights[name]) < 3 * back.standard_error[back.names.index(name)]


def test_they_are_asked_for_by_the_plan_of_a_hindcast(history: History, told: tuple[Choices, WeightFit]) -> None:
    """By `looking_ahead`, in both ways of forecasting; as `terms` they are refused with the reason."""
    made = with_agreements(history, drawn(*told, 5))
    plan = HindcastPlan(
        first=1990,
        last=1998,
        until=2000,
        terms=tuple(PLAIN),
        looking_ahead=(FORESIGHT,),
        baselines=("base_rate",),
        runs=2,
        drift=False,
        resamples=20,
    )
    ahead, plain = hindcast_of(plan, made), hindcast_of(plan.model_copy(update={"looking_ahead": ()}), made)
    assert set(ahead.fit.weights) == {*PLAIN, FORESIGHT} and set(plain.fit.weights) == {*PLAIN}
    for way in ("one_year_ahead", "simulated_forward"):
        assert ahead.scores[way]["model"].log_score != plain.scores[way]["model"].log_score
    with pytest.raises(DataError, match="foresight cannot be fitted: its values follow from the fit"):
        fitted_terms(made, (FORESIGHT,))


def with_agreements(history: History, record: Choices) -> History:
    """The history with the agreements of a record, each signed on 1 July and in force at once."""
    import pandas as pd

    row, kind = np.nonzero(record.signed)
    when = pd.to_datetime([f"{year}-07-01" for year in record.year[row]])
    frame = pd.DataFrame(
        {
            "accord_id": [f"made-{k}" for k in range(len(row))],
            "kind": [record.kinds[m] for m in kind],
            "signed": when,
            "in_force": when,
            "ended": pd.Series(pd.NaT, index=range(len(row))),
            "precision": "day",
            "multilateral": False,
            "a": record.a[row],
            "b": record.b[row],
        }
    )
    return replace(history, agreements=frame)

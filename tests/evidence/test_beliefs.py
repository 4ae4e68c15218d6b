"""Profiles of parameters of beliefs and reach: by hand, and on records made with values that are not shipped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.estimation.beliefs import (
    AT_BOUND,
    HALF_CHI2,
    MOVES,
    NOT_IN_RATES,
    NOT_TOLD,
    ONE_SIDED,
    TOLD,
    grid,
    joint_peak,
    movable,
    moved,
    profile,
    profiled,
    shipped_setting,
    stretch,
    vertex,
)
from balance_sim.evidence.estimation.choices import Choices, choices, variants
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.estimation.parameter_files import fitted_record
from balance_sim.scenario.defaults import parameter_table
from recovery import made_record

WEIGHTS = {"security_gain": 2.0, "proximity": 0.2}
INTERCEPTS = {"defence_cooperation": 1.7, "logistics": 0.7}
SILENT = {"political_declaration": -60.0, "information_sharing": -60.0}
TRUE_GAMMA = 1.8


@pytest.fixture(scope="module")
def history(invented) -> History:
    return made_record(invented(30, 16), WEIGHTS, {**SILENT, **INTERCEPTS}, parameters={"gamma": TRUE_GAMMA})


@pytest.fixture(scope="module")
def record(history: History) -> Choices:
    return choices(history, tuple(WEIGHTS), kinds=tuple(INTERCEPTS))


def test_every_parameter_of_beliefs_is_profiled_or_said_to_move_no_rate() -> None:
    """All numbers of the rules but those of the pipeline and of effort, which come after consent."""
    after = {
        *("talks_speed_exponent", "talks_speed_max", "collapse_rate", "end_rate"),
        *("effort_max", "effort_slope", "effort_years"),
    }
    paths = {row["path"] for row in parameter_table() if str(row["path"]).startswith("parameters.")}
    assert {f"parameters.{name}" for name in {*MOVES, *NOT_IN_RATES, *after}} == paths


def test_terms_named_as_moved_are_the_ones_that_move(history: History) -> None:
    one = choices(history, years=[1995])
    span = {str(row["path"]).rpartition(".")[2]: row for row in parameter_table()}
    for name, terms in MOVES.items():
        there = choices(history, years=[1995], parameters={name: float(span[name]["range"][1])})
        changed = {
            term
            for k, term in enumerate(one.common_names)
            if not np.array_equal(one.common[..., k], there.common[..., k])
        }
        if not np.array_equal(one.by_kind, there.by_kind):
            changed.add("security_gain")
        assert changed <= set(terms), name
        quiet = name in (
            "eta_war",
            "nuclear_offence",
        )  # no war in the invented history, and no nuclear weapons
        assert bool(changed) != quiet, name


def test_terms_worked_out_anew_are_those_of_a_record_made_there(history: History, record: Choices) -> None:
    point = {"d0_km": 900.0, "beta": 0.7}
    (there,) = variants(history, record, ("proximity", "security_gain"), [point])
    whole = choices(history, tuple(WEIGHTS), point, tuple(INTERCEPTS))
    np.testing.assert_array_equal(there.common, whole.common)
    np.testing.assert_array_equal(there.by_kind, whole.by_kind)
    assert not np.array_equal(there.common, record.common)


def test_a_setting_is_where_the_fit_would_be(history: History, record: Choices) -> None:
    """With the variance held, weights moved along from the shipped value and a fit from nothing agree."""
    found = fit(record, variance=0.05)
    start = shipped_setting(record, found)
    assert start.peak.marginal == pytest.approx(found.marginal, abs=1e-3)
    (there,) = moved(history, start, "d0_km", [900.0])
    afresh = fit(there.record, variance=0.05)
    assert there.peak.marginal == pytest.approx(afresh.marginal, abs=1e-4)
    assert there.by_row.sum() == pytest.approx(afresh.log_likelihood, abs=1e-3)


def test_the_record_finds_what_it_was_made_with(history: History, record: Choices) -> None:
    """The interval holds the truth (fails 1 time in 20 by chance; the record is fixed), and the shipped value
    is refused: a likelihood blind to it could not do that."""
    found = fit(record, propensities=False)
    start = shipped_setting(record, found)
    one, there = profile(history, start, "gamma")
    assert one.low <= TRUE_GAMMA <= one.high
    assert not one.low <= one.shipped <= one.high
    assert one.gain > HALF_CHI2
    assert there.peak.marginal == pytest.approx(one.height.max())


def test_what_the_record_does_not_tell_keeps_its_value(history: History, record: Choices) -> None:
    found = fit(record, propensities=False)
    start = shipped_setting(record, found)
    one, _ = profile(history, start, "beta")
    assert one.verdict == AT_BOUND and one.gain > 1
    there, joint = joint_peak(history, start, [one])
    assert there is start
    assert joint == ()
    with pytest.raises(DataError, match="moves no term"):
        profile(history, start, "activity_half_life_days")
    assert "activity_half_life_days" not in movable(record)


def test_those_told_go_to_their_joint_peak(history: History, record: Choices) -> None:
    """Declared to be told here: it moves to where its profile peaks, and the weights with it."""
    found = fit(record, propensities=False)
    start = shipped_setting(record, found)
    one, _ = profile(history, start, "gamma")
    there, joint = joint_peak(history, start, [replace(one, verdict=TOLD)])
    assert there.values["gamma"] == pytest.approx(joint[0].best, rel=1e-3)
    assert there.peak.marginal == pytest.approx(start.peak.marginal + one.gain, abs=0.02)
    refitted = fit(there.record, propensities=False)
    assert refitted.marginal == pytest.approx(there.peak.marginal, abs=1e-4)


def test_the_file_names_verdict_and_interval(history: History, record: Choices) -> None:
    found = fit(record, propensities=False)
    start = shipped_setting(record, found)
    one, _ = profile(history, start, "beta")
    told = profiled("parameters.d0_km", 500.0, *parabola(900.0, 0.05), log_scale=True)
    written = fitted_record(found, history, profiles=[one, told], joint=[told])
    assert written["beliefs"]["parameters.beta"]["interval"] == [None, pytest.approx(0.0945, abs=1e-3)]
    assert written["beliefs"]["parameters.beta"]["verdict"] == "at a bound"
    assert written["parameters"]["parameters.d0_km"]["interval"] == pytest.approx([told.low, told.high])


def parabola(top: float, bend: float) -> tuple[np.ndarray, np.ndarray]:
    """A profile that is a parabola of the logarithm."""
    points = np.geomspace(100.0, 10_000.0, 41)
    points = np.unique(np.append(points, 500.0))
    return points, -np.square(np.log(points / top)) / (2 * bend)


def test_the_interval_of_a_parabola() -> None:
    """Falls by half the 95 % point at 1.96 standard deviations."""
    found = profiled("parameters.x", 500.0, *parabola(900.0, 0.05), log_scale=True)
    half = 1.959964 * np.sqrt(0.05)
    assert found.verdict == TOLD
    assert np.log([found.low, found.best, found.high]) == pytest.approx(
        np.log(900.0) + np.array([-half, 0.0, half]), abs=0.02
    )
    wide = profiled("parameters.x", 500.0, *parabola(900.0, 0.05), log_scale=True, widen=4.0)
    assert np.log(wide.high / wide.best) == pytest.approx(2 * half, abs=0.03)


@pytest.mark.parametrize(
    ("top", "bend", "verdict"),
    [(900.0, 0.05, TOLD), (900.0, 40.0, NOT_TOLD), (9000.0, 0.5, ONE_SIDED), (50_000.0, 0.5, AT_BOUND)],
)
def test_verdicts(top: float, bend: float, verdict: str) -> None:
    assert profiled("parameters.x", 500.0, *parabola(top, bend), log_scale=True).verdict == verdict


def test_the_vertex_of_three_points() -> None:
    points = np.array([1.0, 2.0, 4.0, 8.0])
    assert vertex(points, -np.square(np.log(points / 3.0)), log_scale=True) == pytest.approx(3.0)
    assert vertex(points, points, log_scale=True) is None
    assert grid(1.0, 4.0, 16.0, log_scale=True) == pytest.approx([1, 2, 4, 8, 16])
    assert grid(0.0, 0.0, 1.0, log_scale=False) == pytest.approx([0, 0.5, 1])


def test_rows_that_say_the_same_count_once() -> None:
    """Ten copies of each row in a cluster of their own stretch the drop tenfold; rows apart do not."""
    rng = np.random.default_rng(1)
    rows = np.outer([0.0, 1.0, 2.0], np.repeat(rng.normal(size=200), 10))
    height = np.array([0.0, 1.0, 0.0])
    assert 10.0 < stretch(height, rows, np.repeat(np.arange(200), 10)) < 11.0
    assert 1.0 < stretch(height, rows, np.arange(2000)) < 1.01
    few = stretch(height[:3], rows[:, :30], np.repeat(np.arange(3), 10))  # three clusters tell little of a variance
    assert few > 100.0

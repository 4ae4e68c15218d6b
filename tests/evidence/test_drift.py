"""Propensities and level that follow the years, on records that the model made itself."""

from dataclasses import replace

import numpy as np
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.estimation.choices import Choices, choices
from balance_sim.evidence.estimation.fitting import WeightFit, fit
from balance_sim.evidence.estimation.varying_intercepts import MEMORIES, chances_ahead, fit_at, memory_of
from balance_sim.evidence.scores import log_score
from invented import invented
from recovery import made_record

WEIGHTS = {"proximity": 0.8, "size": 0.3, "joint_democracy": 0.8}
INTERCEPTS = {"defence_cooperation": 5.6, "logistics": 4.6}
SILENT = {"political_declaration": -60.0, "information_sharing": -60.0}
FIRST, LAST = 1990, 2001


@pytest.fixture(scope="module")
def history() -> History:
    """States differ, and half way the eager and the reluctant change places."""
    blank = invented(32, 12)
    spread = 1.2 * np.random.default_rng(2).normal(size=32)
    early, late = (
        made_record(blank, WEIGHTS, {**SILENT, **INTERCEPTS}, propensity=value, run=run)
        for run, value in ((0, spread), (1, -spread))
    )
    before = early.agreements[early.agreements["signed"] < "1996-01-01"]
    after = late.agreements[late.agreements["signed"] >= "1996-01-01"]
    agreements = type(before)(
        {name: [*before[name], *after[name]] for name in before} | {"accord_id": range(len(before) + len(after))}
    )
    return replace(blank, agreements=agreements, agreement_years=(FIRST, LAST))


@pytest.fixture(scope="module")
def record(history: History) -> Choices:
    return choices(history, tuple(WEIGHTS), kinds=tuple(INTERCEPTS))


@pytest.fixture(scope="module")
def found(record: Choices) -> WeightFit:
    return fit(record.within(FIRST, 1997))


def test_with_a_full_memory_the_fit_s_own_years_tell_what_the_fit_told(record: Choices, found: WeightFit) -> None:
    again = fit_at(found, record, 1998, 1.0, 8)
    np.testing.assert_allclose(again.propensity, found.propensity, atol=1e-2)
    np.testing.assert_allclose(again.estimate, found.estimate, atol=1e-3)


def test_a_short_memory_follows_the_states_that_changed(record: Choices, found: WeightFit) -> None:
    """Six years before the change and two after it: forgetting halves a year is nearer to those two."""
    recent = fit(record.within(1996, 1997)).propensity
    distance = [np.abs(fit_at(found, record, 1998, memory, 8).propensity - recent).mean() for memory in (1.0, 0.7, 0.5)]
    assert distance[0] > distance[1] > distance[2]


def test_it_forecasts_better_than_a_fit_left_alone(record: Choices, found: WeightFit) -> None:
    later = record.within(1998, LAST)
    moved = chances_ahead(found, record, range(1998, LAST + 1), 0.7, 10)
    assert log_score(moved, later.any_signed) < 0.98 * log_score(found.opportunities(later), later.any_signed)


def test_memory_is_chosen_within_the_fit(record: Choices, found: WeightFit) -> None:
    """The change lies within its years, so forgetting pays; what comes after is not asked."""
    memory = memory_of(found, record.within(FIRST, 1997), 10)
    assert memory in MEMORIES
    assert memory < 1.0
    assert memory_of(found, record, 10) == memory
    short = fit(record.within(1996, 1997))
    assert memory_of(short, record, 10) == 1.0
    with pytest.raises(DataError, match="no year before 1990"):
        fit_at(found, record, 1990, 0.8, 10)

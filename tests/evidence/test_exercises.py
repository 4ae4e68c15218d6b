"""Rates of joint exercises: against another program, and on invented records."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.reactions.record import RECORDS
from balance_sim.model.exercises import covariates
from exercise_rates import ExerciseFit, exercises_of_dyads, fit_exercises, forecast, load_exercises, ties
from invented import invented as invented_history

NAMES = ["constant", "agreement", "capability", "nearness", "likeness", "democracy"]
TRUTH = np.array([-1.0, 1.0, 0.5, 0.0, 0.3, 1.5])


def invented(seed: int, states: int = 16, years: int = 8) -> pd.DataFrame:
    """Dyad-years whose exercises follow from everything but nearness, at a level of its own each year."""
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(states, 1)
    own = rng.normal(size=(states, 5))
    at_all_times = {name: own[a, k] + own[b, k] for k, name in enumerate(NAMES[1:])}
    tables = []
    for year in range(1990, 1990 + years):
        table = pd.DataFrame({"year": year, "a": a, "b": b, "exercises": 0.0, "constant": 1.0, **at_all_times})
        table["exercises"] = rng.poisson(np.exp(table[NAMES] @ TRUTH * 0.5 + 0.2 * np.sin(year)))
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def test_slopes_are_those_of_a_regression_with_years_and_the_level_is_of_the_last_five() -> None:
    rows = invented(1)
    years = pd.get_dummies(rows["year"]).to_numpy(float)
    other = sm.GLM(rows["exercises"], np.column_stack([rows[NAMES[1:]], years]), family=sm.families.Poisson()).fit()
    found = fit_exercises(rows)
    assert found.table["estimate"].to_numpy()[1:] == pytest.approx(other.params[:5], abs=1e-5)
    late = rows[rows["year"] > 1992]
    assert found.said(late).sum() == pytest.approx(late["exercises"].sum())
    assert (found.rows, found.exercises) == (len(rows), rows["exercises"].sum())


def test_errors_are_those_of_leaving_out_each_state() -> None:
    rows = invented(2)
    found, without = fit_exercises(rows).table, []
    for state in range(16):
        kept = rows[(rows["a"] != state) & (rows["b"] != state)]
        without.append(fit_exercises(kept).table["estimate"] - found["estimate"])
    errors = np.sqrt(15 / 16 * (np.array(without) ** 2).sum(axis=0))
    assert found["standard_error"].to_numpy() == pytest.approx(errors, rel=0.05)


def test_what_exercises_do_not_follow_from_has_no_slope() -> None:
    """Thirty records that have nothing to do with nearness: 95 % intervals hold 0 in 25 or more (p below 0.01 at
    0.95), and the mean slope is 0 within three of its errors; that of democracy is not."""
    found = [fit_exercises(invented(seed)).table for seed in range(30)]
    slopes = np.array([table["estimate"] for table in found])
    errors = np.array([table["standard_error"] for table in found])
    near, democracy = NAMES.index("nearness"), NAMES.index("democracy")
    assert (np.abs(slopes[:, near]) < 2 * errors[:, near]).sum() >= 25
    assert abs(slopes[:, near].mean()) < 3 * slopes[:, near].std() / np.sqrt(30)
    assert slopes[:, democracy].mean() == pytest.approx(0.75, abs=0.05)


def test_a_forecast_is_told_by_hand() -> None:
    """Two dyads, three exercises a year of the first and one of the second to 1995; then six and nothing, where the fit
    says 2 each and all dyads had 2: it gains nothing; as many as before, (15 + 2) / 6 and (5 + 2) / 6, gains
    (6 ln(17 / 12) + 4 - 17 / 6 - 7 / 6) / 6."""
    rows = [(year, 0, b, held) for year in range(1991, 1996) for b, held in ((1, 3.0), (2, 1.0))]
    rows += [(1996, 0, 1, 6.0), (1996, 0, 2, 0.0)]
    table = pd.DataFrame(rows, columns=["year", "a", "b", "exercises"]).assign(constant=1.0)
    fit = ExerciseFit(pd.DataFrame({"estimate": [np.log(2)]}, index=["constant"]), 10, 20, 0.0)
    found = forecast(fit, table, 1995)
    assert (found["years"], found["said"], found["found"]) == ([1996, 1996], pytest.approx(4.0), 6.0)
    assert found["gain"] == pytest.approx(0.0)
    assert found["gain_of_past"] == pytest.approx(np.log(17 / 12))


def test_an_exercise_counts_for_each_of_its_dyads(tmp_path: Path) -> None:
    """Three of the roster and a stranger: three dyads; of another year, or of one state, none."""
    (tmp_path / "exercises_mme.csv").write_text(
        "mmeid,start\nm1,1991-05-01\nm2,1991-07\nm3,1970-01-01\nm4,1992-01-01\n"
    )
    told = "m1,XAA\nm1,XAB\nm1,XAC\nm1,ZZZ\nm2,XAB\nm2,XAA\nm3,XAA\nm3,XAB\nm4,XAA\n"
    (tmp_path / "exercises_mme_participants.csv").write_text("mmeid,iso3\n" + told)
    reads = [RECORDS[name].of(tmp_path) for name in ("exercises", "participants")]
    found = exercises_of_dyads(*reads, invented_history(4, 3))
    assert found.sum() == 4
    assert (found[1, 0, 1], found[1, 0, 2], found[1, 1, 2]) == (2, 1, 1)


def test_an_agreement_ties_from_the_year_after_until_it_has_ended() -> None:
    """Signed in 1990, ended in 1992: in force on 1 January of 1991 and 1992. An alliance ties all along."""
    history = invented_history(4, 5)
    history.alliance_depth[:], history.alliance_depth[:, 2, 3] = 0.0, 1.0
    row = {name: [None] for name in history.agreements}
    row |= {"a": [0], "b": [1], "signed": [pd.Timestamp("1990-05-01")], "ended": [pd.Timestamp("1992-06-01")]}
    found = ties(replace(history, agreements=pd.DataFrame(row)))
    assert found[:, 0, 1].tolist() == found[:, 1, 0].tolist() == [False, True, True, False, False]
    assert found[:, 2, 3].all() and not found[:, 0, 2].any()


def test_likeness_and_nearness_rise_as_states_are_alike_and_near() -> None:
    near = covariates(np.ones(1), np.ones(1), np.array([0.0]), np.array([0.0]), np.ones(1))
    far = covariates(np.ones(1), np.ones(1), np.array([500.0]), np.array([2.0]), np.ones(1))
    assert near["nearness"] - far["nearness"] == pytest.approx(np.log(2))
    assert near["likeness"] - far["likeness"] == pytest.approx(2.0)


def test_a_folder_without_exercises_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        load_exercises(tmp_path, 1990, 2008)
    assert refused.value.code == NO_FILE


def test_exercises_that_tell_nothing_of_a_covariate_are_refused() -> None:
    with pytest.raises(DataError):
        fit_exercises(invented(3).assign(democracy=0.5))

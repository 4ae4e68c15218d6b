"""Rates of joint exercises: against another program, on invented records, and by the command."""

import json
from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from balance_sim.cli import main
from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.reactions.exercises import (
    ExerciseFit,
    exercises_of_dyads,
    fit_exercises,
    forecast,
    load_exercises,
    ties,
)
from balance_sim.evidence.reactions.record import RECORDS
from balance_sim.model.exercises import covariates
from click.testing import CliRunner
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


STATES = {"USA": 2, "GBR": 200, "FRA": 220, "RUS": 365, "CHN": 710, "KOR": 732, "JPN": 740, "IND": 750, "PAK": 770}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine states, 1990 to 2008: exercises of democracies, force of Russia and China."""
    path, rng = tmp_path_factory.mktemp("exercises"), np.random.default_rng(0)
    files: dict[str, list[str]] = {
        "nmc_state_year.csv": ["ccode,year,cinc,milper"],
        "unga_ideal_points.csv": ["ccode,year,idealpointfp"],
        "democracy_state_year.csv": ["ccode,year,v2x_polyarchy"],
        "min_distance_spells.csv": ["ccode1,ccode2,year_from,year_to,mindist_km"],
        "states.csv": ["iso3,un_region"],
        "mid_gml_directed_dyad_year.csv": ["ccode1,ccode2,year,hostlev1,midonset,sidea1"],
        "accords.csv": ["accord_id,a,b,kind,stage,date"],
        "exercises_mme.csv": ["mmeid,start"],
        "exercises_mme_participants.csv": ["mmeid,iso3"],
    }
    democracies = ["USA", "GBR", "FRA", "KOR", "JPN", "IND"]
    for place, (iso3, cow) in enumerate(STATES.items()):
        for year in range(1989, 2009):
            files["nmc_state_year.csv"].append(f"{cow},{year},{0.02 + 0.01 * place},100")
            files["unga_ideal_points.csv"].append(f"{cow},{year},{0.3 * place - 1}")
            files["democracy_state_year.csv"].append(f"{cow},{year},{0.9 if iso3 in democracies else 0.2}")
        files["states.csv"].append(f"{iso3},{'East' if cow > 700 else 'West'}")
        files["min_distance_spells.csv"] += [
            f"{cow},{other},1900,2019,{rng.integers(0, 9000)}" for other in STATES.values() if other > cow
        ]
    for number in range(240):
        files["exercises_mme.csv"].append(f"m{number},{1990 + number % 19}-03-05")
        held = rng.choice(democracies if number % 5 else list(STATES), rng.integers(2, 4), replace=False)
        files["exercises_mme_participants.csv"] += [f"m{number},{iso3}" for iso3 in held]
    for year in range(1990, 2009, 2):
        actor, target = rng.choice([365, 710]), rng.choice([732, 740, 750, 770, 220])
        files["mid_gml_directed_dyad_year.csv"].append(f"{actor},{target},{year},4,1,1")
    pairs = (("USA", "GBR"), ("USA", "FRA"), ("JPN", "USA"), ("IND", "RUS"), ("CHN", "PAK"))
    files["accords.csv"] += [f"{a}-{b},{a},{b},defence_cooperation,signed,1992-03-01" for a, b in pairs]
    for name, lines in files.items():
        (path / name).write_text("\n".join(lines) + "\n")
    return path


def test_the_command_fits_and_forecasts(folder: Path) -> None:
    """Fitted to seven years before the last; democracy has a slope above 0, and the file holds what is said."""
    words = ("evidence", "fit", str(folder), "--exercises", "--first", "1990", "--last", "2008", "--json")
    with chdir(folder):
        done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["exercises"]["years"] == [1990, 2001] and found["out_of_time"]["years"] == [2002, 2008]
    assert found["slopes"]["democracy"]["estimate"] > 1 and list(found["slopes"]) == NAMES
    assert found["out_of_time"]["gain"] > 0 and found["out_of_time"]["found"] > 50
    record = load_exercises(folder, 1990, 2008)
    later = record.rows[record.rows["year"] > 2001]["exercises"].sum()
    assert found["out_of_time"]["found"] == later


def test_years_without_exercises_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        load_exercises(folder, 1950, 1960)
    with pytest.raises(DataError) as refused:
        load_exercises(tmp_path, 1990, 2008)
    assert refused.value.code == NO_FILE


def test_exercises_that_tell_nothing_of_a_covariate_are_refused() -> None:
    with pytest.raises(DataError):
        fit_exercises(invented(3).assign(democracy=0.5))

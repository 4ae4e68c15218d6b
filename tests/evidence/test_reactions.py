"""Reactions to force: effects taken out, elasticities, errors and hostility against other programs and by hand."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from balance_sim.evidence.data.errors import NO_FILE, DataError
from balance_sim.evidence.events.absorbed import Effects, indicator
from balance_sim.evidence.reactions import alarm as alarms
from balance_sim.evidence.reactions.elasticities import Elasticity, NullFit, _informative, fit, panel_of, pooled
from balance_sim.evidence.reactions.hostility import (
    calibration,
    fit_hostility,
    hostility_rows,
    model_calibration,
    out_of_time,
)
from balance_sim.evidence.reactions.measure import _placebo_shares, _rise
from balance_sim.evidence.reactions.record import (
    MEMORY_YEARS,
    RECORDS,
    Margin,
    ReactionRecord,
    _acts,
    load_reactions,
)
from balance_sim.evidence.reactions.report import hostility_record
from invented import invented as invented_history
from scipy import linalg

STATES, YEARS = 24, 18
REGION = np.arange(STATES) % 3


def invented(elasticity: float, seed: int, *, is_count: bool) -> tuple[Margin, np.ndarray]:
    """What 24 states in three regions do in 18 years, and how alarmed they are."""
    rng = np.random.default_rng(seed)
    alarm = rng.gamma(0.5, 0.6, (YEARS, STATES))
    mean = 1.2 + 0.5 * rng.normal(size=STATES) + 0.3 * rng.normal(size=(YEARS, 3))[:, REGION] + elasticity * alarm
    values = rng.poisson(np.exp(mean)).astype(float) if is_count else mean + 0.4 * rng.normal(size=mean.shape)
    return Margin(values, 1960, 1959 + YEARS, is_count), alarm


def panel(margin: Margin, *columns: np.ndarray):
    years = np.arange(1960, 1960 + YEARS)
    return panel_of(margin, list(columns), np.ones((YEARS, STATES), dtype=bool), years, REGION)


def dummies(groups) -> np.ndarray:
    """Independent columns of both groupings."""
    columns = np.column_stack([(group[:, None] == np.unique(group)).astype(float) for group in groups])
    _, triangle, order = linalg.qr(columns, mode="economic", pivoting=True)
    return columns[:, np.sort(order[: (np.abs(np.diag(triangle)) > 1e-9).sum()])]


def test_effects_are_taken_out_as_by_dummies() -> None:
    margin, alarm = invented(0.3, 1, is_count=False)
    rows = panel(margin, alarm)
    weights = np.random.default_rng(2).uniform(0.5, 2.0, len(rows.outcome))
    design = dummies(rows.groups)
    expected = sm.WLS(rows.outcome, design, weights=weights).fit().resid
    effects = Effects(weights, *map(indicator, rows.groups))
    np.testing.assert_allclose(effects.residuals(rows.outcome[:, None])[:, 0], expected, atol=1e-7)


@pytest.mark.parametrize("is_count", [True, False])
def test_an_elasticity_is_that_of_a_regression_with_dummies(is_count: bool) -> None:
    margin, alarm = invented(0.5, 3, is_count=is_count)
    rows = panel(margin, alarm)
    design = np.column_stack([rows.columns, dummies(rows.groups)])
    family = sm.families.Poisson() if is_count else sm.families.Gaussian()
    expected = sm.GLM(rows.outcome, design, family=family).fit().params[0]
    found = fit(rows, STATES)
    assert found.estimate[0] == pytest.approx(expected, abs=1e-6)
    assert NullFit(rows).one_step(alarm) == pytest.approx(found.estimate[0], abs=0.0 + 0.15 * is_count + 1e-9)


def test_errors_are_those_of_leaving_out_each_state() -> None:
    margin, alarm = invented(0.5, 4, is_count=False)
    found, without = fit(panel(margin, alarm), STATES), []
    for state in range(STATES):
        values = margin.values.copy()
        values[:, state] = np.nan
        without.append(fit(panel(Margin(values, margin.first, margin.last, False), alarm), STATES).estimate[0])
    apart = np.array(without) - found.estimate[0]
    assert found.error[0] == pytest.approx(np.sqrt((STATES - 1) / STATES * (apart**2).sum()), rel=1e-6)


def test_intervals_hold_the_truth_of_invented_records() -> None:
    """Forty records of few states: 95 % intervals hold it in 36 or more (p below 0.04 at 0.95), and are no wider than
    twice the spread of estimates. docs/decisions/0032-reactions.md has 200 on the shared record."""
    found = [fit(panel(*invented(0.4, seed, is_count=True)), STATES) for seed in range(40)]
    bounds = [(one.interval[0][0], one.interval[1][0]) for one in found]
    assert sum(low <= 0.4 <= high for low, high in bounds) >= 36
    spread = np.std([one.estimate[0] for one in found])
    assert np.mean([one.error[0] for one in found]) < 2 * spread


def test_rows_that_say_nothing_are_left_out() -> None:
    margin, alarm = invented(0.3, 5, is_count=True)
    margin.values[:, 7] = 0.0
    alarm[3, 2] = np.nan
    rows = panel(margin, alarm)
    assert 7 not in rows.state and not ((rows.year == 3) & (rows.state == 2)).any()


def elasticity(mean: float, error: float, place: int) -> Elasticity:
    influence = np.zeros((3, 1))
    influence[place] = error
    return Elasticity(np.array([mean]), influence, np.ones(10))


def test_margins_alike_are_pooled_by_precision() -> None:
    """0.4 (0.1) and 0.2 (0.2), apart: 0.36 (0.0894), Q 0.8 of 1: no spread, both drawn to the mean."""
    found = pooled([elasticity(0.4, 0.1, 0), elasticity(0.2, 0.2, 1)])
    assert (found.mean, found.error, found.q, found.spread) == pytest.approx((0.36, 0.0894427, 0.8, 0.0), abs=1e-6)
    assert found.estimates == pytest.approx([0.36, 0.36])


def test_margins_unlike_keep_part_of_what_is_their_own() -> None:
    """1.0 (0.1) and 0.0 (0.1): Q 50, tau^2 = 49 / 100 = 0.49; each keeps 0.49 / 0.5 of its distance from 0.5."""
    found = pooled([elasticity(1.0, 0.1, 0), elasticity(0.0, 0.1, 1)])
    assert found.spread == pytest.approx(0.7) and found.estimates == pytest.approx([0.99, 0.01])


def test_force_fades_and_the_last_use_counts() -> None:
    acts = np.zeros((MEMORY_YEARS + 4, 2, 2))
    acts[MEMORY_YEARS - 11, 0, 1] = acts[MEMORY_YEARS + 1, 0, 1] = 1
    found = alarms.recency(acts, half_life=10.0)[:, 0, 1]
    assert found == pytest.approx([0.5, 0.5 * 2**-0.1, 1.0, 2**-0.1])


def test_fear_spreads_by_the_likest_victim() -> None:
    """State 0 learns of 3 from 1, who is near, and not from 2; nobody learns of itself, and a victim not from itself."""
    like, recent = np.zeros((1, 4, 4)), np.zeros((1, 4, 4))
    like[0, 0, 1], like[0, 0, 2] = 0.8, 0.3
    recent[0, 1, 3], recent[0, 2, 3] = 0.5, 1.0
    found = alarms.spread(like, recent)[0]
    assert found[0, 3] == pytest.approx(0.4) and found.sum() == pytest.approx(0.4)


def test_a_logit_with_errors_by_dyad_is_that_of_another_program() -> None:
    rng = np.random.default_rng(6)
    dyad = np.repeat(np.arange(300), 6)
    columns = np.column_stack([np.ones(1800), rng.normal(size=(1800, 2))])
    chance = 1 / (1 + np.exp(-(columns @ [-1.5, 0.8, -0.4] + 0.5 * rng.normal(size=300)[dyad])))
    onset = (rng.uniform(size=1800) < chance).astype(float)
    rows = pd.DataFrame(columns, columns=["constant", "a", "b"]).assign(year=1950, dyad=dyad, onset=onset)
    found = fit_hostility(rows)
    other = sm.Logit(onset, columns).fit(disp=0, cov_type="cluster", cov_kwds={"groups": dyad, "use_correction": False})
    assert found.table["mean"].to_numpy() == pytest.approx(other.params, abs=1e-6)
    assert found.table["standard_error"].to_numpy() == pytest.approx(other.bse * np.sqrt(300 / 299), rel=1e-4)
    assert found.log_likelihood == pytest.approx(other.llf, abs=1e-6) and found.onsets == int(onset.sum())


def test_calibration_counts_by_bins() -> None:
    said, onset = np.array([0.001, 0.05, 0.05, 0.9]), np.array([0.0, 0.0, 1.0, 1.0])
    found = calibration(said, onset, 0.5)
    assert found["said"] == pytest.approx(1.001) and found["found"] == 2
    assert [(row["low"], row["n"], row["happened"]) for row in found["bins"]] == [
        (0.0, 1, 0),
        (0.03, 2, 1),
        (0.7, 1, 1),
    ]
    assert found["auc"] == pytest.approx((1 + 0.5 + 1 + 1) / 4)


@pytest.fixture(scope="module")
def uses() -> ReactionRecord:
    """Ten invented states in eight years: force of a few against others, more often in the last three years."""
    history = invented_history(10, 8)
    rng = np.random.default_rng(12)
    size = (MEMORY_YEARS + 8, 10, 10)
    late = np.arange(size[0])[:, None, None] >= MEMORY_YEARS + 5
    force = (rng.random(size) < np.where(late, 0.2, 0.05)) * ~np.eye(10, dtype=bool)
    onset = force * (rng.random(size) < 0.7)
    nobody = np.zeros(10, dtype=np.int64)
    return ReactionRecord(history, force.astype(float), onset.astype(float), onset.astype(float), {}, nobody, ())


def test_rows_of_hostility_are_of_the_actor_and_its_target(uses: ReactionRecord) -> None:
    """Sizes of both by name; what one learns from others' force counts as a quarrel's only where there is a quarrel."""
    rows, history = hostility_rows(uses), uses.history
    target, actor = divmod(rows["dyad"].to_numpy(), 10)
    year = rows["year"].to_numpy() - history.years[0]
    for name, who in (("actor's capability", actor), ("target's capability", target)):
        share = np.maximum(history.capability[year, who], 1e-5)
        np.testing.assert_allclose(rows[name], np.log(share / 0.01))
    assert (rows["onset"] == uses.onset[MEMORY_YEARS + year, target, actor]).all()
    has_quarrel = (rows["rivalry"] > 0) | (rows["claim"] > 0) | (rows["force"] > 0.05)
    assert (rows.loc[~has_quarrel, "quarrel"] == 0.0).all() and (rows.loc[has_quarrel, "quarrel"] > 0.0).any()
    assert not has_quarrel.all()


def test_the_document_of_hostility_holds_what_programs_rely_on(uses: ReactionRecord) -> None:
    rows, first = hostility_rows(uses), int(uses.history.years[0])
    rows = rows[["year", "dyad", "onset", "constant", "distance"]]
    found, later = fit_hostility(rows), out_of_time(rows, first + 4)
    in_use = calibration(np.full(len(rows), 0.2), rows["onset"].to_numpy(), 0.1)
    document = hostility_record(uses, found, later, in_use, {})
    assert [row["name"] for row in document["parameters"]] == ["constant", "distance"]
    assert document["parameters"][1]["estimate"] == pytest.approx(found.table["mean"]["distance"], rel=1e-5)
    assert document["ratio"] == pytest.approx(0.2 * len(rows) / rows["onset"].sum(), rel=1e-5)
    assert document["bins"] == [
        {"h": 0.2, "expected": pytest.approx(0.2 * len(rows)), "observed": int(rows["onset"].sum())}
    ]
    assert {"log_skill", "auc"} <= document["out_of_time"].keys()


def test_rates_that_are_known_before_are_those_of_the_years_before(uses: ReactionRecord) -> None:
    """Skill is over the rate of the years before, not over what turned out."""
    rows, first = hostility_rows(uses), int(uses.history.years[0])
    rows = rows[["year", "dyad", "onset", "constant", "distance"]]
    found = out_of_time(rows, first + 4)
    onset, years = rows["onset"].to_numpy(), rows["year"].to_numpy()
    later = onset[years > first + 4]
    fitted = fit_hostility(rows[years <= first + 4]).table["mean"].to_numpy()
    said = 1 / (1 + np.exp(-(rows[["constant", "distance"]].to_numpy()[years > first + 4] @ fitted)))
    assert found == calibration(said, later, float(onset[years <= first + 4].mean()))
    assert onset[years <= first + 4].mean() < 0.5 * later.mean()


def test_the_rate_known_before_is_that_of_states_that_exist(uses: ReactionRecord) -> None:
    """Four of ten states join in the sixth year: before it force is more frequent than over all cells, which shows
    another skill."""
    history = uses.history
    late = np.arange(8)[:, None] < 5
    leave = np.where(late & (np.arange(10) >= 6), history.entry, history.leave)
    joined = replace(history, leave=leave)
    dyads = alarms.existing(joined)
    onset = uses.onset.copy()
    onset[MEMORY_YEARS:][~dyads] = 0.0
    uses = replace(uses, history=joined, onset=onset)
    assert dyads[0].sum() == 6 * 5
    hostility = np.clip(alarms.AlarmModel(uses).hostility_of_all()[5:][dyads[5:]], 1e-6, 1 - 1e-6)
    onset = uses.onset[MEMORY_YEARS:]
    expected = calibration(hostility, onset[5:][dyads[5:]], float(onset[:5][dyads[:5]].mean()))
    assert model_calibration(uses, int(history.years[0]) + 5) == expected
    of_all_cells = calibration(hostility, onset[5:][dyads[5:]], float(onset[:5].mean()))
    assert of_all_cells["log_skill"] > expected["log_skill"] + 0.02


def test_a_folder_without_disputes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refused:
        load_reactions(tmp_path)
    assert refused.value.code == NO_FILE


def entries(rows: list[tuple[int, int, int]], tmp_path: Path) -> pd.DataFrame:
    """What is read of memberships: treaty, member and year."""
    blank = "atopid,member,yrent,yrexit,defense,offense,neutral,nonagg,consul\n"
    path = tmp_path / "atop_members.csv"
    path.write_text(blank + "".join(f"{treaty},{member},{year},0,1,0,0,0,0\n" for treaty, member, year in rows))
    return RECORDS["alliances"].of(tmp_path).frame.set_index("cow")


def test_who_enters_after_five_others_accedes(tmp_path: Path) -> None:
    """Five founders; the sixth of a later year accedes, and so do two of one day after it; in a pact of four nobody,
    nor of six founders."""
    many = [(1, member, 1949) for member in (2, 20, 200, 210, 220)] + [(1, 255, 1955), (1, 350, 1960), (1, 640, 1960)]
    many += [(3, member, 1948) for member in (90, 91, 92, 93, 94, 95)]
    few = [(2, 710, 1950), (2, 731, 1951), (2, 732, 1952), (2, 740, 1953)]
    found = entries([*many, *few], tmp_path)["accession"]
    assert sorted(found.index[found]) == [255, 350, 640] and len(found) == 18


def test_who_is_attacked_learns_nothing_beyond_the_attack() -> None:
    """What others learn of the actor is their likeness to the victim times how recent the act is."""
    likeness, recent = np.full((1, 3, 3), 0.4), np.zeros((1, 3, 3))
    recent[0, 0, 1] = 0.5
    learned = alarms.spread(likeness, recent)
    assert learned[0, 2, 1] == pytest.approx(0.2) and learned[0, 0, 1] == 0.0
    assert np.count_nonzero(learned) == 2  # the actor itself, which is masked where it is used


def test_distance_is_relative_to_the_attackers_own_mean() -> None:
    """Of ideal points 0, 1 and 3 the column's mean distance: 2, 1.5 and 2.5."""
    history = SimpleNamespace(ideal=np.array([[0.0, 1.0, 3.0]]), present=np.ones((1, 3), dtype=bool))
    distance = alarms.relative_distance(history)[0]
    assert distance[0, 2] == pytest.approx(3.0 - 2.5) and distance[2, 0] == pytest.approx(3.0 - 2.0)


def test_a_rise_is_that_of_the_last_year_before() -> None:
    alarm = np.array([[0.0], [1.0], [3.0], [6.0]])
    np.testing.assert_array_equal(_rise(alarm, 1)[:, 0], [1.0, 2.0, 3.0, np.nan])
    np.testing.assert_array_equal(_rise(alarm, 2)[:, 0], [2.0, 3.0, np.nan, np.nan])


class AlarmAtForce:
    """States are as alarmed as force was used against them in the year."""

    def of_others(self, began: np.ndarray) -> np.ndarray:
        return began[MEMORY_YEARS:].sum(axis=2)


def test_the_record_is_one_of_its_own_placebos() -> None:
    """Nine sets and a reaction that none of them has: one in ten, not none; of a margin that never reacts all."""
    began = np.random.default_rng(8).random((MEMORY_YEARS + YEARS, STATES, STATES)) < 0.02
    began = (began & ~np.eye(STATES, dtype=bool)).astype(float)
    alarm = AlarmAtForce().of_others(began)
    margins = {
        name: Margin(sign * alarm + 1e-3 * np.arange(STATES), 1960, 1959 + YEARS, is_count=False)
        for name, sign in (("reacts", 1.0), ("recoils", -1.0))
    }
    years, present = np.arange(1960, 1960 + YEARS), np.ones((YEARS, STATES), dtype=bool)
    history = SimpleNamespace(years=years, present=present, iso3=tuple(map(str, range(STATES))))
    record = SimpleNamespace(began=began, history=history, margins=margins, region=REGION)
    done: list[tuple[int, int]] = []
    shares = _placebo_shares(record, AlarmAtForce(), 9, 1, lambda *told: done.append(told))
    assert shares["reacts"].tolist() == [0.1, 0.1] and shares["recoils"].tolist() == [1.0, 1.0]
    assert done == [(count, 9) for count in range(1, 10)]
    assert np.isnan(_placebo_shares(record, AlarmAtForce(), 0, 1, lambda *told: done.append(told))["reacts"]).all()


def test_the_column_acts_against_the_row() -> None:
    history = SimpleNamespace(years=np.array([1990, 1991]), iso3=("AAA", "BBB"))
    frame = pd.DataFrame({"year": [1991], "target": ["AAA"], "actor": ["BBB"]})
    acts = _acts(frame, pd.Series({"AAA": 0, "BBB": 1}), history)
    assert np.argwhere(acts).tolist() == [[MEMORY_YEARS + 1, 0, 1]]


def test_a_state_of_one_year_tells_nothing() -> None:
    """Its only row is its mean."""
    states, years = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 1])
    kept = _informative(np.array([1.0, 2.0, 1.0, 3.0, 5.0]), (states, years), is_count=False)
    assert kept.tolist() == [True, True, True, True, False]

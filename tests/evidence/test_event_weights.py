"""How much events weigh: estimator against dense solutions, the model's equations, recovery, words under a null."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.events.absorbed import Effects, EventPanel, _weigh, clustered, fit_shares, one_step
from balance_sim.evidence.events.exposure import act_sets, aimed, aims, remaining, shown, year_edges
from balance_sim.evidence.events.measurement import (
    Column,
    EventEstimate,
    Exposures,
    _estimates,
    groups_of,
    informative_study,
    measure,
    permuted_z,
)
from balance_sim.model.beliefs import decay
from event_weights import invented_study, summary

TRUTH = {"intent": 1.0, "alignment": 1.0, "incident": 1.0}


def small(seed: int = 3, states: int = 7, years: int = 5):  # type: ignore[no-untyped-def]
    """A small study on the rows that say anything."""
    return informative_study(invented_study(seed, TRUTH, states=states, years=years))


def dense(panel) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Indicators of all effects, written out."""
    return np.column_stack([np.eye(int(panel.dyad.max()) + 1)[panel.dyad], panel.sides.toarray()])


def test_effects_are_taken_out_as_by_a_dense_regression() -> None:
    panel = small().panel
    rng = np.random.default_rng(0)
    weights, columns = rng.uniform(0.2, 3.0, panel.size), rng.normal(size=(panel.size, 3))
    design, root = dense(panel), np.sqrt(weights)[:, None]
    expected = columns - design @ np.linalg.lstsq(design * root, columns * root, rcond=None)[0]
    assert np.abs(Effects(weights, *panel.groups()).residuals(columns) - expected).max() < 1e-5


def test_shares_are_fitted_as_by_dense_iterated_weights() -> None:
    study = small()
    panel, column = study.panel, study.rows(study.rivals * np.arange(1, 6)[:, None, None])[:, None]
    found = fit_shares(panel, column, rho=0.1)
    design = np.column_stack([column, dense(panel)])
    scale = panel.count / (1 + (panel.count - 1) * 0.1)
    predictor = np.log((panel.conflict + 0.5) / (panel.count - panel.conflict + 0.5))
    for _ in range(60):
        mean = 1 / (1 + np.exp(-predictor))
        root = np.sqrt(scale * mean * (1 - mean))
        working = predictor + (panel.conflict / panel.count - mean) / (mean * (1 - mean))
        slopes = np.linalg.lstsq(design * root[:, None], working * root, rcond=1e-12)[0]
        predictor = np.clip(design @ slopes, -12, 12)
    assert found.estimate[0] == pytest.approx(slopes[0], abs=1e-4)


@pytest.mark.parametrize(("rho", "worth"), [(0.0, [1, 4, 10]), (1.0, [1, 1, 1]), (0.5, [1, 4 / 2.5, 10 / 5.5])])
def test_what_so_many_acts_of_a_dyad_are_worth(rho: float, worth: list[float]) -> None:
    """Of the beta-binomial: alone one act is one whatever rho is, without correlation n are n, all alike they are one."""
    count, nobody = np.array([1.0, 4.0, 10.0]), np.arange(3)
    panel = EventPanel(count / 2, count, nobody, nobody, nobody, 3)
    working, weights, loss = _weigh(panel, rho, np.zeros(3))
    assert weights == pytest.approx(np.array(worth) / 4) and working == pytest.approx(np.zeros(3))
    assert loss == pytest.approx(np.sum(worth) * np.log(2.0))


def test_two_way_clusters_are_the_sum_less_the_intersection() -> None:
    """Cameron, Gelbach, Miller 2011, eq. 2.11, each part with its factor, by loops."""
    panel = small().panel
    scores = np.random.default_rng(2).normal(size=(panel.size, 2))

    def part(keys: list[object]) -> np.ndarray:
        groups: dict[object, np.ndarray] = {}
        for key, row in zip(keys, scores, strict=True):
            groups[key] = groups.get(key, 0) + row
        return sum(np.outer(s, s) for s in groups.values()) * len(groups) / (len(groups) - 1)

    dyads, events = panel.pair.tolist(), panel.event.tolist()
    expected = part(dyads) + part(events) - part(list(zip(dyads, events, strict=True)))
    assert np.linalg.eigvalsh(expected).min() > 0
    assert clustered(panel, scores) == pytest.approx(expected)


def test_one_step_agrees_with_the_fit() -> None:
    """Near no effect the score's z is the Wald z."""
    study = informative_study(invented_study(5, {}, states=20, years=6))
    exposures, columns = Exposures(study), groups_of(study.acts)
    nats = study.rows(study.quarrel)[:, None]
    null = fit_shares(study.panel, nats)
    evidence = exposures.columns(columns)[:, :1]
    full = fit_shares(study.panel, np.column_stack([evidence, nats]), rho=null.rho)
    z = one_step(null, evidence)[0]
    assert z == pytest.approx(full.estimate[0] / full.errors[0], abs=0.1)


def test_what_remains_is_the_mean_of_the_models_decay() -> None:
    edges = year_edges(2000, 2002)
    dates = np.array([edges[0] + 100.0, edges[0] - 400.0])
    left = remaining(dates, edges, np.array([180.0, 730.0]))
    for t in range(3):
        days = np.linspace(edges[t], edges[t + 1], 200_001)
        for act, half_life in enumerate((180.0, 730.0)):
            assert left[act, t] == pytest.approx(float(decay(days - dates[act], half_life).mean()), abs=1e-4)


def by_hand(*rows: tuple[object, ...]):  # type: ignore[no-untyped-def]
    frame = pd.DataFrame(list(rows), columns=["day", "kind", "principals", "guests", "targets", "told"])
    frame["day"] = pd.to_datetime(frame["day"])
    return act_sets(frame, pd.Series({10 * k: k for k in range(6)}), 6)


def test_whom_an_act_shows_and_at_whom_it_is_aimed() -> None:
    """States 0..5. 4 is a rival of 1 and of 0, 5 of 2. An exercise of 0 and 1 with guest 2."""
    rivals = np.zeros((1, 6, 6))
    for a, b in ((4, 1), (4, 0), (5, 2)):
        rivals[0, a, b] = rivals[0, b, a] = 1.0
    acts = by_hand(("2000-01-01", "exercise", (0, 10), (20,), (), False))
    together = shown(acts, np.ones((1, 1)))[0]
    assert {tuple(map(int, dyad)) for dyad in np.argwhere(np.triu(together))} == {(0, 1), (0, 2), (1, 2)}
    assert set(np.unique(together)) == {0.0, 1.0}
    intent = aimed(aims(acts, rivals), np.ones((1, 1)))[0]
    # 4 thinks worse of 0 because of 1, of 1 because of 0; 5 of both because of 2; guests are no principals.
    assert {tuple(map(int, dyad)) for dyad in np.argwhere(intent)} == {(4, 0), (4, 1), (5, 0), (5, 1)}
    rivals[0, 4, 1] = rivals[0, 1, 4] = (
        0.0  # then 0 is the only rival of 4 here: its acts with others are none of i's rivals'
    )
    assert np.argwhere(aimed(aims(acts, rivals), np.ones((1, 1)))[0])[:2].tolist() == [[4, 1], [5, 0]]
    told = by_hand(("2000-01-01", "incident", (0,), (), (30,), True))
    assert np.argwhere(aimed(aims(told, rivals), np.ones((1, 1)))[0]).tolist() == [[3, 0]]


def test_who_takes_part_is_no_target_and_a_target_is_shown_with_nobody() -> None:
    """0 and 1 meet with guest 2, a rival of 0. By the rule nobody who takes part is aimed at; 4, a rival of 0 too, thinks
    worse of 1. Told to be a target, 2 is shown with nobody."""
    rivals = np.zeros((1, 6, 6))
    for a, b in ((2, 0), (4, 0)):
        rivals[0, a, b] = rivals[0, b, a] = 1.0
    met = by_hand(("2000-01-01", "visit", (0, 10), (20,), (), False))
    assert np.argwhere(aimed(aims(met, rivals), np.ones((1, 1)))[0]).tolist() == [[4, 1]]
    told = by_hand(("2000-01-01", "visit", (0, 10), (20,), (20,), True))
    assert np.argwhere(np.triu(shown(told, np.ones((1, 1)))[0])).tolist() == [[0, 1]]


def test_what_a_permutation_leaves_as_it_was() -> None:
    """Of dates: days outside of the years, and the rhythm of a set. Of participants: how many there are, who is told to be
    aimed at, unless it acts itself, and who never acts."""
    edges = year_edges(2000, 2003)
    acts = by_hand(
        ("1999-05-01", "visit", (0, 10), (20,), (), False), ("2000-03-01", "visit", (0, 10), (20,), (), False),
        ("2000-03-31", "visit", (0, 10), (20,), (), False), ("2001-02-01", "incident", (0,), (), (10, 30), True),
        ("2001-02-01", "incident", (20,), (), (0, 30), True),
    )  # fmt: skip
    span = edges[-1] - edges[0]
    for seed in range(20):
        dates = acts.shifted(np.random.default_rng(seed), edges[0], edges[-1]).date
        assert dates[0] == acts.date[0] and (dates[1:] >= edges[0]).all() and (dates[1:] < edges[-1]).all()
        assert (dates[2] - dates[1]) % span == 30.0 and not np.array_equal(dates, acts.date)
        other = acts.relabelled(np.random.default_rng(seed))
        assert (other.principals.sum(axis=1) == acts.principals.sum(axis=1)).all()
        assert not other.principals[:, 3:].any() and not (other.principals * other.targets).any()
        assert (other.targets <= acts.targets).all() and other.targets[1:, 3].all()


def test_acts_to_come_and_acts_long_past() -> None:
    acts = by_hand(("2001-07-01", "visit", (0, 10), (), (), False))
    edges, half = year_edges(2000, 2003), {"visit": 120.0}
    assert acts.series(edges, half)[0].round(3).tolist()[0] == 0.0
    assert (acts.series(edges, half)[0] > 0).tolist() == [False, True, True, True]
    assert (acts.series(edges, half, "before")[0] > 0).tolist() == [False, False, True, True]
    assert (acts.series(edges, half, "lead")[0] > 0).tolist() == [True, False, False, False]
    assert (acts.series(edges, half, "stale")[0] > 0).tolist() == [False, False, False, True]  # 600 days later
    assert acts.series(edges, half, "lead")[0, 0] == pytest.approx(
        acts.series(edges, half)[0, 2], rel=0.05
    )  # a mirror image


def estimate(**given: float) -> EventEstimate:
    plain = {"estimate": 1.0, "error": 0.2, "lead_z": 0.0, "stale_z": 0.0, "dates_p": 0.01, "participants_p": 0.01}
    return EventEstimate(
        Column("intent", "intent", ("visit",)),
        0.3,
        **(plain | given),
        z=5.0,
        spread=(1.0, 1.0),
        declared_end=2.5,
        rows=9,
    )


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({}, "measured"),
        ({"lead_z": -2.0}, "not told"),
        ({"stale_z": 2.0}, "not told"),
        ({"dates_p": 0.06}, "bounded"),
        ({"participants_p": 0.06}, "bounded"),
        ({"estimate": 0.3}, "bounded"),
        ({"estimate": -0.1}, "bounded"),
        ({"estimate": -1.0}, "not told"),
        ({"estimate": 0.3, "error": 2.0}, "not told"),
        ({"estimate": 3.0}, "measured"),
    ],
)
def test_the_word_of_an_estimate(given: dict[str, float], word: str) -> None:
    assert estimate(**given).word == word


def test_evidence_of_intent_is_of_the_acts_own_year_and_all_other_evidence_of_earlier_acts() -> None:
    """Acts of the third year alone. Alignment shown is a reason against conflict, an aim one for it."""
    study = small(4, states=12)
    late = study.acts.only(np.arange(len(study.acts.kind)) < 40)
    late = replace(late, date=np.full(len(late.date), study.edges[2] + 100.0))
    found = Exposures(study).columns(groups_of(study.acts)[:2], acts=late)
    intent, alignment = (np.array([column[study.panel.period == t].sum() for t in range(5)]) for column in found.T)
    assert (found[:, 0] >= 0.0).all() and (found[:, 1] <= 0.0).all()
    assert (intent[:2] == 0.0).all() and (intent[2:] > 0.0).all()
    assert (alignment[:3] == 0.0).all() and (alignment[3:] < 0.0).all()


def test_an_estimate_has_the_error_of_its_scale_and_stands_among_its_permutations() -> None:
    """Errors of slope are those of a ratio: (estimate x error of the slope / slope)^2 more. Four permutations with a z of 1
    beside one of 2, and one of 0.5: one fifth, and all five."""
    study, columns = small(5), groups_of(small(5).acts)[:1]
    permuted = np.ones((2, 4, 1))
    wide, narrow = (
        _estimates(Exposures(study), columns, 0.05, (0.8, error), np.array([z]), permuted)[0][0]
        for error, z in ((0.3, 2.0), (0.0, 0.5))
    )
    assert wide.estimate == narrow.estimate == narrow.coefficient / 0.8
    assert wide.error**2 - narrow.error**2 == pytest.approx((wide.estimate * 0.3 / 0.8) ** 2)
    assert (wide.dates_p, wide.participants_p, narrow.dates_p, narrow.participants_p) == (0.2, 0.2, 1.0, 1.0)


def test_permuted_dates_come_first_and_permuted_participants_second() -> None:
    study = small(6)
    exposures, columns = Exposures(study), groups_of(study.acts)
    null = fit_shares(study.panel, study.rows(study.quarrel)[:, None])
    z = permuted_z(exposures, columns, null, 2, 9, lambda done, wanted: None)
    for number in range(2):
        moved = study.acts.shifted(np.random.default_rng([9, 0, number]), *study.window)
        others = study.acts.relabelled(np.random.default_rng([9, 1, number]))
        for which, acts in enumerate((moved, others)):
            assert z[which, number] == pytest.approx(one_step(null, exposures.columns(columns, acts=acts)))


def test_known_weights_are_found() -> None:
    found = {one.column.name: one for one in measure(invented_study(1, TRUTH), 20).pooled}
    for name in ("intent", "alignment"):
        assert found[name].word == "measured"
        assert found[name].interval[0] < 1.0 < found[name].interval[1]
    assert found["incident"].word == "not told"  # too few of them: 2.6 is its standard error
    assert found["incident"].detectable > found["incident"].declared_end


def test_weights_that_are_not_there_are_not_found() -> None:
    found = measure(invented_study(1001, {}), 20)
    assert "measured" not in {one.word for one in found.pooled}
    assert found.pooled[0].word == "bounded"  # by less than the declared range: there is power


def test_stale_acts_alone_are_no_measurement() -> None:
    """A dyad whose conflict follows acts five half-lives old has another cause: the word must not be `measured`."""
    study = invented_study(7, {}, states=24, years=8)
    exposures, columns = Exposures(study), groups_of(study.acts)
    old = exposures.columns(columns, "stale")[:, 0]
    panel, rng = study.panel, np.random.default_rng(7)
    mean = 1 / (1 + np.exp(1.3 - 0.6 * study.rows(study.quarrel) - 1.5 * old))
    found = measure(replace(study, panel=replace(panel, conflict=rng.binomial(panel.count.astype(int), mean) * 1.0)), 0)
    assert abs(found.pooled[0].stale_z) > 3
    assert found.pooled[0].word == "not told"


@pytest.mark.long
def test_recovery_and_rates_over_many_sets() -> None:
    """Coverage of the 95 % CI, and how often `measured` is said where there is nothing. With a coverage of 95 % fewer
    than 34 of 40 have the probability 0.003."""
    sets = 40
    known = [measure(invented_study(2000 + s, TRUTH), 39, seed=s) for s in range(sets)]
    none = [measure(invented_study(4000 + s, {}), 39, seed=s) for s in range(sets)]
    print("\n".join([*summary(known, TRUTH), *summary(none, {})]))
    for g in range(3):
        assert sum(one.pooled[g].interval[0] < 1 < one.pooled[g].interval[1] for one in known) >= 34
        assert Counter(one.pooled[g].word for one in none)["measured"] <= 0.06 * sets


def test_a_column_that_does_not_change_within_dyads_is_no_column() -> None:
    """Effects of dyads take it out whole; what rounding leaves must not become an estimate."""
    study = small(11, states=14)
    assert (
        not Effects(np.ones(study.panel.size), *study.panel.groups())
        .residuals(study.rows(study.quarrel)[:, None])
        .any()
    )
    found = measure(study, 0)
    assert np.isnan(found.slope_within).all()
    assert all(abs(one.estimate) < 10 for one in found.pooled[:2])

"""Likelihoods and scores on a few rows, with numbers worked out by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from balance_sim.evidence import scores as score
from balance_sim.evidence.estimation.choices import Choices
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    by_row,
    clustered,
    derivatives,
    log_likelihood,
    opportunities,
    pulls,
    scores_by,
)
from balance_sim.evidence.forecast import score as forecast_score
from balance_sim.stats.intervals import t_quantile
from placebo import column_score

# --- two-sided consent: two rows, two kinds, three states ----------------------------------------------------


def sigma(u: float) -> float:
    return 1 / (1 + math.exp(-u))


RECORD = Choices(
    year=np.array([2000, 2001]),
    a=np.array([0, 0]),
    b=np.array([1, 2]),
    exposure=np.array([1.0, 0.5]),
    openness=np.array([1.0, 0.2]),
    signed=np.array([[1.0, 0.0], [0.0, 0.0]]),
    terms={
        "security_gain": np.array([[[1.0, 2.0], [0.0, 1.0]], [[-1.0, 0.0], [1.0, -1.0]]]),
        "size": np.array([[1.0, -1.0], [2.0, 0.0]]),
    },
    kinds=("logistics", "pact"),
    ceiling=np.array([2.0, 4.0]),
    chance_kept=np.array([0.9, 0.8]),
    states=("XAA", "XBB", "XCC"),
)
DESIGN = ConsentDesign(RECORD, True, (2001,))
# weight, weight by kind, two intercepts, three propensities, the level of 2001
AT = np.array([0.5, 0.3, 0.1, -0.2, 0.4, -0.1, 0.2, 0.25])
# Row 0, year 2000: A towards B 0.5 + 0.3 + 0.1 + 0.4 = 1.3 and 0.5 + 0.6 - 0.2 + 0.4 = 1.3; B towards A
# -0.5 + 0 + 0.1 - 0.1 = -0.5 and -0.5 + 0.3 - 0.2 - 0.1 = -0.5. Row 1, 2001: A 1 - 0.3 + 0.1 + 0.4 + 0.25 = 1.45
# and 1 + 0 - 0.2 + 0.4 + 0.25 = 1.45; C 0 + 0.3 + 0.1 + 0.2 + 0.25 = 0.85 and 0 - 0.3 - 0.2 + 0.2 + 0.25 = -0.05.
U = np.array([[1.3, 1.3], [1.45, 1.45]])
V = np.array([[-0.5, -0.5], [0.85, -0.05]])
RATE = [
    [1.8 * sigma(1.3) * sigma(-0.5), 3.2 * sigma(1.3) * sigma(-0.5)],
    [0.1 * 1.8 * sigma(1.45) * sigma(0.85), 0.1 * 3.2 * sigma(1.45) * sigma(-0.05)],
]


def test_willingness_of_both_sides() -> None:
    assert DESIGN.names[:2] == ("size", "security_gain"), "common terms first, whatever the order given"
    u, v = DESIGN.willingness(AT)
    np.testing.assert_allclose(u, U, rtol=1e-12)
    np.testing.assert_allclose(v, V, rtol=1e-12)


def test_the_likelihood_of_two_rows() -> None:
    """ln(1 - e^-r) of the kind that was signed, -r of the three that were not."""
    first = math.log(1 - math.exp(-RATE[0][0])) - RATE[0][1]
    assert by_row(DESIGN, AT) == pytest.approx([first, -RATE[1][0] - RATE[1][1]], rel=1e-12)
    assert log_likelihood(DESIGN, AT) == pytest.approx(first - sum(RATE[1]), rel=1e-12)
    assert opportunities(DESIGN, AT) == pytest.approx([1 - math.exp(-sum(row)) for row in RATE], rel=1e-12)


def test_first_and_second_derivatives_by_ln_r() -> None:
    """Signed: r / (e^r - 1), and that times 1 - r less itself. Not signed: -r and -r."""
    value, first, second, s, t = pulls(DESIGN, AT)
    r = RATE[0][0]
    pull = r / (math.exp(r) - 1)
    assert first[0].tolist() == pytest.approx([pull, -RATE[0][1]])
    assert second[0].tolist() == pytest.approx([pull * (1 - r - pull), -RATE[0][1]])
    assert value[1].tolist() == pytest.approx([-RATE[1][0], -RATE[1][1]])
    np.testing.assert_allclose(s, 1 - np.vectorize(sigma)(U))
    np.testing.assert_allclose(t, 1 - np.vectorize(sigma)(V))


def test_the_score_of_each_row() -> None:
    """For each kind its derivative by ln r times 1 - sigma of the side and the side's own column."""
    pull = np.array([[RATE[0][0] / (math.exp(RATE[0][0]) - 1), -RATE[0][1]], [-RATE[1][0], -RATE[1][1]]])
    a, b = pull * (1 - np.vectorize(sigma)(U)), pull * (1 - np.vectorize(sigma)(V))
    weight = [a[0].sum() - b[0].sum(), 2 * a[1].sum()]
    gain = [a[0, 0] + 2 * a[0, 1] + b[0, 1], -a[1, 0] + b[1, 0] - b[1, 1]]
    wanted = np.array(
        [
            [weight[0], gain[0], a[0, 0] + b[0, 0], a[0, 1] + b[0, 1], a[0].sum(), b[0].sum(), 0, 0],
            [weight[1], gain[1], *(a[1] + b[1]), a[1].sum(), 0, b[1].sum(), a[1].sum() + b[1].sum()],
        ]
    )  # fmt: skip
    np.testing.assert_allclose(scores_by(DESIGN, AT, np.arange(2)), wanted, rtol=1e-10)
    np.testing.assert_allclose(derivatives(DESIGN, AT)[1], wanted.sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(scores_by(DESIGN, AT, np.array([7, 3])), wanted[::-1], rtol=1e-10)
    np.testing.assert_allclose(scores_by(DESIGN, AT, np.array([3, 3])), wanted.sum(axis=0)[None], rtol=1e-10)


def test_clustered_covariance_of_two_clusters() -> None:
    """A^-1 ((g g' + h h') times 2 / 1, and the precision of the prior) A^-1."""
    pull, covariance = scores_by(DESIGN, AT, np.arange(2)), 1e6 * np.diag(np.arange(1.0, 9.0))
    penalty = np.array([0.5, *6 * [0.0], 3.0])
    found = clustered(DESIGN, AT, np.array([0, 1]), covariance, penalty)
    between = 2 * (np.outer(pull[0], pull[0]) + np.outer(pull[1], pull[1]))
    wanted = covariance @ (between + np.diag(penalty)) @ covariance
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    least = clustered(DESIGN, AT, np.array([0, 1]), covariance / 1e12, penalty)
    np.testing.assert_allclose(np.diag(least), np.diag(covariance) / 1e12, rtol=1e-12)


def test_a_term_divided_by_its_scale_times_its_weight_is_the_same() -> None:
    scaled = ConsentDesign(RECORD, True, (2001,), scale=np.array([4.0, 0.5]))
    again = AT * np.array([4.0, 0.5, 1, 1, 1, 1, 1, 1])
    assert log_likelihood(scaled, again) == pytest.approx(log_likelihood(DESIGN, AT), rel=1e-13)
    assert scaled.names == ("size", "security_gain", "intercept.logistics", "intercept.pact")
    assert (scaled.size, scaled.fixed) == (8, 4)
    assert [part.stop for part in scaled.parts] == [1, 2, 4, 7, 8]
    bare = ConsentDesign(RECORD, propensities=False)
    assert (bare.size, [part.stop for part in bare.parts]) == (4, [1, 2, 4, 4, 4])
    u, v = bare.willingness(AT[:4])
    np.testing.assert_allclose(u, U - np.array([[0.4], [0.65]]))
    np.testing.assert_allclose(v, V - np.array([[-0.1], [0.45]]))


def test_one_more_column_is_that_of_a_wider_design() -> None:
    """Its slope, its curve and its curve against the others, beside the derivatives of a design that has it."""
    column = np.array([[0.7, -0.4], [1.1, 0.3]])
    wider = replace(RECORD, terms={"size": RECORD.terms["size"], "more": column, **RECORD.terms})
    design = ConsentDesign(wider, True, (2001,))
    _, slope, curve = derivatives(design, np.insert(AT, 1, 0.0))
    found = column_score(DESIGN, AT, column)
    assert found[0] == pytest.approx(slope[1], rel=1e-12)
    assert found[1] == pytest.approx(curve[1, 1], rel=1e-12)
    np.testing.assert_allclose(found[2], np.delete(curve[1], 1), rtol=1e-10)
    np.testing.assert_allclose(found[3], scores_by(design, np.insert(AT, 1, 0.0), np.arange(2))[:, 1], rtol=1e-10)


# --- scores --------------------------------------------------------------------------------------------------


def test_ranking_with_weights_by_hand() -> None:
    """0.9 hit (weight 1), 0.5 miss (2) and hit (3) tied, 0.1 miss (1). AUC: of 4 x 3 weighted pairs the first hit is
    above all misses, 3; the second above the last, 3, and even with the tied, 6 / 2: (3 + 3 + 3) / 12 = 0.75.
    Average precision: 1/4 x 1 + 3/4 x 4/6 = 0.75."""
    ranking = score.Ranking(np.array([0.5, 0.1, 0.9, 0.5]), np.array([0.0, 0.0, 1.0, 1.0]))
    weight = np.array([2.0, 1.0, 1.0, 3.0])
    assert ranking.auc(weight) == pytest.approx(0.75)
    assert ranking.average_precision(weight) == pytest.approx(0.75)


def test_slopes_of_rankings_are_what_a_little_weight_changes() -> None:
    """Central differences, with ties and weights; all rows weighed more changes nothing."""
    rng = np.random.default_rng(0)
    p = np.round(rng.random(60), 1)
    y = (rng.random(60) < p).astype(float)
    weight, ranking = rng.random(60) + 0.5, score.Ranking(p, y)
    for value, slope in (
        (ranking.auc, ranking.auc_slope),
        (ranking.average_precision, ranking.average_precision_slope),
    ):
        steps = np.eye(60) * 1e-6
        changes = [(value(weight + step) - value(weight - step)) / 2e-6 for step in steps]
        assert slope(weight) == pytest.approx(changes, abs=1e-8)
        assert weight @ slope(weight) == pytest.approx(0.0, abs=1e-12)


def test_dyads_that_share_a_state_vary_together() -> None:
    """Of four states: 01 and 02 share 0; 23 shares 2 with 02. Pairs of rows that meet, each twice, and squares:
    1 + 4 + 9 + 2 (1 x 2) + 2 (2 x -3) = 6 is less than 14, which is what holds where none meet."""
    states = np.array([[0, 1], [0, 2], [2, 3]])
    alike = np.array([1.0, 2.0, 3.0])
    assert score.Dyads(states).error(np.array([1.0, 2.0, -3.0])) == pytest.approx(math.sqrt(14))
    assert score.Dyads(states).error(alike) == pytest.approx(math.sqrt(14 + 4 + 12))
    assert score.Dyads(states[:, ::-1]).error(alike) == pytest.approx(math.sqrt(30))
    twice = np.concatenate([states, states[:, ::-1]])  # two rows of a dyad are one
    halves = np.array([0.5, 1.0, 1.0, 0.5, 1.0, 2.0])
    assert score.Dyads(twice).error(halves) == pytest.approx(math.sqrt(30))


def test_no_interval_where_fewer_than_eight_carry_it() -> None:
    """Of dyads 0-1, 2-3 and so on as many sign as do not."""

    def ends(events: int) -> list[float]:
        y = np.repeat([1.0, 0.0], events)
        states = np.arange(4 * events).reshape(-1, 2)
        forecasts = {"model": 0.2 + 0.5 * y, "base_rate": np.full(2 * events, 0.5)}
        scores = forecast_score.score_forecasts(forecasts, y, states, np.arange(2 * events) % 3)
        assert scores["base_rate"]["log_skill_ci95"] == [0.0, 0.0]
        return [*scores["model"]["log_skill_ci95"], *scores["model"]["log_skill_ci95_years"]]

    assert np.isnan(ends(7)).all() and np.isfinite(ends(8)).all()


def test_intervals_go_by_states_where_fewer_of_them_sign_than_dyads() -> None:
    """All ten dyads of five states sign, twelve of 24 others do not: Student's t of four degrees of freedom. What would be
    seen 8 times in 10 is 2.8 errors of the same skill."""
    states = np.concatenate([np.column_stack(np.triu_indices(5, 1)), np.arange(5, 29).reshape(-1, 2)])
    y = np.repeat([1.0, 0.0], [10, 12])
    p = np.clip(0.3 + 0.3 * y + 0.1 * np.sin(np.arange(22)), 0, 1)
    model = forecast_score.score_forecasts({"model": p, "base_rate": np.full(22, 0.4)}, y, states)["model"]
    low, high = model["log_skill_ci95"]
    assert (high - low) / 2 == pytest.approx(t_quantile(0.95, 4) * model["log_skill_se"])
    assert model["minimum_detectable_log_skill"] == pytest.approx(2.8 * model["log_skill_se"])
    assert model["log_skill_se"] != pytest.approx(model["brier_skill_se"], rel=0.05)
    # 1 - S / B, by the weight of a row: (S / B (b - B) - (s - S)) / (B n)
    loss, base = score.surprise(p, y), score.surprise(np.full(22, 0.4), y)
    slope = (loss.mean() / base.mean() * (base - base.mean()) - (loss - loss.mean())) / base.mean() / 22
    assert model["log_skill_se"] == pytest.approx(score.Dyads(states).error(slope))


def test_the_average_precision_has_no_interval_below_fifty() -> None:
    rng = np.random.default_rng(4)
    for events, is_there in ((49, False), (50, True)):
        y = np.repeat([1.0, 0.0], [events, 300])
        forecasts = {
            "model": np.clip(0.1 + 0.3 * y + 0.1 * rng.random(len(y)), 0, 1),
            "base_rate": np.full(len(y), 0.1),
        }
        states = np.arange(2 * len(y)).reshape(-1, 2)
        model = forecast_score.score_forecasts(forecasts, y, states)["model"]
        assert np.isfinite(model["average_precision_gain_ci95"]).all() == is_there
        assert np.isfinite(model["auc_gain_ci95"]).all()


def test_years_as_replicates() -> None:
    """Log skill of a year alone has no such interval; of three it has Student's with two degrees of freedom."""
    sums = np.array([0.1, -0.3, 0.2])
    assert score.grouped_error(np.repeat(sums / 4, 4), np.repeat([0, 1, 2], 4)) == pytest.approx(
        math.sqrt(1.5 * (sums**2).sum())
    )
    assert math.isnan(score.grouped_error(sums, np.zeros(3, dtype=int)))
    assert score.student(1.0, 1.0, 3) == pytest.approx([1 - 4.302653, 1 + 4.302653])


def test_what_scores_hang_on_is_the_fewer_of_dyads_with_and_without() -> None:
    """Clusters 0 (two rows, one event), 1 (event), 2, 3, 4 (none): 2 with, 3 without."""
    cluster = np.array([0, 0, 1, 2, 3, 4])
    y = np.array([1.0, 0, 1, 0, 0, 0])
    assert score.carrying(y, cluster) == 2
    assert score.carrying(1 - np.minimum(y + np.array([0, 1, 0, 0, 0, 0]), 1), cluster) == 2  # turned round
    assert score.carrying(y, cluster + 3) == 2  # numbers without a row are no dyads
    assert score.carrying(np.array([1.0, 1, 1, 0]), np.array([3, 4, 5, 6])) == 1
    assert score.carrying(np.zeros(0), np.zeros(0, dtype=np.int64)) == 0


def test_the_best_baseline_is_the_one_of_highest_skill() -> None:
    skills = {"model": 0.9, "base_rate": 0.0, "gravity": 0.1, "logit": 0.3, "earlier": 0.3, "lost": math.nan}
    scores = {name: {"log_skill": skill} for name, skill in skills.items()}
    assert forecast_score.best_baseline(scores) == "earlier"  # of equals the first by name
    assert forecast_score.best_baseline({**scores, "zeta": {"log_skill": 0.31}}) == "zeta"
    assert forecast_score.best_baseline({name: scores[name] for name in ("model", "base_rate")}) is None


def test_skills_and_gains_of_two_forecasts() -> None:
    """Four dyads, of two rows each, alike. y = 1, 0, 0, 0. Model 0.8, 0.4, 0.1, 0.1, base rate 1/4, near 0.5, 0.5, 0,
    0: Brier (0.04 + 0.16 + 0.02) / 4 = 0.055, 0.1875, 0.125; log score as written."""
    y = np.tile([1.0, 0, 0, 0], 2)
    forecasts = {
        "model": np.tile([0.8, 0.4, 0.1, 0.1], 2),
        "base_rate": np.full(8, 0.25),
        "near": np.tile([0.5, 0.5, 0.0, 0.0], 2),
    }
    states = np.tile([[0, 1], [0, 2], [1, 2], [2, 3]], (2, 1))
    found = forecast_score.score_forecasts(forecasts, y, states)
    model, near = found["model"], found["near"]
    assert (model["brier"], found["base_rate"]["brier"], near["brier"]) == pytest.approx((0.055, 0.1875, 0.125))
    assert model["brier_skill"] == pytest.approx(1 - 0.055 / 0.1875)
    nats = -(math.log(0.8) + math.log(0.6) + 2 * math.log(0.9)) / 4
    base = -(math.log(0.25) + 3 * math.log(0.75)) / 4
    assert model["log_score"] == pytest.approx(nats) and model["log_skill"] == pytest.approx(1 - nats / base)
    assert (model["auc"], near["auc"]) == (1.0, pytest.approx((2 + 0.5) / 3))
    assert (model["auc_gain"], near["average_precision_gain"]) == (0.5, pytest.approx(0.5 - 0.25))
    assert near["model_gains"]["brier_skill"]["value"] == pytest.approx((0.125 - 0.055) / 0.1875)
    assert near["model_gains"]["auc"]["value"] == pytest.approx(1 - 2.5 / 3)
    assert near["model_gains"]["average_precision"]["value"] == pytest.approx(0.5)
    assert "model_gains" not in model and (model["n"], model["events"]) == (8, 2)
    assert model["expected"] == pytest.approx(2.8) and (near["clipped"], model["clipped"]) == (4, 0)
    assert np.isnan(model["brier_skill_ci95"][0])  # three dyads without an event, one with


def test_a_baseline_without_a_loss_cannot_be_beaten() -> None:
    perfect = forecast_score.score_forecasts(
        {"base_rate": np.array([1.0, 0.0]), "model": np.array([0.5, 0.5])}, [1, 0], np.array([[0, 1], [0, 2]])
    )
    assert np.isnan(perfect["model"]["brier_skill"]) and perfect["model"]["auc_gain"] == -0.5


def test_bins_hold_their_lower_edge_and_the_last_holds_one() -> None:
    table = score.reliability_table([0.2, 0.1999, 0.5, 1.0, 0.0], [1, 0, 1, 1, 0])
    assert table[["low", "n", "happened"]].to_numpy().tolist() == [[0, 1, 0], [0.1, 1, 0], [0.2, 1, 1], [0.5, 2, 2]]
    assert table["forecast"].tolist() == pytest.approx([0, 0.1999, 0.2, 0.75])


def test_the_bins_of_the_reliability_table() -> None:
    edges = [0.0, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5]
    table = score.reliability_table(edges, np.zeros(11))
    assert table["low"].tolist() == edges and table["high"].tolist() == [*edges[1:], 1.0]


def test_exact_intervals_of_shares_at_their_ends() -> None:
    """0 of 10: 0 to 1 - 0.025^(1/10); 10 of 10: 0.025^(1/10) to 1; none of none: not known. Printed for 3 of 10:
    0.0667 to 0.6525."""
    low, high = score.exact_share(np.array([0.0, 10.0, 0.0, 3.0]), np.array([10.0, 10.0, 0.0, 10.0]))
    assert low[[0, 1, 3]] == pytest.approx([0.0, 0.025**0.1, 0.066740], abs=1e-5)
    assert high[[0, 1, 3]] == pytest.approx([1 - 0.025**0.1, 1.0, 0.652453], abs=1e-5)
    assert np.isnan(low[2]) and np.isnan(high[2])

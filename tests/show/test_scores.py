"""Scored forecasts: the bins of the reliability diagram, and their picture."""

import numpy as np
import pytest
from balance_sim.evidence.forecast.figures import agreeing, draw_reliability, reliability_of
from balance_sim.evidence.forecast.score import WAY
from balance_sim.evidence.scores import reliability_table
from balance_sim.show.figures import words_of


def scored(events: int = 20) -> dict[str, dict[str, object]]:
    """A sharp forecast of 400 rows, of which the first so many happen."""
    y = np.zeros(400)
    y[:events] = 1
    sharp = np.where(y > 0, 0.3, 0.02) + np.random.default_rng(1).uniform(0, 0.02, 400)
    return {"about": {"calibration": {WAY: reliability_table(sharp, y).to_dict("records")}}}


def test_bins_are_counted_and_their_intervals_are_exact() -> None:
    from statsmodels.stats.proportion import proportion_confint

    one = reliability_of(scored())
    assert one["n"].sum() == 400 and one["happened"].sum() == 20
    for row in one.to_dict("records"):
        interval = proportion_confint(row["happened"], row["n"], method="beta")
        assert (row["observed_low"], row["observed_high"]) == pytest.approx(interval)
        assert row["low"] <= row["forecast"] <= row["high"]
        assert row["observed"] == row["happened"] / row["n"]
    assert agreeing(one).sum() < len(one), "this forecast is not calibrated: its sharp rows happen always"


@pytest.mark.parametrize("events", [0, 1, 400])
def test_degenerate_records_have_pictures_with_words(events: int) -> None:
    """None happened, one, or all."""
    assert len(words_of(draw_reliability.draw(scored(events)))) > 10

"""Scored forecasts: the file, the scorecard, the reliability diagram and the report."""

import json
from pathlib import Path

import pytest
from balance_sim.evidence.forecast.figures import agreeing, reliability_table, scorecard_table
from balance_sim.evidence.forecast.page import FIGURES as SCORES
from balance_sim.evidence.forecast.page import read
from balance_sim.evidence.forecast.scored_files import ScoredForecasts
from balance_sim.show.figures import words_of
from balance_sim.show.report import report_html
from forecasts import hindcast_document


def written(document: object, folder: Path) -> Path:
    path = folder / "hindcast.json"
    path.write_text(json.dumps(document, allow_nan=False), encoding="utf-8")
    return path


@pytest.fixture
def scored(tmp_path: Path) -> ScoredForecasts:
    return read(written(hindcast_document(), tmp_path))


def test_the_scorecard_has_every_number_of_the_file(scored: ScoredForecasts) -> None:
    document = hindcast_document()
    table = scorecard_table(scored)
    assert len(table) == 2 * 4 * 4  # ways, forecasts and the model less the best baseline, measures
    rows = table.set_index(["way", "forecast", "measure"])
    held = document["simulated_forward"]["model"]
    row = rows.loc[("simulated_forward", "model", "log_skill")]
    assert [row["value"], row["lo"], row["hi"]] == [held["log_skill"], *held["log_skill_ci95"]]
    assert (row["n"], row["events"]) == (400, 20)
    assert table["forecast"].iloc[0] == "model"
    gain = rows.loc[("simulated_forward", "model less logit", "log_skill")]
    theirs = document["simulated_forward"]["logit"]
    assert gain["value"] == pytest.approx(held["log_skill"] - theirs["log_skill"])
    assert [gain["value"], gain["lo"], gain["hi"]] == [
        theirs["model_gains"]["log_skill"]["value"],
        *theirs["model_gains"]["log_skill"]["ci95"],
    ]


def test_bins_are_counted_and_their_intervals_are_exact(scored: ScoredForecasts) -> None:
    from statsmodels.stats.proportion import proportion_confint

    table = reliability_table(scored)
    one = table[table["way"] == "one_year_ahead"]
    assert one["n"].sum() == 400 and one["happened"].sum() == 20
    for row in one.to_dict("records"):
        lo, hi = proportion_confint(row["happened"], row["n"], method="beta")
        assert (row["lo"], row["hi"]) == pytest.approx((lo, hi))
        assert row["low"] <= row["forecast"] <= row["high"]
        assert row["observed"] == row["happened"] / row["n"]
    agree = int(agreeing(one).sum())
    assert agree < len(one), "this forecast is not calibrated: its sharp rows happen always"


@pytest.mark.parametrize("events", [0, 1, 400])
def test_degenerate_records_have_pictures_with_words(tmp_path: Path, events: int) -> None:
    """None happened, one, or all: measures that are undefined are no numbers, and nothing breaks."""
    scored = read(written(hindcast_document(events), tmp_path))
    for name, picture in SCORES.items():
        assert len(words_of(picture.draw(scored))) > 10, name
    assert " nan" not in report_html(scored).lower()

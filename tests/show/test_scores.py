"""Scored forecasts: the file, the reliability diagram and the report."""

import json
import re
from pathlib import Path

import pytest
from balance_sim.evidence.forecast.figures import agreeing, reliability_table
from balance_sim.evidence.forecast.lines import score_rows
from balance_sim.evidence.forecast.page import FIGURES as SCORES
from balance_sim.evidence.forecast.page import read
from balance_sim.evidence.forecast.score import ScoredForecasts
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


def test_the_page_has_the_scores_that_the_terminal_prints(scored: ScoredForecasts) -> None:
    page = text_of_tables(report_html(scored))
    for row in score_rows(scored["one_year_ahead"])[1:]:
        assert row in page


def text_of_tables(page: str) -> list[list[str]]:
    """Cells of every row of a page's tables."""
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_bins_are_counted_and_their_intervals_are_exact(scored: ScoredForecasts) -> None:
    from statsmodels.stats.proportion import proportion_confint

    one = reliability_table(scored)
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

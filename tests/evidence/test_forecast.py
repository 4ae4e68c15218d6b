"""Forecasts of pairs: frozen, thawed, scored."""

import json
from datetime import date
from pathlib import Path

import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.forecast import Forecast, freeze, outcomes_of, thaw

PAIRS = (("AUS", "JPN"), ("JPN", "PHL"), ("FRA", "GBR"), ("BRA", "IND"))
FORECAST = Forecast(PAIRS, (0.5, 0.4, 0.1, 0.02), date(1995, 1, 1), date(1995, 12, 31))
OUTCOMES = """iso3_a,iso3_b,kind,stage,date
PHL,JPN,access,signed,1995-03-01
AUS,JPN,logistics,signed,1996-03-01
GBR,FRA,logistics,in_force,1995-12-31
"""


@pytest.fixture
def outcomes(tmp_path: Path) -> Path:
    path = tmp_path / "outcomes.csv"
    path.write_text(OUTCOMES, encoding="utf-8")
    return path


def test_only_the_window_and_the_kind_count(outcomes: Path) -> None:
    def with_(**changes: object) -> list[float]:
        return outcomes_of(Forecast(**{**vars(FORECAST), **changes}), outcomes)[0].tolist()

    assert with_() == [0, 1, 0, 0]
    assert with_(kinds=("logistics",)) == [0, 0, 0, 0]
    assert with_(last=date(1996, 3, 1)) == [1, 1, 0, 0]


def test_a_frozen_forecast_comes_back_and_shows_a_change(tmp_path: Path) -> None:
    path = tmp_path / "frozen.json"
    freeze(FORECAST, path)
    assert sorted(zip(*[thaw(path)[0].pairs, thaw(path)[0].p], strict=True)) == sorted(
        zip(PAIRS, FORECAST.p, strict=True)
    )
    assert thaw(path)[0].sha256 == FORECAST.sha256
    with pytest.raises(DataError, match="not written over"):
        freeze(FORECAST, path)
    record = json.loads(path.read_text(encoding="utf-8"))
    record["forecast"]["pairs"][0][2] = 0.99
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(DataError, match="changed after it was frozen"):
        thaw(path)

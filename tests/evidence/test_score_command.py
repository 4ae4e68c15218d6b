"""`balance-sim evidence score` as a stranger uses it: frozen forecast or results folder, odd outcomes, with and without
a history."""

import json
import math
from datetime import date
from pathlib import Path

import balance_sim as bs
import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.forecast.forecast import Forecast, freeze
from balance_sim.evidence.goodness.dyad_probabilities import dyad_probabilities
from program import score

HEAD = "id,iso3_a,iso3_b,kind,stage,date\n"
TRILATERAL = "".join(
    f"m,{a},{b},logistics,signed,1999-06-01\n" for a, b in (("JPN", "PHL"), ("JPN", "IND"), ("PHL", "IND"))
)
FORECAST = Forecast(
    (("AUS", "JPN"), ("JPN", "PHL"), ("GBR", "USA"), ("DEU", "FRA")),
    (0.3, 0.2, 1.0, 0.0),
    date(1999, 1, 1),
    date(1999, 12, 31),
)
RUNS = 60


def scored(*words: object) -> dict:
    code, text = score(*words, "--json")
    assert code == 0, text
    return json.loads(text)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    texts = {
        "some": HEAD + "x,AUS,JPN,access,signed,1999-05-01\n" + TRILATERAL,
        "one": HEAD + "x,AUS,JPN,access,signed,1999-05-01\n",
        "none": HEAD,
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    freeze(FORECAST, tmp_path / "frozen.json")
    return {name: tmp_path / f"{name}.csv" for name in texts} | {"forecast": tmp_path / "frozen.json"}


def test_a_frozen_forecast_against_hand(files: dict[str, Path]) -> None:
    """Probabilities 0.3 and 0.2 of what happened, 1 and 0 of what did not."""
    found = scored(files["forecast"], files["some"])
    model = found["model"]
    assert (model["n"], model["events"], model["clipped"]) == (4, 2, 2)
    assert model["brier"] == pytest.approx((0.49 + 0.64 + 1 + 0) / 4)
    surprise = -math.log(0.3) - math.log(0.2) - math.log(1e-9)
    assert model["log_score"] == pytest.approx(surprise / 4, rel=1e-6)
    assert model["brier_skill"] == pytest.approx(1 - model["brier"] / 0.25)
    assert model["log_skill"] == pytest.approx(1 - model["log_score"] / math.log(2))
    assert (model["auc"], model["average_precision"]) == pytest.approx((0.5, (1 / 2 + 2 / 3) / 2))
    assert found["outcomes"]["pairs_outside"] == ["IND-JPN", "IND-PHL"]  # one agreement, three pairs
    assert found["outcomes"]["accords"] == 4
    assert any("other baselines need a history" in n for n in found["notes"])
    assert found["reference"] == "share that made one, in hindsight"


def test_a_frozen_forecast_keeps_what_it_was_about(files: dict[str, Path]) -> None:
    kept, later = json.loads(files["forecast"].read_text(encoding="utf-8")), scored(files["forecast"], files["some"])
    assert (later["sha256"], later["frozen"]) == (kept["sha256"], kept["frozen"])
    code, text = score(files["forecast"], files["some"], "--kind", "access")
    assert (code, "--kind does not apply to a frozen forecast" in text) == (2, True)


@pytest.fixture(scope="module")
def folder(starter: bs.Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("score") / "results"
    bs.run(starter, runs=RUNS, seed=1, out=out, workers=1)
    return out


def test_a_results_folder_by_kind(folder: Path, tmp_path: Path) -> None:
    """Summed over dyads, the forecast is the number of dyads that have one in a run, but for Monte Carlo error;

    and it is no count: no two pairs tie, none has probability zero, none is a multiple of 1 / runs."""
    result = bs.open_result(folder)
    focal = pd.Timestamp(next(e for e in result.scenario.events if e.id == result.scenario.focal).date)
    new = result.agreements[result.agreements["origin"].isin(["new", "assumed", "talks"])]
    kind = new["kind"].value_counts().index[0]
    sums = []
    arm, window = result.headline_arm, result.window
    for words, kinds in (((), None), (("--kind", kind), kind)):
        file = tmp_path / f"{len(sums)}.json"
        assert score(folder, "--freeze", file, *words)[0] == 0
        held = json.loads(file.read_text(encoding="utf-8"))["forecast"]
        assert held["last"] == str((focal + pd.Timedelta(days=window)).date())
        rows = new[(new["arm"] == arm) & (True if kinds is None else new["kind"] == kinds)]
        day = (rows["signed"].astype("datetime64[s]") - focal).dt.days
        hits = len(rows[(day >= 1) & (day <= window)].drop_duplicates(["run", "a", "b"]))
        p = np.array([p for *_, p in held["pairs"]])
        assert len(set(p)) == len(p) and p.min() > 0
        assert not np.isclose(p * RUNS, np.round(p * RUNS)).any()
        sums.append(p.sum())
        assert sums[-1] == pytest.approx(hits / RUNS, abs=3 * math.sqrt((p * (1 - p)).sum() / RUNS))
    assert sums[1] < sums[0]
    code, text = score(folder, "--freeze", tmp_path / "x.json", "--kind", "nothing")
    assert (code, "the scenario has no such --kind" in text) == (2, True), text


def test_parameters_drawn_for_each_run_are_those_of_the_study(folder: Path) -> None:
    """A study whose runs draw their parameters has other probabilities than one whose runs do not."""
    result = bs.open_result(folder)
    drawn = bs.run(result.scenario, runs=RUNS, seed=1, draw_parameters=True, workers=1)
    p = dyad_probabilities(drawn, drawn.reference)
    assert p != dyad_probabilities(result, result.reference)
    new = drawn.agreements[drawn.agreements["origin"].isin(["new", "assumed", "talks"])]
    focal = pd.Timestamp(drawn.focal_day, unit="D")
    day = (new["signed"].astype("datetime64[s]") - focal).dt.days
    new = new[(new["arm"] == drawn.reference) & (day >= 1) & (day <= drawn.window)]
    counted = new.drop_duplicates(["run", "a", "b"]).groupby("run").size().reindex(range(RUNS), fill_value=0)
    assert sum(p.values()) == pytest.approx(counted.mean(), abs=3 * counted.std() * math.sqrt(1 / RUNS + 1 / 32))

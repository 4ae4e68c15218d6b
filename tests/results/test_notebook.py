"""What a study is in a notebook: short, with words for every outcome, and as labelled arrays."""

from pathlib import Path

import balance_sim as bs
import numpy as np
import pandas as pd
import pytest
from balance_sim.scenario.errors import MissingExtra

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def scenario() -> bs.Scenario:
    return bs.load_scenario(ROOT / "experiments" / "smoke" / "what_if.yaml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebook") / "study"


@pytest.fixture(scope="module")
def result(scenario: bs.Scenario, folder: Path) -> bs.AnalysedResult:
    return bs.run(scenario, runs=6, out=folder)


def test_columns_of_words_are_words(result: bs.AnalysedResult) -> None:
    frames = (result.outcomes, result.agreements, result.levels, result.effects, result.dyads, result.states)
    assert not [
        name for frame in frames for name, kind in frame.dtypes.items() if isinstance(kind, pd.CategoricalDtype)
    ]
    assert {*result.agreements["arm"]} == {*result.arms}


def test_the_codebook_says_what_every_outcome_is(result: bs.AnalysedResult, folder: Path) -> None:
    book = result.codebook.set_index("outcome")
    assert [*book.index] == result.outcome_names == list(dict.fromkeys(result.levels["outcome"]))
    assert book["meaning"].str.len().gt(20).all() and book["unit"].ne("").all() and book["meaning"].is_unique
    told = result.levels.drop_duplicates("outcome").set_index("outcome")["estimator"]
    pd.testing.assert_series_equal(book["estimator"], told, check_names=False)
    assert book.loc["accords_counter_300", ["window_days", "direction"]].tolist() == [300, "counter"]
    assert bs.open_result(folder).codebook.equals(result.codebook)


def test_labelled_arrays_hold_the_frames(result: bs.AnalysedResult, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = result.to_xarray()
    for arm in result.arms:
        rows = result.outcomes[result.outcomes["arm"] == arm].sort_values("run")
        np.testing.assert_array_equal(whole["accords_all_300"].sel(arm=arm), rows["accords_all_300"])
    assert whole["filtered_accords_all_300"].attrs["units"] == "agreements"
    monkeypatch.setattr("balance_sim.study.result.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"balance-sim\[notebook\]"):
        result.to_xarray()

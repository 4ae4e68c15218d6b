"""What a study is in a notebook: short, with words for every outcome."""

from pathlib import Path

import balance_sim as bs
import pandas as pd
import pytest

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

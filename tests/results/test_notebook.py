"""What a study is in a notebook: short, with words for every outcome."""

import math
import re
from pathlib import Path
from typing import Any

import balance_sim as bs
import pandas as pd
import pytest
from balance_sim.stats.frame import Frame

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


def cells(frame: Any) -> list[list[str]]:
    """The texts of a table as a notebook shows it, row by row."""
    rows = frame._repr_html_().partition("</table>")[0].split("<tr>")[1:]
    return [[re.sub("<.*?>", " ", cell).strip() for cell in re.split("</t[dh]>", row)[:-1]] for row in rows]


def test_a_frame_has_the_digits_that_its_interval_leaves(result: bs.AnalysedResult) -> None:
    rows = {"outcome": ["<b>", "none", "wide"], "mean": [0.0123456, 0.5, 12.3456], "lo": [0.0101, math.nan, -30.0]}
    frame = Frame(rows | {"hi": [0.0145, math.nan, 55.0], "parameters.beta": [0.1 + 0.2, 1.0, 1e-9], "n": [1, 2, 3]})
    assert cells(frame)[1:] == [
        ["&lt;b&gt;", "0.0123", "0.0101", "0.0145", "0.3", "1"],
        ["none", "0.500", "", "", "1", "2"],
        ["wide", "12", "-30", "55", "1e-09", "3"],
    ]
    assert [cell.split()[-1] for cell in cells(frame)[0]] == [*frame.columns]
    longest = max(
        len(cell) for row in cells(result.effects.query("arm == 'summit'")[["mean", "lo", "hi"]]) for cell in row
    )
    assert longest < 20 and cells(result.effects.set_index("outcome"))[0][0] == "outcome"
    pivoted = Frame({"x": [1, 2], "y": [3, 4], "mean": [0.1, 0.2]}).pivot_table("mean", "x", "y")
    assert cells(pivoted) == [["x \\ y", "3", "4"], ["1", "0.100", ""], ["2", "", "0.200"]]
    long = Frame({f"x{k}": range(100) for k in range(30)})
    assert len(cells(long)) < 50 and len(cells(long)[0]) < 30 and "88 rows and 10 columns more" in long._repr_html_()


def test_the_codebook_says_what_every_outcome_is(result: bs.AnalysedResult, folder: Path) -> None:
    book = result.codebook.set_index("outcome")
    assert [*book.index] == result.outcome_names == list(dict.fromkeys(result.levels["outcome"]))
    assert book["meaning"].str.len().gt(20).all() and book["unit"].ne("").all() and book["meaning"].is_unique
    told = result.levels.drop_duplicates("outcome").set_index("outcome")["estimator"]
    pd.testing.assert_series_equal(book["estimator"], told, check_names=False)
    assert book.loc["accords_counter_300", ["window_days", "direction"]].tolist() == [300, "counter"]
    assert bs.open_result(folder).codebook.equals(result.codebook)

"""Any outcome as it is spread over replications: the tables are those of the study, and every kind is drawn."""

from __future__ import annotations

from pathlib import Path

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.cli import main
from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.figures import FIGURES
from balance_sim.show.figures.distributions import spread_of, values_table
from click.testing import CliRunner

SMALL = Path(__file__).resolve().parents[2] / "experiments" / "smoke" / "five_states.yaml"


@pytest.fixture(scope="module")
def result() -> AnalysedResult:
    return bs.run(bs.load_scenario(SMALL), runs=12, seed=2)


def test_tables_are_those_of_the_study(result: AnalysedResult) -> None:
    frame = result.outcomes
    table = values_table(result, "insecurity_host_300")
    assert list(dict.fromkeys(table["arm"])) == ["no_summit", "summit"]
    for arm, part in table.groupby("arm"):
        np.testing.assert_array_equal(part["value"], frame.loc[frame["arm"] == arm, "insecurity_host_300"])


@pytest.mark.parametrize("outcome", ["accords_all_300", "first_counter_days"])
def test_an_outcome_is_drawn_with_a_title(result: AnalysedResult, outcome: str) -> None:
    figure = spread_of(result, outcome).draw(result)
    assert len(figure.get_suptitle()) > 10
    marks = [axes for axes in figure.axes if axes.lines or axes.patches]
    assert len(marks) == 1


def test_all_figures_are_listed_without_results() -> None:
    done = CliRunner().invoke(main, ["plot", "--list"])
    assert done.exit_code == 0
    for name in (*FIGURES, "Of sweep"):
        assert name in done.stdout
    assert CliRunner().invoke(main, ["plot"]).exit_code == 2


def test_what_is_not_there_is_a_wrong_request(result: AnalysedResult, tmp_path: Path) -> None:
    with pytest.raises(WrongRequest, match="did you mean `accords_all_300`"):
        spread_of(result, "accords_al_300")
    with pytest.raises(WrongRequest):
        spread_of(result, "own_x")
    bs.run(bs.load_scenario(SMALL), runs=2, out=tmp_path / "r")
    done = CliRunner().invoke(main, ["plot", str(tmp_path / "r"), "--outcome", "accords_all_300"])
    assert done.exit_code == 0 and done.stdout.splitlines()[0].endswith("figures/ecdf_accords_all_300.png")

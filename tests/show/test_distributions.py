"""Any outcome as it is spread over replications: the tables are those of the study, and every kind is drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import balance_sim as bs
from balance_sim.analysis.result import AnalysedResult
from balance_sim.cli import main
from balance_sim.pool.errors import WrongRequest
from balance_sim.show.figures.distributions import KINDS, effects_table, spread_of, values_table

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
    forest = effects_table(result, "accords_all_300")
    of = result.effects.set_index(["arm", "outcome"]).loc[("summit", "accords_all_300")]
    assert forest.loc[0, ["effect", "lo", "hi"]].tolist() == of[["mean", "lo", "hi"]].tolist()


@pytest.mark.parametrize(
    ("kind", "outcome"), [*((kind, "accords_all_300") for kind in KINDS), ("ecdf", "first_counter_days")]
)
def test_every_kind_is_drawn_with_the_effect_in_its_title(result: AnalysedResult, kind: str, outcome: str) -> None:
    spec = spread_of(result, outcome, kind)
    figure = spec.draw(result)
    title = figure.get_suptitle()
    assert title.startswith("Security agreements" if outcome[0] == "a" else "First counter days")
    assert ("excludes zero" if kind == "forest" else "lie at") in title.replace("\n", " ")
    marks = [ax for ax in figure.axes if ax.lines or ax.patches]
    assert len(marks) == (2 if kind == "hist" else 1)


def test_what_is_not_there_is_a_wrong_request(result: AnalysedResult, tmp_path: Path) -> None:
    with pytest.raises(WrongRequest, match="did you mean `accords_all_300`"):
        spread_of(result, "accords_al_300", "ecdf")
    with pytest.raises(WrongRequest, match="did you mean `ecdf`"):
        spread_of(result, "accords_all_300", "ecd")
    bs.run(bs.load_scenario(SMALL), runs=2, out=tmp_path / "r")
    done = CliRunner().invoke(main, ["plot", str(tmp_path / "r"), "--outcome", "accords_all_300", "--kind", "ridge"])
    assert done.exit_code == 0 and done.stdout.splitlines()[0].endswith("figures/ridge_accords_all_300.png")

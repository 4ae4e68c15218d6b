"""Any outcome as it is spread over replications: the tables are those of the study, and every kind is drawn."""

import numpy as np
import pytest
from balance_sim import run
from balance_sim.effects.result import AnalysedResult
from balance_sim.evidence.posterior.figures import draw_uncertainty, uncertainty_table
from balance_sim.scenario import load_scenario
from balance_sim.show.figures.distributions import spread_of, values_table

from matplotlib.collections import LineCollection  # isort: skip


def test_tables_are_those_of_the_study(of_five: AnalysedResult) -> None:
    frame = of_five.outcomes.set_index("arm")["insecurity_host_300"]
    table = values_table(of_five, "insecurity_host_300").set_index("arm")
    assert table.index.tolist() == ["no_summit", "summit"]
    for arm, row in table.iterrows():
        assert row["level"] == pytest.approx(frame[arm].mean())
        ends = np.quantile(frame[arm], [0.05, 0.95], method="inverted_cdf")
        assert row[["q05", "q95"]].tolist() == pytest.approx(ends, rel=0.05)


@pytest.fixture(scope="module")
def of_beijing() -> AnalysedResult:
    return run(load_scenario("beijing_2025"), runs=3, seed=1)


def test_the_bar_of_the_prior_is_drawn_whole(of_beijing: AnalysedResult) -> None:
    """Each interval stands on the axis from end to end, as it is in the table."""
    table = uncertainty_table(of_beijing)
    axes = draw_uncertainty.draw(of_beijing).axes[0]
    low, high = axes.get_xlim()
    assert low < table["lo"].min() and table["hi"].max() < high
    assert {"prior", "posterior"} <= {*table["part"]}
    segments = [lines.get_segments()[0] for lines in axes.collections if isinstance(lines, LineCollection)]
    drawn = {(float(ends[0][0]), float(ends[1][0])) for ends in segments if len(ends)}
    assert drawn >= {*table.loc[table["lo"].notna(), ["lo", "hi"]].itertuples(index=False, name=None)}


def test_every_arm_is_drawn(of_beijing: AnalysedResult) -> None:
    """However many there are, each stands there with its numbers, the largest effect too."""
    result, scenario = of_beijing, of_beijing.scenario
    table = values_table(result, result.headline_outcome)
    assert {*table["arm"]} == {*scenario.arms} and len(table) == len(scenario.arms) > 8
    figure = spread_of(result, result.headline_outcome).draw(result)
    assert len(figure.axes[0].get_yticklabels()) == len(scenario.arms)
    low, high = figure.axes[0].get_xlim()
    assert low < table["q05"].min() and table["q95"].max() < high


@pytest.mark.parametrize("outcome", ["accords_all_300", "first_counter_days"])
def test_an_outcome_is_drawn_with_a_title(of_five: AnalysedResult, outcome: str) -> None:
    figure = spread_of(of_five, outcome).draw(of_five)
    assert len(figure.get_suptitle()) > 10
    marks = [axes for axes in figure.axes if axes.lines or axes.patches]
    assert len(marks) == 1

"""Any outcome as it is spread over replications: the tables are those of the study, and every kind is drawn."""

import numpy as np
import pytest
from balance_sim.effects.result import AnalysedResult
from balance_sim.show.figures.distributions import spread_of, values_table


def test_tables_are_those_of_the_study(of_five: AnalysedResult) -> None:
    frame = of_five.outcomes.set_index("arm")["insecurity_host_300"]
    table = values_table(of_five, "insecurity_host_300").set_index("arm")
    assert table.index.tolist() == ["no_summit", "summit"]
    for arm, row in table.iterrows():
        assert row["level"] == pytest.approx(frame[arm].mean())
        ends = np.quantile(frame[arm], [0.05, 0.95], method="inverted_cdf")
        assert row[["q05", "q95"]].tolist() == pytest.approx(ends, rel=0.05)


@pytest.mark.parametrize("outcome", ["accords_all_300", "first_counter_days"])
def test_an_outcome_is_drawn_with_a_title(of_five: AnalysedResult, outcome: str) -> None:
    figure = spread_of(of_five, outcome).draw(of_five)
    assert len(figure.get_suptitle()) > 10
    marks = [axes for axes in figure.axes if axes.lines or axes.patches]
    assert len(marks) == 1

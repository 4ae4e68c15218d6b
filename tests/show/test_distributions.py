"""Any outcome as it is spread over replications: the tables are those of the study, and every kind is drawn."""

import numpy as np
import pytest
from balance_sim.effects.result import AnalysedResult
from balance_sim.show.figures.distributions import spread_of, values_table


def test_tables_are_those_of_the_study(of_five: AnalysedResult) -> None:
    frame = of_five.outcomes
    table = values_table(of_five, "insecurity_host_300")
    assert list(dict.fromkeys(table["arm"])) == ["no_summit", "summit"]
    for arm, part in table.groupby("arm"):
        np.testing.assert_array_equal(part["value"], frame.loc[frame["arm"] == arm, "insecurity_host_300"])


@pytest.mark.parametrize("outcome", ["accords_all_300", "first_counter_days"])
def test_an_outcome_is_drawn_with_a_title(of_five: AnalysedResult, outcome: str) -> None:
    figure = spread_of(of_five, outcome).draw(of_five)
    assert len(figure.get_suptitle()) > 10
    marks = [axes for axes in figure.axes if axes.lines or axes.patches]
    assert len(marks) == 1

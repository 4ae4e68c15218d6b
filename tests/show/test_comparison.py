"""Studies side by side: their excesses, what differs, their pairs, and the report of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.compare import ComparedSide
from balance_sim.effects.run import run
from balance_sim.scenario import with_values
from balance_sim.show.comparison import Comparison, agreement_rows, dyad_rows
from balance_sim.show.figures import figures_of, fitting, words_of
from balance_sim.show.figures.comparison import studies_table
from balance_sim.stats.intervals import paired_interval
from balance_sim.study.result import Result
from studies import SCENARIO, alike, four_runs


def beside(**studies: Result) -> Comparison:
    sides = tuple(ComparedSide(name, Path(name), None, None) for name in studies)
    return Comparison(sides, tuple(studies.values()))


def test_the_excess_of_each_study_and_run_by_run_against_the_first() -> None:
    """Excesses by run: 1, 0, 1, 0 in the one, 0 in the other; runs that only one has do not count in between."""
    table = studies_table(beside(first=four_runs(), second=alike())).set_index("label")
    assert table["effect"].tolist() == [0.5, 0.0]
    assert table["control_level"].tolist() == [1.0, 1.0]
    assert table["n"].tolist() == [4, 30]
    expected = paired_interval(np.zeros(4), np.array([1.0, 0.0, 1.0, 0.0]), least=1.0)
    assert table.loc["second", ["against_first", "against_lo", "against_hi"]].tolist() == pytest.approx(
        [expected[0], *expected[2:]]
    )


def test_other_seeds_are_not_paired() -> None:
    """Welch: the variance of the difference is the sum of both; effects 1, 0, 1, 0 in each, 6 degrees of freedom."""
    other = four_runs()
    moved = replace(other, seed=8)
    table = studies_table(beside(first=four_runs(), second=moved))
    half = 2.446912 * np.sqrt(2 * (1 / 3) / 4)  # Student's t with 6 degrees of freedom
    assert table[["against_lo", "against_hi"]].iloc[1].tolist() == pytest.approx([-half, half], abs=1e-4)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two runs of the small scenario, the second with an event nobody sees."""
    home = tmp_path_factory.mktemp("compared")
    names = []
    for name, visibility in (("seen", 1.0), ("unseen", 0.0)):
        scenario = with_values(SCENARIO, {f"events.{SCENARIO.focal}.visibility": visibility})
        run(scenario, 8, seed=3, out=home / name)
        names.append(str(home / name))
    return names


def test_rows_are_those_of_compare(folders: list[str]) -> None:
    """Of all arms a row each; of one pair of arms a row a direction; dyads that differ, furthest first."""
    both = Comparison.of(folders)
    assert both.names == ("seen", "unseen")
    pair = both.comparison
    assert pair is not None
    head, *rows = agreement_rows(pair.outcomes, both.titles)
    assert head[0] == "counter-balancing security agreements within a year"
    wanted = pair.outcomes.set_index("outcome").loc["accords_counter_365", "difference"]
    assert [float(row[3]) for row in rows] == pytest.approx(wanted.tolist(), abs=1e-3)
    one = pair.outcomes[pair.outcomes["right_arm"] == pair.outcomes["right_arm"].iloc[0]]
    assert len(agreement_rows(one, both.titles)) == 5
    _, *dyads = dyad_rows(pair.dyads, both.titles, 3)
    moved = pair.dyads[pair.dyads["difference"] != 0]
    assert len(dyads) == min(len(moved), 3)
    for name, table in fitting(both).items():
        assert len(words_of(figures_of(both)[name].draw(both, table))) > 10, name

"""Two studies side by side: their effects, what differs, and the rows of agreements."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from balance_sim.cli.program import main
from balance_sim.effects.compare import compare
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.scenario import with_values
from balance_sim.show.comparison import _difference_of_effects, agreement_rows
from balance_sim.stats.intervals import paired_interval, t_quantile
from click.testing import CliRunner
from studies import SCENARIO, alike, four_runs


def difference(*studies) -> tuple[float, ...]:
    return _difference_of_effects(studies, [study.headline_arm for study in studies], "accords_counter_365")


def test_effects_of_the_runs_that_both_have_are_compared_one_by_one() -> None:
    """Effects by run: 1, 0, 1, 0 in the one, 0 in the other; runs that only one has do not count in between."""
    expected = paired_interval(np.zeros(4), np.array([1.0, 0.0, 1.0, 0.0]), least=1.0)
    assert difference(four_runs(), alike()) == pytest.approx(expected)


def test_other_seeds_are_not_paired() -> None:
    """Welch: the variance of the difference is the sum of both; effects 1, 0, 1, 0 in each, 6 degrees of freedom."""
    half = 2.446912 * np.sqrt(2 * (1 / 3) / 4)  # Student's t with 6 degrees of freedom
    assert difference(four_runs(), replace(four_runs(), seed=8))[2:] == pytest.approx([-half, half], abs=1e-4)


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
    """Of all arms a row each; of one pair of arms a row a direction."""
    outcomes = compare(*folders).outcomes
    head, *rows = agreement_rows(outcomes, {})
    assert head[0] == "counter-balancing security agreements within a year"
    wanted = outcomes.set_index("outcome").loc["accords_counter_365", "difference"]
    assert [float(row[3]) for row in rows] == pytest.approx(wanted.tolist(), abs=1e-3)
    one = outcomes[outcomes["right_arm"] == outcomes["right_arm"].iloc[0]]
    assert len(agreement_rows(one, {})) == 5


def test_studies_of_other_seeds_are_compared_as_samples_of_their_own(folders: list[str], tmp_path: Path) -> None:
    """Right less left; a dyad by the degrees of freedom of the smaller study, errors in quadrature."""
    control = SCENARIO.reference_arm
    run(SCENARIO, 4, seed=4, arms=[control], out=tmp_path / "other", workers=1)
    found = compare(f"{folders[0]}:{control}", f"{tmp_path / 'other'}:{control}")
    assert not found.paired
    rows = found.outcomes[found.outcomes["difference"] != 0.0]
    assert len(rows) > 10
    np.testing.assert_allclose(rows["difference"], rows["right"] - rows["left"])
    np.testing.assert_allclose((rows["lo"] + rows["hi"]) / 2, rows["difference"], atol=1e-9)
    sides = [
        open_result(folder).dyads.set_index(["arm", "a", "b"])["error"] for folder in (folders[0], tmp_path / "other")
    ]
    row = found.dyads.iloc[0]
    place = tuple(row[["left_arm", "a", "b"]])
    half = t_quantile(0.95, 3) * np.hypot(*(errors[place] for errors in sides))
    assert row["hi"] - row["difference"] == pytest.approx(half)


def test_the_command_names_the_input_that_differs_and_whose_effect_is_larger(folders: list[str]) -> None:
    done = CliRunner().invoke(main, ["compare", *folders])
    assert done.exit_code == 0, done.output
    assert f"{SCENARIO.focal}.visibility: 1.0 left, 0.0 right" in done.output
    first, _ = done.output.split("The two")
    assert all(folder in first for folder in folders)
    assert "sha256" not in done.output

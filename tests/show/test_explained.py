"""Figures of what explain found, from a real study that was explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from balance_sim.effects.explain import keep
from balance_sim.effects.explain.attribution import attribute
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario
from balance_sim.scenario.errors import StoreDamaged
from balance_sim.show.explain import GROUP_WORDS
from balance_sim.show.figures import FIGURES, fitting, words_of
from balance_sim.show.figures.explained import (
    attribution_table,
    attribution_title,
)
from balance_sim.study.result import Result


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Eight runs, attributed."""
    scenario = load_scenario("scenarios/beijing_2025.yaml")
    folder: Path = tmp_path_factory.mktemp("explained") / "r"
    result = run(scenario, 8, arms=["washington_doubted"], out=folder)
    keep(result, {"attribution": attribute(result).summary()})
    return result


def test_parts_sum_to_the_filtered_effect(explained: Result) -> None:
    table = attribution_table(explained)
    assert table["effect"].sum() == pytest.approx(table["total"].iloc[0], abs=1e-12)
    outcome = f"accords_counter_{explained.window}"
    effect = explained.effects.set_index("outcome").loc[outcome]
    assert effect["estimator"] == "filtered"
    assert table["total"].iloc[0] == pytest.approx(effect["mean"])
    assert list(table["group"])[-1] == "feedback" and table["effect"].iloc[-1] != 0


def test_a_file_edited_by_hand_is_named(explained: Result) -> None:
    """It speaks of this study and is not as explain writes it: damage, exit 6, and no figure of it."""
    assert explained.folder is not None
    path = explained.folder / "explain.json"
    before = path.read_text()
    try:
        for text in (before.replace('"value": ', '"value": 7', 1), json.dumps({"attribution": 5})):
            path.write_text(text)
            with pytest.raises(StoreDamaged, match=r"explain\.json is not as `explain` writes it"):
                fitting(explained)
    finally:
        path.write_text(before)


def test_what_was_explained_of_fewer_runs_is_left_out(explained: Result) -> None:
    figure = FIGURES["attribution"].draw(explained)
    assert words_of(figure) == attribution_title(attribution_table(explained))
    labels = [label.get_text().replace("\n", " ") for label in figure.axes[0].get_yticklabels()]
    assert labels == [GROUP_WORDS[name] for name in attribution_table(explained)["group"]]
    more = run(explained.scenario, 9, arms=["washington_doubted"], out=explained.folder)
    assert attribution_table(more).empty  # what was explained speaks of eight runs

"""Figures of what explain found, from a real study that was explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from balance_sim.scenario import load_scenario
from balance_sim.show.figures.explained import (
    attribution_table,
    attribution_title,
    timeline_steps_table,
    timeline_table,
)
from balance_sim.show.gallery import FIGURES, fitting, words_of
from balance_sim.show.report import report_html
from balance_sim.study.explain.attribution import attribute
from balance_sim.study.explain.document import keep
from balance_sim.study.explain.timeline import chosen_runs, tell
from balance_sim.study.faults import StoreDamaged
from balance_sim.study.result import Result
from balance_sim.study.run import run


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """Eight runs, attributed, three of them told."""
    scenario = load_scenario("scenarios/beijing_2025.yaml")
    folder: Path = tmp_path_factory.mktemp("explained") / "r"
    result = run(scenario, 8, arms=["washington_doubted"], out=folder)
    runs = chosen_runs(result)
    told = {str(number): tell(result, number).summary() for number in set(runs.values())}
    keep(result, {"attribution": attribute(result).summary(), "timelines": told, "chosen": dict(runs)})
    return result


def test_parts_sum_to_the_excess(explained: Result) -> None:
    table = attribution_table(explained)
    assert table["value"].sum() == pytest.approx(table["excess"].iloc[0])
    outcome = f"accords_counter_{explained.window}"
    effect = explained.effects.set_index("outcome").loc[outcome, "mean"]
    assert table["excess"].iloc[0] == pytest.approx(effect)
    assert " of the excess" in attribution_title(table)


def test_a_told_run_ends_at_its_own_count(explained: Result) -> None:
    table = timeline_table(explained)
    wide = explained.outcomes.pivot(index="run", columns="arm", values=f"accords_counter_{explained.window}")
    for run_number, rows in table.groupby("run"):
        last = rows.sort_values("day").iloc[-1]
        assert last["signed"] == wide.loc[run_number, "washington_doubted"]
        assert last["signed_reference"] == wide.loc[run_number, explained.reference]
    steps = timeline_steps_table(explained)
    assert (steps["mark"] != "both").all()


def test_a_file_edited_by_hand_is_named(explained: Result) -> None:
    """It speaks of this study and is not as explain writes it: damage, exit 6, and no figure of it."""
    assert explained.folder is not None
    path = explained.folder / "explain.json"
    before = path.read_text()
    try:
        for key, value in (("attribution", 5), ("attribution", {"groups": [{}]}), ("timelines", {"0": [1]})):
            path.write_text(json.dumps(json.loads(before) | {key: value, "chosen": {}}))
            with pytest.raises(StoreDamaged, match=r"explain\.json is not as `explain` writes it"):
                fitting(explained)
    finally:
        path.write_text(before)


def test_they_are_in_the_report_and_only_of_the_same_study(explained: Result) -> None:
    assert {"attribution", "timeline"} <= set(fitting(explained))
    assert 'id="attribution"' in report_html(explained)
    more = run(explained.scenario, 9, arms=["washington_doubted"], out=explained.folder)
    assert attribution_table(more).empty  # what was explained speaks of eight runs
    assert "there is no attribution" in words_of(FIGURES["attribution"].draw(more))

"""A sweep of the smallest scenario: its figures, its report and its explorer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from balance_sim.scenario.experiment import load_experiment
from balance_sim.show.explore.data import document
from balance_sim.show.explore.points import of_sweep
from balance_sim.show.figures.sweeps import (
    multiples_table,
    multiples_title,
    spread_between,
    surface_table,
    sweep_outcome,
)
from balance_sim.show.gallery import fitting, words_of
from balance_sim.show.plots import Plots
from balance_sim.show.report import save_report
from balance_sim.show.report.sweep_page import sweep_html
from balance_sim.show.sweep_gallery import SWEEP_FIGURES
from balance_sim.study.sweep import sweep
from balance_sim.study.sweep_result import SweepResult, open_sweep


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    folder: Path = tmp_path_factory.mktemp("swept") / "r"
    sweep(load_experiment("experiments/smoke.yaml"), out=folder)
    return open_sweep(folder)


def test_every_point_stands_in_every_panel(swept: SweepResult) -> None:
    table = multiples_table(swept)
    assert len(table) == 6 * 2
    assert sweep_outcome(swept) == "accords_all_300"
    effects = swept.effects[swept.effects["outcome"] == "accords_all_300"].set_index("point")["mean"]
    part = table[table["factor"] == "parameters.beta"].set_index("point")["excess"]
    assert part.to_dict() == effects.to_dict()
    means = part.groupby(table[table["factor"] == "parameters.beta"].set_index("point")["value"]).mean()
    assert spread_between(table[table["factor"] == "parameters.beta"]) == pytest.approx(
        means.max() - means.min()
    )
    assert multiples_title(table).startswith("Over 6 points the excess runs from ")


def test_no_visibility_no_excess(swept: SweepResult) -> None:
    """Of an event nobody sees nothing follows: both points at visibility 0 are exactly zero."""
    table = surface_table(swept)
    assert len(table) == 6 and (table["points"] == 1).all()
    names = {str(table["factor_x"].iloc[0]): "x", str(table["factor_y"].iloc[0]): "y"}
    unseen = table[table[names["events.summit.visibility"]] == 0]
    assert unseen["excess"].tolist() == [0.0, 0.0]


def test_figures_that_fit_a_grid(swept: SweepResult) -> None:
    assert set(fitting(swept, SWEEP_FIGURES)) == {"multiples", "surface"}
    assert "there are no indices" in words_of(SWEEP_FIGURES["indices"].draw(swept))
    plots = Plots.of(swept.folder)
    paths = plots.save(swept.folder)
    assert [path.name for path in paths] == ["multiples.png", "multiples.svg", "surface.png", "surface.svg"]


def test_the_report_of_a_sweep(swept: SweepResult) -> None:
    text = sweep_html(swept)
    assert text == sweep_html(open_sweep(swept.folder))
    assert "It can be told from none at " in text and "Over 6 points the excess runs from" in text
    assert text.count("<svg") == 2 and "<script" not in text
    assert '<td class="n">3</td><td>0, 0.5, 1</td>' in text
    assert swept.digest in text
    path = save_report(swept, swept.folder / "report.html")
    assert path.read_text(encoding="utf-8") == text
    assert len(text.encode()) < 600 * 1024


def test_the_explorer_of_a_sweep_has_its_points(swept: SweepResult) -> None:
    found = document(of_sweep(swept))
    dials = {dial["name"]: dial["values"] for dial in found["dials"]}
    assert dials == {"events.summit.visibility": [0, 0.5, 1], "parameters.beta": [0.2, 0.4]}
    assert sorted(tuple(point["at"]) for point in found["points"]) == [
        (a, b) for a in range(3) for b in range(2)
    ]
    assert all(set(point["e"]) == {0} for point in found["points"] if point["at"][0] == 0)
    own = json.loads(re.sub("NaN", "null", json.dumps(found)))
    assert own["dials"][1]["values"][own["dials"][1]["start"]] in (0.2, 0.4)

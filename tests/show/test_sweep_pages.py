"""A sweep of the smallest scenario: its figures and its report."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.compare import open_side, parse_side
from balance_sim.effects.sensitivity import sensitivity
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.experiment import load_experiment
from balance_sim.show.figures import SWEEP_FIGURES, fitting, words_of
from balance_sim.show.figures.sweeps import factor_spreads, factors_table, factors_title, indices_table, indices_title
from balance_sim.show.plots import open_study, save_figures
from balance_sim.show.report import report_html, save_report
from balance_sim.study.sweep import sweep
from balance_sim.study.sweep_result import SweepResult, open_sweep


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    folder: Path = tmp_path_factory.mktemp("swept") / "r"
    sweep(load_experiment("experiments/smoke.yaml"), out=folder)
    return open_sweep(folder)


def test_one_point_has_the_figures_of_a_run(swept: SweepResult) -> None:
    """`plot FOLDER@1` and `report FOLDER@1` draw what a run of that point would: placebos and channels too."""
    assert {"difference", "arms", "placebos"} <= {*fitting(open_side(parse_side(f"{swept.folder}@1")))}
    with pytest.raises(WrongRequest, match="`99`"):
        open_side(parse_side(f"{swept.folder}@99"))
    with pytest.raises(WrongRequest, match="`nix`"):
        open_side(parse_side(f"{swept.folder}@0:nix"))
    with pytest.raises(WrongRequest, match="one arm"):
        open_study(f"{swept.folder}@0:summit")


def test_every_point_stands_in_every_panel(swept: SweepResult) -> None:
    table = factors_table(swept)
    assert len(table) == 6 * 2
    assert swept.headline_outcome == "alignment_participants_rest_90"
    effects = swept.effects[swept.effects["outcome"] == swept.headline_outcome].set_index("point")["mean"]
    part = table[table["factor"] == "parameters.beta"].set_index("point")
    assert part["effect"].to_dict() == effects.to_dict()
    means = part.groupby("value")["effect"].mean()
    assert factor_spreads(table)["parameters.beta"] == pytest.approx(means.max() - means.min())


def test_figures_that_fit_a_grid(swept: SweepResult) -> None:
    assert set(fitting(swept)) == {"factors"}
    with pytest.raises(WrongRequest, match="no indices to show"):
        SWEEP_FIGURES["indices"].draw(swept)
    paths = save_figures(open_study(str(swept.folder)), swept.folder)
    assert [path.name for path in paths] == ["factors.png", "factors.svg"]


SAMPLED = """schema: 1
title: "A small Sobol design"
question: "Which of the two moves it?"
scenario: {folder}/smoke/five_states.yaml
design: {{method: sobol, samples: 8}}
factors:
  events.summit.visibility: {{min: 0.2, max: 1}}
  parameters.beta: {{min: 0.1, max: 0.5}}
arms: [no_summit, summit]
runs: 4
seed: 1
outcomes: [insecurity_threatened_300]
"""


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> SweepResult:
    folder: Path = tmp_path_factory.mktemp("sampled")
    path = folder / "sampled.yaml"
    path.write_text(SAMPLED.format(folder=Path("experiments").resolve()), encoding="utf-8")
    sweep(load_experiment(path), out=folder / "r")
    return open_sweep(folder / "r")


def test_bars_show_the_indices_that_sensitivity_finds(sampled: SweepResult) -> None:
    table = indices_table(sampled)
    assert len(table) == 2 and [table["main"].iloc[0], table["other"].iloc[0]] == ["total", "first"]
    found = sensitivity(sampled, ["insecurity_threatened_300"]).indices
    row = found[(found["of"] == "effect") & (found["factor"] == "events.summit.visibility")].iloc[0]
    drawn = table[table["factor"] == "events.summit.visibility"].iloc[0]
    for name in ("first", "total"):
        names = [name, f"{name}_lo", f"{name}_hi"]
        np.testing.assert_array_equal(drawn[names].to_numpy(float), row[names].to_numpy(float))
        assert np.isnan(drawn[f"{name}_lo"])  # eight samples are too few
    assert words_of(SWEEP_FIGURES["indices"].draw(sampled)) == indices_title(table)


def test_the_report_of_a_sweep(swept: SweepResult) -> None:
    text = report_html(swept)
    assert "relative to" in text and "; 40 replications a point." in text
    assert factors_title(factors_table(swept)) in text
    assert text.count("<img") == 1 and "<script" not in text
    assert '<td class="n">3</td><td>0, 0.5, 1</td>' in text
    assert swept.digest in text
    path = save_report(swept, swept.folder / "report.html")
    assert path.read_text(encoding="utf-8") == text
    assert len(text.encode()) < 600 * 1024

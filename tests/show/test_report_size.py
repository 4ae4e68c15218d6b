"""The report of the shipped scenario, as the program makes it without options, with every figure there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.effects.result import open_result
from balance_sim.show.figures import fitting
from click.testing import CliRunner

MOST = 2 * 1024**2
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_all_figures_of_a_run_of_eleven_arms_fit_into_two_megabytes(tmp_path: Path) -> None:
    folder = str(tmp_path / "r")
    scenario = str(ROOT / "scenarios" / "beijing_2025.yaml")
    commands = (
        ["run", scenario, "--out", folder, "--no-figures"],
        ["explain", folder],
        ["report", folder],
    )
    for words in commands:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
    text = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    names = list(fitting(open_result(folder)))
    assert re.findall(r'<section class="plate" id="(\w+)">', text) == names
    assert {"fan", "arms", "uncertainty", "attribution", "map"} <= set(names)
    assert text.count("<img") == len(names) - 1  # the map is drawn anew
    assert len(text.encode()) < MOST

"""The report of the shipped scenario, as the program makes it without options, with every figure there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.effects.result import open_result
from balance_sim.show.figures import FIGURES, fitting
from click.testing import CliRunner

MOST = 600 * 1024
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_all_figures_of_a_run_of_eleven_arms_fit_into_600_kib(tmp_path: Path) -> None:
    """About a tenth of it is to spare, so that a scenario with a few more arms fits too."""
    folder = str(tmp_path / "r")
    scenario = str(ROOT / "scenarios" / "beijing_2025.yaml")
    commands = (
        ["run", scenario, "--out", folder, "--no-figures"],
        ["explain", folder],
        ["explain", folder, "--run"],
        ["report", folder],
    )
    for words in commands:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, done.output
    text = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    there = list(fitting(open_result(folder)))
    assert re.findall(r'<section class="plate" id="(\w+)">', text) == there
    assert len(there) >= len(FIGURES) - 1  # stances, if none changes detectably
    assert "100 of every arm" in text and text.count("<svg") == len(there) - 1  # the mechanisms are a table
    assert len(text.encode()) < 0.9 * MOST

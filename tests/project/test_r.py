"""The R package and its page: run where R is installed (`BALANCE_SIM_R=required` in CI)."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.effects.run import run
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
HAS_R = shutil.which("Rscript") is not None
pytestmark = pytest.mark.skipif(
    not HAS_R and os.environ.get("BALANCE_SIM_R") != "required", reason="R is not installed"
)
SMALL = "experiments/smoke/five_states.yaml"
OUTCOME = "accords_counter_300"


def test_the_page_runs_and_gives_the_numbers_of_the_program(tmp_path: Path) -> None:
    folder, library = tmp_path / "results" / "beijing", tmp_path / "library"
    result = run(SMALL, 12, 1, out=folder)
    (folder / "summary.json").write_text(json.dumps(result.summary()), encoding="utf-8")
    assert CliRunner().invoke(main, ["export", str(folder)]).exit_code == 0
    library.mkdir()
    install = ["R", "CMD", "INSTALL", "--no-docs", "--no-byte-compile", "-l", str(library), str(ROOT / "r")]
    subprocess.run(install, check=True, capture_output=True, timeout=120)

    page = (ROOT / "docs" / "r.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"(?ms)^```r\n(.*?)^```", page))
    for real, small in (("accords_counter_365", OUTCOME), ("no_parade", "no_summit"), ("$parade$", "$summit$")):
        assert real in code
        code = code.replace(real, small)
    code += f'\nwrite.csv(paired_effects(results, "{OUTCOME}", "no_summit"), "effects.csv", row.names = FALSE)'
    code += '\nstopifnot(inherits(try(paired_effects(results, "no_such", "no_summit"), silent = TRUE), "try-error"))\n'
    environment = os.environ | {"R_LIBS": str(library)}
    done = subprocess.run(
        ["Rscript", "-"], input=code, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr

    head, row = (line.split(",") for line in (tmp_path / "effects.csv").read_text().splitlines())
    numbers = dict(zip(head, row, strict=True))
    effect = result.effects.set_index("outcome").loc[OUTCOME]
    assert float(numbers['"mean"']) == pytest.approx(effect["mean"], rel=1e-9)
    assert float(numbers['"mcse"']) == pytest.approx(effect["mcse"], rel=1e-6)
    assert int(numbers['"n"']) == 12

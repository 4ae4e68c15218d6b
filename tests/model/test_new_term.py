"""A new term of willingness touches three files: its function, the row of its weight, its description."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import balance_sim

PACKAGE = Path(balance_sim.__file__).parent
ROOT = PACKAGE.parents[1]
FUNCTION = '''
@term(lambda x: (ZERO, x.world.reach[:, :, None]), reads="facts")
def nearness(p: Prospects) -> Floats:
    """p_ij. Boulding 1962."""
    return p.world.reach.take(p.apart)


AT_START = '''
WEIGHT = """  nearness: {value: 0.0, unit: nats, source: guess, range: [0, 2], cite: "Boulding 1962"}
  bandwagon: {value: 0"""
DESCRIPTION = """  nearness: {text: "Weight of how near alter is."}
  bandwagon:"""
PROGRAM = """
import balance_sim as bs
from balance_sim.model.willingness import TERMS
from balance_sim.scenario.defaults import parameter_table

file = "experiments/smoke/five_states.yaml"
off = bs.run(bs.load_scenario(file), runs=2, seed=1)
on = bs.run(bs.load_scenario(file, set=["theory.weights.nearness=2"]), runs=2, seed=1)
rows = [row for row in parameter_table() if row["path"] == "theory.weights.nearness"]
print("nearness" in TERMS, off.digest != on.digest, len(rows))
"""


def changed(path: Path, before: str, after: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, (path, before)
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_a_new_term_touches_three_files(tmp_path: Path) -> None:
    copy = tmp_path / "balance_sim"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    changed(copy / "model" / "willingness.py", "\nAT_START = ", FUNCTION)
    changed(copy / "scenario" / "defaults.yaml", "  bandwagon: {value: 0", WEIGHT)
    changed(copy / "scenario" / "reference" / "descriptions.yaml", "  bandwagon:", DESCRIPTION)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "True", "1"], done.stderr

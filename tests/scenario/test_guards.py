"""What is wrong with an experiment: each row fails if its guard is taken out."""

from __future__ import annotations

import pytest
from balance_sim.scenario.diagnostics import report
from balance_sim.scenario.experiment import check_experiment

GOOD = """schema: 1
scenario: summit.yaml
design: {method: grid}
factors:
  events.summit.visibility: [0, 0.5]
  parameters.beta: {min: 0.1, max: 0.5, steps: 3}
runs: 10
"""
RANGE = "{min: 0.1, max: 0.5, steps: 3}"
FACTORS = GOOD[GOOD.index("factors") : GOOD.index("runs")]
ONE = "- {parameters.beta: 0.1}"

EXPERIMENT = [
    (RANGE, "{min: 0.1, max: 0.5, steps: 3, step: 0.1}", 6, "E403"),
    (RANGE, "{min: 0.1, max: 0.5, steps: 1.5}", 6, "E201"),
    (RANGE, "{min: 0.1, max: 0.5, steps: 1}", 6, "E203"),
    (RANGE, "{min: 0.1, max: 0.5, step: 0.1, scale: log}", 6, "E403"),
    (RANGE, "{min: 0.1, max: 0.5, steps: 3, scale: lag}", 6, "E211"),
    (RANGE, "{min: 0.1, max: 0.5, stps: 3}", 6, "E101"),
    (RANGE, "{max: 0.5, steps: 3}", 6, "E103"),
    (RANGE, "{min: a, max: 0.5, steps: 3}", 6, "E201"),
    (RANGE, "{min: 0.1, max: .inf, steps: 3}", 6, "E204"),
    ("{method: grid}", "{method: list}", 3, "E402"),
    ("{method: grid}", "{method: grid}\npoints: [{parameters.beta: 0.1}]", 4, "E407"),
    ("{method: grid}", "{method: list}\npoints: [{parameters.beta: 0.1}]", 4, "E407"),
    (GOOD, "- a\n- b\n", 1, "E012"),
    (FACTORS, "factors:\n" + "".join(f"  parameters.p{n}: [0, 1]\n" for n in range(1001)), 5, "E022"),
    (FACTORS, "", 3, "E402"),
    (FACTORS, "factors: [1]\n", 4, "E201"),
    (FACTORS, "points: 3\n", 4, "E201"),
    ("grid}\n" + FACTORS, f"list}}\npoints:\n  {ONE}\n  - {{parameters.tau: 0.1}}\n", 6, "E402"),
    ("grid}\n" + FACTORS, f"list}}\npoints:\n  {ONE}\n  {ONE}\n", 6, "E402"),
    ("runs: 10", "runs: 10\nset: 3", 8, "E201"),
    ("runs: 10", "runs: 10\nset: {parameters.beta2: 3}", 8, "E101"),
    ("runs: 10", "runs: 10\ntheory: nul", 8, "E211"),
    ("scenario: summit.yaml\n", "", 1, "E103"),
    ("summit.yaml", "3", 2, "E201"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "code"), EXPERIMENT, ids=[f"{c[3]} {c[1]:.40}" for c in EXPERIMENT])
def test_of_an_experiment(world, old, new, line, code):
    assert old in GOOD
    path = world.folder / "exp.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    experiment, found = check_experiment(path)
    here = [one for one in found if (one.file, one.code, one.line) == (str(path), code, line)]
    assert experiment is None and here, report(found)

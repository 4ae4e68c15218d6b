"""Whatever the bytes of an experiment file: an experiment or errors with file and line, never another exception."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from balance_sim.scenario.diagnostics import report
from balance_sim.scenario.experiment import TOP, check_experiment
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

DATA = Path(__file__).parent / "data"
EXAMPLES = int(os.environ.get("BALANCE_SIM_FUZZ", "25"))
QUICK = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
TEXT = """schema: 1
title: a grid
scenario: summit.yaml
factors:
  events.summit.visibility: [0, 0.5, 1]
  parameters.beta: {min: 0.1, max: 0.5, steps: 3}
arms: [no_summit, summit]
runs: 24
seed: 7
outcomes: [accords_all_365]
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        shutil.copytree(DATA, name, dirs_exist_ok=True)
        yield Path(name)


def outcome(folder: Path, data: bytes) -> list[str]:
    """Codes of the errors; checks what holds of any outcome."""
    path = folder / "exp.yaml"
    path.write_bytes(data)
    experiment, found = check_experiment(path)
    errors = [one for one in found if not one.is_warning]
    assert (experiment is None) == bool(errors), report(found)
    for one in found:
        assert one.file and one.line >= 1 and one.col >= 1, one
        assert all(line.isprintable() for line in one.text().split("\n")), one
    report(found).encode("utf-8")
    return [one.code for one in errors]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.just("summit"),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["min", "max", "step", "steps", "log", "values", "parameters.beta", "summit"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@QUICK
@given(key=st.sampled_from(TOP), value=values)
def test_one_section_of_any_shape(folder, key, value):
    tree = {name: given for name, given in yaml.safe_load(TEXT).items() if name != key}
    outcome(folder, yaml.safe_dump({**tree, key: value}, allow_unicode=True).encode("utf-8", "replace"))

"""`reproduce` against forgers, and on another processor: real processes, real archives."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from balance_sim.archive.members import unzipped, zipped
from balance_sim.archive.package import package
from balance_sim.archive.reproduce import read_archive
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, scenario_files
from balance_sim.scenario.experiment import experiment_files, load_experiment
from balance_sim.study.shards import encode
from balance_sim.study.store import Store
from balance_sim.study.sweep import sweep
from extras import skip_without

from .conftest import answered
from .forged import forge

MORRIS = """schema: 1
title: trajectories that meet
scenario: ../cases/small.yaml
set: {step_days: 30}
design: {method: morris, samples: 4}
factors: {parameters.beta: {min: 0.2, max: 0.6}, events.summit.visibility: {min: 0.1, max: 0.9}}
arms: [no_summit, summit]
runs: 3
seed: 7
outcomes: [insecurity_threatened_300, accords_all_300]
"""
OLDER = {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR", "OPENBLAS_CORETYPE": "Nehalem"}
BITS = "import numpy as np, sys; sys.stdout.write(np.exp(np.linspace(-20, 20, 100001)).tobytes().hex())"


def texts(files: dict[str, bytes]) -> dict[str, str]:
    return {name: data.decode() for name, data in files.items()}


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A run of 12 that draws its parameters, a Morris sweep with a point twice, and their archives."""
    skip_without("SALib")
    place = tmp_path_factory.mktemp("made")
    for name in ("cases", "plans"):
        (place / name).mkdir()
    case, plan = place / "cases" / "small.yaml", place / "plans" / "meet.yaml"
    written = Path(__file__).parents[2] / "experiments" / "smoke" / "five_states.yaml"
    text = written.read_text(encoding="utf-8").replace("end: 2026-01-01 ", "end: 2025-12-10 ")  # no day for placebos
    case.write_text(text.replace("windows: [30, 90, 300]", "windows: [300]"), encoding="utf-8")
    plan.write_text(MORRIS)
    scenario = load_scenario(case, set=["step_days=30"])
    files, words = texts(scenario_files(case)), f"balance-sim run {case} --set step_days=30 --draws fitted"
    made = run(scenario, 12, 4, out=place / "run", files=files, command=words, draw_parameters=True)
    (place / "run" / "summary.json").write_text(json.dumps(made.summary(), indent=1) + "\n")
    sweep(load_experiment(plan), out=place / "sweep", files=experiment_files(plan))
    for name in ("run", "sweep"):
        package(place / name, place / f"{name}.zip")
    return place


def forged(place: Path, kind: str, out: Path, **changed: Callable[[str], str]) -> Path:
    """The archive with texts changed, and every checksum made again."""
    files = unzipped(place / f"{kind}.zip")
    about = json.loads(files["package.json"])
    for name, change in changed.items():
        text = change(files[name].decode())
        assert text != files[name].decode(), name
        files[name] = text.encode()
        about["files"][name] = hashlib.sha256(files[name]).hexdigest()
    files["package.json"] = json.dumps(about).encode()
    out.write_bytes(zipped(files))
    return out


def larger(text: str) -> str:
    """The first mean in a CSV one higher."""
    head, row, *rest = text.splitlines()
    at = head.split(",").index("mean") if "mean" in head.split(",") else head.split(",").index("p")
    cells = row.split(",")
    cells[at] = str(float(cells[at]) + 1.0)
    return "\n".join([head, ",".join(cells), *rest]) + "\n"


def test_a_run_that_draws_its_parameters_is_reproduced(place: Path) -> None:
    before = sorted(place.iterdir())
    code, said = answered("reproduce", place / "run.zip", "--workers", "1")
    digest = json.loads((place / "run" / "summary.json").read_text())["digest"]
    assert code == 0 and said.startswith(f"reproduced to the last bit: digest {digest}"), said
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize(
    ("kind", "name", "change", "said"),
    [
        ("run", "results/effects.csv", larger, "mean."),
        ("run", "results/dyads.csv", larger, "mean."),
        ("run", "results/summary.json", lambda t: t.replace('"mean": ', '"mean": 1', 1), ".mean: "),
        ("run", "results/summary.json", lambda t: t.replace('"reference": "no_', '"reference": "', 1), "reference: "),
        ("run", "results/summary.json", lambda _: "{", "is no table of this type"),
        ("sweep", "results/effects.csv", larger, "mean."),
        ("sweep", "results/effects.csv", lambda t: t.rsplit("\n", 2)[0] + "\n", ": "),
    ],
)  # fmt: skip
def test_numbers_changed_and_checksums_made_again(place, tmp_path, kind, name, change, said) -> None:
    """The runs give the digest that the archive names; a table in it is another's."""
    path = forged(place, kind, tmp_path / "forged.zip", **{name: change})
    code, words = answered("reproduce", path, "--workers", "1")
    assert code == 6
    assert f"  {name}: " in words and said in words


def test_a_sampled_sweep_is_reproduced_without_the_sampler(place: Path, monkeypatch) -> None:
    """Its points stand in the archive, one of them twice."""
    points = read_archive(place / "sweep.zip").points.points
    assert len({point.key for point in points}) < len(points)
    for name in [one for one in sys.modules if one.partition(".")[0] == "SALib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "SALib", None)
    code, said = answered("reproduce", place / "sweep.zip", "--workers", "1")
    assert code == 0 and said.startswith("reproduced to the last bit"), said


# --- another processor ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def older() -> dict[str, str]:
    """The surroundings in which this processor is an older one, to NumPy and to OpenBLAS."""
    there = os.environ | OLDER
    bits = [
        subprocess.run([sys.executable, "-c", BITS], env=env, capture_output=True, text=True, check=True).stdout
        for env in (os.environ, there)
    ]
    if bits[0] == bits[1]:
        pytest.skip("NumPy has nothing to switch off here that changes an exponential")
    return there


def reproduced(path: Path, surroundings: dict[str, str]) -> tuple[int, dict[str, object]]:
    words = [sys.executable, "-m", "balance_sim", "reproduce", str(path), "--workers", "1", "--json"]
    ended = subprocess.run(words, env=surroundings, capture_output=True, text=True)
    return ended.returncode, json.loads(ended.stdout)


def test_on_another_processor_dates_are_compared_exactly_and_means_closely(place, older) -> None:
    """Made here, reproduced by a process to which this processor is an older one."""
    code, answer = reproduced(place / "run.zip", older)
    assert code == 0 and answer["ok"], answer
    if answer["how"] == "bits":
        pytest.skip("no number of this study shows the other processor's last digits")
    assert answer["how"] == "digits" and answer["digest"] != answer["archived"]
    for words in ("agreements and dates are the same in every run",
                  "plain instructions, OPENBLAS_CORETYPE=Nehalem"):  # fmt: skip
        assert words in str(answer["said"])


def test_a_date_that_differs_is_found_on_another_processor_too(place, older, tmp_path) -> None:
    """One agreement a day later, in a folder whose checksums and tables all fit: packaged without a complaint."""
    import shutil

    folder = tmp_path / "run"
    shutil.copytree(place / "run", folder)
    shard = Store(folder).shards()[0]
    table = shard.table("accords")
    days = table["signed"].to_pylist()
    at = next(k for k, day in enumerate(days) if day is not None)
    moved = pa.array([day + np.timedelta64(1, "D").item() if k == at else day for k, day in enumerate(days)],
                     table["signed"].type)  # fmt: skip
    forge(shard, "accords", encode(table.set_column(table.column_names.index("signed"), "signed", moved)))
    (folder / "summary.json").write_text(json.dumps(open_result(folder).summary()) + "\n")
    path = package(folder)
    here, said = answered("reproduce", path, "--workers", "1", "--json")
    for code, answer in ((here, json.loads(said)), reproduced(path, older)):
        assert (code, answer["how"]) == (6, "not")
        assert answer["differs"][0] == "agreements or their dates"  # type: ignore[index]

"""What a study will take on disk, told before it begins; and large designs, of which little is done."""

from pathlib import Path

import pytest
from balance_sim.effects.sensitivity import sensitivity
from balance_sim.scenario import load_scenario
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.experiment import load_experiment
from balance_sim.study.folder import shards_expected
from balance_sim.study.jobs import Job
from balance_sim.study.run import block_runs
from balance_sim.study.status import status_of
from balance_sim.study.store import Store
from balance_sim.study.sweep import sweep
from balance_sim.study.sweep_result import open_sweep

OF_ONE = "outcomes: [accords_all_300]\n"


def written(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("points", "runs", "outcomes"), [(40, 1, ""), (10, 300, ""), (40, 1, OF_ONE), (10, 300, OF_ONE)]
)
def test_the_estimate_is_within_a_factor_of_what_is_written(lab, points: int, runs: int, outcomes: str) -> None:
    """A file has a fixed cost, and so has a point, of which tables and summary hold the outcomes that are asked for, or
    all; `max_bytes` stops what would exceed it."""
    values = ", ".join(f"{0.2 + number / 100:.2f}" for number in range(points))
    lab.edit("  events.summit.visibility: [0, 0.5, 1]\n", "")
    lab.edit("[0.2, 0.4]", f"[{values}]")
    lab.edit("runs: 24", f"runs: {runs}")
    lab.edit(OF_ONE, outcomes)
    plans = []
    sweep(load_experiment(lab.path), out=lab.folder / "out", told=plans.append)
    assert 1 / 1.3 < plans[0].bytes / written(lab.folder / "out") < 1.3
    with pytest.raises(WrongRequest, match="--max-bytes"):
        sweep(load_experiment(lab.path), out=lab.folder / "b", max_bytes=int(plans[0].bytes / 2))
    assert not list((lab.folder / "b" / "runs").iterdir())


def test_ten_thousand_points_make_few_files() -> None:
    assert shards_expected(10_000, 20_000, 200.0) < 40
    assert shards_expected(1, 2, 0.1) == 1


@pytest.mark.slow
def test_status_and_sensitivity_of_many_points_of_which_few_are_done(lab) -> None:
    lab.edit("[0, 0.5, 1]", "{min: 0, max: 1}")
    lab.edit("[0.2, 0.4]", "{min: 0.2, max: 0.4}")
    lab.edit("arms:", "design: {method: lhs, samples: 1000}\narms:")
    lab.edit("runs: 24", "runs: 1")

    class Enough(Exception):
        pass

    def stop(done: int, *_: int) -> None:
        if done >= 49:
            raise Enough

    experiment = load_experiment(lab.path)
    with pytest.raises(Enough):
        sweep(experiment, out=lab.folder / "out", max_bytes=1 << 50, progress=stop)
    assert sum(map(len, Store(lab.folder / "out").done().values())) == 49
    assert status_of(lab.folder / "out")["points_done"] == 49
    assert "accords_all_300" in set(sensitivity(open_sweep(lab.folder / "out")).split["outcome"])


def test_each_worker_has_as_many_blocks_as_any_other_and_few() -> None:
    """Of agents of one's own, which may be slow, two at least; a batch is 256 replications of fifty states."""
    scenario = load_scenario("beijing_2025")
    ours = Job(scenario, 1, ("no_parade", "parade"))
    theirs = Job(scenario, 1, ("no_parade", "parade"), model="own:Agent")
    studies = [(100, 1), (400, 2), (600, 2), (1000, 2), (20, 4)]
    assert [block_runs(ours, *study) for study in studies] == [100, 200, 150, 250, 16]
    assert [block_runs(theirs, *study) for study in studies] == [50, 100, 150, 250, 16]
    assert block_runs(Job(scenario, 1, tuple(map(str, range(5000)))), 100, 1) == 16

"""`verify` finds what was done to a results folder, and names it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from balance_sim.archive.reproduce import job_of
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.scenario.experiment import load_experiment
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.blocks import Block
from balance_sim.study.folder import scenario_of
from balance_sim.study.jobs import Task, TaskResult
from balance_sim.study.manifest import read_manifest, write_manifest
from balance_sim.study.shards import TABLES, Shard
from balance_sim.study.store import Store
from balance_sim.study.sweep import sweep
from balance_sim.study.tables import joined

from .conftest import THREE_POINTS, answered, small_text
from .forged import forge, forge_table


@pytest.fixture(scope="module")
def sound(small, tmp_path_factory) -> dict[str, Path]:
    """A finished run of two blocks and a finished sweep of three points, made once."""
    place = tmp_path_factory.mktemp("sound")
    run(small, 24, 4, arms=["summit"], out=place / "run")
    result = run(small, 48, 4, arms=["summit"], out=place / "run")
    (place / "run" / "summary.json").write_text(json.dumps(result.summary(), indent=1) + "\n")
    (place / "small.yaml").write_text(small_text(), encoding="utf-8")
    (place / "exp.yaml").write_text(THREE_POINTS)
    sweep(load_experiment(str(place / "exp.yaml")), out=place / "sweep")
    return {"run": place / "run", "sweep": place / "sweep"}


@pytest.fixture(params=["run", "sweep"])
def folder(sound, request, tmp_path) -> Path:
    copy = tmp_path / request.param
    shutil.copytree(sound[request.param], copy)
    return copy


def shard_of(folder: Path, at: int = 1) -> Shard:
    return Store(folder).shards()[at]


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table], table: str = "runs") -> None:
    forge_table(shard_of(folder), table, change)


def flip(path: Path, at: int = -20) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(bytes(content))


def flipped_byte(folder: Path) -> str:
    flip(shard_of(folder).path("runs"))
    return "its bytes are not those it was written with"


def shard_deleted(folder: Path) -> str:
    shard_of(folder).remove()
    return "are missing"


def row_deleted(folder: Path) -> str:
    rewrite(folder, lambda t: t.slice(1))
    return "is not what the runs give"


def one_more(table: pa.Table, column: str, row: int) -> pa.Table:
    values = table[column].to_numpy().copy()
    values[row] += 2**36
    return table.set_column(table.column_names.index(column), column, pa.array(values))


def dyad_edited(folder: Path) -> str:
    rewrite(folder, lambda t: one_more(t, "sum", 0), "dyads")
    return "`dyads` is not what the runs give"


def accord_deleted(folder: Path) -> str:
    rewrite(folder, lambda t: t.slice(1), "accords")
    return "`digest` is not what the runs give"


def summary_edited(folder: Path) -> str:
    path = folder / "summary.json"
    path.write_text(path.read_text().replace('"mean": ', '"mean": 1', 1))
    return "summary.json"


DAMAGES = [flipped_byte, shard_deleted, row_deleted, accord_deleted, summary_edited, dyad_edited]


def test_a_sound_folder_is_sound_and_gives_the_same_again(folder: Path) -> None:
    code, said = answered("verify", folder)
    assert code == 0, said
    digest = json.loads((folder / "summary.json").read_text())["digest"]
    assert f"sound; digest {digest}" in said
    code, said = answered("reproduce", folder, "--workers", "1")
    assert code == 0 and said.startswith(f"reproduced to the last bit: digest {digest}")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_to_a_run_is_named_with_exit_code_6(sound, tmp_path, damage: Callable[[Path], str]) -> None:
    shutil.copytree(sound["run"], tmp_path / "run")
    expected = damage(tmp_path / "run")
    code, said = answered("verify", tmp_path / "run")
    assert code == 6, said
    assert expected in said


def test_a_table_of_other_columns_is_named(sound, tmp_path) -> None:
    shutil.copytree(sound["run"], tmp_path / "run")
    rewrite(tmp_path / "run", lambda t: pa.table({"x": [1]}))
    for command in ("verify", "package", "export"):
        code, said = answered(command, tmp_path / "run")
        assert code == 6 and "not a table of this type" in said


def test_a_block_of_another_study_is_told_by_running_it_again(small, tmp_path) -> None:
    """Right names, right keys, right counts, another seed, and a summary that fits."""
    for seed, name in ((4, "mine"), (5, "other")):
        run(small, 40, seed, arms=["summit"], out=tmp_path / name)
    mine, other = (Store(tmp_path / name).shards() for name in ("mine", "other"))
    for shard, foreign in zip(mine, other, strict=True):
        for table in TABLES:
            forge(shard, table, foreign.content(table))
    (tmp_path / "mine" / "summary.json").write_text(json.dumps(open_result(tmp_path / "mine").summary()))
    assert answered("verify", tmp_path / "mine")[0] == 0
    code, said = answered("reproduce", tmp_path / "mine", "--workers", "1")
    assert code == 6 and "agreements or their dates" in said


def test_tables_of_a_sweep_are_made_again_and_compared(sound, tmp_path) -> None:
    copy = tmp_path / "sweep"
    shutil.copytree(sound["sweep"], copy)
    for name in ("levels.csv", "effects.csv"):
        before = (copy / name).read_bytes()
        flip(copy / name, 200)
        code, said = answered("verify", copy)
        assert code == 6 and f"{name}: is not what the runs give" in said
        (copy / name).unlink()
        assert f"{name}: is missing" in answered("verify", copy)[1]
        (copy / name).write_bytes(before)


HAND_MADE = [
    (lambda m: m.update(study="walk"), "`study`"),
    (lambda m: m.pop("inputs"), "`inputs`"),
    (lambda m: m.update(seed=-1), "`seed`"),
    (lambda m: m.update(arms=["summit", None]), "`arms.1`"),
    (lambda m: m["versions"][0].pop("code"), "`versions.0.code`"),
    (lambda m: m.update(files={"a": 1}), "`files.a`"),
    (lambda m: m["scenario"].update(name="\x1b[31m"), "`scenario.name`"),
    (lambda m: m["inputs"].update(start="2025-99-01"), "`inputs` is no scenario: "),
    (lambda m: m["inputs"].update(title="another"), "`inputs` is no scenario: not the scenario of that sha256"),
]


@pytest.mark.parametrize(("change", "said"), HAND_MADE, ids=range(len(HAND_MADE)))
def test_a_manifest_edited_by_hand_and_sealed_again(sound, tmp_path, change, said) -> None:
    """Whoever writes a manifest can write its sha256 too: each key is looked at."""
    folder = tmp_path / "run"
    shutil.copytree(sound["run"], folder)
    _sealed(folder, change)
    code, words = answered("verify", folder)
    assert code == 6 and said in words, words


def test_a_title_that_steers_a_terminal_is_refused_with_any_digest(sound, tmp_path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(sound["run"], folder)

    def steer(manifest: dict[str, Any]) -> None:
        manifest["inputs"]["title"] = "\x1b]0;x\x07"
        scenario = Scenario.model_validate_json(json.dumps(manifest["inputs"]))
        manifest["scenario"]["sha256"] = content_digest(scenario)

    _sealed(folder, steer)
    for command in ("verify", "export", "package"):
        code, said = answered(command, folder)
        assert code == 6 and "\x1b" not in said, said


def test_the_points_of_a_sweep_are_sought_in_its_folder_alone(sound, tmp_path) -> None:
    folder = tmp_path / "sweep"
    shutil.copytree(sound["sweep"], folder)
    _sealed(folder, lambda manifest: manifest.update(points="../../points"))
    code, said = answered("verify", folder)
    assert code == 6 and "`points`" in said


def _sealed(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = read_manifest(folder)
    assert manifest is not None
    plain = manifest.model_dump()
    change(plain)
    write_manifest(folder, plain)


def test_code_of_a_study_runs_only_if_it_is_named(small, tmp_path, monkeypatch) -> None:
    """A folder from somebody else cannot bring code in: `--model` is the only door."""
    (tmp_path / "brought.py").write_text(
        "from pathlib import Path\nPath('opened').touch()\n"
        "from balance_sim.model.agents import StateAgent\nclass Mine(StateAgent):\n    pass\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    made = run(small, 4, 1, arms=["summit"], out=tmp_path / "out", model="brought:Mine")
    (tmp_path / "out" / "summary.json").write_text(json.dumps(made.summary()))
    (tmp_path / "opened").unlink()
    monkeypatch.delitem(__import__("sys").modules, "brought")
    assert answered("verify", tmp_path / "out")[0] == 0
    code, said = answered("reproduce", tmp_path / "out")
    assert code == 2 and "--model brought:Mine allows it to run" in said
    assert not (tmp_path / "opened").exists()
    code, said = answered("reproduce", tmp_path / "out", "--model", "brought:Mine", "--workers", "1")
    assert code == 0, said
    assert (tmp_path / "opened").exists()


def test_a_hindcast_is_told_from_a_study(tmp_path) -> None:
    (tmp_path / "hindcast.json").write_text("{}")
    for command in ("verify", "package"):
        code, said = answered(command, tmp_path)
        assert code == 2 and "holds forecasts of `hindcast`" in said


def test_a_run_that_was_left_out_as_failed_is_left_out_again(sound, tmp_path) -> None:
    """Its rows taken out, a record of a failure put in, the sums by dyad those of the other runs."""
    copy = tmp_path / "run"
    shutil.copytree(sound["run"], copy)
    store, shard = Store(copy), Store(copy).shards()[0]
    ((point, first, stop),) = shard.record.blocks
    job = job_of(store.manifest(), scenario_of(store.manifest()))
    others = joined([job.live(Task(Block(run, run + 1))) for run in range(first, stop) if run != 3])
    shard.remove()
    failed = {"point": point, "run": 3, "seed": 4, "traceback": "MemoryError"}
    store.write(store.manifest().study_key, [TaskResult(Task(Block(first, stop), point), others, (failed,))])
    (copy / "failed.json").write_text(json.dumps(store.failed(), indent=1) + "\n")
    (copy / "summary.json").write_text(json.dumps(open_result(copy).summary()) + "\n")
    code, said = answered("reproduce", copy, "--workers", "1")
    assert code == 0 and "1 on record as failed" in said

"""Results of each manifest version there has been, kept as written: a later balance-sim reads or refuses them.

F39. A new manifest version adds an archive of its own here, made by the version before it: `run` and `sweep`, four runs
of the starting scenario in steps of thirty days. The old ones stay."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.study.manifest import MANIFEST_VERSION
from balance_sim.study.shards import digest_of
from balance_sim.study.store import Store
from click.testing import CliRunner

HERE = Path(__file__).parent
KEPT = sorted(HERE.glob("results_of_version_*.zip"))


def test_every_version_is_kept() -> None:
    assert [int(path.stem.rsplit("_", 1)[1]) for path in KEPT] == list(range(1, MANIFEST_VERSION + 1))


@pytest.mark.fault("F39")
@pytest.mark.parametrize("archive", KEPT, ids=lambda path: path.stem)
@pytest.mark.parametrize("study", ["run", "sweep"])
def test_old_results_are_read_or_refused(archive: Path, study: str, tmp_path: Path) -> None:
    """Of the present version: read by every command, with the numbers they hold, and made again run by run, so that
    they are the model's too (`uv run python tests/golden/golden.py` makes them anew). Of another: 2, both named."""
    zipfile.ZipFile(archive).extractall(tmp_path)
    folder, version = tmp_path / study, int(archive.stem.rsplit("_", 1)[1])

    def call(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, list(words))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.output

    commands = (
        ("status", str(folder)),
        ("export", str(folder), "--out", str(tmp_path / "all.csv")),
        ("report", str(folder), "--out", str(tmp_path / "r.html")),
        ("verify", str(folder), "--all"),
        ("package", str(folder), "--out", str(tmp_path / "all.zip")),
    )
    if version != MANIFEST_VERSION:
        for words in commands:
            code, said = call(*words)
            assert code == 2, (words, said)
            assert f"is of version {version}; this balance-sim reads {MANIFEST_VERSION}" in said
        return
    summary = json.loads((folder / "summary.json").read_text())
    if study == "run":
        store = Store(folder)
        manifest = store.read_manifest()
        assert manifest is not None
        assert digest_of(store.blocks(), manifest.arms) == summary["digest"]
    for words in commands:
        code, said = call(*words)
        assert code == 0, (words, said)
        if words[0] == "verify":
            made = "4 runs of 1 blocks" if study == "run" else "8 runs of 2 blocks"
            assert f"{made} run again" in said and "differ" not in said, said
    assert len((tmp_path / "all.csv").read_text().splitlines()) == 1 + 4 * 2 * (2 if study == "sweep" else 1)

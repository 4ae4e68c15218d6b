"""F32. As many runs as nobody waits for: memory does not grow with them. The runs are copies of one block's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from balance_sim.study.blocks import Block, BlockTables
from balance_sim.study.run import run
from balance_sim.study.store import Store

BLOCK = 2_000
MEASURED = """
import resource, sys
from balance_sim.cli import main
try:
    main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
"""


def moved(table: pa.Table, by: int) -> pa.Table:
    """The same rows, of runs so many numbers further on."""
    at = table.column_names.index("run")
    return table.set_column(at, table.schema.field(at), pa.array(table["run"].to_numpy() + np.int32(by)))


def filled(small, out: Path, runs: int) -> None:
    """A results folder of so many runs."""
    run(small, BLOCK, 1, out=out, mechanisms=False)
    with Store(out).lock() as store:
        (first,) = (pair for pair in store.kept()[:1])
        pairs = list(store.blocks())
        runs_of, accords = (pa.concat_tables([pair[k] for pair in pairs]) for k in (0, 1))
        assert first.point == 0
        for at in range(BLOCK, runs, BLOCK):
            store.write(0, Block(at, at + BLOCK), BlockTables(moved(runs_of, at), moved(accords, at)))


def mebibytes(folder: Path, *words: str) -> int:
    """The most memory that a command held."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env=env,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1])


def flat_memory(bench, small, runs: int) -> None:
    """The commands that go over a study's runs, with so many of them: resume, export, status, verify."""
    filled(small, bench.folder / "out", runs)
    words = (
        "run",
        "small.yaml",
        "--runs",
        str(runs),
        "--workers",
        "1",
        "--no-figures",
        "--no-mechanisms",
        "--out",
        "out",
    )
    held = {"run": mebibytes(bench.folder, *words)}
    held["export"] = mebibytes(bench.folder, "export", "out", "--out", "all.parquet")
    held["status"] = mebibytes(bench.folder, "status", "out")
    held["verify"] = mebibytes(bench.folder, "verify", "out", "--sample", "0")
    print(runs, held)
    assert max(held.values()) < 500, held


@pytest.mark.slow
@pytest.mark.fault("F32")
def test_memory_with_twenty_thousand_runs(bench, small) -> None:
    flat_memory(bench, small, 20_000)


@pytest.mark.long
@pytest.mark.fault("F32")
def test_long_memory_with_a_million_runs(bench, small) -> None:
    flat_memory(bench, small, 1_000_000)

"""As many runs as nobody waits for, copied from one block: how much memory is held over them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Task, TaskResult
from balance_sim.study.store import Store
from balance_sim.study.tables import BlockTables

BLOCK = 2_000
MEASURED = """
import json, sys
from balance_sim.cli import main
for words in json.loads(sys.argv[1]):
    main(words, standalone_mode=False)
# of this program alone: ru_maxrss would begin with what the process that started it held
lines = open("/proc/self/status").read().splitlines()
print(next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), file=sys.stderr)
"""


def moved(table: pa.Table, by: int) -> pa.Table:
    """The same rows, of runs so many numbers further on."""
    at = table.column_names.index("run")
    return table.set_column(at, table.schema.field(at), pa.array(table["run"].to_numpy() + np.int32(by)))


def filled(out: Path, runs: int) -> None:
    """Fill the folder of a study of one block a point up to so many runs a point."""
    with Store(out).lock() as store:
        key = store.manifest().study_key
        for point in store.done():
            pairs = list(store.blocks(point))
            runs_of, agreements = (pa.concat_tables([dyad[k] for dyad in pairs]) for k in (0, 1))
            dyads = pa.concat_tables([table for table, _ in store.dyads(point)])
            for at in range(BLOCK, runs, BLOCK):
                tables = BlockTables(moved(runs_of, at), moved(agreements, at), dyads)
                store.write(key, [TaskResult(Task(Block(at, at + BLOCK), point), tables)])


def mebibytes(folder: Path, *commands: list[str]) -> int:
    """The most memory that commands held, one after the other in a process."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    words = [sys.executable, "-c", MEASURED, json.dumps(commands)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1])


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak of a process")
def test_memory_with_twenty_thousand_runs(lab) -> None:
    """Outcomes are read some at a time, so that a run and its verification do not hold them all either."""
    words = ["run", "small.yaml", "--seed", "1", "--workers", "1", "--no-figures", "--out", "out", "--runs"]
    assert lab.ask(*words, str(BLOCK)).returncode == 0
    filled(lab.folder / "out", 20_000)
    readers = (["export", "out", "--out", "all.parquet"], ["status", "out"], ["verify", "out"])
    assert mebibytes(lab.folder, [*words, "20000"], *readers) < 300

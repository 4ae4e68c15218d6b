"""Time and memory of sweeps: `python benchmarks/sweep.py beijing` or `python benchmarks/sweep.py million`.

beijing: 200 points x 2 arms x 100 runs of Beijing 2025 on two workers. million: a million runs of the small
scenario of the smoke test, in monthly steps. Prints one JSON line: seconds, CPU seconds of all
processes (what to read where the machine is shared), runs a second, peak memory in MB of the driver and of its
largest worker."""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

from balance_sim.scenario.experiment import load_experiment
from balance_sim.study.sweep import sweep

ROOT = Path(__file__).resolve().parent.parent

BEIJING = """schema: 1
scenario: {root}/scenarios/beijing_2025.yaml
design: {{method: lhs, samples: {points}}}
factors:
  events.parade.visibility: {{min: 0, max: 1}}
  parameters.beta: {{min: 0.1, max: 0.6}}
arms: [no_parade, parade]
runs: {runs}
outcomes: [accords_counter_365]
"""
MILLION = """schema: 1
scenario: {root}/experiments/smoke/five_states.yaml
set: {{step_days: 30}}
design: {{method: lhs, samples: {points}}}
factors:
  events.summit.visibility: {{min: 0, max: 1}}
  parameters.beta: {{min: 0.1, max: 0.6}}
arms: [no_summit, summit]
runs: {runs}
outcomes: [accords_all_300]
"""
SIZES = {"beijing": (BEIJING, 200, 100), "million": (MILLION, 10, 100_000)}


def main() -> None:
    """Run one of the two and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=sorted(SIZES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--points", type=int)
    parser.add_argument("--runs", type=int)
    args = parser.parse_args()
    text, points, runs = SIZES[args.what]
    points, runs = args.points or points, args.runs or runs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.yaml"
        path.write_text(
            text.format(root=ROOT, points=points, runs=runs), encoding="utf-8"
        )
        experiment = load_experiment(path)
        began = time.monotonic()
        result = sweep(experiment, out=Path(folder) / "out", workers=args.workers)
        seconds = time.monotonic() - began
        size = sum(
            file.stat().st_size
            for file in (Path(folder) / "out").rglob("*")
            if file.is_file()
        )
    assert result is not None
    used = [
        resource.getrusage(who)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    own, worker = (one.ru_maxrss / 1024 for one in used)
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    print(
        json.dumps(
            {
                "what": args.what,
                "points": points,
                "runs": runs,
                "arms": len(result.arms),
                "workers": args.workers,
                "seconds": round(seconds, 1),
                "cpu_seconds": round(cpu, 1),
                "runs_per_second": round(points * runs * len(result.arms) / seconds, 1),
                "driver_mb": round(own, 1),
                "worker_mb": round(worker, 1),
                "disk_mb": round(size / 2**20, 1),
                "failed": len(result.failed),
                "digest": result.digest,
            }
        )
    )


if __name__ == "__main__":
    main()

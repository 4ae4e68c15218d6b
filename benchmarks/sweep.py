"""Time and memory of a sweep: `python benchmarks/sweep.py`.

200 points x 2 arms x 100 runs of Beijing 2025 on two workers; many points of a small world are in
`benchmarks/growth.py --large`. Prints one JSON line: seconds, CPU seconds of all processes (what to read where the
machine is shared), runs a second, peak memory in MB of the driver and of its largest worker."""

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
POINTS, RUNS = 200, 100


def main() -> None:
    """Run the sweep and print what it took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    points, runs = args.points, args.runs
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.yaml"
        path.write_text(
            BEIJING.format(root=ROOT, points=points, runs=runs), encoding="utf-8"
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
    driver, worker = (usage.ru_maxrss / 1024 for usage in used)
    cpu = sum(usage.ru_utime + usage.ru_stime for usage in used)
    print(
        json.dumps(
            {
                "points": points,
                "runs": runs,
                "arms": len(result.arms),
                "workers": args.workers,
                "seconds": round(seconds, 1),
                "cpu_seconds": round(cpu, 1),
                "runs_per_second": round(points * runs * len(result.arms) / seconds, 1),
                "driver_mb": round(driver, 1),
                "worker_mb": round(worker, 1),
                "disk_mb": round(size / 2**20, 1),
                "failed": len(result.failed),
                "digest": result.digest,
            }
        )
    )


if __name__ == "__main__":
    main()

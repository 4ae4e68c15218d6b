"""How time and memory grow with states, years, arms, runs, events and points:
`python benchmarks/growth.py [--large] [--workers 2]`.

Invented worlds, written as a scenario file and loaded, checked and run as any other. Everything in them is drawn
from one seed: places, sizes and regimes of states, disputes with neighbours, agreements on record, patrons, trade
with the two largest, four acts a year and one focal act after a year, and as many acts more as are asked for, in a
table beside the file. Each size is run in a process of its own, into a results folder. Prints one line a size:
processor seconds from the file to the summary, those of compiling (with one worker alone) and of the run,
milliseconds a simulated year (one arm of one run), the peak memory in MB of the driver and of its largest worker,
and the exponents of seconds and of the driver's memory from the smaller size.

`--large` takes what is as large as it gets: 195 states over 10 years, 100 arms, 5,000 events, and of the five states
of `experiments/smoke` a million replications and a sweep of ten thousand points, with its indices. `--share 0.01` is
a trial with a hundredth of these replications and points.

Memory does not grow with runs: those lived at once shrink with the square of the states. It grows with years times
states squared, and for each arm by the dyads that its events move. Every size has OPENBLAS_NUM_THREADS=1, as workers
have it: from a hundred states on its threads otherwise wait for each other.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
SMOKE = ROOT / "experiments/smoke/five_states.yaml"
FIVE = 5
"""States of it; every other number of them is of an invented world."""
Size = dict[str, int]
BASE = {"states": 50, "years": 2, "arms": 2, "runs": 40, "events": 0, "points": 1}
LITTLE = BASE | {"states": FIVE, "years": 1}
SMALL: list[tuple[str, int, Size]] = [
    ("states", 25, BASE),
    *(("states", 50, BASE | {"states": states}) for states in (100, 195)),
    ("years", 1, BASE),
    *(("years", 2, BASE | {"years": years}) for years in (5, 10)),
    *(("arms", 2, BASE | {"arms": arms}) for arms in (4, 8)),
    *(("runs", 40, BASE | {"runs": runs}) for runs in (80, 160, 320)),
]
"""What grows, its smaller number, and the size."""
FEW = BASE | {"runs": 4}
LARGE: list[tuple[str, int, Size]] = [
    ("states", 100, FEW | {"states": 195, "years": 10}),
    ("years", 2, FEW | {"states": 195, "years": 10}),
    ("arms", 10, FEW | {"states": 195, "arms": 40}),
    ("arms", 25, FEW | {"arms": 100}),
    ("events", 1250, FEW | {"events": 5000}),
    ("runs", 250_000, LITTLE | {"runs": 1_000_000}),
    ("points", 2500, LITTLE | {"runs": 2, "points": 10_000}),
]
WIDTHS = {"states": 6, "years": 5, "arms": 4, "runs": 7, "events": 6, "points": 6}
SWEEP = """schema: 1
scenario: world.yaml
design: {{method: lhs, samples: {points}}}
factors:
  events.summit.visibility: {{min: 0, max: 1}}
  parameters.beta: {{min: 0.1, max: 0.6}}
arms: [no_summit, summit]
runs: {runs}
outcomes: [accords_all_300]
"""
START = date(2000, 1, 1)
KINDS = (
    "access",
    "defence_cooperation",
    "defence_pact",
    "information_sharing",
    "logistics",
    "non_aggression",
)


def invented(states: int, years: int, arms: int, events: int = 0) -> dict[str, Any]:
    """A scenario file's content: so many states, years of weekly steps, arms, the reference among them, and acts
    more."""
    rng = np.random.default_rng(1)
    codes = [
        f"X{chr(65 + k // 26)}{chr(65 + k % 26)}" for k in range(states)
    ]  # ISO 3166 leaves X to its users
    focal = START + timedelta(days=364)
    count = 4 * (years + 1) + events
    acts = sorted(int(day) for day in rng.integers(-365, 365 * years, count))
    act_rows = [
        {"id": f"act_{k}", "date": START + timedelta(days=day), "kind": kind}
        | dict(
            zip(
                ("principals", "targets"),
                map(list, np.split(rng.choice(codes, 5, replace=False), [2])),
                strict=True,
            )
        )
        for k, (day, kind) in enumerate(
            zip(
                acts,
                rng.choice(
                    ["joint_summit", "incident", "military_aid"], len(acts)
                ).tolist(),
                strict=True,
            )
        )
    ]
    for event in act_rows:
        event |= {
            side: [str(code) for code in event[side]]
            for side in ("principals", "targets")
        }
    focal_act = {
        "id": "focal",
        "date": focal,
        "kind": "joint_summit",
        "principals": codes[:3],
        "host": codes[0],
    }
    pairs = rng.choice(states * (states - 1) // 2, 6 * states, replace=False)
    first, second = np.triu_indices(states, 1)
    named = [(codes[first[k]], codes[second[k]]) for k in pairs.tolist()]
    few = max(arms - 2, 0)
    visible = {
        f"seen_{k}": {"set": {"events.focal.visibility": (k + 1) / (few + 1)}}
        for k in range(few)
    }
    return {
        "schema": 1,
        "title": f"Invented: {states} states, {years} years",
        "start": START,
        "end": START + timedelta(days=round(365.25 * years)),
        "step_days": 7,
        "focal": "focal",
        "states": [_state(code, codes[:2], rng) for code in codes],
        "audiences": {
            "near": {"members": codes[: states // 2]},
            "far": {"members": codes[states // 2 :], "attention": {"default": 0.5}},
        },
        "disputes": [
            {"a": a, "b": b, "rivalry": round(float(rng.uniform()), 2)}
            for a, b in named[: 2 * states]
        ],
        "trade": [
            {
                "state": code,
                "partner": partner,
                "share": round(float(rng.uniform(0, 0.3)), 3),
            }
            for code in codes
            for partner in codes[:2]
            if code != partner
        ],
        "accords": [
            {
                "id": f"accord_{k}",
                "a": a,
                "b": b,
                "kind": str(rng.choice(KINDS)),
                "status": "in_force",
            }
            | {
                name: date(int(rng.integers(1990, 2000)), 1, 1)
                for name in ("in_force",)
            }
            for k, (a, b) in enumerate(named[2 * states :])
        ],
        "events": [*act_rows, focal_act],
        "arms": {"without": {"reference": True, "drop": ["focal"]}, "with": {}}
        | visible,
        "report": {"windows": [90, 365] if years > 1 else [90]},
    }


def _state(code: str, patrons: list[str], rng: np.random.Generator) -> dict[str, Any]:
    size = float(rng.lognormal(4, 1.5))
    return {
        "id": code,
        "name": f"Invented {code}",
        "gdp_bn": round(size, 3),
        "milex_bn": round(size * float(rng.uniform(0.01, 0.05)), 4),
        "population_m": round(size * float(rng.uniform(0.02, 0.2)), 4),
        "democracy": round(float(rng.uniform()), 3),
        "ideal_point": round(float(rng.normal()), 3),
        "latitude": round(float(np.degrees(np.arcsin(rng.uniform(-0.8, 0.9)))), 2),
        "longitude": round(float(rng.uniform(-180, 180)), 2),
        "autonomy": round(float(rng.uniform()), 2),
        "patrons": [str(rng.choice(patrons))]
        if code not in patrons and rng.uniform() < 0.3
        else [],
    }


def spent() -> float:
    """Processor seconds of this process and of those that it has ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def scenario_file(folder: Path, size: Size) -> Path:
    """The scenario of a size: invented in a folder, its acts in a table, or the one of five states."""
    if size["states"] == FIVE:
        return SMOKE
    content = invented(size["states"], size["years"], size["arms"], size["events"])
    *acts, focal = content["events"]
    table = folder / "acts.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(acts[0])
        for act in acts:
            writer.writerow(
                ";".join(cell) if isinstance(cell, list) else cell
                for cell in act.values()
            )
    sha256 = hashlib.sha256(table.read_bytes()).hexdigest()
    content["events"] = [{"table": table.name, "sha256": sha256}, focal]
    path = folder / "invented.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def run_once(path: Path, size: Size, options: dict[str, Any]) -> tuple[float, float]:
    """Load, check and run a scenario, and summarise it: processor seconds of compiling and of the run."""
    import balance_sim as bs
    from balance_sim.model.baseline import compile_worlds
    from balance_sim.study.arms import chosen_arms

    scenario = bs.load_scenario(path)
    compiled = float("nan")
    if options["workers"] == 1:
        at = spent()
        compile_worlds(scenario, chosen_arms(scenario, None))
        compiled = spent() - at
    at = spent()
    result = bs.run(scenario, runs=size["runs"], seed=1, **options)
    lived = spent() - at
    if result.failed:
        raise SystemExit(result.failed[0]["traceback"])
    result.summary()
    return compiled, lived


def sweep_once(path: Path, size: Size, options: dict[str, Any]) -> tuple[float, float]:
    """Sweep a scenario, and read the sweep, its state and its indices: processor seconds of the sweep."""
    import balance_sim as bs
    from balance_sim.study.status import status_of

    experiment = options["out"].parent / "sweep.yaml"
    shutil.copy(path, experiment.with_name("world.yaml"))
    text = SWEEP.format(points=size["points"], runs=size["runs"])
    experiment.write_text(text, encoding="utf-8")
    at = spent()
    bs.sweep(experiment, **options)
    swept = spent() - at
    status_of(options["out"])
    bs.sensitivity(options["out"])
    return float("nan"), swept


def measured(size: Size, workers: int) -> dict[str, float]:
    """One size in this process, into a folder."""
    import balance_sim  # noqa: F401 - no part of what is measured

    with tempfile.TemporaryDirectory() as folder:
        path = scenario_file(Path(folder), size)
        options = {"workers": workers, "out": Path(folder) / "results"}
        began = spent()
        once = run_once if size["points"] == 1 else sweep_once
        compiled, lived = once(path, size, options)
    peak = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    years = size["years"] * size["arms"] * size["runs"] * size["points"]
    return {
        "seconds": spent() - began,
        "compile": compiled,
        "run": lived,
        "ms": 1000 * lived / years,
        "driver": peak[0],
        "worker": peak[1],
    }


def in_a_process(size: Size, workers: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--workers", str(workers)]
    command += ["--size", json.dumps(size)]
    one_thread = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env=one_thread
    )
    numbers: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return numbers


def line(size: Size, of: dict[str, float]) -> str:
    """A line of the table, without exponents."""
    sizes = " ".join(f"{size[name]:>{width}}" for name, width in WIDTHS.items())
    numbers = (
        f"{of['seconds']:8.1f} {of['compile']:7.1f} {of['run']:8.1f} {of['ms']:9.2f}"
    )
    return f"{sizes} {numbers} {of['driver']:9.0f} {of['worker']:9.0f}"


def shrunk(size: Size, share: float) -> Size:
    """A size with a share of its replications and points, where these are what is large."""
    return {
        name: max(round(number * share), 2)
        if number >= 1000 and name != "events"
        else number
        for name, number in size.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="of a million replications and 10,000 points",
    )
    parser.add_argument("--size", help="as JSON: this one, in this process")
    args = parser.parse_args()
    if args.size:
        print(json.dumps(measured(json.loads(args.size), args.workers)))
        return
    sizes = " ".join(f"{name:>{width}}" for name, width in WIDTHS.items())
    print(f"{sizes}    CPU s compile      run ms a year MB driver MB worker  exponents")
    known: dict[str, dict[str, float]] = {}
    for name, smaller, largest in LARGE if args.large else SMALL:
        pair = [
            shrunk(largest | {name: number}, args.share)
            for number in (smaller, largest[name])
        ]
        for size in pair:
            key = json.dumps(size)
            if key not in known:
                known[key] = in_a_process(size, args.workers)
                print(line(size, known[key]), flush=True)
        small, large = (known[json.dumps(size)] for size in pair)
        growth = math.log(pair[1][name] / pair[0][name])
        seconds, memory = (
            math.log(large[what] / small[what]) / growth
            for what in ("seconds", "driver")
        )
        print(
            f"{name}: CPU seconds {seconds:.2f}, memory {memory:.2f}".rjust(115),
            flush=True,
        )


if __name__ == "__main__":
    main()

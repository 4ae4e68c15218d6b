"""How time and memory grow with states, years, arms, runs and events: `python benchmarks/growth.py [--large]`.

Invented worlds, written as a scenario file and loaded, checked and run as any other. Everything in them is drawn
from one seed: places, sizes and regimes of states, disputes with neighbours, agreements on record, patrons, trade
with the two largest, four acts a year and one focal act after a year, and as many acts more as are asked for. Each
size is run in a process of its own, into a results folder. Prints one line a size: processor seconds from the file
to the summary, those of compiling (with one worker alone) and of the run, milliseconds a simulated year (one arm of
one run), and the peak memory in MB of the driver and of its largest worker. `--large` takes long and large worlds
instead, up to 195 states over 10 years, 100 arms and nearly 5,000 events, the most that a file without tables holds.

Memory does not grow with runs: those lived at once shrink with the square of the states. It grows with years times
states squared, and for each arm by the dyads that its events move. In one process set OPENBLAS_NUM_THREADS=1, as
workers have it: from a hundred states on its threads otherwise wait for each other. A million replications and ten
thousand points: `benchmarks/sweep.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml

BASE = {"states": 50, "years": 2, "arms": 2, "runs": 40, "events": 0}
SMALL = [
    BASE,
    *({**BASE, "states": states} for states in (25, 100, 195)),
    *({**BASE, "years": years} for years in (1, 5, 10)),
    *({**BASE, "arms": arms} for arms in (4, 8)),
    *({**BASE, "runs": runs} for runs in (80, 160, 320)),
]
LARGE = [
    {**BASE, "states": 195, "runs": 4},
    {**BASE, "states": 195, "years": 10, "runs": 4},
    {**BASE, "years": 10, "runs": 4},
    {**BASE, "states": 195, "arms": 40, "runs": 4},
    {**BASE, "arms": 100, "runs": 4},
    {**BASE, "runs": 4, "events": 1000},
    {**BASE, "runs": 4, "events": 4900},
]
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


def measured(
    states: int, years: int, arms: int, runs: int, events: int, workers: int
) -> dict[str, float]:
    """Load, check and run one size in this process, into a folder, and summarise it."""
    import balance_sim as bs
    from balance_sim.model.baseline import compile_worlds
    from balance_sim.study.arms import chosen_arms

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "invented.yaml"
        content = invented(states, years, arms, events)
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        began = spent()
        scenario = bs.load_scenario(path)
        compiled = float("nan")
        if workers == 1:
            at = spent()
            compile_worlds(scenario, chosen_arms(scenario, None))
            compiled = spent() - at
        at, out = spent(), Path(folder) / "results"
        result = bs.run(scenario, runs=runs, seed=1, workers=workers, out=out)
        lived = spent() - at
        if result.failed:
            raise SystemExit(result.failed[0]["traceback"])
        result.summary()
    peak = [
        resource.getrusage(who).ru_maxrss / 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return {
        "seconds": spent() - began,
        "compile": compiled,
        "run": lived,
        "ms": 1000 * lived / (years * arms * runs),
        "driver": peak[0],
        "worker": peak[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--large", action="store_true")
    parser.add_argument(
        "--size", help="states,years,arms,runs,events: this one, in this process"
    )
    args = parser.parse_args()
    if args.size:
        size = map(int, args.size.split(","))
        print(json.dumps(measured(*size, args.workers)))
        return
    print(
        "states years arms  runs events   CPU s  compile     run  ms a simulated year  MB driver  MB worker"
    )
    for size in LARGE if args.large else SMALL:
        command = [sys.executable, __file__, "--workers", str(args.workers)]
        text = subprocess.run(
            [*command, "--size", ",".join(str(part) for part in size.values())],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        of = json.loads(text)
        print(
            f"{size['states']:6} {size['years']:5} {size['arms']:4} {size['runs']:5} {size['events']:6} "
            f"{of['seconds']:7.1f} {of['compile']:8.1f} {of['run']:7.1f} {of['ms']:20.1f} "
            f"{of['driver']:10.0f} {of['worker']:10.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Studies made by hand: which agreements were signed on which day, run by run, so that every figure is known."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from balance_sim.effects.result import AnalysedResult as Result
from balance_sim.scenario import load_scenario
from balance_sim.study.tables import BlockTables, dyad_table

FOCAL = date(2025, 9, 3)
SCENARIO = load_scenario(Path(__file__).parent / "data" / "quay.yaml")

Agreement = tuple[int, str, str]  # days after the event, a, b
Lives = dict[str, Sequence[Sequence[Agreement]]]  # by arm, then run


def direction(a: str, b: str) -> str:
    return "with_participant" if {a, b} & {"CHN", "RUS"} else "counter"


def words(values: Sequence[str]) -> pa.DictionaryArray:
    return pa.array(list(values), pa.string()).dictionary_encode()


def study(lives: Lives, failed: tuple[dict[str, object], ...] = (), block: int = 1_000) -> Result:
    """A Result of these agreements, in memory; the arms in the order given, the reference first. It says that agents
    of one's own decided, since the expected estimator knows nothing of what was made by hand."""
    runs = len(next(iter(lives.values())))
    blocks = []
    for first in range(0, runs, block):
        numbers = range(first, min(first + block, runs))
        rows = [(run, arm, *agreement) for arm in lives for run in numbers for agreement in lives[arm][run]]
        signed = [FOCAL + timedelta(days=row[2]) for row in rows]
        agreements = {
            "run": pa.array([row[0] for row in rows], pa.int32()),
            "arm": words([row[1] for row in rows]),
            "a": words([row[3] for row in rows]),
            "b": words([row[4] for row in rows]),
            "kind": words(["access"] * len(rows)),
            "origin": words(["new"] * len(rows)),
            "direction": words([direction(row[3], row[4]) for row in rows]),
            "occasion": pa.array([0] * len(rows), pa.int32()),
            **{name: pa.array(signed, pa.date32()) for name in ("opened", "signed", "in_force", "ended")},
        }
        blocks.append(BlockTables(outcomes(lives, numbers), pa.table(agreements), dyads(lives, numbers)))
    return Result(
        scenario=SCENARIO,
        runs=runs,
        seed=7,
        model="studies:ByHand",
        arms=tuple(lives),
        version="0.1.0",
        memory=tuple(blocks) if runs else (),
        failed=failed,  # type: ignore[arg-type]
    )


def dyads(lives: Lives, numbers: range) -> pa.Table:
    """Sums by dyad; the count of agreements within the longest window stands for the filtered number."""
    codes = SCENARIO.codes
    first, second = (np.array(side) for side in np.triu_indices(len(codes), 1))
    place = {frozenset((codes[i], codes[j])): k for k, (i, j) in enumerate(zip(first, second, strict=True))}
    by_arm = {arm: np.zeros((len(numbers), len(first))) for arm in lives}
    for arm, runs in lives.items():
        for row, run in enumerate(numbers):
            for day, a, b in runs[run]:
                by_arm[arm][row, place[frozenset((a, b))]] += 1 <= day <= 365
    return dyad_table(by_arm, next(iter(lives)), codes, first, second)


def outcomes(lives: Lives, numbers: range) -> pa.Table:
    """The runs' table, counted the plain way."""
    rows = []
    for arm, runs in lives.items():
        for run in numbers:
            row: dict[str, object] = {"run": run, "arm": arm}
            for window in (30, 90, 365):
                ways = [direction(a, b) for day, a, b in runs[run] if 1 <= day <= window]
                row |= {
                    f"accords_{way}_{window}": float(ways.count(way))
                    for way in ("counter", "with_participant", "other")
                }
                row[f"accords_all_{window}"] = float(len(ways))
            days = [day for day, a, b in runs[run] if direction(a, b) == "counter"]
            row["from_talks_365"] = 0.0
            row["first_counter_days"] = float(min(days)) if days else None
            rows.append(row)
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    table = pa.table({k: pa.array(v, pa.float64()) for k, v in columns.items() if k not in ("run", "arm")})
    table = table.add_column(0, "arm", words([str(a) for a in columns["arm"]]))
    return table.add_column(0, "run", pa.array(columns["run"], pa.int32()))


J, K, F = ("JPN", "KOR"), ("FRA", "KOR"), ("FRA", "IND")


def four_runs() -> Result:
    """Reference counts by day 365: 1, 2, 0, 1. With the meeting: 2, 2, 1, 1. Half: as the reference."""
    without = [[(10, *J)], [(5, *J), (40, *K)], [], [(100, *F)]]
    with_it = [[(10, *J), (200, *K)], [(5, *J), (40, *K)], [(365, *F)], [(90, *F)]]
    return study({"without": without, "with": with_it, "half": without})


def alike(runs: int = 30) -> Result:
    """No run differs."""
    lives = [[(1 + run % 50, *J)] for run in range(runs)]
    return study({"without": lives, "with": lives})


_CASES = {
    "four runs": four_runs,
    "no run differs": alike,
    "250 runs": lambda: study(
        {
            "without": [[(1 + 7 * (run % 5), *J), (9, "CHN", "FRA")] for run in range(250)],
            "with": [[(1 + 7 * (run % 5), *J), *([(60, *K)] if run % 10 == 0 else [])] for run in range(250)],
            "half": [[(1 + 7 * (run % 5), *J), *([(60, *K)] if run % 20 == 0 else [])] for run in range(250)],
            "tenth": [[(1 + 7 * (run % 5), *J)] if run % 9 else [] for run in range(250)],
        },
        block=100,
    ),
    "no accords": lambda: study({"without": [[]] * 12, "with": [[]] * 12}),
    "one run": lambda: study({"without": [[(3, *J)]], "with": [[(2, *J), (4, *K)]]}),
    "reference only": lambda: study({"without": [[(3, *J)], []]}),
    "all runs failed": lambda: study({"without": [], "with": []}, failed=({"run": 0, "seed": 7, "traceback": "x"},)),
}
CASES = {name: cache(make) for name, make in _CASES.items()}
"""What is worked out of a case once is kept with it."""

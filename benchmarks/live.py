"""Seconds from a request of the live page to its first answer, the expected effect, and to its replications.

    uv run python benchmarks/live.py [SCENARIO] [--rounds 12] [--runs 200] [--workers 2]

Each round asks for another place of one dial; the dials are taken in turn. `visibility` leaves the control arm as it
was; the others reach it. Medians of wall seconds, from the request to each line that is told; and the CPU seconds that
the expected effect takes by itself, in one process with one thread for linear algebra, which do not depend on what else
the machine does: what is compiled, the two arms, and the channels. No network is in between.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import defaultdict
from statistics import median

from balance_sim.study.processes import set_surroundings

set_surroundings()  # before the first array: for this process, as for the workers

from balance_sim.app.arm_tables import reference_key  # noqa: E402
from balance_sim.app.controls import EnsembleRequest, RangeControl, run_controls  # noqa: E402
from balance_sim.app.ensembles import Reached, Service  # noqa: E402
from balance_sim.app.workers import Workers, estimator_among  # noqa: E402
from balance_sim.effects.expected import Estimator  # noqa: E402
from balance_sim.effects.expected_effect import effect_of  # noqa: E402
from balance_sim.model.baseline import with_classes  # noqa: E402
from balance_sim.scenario import load_scenario, with_values  # noqa: E402
from balance_sim.study.arms import compile_arms, headline_arm  # noqa: E402
from balance_sim.study.result import Result  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", default="scenarios/beijing_2025.yaml")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    scenario = with_classes(load_scenario(given.scenario))
    arms = (
        scenario.reference_arm,
        headline_arm(scenario, tuple(scenario.arms)) or scenario.reference_arm,
    )
    dials = [dial for dial in run_controls(scenario) if isinstance(dial, RangeControl)]
    wishes = [
        (dial.name, tuple(sorted(dial.values(0.30 + 0.01 * number).items())))
        for number in range(given.rounds)
        for dial in dials
    ]
    print(
        f"{scenario.name}, {given.workers} workers, {given.runs} replications asked for"
    )
    workers = Workers(given.workers, 1)
    try:
        walls = asyncio.run(
            asked(Service(scenario, 1, arms, workers), wishes, given.runs)
        )
    finally:
        workers.close()
    for name, of in walls.items():
        print(
            f"{name:<24}"
            + "".join(
                f"{line:>14} {median(seconds):6.3f} s" for line, seconds in of.items()
            )
        )
    kept: dict[str, Estimator] = {}
    cpu: dict[str, list[float]] = defaultdict(list)
    for name, values in wishes:
        moved = with_values(scenario, dict(values))
        key = reference_key(moved)
        began = time.process_time()
        worlds = compile_arms(moved, arms)
        estimator = estimator_among(kept, key, worlds)
        effect_of(worlds, arms[1], estimator, with_parts=True)
        cpu[name].append(time.process_time() - began)
    for name, seconds in cpu.items():
        print(f"{name:<24}{'expected':>14} {median(seconds):6.3f} CPU s")


async def asked(
    clerk: Service, wishes: list[tuple[str, tuple[tuple[str, object], ...]]], runs: int
) -> dict[str, dict[str, list[float]]]:
    """Wall seconds by dial and line, from the request on; the processes have answered once before."""
    out: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    async for _ in clerk.answers(await clerk.setting(EnsembleRequest((), runs)), runs):
        pass
    for name, values in wishes:
        began = time.perf_counter()
        async for one in clerk.answers(
            await clerk.setting(EnsembleRequest(values, runs)), runs
        ):
            if not isinstance(one, Reached):
                line = f"{one.runs} runs" if isinstance(one, Result) else "expected"
                out[name][line].append(time.perf_counter() - began)
    return out


if __name__ == "__main__":
    main()

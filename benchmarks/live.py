"""Seconds from a request of the live page to its first answer, the expected effect, and to its replications.

    uv run python benchmarks/live.py [SCENARIO] [--rounds 12] [--runs 200] [--workers 2]

Each round asks for another place of one dial; the dials are taken in turn. Medians of wall seconds, from the request to
each line that is told; and the CPU seconds that the expected effect takes by itself, in one process with one thread for
linear algebra, which do not depend on what else the machine does: what is compiled, the two arms, and the channels. No
network is in between.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import defaultdict
from contextlib import closing
from statistics import median

from balance_sim.study.processes import set_surroundings

set_surroundings()  # before the first array: for this process, as for the workers

from balance_sim.app.dials import live_run_dials  # noqa: E402
from balance_sim.app.live import Live  # noqa: E402
from balance_sim.effects.expected_effect import expected_effect  # noqa: E402
from balance_sim.model.baseline import with_classes  # noqa: E402
from balance_sim.scenario import load_scenario, with_values  # noqa: E402
from balance_sim.study.arms import chosen_arms, headline_arm  # noqa: E402
from balance_sim.study.jobs import Job, Values  # noqa: E402

type Settings = list[tuple[str, Values]]
"""By dial, what one of its places sets."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenario", nargs="?", default="scenarios/beijing_2025.yaml")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    scenario = with_classes(load_scenario(given.scenario))
    arm = headline_arm(chosen_arms(scenario, None))
    settings = [
        (dial.name, tuple(sorted(dial.settings[place].items())))
        for place in range(given.rounds)
        for dial in live_run_dials(scenario)
        if place < len(dial.values)
    ]
    print(
        f"{scenario.name}, {given.workers} workers, {given.runs} replications asked for"
    )
    job = Job(scenario, 1, (scenario.reference_arm, arm or scenario.reference_arm))
    with closing(Live(job, given.workers)) as live:
        walls = asyncio.run(asked(live, settings, given.runs))
    for name, lines in walls.items():
        words = [f"{line:>14} {median(times):6.3f} s" for line, times in lines.items()]
        print(f"{name:<24}{''.join(words)}")
    cpu: dict[str, list[float]] = defaultdict(list)
    for name, values in settings:
        moved = with_values(scenario, dict(values))
        began = time.process_time()
        expected_effect(moved, arm)
        cpu[name].append(time.process_time() - began)
    for name, seconds in cpu.items():
        print(f"{name:<24}{'expected':>14} {median(seconds):6.3f} CPU s")


async def asked(
    live: Live, settings: Settings, runs: int
) -> dict[str, dict[str, list[float]]]:
    """Wall seconds by dial and line, from the request on; the processes have answered once before."""
    out: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    async for _ in live.answers(live.job.scenario, (), runs):
        pass
    for name, values in settings:
        began = time.perf_counter()
        async for line in live.answers(live.scenario(values), values, runs):
            if "lived" not in line:
                answer = line.get("answer")
                label = f"{answer['n']} runs" if answer else "expected"
                out[name][label].append(time.perf_counter() - began)
    return out


if __name__ == "__main__":
    main()

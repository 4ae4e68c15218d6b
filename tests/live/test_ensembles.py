"""Ensembles on request, with a process of its own, against the study of the same scenario."""

import asyncio
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest
from balance_sim.app.live import Live, Superseded, TaskFailed
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.blocks import Block
from balance_sim.study.jobs import Job, Task
from serving import LOUD, SCENARIO

ARMS = ("no_summit", "summit")
SMALL = load_scenario(SCENARIO, set=LOUD[1::2])
HALF = (("events.summit.visibility", 0.5),)


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """What comes of it, in a loop and a thread of its own: tests in a browser leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def told(live: Live, values: Any, runs: int) -> list[dict[str, Any]]:
    """All that is told of a setting."""
    return [line async for line in live.answers(live.scenario(values), values, runs)]


@pytest.mark.slow
def test_a_study_that_draws_its_parameters() -> None:
    """What is simulated anew draws them too."""
    study = run(with_values(SMALL, dict(HALF)), 40, 3, draw_parameters=True)
    row = study.effects[study.effects["outcome"] == study.headline_outcome].iloc[0]
    plain = run(with_values(SMALL, dict(HALF)), 40, 3)
    with closing(Live(Job(SMALL, 3, ARMS, draws=True), 1)) as live:
        expected, answer = done(told(live, HALF, 40))
    assert answer["answer"]["effect"]["mean"] == row["mean"]
    assert "--draws fitted" in answer["answer"]["options"] and "expected" in expected
    assert not plain.effects["mean"].equals(study.effects["mean"])


def test_a_newer_request_stops_an_older_one() -> None:
    """No further block of the older one is begun, and the newer one is answered."""

    async def both() -> Any:
        older = live.answers(SMALL, (), 5000)
        assert "expected" in await anext(older)
        newer = await told(live, HALF, 10)
        with pytest.raises(Superseded):
            async for _ in older:
                pass
        return newer

    with closing(Live(Job(SMALL, 3, ARMS), 1)) as live:
        assert [[*line] for line in done(both())] == [["expected"], ["answer"]]
        assert len(live.tables) < 20


class Deadly:
    """Unpacked, it takes its process with it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (9,)


@pytest.mark.slow
def test_a_task_that_kills_its_process_is_told_and_the_next_is_done() -> None:
    with closing(Live(Job(SMALL, 3, ARMS), 1)) as live:
        with pytest.raises(TaskFailed, match="each process died"):
            live._simulated(0, Task(Block(0, 9), values=(("x", Deadly()),)))
        assert "answer" in done(told(live, HALF, 10))[-1]

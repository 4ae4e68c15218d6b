"""Workers that die between two tasks: what they held is not lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from balance_sim.study.blocks import Block
from balance_sim.study.crew import Crew
from balance_sim.study.jobs import Job, Task


@pytest.mark.slow
def test_a_worker_that_is_found_dead_when_it_is_given_its_next_task(lab):
    """It still holds another one, which has to come back too."""
    job = Job(lab.scenario, 7, ("no_summit", "summit"))
    wanted = [Block(first, first + 4) for first in range(0, 20, 4)]
    crew = Crew(job, 1)
    held = []

    def tasks() -> Iterator[Task]:
        for number, block in enumerate(wanted):
            if number == 2:  # asked for when the first outcome is in
                held.extend(one.task.block for one in crew.hands[0].holding)
                crew.hands[0].process.kill()
                crew.hands[0].process.join()
            yield Task(block)

    with contextlib.closing(crew.run(tasks())) as outcomes:
        try:
            found = [outcome.task.block for outcome in outcomes]
        finally:
            crew.dismiss()
    assert held == [wanted[1]]
    assert sorted(found, key=lambda block: block.first) == wanted

"""A function over batches of runs, in this process or in several; results in the order of the batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balance_sim.pool.crew import run_in_processes
from balance_sim.pool.faults import StudyFault

Runs = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]
Job = Callable[[Runs], Floats]
Batch = tuple[int, Runs]  # its place, and its runs
Answer = tuple[int, Floats | Exception]


def in_order(job: Job, batches: Sequence[Runs], workers: int) -> Iterator[tuple[Runs, Floats]]:
    """(batch, job(batch)) one after the other. More than one worker starts processes, which end with this.

    A batch whose worker dies is done again. Raises what the job raises, and StudyFault for a batch that kills
    its worker each time."""
    if workers <= 1 or len(batches) <= 1:
        for batch in batches:
            yield batch, job(batch)
        return
    early: dict[int, Floats] = {}
    due = 0
    for place, found in run_in_processes(_Batches(job), enumerate(batches), min(workers, len(batches))):
        if isinstance(found, Exception):
            raise found
        early[place] = found
        while due in early:
            yield batches[due], early.pop(due)
            due += 1


@dataclass(frozen=True)
class _Batches:
    """The job as the work of a crew."""

    job: Job

    def do(self, task: Batch) -> Answer:
        place, runs = task
        try:
            return place, self.job(runs)
        except Exception as error:  # noqa: BLE001 - raised where the results are taken
            return place, error

    def named(self, task: Batch) -> str:
        _, runs = task
        return f"explaining runs {runs[0]} to {runs[-1]}"

    def limit(self, task: Batch) -> None:  # noqa: ARG002 - as a crew asks
        return None

    def pieces(self, task: Batch) -> tuple[Batch, ...]:  # noqa: ARG002 - as a crew asks
        return ()

    def whole(self, task: Batch, outcomes: Sequence[Answer]) -> Answer:
        raise NotImplementedError("a batch is not cut")

    def lost(self, task: Batch, why: str) -> Answer:
        return task[0], StudyFault(f"{why} Fewer --attribution-runs, or --workers 1, need less memory.")

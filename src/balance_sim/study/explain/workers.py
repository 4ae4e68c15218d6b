"""A function over batches of runs, in this process or in several; results in the order of the batches."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import numpy.typing as npt

from balance_sim.study.crew import set_surroundings

Runs = npt.NDArray[np.uint64]
Job = Callable[[Runs], npt.NDArray[np.float64]]

_jobs: list[Job] = []  # in a worker: its one job


def in_order(
    job: Job, batches: Sequence[Runs], workers: int
) -> Iterator[tuple[Runs, npt.NDArray[np.float64]]]:
    """(batch, job(batch)) one after the other. More than one worker starts processes, which end with this."""
    if workers <= 1 or len(batches) <= 1:
        for batch in batches:
            yield batch, job(batch)
        return
    set_surroundings()  # before the workers start, so that their linear algebra sees it
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(batches)), context, initializer=_start, initargs=(job,)
    ) as pool:
        try:
            yield from zip(batches, pool.map(_work, batches), strict=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _start(job: Job) -> None:
    _jobs.append(job)


def _work(batch: Runs) -> npt.NDArray[np.float64]:
    return _jobs[0](batch)

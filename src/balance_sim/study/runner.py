"""Where blocks run: in this process, or in local worker processes. Same tables either way."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import pyarrow as pa

from balance_sim.model.baseline import Worlds
from balance_sim.study.blocks import Block, BlockTables, live_agents, live_block

SHARD_RUNS = 64


@dataclass(frozen=True)
class FailedRun:
    """A run that did not finish: its number and the traceback."""

    run: int
    seed: int
    traceback: str


@dataclass(frozen=True)
class Outcome:
    """A block that ran: its tables, and the runs in it that failed."""

    block: Block
    tables: BlockTables | None
    failed: tuple[FailedRun, ...] = ()


@dataclass(frozen=True)
class Job:
    """What every block of a study shares. Sent to a worker once.

    model: `module:Class` of a StateAgent subclass, None for the block engine. run_timeout: seconds a run."""

    worlds: Worlds
    seed: int
    arms: tuple[str, ...]
    model: str | None = None
    run_timeout: float | None = None

    def live(self, block: Block) -> BlockTables:
        """The block's tables, or the exception that stopped it."""
        with deadline(self.run_timeout and self.run_timeout * len(block)):
            if self.model is None:
                return live_block(self.worlds, self.seed, block, self.arms)
            return live_agents(self.worlds, self.seed, block, self.arms, self.model)


_job: Job | None = None


def _start_worker(job: Job) -> None:
    global _job
    _job = job


def _work(block: Block) -> Outcome:
    assert _job is not None
    return live_or_isolate(_job, block)


def limit_threads() -> None:
    """One thread for linear algebra in a worker: cores are shared out by blocks."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


@contextmanager
def deadline(seconds: float | None) -> Iterator[None]:
    """Stop what runs inside after so many seconds with a TimeoutError. Main thread only; None: never."""
    if seconds is None:
        yield
        return

    def late(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def live_or_isolate(job: Job, block: Block) -> Outcome:
    """A block; where it fails, its runs one by one, so that a run that fails takes no other with it."""
    try:
        return Outcome(block, job.live(block))
    except Exception:
        parts: list[BlockTables] = []
        failed: list[FailedRun] = []
        for run in range(block.first, block.stop):
            try:
                parts.append(job.live(Block(run, run + 1)))
            except Exception:
                failed.append(FailedRun(run, job.seed, traceback.format_exc()))
        return Outcome(block, joined(parts), tuple(failed))


def joined(parts: Sequence[BlockTables]) -> BlockTables | None:
    """Tables of several blocks as one; None for none."""
    if not parts:
        return None
    runs, accords = (
        pa.concat_tables([getattr(part, name) for part in parts]) for name in ("runs", "accords")
    )
    return BlockTables(runs, accords)


def run_blocks(job: Job, blocks: Iterable[Block], workers: int) -> Iterator[Outcome]:
    """Blocks as they finish, at most twice the workers in flight. One worker: in this process."""
    todo = list(blocks)
    if workers <= 1 or len(todo) <= 1:
        for block in todo:
            yield live_or_isolate(job, block)
        return
    limit_threads()  # before the workers start, so that their linear algebra sees it
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(workers, len(todo)), context, initializer=_start_worker, initargs=(job,)
    ) as pool:
        flying: set[Future[Outcome]] = set()
        try:
            for block in todo:
                flying.add(pool.submit(_work, block))
                if len(flying) >= 2 * workers:
                    done, flying = wait(flying, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            while flying:
                done, flying = wait(flying, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise

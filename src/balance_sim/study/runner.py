"""Where blocks run: in this process, or in local worker processes. Same tables either way."""

from __future__ import annotations

import multiprocessing
import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass

from balance_sim.model.baseline import Worlds
from balance_sim.study.blocks import Block, BlockTables, live_block

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


Live = Callable[[Worlds, int, Block, Sequence[str]], BlockTables]

_worlds: Worlds | None = None


def _start_worker(worlds: Worlds) -> None:
    global _worlds
    _worlds = worlds


def _work(seed: int, block: Block, arms: tuple[str, ...]) -> Outcome:
    assert _worlds is not None
    return live_or_isolate(_worlds, seed, block, arms)


def limit_threads() -> None:
    """One thread for linear algebra in a worker: cores are shared out by blocks."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"


def live_or_isolate(worlds: Worlds, seed: int, block: Block, arms: tuple[str, ...], live: Live = live_block) -> Outcome:
    """A block; where it fails, its runs one by one, so that a run that fails takes no other with it."""
    try:
        return Outcome(block, live(worlds, seed, block, arms))
    except Exception:
        parts: list[BlockTables] = []
        failed: list[FailedRun] = []
        for run in range(block.first, block.stop):
            try:
                parts.append(live(worlds, seed, Block(run, run + 1), arms))
            except Exception:
                failed.append(FailedRun(run, seed, traceback.format_exc()))
        if not parts:
            return Outcome(block, None, tuple(failed))
        import pyarrow as pa

        runs, accords = (pa.concat_tables([getattr(p, name) for p in parts]) for name in ("runs", "accords"))
        return Outcome(block, BlockTables(runs, accords), tuple(failed))


def run_blocks(
    worlds: Worlds, seed: int, blocks: Iterable[Block], arms: Sequence[str], workers: int
) -> Iterator[Outcome]:
    """Blocks as they finish, at most twice the workers in flight. One worker: in this process."""
    todo = list(blocks)
    if workers <= 1 or len(todo) <= 1:
        for block in todo:
            yield live_or_isolate(worlds, seed, block, tuple(arms))
        return
    limit_threads()  # before the workers start, so that their linear algebra sees it
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(todo)), context, initializer=_start_worker, initargs=(worlds,)) as pool:
        queue = iter(todo)
        flying: set[Future[Outcome]] = set()
        try:
            for block in queue:
                flying.add(pool.submit(_work, seed, block, tuple(arms)))
                if len(flying) >= 2 * workers:
                    done, flying = wait(flying, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
            while flying:
                done, flying = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise

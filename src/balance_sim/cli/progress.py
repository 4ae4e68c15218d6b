"""While a command works: a bar on the terminal, and a stop in the middle that keeps what is finished."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

import click

from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from balance_sim.replications.jobs import Progress

CLEARING = 5.0  # seconds after a signal in which others change nothing: finishing is under way


class Terminated(BaseException):
    """SIGTERM or SIGHUP came."""


@contextmanager
def resumable(command_line: str, said: str = "finished runs are kept. To go on") -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a clean stop with exit code 130 or 143, also where they come twice.

    Where SIGCONT reaches this process alone after all were stopped, Python's own helper goes on with it.
    said: what the command line after it is good for."""
    from balance_sim.pool.worker import wake

    last = -CLEARING

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last < CLEARING:
            return
        last = time.monotonic()
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    asleep = signal.signal(signal.SIGCONT, lambda _number, _frame: wake(()))
    try:
        yield
    except (KeyboardInterrupt, Terminated) as reason:
        before = dict.fromkeys(numbers, signal.SIG_IGN)  # the process ends, and with the code below
        click.echo(f"\nstopped; {said}:\n  {command_line}", err=True)
        code = ExitCode.INTERRUPTED if isinstance(reason, KeyboardInterrupt) else ExitCode.TERMINATED
        raise click.exceptions.Exit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.signal(signal.SIGCONT, asleep if asleep is not None else signal.SIG_DFL)


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int, str], None] | None]:
    """A bar on stderr, on a terminal, once a second has passed; else None. Yields what to call: done, wanted, words."""
    if not sys.stderr.isatty():
        yield None
        return
    began = time.monotonic()
    shown: tuple[Bar, TaskID] | None = None

    def tell(done: int, wanted: int, words: str) -> None:
        nonlocal shown
        if shown is None and time.monotonic() - began > 1.0 and done < wanted:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (BarColumn(20), TextColumn("{task.percentage:3.0f}%  {task.description}"))
            bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True)
            bar.start()
            shown = bar, bar.add_task(words, total=wanted)
        if shown is not None:
            shown[0].update(shown[1], total=wanted, completed=done, description=words)

    try:
        yield tell
    finally:
        if shown is not None:
            shown[0].stop()


@contextmanager
def replications_bar() -> Iterator[Progress | None]:
    """The same for replications: done, wanted, failed."""
    with progress_bar() as bar:
        if bar is None:
            yield None
            return
        yield lambda done, wanted, failed: bar(
            done, wanted, f"{done:,}/{wanted:,} replications" + (f", {failed:,} failed" if failed else "")
        )

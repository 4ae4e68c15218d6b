"""While a command works: a line on the terminal, and a stop in the middle that keeps
what is finished."""

from __future__ import annotations

import itertools
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Self

import click

from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from rich.progress import Progress

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Terminated(BaseException):
    """SIGTERM or SIGHUP came."""


@contextmanager
def resumable(advice: str = "finished runs are kept. To go on") -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a clean stop with exit code 130 or 143, also
    where they come twice.

    Parameters
    ----------
    advice : what the same command is good for then
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        for signal_number in STOPPING:  # finishing is under way: others change nothing
            signal.signal(signal_number, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    handlers = {number: signal.signal(number, stop) for number in STOPPING}
    try:
        yield
    except (KeyboardInterrupt, Terminated) as reason:
        with suppress(OSError):  # the terminal may be gone
            click.echo(f"\nstopped; {advice}:\n  {typed_command()}", err=True)
        is_key = isinstance(reason, KeyboardInterrupt)
        code = ExitCode.INTERRUPTED if is_key else ExitCode.TERMINATED
        raise click.exceptions.Exit(code) from None
    finally:
        if signal.getsignal(signal.SIGINT) is stop:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def typed_command() -> str:
    """Return the command as the user typed it, the launcher of a clone included."""
    program = os.environ.get("BALANCE_SIM_LAUNCHER") or "balance-sim"
    extras = os.environ.get("BALANCE_SIM_WITH")
    with_extras = ["--with", extras] if extras else []
    return shlex.join([program, *with_extras, *sys.argv[1:]])


class Steps:
    """A line on the terminal: which step is under way, how far it is, and how long the
    rest of it will take. Where stderr is no terminal nothing is said.

    Parameters
    ----------
    names : of the steps, in their order
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = list(names)
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._bar = _bar()
            self._bar.start()
            self.begin(self.names[0])
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, name: str) -> None:
        """Begin the step of that name; those before it are done."""
        if self._bar is None:
            return
        for task in self._bar.task_ids:
            self._bar.remove_task(task)
        step = f"{self.names.index(name) + 1}/{len(self.names)} {name}"
        self._bar.add_task(step, total=None, words="")

    def tell(self, done: float, wanted: int, words: str) -> None:
        """Note how far the step is."""
        if self._bar is not None:
            task = self._bar.task_ids[-1]
            self._bar.update(task, completed=done, total=wanted, words=words)

    def say(self, lines: Iterable[str]) -> None:
        """Print what is known already, on stderr, also where that is no terminal."""
        for line in lines:
            if self._bar is None:
                click.echo(line, err=True)
            else:
                self._bar.console.print(line, markup=False, highlight=False)

    def counter(self, unit: str) -> Callable[..., None]:
        """Return what work calls that says how many of a unit it has done, of how many,
        and perhaps how many failed: `steps.counter("draws")`."""

        def count(done: float, wanted: int, failed: int = 0) -> None:
            words = f"{int(done):,}/{wanted:,} {unit}"
            if failed:
                words += f", {failed:,} failed"
            self.tell(done, wanted, words)

        return count

    def lines(self, wanted: int) -> Callable[[str], None]:
        """Return what work calls that says, so many times, what it does next."""
        done = itertools.count()
        return lambda words: self.tell(next(done), wanted, words)


class Stopwatch:
    """How long a command takes, and how fast it simulates.

    Attributes
    ----------
    began : on the clock of the machine
    moments : of the first and the last report: time, and replications that are there
    """

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.moments: list[tuple[float, float]] = []

    def counting(self, count: Callable[..., None]) -> Callable[..., None]:
        """Return what work calls that says how many replications there are, of how
        many, and perhaps how many failed; it passes that on."""

        def counted(done: float, wanted: int, failed: int = 0) -> None:
            self.moments = [*self.moments[:1], (time.monotonic(), done)]
            count(done, wanted, failed)

        return counted

    def timing(self, arms: int, workers: int) -> dict[str, float]:
        """Return for JSON: seconds of the command so far; arms of replications
        simulated a second, 0 where all were there already; and worker processes."""
        now = time.monotonic()
        rate = 0.0
        if len(self.moments) > 1:
            (first, there), (last, done) = self.moments
            rate = arms * (done - there) / max(last - first, 1e-9)
        return {
            "seconds": round(now - self.began, 3),
            "runs_per_second": round(rate, 3),
            "workers": workers,
        }


def _bar() -> Progress:
    """Return the bar on stderr that shows the steps."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        SpinnerColumn("line"),
        TextColumn("{task.description}", markup=False),
        BarColumn(12),
        TimeRemainingColumn(compact=True),
        TextColumn("left {task.fields[words]}", markup=False),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=5,
    )

"""While a command works: a line on the terminal, and a stop in the middle that keeps
what is finished."""

from __future__ import annotations

import itertools
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import click

from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from rich.progress import Progress

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
CLEARING = 5.0
"""Seconds after a signal in which others change nothing: finishing is under way."""
SHORTEST = 0.001
"""Seconds that a step takes at least, for shares of the whole."""


class Terminated(BaseException):
    """SIGTERM or SIGHUP came."""


@contextmanager
def resumable(
    command_line: str, advice: str = "finished runs are kept. To go on"
) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a clean stop with exit code 130 or 143, also
    where they come twice. advice: what the command line is good for then."""
    stopped = -CLEARING

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        if time.monotonic() - stopped < CLEARING:
            return
        stopped = time.monotonic()
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    handlers: dict[int, Any] = {
        number: signal.signal(number, stop) for number in STOPPING
    }
    try:
        yield
    except (KeyboardInterrupt, Terminated) as reason:
        # the process ends, and with the code below
        handlers = dict.fromkeys(handlers, signal.SIG_IGN)
        with suppress(OSError):  # the terminal may be gone
            click.echo(f"\nstopped; {advice}:\n  {command_line}", err=True)
        code = ExitCode.TERMINATED
        if isinstance(reason, KeyboardInterrupt):
            code = ExitCode.INTERRUPTED
        raise click.exceptions.Exit(code) from None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Steps:
    """A line on the terminal from the first moment to the last: which step is under
    way, how far it is, and how long all that is left will take.

    plan: about how many seconds each step takes, by name in their order; what has been
    taken so far corrects it. Where stderr is no terminal nothing is said."""

    def __init__(self, plan: Mapping[str, float]) -> None:
        self.plan = dict(plan)
        self.is_shown = sys.stderr.isatty()
        self._step_began = time.monotonic()
        self._step = 0  # place of the step that is under way
        self._done_before = 0.0  # of this step, by an earlier command
        self._share = 0.0  # of this step that is done, 0 to 1
        self._words = ""
        self._shown_share = 0.0
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self.is_shown:
            self._bar = _bar_of(self)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, name: str, seconds: float | None = None) -> None:
        """Begin the step of that name; those before it are done. seconds: what it will
        take, where that is known."""
        self._step = [*self.plan].index(name)
        self._share = 0.0
        self._words = ""
        self._step_began = time.monotonic()
        if seconds is not None:
            self.plan[name] = seconds

    def tell(self, done: float, wanted: int, words: str) -> None:
        """Note how far the step is."""
        if not self._words:  # what was there before took no time
            name = [*self.plan][self._step]
            self.plan[name] *= 1 - done / max(wanted, 1)
            self._done_before = done
        to_do = max(wanted - self._done_before, 1e-9)
        self._share = (done - self._done_before) / to_do
        self._words = words

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

    def share(self) -> float:
        """Return the share of the whole that is done, 0 to 1; it never falls. A step
        that tells nothing nears its end by time."""
        seconds = [*self.plan.values()]
        expected = max(seconds[self._step], SHORTEST)
        elapsed = time.monotonic() - self._step_began
        step_share = self._share or 1 - math.exp(-elapsed / expected)
        done = sum(seconds[: self._step]) + step_share * expected
        self._shown_share = max(self._shown_share, done / max(sum(seconds), SHORTEST))
        return self._shown_share

    def seconds_left(self) -> float:
        """Return about how long all that is left takes: of this step at its own pace,
        once it has told of itself, and of the next ones as planned."""
        seconds = [*self.plan.values()]
        elapsed = time.monotonic() - self._step_began
        this_step = max(seconds[self._step] - elapsed, 0.0)
        if self._share:
            this_step = elapsed / self._share * (1 - self._share)
        return this_step + sum(seconds[self._step + 1 :])

    def line(self) -> str:
        """Return `about 25 s left: 2/5 simulation, 160/400 replications`."""
        seconds = self.seconds_left()
        duration = f"{max(seconds, 1):.0f} s"
        if seconds >= 90:
            duration = f"{seconds / 60:.0f} min"
        names = [*self.plan]
        step = ""
        if len(names) > 1:
            step = f"{self._step + 1}/{len(names)} {names[self._step]}"
        words = ", ".join(filter(None, (step, self._words)))
        return f"about {duration} left: {words}"


def _bar_of(steps: Steps) -> Progress:
    """Return the bar on stderr that shows the steps."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task
    from rich.text import Text

    class Share(BarColumn):
        def render(self, task: Task) -> Any:
            task.completed = steps.share()
            return super().render(task)

    class Line(ProgressColumn):
        def render(self, task: Task) -> Text:
            text = f"{100 * task.completed:3.0f} %  {steps.line()}"
            return Text(text, no_wrap=True, overflow="ellipsis")

    bar = Progress(
        SpinnerColumn("line"),
        Share(12),
        Line(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=5,
    )
    bar.add_task("", total=1.0)
    return bar

"""While a command works: a line on the terminal, and a stop in the middle that keeps
what is finished."""

from __future__ import annotations

import itertools
import math
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Self

import click

from balance_sim.cli.program import ExitCode

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

CLEARING = (
    5.0  # seconds after a signal in which others change nothing: finishing is under way
)


class Terminated(BaseException):
    """SIGTERM or SIGHUP came."""


@contextmanager
def resumable(
    command_line: str, said: str = "finished runs are kept. To go on"
) -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a clean stop with exit code 130 or 143, also
    where they come twice. said: what the command line is good for."""
    last = -CLEARING

    def stop(number: int, _frame: FrameType | None) -> None:
        nonlocal last
        if time.monotonic() - last < CLEARING:
            return
        last = time.monotonic()
        raise KeyboardInterrupt if number == signal.SIGINT else Terminated

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    except (KeyboardInterrupt, Terminated) as reason:
        before = dict.fromkeys(
            numbers, signal.SIG_IGN
        )  # the process ends, and with the code below
        click.echo(f"\nstopped; {said}:\n  {command_line}", err=True)
        code = (
            ExitCode.INTERRUPTED
            if isinstance(reason, KeyboardInterrupt)
            else ExitCode.TERMINATED
        )
        raise click.exceptions.Exit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class Steps:
    """A line on the terminal from the first moment to the last: which step is under
    way, how far it is, and how long all that is left will take.

    plan: about how many seconds each step takes, by name in their order; what has been
    taken so far corrects it. Where stderr is no terminal nothing is said."""

    def __init__(self, plan: Mapping[str, float]) -> None:
        self.plan = dict(plan)
        self.is_shown = sys.stderr.isatty()
        self._began = self._step_began = self._told = time.monotonic()
        self._place, self._before, self._share, self._words = 0, 0.0, 0.0, ""
        self._shown = 0.0
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        if self.is_shown:
            self._bar = _bar_of(self)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, name: str, seconds: float | None = None) -> None:
        """The step of that name begins; those before it are done. seconds: what it will
        take, where that is known."""
        self._place, self._share, self._words = [*self.plan].index(name), 0.0, ""
        self._step_began = self._told = time.monotonic()
        if seconds is not None:
            self.plan[name] = seconds

    def tell(self, done: float, wanted: int, words: str) -> None:
        """How far the step is."""
        if not self._words:  # what was there before took no time
            self.plan[[*self.plan][self._place]] *= 1 - done / max(wanted, 1)
            self._before = done
        self._share, self._words = (
            (done - self._before) / max(wanted - self._before, 1e-9),
            words,
        )
        self._told = time.monotonic()

    def of(self, what: str) -> Callable[..., None]:
        """For work that says how many it has done, of how many, and perhaps how many
        failed: `steps.of("draws")`."""

        def tell(done: float, wanted: int, failed: int = 0) -> None:
            self.tell(
                done,
                wanted,
                f"{int(done):,}/{wanted:,} {what}"
                + f", {failed:,} failed" * bool(failed),
            )

        return tell

    def lines(self, wanted: int) -> Callable[[str], None]:
        """For work that says, so many times, what it does next."""
        done = itertools.count()
        return lambda words: self.tell(next(done), wanted, words)

    def share(self) -> float:
        """Share of the whole that is done, 0 to 1; it never falls. A step that tells
        nothing nears its end by time."""
        seconds, now = [*self.plan.values()], time.monotonic()
        here = max(seconds[self._place], 0.001)
        within = self._share or 1 - math.exp(-(now - self._step_began) / here)
        done = (sum(seconds[: self._place]) + within * here) / max(sum(seconds), 0.001)
        self._shown = max(self._shown, done)
        return self._shown

    def seconds_left(self) -> float:
        """About how long all that is left takes."""
        seconds, now = [*self.plan.values()], time.monotonic()
        before = sum(seconds[: self._place])
        pace = (self._step_began - self._began) / before if before > 1 else 1.0
        rest = seconds[self._place] * pace - (now - self._step_began)
        if self._share:
            took = self._told - self._step_began
            rest = took / self._share * (1 - self._share) - (now - self._told)
        return max(rest, 0.0) + sum(seconds[self._place + 1 :]) * pace

    def line(self) -> str:
        """`about 25 s left: 2/5 simulation, 160/400 replications`."""
        left, names = self.seconds_left(), [*self.plan]
        spoken = f"{left / 60:.0f} min" if left >= 90 else f"{max(left, 1):.0f} s"
        step = (
            f"{self._place + 1}/{len(names)} {names[self._place]}"
            if len(names) > 1
            else ""
        )
        return f"about {spoken} left: {', '.join(filter(None, (step, self._words)))}"


def _bar_of(steps: Steps) -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task
    from rich.text import Text

    class Overall(BarColumn):
        def render(self, task: Task) -> Any:
            task.completed = steps.share()
            return super().render(task)

    class Told(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(
                f"{100 * task.completed:3.0f} %  {steps.line()}",
                no_wrap=True,
                overflow="ellipsis",
            )

    columns = (SpinnerColumn("line"), Overall(12), Told())
    bar = Progress(
        *columns, console=Console(stderr=True), transient=True, refresh_per_second=5
    )
    bar.add_task("", total=1.0)
    return bar

"""Stopping in the middle: what is finished stays, and the command that goes on is said."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from balance_sim.cli.program import ExitCode

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

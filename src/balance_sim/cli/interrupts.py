"""Stopping in the middle: what is finished stays, and the command that goes on is said."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

from balance_sim.cli.program import ExitCode


class Terminated(BaseException):
    """SIGTERM or SIGHUP came."""


@contextmanager
def resumable(command_line: str, said: str = "finished runs are kept. To go on") -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a clean stop with exit code 130 or 143.

    said: what the command line after it is good for."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Terminated

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    except (KeyboardInterrupt, Terminated) as reason:
        click.echo(f"\nstopped; {said}:\n  {command_line}", err=True)
        code = ExitCode.INTERRUPTED if isinstance(reason, KeyboardInterrupt) else ExitCode.TERMINATED
        raise click.exceptions.Exit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

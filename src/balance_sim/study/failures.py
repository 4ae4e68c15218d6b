"""Replications that failed: how many, why the first did, and where in code of one's
own."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import StudyError


class FailedReplications(StudyError, UserWarning):
    """Some replications of a study failed, as a warning; all did, as an error."""

    exit_code = 3


def tell_failures(failed: Sequence[Mapping[str, Any]], runs: int) -> None:
    """Warn the caller's caller where some replications failed.

    Raises FailedReplications where all did."""
    if not failed:
        return
    failure = FailedReplications(failure_text(failed, runs))
    if len(failed) == runs:
        raise failure
    warnings.warn(failure, stacklevel=3)


def failure_text(failed: Sequence[Mapping[str, Any]], runs: int) -> str:
    """Return how many replications failed, the last line of the first traceback, and
    the file and line at which it ends."""
    trace = failed[0]["traceback"]
    why = shown(trace.strip().rpartition("\n")[2], 300)
    lines = re.findall(r'File "(.+)", line (\d+)', trace)
    place = f" ({shown(':'.join(lines[-1]), 300)})" if lines else ""
    count = f"{len(failed):,} of {runs:,} replications failed"
    return f"{count}, the first with {why}{place}"

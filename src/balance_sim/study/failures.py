"""Replications that failed: how many, why the first did, and where in code of one's
own."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from balance_sim.model.own.modules import place_of
from balance_sim.scenario.diagnostics import shown
from balance_sim.scenario.errors import StudyError


class FailedReplications(StudyError, UserWarning):
    """Some replications of a study failed, as a warning; all did, as an error."""

    exit_code = 3


def tell_failures(
    failed: Sequence[Mapping[str, Any]], runs: int, model: str | None
) -> None:
    """Warn the caller's caller where some replications failed.

    Raises FailedReplications where all did."""
    if not failed:
        return
    failure = FailedReplications(failure_text(failed, runs, model))
    if len(failed) == runs:
        raise failure
    warnings.warn(failure, stacklevel=3)


def failure_text(
    failed: Sequence[Mapping[str, Any]], runs: int, model: str | None
) -> str:
    """Return how many replications failed, the last line of the first traceback, and
    file and line of the agent class of one's own."""
    trace = failed[0]["traceback"]
    why = shown(trace.strip().rpartition("\n")[2], 300)
    place = "" if model is None else _place_in_model(model, trace)
    count = f"{len(failed):,} of {runs:,} replications failed"
    return f"{count}, the first with {why}{place}"


def _place_in_model(model: str, trace: str) -> str:
    """Return the last line of the class's file in a traceback; where there is none,
    that of what the class decides by."""
    from balance_sim.model.agents import DECIDES, StateAgent, agent_class_named

    agent_class = agent_class_named(model)
    for name in (*DECIDES, "perceive", "decide"):
        method = getattr(agent_class, name)
        if method is not getattr(StateAgent, name):
            mark = place_of(method)
            ending = re.escape(mark.file)
            lines = re.findall(rf'File "[^"]*{ending}", line (\d+)', trace)
            return f" ({mark.file}:{[mark.line, *lines][-1]})"
    return ""

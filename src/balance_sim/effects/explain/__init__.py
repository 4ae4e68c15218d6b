"""Why: the terms of an agreement, one replication in order, and through which terms an
effect goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from balance_sim.model.core import Keys
from balance_sim.scenario.errors import (
    StoreDamaged,
    WrongRequest,
    checked_name,
    whole_number,
)
from balance_sim.study.result import Result

if TYPE_CHECKING:
    from balance_sim.effects.explain.attribution import Attribution
    from balance_sim.effects.explain.pairs import DyadTerms
    from balance_sim.effects.explain.timeline import Timeline


def explain(
    result: Result | Path | str,
    dyad: str | Sequence[str] | None = None,
    run: int | None = None,
    *,
    arm: str | None = None,
    runs: int | None = None,
    workers: int = 1,
) -> Attribution | DyadTerms | Timeline:
    """Explain a study: through which terms an effect goes, what moved a dyad, or what
    happened in one replication.

    Parameters
    ----------
    result : of `run` or `open_result`, or a results folder
    dyad : two codes, as `JPN-AUS` or a pair: the terms of its willingness in both arms
    run : number of a replication: what happened in it, day by day; with `dyad`, its
        terms there
    arm : the headline arm if not given
    runs : replications attributed, up to 400 if not given; or that a dyad is averaged
        over, 64
    workers : processes, of the attribution

    Returns
    -------
    Attribution, DyadTerms or Timeline
        each has a frame, `table`, and the document of `explain --json`, `summary()`

    Raises
    ------
    WrongRequest : for an arm, dyad or replication that the study does not have, or a
        study that agents of one's own decided
    StoreDamaged : where replications come out otherwise than in the folder

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("experiments/smoke/what_if.yaml")
    >>> result = bs.run(scenario, runs=8, seed=1)
    >>> bs.explain(result).table["group"].tolist()
    ['gain', 'hostility', 'network', 'retaliation', 'patron', 'alarm', 'outside',
    'feedback', 'effect']
    >>> bs.explain(result, "XCO-XDO").kind
    'defence_cooperation'
    """
    from balance_sim.effects.explain.attribution import attribute
    from balance_sim.effects.explain.pairs import explain_dyads
    from balance_sim.effects.explain.timeline import tell

    if not isinstance(result, Result):
        from balance_sim.effects.result import open_result

        result = open_result(result)
    explainable(result)
    if runs is not None:
        runs = whole_number("runs", runs, 1)
    if dyad is not None:
        codes = dyad.split("-") if isinstance(dyad, str) else [*dyad]
        if len(codes) != 2:
            raise WrongRequest(f"dyad {dyad}: give two codes, as JPN-AUS")
        a, b = (str(code).strip().upper() for code in codes)
        return explain_dyads(result, [(a, b)], arm=arm, runs=runs, run=run)[0]
    if run is not None:
        return tell(result, run, arm)
    return attribute(result, arm, runs=runs, workers=workers)


def explainable(result: Result) -> None:
    """Raise WrongRequest where agents of one's own decided: they have no terms that
    could be told apart."""
    if result.model is not None:
        raise WrongRequest(
            f"agents of {result.model} decided in this study, and their willingness "
            "has no terms; look at the replications themselves: result.agreements"
        )


def other_replications(result: Result, what: str) -> StoreDamaged:
    """The error for a replication that is not what the folder holds."""
    return StoreDamaged(
        f"{what}. They were made by version {result.version} or on another type of "
        "CPU; run the scenario again into a new folder."
    )


def compared_arm(result: Result, arm: str | None) -> str:
    """The arm to explain: the one given, or the headline arm. Raises WrongRequest where
    the study has no such arm beside the control arm."""
    if len(result.arms) < 2:
        raise WrongRequest(
            f"the study has the control arm {result.reference} alone, and nothing to "
            "compare it with; run it with another arm"
        )
    return checked_name("arm", arm or str(result.headline_arm), result.arms[1:])


def run_numbers(result: Result, runs: int, run: int | None = None) -> Keys:
    """The first `runs` finished replications, or the one asked for. Raises
    WrongRequest where there is none."""
    finished = np.unique(result.by_run.frame()["run"].to_numpy(np.uint64))
    if not len(finished):
        raise WrongRequest("no run finished, so there is nothing to explain")
    if run is None:
        return finished[:runs]
    if run not in finished:
        raise WrongRequest(
            f"run {run} is not among the finished runs, {finished[0]} to {finished[-1]}"
        )
    return np.array([run], dtype=np.uint64)

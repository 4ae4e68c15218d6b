"""Run a scenario and return what came of it, with what follows from it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Unpack

from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.load import ScenarioSource, scenario_from
from balance_sim.study.failures import tell_failures
from balance_sim.study.result import Result
from balance_sim.study.run import RUNS, RunOptions, prepare

if TYPE_CHECKING:
    from balance_sim.effects.channels import Channels
    from balance_sim.effects.placebos import Placebos
    from balance_sim.study.processes import Background


def run(
    scenario: ScenarioSource,
    runs: int = RUNS,
    seed: int = 1,
    **options: Unpack[RunOptions],
) -> AnalysedResult:
    """Simulate `runs` replications of the scenario in every arm and return what came of
    them.

    A replication depends on scenario, arms, seed and its number alone: the first 200 of
    400 are those of a study of 200. More than one worker starts processes: call it
    under `if __name__ == "__main__":` from a script.

    Parameters
    ----------
    scenario : a complete scenario, or the path or the name of one
    runs : replications of every arm
    seed : of all random numbers, 0 to 2^64 - 1
    arms : names, or one text with commas between them; all if not given. The control
        arm is always among them
    workers : processes
    out : results folder, into which tables of blocks go as they finish; the same call
        resumes there. In memory if None
    command, files : kept in the folder's manifest: the command line, and the text of
        the scenario's files by name
    progress : called with replications simulated, asked for, failed
    model : a StateAgent subclass that decides another way, or `module:Class` of one;
        its code runs
    run_timeout : seconds after which a replication counts as failed
    draw_parameters : `posterior` or `prior`: each replication has all parameters from a
        joint draw, the same in every arm; `fitted` or True: it draws its weights and
        intercepts from the shipped fit
    outcomes : functions of one arm's simulated history (`balance_sim.ArmHistory`), one,
        several, or by name; or the name of a module whose public functions they are.
        Each is an outcome `own_<name>` beside ours
    terms : the name of a module, or of a plug-in, with terms and kinds of event of your
        own (`balance_sim.term`, `balance_sim.event_kind`); its code runs. Those that
        are registered already need not be named

    Returns
    -------
    AnalysedResult : frames and summary; computed when asked for

    Warns
    -----
    FailedReplications : where some replications failed; they are in no frame

    Raises
    ------
    WrongRequest : for unknown arms or options, a number out of bounds, or a folder of
        another study
    FailedReplications : where all did
    FolderBusy, CannotWrite : from the results folder
    ScenarioError : for an outcome or a term of your own that gives what it must not,
        with its file and line
    ValueError : for a scenario changed by hand that leaves a state without an audience,
        or has states that it lacks as written

    Examples
    --------
    >>> import balance_sim as bs
    >>> bs.run("experiments/smoke/five_states.yaml", runs=4, seed=1).runs
    4
    """
    study = prepare(scenario_from(scenario), runs, seed, options)
    result = study.simulate(options.get("out"))
    tell_failures(result.failed, result.runs)
    return analysed(result)


def analysed(
    result: Result, ahead: Background[tuple[Placebos, Channels]] | None = None
) -> AnalysedResult:
    """The result with what is worked out from it; ahead: gives what was begun in a
    process of its own."""
    values = {field.name: getattr(result, field.name) for field in fields(result)}
    return AnalysedResult(**values, ahead=ahead)

"""Whether the outcomes an experiment asks for are among those that its runs give."""

from __future__ import annotations

from collections.abc import Sequence

from balance_sim.replications.arms import compile_arms
from balance_sim.replications.blocks import Block, live_block
from balance_sim.scenario.design import Experiment
from balance_sim.scenario.problems import Problem, ScenarioError, did_you_mean, listed, problem


def outcome_names(experiment: Experiment) -> tuple[str, ...]:
    """Names of the outcomes of a run, from one run of the reference arm."""
    arms = (experiment.scenario.reference_arm,)
    worlds = compile_arms(experiment.scenario, arms)
    names = live_block(worlds, experiment.head.seed, Block(0, 1), arms).runs.column_names
    return tuple(name for name in names if name not in ("run", "arm"))


def unknown_outcomes(experiment: Experiment, known: Sequence[str]) -> list[Problem]:
    """A problem for every outcome that is not known, where the file names it."""
    node = experiment.marks["outcomes"]
    return [
        problem(
            node, f"outcomes[{at}]", "E107", f"no outcome `{name}`", did_you_mean(name, known), listed(known)
        )
        for at, name in enumerate(experiment.head.outcomes)
        if name not in known
    ]


def check_outcomes(experiment: Experiment, known: Sequence[str]) -> None:
    """Raises ScenarioError for an outcome that is not among those a run gives."""
    problems = unknown_outcomes(experiment, known)
    if problems:
        raise ScenarioError(problems)


def check_named_outcomes(experiment: Experiment) -> list[Problem]:
    """The same before anything is swept. Nothing where a factor moves what is reported: points differ then."""
    moved = any(path.startswith("report.") for path in experiment.paths)
    if not experiment.head.outcomes or moved:
        return []
    return unknown_outcomes(experiment, outcome_names(experiment))

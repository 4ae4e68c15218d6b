"""A run with more than one worker: placebos of a large scenario are computed in a
process of their own while its replications are simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from balance_sim.effects.channels import Channels, channels_of
from balance_sim.effects.placebos import Placebos, placebos
from balance_sim.effects.result import AnalysedResult
from balance_sim.effects.run import analysed
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import headline_arm
from balance_sim.study.processes import Background
from balance_sim.study.run import PreparedRun

LARGE = 25
"""States from which on placebos take longer than a process does to start."""


def simulated[R](
    study: PreparedRun, folder: Path, later: Callable[[], R] | None
) -> tuple[AnalysedResult, Background[R] | None]:
    """The study's result, kept in a folder; and what gives the result of `later`, which
    is made in the other process when placebos are done. None where there is no other
    process, or nothing to be made."""
    job = study.job
    if study.options.get("workers", 1) == 1 or len(job.scenario.states) < LARGE:
        return analysed(study.simulate(folder)), None
    ahead = Background(partial(placebos_and_channels, job.scenario, job.arms))
    try:
        begun = Background(later, ahead) if later else None
        return analysed(study.simulate(folder, is_shared=True), ahead), begun
    except BaseException:
        ahead.close()
        raise


def placebos_and_channels(
    scenario: Scenario, arms: Sequence[str]
) -> tuple[Placebos, Channels]:
    """What takes time and depends on no replication: placebos of the headline arm,
    channels of every arm."""
    headline = headline_arm(arms)
    return placebos(scenario, headline), channels_of(scenario, arms)

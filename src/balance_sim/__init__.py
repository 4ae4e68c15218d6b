"""balance-sim: what an event adds to what states do, over a paired counterfactual.

    import balance_sim as bs
    result = bs.run("beijing_2025", runs=400, seed=1)
    result.effects

Names are imported when they are first used, so that a start-up pays for nothing it does
not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from balance_sim.effects.compare import compare as compare
    from balance_sim.effects.expected_effect import effect as effect
    from balance_sim.effects.explain import explain as explain
    from balance_sim.effects.placebos import placebos as placebos
    from balance_sim.effects.result import AnalysedResult as AnalysedResult
    from balance_sim.effects.result import open_result as open_result
    from balance_sim.effects.run import run as run
    from balance_sim.effects.sensitivity import sensitivity as sensitivity
    from balance_sim.effects.world_at_start import world_at_start as world_at_start
    from balance_sim.evidence.goodness.study import goodness_of_fit as goodness_of_fit
    from balance_sim.evidence.posterior.uncertainty import uncertainty as uncertainty
    from balance_sim.games.plan import load_game as load_game
    from balance_sim.games.play import path_of_play as path_of_play
    from balance_sim.games.solve import solve as solve
    from balance_sim.games.study import play as play
    from balance_sim.model.agents import BalanceModel as BalanceModel
    from balance_sim.model.agents import StateAgent as StateAgent
    from balance_sim.model.own.events import EventFields as EventFields
    from balance_sim.model.own.events import event_kind as event_kind
    from balance_sim.model.own.terms import Situation as Situation
    from balance_sim.model.own.terms import term as term
    from balance_sim.scenario import Scenario as Scenario
    from balance_sim.scenario import ScenarioError as ScenarioError
    from balance_sim.scenario import load_scenario as load_scenario
    from balance_sim.scenario import with_values as with_values
    from balance_sim.scenario.experiment import load_experiment as load_experiment
    from balance_sim.show.plots import plot as plot
    from balance_sim.study.failures import FailedReplications as FailedReplications
    from balance_sim.study.own_outcomes import ArmHistory as ArmHistory
    from balance_sim.study.result import Result as Result
    from balance_sim.study.sweep import sweep as sweep
    from balance_sim.study.sweep_result import SweepResult as SweepResult
    from balance_sim.study.sweep_result import open_sweep as open_sweep

_HOMES = {
    "balance_sim.scenario": (
        "Scenario",
        "ScenarioError",
        "load_scenario",
        "with_values",
    ),
    "balance_sim.scenario.experiment": ("load_experiment",),
    "balance_sim.model.agents": ("BalanceModel", "StateAgent"),
    "balance_sim.model.own.terms": ("Situation", "term"),
    "balance_sim.model.own.events": ("EventFields", "event_kind"),
    "balance_sim.study.failures": ("FailedReplications",),
    "balance_sim.study.own_outcomes": ("ArmHistory",),
    "balance_sim.study.result": ("Result",),
    "balance_sim.study.sweep_result": ("SweepResult", "open_sweep"),
    "balance_sim.effects.run": ("run",),
    "balance_sim.study.sweep": ("sweep",),
    "balance_sim.evidence.goodness.study": ("goodness_of_fit",),
    "balance_sim.effects.result": ("AnalysedResult", "open_result"),
    "balance_sim.effects.expected_effect": ("effect",),
    "balance_sim.evidence.posterior.uncertainty": ("uncertainty",),
    "balance_sim.effects.compare": ("compare",),
    "balance_sim.effects.explain": ("explain",),
    "balance_sim.effects.sensitivity": ("sensitivity",),
    "balance_sim.effects.placebos": ("placebos",),
    "balance_sim.effects.world_at_start": ("world_at_start",),
    "balance_sim.show.plots": ("plot",),
    "balance_sim.games.plan": ("load_game",),
    "balance_sim.games.play": ("path_of_play",),
    "balance_sim.games.study": ("play",),
    "balance_sim.games.solve": ("solve",),
}
"""Module by module, what it gives to the package's front."""
_STUDIES = {"AnalysedResult", "Result", "SweepResult"}
_STUDIES |= {"open_result", "open_sweep", "run", "sweep"}
"""What gives a study, which a notebook shows as a card."""
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = [  # noqa: PLE0604 - names as the table above has them
    *(name for names in _HOMES.values() for name in names)
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'balance_sim' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    if name in _STUDIES:
        study_result = import_module("balance_sim.study.result").StudyResult
        study_result.card = staticmethod(_card)
    return value


def _card(result: Any) -> str:
    """What a notebook shows of a study; nothing is drawn before."""
    from balance_sim.show.report import card

    return card(result)


def __dir__() -> list[str]:
    return sorted(__all__)

"""balance-sim: what an event adds to what states do, over a paired counterfactual.

    import balance_sim as bs
    scenario = bs.load_scenario("scenarios/beijing_2025.yaml")
    result = bs.run(scenario, runs=400, seed=1)
    result.effects

Names are imported when they are first used, so that a start-up pays for nothing it does not need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from balance_sim.analysis.compare import compare as compare
    from balance_sim.analysis.effect_draws import uncertainty as uncertainty
    from balance_sim.analysis.expected_effect import effect as effect
    from balance_sim.analysis.placebos import placebos as placebos
    from balance_sim.analysis.result import AnalysedResult as AnalysedResult
    from balance_sim.analysis.result import open_result as open_result
    from balance_sim.analysis.sensitivity import sensitivity as sensitivity
    from balance_sim.analysis.world_at_start import world_at_start as world_at_start
    from balance_sim.experiment.gof import goodness_of_fit as goodness_of_fit
    from balance_sim.experiment.run import run as run
    from balance_sim.game.plan import load_game as load_game
    from balance_sim.game.solve import solve as solve
    from balance_sim.game.study import play as play
    from balance_sim.model.agents import BalanceModel as BalanceModel
    from balance_sim.model.agents import StateAgent as StateAgent
    from balance_sim.model.landscape import landscape as landscape
    from balance_sim.model.own.events import event_kind as event_kind
    from balance_sim.model.own.terms import term as term
    from balance_sim.results.result import Result as Result
    from balance_sim.scenario import Scenario as Scenario
    from balance_sim.scenario import ScenarioError as ScenarioError
    from balance_sim.scenario import load_scenario as load_scenario
    from balance_sim.scenario import with_values as with_values

_HOMES = {
    "AnalysedResult": "balance_sim.analysis.result",
    "BalanceModel": "balance_sim.model.agents",
    "Result": "balance_sim.results.result",
    "Scenario": "balance_sim.scenario",
    "ScenarioError": "balance_sim.scenario",
    "StateAgent": "balance_sim.model.agents",
    "compare": "balance_sim.analysis.compare",
    "effect": "balance_sim.analysis.expected_effect",
    "event_kind": "balance_sim.model.own.events",
    "goodness_of_fit": "balance_sim.experiment.gof",
    "landscape": "balance_sim.model.landscape",
    "load_game": "balance_sim.game.plan",
    "load_scenario": "balance_sim.scenario",
    "open_result": "balance_sim.analysis.result",
    "placebos": "balance_sim.analysis.placebos",
    "play": "balance_sim.game.study",
    "run": "balance_sim.experiment.run",
    "uncertainty": "balance_sim.analysis.effect_draws",
    "sensitivity": "balance_sim.analysis.sensitivity",
    "solve": "balance_sim.game.solve",
    "term": "balance_sim.model.own.terms",
    "with_values": "balance_sim.scenario",
    "world_at_start": "balance_sim.analysis.world_at_start",
}
__all__ = [  # noqa: RUF022 - grouped by room
    "Scenario",
    "ScenarioError",
    "load_scenario",
    "with_values",
    "BalanceModel",
    "StateAgent",
    "term",
    "event_kind",
    "Result",
    "AnalysedResult",
    "open_result",
    "run",
    "effect",
    "uncertainty",
    "goodness_of_fit",
    "compare",
    "sensitivity",
    "placebos",
    "world_at_start",
    "landscape",
    "load_game",
    "play",
    "solve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'balance_sim' has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    if name in ("AnalysedResult", "Result", "open_result", "run"):
        import_module("balance_sim.results.result").Result.card = staticmethod(_card)
    return found


def _card(result: Any) -> str:
    """What a notebook shows of a result; nothing is drawn before."""
    from balance_sim.show.report import card

    return card(result)


def __dir__() -> list[str]:
    return sorted(__all__)

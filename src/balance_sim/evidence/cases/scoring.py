"""A study, or a forecast that was frozen, against what is on record of a case."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balance_sim.evidence.cases.responses import responses_of
from balance_sim.evidence.cases.scores import score_case
from balance_sim.evidence.forecast.forecast import thaw
from balance_sim.evidence.goodness.dyad_probabilities import RUNS, dyad_probabilities
from balance_sim.scenario.schema import Scenario
from balance_sim.study.result import Result


def score_result(
    result: Result, outcomes: Path, case_id: str, runs: int = RUNS
) -> dict[str, Any]:
    """The scores of a finished study, in the arm that changes nothing, as plain data.

    runs: replications simulated again. Raises WrongRequest where there is the control
    arm alone or no replication, DataError for a bad table."""
    responses = responses_of(outcomes, case_id)
    finished, arm = int(result.outcomes["run"].nunique()), result.headline_arm
    p = dyad_probabilities(result, arm, runs=runs)
    control = dyad_probabilities(result, result.reference, runs=runs)
    effect = {dyad: p[dyad] - control[dyad] for dyad in p}
    name = result.scenario.name
    return {
        "scenario": name,
        "case": case_id,
        "about": f"{name}, arm {arm}, {finished} replications",
        "arm": arm,
        "runs": finished,
        "simulated_again": min(finished, runs),
        "failed_runs": len(result.failed),
        **score_case(result.scenario, p, responses, effect),
    }


def score_frozen(
    frozen: Path, outcomes: Path, case_id: str, scenario: Scenario
) -> dict[str, Any]:
    """The scores of a frozen forecast against a case's responses, as plain data;
    `scenario` says which dyads are scored.

    Raises DataError where the forecast was changed after it was frozen."""
    forecast, day = thaw(frozen)
    responses = responses_of(outcomes, case_id)
    return {
        "scenario": scenario.name,
        "case": case_id,
        "about": f"{forecast.about}, frozen on {day}",
        "frozen": day,
        "sha256": forecast.sha256,
        **score_case(
            scenario, dict(zip(forecast.pairs, forecast.p, strict=True)), responses
        ),
    }

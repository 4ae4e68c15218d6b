"""Goodness of fit of a scenario: its record's years simulated from their start, beside
the record."""

from __future__ import annotations

from balance_sim.effects.run import run
from balance_sim.evidence.goodness.comparison import GoodnessOfFit
from balance_sim.evidence.goodness.networks import (
    Span,
    compare,
    facts_of,
    newly_signed,
    recorded,
)
from balance_sim.evidence.goodness.residuals import residuals_of
from balance_sim.evidence.goodness.set_back import own_span, set_back
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.machine import version

RUNS = 128
IN_SAMPLE = (
    "the scenario is calibrated on its own record: what is compared is in sample where "
    "the calibration's years (`years` in its file) hold the span"
)


def goodness_of_fit(
    scenario: Scenario,
    *,
    runs: int = RUNS,
    seed: int = 1,
    span: Span | None = None,
    workers: int = 1,
) -> GoodnessOfFit:
    """Simulate years of a scenario's record and compare the network of new agreements
    with the observed one.

    Parameters
    ----------
    scenario : complete; it is set back to the span's first day (`set_back`)
    runs, seed, workers : as of `run`
    span : first day, and the day before which it stops; three years before the
        scenario's start and more if not given

    Returns
    -------
    GoodnessOfFit : simulated distributions beside the observed numbers, and residuals

    Raises
    ------
    WrongRequest : for one replication, a span that the scenario does not have, and
        where too little is on record in the span

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("scenarios/beijing_2025.yaml")  # doctest: +SKIP
    >>> bs.goodness_of_fit(scenario, runs=8)  # doctest: +SKIP
    """
    if runs < 2:
        raise WrongRequest("at least two replications are needed")
    span = span or own_span(scenario)
    past, arm = set_back(scenario, span), scenario.reference_arm
    record = recorded(scenario).signed_within(span)
    if len(record) < 2:
        count = f"{len(record)} agreements are on record from {span.first}"
        hint = "set --from and --until"
        raise WrongRequest(f"{count} to {span.last}: too few to compare; {hint}")
    result = run(past, runs=runs, seed=seed, workers=workers)
    if result.failed:
        first = min(row["run"] for row in result.failed)
        raise WrongRequest(f"replications failed, the first is {first}")
    signed = newly_signed(result.agreements, scenario.codes)
    comparison = compare(facts_of(scenario), span, record, signed, result.runs)
    reasons = {group["name"]: group["not_tested"] for group in comparison["groups"]}
    notes = [f"{group}: {reason}" for group, reason in reasons.items() if reason]
    if scenario.calibration.data_sha256:
        notes.append(IN_SAMPLE)
    about = {
        "subject": "scenario",
        "title": scenario.title,
        "scenario": scenario.name,
        "sha256": scenario.sha256,
        "arm": arm,
        "arm_title": scenario.arms[arm].title or arm,
        "seed": result.seed,
        "version": version(),
    }
    residuals = residuals_of(past, record)
    return GoodnessOfFit(
        {"about": about, **comparison, "residuals": residuals, "notes": notes}
    )

"""Goodness of fit of a scenario: its record's years simulated from their start, beside
the record."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from balance_sim.effects.run import run
from balance_sim.evidence.estimation.calibration import WINDOW, calibrate, prior_of
from balance_sim.evidence.estimation.choices import own_record
from balance_sim.evidence.estimation.parameter_files import calibration_record
from balance_sim.evidence.goodness.networks import (
    GoodnessOfFit,
    Span,
    compare,
    facts_of,
    newly_signed,
    recorded,
    signed_within,
)
from balance_sim.evidence.goodness.set_back import own_span, set_back
from balance_sim.scenario.defaults import fitted_distribution
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.load import ScenarioSource, load_scenario, scenario_from
from balance_sim.scenario.schema import Scenario
from balance_sim.study.jobs import Progress
from balance_sim.study.machine import version

RUNS = 128
IN_SAMPLE = (
    "the scenario is calibrated on its own record: what is compared is in sample where "
    "the calibration's years (`years` in its file) hold the span"
)
OUT_OF_SAMPLE = (
    "out of sample: no agreement of the span is in the calibration, and replications "
    "draw parameters and level from it"
)


def calibrated_before(path: Path, day: date) -> Scenario:
    """The scenario of a file, calibrated on its own record of twenty years before a
    day and no more of it, in place of the calibration that it names. Raises DataError
    where that holds too few agreements."""
    plain = load_scenario(path, calibrated=False)
    prior = prior_of(plain, fitted_distribution())
    record = own_record(plain, WINDOW, until=day)
    made_by = {"command": "", "version": version()}
    posterior = calibrate(record, prior)
    content = calibration_record(plain, record, posterior, prior, WINDOW, made_by)
    return load_scenario(path, calibrated=content)


def goodness_of_fit(
    scenario: ScenarioSource,
    *,
    runs: int = RUNS,
    seed: int = 1,
    span: Span | None = None,
    workers: int = 1,
    ahead: bool = False,
    progress: Progress | None = None,
) -> GoodnessOfFit:
    """Simulate years of a scenario's record and compare the network of new agreements
    with the observed one.

    Parameters
    ----------
    scenario : a complete one, or its path or name; it is set back to the span's first
        day (`set_back`)
    runs, seed, workers : as of `run`
    span : first day, and the day before which it stops; three years before the
        scenario's start and more if not given
    ahead : as a forecast: the scenario is calibrated on no year of the span
        (`calibrated_before`), and each replication draws parameters and level
    progress : called with replications simulated, asked for, failed

    Returns
    -------
    GoodnessOfFit : simulated distributions beside the observed numbers

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
    scenario = scenario_from(scenario)
    if runs < 2:
        raise WrongRequest("at least two replications are needed")
    span = span or own_span(scenario)
    at_span_start, arm = set_back(scenario, span), scenario.reference_arm
    record = signed_within(recorded(scenario), span)
    if len(record) < 2:
        count = f"{len(record)} agreements are on record from {span.first}"
        hint = "set --from and --until"
        raise WrongRequest(f"{count} to {span.last}: too few to compare; {hint}")
    result = run(
        at_span_start,
        runs=runs,
        seed=seed,
        workers=workers,
        draw_parameters=ahead,
        progress=progress,
    )
    if result.failed:
        first = min(row["run"] for row in result.failed)
        raise WrongRequest(f"replications failed, the first is {first}")
    signed = newly_signed(result.agreements, scenario.codes)
    comparison = compare(facts_of(scenario), span, record, signed, result.runs)
    reasons = {group["name"]: group["not_tested"] for group in comparison["groups"]}
    notes = [f"{group}: {reason}" for group, reason in reasons.items() if reason]
    if ahead:
        notes.append(OUT_OF_SAMPLE)
    elif scenario.calibration.data_sha256:
        notes.append(IN_SAMPLE)
    about = {
        "subject": "scenario",
        "title": scenario.title,
        "scenario": scenario.name,
        "sha256": scenario.sha256,
        "arm": arm,
        "arm_title": scenario.arms[arm].title or arm,
        "seed": result.seed,
        "ahead": ahead,
        "version": version(),
    }
    return GoodnessOfFit({"about": about, **comparison, "notes": notes})

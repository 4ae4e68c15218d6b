"""Goodness of fit of a scenario: its record's years simulated from their start, beside
the record."""

from __future__ import annotations

from datetime import date
from typing import Any

from balance_sim.effects.run import run
from balance_sim.evidence.goodness.comparison import GoodnessOfFit
from balance_sim.evidence.goodness.networks import (
    Agreements,
    Span,
    compare,
    facts_of,
    newly_signed,
    recorded,
)
from balance_sim.evidence.goodness.residuals import residuals_of
from balance_sim.evidence.goodness.set_back import (
    own_span,
    set_back,
    with_focal,
)
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.machine import version
from balance_sim.study.result import Result

RUNS = 128
IN_SAMPLE = (
    "the scenario is calibrated on its own record: what is compared is in sample where "
    "the calibration's years (`years` in its file) hold the span"
)


def span_asked(
    scenario: Scenario, first: date | None, stop: date | None, *, ahead: bool
) -> Span:
    """The span to compare; what is not given is the scenario's own.

    ahead: of the scenario's own years, from its start on, where no first day is given;
    else of the years before it. Raises WrongRequest."""
    start, end = scenario.start, scenario.end
    if first is not None:
        ahead = first >= start
    usual = Span(start, end) if ahead else own_span(scenario)
    span = Span(first or usual.first, stop or usual.stop)
    last = end if ahead else start
    if not span.first < span.stop <= last:
        raise WrongRequest(
            f"from {span.first} to {span.last} is neither within the record, before "
            f"{start}, nor within the scenario's own time, before {end}: set --from "
            "and --until"
        )
    return span


def goodness_of_fit(
    scenario: Scenario,
    *,
    runs: int = RUNS,
    seed: int = 1,
    span: Span | None = None,
    arm: str | None = None,
    observed: Agreements | None = None,
    stored: Result | None = None,
    workers: int = 1,
    draw_parameters: bool | str = False,
) -> GoodnessOfFit:
    """Simulate a span and compare the network of new agreements with the observed one.

    Before the scenario's start the scenario is set back to the span's first day
    (`set_back`) and simulated to its end. From the start on it is simulated as it is.

    Parameters
    ----------
    scenario : a complete scenario
    runs, seed, workers, draw_parameters : as of `run`
    span : first day, and the day before which it stops; the scenario's own record if
        not given
    arm : its name; if not given the control arm, or from the start on the headline's
    observed : agreements by position in `scenario.codes`; the scenario's own record if
        not given
    stored : results, taken in place of simulating a span from the start on where they
        have the arm

    Returns
    -------
    GoodnessOfFit : simulated distributions beside the observed numbers, and residuals
        of a whole span

    Raises
    ------
    WrongRequest : for an arm or a span that the scenario does not have, and where too
        little is on record in the span

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("scenarios/beijing_2025.yaml")  # doctest: +SKIP
    >>> bs.goodness_of_fit(scenario, runs=8)  # doctest: +SKIP
    """
    span = span or own_span(scenario)
    is_past = span.first < scenario.start
    reference, arms = scenario.reference_arm, [*scenario.arms]
    headline = None if is_past else headline_arm(scenario, [reference, *arms])
    name = arm or headline or reference
    chosen_arms(scenario, [name])
    record = recorded(scenario) if observed is None else observed
    in_span = record.signed_within(span)
    if len(in_span) < 2:
        count = f"{len(in_span)} agreements are on record from {span.first}"
        hint = "set --from and --until, or give a record with --against"
        raise WrongRequest(f"{count} to {span.last}: too few to compare; {hint}")
    options: dict[str, Any] = {"runs": runs, "seed": seed, "workers": workers}
    options["draw_parameters"] = draw_parameters
    if is_past:
        simulated = set_back(scenario, span, name)
        result: Result = run(simulated, **options)
    else:
        focal = next(e.date for e in scenario.events if e.id == scenario.focal)
        simulated = with_focal(arm_scenario(scenario, name), focal)
        is_stored = stored is not None and name in stored.arms
        result = (
            stored if is_stored and stored else run(scenario, **options, arms=[name])
        )
    if result.failed:
        first = min(row["run"] for row in result.failed)
        raise WrongRequest(
            f"replications failed, the first is {first}: see failed.json"
        )
    rows = result.agreements[result.agreements["arm"].astype(str) == name]
    signed = newly_signed(rows, scenario.codes)
    comparison = compare(facts_of(scenario), span, in_span, signed, result.runs)
    is_whole = span.first == simulated.start and span.stop == simulated.end
    notes = notes_of(comparison)
    if not is_whole:
        notes.append("residuals: only of a whole span that is simulated")
    if is_past and scenario.calibration.data_sha256:
        notes.append(IN_SAMPLE)
    about = {
        "subject": "scenario",
        "title": scenario.title,
        "scenario": scenario.name,
        "sha256": scenario.sha256,
        "arm": name,
        "arm_title": scenario.arms[name].title or name,
        "seed": result.seed,
        "version": version(),
    }
    residuals = residuals_of(simulated, in_span) if is_whole else None
    return GoodnessOfFit(
        {"about": about} | comparison | {"residuals": residuals, "notes": notes}
    )


def networks_fit(
    scenario: Scenario,
    title: str,
    networks: Agreements,
    runs: int,
    *,
    span: Span,
    observed: Agreements | None = None,
) -> GoodnessOfFit:
    """Compare networks that any model simulated with the observed one.

    Parameters
    ----------
    scenario : whose roster, distances, regimes and disputes count
    title : what the networks are called
    networks : agreements by position in `scenario.codes`, of replications 0..runs-1
    span : first day, and the day before which it stops
    observed : the scenario's own record if not given

    Raises
    ------
    WrongRequest : for fewer than two replications
    """
    if runs < 2:
        raise WrongRequest("at least two replications are needed: simulate more")
    record = recorded(scenario) if observed is None else observed
    comparison = compare(facts_of(scenario), span, record, networks, runs)
    about = {"subject": "simulated networks", "title": title, "version": version()}
    comparison |= {"residuals": None, "notes": notes_of(comparison)}
    return GoodnessOfFit({"about": about} | comparison)


def notes_of(comparison: dict[str, Any]) -> list[str]:
    """What could not be tested, and why."""
    groups = comparison["groups"]
    reasons = {group["name"]: group["not_tested"] for group in groups}
    return [f"{name}: {reason}" for name, reason in reasons.items() if reason]


gof = goodness_of_fit

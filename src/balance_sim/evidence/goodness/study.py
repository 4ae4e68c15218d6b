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
    refuse_disorder,
    set_back,
    with_focal,
)
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.study.arms import chosen_arms
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

    ahead: of the scenario's own years, from its start on; else of the years before it.
    Raises WrongRequest."""
    start, end = scenario.start, scenario.end
    usual = Span(start, end) if ahead else own_span(scenario)
    span = Span(first or usual.first, stop or usual.stop)
    refuse_disorder(span)
    if span.first < start < span.stop or span.stop > end:
        raise WrongRequest(
            f"from {span.first} until before {span.stop} is neither within the record, "
            f"up to {start}, nor within the scenario's own time, {start} to {end}: set "
            "--from and --until"
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
    arm : its name; the control arm if not given
    observed : agreements by position in `scenario.codes`; the scenario's own record if
        not given
    stored : results of the arm, taken in place of simulating a span from the start on

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
    chosen = chosen_arms(scenario, None if arm is None else [arm])
    name = chosen[0] if arm is None else chosen[-1]
    record = recorded(scenario) if observed is None else observed
    in_span = record.signed_within(span)
    if len(in_span) < 2:
        raise WrongRequest(_too_few(record, len(in_span), span))
    options: dict[str, Any] = {"runs": runs, "seed": seed, "workers": workers}
    is_past = span.first < scenario.start
    if is_past:
        simulated = set_back(scenario, span, arm)
        result: Result = run(simulated, **options, draw_parameters=draw_parameters)
    else:
        focal = next(e.date for e in scenario.events if e.id == scenario.focal)
        simulated = with_focal(arm_scenario(scenario, name), focal)
        result = stored or run(
            scenario, **options, arms=[name], draw_parameters=draw_parameters
        )
    failed = [row["run"] for row in result.failed]
    if failed:
        number = f"{len(set(failed))} replications failed"
        raise WrongRequest(f"{number}: first replication {min(failed)}")
    rows = result.agreements[result.agreements["arm"].astype(str) == name]
    signed = newly_signed(rows, scenario.codes)
    comparison = compare(facts_of(scenario), span, in_span, signed, result.runs)
    is_whole = span.first == simulated.start and span.stop == simulated.end
    notes = []
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
    return GoodnessOfFit(
        comparison=comparison,
        residuals=residuals_of(simulated, in_span) if is_whole else None,
        names=names_of(scenario),
        about=about,
        notes=tuple(notes),
    )


def names_of(scenario: Scenario) -> dict[str, str]:
    """Names of states, by code."""
    return {state.id: state.name or state.id for state in scenario.states}


def _too_few(record: Agreements, count: int, span: Span) -> str:
    last = ""
    if len(record):
        day = date.fromordinal(int(record.signed.max()))
        last = f" (the record's last is of {day})"
    return (
        f"{count} bilateral agreements are on record from {span.first} until before "
        f"{span.stop}: too few to compare{last}. Set --from and --until, or give a "
        "record with --against"
    )


gof = goodness_of_fit

"""Goodness of fit of a scenario: its record's years simulated from their start, beside
the record."""

from __future__ import annotations

from datetime import date

from balance_sim.effects.run import run
from balance_sim.evidence.goodness import networks
from balance_sim.evidence.goodness.comparison import GoodnessOfFit, residuals_of
from balance_sim.evidence.goodness.networks import (
    Agreements,
    Span,
    newly_signed,
    own_span,
    recorded,
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


def span_asked(
    scenario: Scenario, first: date | None, stop: date | None, *, ahead: bool
) -> Span:
    """The span to compare; what is not given is the scenario's own.

    ahead: of the scenario's own years, from its start on; else of the years before it.
    Raises WrongRequest."""
    own = Span(scenario.start, scenario.end) if ahead else own_span(scenario)
    span = Span(first or own.first, stop or own.stop)
    if span.first >= span.stop:
        raise WrongRequest(
            f"the span is not in order: it starts on {span.first} and ends before {span.stop}"
        )
    if span.first < scenario.start < span.stop or span.stop > scenario.end:
        raise WrongRequest(
            f"from {span.first} until before {span.stop} is neither within the record, up to {scenario.start}, nor "
            f"within the scenario's own time, {scenario.start} to {scenario.end}: set --from and --until"
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
    span : first day, and the day before which it stops; the scenario's own record if not given
    arm : its name; the control arm if not given
    observed : agreements by position in `scenario.codes`; the scenario's own record if not given
    stored : results of the arm, taken in place of simulating a span from the start on

    Returns
    -------
    GoodnessOfFit : simulated distributions beside the observed numbers, and residuals of a whole span

    Raises
    ------
    WrongRequest : for an arm or a span that the scenario does not have, and where too little is on record in the span

    Examples
    --------
    >>> import balance_sim as bs
    >>> scenario = bs.load_scenario("scenarios/beijing_2025.yaml")  # doctest: +SKIP
    >>> bs.goodness_of_fit(scenario, runs=8)  # doctest: +SKIP
    """
    span = span or own_span(scenario)
    chosen = chosen_arms(scenario, None if arm is None else [arm])[
        -1 if arm is not None else 0
    ]
    every = recorded(scenario) if observed is None else observed
    seen = every.signed_within(span)
    if len(seen) < 2:
        last = (
            f" (the record's last is of {date.fromordinal(int(every.signed.max()))})"
            if len(every)
            else ""
        )
        raise WrongRequest(
            f"{len(seen)} bilateral agreements are on record from {span.first} until before {span.stop}: too few to "
            f"compare{last}. Set --from and --until, or give a record with --against"
        )
    if span.first < scenario.start:
        simulated = set_back(scenario, span, arm)
        made: Result = run(
            simulated,
            runs=runs,
            seed=seed,
            workers=workers,
            draw_parameters=draw_parameters,
        )
    else:
        focal = next(
            event.date for event in scenario.events if event.id == scenario.focal
        )
        simulated = with_focal(arm_scenario(scenario, chosen), focal)
        made = stored or run(
            scenario,
            runs=runs,
            seed=seed,
            arms=[chosen],
            workers=workers,
            draw_parameters=draw_parameters,
        )
    failed = {row["run"] for row in made.failed}
    if failed:
        raise WrongRequest(
            f"{len(failed)} replications failed: first replication {min(failed)}"
        )
    frame = made.agreements[made.agreements["arm"].astype(str) == chosen]
    made_there = newly_signed(frame, scenario.codes)
    comparison = networks.compare(
        networks.ground_of(scenario), span, seen, made_there, made.runs
    )
    whole = span.first == simulated.start and span.stop == simulated.end
    notes = [] if whole else ["residuals: only of a whole span that is simulated"]
    if span.first < scenario.start and scenario.calibration.data_sha256:
        notes.append(
            "the scenario is calibrated on its own record: what is compared is in sample where the calibration's years "
            "(`years` in its file) hold the span"
        )
    return GoodnessOfFit(
        comparison,
        residuals_of(simulated, seen) if whole else None,
        {state.id: state.name or state.id for state in scenario.states},
        {
            "subject": "scenario",
            "title": scenario.title,
            "scenario": scenario.name,
            "sha256": scenario.sha256,
            "arm": chosen,
            "arm_title": scenario.arms[chosen].title or chosen,
            "seed": made.seed,
            "version": version(),
        },
        tuple(notes),
    )


gof = goodness_of_fit

"""A scenario set back to an earlier day, to be compared with its own record since.

Agreements stay that were signed, or in talks, before the day, without what came of them
later or any fixed date. Events happen on their days. What has no dates (states'
figures, disputes, distances, trade, audiences) stays as at the scenario's own start.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from balance_sim.evidence.goodness.networks import Span
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Agreement, Arm, Event, Report, Scenario

YEARS = 3
"""Whole calendar years before a scenario's start in which its record is compared, if
nothing else is asked."""
FOCAL = "start_of_record"
LONGEST_WINDOW = 3650


def own_span(scenario: Scenario) -> Span:
    """From 1 January three years before a scenario's start to that start."""
    return Span(date(scenario.start.year - YEARS, 1, 1), scenario.start)


def set_back(scenario: Scenario, span: Span, arm: str | None = None) -> Scenario:
    """The scenario as it stood on the span's first day, of one arm alone, to be
    simulated over the span.

    arm: the control arm if None. Raises WrongRequest where the span is not in order or
    ends after the start."""
    if not span.first < span.stop <= scenario.start:
        end = f"the scenario's record ends at its start, {scenario.start}"
        raise WrongRequest(f"{span.first} to {span.last} is no span of it: {end}")
    name = arm or scenario.reference_arm
    in_arm = arm_scenario(scenario, name)
    events = [
        event for event in in_arm.events if event.date < span.stop and event.id != FOCAL
    ]
    agreements = []
    for agreement in in_arm.agreements:
        at_start = known_on(agreement, span.first)
        if at_start is not None:
            agreements.append(at_start)
    days = min((span.stop - span.first).days, LONGEST_WINDOW)
    update = {
        "start": span.first,
        "end": span.stop,
        "focal": FOCAL,
        "events": with_quiet_event(in_arm, events, span.first),
        "accords": tuple(agreements),
        "arms": {name: Arm(title=in_arm.arms[name].title, reference=True)},
        "report": Report(windows=(days,)),
        "sha256": "",
    }
    return in_arm.model_copy(update=update).counted_as(None)


def with_focal(scenario: Scenario, day: date) -> Scenario:
    """The scenario, with a focal event that nobody sees on a day if it has none, as in
    an arm that drops it."""
    if any(event.id == scenario.focal for event in scenario.events):
        return scenario
    events = with_quiet_event(scenario, scenario.events, day)
    return scenario.model_copy(update={"focal": FOCAL, "events": events})


def with_quiet_event(
    scenario: Scenario, events: Iterable[Event], day: date
) -> tuple[Event, ...]:
    """The events with one that changes nothing: no visibility and no sign."""
    quiet = Event(
        id=FOCAL,
        date=day,
        kind=next(iter(scenario.event_kinds)),
        visibility=0.0,
        sign=0,
        principals=(scenario.codes[0],),
    )
    return tuple(sorted([*events, quiet], key=lambda event: (event.date, event.id)))


def known_on(agreement: Agreement, day: date) -> Agreement | None:
    """The agreement as known before a day, talks with their first day whatever came of
    them; None where nothing was known.

    One that collapsed nobody knows when is taken to have been over."""
    began, ended = agreement.signed or agreement.in_force, agreement.ended
    open_dates = dict.fromkeys(("scheduled_signed", "scheduled_in_force", "ended"))
    if began is None or began >= day:
        if agreement.opened is None or agreement.opened >= day:
            return None
        talks = {"status": "talks", "signed": None, "in_force": None}
        return agreement.model_copy(update=talks | open_dates)
    is_over = agreement.status == "collapsed" if ended is None else ended < day
    if is_over:
        return agreement
    later = agreement.in_force is not None and agreement.in_force >= day
    waits = later or agreement.status in ("signed", "collapsed", "talks")
    status = "signed" if waits else "in_force"
    in_force = None if later else agreement.in_force
    update = {"status": status, "in_force": in_force}
    return agreement.model_copy(update=update | open_dates)

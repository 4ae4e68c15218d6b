"""A scenario set back to an earlier day, to be compared with its own record since.

Agreements stay that were signed, or in talks, before the day, without what came of them
later or any fixed date. Events happen on their days. What has no dates (states'
figures, disputes, distances, trade, audiences) stays as at the scenario's own start.
Pacts are left out: their members are known at that start alone.
"""

from __future__ import annotations

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


def set_back(scenario: Scenario, span: Span) -> Scenario:
    """The scenario as it stood on the span's first day, of the control arm alone, to be
    simulated over the span.

    Raises WrongRequest where the span is not in order or
    ends after the start."""
    if not span.first < span.stop <= scenario.start:
        end = f"the scenario's record ends at its start, {scenario.start}"
        words = f"{span.first} to {span.last} is no span of it: {end}"
        raise WrongRequest(f"{words}; set --from and --until")
    name = scenario.reference_arm
    in_arm = arm_scenario(scenario, name)
    quiet = Event(
        id=FOCAL,
        date=span.first,
        kind=next(iter(scenario.event_kinds)),
        visibility=0.0,
        sign=0,
        principals=(scenario.codes[0],),
    )
    events = [quiet, *(event for event in in_arm.events if event.date < span.stop)]
    events.sort(key=lambda event: (event.date, event.id))
    agreements = [known_on(agreement, span.first) for agreement in in_arm.agreements]
    days = min((span.stop - span.first).days, LONGEST_WINDOW)
    update = {
        "start": span.first,
        "end": span.stop,
        "focal": FOCAL,
        "events": tuple(
            sorted([*events, quiet], key=lambda event: (event.date, event.id))
        ),
        "accords": tuple(
            agreement for agreement in agreements if agreement is not None
        ),
        "arms": {name: Arm(title=in_arm.arms[name].title, reference=True)},
        "report": Report(windows=(days,)),
        "pacts": {},
        "sha256": "",
    }
    return in_arm.model_copy(update=update).counted_as(None)


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

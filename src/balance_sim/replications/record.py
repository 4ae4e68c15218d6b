"""A scenario set back to an earlier day, with what was known then, and its own record of the years since.

The control arm is taken as it is. Of its agreements those stay that were signed, or in talks, before the day; what came
of them later is not known, nor is any date that was fixed for it: an agreement signed before the day and in force after
it is signed. Events dated before the span's end happen on their days, all but those that are the signature or the entry
into force of an agreement of the table: these are what is to be forecast, and in any scenario such an event adds
nothing, for the agreement speaks for itself. What the scenario has no dates for (states' figures, disputes, distances,
trade, audiences) stays as at its own start.
"""

from __future__ import annotations

from datetime import date

from balance_sim.pool.faults import WrongRequest
from balance_sim.replications.gof import Span
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.schema import Accord, Arm, Event, Report, Scenario

YEARS = 3
"""Whole calendar years before that of a scenario's start in which its record is compared, if nothing else is asked."""
FOCAL = "start_of_record"


def own_span(scenario: Scenario) -> Span:
    """From 1 January three years before a scenario's start to that start."""
    return Span(date(scenario.start.year - YEARS, 1, 1), scenario.start)


def set_back(scenario: Scenario, span: Span, arm: str | None = None) -> Scenario:
    """The scenario as it stood on the span's first day, of one arm alone, to be simulated over the span.

    arm: the control arm if None. Raises WrongRequest where the span is not in order or ends after the start."""
    if span.first >= span.stop:
        raise WrongRequest(f"the span is not in order: it starts on {span.first} and ends before {span.stop}")
    if span.stop > scenario.start:
        raise WrongRequest(f"the scenario's record ends at its start, {scenario.start}, before {span.stop}")
    name = arm or scenario.reference_arm
    there = arm_scenario(scenario, name)
    quiet = quiet_event(there, span.first)
    events = [event for event in there.events if event.date < span.stop and event.id != FOCAL]
    accords = (known_on(accord, span.first) for accord in there.accords)
    return there.model_copy(
        update={
            "start": span.first,
            "end": span.stop,
            "focal": FOCAL,
            "events": tuple(sorted([*events, quiet], key=lambda event: (event.date, event.id))),
            "accords": tuple(accord for accord in accords if accord is not None),
            "arms": {name: Arm(title=there.arms[name].title, reference=True)},
            "report": Report(windows=(min((span.stop - span.first).days, 3650),)),
            "sha256": "",
        }
    ).counted_as(None)


def with_focal(scenario: Scenario, day: date) -> Scenario:
    """The scenario, with a focal event that nobody sees on a day if it has none, as in an arm that drops it."""
    if any(event.id == scenario.focal for event in scenario.events):
        return scenario
    events = sorted([*scenario.events, quiet_event(scenario, day)], key=lambda event: (event.date, event.id))
    return scenario.model_copy(update={"focal": FOCAL, "events": tuple(events)})


def quiet_event(scenario: Scenario, day: date) -> Event:
    """An event that changes nothing: no visibility and no sign."""
    kind = next(iter(scenario.event_kinds))
    return Event(id=FOCAL, date=day, kind=kind, visibility=0.0, sign=0, principals=(scenario.codes[0],))


def known_on(accord: Accord, day: date) -> Accord | None:
    """What was known of an agreement before a day; None: nothing.

    Talks that are on record with their first day are known from then on, whatever came of them."""
    began = accord.signed or accord.in_force
    if began is None or began >= day:
        if accord.opened is None or accord.opened >= day:
            return None
        blank = {"signed": None, "in_force": None, "ended": None}
        return accord.model_copy(update={"status": "talks", **blank, **_NO_DATES})
    if accord.ended is not None and accord.ended < day:
        return accord
    later = accord.in_force is not None and accord.in_force >= day
    status = "signed" if later or accord.status in ("signed", "collapsed", "talks") else "in_force"
    if accord.status == "collapsed" and accord.ended is None:
        return accord  # it is not known when: it is taken to have been over
    known = {"in_force": None if later else accord.in_force, "ended": None}
    return accord.model_copy(update={"status": status, **known, **_NO_DATES})


_NO_DATES = {"scheduled_signed": None, "scheduled_in_force": None}

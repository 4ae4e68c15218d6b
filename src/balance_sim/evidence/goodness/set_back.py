"""A scenario set back to an earlier day, to be compared with its own record since.

Agreements stay that were signed, or in talks, before the day, without what came of them
later or any fixed date. Events happen on their days. What has no dates (states'
figures, disputes, distances, trade, audiences) stays as at the scenario's own start.
Pacts are left out: their members are known at that start alone.
"""

from __future__ import annotations

from datetime import date

from balance_sim.evidence.estimation.choices import agreement_on
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

    Raises WrongRequest where the span is not in order or ends after the start."""
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
    agreements = [known_on(agreement, span.first) for agreement in in_arm.agreements]
    days = min((span.stop - span.first).days, LONGEST_WINDOW)
    update = {
        "start": span.first,
        "end": span.stop,
        "focal": FOCAL,
        "events": tuple(sorted(events, key=lambda event: (event.date, event.id))),
        "accords": tuple(filter(None, agreements)),
        "arms": {name: Arm(title=in_arm.arms[name].title, reference=True)},
        "report": Report(windows=(days,)),
        "pacts": {},
        "sha256": "",
    }
    return in_arm.model_copy(update=update).counted_as(None)


def known_on(agreement: Agreement, day: date) -> Agreement | None:
    """The agreement as known before a day, talks with their first day whatever came of
    them; None where nothing was known."""
    signed = agreement_on(agreement, day)
    is_open = agreement.opened is not None and agreement.opened < day
    if signed is not None or not is_open:
        return signed
    later = ("signed", "in_force", "scheduled_signed", "scheduled_in_force", "ended")
    talks = {"status": "talks", **dict.fromkeys(later)}
    return agreement.model_copy(update=talks)

"""What must hold between the pieces of a scenario: time, events, states, dyads,
agreements, theory.

Each rule takes a scenario and yields findings. It names what it reads, so that a rule
is left out where that could not be read, and runs again only where that was changed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from balance_sim import registry
from balance_sim.scenario.actors import code_table, codes_at_the_time, known
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    listed,
    near_or,
    problem,
    shown,
)
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.nodes import NOWHERE
from balance_sim.scenario.reading import Places, ValueChange
from balance_sim.scenario.schema import (
    SIGNAL_ORDER,
    Agreement,
    Event,
    EventKind,
    NoRelations,
    Scenario,
    SectionRow,
    State,
    Trade,
)

MOST_STEPS = 20_000
MOST_DAYS = 30_000
"""A thousand of the shortest half-lives of states' agreements: 2^1024 is no number."""
MOST_WINDOWS = 100
NEED_COMPANY = ("joint_summit", "exercise", "treaty", "fighting_together")
MEASURES = {"gdp_bn": "gdp", "milex_bn": "milex", "population_m": "population"}
DONE = ("opened", "signed", "in_force", "ended")
NOT_WITH = {
    "talks": ("signed", "in_force", "ended"),
    "signed": ("in_force", "ended", "scheduled_signed"),
    "in_force": ("ended", "scheduled_signed", "scheduled_in_force"),
    "collapsed": ("in_force", "scheduled_signed", "scheduled_in_force"),
    "ended": ("scheduled_signed", "scheduled_in_force"),
}
"""Dates that an agreement of a status cannot have."""


class Finding(NamedTuple):
    """What a rule finds wrong.

    section : of the scenario, or a single value at the top; empty: the whole file
    row : of the section, if one is at fault
    steps : from there down to the value
    place : steps to where to point, if elsewhere
    """

    code: str
    section: str
    steps: tuple[str, ...]
    message: str
    suggestion: str = ""
    allowed: str = ""
    row: SectionRow | None = None
    place: tuple[str, ...] | None = None

    @property
    def path(self) -> str:
        """The key path of the value."""
        name = [] if self.row is None else [SECTIONS[self.section].name_of(self.row)]
        return ".".join([self.section, *name, *self.steps])

    def at(self, places: Places, changes: Iterable[ValueChange] = ()) -> Diagnostic:
        """The diagnostic where the value was written, in the file or by a change."""
        texts = (self.message, self.suggestion, self.allowed)
        for change in changes:
            if f"{change.path}.".startswith(f"{self.path}."):
                mark = change.node.mark
                return problem(mark, self.path, self.code, *texts)
        node = places.node(self.section, self.row)
        steps = self.steps if self.place is None else self.place
        for step in steps:
            node = node.get(step) or node
        is_section = self.section in SECTIONS and self.row is None
        mark = node.at if is_section and not steps else node.mark
        if mark.file == NOWHERE.file:  # a default stands there
            mark = places.tree.mark
        return problem(mark, self.path, self.code, *texts)


SECTION_OF = {section.model: name for name, section in SECTIONS.items()}


def _of_row(
    row: SectionRow,
    field: str,
    code: str,
    message: str,
    suggestion: str = "",
    allowed: str = "",
    place: str | None = None,
) -> Finding:
    """A finding on a row. field: empty for the row as a whole; place: another field to
    point at."""
    steps = (field,) if field else ()
    place_steps = None if place is None else (place,)
    section = SECTION_OF[type(row)]
    texts = (message, suggestion, allowed)
    return Finding(code, section, steps, *texts, row=row, place=place_steps)


@dataclass(frozen=True)
class Rule:
    """A rule and what it reads.

    reads : key paths without names of rows: `end`, `events.date`
    row_wise : sections whose rows are right or wrong one by one: those that could be
        read are checked in any case
    of_arms : whether it holds of each arm too
    """

    check: Callable[[Scenario], Iterator[Finding]]
    reads: tuple[str, ...]
    row_wise: str = ""
    of_arms: bool = True

    def is_touched(self, changed: Collection[str]) -> bool:
        """Whether it reads what was changed: key paths as `reads` has them."""
        return any(
            path == read or read.startswith(f"{path}.") or path.startswith(f"{read}.")
            for path in changed
            for read in self.reads
        )

    def can_run(self, incomplete: Collection[str]) -> bool:
        """Whether all that it reads could be read."""
        heads = {read.partition(".")[0] for read in self.reads} - {self.row_wise}
        return heads.isdisjoint(incomplete)


@lru_cache(maxsize=256)
def rules_due(*changes: frozenset[str], is_arm: bool = False) -> tuple[Rule, ...]:
    """Rules that read what was changed, by each of several changes: paths as `reads`
    has them. All rules for no changes. is_arm: those that hold of an arm too."""
    return tuple(
        rule
        for rule in RULES
        if (rule.of_arms or not is_arm)
        and all(rule.is_touched(changed) for changed in changes)
    )


def findings_in(
    scenario: Scenario, rules: Iterable[Rule], incomplete: Collection[str] = ()
) -> Iterator[Finding]:
    """Everything that is wrong by these rules. incomplete: fields of the scenario that
    could not be read whole."""
    for rule in rules:
        if rule.can_run(incomplete):
            yield from rule.check(scenario)


def _near(word: str, options: Iterable[str], otherwise: str) -> str:
    return near_or(word, [*options], otherwise)


# --- time and the focal event ---------------------------------------------------------


def _check_span(scenario: Scenario) -> Iterator[Finding]:
    """From start to end in so many steps."""
    days = (scenario.end - scenario.start).days
    steps = math.ceil(days / scenario.step_days)
    if days <= 0:
        why = f"`end` {scenario.end} is not after `start` {scenario.start}"
        yield Finding("E210", "end", (), why)
    elif days > MOST_DAYS:
        why = f"{days:,} days from start to end exceed {MOST_DAYS:,}"
        yield Finding("E203", "end", (), why, "take a shorter span")
    elif steps > MOST_STEPS:
        why = f"{steps:,} steps from start to end exceed {MOST_STEPS:,}"
        hint = "take a larger step or a shorter span"
        yield Finding("E203", "step_days", (), why, hint)


def _check_base_rate(scenario: Scenario) -> Iterator[Finding]:
    """A stated level of at most one agreement a year and dyad."""
    n, rate = len(scenario.states), scenario.base_rate
    dyad_count = n * (n - 1) // 2
    if rate is not None and rate > dyad_count:
        why = f"{rate:g} agreements a year among {n} states"
        yield Finding("E203", "base_rate", (), why, "give fewer", f"up to {dyad_count}")


def _check_focal(scenario: Scenario) -> Iterator[Finding]:
    """The focal event is there, and not before the start."""
    events = {event.id: event for event in scenario.events}
    event = events.get(scenario.focal)
    if event is None:
        hint = _near(scenario.focal, events, "give the id of one of the events")
        why = f"no event `{scenario.focal}`"
        yield Finding("E309", "focal", (), why, hint, listed(sorted(events)))
    elif event.date < scenario.start:
        span = f"{scenario.start}..{scenario.end}"
        why = f"the focal event on {event.date} is outside {span}"
        yield _of_row(event, "date", "E203", why, "windows count from it")


def _check_plugins(scenario: Scenario) -> Iterator[Finding]:
    """Plug-ins that there are."""
    known = sorted(registry.places("summary"))
    for name in scenario.plugins:
        if name not in known:
            hint = _near(name, known, "give the name of one")
            why = f"no plug-in `{name}`"
            yield Finding("E309", "plugins", (), why, hint, listed(known))


def _check_report(scenario: Scenario) -> Iterator[Finding]:
    """Groups that are reported, and states whose position is coded, are the
    scenario's."""
    for name in scenario.report.groups:
        if name not in scenario.groups:
            hint = _near(name, scenario.groups, "name one of `groups`")
            why, allowed = f"unknown group `{name}`", listed(scenario.groups)
            yield Finding("E107", "report", ("groups",), why, hint, allowed)
    for dyad in scenario.report.positions:
        a, _, b = dyad.partition("-")
        if a == b or not {a, b} <= {*scenario.codes}:
            why = f"`{shown(dyad)}` does not name two states of the roster"
            yield Finding("E107", "report", ("positions",), why, "as RUS-UKR")


def _check_windows(scenario: Scenario) -> Iterator[Finding]:
    """Windows differ, and are not too many."""
    windows, steps = scenario.report.windows, ("windows",)
    if len(set(windows)) < len(windows):
        why = "a window is given twice"
        yield Finding("E015", "report", steps, why, "remove one")
    if not windows:
        yield Finding("E212", "report", steps, "at least 1 needed, got 0")
    if len(windows) > MOST_WINDOWS:
        why = f"{len(windows):,} windows; at most {MOST_WINDOWS}"
        yield Finding("E022", "report", steps, why, "give those that are reported")


def _check_late_windows(scenario: Scenario) -> Iterator[Finding]:
    """Windows that end after the simulation does."""
    dates = [event.date for event in scenario.events if event.id == scenario.focal]
    room = (scenario.end - dates[0]).days if dates else 0
    windows = scenario.report.windows
    late = [str(days) for days in windows if days > room > 0]
    is_default = windows == type(scenario.report)().windows
    if late and not is_default:
        why = f"{listed(late)} days after {dates[0]} is beyond `end`: {room} are left"
        yield Finding("W306", "report", ("windows",), why)


def _check_size(scenario: Scenario) -> Iterator[Finding]:
    """A warning for what is trivial."""
    states, days = len(scenario.states), (scenario.end - scenario.start).days
    smallness = {
        "2 states": states == 2,
        "no events": not scenario.events,
        "one step": 0 < days <= scenario.step_days,
        "1 arm": len(scenario.arms) == 1,
    }
    trivial = [name for name, is_so in smallness.items() if is_so]
    if trivial:
        why = f"trivial scenario: {listed(trivial)}"
        yield Finding("W301", "", (), why, "it still runs")


# --- events ---------------------------------------------------------------------------


def _check_roles(scenario: Scenario) -> Iterator[Finding]:
    """Roles that make sense together."""
    for event in scenario.events:
        yield from roles_at_odds(event)


def roles_at_odds(event: Event) -> Iterator[Finding]:
    """What is wrong with the roles of one event."""
    twice_named = {*event.principals} & {*event.guests}
    if twice_named:
        why = f"{listed(f'`{code}`' for code in sorted(twice_named))} among the principals"
        yield _of_row(event, "guests", "E306", why, "name each actor once")
    own_targets = ({*event.principals} | {*event.guests}) & {*event.targets}
    if own_targets:
        codes = listed(f"`{code}`" for code in sorted(own_targets))
        why = f"{codes} takes part already, and cannot be a target"
        yield _of_row(event, "targets", "E306", why, "name each actor once")
    company = {*event.principals, *event.guests, *event.targets, event.host} - {None}
    if event.kind in NEED_COMPANY and len(company) < 2:
        why = f"at least 2 take part in an event of kind `{event.kind}`"
        hint = "add a principal, guests or targets"
        yield _of_row(event, "principals", "E212", why, hint)


def _check_event_dates(scenario: Scenario) -> Iterator[Finding]:
    """Events lie before the end."""
    if scenario.end <= scenario.start:
        return
    last = scenario.end - timedelta(days=1)
    for event in scenario.events:
        if event.date > last:
            why = f"{event.date} is outside ..{last}: events lie before `end`"
            yield _of_row(event, "date", "E203", why)


def _check_event_agreements(scenario: Scenario) -> Iterator[Finding]:
    """Agreements that events name are on record."""
    agreements = {agreement.id for agreement in scenario.accords}
    for event in scenario.events:
        if event.accord is not None and event.accord not in agreements:
            otherwise = "give the id of an agreement, or leave it out"
            hint = _near(event.accord, sorted(agreements), otherwise)
            why = f"no agreement `{event.accord}`"
            yield _of_row(event, "accord", "E309", why, hint)


def _check_idle_events(scenario: Scenario) -> Iterator[Finding]:
    """Events in which no state that is simulated has a part."""
    roster = {*scenario.codes}
    for event in scenario.events:
        if roster.isdisjoint((*event.principals, *event.targets, *event.guests)):
            why = "no state of the roster has a part: the event acts on nothing"
            yield _of_row(event, "principals", "W305", why)


def _check_provocations(scenario: Scenario) -> Iterator[Finding]:
    """Nobody provokes itself."""
    for hazard in scenario.provocations:
        if hazard.state in hazard.targets:
            why = f"`{hazard.state}` provokes itself"
            yield _of_row(hazard, "targets", "E306", why)


def _check_rates(scenario: Scenario) -> Iterator[Finding]:
    """Rates that look as if they were not per year."""
    for hazard in scenario.provocations:
        per_step = hazard.rate * scenario.step_days / 365.25
        if per_step > 1.0:
            why = f"{hazard.rate:g} per year is {per_step:.3g} in every step"
            hint = "rates are per year"
            yield _of_row(hazard, "rate", "W214", why, hint)


# --- states ---------------------------------------------------------------------------


def _check_years(scenario: Scenario) -> Iterator[Finding]:
    """States exist in the year of the start."""
    year = scenario.start.year
    for state in scenario.states:
        why = known(state.id, year) if state.id in code_table() else None
        if why:
            hint = codes_at_the_time(state.id, year)
            yield _of_row(state, "id", "E304", why, hint)
    for code in scenario.outside:
        why = known(code, year) if code in code_table() else None
        if why:
            yield Finding("E304", "outside", (), why, codes_at_the_time(code, year))


def _check_coordinates(scenario: Scenario) -> Iterator[Finding]:
    """Latitude and longitude come together."""
    for state in scenario.states:
        present, lacking = "latitude", "longitude"
        if state.latitude is None:
            present, lacking = lacking, present
        if (state.latitude is None) != (state.longitude is None):
            why = f"`{lacking}` is required beside `{present}`"
            yield _of_row(state, lacking, "E103", why, place=present)


def _check_patrons(scenario: Scenario) -> Iterator[Finding]:
    """No state is its own patron."""
    for state in scenario.states:
        if state.id in state.patrons:
            why = f"`{state.id}` is its own patron"
            yield _of_row(state, "patrons", "E306", why)


def _missing_measures(scenario: Scenario, state: State) -> list[str]:
    """Measures of capability with a weight that a state lacks."""
    return [
        name
        for name, weight in MEASURES.items()
        if getattr(state, name) is None and getattr(scenario.capability, weight) > 0
    ]


def _check_measures(scenario: Scenario) -> Iterator[Finding]:
    """Every state has a measure of capability; a warning where one is missing."""
    for state in scenario.states:
        missing = _missing_measures(scenario, state)
        if state.capability is not None or not missing:
            continue
        if all(getattr(state, name) is None for name in MEASURES):
            why = f"neither `capability` nor any of {listed(MEASURES)} is given"
            hint = "give one of them"
            yield _of_row(state, "", "E216", why, hint, place="id")
        else:
            names = listed(f"`{name}`" for name in missing)
            why = f"{names} missing: its capability rests on the others"
            yield _of_row(state, "", "W303", why)


def _check_shares(scenario: Scenario) -> Iterator[Finding]:
    """Shares can be formed: `capability` for all states or for none, and not all of it
    nought."""
    states = scenario.states
    lacking = [state.id for state in states if state.capability is None]
    with_capability = [state for state in states if state.capability is not None]
    if lacking and with_capability:
        why = f"given for {with_capability[0].id} and not for {listed(lacking, 5)}"
        hint = "for all states or for none"
        yield _of_row(with_capability[0], "capability", "E217", why, hint)
        return
    names = [*MEASURES] if lacking else ["capability"]
    if states and not any(getattr(row, name) for row in states for name in names):
        hint = "at least one state must have some"
        yield Finding("E213", "states", (), "capabilities sum to 0", hint)


def _check_gaps(scenario: Scenario) -> Iterator[Finding]:
    """A warning for ideal points, regimes and distances that are missing."""
    for name in ("ideal_point", "democracy"):
        missing = [
            state.id for state in scenario.states if getattr(state, name) is None
        ]
        if missing:
            is_all = len(missing) == len(scenario.states)
            whom = "all states" if is_all else listed(missing)
            yield Finding("W303", "states", (), f"`{name}` is missing for {whom}")
    nowhere = [state.id for state in scenario.states if state.latitude is None]
    measured = {frozenset((row.a, row.b)) for row in scenario.distances}
    dyads = {
        tuple(sorted((a, b)))
        for a in nowhere
        for b in scenario.codes
        if a != b and frozenset((a, b)) not in measured
    }
    if dyads:
        names = listed(["-".join(dyad) for dyad in sorted(dyads)], 5)
        hint = "give `latitude` and `longitude`, or a row in `distances`"
        yield Finding("W304", "states", (), f"no distance known for {names}", hint)


# --- sums and orders ------------------------------------------------------------------


def _check_capability(scenario: Scenario) -> Iterator[Finding]:
    """Weights of the composite make 1."""
    weights = scenario.capability
    total = math.fsum((weights.gdp, weights.milex, weights.population))
    if abs(total - 1.0) > 1e-9:
        why = f"sum is {total:.12g}; must be 1 +- 1e-9"
        yield Finding("E213", "capability", (), why, allowed="1")


def _check_codings(scenario: Scenario) -> Iterator[Finding]:
    """Weights of alternatives to the focal event's targets make less than 1."""
    codings = scenario.targets_alternatives
    total = sum(coding.weight for coding in codings)
    if total >= 1.0:
        why = f"all weights sum to {total:g}: nothing is left for the event's own"
        hint, allowed = "lower them", "a sum below 1"
        yield _of_row(codings[0], "weight", "E203", why, hint, allowed)


def _check_trade(scenario: Scenario) -> Iterator[Finding]:
    """A state's shares of trade make 1 at most."""
    rows_of: defaultdict[str, list[Trade]] = defaultdict(list)
    for row in scenario.trade:
        rows_of[row.state].append(row)
    for state, rows in rows_of.items():
        total = math.fsum(row.share for row in rows)
        if total > 1.0 + 1e-9:
            why = f"the shares of `{state}` sum to {total:.6g}"
            yield _of_row(rows[-1], "share", "E213", why, allowed="up to 1")


def _check_signals(scenario: Scenario) -> Iterator[Finding]:
    """Costly signals weigh more than cheaper ones."""
    for name, kind, cheaper in signals_out_of_order(scenario.event_kinds):
        weight, cheaper_weight = [
            abs(getattr(scenario.event_kinds[key], name)) for key in (kind, cheaper)
        ]
        why = f"|{name}| is {weight:g}, not above `{cheaper}` with {cheaper_weight:g}"
        hint, order = "costly signals must rise", " < ".join(SIGNAL_ORDER)
        yield Finding("E219", "event_kinds", (kind, name), why, hint, order)


def signals_out_of_order(
    kinds: Mapping[str, EventKind],
) -> Iterator[tuple[str, str, str]]:
    """Costly signals that weigh no more than the next cheaper one: which weight, of
    which kind, and of which other."""
    for name in ("alignment", "intent"):
        ladder = [kind for kind in SIGNAL_ORDER if kind in kinds]
        for cheaper, kind in pairwise(ladder):
            weight = abs(getattr(kinds[kind], name))
            if weight <= abs(getattr(kinds[cheaper], name)):
                yield name, kind, cheaper


# --- dyads and agreements -------------------------------------------------------------


def _check_spells(scenario: Scenario) -> Iterator[Finding]:
    """Spells end after they begin."""
    for spell in scenario.no_relations:
        since, until = spell.since, spell.until
        if since is not None and until is not None and until <= since:
            why = f"`until` {until} is not after `from` {since}"
            hint, order = "leave it blank while it goes on", "from < until"
            yield _of_row(spell, "until", "E215", why, hint, order)


def _check_overlaps(scenario: Scenario) -> Iterator[Finding]:
    """Spells of one dyad and kind follow each other."""
    spells_of: defaultdict[str, list[NoRelations]] = defaultdict(list)
    for spell in scenario.no_relations:
        spells_of[SECTIONS["no_relations"].name_of(spell)].append(spell)
    for spells in spells_of.values():
        spells.sort(key=lambda spell: spell.since or date.min)
        for earlier, later in pairwise(spells):
            ended, begun = earlier.until, later.since
            if ended is None or begun is None or begun < ended:
                why = f"the spell overlaps that from {earlier.since}"
                hint = "join the two, or correct a date"
                yield _of_row(later, "", "E308", why, hint)


def _check_agreements(scenario: Scenario) -> Iterator[Finding]:
    """Dates in order, and the ones that belong to the status."""
    for agreement in scenario.accords:
        yield from _order(agreement)
        yield from _status(agreement)


def _order(agreement: Agreement) -> Iterator[Finding]:
    """Dates in order, as precisely as they are known."""
    days = {name: getattr(agreement, name) for name in DONE}
    planned = {}
    for name in ("signed", "in_force"):
        scheduled = f"scheduled_{name}"
        if days[name] is None and getattr(agreement, scheduled) is not None:
            days[name] = getattr(agreement, scheduled)
            planned[name] = scheduled
    dates = [(name, day) for name, day in days.items() if day is not None]
    digits = ("year", "month", "day").index(agreement.precision) + 1
    for (earlier_name, earlier_day), (later_name, later_day) in pairwise(dates):
        if later_day.timetuple()[:digits] < earlier_day.timetuple()[:digits]:
            why = f"`{later_name}` {later_day} is before `{earlier_name}` {earlier_day}"
            order, place = " <= ".join(DONE), planned.get(later_name, later_name)
            yield _of_row(agreement, later_name, "E215", why, "", order, place)


def _status(agreement: Agreement) -> Iterator[Finding]:
    """Dates that an agreement of its status has, and no others."""
    status = agreement.status
    for name in NOT_WITH[status]:
        if getattr(agreement, name) is None:
            continue
        hint = "correct the status or the date"
        if name in ("signed", "in_force") and status in ("talks", "signed"):
            hint = f"a date fixed beforehand is `scheduled_{name}`"
        why = f"an agreement with status `{status}` has no `{name}` date"
        yield _of_row(agreement, name, "E215", why, hint)
    if status in ("signed", "ended") and getattr(agreement, status) is None:
        why = f"`{status}` is required with status `{status}`"
        yield _of_row(agreement, status, "E103", why, place="status")
    dates = (agreement.signed, agreement.in_force)
    if status == "in_force" and dates == (None, None):
        why = "in force since an unknown date: neither `signed` nor `in_force`"
        yield _of_row(agreement, "", "W309", why, place="status")


def _check_record(scenario: Scenario) -> Iterator[Finding]:
    """What is on record lies before the start; what is scheduled does not."""
    start = scenario.start
    if start >= scenario.end:
        return
    for agreement in scenario.accords:
        for name in DONE:
            day = getattr(agreement, name)
            if day is not None and day > start:
                why = f"`{name}` {day} is after `start` {start}"
                hint = "agreements are those on record then"
                if name in ("signed", "in_force"):
                    hint = f"a date fixed beforehand is `scheduled_{name}`"
                yield _of_row(agreement, name, "E215", why, hint)
        for name in ("signed", "in_force"):
            field = f"scheduled_{name}"
            day = getattr(agreement, field)
            if day is not None and day < start:
                why, hint = f"{day} is before `start` {start}", f"write `{name}`"
                yield _of_row(agreement, field, "E215", why, hint)


def _rule(
    check: Callable[[Scenario], Iterator[Finding]],
    reads: str,
    row_wise: str = "",
    **options: Any,
) -> Rule:
    """A rule. reads: key paths with spaces between them."""
    return Rule(check, tuple(reads.split()), row_wise, **options)


RULES = (
    _rule(_check_span, "start end step_days"),
    _rule(_check_base_rate, "base_rate states.id"),
    _rule(_check_focal, "focal events.id events.date start", of_arms=False),
    _rule(_check_plugins, "plugins", of_arms=False),
    _rule(_check_report, "report groups states.id", of_arms=False),
    _rule(_check_windows, "report", of_arms=False),
    _rule(_check_late_windows, "report focal events.date end", of_arms=False),
    _rule(_check_size, "states.id events.id arms start end step_days", of_arms=False),
    _rule(
        _check_roles,
        "events.principals events.guests events.targets events.host events.kind",
        "events",
    ),
    _rule(_check_event_dates, "events.date start end", "events"),
    _rule(_check_event_agreements, "events.accord accords.id", "events"),
    _rule(
        _check_idle_events,
        "events.principals events.guests events.targets states.id",
        "events",
    ),
    _rule(
        _check_provocations, "provocations.state provocations.targets", "provocations"
    ),
    _rule(_check_rates, "provocations.rate step_days", "provocations"),
    _rule(_check_years, "states.id outside start", "states"),
    _rule(_check_coordinates, "states.latitude states.longitude", "states"),
    _rule(_check_patrons, "states.patrons", "states"),
    _rule(
        _check_measures,
        "states.capability states.gdp_bn states.milex_bn states.population_m "
        "capability",
        "states",
    ),
    _rule(
        _check_shares,
        "states.capability states.gdp_bn states.milex_bn states.population_m",
    ),
    _rule(
        _check_gaps,
        "states.ideal_point states.democracy states.latitude distances.a",
        of_arms=False,
    ),
    _rule(_check_capability, "capability"),
    _rule(_check_codings, "targets_alternatives", of_arms=False),
    _rule(_check_trade, "trade.share"),
    _rule(_check_signals, "event_kinds"),
    _rule(_check_spells, "no_relations.from no_relations.until", "no_relations"),
    _rule(_check_overlaps, "no_relations.from no_relations.until"),
    _rule(_check_agreements, "accords", "accords"),
    _rule(_check_record, "accords start end", "accords"),
)

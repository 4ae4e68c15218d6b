"""What must hold between the pieces of a scenario: time, events, states, dyads,
agreements, theory. What must hold of a single value stands in `schema`.

A rule takes a scenario and yields what it finds wrong. `RULES` names what each reads,
so that it is left out where that could not be read, and is asked again only where that
was changed.

A new rule is a generator of findings, a line in `RULES`, and a row of
`tests/scenario/test_bad_input.py`. Its finding has a code (E: refused, W: a warning),
the row or the section at fault, the field, what is wrong with the value in it, the next
step, and the bound. Codes are for programs and stay; sentences may change.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import NamedTuple

from balance_sim import registry
from balance_sim.scenario.actors import code_table, known, successor
from balance_sim.scenario.diagnostics import (
    Diagnostic,
    did_you_mean,
    listed,
    problem,
)
from balance_sim.scenario.layout import SECTIONS
from balance_sim.scenario.nodes import NOWHERE
from balance_sim.scenario.reading import Places, ValueChange
from balance_sim.scenario.schema import (
    SIGNAL_ORDER,
    Agreement,
    Change,
    NoRelations,
    Scenario,
    SectionRow,
    Trade,
)

MOST_STEPS = 20_000
MOST_DAYS = 30_000
"""A thousand of the shortest half-lives of states' agreements: 2^1024 is no number."""
NEED_COMPANY = ("joint_summit", "exercise", "treaty", "fighting_together")
MEASURES = {"gdp_bn": "gdp", "milex_bn": "milex", "population_m": "population"}
"""Measures of capability, and the weight of each in the composite."""
PLACE = ("latitude", "longitude")
STAGES = ("opened", "signed", "in_force", "ended")
"""Dates of an agreement, in the order in which they come."""
PLANNED = ("scheduled_signed", "scheduled_in_force")
NOT_WITH = {
    "talks": ("signed", "in_force", "ended"),
    "signed": ("in_force", "ended", "scheduled_signed"),
    "in_force": ("ended", "scheduled_signed", "scheduled_in_force"),
    "collapsed": ("in_force", "scheduled_signed", "scheduled_in_force"),
    "ended": ("scheduled_signed", "scheduled_in_force"),
}
"""Dates that an agreement of a status cannot have."""
SECTION_OF = {section.model: name for name, section in SECTIONS.items()}
"""The section of a row, by the row's model."""


class Finding(NamedTuple):
    """What a rule finds wrong.

    subject : the row at fault, or the name of a section or of a value at the top
    field : key path of the value below it; empty: all of it
    place : key path below it of where to point, if that is elsewhere
    """

    code: str
    subject: SectionRow | str
    field: str
    message: str
    suggestion: str = ""
    allowed: str = ""
    place: str | None = None

    def at(self, places: Places, changes: Iterable[ValueChange] = ()) -> Diagnostic:
        """The diagnostic where the value was written.

        Parameters
        ----------
        places : where the pieces of the scenario's file stand
        changes : of the file, by options or by an arm; a change of the value is the
            place then
        """
        row = None if isinstance(self.subject, str) else self.subject
        if isinstance(row, Change):
            section, name = "changes", row.name
        else:
            section = str(self.subject) if row is None else SECTION_OF[type(row)]
            name = "" if row is None else SECTIONS[section].name_of(row)
        path = ".".join(filter(None, (section, name, self.field)))
        node = places.node(section, row)
        steps = self.field if self.place is None else self.place
        for step in steps.split("."):
            node = node.get(step) or node
        mark = node.mark if row is not None or steps else node.at
        if mark.file == NOWHERE.file:  # a default stands there
            mark = places.tree.mark
        for change in changes:
            if f"{change.path}.".startswith(f"{path}."):
                mark = change.node.mark
        texts = (self.message, self.suggestion, self.allowed)
        return problem(mark, path, self.code, *texts)


Findings = Iterator[Finding]


class Rule(NamedTuple):
    """A rule and what it reads: fields of a scenario, or key paths without the names of
    rows, with spaces between them.

    row_wise : the section whose rows are right or wrong one by one
    of_arms : whether it holds of each arm too
    """

    check: Callable[[Scenario], Findings]
    reads: str
    row_wise: str = ""
    of_arms: bool = True

    def is_touched(self, changed: Collection[str]) -> bool:
        """Whether it reads a value at one of these key paths, or below or above it."""
        reads = [f"{read}." for read in self.reads.split()]
        paths = [f"{path}." for path in changed]
        return any(
            path.startswith(read) or read.startswith(path)
            for path in paths
            for read in reads
        )


def _missing(
    subject: SectionRow | str,
    field: str,
    names: Iterable[str],
    options: Collection[str],
    code: str = "E309",
) -> Findings:
    """A finding for each name that is none of the options, with the nearest that is.

    Parameters
    ----------
    subject, field : where the names stand
    names : that are referred to
    options : that there are
    code : of the finding
    """
    for name in names:
        if name not in options:
            why, hint = f"there is no `{name}`", did_you_mean(name, options)
            allowed = listed(sorted(options))
            yield Finding(code, subject, field, why, hint, allowed)


# --- time, the focal event and the report ---------------------------------------------


def _span(scenario: Scenario) -> Findings:
    """The end lies after the start, in so many days and steps.

    Days bound what a half-life raises 2 to, and steps the arrays of a replication."""
    days = (scenario.end - scenario.start).days
    steps = math.ceil(days / scenario.step_days)
    if days <= 0:
        why = f"`end` {scenario.end} is not after `start` {scenario.start}"
        yield Finding("E210", "end", "", why)
    elif days > MOST_DAYS:
        why = f"{days:,} days from start to end exceed {MOST_DAYS:,}"
        yield Finding("E203", "end", "", why, "take a shorter span")
    elif steps > MOST_STEPS:
        why = f"{steps:,} steps from start to end exceed {MOST_STEPS:,}"
        hint = "take a larger step or a shorter span"
        yield Finding("E203", "step_days", "", why, hint)


def _base_rate(scenario: Scenario) -> Findings:
    """A stated level is at most one agreement a year and dyad.

    The level is met by scaling all rates alike; more than that no scale may reach."""
    n, rate = len(scenario.states), scenario.base_rate
    dyad_count = n * (n - 1) // 2
    if rate is not None and rate > dyad_count:
        why = f"{rate:g} agreements a year among {n} states"
        yield Finding("E203", "base_rate", "", why, "give fewer", f"up to {dyad_count}")


def _focal(scenario: Scenario) -> Findings:
    """The focal event is there, and not before the start: windows count from it. An arm
    may drop it."""
    events = {event.id: event for event in scenario.events}
    yield from _missing("focal", "", [scenario.focal], events)
    event = events.get(scenario.focal)
    if event is not None and event.date < scenario.start:
        why = f"the focal event on {event.date} is before `start` {scenario.start}"
        yield Finding("E203", event, "date", why, "windows count from it")


def _references(scenario: Scenario) -> Findings:
    """What is named is there: plug-ins, groups and states of the report, agreements of
    events. Codes of actors in rows are read with the roster (`actors.Names`)."""
    report, plugins = scenario.report, registry.places("summary")
    yield from _missing("plugins", "", scenario.plugins, plugins)
    yield from _missing("report", "groups", report.groups, scenario.groups, "E107")
    for dyad in report.positions:
        if len({*dyad.split("-")} & {*scenario.codes}) != 2:
            why = f"`{dyad}` does not name two states of the roster"
            yield Finding("E107", "report", "positions", why, "as RUS-UKR")
    agreements = {agreement.id for agreement in scenario.accords}
    for event in scenario.events:
        named = [event.accord] if event.accord is not None else []
        yield from _missing(event, "accord", named, agreements)


def _windows(scenario: Scenario) -> Findings:
    """Windows differ: each has columns of its own, which its number of days names."""
    windows = scenario.report.windows
    if len({*windows}) < len(windows):
        yield Finding("E015", "report", "windows", "a window is given twice")


# --- events ---------------------------------------------------------------------------


def _company(scenario: Scenario) -> Findings:
    """Nobody meets alone: a summit, an exercise or a treaty takes two."""
    for event in scenario.events:
        actors = {*event.principals, *event.guests, *event.targets, event.host}
        if event.kind in NEED_COMPANY and len(actors - {None}) < 2:
            why = f"at least 2 take part in an event of kind `{event.kind}`"
            hint = "add a principal, guests or targets"
            yield Finding("E212", event, "principals", why, hint)


def _event_dates(scenario: Scenario) -> Findings:
    """Events lie before the end: a later one acts on nothing that is simulated."""
    last = scenario.end - timedelta(days=1)
    for event in scenario.events:
        if event.date > last >= scenario.start:
            why = f"{event.date} is outside ..{last}: events lie before `end`"
            yield Finding("E203", event, "date", why)


# --- states ---------------------------------------------------------------------------


def _years(scenario: Scenario) -> Findings:
    """States exist in the year of the start, those outside the roster too."""
    year, table = scenario.start.year, code_table()
    rows = {state.id: state for state in scenario.states}
    for code in (*rows, *scenario.outside):
        why = known(code, year) if code in table else None
        if why is not None:
            subject, field = (rows[code], "id") if code in rows else ("outside", "")
            yield Finding("E304", subject, field, why, successor(code))


def _coordinates(scenario: Scenario) -> Findings:
    """Latitude and longitude come together: a distance needs both."""
    for state in scenario.states:
        for field, partner in (PLACE, PLACE[::-1]):
            if getattr(state, field) is None and getattr(state, partner) is not None:
                why = f"`{field}` is required beside `{partner}`"
                yield Finding("E103", state, field, why, place=partner)


def _measures(scenario: Scenario) -> Findings:
    """Every state has a measure of capability: without one it has no share of any."""
    names = ("capability", *MEASURES)
    for state in scenario.states:
        if all(getattr(state, name) is None for name in names):
            why = f"none of {listed(names)} is given"
            yield Finding("E216", state, "", why, "give one of them", place="id")


def _shares(scenario: Scenario) -> Findings:
    """`capability` is given for all states or for none, and some state has some.

    Shares of one measure are of all states together, so it cannot stand beside the
    composite of others."""
    states = scenario.states
    lacking = [state.id for state in states if state.capability is None]
    complete = [state for state in states if state.capability is not None]
    names = [*MEASURES] if lacking else ["capability"]
    if lacking and complete:
        why = f"given for {complete[0].id} and not for {listed(lacking, 5)}"
        hint = "for all states or for none"
        yield Finding("E217", complete[0], "capability", why, hint)
    elif states and not any(getattr(row, name) for row in states for name in names):
        hint = "at least one state must have some"
        yield Finding("E213", "states", "", "capabilities sum to 0", hint)


def _gaps(scenario: Scenario) -> Findings:
    """A warning for ideal points, regimes, places and measures that are missing.

    What is missing is no error: the terms that read it leave it out (docs/model.md). A
    measure counts here where it has a weight in the composite."""
    states, weights = scenario.states, scenario.capability
    names = ["ideal_point", "democracy", "latitude"]
    if any(state.capability is None for state in states):
        names += [name for name in MEASURES if getattr(weights, MEASURES[name]) > 0]
    for name in names:
        missing = [state.id for state in states if getattr(state, name) is None]
        if missing:
            is_all = len(missing) == len(states)
            whom = "all states" if is_all else listed(missing)
            yield Finding("W303", "states", "", f"`{name}` is missing for {whom}")


# --- sums and orders ------------------------------------------------------------------


def _weights(scenario: Scenario) -> Findings:
    """Weights of the composite make 1, so that capabilities are shares of all."""
    weights = scenario.capability
    total = math.fsum((weights.gdp, weights.milex, weights.population))
    if abs(total - 1.0) > 1e-9:
        why = f"sum is {total:.12g}; must be 1 +- 1e-9"
        yield Finding("E213", "capability", "", why, allowed="1")


def _codings(scenario: Scenario) -> Findings:
    """Weights of alternatives to the focal event's targets make less than 1.

    They are probabilities of codings; the event's own has what is left."""
    codings = scenario.targets_alternatives
    total = sum(coding.weight for coding in codings)
    if total >= 1.0:
        why = f"all weights sum to {total:g}: nothing is left for the event's own"
        hint, allowed = "lower them", "a sum below 1"
        yield Finding("E203", codings[0], "weight", why, hint, allowed)


def _trade(scenario: Scenario) -> Findings:
    """A state's shares of trade make 1 at most; what is not given is with others."""
    rows_of: defaultdict[str, list[Trade]] = defaultdict(list)
    for row in scenario.trade:
        rows_of[row.state].append(row)
    for state, rows in rows_of.items():
        total = math.fsum(row.share for row in rows)
        if total > 1.0 + 1e-9:
            why = f"the shares of `{state}` sum to {total:.6g}"
            yield Finding("E213", rows[-1], "share", why, allowed="up to 1")


def _signals(scenario: Scenario) -> Findings:
    """Costly signals weigh more than the next cheaper ones, whatever their sign.

    That order is the theory of costly signals (Fearon 1997), on which draws of the
    weights rest too; weights of other kinds of event are free."""
    kinds = scenario.event_kinds
    signals = [name for name in SIGNAL_ORDER if name in kinds]
    for weight in ("alignment", "intent"):
        sizes = {name: abs(getattr(kinds[name], weight)) for name in signals}
        for cheaper, name in pairwise(signals):
            if sizes[name] <= sizes[cheaper]:
                why = f"{sizes[name]:g} is not above `{cheaper}`, {sizes[cheaper]:g}"
                hint, order = "costly signals must rise", " < ".join(SIGNAL_ORDER)
                path = f"{name}.{weight}"
                yield Finding("E219", "event_kinds", path, why, hint, order)


# --- dyads and agreements -------------------------------------------------------------


def _spells(scenario: Scenario) -> Findings:
    """Spells end after they begin, and those of one dyad and kind follow each other.

    A blank date is open to its side: only the first may lack `from`, and only the last
    `until`."""
    spells_of: defaultdict[str, list[NoRelations]] = defaultdict(list)
    for spell in scenario.no_relations:
        spells_of[SECTIONS["no_relations"].name_of(spell)].append(spell)
        if spell.since and spell.until and spell.until <= spell.since:
            why = f"`until` {spell.until} is not after `from` {spell.since}"
            hint = "leave it blank while it goes on"
            yield Finding("E215", spell, "until", why, hint, "from < until")
    for spells in spells_of.values():
        spells.sort(key=lambda spell: spell.since or date.min)
        for earlier, later in pairwise(spells):
            if not (earlier.until and later.since and later.since >= earlier.until):
                why = f"the spell overlaps that from {earlier.since}"
                hint = "join the two, or correct a date"
                yield Finding("E308", later, "", why, hint)


def _agreements(scenario: Scenario) -> Findings:
    """Agreements have the dates that their status needs, and no others; what is on
    record lies before the start, what is scheduled does not."""
    for agreement in scenario.accords:
        status = agreement.status
        if status in ("signed", "ended") and getattr(agreement, status) is None:
            why = f"`{status}` is required with status `{status}`"
            yield Finding("E103", agreement, status, why, place="status")
        yield from _dates(agreement, scenario.start)
        yield from _order(agreement)


def _dates(agreement: Agreement, start: date) -> Findings:
    """Each date is one that the status may have, on its side of the start: what is on
    record then has happened, and what is scheduled has not."""
    for field in (*STAGES, *PLANNED):
        day, is_planned = getattr(agreement, field), field in PLANNED
        if day is None:
            continue
        is_late = day < start if is_planned else day > start
        if field in NOT_WITH[agreement.status]:
            why = f"an agreement with status `{agreement.status}` has no `{field}` date"
        elif is_late:
            side = "before" if is_planned else "after"
            why = f"`{field}` {day} is {side} `start` {start}"
        else:
            continue
        plan = f"scheduled_{field}"
        hint = f"a date fixed beforehand is `{plan}`" if plan in PLANNED else ""
        yield Finding("E215", agreement, field, why, hint)


def _order(agreement: Agreement) -> Findings:
    """Dates come in order, as precisely as they are known.

    A date that is scheduled stands for one that has not come. Of an agreement that is
    known to the year only years are compared."""
    dates = []
    for stage in STAGES:
        is_done = getattr(agreement, stage) is not None
        field = stage if is_done else f"scheduled_{stage}"
        day = getattr(agreement, field, None)
        if day is not None:
            dates.append((field, day))
    digits = ("year", "month", "day").index(agreement.precision) + 1
    for (earlier, day), (later, later_day) in pairwise(dates):
        if later_day.timetuple()[:digits] < day.timetuple()[:digits]:
            why = f"`{later}` {later_day} is before `{earlier}` {day}"
            yield Finding("E215", agreement, later, why, "", " <= ".join(STAGES))


# --- changes --------------------------------------------------------------------------


def _changes(scenario: Scenario) -> Findings:
    """Changes lie after the start and before the end, of what is there, and no two are
    of one fact at one moment."""
    first, last = scenario.start + timedelta(days=1), scenario.end - timedelta(days=1)
    record = {agreement.id: agreement for agreement in scenario.accords}
    moments: set[tuple[object, ...]] = set()
    for change in scenario.changes:
        if not first <= change.date <= last:
            why = f"{change.date} is outside {first}..{last}"
            hint = "what is so at the start stands in its own section"
            yield Finding("E203", change, "", why, hint)
        for fact in _facts(change):
            if fact in moments:
                why = f"two changes of {' '.join(map(str, fact[1:]))} on {change.date}"
                yield Finding("E308", change, "", why, "remove one")
            moments.add(fact)
        if isinstance(change.agreement, str):
            yield from _missing(change, "", [change.agreement], record)
            agreement = record.get(change.agreement)
            if agreement is not None and agreement.status != "in_force":
                why = f"`{agreement.id}` is not in force at the start"
                yield Finding("E212", change, "", why, "end one that is")
        if change.pact is not None:
            yield from _missing(change, "", [change.pact], scenario.groups, "E107")
            if change.joins in scenario.groups.get(change.pact, ()):
                why = f"`{change.joins}` is a member of `{change.pact}` already"
                yield Finding("E306", change, "", why, "name another state")


def _facts(change: Change) -> Iterator[tuple[object, ...]]:
    """The moment and name of each fact that a change is of."""
    if change.war is not None:
        yield change.date, change.sides, "war"
    if change.no_relations is not None:
        yield change.date, change.sides, change.no_relations
    if isinstance(change.agreement, str):
        yield change.date, change.agreement
    elif change.agreement is not None:
        yield change.date, change.agreement.a, change.agreement.b, change.agreement.kind
    if change.joins is not None:
        yield change.date, change.pact, change.joins
    for name in ("democracy", "ideal_point", "reliability", "effort"):
        if getattr(change, name) is not None:
            yield change.date, change.state, name


# --- all of them ---------------------------------------------------------------------

RULES = (
    Rule(_span, "start end step_days"),
    Rule(_base_rate, "base_rate states"),
    Rule(_focal, "focal events start", of_arms=False),
    Rule(_references, "plugins report groups states.id events.accord accords.id"),
    Rule(_windows, "report", of_arms=False),
    Rule(
        _company,
        "events.kind events.principals events.guests events.targets events.host",
        "events",
    ),
    Rule(_event_dates, "events.date start end", "events"),
    Rule(_years, "states outside start", "states"),
    Rule(_coordinates, "states", "states"),
    Rule(_measures, "states", "states"),
    Rule(_shares, "states"),
    Rule(_gaps, "states capability", of_arms=False),
    Rule(_weights, "capability"),
    Rule(_codings, "targets_alternatives", of_arms=False),
    Rule(_trade, "trade"),
    Rule(_signals, "event_kinds"),
    Rule(_spells, "no_relations"),
    Rule(_agreements, "accords start", "accords"),
    Rule(_changes, "changes start end accords groups"),
)


def rules_due(*changes: frozenset[str], is_arm: bool = False) -> tuple[Rule, ...]:
    """The rules that read what was changed.

    Parameters
    ----------
    changes : key paths; a rule has to read something of each. All rules for no changes
    is_arm : those alone that hold of an arm too
    """
    return tuple(
        rule
        for rule in RULES
        if (rule.of_arms or not is_arm) and all(map(rule.is_touched, changes))
    )


def findings_in(
    scenario: Scenario, rules: Iterable[Rule], incomplete: Collection[str] = ()
) -> Findings:
    """Everything that is wrong by these rules.

    Parameters
    ----------
    scenario : as far as it could be read
    rules : those that are asked
    incomplete : fields of the scenario that could not be read whole. A rule that reads
        one of them is left out, unless its rows can be asked one by one
    """
    for rule in rules:
        heads = {read.partition(".")[0] for read in rule.reads.split()}
        fields = heads - {rule.row_wise}
        if fields.isdisjoint(incomplete):
            yield from rule.check(scenario)

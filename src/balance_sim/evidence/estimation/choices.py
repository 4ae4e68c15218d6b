"""A record as choices: for each dyad and year what both sides would have weighed, and
what they signed.

The terms are the model's own functions (model/willingness.py), worked out on the
model's own beliefs from what was on record on the first day of the year: of a `History`
(`choices`), or of a scenario's own tables (`own_record`).

A year of a scenario's own record is the year before its start, the year before that,
and so on. At the start of each, the scenario is put as it stood on that day: its
states, distances, disputes and trade as the tables have them, and of its agreements and
events only those dated before. A date known to the year or month stands for the middle
of it, here as in the model's own experience."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, ClassVar

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.record_scenario import KINDS, members_at, scenario_at
from balance_sim.evidence.estimation.features import DyadYears, signed_between
from balance_sim.model.baseline import gain_norms, unfrozen
from balance_sim.model.core import World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import openness_at, opportunity_rate, share_signed
from balance_sim.model.willingness import ALARM, TERMS
from balance_sim.model.world import compile_world, focal_day, time_grid
from balance_sim.scenario.diagnostics import closest
from balance_sim.scenario.schema import (
    Agreement,
    Arm,
    Event,
    Scenario,
)
from balance_sim.stats import Floats, Ints

KIND_TERMS = tuple(name for name, term in TERMS.items() if term.by_kind)
"""Terms that depend on the type of agreement, fitted or not."""
NOT_ON_RECORD = {
    name: term.unrecorded for name, term in TERMS.items() if term.unrecorded
}
"""Terms that the record cannot speak to, and why. They keep their defaults."""
FITTED = tuple(
    sorted(
        (name for name in TERMS if name not in NOT_ON_RECORD),
        key=lambda name: not TERMS[name].by_kind,
    )
)
"""Terms that are fitted, those that depend on the type first."""
SIGNED = ("security_gain", "common_threat", "hostility", "bandwagon")
"""Terms whose weight theory holds to be 0 or more (Walt 1987): a gain in security and a
common threat draw states together, a partner's own hostility (the term is its negative)
keeps them apart."""
NEEDS = {name: term.record for name, term in TERMS.items() if term.record}
"""Layers of the history of which at least one has to be there for a term to say
anything."""
FEWEST = 5
"""Agreements a fitted term, at least: below, estimates are off and intervals do not
hold. Vittinghoff, McCulloch 2007, American Journal of Epidemiology 165: 710-718."""
HALF_SPAN_DAYS = {"day": 0, "month": 15, "year": 182}
"""Days from the first of a span, as which an imprecise date is written, to its
middle."""
QUIET = "the_year_begins"


@dataclass(frozen=True)
class Choices(DyadYears):
    """N dyads and years, M kinds. Side 0 is a deciding, side 1 is b.

    year, a < b (roster positions), exposure (part of the year): (N,). signed: (N, M) 1
    where the dyad signed that kind in the year, NaN if not on record. terms: by name,
    (N, 2) those common to all kinds, (N, 2, M) the others. chance_kept: (M,)
    agreements signed per talks opened; ceiling: (M,) opportunities a year. openness:
    (N,) factor on them, less than 1 for a dyad that is at war on the first day."""

    exposure: Floats
    openness: Floats
    signed: Floats
    terms: dict[str, Floats]
    kinds: tuple[str, ...]
    ceiling: Floats
    chance_kept: Floats
    states: tuple[str, ...]
    rows: ClassVar[tuple[str, ...]] = (
        *DyadYears.rows,
        *("exposure", "openness", "signed", "terms"),
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Terms in the order of the weights: common, then by kind."""
        return tuple(sorted(self.terms, key=lambda name: self.terms[name].ndim))

    @property
    def common(self) -> Floats:
        """(N, 2, K) the terms that all kinds have in common."""
        return self._stacked(len(self.year), 2)

    @property
    def by_kind(self) -> Floats:
        """(N, 2, M, B) the terms by kind."""
        return self._stacked(len(self.year), 2, len(self.kinds))

    def _stacked(self, *shape: int) -> Floats:
        """Terms of a shape side by side on a last axis; none give an empty one."""
        columns = [term for term in self.terms.values() if term.ndim == len(shape)]
        return np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0))

    @property
    def any_signed(self) -> Floats:
        """(N,) 1 where the dyad signed any kind."""
        return np.asarray(self.signed.max(axis=1), dtype=np.float64)

    def with_terms(self, names: Sequence[str]) -> Choices:
        """Only these terms."""
        return replace(
            self,
            terms={name: term for name, term in self.terms.items() if name in names},
        )

    def with_kinds(self, names: Sequence[str]) -> Choices:
        """Only these types of agreement."""
        columns = [self.kinds.index(name) for name in names]
        return replace(
            self,
            signed=self.signed[:, columns],
            terms={
                name: term if term.ndim == 2 else term[:, :, columns]
                for name, term in self.terms.items()
            },
            kinds=tuple(names),
            ceiling=self.ceiling[columns],
            chance_kept=self.chance_kept[columns],
        )

    def with_signed_kinds(self) -> Choices:
        """Only the types of agreement that were signed at all. Raises DataError where
        agreements are too few for the terms, or a year is not on record."""
        on_record = self.year[~np.isnan(self.signed).any(axis=1)]
        wanted = f"{self.year.min()}-{self.year.max()}"
        if not len(on_record):
            message = "no year of these is on record"
            raise DataError(message, "Take years of the record", value=wanted)
        if len(on_record) < len(self.year):
            first, last = on_record.min(), on_record.max()
            raise DataError(
                f"agreements are on record from {first} to {last} alone",
                f"Take the years from {first} to {last}",
                value=wanted,
            )
        counts = dict(zip(self.kinds, self.signed.sum(axis=0), strict=True))
        total, terms = int(sum(counts.values())), len(self.names)
        if total < max(FEWEST * terms, 1):
            types = ", ".join(self.kinds)
            hint = "Give a longer period"
            if total >= FEWEST:
                hint += f", or name at most {total // FEWEST} `terms`"
            raise DataError(
                f"{total} agreements of {wanted} are too few for {terms} terms: "
                f"{FEWEST} a term are needed, {FEWEST * terms}",
                f"{hint}. Types that count: {types}",
            )
        return self.with_kinds([kind for kind, count in counts.items() if count > 0])


# --- the record of a history ----------------------------------------------------------


def choices(
    history: History,
    terms: Sequence[str] = FITTED,
    parameters: Mapping[str, float] | None = None,
    kinds: Sequence[str] = KINDS,
    years: Sequence[int] | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Choices:
    """All dyads and years of a history. parameters: of beliefs and reach, laid over the
    defaults. progress: called with years done and all.

    Raises DataError for a year whose past is not on record."""
    wanted = [int(year) for year in (history.years if years is None else years)]
    history.require_record(max(wanted))
    weights, first_and_last = dict.fromkeys(TERMS, 0.0), history.agreement_years
    by_year = []
    for year in wanted:
        scenario = scenario_at(
            history, year, parameters=dict(parameters or {}), weights=weights
        )
        members = members_at(history, year)
        exposure = history.exposure(year)[np.ix_(members, members)]
        i, j = np.nonzero(np.triu(exposure > 0, 1))
        a, b = members[i], members[j]
        counts = [signed_between(history, year, year, {kind})[a, b] for kind in kinds]
        signed = (np.stack(counts, axis=1) > 0).astype(np.float64)
        if not first_and_last[0] <= year <= first_and_last[1]:
            signed[:] = np.nan
        of_year = _choices_of(scenario, year, terms, kinds, i, j)
        changes: dict[str, Any] = {"exposure": exposure[i, j], "signed": signed}
        by_year.append(replace(of_year, a=a, b=b, states=history.iso3, **changes))
        progress(len(by_year), len(wanted))
    return Choices.joined(by_year)


def _choices_of(
    scenario: Scenario,
    year: int,
    terms: Sequence[str],
    kinds: Sequence[str],
    i: Ints,
    j: Ints,
) -> Choices:
    """The choices of dyads i, j (positions in the scenario's codes) at its start,
    nothing signed. Their exposure is what the scenario itself says of how often each
    finds opportunities, beside the ceilings of kinds."""
    world, values = terms_at(
        scenario, sorted(terms, key=lambda name: name in KIND_TERMS), kinds, i, j
    )
    ladder = world.ladder
    types = [ladder.names.index(kind) for kind in kinds]
    places = np.array([world.codes.index(code) for code in scenario.codes])
    dyad = world.dyad_index[places[i], places[j]]
    relative_rate = opportunity_rate(world)[dyad] / ladder.ceiling
    return Choices(
        year=np.full(len(i), year, dtype=np.int64),
        a=i,
        b=j,
        exposure=np.asarray(relative_rate.mean(axis=1)),
        openness=openness_at(world, 0.0)[dyad],
        signed=np.zeros((len(i), len(kinds))),
        terms=values,
        kinds=tuple(kinds),
        ceiling=ladder.ceiling[types],
        chance_kept=share_signed(ladder, world.rules.collapse_rate)[types],
        states=scenario.codes,
    )


def terms_at(
    scenario: Scenario, terms: Sequence[str], kinds: Sequence[str], i: Ints, j: Ints
) -> tuple[World, dict[str, Floats]]:
    """Terms of dyads i, j (positions in the scenario's codes) at its start, both sides:
    (N, 2), or (N, 2, M) of a term by kind."""
    world = compile_world(
        scenario,
        scenario.reference_arm,
        time_grid(scenario, [])[:2],
        focal_day(scenario),
    )
    baseline = unfrozen(world)
    state = begin(world, baseline, 0, np.zeros(1, dtype=np.uint64))
    view = perceive(world, state, 0)
    if "security_gain" in terms:
        baseline = replace(baseline, gain_norm=gain_norms(world, baseline, state, view))
    places = [world.codes.index(code) for code in scenario.codes]
    sides = np.array(places)[np.stack([i, j], axis=1)]
    values = {}
    for name in terms:
        of_kinds = kinds if name in KIND_TERMS else kinds[:1]
        types = [world.ladder.names.index(kind) for kind in of_kinds]
        shape = (*sides.shape, len(types))
        ego = np.broadcast_to(sides[:, :, None], shape).ravel()
        alter = np.broadcast_to(sides[:, ::-1, None], shape).ravel()
        kind = np.broadcast_to(types, shape).ravel()
        prospects = Prospects(
            world, baseline, view, state, np.zeros_like(kind), ego, alter, kind
        )
        term = TERMS[name](prospects).reshape(shape)
        values[name] = term if name in KIND_TERMS else term[..., 0]
    return world, values


def fitted_terms(
    history: History, wanted: Sequence[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The terms to fit, in order, and a line on each that is left out because its
    source is missing.

    Raises DataError for a term that is unknown, cannot be fitted, or is asked for and
    has no source."""
    is_member = history.present.any(axis=0)
    unsourced = {}
    for name, layers in NEEDS.items():
        values = [getattr(history, layer)[..., is_member] for layer in layers]
        if all(np.isnan(layer).all() for layer in values):
            unsourced[name] = f"no source of {' or '.join(layers)}"
    if wanted is None:
        notes = [f"{name} is left out: {reason}" for name, reason in unsourced.items()]
        return tuple(name for name in FITTED if name not in unsourced), tuple(notes)
    problems = NOT_ON_RECORD | unsourced
    for name in wanted:
        if name in problems or name not in FITTED:
            message = f"{name} cannot be fitted: {problems.get(name, 'no such term')}"
            raise DataError(
                message,
                f"Write {closest(name, FITTED) or f'one of {", ".join(FITTED)}'}",
                value=name,
            )
    return tuple(name for name in FITTED if name in wanted), ()


# --- a scenario's own record ----------------------------------------------------------


@dataclass(frozen=True)
class OwnRecord:
    """choices: rows of every dyad and year, years rising and numbered by the calendar
    year in which they begin.

    counts: (N, M) agreements signed, of which `choices.signed` tells whether there were
    any. starts: first day of each year. until: the day that the record ends before."""

    choices: Choices
    counts: Floats
    starts: dict[int, date]
    until: date

    @property
    def years(self) -> tuple[int, ...]:
        """The calendar years in which those of the record begin."""
        return tuple(self.starts)

    def within(self, first: int, last: int) -> OwnRecord:
        """Years first..last."""
        years = self.choices.year
        rows = (years >= first) & (years <= last)
        wanted = range(first, last + 1)
        starts = {year: day for year, day in self.starts.items() if year in wanted}
        return OwnRecord(
            self.choices.take(rows),
            self.counts[rows],
            starts,
            self.starts.get(last + 1, self.until),
        )


def own_record(
    scenario: Scenario,
    years: int,
    *,
    until: date | None = None,
    ahead: bool = False,
    kinds: Sequence[str] = (),
) -> OwnRecord:
    """The `years` years before a day, by default the scenario's start; with `ahead`
    also the year that begins on it, whose agreements are not looked at (its `signed` is
    NaN).

    Multilateral agreements are part of the network and no choice of two states, so they
    are not counted. Each year is its own start, at which alarm is 0 by definition."""
    until = until or scenario.start
    kinds = tuple(kinds) or tuple(sorted(scenario.kinds))
    starts = [years_before(until, years_back) for years_back in range(years, 0, -1)]
    if ahead:
        starts.append(until)
    i, j = np.triu_indices(len(scenario.codes), 1)
    weights = scenario.theory.weights
    terms = tuple(name for name in TERMS if weights[name] != 0 and name != ALARM)
    by_year = [
        _choices_of(scenario_on(scenario, day), day.year, terms, kinds, i, j)
        for day in starts
    ]
    place = {code: k for k, code in enumerate(scenario.codes)}
    counts = np.zeros((len(starts), len(place), len(place), len(kinds)))
    for agreement in scenario.agreements:
        signed_on = signing_day(agreement)
        if signed_on is None or agreement.multilateral or agreement.kind not in kinds:
            continue
        t = bisect_right(starts, signed_on) - 1
        if t >= 0 and signed_on < years_before(starts[t], -1):
            low, high = sorted((place[agreement.a], place[agreement.b]))
            counts[t, low, high, kinds.index(agreement.kind)] += 1.0
    counts[[start >= until for start in starts]] = np.nan
    rows = counts[:, i, j].reshape(-1, len(kinds))
    record = replace(
        Choices.joined(by_year), signed=np.where(np.isnan(rows), rows, rows > 0)
    )
    return OwnRecord(record, rows, {day.year: day for day in starts}, until)


def signing_day(agreement: Agreement) -> date | None:
    """The day on which an agreement was signed, or took effect where that alone is
    known; the middle of a span."""
    day = agreement.signed or agreement.in_force
    if day is None:
        return None
    return day + timedelta(days=HALF_SPAN_DAYS[agreement.precision])


def years_before(day: date, count: int) -> date:
    """The same day so many years earlier (28 February for the 29th)."""
    try:
        return day.replace(year=day.year - count)
    except ValueError:
        return day.replace(year=day.year - count, day=28)


def scenario_on(scenario: Scenario, day: date) -> Scenario:
    """The scenario as of 00:00 of a day: agreements and events dated on it or later are
    not there, an agreement that took effect after it is signed, one that ended after it
    is in force."""
    quiet = Event(
        id=QUIET,
        date=day,
        kind="statement",
        visibility=0.0,
        principals=(scenario.codes[0],),
    )
    events = [
        event for event in scenario.events if event.date < day and event.accord is None
    ]
    agreements = [agreement_on(agreement, day) for agreement in scenario.agreements]
    changes: dict[str, object] = {
        "start": day,
        "end": day + timedelta(days=366),
        "focal": QUIET,
        "accords": tuple(filter(None, agreements)),
        "events": (*events, quiet),
        "provocations": (),
        "arms": {"record": Arm(reference=True)},
        "sha256": "",
    }
    return scenario.model_copy(update=changes)


def agreement_on(agreement: Agreement, day: date) -> Agreement | None:
    """An agreement as it stood on a day; None where it was not signed yet."""
    signed = signing_day(agreement)
    if signed is None or signed >= day:
        return None
    changes: dict[str, object] = {
        "opened": None,
        "scheduled_signed": None,
        "scheduled_in_force": None,
    }
    status, in_force, ended = agreement.status, agreement.in_force, agreement.ended
    is_over = status in ("ended", "collapsed") and ended is not None and ended < day
    never_entered = in_force is None and status in ("signed", "collapsed")
    enters_later = in_force is not None and in_force >= day
    if is_over:
        changes["status"] = "ended"
    elif never_entered or enters_later:
        changes |= {"status": "signed", "in_force": None, "ended": None}
    else:
        changes |= {"status": "in_force", "ended": None}
    return agreement.model_copy(update=changes)

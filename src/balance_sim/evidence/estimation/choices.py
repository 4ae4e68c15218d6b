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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import compress
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.data.record_scenario import KINDS, members_at, scenario_at
from balance_sim.evidence.estimation.features import DyadYears, signed_between
from balance_sim.model.baseline import gain_norms, unfrozen
from balance_sim.model.core import World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import openness_at, opportunity_rate, share_signed
from balance_sim.model.willingness import TERMS
from balance_sim.model.world import compile_world, focal_day, time_grid
from balance_sim.scenario.diagnostics import closest
from balance_sim.scenario.schema import Agreement, Arm, Event, Scenario

Ints = NDArray[np.int64]

KIND_TERMS = tuple(name for name, term in TERMS.items() if term.by_kind)
"""Terms that depend on the type of agreement, fitted or not."""
NOT_ON_RECORD = {
    name: term.unrecorded for name, term in TERMS.items() if term.unrecorded
}
"""Terms that the record cannot speak to, and why. They keep their defaults."""
FITTED = tuple(
    sorted(
        (n for n in TERMS if n not in NOT_ON_RECORD), key=lambda n: not TERMS[n].by_kind
    )
)
"""Terms that are fitted, those that depend on the type first."""
SIGNED = ("security_gain", "common_threat", "hostility")
"""Terms whose weight theory holds to be 0 or more (Walt 1987): a gain in security and a
common threat draw states together, a partner's own hostility (the term is its negative)
keeps them apart."""
NEEDS = {name: term.record for name, term in TERMS.items() if term.record}
"""Layers of the history of which at least one has to be there for a term to say
anything."""
WITHIN, BETWEEN = "within", "between"
HALF_SPAN_DAYS = {"day": 0, "month": 15, "year": 182}
"""Days from the first of a span, as which an imprecise date is written, to its
middle."""
QUIET = "the_year_begins"


@dataclass(frozen=True)
class Choices(DyadYears):
    """N dyads and years, K common terms, B terms by kind, M kinds. Side 0 is a
    deciding, side 1 is b.

    year, a < b (roster positions), exposure (part of the year): (N,). signed: (N, M) 1
    where the dyad signed that kind in the year, NaN if not on record. common: (N, 2,
    K); by_kind: (N, 2, M, B). chance_kept: (M,) agreements signed per talks opened;
    ceiling: (M,) opportunities a year. openness: (N,) factor on them, less than 1 for a
    dyad that is at war on the first day."""

    exposure: Floats
    openness: Floats
    signed: Floats
    common: Floats
    by_kind: Floats
    common_names: tuple[str, ...]
    by_kind_names: tuple[str, ...]
    kinds: tuple[str, ...]
    ceiling: Floats
    chance_kept: Floats
    states: tuple[str, ...]
    rows: ClassVar[tuple[str, ...]] = (
        *DyadYears.rows,
        "exposure",
        "openness",
        "signed",
        "common",
        "by_kind",
    )

    @property
    def names(self) -> tuple[str, ...]:
        """Terms in the order of the weights: common, then by kind."""
        return (*self.common_names, *self.by_kind_names)

    @property
    def any_signed(self) -> Floats:
        """(N,) 1 where the dyad signed any kind."""
        return np.asarray(self.signed.max(axis=1), dtype=np.float64)

    def with_terms(self, names: Sequence[str]) -> Choices:
        """Only these terms."""
        common, by_kind = (
            [name in names for name in own]
            for own in (self.common_names, self.by_kind_names)
        )
        return replace(
            self,
            common=self.common[..., common],
            by_kind=self.by_kind[..., by_kind],
            common_names=tuple(compress(self.common_names, common)),
            by_kind_names=tuple(compress(self.by_kind_names, by_kind)),
        )

    def with_kinds(self, names: Sequence[str]) -> Choices:
        """Only these types of agreement."""
        at = [self.kinds.index(name) for name in names]
        return replace(
            self,
            signed=self.signed[:, at],
            by_kind=self.by_kind[:, :, at],
            kinds=tuple(names),
            ceiling=self.ceiling[at],
            chance_kept=self.chance_kept[at],
        )


def choices(
    history: History,
    terms: Sequence[str] = FITTED,
    parameters: Mapping[str, float] | None = None,
    kinds: Sequence[str] = KINDS,
    years: Sequence[int] | None = None,
) -> Choices:
    """All dyads and years of a history. parameters: of beliefs and reach, laid over the
    defaults.

    Raises DataError for a year whose past is not on record."""
    wanted = [int(y) for y in (history.years if years is None else years)]
    history.require_record(max(wanted))
    return Choices.joined(
        [_year(history, year, terms, dict(parameters or {}), kinds) for year in wanted]
    )


def _year(
    history: History,
    year: int,
    terms: Sequence[str],
    parameters: dict[str, float],
    kinds: Sequence[str],
) -> Choices:
    scenario = scenario_at(
        history, year, parameters=parameters, weights=dict.fromkeys(TERMS, 0.0)
    )
    who = members_at(history, year)
    exposure = history.exposure(year)[np.ix_(who, who)]
    i, j = np.nonzero(np.triu(exposure > 0, 1))
    a, b = who[i], who[j]
    found = _choices_of(scenario, year, terms, kinds, i, j)
    known = history.agreement_years[0] <= year <= history.agreement_years[1]
    some = np.stack(
        [signed_between(history, year, year, {kind})[a, b] > 0 for kind in kinds],
        axis=1,
    )
    signed = np.where(known, some.astype(np.float64), np.nan)
    return replace(
        found, a=a, b=b, exposure=exposure[i, j], signed=signed, states=history.iso3
    )


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
    world, weighed = terms_at(scenario, terms, kinds, i, j)
    place, at = (
        _places(world, scenario),
        [world.ladder.names.index(kind) for kind in kinds],
    )
    dyad = world.dyad_index[place[i], place[j]]
    common = tuple(name for name in terms if name not in KIND_TERMS)
    by_kind = tuple(name for name in terms if name in KIND_TERMS)
    return Choices(
        year=np.full(len(i), year, dtype=np.int64),
        a=i,
        b=j,
        exposure=np.asarray(
            (opportunity_rate(world)[dyad] / world.ladder.ceiling).mean(axis=1)
        ),
        openness=openness_at(world, 0.0)[dyad],
        signed=np.zeros((len(i), len(kinds))),
        common=_stacked([weighed[name][:, :, 0] for name in common], (len(i), 2)),
        by_kind=_stacked([weighed[name] for name in by_kind], (len(i), 2, len(kinds))),
        common_names=common,
        by_kind_names=by_kind,
        kinds=tuple(kinds),
        ceiling=world.ladder.ceiling[at],
        chance_kept=share_signed(world.ladder, world.rules.collapse_rate)[at],
        states=scenario.codes,
    )


def _stacked(columns: list[Floats], shape: tuple[int, ...]) -> Floats:
    """Columns side by side on a last axis; none give an empty one. shape: of a
    column."""
    return np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0))


def _places(world: World, scenario: Scenario) -> Ints:
    """(n,) where the world has each state of the scenario."""
    return np.array([world.codes.index(code) for code in scenario.codes])


def first_day(scenario: Scenario) -> Prospects:
    """What states see at a scenario's start, of no dyad yet."""
    world = compile_world(
        scenario,
        scenario.reference_arm,
        time_grid(scenario, [])[:2],
        focal_day(scenario),
    )
    state, nobody = (
        begin(world, unfrozen(world), 0, np.zeros(1, dtype=np.uint64)),
        np.zeros(0, dtype=np.int64),
    )
    return Prospects(
        world,
        unfrozen(world),
        perceive(world, state, 0),
        state,
        nobody,
        nobody,
        nobody,
        nobody,
    )


def of_dyads(seen: Prospects, i: Ints, j: Ints, kinds: Sequence[str]) -> Prospects:
    """N x 2 x M prospects: dyad (positions in the world), who decides, type of
    agreement."""
    ego, which = (
        np.stack([i, j], axis=1),
        np.array([seen.world.ladder.names.index(kind) for kind in kinds]),
    )
    shape = (*ego.shape, len(which))
    ego, alter = (
        np.broadcast_to(side[:, :, None], shape).ravel() for side in (ego, ego[:, ::-1])
    )
    kind = np.broadcast_to(which, shape).ravel()
    return replace(seen, run=np.zeros_like(kind), ego=ego, alter=alter, kind=kind)


def terms_at(
    scenario: Scenario, terms: Sequence[str], kinds: Sequence[str], i: Ints, j: Ints
) -> tuple[World, dict[str, Floats]]:
    """Terms of dyads i, j (positions in the scenario's codes) at its start, both sides:
    (N, 2, kinds or 1)."""
    seen = first_day(scenario)
    world, place = seen.world, _places(seen.world, scenario)
    if "security_gain" in terms:
        norms = gain_norms(world, seen.baseline, seen.state, seen.view)
        seen = replace(seen, baseline=replace(seen.baseline, gain_norm=norms))
    out = {}
    for name in terms:
        which = kinds if name in KIND_TERMS else kinds[:1]
        out[name] = TERMS[name](of_dyads(seen, place[i], place[j], which)).reshape(
            len(i), 2, len(which)
        )
    return world, out


def variants(
    history: History,
    record: Choices,
    terms: Sequence[str],
    points: Sequence[Mapping[str, float]],
) -> list[Choices]:
    """The record with these of its terms worked out anew, once for each point.

    points: parameters of beliefs and reach, laid over the defaults. The past is read
    once a year for all."""
    names = [name for name in record.names if name in terms]
    parts: list[list[dict[str, Floats]]] = [[] for _ in points]
    for year in map(int, np.unique(record.year)):
        scenario = scenario_at(history, year, weights=dict.fromkeys(TERMS, 0.0))
        now, who = record.year == year, members_at(history, year)
        i, j = (np.searchsorted(who, side[now]) for side in (record.a, record.b))
        for part, point in zip(parts, points, strict=True):
            moved = scenario.parameters.model_copy(update=dict(point))
            there = scenario.model_copy(update={"parameters": moved})
            part.append(terms_at(there, names, record.kinds, i, j)[1])
    out = []
    for weighed in parts:
        new = replace(
            record, common=record.common.copy(), by_kind=record.by_kind.copy()
        )
        for name in names:
            column = np.concatenate([year[name] for year in weighed])
            if name in record.common_names:
                new.common[:, :, record.common_names.index(name)] = column[:, :, 0]
            else:
                new.by_kind[..., record.by_kind_names.index(name)] = column
        out.append(new)
    return out


def fitted_terms(
    history: History, wanted: Sequence[str] | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The terms to fit, in order, and a line on each that is left out because its
    source is missing.

    Raises DataError for a term that is unknown, cannot be fitted, or is asked for and
    has no source."""
    there = history.present.any(axis=0)
    silent = {
        name: " or ".join(layers)
        for name, layers in NEEDS.items()
        if all(np.isnan(getattr(history, layer)[..., there]).all() for layer in layers)
    }
    for name in wanted or ():
        if name in NOT_ON_RECORD:
            raise DataError(
                f"{name} cannot be fitted: {NOT_ON_RECORD[name]}",
                "Leave it out",
                value=name,
            )
        if name not in FITTED:
            near = closest(name, FITTED)
            use = f"Write {near}" if near else f"Choose among {', '.join(FITTED)}"
            raise DataError("there is no such term", use, value=name)
    for name in wanted or ():
        if name in silent:
            raise DataError(
                f"{name} needs {silent[name]}, and the folder has none",
                "Add a source",
                value=name,
            )
    used = tuple(
        name
        for name in FITTED
        if name not in silent and (wanted is None or name in wanted)
    )
    if wanted is not None:
        return used, ()
    return used, tuple(
        f"{name} is left out: no source of {layers}" for name, layers in silent.items()
    )


def part_of(term: str, part: str) -> str:
    """The name of a term's part: `hostility (within)`."""
    return f"{term} ({part})"


def term_of(name: str) -> str:
    """The term that a part belongs to; a whole term's own name."""
    return name.removesuffix(f" ({WITHIN})").removesuffix(f" ({BETWEEN})")


def within_and_between(record: Choices, terms: Sequence[str] = SIGNED) -> Choices:
    """The record with each of these terms in two parts that add up to it: the mean of a
    dyad's side over its years so far, the present one included (between), and what the
    present departs from it (within).

    Correlated random effects: Mundlak 1978, Econometrica 46(1): 69-85. The mean stands
    for all that sets dyads apart and goes with the term; the weight of the departures
    is free of it. A mean over all years would hold the outcome: an agreement changes
    the terms of later years. So terms are predetermined, not strictly exogenous
    (Wooldridge 2005, Journal of Applied Econometrics 20(1): 39-54)."""
    order = np.lexsort((record.year, record.dyad))
    dyad = record.dyad[order]
    fresh = np.concatenate([[True], dyad[1:] != dyad[:-1]])
    begins = np.flatnonzero(fresh)[np.cumsum(fresh) - 1]  # where each row's dyad begins
    so_far = np.arange(len(dyad)) - begins + 1

    def mean(column: Floats) -> Floats:
        deep = (-1, *[1] * (column.ndim - 1))
        total = np.cumsum(column[order], axis=0)
        before = np.where(
            begins.reshape(deep) > 0, total[np.maximum(begins - 1, 0)], 0.0
        )
        out = np.empty_like(column)
        out[order] = (total - before) / so_far.reshape(deep)
        return out

    def parts(names: Sequence[str], values: Floats) -> tuple[tuple[str, ...], Floats]:
        new: list[tuple[str, Floats]] = []
        for k, name in enumerate(names):
            column = values[..., k]
            if name in terms:
                steady = mean(column)
                new += [
                    (part_of(name, BETWEEN), steady),
                    (part_of(name, WITHIN), column - steady),
                ]
            else:
                new.append((name, column))
        return tuple(name for name, _ in new), _stacked(
            [column for _, column in new], values.shape[:-1]
        )

    common_names, common = parts(record.common_names, record.common)
    names, by_kind = parts(record.by_kind_names, record.by_kind)
    return replace(
        record,
        common=common,
        by_kind=by_kind,
        common_names=common_names,
        by_kind_names=names,
    )


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
        return tuple(self.starts)

    def within(self, first: int, last: int) -> OwnRecord:
        """Years first..last."""
        keep = (self.choices.year >= first) & (self.choices.year <= last)
        starts = {
            year: day for year, day in self.starts.items() if first <= year <= last
        }
        end = self.starts.get(last + 1, self.until)
        return OwnRecord(self.choices.take(keep), self.counts[keep], starts, end)


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
    are not counted."""
    until, kinds = (
        until or scenario.start,
        tuple(kinds) or tuple(sorted(scenario.kinds)),
    )
    starts = [years_before(until, back) for back in range(years, 0, -1)] + (
        [until] if ahead else []
    )
    i, j = np.triu_indices(len(scenario.codes), 1)
    terms = tuple(name for name in TERMS if scenario.theory.weights[name] != 0)
    parts = [
        _choices_of(scenario_on(scenario, day), day.year, terms, kinds, i, j)
        for day in starts
    ]
    place = {code: k for k, code in enumerate(scenario.codes)}
    counts = np.zeros((len(starts), len(place), len(place), len(kinds)))
    for agreement in scenario.agreements:
        signed = signing_day(agreement)
        if agreement.multilateral or agreement.kind not in kinds or signed is None:
            continue
        low, high = sorted((place[agreement.a], place[agreement.b]))
        for t, start in enumerate(starts):
            if start <= signed < years_before(start, -1):
                counts[t, low, high, kinds.index(agreement.kind)] += 1.0
    counts[[start >= until for start in starts]] = np.nan
    whole = counts[:, i, j].reshape(-1, len(kinds))
    record = replace(
        Choices.joined(parts), signed=np.where(np.isnan(whole), whole, whole > 0)
    )
    return OwnRecord(record, whole, {day.year: day for day in starts}, until)


def signing_day(agreement: Agreement) -> date | None:
    """The day on which an agreement was signed, or took effect where that alone is
    known; the middle of a span."""
    day = agreement.signed or agreement.in_force
    return (
        None
        if day is None
        else day + timedelta(days=HALF_SPAN_DAYS[agreement.precision])
    )


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
    past = [
        event for event in scenario.events if event.date < day and event.accord is None
    ]
    return scenario.model_copy(
        update={
            "start": day,
            "end": day + timedelta(days=366),
            "focal": QUIET,
            "accords": tuple(
                filter(
                    None, (_as_of(agreement, day) for agreement in scenario.agreements)
                )
            ),
            "events": (*past, quiet),
            "provocations": (),
            "arms": {"record": Arm(reference=True)},
            "sha256": "",
        }
    )


def _as_of(agreement: Agreement, day: date) -> Agreement | None:
    signed = signing_day(agreement)
    if signed is None or signed >= day:
        return None
    update: dict[str, object] = {
        "opened": None,
        "scheduled_signed": None,
        "scheduled_in_force": None,
    }
    waits = agreement.in_force is None and agreement.status in ("signed", "collapsed")
    if (
        agreement.ended is not None
        and agreement.ended < day
        and agreement.status in ("ended", "collapsed")
    ):
        update |= {"status": "ended"}
    elif waits or (agreement.in_force is not None and agreement.in_force >= day):
        update |= {"status": "signed", "in_force": None, "ended": None}
    else:
        update |= {"status": "in_force", "ended": None}
    return agreement.model_copy(update=update)

"""A scenario's own record as choices: each year before its start, what states would have weighed, and what they signed.

A year of the record is the year before the scenario's start, the year before that, and so on. At the start of each,
the scenario is put as it stood on that day: its states, distances, quarrels and trade as the tables have them, and of
its agreements and events only those dated before. The terms are then the engine's own (`choices.terms_at`).

A date known to the year or month stands for the middle of it, here as in the model's own experience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.choices import KIND_TERMS, Choices, stacked, terms_at
from balance_sim.model.core import World
from balance_sim.model.thinning import openness_at, opportunity_rate, share_signed
from balance_sim.model.willingness import TERMS
from balance_sim.scenario.schema import Accord, Arm, Event, Scenario

HALF_SPAN_DAYS = {"day": 0, "month": 15, "year": 182}
"""Days from the first of a span, as which an imprecise date is written, to its middle."""
QUIET = "the_year_begins"


def signing_day(accord: Accord) -> date | None:
    """The day on which an agreement was signed, or took effect where that alone is known; the middle of a span."""
    day = accord.signed or accord.in_force
    return None if day is None else day + timedelta(days=HALF_SPAN_DAYS[accord.precision])


def years_before(day: date, count: int) -> date:
    """The same day so many years earlier (28 February for the 29th)."""
    try:
        return day.replace(year=day.year - count)
    except ValueError:
        return day.replace(year=day.year - count, day=28)


def scenario_on(scenario: Scenario, day: date) -> Scenario:
    """The scenario as of 00:00 of a day: agreements and events dated on it or later are not there.

    Nothing of what came after decides how an earlier agreement stands: one that took effect after the day is signed,
    one that ended after it is in force."""
    kept = tuple(known for accord in scenario.accords if (known := _as_of(accord, day)) is not None)
    quiet = Event(id=QUIET, date=day, kind="statement", visibility=0.0, principals=(scenario.codes[0],))
    past = [event for event in scenario.events if event.date < day and event.accord is None]
    return scenario.model_copy(
        update={
            "start": day,
            "end": day + timedelta(days=366),
            "focal": QUIET,
            "accords": kept,
            "events": (*past, quiet),
            "provocations": (),
            "arms": {"record": Arm(reference=True)},
            "sha256": "",
        }
    )


def _as_of(accord: Accord, day: date) -> Accord | None:
    signed = signing_day(accord)
    if signed is None or signed >= day:
        return None
    fixed: dict[str, object] = {"opened": None, "scheduled_signed": None, "scheduled_in_force": None}
    if accord.ended is not None and accord.ended < day and accord.status in ("ended", "collapsed"):
        return accord.model_copy(update={**fixed, "status": "ended"})
    waits = accord.in_force is None and accord.status in ("signed", "collapsed")
    if waits or (accord.in_force is not None and accord.in_force >= day):
        return accord.model_copy(update={**fixed, "status": "signed", "in_force": None, "ended": None})
    return accord.model_copy(update={**fixed, "status": "in_force", "ended": None})


@dataclass(frozen=True)
class OwnRecord:
    """choices: rows of every dyad and year, years rising and numbered by the calendar year in which they begin.

    counts: (N, M) agreements signed, of which `choices.signed` tells whether there were any. starts: first day of each
    year. until: the day that the record ends before."""

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
        starts = {year: day for year, day in self.starts.items() if first <= year <= last}
        end = self.starts.get(last + 1, self.until)
        return OwnRecord(self.choices.take(keep), self.counts[keep], starts, end)


def weighed_terms(scenario: Scenario) -> tuple[str, ...]:
    """Terms that count in the scenario, in the order of the model's table."""
    return tuple(name for name in TERMS if scenario.theory.weights[name] != 0)


def own_record(
    scenario: Scenario,
    years: int,
    *,
    until: date | None = None,
    ahead: bool = False,
    kinds: Sequence[str] = (),
) -> OwnRecord:
    """The `years` years before a day, by default the scenario's start; with `ahead` also the year that begins on it,
    whose agreements are not looked at (its `signed` is NaN).

    Multilateral agreements are part of the network and no choice of two states, so they are not counted."""
    until = until or scenario.start
    starts = [years_before(until, back) for back in range(years, 0, -1)] + ([until] if ahead else [])
    kinds = tuple(kinds) or tuple(sorted(scenario.kinds))
    i, j = np.triu_indices(len(scenario.codes), 1)
    dated = [
        (day, accord)
        for accord in scenario.accords
        if not accord.multilateral and accord.kind in kinds and (day := signing_day(accord)) is not None
    ]
    parts = [_year(scenario, start, kinds, i, j) for start in starts]
    counts = []
    for start in starts:
        end = years_before(start, -1)
        now = [accord for day, accord in dated if start <= day < end]
        counts.append(
            _counted(scenario, now, kinds) if start < until else np.full((len(i), len(kinds)), np.nan)
        )
    whole = np.concatenate(counts)
    rows: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ROWS}
    record = replace(parts[0], **rows, signed=np.where(np.isnan(whole), np.nan, whole > 0))
    return OwnRecord(record, whole, {day.year: day for day in starts}, until)


_ROWS = ("year", "a", "b", "exposure", "openness", "common", "by_kind")


def _year(
    scenario: Scenario, start: date, kinds: tuple[str, ...], i: NDArray[np.int64], j: NDArray[np.int64]
) -> Choices:
    terms = weighed_terms(scenario)
    world, weighed = terms_at(scenario_on(scenario, start), terms, kinds, i, j)
    at = [world.ladder.names.index(kind) for kind in kinds]
    place = np.array([world.codes.index(code) for code in scenario.codes])
    common = tuple(name for name in terms if name not in KIND_TERMS)
    by_kind = tuple(name for name in terms if name in KIND_TERMS)
    return Choices(
        year=np.full(len(i), start.year, dtype=np.int64),
        a=i,
        b=j,
        exposure=_exposure(scenario, world, i, j),
        openness=openness_at(world, 0.0)[world.pair_index[place[i], place[j]]],
        signed=np.zeros((len(i), len(kinds))),
        common=stacked([weighed[name][:, :, 0] for name in common], (len(i), 2)),
        by_kind=stacked([weighed[name] for name in by_kind], (len(i), 2, len(kinds))),
        common_names=common,
        by_kind_names=by_kind,
        kinds=kinds,
        ceiling=world.ladder.ceiling[at],
        chance_kept=share_signed(world.ladder, world.rules.collapse_rate)[at],
        states=scenario.codes,
    )


def _exposure(scenario: Scenario, world: World, i: NDArray[np.int64], j: NDArray[np.int64]) -> Floats:
    """(N,) what the scenario itself says of how often each dyad finds opportunities, beside ceilings of kinds."""
    place = np.array([world.codes.index(code) for code in scenario.codes])
    rate = opportunity_rate(world)[world.pair_index[place[i], place[j]]]
    return np.asarray((rate / world.ladder.ceiling).mean(axis=1))


def _counted(scenario: Scenario, accords: Sequence[Accord], kinds: Sequence[str]) -> Floats:
    n = len(scenario.codes)
    place = {code: k for k, code in enumerate(scenario.codes)}
    table = np.zeros((n, n, len(kinds)))
    for accord in accords:
        low, high = sorted((place[accord.a], place[accord.b]))
        table[low, high, kinds.index(accord.kind)] += 1.0
    return np.asarray(table[np.triu_indices(n, 1)])


__all__ = ["OwnRecord", "own_record", "scenario_on", "signing_day", "weighed_terms", "years_before"]

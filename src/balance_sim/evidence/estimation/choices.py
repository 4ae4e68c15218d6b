"""The record as choices: for each pair and year what both sides would have weighed, and what they signed.

The terms are the model's own functions (model/willingness.py), worked out on the model's own beliefs from
what was on record on 1 January."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, History
from balance_sim.evidence.data.past import KINDS, members_at, scenario_at
from balance_sim.evidence.estimation.features import signed_between
from balance_sim.model.baseline import gain_norms
from balance_sim.model.classes import unfrozen
from balance_sim.model.core import World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import openness_at, share_signed
from balance_sim.model.willingness import TERMS
from balance_sim.model.world import compile_world, focal_day, time_grid
from balance_sim.scenario.schema import Scenario

KIND_TERMS = tuple(name for name, term in TERMS.items() if term.by_kind)
"""Terms that depend on the kind of agreement, fitted or not."""
NOT_ON_RECORD = {name: term.unrecorded for name, term in TERMS.items() if term.unrecorded}
"""Terms that the record cannot speak to, and why. They keep their defaults."""
BY_KIND = tuple(name for name in KIND_TERMS if name not in NOT_ON_RECORD)
"""Terms that depend on the kind of agreement and are fitted."""
FITTED = (*BY_KIND, *(name for name in TERMS if name not in (*KIND_TERMS, *NOT_ON_RECORD)))
SIGNED = ("security_gain", "common_threat", "hostility")
"""Terms whose weight theory holds to be 0 or more (Walt 1987): a gain in security and a common threat draw states
together, a partner's own hostility (the term is its negative) keeps them apart."""


@dataclass(frozen=True)
class Choices:
    """N pairs and years, K common terms, B terms by kind, M kinds. Side 0 is a deciding, side 1 is b.

    year, a < b (roster positions), exposure (part of the year): (N,). signed: (N, M) 1 where the pair signed
    that kind in the year, NaN if not on record. common: (N, 2, K); by_kind: (N, 2, M, B). chance_kept: (M,)
    accords signed per talks opened; ceiling: (M,) occasions a year. openness: (N,) factor on them, less than 1 for a
    pair that is at war on 1 January."""

    year: NDArray[np.int64]
    a: NDArray[np.int64]
    b: NDArray[np.int64]
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

    @property
    def names(self) -> tuple[str, ...]:
        """Terms in the order of the weights: common, then by kind."""
        return (*self.common_names, *self.by_kind_names)

    @property
    def pair(self) -> NDArray[np.int64]:
        """(N,) one number a pair."""
        return self.a * 100_000 + self.b

    @property
    def any_signed(self) -> Floats:
        """(N,) 1 where the pair signed any kind."""
        return np.asarray(self.signed.max(axis=1), dtype=np.float64)

    def take(self, keep: NDArray[np.bool_] | NDArray[np.int64]) -> Choices:
        """Some of the rows."""
        rows: dict[str, Any] = {f: getattr(self, f)[keep] for f in _ROWS}
        return replace(self, **rows)

    def within(self, first: int, last: int) -> Choices:
        """The rows of years first..last."""
        return self.take((self.year >= first) & (self.year <= last))

    def with_terms(self, names: Sequence[str]) -> Choices:
        """Only these terms."""
        return replace(
            self,
            common=self.common[:, :, [k for k, name in enumerate(self.common_names) if name in names]],
            by_kind=self.by_kind[:, :, :, [k for k, name in enumerate(self.by_kind_names) if name in names]],
            common_names=tuple(name for name in self.common_names if name in names),
            by_kind_names=tuple(name for name in self.by_kind_names if name in names),
        )

    def with_kinds(self, names: Sequence[str]) -> Choices:
        """Only these kinds of accord."""
        at = [self.kinds.index(name) for name in names]
        return replace(
            self,
            signed=self.signed[:, at],
            by_kind=self.by_kind[:, :, at],
            kinds=tuple(names),
            ceiling=self.ceiling[at],
            chance_kept=self.chance_kept[at],
        )


_ROWS = ("year", "a", "b", "exposure", "openness", "signed", "common", "by_kind")


def choices(
    history: History,
    terms: Sequence[str] = FITTED,
    parameters: Mapping[str, float] | None = None,
    kinds: Sequence[str] = KINDS,
    years: Sequence[int] | None = None,
) -> Choices:
    """All pairs and years of a history. parameters: of beliefs and reach, laid over the defaults.

    Raises DataError for a year whose past is not on record."""
    wanted = [int(y) for y in (history.years if years is None else years)]
    if max(wanted) > history.accord_years[1] + 1:
        raise DataError(
            f"the accords on record end in {history.accord_years[1]}",
            f"Give the later accords, or end the period in {history.accord_years[1] + 1}",
            value=str(max(wanted)),
        )
    parts = [_year(history, year, terms, dict(parameters or {}), kinds) for year in wanted]
    rows: dict[str, Any] = {f: np.concatenate([getattr(p, f) for p in parts]) for f in _ROWS}
    return replace(parts[0], **rows)


def _year(
    history: History, year: int, terms: Sequence[str], parameters: dict[str, float], kinds: Sequence[str]
) -> Choices:
    scenario = scenario_at(history, year, parameters=parameters, weights=dict.fromkeys(TERMS, 0.0))
    who = members_at(history, year)
    exposure = history.exposure(year)[np.ix_(who, who)]
    i, j = np.nonzero(np.triu(exposure > 0, 1))
    world, weighed = terms_at(scenario, terms, kinds, i, j)
    signed = [signed_between(history, year, year, {kind})[who[i], who[j]] > 0 for kind in kinds]
    known = history.accord_years[0] <= year <= history.accord_years[1]
    place = np.array([world.codes.index(code) for code in scenario.codes])
    at = [world.ladder.names.index(kind) for kind in kinds]
    common = tuple(name for name in terms if name not in BY_KIND)
    by_kind = tuple(name for name in terms if name in BY_KIND)
    return Choices(
        year=np.full(len(i), year, dtype=np.int64),
        a=who[i],
        b=who[j],
        exposure=exposure[i, j],
        openness=openness_at(world, 0.0)[world.pair_index[place[i], place[j]]],
        signed=np.where(known, np.stack(signed, axis=1).astype(np.float64), np.nan),
        common=stacked([weighed[name][:, :, 0] for name in common], (len(i), 2)),
        by_kind=stacked([weighed[name] for name in by_kind], (len(i), 2, len(kinds))),
        common_names=common,
        by_kind_names=by_kind,
        kinds=tuple(kinds),
        ceiling=world.ladder.ceiling[at],
        chance_kept=share_signed(world.ladder, world.rules.collapse_rate)[at],
        states=history.iso3,
    )


def variants(
    history: History, record: Choices, terms: Sequence[str], points: Sequence[Mapping[str, float]]
) -> list[Choices]:
    """The record with these of its terms worked out anew, once for each point.

    points: parameters of beliefs and reach, laid over the defaults. The past is read once a year for all."""
    names = [name for name in record.names if name in terms]
    common = [name for name in record.common_names if name in names]
    by_kind = [name for name in record.by_kind_names if name in names]
    parts: list[list[dict[str, Floats]]] = [[] for _ in points]
    for year in (int(y) for y in np.unique(record.year)):
        scenario = scenario_at(history, year, weights=dict.fromkeys(TERMS, 0.0))
        now, who = record.year == year, members_at(history, year)
        i, j = (np.searchsorted(who, side[now]) for side in (record.a, record.b))
        for k, point in enumerate(points):
            moved = scenario.parameters.model_copy(update=dict(point))
            there = scenario.model_copy(update={"parameters": moved})
            parts[k].append(terms_at(there, names, record.kinds, i, j)[1])
    out = []
    for weighed in parts:
        new_common, new_by_kind = record.common.copy(), record.by_kind.copy()
        for name in common:
            column = np.concatenate([year[name][:, :, 0] for year in weighed])
            new_common[:, :, record.common_names.index(name)] = column
        for name in by_kind:
            column = np.concatenate([year[name] for year in weighed])
            new_by_kind[..., record.by_kind_names.index(name)] = column
        out.append(replace(record, common=new_common, by_kind=new_by_kind))
    return out


WITHIN, BETWEEN = "within", "between"


def part_of(term: str, part: str) -> str:
    """The name of a term's part: `hostility (within)`."""
    return f"{term} ({part})"


def term_of(name: str) -> str:
    """The term that a part belongs to; a whole term's own name."""
    return name.removesuffix(f" ({WITHIN})").removesuffix(f" ({BETWEEN})")


def within_and_between(record: Choices, terms: Sequence[str] = SIGNED) -> Choices:
    """The record with each of these terms in two parts, each to have its own weight: the mean of a dyad's side over its
    years so far, the present one included (between), and what the present departs from it (within). They add up to
    the term.

    Correlated random effects: Mundlak 1978, Econometrica 46(1): 69-85. The mean stands for all that sets dyads
    apart and goes with the term; the weight of the departures is free of it. Years to come are left out of the mean:
    an agreement changes the terms of later years (its partner has less left to add), so that a mean over all
    years would hold the outcome. Terms are then predetermined, not strictly exogenous (Wooldridge 2005, Journal
    of Applied Econometrics 20(1): 39-54)."""
    order = np.lexsort((record.year, record.pair))
    pair = record.pair[order]
    fresh = np.concatenate([[True], pair[1:] != pair[:-1]])
    begins = np.flatnonzero(fresh)[np.cumsum(fresh) - 1]  # where each row's dyad begins
    so_far = np.arange(len(pair)) - begins + 1

    def mean(column: Floats) -> Floats:
        rows = column[order]
        total = np.cumsum(rows, axis=0)
        before = np.where(
            begins.reshape(-1, *[1] * (rows.ndim - 1)) > 0, total[np.maximum(begins - 1, 0)], 0.0
        )
        out = np.empty_like(column)
        out[order] = (total - before) / so_far.reshape(-1, *[1] * (rows.ndim - 1))
        return out

    def parts(names: Sequence[str], values: Floats) -> tuple[tuple[str, ...], list[Floats]]:
        new: list[str] = []
        columns: list[Floats] = []
        for k, name in enumerate(names):
            column = values[..., k]
            if name not in terms:
                new.append(name)
                columns.append(column)
                continue
            steady = mean(column)
            new += [part_of(name, BETWEEN), part_of(name, WITHIN)]
            columns += [steady, column - steady]
        return tuple(new), columns

    common_names, common = parts(record.common_names, record.common)
    by_kind_names, by_kind = parts(record.by_kind_names, record.by_kind)
    return replace(
        record,
        common=stacked(common, record.common.shape[:-1]),
        by_kind=stacked(by_kind, record.by_kind.shape[:-1]),
        common_names=common_names,
        by_kind_names=by_kind_names,
    )


def stacked(columns: list[Floats], shape: tuple[int, ...]) -> Floats:
    """Columns side by side on a last axis; none give an empty one. shape: of a column."""
    return np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0))


def terms_at(
    scenario: Scenario,
    terms: Sequence[str],
    kinds: Sequence[str],
    i: NDArray[np.int64],
    j: NDArray[np.int64],
) -> tuple[World, dict[str, Floats]]:
    """Terms of pairs i, j (positions in the scenario's codes) at its start, both sides: (N, 2, kinds or
    1)."""
    first_step = time_grid(scenario, [])[:2]
    world = compile_world(scenario, scenario.reference_arm, first_step, focal_day(scenario))
    baseline = unfrozen(world)
    state = begin(world, baseline, 0, np.zeros(1, dtype=np.uint64))
    view = perceive(world, state, 0)
    if "security_gain" in terms:
        baseline = replace(baseline, gain_norm=gain_norms(world, baseline, state, view))
    place = np.array([world.codes.index(code) for code in scenario.codes])
    ego = np.stack([place[i], place[j]], axis=1)
    alter = ego[:, ::-1]
    out = {}
    for name in terms:
        which = [world.ladder.names.index(k) for k in (kinds if name in KIND_TERMS else kinds[:1])]
        shape = (*ego.shape, len(which))
        at = [np.broadcast_to(side[:, :, None], shape).ravel() for side in (ego, alter)]
        kind = np.broadcast_to(np.array(which), shape).ravel()
        seen = Prospects(world, baseline, view, state, np.zeros_like(kind), at[0], at[1], kind)
        out[name] = TERMS[name](seen).reshape(shape)
    return world, out

"""From dated acts to the evidence that each state has about each other, by the model's own equations.

An act adds weight * 2^(-age / half-life) from its date (`model/news.py`), here as its mean over a period. It shows its
principals together, and guests with principals (evidence on alignment); it gives each target reason to think worse of each
principal (evidence on intent). Where a source does not say at whom an act is aimed, it is taken to be aimed at every state that
is a rival of another of those that take part, and takes no part itself: the acts of k with i's rivals are about i."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Periods:
    """T periods that follow each other: days since 1970-01-01. starts, ends: (T,); an end is the next start."""

    starts: Floats
    ends: Floats
    names: tuple[str, ...]

    @staticmethod
    def of(first: int, last: int, length: str) -> Periods:
        """Years, quarters or months of the years first..last."""
        step = {"year": "YS", "quarter": "QS", "month": "MS"}[length]
        edges = pd.date_range(f"{first}-01-01", f"{last + 1}-01-01", freq=step)
        days = (edges - pd.Timestamp("1970-01-01")).days.to_numpy(np.float64)
        names = [{"year": f"{e:%Y}", "quarter": f"{e:%Y}-q{e.quarter}", "month": f"{e:%Y-%m}"}[length] for e in edges]
        return Periods(days[:-1], days[1:], tuple(names[:-1]))

    def place(self, days: Floats) -> Ints:
        """The period of each day; -1 outside."""
        at = np.searchsorted(self.starts, days, side="right") - 1
        return np.where((days >= self.starts[0]) & (days < self.ends[-1]), at, -1).astype(np.int64)


def remaining(dates: Floats, periods: Periods, half_lives: Floats) -> Floats:
    """(A, T) mean over each period of 2^(-age / half-life) from an act's date on; 0 before it. dates, half_lives: (A,)."""
    begin = np.maximum(periods.starts, dates[:, None]) - dates[:, None]
    end = np.maximum(periods.ends, dates[:, None]) - dates[:, None]
    half = half_lives[:, None]
    length = periods.ends - periods.starts
    return np.asarray((np.exp2(-begin / half) - np.exp2(-end / half)) * half / (np.log(2.0) * length))


@dataclass(frozen=True)
class ActSets:
    """Acts grouped by who takes part: sets of the same kind, principals, guests and targets.

    date, of: (A,) day and set of each act; kind: (S,) position among `kinds`; principals, guests, targets: (S, n) 0 or 1;
    told: (S,) whether targets are those of the source."""

    kinds: tuple[str, ...]
    date: Floats
    of: Ints
    kind: Ints
    principals: Floats
    guests: Floats
    targets: Floats
    told: Bools

    @property
    def sets(self) -> int:
        return len(self.kind)

    def only(self, of: Bools) -> ActSets:
        """Some of the sets, with their acts. of: (S,)."""
        number, keep = np.cumsum(of) - 1, of[self.of]
        parts = {name: getattr(self, name)[of] for name in ("kind", "principals", "guests", "targets", "told")}
        return replace(self, date=self.date[keep], of=number[self.of[keep]], **parts)

    def series(self, periods: Periods, half_life: Mapping[str, float], *, stale: bool = False, before: bool = False) -> Floats:
        """(S, T) what is left of the acts of each set, per unit of weight. stale: acts as if they were five half-lives
        later; before: only acts dated before a period begins."""
        half = np.array([half_life[kind] for kind in self.kinds])[self.kind[self.of]]
        dates = self.date + (5.0 * half if stale else 0.0)
        left = remaining(dates, periods, half)
        if before:
            left = np.where(dates[:, None] < periods.starts, left, 0.0)
        return self._by_set(left)

    def future(self, periods: Periods, half_life: Mapping[str, float]) -> Floats:
        """(S, T) the same of acts still to come after a period's end, as if time ran backwards."""
        half = np.array([half_life[kind] for kind in self.kinds])[self.kind[self.of]]
        mirror = Periods(-periods.ends[::-1], -periods.starts[::-1], periods.names)
        left = remaining(-self.date, mirror, half)
        left = np.where(-self.date[:, None] <= mirror.starts, left, 0.0)
        return self._by_set(left[:, ::-1])

    def _by_set(self, left: Floats) -> Floats:
        out = np.zeros((self.sets, left.shape[1]))
        np.add.at(out, self.of, left)
        return out

    def shifted(self, rng: np.random.Generator, first: float, last: float) -> ActSets:
        """The same acts with other dates: all acts of a set are moved by one random number of days, around the ends of
        first..last. How often a set acts, and in what rhythm, stays; acts outside first..last stay too."""
        span = last - first
        by = rng.uniform(0.0, span, self.sets)[self.of]
        inside = (self.date >= first) & (self.date < last)
        moved = np.where(inside, first + (self.date - first + by) % span, self.date)
        return replace(self, date=moved)

    def relabelled(self, rng: np.random.Generator) -> ActSets:
        """The same acts of other states: those that ever take part are permuted among themselves; told targets stay."""
        part = self.principals + self.guests
        there = np.flatnonzero(part.any(axis=0))
        order = np.arange(part.shape[1])
        order[there] = rng.permutation(there)
        principals, guests = self.principals[:, order], self.guests[:, order]
        targets = self.targets * (principals == 0)
        return replace(self, principals=principals, guests=guests, targets=targets)


def act_sets(frame: pd.DataFrame, position: pd.Series, states: int) -> ActSets:
    """Acts (`acts.FIELDS`) on a roster. position: COW number -> place; states not on it are left out of an act."""
    place = position.to_dict()

    def on_roster(cow: Sequence[int]) -> tuple[int, ...]:
        return tuple(sorted({int(place[c]) for c in cow if c in place}))

    kinds = tuple(sorted(set(frame["kind"])))
    numbers: dict[tuple[object, ...], int] = {}
    of = []
    for row in frame.itertuples(index=False):
        key = (row.kind, *(on_roster(getattr(row, role)) for role in ("principals", "guests", "targets")), bool(row.told))
        of.append(numbers.setdefault(key, len(numbers)))
    roles = [np.zeros((len(numbers), states)) for _ in range(3)]
    for s, key in enumerate(numbers):
        for role, matrix in enumerate(roles, 1):
            matrix[s, list(key[role])] = 1.0  # type: ignore[call-overload]
    days = (frame["day"] - pd.Timestamp("1970-01-01")).dt.days.to_numpy(np.float64)
    kind = np.array([kinds.index(str(key[0])) for key in numbers], dtype=np.int64)
    told = np.array([bool(key[4]) for key in numbers], dtype=bool)
    return ActSets(kinds, days, np.array(of, dtype=np.int64), kind, roles[0], roles[1], roles[2], told)


def shown(acts: ActSets, series: Floats) -> Floats:
    """(T, n, n) evidence on alignment of each two that are shown together, symmetric, per unit of weight. series: (S, T).

    A target of an act is shown with nobody."""
    free = acts.targets == 0
    principals, guests = acts.principals * free, acts.guests * free * (acts.principals == 0)
    out = np.empty((series.shape[1], principals.shape[1], principals.shape[1]))
    lead = sparse.csr_matrix(principals)
    follow = sparse.csr_matrix(principals * 0.5 + guests)
    for t in range(series.shape[1]):
        one = (lead.T @ sparse.diags(series[:, t]) @ follow).toarray()
        out[t] = one + one.T
        np.fill_diagonal(out[t], 0.0)
    return out


def aimed(acts: ActSets, series: Floats, rivals: Floats) -> Floats:
    """(T, n, n) evidence on intent of each target (row) about each principal (column), per unit of weight.

    series: (S, T); rivals: (T, n, n) 0 or 1. Targets are those told; where none are, the rivals of a participant other than
    the principal in question."""
    part = np.minimum(acts.principals + acts.guests, 1.0)
    rule, told = ~acts.told, acts.told
    out = np.empty((series.shape[1], part.shape[1], part.shape[1]))
    who, given = sparse.csr_matrix(acts.principals[rule]), sparse.csr_matrix(acts.principals[told])
    outside, hit = part[rule] == 0, sparse.csr_matrix(acts.targets[told])
    for t in range(series.shape[1]):
        count = sparse.csr_matrix(part[rule]) @ rivals[t]
        scaled = sparse.diags(series[rule, t]) @ who
        once, twice = (sparse.csr_matrix((count >= k) & outside).T @ scaled for k in (1, 2))
        quarrel = rivals[t] > 0
        out[t] = np.where(quarrel, twice.toarray(), once.toarray())
        out[t] += (hit.T @ sparse.diags(series[told, t]) @ given).toarray()
        np.fill_diagonal(out[t], 0.0)
    return out

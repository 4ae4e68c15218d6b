"""From dated acts to the evidence that each state has about each other, by the model's
own equations.

An act adds weight * 2^(-age / half-life) from its date (`model/beliefs.py`), here as
its mean over a period. It shows its principals together, and guests with principals
(evidence on alignment); it gives each target reason to think worse of each principal
(evidence on intent). Where a source does not say at whom an act is aimed, it is taken
to be aimed at every state that is a rival of another of those that take part, and takes
no part itself: the acts of k with i's rivals are about i."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Periods:
    """T periods that follow each other: days since 1970-01-01. starts, ends: (T,); an
    end is the next start."""

    starts: Floats
    ends: Floats
    names: tuple[str, ...]

    @staticmethod
    def of(first: int, last: int, length: str) -> Periods:
        """Years, quarters or months of the years first..last."""
        step = {"year": "YS", "quarter": "QS", "month": "MS"}[length]
        edges = pd.date_range(f"{first}-01-01", f"{last + 1}-01-01", freq=step)
        days = (edges - pd.Timestamp("1970-01-01")).days.to_numpy(np.float64)
        names = (
            edges[:-1]
            .to_period({"year": "Y", "quarter": "Q", "month": "M"}[length])
            .astype(str)
        )
        return Periods(days[:-1], days[1:], tuple(names.str.replace("Q", "-q")))

    def place(self, days: Floats) -> Ints:
        """The period of each day; -1 outside."""
        at = np.searchsorted(self.starts, days, side="right") - 1
        return np.where(
            (days >= self.starts[0]) & (days < self.ends[-1]), at, -1
        ).astype(np.int64)


def remaining(dates: Floats, periods: Periods, half_lives: Floats) -> Floats:
    """(A, T) mean over each period of 2^(-age / half-life) from an act's date on; 0
    before it. dates, half_lives: (A,)."""
    begin = np.maximum(periods.starts, dates[:, None]) - dates[:, None]
    end = np.maximum(periods.ends, dates[:, None]) - dates[:, None]
    half = half_lives[:, None]
    length = periods.ends - periods.starts
    return np.asarray(
        (np.exp2(-begin / half) - np.exp2(-end / half)) * half / (np.log(2.0) * length)
    )


@dataclass(frozen=True)
class ActSets:
    """Acts grouped by who takes part: sets of the same kind, principals, guests and
    targets.

    date, of: (A,) day and set of each act; kind: (S,) position among `kinds`;
    principals, guests, targets: (S, n) 0 or 1; told: (S,) whether targets are those of
    the source."""

    kinds: tuple[str, ...]
    date: Floats
    of: Ints
    kind: Ints
    principals: Floats
    guests: Floats
    targets: Floats
    told: Bools

    def only(self, of: Bools) -> ActSets:
        """Some of the sets, with their acts. of: (S,)."""
        number, keep = np.cumsum(of) - 1, of[self.of]
        parts = {
            name: getattr(self, name)[of]
            for name in ("kind", "principals", "guests", "targets", "told")
        }
        return replace(self, date=self.date[keep], of=number[self.of[keep]], **parts)

    def involving_two(self) -> ActSets:
        """Those in which at least two states of the roster have a part."""
        part = np.maximum(np.maximum(self.principals, self.guests), self.targets)
        return self.only((part.sum(axis=1) > 1) & self.principals.any(axis=1))

    def series(
        self,
        periods: Periods,
        half_life: Mapping[str, float],
        *,
        stale: bool = False,
        before: bool = False,
    ) -> Floats:
        """(S, T) what is left of the acts of each set, per unit of weight. stale: acts
        as if they were five half-lives later; before: only acts dated before a period
        begins."""
        half = np.array([half_life[kind] for kind in self.kinds])[self.kind[self.of]]
        dates = self.date + (5.0 * half if stale else 0.0)
        left = remaining(dates, periods, half)
        return self._by_set(
            np.where(dates[:, None] < periods.starts, left, 0.0) if before else left
        )

    def future(self, periods: Periods, half_life: Mapping[str, float]) -> Floats:
        """(S, T) the same of acts still to come after a period's end, as if time ran
        backwards."""
        half = np.array([half_life[kind] for kind in self.kinds])[self.kind[self.of]]
        mirror = Periods(-periods.ends[::-1], -periods.starts[::-1], periods.names)
        left = remaining(-self.date, mirror, half)
        left = np.where(-self.date[:, None] <= mirror.starts, left, 0.0)
        return self._by_set(left[:, ::-1])

    def _by_set(self, left: Floats) -> Floats:
        out = np.zeros((len(self.kind), left.shape[1]))
        np.add.at(out, self.of, left)
        return out

    def shifted(self, rng: np.random.Generator, first: float, last: float) -> ActSets:
        """The same acts with other dates: all acts of a set are moved by one random
        number of days, around the ends of first..last. How often a set acts, and in
        what rhythm, stays; acts outside first..last stay too."""
        span = last - first
        by = rng.uniform(0.0, span, len(self.kind))[self.of]
        inside = (self.date >= first) & (self.date < last)
        return replace(
            self,
            date=np.where(inside, first + (self.date - first + by) % span, self.date),
        )

    def relabelled(self, rng: np.random.Generator) -> ActSets:
        """The same acts of other states: those that ever take part are permuted among
        themselves; told targets stay."""
        part = self.principals + self.guests
        there = np.flatnonzero(part.any(axis=0))
        order = np.arange(part.shape[1])
        order[there] = rng.permutation(there)
        principals = self.principals[:, order]
        return replace(
            self,
            principals=principals,
            guests=self.guests[:, order],
            targets=self.targets * (principals == 0),
        )


def act_sets(frame: pd.DataFrame, position: pd.Series, states: int) -> ActSets:
    """Acts (`acts.FIELDS`) on a roster. position: COW number -> place; states not on it
    are left out of an act."""
    place = position.to_dict()
    kinds = tuple(sorted(set(frame["kind"])))
    numbers: dict[tuple[Any, ...], int] = {}
    of = []
    for kind, *groups, told in frame[
        ["kind", "principals", "guests", "targets", "told"]
    ].itertuples(index=False):
        on_roster = (
            tuple(sorted({int(place[c]) for c in group if c in place}))
            for group in groups
        )
        of.append(
            numbers.setdefault(
                (kinds.index(kind), *on_roster, bool(told)), len(numbers)
            )
        )
    roles = np.zeros((3, len(numbers), states))
    for s, (_, *groups, _) in enumerate(numbers):
        for role, who in enumerate(groups):
            roles[role, s, list(who)] = 1.0
    days = np.asarray(
        (frame["day"] - pd.Timestamp("1970-01-01")).dt.days, dtype=np.float64
    )
    kind_of = np.array([kind for kind, *_ in numbers], dtype=np.int64)
    is_told = np.array([told for *_, told in numbers], dtype=bool)
    principals, guests, targets = roles
    return ActSets(
        kinds,
        days,
        np.array(of, dtype=np.int64),
        kind_of,
        principals,
        guests,
        targets,
        is_told,
    )


def shown(acts: ActSets, series: Floats) -> Floats:
    """(T, n, n) evidence on alignment of each two that are shown together, symmetric,
    per unit of weight. A target of an act is shown with nobody. series: (S, T)."""
    free = acts.targets == 0
    principals, guests = (
        acts.principals * free,
        acts.guests * free * (acts.principals == 0),
    )
    out = np.empty((series.shape[1], principals.shape[1], principals.shape[1]))
    lead, follow = (
        sparse.csr_matrix(principals),
        sparse.csr_matrix(principals * 0.5 + guests),
    )
    for t in range(series.shape[1]):
        one = (lead.T @ sparse.diags(series[:, t]) @ follow).toarray()
        out[t] = one + one.T
        np.fill_diagonal(out[t], 0.0)
    return out


@dataclass(frozen=True)
class Aims:
    """At whom each set of acts is aimed, by period.

    hit: T pairs of (n, S) matrices: states with at least one, and with at least two,
    rivals in a set that they are not in, or that a source names as targets; quarrel:
    (T, n, n) whether two are rivals."""

    principals: sparse.csr_matrix
    hit: tuple[tuple[sparse.csr_matrix, sparse.csr_matrix], ...]
    quarrel: Bools


def aims(acts: ActSets, rivals: Floats) -> Aims:
    """Targets are those told; where none are, the rivals of a participant. rivals: (T,
    n, n) 0 or 1."""
    part = sparse.csr_matrix(np.minimum(acts.principals + acts.guests, 1.0))
    by_rule, told = (
        sparse.diags((~acts.told).astype(float)),
        sparse.csr_matrix(acts.targets * acts.told[:, None]),
    )
    hit: list[tuple[sparse.csr_matrix, sparse.csr_matrix]] = []
    for t, now in enumerate(rivals):
        if t and np.array_equal(now, rivals[t - 1]):
            hit.append(hit[-1])
            continue
        count = by_rule @ part @ sparse.csr_matrix(now)
        count = count - count.multiply(part)  # states that take part are no targets
        once, twice = ((count >= least).astype(float) + told for least in (1, 2))
        hit.append((once.T.tocsr(), twice.T.tocsr()))
    return Aims(sparse.csr_matrix(acts.principals), tuple(hit), rivals > 0)


def aimed(of: Aims, series: Floats) -> Floats:
    """(T, n, n) evidence on intent of each target (row) about each principal (column),
    per unit of weight. A principal that is itself a rival of i is counted where another
    participant is one, too. series: (S, T)."""
    out = np.empty(of.quarrel.shape)
    for t, masks in enumerate(of.hit):
        scaled = sparse.diags(series[:, t]) @ of.principals
        once, twice = ((mask @ scaled).toarray() for mask in masks)
        out[t] = np.where(of.quarrel[t], twice, once)
        np.fill_diagonal(out[t], 0.0)
    return out

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
from scipy import sparse

from balance_sim.stats import Bools, Floats, Ints

EPOCH = pd.Timestamp("1970-01-01")
STALE_HALF_LIVES = 5.0
ROLES = ("principals", "guests", "targets")


def year_edges(first: int, last: int) -> Floats:
    """(T + 1,) where the T years first..last begin, and the last of them ends: days
    since 1970-01-01."""
    edges = pd.date_range(f"{first}-01-01", f"{last + 1}-01-01", freq="YS")
    return np.asarray((edges - EPOCH).days, dtype=np.float64)


def remaining(dates: Floats, edges: Floats, half_lives: Floats) -> Floats:
    """(A, T) mean over each period of 2^(-age / half-life) from an act's date on; 0
    before it. dates, half_lives: (A,); edges: (T + 1,)."""
    half = half_lives[:, None]
    ages = np.maximum(edges, dates[:, None]) - dates[:, None]
    decayed = np.exp2(-ages[:, :-1] / half) - np.exp2(-ages[:, 1:] / half)
    return np.asarray(decayed * half / (np.log(2.0) * np.diff(edges)))


@dataclass(frozen=True)
class ActSets:
    """Acts grouped by who takes part: sets of the same kind, principals, guests and
    targets.

    date, act_set: (A,) day and set of each act; kind: (S,) position among `kinds`;
    principals, guests, targets: (S, n) 0 or 1; has_named_targets: (S,) whether targets
    are those of the source."""

    kinds: tuple[str, ...]
    date: Floats
    act_set: Ints
    kind: Ints
    principals: Floats
    guests: Floats
    targets: Floats
    has_named_targets: Bools

    def only(self, sets: Bools) -> ActSets:
        """Some of the sets, with their acts. sets: (S,)."""
        number, acts = np.cumsum(sets) - 1, sets[self.act_set]
        by_set = ("kind", *ROLES, "has_named_targets")
        return replace(
            self,
            date=self.date[acts],
            act_set=number[self.act_set[acts]],
            **{name: getattr(self, name)[sets] for name in by_set},
        )

    def involving_two(self) -> ActSets:
        """Those in which at least two states of the roster have a part."""
        participants = np.maximum(self.principals, self.guests)
        involved = np.maximum(participants, self.targets).sum(axis=1)
        return self.only((involved > 1) & self.principals.any(axis=1))

    def series(
        self, edges: Floats, half_life: Mapping[str, float], when: str = "now"
    ) -> Floats:
        """(S, T) what is left of the acts of each set, per unit of weight.

        when: `now`; `before`, only acts dated before a period begins; `stale` and
        `stale before`, as if acts were five half-lives older; `lead`, acts still to
        come after a period's end, as if time ran backwards."""
        by_kind = np.array([half_life[kind] for kind in self.kinds])
        half, dates = by_kind[self.kind[self.act_set]], self.date
        if when.startswith("stale"):
            dates = dates + STALE_HALF_LIVES * half
        if when == "lead":
            dates, edges = -dates, -edges[::-1]
        evidence, date = remaining(dates, edges, half), dates[:, None]
        if when.endswith("before"):
            evidence = np.where(date < edges[:-1], evidence, 0.0)
        if when == "lead":
            evidence = np.where(date <= edges[:-1], evidence, 0.0)[:, ::-1]
        total = np.zeros((len(self.kind), evidence.shape[1]))
        np.add.at(total, self.act_set, evidence)
        return total

    def shifted(self, rng: np.random.Generator, first: float, last: float) -> ActSets:
        """The same acts with other dates: all acts of a set are moved by one random
        number of days, around the ends of first..last. How often a set acts, and in
        what rhythm, stays; acts outside first..last stay too."""
        span = last - first
        shift = rng.uniform(0.0, span, len(self.kind))[self.act_set]
        is_inside = (self.date >= first) & (self.date < last)
        return replace(
            self,
            date=np.where(
                is_inside, first + (self.date - first + shift) % span, self.date
            ),
        )

    def relabelled(self, rng: np.random.Generator) -> ActSets:
        """The same acts of other states: those that ever take part are permuted among
        themselves; told targets stay."""
        participants = self.principals + self.guests
        acting = np.flatnonzero(participants.any(axis=0))
        order = np.arange(participants.shape[1])
        order[acting] = rng.permutation(acting)
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
    place = dict(zip(position.index, position, strict=True))
    members: dict[str, Any] = {
        role: [
            tuple(sorted({place[c] for c in codes if c in place}))
            for codes in frame[role]
        ]
        for role in ROLES
    }
    acts = frame.assign(**members)
    keys = ["kind", *ROLES, "told"]
    sets = acts.drop_duplicates(keys)
    kinds = tuple(sorted(set(acts["kind"])))
    roles = np.zeros((len(ROLES), len(sets), states))
    for k, role in enumerate(ROLES):
        for number, codes in enumerate(sets[role]):
            roles[k, number, list(codes)] = 1.0
    return ActSets(
        kinds=kinds,
        date=np.asarray((acts["day"] - EPOCH).dt.days, dtype=np.float64),
        act_set=np.asarray(acts.groupby(keys, sort=False).ngroup(), dtype=np.int64),
        kind=np.array([kinds.index(kind) for kind in sets["kind"]], dtype=np.int64),
        principals=roles[0],
        guests=roles[1],
        targets=roles[2],
        has_named_targets=sets["told"].to_numpy(bool),
    )


def shown(acts: ActSets, series: Floats) -> Floats:
    """(T, n, n) evidence on alignment of each two that are shown together, symmetric,
    per unit of weight. A target of an act is shown with nobody. series: (S, T)."""
    is_no_target = acts.targets == 0
    principals = acts.principals * is_no_target
    guests = acts.guests * is_no_target * (acts.principals == 0)
    lead = sparse.csr_matrix(principals)
    follow = sparse.csr_matrix(principals * 0.5 + guests)
    periods, states = series.shape[1], principals.shape[1]
    evidence = np.empty((periods, states, states))
    for t in range(periods):
        directed = (lead.T @ sparse.diags(series[:, t]) @ follow).toarray()
        evidence[t] = directed + directed.T
        np.fill_diagonal(evidence[t], 0.0)
    return evidence


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
    participants = np.minimum(acts.principals + acts.guests, 1.0)
    part = sparse.csr_matrix(participants)
    by_rule = sparse.diags((~acts.has_named_targets).astype(float))
    named_targets = sparse.csr_matrix(acts.targets * acts.has_named_targets[:, None])
    hit: list[tuple[sparse.csr_matrix, sparse.csr_matrix]] = []
    for t, matrix in enumerate(rivals):
        if t and np.array_equal(matrix, rivals[t - 1]):
            hit.append(hit[-1])
            continue
        count = by_rule @ part @ sparse.csr_matrix(matrix)
        count = count - count.multiply(part)  # states that take part are no targets
        once = (count >= 1).astype(float) + named_targets
        twice = (count >= 2).astype(float) + named_targets
        hit.append((once.T.tocsr(), twice.T.tocsr()))
    return Aims(sparse.csr_matrix(acts.principals), tuple(hit), rivals > 0)


def aimed(targets: Aims, series: Floats) -> Floats:
    """(T, n, n) evidence on intent of each target (row) about each principal (column),
    per unit of weight. A principal that is itself a rival of i is counted where another
    participant is one, too. series: (S, T)."""
    evidence = np.empty(targets.quarrel.shape)
    for t, (once, twice) in enumerate(targets.hit):
        scaled = sparse.diags(series[:, t]) @ targets.principals
        by_one, by_two = (once @ scaled).toarray(), (twice @ scaled).toarray()
        evidence[t] = np.where(targets.quarrel[t], by_two, by_one)
        np.fill_diagonal(evidence[t], 0.0)
    return evidence

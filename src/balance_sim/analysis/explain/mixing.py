"""The direct effect of every coalition of groups of terms, along the control arm's replications.

At each opportunity of an idle clock both states' willingness is taken apart in the control arm and, beside it, in the
arm that is explained. For a coalition the terms of its groups are the arm's and those of the other groups the
control arm's, whole terms with their weights; what is in no group is the arm's. The mixed willingness gives the
probability that talks open, and times the probability that they are signed in time the outcome (`replications.direct`,
`replications.filtered`). So every coalition has its outcome in each replication, and none is simulated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from balance_sim.analysis.explain.account import ORDER, account
from balance_sim.analysis.explain.groups import Groups
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, Opportunities
from balance_sim.model.engine import filtered
from balance_sim.model.prospects import Prospects
from balance_sim.model.willingness import consent
from balance_sim.replications.direct import Sight, along_control
from balance_sim.replications.draws import with_draws
from balance_sim.replications.filtered import (
    Filtered,
    Prospect,
    Windows,
    filtered_outcomes,
    focal_windows,
    prospect_of,
)
from balance_sim.replications.outcomes import COUNTS, outcome_named
from balance_sim.replications.scene import focal_cast

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Runs = npt.NDArray[np.uint64]
Parts = Mapping[str, Floats]


def mixed(arm: Parts, control: Parts, groups: Groups) -> Floats:
    """Willingness of each coalition, and last that of the control arm, (2^k + 1, C) nats, from two accounts.

    arm, control: the parts of willingness, (C,) each; one that is missing has weight 0. A coalition's groups are the
    set bits of its row number. All rows are summed in one order, so that groups without a difference make none.

    Examples
    --------
    >>> arm, control = {"hostility": np.array([2.0])}, {"hostility": np.array([1.0]), "ladder": np.array([0.5])}
    >>> mixed(arm, control, {"fear": ("hostility",)}).tolist()  # nobody; fear; the control arm
    [[1.0], [2.0], [1.5]]
    """
    grouped = {term for terms in groups.values() for term in terms}
    rest = [name for name in ORDER if name not in grouped]
    u, reference = _summed(arm, rest)[None], _summed(control, rest)
    for terms in groups.values():
        theirs = _summed(control, terms)
        u = np.concatenate([u + theirs, u + _summed(arm, terms)])
        reference = reference + theirs
    return np.concatenate([u, reference[None]])


def _summed(parts: Parts, names: Iterable[str]) -> Floats:
    total = np.zeros_like(next(iter(parts.values())))
    for name in names:
        if name in parts:
            total = total + parts[name]
    return total


@dataclass
class Coalitions:
    """Sums over the opportunities of the control arm's replications, as `analysis.direct.along_control` shows them.

    direction: (P,) class of each dyad. worth: (R, 2^k) what each coalition adds to the control arm's outcome."""

    worlds: Worlds
    arm: str
    groups: Groups
    outcome: str
    windows: Windows
    direction: Ints
    worth: Floats = field(default_factory=lambda: np.empty((0, 0)))

    def look(self, seen: Sight) -> None:
        """One step of one arm: first of that which is explained, then of the control arm."""
        chances, rows = seen.chances, seen.rows
        run, pair, kind = chances.run[rows], chances.pair[rows], chances.kind[rows]
        both = Prospects.of_both_sides(
            seen.world, self.worlds.baseline, seen.view, seen.state, run, pair, kind
        )
        parts = account(both)
        if seen.world.arm == self.arm:
            self._own = parts
            return
        runs = len(seen.state.runs)
        if seen.view.step == 0:
            self.prospect = prospect_of(self.worlds, chances, self.windows)
            self._signed = self.signed(chances, self.prospect)
            self.worth = np.zeros((runs, 1 << len(self.groups)))
        sides = consent(mixed(self._own, parts, self.groups))
        *opens, reference = (
            filtered(seen.world, chances, seen.thin, seen.state, rows, of.reshape(2, -1).T) for of in sides
        )
        for coalition, opened in enumerate(opens):
            gained = (opened - reference) * self._signed[rows]
            self.worth[:, coalition] += np.bincount(run, gained, minlength=runs)

    def signed(self, chances: Opportunities, prospect: Prospect) -> Floats:
        """(C,) probability that talks opened at each opportunity become an agreement that the outcome counts."""
        counted, ladder = outcome_named(self.outcome), self.worlds.reference.ladder
        assert counted.window is not None
        within = prospect.signed[counted.window]
        if counted.kind is not None:
            return np.asarray(within * (chances.kind == ladder.names.index(counted.kind)))
        within = np.asarray(within * (ladder.security[chances.kind] == (counted.measure == COUNTS[0])))
        if counted.direction is not None:
            return np.asarray(within * (self.direction[chances.pair] == DIRECTIONS.index(counted.direction)))
        return within


@dataclass(frozen=True)
class Mixing:
    """The work on a batch of runs. Sent to a worker process once."""

    worlds: Worlds
    arm: str
    seed: int
    groups: Groups
    outcome: str
    draws: bool = False

    def __call__(self, numbers: Runs) -> Floats:
        """(R, 2^k + 1) the direct effect of each coalition, and the control arm's filtered outcome."""
        worlds = with_draws(self.worlds, self.seed, numbers) if self.draws else self.worlds
        control, cast = worlds.reference, focal_cast(worlds)
        windows = focal_windows(worlds)
        sums = Coalitions(worlds, self.arm, self.groups, self.outcome, windows, cast.direction)
        along = along_control(worlds, self.seed, numbers, (self.arm,), sums.look)
        found = Filtered(
            control, along.chances, along.control, sums.prospect, windows, cast.direction, len(numbers)
        )
        level = filtered_outcomes(found)[self.outcome]
        return np.column_stack([sums.worth, level])

"""What is counted in each run and arm. New agreements are those signed after the focal date that were neither
signed nor scheduled at the start; those already in talks are counted among them and shown apart.

Security agreements, the kinds with `security: true`, are the outcomes `accords_*`; all other kinds are declarations,
and have outcomes `declarations_*` of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import numpy as np
import numpy.typing as npt

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, ORIGINS
from balance_sim.model.state import Accords

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ACCELERATED_DAYS = 30
COUNTS = ("accords", "declarations")
"""What begins the names of counts by direction: security agreements, and the agreements of all other kinds."""
FILTERED = "filtered_"  # begins the name of the column with the filtered estimate of a number of agreements
NEW = ("new", "assumed", "talks")
NEW_ORIGINS = tuple(ORIGINS.index(origin) for origin in NEW)
FROM_TALKS = tuple(ORIGINS.index(origin) for origin in ("assumed", "talks"))


def days_after(signed: Floats, focal_day: float) -> Floats:
    """Whole days from the focal date to the date of signature."""
    return np.floor(signed) - focal_day


def is_new(accords: Accords, focal_day: float, window: float) -> Bools:
    """(K,) new accords signed within `window` days after the focal date."""
    after = days_after(accords.signed, focal_day)
    return np.isin(accords.origin, NEW_ORIGINS) & (after >= 1) & (after <= window)


def in_force_between(in_force: Floats, first: float, stop: float) -> Bools:
    """(K,) whether agreements came into force from one moment to another, days from the start."""
    return np.asarray((in_force >= first) & (in_force < stop))


class OutcomeType(Enum):
    """What the values of an outcome are, which decides how large a jump its interval has room for."""

    COUNT = "count"  # of agreements or of states: whole numbers
    SHARE = "share"  # a count over a fixed total: it moves in steps
    CONTINUOUS = "continuous"  # on a scale, days too


TYPES = {
    **{f"{what}_": OutcomeType.COUNT for what in COUNTS},
    "from_talks_": OutcomeType.COUNT,
    "in_force_": OutcomeType.COUNT,
    "accelerated_": OutcomeType.COUNT,
    "scheduled_": OutcomeType.COUNT,
    "states_": OutcomeType.COUNT,
    "room_host_": OutcomeType.COUNT,
    "camps_moved_": OutcomeType.COUNT,
    "coalition_": OutcomeType.SHARE,
    "camps_frustration_": OutcomeType.SHARE,
    **dict.fromkeys(
        (
            "first_counter_days",
            "days_without_counter_",
            "insecurity_",
            "effort_",
            "alignment_participants_",
            "defence_host_",
            "room_rate_host_",
            "dependence_host_",
            "neutrality_gap_host_",
            "relations_",
            "hostility_",
            "drawn_in_",
            "credibility_",
            "influence_",
            "polarisation_",
            "camps_energy_",
        ),
        OutcomeType.CONTINUOUS,
    ),
}
"""What every outcome is, by the beginning of its name. A table of outcomes with any other name is not made."""


def type_of(outcome: str) -> OutcomeType:
    """What an outcome's values are. Raises LookupError for one that is not declared in TYPES.

    >>> type_of("camps_moved_365"), type_of("polarisation_365")
    (<OutcomeType.COUNT: 'count'>, <OutcomeType.CONTINUOUS: 'continuous'>)"""
    for beginning, kind in TYPES.items():
        if outcome.startswith(beginning):
            return kind
    raise LookupError(f"`{outcome}` is no outcome whose type is declared in replications/outcomes.py")


def least_jump(outcome: str, steps: Mapping[str, float] | None = None) -> float:
    """How much a run that differs differs by: 1 in a count, one step in a share, nothing on a scale.

    steps: of shares, by the beginning of the name (`observed.share_steps`). The least jump of an outcome that
    another version knew and this one does not is nothing.

    >>> least_jump("camps_moved_365"), least_jump("coalition_365", {"coalition_": 0.2}), least_jump("effort_host_90")
    (1.0, 0.2, 0.0)"""
    if outcome.startswith(_COUNTED):
        return 1.0
    return next((step for name, step in (steps or {}).items() if outcome.startswith(name)), 0.0)


_COUNTED = tuple(name for name, kind in TYPES.items() if kind is OutcomeType.COUNT)


def fixed_beforehand(outcome: str) -> bool:
    """Whether no arm can change an outcome."""
    return outcome.startswith("scheduled_")


def outcomes_of(worlds: Worlds, made: Accords, twin: Accords | None, runs: int) -> dict[str, Floats]:
    """Each outcome as a column over the runs of one arm; `twin`: the same runs in the reference arm.

    twin None: those runs are not at hand, and the outcome that needs them is left out."""
    world, windows = worlds.reference, sorted(worlds.scenario.report.windows)
    day, horizon = world.focal_day, world.grid[-1] - world.focal_day

    def count(rows: Bools) -> Floats:
        return np.bincount(made.run[rows], minlength=runs).astype(float)

    out: dict[str, Floats] = {}
    direction = worlds.baseline.direction[made.pair]
    security = world.ladder.security[made.kind]
    for window in windows:
        new = is_new(made, day, window)
        for what, of_these in zip(COUNTS, (new & security, new & ~security), strict=True):
            for index, name in enumerate(DIRECTIONS):
                out[f"{what}_{name}_{window}"] = count(of_these & (direction == index))
            out[f"{what}_all_{window}"] = count(of_these)
    longest = windows[-1]
    new = is_new(made, day, longest)
    for index, kind in enumerate(world.ladder.names):
        out[f"accords_{kind}_{longest}"] = count(new & (made.kind == index))
    out[f"from_talks_{longest}"] = count(new & security & np.isin(made.origin, FROM_TALKS))
    effective = days_after(made.in_force, day)
    came = in_force_between(made.in_force, day + 1.0, min(day + 1.0 + longest, world.grid[-1]))
    out[f"in_force_{longest}"] = count(came & (made.origin != ORIGINS.index("in_force")))
    scheduled = made.origin == ORIGINS.index("scheduled")
    out[f"scheduled_{longest}"] = count(scheduled & (effective >= 1) & (effective <= longest))

    counter = is_new(made, day, horizon) & security & (direction == DIRECTIONS.index("counter"))
    first = np.full(runs, np.inf)
    np.minimum.at(first, made.run[counter], days_after(made.signed[counter], day))
    out["first_counter_days"] = np.where(np.isfinite(first), first, np.nan)
    out[f"days_without_counter_{longest}"] = np.minimum(first, float(longest))
    if twin is not None:
        out[f"accelerated_{longest}"] = count(
            earlier_than_twin(made, twin, ACCELERATED_DAYS) & new & security
        )
    return out


def earlier_than_twin(made: Accords, twin: Accords, days: int) -> Bools:
    """(K,) accords signed at least `days` days earlier than the same accord in the twin run.

    The same accord: same run, pair, kind, origin and opportunity. One that the twin has not signed by
    the horizon is no acceleration but a difference of its own."""
    mine, theirs = _identity(made), _identity(twin)
    order = np.argsort(theirs)
    if not len(order):
        return np.zeros(len(mine), dtype=bool)
    place = np.minimum(np.searchsorted(theirs[order], mine), len(order) - 1)
    match = order[place]
    found = theirs[match] == mine
    both = found & np.isfinite(made.signed) & np.isfinite(twin.signed[match])
    lead = np.floor(np.where(both, twin.signed[match], 0.0)) - np.floor(np.where(both, made.signed, 0.0))
    return np.asarray(both & (lead >= days))


def _identity(a: Accords) -> npt.NDArray[np.int64]:
    return (((a.run * 100_000 + a.pair) * 100 + a.kind) * 10 + a.origin) * 1_000 + a.count

"""Goodness of fit as `gof` finds it: a comparison with its residuals, written and read
back for figures and reports.

Martingale residuals: agreements signed so far, less the hazard of signing integrated
along what was observed.

The engine is taken through the record: each agreement of the span is signed, and comes
into force, on its own day, and nothing else is. In each step the model gives the rate
at which talks would open, ceiling_m sigma(u_ij) sigma(u_ji), with the beliefs, partners
and experience of that day. Talks are not observed, so each clock carries the
probabilities that it is idle, and in talks opened in each earlier step, given no
signature since; at the start those of the steady state. The probability of a signature
in the next step follows; its sum over steps is the compensator Lambda(t):

    M(t) = N(t) - Lambda(t)

is a martingale if the model is right (Andersen, Borgan, Gill, Keiding 1993, Statistical
Models Based on Counting Processes, II.4 and VII.3; Therneau, Grambsch, Fleming 1990,
Biometrika 77(1)). On the clock Lambda the signatures are then a Poisson process of rate
1 (time rescaling: Brown, Barbieri, Ventura, Kass, Frank 2002, Neural Computation
14(2)), so their times divided by Lambda at the end are uniform, which the
Kolmogorov-Smirnov test tries; their number has its own test. Left out: that talks can
run faster than speed 1.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from balance_sim.effects.dyad_probabilities import both_consent, kinds_named
from balance_sim.evidence.goodness.networks import (
    Agreements,
    GofComparison,
    Group,
    Span,
    Statistic,
)
from balance_sim.evidence.goodness.statistics import MahalanobisFit
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import (
    DAYS_PER_YEAR,
    Bools,
    Floats,
    Ints,
    Opportunities,
    Thinning,
    World,
)
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import chance_under_way, mean_openness, opportunity_rate
from balance_sim.scenario.errors import OneLine, plain_data
from balance_sim.scenario.files import regular_bytes
from balance_sim.scenario.schema import Agreement, Scenario

AGES = 48
"""Ages of talks under way at the start that are told apart, up to `LONG` times their
mean length."""
LONG = 6.0
LATE = date(9000, 1, 1)
SEED = 0
"""Of the lags from signature to force that the record does not tell."""
FILE = "gof.json"
LARGEST = 64 << 20  # bytes that are read at most
NUMBERS = ("observed", "mean", "q05", "q95")
TEST = ("p", "p_sienagof", "distance", "dimension", "variances_alone")
"""Keys of the file: of a statistic after its name, and of a test. Below of the
residuals, with their fields."""
ARRAYS = {
    "day": "day",
    "signed": "signed",
    "integrated_hazard": "expected",
    "rescaled_times": "times",
}
P_VALUES = ("level_p", "ks", "ks_p")


class NotGoodnessOfFit(ValueError):
    """A file that is no document of `gof`, or lacks a part of one."""


@dataclass(frozen=True, repr=False)
class GoodnessOfFit(OneLine):
    """A comparison; residuals, if the model's hazards are known; names: code -> name of
    a state; about: what was compared: `subject`, `title`, `arm`, `seed`, `version`,
    `command`, each only where there is one; notes: in words."""

    comparison: GofComparison
    residuals: Residuals | None = None
    names: dict[str, str] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def as_dict(self, *, simulated: bool = False) -> dict[str, Any]:
        """The JSON of `gof --json` (docs/json.md). simulated: with every statistic of
        every replication, as the file has it, from which figures are drawn."""
        found, one, residuals = self.comparison, self.residuals, None
        first, last = found.span.first, found.span.stop - timedelta(days=1)
        if one is not None:
            residuals = {
                "start": one.start.isoformat(),
                "observed": one.signed[-1],
                "expected": one.expected[-1],
                **{key: getattr(one, key) for key in P_VALUES},
                **{key: getattr(one, name) for key, name in ARRAYS.items()},
                "states": dict(zip(one.codes, one.by_state, strict=True)),
            }
        out: dict[str, Any] = plain_data(
            {
                "about": self.about,
                "span": {
                    "first": first.isoformat(),
                    "last": last.isoformat(),
                    "years": found.span.years,
                },
                "replications": found.replications,
                "agreements": found.observed,
                "p": found.p,
                "groups": [_group(one, simulated=simulated) for one in found.groups],
                "states": [
                    {
                        "state": one.name,
                        "name": self.names.get(one.name, one.name),
                        **_numbers(one),
                    }
                    for one in found.states
                ],
                "residuals": residuals,
                "notes": [*found.notes, *self.notes],
            }
        )
        return out


def _numbers(one: Statistic) -> dict[str, float]:
    return dict(zip(NUMBERS, astuple(one)[1:], strict=True))


def _group(one: Group, *, simulated: bool) -> dict[str, Any]:
    rows = [
        {"name": of.name, **_numbers(of), "outside": bool(of.outside)}
        for of in one.statistics
    ]
    test = astuple(one.fit)[: len(TEST)] if one.fit else (None,) * len(TEST)
    out = {
        "name": one.name,
        **dict(zip(TEST, test, strict=True)),
        "not_tested": one.why,
        "statistics": rows,
    }
    return out | ({"simulated": one.simulated.T} if simulated else {})


def gof_path(path: Path) -> Path | None:
    """The file to read where a path names what `gof` wrote: that file, or a folder that
    holds it. Else None."""
    if path.name == FILE and path.is_file():
        return path
    return path / FILE if (path / FILE).is_file() else None


def read_gof(path: Path) -> GoodnessOfFit:
    """What stands in a file that `gof` wrote. Raises NotGoodnessOfFit where it is
    something else."""
    try:
        return _read(json.loads(regular_bytes(path, LARGEST)))
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
    ) as error:
        why = (
            f"`{error.args[0]}` is missing"
            if isinstance(error, KeyError)
            else "it cannot be read as one"
        )
        raise NotGoodnessOfFit(f"this is not what `gof` wrote: {why}") from None


def _read(tree: dict[str, Any]) -> GoodnessOfFit:
    first, last = (date.fromisoformat(tree["span"][key]) for key in ("first", "last"))
    comparison = GofComparison(
        Span(first, last + timedelta(days=1)),
        int(tree["replications"]),
        int(tree["agreements"]),
        tuple(_group_of(one) for one in tree["groups"]),
        tuple(
            Statistic(one["state"], *_floats(one, NUMBERS)) for one in tree["states"]
        ),
        float(tree["p"]),
    )
    residuals = None
    if (held := tree["residuals"]) is not None:
        day, signed, expected, times, by_state = (
            np.array(of, float)
            for of in (*(held[key] for key in ARRAYS), [*held["states"].values()])
        )
        level_p, ks, ks_p = _floats(held, P_VALUES)
        start, codes = date.fromisoformat(held["start"]), tuple(held["states"])
        residuals = Residuals(
            start, day, signed, expected, times, codes, by_state, ks, ks_p, level_p
        )
    names = {one["state"]: str(one["name"]) for one in tree["states"]}
    return GoodnessOfFit(
        comparison,
        residuals,
        names,
        dict(tree["about"]),
        tuple(map(str, tree["notes"])),
    )


def _floats(one: dict[str, Any], keys: Sequence[str]) -> list[float]:
    """Of some keys; NaN for null."""
    return [float(value) for value in np.array([one[key] for key in keys], float)]


def _group_of(one: dict[str, Any]) -> Group:
    rows = tuple(
        Statistic(of["name"], *_floats(of, NUMBERS)) for of in one["statistics"]
    )
    fit = None
    if one["p"] is not None:
        p, published, distance, dimension, diagonal = (one[key] for key in TEST)
        fit = MahalanobisFit(
            float(p), float(published), float(distance), int(dimension), bool(diagonal)
        )
    return Group(
        one["name"], rows, np.array(one["simulated"], float).T, fit, one["not_tested"]
    )


@dataclass(frozen=True)
class Residuals:
    """Of one record.

    day: (S + 1,) step boundaries, days from the start; signed: (S + 1,) N, agreements
    signed before each; expected: (S + 1,) Lambda; times: (N,) Lambda at each signature,
    in order; by_state: (n,) expected agreements of each state, in the order of `codes`;
    ks, ks_p: Kolmogorov-Smirnov distance of times / Lambda(end) from the uniform, and
    its p, NaN without a signature; level_p: two-sided exact Poisson p of N, given
    Lambda(end)."""

    start: date
    day: Floats
    signed: Floats
    expected: Floats
    times: Floats
    codes: tuple[str, ...]
    by_state: Floats
    ks: float
    ks_p: float
    level_p: float


def residuals_of(
    scenario: Scenario, observed: Agreements, kinds: tuple[str, ...] = ()
) -> Residuals:
    """Take a scenario, from its start to its end, through agreements signed in that
    time.

    observed: all within the scenario's time, states by position in `scenario.codes`.
    kinds: those that count, all if none is named; agreements of other kinds happen
    too."""
    worlds = compile_worlds(through(scenario, observed))
    world = worlds.reference
    counts = kinds_named(world, kinds)
    place = np.array([world.codes.index(code) for code in scenario.codes])
    kind = np.array(
        [world.ladder.names.index(str(name)) for name in observed.kind], dtype=np.int64
    )
    day = (observed.signed - scenario.start.toordinal()).astype(np.float64)
    dyad = world.dyad_index[place[observed.a], place[observed.b]]
    of = counts[kind]
    day, dyad, kind = day[of], dyad[of], kind[of]
    filtered = FilteredClocks(
        worlds, known_talks(scenario, world), counts, day, dyad, kind
    )
    none, blank = np.empty(0), np.empty(0, dtype=np.int64)
    steps = np.zeros(world.steps + 1, np.int64)
    nothing = Opportunities(
        none, blank, blank, blank, blank, np.empty((0, 2)), none, steps, thinned=False
    )
    silent = replace(worlds.baseline, keen=np.zeros_like(worlds.baseline.keen))
    runs = np.zeros(1, dtype=np.uint64)
    simulate(
        world,
        silent,
        nothing,
        Thinning(np.empty(0, bool), none),
        SEED,
        runs,
        filtered.look,
    )
    step = np.concatenate([[0.0], np.cumsum([one.sum() for one in filtered.chance])])
    by_dyad = np.sum([one.sum(axis=1) for one in filtered.chance], axis=0)
    by_state = np.add(
        *(np.bincount(side, by_dyad, world.n) for side in (world.first, world.second))
    )
    days = np.sort(spread_out(day))
    times = np.interp(days, world.grid, step)
    ks, ks_p = uniform(times / step[-1] if step[-1] > 0 else times)
    signed = np.searchsorted(days, world.grid, side="left").astype(np.float64)
    level_p = poisson_p(len(days), float(step[-1]))
    return Residuals(
        scenario.start,
        world.grid,
        signed,
        step,
        times,
        scenario.codes,
        by_state[place],
        ks,
        ks_p,
        level_p,
    )


def through(scenario: Scenario, observed: Agreements) -> Scenario:
    """The scenario with the agreements on its record as having their dates fixed, and
    without its own talks."""
    rows = []
    for k, (signed, force) in enumerate(
        zip(observed.signed.tolist(), observed.force, strict=True)
    ):
        entry = LATE if np.isinf(force) else None
        if np.isfinite(force):
            entry = date.fromordinal(signed + int(max(force, 0)))
        rows.append(
            Agreement.model_construct(
                id=f"observed-{k}",
                a=scenario.codes[observed.a[k]],
                b=scenario.codes[observed.b[k]],
                kind=str(observed.kind[k]),
                status="talks",
                scheduled_signed=date.fromordinal(signed),
                scheduled_in_force=entry,
            )
        )
    known = [
        agreement for agreement in scenario.agreements if agreement.status != "talks"
    ]
    return scenario.model_copy(
        update={"accords": (*known, *rows), "sha256": ""}
    ).counted_as(None)


def known_talks(scenario: Scenario, world: World) -> Floats:
    """(P, M) days that talks on record have lasted at the start, NaN where there are
    none."""
    out = np.full((len(world.first), len(world.ladder.names)), np.nan)
    for one in scenario.agreements:
        if one.status == "talks":
            lasted = (
                0 if one.opened is None else max((scenario.start - one.opened).days, 0)
            )
            dyad = world.dyad_index[world.codes.index(one.a), world.codes.index(one.b)]
            out[dyad, world.ladder.names.index(one.kind)] = lasted
    return out


class FilteredClocks:
    """What is known of each clock, given N signatures: day from the start, dyad and
    kind. At the start the steady state of unobserved negotiations, and those on record.

    idle: (P, M) probability; talks: (C, P, M) probability of talks that opened on the
    days `opened`, (C, M); counts: (M,) kinds that do; held: (P, M) signed and not yet
    in force; chance: by step, (P, M) probability of a signature."""

    def __init__(
        self,
        worlds: Worlds,
        lasted: Floats,
        counts: Bools,
        day: Floats,
        dyad: Ints,
        kind: Ints,
    ) -> None:
        self.world, self.baseline, self.counts = (
            worlds.reference,
            worlds.baseline,
            counts,
        )
        self.day, self.dyad, self.kind = day, dyad, kind
        world, ladder, shape = self.world, self.world.ladder, lasted.shape
        under_way = chance_under_way(world, self.baseline).reshape(-1, *shape)[0]
        width = LONG * ladder.talks_days / AGES  # (M,)
        age = (np.arange(AGES)[:, None] + 0.5) * width
        share = (
            survives(world, age) / ladder.talks_days * width
        )  # (AGES, M), of the steady state
        share /= np.maximum(share.sum(axis=0), 1e-300)
        collapse = np.exp(-age * world.rules.collapse_rate / DAYS_PER_YEAR)
        on_record = np.isfinite(lasted)
        talks = [np.where(on_record, 0.0, under_way) * (share * collapse)[:, None, :]]
        opened = [-age]
        for age_of in np.unique(lasted[on_record]):
            opened.append(np.full((1, shape[1]), -age_of))
            talks.append((lasted == age_of).astype(np.float64)[None])
        self.idle: Floats = 1.0 - np.concatenate(talks).sum(axis=0)
        self.talks: Floats = np.concatenate([*talks, np.zeros((world.steps, *shape))])
        self.opened: Floats = np.concatenate(
            [*opened, np.zeros((world.steps, shape[1]))]
        )
        self.held = np.zeros(shape, dtype=bool)
        self.chance: list[Floats] = []

    def look(self, world: World, state: BlockState, view: View) -> None:
        """One step: who signed in the last one starts anew, then what may be signed in
        this one."""
        start, stop = world.grid[view.step], world.grid[view.step + 1]
        self._start_anew(state, start)
        openness = mean_openness(world, np.array([start, stop]))[0][:, None]
        often = opportunity_rate(world) * openness / DAYS_PER_YEAR
        rate = both_consent(world, self.baseline, state, view)[0] * often
        self.chance.append(
            self._pass(rate, view.step, float(start), float(stop)) * self.counts
        )

    def _start_anew(self, state: BlockState, start: float) -> None:
        """A clock is idle after a signature, but held from then until the agreement is
        in force."""
        before = self.world.grid[max(len(self.chance) - 1, 0)]
        ours = (self.day >= before) & (self.day < start)
        a = state.agreements
        waits = a.stage == 1
        held = np.zeros_like(self.held)
        held[a.dyad[waits], a.kind[waits]] = True
        free = self.held & ~held
        free[self.dyad[ours], self.kind[ours]] = True
        self.talks[:, free | held] = 0.0
        self.idle[free] = 1.0
        self.idle[held] = 0.0
        self.held = held

    def _pass(self, rate: Floats, step: int, start: float, stop: float) -> Floats:
        """(P, M) probability of a signature in a step; and what is known after it if
        there was none."""
        world, length = self.world, stop - start
        lasts = np.exp(-length * world.rules.collapse_rate / DAYS_PER_YEAR)
        now = len(self.talks) - world.steps + step  # the cohort that opens in this step
        earlier = self.talks[:now]
        age = start - self.opened[:now]
        still = survives(world, age + length) / np.maximum(
            survives(world, age), 1e-300
        )  # (C, M)
        signs = np.einsum("cpm,cm->pm", earlier, 1.0 - still) * np.sqrt(lasts)
        before = earlier.sum(axis=0)
        earlier *= (still * lasts)[:, None, :]
        opens = self.idle * -np.expm1(-rate * length)
        at_once = 1.0 - survives(world, np.full((1, rate.shape[1]), length / 2))[0]
        self.opened[now] = (start + stop) / 2
        self.talks[now] = opens * (1.0 - at_once) * np.sqrt(lasts)
        chance = signs + opens * at_once
        lost = before - signs - earlier.sum(axis=0)
        self.idle = (
            self.idle
            - opens
            + np.maximum(lost, 0.0)
            + opens * (1 - at_once) * (1 - np.sqrt(lasts))
        )
        none = np.maximum(1.0 - chance, 1e-12)
        self.idle /= none
        self.talks[: now + 1] /= none
        return np.asarray(chance)


def survives(world: World, age: Floats) -> Floats:
    """(C, M) probability that talks of each kind last longer than so many days, if they
    do not collapse."""
    from scipy.special import gammaincc

    shape, mean = world.ladder.talks_shape, world.ladder.talks_days
    return np.asarray(gammaincc(shape, np.maximum(age, 0.0) * shape / mean))


def spread_out(day: Floats) -> Floats:
    """Days with the signatures of one day spread evenly over it: what is signed on one
    day is in no order.

    >>> spread_out(np.array([3.0, 3.0, 5.0])).tolist()
    [3.25, 3.75, 5.5]"""
    order = np.argsort(day, kind="stable")
    _, index, count = np.unique(day[order], return_inverse=True, return_counts=True)
    place = np.arange(len(day)) - (np.cumsum(count) - count)[index]
    out = np.empty(len(day))
    out[order] = day[order] + (place + 0.5) / count[index]
    return out


def uniform(shares: Floats) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance of numbers in 0..1 from the uniform distribution, and
    its p."""
    from scipy.stats import kstest

    if not len(shares):
        return float("nan"), float("nan")
    found = kstest(np.clip(shares, 0.0, 1.0), "uniform")
    return float(found.statistic), float(found.pvalue)


def poisson_p(count: int, mean: float) -> float:
    """Two-sided exact p of a Poisson count: twice the smaller tail, 1 at the most."""
    from scipy.stats import poisson

    return float(
        min(2 * min(poisson.cdf(count, mean), poisson.sf(count - 1, mean)), 1.0)
    )

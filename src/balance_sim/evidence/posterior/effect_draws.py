"""The headline effect over draws of the parameters: how wide it is before and after the
data, and what makes it so.

The *expected* estimator gives each joint draw's level, effect and channels. Classes of
dyads stay as written, so that every draw counts the same dyads. The 95 % interval over
draws is what is not known of the parameters; nothing is simulated, so Monte Carlo error
is no part of it. Theories are the shipped presets at one base rate, each with its
weight by stacking (`stats.stacking`) where the scenario's own record could score
them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from balance_sim.effects.channels import forms, parts
from balance_sim.effects.expected import Estimator
from balance_sim.effects.placebos import PlaceboTest, placebos
from balance_sim.evidence.posterior.parameter_draws import posterior_draws, prior_draws
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DIRECTIONS, Floats, Ints, World, content_key
from balance_sim.scenario import Scenario, with_values
from balance_sim.scenario.defaults import presets
from balance_sim.scenario.errors import OneLine, WrongRequest
from balance_sim.stats.variance import known_alone, shapley_effects
from balance_sim.study.arms import chosen_arms, compile_arms, headline_arm
from balance_sim.study.draws import CODING, Draws, at
from balance_sim.study.outcomes import Outcome
from balance_sim.study.processes import map_in_order

COLUMNS = ("level", "picture", "threat", "rest", "total")
"""Of each draw: the control arm's level, the parts of the effect, and the effect."""
CHUNK = 25  # draws a task
FEW = 200  # draws where no number is given: 2.5 % quantiles rest on five of them
QUANTILES = np.round(
    np.linspace(0.005, 0.995, 100), 3
)  # of the effect, kept for figures
TOP = 5  # single parameters named
FEWEST = 1000  # draws from which on the spread is divided among groups of parameters
A_WALK = 10  # draws for each walk between two of them
Tell = Callable[[int, int], None] | None
GROUPS: dict[str, tuple[str, ...]] = {
    "event weights": (".alignment", ".intent", ".reliability"),
    "half-lives of events": (".half_life_days",),
    "attention, visibility and targets": ("audiences.", "events.", CODING),
    "beliefs": ("parameters.alpha", "parameters.eta", "parameters.prior_tension"),
    "capability and reach": (
        *("capability.", "parameters.delta_km", "parameters.gamma", "parameters.beta"),
        *("parameters.nuclear_offence", "parameters.s0", "parameters.gain_floor"),
    ),
    "weights of consent": (
        "theory.weights.",
        "parameters.change_",
        "parameters.d0_km",
        "parameters.experience",
        "parameters.activity",
    ),
    "level of agreements": (".intercept", ".ceiling", "base_rate", "states."),
    "talks and entry into force": (
        *(
            ".talks_days",
            ".talks_shape",
            ".at_once",
            ".force_days",
            ".force_shape",
            "parameters.talks_",
        ),
        *(
            "parameters.collapse_rate",
            "parameters.end_rate",
            ".depth",
            ".calm",
            "parameters.factor_",
        ),
    ),
    "effort": ("parameters.effort",),
}
"""Groups of parameters, by what their key paths begin or end with."""


def effect_of(worlds: Worlds, arm: str) -> tuple[float, ...]:
    """COLUMNS of an arm, from counter-balancing dyads alone; picture and threat are 0
    without the focal event."""
    counter = np.flatnonzero(worlds.baseline.direction == DIRECTIONS.index("counter"))
    estimator, by_content = Estimator(worlds), dict[bytes, float]()
    longest = estimator.windows.longest
    windows = replace(estimator.windows, days=(longest,))

    def worth(world: World) -> float:
        """Worked out once for worlds of equal contents: with neither channel most arms
        are the control arm."""
        key = content_key(world, ("arm",))
        if key not in by_content:
            signed = estimator.of(world, counter, windows).by_dyad(longest)
            by_content[key] = float(signed.sum())
        return by_content[key]

    level = worth(worlds.reference)
    found = [worth(world) for world in forms(worlds, arm)]
    if not found:
        total = worth(worlds.arms[arm]) - level
        return level, 0.0, 0.0, total, total
    return level, *parts(found, level).values()


def _effect(arm: str, scenario: Scenario) -> tuple[float, ...]:
    return effect_of(compile_arms(scenario, (scenario.reference_arm, arm)), arm)


def _of_chunk[R](
    of: Callable[[Scenario], R], scenario: Scenario, draws: Draws, ks: range
) -> list[R]:
    return [of(at(scenario, draws, k)) for k in ks]


def _named(ks: range) -> str:
    return f"draws {ks.start + 1} to {ks.stop}"


def over_draws[R](
    of: Callable[[Scenario], R],
    scenario: Scenario,
    draws: Draws,
    chunk: int,
    workers: int,
    progress: Tell = None,
) -> list[R]:
    """What `of` gives of the scenario in each draw, a chunk of them at a time, whatever
    the number of workers."""
    chunks = [
        range(first, min(first + chunk, len(draws)))
        for first in range(0, len(draws), chunk)
    ]
    out: list[R] = []
    for found in map_in_order(
        partial(_of_chunk, of, scenario, draws), chunks, workers, _named
    ):
        out += found
        if progress:
            progress(len(out), len(draws))
    return out


def effects_over(
    scenario: Scenario,
    draws: Draws,
    arm: str,
    *,
    workers: int = 1,
    progress: Tell = None,
) -> Floats:
    """(D, 5) COLUMNS of each joint draw of a complete scenario's parameters."""
    found = over_draws(partial(_effect, arm), scenario, draws, CHUNK, workers, progress)
    return np.array(found).reshape(-1, len(COLUMNS))


@dataclass(frozen=True)
class OverDraws:
    """A number over draws: median, mean, 95 % interval, share of draws above 0."""

    median: float
    mean: float
    ci95: tuple[float, float]
    positive: float

    @staticmethod
    def of(values: Floats) -> OverDraws:
        """Of (D,) draws; the interval is that of the 2.5 % and 97.5 % quantiles."""
        low, middle, high = np.quantile(values, [0.025, 0.5, 0.975])
        return OverDraws(
            float(middle),
            float(values.mean()),
            (float(low), float(high)),
            float((values > 0).mean()),
        )


@dataclass(frozen=True)
class DrawnEffect:
    """The effect over draws of one distribution of the parameters. quantiles: at
    QUANTILES. sha256: of the draws."""

    draws: int
    sha256: str
    of: Mapping[str, OverDraws]
    quantiles: tuple[float, ...]

    @staticmethod
    def found(draws: Draws, values: Floats) -> DrawnEffect:
        """values: (D, 5), as `effects_over` gives them."""
        of = {name: OverDraws.of(values[:, k]) for k, name in enumerate(COLUMNS)}
        return DrawnEffect(
            len(draws),
            draws.sha256,
            of,
            tuple(map(float, np.quantile(values[:, -1], QUANTILES))),
        )

    def in_short(self) -> dict[str, float]:
        """Draws, mean, median and the ends of the 95 % interval of the effect."""
        of, (low, high) = self.of["total"], self.of["total"].ci95
        return {
            "draws": self.draws,
            "mean": of.mean,
            "q025": low,
            "q50": of.median,
            "q975": high,
        }


@dataclass(frozen=True)
class TheoryEffect:
    """What one theory says at the shipped values, at one base rate. weight: by
    stacking; None where not scored."""

    name: str
    level: float
    picture: float
    threat: float
    total: float
    weight: float | None = None


@dataclass(frozen=True)
class VarianceShares:
    """What carries the spread of the effect over draws.

    shares: Shapley effects by group, of the variance of the effect's place among all
    draws, so that no single far draw decides; their sum is 1. sd_if_known: what would
    be left of the effect's sd, on average, if a single parameter were known, for those
    of which that is least."""

    source: str
    walks: int
    shares: Mapping[str, float]
    errors: Mapping[str, float]
    sd: float
    sd_if_known: Mapping[str, float]


def walks_between(
    draws: Draws, groups: Mapping[str, Sequence[int]], count: int
) -> tuple[Draws, Ints]:
    """The draws between pairs of draws, and (count, G) the order in which groups, taken
    as independent, are exchanged.

    Walk w leads from draw 2 w to draw 2 w + 1; of its G - 1 draws between, each has one
    group more of the second."""
    columns, rng = list(groups.values()), np.random.default_rng(len(draws))
    order = rng.permuted(np.tile(np.arange(len(columns)), (count, 1)), axis=1)
    rows = []
    for walk in range(count):
        here = draws.values[2 * walk].copy()
        for group in order[walk, :-1]:
            here[columns[group]] = draws.values[2 * walk + 1, columns[group]]
            rows.append(here.copy())
    return Draws(
        draws.paths, np.array(rows).reshape(-1, len(draws.paths)), draws.source, ""
    ), order


def variance_shares(
    scenario: Scenario,
    draws: Draws,
    total: Floats,
    arm: str,
    walks: int,
    *,
    workers: int = 1,
    progress: Tell = None,
) -> VarianceShares:
    """What carries the spread of an arm's effect. total: (D,) effect of each draw;
    walks: at most half of the draws."""
    groups = grouped(draws.paths)
    between, order = walks_between(draws, groups, walks)
    inner = effects_over(scenario, between, arm, workers=workers, progress=progress)[
        :, -1
    ]
    ends = total[: 2 * walks].reshape(-1, 2)
    whole = np.column_stack([ends[:, 0], inner.reshape(walks, -1), ends[:, 1]])
    ordered = np.sort(total)
    place = (
        np.searchsorted(ordered, whole) + np.searchsorted(ordered, whole, side="right")
    ) / (2 * len(total))
    found = shapley_effects(place, order)
    sd, single = float(total.std()), known_alone(total, draws.values)
    first = [k for k in np.argsort(-single, kind="stable")[:TOP] if single[k] > 0]
    known = {draws.paths[k]: sd * float(np.sqrt(1.0 - single[k])) for k in first}
    shares, errors = (
        dict(zip(groups, map(float, of), strict=True))
        for of in (found.share, found.error)
    )
    return VarianceShares(draws.source, walks, shares, errors, sd, known)


def grouped(paths: Sequence[str]) -> dict[str, list[int]]:
    """Columns of each group of GROUPS that has any; the first that fits counts. Others
    stand under `other`.

    >>> grouped(["parameters.beta", "event_kinds.visit.intent", "parameters.alpha0"])
    {'event weights': [1], 'beliefs': [2], 'capability and reach': [0]}
    """
    place: dict[str, list[int]] = {name: [] for name in (*GROUPS, "other")}
    for k, path in enumerate(paths):
        fits = (
            name
            for name, ends in GROUPS.items()
            if any(path.startswith(e) or path.endswith(e) for e in ends)
        )
        place[next(fits, "other")].append(k)
    return {name: columns for name, columns in place.items() if columns}


@dataclass(frozen=True, repr=False)
class Uncertainty(OneLine):
    """What is not known of the headline effect, beside Monte Carlo error. estimate:
    COLUMNS at the values in use."""

    arm: str | None
    outcome: str
    estimate: Mapping[str, float]
    posterior: DrawnEffect | None = None
    prior: DrawnEffect | None = None
    theories: tuple[TheoryEffect, ...] = ()
    variance: VarianceShares | None = None
    placebos: Mapping[str, PlaceboTest] = field(default_factory=dict)
    why: str = ""

    @property
    def stacked(self) -> float | None:
        """The effect averaged over theories by their stacking weights; None where they
        have none."""
        known = [
            (one.weight, one.total) for one in self.theories if one.weight is not None
        ]
        return sum(weight * total for weight, total in known) if known else None

    def as_dict(self) -> dict[str, Any]:
        """For JSON: see docs/json.md."""
        return {**_PLAIN.dump_python(self, mode="json"), "stacked": self.stacked}

    def in_short(self) -> dict[str, Any]:
        """For JSON, the numbers that most readers want: the effect over each
        distribution, and by theory."""
        return {
            "posterior": None if self.posterior is None else self.posterior.in_short(),
            "prior": None if self.prior is None else self.prior.in_short(),
            "theories": {
                one.name: {"effect": one.total, "weight": one.weight}
                for one in self.theories
            },
            "placebo": {
                name: {"n": of.placebos, "p": of.p, "verdict": of.verdict}
                for name, of in self.placebos.items()
            },
        }

    @staticmethod
    def of_plain(said: Mapping[str, Any]) -> Uncertainty:
        """The other way round. Raises ValueError for what is no such thing."""
        return _PLAIN.validate_python(said)


_PLAIN = TypeAdapter(Uncertainty)


def stored_uncertainty(scenario: Scenario, arm: str | None) -> Uncertainty | None:
    """What the scenario's posterior holds of an arm's effect, if it was worked out for
    this very scenario and arm."""
    said = scenario.posterior.headline
    if (
        arm is None
        or said.get("scenario_sha256") != scenario.sha256
        or said.get("arm") != arm
    ):
        return None
    try:
        return Uncertainty.of_plain(said)
    except ValueError:  # by another version
        return None


def headline_uncertainty(
    scenario: Scenario, arm: str | None, stored: Mapping[str, Any] | None
) -> Uncertainty | None:
    """What is known of an arm's effect: as a summary holds it, else as the scenario's
    posterior does. stored: the summary's `uncertainty`."""
    if stored:
        return Uncertainty.of_plain(stored)
    return stored_uncertainty(scenario, arm)


def stored_record(scenario: Scenario, found: Uncertainty) -> dict[str, Any]:
    """What `stored_uncertainty` reads back: six significant digits, and the form of the scenario that
    it is for."""
    rounded = json.loads(
        json.dumps(found.as_dict()),
        parse_float=lambda number: float(f"{float(number):.6g}"),
    )
    return {"scenario_sha256": scenario.sha256, **rounded}


def uncertainty(
    scenario: Scenario,
    arm: str | None = None,
    *,
    draws: int = FEW,
    workers: int = 1,
    posterior: Draws | None = None,
    weights: Mapping[str, float] | None = None,
    with_placebos: bool = False,
    progress: Tell = None,
) -> Uncertainty:
    """What is not known of an arm's effect: over draws of the prior, of the posterior
    if there is one, and theories.

    Parameters
    ----------
    scenario : complete
    arm : its name; the headline arm if not given
    draws : of each distribution, the first of those there are
    workers : processes; they change nothing but the time
    posterior : draws of it; those that the scenario names if not given
    weights : of theories, by stacking
    with_placebos : placebos too, of participants and dates: seconds
    progress : called with draws done and all

    Raises
    ------
    WrongRequest : for an unknown arm, or the control arm
    ScenarioError : for a posterior of another form of the scenario

    Examples
    --------
    >>> from balance_sim.scenario import load_scenario
    >>> found = uncertainty(load_scenario("experiments/smoke/five_states.yaml"), draws=4)
    >>> low, high = found.prior.of["total"].ci95
    >>> low <= found.prior.of["total"].median <= high
    True
    """
    outcome = Outcome("accords", "counter", max(scenario.report.windows)).name
    named = arm or headline_arm(scenario, chosen_arms(scenario, None))
    if named is None:
        return Uncertainty(
            None, outcome, {}, why="there is no arm beside the control arm"
        )
    if named not in chosen_arms(scenario, [named]) or named == scenario.reference_arm:
        raise WrongRequest(f"{named} is the control arm: it has no effect")
    estimate = dict(zip(COLUMNS, _effect(named, scenario), strict=True))
    sources = [prior_draws(scenario, draws)]
    if posterior is None and scenario.posterior.draws:
        posterior = posterior_draws(scenario)
    if posterior is not None:
        sources.append(posterior.first(draws))
    walks = len(sources[-1]) // A_WALK if len(sources[-1]) >= FEWEST else 0
    between = walks * (len(grouped(sources[-1].paths)) - 1)
    whole, done = sum(map(len, sources)) + between, 0

    def tell(now: int, _: int) -> None:
        if progress is not None:
            progress(done + now, whole)

    found: dict[str, DrawnEffect] = {}
    values = np.empty(0)
    for one in sources:
        values = effects_over(scenario, one, named, workers=workers, progress=tell)
        done += len(one)
        found[one.source] = DrawnEffect.found(one, values)
    variance = None
    if walks:
        total = values[:, -1]
        variance = variance_shares(
            scenario, sources[-1], total, named, walks, workers=workers, progress=tell
        )
    theories = []
    for name in presets():
        level, picture, threat, _, whole_effect = _effect(
            named, with_values(scenario, {"theory.preset": name})
        )
        theories.append(
            TheoryEffect(
                name, level, picture, threat, whole_effect, (weights or {}).get(name)
            )
        )
    said = placebos(scenario, named).tests() if with_placebos else {}
    before, after = found["prior"], found.get("posterior")
    return Uncertainty(
        named, outcome, estimate, after, before, tuple(theories), variance, said
    )

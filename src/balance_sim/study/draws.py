"""Parameters drawn for each run: from the shipped fit (`run --draws fitted`), or joint
draws of a source that the registry names (`prior`, `posterior`).

A draw of the fit is a normal deviation with the covariance of the fit, on a key of its
own, so that it depends on seed and run alone, the same in every arm. It is added to the
scenario's weights, intercepts and shares of change. A weight of 0 stays 0: the term is
switched off. What theory holds at 0 or more is drawn from what its distribution leaves
there. Shares are drawn independently: the fit's file has no covariance of theirs. The
intercept of a type that the fit does not hold moves as that of `defence_cooperation`,
the one estimated best.

A joint draw sets all parameters of a scenario at once: `at` returns the scenario that a
draw makes.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from cachetools import LRUCache

from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import Baseline, Drawn, Floats, Keys, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.streams import LEVEL, PARAMETERS, stream_keys
from balance_sim.model.thinning import most_willing, usual_talks
from balance_sim.model.willingness import (
    consent,
    level,
    terms_at_start,
    terms_of,
    total,
)
from balance_sim.registry import part
from balance_sim.scenario import with_values
from balance_sim.scenario.defaults import (
    SHARE,
    Distribution,
    fitted_distribution,
    fitted_shares,
)
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import SIGNAL_ORDER, Scenario

STANDS_FOR_OTHERS = "defence_cooperation"
FITTED, PRIOR, POSTERIOR = "fitted", "prior", "posterior"
SOURCES = (POSTERIOR, PRIOR, FITTED)
SHORT = 16  # digits of the sha256 of joint draws by which a study names them
MOST_DRAWS = 200  # so often a run draws at the most: estimates are above 0, so that a few in a hundred draw twice
LADDERS = ("alignment", "intent")
CODING = "targets_alternatives"
"""The column of which coding of the focal event's targets a draw has: 0 for the event's
own, or which alternative."""
DIGITS = 4  # significant ones of a number in a file of draws


@dataclass(frozen=True)
class Draws:
    """Joint draws of a scenario's parameters.

    paths: key paths as `--set` takes them, sorted. values: (D, P). source: `prior`,
    `posterior` or `fitted`. sha256: of the text of the file, or of paths and values
    where there is no file."""

    paths: tuple[str, ...]
    values: Floats
    source: str
    sha256: str

    def __len__(self) -> int:
        return len(self.values)

    def column(self, path: str) -> Floats:
        """(D,) draws of one parameter. Raises ValueError for a path that is not
        drawn."""
        return np.asarray(self.values[:, self.paths.index(path)])

    def first(self, count: int) -> Draws:
        """The first so many draws, or all there are; with the sha256 of all."""
        return replace(self, values=self.values[:count])

    def without(self, paths: set[str]) -> Draws:
        """The same draws without some columns."""
        kept = [k for k, path in enumerate(self.paths) if path not in paths]
        return replace(
            self, paths=tuple(self.paths[k] for k in kept), values=self.values[:, kept]
        )


def at(scenario: Scenario, draws: Draws, k: int) -> Scenario:
    """The scenario with the values of draw k, counted from 0; its arms follow.

    Raises IndexError for a draw that there is not, ScenarioError for values that the
    scenario refuses.

    >>> from balance_sim.scenario import load_scenario
    >>> scenario = load_scenario("scenarios/solomon_2022.yaml")
    >>> draws = prior_draws(scenario, 10)
    >>> at(scenario, draws, 3).parameters.beta == draws.column("parameters.beta")[3]
    True
    """
    row = dict(zip(draws.paths, map(float, draws.values[k]), strict=True))
    return with_values(with_coding(scenario, int(row.pop(CODING, 0))), row)


def with_coding(scenario: Scenario, which: int) -> Scenario:
    """The scenario with its focal event aimed as the alternative of this number says,
    counted from 1; 0 leaves it."""
    if which == 0:
        return scenario
    event = next(one for one in scenario.events if one.id == scenario.focal)
    own = {*event.principals, *event.guests}
    targets = tuple(
        code
        for code in scenario.targets_alternatives[which - 1].targets
        if code not in own
    )
    made_of, coded = _CODED.get((scenario.sha256, targets), (None, scenario))
    if made_of is not scenario:
        coded = with_values(
            scenario, {f"events.{scenario.focal}.targets": list(targets)}
        )
        _CODED[scenario.sha256, targets] = scenario, coded
    return coded


_CODED: LRUCache[tuple[str, tuple[str, ...]], tuple[Scenario | None, Scenario]] = (
    LRUCache(8)
)
"""The last scenarios with another coding, each with the very one that it was made
of."""


CAPABILITY = tuple(f"capability.{name}" for name in ("gdp", "milex", "population"))
COMPANIES = (
    *({f"event_kinds.{kind}.{field}" for kind in SIGNAL_ORDER} for field in LADDERS),
    {*CAPABILITY},
)
"""Parameters of which one that is given fixes all: steps of a ladder could pass it, and
shares sum to 1."""


def with_its_company(paths: Iterable[str]) -> set[str]:
    """These key paths, and all that one of them fixes."""
    found = set(paths)
    return found.union(*(company for company in COMPANIES if company & found))


def as_draws(
    columns: Mapping[str, Floats], source: str, told: Container[str] | None = None
) -> Draws:
    """Draws of these columns, rounded as a file holds them, with the sha256 of the text
    that they would make.

    told: paths of which data say something; the others are held to one digit less.
    None: all alike."""
    paths = tuple(sorted(columns))
    fewer = [
        told is not None and path not in told and path not in CAPABILITY
        for path in paths
    ]
    digits = [DIGITS - one for one in fewer]
    values = np.stack(
        [
            rounded(columns[path], keep)
            for path, keep in zip(paths, digits, strict=True)
        ],
        axis=1,
    )
    bare = Draws(paths, values, source, "")
    return replace(
        bare, sha256=hashlib.sha256(draws_text(bare).encode("ascii")).hexdigest()
    )


def rounded(values: Floats, digits: int = DIGITS) -> Floats:
    """To so many significant digits, so that what is drawn is what a file gives
    back."""
    return np.array([float(f"{value:.{digits}g}") for value in values])


def draws_text(draws: Draws) -> str:
    """CSV without a head: a line a parameter, its key path and then its draws."""
    lines = zip(draws.paths, draws.values.T.tolist(), strict=True)
    return "".join(
        f"{path},{','.join([f'{value:.{DIGITS}g}' for value in row])}\n"
        for path, row in lines
    )


def draws_bytes(draws: Draws) -> bytes:
    """The text, gzipped without a date: the same bytes for the same draws."""
    return gzip.compress(draws_text(draws).encode("ascii"), compresslevel=9, mtime=0)


def drawing(scenario: Scenario, asked: bool | str) -> tuple[Scenario, bool | str]:  # noqa: FBT001
    """What a study draws, and the scenario with what is needed for it at hand.

    asked: True or `fitted`, False, `prior`, `posterior`, or one of these two as
    returned: with the first digits of the draws' sha256. Replication r has draw r,
    counted from 0 and over again where there are fewer draws.

    Raises WrongRequest for anything else, ScenarioError where the scenario has no
    posterior."""
    if isinstance(asked, bool) or asked == FITTED:
        return scenario, bool(asked)
    source, _, digits = asked.partition(":")
    if source not in (PRIOR, POSTERIOR):
        raise WrongRequest(f"draws are {', '.join(SOURCES)}, got `{asked}`")
    draws = joint_draws(scenario, source)
    if digits and not draws.sha256.startswith(digits):
        raise WrongRequest(
            f"the {source} of this version is another one than that of the study"
        )
    if (
        source == POSTERIOR and not scenario.posterior.table
    ):  # without what was set: a study has no file to compare
        table = base64.b64encode(draws_bytes(draws)).decode("ascii")
        draws = as_draws({path: draws.column(path) for path in draws.paths}, source)
        update = {"table": table, "sha256": draws.sha256}
        changed = scenario.model_copy(
            update={"posterior": scenario.posterior.model_copy(update=update)}
        )
        scenario = changed.counted_as(scenario.written)
    return scenario, f"{source}:{draws.sha256[:SHORT]}"


def joint_draws(scenario: Scenario, source: str) -> Draws:
    """The draws of a study that names them `source`, with or without digits of their
    sha256."""
    name = POSTERIOR if source.startswith(POSTERIOR) else PRIOR
    draws: Draws = part("draws", name)(scenario)
    return draws


def own_worlds(worlds: Worlds, seed: int, runs: Keys, draws: bool | str) -> Worlds:  # noqa: FBT001
    """The worlds of some replications of a study. Raises WrongRequest for joint draws:
    there each has its own."""
    if isinstance(draws, str):
        raise WrongRequest(
            f"each replication of this study has all its parameters from a draw of the {draws.partition(':')[0]}; "
            "this can be told of studies with --draws fitted, or without draws"
        )
    return with_draws(worlds, seed, runs) if draws else worlds


def deviations(found: Distribution, seed: int, runs: Keys) -> dict[str, Floats]:
    """(R,) by key path: normal with mean 0 and the covariance of the fit, cut off where
    a weight whose sign a prior holds would pass 0: a run draws again, on another key,
    until none does."""
    key = stream_keys(seed, runs, PARAMETERS)
    moved = _normal(found, key)
    held = [
        (path, found.estimate[found.paths.index(path)]) for path in found.at_least_zero
    ]
    for again in range(1, MOST_DRAWS):
        over = np.flatnonzero(
            np.any([moved[path] < -estimate for path, estimate in held], axis=0)
        )
        if not len(over):
            break
        for path, values in _normal(
            found, clocks.absorb(key[over], np.uint64(again))
        ).items():
            moved[path][over] = values
    return moved


def _normal(found: Distribution, key: Keys) -> dict[str, Floats]:
    """(R,) by key path: normal with mean 0 and the covariance of the fit, one draw a
    key."""
    from scipy.special import ndtri

    names = np.array([clocks.label(path) for path in found.paths])
    standard = ndtri(clocks.uniform(clocks.absorb(key[:, None], names)))
    values, vectors = np.linalg.eigh(np.array(found.covariance))
    root = (
        vectors * np.sqrt(np.maximum(values, 0.0))
    ) @ vectors.T  # symmetric: no order of names in it
    moved = {}
    for k, path in enumerate(
        found.paths
    ):  # summed in a fixed order: a product's bits depend on its shape
        total = np.zeros(len(key))
        for other in range(len(found.paths)):
            total += standard[:, other] * root[other, k]
        moved[path] = total
    return moved


def distribution_of(scenario: Scenario) -> Distribution:
    """Of the shipped fit; where the scenario is calibrated, that of the calibration for
    what it moved, and the fit's for the weights that it held, the two independent.
    Estimates of weights are the scenario's own."""
    fitted, found = fitted_distribution(), scenario.calibration
    if not found.names:
        return fitted
    count = len(found.names)
    held = [
        k
        for k, path in enumerate(fitted.paths)
        if path not in found.names and ".weights." in path
    ]
    whole = np.zeros((count + len(held),) * 2)
    whole[:count, :count] = np.array(found.covariance).reshape(count, count)
    whole[count:, count:] = np.array(fitted.covariance)[np.ix_(held, held)]
    paths = (*found.names, *(fitted.paths[k] for k in held))
    estimate = {
        path: float(scenario.theory.weights.get(path.rpartition(".")[2], 0.0))
        for path in paths
    }
    signed = tuple(
        path
        for path, value in estimate.items()
        if path in fitted.at_least_zero and value > 0
    )
    return Distribution(
        paths, tuple(estimate.values()), tuple(map(tuple, whole.tolist())), signed
    )


def drawn_levels(variance: float, seed: int, runs: Keys) -> Floats:
    """(R,) mean-one gamma level of each run's time, on a key of its own; 1 without
    variance."""
    if variance <= 0:
        return np.ones(len(runs))
    from scipy.special import gammaincinv

    key = stream_keys(seed, runs, LEVEL)
    return np.asarray(gammaincinv(1.0 / variance, clocks.uniform(key)) * variance)


def drawn_for(
    world: World, moved: dict[str, Floats], levels: Floats | None = None
) -> Drawn:
    """Each run's weights and levels in one arm. levels: (R,) factors; half of ln of it
    goes to either side, which makes it a factor on rates where consent is rare."""
    weights = {
        name: weight + moved[f"theory.weights.{name}"]
        for name, weight in world.rules.weights.items()
        if weight != 0 and f"theory.weights.{name}" in moved
    }
    shares = {}
    for path, estimate in zip(
        fitted_shares().paths, fitted_shares().estimate, strict=True
    ):
        name = path.removeprefix(SHARE)
        if path in moved and world.rules.weights[name] != 0:
            changed = getattr(world.rules, f"change_{name}") - max(
                estimate, 0.0
            )  # by the scenario
            shares[name] = np.maximum(estimate + moved[path] + changed, 0.0)
    stands = f"kinds.{STANDS_FOR_OTHERS}.intercept"
    others = moved.get(stands, np.zeros_like(next(iter(moved.values()))))
    level = [
        moved.get(f"kinds.{kind}.intercept", others) for kind in world.ladder.names
    ]
    added = np.zeros(1) if levels is None else np.log(np.maximum(levels, 1e-6)) / 2
    return Drawn(weights, np.stack(level, axis=1) + added[:, None], shares)


def with_draws(worlds: Worlds, seed: int, runs: Keys) -> Worlds:
    """The worlds of a block of runs with each run's own parameters, consent at the
    start and bound included."""
    moved = deviations(distribution_of(worlds.scenario), seed, runs) | deviations(
        fitted_shares(), seed, runs
    )
    level = drawn_levels(worlds.scenario.calibration.level_variance, seed, runs)
    arms = {
        name: replace(world, drawn=drawn_for(world, moved, level))
        for name, world in worlds.arms.items()
    }
    reference = arms[worlds.scenario.reference_arm]
    keen = keen_at_start(reference, worlds.baseline, runs)
    baseline = replace(worlds.baseline, keen=keen, talks=usual_talks(reference, keen))
    bounds = {name: most_willing(world, baseline) for name, world in arms.items()}
    return replace(worlds, arms=arms, baseline=baseline, bounds=bounds)


def keen_at_start(world: World, baseline: Baseline, runs: Keys) -> Floats:
    """(R, P, 2, M) probability to consent at the start, with each run's own
    parameters."""
    one = np.zeros(1, dtype=np.uint64)
    still = replace(world, drawn=None)
    state = begin(still, baseline, 0, one)
    view = perceive(still, state, 0)
    sides = np.stack([world.first, world.second], axis=1)
    shape = (*sides.shape, len(world.ladder.names))
    at = [
        np.broadcast_to(side[:, :, None], shape).ravel()
        for side in (sides, sides[:, ::-1])
    ]
    kind = np.broadcast_to(np.arange(shape[2]), shape).ravel()
    seen = Prospects(
        still, baseline, view, state, np.zeros_like(kind), at[0], at[1], kind
    )
    used = [
        name
        for name, weight in world.rules.weights.items()
        if weight != 0 and name in terms_at_start(world)
    ]
    weighed = {name: terms_of(world)[name](seen) for name in used}
    steady, drawn = level(seen), world.drawn
    assert drawn is not None
    weights = {
        name: np.broadcast_to(
            drawn.weights.get(name, world.rules.weights[name]), len(runs)
        )
        for name in used
    }
    out = np.empty((len(runs), *shape))
    for run in range(len(runs)):
        u = total(
            steady + drawn.level[run, kind],
            (weights[name][run] * weighed[name] for name in used),
        )
        out[run] = consent(u).reshape(shape)
    return out

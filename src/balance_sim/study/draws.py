"""Parameters drawn for each run from the shipped fit, the same in every arm: `run
--draws fitted`; or joint draws.

A draw is a normal deviation with the covariance of the fit, on a key of its own, so
that it depends on seed and run alone. It is added to the scenario's weights, intercepts
and shares of change. A weight of 0 stays 0: the term is switched off. What theory holds
at 0 or more is drawn from what its distribution leaves there. Shares are drawn
independently: the fit's file has no covariance of theirs. The intercept of a kind that
the fit does not hold moves as that of `defence_cooperation`, the one told best.

Which arms a study simulates, and their arrays: only those asked for, on the grid of all
of them.

Extra arms are those that measures of a plug-in need. Every fourth replication is
simulated in them too, with the same random numbers.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from balance_sim import registry
from balance_sim.evidence.posterior.parameter_draws import (
    Draws,
    as_draws,
    draws_bytes,
    posterior_draws,
    prior_draws,
)
from balance_sim.model import clocks
from balance_sim.model.baseline import Worlds, classes_of, compile_worlds, versions_for
from balance_sim.model.clocks import run_keys
from balance_sim.model.core import Baseline, Drawn, Floats, Keys, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import most_willing, usual_talks
from balance_sim.model.willingness import (
    consent,
    level,
    terms_at_start,
    terms_of,
    total,
)
from balance_sim.model.world import compile_world, time_grid
from balance_sim.scenario.defaults import (
    SHARE,
    Distribution,
    fitted_distribution,
    fitted_shares,
)
from balance_sim.scenario.diagnostics import did_you_mean, listed, shown
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.fingerprint import content_digest
from balance_sim.scenario.schema import Scenario

STANDS_FOR_OTHERS = "defence_cooperation"
FITTED, PRIOR, POSTERIOR = "fitted", "prior", "posterior"
SOURCES = (POSTERIOR, PRIOR, FITTED)
SHORT = 16  # digits of the sha256 of joint draws by which a study names them
MOST_DRAWS = 200  # so often a run draws at the most: estimates are above 0, so that a few in a hundred draw twice


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
    return (
        posterior_draws(scenario)
        if source.startswith(POSTERIOR)
        else prior_draws(scenario)
    )


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
    key = clocks.absorb(run_keys(seed, runs), clocks.label("parameters"))
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

    key = clocks.absorb(run_keys(seed, runs), clocks.label("level of the years"))
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


EXTRA_EVERY = 4  # one replication in so many is simulated in the extra arms too


def chosen_arms(scenario: Scenario, arms: Sequence[str] | None) -> tuple[str, ...]:
    """The control arm first, then the others in the scenario's order. Unknown names are
    refused."""
    reference = scenario.reference_arm
    if unknown := next((arm for arm in arms or () if arm not in scenario.arms), None):
        near = f"{said} " if (said := did_you_mean(unknown, scenario.arms)) else ""
        raise WrongRequest(
            f"unknown arm `{shown(unknown)}`; {near}the scenario has: {listed(scenario.arms)}"
        )
    wanted = scenario.arms if arms is None else arms
    return (
        reference,
        *(arm for arm in scenario.arms if arm in wanted and arm != reference),
    )


def headline_arm(scenario: Scenario, arms: Sequence[str]) -> str | None:
    """The arm that answers the question: after the control arm the first that changes
    nothing, else the first."""
    plain = (
        a
        for a in arms[1:]
        if not (scenario.arms[a].drop or scenario.arms[a].add or scenario.arms[a].set)
    )
    return next(iter([*plain, *arms[1:]]), None)


def compile_arms(scenario: Scenario, arms: Sequence[str]) -> Worlds:
    """What `compile_worlds` gives for these arms, the control arm among them, on the
    grid of all arms."""
    return compile_worlds(scenario, arms, versions_for(scenario, arms))


def reference_key(scenario: Scenario) -> str:
    """sha256 of all that may decide the control arm's replications and what is counted
    of them, but the seed.

    Two scenarios with one key simulate that arm alike. Left out are the other arms, but
    for the dates of their events, and how visible the focal event is where the control
    arm drops it: nobody there can see it."""
    reference, events = scenario.reference_arm, scenario.events
    if scenario.focal in scenario.arms[reference].drop:
        events = tuple(
            event.model_copy(update={"visibility": 1.0})
            if event.id == scenario.focal
            else event
            for event in events
        )
    rest = scenario.model_copy(
        update={"events": events, "arms": {reference: scenario.arms[reference]}}
    )
    grid = time_grid(scenario, list(versions_for(scenario, []).values()))
    parts = [content_digest(rest), grid.tolist(), classes_of(scenario).sha256]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# -- extra arms -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExtraArms:
    """Arrays of the extra arms, the scenario's control arm among them. controls: of
    each extra arm, by name."""

    worlds: Worlds
    controls: dict[str, str]

    @property
    def arms(self) -> tuple[str, ...]:
        return tuple(sorted(self.worlds.arms))


class ExtraArm(NamedTuple):
    """An extra arm before it is compiled: the arm it was made from, and its paired
    control arm."""

    name: str
    scenario: Scenario
    of: str
    control: str


def extra_arms(worlds: Worlds, headline: str | None) -> ExtraArms | None:
    """The extra arms that plug-ins of the scenario want, compiled; None where they want
    none, or there is no arm beside the control arm."""
    wanted = _wanted_arms(worlds, headline)
    if not wanted:
        return None
    world = worlds.reference
    arms = {worlds.scenario.reference_arm: world}
    for arm in wanted:
        compiled = compile_world(arm.scenario, arm.name, world.grid, world.focal_day)
        arms[arm.name] = replace(compiled, ladder=worlds.arms[arm.of].ladder)
    bounds = {name: most_willing(arm, worlds.baseline) for name, arm in arms.items()}
    controls = {arm.name: arm.control for arm in wanted}
    return ExtraArms(replace(worlds, arms=arms, bounds=bounds), controls)


def extra_arms_of_a_run(worlds: Worlds, headline: str | None) -> int:
    """How many extra arms a replication has, with their control arm; compiles none."""
    wanted = _wanted_arms(worlds, headline)
    return 1 + len(wanted) if wanted else 0


def wants_extra_arms(scenario: Scenario) -> bool:
    """Whether a plug-in of the scenario has arms of its own."""
    return bool(registry.of_plugins("arms", scenario.plugins))


def _wanted_arms(worlds: Worlds, headline: str | None) -> list[ExtraArm]:
    if headline is None:
        return []
    plugins = registry.of_plugins("arms", worlds.scenario.plugins)
    return [arm for arms in plugins.values() for arm in arms(worlds, headline)]

"""What is frozen once, from the reference arm at the start, for all arms and runs.

Read from an arm's own later beliefs, classes would move accords between them and call that an effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from balance_sim.model.core import DIRECTIONS, Baseline, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.landscape import Camps, camps
from balance_sim.model.margins import most_willing
from balance_sim.model.news import members
from balance_sim.model.prospects import Prospects
from balance_sim.model.responses import relations
from balance_sim.model.state import State
from balance_sim.model.view import View
from balance_sim.model.willingness import consent, willingness
from balance_sim.model.world import compile_world, focal_day, time_grid
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.defaults import DEFAULT_PRESET, weights_under
from balance_sim.scenario.schema import Scenario, Theory

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Worlds:
    """Every arm of a scenario as arrays, with the frozen baseline and the bound that serves them all."""

    scenario: Scenario
    arms: dict[str, World]
    baseline: Baseline
    most: Floats  # (n, n, M) upper bound of willingness in any arm
    participants: tuple[int, ...]

    @property
    def reference(self) -> World:
        return self.arms[self.scenario.reference_arm]

    @cached_property
    def camps(self) -> Camps:
        """The two camps just before the focal event in the reference arm; where runs' camps start from."""
        world = self.reference
        state = begin(world, self.baseline, 0, np.zeros(1, dtype=np.uint64))
        view = perceive(world, state, step_before(world))
        relation = relations(view.own, view.against)[0]
        return camps((relation + relation.T) / 2.0, world.capability)


def compile_worlds(
    scenario: Scenario, arms: Sequence[str] | None = None, versions: Mapping[str, Scenario] | None = None
) -> Worlds:
    """Arrays for all arms, on one grid, with one baseline. The order of the arms changes nothing.

    arms: only these, the reference among them. versions: the scenario as it is in each arm that has a say in the
    grid, by name, and in `arms`; all arms if None."""
    if versions is None:
        versions = {name: arm_scenario(scenario, name) for name in sorted(scenario.arms)}
    grid = time_grid(scenario, list(versions.values()))
    day = focal_day(scenario)
    wanted = versions if arms is None else arms
    worlds = {name: compile_world(versions[name], name, grid, day) for name in sorted(wanted)}
    worlds = at_one_base_rate(worlds, versions[scenario.reference_arm])
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    roster = {code: i for i, code in enumerate(worlds[scenario.reference_arm].codes)}
    participants = tuple(members(focal.principals, scenario.groups, roster))
    baseline = freeze(worlds[scenario.reference_arm], participants)
    most: Floats = np.max(np.stack([most_willing(world, baseline) for world in worlds.values()]), axis=0)
    return Worlds(scenario, worlds, baseline, most, participants)


def own_theory(theory: Theory) -> Theory:
    """The theory whose level all others are set to: the default preset, with weights that the file gives.

    Those are the weights that differ from what the preset in force says."""
    preset = weights_under(theory.preset)
    given = {name: weight for name, weight in theory.weights.items() if weight != preset[name]}
    weights = {**weights_under(DEFAULT_PRESET), **given}
    return Theory(preset=DEFAULT_PRESET, equal_hostility=None, weights=weights)


def at_one_base_rate(arms: dict[str, World], reference: Scenario) -> dict[str, World]:
    """Worlds whose intercepts are shifted, kind by kind, so that a theory keeps the scenario's own level.

    The expected rate at which talks open at the start of the reference arm is that of `own_theory`. Theories
    then differ in who and when, not in how many. docs/decisions/0008-theories-at-one-base-rate.md.
    reference: the scenario as it is in the reference arm."""
    if reference.theory.preset == DEFAULT_PRESET:
        return arms
    world = arms[reference.reference_arm]
    own = reference.model_copy(update={"theory": own_theory(reference.theory)})
    levels = compile_world(own, world.arm, world.grid, world.focal_day)
    wanted = freeze(levels, ()).keen.prod(axis=1).sum(axis=0)
    shift = shift_to(wanted, freeze(world, ()).keen)
    return {
        name: replace(arm, ladder=replace(arm.ladder, intercept=arm.ladder.intercept + shift))
        for name, arm in arms.items()
    }


def shift_to(wanted: Floats, keen: Floats) -> Floats:
    """(M,) nats to add to both sides' willingness so that consent of pairs sums to what is wanted.

    wanted: (M,), below the number of pairs; keen: (P, 2, M) probability to consent. By bisection."""
    u = np.log(keen) - np.log1p(-np.minimum(keen, 1.0 - 1e-16))
    low, high = np.full(keen.shape[-1], -60.0), np.full(keen.shape[-1], 60.0)
    for _ in range(60):
        middle = (low + high) / 2
        enough = consent(u + middle).prod(axis=1).sum(axis=0) >= wanted
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.asarray((low + high) / 2)


def freeze(world: World, participants: tuple[int, ...]) -> Baseline:
    """The baseline from the reference world: gain norms, insecurity and consent at the start; classes
    just before the focal event."""
    n, kinds = world.n, len(world.ladder.names)
    blank = unfrozen(world)
    state = begin(world, blank, 0, np.zeros(1, dtype=np.uint64))
    at_start = perceive(world, state, 0)
    baseline = replace(
        blank,
        gain_norm=gain_norms(world, blank, state, at_start),
        insecurity=at_start.insecurity[0],
        partners=state.partners[0],
        shared=np.expm1(state.log_shared[0]).round(),
        shared_mean=float(state.shared_mean[0]),
    )
    keen = consent(willingness(_all_prospects(world, baseline, state, at_start))).reshape(n, n, kinds)
    keen = np.stack([keen[world.first, world.second], keen[world.second, world.first]], axis=1)
    before = perceive(world, state, step_before(world))
    threatened = threatened_by(before, participants, world.rules.tau)[0]
    return replace(
        baseline, keen=keen, threatened=threatened, direction=directions(world, threatened, participants)
    )


def step_before(world: World) -> int:
    """The last step that ends before the focal event, or the first step."""
    return max(int(np.searchsorted(world.grid, world.focal_day)) - 1, 0)


def unfrozen(world: World) -> Baseline:
    """A baseline of which nothing is known yet: all 0."""
    n, kinds, pairs = world.n, len(world.ladder.names), len(world.first)
    return Baseline(
        gain_norm=np.zeros((n, kinds)),
        insecurity=np.zeros(n),
        partners=np.zeros(n),
        shared=np.zeros((n, n)),
        shared_mean=0.0,
        threatened=np.zeros(n, dtype=bool),
        direction=np.zeros(pairs, dtype=np.int64),
        keen=np.zeros((pairs, 2, kinds)),
    )


def gain_norms(world: World, blank: Baseline, state: State, view: View) -> Floats:
    """(n, M) mean over partners of ln(G + floor), of each state and kind, in the one run of `state`."""
    n = world.n
    everyone = _all_prospects(world, blank, state, view)
    log_gain = everyone.log_gain.reshape(n, n, len(world.ladder.names))
    log_gain[np.arange(n), np.arange(n)] = 0.0
    return np.asarray(log_gain.sum(axis=1) / (n - 1))


def threatened_by(view: View, participants: tuple[int, ...], tau: float) -> npt.NDArray[np.bool_]:
    """(R, n) whether the participants make up more than tau of the balance against a state.

    They themselves do not count."""
    share = view.threat[:, :, list(participants)].sum(axis=-1) / view.balance
    share[:, list(participants)] = 0.0
    return np.asarray(share > tau)


def directions(
    world: World, threatened: npt.NDArray[np.bool_], participants: tuple[int, ...]
) -> npt.NDArray[np.int64]:
    """(P,) the class of each pair: counter, with_participant, other."""
    inside = np.isin(np.arange(world.n), participants)
    i, j = world.first, world.second
    with_participant = inside[i] | inside[j]
    counter = ~with_participant & (threatened[i] | threatened[j])
    names = [DIRECTIONS.index(name) for name in ("with_participant", "counter", "other")]
    return np.where(with_participant, names[0], np.where(counter, names[1], names[2]))


def _all_prospects(world: World, baseline: Baseline, state: State, view: View) -> Prospects:
    ego, alter, kind = (grid.ravel() for grid in np.indices((world.n, world.n, len(world.ladder.names))))
    return Prospects(world, baseline, view, state, np.zeros_like(ego), ego, alter, kind)

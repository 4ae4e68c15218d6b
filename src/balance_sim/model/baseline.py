"""What is frozen once, from the control arm at the start, for all arms and runs.

Classes of dyads are fixed earlier, from the scenario as written: `model/classes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from balance_sim.model.classes import classes_of, sorted_into, step_before, unfrozen
from balance_sim.model.core import Baseline, Bools, Floats, World
from balance_sim.model.engine import begin, perceive
from balance_sim.model.landscape import Camps, camps
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.responses import relations
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import most_willing, openness_at, opportunity_rate, share_signed, usual_talks
from balance_sim.model.willingness import CHANGING, KEPT, TERMS, consent, terms_at_start, willingness
from balance_sim.model.world import compile_world, focal_day, time_grid
from balance_sim.pool.plain import OneLine
from balance_sim.scenario import arm_scenario
from balance_sim.scenario.defaults import DEFAULT_PRESET, weights_under
from balance_sim.scenario.diagnostics import Mark, ScenarioError, problem
from balance_sim.scenario.fingerprint import Classes
from balance_sim.scenario.schema import Scenario, Theory


@dataclass(frozen=True, repr=False)
class Worlds(OneLine):
    """Every arm of a scenario as arrays, with the frozen baseline and the upper bounds of consent."""

    scenario: Scenario
    arms: dict[str, World]
    baseline: Baseline
    bounds: dict[str, Floats]  # by arm, upper bound of willingness, (n, n, M); with a run axis in front if drawn
    classes: Classes  # of the scenario as written

    @property
    def reference(self) -> World:
        return self.arms[self.scenario.reference_arm]

    @cached_property
    def most(self) -> Floats:
        """Upper bound of willingness in any arm, in the shape of `bounds`."""
        return reduce(np.maximum, self.bounds.values())

    @cached_property
    def camps(self) -> Camps:
        """The two camps just before the focal event in the control arm; where runs' camps start from."""
        world = self.reference
        state = begin(world, self.baseline, 0, np.zeros(1, dtype=np.uint64))
        view = perceive(world, state, step_before(world))
        relation = relations(view.own, view.against)[0]
        return camps((relation + relation.T) / 2.0, world.capability)


def compile_worlds(
    scenario: Scenario, arms: Sequence[str] | None = None, versions: Mapping[str, Scenario] | None = None
) -> Worlds:
    """Arrays for all arms, on one grid, with one baseline. The order of the arms changes nothing.

    Raises ValueError for states without a class in the scenario as written.
    arms: only these, the reference among them. versions: the scenario as it is in each arm that has a say in the
    grid, by name, and in `arms`; all arms if None."""
    if versions is None:
        versions = {name: arm_scenario(scenario, name) for name in sorted(scenario.arms)}
    grid = time_grid(scenario, list(versions.values()))
    day = focal_day(scenario)
    wanted = versions if arms is None else arms
    worlds = {name: compile_world(versions[name], name, grid, day) for name in sorted(wanted)}
    worlds = at_one_base_rate(worlds, versions[scenario.reference_arm])
    worlds = at_stated_rate(worlds, scenario)
    reference = worlds[scenario.reference_arm]
    classes = classes_of(scenario, reference)
    threatened, direction = sorted_into(reference, classes)
    kept = [name for name in KEPT if any(arm.set.get(f"theory.weights.{name}") for arm in scenario.arms.values())]
    baseline = replace(freeze(reference, kept), threatened=threatened, direction=direction)
    bounds = {name: most_willing(world, baseline) for name, world in worlds.items()}
    return Worlds(scenario, worlds, baseline, bounds, classes)


def own_theory(theory: Theory, calibrated: Mapping[str, float] | None = None) -> Theory:
    """The theory whose level all others are set to: the default preset, with weights that the file gives.

    Those are the weights that differ from what the preset in force says. calibrated: weights of a calibration."""
    preset = weights_under(theory.preset)
    given = {name: weight for name, weight in theory.weights.items() if weight != preset.get(name)}
    weights = {**weights_under(DEFAULT_PRESET), **(calibrated or {}), **given}
    return Theory(preset=DEFAULT_PRESET, equal_hostility=None, weights=weights)


def at_one_base_rate(arms: dict[str, World], reference: Scenario) -> dict[str, World]:
    """Worlds whose intercepts are shifted, kind by kind, so that a theory keeps the scenario's own level.

    The expected rate at which talks open at the start of the control arm is that of `own_theory`. Theories
    then differ in who and when, not in how many. docs/decisions/0008-theories-at-one-base-rate.md.
    reference: the scenario as it is in the control arm."""
    if reference.theory.preset == DEFAULT_PRESET:
        return arms
    world = arms[reference.reference_arm]
    theory = own_theory(reference.theory, reference.calibration.weights)
    own = reference.model_copy(update={"theory": theory})
    levels = compile_world(own, world.arm, world.grid, world.focal_day)
    of, now = (one.frailty * openness_at(one, 0.0) for one in (levels, world))
    wanted = of @ freeze(levels).keen.prod(axis=1)
    shift = shift_to(wanted, freeze(world).keen, now)
    return _shifted(arms, shift)


def _shifted(arms: dict[str, World], nats: Floats | float) -> dict[str, World]:
    """Worlds with so many nats, (M,) or all alike, added to their intercepts."""
    return {
        name: replace(arm, ladder=replace(arm.ladder, intercept=arm.ladder.intercept + nats))
        for name, arm in arms.items()
    }


def at_stated_rate(arms: dict[str, World], scenario: Scenario) -> dict[str, World]:
    """Worlds whose intercepts, all alike and in all arms, are shifted so that the control arm's expected agreements a
    year at the start are the `base_rate` that the scenario states; as they are where it states none."""
    if scenario.base_rate is None:
        return arms
    world = arms[scenario.reference_arm]
    try:
        shift = shift_to_rate(world, freeze(world), scenario.base_rate)
    except ValueError as error:
        mark = Mark(scenario.name, 1, 1)
        raise ScenarioError([problem(mark, "base_rate", "E203", str(error))]) from None
    return _shifted(arms, shift)


def shift_to(wanted: Floats, keen: Floats, of: Floats) -> Floats:
    """(M,) nats to add to both sides' willingness so that consent of dyads, each times how much it counts, sums to what
    is wanted.

    wanted: (M,), below the sum of `of`; keen: (P, 2, M) probability to consent; of: (P,), as frailty times openness."""
    u = _odds(keen)
    return _bisected(lambda nats: of @ consent(u + nats).prod(axis=1) >= wanted, np.zeros(keen.shape[-1]), 60)


def _odds(keen: Floats) -> Floats:
    return np.asarray(np.log(keen) - np.log1p(-np.minimum(keen, 1.0 - 1e-16)))


def _bisected(enough: Callable[[Floats], Bools], start: Floats, rounds: int) -> Floats:
    """The least shift, within 60 nats of the start, that is enough."""
    low, high = start - 60.0, start + 60.0
    for _ in range(rounds):
        middle = (low + high) / 2
        found = enough(middle)
        low, high = np.where(found, low, middle), np.where(found, middle, high)
    return np.asarray((low + high) / 2)


def expected_a_year(world: World, baseline: Baseline, shift: Floats | float = 0.0) -> float:
    """Agreements a year that dyads with nothing under way would sign at the start's willingness.

    shift: nats added to every state's willingness. baseline: with `keen` (P, 2, M)."""
    keen = baseline.keen
    both = (keen if shift == 0 else consent(_odds(keen) + shift)).prod(axis=1)
    often = opportunity_rate(world) * openness_at(world, 0.0)[:, None]
    return float((often * both * share_signed(world.ladder, world.rules.collapse_rate)).sum())


def shift_to_rate(world: World, baseline: Baseline, wanted: float) -> float:
    """Nats to add to every intercept so that `expected_a_year` is what is wanted.

    Raises ValueError for more than all dyads would sign if they never refused."""
    if wanted >= expected_a_year(world, baseline, 60.0):
        raise ValueError(
            f"{wanted:g} agreements a year are more than all opportunities give. Give fewer, or raise "
            "the ceilings of the kinds."
        )
    enough = lambda nats: np.asarray(expected_a_year(world, baseline, nats) >= wanted)  # noqa: E731
    return float(_bisected(enough, np.zeros(()), 80))


def freeze(world: World, kept: Collection[str] = ()) -> Baseline:
    """The baseline from the reference world: gain norms, insecurity and consent at the start. Without classes.

    kept: terms to keep the value of, beside those of KEPT that have a weight in this world."""
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
    everyone = _all_prospects(world, baseline, state, at_start)
    whole = {name: TERMS[name](everyone).reshape(n, n, kinds) for name in CHANGING}
    first = {name: value if TERMS[name].by_kind else value[:, :, 0].copy() for name, value in whole.items()}
    keen = _keen(everyone, [name for name in terms_at_start(world) if name not in KEPT])
    signs = opportunity_rate(world) * openness_at(world, 0.0)[:, None] * keen.prod(axis=1)
    signs *= share_signed(world.ladder, world.rules.collapse_rate)
    if used := [name for name in KEPT if name in kept or world.rules.weights[name] != 0]:
        everyone = _all_prospects(world, replace(baseline, signs=signs), state, at_start)
        first |= {name: TERMS[name](everyone).reshape(n, n, kinds) for name in used}
        keen = _keen(everyone, terms_at_start(world))
    return replace(baseline, keen=keen, talks=usual_talks(world, keen), signs=signs, first=first)


def try_terms(world: World, baseline: Baseline) -> None:
    """Compute the terms of the user's own at the start, twice. Raises ScenarioError where one gives what it must not,
    or something else the second time."""
    if world.own:
        state = begin(world, baseline, 0, np.zeros(1, dtype=np.uint64))
        everyone = _all_prospects(world, baseline, state, perceive(world, state, 0))
        for own in world.own.values():
            own.refuse_unsteady(everyone)


def _keen(everyone: Prospects, names: Collection[str]) -> Floats:
    """(P, 2, M) probability of both sides to consent at the start, by these terms."""
    world = everyone.world
    keen = consent(willingness(everyone, names)).reshape(world.n, world.n, len(world.ladder.names))
    return np.stack([keen[world.first, world.second], keen[world.second, world.first]], axis=1)


def gain_norms(world: World, blank: Baseline, state: BlockState, view: View) -> Floats:
    """(n, M) mean over partners of ln(G + floor), of each state and kind, in the one run of `state`."""
    n = world.n
    everyone = _all_prospects(world, blank, state, view)
    log_gain = everyone.log_gain.reshape(n, n, len(world.ladder.names))
    log_gain[np.arange(n), np.arange(n)] = 0.0
    return np.asarray(log_gain.sum(axis=1) / (n - 1))


def _all_prospects(world: World, baseline: Baseline, state: BlockState, view: View) -> Prospects:
    kinds = len(world.ladder.names)
    ego, alter, kind = (grid.ravel() for grid in np.indices((world.n, world.n, kinds)))
    return Prospects(world, baseline, view, state, np.zeros_like(ego), ego, alter, kind, kinds_each=kinds)

"""Policies in the engine against `plain_policies.py`: docs/policies.md, programmed twice."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import World
from balance_sim.model.engine import simulate
from balance_sim.model.perception import View
from balance_sim.model.sights import Sight
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.conditions import observables_in, parsed
from plain_policies import PlainWithPolicies, apart
from test_two_programs import SEED, plain, row_of, rows_of


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario(Path(__file__).with_name("policies.yaml"))


@pytest.fixture(scope="module")
def worlds(scenario: Scenario) -> Worlds:
    return compile_worlds(scenario)


@pytest.fixture(scope="module")
def control(scenario: Scenario) -> PlainWithPolicies:
    return PlainWithPolicies(scenario, "without")


@pytest.mark.parametrize(("arm", "run"), [("with", 0), ("without", 1)])
def test_the_same_acts_on_the_same_days_and_the_same_agreements(
    scenario: Scenario, worlds: Worlds, control: PlainWithPolicies, arm: str, run: int
) -> None:
    other = PlainWithPolicies(scenario, arm, control)
    lived = {row_of(one): one for one in other.live(SEED, run, control.start())}
    runs, world = np.array([run], dtype=np.uint64), worlds.arms[arm]
    opportunities = draw_opportunities(worlds.reference, SEED, runs, None)
    ended = simulate(
        world, worlds.baseline, opportunities, thinning(world, opportunities, worlds.bounds[arm]), SEED, runs
    )
    policies, enacted = world.policies, ended.enacted
    assert policies is not None and enacted is not None
    for k, key in enumerate(policies.ids):
        name = policies.players[policies.player[k]]
        days = enacted.days[0, k]
        assert days[np.isfinite(days)].tolist() == [one.day for one in other.of(name, key)], (name, key)
    assert len({(one.player, one.policy) for one in other.done}) >= 8
    made = ended.agreements
    found = {key: row for row, key in enumerate(rows_of(world, made)) if made.origin[row] != 5}
    assert set(found) == {key for key, one in lived.items() if one.origin != "in_force"}
    for key, row in found.items():
        for name in ("signed", "in_force", "fails"):
            there = getattr(made, name)[row]
            assert there == pytest.approx(getattr(lived[key], name), rel=1e-7, abs=1e-6), (key, name)
    assert sum(one.signed < plain.NEVER for one in lived.values() if one.origin == "new") > 10
    effort = [other.effort[code] for code in world.codes]
    assert max(effort) > 0.1


def test_all_that_players_see_in_a_step(scenario: Scenario, worlds: Worlds, control: PlainWithPolicies) -> None:
    """Every observable of every condition, in the second program at the same moment of the same life."""
    steps = [0, 9, 20, worlds.reference.steps - 1]
    mine: dict[tuple[int, str, str, str], float] = {}
    theirs: dict[tuple[int, str, str, str], float] = {}
    runs, world = np.array([1], dtype=np.uint64), worlds.arms["with"]
    opportunities = draw_opportunities(worlds.reference, SEED, runs, None)

    def look(world: World, state: BlockState, view: View) -> None:
        policies = world.policies
        if view.step not in steps or policies is None:
            return
        for k, condition in enumerate(policies.conditions):
            player, policy = policies.players[policies.player[k]], policies.ids[k]
            for seen in observables_in(condition):
                value = float(Sight(world, state, view, policies, k).of(seen)[0])
                mine[view.step, player, policy, f"{seen.change} {seen.name} {seen.who}"] = value

    simulate(
        world, worlds.baseline, opportunities, thinning(world, opportunities, worlds.bounds["with"]), SEED, runs, look
    )
    step_of = {float(world.grid[step]): step for step in steps}

    class Watched(PlainWithPolicies):
        def look(self, day, seen, made, effort) -> None:  # type: ignore[no-untyped-def]
            if day in step_of:
                for name, player, key, policy in self.policies():
                    for seen_there in observables_in(parsed(policy.when)):
                        word, whom = seen_there.name, seen_there.who
                        value = float(len([one for one in self.of(name, key) if day - 365 < one.day <= day]))
                        if seen_there.change:
                            word, whom = "change", f"{word}({whom})"
                        if word != "done":
                            value = self.value(word, whom, player, day, seen, made, effort)
                        text = f"{seen_there.change} {seen_there.name} {seen_there.who}"
                        theirs[step_of[day], name, key, text] = value
            super().look(day, seen, made, effort)

    Watched(scenario, "with", control).live(SEED, 1, control.start())
    assert mine.keys() == theirs.keys() and len(mine) > 4 * 15
    for place, value in mine.items():
        assert value == pytest.approx(theirs[place], rel=1e-8, abs=1e-10), place


def test_a_text_is_taken_apart_outside_of_parentheses() -> None:
    assert apart("a or (b or c) or d", " or ") == ["a", "(b or c)", "d"]

"""Joint exercises in replications: a margin that follows alarm and feeds nothing back."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.model import exercises as rates
from balance_sim.model.baseline import NO_RUN, Worlds, compile_worlds
from balance_sim.model.core import DIRECTIONS, World
from balance_sim.model.engine import begin, perceive, simulate
from balance_sim.model.perception import View
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario
from balance_sim.scenario.defaults import exercise_distribution
from balance_sim.scenario.schema import Arm, Event
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.draws import with_draws
from balance_sim.study.exercises import Exercises
from balance_sim.study.talks_at_start import focal_windows
from hypothesis import given, settings
from hypothesis import strategies as st

RUNS = 600


@pytest.fixture(scope="module")
def worlds(starter: Scenario) -> Worlds:
    return compile_worlds(starter)


def tables(worlds: Worlds, runs: int):
    found = simulate_block(worlds, 1, Block(0, runs), sorted(worlds.arms))
    return found.runs.to_pandas(), found.agreements.to_pandas()


@pytest.fixture(scope="module")
def outcomes(worlds: Worlds):
    return tables(worlds, RUNS)[0]


def test_drawn_numbers_have_the_mean_of_the_expected_ones(worlds: Worlds, outcomes) -> None:
    """In both arms, all classes and windows, within 4 Monte Carlo errors; and as the expected estimator says."""
    effect = expected_effect(worlds.scenario)
    for place, arm in enumerate((worlds.scenario.reference_arm, effect.arm)):
        of_arm, expected = outcomes[outcomes["arm"] == arm], effect.outcomes[place]
        for name in [name for name in expected if name.startswith("exercises_")]:
            mean = of_arm[f"filtered_{name}"].mean()
            assert abs(of_arm[name].mean() - mean) <= 4 * np.sqrt(mean / RUNS)
            assert mean == pytest.approx(expected[name], rel=0.02)


def test_numbers_are_whole_and_spread_as_poisson_numbers(worlds: Worlds, outcomes) -> None:
    counted = [name for name in outcomes if name.startswith("exercises_")]
    assert (outcomes[counted] == outcomes[counted].round()).all(axis=None)
    control = outcomes[outcomes["arm"] == worlds.scenario.reference_arm]["exercises_all_365"]
    assert control.var() / control.mean() == pytest.approx(1.0, abs=0.25)


def test_classes_have_the_rates_of_their_dyads(worlds: Worlds) -> None:
    """At the start nobody is alarmed; each class has the sum over its dyads."""
    world, direction = worlds.reference, worlds.baseline.direction
    held = Exercises(worlds, direction, focal_windows(worlds))
    found = held.by_class(world, perceive(world, begin(world, worlds.baseline, 0, NO_RUN), 0))[0]
    assert len({*direction.tolist()}) > 1
    assert found == pytest.approx(np.bincount(direction, rates.rate_at_start(world), 3), rel=0.02)


def test_rates_rise_by_the_elasticity_in_alarm(worlds: Worlds) -> None:
    """Ten times the threat: each class has the sum of rate x e^(kappa alarm) over its dyads, kappa near but not 1; none of
    it where alarm has no weight."""
    world, direction = worlds.reference, worlds.baseline.direction
    view = perceive(world, begin(world, worlds.baseline, 0, NO_RUN), 0)
    view = replace(view, total=10.0 * view.total)
    sides, start = (world.first, world.second), worlds.baseline.unsided
    alarm = rates.mutual_alarm(view.total, view.sided, start, sides, world.rules.alarm_floor)[0]
    held = Exercises(worlds, direction, focal_windows(worlds))
    (kappa,), rate = rates.reaction(world)[0], rates.rate_at_start(world)
    wanted = np.bincount(direction, rate * np.exp(kappa * alarm), 3)
    assert alarm.max() > 0.5 and abs(kappa - 1.0) > 0.1
    assert held.by_class(world, view)[0] == pytest.approx(wanted)
    calm = replace(world, rules=replace(world.rules, weights=dict(world.rules.weights) | {"alarm": 0.0}))
    assert held.by_class(calm, view)[0] == pytest.approx(np.bincount(direction, rate, 3))


def test_the_arm_in_which_states_are_alarmed_never_has_fewer(worlds: Worlds, outcomes) -> None:
    """Pairs: where the expected number rises in every stretch between windows, the drawn number does not fall."""
    effect = expected_effect(worlds.scenario)
    having = outcomes[outcomes["arm"] == effect.arm].set_index("run")
    control = outcomes[outcomes["arm"] == worlds.scenario.reference_arm].set_index("run")
    for window in (30, 90, 365):
        name = f"exercises_counter_{window}"
        risen = having[f"filtered_{name}"] >= control[f"filtered_{name}"]
        assert risen.mean() > 0.9
        assert (having[name] >= control[name])[risen].mean() > 0.99


def test_exercises_feed_nothing_back(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a strong reaction, or rates ten times as high, all else is the same to the last bit."""
    outcomes, agreements = tables(worlds, 40)
    rate = rates.rate_at_start
    monkeypatch.setattr(rates, "rate_at_start", lambda world: 10 * rate(world))
    monkeypatch.setattr(rates, "reaction", lambda _: np.array([[2.0]]))
    others, other_agreements = tables(worlds, 40)
    changed = [name for name in outcomes if not outcomes[name].equals(others[name])]
    assert changed and all("exercises_" in name for name in changed)
    assert agreements.equals(other_agreements)


def test_the_elasticity_is_drawn_with_its_error(worlds: Worlds) -> None:
    runs = np.arange(3000, dtype=np.uint64)
    own = with_draws(worlds, 1, runs)
    drawn = [world.drawn.exercise_reaction for world in own.arms.values()]
    found = exercise_distribution()
    error = found.covariance[0][0] ** 0.5
    assert all(np.array_equal(one, drawn[0]) for one in drawn)
    assert drawn[0].mean() == pytest.approx(found.estimate[0], abs=4 * error / len(runs) ** 0.5)
    assert drawn[0].std() == pytest.approx(error, rel=0.06)
    alarm = next(iter(own.arms.values())).drawn.weights["alarm"]
    assert abs(np.corrcoef(drawn[0], alarm)[0, 1]) < 0.08


def test_a_window_after_the_scenario_has_no_exercises(worlds: Worlds, tmp_path: Path) -> None:
    scenario = worlds.scenario
    longer = scenario.model_copy(update={"report": scenario.report.model_copy(update={"windows": (30, 9000)})})
    outcomes, _ = tables(replace(worlds, scenario=longer), 4)
    assert "exercises_all_30" in outcomes and "exercises_all_9000" not in outcomes


# --- between the rates that were seen, whatever the dates -------------------------------------------


def of_acts(starter: Scenario, days: list[int], kind: str = "force") -> list[Event]:
    """Acts by the focal event's first principal at the first target of the shipped one, on days after it."""
    focal = next(event for event in starter.events if event.id == starter.focal)
    return [
        focal.model_copy(
            update={"id": f"act{number}", "date": focal.date + timedelta(days=day), "kind": kind, "accord": None}
        )
        for number, day in enumerate(days)
    ]


def with_arms(scenario: Scenario, **arms: list[Event]) -> Scenario:
    added = {name: Arm(add=tuple(events)) for name, events in arms.items()}
    return scenario.model_copy(update={"arms": {**scenario.arms, **added}})


def rates_in_every_step(worlds: Worlds, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """(S, D) exercises a year of the first replication in each step, and (S, 2) the days of the step."""
    held = Exercises(worlds, worlds.baseline.direction, focal_windows(worlds))
    seen: list[np.ndarray] = []
    world = worlds.arms[arm]
    runs = np.arange(1, dtype=np.uint64)
    opportunities = draw_opportunities(world, 1, runs, None)

    def look(present: World, state: BlockState, view: View) -> None:
        seen.append(held.by_class(present, view)[0])

    simulate(world, worlds.baseline, opportunities, thinning(world, opportunities, None), 1, runs, look)
    return np.stack(seen), np.stack([world.grid[:-1], world.grid[1:]], axis=1)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 120), min_size=1, max_size=8, unique=True))
def test_exercises_of_an_arm_lie_between_its_least_and_greatest_rate_times_the_window(
    starter: Scenario, days: list[int]
) -> None:
    """And are the sum over all steps."""
    worlds = compile_worlds(with_arms(starter, acts=of_acts(starter, days)))
    found = simulate_block(worlds, 1, Block(0, 1), sorted(worlds.arms)).runs.to_pandas().set_index("arm")
    first, stop = focal_windows(worlds).bounds(365)
    for arm in ("acts", worlds.scenario.reference_arm):
        rates, steps = rates_in_every_step(worlds, arm)
        inside = np.clip(steps, first, stop)
        length = inside[:, 1] - inside[:, 0]
        in_window = rates[length > 0]
        for place, name in enumerate(DIRECTIONS):
            number = found.loc[arm, f"filtered_exercises_{name}_365"] * 365.25 / (stop - first)
            assert in_window[:, place].min() - 1e-3 <= number <= in_window[:, place].max() + 1e-3
        whole = (rates * length[:, None]).sum() / 365.25
        number = found.loc[arm, "filtered_exercises_all_365"]
        assert number == pytest.approx(whole)


def test_the_dates_of_another_arm_do_not_change_an_arms_exercises(starter: Scenario) -> None:
    """Ten acts in nine days, in an arm of its own: what other arms have moves by less than a thousandth."""
    alone = compile_worlds(with_arms(starter, one=of_acts(starter, [0])))
    beside = compile_worlds(with_arms(starter, one=of_acts(starter, [0]), ten=of_acts(starter, [*range(10)])))
    arms = sorted(alone.arms)
    few, more = (tables(worlds, 20)[0].set_index(["arm", "run"]) for worlds in (alone, beside))
    for name in [name for name in few if name.startswith("filtered_exercises")]:
        for arm in arms:
            assert more.loc[arm, name].mean() == pytest.approx(few.loc[arm, name].mean(), rel=2e-3), (arm, name)
    expected = [expected_effect(worlds.scenario, "one").outcomes[1] for worlds in (alone, beside)]
    assert expected[1]["exercises_all_365"] == pytest.approx(expected[0]["exercises_all_365"], rel=2e-3)


def test_an_act_that_nobody_sees_changes_no_exercises(starter: Scenario) -> None:
    unseen = [event.model_copy(update={"visibility": 0.0}) for event in of_acts(starter, [3, 4, 5, 6])]
    found = tables(compile_worlds(with_arms(starter, unseen=unseen)), 20)[0].set_index(["arm", "run"])
    (having,) = [arm for arm in starter.arms if arm != starter.reference_arm]
    for name in [name for name in found if name.startswith("filtered_exercises")]:
        as_written = found.loc[having, name]
        assert found.loc["unseen", name].to_numpy() == pytest.approx(as_written.to_numpy(), rel=1e-3), name

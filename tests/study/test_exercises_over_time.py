"""Joint exercises over random dates: between bounds, whatever other arms do and when, and against daily steps."""

from datetime import date, timedelta

import numpy as np
import pytest
from balance_sim.model import world as worlds_over_time
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.scenario import Scenario
from balance_sim.scenario.schema import Arm, Event
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.expected import Estimator
from balance_sim.study.spans import at_start, in_spans, walk
from hypothesis import given, settings
from hypothesis import strategies as st

SUMMIT = date(2025, 2, 10)
COUNTED = "exercises_all_365"
KINDS = ("joint_summit", "treaty", "exercise", "display", "force", "reassurance")
DAYS = 365.0

few = settings(max_examples=12, deadline=None)
fewer = settings(max_examples=6, deadline=None)
days_after = st.integers(0, 60) | st.integers(0, 380)
visibilities = st.floats(0.1, 1.0)
an_act = st.tuples(days_after, st.sampled_from(KINDS), visibilities)
some_acts = st.lists(an_act, min_size=1, max_size=10)


def act(name: str, days: int, kind: str, visibility: float) -> Event:
    """Of Arden against Corvia, with Belmar where two act together."""
    alone = kind in ("display", "force", "reassurance")
    return Event(
        id=name,
        date=SUMMIT + timedelta(days=days),
        kind=kind,
        principals=("XAR",) if alone else ("XAR", "XBE"),
        targets=("XCO",),
        visibility=visibility,
    )


def with_acts(scenario: Scenario, **arms: list[tuple[int, str, float]]) -> Scenario:
    """A scenario with more arms, each the summit's with some acts added."""
    more = {name: Arm(add=tuple(act(f"{name}_{k}", *one) for k, one in enumerate(acts))) for name, acts in arms.items()}
    return scenario.model_copy(update={"arms": {**scenario.arms, **more}})


def expected(scenario: Scenario, *arms: str) -> list[float]:
    worlds = compile_worlds(scenario)
    estimator = Estimator(worlds)
    return [estimator.exercises(worlds.arms[arm])[COUNTED] for arm in arms]


def rates_by_day(worlds: Worlds, arm: str) -> np.ndarray:
    """Exercises a year in each day of a world of daily steps, all classes together."""
    estimator = Estimator(worlds)
    world = in_spans(worlds.arms[arm], np.arange(worlds.reference.steps + 1))
    classes = [
        estimator.joint.by_class(view.world, view)[0] for _, view in walk(world, worlds.baseline, at_start(world))
    ]
    return np.sum(classes, axis=1)


@given(some_acts)
@fewer
def test_an_arms_exercises_lie_between_the_least_and_the_greatest_rate(starter: Scenario, acts) -> None:
    """And are those of daily steps, within 2 % of what moves."""
    more = with_acts(starter, crisis=acts)
    found, calm = expected(more, "crisis", more.reference_arm)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worlds_over_time, "LONGEST_DAYS", 1.0)
        daily = compile_worlds(more.model_copy(update={"step_days": 1}))
        rates, calm_rates = rates_by_day(daily, "crisis"), rates_by_day(daily, more.reference_arm)
    first = int(daily.reference.focal_day) + 1
    rates, calm_rates = rates[first : first + 365], calm_rates[first : first + 365]
    assert len(rates) == DAYS
    assert rates.min() * DAYS / 365.25 <= found <= rates.max() * DAYS / 365.25
    moved = np.abs(rates - calm_rates).sum() / 365.25
    assert found - calm == pytest.approx((rates - calm_rates).sum() / 365.25, abs=0.02 * moved + 1e-6)


@given(some_acts, some_acts)
@few
def test_the_dates_of_another_arm_hardly_move_an_arms_exercises(starter: Scenario, acts, others) -> None:
    """The steps that arms share are cut on them, no more: within 2 % of the effect and 1 in 10,000 of the level."""
    alone = np.array(expected(with_acts(starter, crisis=acts), "crisis", starter.reference_arm))
    beside = np.array(expected(with_acts(starter, crisis=acts, other=others), "crisis", starter.reference_arm))
    assert beside[1] == pytest.approx(alone[1], rel=1e-4)
    effect, other_effect = alone[0] - alone[1], beside[0] - beside[1]
    assert other_effect == pytest.approx(effect, rel=0.02, abs=1e-4 * alone[1])


@given(some_acts, st.data())
@fewer
def test_an_arm_on_the_same_dates_moves_nothing(starter: Scenario, acts, data) -> None:
    """Other acts on dates that the file has anyhow: every bit stays, in replications too."""
    others = [(days, data.draw(st.sampled_from(KINDS)), data.draw(visibilities)) for days, *_ in acts]
    alone = with_acts(starter, crisis=acts)
    beside = with_acts(starter, crisis=acts, other=others)
    arms = ["crisis", starter.reference_arm]
    assert expected(alone, *arms) == expected(beside, *arms)
    columns = []
    for scenario in (alone, beside):
        runs = simulate_block(compile_worlds(scenario), 1, Block(0, 2), arms).runs.to_pandas()
        columns.append(runs[[name for name in runs if "exercises_" in name]])
    assert columns[0].equals(columns[1])


@given(st.lists(days_after, min_size=1, max_size=10))
@few
def test_acts_that_nobody_sees_move_no_level(starter: Scenario, dates) -> None:
    unseen = with_acts(starter, unseen=[(days, "force", 0.0) for days in dates])
    found, summit = expected(unseen, "unseen", "summit")
    assert found == summit
    assert found == pytest.approx(expected(starter, "summit")[0], rel=1e-4)


def test_each_parade_of_ten_days_adds_exercises(starter: Scenario) -> None:
    parades = [(1 + day, "joint_summit", 1.0) for day in range(10)]
    arms = {f"first_{count}": parades[:count] for count in range(11)}
    numbers = expected(with_acts(starter, **arms), *arms)
    assert (np.diff(numbers) > 0).all()

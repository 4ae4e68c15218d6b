"""The mean of a filtered estimate is the mean of the count, by outcome and arm; of forms wrong on purpose it is not.

Two yardsticks, on differences filtered less counted, replication by replication. The largest |z| over outcomes and
arms: right estimates exceed `most(tests)` once in 10,000 runs of a test (Bonferroni). And z-scores of batches of
replications, of classes of different dyads and of arms with seeds of their own, against the standard normal
(Kolmogorov, Smirnov), which right estimates fail once in a hundred; seeds are fixed, so that a test passes or fails
for good."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.explain.attribution import along_control
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import simulate
from balance_sim.model.state import ClockRows
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import load_scenario, with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.lags import signed_within
from balance_sim.study.control_variates import ControlVariates
from balance_sim.study.filtered import FilteredSums, filtered_outcomes, prospect_of
from balance_sim.study.talks_at_start import focal_windows
from direct_estimator import direct
from replications import (
    SCENARIOS,
    SUMMIT,
    Gaps,
    bare,
    doubled,
    every_kind,
    gaps,
    largest,
    most,
    noise,
    small,
    variate_gaps,
    z_of,
)

BATCHES = 20


def fast(folder: Path) -> Scenario:
    """Talks of twenty days in steps of thirty, with an opportunity a month: often two of one clock in one step."""
    values = {"talks_days": 20.0, "talks_shape": 1.5, "ceiling": 12.0}
    values |= {"force_shape": 0.8, "force_days": 60.0, "at_once": 0.3}
    return small(folder, every_kind(small(folder, {}), **values) | {"step_days": 30.0})


def feedback(folder: Path) -> Scenario:
    """Deep agreements that move beliefs much, shapes of different kinds."""
    plain = small(folder, {})
    values = every_kind(plain, ceiling=4.0, depth=0.9, calm=0.5, talks_days=250.0)
    values |= {"kinds.access.talks_shape": 3.0, "kinds.defence_cooperation.talks_shape": 0.7}
    belief = {"parameters.alpha_acc": 6.0, "parameters.beta": 0.6, "parameters.collapse_rate": 0.6}
    return small(folder, values | belief | {"step_days": 15.0})


def window(scenario: Scenario) -> int:
    return max(scenario.report.windows)


def looks_like_noise(found: Gaps, scenario: Scenario, batches: int = BATCHES) -> bool:
    return largest(found) < most(len(found)) and noise(found, window(scenario), batches) > 0.01


@pytest.mark.slow
def test_often_two_opportunities_in_one_step(tmp_path: Path) -> None:
    scenario = fast(tmp_path)
    found = gaps(scenario, ["no_summit", "summit"], 800, [bare, doubled])
    assert len(found["right"]) > 25
    assert looks_like_noise(found["right"], scenario)
    assert not looks_like_noise(found["bare"], scenario)
    assert largest(found["doubled"]) > most(len(found["doubled"]))


@pytest.mark.slow
def test_strong_feedback(tmp_path: Path) -> None:
    """What a replication signs moves what its states believe, and so what they consent to next."""
    scenario = with_values(feedback(tmp_path), {"theory.weights.security_gain": 0.3})
    found = gaps(scenario, ["no_summit", "summit"], 1200)
    assert looks_like_noise(found["right"], scenario)


@pytest.mark.slow
def test_beijing_2025() -> None:
    """600 replications of the control arm and of the parade, sixty a batch: fewer are not normal. Bare probabilities
    are told at once."""
    scenario = load_scenario(SCENARIOS / "beijing_2025.yaml")
    found = gaps(scenario, ["no_parade", "parade"], 600, [bare], batch=150)
    assert len(found["right"]) > 35
    assert looks_like_noise(found["right"], scenario, 10)
    assert largest(found["bare"]) > most(len(found["bare"]))


@pytest.mark.long
def test_long_beijing_2025() -> None:
    """20,000 replications of every arm."""
    scenario = load_scenario(SCENARIOS / "beijing_2025.yaml")
    found = gaps(scenario, list(scenario.arms), 20_000, batch=250)["right"]
    assert largest(found) < most(len(found)), {key: z_of(gap) for key, gap in found.items()}
    assert noise(found, window(scenario), BATCHES) > 0.01


def test_other_shapes_drawn_acts_and_a_guest(tmp_path: Path) -> None:
    """The scenario of the loader's tests: acts drawn by chance, audiences, talks on record; shapes of 0.7 and 3."""
    plain = load_scenario(SUMMIT)
    scenario = with_values(
        plain, {"kinds.logistics.talks_shape": 0.7, "kinds.access.talks_shape": 3.0, "step_days": 14.0}
    )
    found = gaps(scenario, ["no_summit", "reassured"], 1200)["right"]
    assert looks_like_noise(found, scenario)


# --- control variates ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_control_variate_moves_no_mean(tmp_path: Path) -> None:
    """Held to the filtered estimate without it, which is far more exact than the count; other forms move it."""
    for scenario in (fast(tmp_path), with_values(feedback(tmp_path), {"step_days": 4.0})):
        found = variate_gaps(scenario, ["no_summit", "summit"], 1000)
        limit, scores = most(len(found["controlled"])), {form: largest(of) for form, of in found.items()}
        assert len(found["controlled"]) > 25
        assert scores.pop("controlled") < limit < min(scores.values()), scores


def test_an_idle_clock_is_worth_the_integral_of_what_it_opens(tmp_path: Path) -> None:
    """From the beginning of a step on: quadrature of rate * v * S, with S in the windows of the report."""
    worlds = compile_worlds(with_values(feedback(tmp_path), {"step_days": 4.0}))
    variate, world = ControlVariates(worlds).of("summit"), worlds.arms["summit"]
    step, dyad, kind = np.array([0, 1, 2, 7, 12]), np.array([0, 4, 4, 7, 2]), np.array([0, 1, 2, 1, 0])
    changes = ClockRows(step, np.zeros(5, dtype=int), dyad, kind, np.array([1.0, -1.0, 1.0, 1.0, -1.0]))
    assert not np.isin(world.grid[step], variate.signatures.edges).all()  # inside of a span too
    ladder, collapse = world.ladder, world.rules.collapse_rate / 365.25
    for days in worlds.scenario.report.windows:
        first, stop = focal_windows(worlds).bounds(days)
        found = variate.changed(changes)[days]
        for row, (s, p, m) in enumerate(zip(step, dyad, kind, strict=True)):
            day = np.linspace(world.grid[s], stop, 400_001)
            day = (day[1:] + day[:-1]) / 2
            lag = ladder.talks_shape[m], ladder.talks_days[m], collapse
            signed = signed_within(np.maximum(stop - day, 0.0), *lag) - signed_within(
                np.maximum(first - day, 0.0), *lag
            )
            opens = variate.openings[np.searchsorted(variate.signatures.edges, day) - 1, p, m]
            wanted = (variate.rate[p, m] * opens * signed).mean() * (stop - world.grid[s])
            assert found[row] == pytest.approx(changes.weight[row] * wanted, rel=1e-4, abs=1e-12), (days, row)


# --- the direct estimate -------------------------------------------------------------------------------


def effects(scenario: Scenario, arm: str, runs: int, outcomes: Sequence[str]) -> dict[str, tuple[np.ndarray, ...]]:
    """(filtered, direct) effect of an arm in each replication, by outcome."""
    from replications import simulated, windows_of

    control = scenario.reference_arm
    worlds = compile_worlds(scenario, (control, arm))
    numbers = np.arange(runs, dtype=np.uint64)
    whole = {of: filtered_outcomes(simulated(worlds, of, numbers, thinned=False)[0]) for of in (control, arm)}
    along, beside = direct(worlds, 1, numbers, [arm])
    prospect = prospect_of(worlds, along.opportunities, windows_of(worlds))

    def sums(one: str, simulated: object) -> dict[str, np.ndarray]:
        of = FilteredSums(worlds.arms[one], simulated, prospect, windows_of(worlds),
                      worlds.baseline.direction, runs)  # fmt: skip
        return filtered_outcomes(of)

    near = {control: sums(control, along), arm: sums(arm, beside[arm])}
    for name in outcomes:  # the control arm along which the direct estimate runs is the control arm
        np.testing.assert_array_equal(near[control][name], whole[control][name])
    return {name: (whole[arm][name] - whole[control][name], near[arm][name] - near[control][name]) for name in outcomes}


def test_the_direct_effect_is_the_effect_where_agreements_move_nothing(tmp_path: Path) -> None:
    """No experience, no depth, no partners: nothing that states believe or want hangs on agreements, and there is no
    feedback but that a clock is busy with other talks in the arm than in the control arm."""
    plain = small(tmp_path, {})
    off = ("activity", "autonomy", "closure", "experience", "ladder", "popularity", "security_gain")
    kinds = every_kind(plain, depth=0.0, calm=0.0, talks_days=5.0)
    values = {f"theory.weights.{name}": 0.0 for name in off} | kinds
    values |= {"events.summit.kind": "force", "events.summit.targets": ["North"]}
    scenario = small(tmp_path, values)
    filtered, beside = effects(scenario, "summit", 600, ["accords_counter_300"])["accords_counter_300"]
    gap, root = filtered - beside, len(filtered) ** 0.5
    assert min(filtered.mean() / filtered.std(), beside.mean() / beside.std()) > 3 / root
    assert abs(gap.mean()) < 0.1 * filtered.mean() + 3 * gap.std() / root


def test_an_arm_arms_against_what_it_sees_itself(tmp_path: Path) -> None:
    """Where nobody ever signs, states arm along the control arm's replications as in the arm's own, to the last bit."""
    scenario = small(tmp_path, every_kind(small(tmp_path, {}), ceiling=1e-9) | {"events.summit.targets": ["North"]})
    control, arm = scenario.reference_arm, "summit"
    worlds, runs = compile_worlds(scenario, (control, arm)), np.arange(3, dtype=np.uint64)
    beside: dict[str, list[np.ndarray]] = {control: [], arm: []}
    alone: dict[str, list[np.ndarray]] = {control: [], arm: []}
    along_control(worlds, 1, runs, (arm,), lambda step: beside[step.world.arm].append(step.state.effort.copy()))
    opportunities = draw_opportunities(worlds.reference, 1, runs)
    for name, world in worlds.arms.items():
        thin = thinning(world, opportunities, worlds.bounds[name])
        given = world, worlds.baseline, opportunities, thin, 1, runs
        simulate(*given, lambda world, state, view: alone[world.arm].append(state.effort.copy()))
        np.testing.assert_array_equal(beside[name], alone[name])
    assert (beside[arm][-1] > beside[control][-1]).any()


@pytest.mark.slow
def test_the_direct_effect_of_the_parade_is_near_the_effect_and_less_uncertain() -> None:
    """What it leaves out is feedback alone: a few per cent of the effect."""
    scenario = load_scenario(SCENARIOS / "beijing_2025.yaml", calibrated=False)
    filtered, beside = effects(scenario, "parade", 300, ["accords_counter_365"])["accords_counter_365"]
    gap = filtered - beside
    assert abs(gap.mean()) < 0.05 * filtered.mean() + 4 * gap.std() / len(gap) ** 0.5
    assert gap.std() / len(gap) ** 0.5 < 0.15 * filtered.mean(), "so many replications tell a seventh"
    assert beside.std() < filtered.std() / 1.5

"""The expected estimator: closed forms where nothing moves, the filtered estimate where much does."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.effects.run import run
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DAYS_PER_YEAR, DIRECTIONS
from balance_sim.model.prospects import Prospects
from balance_sim.model.willingness import consent, willingness
from balance_sim.scenario import arm_scenario, load_scenario, new_scenario, with_values
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.lags import signed_integral, signed_within
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.control_variates import ControlVariates
from balance_sim.study.expected import ExpectedSignatures, expected
from balance_sim.study.filtered import FilteredSums, filtered_outcomes, prospect_of
from balance_sim.study.spans import at_start, course, in_spans, spans, walk, with_event
from direct_estimator import direct
from replications import simulated, windows_of

BEIJING = Path(__file__).parents[2] / "scenarios" / "beijing_2025.yaml"
COUNTER = DIRECTIONS.index("counter")


@pytest.fixture(scope="module")
def worlds(beijing: Scenario) -> Worlds:
    return compile_worlds(beijing, ("no_parade", "parade", "washington_doubted"))


def still(tmp_path: Path, ceiling: float, **lags: float) -> Worlds:
    """The starter without terms, and with talks that do not collapse: consent is one half throughout."""
    path = tmp_path / "still.yaml"
    path.write_text(new_scenario("still"), encoding="utf-8")
    scenario = load_scenario(path)
    values: dict[str, object] = {f"theory.weights.{name}": 0.0 for name in scenario.theory.weights}
    values |= {"parameters.collapse_rate": 0.0, "base_rate": None}  # a world of its own
    for kind in scenario.kinds:
        values |= {f"kinds.{kind}.intercept": 0.0, f"kinds.{kind}.ceiling": ceiling}
        values |= {f"kinds.{kind}.{name}": value for name, value in lags.items()}
    return compile_worlds(with_values(scenario, values))


def test_constant_consent_gives_the_closed_form(tmp_path: Path) -> None:
    """Talks open at ceiling / 4 a year and dyad; with so low a ceiling hardly a clock is ever busy."""
    ceiling = 1e-6
    worlds = still(tmp_path, ceiling)
    world, arm = worlds.reference, worlds.scenario.reference_arm
    found = expected(worlds, (arm,))[arm]
    first, stop = found.windows.bounds(found.windows.longest)
    ladder, rate = world.ladder, ceiling / 4.0 / DAYS_PER_YEAR
    of = (ladder.talks_shape, ladder.talks_days, 0.0)
    opened = rate * (signed_integral(np.asarray(stop), *of) - signed_integral(np.asarray(first), *of))
    # talks under way at the start: rate * mean of them, whose rest is signed with density (1 - F) / mean
    rest = rate * ((stop - first) - (signed_integral(np.asarray(stop), *of) - signed_integral(np.asarray(first), *of)))
    known = np.isin(np.arange(len(world.first)), world.initial.dyad[world.initial.stage < 2])
    signed = found.signed[found.windows.longest]
    np.testing.assert_allclose(signed[~known], np.broadcast_to(opened + rest, signed[~known].shape), rtol=1e-5)


def test_effort_is_what_replications_record(tmp_path: Path) -> None:
    """Hardly anything is signed and nothing turns on what is; held at 0 nobody arms. Threatened: Corvia, Dorn."""
    path = tmp_path / "arming.yaml"
    path.write_text(new_scenario("arming"), encoding="utf-8")
    scenario = load_scenario(path)
    found, result = expected_effect(scenario), run(scenario, runs=24, seed=2)
    assert found.effort is not None and found.effort[1] > found.effort[0]
    for name in ("effort_threatened_30", "effort_threatened_365"):
        levels = result.levels[result.levels["outcome"] == name].set_index("arm")["mean"]
        said = dict(zip(("no_summit", "summit"), (arm[name] for arm in found.outcomes), strict=True))
        effect = levels["summit"] - levels["no_summit"]
        assert said["summit"] - said["no_summit"] == pytest.approx(effect, rel=0.05)
    flat = expected_effect(with_values(scenario, {"parameters.effort_max": 0.0}))
    assert flat.effort == (0.0, 0.0)
    nobody = expected_effect(load_scenario(path, set=["parameters.tau=1"]).counted_as(None))
    assert nobody.effort is None and "effort_threatened_365" not in nobody.outcomes[0]


def test_busy_clocks_open_no_talks(tmp_path: Path) -> None:
    """At a high rate a clock is idle as often as the renewal theorem says: 1 / (1 + rate * time that it is busy)."""
    worlds = still(tmp_path, 4.0, talks_days=40.0, force_days=0.0)
    world = worlds.reference
    edges = spans(worlds, 60)
    gives = ExpectedSignatures(worlds, world.grid[edges])
    idle = gives.idle(course(in_spans(world, edges), worlds.baseline))
    days = np.linspace(0.0, 2000.0, 20001)
    spent = np.trapezoid(gives.busy(days), days, axis=0)
    np.testing.assert_allclose(spent, 40.0, rtol=1e-3, err_msg="in force at signature: busy for as long as talks last")
    free = ~np.isin(np.arange(len(world.first)), world.initial.dyad[world.initial.stage < 2])
    np.testing.assert_allclose(idle[-1][free], 1.0 / (1.0 + 40.0 / DAYS_PER_YEAR), atol=0.01)


def test_what_is_in_force_at_once_keeps_no_clock_busy(tmp_path: Path) -> None:
    """Talks of 40 days; a quarter is in force at signature, the others wait 60 days on the average: busy for 85."""
    worlds = still(tmp_path, 4.0, talks_days=40.0, at_once=0.25, force_days=60.0)
    gives = ExpectedSignatures(worlds, worlds.reference.grid)
    assert gives.waiting(np.array([[0.0]]))[0] == pytest.approx(np.full(len(worlds.reference.ladder.names), 0.75))
    days = np.linspace(0.0, 3000.0, 3001)
    spent = np.trapezoid(gives.busy(days), days, axis=0)
    np.testing.assert_allclose(spent, 40.0 + 0.75 * 60.0, rtol=0.02)


def test_what_json_says_of_an_effect_is_the_arm_less_the_control_arm(tmp_path: Path) -> None:
    path = tmp_path / "told.yaml"
    path.write_text(new_scenario("told"), encoding="utf-8")
    found = expected_effect(load_scenario(path))
    (control, having), said = found.outcomes, found.as_dict()["effects"]
    assert {*said} == {*having} and any(row["effect"] > 0 for row in said.values())
    for name, row in said.items():
        assert row == {"control": control[name], "mean": having[name], "effect": having[name] - control[name]}
    headline = said[found.outcome]["effect"]
    assert headline == found.effect == pytest.approx(sum(
        row["effect"] for row in found.as_dict()["dyads"] if row["direction"] == "counter"
    ))  # fmt: skip


def test_the_first_busy_moment_is_certain(worlds: Worlds) -> None:
    gives = ExpectedSignatures(worlds, worlds.reference.grid)
    np.testing.assert_allclose(gives.busy(np.array([0.0])), 1.0)
    lasting = gives.busy(np.array([100.0, 1000.0, 5000.0]))
    assert (np.diff(lasting, axis=0) < 0).all()


@pytest.mark.parametrize("days", [0, 90, 200])
def test_what_comes_before_an_event_need_not_be_worked_out_again(worlds: Worlds, beijing, days: int) -> None:
    """Of some dyads, beside a course of all, and alone: to the last bit; and beside a course that has the event too."""
    lacking = arm_scenario(beijing, "no_parade")
    event = next(one for one in arm_scenario(beijing, "parade").events if one.id == beijing.focal)
    moved = event.model_copy(update={"date": event.date + timedelta(days=days)})
    control = in_spans(worlds.reference, spans(worlds))
    world, some = with_event(control, lacking, moved), np.array([0, 7, 101, 102])
    beside, alone = course(control, worlds.baseline), course(world, worlds.baseline, some)
    for other in (beside, course(world, worlds.baseline)):
        found = course(world, worlds.baseline, some, beside=other)
        assert np.array_equal(found.consent, alone.consent)
    before = int(np.searchsorted(control.grid, worlds.reference.focal_day + days))
    apart = (alone.consent != beside.consent[:, some]).any(axis=(1, 2))
    assert 0 < before < len(apart) and not apart[:before].any() and apart[before:].all()


def test_spans_together_are_what_they_are_one_by_one(beijing: Scenario) -> None:
    """Consent and effort of every span, with a term that reads effort."""
    scenario = with_values(beijing, {"theory.weights.bandwagon": 2.0})
    worlds = compile_worlds(scenario, ("no_parade", "parade"), bounded=False)
    world, baseline = in_spans(worlds.arms["parade"], spans(worlds)), worlds.baseline
    dyads, types = np.array([0, 7, 101, 102]), len(world.ladder.names)
    found = course(world, baseline, dyads)
    run, kind = np.zeros(len(dyads) * types, dtype=int), np.tile(np.arange(types), len(dyads))
    for step, (state, view) in enumerate(walk(world, baseline, at_start(world))):
        of = Prospects.of_both_sides(world, baseline, view, state, run, np.repeat(dyads, types), kind)
        wanted = consent(willingness(of)).reshape(2, len(dyads), types)
        np.testing.assert_allclose(found.consent[step], wanted[0] * wanted[1], rtol=1e-12)
        assert np.array_equal(found.states[step].effort, state.effort)
    assert step + 1 == len(found.states) == len(found.consent)
    assert found.states[-1].effort.any()


def test_no_event_no_effect(beijing: Scenario) -> None:
    unseen = with_values(beijing, {"events.parade.visibility": 0.0})
    worlds = compile_worlds(unseen, ("no_parade", "parade"))
    control, having = (expected(worlds, ("no_parade", "parade"))[arm] for arm in ("no_parade", "parade"))
    for window in control.windows.days:
        assert (control.signed[window] == having.signed[window]).all()


@pytest.mark.slow
def test_it_is_near_the_filtered_effect(beijing: Scenario, worlds: Worlds) -> None:
    """Within 0.7 %, the control arm's level; two arms' effects within 1.5 % and four standard errors."""
    outcome = "accords_counter_365"
    arms = ("no_parade", "parade", "washington_doubted")
    result = run(beijing, runs=96, seed=11, arms=arms)
    effects = result.effects[result.effects["outcome"] == outcome].set_index("arm")
    levels = result.levels[result.levels["outcome"] == outcome].set_index("arm")
    found = expected(worlds, arms)
    direction = worlds.baseline.direction
    of = {arm: found[arm].outcomes(direction)[outcome] for arm in arms}
    assert of["no_parade"] == pytest.approx(levels.loc["no_parade", "mean"], rel=0.007)
    for arm in arms[1:]:
        row = effects.loc[arm]
        assert abs(of[arm] - of["no_parade"] - row["mean"]) <= 0.015 * abs(row["mean"]) + 4 * row["mcse"], arm


@pytest.mark.long
@pytest.mark.parametrize("path", sorted(BEIJING.parent.glob("*.yaml")), ids=lambda path: path.stem)
def test_gaps_between_estimators(path: Path) -> None:
    """What docs/statistics.md publishes of the longest window; `-s` prints it.

    What the expected estimator leaves out is feedback (filtered less direct) and the growth of the control arm's own
    network (direct less expected). Without either it is the filtered effect."""
    scenario = load_scenario(path)
    arms = chosen_arms(scenario, None)
    control, arm = arms[0], str(headline_arm(arms))
    worlds = compile_worlds(scenario, (control, arm))
    outcome = f"accords_counter_{max(scenario.report.windows)}"
    direction, windows, variates = worlds.baseline.direction, windows_of(worlds), ControlVariates(worlds)
    filtered, along = [], []
    for first in range(0, 1000, 250):
        runs = np.arange(first, first + 250, dtype=np.uint64)
        both = [replace(simulated(worlds, of, runs, 11)[0], variate=variates.of(of)) for of in (control, arm)]
        without, having = (filtered_outcomes(one)[outcome] for one in both)
        filtered.append(having - without)
        seen, of = direct(worlds, 11, runs, (arm,))
        measured = prospect_of(worlds, seen.opportunities, windows), windows, direction, len(runs)
        having, without = (
            filtered_outcomes(FilteredSums(worlds.arms[name], one, *measured, variates.of(name)))[outcome]
            for name, one in ((arm, of[arm]), (control, seen))
        )
        along.append(having - without)
    found = expected(worlds, (control, arm))
    effect = found[arm].outcomes(direction)[outcome] - found[control].outcomes(direction)[outcome]
    means, errors = zip(
        *((all_.mean(), all_.std(ddof=1) / len(all_) ** 0.5) for all_ in map(np.concatenate, (filtered, along))),
        strict=True,
    )
    print(
        f"| {path.stem} | "
        + " | ".join(f"{mean:.5f} ({error:.5f})" for mean, error in zip(means, errors, strict=True))
        + f" | {effect:.5f} |"
    )
    left_out = abs(means[0] - means[1]) + abs(means[1] - effect)
    assert abs(effect - means[0]) <= 0.02 * abs(means[0]) + left_out + 4 * errors[0]
    if any(change.agreement or change.joins for change in scenario.arms[arm].changes):
        return  # what an arm signs is the network's growth, which the expected estimator leaves out
    share = 0.05 if path == BEIJING else 0.2
    assert abs(effect - means[0]) <= share * abs(means[0]) + 4 * errors[0]


def test_signed_integral_is_the_integral() -> None:
    days = np.linspace(0.0, 500.0, 200_001)
    of = (np.asarray(2.0), np.asarray(240.0), 0.15 / DAYS_PER_YEAR)
    by_hand = np.trapezoid(signed_within(days, *of), days)
    assert signed_integral(np.asarray(500.0), *of) == pytest.approx(by_hand, rel=1e-9)

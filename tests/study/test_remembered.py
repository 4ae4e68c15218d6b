"""What spans remember of signatures on the way, against replications: numbers signed, activity, experience, what is
announced, and the level that follows."""

from datetime import timedelta

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.engine import simulate
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.scenario import Scenario, with_values
from balance_sim.scenario.schema import Arm, Change, GivenAgreement
from balance_sim.study.blocks import Block, simulate_block
from balance_sim.study.expected import Estimator
from balance_sim.study.remembered import remembered, signed_by
from balance_sim.study.spans import at_start, in_spans, walk

RUNS = 1500


def each_kind(scenario: Scenario, **values: float) -> dict[str, object]:
    return {f"kinds.{kind}.{name}": value for kind in scenario.kinds for name, value in values.items()}


def without_terms(scenario: Scenario) -> dict[str, object]:
    """Consent is one half throughout, at a level of its own."""
    weights = {f"theory.weights.{name}": 0.0 for name in scenario.theory.weights}
    return weights | each_kind(scenario, intercept=0.0) | {"base_rate": None}


def replications(worlds: Worlds, look) -> None:
    """Every step of the control arm's."""
    runs, world = np.arange(RUNS, dtype=np.uint64), worlds.reference
    opportunities = draw_opportunities(world, 3, runs)
    thin = thinning(world, opportunities, worlds.bounds[world.arm])
    return simulate(world, worlds.baseline, opportunities, thin, 3, runs, look)


@pytest.mark.parametrize("ceiling", [0.2, 8.0])
def test_so_many_are_signed_in_replications_too(starter: Scenario, ceiling: float) -> None:
    """Constant consent, clocks seldom busy and clocks mostly busy; by each dyad and in all, on three days."""
    worlds = compile_worlds(with_values(starter, without_terms(starter) | each_kind(starter, ceiling=ceiling)))
    made = replications(worlds, lambda *_: None).agreements
    days = np.array([60.0, 180.0, 400.0])
    wanted = signed_by(worlds.reference, worlds.baseline, days)
    for day, expected in zip(days, wanted, strict=True):
        rows = (made.signed > 0) & (made.signed <= day)
        found = np.bincount(made.dyad[rows], minlength=len(expected)) / RUNS
        assert found.sum() == pytest.approx(expected.sum(), rel=0.05)
        assert found == pytest.approx(expected, abs=0.05 * expected.max() + 4 * np.sqrt(expected.max() / RUNS))


def test_activity_and_experience_are_the_means_of_replications(starter: Scenario) -> None:
    worlds = compile_worlds(with_values(starter, without_terms(starter) | each_kind(starter, ceiling=1.0)))
    seen: dict[int, list[np.ndarray]] = {}

    def look(world, state, view) -> None:
        seen[view.step] = [of.mean(axis=0) for of in (state.experience, state.engaged, state.active)]

    replications(worlds, look)
    world = worlds.reference
    memory = remembered(in_spans(world, np.arange(world.steps + 1)), worlds.baseline)
    middles = world.middle(np.arange(world.steps))
    for name, place in (("experience", 0), ("engaged", 1), ("active", 2)):
        by_begin = np.array([of[place] for of in seen.values()])
        at_middle = (by_begin[1:] + by_begin[:-1]) / 2
        found = getattr(memory, name)[:-1]
        assert found.sum(axis=1) == pytest.approx(at_middle.sum(axis=1), rel=0.02)
        assert found[-1].sum() > 1.1 * found[0].sum()
    assert len(middles) == len(memory.active)


def test_in_spans_a_state_remembers_what_was_worked_out(starter: Scenario) -> None:
    worlds = compile_worlds(starter)
    world = in_spans(worlds.reference, Estimator(worlds).edges)
    memory = remembered(world, worlds.baseline)
    for span, (state, _) in enumerate(walk(world, worlds.baseline, at_start(world))):
        np.testing.assert_array_equal(state.active[0], memory.active[span])
        np.testing.assert_array_equal(state.experience[0], memory.experience[span])
        np.testing.assert_array_equal(state.engaged[0], memory.engaged[span])


def test_where_activity_weighs_much_the_level_is_that_of_replications(starter: Scenario) -> None:
    """States seek those who sign: what is signed on the way counts for more than what fades."""
    values = without_terms(starter) | each_kind(starter, ceiling=0.3, intercept=-1.5)
    values["theory.weights.activity"] = 2.0
    values["parameters.activity_half_life_days"] = 365.25
    worlds = compile_worlds(with_values(starter, values))
    estimator, control = Estimator(worlds), worlds.reference.arm
    outcome = "accords_all_365"
    runs = simulate_block(worlds, 1, Block(0, RUNS), [control]).runs.to_pandas()
    found = estimator.control.outcomes(worlds.baseline.direction)[outcome]
    replicated = runs[f"filtered_{outcome}"]
    error = replicated.std() / len(replicated) ** 0.5
    assert found == pytest.approx(replicated.mean(), abs=0.03 * replicated.mean() + 3 * error)


def given(scenario: Scenario) -> Worlds:
    """An agreement that a change signs on day 60 and that is in force on day 150, where nobody else signs."""
    start = scenario.start
    terms = GivenAgreement(a="XBE", b="XCO", kind="defence_pact", in_force=start + timedelta(days=150))
    arm = Arm(changes=(Change(date=start + timedelta(days=60), agreement=terms),))
    rare = with_values(scenario, each_kind(scenario, ceiling=1e-9) | {"parameters.end_rate": 0.0})
    in_force = tuple(row for row in rare.accords if row.status == "in_force")
    return compile_worlds(rare.model_copy(update={"arms": {**rare.arms, "given": arm}, "accords": in_force}))


def test_what_a_change_signs_is_heard_of_and_remembered_at_once(starter: Scenario) -> None:
    """Threat, defence and experience of every step, each a span, are those of replications."""
    worlds = given(starter)
    world, seen = worlds.arms["given"], {}
    runs = np.arange(2, dtype=np.uint64)
    opportunities = draw_opportunities(worlds.reference, 1, runs)
    thin = thinning(world, opportunities, worlds.bounds["given"])

    def look(present, state, view) -> None:
        seen[view.step] = [
            view.total[0].copy(),
            view.defence[0].copy(),
            view.announced[0].copy(),
            state.depth[0].copy(),
        ]

    simulate(world, worlds.baseline, opportunities, thin, 1, runs, look)
    spans = in_spans(world, np.arange(world.steps + 1))
    announced = []
    for state, view in walk(spans, worlds.baseline, at_start(spans)):
        found = view.total[0], view.defence[0], view.announced[0], state.depth[0]
        for ours, theirs in zip(found, seen[view.step], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-7)
        dyad = world.dyad_index[world.codes.index("XBE"), world.codes.index("XCO")]
        announced.append(view.announced[0, dyad] > 0)
        signed_so_far = state.experience[0, dyad] - world.experience[dyad]
        assert signed_so_far == pytest.approx(0.0 if view.day < 60 else 1.0, abs=0.05)
    days = world.middle(np.arange(world.steps))
    assert announced == [60 <= day < 150 for day in days]

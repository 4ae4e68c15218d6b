"""The headline effect over draws of the parameters."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.effects.headline import stored_uncertainty
from balance_sim.evidence.forecast.theories import TheoryScore
from balance_sim.evidence.posterior import effect_draws
from balance_sim.evidence.posterior import uncertainty as of_draws
from balance_sim.evidence.posterior.effect_draws import COLUMNS, effect_of, effects_over, spread_of
from balance_sim.evidence.posterior.parameter_draws import posterior_draws, prior_draws
from balance_sim.evidence.posterior.uncertainty import (
    _places_among,
    grouped,
    inert_in,
    uncertainty,
    variance_shares,
    walks_between,
)
from balance_sim.model.baseline import compile_worlds
from balance_sim.scenario import Scenario, load_scenario, with_values
from balance_sim.stats.variance import known_alone
from balance_sim.study.arms import chosen_arms, headline_arm
from balance_sim.study.draws import CODING, Draws, coded_targets


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario("scenarios/solomon_2022.yaml", drawn=False)


@pytest.fixture(scope="module")
def arm(scenario: Scenario) -> str:
    return expected_effect(scenario).arm


@pytest.fixture(scope="module")
def found(scenario: Scenario) -> dict[str, Any]:
    return uncertainty(scenario, draws=2)


def test_the_values_in_use_give_the_expected_effect(scenario: Scenario, arm: str) -> None:
    """The short way, over counter-balancing dyads alone, against all dyads and all windows."""
    whole = expected_effect(scenario)
    worlds = compile_worlds(scenario, [scenario.reference_arm, arm])
    told = dict(zip(COLUMNS, effect_of(worlds, arm), strict=True))
    assert whole.channels is not None
    for name, value in whole.channels.items():
        assert told[name] == pytest.approx(value, abs=1e-12)
    assert told["level"] == pytest.approx(whole.outcomes[0][f"accords_counter_{whole.window}"])
    assert told["picture"] + told["threat"] + told["rest"] == pytest.approx(told["total"])


def test_a_draw_is_the_scenario_with_its_values(scenario: Scenario, arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scenario set to a draw by hand has the draw's effect; and parts give what the whole gives, to the last bit."""
    draws = prior_draws(scenario, 6)
    [alone] = effects_over(scenario, [(draws, True)], arm)
    monkeypatch.setattr(effect_draws, "CHUNK", 4)
    again, without_parts = effects_over(scenario, [(draws, True), (draws, False)], arm)
    assert np.array_equal(alone, again)
    assert np.array_equal(without_parts[:, [0, -1]], alone[:, [0, -1]])
    by_hand = dict(zip(draws.paths, draws.values[5].tolist(), strict=True))
    targets = list(coded_targets(scenario, int(by_hand.pop(CODING))))
    there = with_values(scenario, {f"events.{scenario.focal}.targets": targets} | by_hand)
    assert tuple(alone[5]) == effect_of(compile_worlds(there, [there.reference_arm, arm]), arm)


@pytest.mark.long
def test_two_workers_give_what_one_gives(scenario: Scenario, arm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit; in short `test_pool.py` holds it of the processes, and the test above of the parts."""
    monkeypatch.setattr(effect_draws, "CHUNK", 4)
    draws = prior_draws(scenario, 10)
    alone, shared = (effects_over(scenario, [(draws, True)], arm, workers=workers)[0] for workers in (1, 2))
    assert np.array_equal(alone, shared)


def test_an_interval_holds_what_it_says() -> None:
    """Quantiles of known numbers, and the share above zero."""
    values = np.column_stack([np.arange(-10.0, 91.0)] * len(COLUMNS))
    of = spread_of(Draws(("x",), values[:, :1], "prior", ""), values)["of"]["total"]
    assert (of["ci95"], of["median"], of["mean"]) == ([-7.5, 87.5], 40.0, 40.0)
    assert of["positive"] == pytest.approx(90 / 101)


def test_the_null_theory_has_no_effect_and_signalling_that_of_the_acts_cost(
    scenario: Scenario, found: dict[str, Any]
) -> None:
    """A treaty has the weight that its cost gives it, 0.6 of the costliest act's; a summit has more than its cost's."""
    of = {one["name"]: one for one in found["theories"]}
    assert of["null"]["total"] == 0.0
    assert of["balance_of_threat"]["total"] == pytest.approx(found["estimate"]["total"])
    assert found["stacked"] is None
    costliest = scenario.event_kinds["fighting_together"]
    weights = {"intent": 0.6 * costliest.intent, "alignment": 0.6 * costliest.alignment}
    treaty = with_values(scenario, {f"event_kinds.treaty.{name}": weight for name, weight in weights.items()})
    by_cost = {one["name"]: one["threat"] for one in uncertainty(treaty, draws=1)["theories"]}
    assert by_cost["signalling"] == pytest.approx(by_cost["balance_of_threat"], rel=1e-9)
    summit = with_values(scenario, {"events.signal.kind": "joint_summit"})
    cheap = {one["name"]: one["threat"] for one in uncertainty(summit, draws=1)["theories"]}
    assert 0.0 < cheap["signalling"] < 0.5 * cheap["balance_of_threat"]


def scored(weight: float, *twins: str) -> TheoryScore:
    return TheoryScore(weight=weight, weight_ci95=(0.0, 1.0), not_told_from=twins, log_score=0.1, average_precision=0.1)


def test_the_stacked_effect_has_the_width_of_theories_that_are_not_told_apart(scenario: Scenario) -> None:
    """Of 0.75 for two theories, one of which has no effect, and 0.25 for another without one."""
    scores = {
        "balance_of_threat": scored(0.75, "network_only"),
        "network_only": scored(0.75, "balance_of_threat"),
        "null": scored(0.25),
    }
    weighed = uncertainty(scenario, draws=1, scores=scores)
    of = {row["name"]: row for row in weighed["theories"]}
    assert of["network_only"]["not_told_from"] == ["balance_of_threat"] and of["network_only"]["total"] == 0.0
    assert weighed["stacked"] == pytest.approx([0.0, 0.75 * weighed["estimate"]["total"]])


def test_a_walk_exchanges_one_group_a_step() -> None:
    x = np.arange(12.0).reshape(4, 3)
    paths = ("event_kinds.joint_summit.intent", "parameters.beta", "parameters.effort_years")
    walks = walks_between(Draws(paths, x, "prior", ""), 2)
    assert len(walks.draws) == 4 and walks.order.shape == (2, 3)
    for walk in range(2):
        steps = [x[2 * walk], *walks.draws.values[2 * walk : 2 * walk + 2], x[2 * walk + 1]]
        for before, after, group in zip(steps[:-1], steps[1:], walks.order[walk], strict=True):
            assert [*np.flatnonzero(before != after)] == [group]


def test_what_is_inert_moves_nothing(scenario: Scenario, arm: str) -> None:
    """Other values of it give the same effect to the last bit, and with bandwagoning effort is not among it."""
    draws = prior_draws(scenario, 2)
    values, inert = np.tile(draws.values[0], (2, 1)), inert_in(scenario)
    columns = [draws.paths.index(path) for path in inert]
    values[1, columns] = draws.values[1, columns]
    assert len(inert) == 3 and (values[0] != values[1]).sum() == 3
    [alike] = effects_over(scenario, [(replace(draws, values=values), False)], arm)
    assert np.array_equal(*alike)
    assert inert_in(with_values(scenario, {"theory.weights.bandwagon": -1.0})) == {"parameters.tau"}


def test_the_width_is_divided_among_the_groups_that_make_it(scenario: Scenario, arm: str) -> None:
    """Of draws in which one group alone moves, it has all of the width."""
    draws = prior_draws(scenario, 12)
    alone = grouped(draws.paths)["event weights"]
    values = np.tile(draws.values[0], (12, 1))
    values[:, alone] = draws.values[:, alone]
    still = Draws(draws.paths, values, "prior", "")
    walks = walks_between(still, 2)
    total, inner = (values[:, -1] for values in effects_over(scenario, [(still, False), (walks.draws, False)], arm))
    shares = variance_shares(still, total, walks, inner)
    assert shares["shares"]["event weights"] == pytest.approx(1.0)
    assert sum(shares["shares"].values()) == pytest.approx(1.0)
    assert shares["sd"] == pytest.approx(total.std()) and 1 <= len(shares["sd_if_known"]) <= 5
    known = dict(zip(still.paths, known_alone(total, still.values), strict=True))
    for path, left in shares["sd_if_known"].items():
        assert left**2 == pytest.approx(total.var() * (1 - known[path]))


@pytest.mark.parametrize("path", sorted(Path("scenarios").glob("*/posterior.yaml")), ids=lambda path: path.parent.name)
def test_what_is_shipped_is_of_the_shipped_scenario(path: Path) -> None:
    """The kept effect at the values in use is the effect at the values in use; 2,000 draws of each; prior wider."""
    scenario = load_scenario(path.parent.with_suffix(".yaml"))
    arm = headline_arm(chosen_arms(scenario, None))
    found = stored_uncertainty(scenario, arm)
    assert found is not None and arm is not None, "run: balance-sim evidence posterior"
    assert stored_uncertainty(scenario, scenario.reference_arm) is None  # it is of one arm alone
    now = effect_of(compile_worlds(scenario, [scenario.reference_arm, arm]), arm)
    assert [*found["estimate"].values()] == pytest.approx(now, rel=1e-5, abs=1e-12)
    sources = [found["posterior"], found["prior"]]
    assert {one["draws"] for one in sources} == {2000}
    ends = [one["of"]["total"]["ci95"] for one in sources]
    assert np.diff(ends[0]) < np.diff(ends[1])
    assert found["posterior"]["sha256"] == posterior_draws(scenario).sha256


def test_an_equal_draw_lies_half_below() -> None:
    """Of 1, 2, 2 and 3 one is below 2 and two are as large; all are below 4."""
    assert _places_among(np.array([3.0, 2.0, 1.0, 2.0]), np.array([2.0, 4.0])).tolist() == [0.5, 1.0]


def test_the_width_that_is_divided_is_that_of_the_posterior(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_draws, "FEWEST", 20)
    draws = replace(prior_draws(scenario, 20, seed=2), source="posterior")
    divided = uncertainty(scenario, draws=20, posterior=draws)
    assert divided["variance"]["source"] == "posterior"
    assert not {"other", "effort"} & {*divided["variance"]["shares"]}
    assert [*divided["prior"]["of"]] == ["level", "total"] and [*divided["posterior"]["of"]] == [*COLUMNS]
    assert divided["variance"]["sd"] == pytest.approx(
        effects_over(scenario, [(draws, True)], divided["arm"])[0][:, -1].std()
    )

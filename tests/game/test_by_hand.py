"""Every number of two small games, worked out on paper.

A pair of states, Arden and Belmar, beside Corvia. The pair rests or acts, which costs it 0.5; it wants to depend less
on others (weight -5) and few agreements against it (-1). Corvia rests or meets, which costs 0.2, and wants partners (1).
Over the control arm the profiles bring

    pair, Corvia    dependence  against it  Corvia's partners     payoff of the pair                of Corvia
    rest, rest           0           0             0              0                                 0
    rest, meet           0.1         0.2           0.6            -0.5 - 0.2           = -0.7       0.6 - 0.2  = 0.4
    act,  rest          -0.3         0.4           0.1             1.5 - 0.4 - 0.5     =  0.6       0.1
    act,  meet          -0.2         0.5           0.35            1.0 - 0.5 - 0.5     =  0.0       0.35 - 0.2 = 0.15
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from balance_sim.games.choice import recommendations
from balance_sim.games.equilibria import nash_equilibria
from balance_sim.games.normal_form import regrets
from balance_sim.games.plan import Game, load_game
from balance_sim.games.players import READ
from balance_sim.games.solve import OverParameters, _guesses, payoffs
from balance_sim.games.uncertain import EmpiricalGame, minimax_regret
from balance_sim.scenario.schema import TargetsCoding
from balance_sim.study.draws import CODING, Draws

from .conftest import game_in

PAIR = """schema: 1
title: A pair and a third
scenario: world.yaml
players:
  pair:
    states: [XAR, XBE]
    strategies: {rest: {}, act: {cost: 0.5, set: {parameters.beta: 0.2}}}
    payoff:
      - {outcome: dependence, weight: -5, source: assumed}
      - {outcome: agreements_against, weight: -1, source: assumed}
  corvia:
    states: [XCO]
    strategies: {rest: {}, meet: {cost: 0.2, set: {parameters.s0: 0.02}}}
    payoff:
      - {outcome: agreements_with, weight: 1, source: assumed}
      - {outcome: insecurity, weight: 0, source: "shown, pays nothing"}
observed: {pair: rest, corvia: rest}
"""
EFFECTS = np.array([[0, 0, 0, 9.0], [0.1, 0.2, 0.6, 9.0], [-0.3, 0.4, 0.1, 9.0], [-0.2, 0.5, 0.35, 9.0]])
SCALES = np.array([1.0, 2.0, 0.5])
"""Of three draws: all effects once, twice and half as large."""


@pytest.fixture(scope="module")
def game(tmp_path_factory: pytest.TempPathFactory) -> Game:
    return load_game(game_in(tmp_path_factory.mktemp("pair"), PAIR))


def test_payoffs_regrets_and_the_equilibrium(game: Game) -> None:
    values = payoffs(game, EFFECTS)
    np.testing.assert_allclose(values[..., 0], [[0.0, -0.7], [0.6, 0.0]], atol=1e-12)
    np.testing.assert_allclose(values[..., 1], [[0.0, 0.4], [0.1, 0.15]], atol=1e-12)
    # to act is better by 0.6 and 0.7; to meet by 0.4 where the pair rests, by 0.05 where it acts
    np.testing.assert_allclose(regrets(values)[..., 0], [[0.6, 0.7], [0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(regrets(values)[..., 1], [[0.4, 0.0], [0.05, 0.0]], atol=1e-12)
    (equilibrium,) = nash_equilibria(values)
    assert [shares.tolist() for shares in equilibrium.strategies] == [[0.0, 1.0], [0.0, 1.0]]
    assert equilibrium.payoffs.tolist() == pytest.approx([0.0, 0.15])


def test_the_bound_on_a_regret_is_the_regret_where_noise_is_shared(game: Game) -> None:
    """What all profiles share is in no difference: the bound is the regret itself, however large the noise."""
    noise = np.random.default_rng(3).normal(size=(30, 1, 1, 2))
    known = EmpiricalGame(payoffs(game, EFFECTS) + 5 * noise)
    assert known.regret_bound[..., 0] == pytest.approx(np.array([[0.6, 0.7], [0.0, 0.0]]), abs=1e-9)


@dataclass
class Lent:
    """Shares of each state's defence that each state lends, in the order Arden, Belmar, Corvia."""

    shares: np.ndarray

    def influence(self, k: int) -> np.ndarray:
        return self.shares[None, k]


def test_dependence_of_a_pair_leaves_out_what_its_states_lend_each_other() -> None:
    """Arden has 0.5 of its own, 0.2 from Belmar, 0.3 from Corvia; Belmar 0.6, 0.3 from Arden, 0.1 from Corvia. As a pair
    they depend on Corvia alone: (0.3 + 0.1) / 2 = 0.2. Arden by itself depends on both: 0.5."""
    scene = Lent(np.array([[0.5, 0.2, 0.3], [0.3, 0.6, 0.1], [0.0, 0.0, 1.0]]))
    nobody = np.empty(0, dtype=int)
    assert READ["dependence"](scene, np.array([0, 1]), nobody) == pytest.approx([0.2])
    assert READ["dependence"](scene, np.array([0]), nobody) == pytest.approx([0.5])


def rows_of(choice: dict, key: str) -> dict:
    return {row["outcome"]: row for row in choice[key]}


def test_break_even_weights(game: Game) -> None:
    """Against Corvia at rest to act leads by 1.5 - 0.4 - 0.5 = 0.6. It does not where dependence counts 0.6 times as much
    (0.9 = 0.4 + 0.5), agreements 2.5 times (1.0 = 1.5 - 0.5) or the cost 2.2 times (1.1 = 1.5 - 0.4). To meet leads by
    0.6 - 0.2: not where partners count a third, or the cost three times."""
    found = recommendations(game, EFFECTS[None])
    pair, corvia = rows_of(found["pair"], "break_even"), rows_of(found["corvia"], "break_even")
    assert {name: row["factor"] for name, row in pair.items()} == {
        "dependence": pytest.approx(0.6),
        "agreements_against": pytest.approx(2.5),
        "cost": pytest.approx(2.2),
    }
    assert {name: row["factor"] for name, row in corvia.items()} == {
        "agreements_with": pytest.approx(1 / 3),
        "cost": pytest.approx(3.0),
    }
    assert {row["strategy"] for row in pair.values()} == {"rest"}
    assert (found["pair"]["best"], found["pair"]["against"]) == ("act", "rest")
    assert pair["dependence"]["q025"] is None and found["pair"]["same"] is None  # nothing was drawn


def test_a_choice_is_set_against_what_was_observed_and_that_against_the_next_best(tmp_path: Path) -> None:
    """Corvia may trade as well, at 0.1: to meet brings 0.6 - 0.2, to trade 0.35 - 0.1. Over rest, which was observed, the gain
    is 0.4 and not 0.15. Where partners are lost by meeting and 0.05 are won by trade, rest is best, and trade next."""
    trade = PAIR.replace("s0: 0.02}}}", "s0: 0.02}}, trade: {cost: 0.1, set: {parameters.s0: 0.03}}}")
    wide, effects = load_game(game_in(tmp_path, trade)), np.zeros((1, 6, 4))
    effects[0, :3, 2] = 0.0, 0.6, 0.35
    found = recommendations(wide, effects)["corvia"]
    assert (found["best"], found["against"], found["gain"]["mean"]) == ("meet", "rest", pytest.approx(0.4))
    effects[0, :3, 2] = 0.0, -0.6, 0.05
    found = recommendations(wide, effects)["corvia"]
    assert (found["best"], found["against"], found["gain"]["mean"]) == ("rest", "trade", pytest.approx(0.05))


def test_break_even_weights_over_draws(game: Game) -> None:
    """Effects of 1, 2 and 0.5 times those: the mean is 7/6 of them, so the lead 1.75 - 0.4667 - 0.5 = 0.7833 and the
    factor 1 - 0.7833 / 1.75; in the draws 0.6, 1 - 1.7 / 3 and 1 - 0.05 / 0.75, of which the ends are the interval."""
    found = recommendations(game, SCALES[:, None, None] * EFFECTS)["pair"]
    row = rows_of(found, "break_even")["dependence"]
    assert row["factor"] == pytest.approx(1 - (1.75 - 1.4 / 3 - 0.5) / 1.75)
    assert (row["q025"], row["q975"]) == pytest.approx((1 - 1.7 / 3, 1 - 0.05 / 0.75))
    assert found["gain"]["mean"] == pytest.approx((0.6 + 1.7 + 0.05) / 3)
    assert rows_of(found, "parts")["dependence"]["mean"] == pytest.approx(1.75)
    assert sum(part["mean"] for part in found["parts"]) == pytest.approx(found["gain"]["mean"])


def test_what_no_weight_can_bring_about_is_never(game: Game) -> None:
    """With the signs of all effects turned to rest leads by 1.5 - 0.4 + 0.5 = 1.6. To act is as good where agreements
    count 5 times as much (2.0 = 1.5 + 0.5); no weight of dependence or cost of the same sign makes it so."""
    found = recommendations(game, -EFFECTS[None])["pair"]
    rows = rows_of(found, "break_even")
    assert found["best"] == "rest"
    assert {name: row["factor"] for name, row in rows.items()} == {
        "dependence": None,
        "agreements_against": pytest.approx(5.0),
        "cost": None,
    }


def test_what_is_left_out_changes_the_choice_where_it_carried_it(game: Game) -> None:
    """Without dependence to act is worth -0.4 - 0.5; without the others it stays ahead. Without partners Corvia has only
    the cost."""
    found = recommendations(game, EFFECTS[None])
    pair, corvia = rows_of(found["pair"], "left_out"), rows_of(found["corvia"], "left_out")
    assert {name: (row["best"], row["changes"]) for name, row in pair.items()} == {
        "dependence": (["rest"], True),
        "agreements_against": (["act"], False),
        "cost": (["act"], False),
    }
    assert corvia["agreements_with"]["changes"] and not corvia["cost"]["changes"]


def test_a_choice_has_to_be_the_same_in_every_kind_of_sample(game: Game) -> None:
    """To act is best in samples 1, 2, 3 of draws and 2, 3, 4 of replications: in half of them in both."""
    act = np.zeros((4, 2, 2, 2))
    act[:, 1, :, 0] = 1.0
    of_draws, of_replications = act.copy(), act.copy()
    of_draws[3, 1, :, 0] = of_replications[0, 1, :, 0] = -1.0
    found = recommendations(game, EFFECTS[None], [of_draws, of_replications])
    assert (found["pair"]["same"], found["pair"]["is_robust"]) == (0.5, False)
    assert (recommendations(game, EFFECTS[None], [act])["pair"]["same"]) == 1.0
    few = recommendations(game, EFFECTS[None], [of_draws, of_replications], is_enough=False)
    assert (few["pair"]["same"], few["pair"]["is_robust"]) == (0.5, None)  # not known, which is no no
    assert found["corvia"]["same"] == 1.0  # its payoffs tie in all of them: nothing speaks against its choice


def test_minimax_regret(game: Game) -> None:
    """One player, two draws: (0, 1, -2) and (0, -1, 3). Regrets 1, 0, 3 and 3, 4, 0: the worst are 3, 4, 3, a tie of
    the first and the third."""
    (regret,) = minimax_regret(np.array([[0.0, 1.0, -2.0], [0.0, -1.0, 3.0]])[..., None])
    assert (regret.worst.tolist(), regret.choice.tolist()) == ([3.0, 4.0, 3.0], [True, False, True])


def test_a_coding_and_a_kind_of_act_that_a_choice_hangs_on_are_named(game: Game) -> None:
    """Two draws with the event's own targets, in which to act pays, and two with another coding, in which it does not;
    and acts of one kind without which it pays nothing but its cost."""
    other = TargetsCoding(id="other", targets=("XCO",), weight=0.5, source="made up")
    scenario = game.scenario.model_copy(update={"targets_alternatives": (other,)})
    coded = replace(game, scenario=scenario)
    draws = Draws((CODING,), np.array([[0.0], [1.0], [0.0], [1.0]]), "prior", "")
    effects = np.array([1.0, 0.2, 1.0, 0.2])[:, None, None] * EFFECTS  # 0.6 and 1.1 x 0.2 - 0.5 = -0.28
    over = OverParameters(draws, effects, (), effects[:0], {"exercise": 0 * EFFECTS, "visit": EFFECTS})
    rows = _guesses(coded, over, EFFECTS)["pair"]
    named = {(row["what"], row["outcome"]): (row["best"], row["changes"]) for row in rows}
    assert named == {
        ("act", "exercise"): (["rest"], True),
        ("act", "visit"): (["act"], False),
        ("targets", "the event itself"): (["rest"], True),
        ("targets", "other"): (["act"], False),
    }


def test_a_weight_of_nothing_pays_nothing(game: Game) -> None:
    """Corvia's insecurity of 9 is shown: no term of its payoff."""
    for part in ("parts", "left_out", "break_even"):
        assert "insecurity" not in rows_of(recommendations(game, EFFECTS[None])["corvia"], part)


def test_the_file_is_read_as_it_stands(tmp_path: Path) -> None:
    """Costs and weights changed in the file change what is paid, each by itself."""
    path = game_in(tmp_path, PAIR.replace("cost: 0.5", "cost: 0.75").replace("weight: -5", "weight: -4"))
    values = payoffs(load_game(path), EFFECTS)
    np.testing.assert_allclose(values[1, 0, 0], 4 * 0.3 - 0.4 - 0.75)

"""Who is feared, what counts and how much is expected, by hand on a few states; and why nothing can count."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from balance_sim.cli import main
from balance_sim.effects.run import run
from balance_sim.effects.world_at_start import world_at_start
from balance_sim.model.baseline import aligned_with, fear_of, standing
from balance_sim.model.classes import LISTS
from balance_sim.model.core import DIRECTIONS
from balance_sim.scenario import load_scenario, new_scenario, with_values
from balance_sim.scenario.schema import Scenario
from click.testing import CliRunner

LISTED = ("participants", "threatened", "wary", "others", "others", "others", "threatened")


def starter(folder: Path, **values: object) -> Scenario:
    path = folder / "plain.yaml"
    path.write_text(new_scenario("plain"), encoding="utf-8")
    return with_values(load_scenario(path), {name.replace("__", "."): of for name, of in values.items()})


# --- classes -----------------------------------------------------------------------------------------


def test_lists_by_hand() -> None:
    """State 0 takes part; tau is 0.1, a quarter of it 0.025. Threat over balance, alignment and depth with state 0:

    1: 0.22 of 2, 0.11, threatened. 2: 0.03, wary. 3: 0.02, neither. 4: 0.5 and a = 0.51, aligned. 5: 0.5 and a treaty
    of depth 0.6, aligned. 6: 0.5, a and depth 0.5 both, not above one half: threatened."""
    threat, own, depth = (np.zeros((1, 7, 7)) for _ in range(3))
    threat[0, :, 0] = [9.0, 0.22, 0.03, 0.02, 0.5, 0.5, 0.5]
    threat[0, :, 1] = 0.4  # of a state that takes no part, and does not count
    balance = np.array([[1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    own[0, :, 0] = [1.0, 0.2, 0.2, 0.2, 0.51, 0.2, 0.5]
    depth[0, :, 0] = [0.0, 0.4, 0.0, 0.0, 0.0, 0.6, 0.5]
    rules = SimpleNamespace(rules=SimpleNamespace(tau=0.1))
    view = SimpleNamespace(
        threat_by=lambda who: threat[:, :, list(who)].sum(axis=-1), balance=balance, own=own, depth=depth, world=rules
    )
    np.testing.assert_allclose(fear_of(view, (0,)), [[0.0, 0.11, 0.03, 0.02, 0.5, 0.5, 0.5]])
    assert aligned_with(view, (0,))[0, 1:].tolist() == [False, False, False, True, True, False]
    assert [LISTS[k] for k in standing(view, (0,))] == list(LISTED)


# --- what is expected --------------------------------------------------------------------------------


def test_expected_agreements_a_year_in_the_steady_state(tmp_path: Path) -> None:
    """All weights and intercepts 0: both consent with probability 1/4. Nothing collapses, and negotiations are in
    their steady state at the start, so each kind is signed at the rate at which talks open: a ceiling of 1e-6 a year
    over 4. Five kinds are security agreements and two declarations; Arden and Dorn, under sanctions, have a tenth."""
    plain = starter(tmp_path)
    values: dict[str, object] = {f"theory.weights.{name}": 0.0 for name in plain.theory.weights}
    values |= {f"kinds.{kind}.intercept": 0.0 for kind in plain.kinds}
    values |= {f"kinds.{kind}.ceiling": 1e-6 for kind in plain.kinds}
    values |= {"parameters.collapse_rate": 0.0, "parameters.factor_sanctions": 0.1, "base_rate": None}
    path = tmp_path / "apart.yaml"
    rows = "\nno_relations:\n  - {a: XAR, b: XDO, kind: sanctions}\n"
    path.write_text(new_scenario("apart").replace("\ntrade:", f"{rows}\ntrade:", 1), encoding="utf-8")
    found = world_at_start(with_values(load_scenario(path), values))
    rate = {(row["a"], row["b"]): row for row in found.as_dict()["dyads"]}
    assert len(rate) == 10
    for dyad, row in rate.items():
        factor = 0.1 if dyad == ("XAR", "XDO") else 1.0
        if dyad != ("XBE", "XEL"):  # who have talks on record
            assert row["security"] == pytest.approx(factor * 5 * 0.25e-6, rel=1e-3), dyad
        assert row["declarations"] == pytest.approx(factor * 2 * 0.25e-6, rel=1e-3), dyad
    by_class = found.a_year()
    assert sum(by_class["declarations"].values()) == pytest.approx(9.1 * 2 * 0.25e-6, rel=1e-3)


def test_shares_of_all_adversaries_sum_to_insecurity_or_more_and_fall(tmp_path: Path) -> None:
    """Insecurity is Theta over the balance, in which each supplier counts once; in A it counts for every adversary."""
    for state in world_at_start(starter(tmp_path)).as_dict()["states"]:
        shares = [one["share"] for one in state["adversaries"]]
        assert len(shares) == 4 and shares == sorted(shares, reverse=True)
        assert state["insecurity"] * (1 - 1e-9) <= sum(shares) <= 1.2 * state["insecurity"]
    ranking = {row["id"]: row["adversaries"] for row in world_at_start(starter(tmp_path)).as_dict()["states"]}
    assert ranking["XCO"][0]["id"] == "XAR"  # its rival
    assert {one["id"]: one["depth"] for one in ranking["XAR"]}["XBE"] == pytest.approx(0.4)  # defence cooperation


# --- why nothing can count ---------------------------------------------------------------------------

NOTHING = [
    ({"parameters__tau": 1.0}, "(`parameters.tau`)"),
    ({"events__summit__visibility": 0.0}, "`events.summit.visibility` is 0"),
    ({"audiences__rest__attention__default": 0.0}, "no audience heeds events of kind `joint_summit`"),
    (
        {"events__summit__kind": "statement", "events__summit__targets": [], "events__summit__principals": ["XAR"]},
        "changes nothing: it shows no two states",
    ),
]


@pytest.mark.parametrize(("values", "said"), NOTHING, ids=[said[:24] for _, said in NOTHING])
def test_it_says_why_nothing_can_count(tmp_path: Path, values: dict[str, object], said: str) -> None:
    assert not world_at_start(starter(tmp_path)).why_nothing
    found = starter(tmp_path, **values).counted_as(None)
    assert any(said in reason.message for reason in world_at_start(found).why_nothing), world_at_start(
        found
    ).why_nothing


def test_declarations_and_security_agreements_are_all_agreements(tmp_path: Path) -> None:
    """Run by run, and where declarations count as security agreements the headline is what it was before."""
    plain = starter(tmp_path)
    kinds = {name: kind.model_copy(update={"security": True}) for name, kind in plain.kinds.items()}
    apart, together = (run(one, runs=30, seed=4) for one in (plain, replaced(plain, kinds)))
    for name in (f"{direction}_365" for direction in (*DIRECTIONS, "all")):
        one = apart.outcomes[f"accords_{name}"] + apart.outcomes[f"declarations_{name}"]
        np.testing.assert_array_equal(one, together.outcomes[f"accords_{name}"])
        assert (together.outcomes[f"declarations_{name}"] == 0).all()
    by_kind = [apart.outcomes[f"accords_{kind}_365"] for kind in ("political_declaration", "non_aggression")]
    np.testing.assert_array_equal(sum(by_kind), apart.outcomes["declarations_all_365"])
    assert apart.outcomes["declarations_all_365"].sum() > 0


def replaced(scenario: Scenario, kinds: dict[str, object]) -> Scenario:
    return scenario.model_copy(update={"kinds": kinds})


# --- on the terminal ---------------------------------------------------------------------------------


def test_check_prints_the_world(tmp_path: Path) -> None:
    starter(tmp_path)
    call = CliRunner().invoke
    text = call(main, ["check", str(tmp_path / "plain.yaml")])
    assert text.exit_code == 0 and max(map(len, text.stdout.splitlines()[2:])) <= 80
    document = json.loads(call(main, ["check", str(tmp_path / "plain.yaml"), "--json"]).output)
    assert {"states", "classes", "expected_a_year", "dyads", "nothing_can_count"} == set(document["world"])
    light = json.loads(call(main, ["check", str(tmp_path / "plain.yaml"), "--json", "--no-world"]).output)
    assert "world" not in light and light["scenario"] == document["scenario"]
    args = ["check", str(tmp_path / "plain.yaml"), "--set", "events.summit.visibility=0"]
    assert "`events.summit.visibility`" in call(main, args).output

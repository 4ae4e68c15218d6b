"""What explain says must be what the engine did: the same floats, the same dates, and shares that sum up."""

import itertools
import json
import math
from dataclasses import replace
from datetime import date
from math import factorial
from pathlib import Path

import numpy as np
import pytest
from balance_sim.cli.program import main
from balance_sim.effects.explain import explain
from balance_sim.effects.explain.attribution import Attribution, attribute
from balance_sim.effects.explain.coalitions import GROUPS, Coalitions, StepOfArm, mixed
from balance_sim.effects.explain.pairs import CONSENT, U, explain_dyads
from balance_sim.effects.explain.timeline import Timeline, tell, traced
from balance_sim.effects.run import run
from balance_sim.effects.world_at_start import world_at_start
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import Opportunities, Thinning, World
from balance_sim.model.engine import begin, perceive, simulate
from balance_sim.model.perception import View
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import BlockState
from balance_sim.model.thinning import draw_opportunities, thinning
from balance_sim.model.willingness import INTERCEPT, TERMS, account, consent, summed, willingness
from balance_sim.scenario import load_scenario, new_scenario, with_values
from balance_sim.scenario.errors import StoreDamaged, WrongRequest
from balance_sim.scenario.schema import Frailty
from balance_sim.stats.intervals import mean_interval
from balance_sim.stats.variance import shapley
from balance_sim.study.result import Result
from balance_sim.study.scene import focal_roles
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
SCENARIO = ROOT / "scenarios" / "beijing_2025.yaml"
FIVE_STATES = ROOT / "experiments" / "smoke" / "five_states.yaml"
SEED, RUNS, REFERENCE, ARM = 3, 12, "no_parade", "parade"
COSTLY = ("joint_summit", "exercise", "arms_or_basing", "treaty", "fighting_together")
LOUD = {
    f"event_kinds.{kind}.{what}": 4.0 + 0.1 * place
    for place, kind in enumerate(COSTLY)
    for what in ("alignment", "intent")
}
"""Signals that say much more than any would, so that a dozen runs differ."""

SHOWN = [*GROUPS]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    plain = load_scenario(SCENARIO, calibrated=False)  # calibrated, so loud an event parts more states than it joins
    factor = plain.model_copy(update={"frailties": (Frailty(a="AUS", b="JPN", factor=1.5),)})
    loud = with_values(factor, LOUD | {"step_days": 14})
    folder = tmp_path_factory.mktemp("explain") / "results"
    return run(loud, RUNS, SEED, arms=[ARM], out=folder)


@pytest.fixture(scope="module")
def worlds(result: Result) -> Worlds:
    return compile_worlds(result.scenario, (REFERENCE, ARM))


@pytest.fixture(scope="module")
def found(result: Result) -> Attribution:
    return attribute(result)


@pytest.fixture(scope="module")
def told(result: Result) -> Timeline:
    counts = result.outcomes.pivot(index="run", columns="arm", values=result.headline_outcome)
    return tell(result, int((counts[ARM] - counts[REFERENCE]).idxmax()))


def test_parts_sum_to_the_willingness_used_bit_for_bit(worlds: Worlds) -> None:
    looked = []

    def observe(world: World, state: BlockState, view: View) -> None:
        n, kinds = world.n, len(world.ladder.names)
        run, ego, alter, kind = (grid.ravel() for grid in np.indices((2, n, n, kinds)))
        apart = ego != alter
        p = Prospects(world, worlds.baseline, view, state, run[apart], ego[apart], alter[apart], kind[apart])
        looked.append(np.array_equal(summed(account(p)), willingness(p)))

    runs = np.arange(2, dtype=np.uint64)
    for arm in (REFERENCE, ARM):
        opportunities = draw_opportunities(worlds.reference, SEED, runs, worlds.most)
        thin = thinning(worlds.arms[arm], opportunities, worlds.bounds[arm])
        simulate(worlds.arms[arm], worlds.baseline, opportunities, thin, SEED, runs, observe)
    assert len(looked) == 2 * worlds.reference.steps
    assert all(looked)


@pytest.mark.parametrize("players", [1, 2, 3, 5])
def test_shapley_values_are_the_mean_over_all_orders(players: int) -> None:
    worth = np.random.default_rng(players).normal(size=1 << players)
    expected = np.zeros(players)
    for order in itertools.permutations(range(players)):
        inside = 0
        for player in order:
            expected[player] += worth[inside | 1 << player] - worth[inside]
            inside |= 1 << player
    np.testing.assert_allclose(shapley(worth), expected / factorial(players), atol=1e-12)
    assert shapley(worth).sum() == pytest.approx(worth[-1] - worth[0], abs=1e-12)


def test_every_term_is_in_one_group_or_fixed() -> None:
    placed = [term for terms in GROUPS.values() for term in terms]
    placed += [name for name, term in TERMS.items() if term.reads == "facts"]
    assert sorted(placed) == sorted(TERMS)


def test_the_rows_sum_to_the_studys_filtered_effect(result: Result, found: Attribution) -> None:
    effect = result.effects.set_index(["arm", "outcome"]).loc[(ARM, found.outcome)]
    table = found.table.set_index("group")
    assert list(table.index) == [*SHOWN, "outside", "feedback", "effect"]
    assert effect["estimator"] == "filtered" and found.of_runs == len(found.runs) == RUNS
    assert table["value"].drop("effect").sum() == pytest.approx(effect["mean"], abs=1e-12)
    assert table.loc["effect", ["value", "mcse", "lo", "hi"]].tolist() == pytest.approx(
        effect[["mean", "mcse", "lo", "hi"]].tolist(), rel=1e-9
    )
    by_run = found.by_run.sum(axis=1) + found.worth[:, 0] + found.feedback
    np.testing.assert_allclose(by_run, found.effect, rtol=0, atol=1e-12)
    by_alarm = found.by_run[:, list(GROUPS).index("alarm")]
    assert (by_alarm > 0).all() and (found.feedback != 0).any(), "nothing was tested"
    assert table.loc["alarm", ["value", "mcse", "lo", "hi"]].tolist() == list(mean_interval(by_alarm))
    assert (found.by_run[:, list(GROUPS).index("gain")] == 0).all(), "what counts as at the start"


def test_what_groups_bring_alone_and_last_by_hand() -> None:
    """Worth 1 and 2 alone and 5 together, of an effect of 6: each of the two adds 2 more where the other is there."""
    runs, groups = np.arange(3, dtype=np.uint64), {"one": ("hostility",), "two": ("ladder",)}
    worth = np.tile([0.0, 1.0, 2.0, 5.0], (3, 1))
    table = Attribution("x", "y", "accords_counter_30", groups, runs, 3, worth, np.full(3, 6.0), 0.0).table
    table = table.set_index("group")
    assert table["value"].tolist() == [2.0, 3.0, 0.0, 1.0, 6.0]
    assert table.loc[["one", "two"], "alone"].tolist() == [1.0, 2.0]
    assert table.loc[["one", "two"], "last"].tolist() == [3.0, 4.0]


def test_facts_that_an_arm_changes_are_outside_of_all_groups(tmp_path: Path) -> None:
    """Corvia is a democracy in the control arm alone: nobody's beliefs differ, and all of the direct effect is outside."""
    path = tmp_path / "facts.yaml"
    arms = "  other: {drop: [summit], set: {states.XCO.democracy: 0.1}}\n\nreport:"
    path.write_text(new_scenario("facts").replace("\nreport:", arms, 1), encoding="utf-8")
    found = attribute(run(load_scenario(path), 6, 3, arms=["other"], workers=1), "other")
    assert (found.worth == found.worth[:, :1]).all() and (found.worth != 0.0).any()
    value = found.table.set_index("group")["value"]
    assert value["outside"] == pytest.approx(found.direct.mean()) and value["outside"] != 0.0


def test_a_group_none_of_whose_terms_differ_has_exactly_nothing(found: Attribution) -> None:
    """The network is the control arm's, and the parade moves nobody's reliability; no term outside differs either."""
    for name in ("network", "patron"):
        place = list(GROUPS).index(name)
        assert (found.by_run[:, place] == 0).all()
        with_it = [m for m in range(1 << len(GROUPS)) if m & (1 << place)]
        assert all((found.worth[:, m] == found.worth[:, m & ~(1 << place)]).all() for m in with_it)
    assert (found.worth[:, 0] == 0).all()
    table = found.table.set_index("group")
    assert table.loc["patron", ["value", "mcse", "lo", "hi", "alone", "last"]].tolist() == [0] * 6


def test_mixed_willingness_worked_out_by_hand() -> None:
    """Odds of consent of the two sides at one opportunity. Distrust: 1/3 and 1 in the control arm, 1 and 1/2 in
    the arm; ladder: 1 and 4, and 2 and 1. So talks open with 1/4 4/5 = 1/5, with the arm's hostility 1/2 2/3 = 1/3,
    with its ladder 2/5 1/2 = 1/5, with both 2/3 1/3 = 2/9; Shapley values 7/90 and -1/18, which sum to 2/9 - 1/5."""
    groups = {"fear": ("hostility",), "depth": ("ladder",)}
    level = {INTERCEPT: np.zeros(2)}
    control = level | {"hostility": np.log([1 / 3, 1.0]), "ladder": np.log([1.0, 4.0])}
    arm = level | {"hostility": np.log([1.0, 1 / 2]), "ladder": np.log([2.0, 1.0])}

    def opens(arm: dict[str, np.ndarray], control: dict[str, np.ndarray]) -> np.ndarray:
        return consent(mixed(arm, control, groups)).prod(axis=1)

    right = [1 / 5, 1 / 3, 1 / 5, 2 / 9, 1 / 5]  # nobody, fear, depth, both; last the control arm
    np.testing.assert_allclose(opens(arm, control), right, atol=1e-15)
    np.testing.assert_allclose(shapley(opens(arm, control)[:4]), [7 / 90, -1 / 18], atol=1e-15)
    assert abs(opens(control, arm) - right).max() > 0.01  # coalitions turned round
    other_side = arm | {"hostility": arm["hostility"][::-1]}
    assert abs(opens(other_side, control) - right).max() > 0.01


def four_states(folder: Path) -> Worlds:
    """Ardens and Belmars summit, seen by Corvia and Dorn; bandwagon, alarm and size alone count."""
    text = FIVE_STATES.read_text(encoding="utf-8").replace("host: XAR", "targets: [North], host: XAR")
    state = text.index("  - {id: XEL")
    text = text[:state] + text[text.index("groups:") :]
    text = text.replace("focal: summit ", "step_days: 30\nfocal: summit ")
    weights = {f"theory.weights.{name}": 0.0 for name in TERMS}
    own = {
        "theory.weights.bandwagon": -1.5,
        "theory.weights.alarm": 2.0,
        "theory.weights.size": 0.7,
        "parameters.collapse_rate": 0.0,
    }
    (folder / "small.yaml").write_text(text, encoding="utf-8")
    return compile_worlds(with_values(load_scenario(folder / "small.yaml"), weights | own), ("no_summit", "summit"))


def test_four_states_and_one_opportunity_worked_out_by_hand(tmp_path: Path) -> None:
    """Corvia and Dorn on day 60, kept by thinning with probability 0.8; all from the views, number by number."""
    worlds = four_states(tmp_path)
    control, summit = worlds.reference, worlds.arms["summit"]
    groups = {"fear": ("bandwagon",), "threat": ("alarm",)}
    assert control.codes == ("XAR", "XBE", "XCO", "XDO")
    i, j, kind = 2, 3, control.ladder.names.index("defence_cooperation")
    dyad, step = int(control.dyad_index[i, j]), int(np.searchsorted(control.grid, 60.0, side="right")) - 1
    state = begin(control, worlds.baseline, 1, np.zeros(1, dtype=np.uint64))
    one = np.zeros(1, dtype=np.int64)
    starts = (np.arange(control.steps + 1) > step).astype(np.int64)
    opportunities = Opportunities(
        np.array([60.0]), one, one + dyad, one + kind, one, np.zeros((1, 2)), np.zeros(1), starts, one > 0, control
    )
    thin = Thinning(np.ones(1, dtype=bool), np.array([0.8]))
    sums = Coalitions(worlds, "summit", groups)
    terms, before = [], {}
    for at in (0, step):
        for world in (summit, control):
            view = perceive(world, state, at)
            if at == 0:  # the same in both arms
                before = {(ego, alter): unsided(world, view, ego, alter) for ego, alter in ((i, j), (j, i))}
            rows = one if at == step else one[:0]
            sums.look(StepOfArm(world, state, view, opportunities, thin, rows))
            if at == step:
                terms.append([by_hand(world, view, *of, before[of]) for of in ((i, j), (j, i))])
    mine, theirs = terms
    sizes = [math.log(c) for c in control.capability]
    level = [
        control.ladder.intercept[kind] + control.propensity[ego, kind] + 0.7 * (sizes[alter] - sum(sizes) / 4)
        for ego, alter in ((i, j), (j, i))
    ]

    elasticity = control.ladder.reaction[kind] / worlds.baseline.refusal

    def opens(fear: list[dict[str, float]], threat: list[dict[str, float]]) -> float:
        u = [level[k] + -1.5 * fear[k]["bandwagon"] + 2.0 * elasticity * threat[k]["alarm"] for k in (0, 1)]
        return 1 / (1 + math.exp(-u[0])) / (1 + math.exp(-u[1])) / 0.8

    shape, mean = control.ladder.talks_shape[kind], control.ladder.talks_days[kind]
    first, stop = focal_roles(worlds).day + 1, min(focal_roles(worlds).day + 301, control.grid[-1])
    assert shape == 2.0 and first < 60.0 < stop, "the closed form below is of shape 2"
    x = (stop - 60.0) * shape / mean
    signed = 1 - math.exp(-x) * (1 + x)
    nobody, fear, threat, both = (
        (opens(a, b) - opens(theirs, theirs)) * signed
        for a, b in ((theirs, theirs), (mine, theirs), (theirs, mine), (mine, mine))
    )
    assert fear != 0 and threat != 0 and abs(fear + threat - both) > 1e-12
    assert sums.worth[0] == pytest.approx([nobody, fear, threat, both], rel=1e-9, abs=1e-15)
    assert shapley(sums.worth)[0] == pytest.approx([(fear + both - threat) / 2, (threat + both - fear) / 2], rel=1e-9)
    wrong = (opens([mine[1], mine[0]], theirs) - opens(theirs, theirs)) * signed
    assert abs(wrong - fear) > 1e-6 * abs(fear)


def threat_of(world: World, view: View, ego: int, k: int) -> float:
    """Theta_ik = c_k p_ik q_ik. Nobody has nuclear weapons here: o_k = 1."""
    return float(world.projected[ego, k] * (1 - view.unopposed[0, ego, k]))


def unsided(world: World, view: View, i: int, j: int) -> float:
    """sum_k Theta_ik (1 - a_jk): what j would not side with."""
    read = view.alignment[0, world.audience[i]]
    return sum(threat_of(world, view, i, k) * (1 - float(read[j, k])) for k in range(world.n))


def by_hand(world: World, view: View, i: int, j: int, at_start: float) -> dict[str, float]:
    """q_ij Theta_ij over the balance; ln of the threat that j would not side with, over that at the start, both with
    the floor of 0.003."""
    fear = float(1 - view.unopposed[0, i, j]) * threat_of(world, view, i, j) / float(view.balance[0, i])
    return {"bandwagon": fear, "alarm": math.log((unsided(world, view, i, j) + 0.003) / (at_start + 0.003))}


def test_numbers_that_are_not_the_studys_are_refused(result: Result) -> None:
    other = replace(result, seed=SEED + 1)
    with pytest.raises(StoreDamaged, match="run 0 of no_parade comes out otherwise than in the results"):
        attribute(other, runs=3)


def test_a_pairs_parts_sum_up_and_part_at_the_event(result: Result) -> None:
    dyad = explain_dyads(result, [("KOR", "JPN")], run=4)[0]
    assert (dyad.a, dyad.b) == ("JPN", "KOR")
    for _, rows in dyad.table.groupby(["moment", "side"]):
        for arm in ("reference", "arm"):
            values = dict(zip(rows["part"], rows[arm], strict=True))
            u = np.array([values.pop(U)])
            assert values.pop(CONSENT) == consent(u)[0]
            assert summed({name: np.array([value]) for name, value in values.items()})[0] == u[0]
    frame = dyad.table.set_index(["moment", "side", "part"])["difference"]
    before = frame.loc[["start", "before"]]
    assert (before == 0).all()
    assert frame.loc[("+7", "JPN", "alarm")] > 0 == frame.loc[("+7", "JPN", "common_threat")]
    change, most, by = dyad.main_difference("+7", "JPN")
    assert change == frame.loc[("+7", "JPN", U)]
    assert by == frame.loc[("+7", "JPN", most)]


def test_a_timelines_dates_are_those_of_the_stored_accords(result: Result, told: Timeline) -> None:
    stored = result.agreements[result.agreements["run"] == told.run]
    names = ["a", "b", "kind", "origin", "occasion"]
    for arm in (told.reference, told.arm):
        rows = stored[stored["arm"].astype(str) == arm].astype(dict.fromkeys(names[:4], str))
        for what, column in (("talks", "opened"), ("signed", "signed"), ("in force", "in_force")):
            within = rows[rows[column].notna() & (rows[column] >= told.start)]
            if what == "talks":
                within = within[within["origin"] == "new"]
            expected = sorted(zip(*(within[name] for name in [*names, column]), strict=True))
            assert expected == sorted(dated(told, arm, what))


def dated(told: Timeline, arm: str, what: str) -> list[tuple[str, str, str, str, int, date]]:
    out = []
    for entry in told.entries:
        there = entry.mark != "reference only" if arm == told.arm else entry.date_reference is not None
        if entry.what == what and there:
            when = entry.date if arm == told.arm else entry.date_reference
            assert when is not None
            out.append((entry.a, entry.b, entry.kind, entry.origin, entry.occasion, when))
    return out


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--dyad", "JPN-XXX"], "`XXX`"),
        (["--dyad", "JPN-JPN"], "two states"),
        (["--dyad", "JPN"], "--dyad"),
        (["--dyad", "AUS-JPN", "--kind", "pact"], "`pact`"),
        (["--run", "99"], "run 99"),
        (["--arm", "no_parade"], "no_parade"),
        (["--attribution", "--run", "1"], "--attribution"),
    ],
)
def test_a_request_that_does_not_fit_ends_with_2_and_names_it(result: Result, options: list[str], named: str) -> None:
    done = CliRunner().invoke(main, ["explain", str(result.folder), *options])
    assert done.exit_code == 2 and named in done.output


def test_explain_prints_json(result: Result) -> None:
    folder = result.folder
    assert folder is not None
    call = ["explain", str(folder), "--workers", "1", "--json"]
    one = CliRunner().invoke(main, [*call, "--attribution", "--runs", "3"])
    two = CliRunner().invoke(main, [*call, "--dyad", "AUS-JPN", "--runs", "2"])
    three = CliRunner().invoke(main, [*call, "--run", "2"])
    assert [done.exit_code for done in (one, two, three)] == [0, 0, 0]
    printed = [json.loads(done.stdout) for done in (one, two, three)]
    assert [*printed[1]["pairs"]] == ["AUS-JPN"] and [*printed[2]["timelines"]] == ["2"]
    told = printed[0]["attribution"]
    assert told["estimator"] == "direct" and told["coalitions"] == 2 ** len(GROUPS) == 64
    assert [row["group"] for row in told["groups"]] == [*SHOWN, "outside"]
    parts = [row["value"] for row in told["groups"]]
    assert sum(parts) + told["feedback"]["mean"] == pytest.approx(told["effect"]["mean"], abs=1e-12)
    assert told["feedback"]["ci95"][0] < told["feedback"]["mean"] < told["feedback"]["ci95"][1]


def test_agents_of_ones_own_cannot_be_explained(result: Result) -> None:
    with pytest.raises(WrongRequest, match=r"result\.agreements"):
        explain(replace(result, model="cautious:Aloof"))


@pytest.fixture(scope="module")
def of_ukraine() -> Result:
    return run(with_values(load_scenario("ukraine_2022"), {"step_days": 28}), runs=2, seed=1)


def test_explain_and_check_name_the_same_whom_a_state_fears(of_ukraine: Result) -> None:
    """One threshold: at the start of the control arm a dyad's sides fear whom `check` says, or nobody much."""
    check = world_at_start(of_ukraine.scenario)
    most = dict(zip(check.codes, check.fears_most, strict=True))
    assert most["UKR"] == "RUS" and most["MDA"] == most["ROU"] == ""
    (dyad,) = explain_dyads(of_ukraine, [("MDA", "UKR")], runs=2)
    rows = dyad.adversaries
    rows = rows[(rows["arm"] == of_ukraine.reference) & (rows["moment"] == "start") & rows["is_most"]]
    named = dict(zip(rows["side"], rows["adversary"], strict=True))
    assert {side: named.get(side, "") for side in ("MDA", "UKR")} == {side: most[side] for side in ("MDA", "UKR")}


def test_the_diary_names_nobody_below_the_same_threshold(of_ukraine: Result) -> None:
    worlds = compile_worlds(of_ukraine.scenario, of_ukraine.arms[:1])
    opportunities = draw_opportunities(worlds.reference, 1, np.array([0], dtype=np.uint64))
    first = traced(worlds, of_ukraine.reference, 1, np.array([0], dtype=np.uint64), opportunities).feared[0]
    assert first.tolist() == [*world_at_start(of_ukraine.scenario).fears_most]

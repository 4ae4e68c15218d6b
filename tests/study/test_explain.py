"""What explain says must be what the engine did: the same floats, the same dates, and shares that sum up."""

from __future__ import annotations

import itertools
import json
from datetime import date
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from balance_sim.cli.program import main
from balance_sim.model.baseline import Worlds
from balance_sim.model.core import World
from balance_sim.model.engine import simulate
from balance_sim.model.opportunities import draw_opportunities
from balance_sim.model.prospects import Prospects
from balance_sim.model.state import Accords, State
from balance_sim.model.view import View
from balance_sim.model.willingness import TERMS, consent, willingness
from balance_sim.scenario import load_scenario, with_values
from balance_sim.study.arms import compile_arms
from balance_sim.study.draws import with_draws
from balance_sim.study.explain.account import DRAWN, INTERCEPT, PROPENSITY, account, summed
from balance_sim.study.explain.attribution import Attribution, attribute, attribution_table
from balance_sim.study.explain.coalitions import Cast, frozen_terms, live, live_coalitions, most_of_any_mix
from balance_sim.study.explain.document import explained
from balance_sim.study.explain.groups import FIXED, GROUPS, PLAYABLE, TALKS_SPEED, parse_groups
from balance_sim.study.explain.pairs import CONSENT, U, explain_pairs
from balance_sim.study.explain.shapley import alone_and_last, shapley
from balance_sim.study.explain.timeline import Timeline, chosen_runs, tell
from balance_sim.study.faults import StoreDamaged, WrongRequest
from balance_sim.study.intervals import mean_interval
from balance_sim.study.result import Result
from balance_sim.study.run import open_result, run

SCENARIO = Path(__file__).parents[2] / "scenarios" / "beijing_2025.yaml"
SEED, RUNS, REFERENCE, ARM = 3, 12, "no_parade", "parade"
COSTLY = ("joint_summit", "exercise", "arms_or_basing", "treaty", "fighting_together")
LOUD = {
    f"event_kinds.{kind}.{what}": 4.0 + 0.1 * place
    for place, kind in enumerate(COSTLY)
    for what in ("alignment", "intent")
}
"""Signals that say much more than any would, so that a dozen runs differ."""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    loud = with_values(load_scenario(SCENARIO), LOUD | {"step_days": 14})
    folder = tmp_path_factory.mktemp("explain") / "results"
    return run(loud, RUNS, SEED, arms=[ARM], out=folder)


@pytest.fixture(scope="module")
def worlds(result: Result) -> Worlds:
    return compile_arms(result.scenario, (REFERENCE, ARM))


@pytest.fixture(scope="module")
def found(result: Result) -> Attribution:
    return attribute(result)


@pytest.fixture(scope="module")
def told(result: Result) -> Timeline:
    return tell(result, chosen_runs(result)["largest"])


def test_parts_sum_to_the_willingness_used_bit_for_bit(worlds: Worlds) -> None:
    looked = []

    def observe(world: World, state: State, view: View) -> None:
        n, kinds = world.n, len(world.ladder.names)
        run, ego, alter, kind = (grid.ravel() for grid in np.indices((2, n, n, kinds)))
        apart = ego != alter
        p = Prospects(world, worlds.baseline, view, state, run[apart], ego[apart], alter[apart], kind[apart])
        looked.append(np.array_equal(summed(account(p)), willingness(p)))

    runs = np.arange(2, dtype=np.uint64)
    for arm in (REFERENCE, ARM):
        chances = draw_opportunities(worlds.reference, SEED, runs, worlds.most)
        simulate(worlds.arms[arm], worlds.baseline, chances, SEED, runs, observe)
    assert len(looked) == 2 * worlds.reference.steps
    assert all(looked)


def test_the_order_of_the_sum_matters() -> None:
    """Were it not so, the test above could not tell a wrong order from the right one."""
    parts = {INTERCEPT: np.array([0.1]), PROPENSITY: np.array([0.2]), "distrust": np.array([0.3])}
    assert summed(parts)[0] == (0.1 + 0.2) + 0.3 != 0.1 + (0.2 + 0.3)


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


def test_the_glove_game_and_a_null_player() -> None:
    """One left glove, two right ones, and one who has none: 2/3, 1/6, 1/6, 0 (Shapley 1953; textbook case)."""
    worth = np.array([float(bool(m & 1) and bool(m & 6)) for m in range(16)])
    np.testing.assert_allclose(shapley(worth), [2 / 3, 1 / 6, 1 / 6, 0], atol=1e-15)
    alone, last = alone_and_last(worth)
    assert alone.tolist() == [0, 0, 0, 0]
    assert last.tolist() == [1, 0, 0, 0]


def test_a_number_of_coalitions_that_is_no_power_of_two_is_refused() -> None:
    with pytest.raises(ValueError, match="6 coalitions: not a power of two"):
        shapley(np.zeros(6))


def test_every_term_is_in_one_group_or_fixed() -> None:
    placed = [term for terms in GROUPS.values() for term in terms] + list(FIXED)
    assert sorted(placed) == sorted(PLAYABLE)


def test_shares_sum_to_the_effect(result: Result, found: Attribution) -> None:
    effects = result.effects.set_index(["arm", "outcome"])
    mean = effects.loc[(ARM, found.outcome), "mean"]
    table = attribution_table(found).set_index("group")
    shares = table["value"].drop("excess")
    assert found.of_runs == len(found.runs) == RUNS
    assert abs(shares.sum() - mean) <= 1e-9
    assert abs(table.loc["excess", "value"] - mean) <= 1e-9
    np.testing.assert_allclose(found.by_run.sum(axis=1), found.excess, atol=1e-9)
    assert (found.excess != 0).any(), "no run differs: nothing was tested"
    assert table.loc["excess", ["lo", "hi"]].tolist() == pytest.approx(
        mean_interval(found.excess, 1.0)[2:]
    )  # counts of accords, as in `effects`
    for name in found.still:  # weight nought, or facts that are the same in both arms
        assert table.loc[name, ["value", "lo", "hi"]].tolist() == [0, 0, 0]
    idle = [name for name in found.groups if name not in found.still and table.loc[name, "mcse"] == 0]
    assert all(table.loc[name, "hi"] > 0 for name in idle)
    assert (table["lo"] <= table["value"]).all()


def test_with_every_group_frozen_the_arm_is_its_twin_and_with_none_itself(worlds: Worlds) -> None:
    runs = np.arange(RUNS, dtype=np.uint64)
    chances = draw_opportunities(worlds.reference, SEED, runs, worlds.most)
    alone = {
        arm: simulate(worlds.arms[arm], worlds.baseline, chances, SEED, runs) for arm in (REFERENCE, ARM)
    }
    twin, none_live = alone_for(worlds, frozen_terms(GROUPS, 0))
    _, all_live = alone_for(worlds, frozen_terms(GROUPS, 31))
    assert same(twin, alone[REFERENCE])
    assert same(none_live, alone[REFERENCE])
    assert same(all_live, alone[ARM])
    assert not same(all_live, none_live)


def test_freezing_talks_speed_alone_moves_dates_and_opens_the_arms_own_first_talks(worlds: Worlds) -> None:
    whole, slowed = (alone_for(worlds, terms)[1] for terms in (frozenset(), frozenset({TALKS_SPEED})))
    first = [made.opened[made.origin == 0].min() for made in (whole, slowed)]
    assert first[0] == first[1]
    assert not same(whole, slowed)


def test_passing_over_occasions_changes_no_coalition(worlds: Worlds) -> None:
    runs = np.arange(4, dtype=np.uint64)
    cast = Cast.of(worlds, ARM)
    few = draw_opportunities(worlds.reference, SEED, runs, most_of_any_mix(cast))
    assert len(few.day) < len(draw_opportunities(worlds.reference, SEED, runs).day)
    for coalitions in ((0, 6), (9, 31)):
        frozen, lead = [frozen_terms(GROUPS, one) for one in coalitions], np.array([0, 1, 0, 1])
        passed, asked = (live(cast, SEED, runs, frozen, lead, screen=way) for way in (True, False))
        assert same(passed[0], asked[0]) and same(passed[1], asked[1])
        assert (passed[2] >= asked[2]).all()


def test_a_life_stands_for_each_coalition_that_would_live_the_same(worlds: Worlds) -> None:
    """Every coalition lived on its own makes the accords of the life that covers it, run by run."""
    runs = np.arange(RUNS, dtype=np.uint64)
    coalitions = range(0, 32, 3)
    frozen = [frozen_terms(GROUPS, one) for one in coalitions]
    shared = list(live_coalitions(worlds, ARM, SEED, runs, frozen))
    covered = np.zeros((RUNS, len(frozen)), dtype=int)
    for lives in shared:
        covered[lives.rows] += lives.covers
    assert (covered == 1).all()
    assert 2 <= sum(len(lives.rows) for lives in shared) / RUNS < len(frozen)
    for place, terms in enumerate(frozen):
        made = alone_for(worlds, terms)[1]
        for lives in shared:
            mine = [row for row, covers in enumerate(lives.covers[:, place]) if covers]
            theirs = [int(lives.rows[row]) for row in mine]
            assert same(of_runs(lives.made, mine), of_runs(made, theirs))


def test_batches_and_groups_of_fixed_terms_change_nothing(
    result: Result, found: Attribution, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balance_sim.study.explain.attribution.batch_runs", lambda states: 2)
    groups = {"gain": GROUPS["gain"], "alike": ("similarity", "proximity"), "rest": rest_of("gain")}
    again = attribute(result, groups=groups, runs=5)
    np.testing.assert_array_equal(again.excess, found.excess[:5])
    assert again.lives >= 2
    assert (again.by_run[:, 1] == 0).all()
    pooled = [place for place, name in enumerate(GROUPS) if name != "gain"]
    both = sum(1 << place for place in pooled)
    np.testing.assert_array_equal(again.worth[:, 4], found.worth[:5, both])


def test_what_no_group_holds_shows_as_outside(result: Result, found: Attribution) -> None:
    everything_but = {"trade": ("exposure",)}
    again = attribute(result, groups=everything_but, runs=6)
    table = attribution_table(again).set_index("group")["value"]
    assert table["outside"] + table["trade"] == pytest.approx(table["excess"], abs=1e-9)
    everybody = 31 & ~(1 << list(GROUPS).index("retaliation"))
    np.testing.assert_array_equal(again.worth[:, 0], found.worth[:6, everybody])


def test_numbers_that_are_not_the_studys_are_refused(result: Result) -> None:
    other = Result(
        result.scenario, RUNS, SEED + 1, result.arms, result.version, memory=tuple(result.blocks())
    )
    with pytest.raises(StoreDamaged, match="comes out otherwise than in the results"):
        attribute(other, runs=3, groups={"trade": ("exposure",)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gain", "`gain` is not NAME=TERM"),
        ("a=distrust,a=ladder", "the name `a` is taken"),
        ("a=trust", "no term `trust`; there are: security_gain"),
        ("a=distrust,b=ladder+distrust", "`distrust` is in a and in b"),
        (",".join(f"g{k}={term}" for k, term in enumerate(list(TERMS)[:9])), "9 groups"),
    ],
)
def test_groups_that_cannot_be_are_refused(text: str, message: str) -> None:
    with pytest.raises(WrongRequest, match=message):
        parse_groups(text)


def test_groups_are_read_in_their_order() -> None:
    assert parse_groups("b=ladder+ distrust, a=talks_speed") == {
        "b": ("ladder", "distrust"),
        "a": (TALKS_SPEED,),
    }


def test_a_pairs_parts_sum_up_and_part_at_the_event(result: Result) -> None:
    pair = explain_pairs(result, [("KOR", "JPN")], run=4)[0]
    assert (pair.a, pair.b) == ("JPN", "KOR")
    for _, rows in pair.terms.groupby(["arm", "moment", "side"]):
        values = dict(zip(rows["part"], rows["value"], strict=True))
        u = np.array([values.pop(U)])
        assert values.pop(CONSENT) == consent(u)[0]
        assert summed({name: np.array([value]) for name, value in values.items()})[0] == u[0]
    frame = pair.differences().set_index(["moment", "side", "part"])["difference"]
    before = frame.loc[["start", "before"]]
    assert (before == 0).all()
    assert frame.loc[("+7", "JPN", "common_threat")] > 0
    change, most, by = pair.main_difference("+7", "JPN")
    assert change == frame.loc[("+7", "JPN", U)]
    assert by == frame.loc[("+7", "JPN", most)]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Result:
    loud = with_values(load_scenario(SCENARIO.with_name("tripartite_1940.yaml")), LOUD | {"step_days": 14})
    return run(loud, 10, SEED, out=tmp_path_factory.mktemp("drawn") / "results", draw_parameters=True)


def test_runs_that_draw_their_parameters_are_explained_with_their_own(drawn: Result) -> None:
    """`tell` and `attribute` hold every run to the stored accords; the parts are those of the run."""
    again = open_result(drawn.folder)
    assert again.draws and drawn.draws
    apart = attribute(again)
    assert (apart.by_run.sum(axis=1) == pytest.approx(apart.excess, abs=1e-9)) and apart.excess.any()
    assert tell(again, 3).run == 3
    levels = set()
    for number in (2, 3):
        pair = explain_pairs(again, [("GBR", "SUN")], run=number, kind="access")[0]
        rows = pair.terms[(pair.terms["moment"] == "start") & (pair.terms["side"] == "GBR")]
        values = dict(zip(rows["part"], rows["value"], strict=True))
        levels.add(values[DRAWN])
    assert len(levels) == 2 and 0.0 not in levels


def test_the_bound_holds_for_every_run_that_draws(drawn: Result) -> None:
    plain = compile_arms(drawn.scenario, ("no_signal", "signal"))
    own = with_draws(plain, SEED, np.arange(10, dtype=np.uint64))
    bound = most_of_any_mix(Cast.of(own, "signal"))
    assert (bound >= own.most - 1e-9).all()


def test_a_pairs_rate_is_the_ceiling_times_both_consents(result: Result, worlds: Worlds) -> None:
    pair = explain_pairs(result, [("AUS", "JPN")], kind="logistics", run=4)[0]
    here = pair.terms[pair.terms["part"] == CONSENT].groupby(["arm", "moment"])["value"].prod()
    ladder = worlds.reference.ladder
    rate = pair.rates[pair.rates["kind"] == "logistics"].set_index(["arm", "moment"])["rate"]
    expected = here * ladder.ceiling[ladder.names.index("logistics")]
    np.testing.assert_allclose(rate.to_numpy(), expected.loc[rate.index].to_numpy(), rtol=1e-12)


def test_a_timelines_dates_are_those_of_the_stored_accords(result: Result, told: Timeline) -> None:
    stored = result.accords[result.accords["run"] == told.run]
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


def test_talks_open_where_both_probabilities_exceed_what_they_need(told: Timeline) -> None:
    parted = 0
    for entry in told.entries:
        if entry.what != "talks":
            continue
        by_arm = {asked.arm: asked for asked in entry.asked}
        opens = {arm: not one.busy and all(side.agrees for side in one.sides) for arm, one in by_arm.items()}
        assert opens[told.arm] == (entry.mark != "reference only")
        assert opens[told.reference] == (entry.mark != "arm only")
        parted += entry.mark != "both"
    assert parted, "talks open alike in both arms: nothing was tested"


def test_a_timeline_marks_the_event_and_tells_the_difference_of_the_outcome(
    result: Result, told: Timeline
) -> None:
    marked = [entry.text for entry in told.entries if entry.what == "event" and entry.mark == "arm only"]
    assert len(marked) == 1
    last = told.focal.toordinal() + result.window
    signed = [e for e in told.entries if e.what == "signed" and e.direction == "counter"]
    signed = [e for e in signed if e.origin in ("new", "assumed", "talks")]
    mine = [
        e for e in signed if e.mark != "reference only" and told.focal < e.date and e.date.toordinal() <= last
    ]
    assert len(mine) == told.value


def test_runs_are_chosen_by_rule(result: Result) -> None:
    frame = result.outcomes.pivot(index="run", columns="arm", values=f"accords_counter_{result.window}")
    effect = frame[ARM] - frame[REFERENCE]
    ordered = sorted(effect.index, key=lambda run: (effect[run], run))
    chosen = chosen_runs(result)
    assert chosen["least"] == ordered[0]
    assert chosen["median"] == ordered[(RUNS - 1) // 2]
    assert chosen["largest"] == min(run for run in effect.index if effect[run] == effect.max())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pair", "JPN-XXX"], "unknown state `XXX`"),
        (["--pair", "JPN-JPN"], "a pair is of two states"),
        (["--pair", "JPN"], "--pair takes two codes"),
        (["--pair", "AUS-JPN", "--kind", "pact"], "unknown kind `pact`"),
        (["--run", "99"], "run 99 is not among the finished runs"),
        (["--arm", "no_parade"], "there is nothing to compare no_parade with"),
        (["--outcome", "peace"], "unknown outcome `peace`"),
        (["--attribution", "--run", "1"], "--attribution stands alone"),
    ],
)
def test_a_request_that_does_not_fit_ends_with_2_and_says_why(
    result: Result, options: list[str], message: str
) -> None:
    done = CliRunner().invoke(main, ["explain", str(result.folder), *options])
    assert done.exit_code == 2
    assert message in done.output


def test_explain_prints_json_and_keeps_it_in_the_folder(result: Result) -> None:
    folder = result.folder
    assert folder is not None
    call = ["explain", str(folder), "--workers", "1", "--json"]
    groups = ["--attribution", "--attribution-runs", "3", "--groups", "gain=common_threat,trade=exposure"]
    one = CliRunner().invoke(main, [*call, *groups])
    two = CliRunner().invoke(main, [*call, "--pair", "AUS-JPN", "--runs", "2"])
    three = CliRunner().invoke(main, [*call, "--run", "2"])
    assert [done.exit_code for done in (one, two, three)] == [0, 0, 0]
    printed = [json.loads(done.stdout) for done in (one, two, three)]
    kept = explained(folder)
    assert kept["digest"] == result.digest
    assert kept["attribution"] == printed[0]["attribution"]
    assert kept["pairs"]["AUS-JPN"] == printed[1]["pairs"]["AUS-JPN"]
    assert kept["timelines"]["2"] == printed[2]["timelines"]["2"]
    shares = [row["value"] for row in kept["attribution"]["groups"]]
    assert sum(shares) == pytest.approx(kept["attribution"]["excess"]["mean"], abs=1e-9)


def test_lines_fit_a_terminal(result: Result) -> None:
    done = CliRunner().invoke(main, ["explain", str(result.folder), "--run"])
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 86
    assert "least effect" in done.stdout


def rest_of(name: str) -> tuple[str, ...]:
    return tuple(term for group, terms in GROUPS.items() if group != name for term in terms)


def same(one: Accords, other: Accords) -> bool:
    """Whether two blocks hold the same accords, whatever the order of their rows, to the last bit."""
    frames = [
        pd.DataFrame({name: getattr(a, name) for name in Accords.__dataclass_fields__}).sort_values(
            ["run", "key"], kind="stable", ignore_index=True
        )
        for a in (one, other)
    ]
    return frames[0].equals(frames[1])


def alone_for(worlds: Worlds, frozen: frozenset[str]) -> tuple[Accords, Accords]:
    """The twin's accords and the arm's, with one set of terms frozen in all runs."""
    runs = np.arange(RUNS, dtype=np.uint64)
    (lives,) = live_coalitions(worlds, ARM, SEED, runs, [frozen])
    assert lives.covers.all()
    return lives.twin, lives.made


def of_runs(made: Accords, runs: list[int]) -> Accords:
    """The accords of some runs, numbered from 0 in that order."""
    place = {run: row for row, run in enumerate(runs)}
    rows = np.flatnonzero(np.isin(made.run, runs))
    out = made.take(rows)
    out.run = np.array([place[int(run)] for run in out.run], dtype=np.int64)
    return out

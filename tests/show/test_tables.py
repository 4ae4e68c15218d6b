"""The tables behind the figures, against counts made by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest
from balance_sim.effects.result import AnalysedResult
from balance_sim.effects.world_at_start import world_at_start
from balance_sim.evidence.scores import exact_share
from balance_sim.model.baseline import worth_naming
from balance_sim.model.core import DIRECTIONS
from balance_sim.scenario import load_scenario
from balance_sim.show.figures.at_start import PACT, allies_table, draw_allies, events_table, fears_table
from balance_sim.show.figures.counts import (
    difference_table,
    draw_worlds,
    worlds_table,
)
from balance_sim.show.figures.dyads import dyads_table
from balance_sim.show.figures.effects import arms_table
from balance_sim.show.figures.world import draw_map, map_table, states_table
from balance_sim.show.headline import by_size, clear
from balance_sim.stats.intervals import paired_interval
from studies import CASES, four_runs, study


def test_fan_counts_by_day_and_the_paired_excess() -> None:
    table = four_runs().fan("counter")
    last = table[table["day"] == 365].set_index("arm")
    assert last.loc["without", ["mean", "q05", "q50", "q95"]].tolist() == [1.0, 0.0, 1.0, 2.0]  # of 0, 1, 1, 2
    assert last.loc["with", "mean"] == 1.5
    # By day 91 run 3 has its agreement of day 90 in one arm and not that of day 100 in the other.
    at = table[table["day"] == 91].set_index("arm")["mean"]
    assert at["with"] - at["without"] == 0.25


def test_effects_by_window_are_those_of_the_study() -> None:
    """Differences by day 365: 1, 0, 1, 0; by day 90 that of run 3, on the day itself; by day 30 none."""
    result = four_runs()
    table = difference_table(result).set_index("day")
    assert table["effect"].to_dict() == {30: 0, 90: 0.25, 365: 0.5}
    wanted = result.effects.set_index(["arm", "outcome"]).loc[("with", "accords_counter_365"), ["lo", "hi"]]
    assert table.loc[365, ["lo", "hi"]].tolist() == wanted.tolist() and table.loc[365, "lo"] < 0 < table.loc[365, "hi"]


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_exact_shares_against_newcombe(hits: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 5."""
    lo, hi = exact_share(np.array([float(hits)]), np.array(float(n)))
    assert (round(float(lo[0]), 4), round(float(hi[0]), 4)) == (low, high)


def test_every_dyad_is_in_the_table_once() -> None:
    table = dyads_table(four_runs())
    assert len(table) == 15
    rows = {frozenset((r["a"], r["b"])): r for r in table.to_dict("records")}
    korea_france = rows[frozenset(("KOR", "FRA"))]  # run 1 in both, run 0 with the meeting alone
    assert (korea_france["mean"], korea_france["mean_control"], korea_france["effect"]) == (0.5, 0.25, 0.25)
    # Differences 1, 0, 0, 0: standard deviation 1/2, so 1/4 for the mean.
    assert korea_france["mcse"] == pytest.approx(0.25)
    nobody = rows[frozenset(("CHN", "RUS"))]
    assert [nobody[name] for name in ("mean", "effect")] == [0.0] * 2
    assert not table["clear"].any()  # four runs tell nothing


def test_dyads_are_in_the_order_of_their_effects() -> None:
    """Differences by hand: JPN-KOR 1 in all of 40 runs, FRA-KOR -1 in 30, FRA-IND 1 in one."""
    with_it = [[(3, "JPN", "KOR"), *([(3, "FRA", "IND")] if run == 0 else [])] for run in range(40)]
    without = [[(3, "FRA", "KOR")] if run < 30 else [] for run in range(40)]
    dyads = study({"without": without, "with": with_it}).dyads
    top = by_size(dyads[clear(dyads)])
    assert top[["a", "b", "effect"]].to_numpy().tolist() == [["JPN", "KOR", 1.0], ["FRA", "KOR", -0.75]]


def test_arms_carry_the_paired_effect_sorted() -> None:
    result = four_runs()
    table = arms_table(result)
    mean, error, lo, hi = paired_interval(np.array([2.0, 2, 1, 1]), np.array([1.0, 2, 0, 1]), least=1.0)
    assert table["arm"].tolist() == ["with", "half"]
    first = table.iloc[0]
    assert [first[name] for name in ("effect", "mcse", "lo", "hi")] == pytest.approx([mean, error, lo, hi])
    assert (first["effect"], first["level"], first["control_level"]) == (0.5, 1.5, 1.0)
    assert (table["effect"].iloc[1], table["title"].iloc[1]) == (0.0, "Half")
    many = arms_table(CASES["250 runs"]())
    assert many["effect"].is_monotonic_decreasing


def test_effects_on_states_are_sums_over_their_dyads() -> None:
    """Run 0 gains KOR-FRA, run 2 FRA-IND; nobody loses one."""
    table = states_table(four_runs()).set_index("code")
    assert table["effect"].to_dict() == {"CHN": 0, "FRA": 0.5, "IND": 0.25, "JPN": 0, "KOR": 0.25, "RUS": 0}
    # Differences of FRA: 1, 0, 1, 0; its error is at most that of its two dyads together
    assert math.sqrt(1 / 3) / 2 < table.loc["FRA", "mcse"] == pytest.approx(2 * math.sqrt(1 / 4) / 2)
    assert table.loc["FRA", ["lo", "hi"]].isna().all()  # of four runs
    assert not table["clear"].any()
    assert table.loc[table["participant"]].index.tolist() == ["CHN", "RUS"]


def test_arcs_are_the_dyads_that_change_most() -> None:
    gains = study({"without": [[]] * 40, "with": [[(3, "JPN", "KOR")]] * 40})
    table = map_table(gains)
    assert table.loc[table["arc"], ["a", "b"]].to_numpy().tolist() == [["JPN", "KOR"]]
    assert table.attrs["layout"].places["JPN"] == (140, 36)
    assert not map_table(four_runs())["arc"].any()


def test_expected_effects_on_states_are_sums_over_their_dyads(of_five: AnalysedResult) -> None:
    exact = of_five.expected
    assert exact is not None
    dyads, states = dyads_table(of_five), states_table(of_five).set_index("code")["effect"]
    assert len(dyads) == 10 and dyads["lo"].isna().all()
    for code, effect in states.items():
        mine = dyads[(dyads["a"] == code) | (dyads["b"] == code)]
        assert effect == pytest.approx(mine["effect"].sum(), abs=1e-12)
    assert states.sum() == pytest.approx(2 * dyads["effect"].sum(), abs=1e-12)


@pytest.mark.parametrize("name", ["of_five", "four"])
def test_the_dyads_of_the_map_sum_to_the_headline(of_five: AnalysedResult, name: str) -> None:
    """The map, the dyads and the headline count the same agreements: by the expected estimator, and filtered."""
    result = of_five if name == "of_five" else four_runs()
    mapped = map_table(result)
    assert not mapped.loc[~mapped["counts"], ["mean", "mean_control", "effect"]].to_numpy().any()
    participants = set(states_table(result).query("participant")["code"])
    counted = mapped[mapped["counts"]]
    assert not participants & {*counted["a"], *counted["b"]}
    if result.expected is not None:
        wanted = result.expected.effect
    else:
        effects = result.effects.set_index(["outcome", "arm"])["mean"]
        wanted = effects[result.headline_outcome, result.headline_arm]
    assert mapped["effect"].sum() == pytest.approx(wanted, abs=1e-9)


def test_the_effect_over_time_ends_at_the_effect(of_five: AnalysedResult) -> None:
    table = difference_table(of_five)
    by_estimator = dict(iter(table.groupby("estimator")))
    assert set(by_estimator) == {"simulated", "expected"}  # no posterior was worked out
    course = by_estimator["expected"]
    assert course["day"].is_monotonic_increasing and course["day"].iloc[-1] == of_five.window
    assert course["effect"].iloc[0] == 0
    assert of_five.expected is not None
    assert course["effect"].iloc[-1] == pytest.approx(of_five.expected.effect)
    simulated, estimate = by_estimator["simulated"].iloc[-1], of_five.headline
    assert estimate is not None and simulated["effect"] == pytest.approx(estimate.estimate["mean"])
    assert set(difference_table(four_runs())["estimator"]) == {"simulated"}  # agents of one's own


@pytest.mark.parametrize(
    ("runs", "gaining", "losing", "colours"),
    [(100, 30, 0, (30, 0)), (100, 0, 40, (0, 40)), (100, 30, 30, (30, 30)), (250, 1, 0, (4, 0))],
)
def test_squares_are_worlds_with_one_agreement_more_or_fewer(
    runs: int, gaining: int, losing: int, colours: tuple[int, int]
) -> None:
    """Of so many runs some gain an agreement, and some lose one; below one in a hundred they are of a thousand."""
    from balance_sim.show.figures.counts import STEPS
    from balance_sim.show.figures.style import ORANGE
    from matplotlib.colors import to_hex

    some = [(3, "JPN", "KOR")]
    with_it = [some if run < gaining else [] for run in range(runs)]
    without = [some if run >= runs - losing else [] for run in range(runs)]
    made = study({"without": without, "with": with_it})
    table = worlds_table(made)
    squares, _ = draw_worlds.draw(None, table).axes
    shades = [to_hex(square.get_facecolor()) for square in squares.patches]
    assert len(shades) == table["squares"].sum() == (100 if runs == 100 else 1000)
    assert (shades.count(STEPS["one"][0]), shades.count(ORANGE.lower())) == colours
    pairs = table.set_index("step")["pairs"].to_dict()
    assert pairs == {"two": 0, "one": gaining, "none": runs - gaining - losing, "fewer": losing}


def test_worlds_are_counted_from_pairs(of_five: AnalysedResult) -> None:
    """Of each pair the difference of the two drawn numbers, whatever the mean effect is; a world with two more counts
    once."""
    two = [(3, "JPN", "KOR"), (4, "JPN", "KOR")]
    table = worlds_table(study({"without": [[]] * 40, "with": [two] * 10 + [[]] * 30})).set_index("step")
    assert table["pairs"].to_dict() == {"two": 10, "one": 0, "none": 30, "fewer": 0}
    frame = of_five.by_run.frame(of_five.headline_outcome).set_index(["run", "arm"])[of_five.headline_outcome]
    more = frame.xs(of_five.headline_arm, level="arm") - frame.xs(of_five.reference, level="arm")
    drawn = worlds_table(of_five)
    if drawn.empty:
        assert (more == 0).all()
        return
    pairs = drawn.set_index("step")["pairs"]
    assert pairs["two"] + pairs["one"] == (more > 0).sum() and pairs["two"] == (more > 1).sum()
    low, high = drawn["lo"].iloc[0], drawn["hi"].iloc[0]
    assert 0 <= low < (more > 0).mean() < high <= 1
    assert pairs["fewer"] == (more < 0).sum() and pairs.sum() == len(more) == of_five.finished
    assert drawn["squares"].sum() == drawn["of"].iloc[0]


def test_the_map_names_who_changes_and_who_takes_part(of_five: AnalysedResult) -> None:
    """No name of a state without an effect hides what is there to be seen."""
    states = states_table(of_five)
    drawn = {words.get_text() for words in draw_map.draw(of_five).axes[0].texts}
    told = set(states.loc[states["clear"] | states["participant"], "name"])
    assert drawn and drawn <= told < set(states["name"])
    assert set(states.loc[states["participant"], "name"]) <= drawn


def test_who_lets_troops_pass_is_no_balancer() -> None:
    """Belarus takes part in the invasion: none of its dyads is counter-balancing, and Ukraine's with it are with a
    participant."""
    start = world_at_start(load_scenario("ukraine_2022"))
    codes = np.array(start.codes)
    sides = np.stack([codes[start.first], codes[start.second]])
    directions = np.array(DIRECTIONS)[start.direction]
    assert start.listed[start.codes.index("BLR")] == start.listed[start.codes.index("RUS")]
    assert "counter" not in directions[(sides == "BLR").any(axis=0)]
    assert "counter" in directions[(sides == "UKR").any(axis=0)]


def test_each_state_stands_with_the_one_it_fears_most(of_five: AnalysedResult) -> None:
    """Each with the largest share, and with nobody where that is too small to name: as `check` says it too."""
    table = fears_table(of_five)
    world = world_at_start(of_five.scenario)
    codes, least = list(world.codes), worth_naming(of_five.scenario.parameters.tau)
    assert table["code"].tolist() == codes and table["feared"].tolist() == [*world.fears_most]
    for row in table.to_dict("records"):
        shares = world.fear[codes.index(row["code"])]
        assert row["share"] == shares.max() and (row["feared"] != "") == (shares.max() > least)
        if row["feared"]:
            assert shares[codes.index(row["feared"])] == shares.max()
        assert row["count"] == (table["feared"] == row["feared"]).sum()
    assert (world.depth < PACT).all() and allies_table(of_five).empty


def test_every_alliance_is_a_line_of_the_ring(of_five: AnalysedResult) -> None:
    """Of a case with allies, which needs no replication."""
    case = replace(of_five, scenario=load_scenario("tripartite_1940"))
    allies, world = allies_table(case), world_at_start(case.scenario)
    assert len(allies) == len(np.argwhere(np.triu(world.depth >= PACT, 1))) > 0
    ring = draw_allies.draw(None, allies).axes[0]
    assert sum(line.get_linestyle() != "None" for line in ring.lines) == len(allies)
    names = {*allies["name_a"], *allies["name_b"]}
    assert sorted(text.get_text() for text in ring.texts) == sorted(names)


def test_every_event_is_drawn_once_and_one_is_focal(of_five: AnalysedResult) -> None:
    table, scenario = events_table(of_five), of_five.scenario
    assert len(table) == len(scenario.events) and table["date"].is_monotonic_increasing
    focal = table[table["is_focal"]]
    assert len(focal) == 1 and focal["joint"].all()

"""Filtered numbers against numbers worked out by hand, on four states of `balance-sim new`.

All weights of willingness are zero unless a test says otherwise, so that every state consents to everything with one
probability, sigma(intercept), whatever happens in a run. Talks are exponential with a mean of 100 days, nothing
collapses, and the event is on day 40 of 365."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from balance_sim.model.baseline import Worlds, compile_worlds
from balance_sim.model.core import DIRECTIONS, NEVER, ORIGINS, Thinning
from balance_sim.model.engine import filtered
from balance_sim.model.state import AgreementRows
from balance_sim.scenario.schema import Scenario
from balance_sim.study.estimates import dyad_effects
from balance_sim.study.filtered import FilteredSums, filtered_outcomes, prospect_of
from balance_sim.study.tables import SUM, dyad_table, with_states
from balance_sim.study.talks_at_start import Windows
from replications import MEAN, four_states, simulated, windows_of
from replications import by_hand as scenario

RUNS = np.arange(120, dtype=np.uint64)
DAY, END = 40.0, 365.0
KIND = "logistics"  # of the talks on record: Corvia and Dorn, since 2024-06-01, 214 days before the start


def sigma(u: float) -> float:
    return 1.0 / (1.0 + np.exp(-u))


def of_control(found: Scenario) -> tuple[Worlds, FilteredSums, Thinning]:
    worlds = compile_worlds(found, (found.reference_arm,))
    return worlds, *simulated(worlds, found.reference_arm, RUNS, thinned=False)


# --- consent at one opportunity ----------------------------------------------------------------------


def test_where_the_bound_is_the_probability_each_kept_opportunity_counts_one(tmp_path: Path) -> None:
    """p = sigma(0)^2 = 1/4 at every opportunity, and so is the probability to be kept: 1/4 over 1/4."""
    _, found, thin = of_control(scenario(tmp_path))
    assert thin.bound == pytest.approx(0.25, rel=1e-8)
    assert abs(thin.kept.mean() - 0.25) < 4.9 * np.sqrt(0.25 * 0.75 / len(thin.kept))
    consent, first = found.simulated.consent, first_of_their_clock(found)
    first = first[found.simulated.opportunities.day[first] < 10.0]  # later some replications are past their margins
    idle = consent[first] > 0
    assert idle.sum() > 20
    np.testing.assert_allclose(consent[first][idle], 1.0, rtol=1e-8)


def first_of_their_clock(found: FilteredSums) -> np.ndarray:
    """Rows of opportunities before which, in the same step, their clock had none."""
    c = found.simulated.opportunities
    step = np.repeat(np.arange(len(c.starts) - 1), np.diff(c.starts))
    key = np.stack([step, c.run, c.dyad, c.kind])
    return np.flatnonzero(np.append(True, (key[:, 1:] != key[:, :-1]).any(axis=0)))


def test_consent_over_the_bounds_of_both_sides(tmp_path: Path) -> None:
    """With a weight of 1.5 on present depth, which is between 0 and 1, u is 0 without a tie and at most 1.5. So an
    opportunity of a dyad without any is kept with probability sigma(1.5)^2 and counts sigma(0)^2 / sigma(1.5)^2."""
    _, found, thin = of_control(scenario(tmp_path, theory__weights__ladder=1.5))
    w = (sigma(0.0) / sigma(1.5)) ** 2
    assert thin.bound == pytest.approx(sigma(1.5) ** 2, rel=1e-8)
    consent, first = found.simulated.consent, first_of_their_clock(found)
    early = first[
        (found.simulated.opportunities.day[first] < 10.0) & (found.simulated.opportunities.dyad[first] != tied(found))
    ]
    idle = consent[early] > 0
    assert idle.sum() > 20
    np.testing.assert_allclose(consent[early][idle], w, rtol=1e-8)


def tied(found: FilteredSums) -> int:
    """The dyad with an agreement in force from the start: Arden and Belmar."""
    codes = found.world.codes
    return int(found.world.dyad_index[codes.index("XAR"), codes.index("XBE")])


def test_a_later_opportunity_of_a_clock_counts_where_the_earlier_has_no_talks(tmp_path: Path) -> None:
    """w, w (1 - w), w (1 - w)^2 and so on within one long step. Two sides at 1/2 and bounds of 0.8: w = 0.25 / 0.64."""
    worlds, found, _ = of_control(scenario(tmp_path, step_days=30.0, kind_ceiling=24.0))
    c, w = found.simulated.opportunities, 0.25 / 0.64
    rows = np.arange(*c.starts[:2])
    thinned, sides = np.full(len(rows), 0.64), np.full((len(rows), 2), 0.5)
    out = filtered(worlds.reference, c, rows, thinned, sides)
    first = first_of_their_clock(found)
    place = rows - first[np.searchsorted(first, rows, side="right") - 1]
    assert place.max() >= 2
    np.testing.assert_allclose(out, w * (1 - w) ** place, rtol=1e-12)
    out = filtered(worlds.reference, c, rows, np.ones(len(rows)), sides)  # nothing is thinned: 1/4, 1/4 3/4, ...
    np.testing.assert_allclose(out, 0.25 * 0.75**place, rtol=1e-12)


# --- what talks lead to ------------------------------------------------------------------------------


def within(days: np.ndarray) -> np.ndarray:
    """Exponential talks of mean 100 days signed within so many days."""
    return 1 - np.exp(-np.maximum(days, 0.0) / MEAN)


def test_windows_and_the_scenarios_end(tmp_path: Path) -> None:
    """Window 30: from day 41 to day 71. Window 350 is cut by the end on day 365; of 0 < 41 nothing is counted."""
    _, found, _ = of_control(scenario(tmp_path, report__windows=[30, 350]))
    day = found.simulated.opportunities.day
    assert found.windows.bounds(30) == (41.0, 71.0)
    assert found.windows.bounds(350) == (41.0, END)
    for window, stop in ((30, 71.0), (350, END)):
        np.testing.assert_allclose(found.prospect.signed[window], within(stop - day) - within(41.0 - day), atol=1e-12)
    assert (found.prospect.signed[30][day > 71.0] == 0).all()


def test_an_event_before_the_start_and_one_after_the_end(tmp_path: Path) -> None:
    worlds, found, _ = of_control(scenario(tmp_path))
    day = found.simulated.opportunities.day
    before = prospect_of(worlds, found.simulated.opportunities, Windows(-50.0, (30, 100), END))
    np.testing.assert_allclose(before.signed[100], within(51.0 - day), atol=1e-12)
    assert (before.signed[30] == 0).all() and (before.talks[30] == 0).all()
    late = prospect_of(worlds, found.simulated.opportunities, Windows(400.0, (30, 100), END))
    for of in (late.signed, late.talks):
        assert all((values == 0).all() for values in of.values())
    assert (late.in_force == 0).all() and (late.talks_in_force == 0).all()


def test_talks_on_record_and_talks_that_nobody_recorded(tmp_path: Path) -> None:
    """Exponential talks have no memory: those on record, whatever their age, and those nobody recorded are signed
    within r days with 1 - e^(-r / 100). The latter are under way with 1 - e^(-100 / 4 / 365.25)."""
    _, found, _ = of_control(scenario(tmp_path))
    codes, kinds = found.world.codes, found.world.ladder.names
    recorded = int(found.world.dyad_index[codes.index("XCO"), codes.index("XDO")]), kinds.index(KIND)
    share = within(np.array(341.0)) - within(np.array(41.0))
    wanted = np.full((6, len(kinds)), (1 - np.exp(-100 / 4 / 365.25)) * share)
    wanted[recorded] = share
    assert found.prospect.talks[300].shape == (1, 6, len(kinds))
    np.testing.assert_allclose(found.prospect.talks[300][0], wanted, rtol=1e-10)


def test_what_is_signed_on_record_leaves_no_clock_for_talks_that_nobody_recorded(tmp_path: Path) -> None:
    """Arden and Dorn have signed; their clock waits for entry into force, as one that negotiates does."""
    row = f"  - {{id: arden-dorn, a: XAR, b: XDO, kind: {KIND}, status: signed, signed: 2024-11-01}}\n"

    def with_row(text: str) -> str:
        at = text.index("  - {id: corvia-dorn")
        return four_states(text[:at] + row + text[at:])

    _, found, _ = of_control(scenario(tmp_path, with_row))
    codes, kinds = found.world.codes, found.world.ladder.names
    signed = found.world.dyad_index[codes.index("XAR"), codes.index("XDO")]
    talks = found.prospect.talks[300][0][signed]
    assert talks[kinds.index(KIND)] == 0.0
    assert (np.delete(talks, kinds.index(KIND)) > 0).all()


def test_the_age_of_talks_on_record_counts_where_they_have_memory(tmp_path: Path) -> None:
    """Erlang talks of shape 2 and mean 100 (rate 1/50), 214 days old: a step is behind them with odds 214 / 50 to 1, so
    P(signed within r) = 1 - e^(-r/50) (1 + (r/50) / (1 + 214/50))."""
    _, found, _ = of_control(scenario(tmp_path, kind_talks_shape=2.0))
    codes, kinds = found.world.codes, found.world.ladder.names
    recorded = found.world.dyad_index[codes.index("XCO"), codes.index("XDO")], kinds.index(KIND)

    def by(r: float) -> float:
        return 1 - np.exp(-r / 50) * (1 + (r / 50) / (1 + 214 / 50))

    assert found.prospect.talks[300][0][recorded] == pytest.approx(by(341.0) - by(41.0), rel=1e-9)


def test_what_collapses_is_not_signed(tmp_path: Path) -> None:
    """At 365.25 / 100 a year talks collapse as often as they are signed: half of each, at twice the rate."""
    _, found, _ = of_control(scenario(tmp_path, parameters__collapse_rate=3.6525))
    day = found.simulated.opportunities.day
    wanted = (np.exp(-2 * np.maximum(41.0 - day, 0) / MEAN) - np.exp(-2 * np.maximum(341.0 - day, 0) / MEAN)) / 2
    np.testing.assert_allclose(found.prospect.signed[300], wanted, atol=1e-12)


@pytest.mark.parametrize("at_once", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("force_days", [0.0, MEAN])
def test_entry_into_force(tmp_path: Path, at_once: float, force_days: float) -> None:
    """At once: as signatures. Else after a second exponential lag of the same mean, together an Erlang of shape 2."""
    found = of_control(scenario(tmp_path, kind_at_once=at_once, kind_force_days=force_days, kind_force_shape=1.0))[1]
    day, later = found.simulated.opportunities.day, 0.0 if force_days == 0 else 1.0 - at_once

    def by(r: np.ndarray) -> np.ndarray:
        r = np.maximum(r, 0.0)
        return within(r) - later * (r / MEAN) * np.exp(-r / MEAN)

    np.testing.assert_allclose(found.prospect.in_force, by(341 - day) - by(41 - day), atol=1e-6)
    assert (found.prospect.in_force[day > 341] == 0).all() or force_days > 0
    share = (1 - np.exp(-100 / 4 / 365.25)) * (by(np.array(341.0)) - by(np.array(41.0)))
    np.testing.assert_allclose(found.prospect.talks_in_force[0, 0, 0], share, atol=2e-5)


def of_the_record(origin: str, in_force: list[float]) -> AgreementRows:
    """Agreements of the first dyad in the first replication, in force on these days."""
    count = np.arange(len(in_force))
    nothing = np.zeros_like(count)
    rows = AgreementRows.begun(
        ORIGINS.index(origin), nothing, nothing, nothing, count, count.astype(np.uint64), np.full(len(count), NEVER)
    )
    rows.in_force = np.array(in_force)
    return rows


@pytest.mark.parametrize(("origin", "counted"), [("signed", 2), ("scheduled", 2), ("in_force", 0), ("new", 0)])
def test_what_is_in_force_at_the_start_has_come_into_force_before(tmp_path: Path, origin: str, counted: int) -> None:
    """After an event 50 days before the start, days -49 to 51: what was in force at the start never counts, what comes
    of new talks is counted by its chance already."""
    worlds, found, _ = of_control(scenario(tmp_path))
    windows = Windows(-50.0, (30, 100), END)
    chances = prospect_of(worlds, found.simulated.opportunities, windows)
    made = of_the_record(origin, [-49.5, -49.0, 50.9, 51.0])
    nobody = replace(found.simulated, agreements=made.take(np.zeros(0, dtype=np.int64)))
    bare, with_it = (
        replace(found, prospect=chances, windows=windows, simulated=replace(nobody, agreements=rows)).in_force()
        for rows in (nobody.agreements, made)
    )
    assert (with_it - bare).tolist() == [float(counted), *np.zeros(len(RUNS) - 1)]


def test_a_change_that_makes_a_member_ends_its_talks(tmp_path: Path) -> None:
    """Exponential talks of mean 100 days from day 10 and from day 50 on, of a state that a change makes a member on day
    60: signed after day 41 and before day 60, not before day 71. Another is free to sign until then."""
    _, found, _ = of_control(scenario(tmp_path))
    rows = SimpleNamespace(
        run=np.array([0, 0, 1]), pact=np.zeros(3, int), state=np.array([2, 2, 3]),
        day=np.array([10.0, 50.0, 10.0]), chance=np.array([0.5, 0.25, 0.5]),
    )  # fmt: skip
    joining = np.full((1, 4), NEVER)
    joining[0, 2] = 60.0
    world = replace(found.world, pacts=SimpleNamespace(kind=np.zeros(1, int), joining_day=joining))
    simulated = replace(found.simulated, accessions=SimpleNamespace(candidacies=rows))
    wanted = np.zeros(len(RUNS))
    wanted[0] = 0.5 * (within(np.array(50.0)) - within(np.array(31.0))) + 0.25 * within(np.array(10.0))
    wanted[1] = 0.5 * (within(np.array(61.0)) - within(np.array(31.0)))
    np.testing.assert_allclose(replace(found, world=world, simulated=simulated).accessions(30), wanted, rtol=1e-10)


# --- sums --------------------------------------------------------------------------------------------


def test_sums_by_class_kind_dyad_and_state_are_those_of_the_opportunities(tmp_path: Path) -> None:
    """Arden and Belmar take part. Arden threatens Corvia and Dorn, so their dyad is counter, the five others are with a
    participant. Summed opportunity by opportunity in a loop; of the seven kinds five are security agreements, and
    `political_declaration` and `non_aggression` are declarations."""
    _, found, _ = of_control(scenario(tmp_path))
    world, c, signed = found.world, found.simulated.opportunities, found.prospect.signed[300]
    assert (found.direction == DIRECTIONS.index("counter")).sum() == 1
    assert (found.direction == DIRECTIONS.index("with_participant")).sum() == 5
    apart = [name in ("political_declaration", "non_aggression") for name in world.ladder.names]
    dyads, declared = np.zeros((len(RUNS), 6)), np.zeros((len(RUNS), 6))
    kinds = np.zeros((len(RUNS), len(world.ladder.names)))
    for kind, of in enumerate(found.prospect.talks[300][0].T):
        (declared if apart[kind] else dyads)[:] += of
        kinds[:, kind] += of.sum()
    for row in range(len(c.day)):
        of = declared if apart[c.kind[row]] else dyads
        of[c.run[row], c.dyad[row]] += found.simulated.consent[row] * signed[row]
        kinds[c.run[row], c.kind[row]] += found.simulated.consent[row] * signed[row]
    assert declared.sum() > 0 and sum(apart) == 2
    np.testing.assert_allclose(found.by_dyad(300), dyads, rtol=1e-12)
    np.testing.assert_allclose(found.by_kind(300), kinds, rtol=1e-12)
    out = filtered_outcomes(found)
    codes = world.codes
    counter = int(world.dyad_index[codes.index("XCO"), codes.index("XDO")])
    np.testing.assert_allclose(out["accords_counter_300"], dyads[:, counter], rtol=1e-12)
    np.testing.assert_allclose(out["accords_all_300"], dyads.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(out["declarations_counter_300"], declared[:, counter], rtol=1e-12)
    np.testing.assert_allclose(out["declarations_all_300"], declared.sum(axis=1), rtol=1e-12)
    assert (out["accords_other_300"] == 0).all()
    states = with_states(found.by_dyad(300), world.first, world.second, 4)[:, 6:]
    for state in range(4):
        mine = (world.first == state) | (world.second == state)
        np.testing.assert_allclose(states[:, state], dyads[:, mine].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(states.sum(axis=1), 2 * out["accords_all_300"], rtol=1e-12)


def test_effects_by_dyad_and_state_on_a_table_made_by_hand() -> None:
    """Three states, two runs. A-B: 0.5 and 1.5 without, 1 and 2.5 with: effects 0.5 and 1, mean 0.75, error
    sqrt(0.125 / 2) = 0.25. A-C never, B-C the same in both arms."""
    control = np.array([[0.5, 0.0, 0.25], [1.5, 0.0, 0.5]])
    arm = np.array([[1.0, 0.0, 0.25], [2.5, 0.0, 0.5]])
    first, second = np.array([0, 0, 1]), np.array([1, 2, 2])
    table = dyad_table({"event": arm, "none": control}, "none", ("A", "B", "C"), first, second)
    frame = dyad_effects([(table, 2)], ("none", "event")).set_index(["arm", "a", "b"])
    row = frame.loc["event", "A", "B"]
    assert (row["mean"], row["mean_control"], row["effect"], row["n"]) == (1.75, 1.0, 0.75, 2)
    assert row["mcse"] == pytest.approx(0.25) and row["z"] == pytest.approx(3.0)
    assert np.isnan([row["lo"], row["hi"]]).all()  # of two runs
    assert row["error"] == pytest.approx(0.75)  # of 1 and 2.5
    same = frame.loc["event", "B", "C"]
    assert (same["effect"], same["mcse"], same["z"]) == (0, 0, 0)
    assert (frame.loc["none", ["lo", "hi"]] == 0).all(axis=None)
    assert ("event", "A", "C") not in frame.index
    assert frame.loc["event", "B", ""]["mean"] == pytest.approx(1.75 + 0.375)


def test_the_interval_of_a_dyads_effect_has_room_for_a_jump_that_no_run_has_shown() -> None:
    """Ten runs of the same. A-B: sd sqrt(10 x 0.0625 / 9), error 0.0833333, t with nine degrees of freedom 2.262157: half
    0.188513. Squares of the levels off their means 0.25 and 0.5625, of the means off both 0.375^2: spread sqrt(0.40625 +
    0.140625) = 0.739510, x 3.841459 / 10 = 0.284079; in quadrature 0.340937. B-C: 0.125 x 0.3841459. Student's t alone
    holds a dyad's effect in 83 of 100 studies of 100 runs."""
    control = np.tile([[0.5, 0.0, 0.25], [1.5, 0.0, 0.5]], (5, 1))
    arm = np.tile([[1.0, 0.0, 0.25], [2.5, 0.0, 0.5]], (5, 1))
    first, second = np.array([0, 0, 1]), np.array([1, 2, 2])
    table = dyad_table({"event": arm, "none": control}, "none", ("A", "B", "C"), first, second)
    frame = dyad_effects([(table, 10)], ("none", "event")).set_index(["arm", "a", "b"])
    ends = frame.loc["event", "A", "B"][["lo", "hi"]].tolist()
    assert ends == pytest.approx([0.75 - 0.340937, 0.75 + 0.340937], abs=2e-6)
    ends = frame.loc["event", "B", "C"][["lo", "hi"]].tolist()
    assert ends == pytest.approx([-0.0480182, 0.0480182], abs=1e-6)
    assert (frame.loc["none", ["lo", "hi"]] == 0).all(axis=None)
    alike = dyad_table({"event": control, "none": control}, "none", ("A", "B", "C"), first, second)
    assert (dyad_effects([(alike, 10)], ("none", "event"))[["lo", "hi"]] == 0).all(axis=None)
    assert frame.loc["event", "C", ""]["effect"] == 0.0


def test_sums_by_dyad_do_not_depend_on_how_runs_are_cut() -> None:
    rng = np.random.default_rng(4)
    first, second = np.array([0, 0, 1]), np.array([1, 2, 2])
    arms = {name: rng.gamma(0.3, 1.0, (50, 3)) for name in ("none", "event")}

    def effects(cuts: list[int]) -> Any:
        edges = [0, *cuts, 50]
        tables = [
            (dyad_table({n: of[a:b] for n, of in arms.items()}, "none", ("A", "B", "C"), first, second), b - a)
            for a, b in pairwise(edges)
        ]
        return dyad_effects(tables[::-1], ("none", "event"))

    whole = effects([])
    for cuts in ([1], [17, 18, 40], list(range(1, 50))):
        assert effects(cuts).equals(whole)
    gap = arms["event"][:, 0] - arms["none"][:, 0]
    row = whole[(whole["arm"] == "event") & (whole["a"] == "A") & (whole["b"] == "B")].iloc[0]
    assert row["effect"] == pytest.approx(gap.mean(), abs=1 / SUM)
    assert row["mcse"] == pytest.approx(gap.std(ddof=1) / np.sqrt(50), rel=1e-9)


def test_windows_of_a_scenario_begin_the_day_after_the_event(tmp_path: Path) -> None:
    worlds = compile_worlds(scenario(tmp_path), ("no_summit",))
    assert windows_of(worlds) == Windows(DAY, (30, 300), END)

"""The measures of mechanisms: closed forms on hand-made inputs, and all seventeen rows on Beijing."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from balance_sim.article.beliefs import FrozenWorld
from balance_sim.article.mechanisms import MECHANISMS, measured
from balance_sim.article.mechanisms.agreements import elasticity, gained, standardised
from balance_sim.article.mechanisms.data import ByDyad, PairedColumns, jackknifed, ratio
from balance_sim.article.mechanisms.spiral import loop_gains, sampled
from balance_sim.effects.participants import Participants, PlaceboComparison
from balance_sim.effects.run import run
from balance_sim.model import responses
from balance_sim.model.baseline import compile_worlds
from balance_sim.model.engine import begin, close_step, perceive
from balance_sim.model.perception import hostility_toward
from balance_sim.scenario import arm_scenario, load_scenario
from balance_sim.study.arms import extra_arms
from balance_sim.study.outcomes import Outcome
from balance_sim.study.recorder import step_at
from balance_sim.study.remembered import remembered
from balance_sim.study.scene import StateMetrics, focal_roles, state_metrics
from balance_sim.study.spans import at_start, in_spans

SCENARIO = Path(__file__).parents[2] / "scenarios" / "beijing_2025.yaml"
SCENARIOS = sorted(SCENARIO.parent.glob("*.yaml"))
RUNS, SEED = 12, 3
ARMS = ["parade"]


@pytest.fixture(scope="module")
def result(beijing):
    return run(beijing, runs=RUNS, seed=SEED, arms=ARMS)


@pytest.fixture(scope="module")
def plain(beijing):
    """The same scenario without the plug-in."""
    return run(beijing.model_copy(update={"plugins": ()}), runs=RUNS, seed=SEED, arms=ARMS)


@pytest.fixture(scope="module")
def worlds(beijing):
    arms = {name: beijing.arms[name] for name in ("no_parade", "parade")}
    return compile_worlds(beijing.model_copy(update={"arms": arms}))


# --- closed forms ---------------------------------------------------------------------------------------


def changes(over: np.ndarray, under: np.ndarray) -> tuple[PairedColumns, PairedColumns]:
    return PairedColumns.of(over), PairedColumns.of(under)


def test_ratio_without_spread_below_is_the_mean_over_it() -> None:
    value, lo, hi = ratio(*changes(np.array([1.0, 1.0, 3.0, 3.0]), np.full(4, 4.0)))
    half = 3.182446305284263 * np.sqrt(4 / 3) / 2 / 4  # Student's t, 3 degrees of freedom; no run stands out
    assert (value, lo, hi) == pytest.approx((0.5, 0.5 - half, 0.5 + half))


def test_the_jackknife_of_a_mean_is_the_interval_of_a_mean() -> None:
    values = np.array([0.0, 1.0, 5.0, 2.0])
    _, lo, hi = jackknifed(lambda x: float(x.mean()), values)
    half = 3.182446305284263 * values.std(ddof=1) / 2
    assert (lo, hi) == pytest.approx((2.0 - half, 2.0 + half))


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_elasticity_of_a_power_is_its_exponent(power: float) -> None:
    levels = np.array([0.25, 0.5, 0.75, 1.0])
    excess = np.outer(np.arange(1.0, 11.0), levels**power)
    assert elasticity(levels, excess) == pytest.approx((power, power, power))
    value, *bounds = elasticity(levels, excess[1:])
    assert value == pytest.approx(power) and np.isnan(bounds).all()  # nine runs: too few for an interval


def test_standardised_effects_by_hand() -> None:
    """Two strata. Mantel-Haenszel: (2 x 1/2 + 4 x 2/8) / (1 x 1/2 + 1 x 6/8) = 2 / 1.25."""
    base = np.array([1.0, 1.0, 6.0, 2.0])
    threatened, stratum = np.array([True, False, True, False]), np.array([0, 0, 1, 1])
    over, under = standardised(base, stratum, threatened)
    effect = np.array([2.0, 1.0, 4.0, 1.0])
    assert over @ effect / (under @ effect) == pytest.approx(1.6)
    # An effect that follows the base rate alone is not called selective.
    assert over @ base == pytest.approx(under @ base)


def test_a_ratio_of_sums_over_dyads_has_bounds_where_the_lower_is_not_nothing() -> None:
    """1,000 runs: both sums within 2.2448 standard errors (t of 97.5 %, 999 degrees of freedom)."""
    dyads = ByDyad(np.array([3.0, 2.0]), np.array([0.1, 0.2]), 1000)
    over, under = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    t = 2.244783
    value, lo, hi = dyads.ratio(over, under)
    assert (value, lo, hi) == pytest.approx(
        (1.5, (3 - 0.1 * t) / (2 + 0.2 * t), (3 + 0.1 * t) / (2 - 0.2 * t)), rel=1e-4
    )
    unsure = ByDyad(np.array([3.0, 0.4]), np.array([0.1, 0.2]), 1000)
    assert unsure.ratio(over, under)[0] == pytest.approx(7.5) and np.isnan(unsure.ratio(over, under)[1:]).all()


def coverage_of_sums(common: float, draws: int = 2000) -> np.ndarray:
    """(3,) shares of draws in which the sum over 20 dyads is held, the ratio of two, and the sum if dyads were apart.

    common: share of the dyads' variance that they have in common, over 30 runs each."""
    rng, held, size, n = np.random.default_rng(5), np.zeros(3), 20, 30
    mean = np.linspace(0.05, 0.2, size)
    over = (np.arange(size) < 10).astype(float)
    for _ in range(draws):
        noise = np.sqrt(common) * rng.normal(size=(n, 1)) + np.sqrt(1 - common) * rng.normal(size=(n, size))
        runs = mean + 0.1 * noise
        error = runs.std(axis=0, ddof=1) / np.sqrt(n)
        dyads = ByDyad(runs.mean(axis=0), error, n)
        (value, lo, hi), truth = dyads.total(over), over @ mean
        apart = (hi - value) * np.sqrt((over * error**2).sum()) / (over @ error)
        _, low, high = dyads.ratio(over, 1 - over)
        held += [lo <= truth <= hi, low <= truth / ((1 - over) @ mean) <= high, abs(value - truth) <= apart]
    return held / draws


def test_the_coverage_of_sums_and_ratios_over_dyads_is_never_below_nominal() -> None:
    """2,000 draws: 0.95 less 4.5 of its standard errors is 0.928. Standard errors as of dyads apart do not hold."""
    for common in (0.0, 0.5, 1.0):
        total, ratio_of, _ = coverage_of_sums(common)
        assert total >= 0.928 and ratio_of >= 0.928, (common, total, ratio_of)
    assert coverage_of_sums(1.0)[0] < 0.972  # as wide as has to be where dyads vary as one
    assert coverage_of_sums(0.5)[2] < 0.8


def test_days_gained_count_the_same_accord_in_both_arms_only() -> None:
    rows = [
        ("one", "talks", 1, 10.0), ("ref", "talks", 1, 45.0),  # 35 days earlier
        ("one", "new", 2, 10.0), ("ref", "new", 2, 45.0),  # not under way at the start
        ("one", "assumed", 3, 10.0),  # not signed by the twin
        ("one", "talks", 4, -5.0), ("ref", "talks", 4, 3.0),  # before the focal date
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["arm", "origin", "occasion", "after"])
    frame = frame.assign(run=0, dyad=frame["occasion"], kind="access")
    assert gained(frame, "one", "ref")["days"].tolist() == [35.0]


# --- what is observed -----------------------------------------------------------------------------------


def test_the_watch_sees_what_the_views_own_matrices_say(worlds) -> None:
    """Columns made for one state equal those of the full matrices, which the view has by other code."""
    world, n = worlds.arms["parade"], worlds.reference.n
    state = begin(world, worlds.baseline, 1, np.arange(3, dtype=np.uint64))
    view = perceive(world, state, 10)
    scene, cast = StateMetrics(world, worlds.baseline, state, view), focal_roles(worlds)
    k, a = cast.host, world.codes.index("UKR")
    assert scene.own(k) == pytest.approx(view.own[:, :, k], abs=1e-14)
    assert scene.relation(k) == pytest.approx(view.own[:, :, k] - view.against[:, :, k], abs=1e-14)
    assert scene.relation_of(a) == pytest.approx(view.own[:, a] - view.against[:, a], abs=1e-14)
    assert scene.support(k) == pytest.approx(view.support[:, k], abs=1e-14)
    held = scene.backing(k)
    held[:, k] = 0.0
    lent = responses.dependence(held[:, None], view.support[:, None, k], view.defence[:, None, k])[:, 0]
    columns = state_metrics(scene, cast, apart=True)
    assert columns[Outcome("dependence", "host")] == pytest.approx(lent, abs=1e-14)
    assert (columns[Outcome("dependence", "host_partners")] < lent).all() and (lent < 1).all()
    backing = scene.backing(k)
    backing[:, k] = 0.0
    assert backing == pytest.approx(view.backing[:, k], abs=1e-14)
    hostility = np.stack([hostility_toward(world, state, 10, j) for j in range(n)], axis=-1)
    for i in (world.codes.index("DEU"), world.codes.index("IND")):
        sides = world.rules.beta * view.alignment[:, world.audience[i], :, k]
        sides[:, k] = 0.0
        free = 1 - np.maximum(state.depth[:, i, k], view.own[:, i, k])
        drawn = free * ((1 - np.exp(-hostility[:, i])) * sides).sum(axis=1)
        assert scene.drawn_in(k)[:, i] == pytest.approx(drawn, abs=1e-12)
        everybody = tuple(j for j in range(n) if j != k)
        assert scene.drawn_in_through(k, everybody)[:, i] == pytest.approx(drawn, abs=1e-12)


# --- the rows -------------------------------------------------------------------------------------------


def test_all_seventeen_rows_on_beijing(result) -> None:
    rows = result.summary()["mechanisms"]
    assert list(rows) == [f"M{k}" for k in range(1, 18)]
    json.dumps(rows, allow_nan=False)
    for one in MECHANISMS:
        row = rows[one.id]
        assert set(row) >= {"measure", "value", "ci95", "tag", "article", "placebo_percentile", "found"}
        assert (row["found"] is None) == (one.tag == "implied" or "why" in row)
        assert row["value"] is not None or row.get("why") or row.get("note")
        if row["ci95"][0] is not None:
            assert row["ci95"][0] <= row["value"] <= row["ci95"][1]
    assert rows["M4"]["value"] == pytest.approx(1.0, abs=0.1)  # 0.02 where extra arms have no control variates


def test_a_ratio_of_something_that_no_run_shows_has_a_length() -> None:
    """None of 40 runs has any of the upper, a count: Wilson's bound for none, over the mean of the lower."""
    none, under = np.zeros(40), PairedColumns.of(np.full(40, 8.0) + np.arange(40) % 2)
    half = 1.959964**2 / 40 / 8.5
    assert ratio(PairedColumns.of(none, least=1.0), under) == pytest.approx((0.0, -half, half))
    assert ratio(PairedColumns.of(none, least=1.0), -1.0 * under) == pytest.approx((0.0, -half, half))
    alike = PairedColumns(none, none, alike=True)
    assert ratio(alike, under)[1:] == (0.0, 0.0)


def test_the_digest_and_all_tables_are_the_same_without_extra_arms(result, plain) -> None:
    assert result.digest == plain.digest
    pd.testing.assert_frame_equal(result.outcomes, plain.outcomes)
    assert not plain.extra_by_run.runs and set(plain.outcomes["arm"]) == {"no_parade", *ARMS}
    assert plain.scenario.sha256 != result.scenario.sha256  # the scenario says which plug-ins it asks for
    assert not plain.additions
    assert not plain.summary().keys() & {"mechanisms", "camps"} and not plain.placebos.families[0].measures
    rows = measured(plain)
    assert "extra arms" in rows["M4"]["why"] and rows["M6"]["value"] == result.additions["mechanisms"]["M6"]["value"]


# --- placebos -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def participants(beijing):
    """The parade among other participants."""
    arms = [arm_scenario(beijing, name) for name in ("no_parade", "parade")]
    event = next(one for one in arms[1].events if one.id == beijing.focal)
    return Participants(compile_worlds(beijing, ("no_parade", "parade")), arms[0], event)


def test_placebos_are_worked_out_once_and_kept_in_the_summary(result) -> None:
    """The table's rank is that of `Result.placebos`, and so is the summary's."""
    kept = result.summary()["placebos"]["participants"]
    family = result.placebos.families[0]
    mechanisms = result.additions["mechanisms"]
    assert mechanisms["M1"]["placebo_rank"] == family.rank == kept["rank"]
    assert result.additions["mechanisms"]["M1"]["placebo_verdict"] == family.verdict
    for name, compared in family.measures.items():
        row, again = mechanisms[name], kept["measures"][name]
        assert (row["placebo_rank"], row["placebos"]) == (compared.rank, len(compared.known))
        assert again["value"] == compared.event and len(again["values"]) == len(compared.placebos)
    assert set(family.measures) == {"M3", "M5", "M6", "M7", "M9", "M10", "M12", "M13", "M14"}
    assert all(len(of.placebos) == len(family.placebos) == 199 for of in family.measures.values())


def test_a_set_is_seen_as_the_event_would_be_with_its_states(beijing, participants) -> None:
    """The frozen world with an event for another set, against a scenario whose file names these states."""
    codes = participants.control.codes
    few = tuple(sorted(codes.index(code) for code in ("IDN", "IND", "VNM")))
    cast, event = participants.cast(few), participants.event_of(few)
    assert codes[cast.host] == event.host == "IND" and set(event.principals) == {"IDN", "IND", "VNM"}
    assert not {*event.targets, *event.guests} & {*event.principals}
    frozen_world = FrozenWorld.of(participants.worlds, participants.scenario)
    real, own_cast = participants.event_of(participants.real), participants.cast(participants.real)
    shift, _, again = frozen_world.shifts([event, real, event], [cast, own_cast, cast])
    assert again == shift == next(frozen_world.shifts([event], [cast])), "whatever was asked beside"
    events = tuple(event if one.id == event.id else one for one in beijing.events)
    worlds = compile_worlds(beijing.model_copy(update={"events": events}), ("no_parade", "parade"))
    last, focal = step_at(worlds.reference.grid, cast.day, 30), np.searchsorted(worlds.reference.grid, cast.day)
    for arm, found in (("parade", dict(shift.having)), ("no_parade", dict(shift.lacking))):
        frozen = in_spans(worlds.arms[arm], np.array([0, focal, last, last + 1]))
        state, memory = at_start(frozen), remembered(frozen, worlds.baseline)
        for step in range(2):
            close_step(frozen, worlds.baseline, state, perceive(frozen, state, step))
        memory.put_into(state, 2)
        columns = state_metrics(
            StateMetrics(frozen, worlds.baseline, state, perceive(frozen, state, 2)), cast, apart=True
        )
        by_steps = {name: of[0] for name, of in columns.items()}
        for name in [name for name in found if name.measure == "effort"]:  # by spans a per cent less
            assert by_steps.pop(name) == pytest.approx(found.pop(name), rel=0.02, abs=1e-7)
        assert by_steps == pytest.approx(found, abs=1e-6)
    assert shift.having != pytest.approx(shift.lacking)


def test_a_placebo_is_below_only_if_it_is_smaller_in_the_direction_expected() -> None:
    compared = PlaceboComparison(-2.0, np.array([-3.0, -2.0, -1.0, 5.0, np.nan]))
    assert (compared.below(-1), compared.below(1)) == (0.5, 0.25)
    assert compared.rank == 4 and compared.verdict == "too few"
    none = PlaceboComparison(np.nan, np.array([1.0, 2.0]))
    assert not len(none.known) and none.as_dict()["placebos"] == 0


def test_shares_of_sign_and_tags_of_the_shipped_file_agree() -> None:
    script = implied_signs()
    for name, (draws, shares, tag) in script.shipped().items():
        if name in script.NOT_TESTED:
            assert (draws, shares, tag) == (0, (), script.NOT_TESTED[name])
        else:
            assert draws >= 200 and len(shares) == 4 and tag == script.tag_of(shares)
            assert all(0 <= share <= 1 for share in shares)
            assert max(sum(shares[:2]), sum(shares[2:])) <= 1 + 1e-9
    assert {name: tag for name, (_, _, tag) in script.shipped().items()} == {one.id: one.tag for one in MECHANISMS}
    assert script.tag_of((1.0, 0.0, 1.0, 0.0)) == "implied"
    assert script.tag_of((1.0, 0.0, 0.0, 1.0)) == script.tag_of((1.0, 0.0, 0.99, 0.0)) == "emergent"


def implied_signs():
    path = SCENARIO.parents[1] / "benchmarks" / "implied_signs.py"
    spec = importlib.util.spec_from_file_location("implied_signs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
def test_the_file_of_signs_is_what_its_command_makes(beijing) -> None:
    script = implied_signs()
    text = script.OUT.read_text(encoding="utf-8")
    assert "python benchmarks/implied_signs.py --draws 200 --seed 1" in text.splitlines()[0]
    rows = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    assert rows == script.table(script.drawn(beijing))


def test_calm_is_that_of_the_hosts_partners_alone(beijing) -> None:
    """A provocation by a state that takes no part goes on in the arms without provocations."""
    arms = {name: beijing.arms[name] for name in ("no_parade", "parade")}
    (act,) = beijing.provocations
    other = act.model_copy(update={"id": "usa_act", "state": "USA", "targets": ("RUS",), "rate": 0.5})
    changes = {"arms": arms, "provocations": (act, other)}
    extra = extra_arms(compile_worlds(beijing.model_copy(update=changes)), "parade")
    assert extra is not None
    rates = {name: world.hazards.rate.tolist() for name, world in extra.worlds.arms.items() if "provoked" in name}
    assert rates["extra.provoked_0"] == rates["extra.provoked_0.reference"] == [0.5]
    assert sorted(rates["extra.provoked_200"]) == [0.5, 2 * act.rate]
    changes["provocations"] = (other,)
    extra = extra_arms(compile_worlds(beijing.model_copy(update=changes)), "parade")
    assert extra is not None and not any("provoked" in name for name in extra.worlds.arms)


def test_with_its_network_frozen_a_network_theory_has_no_loop_gain() -> None:
    network = compile_worlds(load_scenario(SCENARIO, theory="network_only"))
    total, frozen = loop_gains(network, *sampled(network, 4))
    assert frozen == pytest.approx(0.0, abs=1e-9)
    assert np.abs(total).min() > 1e-7


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[] if path.stem == "solomon_2022" else pytest.mark.long)
        for path in SCENARIOS
    ],
)
def test_every_shipped_scenario_has_seventeen_rows_with_a_value_or_a_reason(path: Path) -> None:
    scenario = load_scenario(path).model_copy(update={"plugins": ("article",)})
    rows = run(scenario, runs=4, seed=1).summary()["mechanisms"]
    assert len(rows) == 17
    assert all(row["value"] is not None or row.get("why") or row.get("note") for row in rows.values())

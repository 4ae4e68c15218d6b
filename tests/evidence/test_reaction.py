"""What a record says of a reaction: size and power on invented years, closed forms, and the way from a record's rows
to the printed counts."""

import json
from dataclasses import replace
from datetime import date, timedelta
from math import inf, isnan, log
from pathlib import Path

import balance_sim as bs
import numpy as np
import pytest
from balance_sim.evidence.forecast.reaction import (
    YEARS,
    Dispersion,
    bayes_factor,
    dispersion_of,
    earlier_dispersion,
    like_events,
    like_events_drawn,
    log_predictive,
    reaction_of,
    reaction_ratio,
    smallest_ratio,
)
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.load import with_values
from balance_sim.scenario.schema import Agreement, Calibration
from program import score
from scipy.stats import binom, gamma, nbinom, norm, poisson, t

NONE = Dispersion()
REAL = {"XAR": "CHN", "XBE": "RUS", "XCO": "JPN", "XDO": "KOR", "XEL": "AUS"}
"""States of the smoke experiment, for which no record can have rows, by such as have."""
SHARES = np.array([7.0, 11.0])  # expected, counter-balancing and others


def invented(ratio: float, years: float, level: float = 1.0, trials: int = 2000) -> np.ndarray:
    """(T, 2) Poisson counts of invented years."""
    rng = np.random.default_rng(7)
    return rng.poisson(SHARES * np.array([ratio, 1.0]) * years * level, (trials, 2))


def says_so(counts: np.ndarray, dispersion: Dispersion = NONE) -> float:
    """Share of the records whose interval lies above 1."""
    odds = SHARES[0] / SHARES[1]
    low = [reaction_ratio(int(c), int(o), odds, dispersion).ci95[0] for c, o in counts]
    return float(np.mean(np.array(low) > 1.0))


def test_a_year_without_a_reaction_says_so_rarely_whatever_the_level() -> None:
    """A level that doubles all agreements is no reaction; counts over what was expected would call it one."""
    for years in (1.0, 4.0):
        for level in (1.0, 2.0):
            counts = invented(1.0, years, level)
            odds = SHARES[0] / SHARES[1]
            ends = np.array([reaction_ratio(int(c), int(o), odds, NONE).ci95 for c, o in counts])
            assert np.mean((ends[:, 0] > 1.0) | (ends[:, 1] < 1.0)) <= 0.05
    alone = poisson.sf(invented(1.0, 4.0, 2.0)[:, 0] - 1, 4 * SHARES[0])
    assert np.mean(alone <= 0.025) > 0.9  # the wrong test


def test_a_ratio_of_two_is_found_where_the_formula_says_so() -> None:
    odds, total = SHARES[0] / SHARES[1], 10
    while not smallest_ratio(total, odds, NONE) <= 2.0:
        total += 1
    years = total / (SHARES @ [2.0, 1.0])
    # a record that large on average: half of the years hold less
    assert says_so(invented(2.0, years)) == pytest.approx(0.8, abs=0.03)
    assert says_so(invented(2.0, 1.1 * years)) >= 0.8
    assert says_so(invented(2.0, years / 3)) < 0.5


@pytest.mark.parametrize("total", [12, 40, 200])
def test_the_smallest_ratio_has_the_power_that_it_says(total: int) -> None:
    odds = SHARES[0] / SHARES[1]
    smallest = smallest_ratio(total, odds, NONE)
    counts = np.arange(total + 1)
    shown = [reaction_ratio(int(c), int(total - c), odds, NONE).ci95[0] > 1.0 for c in counts]
    share = smallest * odds / (1 + smallest * odds)
    assert binom.pmf(counts, total, share) @ shown == pytest.approx(0.8, abs=1e-6)


def test_records_that_can_show_nothing() -> None:
    nothing = reaction_ratio(0, 0, 1.0, NONE)
    assert nothing.ci95 == (0.0, inf)
    assert isnan(nothing.value)
    assert isnan(nothing.smallest)
    assert isnan(smallest_ratio(2, 1.0, NONE))  # two of two happen by chance in a quarter of records
    only = reaction_ratio(9, 0, 1.0, NONE)
    assert (only.value, only.ci95[1]) == (inf, inf)
    assert only.ci95[0] == pytest.approx((0.025 ** (1 / 9)) / (1 - 0.025 ** (1 / 9)))


def test_states_years_of_their_own_are_in_the_interval() -> None:
    """Counts whose odds vary from year to year: the plain interval is too narrow, that of earlier years holds."""
    rng, trials, periods, odds = np.random.default_rng(3), 1500, 10, SHARES[0] / SHARES[1]
    spread = np.exp(rng.normal(0.0, 0.5, (trials, periods + 1)))
    counter = rng.poisson(3 * SHARES[0] * spread)
    other = rng.poisson(3 * SHARES[1], (trials, periods + 1))
    holds = {"plain": 0, "dispersed": 0}
    for c, o in zip(counter, other, strict=True):
        told = dispersion_of(c[1:].astype(float), (c + o)[1:].astype(float))
        for name, dispersion in (("plain", NONE), ("dispersed", told)):
            low, high = reaction_ratio(int(c[0]), int(o[0]), odds, dispersion).ci95
            holds[name] += low <= 1.0 <= high
    assert holds["plain"] / trials < 0.88
    assert 0.93 <= holds["dispersed"] / trials <= 0.98


def test_dispersion_of_binomial_counts_is_one_and_too_few_periods_tell_nothing() -> None:
    rng = np.random.default_rng(5)
    total = np.full(4000, 30.0)
    assert dispersion_of(rng.binomial(30, 0.4, 4000).astype(float), total).value == pytest.approx(1.0, abs=0.06)
    assert dispersion_of(np.array([1.0, 9, 1, 9]), np.full(4, 10.0)) == NONE
    assert dispersion_of(np.zeros(8), np.full(8, 10.0)) == NONE
    assert dispersion_of(np.array([2.0, 8, 5, 5, 5, 0]), np.array([10.0] * 5 + [0])).periods == 5


def test_events_that_a_record_needs() -> None:
    """As many as the exact test of the pooled record has 80 % power with."""
    for ratio, other in ((1.03, 11.0), (0.97, 11.0), (1.02, 30.0)):
        total = round(like_events(7.0, ratio, other) * (7.0 * ratio + other))
        share, counts = 7.0 / (7.0 + other), np.arange(total + 1)
        shown = binom.sf(counts - 1, total, share) <= 0.025
        shown |= binom.cdf(counts, total, share) <= 0.025
        with_ratio = 7.0 * ratio / (7.0 * ratio + other)
        assert binom.pmf(counts, total, with_ratio) @ shown == pytest.approx(0.8, abs=0.01)
    level_known = like_events(7.0, 1.01)
    assert level_known == pytest.approx(2.8**2 / (7.0 * log(1.01) ** 2))
    assert like_events(7.0, 1.01, 11.0) / level_known == pytest.approx(18 / 11)
    assert like_events(7.0, 1.01, dispersion=1.5) == pytest.approx(1.5 * level_known)


def test_counts_are_worth_less_the_more_they_vary_and_the_fewer_periods_tell_it() -> None:
    """Students's quantile over the normal one, squared, as an interval's width goes by the root of counts."""
    assert Dispersion(2.0, 6).shrinkage == pytest.approx((norm.ppf(0.975) / t.ppf(0.975, 5)) ** 2 / 2.0, rel=1e-6)
    assert Dispersion(1.0, 6).shrinkage == Dispersion().shrinkage == 1.0


# Arms -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variance", [0.0, 0.2, 1.0])
def test_the_predictive_of_all_counts_sums_to_one(variance: float) -> None:
    expected = np.array([[2.0, 3.0], [1.0, 0.5]])
    grid = np.array([[c, o] for c in range(120) for o in range(120)], dtype=float)
    likelihood = np.exp([log_predictive(counts, expected, variance) for counts in grid])
    assert likelihood.sum(axis=0) == pytest.approx(1.0, abs=1e-6)
    totals = np.bincount(grid.sum(axis=1).astype(int), likelihood[:, 0])[:20]
    if variance:
        size = 1 / variance
        assert totals == pytest.approx(nbinom.pmf(np.arange(20), size, size / (size + 5.0)))
    else:
        assert totals == pytest.approx(poisson.pmf(np.arange(20), 5.0))


def test_the_level_is_common_to_both_counts() -> None:
    counts, expected = np.array([4.0, 6.0]), np.array([[2.0, 3.0]])
    level = gamma(1 / 0.3, scale=0.3).ppf((np.arange(20000) + 0.5) / 20000)
    by_hand = np.mean(poisson.pmf(4, 2.0 * level) * poisson.pmf(6, 3.0 * level))
    assert np.exp(log_predictive(counts, expected, 0.3))[0] == pytest.approx(by_hand, rel=1e-3)


def test_a_filtered_estimate_below_zero_expects_none() -> None:
    expected = np.array([[-0.01, 2.0], [0.0, 2.0], [1.0, -0.3]])
    for variance in (0.0, 0.4):
        found = np.exp(log_predictive(np.array([1.0, 0.0]), expected, variance))
        assert found[0] == found[1] == 0.0 < found[2]


def test_a_bayes_factor_is_a_ratio_of_means_with_its_error() -> None:
    arm, control = np.log([0.2, 0.4, 0.3]), np.log([0.1, 0.1, 0.4])
    factor, error = bayes_factor(arm, control)
    assert factor == pytest.approx(0.9 / 0.6)
    gaps = np.array([0.2, 0.4, 0.3]) / 0.3 - np.array([0.1, 0.1, 0.4]) / 0.2
    assert error == pytest.approx(factor * gaps.std(ddof=1) / 3**0.5)
    assert bayes_factor(control, control) == (1.0, 0.0)
    assert bayes_factor(arm - 2000.0, control - 2000.0)[0] == pytest.approx(factor)


# From rows to what is printed -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("reaction")
    text = (Path(__file__).parents[2] / "experiments/smoke/five_states.yaml").read_text(encoding="utf-8")
    for invented, state in REAL.items():
        text = text.replace(invented, state)
    (base / "five.yaml").write_text(text, encoding="utf-8")
    bs.run(bs.load_scenario(base / "five.yaml"), runs=12, seed=1, out=base / "results", workers=1)
    return base / "results"


def test_the_found_counts_and_each_arm(folder: Path, tmp_path: Path) -> None:
    result = bs.open_result(folder)
    scenario, classes = result.scenario, classes_of(result.scenario)
    codes = scenario.codes
    dyads = [(a, b) for k, a in enumerate(codes) for b in codes[k + 1 :]]
    counter = [dyad for dyad in dyads if classes.direction(*dyad) == "counter"]
    other = [dyad for dyad in dyads if classes.direction(*dyad) != "counter"]
    security = next(name for name, kind in scenario.kinds.items() if kind.security)
    plain = next(name for name, kind in scenario.kinds.items() if not kind.security)
    focal = date(1970, 1, 1) + timedelta(days=result.focal_day)
    first, last = focal + timedelta(days=1), focal + timedelta(days=result.window)
    rows = [
        ("c1", *counter[0], security, first),
        ("c2", *counter[0], security, last),
        ("c3", *counter[-1], security, first),
        ("o1", *other[0], security, last),
        ("on", *counter[0], security, focal),
        ("late", *counter[0], security, last + timedelta(days=1)),
        ("word", *counter[0], plain, first),
        ("legs", *counter[0], security, first),
        ("legs", *other[0], security, first),
        ("out", "ISL", counter[0][0], security, first),
    ]
    assert "ISL" not in codes
    path = tmp_path / "record.csv"
    text = "".join(f"{name},{a},{b},{kind},signed,{day}\n" for name, a, b, kind, day in rows)
    path.write_text(f"id,iso3_a,iso3_b,kind,stage,date\n{text}", encoding="utf-8")
    code, text = score(folder, path, "--reaction", "--json")
    assert code == 0, text
    document = json.loads(text)
    assert document["found"] == {"counter": 3, "other": 1}
    assert document["left_out"] == {"not_security": 1, "outside": 1, "multilateral": 2, "scheduled": 0}
    assert (document["first"], document["last"]) == (str(first), str(last))
    assert document["control"] == result.reference
    levels = result.levels.set_index(["arm", "outcome"])["mean"]
    for arm in result.arms:
        of_arm = document["arms"][arm]
        counts = levels[arm, f"accords_counter_{result.window}"], levels[arm, f"accords_all_{result.window}"]
        assert of_arm["counter"] == pytest.approx(counts[0])
        assert of_arm["other"] == pytest.approx(counts[1] - counts[0])
    control, arm = (document["arms"][name] for name in (result.reference, result.headline_arm))
    assert document["ratio"]["value"] == pytest.approx(3.0 * control["other"] / control["counter"])
    assert control["bayes_factor"] == document["bayes_factors"][result.reference] == 1.0
    assert (document["ci95"], document["detectable"]) == (document["ratio"]["ci95"], document["ratio"]["smallest"])
    assert arm["ratio"] == pytest.approx(arm["counter"] / arm["other"] * control["other"] / control["counter"])
    code, text = score(folder, path, "--reaction")
    assert code == 0
    assert "3 counter-balancing and 1 other" in text


def test_many_counter_balancing_agreements_speak_for_the_arm_that_makes_more(folder: Path, tmp_path: Path) -> None:
    result = bs.open_result(folder)
    classes, codes = classes_of(result.scenario), result.scenario.codes
    a, b = next((a, b) for a in codes for b in codes if a < b and classes.direction(a, b) == "counter")
    security = next(name for name, kind in result.scenario.kinds.items() if kind.security)
    day = date(1970, 1, 1) + timedelta(days=result.focal_day + 1)
    for count, above in ((30, True), (0, False)):
        path = tmp_path / f"{count}.csv"
        rows = "".join(f"x{k},{a},{b},{security},signed,{day}\n" for k in range(count))
        path.write_text(f"id,iso3_a,iso3_b,kind,stage,date\n{rows}", encoding="utf-8")
        document = json.loads(score(folder, path, "--reaction", "--json")[1])
        arms = document["arms"]
        assert arms[result.headline_arm]["counter"] > arms[result.reference]["counter"]
        assert (arms[result.headline_arm]["bayes_factor"] > 1.0) == above


def test_a_level_that_replications_have_drawn_is_not_integrated_over_again(folder: Path, tmp_path: Path) -> None:
    result = bs.open_result(folder)
    security = next(name for name, kind in result.scenario.kinds.items() if kind.security)
    day = date(1970, 1, 1) + timedelta(days=result.focal_day + 1)
    rows = "".join(f"x{k},JPN,KOR,{security},signed,{day}\n" for k in range(30))
    path = tmp_path / "record.csv"
    path.write_text(f"id,iso3_a,iso3_b,kind,stage,date\n{rows}", encoding="utf-8")
    unsure = result.scenario.model_copy(update={"calibration": Calibration(level_variance=0.5)})
    plain, integrated, drawn = (
        reaction_of(replace(result, scenario=scenario, draws=draws), path)["arms"][result.headline_arm]["bayes_factor"]
        for scenario, draws in ((result.scenario, False), (unsure, False), (unsure, True))
    )
    assert drawn == plain
    assert abs(integrated - plain) > 1e-5


def test_events_needed_over_the_posterior_of_beijing() -> None:
    """From the file of draws that the scenario names: level and effect of one arm, the smaller effect the more events."""
    scenario = bs.load_scenario("scenarios/beijing_2025.yaml")
    drawn = like_events_drawn(scenario, "parade")
    assert drawn is not None
    of = scenario.posterior.headline["posterior"]["of"]
    level, low = of["level"]["median"], of["total"]["ci95"][0]
    assert drawn["q025"] == pytest.approx(2.8**2 * level / low**2, rel=2 * low / level)
    assert drawn["q975"] < drawn["median"] < drawn["q025"]
    assert like_events_drawn(scenario, "picture_only") is None
    assert like_events_drawn(with_values(scenario, {"parameters.beta": 0.5}), "parade") is None


def test_what_reaction_does_not_take(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "record.csv"
    path.write_text("iso3_a,iso3_b,kind,stage,date\n", encoding="utf-8")
    for words in ([folder], [path, path], [folder, path, "--kind", "x"], [folder, path, "--freeze", tmp_path / "f"]):
        assert score(*words, "--reaction")[0] in (2, 4)


def test_earlier_periods_are_of_ten_years_and_end_before_the_start(folder: Path) -> None:
    """An eleventh year, the start itself, declarations and legs of several do not enter."""
    scenario = bs.open_result(folder).scenario
    classes, codes, start = classes_of(scenario), scenario.codes, scenario.start
    dyads = [(a, b) for k, a in enumerate(codes) for b in codes[k + 1 :]]
    counter = next(dyad for dyad in dyads if classes.direction(*dyad) == "counter")
    other = next(dyad for dyad in dyads if classes.direction(*dyad) == "other")
    security = next(name for name, kind in scenario.kinds.items() if kind.security)
    plain = next(name for name, kind in scenario.kinds.items() if not kind.security)

    def signed(dyad: tuple[str, str], days: int, kind: str = security, **more: object) -> Agreement:
        day = start - timedelta(days=days)
        return Agreement(id=f"x{days}", a=dyad[0], b=dyad[1], kind=kind, status="in_force", signed=day, **more)

    def told(agreements: list[Agreement]) -> Dispersion:
        return earlier_dispersion(scenario.model_copy(update={"accords": tuple(agreements)}), 365)

    record = [signed(dyad, 365 * year + 30) for year in range(YEARS) for dyad in (counter, other)]
    record += [signed(counter, 40 + k) for k in range(29)]
    by_hand = dispersion_of(np.array([30.0] + [1] * 9), np.array([31.0] + [2] * 9))
    assert told(record) == by_hand
    assert by_hand.value > 1
    strangers = [signed(counter, 365 * YEARS + 1 + k) for k in range(9)]  # the eleventh year
    strangers += [signed(counter, -k) for k in range(9)]  # from the start on
    strangers += [signed(counter, 50, plain), signed(counter, 60, multilateral=True)]
    assert told([*record, *strangers]) == by_hand
    assert told([*record, signed(counter, 1)]) != by_hand
    assert told([*record, signed(counter, 365 * YEARS)]) != by_hand

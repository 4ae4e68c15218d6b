"""What must not enter: the year that is forecast into its calibration and its baselines, an eleventh year into a
baseline of ten, dates fixed later into a world as it stood; and what a calibration's file and words say, followed from
the posterior.

On an invented record of eight states, small enough to calibrate in a second."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import yaml
from balance_sim.evidence.estimation import calibration
from balance_sim.evidence.estimation.calibration import (
    DISCOUNT,
    LEVEL_MEMORY,
    CalibrationPosterior,
    Prior,
    calibrate,
    forecast,
    forecast_from,
    peak_given,
    prior_of,
)
from balance_sim.evidence.estimation.choices import OwnRecord, own_record, scenario_on
from balance_sim.evidence.estimation.lines import calibration_lines
from balance_sim.evidence.estimation.parameter_files import calibration_record
from balance_sim.evidence.forecast.baselines import WINDOW
from balance_sim.evidence.forecast.own_baselines import own_predictors, own_rows
from balance_sim.evidence.forecast.skill_card import skill_card
from balance_sim.evidence.goodness.networks import Span
from balance_sim.evidence.goodness.set_back import known_on, set_back
from balance_sim.evidence.goodness.study import calibrated_before, goodness_of_fit
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.defaults import fitted_distribution
from balance_sim.scenario.schema import Agreement

CODES = ("AUS", "DEU", "FRA", "GBR", "IND", "JPN", "KOR", "USA")
YEARS, EACH = 16, 14
START = date(2020, 1, 1)
KINDS = ("access", "defence_cooperation", "political_declaration")


def text_of(agreements: list[dict[str, object]]) -> str:
    """A scenario of the eight states with these agreements on record."""
    rng = np.random.default_rng(4)
    states = [
        {"id": code, "capability": round(float(share), 3), "latitude": float(10 + 5 * k), "longitude": float(15 * k),
         "democracy": round(float(rng.random()), 2)}
        for k, (code, share) in enumerate(zip(CODES, rng.dirichlet(np.ones(8)), strict=True))
    ]  # fmt: skip
    content = {
        "schema": 1, "title": "eight states", "start": START, "end": START + timedelta(days=400), "focal": "signal",
        "states": states, "accords": agreements,
        "events": [{"id": "signal", "date": START + timedelta(days=9), "kind": "treaty", "principals": ["USA", "JPN"]}],
        "arms": {"without": {"reference": True, "drop": ["signal"]}, "with_it": {}},
        "report": {"windows": [365]},
    }  # fmt: skip
    return yaml.safe_dump(content, sort_keys=False)


def invented(seed: int = 1) -> list[dict[str, object]]:
    """Agreements of dyads at random, the first states the more often; each year as many, but the last, twice."""
    rng, rows = np.random.default_rng(seed), []
    dyads = [*combinations(CODES, 2)]
    weight = np.array([1.0 / (1 + CODES.index(a) + CODES.index(b)) for a, b in dyads])
    for year in range(YEARS):
        for k in range(EACH * (1 + (year == YEARS - 1))):
            a, b = dyads[rng.choice(len(dyads), p=weight / weight.sum())]
            day = date(START.year - YEARS + year, 1, 2) + timedelta(days=int(rng.integers(360)))
            row = {"id": f"a{year}-{k}", "a": a, "b": b, "kind": KINDS[k % 3], "status": "in_force"}
            rows.append(row | {"signed": day, "in_force": day + timedelta(days=5)})
    return rows


@pytest.fixture(scope="module", autouse=True)
def short_search() -> Iterator[None]:
    """Calibrations end sooner than they do for a user: what enters them is asked here, not their last digits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "SETTLED", 1e-2)
        yield


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Scenario:
    path = tmp_path_factory.mktemp("record") / "eight.yaml"
    path.write_text(text_of(invented()), encoding="utf-8")
    return load_scenario(path)


@pytest.fixture(scope="module")
def record(scenario: Scenario) -> OwnRecord:
    return own_record(scenario, YEARS)


@pytest.fixture(scope="module")
def prior(scenario: Scenario) -> Prior:
    return prior_of(scenario, fitted_distribution())


@pytest.fixture(scope="module")
def posterior(record: OwnRecord, prior: Prior) -> CalibrationPosterior:
    return calibrate(record, prior)


def with_other_counts(record: OwnRecord, year: int) -> OwnRecord:
    """The record, in one year of which other dyads signed, and three times as often."""
    rows = record.choices.year == year
    counts = record.counts.copy()
    counts[rows] = 3.0 * counts[rows][::-1] + (np.arange(rows.sum()) % 5 == 0)[:, None]
    signed = np.where(np.isnan(counts), counts, counts > 0)
    return replace(record, counts=counts, choices=replace(record.choices, signed=signed))


# The year that is forecast --------------------------------------------------------------------------------------------


def test_a_forecast_looks_at_the_years_before_it_alone(record: OwnRecord, prior: Prior) -> None:
    origin, window = record.years[-1], 8
    _, p = forecast_from(record, prior, window, origin)
    outside = with_other_counts(with_other_counts(record, origin), origin - 9)
    assert np.array_equal(p, forecast_from(outside, prior, window, origin)[1])
    for year in (origin - 1, origin - 8):
        assert not np.allclose(p, forecast_from(with_other_counts(record, year), prior, window, origin)[1])


@pytest.mark.needs("sklearn")
def test_a_skill_card_expects_the_same_whatever_came(scenario: Scenario, record: OwnRecord, prior: Prior) -> None:
    """Of the model and of every baseline: what came in the year forecast changes scores, and no forecast."""
    origin = record.years[-1]
    cards = [
        skill_card(scenario, some, prior, 8, (origin,))
        for some in (record, with_other_counts(record, origin), with_other_counts(record, origin - 1))
    ]
    expected = [{name: row["expected"] for name, row in card["scores"].items()} for card in cards]
    assert len(expected[0]) == 7
    assert expected[0] == expected[1]
    assert cards[0]["scores"]["model"]["events"] != cards[1]["scores"]["model"]["events"]
    came = record.within(origin, origin).choices.any_signed.sum()
    assert cards[0]["years"][str(origin)]["happened"] == cards[0]["scores"]["model"]["events"] == came
    assert all(expected[0][name] != expected[2][name] for name in ("model", "base_rate", "logit"))
    scores = cards[0]["scores"]
    for name, row in scores.items():
        if name != "model":  # what the model gains is its skill less that of the other
            gain = scores["model"]["log_skill"] - row["log_skill"]
            assert row["model_gains"]["log_skill"]["value"] == pytest.approx(gain)
            assert row["model_gains"]["brier_skill"]["value"] == pytest.approx(
                scores["model"]["brier_skill"] - row["brier_skill"]
            )
            assert gain != 0.0


@pytest.mark.needs("sklearn")
def test_an_eleventh_year_is_in_no_baseline_of_ten(scenario: Scenario, record: OwnRecord) -> None:
    """Outcomes of the eleventh year back are exchanged, then those of the tenth."""
    last = record.years[-1]

    def forecasts(some: OwnRecord) -> dict[str, np.ndarray]:
        rows = own_rows(scenario, record)
        rows = replace(rows, y=some.choices.any_signed)
        predictors, missing = own_predictors(rows)
        assert missing == ()
        return {name: predict(rows.within(last, last)) for name, predict in predictors.items()}

    plain = forecasts(record)
    eleventh, tenth = (forecasts(with_other_counts(record, last - WINDOW + k)) for k in (0, 1))
    for name, p in plain.items():
        assert np.array_equal(p, eleventh[name]), name
    assert [name for name, p in plain.items() if not np.array_equal(p, tenth[name])] == [*plain]


def test_out_of_sample_nothing_of_the_span_is_calibrated_on(tmp_path: Path, posterior: CalibrationPosterior) -> None:
    """Agreements from the first day on are others: the same calibration, and another fit of the networks."""
    day = date(START.year - 3, 1, 1)
    rows, found = invented(), []
    for k, agreements in enumerate((rows, [row for row in rows if row["signed"] < day] + [
        row for row in invented(2) if row["signed"] >= day
    ])):  # fmt: skip
        path = tmp_path / f"eight_{k}.yaml"
        path.write_text(text_of(agreements), encoding="utf-8")
        found.append(calibrated_before(path, day))
    one, other = found
    assert one.agreements != other.agreements
    assert one.states == other.states
    assert one.kinds == other.kinds
    assert one.theory == other.theory
    assert one.calibration.level_variance == other.calibration.level_variance
    assert {state.propensity for state in one.states} != {0.0}
    assert one.calibration.level_variance != pytest.approx(posterior.level_variance, rel=0.01)  # of the whole record
    fit = goodness_of_fit(one, runs=2, span=Span(day, START), ahead=True)
    assert fit["about"]["ahead"] is True
    assert sum("out of sample" in note for note in fit["notes"]) == 1
    assert not any("in sample:" in note or "is calibrated on" in note for note in fit["notes"])
    expected = EACH * 4
    assert fit["agreements"] == expected


# A world as it stood --------------------------------------------------------------------------------------------------


def dated(**dates: object) -> Agreement:
    return Agreement(id="x", a="JPN", b="USA", kind="access", **{"status": "in_force", **dates})


@pytest.mark.parametrize(
    "agreement",
    [
        dated(status="signed", signed=date(2017, 1, 1), scheduled_in_force=date(2020, 6, 1)),
        dated(status="talks", opened=date(2017, 1, 1), scheduled_signed=date(2020, 3, 1)),
        dated(signed=date(2017, 1, 1), in_force=date(2017, 2, 1), ended=date(2019, 9, 1), status="ended"),
        dated(signed=date(2019, 1, 1), in_force=date(2019, 6, 1), opened=date(2017, 6, 1)),
    ],
)
def test_no_date_from_the_day_on_is_known_on_it(scenario: Scenario, agreement: Agreement) -> None:
    """Neither where a scenario is set back, nor in a year of its record."""
    day = date(2018, 1, 1)
    changed = scenario.model_copy(update={"accords": (agreement,)})
    worlds = [set_back(changed, Span(day, START)).agreements, scenario_on(changed, day).agreements]
    worlds.append(tuple(filter(None, [known_on(agreement, day)])))
    names = ("opened", "signed", "in_force", "ended", "scheduled_signed", "scheduled_in_force")
    for known in worlds:
        dates = [getattr(row, name) for row in known for name in names]
        assert all(when is None or when < day for when in dates), dates
    assert worlds[0]


def test_later_events_and_provocations_are_in_no_world_set_back(scenario: Scenario) -> None:
    """Events that the control arm has too: of 2017 known, of 2018 in the span, of 2019 after it."""
    day, stop = date(2018, 1, 1), date(2019, 1, 1)
    signal = scenario.events[0]
    dates = {"early": date(2017, 5, 1), "inside": date(2018, 5, 1), "late": stop}
    events = tuple(signal.model_copy(update={"id": name, "date": when}) for name, when in dates.items())
    busy = scenario.model_copy(update={"events": (*events, signal)})
    back = {event.id for event in set_back(busy, Span(day, stop)).events}
    then = {event.id for event in scenario_on(busy, day).events}
    assert back & {*dates, "signal"} == {"early", "inside"}
    assert then & {*dates, "signal"} == {"early"}
    assert scenario_on(load_scenario("scenarios/beijing_2025.yaml"), day).provocations == ()


def test_the_signature_that_an_agreement_tells_of_is_no_event_beside_it(scenario: Scenario) -> None:
    signal = scenario.events[0]
    dates = {"seen": None, "signing": "a3-1"}
    events = tuple(
        signal.model_copy(update={"id": name, "date": date(2017, 5, 1), "accord": accord})
        for name, accord in dates.items()
    )
    then = scenario_on(scenario.model_copy(update={"events": (*events, signal)}), date(2018, 1, 1))
    assert {event.id for event in then.events} & {*dates} == {"seen"}


@pytest.mark.parametrize(
    ("precision", "middle"), [("day", (2018, 1, 1)), ("month", (2018, 1, 16)), ("year", (2018, 7, 2))]
)
def test_a_date_known_to_the_month_or_the_year_is_its_middle(
    scenario: Scenario, precision: str, middle: tuple[int, int, int]
) -> None:
    agreement = dated(signed=date(2018, 1, 1), precision=precision)
    changed = scenario.model_copy(update={"accords": (agreement,)})
    for days, count in ((0, 0), (1, 1)):
        day = date(*middle) + timedelta(days=days)
        assert len(scenario_on(changed, day).agreements) == count


def test_what_was_signed_after_the_last_year_is_in_no_year(scenario: Scenario) -> None:
    """Of a record that ends three years before the start."""
    record = own_record(scenario, 5, until=date(START.year - 3, 1, 1))
    assert record.years == tuple(range(START.year - 8, START.year - 3))
    by_year = [record.counts[record.choices.year == year].sum() for year in record.years]
    assert by_year == [EACH] * 5


def test_legs_of_treaties_are_no_choices_of_two_states(scenario: Scenario) -> None:
    legs = tuple(row.model_copy(update={"multilateral": True}) for row in scenario.agreements[::2])
    mixed = scenario.model_copy(update={"accords": (*legs, *scenario.agreements[1::2])})
    assert own_record(mixed, YEARS).counts.sum() == len(scenario.agreements[1::2])
    assert own_record(scenario, YEARS).counts.sum() == len(scenario.agreements)


# From the posterior to the file, the scenario and the words -----------------------------------------------------------


def test_the_level_now_is_the_mean_that_remembers(posterior: CalibrationPosterior) -> None:
    """Weighted by what each year expects, and by memory: the last year, of twice the agreements, counts most."""
    yearly = np.full(YEARS, float(EACH))
    yearly[-1] *= 2
    level = np.array([*posterior.level.values()])
    weight = LEVEL_MEMORY ** (YEARS - 1.0 - np.arange(YEARS))
    assert weight @ yearly == pytest.approx(weight @ (yearly / level))
    assert level[-1] > 1.0 > level[0]
    assert [*posterior.level] == sorted(posterior.level)


def test_a_weight_that_the_record_does_not_tell_is_as_wide_as_its_prior(
    record: OwnRecord, prior: Prior, posterior: CalibrationPosterior
) -> None:
    """A term without spread: about the fit's mean, with the fit's variance times the discount."""
    name = next(name for name in posterior.names if name in prior.free)
    alone = replace(prior, covariance=np.diag(np.diag(prior.covariance)))
    terms = record.choices.terms | {name: np.zeros_like(record.choices.terms[name])}
    silent = replace(record, choices=replace(record.choices, terms=terms))
    found, place = peak_given(silent, alone, posterior), posterior.names.index(name)
    variance = DISCOUNT * prior.covariance[(prior.free.index(name),) * 2]
    assert found.values[place] == pytest.approx(prior.weights[name], abs=1e-3 * variance**0.5)
    assert found.covariance[place, place] == pytest.approx(variance, rel=1e-6)
    assert DISCOUNT > 1.0


def test_a_calibrated_scenario_has_the_posteriors_intercepts(
    scenario: Scenario, record: OwnRecord, prior: Prior, posterior: CalibrationPosterior, tmp_path: Path
) -> None:
    """A state's intercept for declarations is the one for security agreements and what is added to it."""
    path = tmp_path / "eight.yaml"
    path.write_text(text_of(invented()), encoding="utf-8")
    content = calibration_record(scenario, record, posterior, prior, YEARS, {"command": "c", "version": "0"})
    calibrated = load_scenario(path, calibrated=content)
    declarations = next(k for k, kinds in enumerate(posterior.classes) if "political_declaration" in kinds)
    security = 1 - declarations
    for state in calibrated.states:
        place = posterior.states.index(state.id)
        assert state.propensity == pytest.approx(posterior.propensity[security, place], rel=1e-5)
        both = (state.propensity or 0.0) + (state.propensity_declarations or 0.0)
        assert both == pytest.approx(posterior.propensity[declarations, place], rel=1e-4, abs=1e-5)
    for kind in KINDS:
        assert calibrated.kinds[kind].intercept == pytest.approx(posterior.intercepts[kind], rel=1e-5)
    errors = dict(zip(posterior.names, np.sqrt(np.diag(posterior.covariance)), strict=True))
    written = content["intercepts"]
    assert written["access"]["standard_error"] == pytest.approx(errors["intercept.access"], rel=1e-5)
    assert calibrated.calibration.level_variance == pytest.approx(posterior.level_variance, rel=1e-5)


def test_a_forecast_is_of_a_level_that_nobody_knows(record: OwnRecord, posterior: CalibrationPosterior) -> None:
    """1 - (1 + v r)^(-1 / v) of a rate r at variance v; 1 - exp(-r) at a level that is known."""
    ahead = record.within(record.years[-1], record.years[-1]).choices
    known, unknown = (forecast(replace(posterior, level_variance=variance), ahead) for variance in (0.0, 0.5))
    assert unknown == pytest.approx(1.0 - (1.0 - 0.5 * np.log1p(-known)) ** -2.0, rel=0.02)
    assert (unknown < known).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_hostility_that_the_record_puts_below_zero_keeps_its_fitted_weight(
    record: OwnRecord, prior: Prior, sign: float
) -> None:
    """Two states in a class sign the more, the less hostile they are, or the more; the term is minus hostility."""
    rng = np.random.default_rng(5)
    warm = rng.normal(size=len(record.choices.year))
    counts = np.zeros_like(record.counts)
    counts[:, 0] = rng.poisson(0.4 * np.exp(warm))
    terms = {"hostility": sign * np.column_stack([warm, warm])}
    choices = replace(record.choices, terms=terms, signed=(counts > 0).astype(float))
    own = replace(record, counts=counts, choices=choices)
    prior = replace(prior, weights={"hostility": 1.2}, free=("hostility",), covariance=np.array([[0.01]]))
    found = calibrate(own, prior)
    assert ("hostility" in found.names) == (sign > 0)
    assert found.weights["hostility"] == pytest.approx(1.2, abs=1e-3) or sign > 0


def test_who_is_named_as_most_ready_to_sign_is(posterior: CalibrationPosterior) -> None:
    """Names and numbers of the printed lines, by class: the largest intercepts, then the smallest."""
    names = {code: f"State {code}" for code in CODES}
    text = " ".join(" ".join(calibration_lines(posterior, names, START)).split())
    said = re.findall(
        r"(security agreements|declarations), most readily: (.*?); least: (.*?)(?= declarations,|$)", text
    )
    assert [title for title, *_ in said] == ["security agreements", "declarations"]
    for k, (_, *ends) in enumerate(said):
        order = np.argsort(-posterior.propensity[k])
        for words, places in zip(ends, (order[:3], order[-3:]), strict=True):
            rows = re.findall(r"State (\w+) ([+-][0-9.]+) \(([0-9.]+)\)", words)
            errors = np.sqrt(posterior.propensity_covariance[k, k])
            expected = [(posterior.states[i], f"{posterior.propensity[k, i]:+.2f}", f"{errors[i]:.2f}") for i in places]
            assert rows == expected

"""A scenario set back, and tests that hold their size on the model's own data."""

import json
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from balance_sim.cli import main
from balance_sim.effects.run import run
from balance_sim.evidence.goodness.networks import Span, facts_of, known_within, newly_signed, recorded, vectors_of
from balance_sim.evidence.goodness.set_back import FOCAL, known_on, own_span, set_back
from balance_sim.evidence.goodness.statistics import lies_among
from balance_sim.evidence.goodness.study import goodness_of_fit
from balance_sim.scenario import Scenario, load_scenario
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Agreement, Dispute
from click.testing import CliRunner

BEIJING = Path(__file__).parents[2] / "scenarios" / "beijing_2025.yaml"
DAY = date(2022, 1, 1)
TOY = """
schema: 1
title: six states
start: 2004-01-01
end: 2005-01-01
step_days: 14
focal: signal
states:
  - {id: DEU, capability: 0.3, latitude: 52, longitude: 13, democracy: 0.9}
  - {id: ITA, capability: 0.2, latitude: 42, longitude: 12, democracy: 0.8}
  - {id: FRA, capability: 0.2, latitude: 49, longitude: 2, democracy: 0.9}
  - {id: POL, capability: 0.1, latitude: 52, longitude: 21, democracy: 0.6}
  - {id: RUS, capability: 0.15, latitude: 55, longitude: 37, democracy: 0.2}
  - {id: TUR, capability: 0.05, latitude: 40, longitude: 33, democracy: 0.4}
disputes: [{a: POL, b: RUS, rivalry: 1}]
accords:
  - {id: old, a: DEU, b: FRA, kind: access, status: in_force, signed: 1999-01-01, in_force: 1999-06-01}
  - {id: one, a: DEU, b: POL, kind: access, status: in_force, signed: 2002-05-01, in_force: 2002-05-01}
  - {id: two, a: ITA, b: TUR, kind: access, status: signed, signed: 2003-02-01}
  - {id: all, a: ITA, b: FRA, kind: access, status: in_force, signed: 2003-03-01, multilateral: true}
events: [{id: signal, date: 2004-04-10, kind: treaty, principals: [DEU, ITA]}]
arms: {no_signal: {reference: true, drop: [signal]}, signal: {}}
report: {windows: [30]}
"""


def agreement(**dates: object) -> Agreement:
    return Agreement(id="x", a="DEU", b="FRA", kind="access", **{"status": "in_force", **dates})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("dates", "status"),
    [
        ({"signed": date(2021, 1, 1), "in_force": date(2021, 2, 1)}, "in_force"),
        ({"signed": date(2021, 1, 1), "in_force": DAY}, "signed"),
        ({"signed": date(2021, 1, 1), "status": "signed"}, "signed"),
        ({"signed": date(2021, 1, 1), "status": "in_force"}, "in_force"),
        ({"signed": date(2021, 1, 1), "status": "ended", "ended": date(2021, 6, 1)}, "ended"),
        ({"signed": date(2021, 1, 1), "in_force": date(2021, 1, 1), "status": "ended", "ended": DAY}, "in_force"),
        ({"signed": DAY}, None),
        ({"signed": date(2023, 1, 1), "opened": date(2021, 1, 1)}, "talks"),
        ({"signed": date(2023, 1, 1), "opened": date(2022, 6, 1)}, None),
        ({"opened": date(2021, 1, 1), "status": "talks"}, "talks"),
        ({"opened": date(2022, 1, 1), "status": "talks"}, None),
        ({"status": "talks"}, None),
    ],
)
def test_what_was_known_on_a_day(dates: dict[str, object], status: str | None) -> None:
    known = known_on(agreement(**dates), DAY)
    assert (None if known is None else known.status) == status
    if known is not None:
        later = [getattr(known, name) for name in ("signed", "in_force", "ended")]
        assert all(day is None or day < DAY for day in later)


def test_beijing_set_back_to_2022() -> None:
    scenario = load_scenario(BEIJING)
    span = own_span(scenario)
    past = set_back(scenario, span)
    assert (span.first, span.stop) == (date(2022, 1, 1), date(2025, 9, 1))
    assert len(known_within(recorded(scenario), span)) == 112
    known = {one.id for one in past.agreements}
    before = [one for one in scenario.agreements if one.signed and one.signed < span.first]
    assert known == {one.id for one in before}
    happened = {one.id for one in past.events} - {FOCAL}
    assert happened == {one.id for one in scenario.events if one.date < span.stop}
    assert "parade" not in happened


def test_an_agreement_of_the_record_can_change_nothing_before_it_is_signed() -> None:
    """Nothing of the record after the first day reaches the world that is simulated."""
    scenario = load_scenario(BEIJING)
    span = own_span(scenario)
    cut = [one for one in scenario.agreements if one.signed and one.signed < span.first]
    blind = scenario.model_copy(update={"accords": tuple(cut)}).counted_as(None)
    made = [run(set_back(one, span), runs=2, seed=3).agreements for one in (scenario, blind)]
    assert made[0].equals(made[1])


# A toy ----------------------------------------------------------------------------------------------------------------

RATE, MEAN = 3.0, 90.0


def toy(tmp_path: Path, level: float = 1.0) -> Scenario:
    """One kind of any moment, whose talks are exponential, and nobody minds who the other is: consent is sigma^2."""
    path = tmp_path / "toy.yaml"
    path.write_text(TOY, encoding="utf-8")
    return constant(load_scenario(path), level)


def constant(scenario: Scenario, level: float) -> Scenario:
    kinds = {
        name: kind.model_copy(
            update={
                "ceiling": level * RATE if name == "access" else 1e-9,
                "intercept": 0.0,
                "talks_days": MEAN,
                "talks_shape": 1.0,
                "at_once": 1.0,
            }
        )
        for name, kind in scenario.kinds.items()
    }
    parameters = scenario.parameters.model_copy(update={"collapse_rate": 0.0})
    weights = dict.fromkeys(scenario.theory.weights, 0.0)
    theory = scenario.theory.model_copy(update={"weights": weights})
    return scenario.model_copy(update={"kinds": kinds, "parameters": parameters, "theory": theory}).counted_as(None)


def test_a_record_has_lags_of_days_that_are_known_and_disputes_of_any_sort(tmp_path: Path) -> None:
    """A month is written as its first day: no lag. Who has signed and is not in force waits for ever. A claim, force and a
    war are disputes as a rivalry is; a leg of a treaty is no agreement of two."""
    scenario = toy(tmp_path)
    parts = ("rivalry", "claim", "militarised", "war")
    codes = scenario.codes
    disputes = tuple(Dispute(a=codes[0], b=codes[k + 1], **{part: 0.5}) for k, part in enumerate(parts))
    month = scenario.agreements[1].model_copy(update={"id": "month", "precision": "month"})
    changed = scenario.model_copy(update={"accords": (*scenario.agreements, month), "disputes": disputes})
    record, facts = recorded(changed), facts_of(changed)
    assert record["force"].tolist()[:3] == [151.0, 0.0, np.inf]
    assert np.isnan(record["force"][3]) and len(record) == 4
    assert facts.hostile[0].tolist() == [False, True, True, True, True, False]
    assert (facts.hostile == facts.hostile.T).all()


def test_new_is_what_is_neither_signed_nor_fixed_at_the_start() -> None:
    origins = ["new", "assumed", "talks", "signed", "scheduled", "in_force", "accession", "new"]
    days = pd.to_datetime(["2004-05-01"] * 7 + [None])
    frame = pd.DataFrame({"run": range(8), "a": "POL", "b": "RUS", "kind": "access", "origin": origins, "signed": days})
    frame[["opened", "in_force"]] = pd.NaT
    assert newly_signed(frame, ("POL", "RUS"))["run"].tolist() == [0, 1, 2]


# Size -----------------------------------------------------------------------------------------------------------------


def sizes(vectors: dict[str, tuple[list[str], np.ndarray]], runs: int, p: str = "p") -> dict[str, float]:
    """Group -> share of the histories that are rejected at 0.05, each against `runs` others. p: which of the two."""
    rng = np.random.default_rng(0)
    out: dict[str, float] = {}
    for name, (_, values) in vectors.items():
        known = values[:, np.isfinite(values).all(axis=0)]
        if not known.shape[1]:
            continue
        hits = []
        for k in range(len(known)):
            others = rng.choice(len(known) - 1, runs, replace=False)
            others[others >= k] += 1
            hits.append(getattr(lies_among(known[k], known[others]), p) <= 0.05)
        out[name] = float(np.mean(hits))
    return out


@cache
def toy_vectors(text: str, replications: int) -> dict[str, tuple[list[str], np.ndarray]]:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        scenario = toy(Path(folder), 2.0)
    span = Span(date(2001, 1, 1), date(2004, 1, 1))
    past = set_back(scenario, span)
    made = newly_signed(run(past, runs=replications, seed=1).agreements, past.codes)
    return vectors_of(facts_of(past), span, made, replications, ["access"])


@pytest.mark.slow
def test_size_on_a_toys_own_data() -> None:
    """No group rejects its own model more often than 0.05 allows; those with many values reject as often."""
    found = sizes(toy_vectors(TOY, 300), 99)
    error = np.sqrt(0.05 * 0.95 / 300)
    assert max(found.values()) <= 0.05 + 3 * error
    for name in ("distance", "states", "years"):
        assert found[name] >= 0.05 - 3 * error


@pytest.mark.slow
def test_a_record_of_the_toys_own_is_compared(tmp_path: Path) -> None:
    scenario = toy(tmp_path)
    found = goodness_of_fit(scenario, runs=20, span=Span(date(2001, 1, 1), date(2004, 1, 1)))
    assert found["agreements"] == 2  # the leg of a multilateral treaty is none
    assert np.isinf(recorded(scenario)["force"]).tolist() == [False, False, True]  # `two` is signed and not in force
    assert found.group("years")["p"] <= 0.05  # ten times as many are simulated
    assert not any("in sample" in note for note in found["notes"])
    with pytest.raises(WrongRequest, match="0 agreements are on record"):
        goodness_of_fit(scenario, runs=20, span=Span(date(2000, 1, 1), date(2001, 1, 1)))


@pytest.mark.long
def test_size_on_beijings_own_data() -> None:
    """1,000 replications of 2022-2025, each as the record against 128 others: 0.05 +- 0.01 over all groups."""
    scenario = load_scenario(BEIJING)
    span = own_span(scenario)
    past = set_back(scenario, span)
    made = newly_signed(run(past, runs=1000, seed=11).agreements, past.codes)
    vectors = vectors_of(facts_of(scenario), span, made, 1000, sorted(scenario.kinds))
    found = sizes(vectors, 128)
    for shares in (found, sizes(vectors, 128, "p_published")):
        print({name: round(value, 3) for name, value in shares.items()})
    assert np.mean(list(found.values())) == pytest.approx(0.05, abs=0.01)
    for name, value in found.items():
        assert value <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1000), name
        assert value >= 0.03, name
    kinds, runs = sorted(scenario.kinds), np.arange(50)
    turned = np.roll(np.arange(50), 1)
    permuted, twice = made[made["run"] < 50], made[made["run"] < 100]
    permuted = permuted.assign(a=turned[permuted["a"]], b=turned[permuted["b"]])  # each state in the next one's place
    twice = twice.assign(run=twice["run"] // 2)  # two replications in one: a rate twice as high
    for wrong, groups in ((permuted, ("states", "distance")), (twice, ("years", "kinds", "degree", "triads"))):
        unlike = vectors_of(facts_of(scenario), span, wrong, 50, kinds)
        for name in groups:
            hits = [lies_among(unlike[name][1][k], vectors[name][1][200:328]).p <= 0.05 for k in runs]
            print(name, np.mean(hits))
            assert np.mean(hits) > 0.5, name


def test_the_command_writes_a_document_and_a_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scenario.yaml").write_text(TOY, encoding="utf-8")
    words = ["evidence", "gof", "scenario.yaml", "--runs", "6", "--out"]
    found = CliRunner().invoke(main, [*words, "fit"])
    assert found.exit_code == 0, found.stderr
    assert max(map(len, found.stdout.splitlines())) <= 80
    assert {path.name for path in Path("fit/figures").iterdir()} == {"gof.png", "gof.svg"}
    assert "2001-01-01 to 2003-12-31" in found.stdout
    assert CliRunner().invoke(main, [*words, "again", "--no-figures"]).exit_code == 0
    one, other = (json.loads(Path(name, "gof.json").read_text(encoding="utf-8")) for name in ("fit", "again"))
    assert {**one, "about": 0} == {**other, "about": 0}

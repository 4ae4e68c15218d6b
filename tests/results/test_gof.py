"""Statistics of agreements, worked out by hand on four states; what a comparison says of right and wrong models."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.goodness.networks import (
    GoodnessOfFit,
    Span,
    StateFacts,
    compare,
    compare_group,
    from_table,
    known_within,
    statistics_of,
    vectors_of,
)

CODES = ("AUS", "BEL", "CHN", "DEU")
KM = np.array([[0, 100, 200, 300], [100, 0, 400, 500], [200, 400, 0, 600], [300, 500, 600, 0]], dtype=float)
HOSTILE = np.zeros((4, 4), dtype=bool)
HOSTILE[0, 2] = HOSTILE[2, 0] = True
GROUND = StateFacts(CODES, KM, np.array([0.9, 0.6, 0.1, np.nan]), HOSTILE)
SPAN = Span(date(2020, 3, 1), date(2022, 1, 1))
TABLE = [
    # a, b, kind, signed, opened, in force
    ("AUS", "BEL", "pact", "2020-03-01", "2020-01-01", "2020-03-01"),
    ("BEL", "AUS", "pact", "2021-12-31", None, "2022-01-05"),  # in force after the span: not known yet
    ("CHN", "AUS", "access", "2021-06-01", "2021-05-02", "2021-06-11"),
    ("BEL", "CHN", "access", "2021-07-01", None, "2021-07-31"),
    ("AUS", "DEU", "access", "2020-02-29", None, None),  # the day before the span
    ("AUS", "DEU", "access", "2022-01-01", None, None),  # the day after it
]


def table(rows: list[tuple[str | None, ...]] = TABLE, run: int = 0) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["a", "b", "kind", "signed", "opened", "in_force"]).assign(run=run)
    return from_table(frame, CODES)


def test_statistics_by_hand() -> None:
    made = known_within(table(), SPAN)
    found = statistics_of(GROUND, made, ["access", "pact"], SPAN.calendar)
    assert len(made) == 4
    assert found["isolates"] == {"states without": 1}  # Germany
    assert found["degree"]["at most 1"] == 1
    assert found["degree"]["at most 2"] == 4  # the other three are a triangle
    assert found["geodesics"]["1"] == 3
    assert found["geodesics"]["not connected"] == 3
    assert found["shared_partners"] == {"0": 3, "1": 3, "2": 0, "3": 0, "4": 0, "5 or more": 0}
    assert found["triads"] == {"no tie": 0, "1 tie": 3, "2 ties": 0, "3 ties": 1}
    assert found["transitivity"]["transitivity"] == 1
    assert found["repeats"]["share"] == 0.25
    # distances of the four agreements: 100, 100, 200, 400
    assert found["distance"] == {"lower quartile, km": 100, "median, km": 150, "upper quartile, km": 250}
    assert found["regimes"] == {"two democracies": 0.5, "one democracy": 0.5, "no democracy": 0}
    assert found["hostile"]["share"] == 0.25
    assert found["kinds"] == {"access": 2, "pact": 2}
    assert found["years"] == {"2020": 1, "2021": 3}
    # talks of 60 and 30 days; one of three that are known in force at once, the others after 10 and 30 days
    assert found["lags"]["talks to signature, days"] == 45
    assert found["lags"]["in force the same day"] == pytest.approx(1 / 3)
    assert found["lags"]["signature to force, days"] == 20
    assert found["states"] == {"AUS": 3, "BEL": 3, "CHN": 2, "DEU": 0}


def test_what_is_not_known_is_not_counted() -> None:
    made = known_within(table([("AUS", "DEU", "pact", "2021-01-01", None, None)]), SPAN)
    found = statistics_of(GROUND, made, ["pact"], SPAN.calendar)
    assert np.isnan(found["regimes"]["two democracies"])  # Germany has no score
    assert np.isnan(found["lags"]["in force the same day"])


def drawn(runs: int, seed: int, rate: float = 8.0, weight: tuple[float, ...] = (6, 3, 2, 1)) -> pd.DataFrame:
    """Poisson numbers of agreements; states are met by their weight."""
    rng = np.random.default_rng(seed)
    count = rng.poisson(rate, runs)
    run, total = np.repeat(np.arange(runs), count), int(count.sum())
    pairs = np.array([(i, j) for i in range(4) for j in range(i + 1, 4)])
    odds = np.array([weight[i] * weight[j] for i, j in pairs], dtype=float)
    ends = pairs[rng.choice(6, total, p=odds / odds.sum())]
    day = SPAN.first.toordinal() + rng.integers(0, (SPAN.stop - SPAN.first).days, total)
    columns = {"run": run, "a": ends[:, 0], "b": ends[:, 1], "kind": "pact", "signed": day}
    return pd.DataFrame(columns | {"talks": np.nan, "force": np.nan})


def compared(observed: pd.DataFrame, simulated: pd.DataFrame, runs: int) -> GoodnessOfFit:
    return GoodnessOfFit(compare(GROUND, SPAN, observed, simulated, runs) | {"about": {}, "notes": []})


def rejected(group: str, trials: int = 16, **other: object) -> float:
    """Share of observed histories of another model that the group rejects at 0.05, against 40 of the model."""
    names, simulated = vectors_of(GROUND, SPAN, drawn(40, 1), 40, ["pact"])[group]
    _, observed = vectors_of(GROUND, SPAN, drawn(trials, 2, **other), trials, ["pact"])[group]  # type: ignore[arg-type]
    fits = [compare_group(group, names, np.vstack([vector, simulated]))[1] for vector in observed]
    return float(np.mean([fit is not None and fit.p <= 0.05 for fit in fits]))


def test_a_rate_twice_as_high_is_rejected() -> None:
    assert rejected("years") <= 0.1
    assert rejected("years", rate=16.0) > 0.5


def test_states_in_each_others_place_are_rejected() -> None:
    assert rejected("states") <= 0.1
    assert rejected("states", weight=(1, 2, 3, 6)) > 0.5
    # a network whose states have changed names is the same network
    assert rejected("triads", weight=(1, 2, 3, 6)) <= 0.1


def test_all_groups_together() -> None:
    simulated = drawn(99, 3)
    found = compare(GROUND, SPAN, drawn(1, 4, rate=30.0), simulated, 99)
    assert found["p"] == 0.5 / 100
    observed = drawn(6, 5)
    alone = [compare(GROUND, SPAN, observed[observed["run"] == k], simulated, 99)["p"] for k in range(6)]
    assert 0.25 < np.mean(alone) < 0.75


def test_replications_that_sign_nothing_count() -> None:
    simulated = drawn(20, 6, rate=1.0)
    found = compared(table(), simulated, 20)
    of = {int(run) for run in simulated["run"]}
    years = np.array(found.group("years")["simulated"]).T
    assert len(of) < 20
    assert (years.sum(axis=1) == 0).sum() == 20 - len(of)


def test_outside_of_its_band_is_below_or_above_it() -> None:
    """Of 100 histories with 0 to 99 the band is 4.95 to 94.05; each statistic by its own column, the record first."""
    column = np.arange(100.0)
    values = np.vstack([[2.0, 50.0, 97.0, 4.95], np.column_stack([column] * 4)])
    group, fit = compare_group("kinds", ["low", "middle", "high", "edge"], values)
    rows = {row["name"]: row for row in group["statistics"]}
    assert [rows[name]["outside"] for name in ("low", "middle", "high", "edge")] == [True, False, True, False]
    assert (rows["low"]["q05"], rows["low"]["q95"]) == pytest.approx((4.95, 94.05))
    assert rows["low"]["mean"] == pytest.approx(49.5)
    assert rows["high"]["observed"] == 97.0
    assert fit is not None
    assert group["p"] == fit.p

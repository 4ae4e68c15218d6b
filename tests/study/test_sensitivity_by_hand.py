"""From a sweep's runs to the table of indices: every number worked out again from the points' own values, so that a
name, a sign or an arm that is exchanged on the way shows."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from balance_sim.cli.sensitivity import sensitivity_lines
from balance_sim.effects.compare import compare
from balance_sim.effects.sensitivity import Sensitivity, sensitivity
from balance_sim.scenario.experiment import load_experiment
from balance_sim.stats.indices import sobol_indices, variance_split
from balance_sim.study.sweep import sweep
from balance_sim.study.sweep_result import SweepResult
from extras import imported

imported("SALib")
OUTCOME, COUNT = "insecurity_threatened_300", "accords_all_300"
VISIBILITY, BETA = "events.summit.visibility", "parameters.beta"
SAMPLES = 4


def sampled(lab, method: str) -> SweepResult:
    lab.edit("[0, 0.5, 1]", "{min: 0, max: 1}")
    lab.edit("[0.2, 0.4]", "{min: 0.1, max: 0.5}")
    lab.edit("arms:", f"design: {{method: {method}, samples: {SAMPLES}}}\narms:")
    lab.edit("outcomes: [accords_all_300]", f"outcomes: [{OUTCOME}, {COUNT}]")
    lab.edit("runs: 24", "runs: 4")
    return sweep(load_experiment(lab.path), out=lab.folder / "out")


def by_point(result: SweepResult, column: str, arm: str) -> dict[str, np.ndarray]:
    """By the points' places in the design, (R,) an outcome of an arm."""
    values = {}
    for number in result.table.numbers():
        frame = pd.concat(table.to_pandas() for table in result.point(number).outcome_tables([column]))
        rows = frame[frame["arm"] == arm].sort_values("run")
        values[result.table.points[number].part] = rows[column].to_numpy()
    return values


def effects(result: SweepResult, column: str) -> dict[str, np.ndarray]:
    having, control = (by_point(result, column, arm) for arm in ("summit", "no_summit"))
    return {part: having[part] - control[part] for part in having}


def row_of(frame: pd.DataFrame, **wanted: str) -> pd.Series:
    for name, value in wanted.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def test_sobol_indices_of_a_sweep_are_those_of_its_points(lab) -> None:
    result = sampled(lab, "sobol")
    found = sensitivity(result, boots=20)
    y = effects(result, OUTCOME)
    assert max(abs(values).max() for values in y.values()) > 0
    fronts = ("A", "B", "AB0.", "AB1.")
    a, b, *ab = (np.array([y[f"{front}{row}"] for row in range(SAMPLES)]) for front in fronts)
    estimates = sobol_indices(a, b, np.stack(ab), 20, 1)
    assert [*result.paths] == [VISIBILITY, BETA]
    for factor, first, total in zip(result.paths, estimates.first, estimates.total, strict=True):
        row = row_of(found.indices, of="effect", arm="summit", outcome=OUTCOME, factor=factor)
        assert (row["first"], row["total"]) == (first.value, total.value)
        assert first.value != total.value
    level = by_point(result, OUTCOME, "no_summit")
    control = row_of(found.indices, of="mean", arm="no_summit", outcome=OUTCOME, factor=VISIBILITY)
    assert control["total"] == pytest.approx(0.0, abs=1e-9)  # the control arm has no summit
    assert np.ptp([values.mean() for values in level.values()]) > 0
    of_sample = variance_split(np.concatenate([a, b]))
    row = row_of(found.split, of="effect", outcome=OUTCOME)
    assert row["points"] == 2 * SAMPLES
    assert row["parameters"] == pytest.approx(of_sample.parameters.value)
    assert row["chance"] == pytest.approx(of_sample.chance.value)
    assert row["parameters"] != row["chance"]
    filtered = effects(result, f"filtered_{COUNT}")
    parts = [f"{front}{row}" for front in "AB" for row in range(SAMPLES)]
    mean = np.mean(np.concatenate([filtered[part] for part in parts]))
    table = result.effects[result.effects["outcome"] == COUNT].set_index("point")["mean"]
    places = {result.table.points[number].part: number for number in result.table.numbers()}
    assert mean == pytest.approx(np.mean([table[places[part]] for part in parts]))
    counted = variance_split(np.array([filtered[part] for part in parts]))
    assert row_of(found.split, of="effect", outcome=COUNT)["chance"] == pytest.approx(counted.chance.value)
    printed_as_found(found)


def printed_as_found(found: Sensitivity) -> None:
    """The terminal has each factor's indices in its row, the largest total first."""
    lines = "\n".join(sensitivity_lines(found, [OUTCOME]))
    rows = found.indices[(found.indices["of"] == "effect") & (found.indices["outcome"] == OUTCOME)]
    order = rows.sort_values("total", ascending=False)
    places = []
    for row in order.to_dict("records"):
        name = "isibility" if row["factor"] == VISIBILITY else "beta"
        line = next(line for line in lines.splitlines() if name in line and f"{row['total']:z.3f}" in line)
        assert line.index(f"{row['total']:z.3f}") < line.rindex(f"{row['first']:z.3f}")
        places.append(lines.index(line))
    assert places == sorted(places)


def test_elementary_effects_have_the_sign_of_the_factor(lab) -> None:
    """Mean slope over the trajectories, each step by what it changes: up or down."""
    result = sampled(lab, "morris")
    found = sensitivity(result)
    values = {result.table.points[n].part: dict(result.table.points[n].values) for n in result.table.numbers()}
    ranges = {VISIBILITY: (0.0, 1.0), BETA: (0.1, 0.5)}
    for of, y in (("effect", effects(result, OUTCOME)), ("mean", by_point(result, OUTCOME, "summit"))):
        slopes: dict[str, list[float]] = {VISIBILITY: [], BETA: []}
        falls = 0
        for trajectory in range(SAMPLES):
            parts = [f"T{trajectory}.{step}" for step in range(3)]
            for before, after in pairwise(parts):
                (factor,) = (path for path in ranges if values[before][path] != values[after][path])
                low, high = ranges[factor]
                step = (values[after][factor] - values[before][factor]) / (high - low)
                falls += step < 0
                slopes[factor].append(float((y[after] - y[before]).mean() / step))
        assert falls > 0
        for factor, each in slopes.items():
            row = row_of(found.indices, of=of, arm="summit", outcome=OUTCOME, factor=factor)
            assert row["mu"] == pytest.approx(np.mean(each), rel=1e-9, abs=1e-15)
            assert row["trajectories"] == SAMPLES
        rows = found.indices[(found.indices["of"] == of) & (found.indices["outcome"] == OUTCOME)]
        assert (rows["mu_star"] >= rows["mu"].abs() - 1e-12).all()


def test_dyads_compared_are_right_less_left(lab, calm) -> None:
    place = calm.folder / "out"
    found = compare(f"{place}@4:no_summit", f"{place}@4:summit").dyads
    assert len(found)
    assert found["difference"].abs().max() > 0
    assert found["difference"].to_numpy() == pytest.approx((found["right"] - found["left"]).to_numpy())
    assert (found["lo"] <= found["difference"]).all()
    assert (found["difference"] <= found["hi"]).all()
    other = compare(f"{place}@4:summit", f"{place}@4:no_summit").dyads.set_index(["a", "b"])
    mine = found.set_index(["a", "b"]).loc[other.index]
    assert other["difference"].to_numpy() == pytest.approx(-mine["difference"].to_numpy())
    assert other["left"].to_numpy() == pytest.approx(mine["right"].to_numpy())

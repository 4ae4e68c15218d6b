"""How often the intervals that are printed hold what they are of; tables for docs/statistics.md.

    python benchmarks/coverage_of_intervals.py [--studies 200] [--runs 100]
    python benchmarks/coverage_of_intervals.py --cut NAME --arm ARM [--runs 8000]

The first invents so many studies of a small world, Tripartite 1940, with seeds of their own. What a mean, an effect or a
ratio is, all studies together say. The year that comes is invented too: the level of agreements is drawn as the fan has
it, and every state has, each time, a factor of its own on what it signs, a gamma of mean 1 and variance 0.25. Forecasts of
dyads are scored on records of forty such times. Agreements of one time are those of replications, thinned or laid over
each other by these factors (`balance_sim.stats.superposition`).

The second cuts the replications of one study of a scenario into studies of 10, 25, 100 and 400 and asks of each filtered
effect whether the interval holds the mean of all: Student's t, and the interval in use. With skewed differences whose mean
is known: tests/study/test_coverage.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

import balance_sim as bs
from balance_sim.article.mechanisms.data import PairedColumns, ratio
from balance_sim.effects.result import AnalysedResult
from balance_sim.evidence.forecast.score import SKILLS, score_forecasts
from balance_sim.scenario.schema import Scenario
from balance_sim.stats.intervals import paired_interval, t_quantile
from balance_sim.stats.superposition import Marked, superposed
from balance_sim.study.draws import drawn_levels
from balance_sim.study.outcomes import FILTERED
from balance_sim.study.tables import (
    column_words,
    copy_marks,
    days_to_signature,
    new_rows,
)

SMALL, CONTROL, ARM = "scenarios/tripartite_1940.yaml", "no_signal", "signal"
LEVEL_VARIANCE, OWN_VARIANCE = 0.18, 0.25
TIMES = 40
"""Times on the record that forecasts of dyads are scored on."""
MANY = 20_000
"""Times that say how often a dyad signs."""
YEAR = 365.25
SIZES = (10, 25, 100, 400)
MOST_STUDIES = 160  # of one size, cut from one
Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


class Held(NamedTuple):
    """One interval that was printed, and whether it holds what it is of."""

    kind: str
    name: str
    is_held: bool


def small_world() -> Scenario:
    """The scenario, with a level that moves from year to year."""
    scenario = bs.load_scenario(SMALL)
    update = {"level_variance": LEVEL_VARIANCE}
    calibration = scenario.calibration.model_copy(update=update)
    return scenario.model_copy(update={"calibration": calibration})


def frames_of(results: list[AnalysedResult]) -> dict[str, pd.DataFrame]:
    """Rows of means, effects and dyads of all studies, with `study`, and `truth`: the mean over the studies."""
    frames = {}
    for name, keys in (
        ("levels", ["outcome"]),
        ("effects", ["outcome"]),
        ("dyads", ["a", "b"]),
        ("states", ["state"]),
    ):
        parts = [
            getattr(result, name).assign(study=at) for at, result in enumerate(results)
        ]
        rows = pd.concat(parts)
        value = "mean" if name in ("levels", "effects") else "effect"
        rows["truth"] = rows.groupby([*keys, "arm"])[value].transform("mean")
        frames[name] = rows.assign(
            value=rows[value], name=rows[keys].agg("-".join, axis=1)
        )
    return frames


def kind_of(outcome: str, estimator: str, headline: str) -> str:
    """What sort of effect it is, in the table."""
    if estimator == "filtered":
        return (
            "filtered effect, headline" if outcome == headline else "filtered effects"
        )
    is_count = outcome.startswith(("states_", "camps_moved", "accelerated"))
    return "effects on counts of states" if is_count else "effects on a scale"


def of_means(results: list[AnalysedResult]) -> Iterator[Held]:
    """Means, effects, and effects by dyad and state. What nothing moves in any study is left out."""
    frames, runs = frames_of(results), results[0].finished
    levels = frames["levels"]
    half = t_quantile(0.95, runs - 1) * levels["mcse"]
    levels = levels.assign(
        lo=levels["value"] - half, hi=levels["value"] + half, kind="means, filtered"
    )
    levels["kind"] = np.where(
        levels["estimator"] == "filtered", "means, filtered", "means, as drawn"
    )
    effects, headline = frames["effects"], results[0].headline_outcome
    effects["kind"] = [
        kind_of(*pair, headline)
        for pair in zip(effects["outcome"], effects["estimator"], strict=True)
    ]
    dyads = frames["dyads"].assign(kind="filtered effects by dyad")
    states = frames["states"].assign(kind="filtered effects by state")
    for rows in (levels, effects, dyads, states):
        varying = rows.groupby(["name", "arm"])["value"].transform("std") > 0
        for row in rows[varying & rows["lo"].notna()].itertuples():
            yield Held(row.kind, row.name, row.lo <= row.truth <= row.hi)


def of_ratios(results: list[AnalysedResult]) -> Iterator[Held]:
    """The effect on counter-balancing agreements over that on all, filtered; and on states that balance over those
    that hedge."""
    window = results[0].window
    for kind, over, under in (
        (
            "ratio of filtered effects",
            f"{FILTERED}accords_counter_{window}",
            f"{FILTERED}declarations_all_{window}",
        ),
        (
            "ratio, upper effect counted",
            f"accords_all_{window}",
            f"{FILTERED}accords_all_{window}",
        ),
    ):
        least = float(not over.startswith(FILTERED))
        pairs = []
        for result in results:
            columns = [
                PairedColumns(
                    result.by_run.of(ARM, name).to_numpy(),
                    result.by_run.of(CONTROL, name).to_numpy(),
                    least=of,
                )
                for name, of in ((over, least), (under, 0.0))
            ]
            pairs.append(columns)
        top, bottom = (
            np.mean([pair[k].values.mean() for pair in pairs]) for k in (0, 1)
        )
        for pair in pairs:
            _, low, high = ratio(*pair)
            if np.isfinite(low):
                yield Held(kind, kind, low <= top / bottom <= high)


class Pool(NamedTuple):
    """New security agreements of the control arm over the replications of all studies, by dyad and year."""

    events: Marked
    replications: int
    sides: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    years: int

    def times(self, levels: Floats, own: Floats) -> Floats:
        """(L, dyads) agreements at levels (L, years) and factors (L, states)."""
        factor = own[:, self.sides].prod(axis=2)
        by_dyad = (factor[:, :, None] * levels[:, None]).reshape(len(levels), -1)
        return superposed(
            self.events, self.replications, by_dyad, len(self.sides)
        ).astype(float)


def pool_of(results: list[AnalysedResult]) -> Pool:
    """All replications of the control arm as one pool."""
    scenario, runs = results[0].scenario, results[0].finished
    codes = [state.id for state in scenario.states]
    sides = np.column_stack(np.triu_indices(len(codes), 1))
    place = {
        frozenset((codes[a], codes[b])): dyad
        for dyad, (a, b) in enumerate(sides.tolist())
    }
    security = [name for name, kind in scenario.kinds.items() if kind.security]
    years = int(results[0].window / YEAR) + 1
    parts = []
    for at, result in enumerate(results):
        rows = pa.concat_tables([agreements for _, agreements in result.blocks()])
        is_counted = new_rows(rows, result.focal_day, result.window)
        is_counted &= np.isin(column_words(rows, "kind"), security) & (
            column_words(rows, "arm") == CONTROL
        )
        rows = rows.filter(pa.array(is_counted))
        pairs = zip(column_words(rows, "a"), column_words(rows, "b"), strict=True)
        dyad = np.array([place[frozenset(pair)] for pair in pairs], dtype=np.int64)
        year = (days_to_signature(rows, result.focal_day) / YEAR).astype(np.int64)
        run = rows["run"].to_numpy() + at * runs
        parts.append(
            pd.DataFrame(
                {
                    "run": run,
                    "bin": dyad,
                    "year": dyad * years + year,
                    "mark": copy_marks(rows, result.seed),
                }
            )
        )
    events = pd.concat(parts).sort_values("run", kind="stable")
    return Pool(
        Marked(*(events[name].to_numpy() for name in Marked._fields)),
        runs * len(results),
        sides,
        years,
    )


def own_factors(times: int, states: int, rng: np.random.Generator) -> Floats:
    """(times, states) what each state signs of its own, mean 1."""
    return rng.gamma(1 / OWN_VARIANCE, OWN_VARIANCE, (times, states))


def of_totals(
    results: list[AnalysedResult], pool: Pool, rng: np.random.Generator
) -> Iterator[Held]:
    """The fan's 90 % bands at the end of the window, of a time that comes: with states' own factors and without."""
    states, studies = len(results[0].scenario.states), len(results)
    keys = np.arange(studies, dtype=np.uint64)
    levels = drawn_levels(LEVEL_VARIANCE, 12345, keys, pool.years)
    for kind, own in (
        ("predictive totals, 90 %", np.ones((studies, states))),
        (
            "predictive totals, 90 %, states' own years",
            own_factors(studies, states, rng),
        ),
    ):
        totals = pool.times(levels, own).sum(axis=1)
        for result, total in zip(results, np.roll(totals, studies // 2), strict=True):
            fan = result.fan(None)
            row = fan[(fan["arm"] == CONTROL) & (fan["day"] <= result.window)].iloc[-1]
            yield Held(kind, kind, row["q05"] <= total <= row["q95"])


def of_scores(
    results: list[AnalysedResult], pool: Pool, rng: np.random.Generator
) -> Iterator[Held]:
    """Skill of the control arm's expected numbers as probabilities, and its lead over a blurred forecast."""
    states, dyads = len(results[0].scenario.states), len(pool.sides)
    level = np.ones((MANY, pool.years))
    chance = (pool.times(level, own_factors(MANY, states, rng)) > 0).mean(axis=0)
    expected = np.bincount(pool.events.bin, minlength=dyads) / pool.replications
    model = np.clip(1 - np.exp(-expected), 1e-6, 1 - 1e-6)
    blurred = np.sqrt(model * model.mean())
    forecasts = {
        "model": model,
        "base_rate": np.full(dyads, chance.mean()),
        "blurred": blurred,
    }
    log = {
        k: np.mean(-chance * np.log(p) - (1 - chance) * np.log1p(-p))
        for k, p in forecasts.items()
    }
    square = {
        k: np.mean(chance * (1 - p) ** 2 + (1 - chance) * p**2)
        for k, p in forecasts.items()
    }
    truth = {}
    for name, loss in (("log_skill", log), ("brier_skill", square)):
        skill = {k: 1 - of / loss["base_rate"] for k, of in loss.items()}
        truth[name] = (skill["model"], skill["model"] - skill["blurred"])
    year, tiled = np.repeat(np.arange(TIMES), dyads), np.tile(pool.sides, (TIMES, 1))
    by_row = {name: np.tile(p, TIMES) for name, p in forecasts.items()}
    for _ in results:
        y = (
            (
                pool.times(
                    np.ones((TIMES, pool.years)), own_factors(TIMES, states, rng)
                )
                > 0
            )
            .ravel()
            .astype(float)
        )
        scores = score_forecasts(by_row, y, tiled, year)
        for name, (skill, lead) in truth.items():
            low, high = scores["model"][f"{name}_ci95"]
            if np.isfinite(low):  # none where too few dyads carry the score
                yield Held("skill", name, low <= skill <= high)
            low, high = scores["blurred"]["model_gains"][SKILLS[name]]["ci95"]
            if np.isfinite(low):
                yield Held("lead", name, low <= lead <= high)


def table_of(rows: list[Held]) -> pd.DataFrame:
    """By kind: how many things have such an interval, the mean share that is held, the lowest and the highest."""
    frame = pd.DataFrame(rows)
    share = frame.groupby(["kind", "name"], sort=False)["is_held"].mean()
    found = share.groupby("kind", sort=False).agg(["size", "mean", "min", "max"])
    return found.round(3)


def cut_table(scenario: str, arm: str, runs: int) -> pd.DataFrame:
    """By size of a study: share of studies whose interval holds the mean of all runs, over the outcomes with a filtered
    effect: mean, lowest, share of outcomes below 0.9, the headline; and how long the interval is beside Student's."""
    loaded = bs.load_scenario(f"scenarios/{scenario}.yaml")
    result = bs.run(
        loaded, runs=runs, seed=11, arms=[loaded.reference_arm, arm], workers=1
    )
    names = [name for name in result.by_run.names if name.startswith(FILTERED)]
    rows = []
    for name in names:
        having, control = (
            result.by_run.of(of, name).to_numpy(float)
            for of in (arm, loaded.reference_arm)
        )
        difference = having - control
        if not difference.any():
            continue
        for size in SIZES:
            held, length = np.zeros(2), np.zeros(2)
            studies = min(runs // size, MOST_STUDIES)
            for at in range(studies):
                part = slice(at * size, (at + 1) * size)
                mean, error, low, high = paired_interval(having[part], control[part])
                half = t_quantile(0.95, size - 1) * error
                for form, (start, end) in enumerate(
                    ((mean - half, mean + half), (low, high))
                ):
                    held[form] += start <= difference.mean() <= end
                    length[form] += end - start
            student, reported = held / studies
            is_headline = name == FILTERED + result.headline_outcome
            longer = length[1] / length[0] if length[0] else np.nan
            rows.append((size, student, reported, is_headline, longer))
    frame = pd.DataFrame(
        rows, columns=["runs", "student", "reported", "headline", "longer"]
    )
    by_size = frame.groupby("runs")
    headline = frame[frame["headline"]].set_index("runs")
    found = {
        "outcomes": by_size.size(),
        "student": by_size["student"].mean(),
        "student_lowest": by_size["student"].min(),
        "student_headline": headline["student"],
        "reported": by_size["reported"].mean(),
        "reported_lowest": by_size["reported"].min(),
        "reported_headline": headline["reported"],
        "below_0.9": by_size["reported"].agg(lambda share: (share < 0.9).mean()),
        "longer": by_size["longer"].median(),
        "longer_headline": headline["longer"],
    }
    return pd.DataFrame(found).round(3)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--runs", type=int)
    parser.add_argument("--cut", metavar="NAME", help="a shipped scenario")
    parser.add_argument("--arm", default=ARM)
    asked = parser.parse_args()
    if asked.cut:
        print(cut_table(asked.cut, asked.arm, asked.runs or 8000).to_string())
        return
    scenario, rng = small_world(), np.random.default_rng(5)
    results = [
        bs.run(scenario, runs=asked.runs or 100, seed=seed, workers=1)
        for seed in range(1, asked.studies + 1)
    ]
    pool = pool_of(results)
    rows = [
        *of_means(results),
        *of_ratios(results),
        *of_totals(results, pool, rng),
        *of_scores(results, pool, rng),
    ]
    print(table_of(rows).to_string())


if __name__ == "__main__":
    main()

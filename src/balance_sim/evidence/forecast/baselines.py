"""Honest baselines for forecasts of who signs with whom, each trained on the same
history as the model.

`base_rate`: one probability for all. `earlier_accords`: the share that signed among dyads with 0, 1, 2, 3 or more
earlier agreements. `gravity`: a logit on sizes and distance. `logit`: a logit on
gravity, regime, alignment, security, memory and network terms. `boosted_trees`:
gradient-boosted trees on the same terms and a few more. The training window is the last
`WINDOW` years before the origin: the rate of signing grew fivefold after 1991, and a
rate over all of history would be a baseline too easy to beat. The history is the
panel's, or a scenario's own record (`own_rows`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.calibration import FORM, Form, Prior, forecast_from
from balance_sim.evidence.estimation.choices import (
    Choices,
    OwnRecord,
    signing_day,
    years_before,
)
from balance_sim.evidence.estimation.features import (
    DISTANCE_OFFSET_KM,
    EARLIER,
    EXTRA,
    GRAVITY,
    LOGIT,
    MEMORY_HALF_LIFE,
    QUARRELS,
    RECENT_YEARS,
    FeatureYears,
    dyad_columns,
)
from balance_sim.evidence.forecast.score import Scores, finite, score_forecasts
from balance_sim.model.core import DAYS_PER_YEAR
from balance_sim.model.world import capabilities, differences, distances, lesser
from balance_sim.scenario.schema import Agreement, Scenario
from balance_sim.stats.newton import NoMaximum, newton

WINDOW = 10
RIDGE = 1.0
"""Variance 1 / RIDGE of a normal prior on each standardised coefficient: weak beside
hundreds of agreements."""
CLASSES = 3
ROUNDS = 50

Predictor = Callable[[FeatureYears], Floats]


@dataclass(frozen=True)
class Logit:
    """A fitted logit. coefficient: per standard deviation of the column, then the
    intercept last; blanks of a column take its training mean; ln of the exposure is an
    offset."""

    columns: tuple[str, ...]
    mean: Floats
    scale: Floats
    coefficient: Floats
    covariance: Floats
    log_likelihood: float

    def __call__(self, rows: FeatureYears) -> Floats:
        return inverse_logit(
            design(rows, self.columns, self.mean, self.scale) @ self.coefficient
            + offset(rows)
        )


def fit_logit(
    rows: FeatureYears, columns: Sequence[str], ridge: float = RIDGE
) -> Logit:
    """Penalised maximum likelihood by Newton's method; the penalty leaves the intercept
    alone.

    Raises DataError without both outcomes or without convergence."""
    check_outcomes(rows)
    columns = tuple(columns)
    mean, scale = standardise(rows, columns)
    x = design(rows, columns, mean, scale)
    off, y = offset(rows), rows.y
    penalty = np.append(np.full(len(columns), ridge), 0.0)
    start = np.append(np.zeros(len(columns)), np.log(y.mean() / (1 - y.mean())))

    def log_likelihood(b: Floats) -> float:
        eta = x @ b + off
        return float(y @ eta - np.logaddexp(0.0, eta).sum())

    def derivatives(b: Floats) -> tuple[float, Floats, Floats]:
        p = inverse_logit(x @ b + off)
        return log_likelihood(b), x.T @ (y - p), (x * (p * (1 - p))[:, None]).T @ x

    try:
        how: dict[str, Any] = {
            "tolerance": 1e-9,
            "steps": ROUNDS,
            "slack": 0.0,
            "step_of": np.linalg.solve,
        }
        b, information = newton(start, derivatives, log_likelihood, penalty, **how)
    except NoMaximum:
        hint = "Leave out a column, or raise the ridge"
        raise DataError(f"the logit did not settle in {ROUNDS} rounds", hint) from None
    return Logit(columns, mean, scale, b, np.linalg.inv(information), log_likelihood(b))


def base_rate(rows: FeatureYears) -> Predictor:
    """The share of pair-years that signed."""
    check_outcomes(rows)
    rate = float(rows.y.mean())
    return lambda new: np.full(len(new.y), rate)


def earlier_agreements(rows: FeatureYears) -> Predictor:
    """The share that signed by the number of earlier agreements, 0 to 3 or more; half
    an event added to each."""
    check_outcomes(rows)
    rate = float(rows.y.mean())

    def count(some: FeatureYears) -> NDArray[np.int64]:
        return np.minimum(np.asarray(some.x["earlier"], dtype=np.int64), CLASSES)

    here = [count(rows) == k for k in range(CLASSES + 1)]
    shares = np.array([(rows.y[now].sum() + rate) / (now.sum() + 1.0) for now in here])
    return lambda new: shares[count(new)]


def boosted_trees(rows: FeatureYears) -> Predictor:
    """Gradient-boosted trees (histogram form). Friedman 2001, Annals of Statistics 29:
    1189-1232.

    Small steps, few leaves and large leaves: events are rare. Raises DataError without
    scikit-learn."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        raise DataError(
            "boosted_trees needs scikit-learn", "Install balance-sim[evidence]"
        ) from None
    check_outcomes(rows)
    columns = [
        name for name in (*LOGIT, *EARLIER, *EXTRA) if rows.x[name].notna().any()
    ]
    model = HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=200,
        max_leaf_nodes=8,
        min_samples_leaf=200,
        l2_regularization=10.0,
        early_stopping=False,
        random_state=1,
    )
    model.fit(rows.x[columns].to_numpy(np.float32), rows.y)
    return lambda new: np.asarray(
        model.predict_proba(new.x[columns].to_numpy(np.float32))[:, 1], dtype=np.float64
    )


BASELINES: Mapping[str, Callable[[FeatureYears], Predictor]] = {
    "base_rate": base_rate,
    "earlier_accords": earlier_agreements,
    "gravity": partial(
        fit_logit, columns=GRAVITY
    ),  # Tinbergen 1962, Shaping the World Economy
    "logit": partial(fit_logit, columns=LOGIT),
    "boosted_trees": boosted_trees,
}


def fit_baselines(
    rows: FeatureYears, names: Sequence[str] = tuple(BASELINES), window: int = WINDOW
) -> dict[str, Predictor]:
    """Baselines trained on the last `window` years of `rows`. Raises DataError."""
    last = int(rows.year.max())
    train = rows.within(last - window + 1, last)
    return {name: BASELINES[name](train) for name in names}


def rolling_origin(
    rows: FeatureYears,
    first: int,
    last: int,
    fit: Callable[[FeatureYears], Mapping[str, Predictor]],
) -> tuple[FeatureYears, dict[str, Floats]]:
    """One year ahead: for each year first..last, fit on the years before it and
    forecast it.

    Returns the rows forecast and, by name, their probabilities."""
    ahead: dict[str, list[Floats]] = {}
    for year in range(first, last + 1):
        new = rows.within(year, year)
        for name, predict in fit(rows.within(int(rows.year.min()), year - 1)).items():
            ahead.setdefault(name, []).append(predict(new))
    return rows.within(first, last), {
        name: np.concatenate(parts) for name, parts in ahead.items()
    }


def standardise(rows: FeatureYears, columns: Sequence[str]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column over its known values; 1 for a column
    without spread, 0 and 1 for a column without values."""
    raw = rows.x[list(columns)].to_numpy(np.float64)
    known = ~np.isnan(raw).all(axis=0)
    spread, mean = np.ones(raw.shape[1]), np.zeros(raw.shape[1])
    spread[known], mean[known] = (
        np.nanstd(raw[:, known], axis=0),
        np.nanmean(raw[:, known], axis=0),
    )
    return mean, np.where(spread > 0, spread, 1.0)


def design(
    rows: FeatureYears, columns: Sequence[str], mean: Floats, scale: Floats
) -> Floats:
    """(N, P + 1) standardised columns, blanks at the mean, and a last column of
    ones."""
    raw = rows.x[list(columns)].to_numpy(np.float64)
    standard = np.where(np.isnan(raw), 0.0, (raw - mean) / scale)
    return np.column_stack([standard, np.ones(len(raw))])


def offset(rows: FeatureYears) -> Floats:
    """ln of the part of the year at risk."""
    return np.asarray(np.log(np.maximum(rows.exposure, 1e-3)))


def inverse_logit(eta: Floats) -> Floats:
    """1 / (1 + e^-eta)."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(eta, -700, 700))))


def check_outcomes(rows: FeatureYears) -> None:
    """Raise DataError unless every row has its outcome and both outcomes occur."""
    if np.isnan(rows.y).any():
        raise DataError(
            "a training year has no agreements on record", "End the training before it"
        )
    if len(rows.y) == 0 or rows.y.min() == rows.y.max():
        raise DataError(
            "the training years have no agreement, or nothing else",
            "Give a longer history",
        )


OWN_BASELINES: Mapping[str, Callable[[FeatureYears], Predictor]] = {
    **BASELINES,
    "earlier_count": partial(fit_logit, columns=("ln_earlier",)),
}
"""And a logit on ln(1 + earlier agreements of the dyad) alone: what the classes of
`earlier_accords` put together."""


def own_rows(scenario: Scenario, record: OwnRecord) -> FeatureYears:
    """The rows of a scenario's own record, in its order, with the columns of the
    baselines; y is NaN where it looks at nothing.

    Columns are as known at the start of the year, as in `features.pair_years`; what the
    tables have without dates (sizes, regimes, ideal points, distances, quarrels) is the
    same in every year. Agreements between two states count, as they do for the model;
    legs of multilateral treaties are in `pact`, `other_alliance` and the network
    alone."""
    c, parts = (
        record.choices,
        [_own_columns(scenario, start) for start in record.starts.values()],
    )
    return FeatureYears(
        c.year, c.a, c.b, c.any_signed, c.exposure, pd.concat(parts, ignore_index=True)
    )


def _own_columns(scenario: Scenario, start: date) -> pd.DataFrame:
    codes, place = scenario.codes, {code: k for k, code in enumerate(scenario.codes)}
    i, j = np.triu_indices(len(codes), 1)
    dated = [
        (day, one)
        for one in scenario.agreements
        if (day := signing_day(one)) is not None and day < start
    ]
    standing = [one for _, one in dated if one.ended is None or one.ended >= start]
    signed = [(day, one) for day, one in dated if not one.multilateral]
    age = [(start - day).days / DAYS_PER_YEAR for day, _ in signed]
    since = np.full((len(codes), len(codes)), np.nan)
    for years, (_, one) in zip(age, signed, strict=True):
        a, b = place[one.a], place[one.b]
        since[a, b] = since[b, a] = np.fmin(since[a, b], years)

    def table(
        agreements: Sequence[Agreement], weight: Sequence[float] | float = 1.0
    ) -> Floats:
        """(n, n) agreements of each dyad, symmetric; each 1, or its weight."""
        out = np.zeros((len(codes), len(codes)))
        np.add.at(
            out,
            tuple(
                [place[getattr(one, side)] for one in agreements] for side in ("a", "b")
            ),
            weight,
        )
        return out + out.T

    depth = {kind: rung.depth for kind, rung in scenario.kinds.items()}
    alliances = {
        "pact": [one for one in standing if depth[one.kind] >= 1.0],
        "other_alliance": [
            one for one in standing if depth[one.kind] < 1.0 and one.multilateral
        ],
    }
    quarrel = {(row.a, row.b): row for row in scenario.disputes} | {
        (r.b, r.a): r for r in scenario.disputes
    }
    pairs = [quarrel.get((codes[a], codes[b])) for a, b in zip(i, j, strict=True)]
    regimes = [s.democracy for s in scenario.states]
    unknown = np.array([value is None for value in regimes])
    both = [one for _, one in signed]
    return dyad_columns(
        i,
        j,
        capability=capabilities(scenario),
        ideal=np.array(
            [
                np.nan if s.ideal_point is None else s.ideal_point
                for s in scenario.states
            ]
        ),
        dyadic={
            "ln_distance": np.log(distances(scenario)[i, j] + DISTANCE_OFFSET_KM),
            "joint_democracy": lesser(regimes)[i, j],
            "democracy_gap": differences(regimes)[i, j],
            "democracy_missing": (unknown[i] | unknown[j]).astype(np.float64),
            "contiguous": np.full(len(i), np.nan),
            **{
                name: (table(of) > 0).astype(np.float64)[i, j]
                for name, of in alliances.items()
            },
            **{
                name: np.array(
                    [0.0 if row is None else getattr(row, name) for row in pairs]
                )
                for name in QUARRELS
            },
        },
        earlier=table(both),
        memory=table(both, [2.0 ** (-years / MEMORY_HALF_LIFE) for years in age]),
        recent=table(
            [one for day, one in signed if day >= years_before(start, RECENT_YEARS)]
        ),
        since_last=since,
        ties=(table(standing) > 0).astype(np.float64),
        present=np.ones(len(codes), dtype=bool),
    )


def own_predictors(train: FeatureYears) -> tuple[dict[str, Predictor], tuple[str, ...]]:
    """The baselines trained on the last `WINDOW` years of some rows, and why one could
    not be."""
    rows = train.within(int(train.year.max()) - WINDOW + 1, int(train.year.max()))
    made: dict[str, Predictor] = {}
    without = []
    for name, trained in OWN_BASELINES.items():
        try:
            made[name] = trained(rows)
        except DataError as error:
            without.append(f"no baseline {name}: {error.message}")
    return made, tuple(without)


CARD_YEARS = 5
"""Years at the end of the record that are forecast, each from those before it."""


@dataclass(frozen=True)
class SkillCard:
    """Rolling origin inside a scenario's own record: calibrate on what was known,
    forecast the year after, score.

    scores: by forecast, `model` first, beside it baselines trained on the same record
    and no more of it. origins: years forecast. expected: by origin, agreements' dyads
    the model expected, and those that came."""

    scores: dict[str, Scores]
    origins: tuple[int, ...]
    expected: dict[int, tuple[float, int]]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "origins": list(self.origins),
            "years": {
                str(year): {"expected": round(expected, 6), "happened": came}
                for year, (expected, came) in self.expected.items()
            },
            "scores": {
                name: finite(one.as_dict()) for name, one in self.scores.items()
            },
            "notes": list(self.notes),
        }


def skill_card(
    scenario: Scenario,
    record: OwnRecord,
    prior: Prior,
    form: Form = FORM,
    origins: tuple[int, ...] = (),
    resamples: int = 1000,
    say: Callable[[str], None] = lambda _: None,
) -> SkillCard:
    """One year ahead from each origin, by default the last five years of the record.

    record: with the years before the first origin that the form's window asks for,
    where there are any. Raises DataError where no year can be forecast."""
    rows = own_rows(scenario, record)
    made: list[dict[str, Floats]] = []
    seen: dict[int, Choices] = {}
    notes: list[str] = []
    for origin in origins or record.years[-CARD_YEARS:]:
        say(f"forecast of the year that begins on {record.starts[origin]}")
        try:
            seen[origin], p = forecast_from(record, prior, form, origin)
        except DataError as error:
            notes.append(f"no forecast from {record.starts[origin]}: {error.message}")
            continue
        known, without = own_predictors(rows.within(record.years[0], origin - 1))
        notes += [f"{record.starts[origin]}: {one}" for one in without]
        now = rows.within(origin, origin)
        made.append(
            {"model": p, **{name: predict(now) for name, predict in known.items()}}
        )
    if not seen:
        raise DataError(
            "no year of the record can be forecast from those before it",
            "Give a longer record",
        )
    came = Choices.joined(list(seen.values()))
    whole = {
        name: np.concatenate([one[name] for one in made])
        for name in made[0]
        if all(name in one for one in made)
    }
    return SkillCard(
        scores=score_forecasts(whole, came.any_signed, came.dyad, resamples=resamples),
        origins=tuple(seen),
        expected={
            origin: (float(one["model"].sum()), int(seen[origin].any_signed.sum()))
            for origin, one in zip(seen, made, strict=True)
        },
        notes=tuple(notes),
    )

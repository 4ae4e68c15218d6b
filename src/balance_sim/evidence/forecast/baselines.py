"""Honest baselines for forecasts of who signs with whom, each trained on the same
history as the model.

`base_rate`: one probability for all. `earlier_accords`: the share that signed among
dyads with 0, 1, 2, 3 or more earlier agreements. `gravity`: a logit on sizes and
distance. `logit`: a logit on gravity, regime, alignment, security, memory and network
terms. `boosted_trees`: gradient-boosted trees on the same terms and a few more. The
training window is the last `WINDOW` years before the origin: the rate of signing grew
fivefold after 1991, and a rate over all of history would be a baseline too easy to
beat. The history is the panel's, or a scenario's own record (`own_baselines`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.features import (
    EARLIER,
    EXTRA,
    GRAVITY,
    LOGIT,
    FeatureYears,
)
from balance_sim.evidence.newton import LogitLikelihood, NoMaximum, newton

WINDOW = 10
RIDGE = 1.0
"""Variance 1 / RIDGE of a normal prior on each standardised coefficient: weak beside
hundreds of agreements."""
CLASSES = 3
CLOSE = 1e-9

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

    def __call__(self, rows: FeatureYears) -> Floats:
        """(N,) probabilities."""
        x = design(rows, self.columns, self.mean, self.scale)
        return np.asarray(expit(x @ self.coefficient + offset(rows)))


def fit_logit(
    rows: FeatureYears, columns: Sequence[str], ridge: float = RIDGE
) -> Logit:
    """Penalised maximum likelihood by Newton's method; the penalty leaves the intercept
    alone.

    Raises DataError without both outcomes or without convergence."""
    check_outcomes(rows)
    columns = tuple(columns)
    mean, scale = standardise(rows, columns)
    x, y = design(rows, columns, mean, scale), rows.y
    logit = LogitLikelihood(x, y, offset(rows))
    penalty = np.append(np.full(len(columns), ridge), 0.0)
    start = np.append(np.zeros(len(columns)), np.log(y.mean() / (1 - y.mean())))
    try:
        b, information = newton(
            start,
            logit.derivatives,
            logit.value,
            penalty,
            tolerance=CLOSE,
        )
    except NoMaximum:
        raise DataError("the logit did not settle", "Leave out a column") from None
    return Logit(columns, mean, scale, b, np.linalg.inv(information))


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

    number = count(rows)
    shares = []
    for earlier in range(CLASSES + 1):
        in_class = number == earlier
        shares.append((rows.y[in_class].sum() + rate) / (in_class.sum() + 1.0))
    by_class = np.array(shares)
    return lambda new: by_class[count(new)]


def boosted_trees(rows: FeatureYears) -> Predictor:
    """Gradient-boosted trees (histogram form). Friedman 2001, Annals of Statistics 29:
    1189-1232.

    Small steps, few leaves and large leaves: events are rare."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    check_outcomes(rows)
    candidates = (*LOGIT, *EARLIER, *EXTRA)
    columns = [name for name in candidates if rows.x[name].notna().any()]
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

    def predict(new: FeatureYears) -> Floats:
        return np.asarray(
            model.predict_proba(new.x[columns].to_numpy(np.float32))[:, 1],
            dtype=np.float64,
        )

    return predict


BASELINES: Mapping[str, Callable[[FeatureYears], Predictor]] = {
    "base_rate": base_rate,
    "earlier_accords": earlier_agreements,
    "gravity": partial(fit_logit, columns=GRAVITY),
    "logit": partial(fit_logit, columns=LOGIT),
    "boosted_trees": boosted_trees,
}
"""Gravity: Tinbergen 1962, Shaping the World Economy."""


def fit_baselines(
    rows: FeatureYears, names: Sequence[str] = tuple(BASELINES), window: int = WINDOW
) -> dict[str, Predictor]:
    """Baselines trained on the last `window` years of `rows`. Raises DataError."""
    last = int(rows.year.max())
    train = rows.within(last - window + 1, last)
    return {name: BASELINES[name](train) for name in names}


def standardise(rows: FeatureYears, columns: Sequence[str]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column over its known values; 1 for a column
    without spread, 0 and 1 for a column without values."""
    raw = rows.x[list(columns)].to_numpy(np.float64)
    has_values = ~np.isnan(raw).all(axis=0)
    values = raw[:, has_values]
    spread, mean = np.ones(raw.shape[1]), np.zeros(raw.shape[1])
    spread[has_values] = np.nanstd(values, axis=0)
    mean[has_values] = np.nanmean(values, axis=0)
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


def check_outcomes(rows: FeatureYears) -> None:
    """Raise DataError unless every row has its outcome and both outcomes occur."""
    if np.isnan(rows.y).any():
        message = "a training year has no agreements on record"
        raise DataError(message, "End the training before it")
    if len(rows.y) == 0 or rows.y.min() == rows.y.max():
        message = "the training years have no agreement, or nothing else"
        raise DataError(message, "Give a longer history")

"""Honest baselines for forecasts of who signs with whom, each trained on the same history as the model.

`base_rate`: one probability for all. `earlier_accords`: the share that signed among pairs with 0, 1, 2, 3 or
more earlier accords. `gravity`: a logit on sizes and distance. `logit`: a logit on gravity, regime,
alignment, security, memory and network terms. `boosted_trees`: gradient-boosted trees on the same terms and a
few more. The training window is the last `WINDOW` years before the origin: the rate of signing grew fivefold
after 1991, and a rate over all of history would be a baseline too easy to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats
from balance_sim.evidence.estimation.features import EARLIER, EXTRA, GRAVITY, LOGIT, PairYears

WINDOW = 10
RIDGE = 1.0
"""Variance 1 / RIDGE of a normal prior on each standardised coefficient: weak beside hundreds of accords."""
CLASSES = 3

Predictor = Callable[[PairYears], Floats]


@dataclass(frozen=True)
class Logit:
    """A fitted logit. coefficient: per standard deviation of the column, then the intercept last; blanks of a
    column take its training mean; ln of the exposure is an offset."""

    columns: tuple[str, ...]
    mean: Floats
    scale: Floats
    coefficient: Floats
    covariance: Floats
    log_likelihood: float

    def __call__(self, rows: PairYears) -> Floats:
        return inverse_logit(
            design(rows, self.columns, self.mean, self.scale) @ self.coefficient + offset(rows)
        )

    def table(self) -> pd.DataFrame:
        """column, per_sd, raw (per unit), standard_error (per sd), z; the intercept left out."""
        error = np.sqrt(np.diag(self.covariance))[:-1]
        per_sd = self.coefficient[:-1]
        return pd.DataFrame(
            {
                "column": self.columns,
                "per_sd": per_sd,
                "raw": per_sd / self.scale,
                "standard_error": error,
                "z": per_sd / error,
            }
        )


def fit_logit(rows: PairYears, columns: Sequence[str], ridge: float = RIDGE, rounds: int = 50) -> Logit:
    """Penalised maximum likelihood by Newton's method; the penalty leaves the intercept alone.

    Raises DataError without both outcomes or without convergence."""
    check_outcomes(rows)
    columns = tuple(columns)
    mean, scale = standardise(rows, columns)
    x = design(rows, columns, mean, scale)
    off, y = offset(rows), rows.y
    penalty = np.append(np.full(len(columns), ridge), 0.0)
    b = np.append(np.zeros(len(columns)), np.log(y.mean() / (1 - y.mean())))
    value = _penalised(x, y, off, penalty, b)
    for _ in range(rounds):
        p = inverse_logit(x @ b + off)
        gradient = x.T @ (y - p) - penalty * b
        information = (x * (p * (1 - p))[:, None]).T @ x + np.diag(penalty)
        step = np.linalg.solve(information, gradient)
        if gradient @ step < 1e-9:
            break
        b, value = climb(b, step, value, lambda new: _penalised(x, y, off, penalty, new))
    else:
        raise DataError(
            f"the logit did not settle in {rounds} rounds", "Leave out a column, or raise the ridge"
        )
    unpenalised = value + 0.5 * float(penalty @ b**2)
    return Logit(columns, mean, scale, b, np.linalg.inv(information), unpenalised)


def _penalised(x: Floats, y: Floats, off: Floats, penalty: Floats, b: Floats) -> float:
    eta = x @ b + off
    return float(y @ eta - np.logaddexp(0.0, eta).sum() - 0.5 * (penalty @ b**2))


def climb(b: Floats, step: Floats, value: float, height: Callable[[Floats], float]) -> tuple[Floats, float]:
    """The step, halved until the height does not fall (the function is concave: it always ends)."""
    for halving in range(60):
        new = b + step * 0.5**halving
        if (high := height(new)) >= value:
            return new, high
    return b, value


def base_rate(rows: PairYears) -> Predictor:
    """The share of pair-years that signed."""
    check_outcomes(rows)
    rate = float(rows.y.mean())
    return lambda new: np.full(len(new.y), rate)


def earlier_accords(rows: PairYears) -> Predictor:
    """The share that signed by the number of earlier accords, 0 to 3 or more; half an event added to each."""
    check_outcomes(rows)
    rate = float(rows.y.mean())
    shares = np.array(
        [
            (rows.y[_class(rows) == k].sum() + rate) / ((_class(rows) == k).sum() + 1.0)
            for k in range(CLASSES + 1)
        ]
    )
    return lambda new: shares[_class(new)]


def gravity(rows: PairYears) -> Predictor:
    """Sizes and distance. Tinbergen 1962, Shaping the World Economy."""
    return fit_logit(rows, GRAVITY)


def logit(rows: PairYears) -> Predictor:
    """Every named term, counts relative to their mean in the year."""
    return fit_logit(rows, LOGIT)


def boosted_trees(rows: PairYears) -> Predictor:
    """Gradient-boosted trees (histogram form). Friedman 2001, Annals of Statistics 29: 1189-1232.

    Small steps, few leaves and large leaves: events are rare. Raises DataError without scikit-learn."""
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        raise DataError("boosted_trees needs scikit-learn", "Install balance-sim[evidence]") from None
    check_outcomes(rows)
    columns = [name for name in (*LOGIT, *EARLIER, *EXTRA) if rows.x[name].notna().any()]
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


BASELINES: Mapping[str, Callable[[PairYears], Predictor]] = {
    "base_rate": base_rate,
    "earlier_accords": earlier_accords,
    "gravity": gravity,
    "logit": logit,
    "boosted_trees": boosted_trees,
}


def fit_baselines(
    rows: PairYears, names: Sequence[str] = tuple(BASELINES), window: int = WINDOW
) -> dict[str, Predictor]:
    """Baselines trained on the last `window` years of `rows`. Raises DataError."""
    last = int(rows.year.max())
    train = rows.within(last - window + 1, last)
    return {name: BASELINES[name](train) for name in names}


def rolling_origin(
    rows: PairYears,
    first: int,
    last: int,
    fit: Callable[[PairYears], Mapping[str, Predictor]],
) -> tuple[PairYears, dict[str, Floats]]:
    """One year ahead: for each year first..last, fit on the years before it and forecast it.

    Returns the rows forecast and, by name, their probabilities."""
    ahead: dict[str, list[Floats]] = {}
    for year in range(first, last + 1):
        new = rows.within(year, year)
        for name, predict in fit(rows.within(int(rows.year.min()), year - 1)).items():
            ahead.setdefault(name, []).append(predict(new))
    return rows.within(first, last), {name: np.concatenate(parts) for name, parts in ahead.items()}


def _class(rows: PairYears) -> NDArray[np.int64]:
    return np.minimum(np.asarray(rows.x["earlier"], dtype=np.int64), CLASSES)


def standardise(rows: PairYears, columns: Sequence[str]) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each column over its known values; 1 for a column without spread, 0 and
    1 for a column without values."""
    raw = rows.x[list(columns)].to_numpy(np.float64)
    known = ~np.isnan(raw).all(axis=0)
    spread, mean = np.ones(raw.shape[1]), np.zeros(raw.shape[1])
    spread[known], mean[known] = np.nanstd(raw[:, known], axis=0), np.nanmean(raw[:, known], axis=0)
    return mean, np.where(spread > 0, spread, 1.0)


def design(rows: PairYears, columns: Sequence[str], mean: Floats, scale: Floats) -> Floats:
    """(N, P + 1) standardised columns, blanks at the mean, and a last column of ones."""
    raw = rows.x[list(columns)].to_numpy(np.float64)
    standard = np.where(np.isnan(raw), 0.0, (raw - mean) / scale)
    return np.column_stack([standard, np.ones(len(raw))])


def offset(rows: PairYears) -> Floats:
    """ln of the part of the year at risk."""
    out: Floats = np.log(np.maximum(rows.exposure, 1e-3))
    return out


def inverse_logit(eta: Floats) -> Floats:
    """1 / (1 + e^-eta)."""
    out: Floats = 1.0 / (1.0 + np.exp(-np.clip(eta, -700, 700)))
    return out


def check_outcomes(rows: PairYears) -> None:
    """Raise DataError unless every row has its outcome and both outcomes occur."""
    if np.isnan(rows.y).any():
        raise DataError("a training year has no accords on record", "End the training before it")
    if len(rows.y) == 0 or rows.y.min() == rows.y.max():
        raise DataError("the training years have no accord, or nothing else", "Give a longer history")

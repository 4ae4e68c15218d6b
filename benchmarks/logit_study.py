"""Which covariates tell who signs a defence cooperation agreement, one year ahead?

    python benchmarks/logit_study.py DATA [--first 1996] [--last 2003] [--window 10]

DATA is a folder with the sources that balance_sim.evidence.data.series.SOURCES names. Each year from --first to
--last is forecast from the years before it; nothing after --last is read. Prints tables as text."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd
from sociality import fit_propensity_logit

from balance_sim.evidence.data.history import load_history
from balance_sim.evidence.estimation import features
from balance_sim.evidence.estimation.features import FeatureYears, feature_years
from balance_sim.evidence.forecast import baselines
from balance_sim.evidence.forecast.baselines import (
    BASELINES,
    LOGIT,
    Predictor,
    fit_logit,
)
from balance_sim.evidence.forecast.score import score_forecasts
from balance_sim.evidence.scores import log_score, reliability_table

GROUPS = {
    "gravity": features.GRAVITY,
    "regime": features.REGIME,
    "alignment": features.ALIGNMENT,
    "security": features.SECURITY,
    "memory": features.MEMORY,
    "network": features.NETWORK,
}
CURVES = {
    "distance squared": lambda x: (x["ln_distance"] - 8.6) ** 2,
    "size squared": lambda x: (x["size_low"] + 8) ** 2,
    "sizes multiplied": lambda x: (x["size_low"] + 8) * (x["size_high"] + 8),
    "activity squared": lambda x: x["activity"] ** 2,
    "activities multiplied": lambda x: x["activity_low"] * x["activity_high"],
    "memory x activity": lambda x: x["ln_earlier"] * x["activity"],
    "shared squared": lambda x: x["shared"] ** 2,
}
RAW = {"partners": "raw_partners", "shared": "raw_shared", "activity": "raw_activity"}

Fit = Callable[[FeatureYears], Predictor]


def rolling_origin(
    rows: FeatureYears,
    first: int,
    last: int,
    fit: Callable[[FeatureYears], Mapping[str, Predictor]],
) -> tuple[FeatureYears, dict[str, np.ndarray]]:
    """One year ahead: each year first..last is forecast from a fit on the years before it."""
    by_name: dict[str, list[np.ndarray]] = {}
    since = int(rows.year.min())
    for year in range(first, last + 1):
        new = rows.within(year, year)
        for name, predict in fit(rows.within(since, year - 1)).items():
            by_name.setdefault(name, []).append(predict(new))
    forecasts = {name: np.concatenate(years) for name, years in by_name.items()}
    return rows.within(first, last), forecasts


def main() -> None:
    args = arguments()
    started = time.perf_counter()
    history = load_history(args.data, 1985, args.last)
    rows = feature_years(history)
    states = len(history.iso3)
    columns = add_curves(rows)
    add_raw_counts(rows, history)
    print(f"{len(rows.y):,} pair-years, {int(rows.y.sum())} with an accord")

    logits: dict[str, Fit] = {
        "logit, raw counts": partial(
            fit_logit, columns=tuple(RAW.get(c, c) for c in LOGIT)
        ),
        "logit + curves": partial(fit_logit, columns=(*LOGIT, *columns)),
        "logit + propensities": partial(
            fit_propensity_logit, columns=LOGIT, states=states
        ),
        "logit + curves + propensities": partial(
            fit_propensity_logit, columns=(*LOGIT, *columns), states=states
        ),
    }
    ahead, forecasts = rolling_origin(
        rows, args.first, args.last, windowed({**BASELINES, **logits}, args.window)
    )
    forecasts["trees and last, geometric mean"] = np.sqrt(
        forecasts["boosted_trees"] * forecasts["logit + curves + propensities"]
    )
    show(
        f"One year ahead, {args.first}-{args.last}, window {args.window}",
        score_table(forecasts, ahead),
    )
    show("Log skill by year", by_year(forecasts, ahead))
    show("Calibration of the logit", reliability_table(forecasts["logit"], ahead.y))

    base = log_score(forecasts["base_rate"], ahead.y)
    full = log_score(forecasts["logit"], ahead.y)
    parts = []
    for name, group in GROUPS.items():
        rest = tuple(c for c in LOGIT if c not in group)
        dyad = windowed(
            {
                "without": partial(fit_logit, columns=rest),
                "alone": partial(fit_logit, columns=group),
            },
            args.window,
        )
        _, got = rolling_origin(rows, args.first, args.last, dyad)
        without, alone = (log_score(got[k], ahead.y) for k in ("without", "alone"))
        parts.append(
            {
                "group": name,
                "alone": 1 - alone / base,
                "lost_without": (without - full) / base,
            }
        )
    show(
        "Log skill of a group alone, and lost by the logit without it",
        pd.DataFrame(parts),
    )

    curves = []
    for name in columns:
        one = windowed({name: partial(fit_logit, columns=(*LOGIT, name))}, args.window)
        _, got = rolling_origin(rows, args.first, args.last, one)
        curves.append(
            {"curve": name, "gained": (full - log_score(got[name], ahead.y)) / base}
        )
    show("Log skill gained by the logit from one more column", pd.DataFrame(curves))

    last = rows.within(args.last - args.window + 1, args.last)
    fitted = fit_logit(last, LOGIT)
    per_sd, error = fitted.coefficient[:-1], np.sqrt(np.diag(fitted.covariance))[:-1]
    table = {
        "per_sd": per_sd,
        "raw": per_sd / fitted.scale,
        "standard_error": error,
        "z": per_sd / error,
    }
    show(
        "Logit on the last window, per standard deviation",
        pd.DataFrame({"column": LOGIT} | table),
    )
    own = fit_propensity_logit(last, LOGIT, states)
    order = np.argsort(-own.propensity)
    names = pd.DataFrame(
        {"state": np.array(history.iso3)[order], "propensity": own.propensity[order]}
    )
    show(
        f"Propensities, variance {own.variance:.3f}",
        pd.concat([names.head(8), names.tail(8)]),
    )
    print(f"{time.perf_counter() - started:.0f} s")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--first", type=int, default=1996)
    parser.add_argument("--last", type=int, default=2003)
    parser.add_argument("--window", type=int, default=baselines.WINDOW)
    return parser.parse_args()


def windowed(
    fits: Mapping[str, Fit], window: int
) -> Callable[[FeatureYears], dict[str, Predictor]]:
    def fit(past: FeatureYears) -> dict[str, Predictor]:
        last = int(past.year.max())
        train = past.within(last - window + 1, last)
        return {name: one(train) for name, one in fits.items()}

    return fit


def add_curves(rows: FeatureYears) -> tuple[str, ...]:
    for name, curve in CURVES.items():
        rows.x[name] = curve(rows.x)
    return tuple(CURVES)


def add_raw_counts(rows: FeatureYears, history) -> None:  # type: ignore[no-untyped-def]
    """The network counts not taken relative to the year's mean."""
    for name in RAW.values():
        rows.x[name] = 0.0
    for year in history.years:
        now = rows.year == year
        a, b = rows.a[now], rows.b[now]
        ties = features.network_moment(history, int(year)).ties
        active = np.log1p(
            features.network_moment(history, int(year)).memory.sum(axis=1)
        )
        partners = np.log1p(ties.sum(axis=1))
        rows.x.loc[now, "raw_partners"] = partners[a] + partners[b]
        rows.x.loc[now, "raw_activity"] = active[a] + active[b]
        rows.x.loc[now, "raw_shared"] = np.log1p((ties @ ties)[a, b])


def score_table(
    forecasts: Mapping[str, np.ndarray], rows: FeatureYears
) -> pd.DataFrame:
    scores = score_forecasts(forecasts, rows.y, rows.sides, rows.year)
    return pd.DataFrame(
        {
            "forecast": name,
            "expected": s["expected"],
            "happened": s["events"],
            "log_skill": s["log_skill"],
            "low": s["log_skill_ci95"][0],
            "high": s["log_skill_ci95"][1],
            "brier_skill": s["brier_skill"],
            "average_precision": s["average_precision"],
            "auc": s["auc"],
            "detectable": s["minimum_detectable_log_skill"],
        }
        for name, s in scores.items()
    )


def by_year(forecasts: Mapping[str, np.ndarray], rows: FeatureYears) -> pd.DataFrame:
    out = {}
    for year in np.unique(rows.year):
        now = rows.year == year
        base = log_score(forecasts["base_rate"][now], rows.y[now])
        out[int(year)] = {
            name: 1 - log_score(p[now], rows.y[now]) / base
            for name, p in forecasts.items()
        }
    return pd.DataFrame(out).reset_index(names="forecast")


def show(title: str, frame: pd.DataFrame) -> None:
    print(
        f"\n{title}\n{frame.to_string(index=False, float_format=lambda v: f'{v:.4f}')}"
    )


if __name__ == "__main__":
    main()

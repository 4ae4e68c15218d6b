"""What the record says about threat: does it improve forecasts beyond networks and gravity, and are placebos
zero?

    python benchmarks/threat.py DATA [--first 1996] [--last 2003] [--window 10] [--placebos 200]

Each year from --first to --last is forecast from the years before it; nothing after --last is read."""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import placebo

from balance_sim.evidence.data.history import load_history
from balance_sim.evidence.estimation.choices import FITTED, choices
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.forecast.score import score_forecasts
from balance_sim.evidence.scores import log_score

THREAT = ("security_gain", "common_threat", "hostility", "bandwagon")
GRAVITY = ("size", "proximity")
REGIME = ("joint_democracy", "democracy_gap", "similarity")
NETWORK = ("activity", "popularity", "closure", "experience", "ladder")
SETS = {
    "gravity": GRAVITY,
    "gravity + threat": (*GRAVITY, *THREAT),
    "gravity + regime + network": (*GRAVITY, *REGIME, *NETWORK),
    "the same + security_gain": (*GRAVITY, *REGIME, *NETWORK, "security_gain"),
    "the same + common_threat": (*GRAVITY, *REGIME, *NETWORK, "common_threat"),
    "all": FITTED,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--first", type=int, default=1996)
    parser.add_argument("--last", type=int, default=2003)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--placebos", type=int, default=200)
    args = parser.parse_args()
    history = load_history(args.data, 1985, args.last)
    record = choices(history)
    ahead = record.within(args.first, args.last)
    forecasts = {"base_rate": []}
    for year in range(args.first, args.last + 1):
        past, now = (
            record.within(year - args.window, year - 1),
            record.within(year, year),
        )
        forecasts["base_rate"].append(np.full(len(now.year), past.any_signed.mean()))
        for name, terms in SETS.items():
            found = fit(past.with_terms(terms))
            forecasts.setdefault(name, []).append(found.opportunities(now))
    p = {name: np.concatenate(parts) for name, parts in forecasts.items()}
    scores = score_forecasts(p, ahead.any_signed, ahead.sides, ahead.year)
    rows = [
        (
            n,
            s["log_skill"],
            s["log_skill_ci95"][0],
            s["log_skill_ci95"][1],
            s["average_precision"],
            s["auc"],
        )
        for n, s in scores.items()
    ]
    show(
        f"One year ahead, {args.first}-{args.last}",
        pd.DataFrame(rows, columns=["terms", "log_skill", "low", "high", "AP", "AUC"]),
    )

    y = ahead.any_signed
    where = groups(history, ahead)
    rows = []
    for name, rows_of in where.items():
        base = log_score(p["base_rate"][rows_of], y[rows_of])
        without, full = (
            log_score(p[k][rows_of], y[rows_of])
            for k in ("gravity + regime + network", "all")
        )
        rows.append(
            (
                name,
                int(rows_of.sum()),
                int(y[rows_of].sum()),
                1 - without / base,
                (without - full) / base,
            )
        )
    show(
        "Gain in log skill from threat, by pair",
        pd.DataFrame(rows, columns=["pairs", "n", "signed", "without", "gain"]),
    )

    last = record.within(args.last - args.window + 1, args.last)
    plain = fit(last.with_terms((*GRAVITY, *REGIME, *NETWORK)))
    null = placebo.null_of(last, plain)
    rng = np.random.default_rng(1)
    kind = last.kinds.index("defence_cooperation")
    gain = last.terms["security_gain"][:, :, kind]
    when = placebo.alarms(history)
    rows = []
    for name, real, fakes in (
        (
            "security_gain, participants permuted",
            gain,
            (placebo.permuted(last, gain, rng) for _ in range(args.placebos)),
        ),
        (
            "new dispute the year before, other dates",
            placebo.alarmed(last, history, when),
            (
                placebo.alarmed(last, history, placebo.moved_dates(when, rng))
                for _ in range(args.placebos)
            ),
        ),
    ):
        estimate, z = placebo.z_of(null, real)
        zs = np.array([placebo.z_of(null, fake)[1] for fake in fakes])
        rows.append(
            (
                name,
                estimate,
                z,
                placebo.outside(zs),
                zs.mean(),
                zs.std(),
                (np.abs(zs) >= abs(z)).mean(),
            )
        )
    columns = [
        "column",
        "estimate",
        "z",
        "placebos beyond 1.96",
        "mean z",
        "sd z",
        "placebos beyond the real",
    ]
    show("Placebos", pd.DataFrame(rows, columns=columns))


def groups(history, rows) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    """Kinds of pairs among which threat may tell more or less."""
    at = rows.year - int(history.years[0])
    foes = np.nan_to_num(history.rivalry + history.militarised + history.claim) > 0
    shared = (
        np.einsum("tik,tjk->tij", foes.astype(np.float32), foes.astype(np.float32)) > 0
    )
    mutual = foes[at, rows.a, rows.b]
    common = shared[at, rows.a, rows.b] & ~mutual
    big = (
        history.capability[at][np.arange(len(at)), rows.a]
        + history.capability[at][np.arange(len(at)), rows.b]
    )
    return {
        "quarrel between the two": mutual,
        "a common opponent": common,
        "neither": ~mutual & ~common,
        "one of them large (2 % of the world)": big > 0.02,
        "both small": big <= 0.02,
    }


def show(title: str, frame: pd.DataFrame) -> None:
    print(
        f"\n{title}\n{frame.to_string(index=False, float_format=lambda v: f'{v:.4f}')}",
        flush=True,
    )


if __name__ == "__main__":
    main()

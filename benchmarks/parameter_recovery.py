"""Which parameters data can tell: recovery by simulation-based calibration, a table for docs/posterior.md.

    python benchmarks/parameter_recovery.py [--repetitions 10] [--acts 60] [--only NAME]

Truth is drawn from the prior, data from the model at the truth, and the posterior's rank of the truth is noted: over
repetitions it is uniform if the posterior is right (Talts, Betancourt, Simpson, Vehtari, Gelman 2018; Modrak et al.
2023). contraction: 1 - posterior over prior variance, the mean; below `TOLD` a parameter is *not identified*.

* Parameters of beliefs and reach, each with the others known: a record of ten years among forty invented states is made
  by the engine, all weights are fitted anew at each of seven values, the posterior is on their line.
* Weights: the same records, by the fit's own normal approximation and prior.
* Weights of acts: multipliers drawn with the shipped measurement's covariance, the posterior as for a scenario.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.interpolate import CubicSpline

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "evidence"))
from beliefs_table import MOVES, peak_of
from invented import invented
from recovery import made_record

from balance_sim.evidence.data.history import History
from balance_sim.evidence.estimation.choices import SIGNED, choices
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.posterior import joint
from balance_sim.evidence.posterior.likelihoods import shipped_events
from balance_sim.evidence.posterior.priors import (
    drawn_priors,
    from_factors,
    limits,
    quantile,
)
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import priors
from balance_sim.scenario.layout import LADDERS

STATES, YEARS = 40, 10
TERMS = (
    "security_gain",
    "common_threat",
    "hostility",
    "similarity",
    "joint_democracy",
    "proximity",
    "size",
    "bandwagon",
)
OF_THE_NETWORK = {"activity": 0.4, "experience": 3.0}
INTERCEPTS = {"defence_cooperation": -1.0, "logistics": -1.5}
SPREAD = (
    0.3  # of weights, nats per standard deviation of the term, as in the shipped fit
)
SILENT = {"political_declaration": -60.0, "information_sharing": -60.0}
LINE = np.linspace(-2.4, 2.4, 7)
FINE = np.linspace(-4.0, 4.0, 801)
TOLD = 0.1
SCENARIO = Path(__file__).resolve().parents[1] / "scenarios" / "solomon_2022.yaml"
Found = dict[str, list[tuple[float, float]]]
"""By parameter: rank of the truth, and contraction, of each repetition."""


def moments(history: History) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each term over the dyads of a record without agreements."""
    empty = replace(history, agreements=history.agreements.astype({"a": int, "b": int}))
    record = choices(empty, TERMS, kinds=tuple(INTERCEPTS))
    columns = record.terms
    return {
        name: (float(column.mean()), float(column.std()))
        for name, column in columns.items()
    }


def value(name: str, z: float) -> float:
    path = f"parameters.{name}"
    return float(
        np.clip(quantile(priors()[path], stats.norm.cdf(np.array(z))), *limits(path))
    )


def of_record(name: str, seed: int, found: Found) -> None:
    """One repetition: a record made at a drawn value of the parameter and drawn weights."""
    rng = np.random.default_rng([seed, len(name), *name.encode()])
    history = invented(STATES, YEARS, seed=seed)
    told = moments(history)
    size = {one: deviation for one, (_, deviation) in told.items()}
    drawn = {
        one: rng.standard_normal() / size[one] if size[one] > 0 else 0.0
        for one in TERMS
    }
    truth = {
        one: SPREAD * (abs(at) if one in SIGNED else at) for one, at in drawn.items()
    }
    level = sum(truth[one] * told[one][0] for one in TERMS)
    intercepts = {kind: intercept - level for kind, intercept in INTERCEPTS.items()}
    network = {
        one: weight for one, weight in OF_THE_NETWORK.items() if one in MOVES[name]
    }
    z = float(np.clip(rng.standard_normal(), -2.3, 2.3))
    at_truth = {name: value(name, z)}
    made = made_record(
        history,
        truth | network,
        {**SILENT, **intercepts},
        parameters=at_truth,
        run=seed,
        seed=seed,
    )
    record = choices(made, (*TERMS, *network), at_truth, tuple(INTERCEPTS))
    weights = fit(record, propensities=False, ridge=SPREAD**-2, signs=True)
    for one, estimate, error in zip(
        weights.names, weights.estimate, weights.standard_error, strict=True
    ):
        if one in truth and size[one] > 0:
            low = stats.norm.cdf(0.0, estimate, error) if one in SIGNED else 0.0
            rank = (stats.norm.cdf(truth[one], estimate, error) - low) / (1.0 - low)
            found[f"theory.weights.{one}"].append(
                (float(rank), 1.0 - (error * size[one] / SPREAD) ** 2)
            )
    start, heights = peak_of(record, weights, SPREAD**-2), []
    for at in LINE:
        there = choices(
            made, (*TERMS, *network), {name: value(name, at)}, tuple(INTERCEPTS)
        )
        heights.append(start.moved(there.with_terms(weights.names)).marginal)
    height = np.array(heights)
    log_posterior = (
        CubicSpline(LINE, height)(np.clip(FINE, LINE[0], LINE[-1])) - 0.5 * FINE**2
    )
    weight = np.exp(log_posterior - log_posterior.max())
    weight /= weight.sum()
    mean = float(weight @ FINE)
    rank = float(np.interp(z, FINE, np.cumsum(weight) - weight / 2))
    found[f"parameters.{name}"].append((rank, 1.0 - float(weight @ (FINE - mean) ** 2)))


def of_acts(seed: int, found: Found, proposals: int = 4000) -> None:
    """One repetition: multipliers drawn about those of weights and shares that were drawn from the prior."""
    scenario = load_scenario(SCENARIO, calibrated=False)
    told = drawn_priors(scenario)
    heads = tuple(
        f"priors.{one}_{part}" for one in LADDERS for part in ("scale", "steps")
    )
    names = [
        name for name in told if name.startswith(heads) or name in joint.ACTS_APART
    ]
    ones = from_factors(scenario, {name: np.ones(1) for name in names})
    record = shipped_events(ones.keys())
    shares = sorted({*record.aimed} - {""})
    told = told | {name: priors()[name] for name in shares}
    names += shares
    rng = np.random.default_rng([7, seed])
    truth = rng.standard_normal(len(names))

    def columns(z: np.ndarray) -> dict[str, np.ndarray]:
        drawn = {
            name: quantile(told[name], stats.norm.cdf(z[:, k]))
            for k, name in enumerate(names)
        }
        return from_factors(scenario, drawn) | drawn

    at_truth = columns(truth[None])
    data = rng.multivariate_normal(record.expected(at_truth)[0], record.covariance)
    record = replace(record, multiplier=data)
    z, _, _ = joint.importance_draws(
        "recovery",
        lambda at: record.log_likelihood(columns(at)),
        len(names),
        seed,
        proposals,
    )
    for k, name in enumerate(names):
        found[name].append(
            (float((z[:, k] < truth[k]).mean()), 1.0 - float(z[:, k].var()))
        )


def rows(found: Found) -> list[tuple[str, int, float, float, float, str]]:
    """Parameter, repetitions, contraction, share of truths within the central 90 %, p of uniform ranks, verdict."""
    out = []
    for name, pairs in found.items():
        ranks, contraction = np.array(pairs).T
        p = float(stats.kstest(ranks, "uniform").pvalue)
        within = float(((ranks > 0.05) & (ranks < 0.95)).mean())
        told = float(contraction.mean())
        word = (
            "ranks not uniform"
            if p < 0.01
            else "not identified"
            if told < TOLD
            else "recovered"
        )
        out.append((name, len(pairs), told, within, p, word))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=10)
    parser.add_argument("--acts", type=int, default=60)
    parser.add_argument("--only")
    asked = parser.parse_args()
    found: Found = defaultdict(list)
    for seed in range(asked.acts):
        of_acts(seed, found)
    for seed in range(1, asked.repetitions + 1):
        for name in MOVES:
            if asked.only in (None, name):
                of_record(name, seed, found)
        print(f"<!-- {seed} repetitions -->", flush=True)
        print(
            "| parameter | repetitions | contraction | within 90 % | p of uniform ranks | verdict |"
        )
        print("| --- | ---: | ---: | ---: | ---: | --- |")
        for name, count, told, within, p, word in rows(found):
            print(
                f"| `{name}` | {count} | {told:.2f} | {within:.2f} | {p:.2f} | {word} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Simulation-based calibration of the whole chain from priors to draws: a table for docs/posterior.md.

    python benchmarks/chain_calibration.py FILE [--records 100] [--first 1]     # makes records that FILE has not, and prints
    python benchmarks/chain_calibration.py FILE --records 0                     # prints
    python benchmarks/chain_calibration.py - --fits                             # of weights alone, beliefs at the truth

A truth is drawn from the prior; the engine makes a record of agreements at it, in a world of invented states; what is
measured, and multipliers of acts, are invented about it with the errors of the shipped measurements. Likelihoods,
surrogate and draws are then made as for the shipped record (`beliefs_table.Table`, `posterior.joint.told_draws`), and
the rank of the truth among 2,000 draws is noted: it is uniform if the posterior is right (Talts, Betancourt, Simpson,
Vehtari, Gelman 2018; Modrak et al. 2023). contraction: 1 - posterior over prior variance, in the coordinate in which
the prior is normal, the mean; below `TOLD` a parameter is *not identified*.

--fits tells apart what the chain adds: weights are fitted at the true beliefs, of the engine's record, and of one that
is drawn from the likelihood itself, in which terms are those of 1 January all year.

A record that could not be fitted, whose posterior could not be drawn from, or that is unlike the one in use
(`is_usable`), is drawn again: what is left out for its data alone leaves ranks uniform. FILE has a line of JSON a record."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "evidence"))
from beliefs_table import Table
from invented import invented
from recovery import made_record

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.estimation.choices import choices
from balance_sim.evidence.estimation.fitting import fit
from balance_sim.evidence.estimation.likelihood import ConsentDesign
from balance_sim.evidence.estimation.parameter_files import fitted_record
from balance_sim.evidence.posterior.joint import told_draws
from balance_sim.evidence.posterior.likelihoods import (
    WEIGHT,
    Axes,
    EventRecord,
    Evidence,
    act_names,
    record_of,
    shipped_evidence,
)
from balance_sim.evidence.posterior.priors import (
    Priors,
    coordinates,
    drawn_priors,
    from_factors,
    limits,
    log_density,
    quantile,
)
from balance_sim.scenario import load_scenario
from balance_sim.scenario.defaults import (
    ParameterPrior,
    distribution_in,
    measurements,
    priors,
)

STATES, YEARS = 30, 10
BELIEFS = tuple(
    f"parameters.{name}"
    for name in (
        *("eta0", "eta_x", "eta_rivalry", "eta_claim", "eta_militarised", "eta_acc"),
        *("delta_km", "gamma", "beta", "s0", "d0_km", "activity_half_life_days"),
    )
)
"""Those that a record of so few states tells something of; war and nuclear weapons it has not."""
TERMS = (
    *("common_threat", "hostility", "similarity", "joint_democracy", "proximity"),
    *("size", "activity"),
)
WIDTH, OF_THREAT = 0.3, {"common_threat": 0.2, "hostility": 0.2}
"""Of the priors of weights, in those shipped, which have 1 nat per standard deviation of a term: so that weights are
about as large, in nats and in standard errors, as those that are fitted."""
INTERCEPTS = {"defence_cooperation": -1.0, "logistics": -1.5}
"""Nats of consent in the mean over dyads."""
SILENT = {"political_declaration": -60.0, "information_sharing": -60.0}
KEPT = {"collapse_rate": 0.0}
"""No talks collapse in records that are made."""
SOCIALITY = 0.5
"""Standard deviation of the random intercepts of states."""
HOSTILITY = tuple(
    f"parameters.eta{end}" for end in ("0", "_x", "_rivalry", "_claim", "_militarised")
)
CORRELATION = (
    (1.00, -0.20, 0.06, -0.12, -0.18),
    (-0.20, 1.00, -0.06, -0.03, -0.07),
    (0.06, -0.06, 1.00, -0.38, -0.43),
    (-0.12, -0.03, -0.38, 1.00, -0.07),
    (-0.18, -0.07, -0.43, -0.07, 1.00),
)
"""Of their errors: `reactions.hostility.fit_hostility` on DATA, 1946-2003, its `covariance`."""
NEAR = 1.5
"""Nats that the measured hostility of a stranger may lie from that in use."""
FEWEST, MOST = 60, 1200
"""Agreements of a record."""
DRAWN, ROUNDS, CLOSE = 15, 12, 1.0
TOLD, LEVEL = 0.1, 0.05
SCENARIO = Path(__file__).resolve().parents[1] / "scenarios" / "solomon_2022.yaml"
Truth = dict[str, float]
Maker = Callable[[Truth, int, int, np.random.Generator], History]
"""Makes a record of a truth, a seed, the number of a trial and random numbers."""


@dataclass(frozen=True)
class Parts:
    """What is tested: priors of all that is drawn, and what is shipped of measurements and multipliers."""

    prior: Priors
    measured: Mapping[str, ParameterPrior]
    events: EventRecord

    def truth(self, rng: np.random.Generator) -> Truth:
        return {
            name: float(np.clip(quantile(prior, rng.uniform()), *limits(name)))
            for name, prior in self.prior.items()
        }


def parts() -> Parts:
    """Beliefs, weights, what is measured apart, weights of acts and the shares of them that are aimed."""
    scenario = load_scenario(SCENARIO, calibrated=False)
    all_of_it, events = drawn_priors(scenario), shipped_evidence(scenario).events
    measured = {name: one for name, one in measurements().items() if name in all_of_it}
    told = {
        name: all_of_it[name] for name in (*BELIEFS, *measured, *act_names(all_of_it))
    }
    told |= {name: priors()[name] for name in {*events.aimed} - {""}}
    for name in TERMS:
        prior = all_of_it[WEIGHT + name]
        numbers = {
            **prior.numbers,
            "sd": OF_THREAT.get(name, WIDTH) * prior.numbers["sd"],
        }
        told[WEIGHT + name] = replace(prior, numbers=numbers)
    return Parts(dict(sorted(told.items())), measured, events)


# --- what is invented at a truth ------------------------------------------------------


def measured_again(
    shipped: ParameterPrior, truth: float, error: float, rng: np.random.Generator
) -> ParameterPrior:
    """A measurement of a truth. error: standard normal. What is log-normal is measured in nats, so that its logarithm
    is known the better the larger it is; a share is counted, in as many trials as the shipped distribution is
    worth."""
    numbers = shipped.numbers
    sd = numbers["sd"]
    match shipped.family:
        case "log-normal":
            middle = numbers["median"]
            estimate = truth * np.exp(sd * min(1.0, middle / truth) * error)
            numbers = {"median": estimate, "sd": sd * min(1.0, middle / estimate)}
        case "beta":
            mean = numbers["mean"]
            trials = round(mean * (1.0 - mean) / sd**2 - 3.0)
            a = 1.0 + rng.binomial(trials, truth)
            share = a / (trials + 2.0)
            numbers = {
                "mean": share,
                "sd": (share * (1.0 - share) / (trials + 3.0)) ** 0.5,
            }
        case _:
            return ParameterPrior("normal", {"mean": truth + sd * error, "sd": sd}, "")
    return ParameterPrior(shipped.family, numbers, "")


def measurements_at(
    truth: Truth, shipped: Mapping[str, ParameterPrior], rng: np.random.Generator
) -> dict[str, ParameterPrior]:
    errors = dict(zip(shipped, rng.standard_normal(len(shipped)), strict=True))
    together = rng.multivariate_normal(np.zeros(len(HOSTILITY)), CORRELATION)
    errors |= dict(zip(HOSTILITY, together, strict=True))
    return {
        name: measured_again(shipped[name], truth[name], errors[name], rng)
        for name in shipped
    }


def record_at(
    truth: Truth, seed: int, attempt: int, rng: np.random.Generator
) -> History:
    """A world of invented states, and what they sign at a truth."""
    world = invented(STATES, YEARS, seed=1000 * seed + attempt)
    beliefs = {name.rpartition(".")[2]: truth[name] for name in BELIEFS}
    weights = {name: truth[WEIGHT + name] for name in TERMS}
    empty = replace(world, agreements=world.agreements.astype({"a": int, "b": int}))
    terms = choices(empty, TERMS, beliefs, tuple(INTERCEPTS), world.years[:1]).terms
    level = sum(weights[name] * float(terms[name].mean()) for name in TERMS)
    intercepts = {kind: mean - level for kind, mean in INTERCEPTS.items()}
    return made_record(
        world,
        weights,
        {**SILENT, **intercepts},
        propensity=SOCIALITY * rng.standard_normal(STATES),
        parameters=beliefs,
        run=attempt,
        seed=seed,
    )


def record_by_likelihood(
    truth: Truth, empty: History, rng: np.random.Generator
) -> History:
    """Agreements of a history's years drawn from the likelihood at a truth: each year at the rates of its 1 January."""
    beliefs = {name.rpartition(".")[2]: truth[name] for name in BELIEFS}
    weights = np.array([truth[WEIGHT + name] for name in TERMS])
    sociality, intercepts = SOCIALITY * rng.standard_normal(STATES), np.zeros(0)
    frame, rows = (
        empty.agreements.iloc[:0].astype({"a": int, "b": int}),
        list[dict[str, Any]](),
    )
    history = replace(empty, agreements=frame)
    for year in map(int, empty.years):
        record = choices(history, TERMS, beliefs | KEPT, tuple(INTERCEPTS), (year,))
        if not len(intercepts):
            level = sum(
                record.terms[name].mean() * truth[WEIGHT + name] for name in TERMS
            )
            intercepts = np.array([*INTERCEPTS.values()]) - level
        design = ConsentDesign(record)
        rate = np.exp(
            design.log_rate(np.concatenate([weights, intercepts, sociality]))[0]
        )
        for row, kind in np.argwhere(rng.random(rate.shape) < -np.expm1(-rate)):
            day = pd.Timestamp(year, 1, 1) + pd.Timedelta(days=int(rng.integers(365)))
            sides = {"a": record.a[row], "b": record.b[row], "kind": record.kinds[kind]}
            rows.append(
                {
                    "accord_id": f"drawn-{len(rows)}",
                    "signed": day,
                    "in_force": day,
                    "ended": pd.NaT,
                    **sides,
                }
            )
        agreements = pd.DataFrame(rows, columns=frame.columns).assign(
            precision="day", multilateral=False
        )
        history = replace(
            history, agreements=agreements.astype({"ended": "datetime64[ns]"})
        )
    return history


def multipliers_at(
    truth: Truth, shipped: EventRecord, rng: np.random.Generator
) -> EventRecord:
    at = {name: np.array([value]) for name, value in truth.items()}
    scenario = load_scenario(SCENARIO, calibrated=False)
    columns = from_factors(scenario, {name: at[name] for name in act_names(at)})
    mean = shipped.expected(columns | at)[0]
    return replace(
        shipped, multiplier=rng.multivariate_normal(mean, shipped.covariance)
    )


def is_usable(made: History, measured: Mapping[str, ParameterPrior]) -> bool:
    """Whether a record holds enough, and hostility is near that for which weights have their priors."""
    stranger = "parameters.eta0"
    away = measured[stranger].numbers["mean"] - measurements()[stranger].numbers["mean"]
    return FEWEST <= len(made.agreements) <= MOST and abs(away) <= NEAR


# --- one record -----------------------------------------------------------------------


def evaluated(made: History, measured: Mapping[str, ParameterPrior]) -> Table | None:
    """The table of a record as `beliefs_table.py` begins it; None where it cannot be fitted with the signs of
    theory."""
    axes = Axes(BELIEFS, priors(), measured)
    middle = axes.values(np.zeros((1, len(BELIEFS))))
    in_use = {
        name.rpartition(".")[2]: float(middle[name][0]) for name in BELIEFS
    } | KEPT
    try:
        table = Table(made, TERMS, axes, DRAWN, in_use)
    except DataError:
        return None
    return None if table.found.conflicts else table


class Trial(NamedTuple):
    """A truth of the prior, and what is known of it. number: counted from 1 for each seed."""

    number: int
    truth: Truth
    measured: dict[str, ParameterPrior]
    made: History
    rng: np.random.Generator


def trials(seed: int, told: Parts, make: Maker) -> Iterator[Trial]:
    """Truths with a record that is usable, without end; the same ones for a seed."""
    for number in count(1):
        rng = np.random.default_rng([seed, number])
        truth = told.truth(rng)
        measured = measurements_at(truth, told.measured, rng)
        made = make(truth, seed, number, rng)
        if is_usable(made, measured):
            yield Trial(number, truth, measured, made, rng)


def one_record(seed: int, told: Parts) -> dict[str, Any]:
    """Ranks and contractions of the first trial whose posterior can be drawn from, and how the posterior was made."""
    records = (recovered(trial, seed, told) for trial in trials(seed, told, record_at))
    return next(record for record in records if record is not None)


def recovered(trial: Trial, seed: int, told: Parts) -> dict[str, Any] | None:
    """What the chain says of a trial; None where theory's signs are in conflict or no posterior can be drawn."""
    truth, measured, made = trial.truth, trial.measured, trial.made
    table = evaluated(made, measured)
    if table is None:
        return None
    said = [*table.rounds(CLOSE, ROUNDS)][-1]
    evidence = Evidence(
        record=record_of(said, measured),
        fitted=distribution_in(fitted_record(table.found, made, {})),
        events=multipliers_at(truth, told.events, trial.rng),
        apart={name: partial(log_density, one) for name, one in measured.items()},
    )
    scenario = load_scenario(SCENARIO, calibrated=False)
    try:
        draws = told_draws(scenario, told.prior, evidence, seed=seed)
    except np.linalg.LinAlgError:
        return None
    return {
        "seed": seed,
        "attempts": trial.number,
        "agreements": len(made.agreements),
        "evaluations": len(table.rows),
        "error": said["error"][0],
        "temper": round(evidence.record.temper, 3),
        "pareto_k": round(draws.pareto_k, 3),
        "effective": round(draws.effective),
        "found": {
            name: [*map(float, compared(prior, truth[name], draws.drawn[name][0]))]
            for name, prior in told.prior.items()
        },
    }


def compared(
    prior: ParameterPrior, truth: float, draws: np.ndarray
) -> tuple[float, float]:
    """Rank of a truth among draws, ties half, and contraction."""
    rank = (draws < truth).mean() + 0.5 * (draws == truth).mean()
    return round(float(rank), 5), round(1.0 - float(coordinates(prior, draws).var()), 4)


# --- weights alone ---------------------------------------------------------------------


def errors_of_weights(truth: Truth, made: History) -> np.ndarray | None:
    """(K,) by which weights fitted at the true beliefs are off, in standard errors, in the order of TERMS; None where
    theory's signs are in conflict or the record cannot be fitted."""
    beliefs = {name.rpartition(".")[2]: truth[name] for name in BELIEFS}
    try:
        record = choices(made, TERMS, beliefs | KEPT).with_signed_kinds()
        found = fit(record, levels=True, cluster=True, signs=True)
    except DataError:
        return None
    of_term = {name: (value, error) for name, value, error in found.table}
    if found.conflicts:
        return None
    return np.array(
        [(of_term[name][0] - truth[WEIGHT + name]) / of_term[name][1] for name in TERMS]
    )


def print_fits(records: int, first: int, told: Parts) -> None:
    """Share of truths within the 90 % intervals of weights, by what made the record."""
    makers = {
        "engine": record_at,
        "likelihood": lambda truth, seed, attempt, rng: record_by_likelihood(
            truth, invented(STATES, YEARS, seed=1000 * seed + attempt), rng
        ),
    }
    print("| record by |", " | ".join(f"`{name}`" for name in TERMS), "|")
    for by, make in makers.items():
        off = []
        for seed in range(first, first + records):
            errors = (
                errors_of_weights(trial.truth, trial.made)
                for trial in trials(seed, told, make)
            )
            off.append(next(error for error in errors if error is not None))
        within = (np.abs(off) < stats.norm.ppf(0.95)).mean(axis=0)
        print(
            f"| {by} |", " | ".join(f"{share:.0%}" for share in within), "|", flush=True
        )


# --- the table ------------------------------------------------------------------------


def holm(p: Sequence[float]) -> np.ndarray:
    """p of several tests, adjusted so that any false alarm has the level (Holm 1979)."""
    order = np.argsort(p)
    factors = np.arange(len(p), 0, -1)
    adjusted = np.minimum(np.maximum.accumulate(factors * np.array(p)[order]), 1.0)
    return adjusted[np.argsort(order)]


def rows(
    records: Sequence[Mapping[str, Any]],
) -> list[tuple[str, float, float, float, float, str]]:
    """Parameter, contraction, share of truths within the central 90 %, p of uniform ranks and the same by Holm over
    all, verdict."""
    names = list(records[0]["found"])
    found = np.array([[record["found"][name] for name in names] for record in records])
    ranks, contractions = found[..., 0], found[..., 1].mean(axis=0)
    p = [float(stats.kstest(column, "uniform").pvalue) for column in ranks.T]
    within = ((ranks > 0.05) & (ranks < 0.95)).mean(axis=0)
    table = []
    for k, adjusted in enumerate(holm(p)):
        word = "recovered" if contractions[k] >= TOLD else "not identified"
        if adjusted < LEVEL:
            word = "ranks not uniform"
        table.append((names[k], contractions[k], within[k], p[k], adjusted, word))
    return sorted(table, key=lambda row: (-row[1], row[0]))


def printed(records: Sequence[Mapping[str, Any]]) -> None:
    def middle(name: str) -> str:
        low, median, high = np.quantile(
            [record[name] for record in records], [0.0, 0.5, 1.0]
        )
        return f"{name} {median:.3g} ({low:.3g} to {high:.3g})"

    keys = (
        "attempts",
        "agreements",
        "evaluations",
        "error",
        "temper",
        "pareto_k",
        "effective",
    )
    print(f"{len(records)} records;", "; ".join(map(middle, keys)))
    print(
        "| parameter | contraction | truths within 90 % | p of uniform ranks | by Holm | verdict |"
    )
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for name, told, within, p, adjusted, word in rows(records):
        print(
            f"| `{name}` | {told:.2f} | {within:.0%} | {p:.3f} | {adjusted:.2f} | {word} |".replace(
                "%", " %"
            )
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--records", type=int, default=100)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--fits", action="store_true")
    asked = parser.parse_args()
    if asked.fits:
        print_fits(asked.records, asked.first, parts())
        return
    lines = (
        asked.file.read_text(encoding="utf-8").splitlines()
        if asked.file.exists()
        else []
    )
    done = {record["seed"]: record for record in map(json.loads, lines)}
    told = parts()
    for seed in range(asked.first, asked.first + asked.records):
        if seed not in done:
            done[seed] = one_record(seed, told)
            with asked.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(done[seed]) + "\n")
    printed([done[seed] for seed in sorted(done)])


if __name__ == "__main__":
    main()

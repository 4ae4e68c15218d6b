"""What the record of agreements says of parameters of beliefs and reach: writes src/balance_sim/scenario/beliefs.yaml.

    python benchmarks/beliefs_table.py DATA [--again] [--rounds 12] [--out FILE]

The fit is the shipped one (levels, signs). At each point the terms are worked
out anew and all weights, intercepts and levels are fitted again, variances held. Points: the values of the priors'
medians, 1.5 standard deviations to either side of each parameter alone, 30 draws of the priors; then in rounds five
draws of the posterior as it is known by then, and one of the prior. --again: at the points of the shipped table, which
it makes anew. Some 12 minutes on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import ndtr

from balance_sim.evidence.data.history import load_history
from balance_sim.evidence.estimation.choices import (
    SIGNED,
    Choices,
    choices,
    fitted_terms,
)
from balance_sim.evidence.estimation.fitting import (
    SIGN_SPREAD,
    WeightFit,
    fit,
    highest,
)
from balance_sim.evidence.estimation.likelihood import (
    ConsentDesign,
    by_row,
    derivatives,
    log_likelihood,
)
from balance_sim.evidence.posterior.priors import limits, quantile
from balance_sim.evidence.posterior.surrogate import SmoothProcess, fit_process
from balance_sim.scenario.defaults import priors
from balance_sim.stats.newton import laplace_marginal

WEIGHED = ("security_gain", "common_threat", "bandwagon")
THREAT = (*WEIGHED, "hostility")
MOVES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("alpha0", "alpha_x", "alpha_acc"), WEIGHED),
    **dict.fromkeys(("eta0", "eta_x", "eta_acc"), THREAT),
    **dict.fromkeys(("eta_rivalry", "eta_claim", "eta_militarised", "eta_war"), THREAT),
    **dict.fromkeys(("delta_km", "gamma", "beta", "nuclear_offence", "s0"), WEIGHED),
    "d0_km": ("proximity",),
    "experience_half_life_days": ("experience",),
    "activity_half_life_days": ("activity",),
}
"""Parameter of beliefs or reach -> terms that it moves."""
NAMES = tuple(MOVES)
AWAY = 1.5
SHIPPED = Path("src/balance_sim/scenario/beliefs.yaml")
STEPS, STEP = 3000, 0.15
HEAD = """\
# What the record of agreements (DCAD 1985-2003) says of parameters of beliefs and reach; see docs/posterior.md. Points:
# coordinates in which the priors are standard normal, by `names`; marginal log-likelihood over that at the values in
# use; weights at its peak, by `weights`. scales: of the Gaussian processes through them, logarithms.
"""


@dataclass(frozen=True)
class Peak:
    """Where a design's likelihood peaks with the variances held: parameters of scaled terms, the precision of their
    prior, and the marginal log-likelihood."""

    design: ConsentDesign
    at: np.ndarray
    penalty: np.ndarray
    marginal: float

    def moved(self, record: Choices) -> Peak:
        """The peak when the terms are those of `record`: same rows, same names."""
        design = self.design
        moved = ConsentDesign(record, design.propensities, design.years, design.scale)
        return searched(moved, self.at, self.penalty)


def searched(design: ConsentDesign, start: np.ndarray, penalty: np.ndarray) -> Peak:
    slopes, height = partial(derivatives, design), partial(log_likelihood, design)
    at, information = highest(design.names, start, slopes, height, penalty)
    shrunk = slice(design.fixed, None)
    of_shrunk = at[shrunk], penalty[shrunk], information[shrunk, shrunk]
    return Peak(design, at, penalty, laplace_marginal(height(at), *of_shrunk))


def peak_of(record: Choices, found: WeightFit, ridge: float = 0.0) -> Peak:
    """The peak that `found`, a fit of `record` with signs held, stands at, without terms in conflict."""
    record = record.with_terms(found.names)
    scale = np.concatenate(
        [record.common.std(axis=(0, 1)), record.by_kind.std(axis=(0, 1, 2))]
    )
    has_states = found.propensity_variance > 0
    design = ConsentDesign(record, has_states, tuple(found.level), scale)
    states, years = design.parts[3:]
    at, penalty, terms = np.zeros(design.size), np.zeros(design.size), len(scale)
    at[: design.fixed] = found.estimate
    at[:terms] *= scale
    penalty[:terms] = (
        ridge + np.array([name in SIGNED for name in record.names]) / SIGN_SPREAD**2
    )
    if has_states:
        at[states], penalty[states] = found.propensity, 1.0 / found.propensity_variance
    if found.level:
        at[years], penalty[years] = [*found.level.values()], 1.0 / found.level_variance
    return searched(design, at, penalty)


def values(z: np.ndarray) -> dict[str, float]:
    out = {}
    for name, at in zip(NAMES, z, strict=True):
        path = f"parameters.{name}"
        out[name] = float(
            np.clip(quantile(priors()[path], ndtr(np.array(at))), *limits(path))
        )
    return out


def posterior_points(
    found: SmoothProcess, temper: float, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Draws by the preconditioned Crank-Nicolson sampler (Cotter, Roberts, Stuart, White 2013)."""
    z = rng.standard_normal((count, len(NAMES)))
    height = temper * found(z)
    for _ in range(STEPS):
        tried = np.sqrt(1 - STEP**2) * z + STEP * rng.standard_normal(z.shape)
        there = temper * found(tried)
        taken = np.log(rng.random(count)) < there - height
        z[taken], height[taken] = tried[taken], there[taken]
    return z


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    asked = parser.parse_args()
    history = load_history(asked.data, 1985)
    terms, _ = fitted_terms(history)
    record = choices(history, terms)
    record = record.with_kinds(
        [
            k
            for k, n in zip(record.kinds, record.signed.sum(axis=0), strict=True)
            if n > 0
        ]
    )
    found = fit(record, levels=True, cluster=True, signs=True)
    start = peak_of(record, found)
    rows: list[list[float]] = []
    by_dyad: list[np.ndarray] = []
    weights: tuple[str, ...] = ()

    def evaluate(z: np.ndarray, *, keep: bool = False) -> None:
        nonlocal weights
        moved = choices(history, terms, values(z), record.kinds)
        there = moved.with_terms(found.names)
        peak = start.moved(there)
        if keep:
            by_dyad.append(by_row(peak.design, peak.at))
        scale = peak.design.scale
        at = dict(
            zip(there.names, np.array(peak.at[: len(scale)]) / scale, strict=True)
        )
        weights = tuple(at)
        numbers = [*z, peak.marginal - start.marginal, *at.values()]
        rows.append([float(f"{one:.6g}") for one in numbers])
        print(len(rows), f"{peak.marginal - start.marginal:.2f}", flush=True)

    rng = np.random.default_rng(1)
    count = len(NAMES)
    if asked.again:
        shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
        for point in shipped["points"]:
            evaluate(np.array(point[:count]))
        write(asked, shipped["stretch"], weights, np.array(rows))
        return
    evaluate(np.zeros(count))
    for k in range(count):
        for side in (-AWAY, AWAY):
            evaluate(side * np.eye(count)[k], keep=True)
    _, dyad = np.unique(record.dyad, return_inverse=True)
    stretch = {}
    for k, name in enumerate(NAMES):
        slope = by_dyad[2 * k + 1] - by_dyad[2 * k]
        stretch[name] = float(
            f"{(np.bincount(dyad, slope) ** 2).sum() / (slope @ slope):.4g}"
        )
    temper = 1.0 / float(np.mean([max(one, 1.0) for one in stretch.values()]))
    for z in rng.standard_normal((30, count)):
        evaluate(z)
    for _ in range(asked.rounds):
        table = np.array(rows)
        process = fit_process(table[:, :count], table[:, count])
        for z in [
            *posterior_points(process, temper, 40, rng)[:5],
            rng.standard_normal(count),
        ]:
            evaluate(z)
        write(asked, stretch, weights, np.array(rows))


def write(
    asked: argparse.Namespace,
    stretch: dict[str, float],
    weights: tuple[str, ...],
    table: np.ndarray,
) -> None:
    count = len(NAMES)
    points, columns = (
        table[:, :count],
        dict(zip(("marginal", *weights), table.T[count:], strict=True)),
    )
    scales = {
        name: fit_process(points, column).scales for name, column in columns.items()
    }
    said: dict[str, Any] = {
        "command": "python benchmarks/beliefs_table.py DATA --again",
        "data": "DCAD 1985-2003, all states",
        "names": list(NAMES),
        "stretch": stretch,
        "weights": list(weights),
        "scales": {
            name: [float(f"{one:.5g}") for one in of] for name, of in scales.items()
        },
        "points": table.tolist(),
    }
    text = yaml.safe_dump(said, sort_keys=False, width=4000, default_flow_style=None)
    asked.out.write_text(HEAD + text, encoding="utf-8")


if __name__ == "__main__":
    main()

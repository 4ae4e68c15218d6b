"""What the record of agreements says of parameters of beliefs and reach, and of the rate of opportunities: writes
src/balance_sim/scenario/beliefs.yaml.

    python benchmarks/beliefs_table.py DATA [--keep | --again] [--error 1] [--most 6] [--out FILE]

The fit is the shipped one (levels, signs). At each point the terms are worked out anew and all weights, intercepts and
levels are fitted again, variances held; at each rate of opportunities variances too. First points: the medians of priors and measurements, 1.5 standard deviations
to either side of each parameter alone, 30 draws of them. Then in rounds 20 draws of the posterior as it is known by
then, at which the surrogate is wrong by so many nats (root mean square): until that is below --error, or --most rounds
are done. --keep: the points of the shipped table stay, and count as the first; --again: they are evaluated anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from balance_sim.evidence.data.history import History, load_history
from balance_sim.evidence.data.record_scenario import scenario_at
from balance_sim.evidence.estimation.choices import (
    SIGNED,
    Choices,
    choices,
    fitted_terms,
    terms_at,
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
    clustered,
    derivatives,
    log_likelihood,
)
from balance_sim.evidence.newton import laplace_marginal
from balance_sim.evidence.posterior.joint import importance_draws
from balance_sim.evidence.posterior.likelihoods import (
    FRESH,
    AgreementRecord,
    Axes,
    in_errors,
    record_of,
)
from balance_sim.evidence.posterior.surrogate import fit_process
from balance_sim.model.willingness import TERMS
from balance_sim.scenario.defaults import measurements, priors
from balance_sim.scenario.schema import Parameters, Scenario

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
NAMES = tuple(f"parameters.{name}" for name in MOVES)
FACTORS = (0.5, 0.7, 2.0, 4.0)
"""On the rates of opportunities in use, at which all is fitted anew, variances too."""
AWAY, DRAWN = 1.5, 30
"""Of the first points: standard deviations to either side, and draws."""
SHIPPED = Path("src/balance_sim/scenario/beliefs.yaml")
HEAD = """\
# What the record of agreements (DCAD 1985-2003) says of parameters of beliefs and reach, and of the rate of
# opportunities; see docs/posterior.md. Points: values of the parameters, by `names`; marginal log-likelihood over that
# at the values in use; weights at its peak, by `weights`, and the logarithms of their standard errors there. scales: of
# the Gaussian processes through them, logarithms.
# rate: opportunities a year, and the same of the marginal log-likelihood with variances fitted too.
# The last `fresh` points are draws of the posterior that the points before them tell; error: of the surrogate through
# those, at these, in nats, root mean square and mean.
"""


@dataclass(frozen=True)
class Peak:
    """Where a design's likelihood peaks with the variances held: parameters of scaled terms, minus the second
    derivatives, the precision of the prior, and the marginal log-likelihood."""

    design: ConsentDesign
    at: np.ndarray
    information: np.ndarray
    penalty: np.ndarray
    marginal: float

    @property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """(K,) weights, and their standard errors with rows of a dyad hanging together."""
        scale, dyad = self.design.scale, self.design.choices.dyad
        covariance = np.linalg.inv(self.information)
        covariance = clustered(self.design, self.at, dyad, covariance, self.penalty)
        errors = np.sqrt(np.diag(covariance))
        return self.at[: len(scale)] / scale, errors[: len(scale)] / scale

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
    marginal = laplace_marginal(height(at), *of_shrunk)
    return Peak(design, at, information, penalty, marginal)


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


def posterior_points(record: AgreementRecord, count: int, seed: int) -> np.ndarray:
    """Draws of the posterior that the points so far tell."""

    def height(z: np.ndarray) -> np.ndarray:
        return record.log_likelihood(z) + record.axes.log_prior(z)

    size = len(record.axes.names)
    return importance_draws("table", height, size, seed, 5_000)[0][:count]


def starts_of(
    history: History, record: Choices, parameters: Mapping[str, float]
) -> dict[int, Scenario]:
    """The world on 1 January of each year of a history's record, with all weights 0.
    parameters: as of `choices`."""
    return {
        year: scenario_at(
            history,
            year,
            parameters=dict(parameters),
            weights=dict.fromkeys(TERMS, 0.0),
        )
        for year in map(int, np.unique(record.year))
    }


def at_parameters(
    record: Choices, starts: Mapping[int, Scenario], parameters: Mapping[str, float]
) -> Choices:
    """The choices with terms as other values of parameters of beliefs and reach make
    them, laid over those of `starts`."""
    by_year = []
    for year, start in starts.items():
        changed = {**start.parameters.model_dump(), **parameters}
        scenario = start.model_copy(update={"parameters": Parameters(**changed)})
        place = {code: k for k, code in enumerate(start.codes)}
        of_state = np.array([place.get(code, -1) for code in record.states])
        i, j = of_state[record.a], of_state[record.b]
        is_year = record.year == year
        values = terms_at(scenario, record.names, record.kinds, i[is_year], j[is_year])
        by_year.append(values[1])
    terms = {
        name: np.concatenate([year_terms[name] for year_terms in by_year])
        for name in by_year[0]
    }
    return replace(record, terms=terms)


class Table:
    """Evaluations so far: rows of values, marginal log-likelihood, weights and logarithms of their errors."""

    def __init__(
        self,
        history: History,
        terms: Sequence[str],
        axes: Axes,
        drawn: int = DRAWN,
        in_use: Mapping[str, float] | None = None,
    ) -> None:
        """terms: those that have a source; drawn: so many of the first points; in_use: values of parameters that are
        not the defaults."""
        in_use = in_use or {}
        record = choices(history, terms, in_use).with_signed_kinds()
        self.axes, self.drawn = axes, drawn
        self.starts = starts_of(history, record, in_use)
        self.record, self.found = (
            record,
            fit(record, levels=True, cluster=True, signs=True),
        )
        self.start = peak_of(record, self.found)
        self.rows: list[list[float]] = []
        self.weights: tuple[str, ...] = ()
        self.stretch: dict[str, float] = {}
        self.rate: list[list[float]] = []

    def evaluate(self, point: np.ndarray) -> Peak:
        names = [path.rpartition(".")[2] for path in self.axes.names]
        beliefs = dict(zip(names, point.tolist(), strict=True))
        there = at_parameters(self.start.design.choices, self.starts, beliefs)
        peak = self.start.moved(there)
        weights, errors = peak.weights
        self.weights = there.names
        height = peak.marginal - self.start.marginal
        row = *point, height, *weights, *np.log(errors)
        self.rows.append([float(f"{one:.6g}") for one in row])
        return peak

    def point_of(self, z: np.ndarray) -> np.ndarray:
        """Values of the parameters at coordinates (P,), as the table holds them."""
        values = self.axes.values(z[None])
        return np.array([float(f"{values[name][0]:.6g}") for name in self.axes.names])

    def along(self, name: str) -> None:
        """To either side of one parameter, and how far rows of a dyad hang together by it."""
        names = self.axes.names
        away = AWAY * np.eye(len(names))[names.index(name)]
        ends = [self.evaluate(self.point_of(side * away)) for side in (-1, 1)]
        low, high = (by_row(peak.design, peak.at) for peak in ends)
        _, dyad = np.unique(self.record.dyad, return_inverse=True)
        squares = np.bincount(dyad, high - low) ** 2
        self.stretch[name] = float(f"{squares.sum() / ((high - low) ** 2).sum():.4g}")

    def first_points(self) -> None:
        """Along each parameter that the table says nothing of; of a new table the centre and some draws too."""
        names, rng = self.axes.names, np.random.default_rng(1)
        lacking = [name for name in names if name not in self.stretch]
        if len(lacking) == len(names):
            self.evaluate(self.point_of(np.zeros(len(names))))
            for z in rng.standard_normal((self.drawn, len(names))):
                self.evaluate(self.point_of(z))
        for name in lacking:
            self.along(name)

    def profile(self) -> list[list[float]]:
        """Rate of opportunities, and the marginal log-likelihood over that at the rate in use."""
        heights = [[float(self.record.ceiling[0]), 0.0]]
        for factor in FACTORS:
            record = replace(self.record, ceiling=factor * self.record.ceiling)
            found = fit(record, levels=True, cluster=True, signs=True)
            height = peak_of(record, found).marginal - self.start.marginal
            heights.append([heights[0][0] * factor, float(f"{height:.4g}")])
            print("rate", *heights[-1], flush=True)
        return sorted(heights)

    def said(self, fresh: int, error: list[float]) -> dict[str, Any]:
        names = self.axes.names
        table, count = np.array(self.rows), len(names)
        values = dict(zip(names, table[:, :count].T, strict=True))
        points = self.axes.coordinates(values)
        return {
            "command": "python benchmarks/beliefs_table.py DATA --again",
            "data": "DCAD 1985-2003, all states",
            "names": list(names),
            "stretch": self.stretch,
            "weights": list(self.weights),
            "fresh": fresh,
            "error": error,
            "scales": {
                "marginal": fit_process(points, table[:, count]).scales,
                "weights": fit_process(points, in_errors(table[:, count + 1 :])).scales,
            },
            "rate": self.rate,
            "points": self.rows,
        }

    def round(self, number: int, before: Mapping[str, Any]) -> dict[str, Any]:
        """FRESH draws of the posterior more, after what is known without them is wrong there. before: the table
        without them."""
        record = record_of(before, self.axes.measured)
        z = posterior_points(record, FRESH, number)
        points = [self.point_of(at) for at in z]
        values = dict(zip(self.axes.names, np.array(points).T, strict=True))
        told = record.marginal(self.axes.coordinates(values))
        found = [
            self.evaluate(point).marginal - self.start.marginal for point in points
        ]
        off = told - np.array(found)
        error = [float(np.sqrt((off**2).mean())), float(off.mean())]
        print(len(self.rows), "points; error at fresh draws, nats:", error, flush=True)
        return self.said(FRESH, [float(f"{one:.3g}") for one in error])

    def rounds(self, error: float, most: int) -> Iterator[dict[str, Any]]:
        """The table after each round, until it is off by less than `error` nats at fresh draws."""
        self.first_points()
        said = self.said(0, [])
        for number in range(1, most + 1):
            said = self.round(number, said)
            yield said
            if said["error"][0] < error:
                break


def written(file: Path, said: Mapping[str, Any]) -> None:
    text = yaml.safe_dump(said, sort_keys=False, width=4000, default_flow_style=None)
    file.write_text(HEAD + text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--error", type=float, default=1.0)
    parser.add_argument("--most", type=int, default=6)
    parser.add_argument("--out", type=Path, default=SHIPPED)
    asked = parser.parse_args()
    history = load_history(asked.data, 1985)
    axes = Axes(NAMES, priors(), measurements())
    table = Table(history, fitted_terms(history)[0], axes)
    shipped = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    if asked.keep or asked.again:
        table.stretch, table.weights = shipped["stretch"], tuple(shipped["weights"])
    if asked.keep:
        table.rows, table.rate = shipped["points"], shipped["rate"]
    if asked.again:
        for row in shipped["points"]:
            table.evaluate(np.array(row[: len(NAMES)]))
    for said in table.rounds(asked.error, asked.most):
        written(asked.out, said)
    table.rate = table.rate or table.profile()
    written(asked.out, said | {"rate": table.rate})


if __name__ == "__main__":
    main()

"""A case's forecast of dyads against the responses on record, by agreement, beside two
baselines with hindsight.

Of an agreement's k scored dyads each weighs 1/k; a dyad without a response weighs 1.
Intervals are of each score to first order in the weights of rows, of which those of one
agreement and those that share a state vary together (Aronow, Samii, Assenova 2015).
Definitions: docs/cases.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.cases.responses import Response, sorted_out
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.score import MODEL
from balance_sim.evidence.scores import (
    FEWEST,
    FEWEST_UNEVEN,
    Ranking,
    carrying,
    student,
)
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats

Pair = tuple[str, str]

MEASURES = {
    "average_precision": (1, FEWEST_UNEVEN),
    "auc": (1, FEWEST),
    "brier": (-1, FEWEST),
}
"""Whether more of it is better, or less; responses below which it has no interval."""


@dataclass(frozen=True)
class CaseTable:
    """What is scored, one row a dyad and agreement, or a dyad without one. All arrays
    (N,)."""

    pairs: tuple[Pair, ...]
    happened: Floats
    weight: Floats
    cluster: NDArray[np.int64]


def score_case(
    scenario: Scenario,
    p: Mapping[Pair, float],
    responses: Sequence[Response],
    excess: Mapping[Pair, float] | None = None,
) -> dict[str, object]:
    """Scores of a forecast and of the two baselines, as plain data for JSON; None where
    a score is undefined.

    p: dyad (codes sorted) -> probability of a new agreement in the arm with the signal;
    a dyad that is not there has 0. excess: the same less the control arm's; only its
    ranking is scored. Raises DataError."""
    rows = sorted_out(responses, scenario)
    scored = [row for row in rows if not row.why_not]
    table = scored_table(scenario, scored)
    if not table.pairs:
        raise DataError(
            "the scenario has no dyad to score", "Add observers to the case"
        )
    forecasts = {MODEL: _values(p, table.pairs), **baselines(scenario, table)}
    dyads = list(dict.fromkeys(table.pairs))
    by_dyad = _values(p, dyads)
    document: dict[str, object] = {
        "pairs": len(dyads),
        "responding_pairs": len({(row.state_a, row.state_b) for row in scored}),
        "agreements": len({row.agreement_id for row in scored}),
        "expected_accords": sum(by_dyad.tolist()),
        **measured(forecasts, table),
    }
    if excess is not None:
        ranking = Ranking(_values(excess, table.pairs), table.happened)
        precision = ranking.average_precision(table.weight)
        scores = {"average_precision": precision, "auc": ranking.auc(table.weight)}
        document["excess"] = plain_data(scores)
    document["responses"] = _by_agreement(scored, p, by_dyad)
    document["not_scored"] = [
        {key: getattr(row, name) for key, name in NOT_SCORED.items()}
        for row in rows
        if row.why_not
    ]
    return document


NOT_SCORED = {
    "line": "line",
    "state_a": "state_a",
    "state_b": "state_b",
    "date": "written",
    "direction": "direction",
    "agreement_id": "agreement_id",
    "reason": "why_not",
}
"""Keys of a response that is not scored, and the fields they hold."""


def _values(p: Mapping[Pair, float], dyads: Sequence[Pair]) -> Floats:
    """(N,) of each dyad; 0 for one that is not there."""
    return np.array([float(p.get(dyad, 0.0)) for dyad in dyads])


def _by_agreement(
    scored: Sequence[Response], p: Mapping[Pair, float], by_dyad: Floats
) -> list[dict[str, object]]:
    """A row an agreement: its dyads with their probabilities, and the best rank of
    these among the probabilities of all dyads."""
    rows: list[dict[str, object]] = []
    for key in dict.fromkeys(row.agreement_id for row in scored):
        members = [row for row in scored if row.agreement_id == key]
        dyads = [(row.state_a, row.state_b) for row in members]
        chances = _values(p, dyads).tolist()
        row = {
            "agreement_id": key,
            "date": min((row.on, row.written) for row in members)[1],
            "direction": members[0].direction,
            "pairs": ["-".join(dyad) for dyad in dyads],
            "p": chances,
            "best_rank": 1 + int((by_dyad > max(chances)).sum()),
        }
        rows.append(row)
    return rows


def scored_table(scenario: Scenario, scored: Sequence[Response]) -> CaseTable:
    """The rows to score: agreements' dyads with weight 1/k, then the dyads without a
    response."""
    participants = {*classes_of(scenario).participants}
    agreements: dict[str, dict[Pair, None]] = {}
    for row in scored:
        agreements.setdefault(row.agreement_id, {})[row.state_a, row.state_b] = None
    dyads = [dyad for members in agreements.values() for dyad in members]
    answered = set(dyads)
    quiet = [
        dyad
        for dyad in combinations(sorted(scenario.codes), 2)
        if dyad not in answered and not {*dyad} <= participants
    ]
    sizes = [len(members) for members in agreements.values()]
    clusters = np.array(sizes + [1] * len(quiet), dtype=np.int64)
    return CaseTable(
        pairs=(*dyads, *quiet),
        happened=np.repeat([1.0, 0.0], [len(dyads), len(quiet)]),
        weight=np.repeat(1.0 / clusters, clusters),
        cluster=np.repeat(np.arange(len(clusters)), clusters),
    )


def baselines(scenario: Scenario, table: CaseTable) -> dict[str, Floats]:
    """Probabilities of the two baselines for each row."""
    earlier = {
        tuple(sorted((agreement.a, agreement.b)))
        for agreement in scenario.agreements
        if agreement.signed is not None or agreement.in_force is not None
    }
    has_earlier = np.array([dyad in earlier for dyad in table.pairs])
    share = np.zeros(len(has_earlier))
    for rows in (has_earlier, ~has_earlier):
        if rows.any():
            share[rows] = np.average(table.happened[rows], weights=table.weight[rows])
    base_rate = np.average(table.happened, weights=table.weight)
    return {
        "base_rate": np.full(len(has_earlier), float(base_rate)),
        "earlier_accords": share,
    }


def measured(
    forecasts: Mapping[str, Floats], table: CaseTable
) -> dict[str, dict[str, object]]:
    """Each forecast's measures with intervals, and, but for the model's own, what the
    model gains on it."""
    y, weight, cluster = table.happened, table.weight, table.cluster
    _, states = np.unique(table.pairs, return_inverse=True)
    first, second = states.reshape(-1, 2).T
    together = cluster[:, None] == cluster
    for side in (first, second):
        for opposite in (first, second):
            together |= side[:, None] == opposite
    carry, signing = carrying(y, cluster), len(np.unique(states.reshape(-1, 2)[y > 0]))
    values: dict[str, list[float]] = {}
    slopes: dict[str, Floats] = {}
    for name, p in forecasts.items():
        ranking, losses = Ranking(p, y), (p - y) ** 2
        brier = float(np.average(losses, weights=weight))
        values[name] = [
            ranking.average_precision(weight),
            ranking.auc(weight),
            brier,
        ]
        slopes[name] = np.full((3, len(y)), np.nan)
        if np.isfinite(values[name]).all():
            slopes[name][:2] = (
                ranking.average_precision_slope(weight),
                ranking.auc_slope(weight),
            )
        slopes[name][2] = (losses - brier) / weight.sum()
        slopes[name] *= weight

    def bounds(value: float, slope: Floats, fewest: int) -> list[float] | None:
        """The 95 % interval of a number; None where there is none."""
        if not math.isfinite(value) or (slope.any() and carry < fewest):
            return None
        apart = float((np.bincount(cluster, slope) ** 2).sum())
        error = math.sqrt(max(float(slope @ together @ slope), apart))
        return student(value, error, max(min(carry, signing), 2))

    document: dict[str, dict[str, object]] = {}
    for name in forecasts:
        row, gains = dict[str, object](), dict[str, object]()
        for column, (measure, (sign, fewest)) in enumerate(MEASURES.items()):
            value = values[name][column]
            ends = bounds(value, slopes[name][column], fewest)
            if ends is not None:
                ends = [max(ends[0], 0.0), min(ends[1], 1.0)]
            row |= {measure: value, f"{measure}_ci95": ends}
            gain = sign * (values[MODEL][column] - value)
            of_gain = slopes[MODEL][column] - slopes[name][column]
            interval = bounds(gain, of_gain, fewest)
            gains[measure] = {"value": gain, "ci95": interval}
        if name != MODEL:
            row["model_gains"] = gains
        document[name] = plain_data(row)
    return document

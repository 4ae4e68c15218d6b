"""A case's forecast of dyads against the responses on record, by agreement, beside two
baselines with hindsight.

Of an agreement's k scored dyads each weighs 1/k; a dyad without a response weighs 1.
Intervals are from resamples of whole agreements and of dyads without a response.
Definitions: docs/cases.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.cases.tables import Response, sorted_out
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.score import MODEL
from balance_sim.model.baseline import classes_of
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats
from balance_sim.stats.scores import Ranking, carrying, cluster_resamples, resampled

Pair = tuple[str, str]

MEASURES = {"average_precision": 1, "auc": 1, "brier": -1}
"""And whether more of it is better, or less."""
RESAMPLES = 1000


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
    *,
    resamples: int = RESAMPLES,
    seed: int = 1,
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

    def of(values: Mapping[Pair, float]) -> Floats:
        return np.array([float(values.get(dyad, 0.0)) for dyad in table.pairs])

    forecasts = {MODEL: of(p), **baselines(scenario, table)}
    found = measured(forecasts, table, resamples, seed)
    pairs = tuple(dict.fromkeys(table.pairs))
    once, count = np.array([table.pairs.index(dyad) for dyad in pairs]), len(pairs)
    whole = CaseTable(pairs, table.happened[once], np.ones(count), np.arange(count))
    each = {name: values[once] for name, values in forecasts.items()}
    plain = measured(each, whole, 0, seed)
    out: dict[str, object] = {
        "pairs": count,
        "responding_pairs": len(
            {dyad for dyad, y in zip(table.pairs, table.happened, strict=True) if y}
        ),
        "agreements": len({row.agreement_id for row in scored}),
        "expected_accords": sum(each[MODEL].tolist()),
        **found,
        "by_pair": {name: {m: plain[name][m] for m in MEASURES} for name in forecasts},
    }
    if excess is not None:
        ranking = Ranking(of(excess), table.happened)
        scores = {
            "average_precision": ranking.average_precision(table.weight),
            "auc": ranking.auc(table.weight),
        }
        out["excess"] = plain_data(scores)
    by_agreement = []
    for key in dict.fromkeys(row.agreement_id for row in scored):
        members = [row for row in scored if row.agreement_id == key]
        opportunities = [
            float(p.get((row.state_a, row.state_b), 0.0)) for row in members
        ]
        by_agreement.append(
            {
                "agreement_id": key,
                "date": min((row.on, row.written) for row in members)[1],
                "direction": members[0].direction,
                "pairs": [f"{row.state_a}-{row.state_b}" for row in members],
                "p": opportunities,
                "best_rank": 1 + int((each[MODEL] > max(opportunities)).sum()),
            }
        )
    said = {
        "line": "line",
        "state_a": "state_a",
        "state_b": "state_b",
        "date": "written",
        "direction": "direction",
    }
    said |= {"agreement_id": "agreement_id", "reason": "why_not"}
    left_out = [row for row in rows if row.why_not]
    not_scored = [
        {name: getattr(row, field) for name, field in said.items()} for row in left_out
    ]
    return out | {"responses": by_agreement, "not_scored": not_scored}


def scored_table(scenario: Scenario, scored: Sequence[Response]) -> CaseTable:
    """The rows to score: agreements' dyads with weight 1/k, then the dyads without a
    response."""
    inside = {*classes_of(scenario).participants}
    agreements: dict[str, dict[Pair, None]] = {}
    for row in scored:
        agreements.setdefault(row.agreement_id, {})[row.state_a, row.state_b] = None
    answered = {dyad for members in agreements.values() for dyad in members}
    everyone = [
        dyad
        for dyad in combinations(sorted(scenario.codes), 2)
        if not {*dyad} <= inside
    ]
    quiet = [dyad for dyad in everyone if dyad not in answered]
    sizes = [len(members) for members in agreements.values()]
    clusters = np.array(sizes + [1] * len(quiet), dtype=np.int64)
    return CaseTable(
        pairs=(*(dyad for members in agreements.values() for dyad in members), *quiet),
        happened=np.repeat([1.0, 0.0], [sum(sizes), len(quiet)]),
        weight=np.repeat(1.0 / clusters, clusters),
        cluster=np.repeat(np.arange(len(clusters)), clusters),
    )


def baselines(scenario: Scenario, table: CaseTable) -> dict[str, Floats]:
    """Probabilities of the two baselines for each row."""
    earlier = {
        (min(agreement.a, agreement.b), max(agreement.a, agreement.b))
        for agreement in scenario.agreements
        if agreement.signed is not None or agreement.in_force is not None
    }
    has = np.array([dyad in earlier for dyad in table.pairs])

    def share(rows: NDArray[np.bool_]) -> float:
        total = table.weight[rows].sum()
        return (
            float((table.weight * table.happened)[rows].sum() / total)
            if total > 0
            else 0.0
        )

    return {
        "base_rate": np.full(len(has), share(np.ones(len(has), dtype=bool))),
        "earlier_accords": np.where(has, share(has), share(~has)),
    }


def measured(
    forecasts: Mapping[str, Floats], table: CaseTable, resamples: int, seed: int
) -> dict[str, dict[str, object]]:
    """Each forecast's measures with intervals, and, but for the model's own, what the
    model gains on it."""
    clusters = int(table.cluster.max()) + 1
    carry = carrying(
        table.happened, table.cluster
    )  # so few make an interval longer, or none
    rankings = {
        name: Ranking(values, table.happened) for name, values in forecasts.items()
    }
    losses = {
        name: (values - table.happened) ** 2 for name, values in forecasts.items()
    }

    def measures(times: Floats) -> dict[str, Floats]:
        weight = table.weight * times[table.cluster]
        found = {}
        for name, ranking in rankings.items():
            brier = (weight * losses[name]).sum() / weight.sum()
            found[name] = np.array(
                [ranking.average_precision(weight), ranking.auc(weight), brier]
            )
        return found

    whole = measures(np.ones(clusters))
    drawn = cluster_resamples(measures, clusters, resamples, seed) or dict.fromkeys(
        whole, np.empty((0, 3))
    )

    def interval(value: float, draws: Floats) -> list[float] | None:
        low, high = resampled(value, draws[np.isfinite(draws)], carry)
        return [low, high] if math.isfinite(low) else None

    out: dict[str, dict[str, object]] = {}
    for name in forecasts:
        row, gains = dict[str, object](), dict[str, object]()
        for k, (measure, sign) in enumerate(MEASURES.items()):
            row[measure] = whole[name][k]
            bounds = interval(whole[name][k], drawn[name][:, k])
            row[f"{measure}_ci95"] = bounds and [
                max(bounds[0], 0.0),
                min(bounds[1], 1.0),
            ]
            gain, more = (
                sign * (whole[MODEL][k] - whole[name][k]),
                sign * (drawn[MODEL] - drawn[name])[:, k],
            )
            gains[measure] = {"value": gain, "ci95": interval(gain, more)}
        out[name] = plain_data(row if name == MODEL else {**row, "model_gains": gains})
    return out

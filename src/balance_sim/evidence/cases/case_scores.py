"""A case's forecast of pairs against the responses on record, by agreement.

Scored are all pairs of the scenario's states but those of two participants. A multilateral agreement counts
once: each of its k scored pairs weighs 1/k, so that every agreement weighs 1, and a pair in two agreements
stands twice. A pair without a response weighs 1. Intervals: 95 %, from resamples of whole agreements and of
pairs without a response; what pairs of one state have in common is not in them, so they are too narrow.

Two baselines, both with hindsight, which makes them hard to beat: `base_rate` gives every pair the case's own
share of responses; `earlier_accords` gives those with an accord signed before the start, and those without
one, their own shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from balance_sim.evidence.cases.case_responses import Response, sorted_out
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.forecast.score import Ranking, carrying, resampled
from balance_sim.model.classes import classes_of
from balance_sim.scenario.schema import Scenario

Floats = NDArray[np.float64]
Pair = tuple[str, str]

MEASURES = ("average_precision", "auc", "brier")
RESAMPLES = 1000


@dataclass(frozen=True)
class Table:
    """What is scored, one row a pair and agreement, or a pair without one. All arrays (N,)."""

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
    """Scores of a forecast and of the two baselines, as plain data for JSON; None where a score is undefined.

    p: pair (codes sorted) -> probability of a new accord in the arm with the signal; a pair that is not there
    has 0. excess: the same less the reference arm's; only its ranking is scored. Raises DataError."""
    rows = sorted_out(responses, scenario)
    scored = [row for row in rows if not row.why_not]
    table = scored_table(scenario, scored)
    if not table.pairs:
        raise DataError("the scenario has no pair to score", "Add observers to the case")
    forecasts = {"model": _of(p, table), **baselines(scenario, table)}
    found = measured(forecasts, table, resamples, seed)
    whole = pairs_once(table)
    plain = measured({name: values[whole.rows] for name, values in forecasts.items()}, whole.table, 0, seed)
    out: dict[str, object] = {
        "pairs": len(set(table.pairs)),
        "responding_pairs": len({pair for pair, y in zip(table.pairs, table.happened, strict=True) if y}),
        "agreements": len({row.agreement_id for row in scored}),
        "expected_accords": float(sum(p.get(pair, 0.0) for pair in set(table.pairs))),
        **found,
        "by_pair": {name: {m: plain[name][m] for m in MEASURES} for name in forecasts},
    }
    if excess is not None:
        ranking = Ranking(_of(excess, table), table.happened)
        out["excess"] = {
            "average_precision": _plain(ranking.average_precision(table.weight)),
            "auc": _plain(ranking.auc(table.weight)),
        }
    return out | {"responses": _by_agreement(scored, p, table), "not_scored": _reported(rows)}


def scored_table(scenario: Scenario, scored: Sequence[Response]) -> Table:
    """The rows to score: agreements' pairs with weight 1/k, then the pairs without a response."""
    inside = {*classes_of(scenario).participants}
    agreements: dict[str, dict[Pair, None]] = {}
    for row in scored:
        agreements.setdefault(row.agreement_id, {})[row.state_a, row.state_b] = None
    everyone = [pair for pair in combinations(sorted(scenario.codes), 2) if not {*pair} <= inside]
    answered = {pair for members in agreements.values() for pair in members}
    quiet = [pair for pair in everyone if pair not in answered]
    pairs, weight, cluster = [], [], []
    for number, members in enumerate(agreements.values()):
        pairs += list(members)
        weight += [1.0 / len(members)] * len(members)
        cluster += [number] * len(members)
    return Table(
        pairs=(*pairs, *quiet),
        happened=np.array([1.0] * len(pairs) + [0.0] * len(quiet)),
        weight=np.array(weight + [1.0] * len(quiet)),
        cluster=np.array(cluster + [len(agreements) + k for k in range(len(quiet))], dtype=np.int64),
    )


def baselines(scenario: Scenario, table: Table) -> dict[str, Floats]:
    """Probabilities of the two baselines for each row."""
    earlier = {
        (min(accord.a, accord.b), max(accord.a, accord.b))
        for accord in scenario.accords
        if accord.signed is not None or accord.in_force is not None
    }
    has = np.array([pair in earlier for pair in table.pairs])
    everyone = np.full(len(has), _share(table, np.ones(len(has), dtype=bool)))
    return {
        "base_rate": everyone,
        "earlier_accords": np.where(has, _share(table, has), _share(table, ~has)),
    }


def _share(table: Table, rows: NDArray[np.bool_]) -> float:
    total = table.weight[rows].sum()
    return float((table.weight * table.happened)[rows].sum() / total) if total > 0 else 0.0


@dataclass(frozen=True)
class Once:
    """Every pair once with weight 1, and the rows of the other table that it was taken from."""

    rows: NDArray[np.int64]
    table: Table


def pairs_once(table: Table) -> Once:
    """The table by pair instead of by agreement."""
    first: dict[Pair, int] = {}
    for at, pair in enumerate(table.pairs):
        first.setdefault(pair, at)
    rows = np.array(list(first.values()), dtype=np.int64)
    count = len(rows)
    return Once(rows, Table(tuple(first), table.happened[rows], np.ones(count), np.arange(count)))


def measured(
    forecasts: Mapping[str, Floats], table: Table, resamples: int, seed: int
) -> dict[str, dict[str, object]]:
    """Each forecast's measures with intervals, and, but for the model's own, what the model gains on it."""
    clusters = int(table.cluster.max()) + 1
    carry = carrying(table.happened, table.cluster)  # so few make an interval longer, or none
    rankings = {name: Ranking(values, table.happened) for name, values in forecasts.items()}
    losses = {name: (values - table.happened) ** 2 for name, values in forecasts.items()}

    def at(weight: Floats) -> dict[str, Floats]:
        return {
            name: np.array(
                [
                    rankings[name].average_precision(weight),
                    rankings[name].auc(weight),
                    (weight * losses[name]).sum() / weight.sum(),
                ]
            )
            for name in forecasts
        }

    whole = at(table.weight)
    rng = np.random.default_rng(seed)
    drawn: dict[str, list[Floats]] = {name: [] for name in forecasts}
    for _ in range(resamples):
        times = np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)
        for name, values in at(table.weight * times[table.cluster]).items():
            drawn[name].append(values)
    out: dict[str, dict[str, object]] = {}
    for name in forecasts:
        out[name] = {}
        for k, measure in enumerate(MEASURES):
            out[name][measure] = _plain(whole[name][k])
            bounds = _interval(whole[name][k], [d[k] for d in drawn[name]], carry)
            out[name][f"{measure}_ci95"] = bounds and [max(bounds[0], 0.0), min(bounds[1], 1.0)]
        if name != "model":
            out[name]["model_gains"] = {
                measure: {
                    "value": _plain(sign * (whole["model"][k] - whole[name][k])),
                    "ci95": _interval(
                        sign * (whole["model"][k] - whole[name][k]),
                        [sign * (m[k] - o[k]) for m, o in zip(drawn["model"], drawn[name], strict=True)],
                        carry,
                    ),
                }
                for k, (measure, sign) in enumerate(zip(MEASURES, (1, 1, -1), strict=True))
            }
    return out


def _of(values: Mapping[Pair, float], table: Table) -> Floats:
    return np.array([float(values.get(pair, 0.0)) for pair in table.pairs])


def _by_agreement(
    scored: Sequence[Response], p: Mapping[Pair, float], table: Table
) -> list[dict[str, object]]:
    """One record an agreement: what was forecast for its pairs, and where its best pair stands among all."""
    ranked = np.array(sorted((p.get(pair, 0.0) for pair in set(table.pairs)), reverse=True))
    out = []
    for key in dict.fromkeys(row.agreement_id for row in scored):
        rows = [row for row in scored if row.agreement_id == key]
        chances = [float(p.get((row.state_a, row.state_b), 0.0)) for row in rows]
        out.append(
            {
                "agreement_id": key,
                "date": min((row.on, row.written or str(row.on)) for row in rows)[1],
                "direction": rows[0].direction,
                "pairs": [f"{row.state_a}-{row.state_b}" for row in rows],
                "p": chances,
                "best_rank": 1 + int((ranked > max(chances)).sum()),
            }
        )
    return out


def _reported(rows: Sequence[Response]) -> list[dict[str, object]]:
    return [
        {
            "line": row.line,
            "state_a": row.state_a,
            "state_b": row.state_b,
            "date": row.written or str(row.on),
            "direction": row.direction,
            "agreement_id": row.agreement_id,
            "reason": row.why_not,
        }
        for row in rows
        if row.why_not
    ]


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _interval(value: float, draws: Sequence[float], carry: int) -> list[float] | None:
    low, high = resampled(value, np.array([one for one in draws if math.isfinite(one)]), carry)
    return [low, high] if math.isfinite(low) else None

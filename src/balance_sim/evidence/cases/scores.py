"""A case's forecast of dyads against the responses on record, by agreement, beside two
baselines with hindsight; and the table of what is on record as an answer to a signal.

`counter` and `bandwagon` rows of it are responses. Every other row is kept and
reported, and not scored: `other` rows, rows with a side that is no state of the
scenario (NATO, EU, SCO), rows outside the window. Columns: docs/cases.md.

Of an agreement's k scored dyads each weighs 1/k; a dyad without a response weighs 1.
Intervals are of each score to first order in the weights of rows, of which those of one
agreement and those that share a state vary together (Aronow, Samii, Assenova 2015).
Definitions: docs/cases.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.cases.tables import state_code
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import Table, open_table
from balance_sim.evidence.forecast.forecast import thaw
from balance_sim.evidence.forecast.score import MODEL, SCORES, weighted_scores
from balance_sim.evidence.goodness.dyad_probabilities import RUNS, dyad_probabilities
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
from balance_sim.stats import Floats, Ints
from balance_sim.study.result import Result

RESPONSES = ("counter", "bandwagon")
DIRECTIONS = (*RESPONSES, "other")
COLUMNS = "case_id state_a! state_b! date! direction! agreement_id"
SIDES = ["state_a", "state_b"]
PERIODS = {"month": "M", "year": "Y"}
"""What is known of an imprecise date, and how pandas calls it."""


def responses_of(path: Path | str, case_id: str) -> pd.DataFrame:
    """The rows of one case; all where no row has a case.

    What is wrong in the rows of other cases is no matter. A blank agreement_id makes
    the row an agreement of its own. A date may be a month or a year. Raises
    DataError.

    Returns
    -------
    DataFrame : line of the table; state_a, state_b; date as the table has it, first and
        latest day of what is known of it; direction; agreement_id
    """
    table = open_table(path, "responses", COLUMNS)
    ids = table.text["case_id"]
    if (ids != "").any():
        table.text = table.text[ids == case_id]
    if table.text.empty:
        raise DataError(
            "no response is recorded for this case",
            f"The cases found are: {', '.join(ids.unique()[:20]) or 'none'}",
            path,
            column="case_id",
            value=case_id,
        )
    return _responses(table)


def _responses(table: Table) -> pd.DataFrame:
    """The rows of a table, checked. Raises DataError."""
    text, direction = table.text, table.text["direction"].str.lower()
    table.refuse(
        "direction",
        ~direction.isin(DIRECTIONS),
        "this is no direction",
        f"Write one of {', '.join(DIRECTIONS)}",
    )
    latest, precision = table.dates("date", end=True)
    table.refuse("date", latest.isna(), "a response needs a date", "Write YYYY-MM-DD")
    for side in SIDES:
        table.refuse(
            side,
            text[side] == "",
            "a side is missing",
            "Name a state or an organisation",
        )
    first = latest
    for unit, period in PERIODS.items():
        first = first.mask(precision == unit, latest.dt.to_period(period).dt.start_time)
    own_ids = "line-" + text.index.astype(str)
    return pd.DataFrame(
        {
            "line": text.index,
            **{side: text[side].map(_code) for side in SIDES},
            "date": text["date"],
            "first": first,
            "latest": latest,
            "direction": direction,
            "agreement_id": text["agreement_id"].mask(
                text["agreement_id"] == "", own_ids
            ),
        }
    )


def _code(word: str) -> str:
    """The code of a state, or the word itself."""
    return state_code(word) or word.upper()


def sorted_out(responses: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """The same rows in the scenario's codes, and in `why_not` the reason for which each
    is not scored; empty where it is."""
    code_of = {codes.current_iso3(code): code for code in scenario.codes}
    sides = responses[SIDES].map(
        lambda code: code_of.get(codes.current_iso3(code), code)
    )
    rows = responses.assign(**sides)
    return rows.assign(
        state_a=sides.min(axis=1),
        state_b=sides.max(axis=1),
        why_not=[_why_not(row, scenario) for row in rows.itertuples()],
    )


def _why_not(row: Any, scenario: Scenario) -> str:
    """Why a row is not scored; empty if it is."""
    if row.direction not in RESPONSES:
        return f"direction `{row.direction}`: not a response"
    for side in (row.state_a, row.state_b):
        if side not in scenario.codes:
            roster = " of the scenario" if state_code(side) else ""
            return f"{side}: not a state{roster}"
    if row.state_a == row.state_b:
        return "both sides are one state"
    if {row.state_a, row.state_b} <= {*classes_of(scenario).participants}:
        return "both sides are participants"
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    if row.latest.date() < focal.date or row.first.date() >= scenario.end:
        return f"outside the window {focal.date}..{scenario.end}"
    return ""


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
    cluster: Ints


def score_result(
    result: Result, outcomes: Path, case_id: str, runs: int = RUNS
) -> dict[str, Any]:
    """The scores of a finished study, in the arm that changes nothing, as plain data.

    runs: replications simulated again. Raises WrongRequest where there is the control
    arm alone or no replication, DataError for a bad table."""
    responses = responses_of(outcomes, case_id)
    finished, arm = int(result.outcomes["run"].nunique()), result.headline_arm
    p = dyad_probabilities(result, arm, runs=runs)
    control = dyad_probabilities(result, result.reference, runs=runs)
    effect = {dyad: p[dyad] - control[dyad] for dyad in p}
    name = result.scenario.name
    return {
        "scenario": name,
        "case": case_id,
        "about": f"{name}, arm {arm}, {finished} replications",
        "arm": arm,
        "runs": finished,
        "simulated_again": min(finished, runs),
        "failed_runs": len(result.failed),
        **score_case(result.scenario, p, responses, effect),
    }


def score_frozen(
    frozen: Path, outcomes: Path, case_id: str, scenario: Scenario
) -> dict[str, Any]:
    """The scores of a frozen forecast against a case's responses, as plain data;
    `scenario` says which dyads are scored.

    Raises DataError where the forecast was changed after it was frozen."""
    forecast, day = thaw(frozen)
    responses = responses_of(outcomes, case_id)
    return {
        "scenario": scenario.name,
        "case": case_id,
        "about": f"{forecast.about}, frozen on {day}",
        "frozen": day,
        "sha256": forecast.sha256,
        **score_case(
            scenario, dict(zip(forecast.pairs, forecast.p, strict=True)), responses
        ),
    }


def score_case(
    scenario: Scenario,
    p: Mapping[Pair, float],
    responses: pd.DataFrame,
    excess: Mapping[Pair, float] | None = None,
) -> dict[str, object]:
    """Scores of a forecast and of the two baselines, as plain data for JSON; None where
    a score is undefined.

    p: dyad (codes sorted) -> probability of a new agreement in the arm with the signal;
    a dyad that is not there has 0. excess: the same less the control arm's; only its
    ranking is scored. Raises DataError."""
    rows = sorted_out(responses, scenario)
    is_scored = rows["why_not"] == ""
    scored = rows[is_scored]
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
        "responding_pairs": len(scored[SIDES].drop_duplicates()),
        "agreements": scored["agreement_id"].nunique(),
        "expected_accords": sum(by_dyad.tolist()),
        **measured(forecasts, table),
    }
    if excess is not None:
        ranking = Ranking(_values(excess, table.pairs), table.happened)
        precision = ranking.average_precision(table.weight)
        scores = {"average_precision": precision, "auc": ranking.auc(table.weight)}
        document["excess"] = plain_data(scores)
    document["responses"] = _by_agreement(scored, p, by_dyad)
    left_out = rows[~is_scored].rename(columns={"why_not": "reason"})
    document["not_scored"] = left_out[NOT_SCORED].to_dict("records")
    return document


NOT_SCORED = ["line", *SIDES, "date", "direction", "agreement_id", "reason"]
"""Keys of a response that is not scored."""


def _values(p: Mapping[Pair, float], dyads: Sequence[Pair]) -> Floats:
    """(N,) of each dyad; 0 for one that is not there."""
    return np.array([float(p.get(dyad, 0.0)) for dyad in dyads])


def _by_agreement(
    scored: pd.DataFrame, p: Mapping[Pair, float], by_dyad: Floats
) -> list[dict[str, object]]:
    """A row an agreement: its dyads with their probabilities, and the best rank of
    these among the probabilities of all dyads."""
    rows: list[dict[str, object]] = []
    for key, members in scored.groupby("agreement_id", sort=False):
        dyads = dyads_of(members)
        chances = _values(p, dyads).tolist()
        row = {
            "agreement_id": key,
            "date": members.sort_values(["first", "date"])["date"].iloc[0],
            "direction": members["direction"].iloc[0],
            "pairs": ["-".join(dyad) for dyad in dyads],
            "p": chances,
            "best_rank": 1 + int((by_dyad > max(chances)).sum()),
        }
        rows.append(row)
    return rows


def dyads_of(rows: pd.DataFrame) -> list[Pair]:
    """The dyad of each row."""
    return list(rows[SIDES].itertuples(index=False, name=None))


def scored_table(scenario: Scenario, scored: pd.DataFrame) -> CaseTable:
    """The rows to score: agreements' dyads with weight 1/k, then the dyads without a
    response."""
    participants = {*classes_of(scenario).participants}
    once = scored.drop_duplicates(["agreement_id", *SIDES])
    number = pd.factorize(once["agreement_id"])[0]
    order = np.argsort(number, kind="stable")
    dyads, sizes = dyads_of(once.iloc[order]), np.bincount(number)
    answered = {*dyads}
    quiet = [
        dyad
        for dyad in combinations(sorted(scenario.codes), 2)
        if dyad not in answered and not {*dyad} <= participants
    ]
    clusters = np.append(sizes, np.ones(len(quiet), dtype=np.int64))
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
    return {
        "base_rate": np.full(
            len(has_earlier), float(np.average(table.happened, weights=table.weight))
        ),
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
    scores = {name: weighted_scores(p, y, weight) for name, p in forecasts.items()}

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
        for measure, (sign, fewest) in MEASURES.items():
            column = SCORES.index(measure)
            value, model = (float(scores[key][0][column]) for key in (name, MODEL))
            slope, of_model = (scores[key][1][column] for key in (name, MODEL))
            ends = bounds(value, slope, fewest)
            if ends is not None:
                ends = [max(ends[0], 0.0), min(ends[1], 1.0)]
            row |= {measure: value, f"{measure}_ci95": ends}
            gain = sign * (model - value)
            interval = bounds(gain, of_model - slope, fewest)
            gains[measure] = {"value": gain, "ci95": interval}
        if name != MODEL:
            row["model_gains"] = gains
        document[name] = plain_data(row)
    return document

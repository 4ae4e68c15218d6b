"""The seventeen mechanisms of the founding article, each measured on any scenario:
docs/mechanisms.md.

*Implied*: the sign was the same in every draw of the guessed parameters, with the
event's targets as they are coded and with none, so only its size, and how that compares
with placebos, is a finding: `benchmarks/implied_signs.csv`. *Emergent*: the sign is
open. A measure that a scenario cannot support says why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from balance_sim.article.mechanisms import agreements, spiral, states
from balance_sim.article.mechanisms.data import MechanismEstimate, NoValue, StudyData
from balance_sim.effects.participants import PlaceboComparison
from balance_sim.scenario.errors import plain_data

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult

Verdict = Literal["as expected", "opposite", "not distinguishable"]


class Mechanism(NamedTuple):
    """One claim.

    article : what the founding article expects; sign: of the value
    measure : what the value is, and compute has it
    tag : whether all draws of the guessed parameters have one sign
    """

    id: str
    name: str
    article: str
    sign: int
    compute: Callable[[StudyData], MechanismEstimate]
    measure: str
    tag: Literal["implied", "emergent"] = "emergent"


MECHANISMS = (
    Mechanism(
        "M1",
        "counter-balancing is triggered",
        "up",
        1,
        agreements.triggered,
        "effect on counter-balancing security agreements in the longest window",
        "implied",
    ),
    Mechanism(
        "M2",
        "balancing is selective",
        "concentrated",
        1,
        agreements.selective,
        "rate ratio of the effect per base rate, threatened dyads against "
        "others, within strata",
        "implied",
    ),
    Mechanism(
        "M3",
        "audiences read the signal differently",
        "West up, mixed elsewhere",
        1,
        states.audiences,
        "rise of the participants' perceived alignment, most against least "
        "attentive audience",
    ),
    Mechanism(
        "M4",
        "visibility matters",
        "rising",
        1,
        agreements.visible,
        "elasticity of the effect in the event's visibility",
        "implied",
    ),
    Mechanism(
        "M5",
        "mediator credibility is lost",
        "down",
        -1,
        partial(states.of_host, mechanism="M5"),
        "change of the host's credibility between the sides of the war",
        "implied",
    ),
    Mechanism(
        "M6",
        "relations of Europe and the host worsen",
        "down",
        -1,
        partial(states.of_host, mechanism="M6"),
        "change of Europe's mean relation to the host",
        "implied",
    ),
    Mechanism(
        "M7",
        "relations of Asia and the host worsen",
        "down, less for non-claimants",
        -1,
        partial(states.of_host, mechanism="M7"),
        "change of Asia's mean relation to the host",
        "implied",
    ),
    Mechanism(
        "M8",
        "entrapment by unpredictable partners",
        "up",
        1,
        states.entrapment,
        "share of the host's later loss of standing that starts with its "
        "partners' provocations",
    ),
    Mechanism(
        "M9",
        "room for manoeuvre shrinks",
        "down",
        -1,
        partial(states.of_host, mechanism="M9"),
        "change of the number of partners worth having that would agree",
    ),
    Mechanism(
        "M10",
        "net loss to the host",
        "loss",
        1,
        partial(states.of_host, mechanism="M10"),
        "change of the host's insecurity",
    ),
    Mechanism(
        "M11",
        "background tension amplifies",
        "larger at high",
        1,
        agreements.tense,
        "effect on counter-balancing security agreements at twice the initial "
        "tension less that at half of it",
    ),
    Mechanism(
        "M12",
        "guilt by association",
        "up",
        1,
        states.association,
        "share of the change of hostility to the host that comes through partners",
        "implied",
    ),
    Mechanism(
        "M13",
        "rivalry inside the bloc",
        "inverse, partial recovery",
        1,
        states.rivalry,
        "change of the host's influence over the junior principal less the third's",
    ),
    Mechanism(
        "M14",
        "neutrality gap",
        "wider",
        1,
        partial(states.of_host, mechanism="M14"),
        "distance of the host's perceived position from its declared one",
        "implied",
    ),
    Mechanism(
        "M15",
        "the pipeline accelerates",
        "shorter",
        1,
        agreements.hastened,
        "days gained per agreement under way at the start",
    ),
    Mechanism(
        "M16",
        "security dilemma",
        "up, damped",
        1,
        spiral.spiral,
        "loop gain: further agreements within a year per agreement",
    ),
    Mechanism(
        "M17",
        "guests bandwagon",
        "up",
        1,
        agreements.joined,
        "effect on new security agreements of guests with participants in the "
        "longest window",
    ),
)


def verdict(lo: float, hi: float, sign: int) -> Verdict:
    """What a 95 % interval says of a sign that was expected. No interval, or one with
    zero in it: nothing.

    >>> verdict(0.1, 0.2, 1), verdict(0.1, 0.2, -1), verdict(-0.1, 0.2, 1)
    ('as expected', 'opposite', 'not distinguishable')
    """
    if not (np.isfinite(lo) and np.isfinite(hi)) or lo <= 0 <= hi:
        return "not distinguishable"
    return "as expected" if lo * sign > 0 else "opposite"


def measured(result: AnalysedResult) -> dict[str, dict[str, Any]]:
    """Every mechanism of a study.

    Returns
    -------
    dict : by id, plain data: measure, value, ci95, tag, article, found, detail, and how
        placebos compare; without a value `why` there is none
    """
    arm = result.headline_arm
    why = "" if arm else "there is no arm beside the control arm"
    why = why if result.finished else "no run finished"
    if arm is None or why:
        return {row.id: _empty_row(row) | {"why": why} for row in MECHANISMS}
    data, family = StudyData(result, arm), result.placebos.family("participants")
    compared: dict[str, PlaceboComparison] = {}
    if family is not None:
        compared = {**family.measures, "M1": family}
    return {row.id: _measured(row, data, compared.get(row.id)) for row in MECHANISMS}


def _empty_row(mechanism: Mechanism) -> dict[str, Any]:
    """What is known of a mechanism before it is measured."""
    return {
        "name": mechanism.name,
        "measure": mechanism.measure,
        "value": None,
        "ci95": [None, None],
        "tag": mechanism.tag,
        "article": mechanism.article,
        "placebo_percentile": None,
        "placebo_rank": None,
        "placebos": 0,
        "placebo_verdict": None,
        "found": None,
    }


def _measured(
    mechanism: Mechanism, data: StudyData, comparison: PlaceboComparison | None
) -> dict[str, Any]:
    """The row of a mechanism; numbers that do not exist are None. Of a sign that is
    implied nothing is found.

    comparison: the measure among placebos, by the expected estimator or in the frozen
    world; M2 has its own."""
    row = _empty_row(mechanism)
    try:
        estimate = mechanism.compute(data)
    except NoValue as reason:
        return row | {"why": str(reason)}
    comparison = estimate.shuffled or comparison
    if comparison is not None and len(comparison.known):
        row["placebo_percentile"] = comparison.below(mechanism.sign)
        row["placebo_rank"], row["placebos"] = comparison.rank, len(comparison.known)
        row["placebo_verdict"] = comparison.verdict
    if mechanism.tag == "emergent":
        sign = verdict(estimate.lo, estimate.hi, mechanism.sign)
        row["found"] = estimate.verdict or sign
    return row | {
        "value": plain_data(estimate.value),
        "ci95": plain_data([estimate.lo, estimate.hi]),
        "runs": estimate.n,
        "note": estimate.note,
        "detail": plain_data(estimate.detail),
    }

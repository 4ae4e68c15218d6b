"""The seventeen mechanisms of the founding article, each measured on any scenario:
docs/mechanisms.md.

*Implied*: the sign was the same in every draw of the guessed parameters, with the
event's targets as they are coded and with none, so only its size, and how that compares
with placebos, is a finding. `benchmarks/implied_signs.py` draws, and writes
`signs.csv`. *Emergent*: the sign is open. A measure that a scenario cannot support says
why.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from balance_sim.article.mechanisms import agreements, spiral, states
from balance_sim.article.mechanisms.data import MechanismEstimate, NoValue, StudyData
from balance_sim.effects.participants import PlaceboComparison
from balance_sim.scenario.errors import plain_data
from balance_sim.scenario.files import shipped_text

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult

Verdict = Literal["as expected", "opposite", "not distinguishable"]
Tag = Literal["implied", "emergent"]


@dataclass(frozen=True)
class Mechanism:
    """One claim. article: what the founding article expects; sign: of the value;
    measure: what the value is."""

    id: str
    name: str
    article: str
    sign: int
    compute: Callable[[StudyData], MechanismEstimate]
    measure: str

    @property
    def tag(self) -> Tag:
        """Whether all draws of the guessed parameters have one sign."""
        return tags()[self.id]


MECHANISMS = (
    Mechanism(
        "M1",
        "counter-balancing is triggered",
        "up",
        1,
        agreements.triggered,
        "effect on counter-balancing security agreements in the longest window",
    ),
    Mechanism(
        "M2",
        "balancing is selective",
        "concentrated",
        1,
        agreements.selective,
        "rate ratio of the effect per base rate, threatened dyads against "
        "others, within strata",
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
    ),
    Mechanism(
        "M5",
        "mediator credibility is lost",
        "down",
        -1,
        states.mediation,
        "change of the host's credibility between the sides of the war",
    ),
    Mechanism(
        "M6",
        "relations of Europe and the host worsen",
        "down",
        -1,
        states.europe,
        "change of Europe's mean relation to the host",
    ),
    Mechanism(
        "M7",
        "relations of Asia and the host worsen",
        "down, less for non-claimants",
        -1,
        states.asia,
        "change of Asia's mean relation to the host",
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
        states.manoeuvre,
        "change of the number of partners worth having that would agree",
    ),
    Mechanism(
        "M10",
        "net loss to the host",
        "loss",
        1,
        states.net_loss,
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
        states.neutrality,
        "distance of the host's perceived position from its declared one",
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
    arm, data = result.headline_arm, None
    why = "" if arm else "there is no arm beside the control arm"
    why = why if result.finished else "no run finished"
    comparisons: dict[str, PlaceboComparison] = {}
    if arm is not None and not why:
        data, participants = (
            StudyData(result, arm),
            result.placebos.family("participants"),
        )
        if participants is not None:
            comparisons = {**participants.measures, "M1": participants}
    rows = {}
    for mechanism in MECHANISMS:
        row = rows[mechanism.id] = _empty_row(mechanism)
        if data is None:
            row["why"] = why
            continue
        try:
            estimate = mechanism.compute(data)
        except NoValue as reason:
            row["why"] = str(reason)
        else:
            comparison = estimate.shuffled or comparisons.get(mechanism.id)
            row |= _measured_row(mechanism, estimate)
            row |= _compared_row(mechanism, comparison)
    return rows


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
        "placebo_p": None,
        "placebos": 0,
        "placebo_verdict": None,
        "found": None,
    }


def _measured_row(mechanism: Mechanism, estimate: MechanismEstimate) -> dict[str, Any]:
    """What a measure came to, as plain data: numbers that do not exist are None. Of a
    sign that is implied nothing is found."""
    found = estimate.verdict or verdict(estimate.lo, estimate.hi, mechanism.sign)
    return {
        "value": plain_data(estimate.value),
        "ci95": plain_data([estimate.lo, estimate.hi]),
        "found": found if mechanism.tag == "emergent" else None,
        "runs": estimate.n,
        "note": estimate.note,
        "detail": plain_data(estimate.detail),
    }


def _compared_row(
    mechanism: Mechanism, comparison: PlaceboComparison | None
) -> dict[str, Any]:
    """How a measure compares with that of placebos, by the expected estimator or in the
    frozen world; nothing without placebos."""
    if comparison is None or not len(comparison.known):
        return {}
    return {
        "placebo_percentile": comparison.below(mechanism.sign),
        "placebo_p": comparison.p,
        "placebos": len(comparison.known),
        "placebo_verdict": comparison.verdict,
    }


@cache
def tags() -> Mapping[str, Tag]:
    """By mechanism, as `signs.csv` has them."""
    lines = shipped_text("balance_sim.article.mechanisms", "signs.csv").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return {
        row["id"]: "implied" if row["tag"] == "implied" else "emergent" for row in rows
    }

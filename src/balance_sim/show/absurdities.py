"""What nobody in the field would believe of a world at its start, in words and with the
cure: what `balance-sim check` warns of beside what no effect can be seen in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from balance_sim.effects.scale import LARGEST, OFF
from balance_sim.effects.world_at_start import COUNTER, HARDLY
from balance_sim.model.baseline import worth_naming
from balance_sim.scenario.reading import Finding
from balance_sim.show import wording as say
from balance_sim.show.diary import listed, state_in_text
from balance_sim.show.scale import act_words

if TYPE_CHECKING:
    from balance_sim.effects.scale import Scale
    from balance_sim.effects.world_at_start import WorldAtStart

FEARED = (
    "strength, nearness, `disputes` and `no_relations` make a state feared; agreements "
    "in `accords` and like ideal points make it trusted"
)

CALM = {
    "agreement": ("bound to {0} by an agreement in force", "see `accords`"),
    "alignment": (
        "more likely than not on the side of {0}",
        "like ideal points and agreements in `accords` align two states",
    ),
    "reach": (
        "which {0} is too weak or too far away to threaten",
        "see `capability` and `distances`",
    ),
    "hostility": (
        "which has too little quarrel with {0} ({1} of its balance of threat)",
        "see `disputes`",
    ),
}
"""Why a target is not threatened, and where to look."""


def absurdities(start: WorldAtStart, acts: Scale) -> Iterator[Finding]:
    """Yield what is absurd in a world, at the values in use.

    Parameters
    ----------
    start : the control arm on its first day
    acts : what standard acts would do in it
    """
    yield from _feared_allies(start)
    yield from _fearless(start)
    yield from _calm_targets(start)
    yield from _lone_dyad(start)
    yield from _level(start)
    yield from _small(acts)
    yield from _off_record(acts)


def _feared_allies(start: WorldAtStart) -> Iterator[Finding]:
    """States that fear their own ally or patron most."""
    names, scenario = say.state_names(start.scenario), start.scenario
    deepest = max(kind.depth for kind in scenario.kinds.values())
    patrons = {state.id: state.patrons for state in scenario.states}
    cases = []
    for i, code in enumerate(start.codes):
        most = start.fears_most[i]
        if not most:
            continue
        is_ally = start.depth[i, start.codes.index(most)] >= 0.99 * deepest
        if is_ally or most in patrons[code]:
            cases.append((code, most))
    if cases:
        words = [f"{names[code]} ({names[ally]})" for code, ally in cases]
        why = f"fear their own ally or patron most: {', '.join(words)}"
        yield Finding("W320", f"states.{cases[0][0]}", why, FEARED)


def _fearless(start: WorldAtStart) -> Iterator[Finding]:
    """States that fear nobody much."""
    bound = worth_naming(start.scenario.parameters.tau)
    pairs = zip(start.codes, start.fears_most, strict=True)
    codes = [code for code, most in pairs if not most]
    if codes:
        states = listed(say.state_names(start.scenario), codes)
        why = f"nobody is feared much by {states}: no other state makes more than "
        why += f"{100 * bound:.2g} % of the balance of threat (a quarter of `tau`)"
        yield Finding("W321", f"states.{codes[0]}", why, FEARED)


def _calm_targets(start: WorldAtStart) -> Iterator[Finding]:
    """Targets of the focal event that the states which take part do not threaten, each
    with the reason."""
    scenario = start.scenario
    names = say.state_names(scenario)
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    for calm in start.calm_targets:
        target, actor = (
            state_in_text(names, code) for code in (calm.code, calm.participant)
        )
        why, hint = CALM[calm.reason]
        share = say.percent(calm.share)
        yield Finding(
            "W322",
            f"{focal.path}.targets",
            f"aimed at, but not threatened: {target}, {why.format(actor, share)}",
            f"its agreements do not count as counter-balancing; {hint}",
        )


def _lone_dyad(start: WorldAtStart) -> Iterator[Finding]:
    """Where the headline hangs on one dyad."""
    counted = np.flatnonzero(start.direction == COUNTER)
    if len(counted) == 1:
        names, (p,) = say.state_names(start.scenario), counted
        sides = (start.codes[side[p]] for side in (start.first, start.second))
        state_a, state_b = (state_in_text(names, code) for code in sides)
        why = f"only one dyad can count as counter-balancing: {state_a} and {state_b}"
        hint = "add states that fear those who take part, or quarrels in `disputes`"
        yield Finding("W323", "states", why, hint)


def _level(start: WorldAtStart) -> Iterator[Finding]:
    """Where nothing says how many agreements a year are usual."""
    scenario = start.scenario
    if scenario.base_rate is None and not scenario.calibration.file:
        years = start.a_year().values()
        total = say.level(sum(sum(year.values()) for year in years))
        why = (
            f"not given: {total} agreements a year are expected by the shipped "
            "intercepts, which belong to fifty states of 2025"
        )
        hint = "state it, or calibrate on a record: `balance-sim evidence calibrate`"
        yield Finding("W326", "base_rate", why, hint)


def _small(acts: Scale) -> Iterator[Finding]:
    """Where no event whatever can make a difference that is seen."""
    largest = [act.effect for act in acts.acts if act.act == LARGEST]
    if largest and largest[0] < HARDLY:
        why = (
            f"no event can add more than {largest[0]:.1g} of an agreement to the "
            f"{acts.level:.2g} that are expected {say.within(acts.window)}"
        )
        hint = "raise `base_rate`, add states that can count, or lengthen the window"
        yield Finding("W325", "states", why, hint)


def _off_record(acts: Scale) -> Iterator[Finding]:
    """Acts that are answered otherwise than by states on record."""
    off = [
        f"{act_words(act)} {say.signed(100 * acts.ratio(act.effect), 1)} % "
        f"({say.signed(100 * acts.ratio(act.record[0]), 1)} %)"
        for act in acts.off_record
    ]
    if off:
        why = f"more than {OFF:g} times off what states on record did, in brackets: "
        hint = "compare `theory.weights` and the kinds' `reaction` with the defaults"
        yield Finding("W327", "theory", why + ", ".join(off), hint)

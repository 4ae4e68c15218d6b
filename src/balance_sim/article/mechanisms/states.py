"""Mechanisms read off what states believe: audiences, the host's standing, its
partners, insecurity, neutrality. Their formulas stand in `article.beliefs`."""

from __future__ import annotations

from dataclasses import replace

from balance_sim.article.arms import CONTROL, RATES, extra_arm
from balance_sim.article.beliefs import audiences_apart, measures
from balance_sim.article.mechanisms.data import (
    MechanismEstimate,
    NoValue,
    PairedColumns,
    StudyData,
    detail_of,
    mean_of,
    need,
    ratio,
)
from balance_sim.study.outcomes import Outcome

TOO_FEW_PRINCIPALS = "the focal event has fewer than two principals in the roster"
NO_PROVOCATIONS = "the scenario declares no provocations by the host's partners"
NO_CHANGE = "what states think of the host does not differ between the arms"


def of_host(study: StudyData, mechanism: str) -> MechanismEstimate:
    """M5, M6, M7, M9, M10 and M14: the mean change of what a formula reads of the
    host."""
    study.need_host()
    change = measures(study.worlds)[mechanism](study)
    need(isinstance(change, PairedColumns), "the scenario reports no such group")
    return mean_of(change)


def audiences(study: StudyData) -> MechanismEstimate:
    """M3: rise of the participants' perceived alignment where the event is heeded most,
    less where least."""
    need(len(study.cast.participants) > 1, TOO_FEW_PRINCIPALS)
    apart = audiences_apart(study.worlds, study.cast)
    if apart is None:
        raise NoValue("all audiences heed such an event alike")
    change = measures(study.worlds)["M3"](study)
    return mean_of(change, note=" less ".join(apart))


def entrapment(study: StudyData) -> MechanismEstimate:
    """M8: share of the host's loss of standing at the horizon that starts with its
    partners' provocations.

    Loss: fall of all outsiders' mean relation. With provocations less without, over
    that from the control arm."""
    host = study.need_host()
    partners = {study.codes[i] for i in study.cast.participants if i != host}
    acts = [act for act in study.scenario.provocations if act.state in partners]
    need([act for act in acts if act.rate > 0], NO_PROVOCATIONS)
    calm = extra_arm("provoked", RATES[0])
    study.need_extra(calm)
    outcome = Outcome("relations", "outside_host", study.long)
    arms = (study.arm, study.reference, calm, calm + CONTROL)
    loss, loss_without, loss_calm, loss_calm_without = -study.columns(outcome, *arms).T
    by_them = PairedColumns(loss, loss_calm)
    added = by_them - PairedColumns(loss_without, loss_calm_without)
    note = (
        "that such acts cost the host is implied; the event adds "
        f"{added.values.mean():+.6f} to their cost"
    )
    share = ratio(by_them, PairedColumns(loss, loss_calm_without))
    details = {"added_by_the_event": detail_of(added)}
    return MechanismEstimate(*share, len(loss), note=note, detail=details)


def association(study: StudyData) -> MechanismEstimate:
    """M12: share of the change of hostility to the host, -ln(1 - q), that comes through
    its partners."""
    study.need_host()
    drawn = study.of("drawn_in", "outside_host")
    hostility = drawn + study.of("hostility", "outside_host")
    need(hostility.values.any(), NO_CHANGE)
    return MechanismEstimate(*ratio(drawn, hostility), len(drawn.arm))


def rivalry(study: StudyData) -> MechanismEstimate:
    """M13: change of the host's influence over the junior principal less that of the
    third."""
    places = (study.need_host(), study.cast.junior, study.cast.third)
    estimate = of_host(study, "M13")
    names = zip(("host", "junior", "third"), places, strict=True)
    note = ", ".join(f"{role} {study.codes[i]}" for role, i in names if i is not None)
    return replace(estimate, note=note)

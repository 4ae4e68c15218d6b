"""Mechanisms read off what states believe: audiences, the host's standing, its
partners, insecurity, neutrality. Their formulas stand in `article.beliefs`."""

from __future__ import annotations

from typing import Any

from balance_sim.article.arms import CONTROL, RATES, extra_arm
from balance_sim.article.beliefs import asian_shares, audiences_apart, measures
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
NO_WAR = "no two states of the roster, the host apart, are at war"
NO_EUROPE = "the scenario reports no group `europe`"
NO_ASIA = "the scenario reports no group whose name starts with `asia`"
NO_PROVOCATIONS = "the scenario declares no provocations by the host's partners"
NO_BETA = "beta is 0: friends without a treaty lend nothing, and nobody joins a quarrel"
NO_CHANGE = "what states think of the host does not differ between the arms"
NO_THIRD = (
    "the focal event has fewer than three principals in the roster, one of them its "
    "host"
)
NO_POSITION = (
    "the scenario declares no position of the host between two disputants "
    "(`report.positions`)"
)


def _mean(study: StudyData, mechanism: str, **more: Any) -> MechanismEstimate:
    """The mean over replications of a formula. more: fields of the estimate."""
    return mean_of(measures(study.worlds)[mechanism](study), **more)


def audiences(study: StudyData) -> MechanismEstimate:
    """M3: rise of the participants' perceived alignment where the event is heeded most,
    less where least."""
    need(len(study.cast.participants) > 1, TOO_FEW_PRINCIPALS)
    apart = audiences_apart(study.worlds, study.cast)
    if apart is None:
        raise NoValue("all audiences heed such an event alike")
    return _mean(study, "M3", note=" less ".join(apart))


def mediation(study: StudyData) -> MechanismEstimate:
    """M5: change of the host's credibility as a mediator in the war."""
    study.need_host()
    need(study.has("credibility", "host"), NO_WAR)
    return _mean(study, "M5")


def europe(study: StudyData) -> MechanismEstimate:
    """M6: change of the mean relation of Europe's states to the host."""
    study.need_host()
    need(study.has("relations", "europe_host"), NO_EUROPE)
    return _mean(study, "M6")


def asia(study: StudyData) -> MechanismEstimate:
    """M7: change of the mean relation of Asia's states to the host."""
    study.need_host()
    need(asian_shares(study.cast), NO_ASIA)
    return _mean(study, "M7")


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
    outcome = Outcome("relations", "outside_host", study.long).name
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


def manoeuvre(study: StudyData) -> MechanismEstimate:
    """M9: change of the host's room for manoeuvre: partners worth having that would
    agree."""
    study.need_host()
    return _mean(study, "M9")


def net_loss(study: StudyData) -> MechanismEstimate:
    """M10: change of the host's insecurity: what the others' fear costs it, less what
    its partners lend."""
    study.need_host()
    note = NO_BETA if study.scenario.parameters.beta <= 0 else ""
    return _mean(study, "M10", note=note)


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
    roles = {
        "host": study.need_host(),
        "junior": study.cast.junior,
        "third": study.cast.third,
    }
    need(study.has("influence", "host_junior"), NO_THIRD)
    states = [f"{role} {study.codes[i]}" for role, i in roles.items() if i is not None]
    return _mean(study, "M13", note=", ".join(states))


def neutrality(study: StudyData) -> MechanismEstimate:
    """M14: how far the host's perceived position in the war lies from the one it
    declares."""
    study.need_host()
    need(study.has("neutrality_gap", "host"), NO_POSITION)
    return _mean(study, "M14")

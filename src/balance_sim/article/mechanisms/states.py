"""Mechanisms read off what states believe: audiences, the host's standing, its
partners, insecurity, neutrality."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from balance_sim.article.beliefs import asian_shares, audiences_apart, outsiders
from balance_sim.article.mechanisms.data import (
    NAN,
    MechanismEstimate,
    NoValue,
    PairedColumns,
    StudyData,
    detail,
    detail_of,
    mean_of,
    need,
    ratio,
)
from balance_sim.model.beliefs import attention_to
from balance_sim.model.core import Floats

TOO_FEW_PRINCIPALS = "the focal event has fewer than two principals in the roster"
NO_WAR = "no two states of the roster, the host apart, are at war"
NO_PROVOCATIONS = "the scenario declares no provocations by the host's partners"
NO_BETA = "beta is 0: friends without a treaty lend nothing, and nobody joins a quarrel"
NO_THIRD = (
    "the focal event has fewer than three principals in the roster, one of them its "
    "host"
)
NO_POSITION = (
    "the scenario declares no position of the host between two disputants "
    "(`report.positions`)"
)


def audiences(r: StudyData) -> MechanismEstimate:
    """M3: rise of the participants' perceived alignment where the event is heeded most,
    less where least."""
    kind = r.focal.kind
    attention = {
        name: attention_to(r.scenario, name, kind) for name in r.cast.audiences
    }
    need(len(r.cast.participants) > 1, TOO_FEW_PRINCIPALS)
    apart = audiences_apart(r.worlds, r.cast)
    if apart is None:
        raise NoValue("all audiences heed such an event alike")
    most_attentive, least_attentive = apart
    rises, details = {}, {}
    for name, share in attention.items():
        rises[name] = r.difference(r.named("alignment_participants", name))
        details[name] = detail_of(rises[name]) | {"attention": share}
    agreements = {
        name: detail_of(_agreements_per_state(r, name)) for name in r.scenario.audiences
    }
    return mean_of(
        rises[most_attentive] - rises[least_attentive],
        note=f"{most_attentive} less {least_attentive}",
        detail={"rise": details, "accords_per_state": agreements},
    )


def _agreements_per_state(r: StudyData, audience: str) -> PairedColumns:
    """Change of new agreements per state of an audience."""
    members = outsiders(r.worlds, r.cast, audience)
    is_member = np.isin(np.arange(r.worlds.reference.n), members)
    having = _agreements_of(r, r.arm, is_member)
    control = _agreements_of(r, r.reference, is_member)
    is_alike = r.arm in r.result.alike
    change = PairedColumns(having, control, alike=is_alike, least=1.0)
    return change.times(1 / max(int(is_member.sum()), 1))


def _agreements_of(r: StudyData, arm: str, is_member: Any) -> Floats:
    """(runs,) sides of new agreements in an arm that are among some states."""
    world, new = r.worlds.reference, r.new(arm)
    dyad, runs = new["dyad"].to_numpy(int), np.searchsorted(r.runs, new["run"])
    sides = is_member[world.first[dyad]].astype(float) + is_member[world.second[dyad]]
    return np.bincount(runs, sides, minlength=len(r.runs))


def _need(r: StudyData, outcome: str, why: str) -> None:
    """Raise NoValue where the study has no host, or lacks an outcome in the shortest
    window."""
    r.need_host()
    need(r.has(f"{outcome}_{r.short}"), why)


def _of_host(
    r: StudyData, outcome: str, note: str = "", **details: Any
) -> MechanismEstimate:
    """Change of an outcome of the host in the shortest window, with its level in the
    control arm."""
    name = f"{outcome}_{r.short}"
    without = {"without": r.level(name)}
    by_window = {"by_window": r.by_window(outcome)}
    return mean_of(r.difference(name), note=note, detail=without | details | by_window)


def mediation(r: StudyData) -> MechanismEstimate:
    """M5: change of the host's credibility as a mediator in the war, beside that of all
    rival mediators."""
    _need(r, "credibility_host", NO_WAR)
    host = r.difference(r.named("credibility", "host"))
    rivals = r.difference(r.named("credibility", "rivals"))
    estimate = _of_host(
        r,
        "credibility_host",
        rivals=detail_of(rivals),
        against_rivals=detail_of(host - rivals),
    )
    wars = ["-".join(r.codes[i] for i in dyad) for dyad in r.cast.wars]
    estimate.detail["wars"] = wars
    return estimate


def europe(r: StudyData) -> MechanismEstimate:
    """M6: change of the mean relation of Europe's states to the host, and how much
    comes through the war."""
    outcome = "relations_europe_host"
    _need(r, outcome, "the scenario reports no group `europe`")
    details: dict[str, Any] = {"by_window": r.by_window(outcome)}
    war = r.named("drawn_in_war", "europe_host")
    if r.has(war):
        parties = [r.codes[i] for i in r.cast.war_parties]
        share = ratio(r.difference(war), _hostility(r, "europe"))
        details["share_through_war"] = detail(*share, parties=parties)
    return mean_of(r.difference(f"{outcome}_{r.short}"), detail=details)


def _hostility(r: StudyData, group: str) -> PairedColumns:
    """Change of -ln(1 - q): hostility to the host itself, and what its partners draw it
    into."""
    hostility = r.difference(r.named("hostility", f"{group}_host"))
    return hostility + r.difference(r.named("drawn_in", f"{group}_host"))


def asia(r: StudyData) -> MechanismEstimate:
    """M7: change of the mean relation of Asia's states to the host; South Korea
    apart."""
    r.need_host()
    shares = asian_shares(r.cast)
    need(shares, "the scenario reports no group whose name starts with `asia`")
    groups = list(shares)
    if r.has(r.named("relations", "south_korea_host")):
        groups.append("south_korea")
    changes = {
        group: r.difference(r.named("relations", f"{group}_host")) for group in groups
    }
    by_group = {group: detail_of(change) for group, change in changes.items()}
    details: dict[str, Any] = {"by_group": by_group}
    if {"asia_claimants", "asia_others"} <= set(shares):
        difference = changes["asia_claimants"] - changes["asia_others"]
        details["claimants_less_others"] = detail_of(difference)
    weighted = [changes[group].times(share) for group, share in shares.items()]
    return mean_of(reduce(add, weighted), detail=details)


def entrapment(r: StudyData) -> MechanismEstimate:
    """M8: share of the host's loss of standing at the horizon that starts with its
    partners' provocations.

    Loss: fall of all outsiders' mean relation. With provocations less without, over
    that from the control arm."""
    host = r.need_host()
    partners = {r.codes[i] for i in r.cast.participants if i != host}
    provocations = [
        act.id
        for act in r.scenario.provocations
        if act.rate > 0 and act.state in partners
    ]
    need(provocations, NO_PROVOCATIONS)
    calm, twice = "extra.provoked_0", "extra.provoked_200"
    r.need_extra(calm)
    outcome = r.named("relations", "outside_host", r.long)
    arms = (r.arm, r.reference, calm, calm + ".reference", twice)
    loss, loss_without, loss_calm, loss_calm_without, loss_twice = -r.columns(
        outcome, *arms
    ).T
    by_them = PairedColumns(loss, loss_calm)
    added = by_them - PairedColumns(loss_without, loss_calm_without)
    spread = {
        "0": _deviation(loss_calm),
        "1": _deviation(loss),
        "2": _deviation(loss_twice),
    }
    note = (
        "that such acts cost the host is implied; the event adds "
        f"{added.values.mean():+.6f} to their cost"
    )
    return MechanismEstimate(
        *ratio(by_them, PairedColumns(loss, loss_calm_without)),
        len(loss),
        note=note,
        detail={
            "loss_by_provocations": detail_of(by_them),
            "added_by_the_event": detail_of(added),
            "standard_deviation_of_loss_by_rate": spread,
            "provocations": provocations,
        },
    )


def _deviation(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else NAN


def manoeuvre(r: StudyData) -> MechanismEstimate:
    """M9: change of the host's room for manoeuvre: partners worth having that would
    agree."""
    r.need_host()
    rate = r.difference(r.named("room_rate", "host"))
    return _of_host(r, "room_host", rate_of_agreement=detail_of(rate))


def net_loss(r: StudyData) -> MechanismEstimate:
    """M10: change of the host's insecurity: what the others' fear costs it, less what
    its partners lend."""
    r.need_host()
    changes = {"defence": detail_of(r.difference(r.named("defence", "host")))}
    for name, whose in (
        ("dependence", "host"),
        ("dependence_on_partners", "host_partners"),
    ):
        outcome = r.named("dependence", whose)
        if r.has(outcome):
            changes[name] = detail_of(r.difference(outcome))
    note = NO_BETA if r.scenario.parameters.beta <= 0 else ""
    return _of_host(r, "insecurity_host", note, **changes)


def association(r: StudyData) -> MechanismEstimate:
    """M12: share of the change of hostility to the host that comes through its
    partners."""
    r.need_host()
    outside = _hostility(r, "outside")
    why = "what states think of the host does not differ between the arms"
    need(outside.values.any(), why)
    by_group = {}
    for group in r.cast.groups:
        if r.has(r.named("hostility", f"{group}_host")):
            drawn = r.difference(r.named("drawn_in", f"{group}_host"))
            total = _hostility(r, group)
            share = ratio(drawn, total)
            by_group[group] = detail(*share, change=detail_of(total))
    share = ratio(r.difference(r.named("drawn_in", "outside_host")), outside)
    return MechanismEstimate(*share, len(r.runs), detail={"by_group": by_group})


def rivalry(r: StudyData) -> MechanismEstimate:
    """M13: change of the host's influence over the junior principal less that of the
    third."""
    roles = {"host": r.need_host(), "junior": r.cast.junior, "third": r.cast.third}
    need(r.has(r.named("influence", "host_junior")), NO_THIRD)
    gaps = {}
    for window in r.windows:
        host = r.difference(r.named("influence", "host_junior", window))
        third = r.difference(r.named("influence", "third_junior", window))
        gaps[window] = host - third
    short, horizon = gaps[r.short], gaps[r.long]
    remaining = ratio(horizon, short) if short.values.any() else (NAN, NAN, NAN)
    outcomes = {
        role: r.named("influence", f"{role}_junior") for role in ("host", "third")
    }
    changes = {role: detail_of(r.difference(name)) for role, name in outcomes.items()}
    states = [f"{role} {r.codes[i]}" for role, i in roles.items() if i is not None]
    return mean_of(
        short,
        note=", ".join(states),
        detail={
            **changes,
            "without": {role: r.level(name) for role, name in outcomes.items()},
            "left_at_the_horizon": detail(*remaining),
            "by_window": {str(w): detail_of(gap) for w, gap in gaps.items()},
        },
    )


def neutrality(r: StudyData) -> MechanismEstimate:
    """M14: how far the host's perceived position in the war lies from the one it
    declares."""
    _need(r, "neutrality_gap_host", NO_POSITION)
    declared = dict(r.scenario.report.positions)
    return _of_host(r, "neutrality_gap_host", declared=declared)

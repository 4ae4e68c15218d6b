"""Mechanisms read off what states believe: audiences, the host's standing, its
partners, insecurity, neutrality."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from balance_sim.article.beliefs import asian_shares, audiences_apart, outsiders
from balance_sim.article.mechanisms.data import (
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


def audiences(r: StudyData) -> MechanismEstimate:
    """M3: rise of the participants' perceived alignment where the event is heeded most,
    less where least."""
    heed = {
        name: attention_to(r.scenario, name, r.focal.kind) for name in r.cast.audiences
    }
    need(
        len(r.cast.participants) > 1,
        "the focal event has fewer than two principals in the roster",
    )
    apart = audiences_apart(r.worlds, r.cast)
    if apart is None:
        raise NoValue("all audiences heed such an event alike")
    most, least = apart
    rise = {
        name: r.difference(r.named("alignment_participants", name)) for name in heed
    }
    rises = {
        name: detail_of(of) | {"attention": heed[name]} for name, of in rise.items()
    }
    made = {
        name: detail_of(_agreements_per_state(r, name)) for name in r.scenario.audiences
    }
    more = {"rise": rises, "accords_per_state": made}
    return mean_of(rise[most] - rise[least], note=f"{most} less {least}", detail=more)


def _agreements_per_state(r: StudyData, audience: str) -> PairedColumns:
    """Change of new agreements per state of an audience."""
    world = r.worlds.reference
    inside = np.isin(np.arange(world.n), outsiders(r.worlds, r.cast, audience))
    made = []
    for arm in (r.arm, r.reference):
        new = r.new(arm)
        dyad = new["dyad"].to_numpy(int)
        sides = inside[world.first[dyad]].astype(float) + inside[world.second[dyad]]
        made.append(
            np.bincount(
                np.searchsorted(r.runs, new["run"]), sides, minlength=len(r.runs)
            )
        )
    change = PairedColumns(made[0], made[1], alike=r.arm in r.result.alike, least=1.0)
    return change.times(1 / max(int(inside.sum()), 1))


def _of_host(
    r: StudyData, outcome: str, note: str = "", **more: Any
) -> MechanismEstimate:
    """Change of an outcome of the host in the shortest window, with its level in the
    control arm."""
    name = f"{outcome}_{r.short}"
    found = {"without": r.level(name), **more, "by_window": r.by_window(outcome)}
    return mean_of(r.difference(name), note=note, detail=found)


def _need(r: StudyData, outcome: str, why: str) -> None:
    """Raise NoValue where the study has no host, or lacks an outcome in the shortest
    window."""
    r.need_host()
    need(r.has(f"{outcome}_{r.short}"), why)


def mediation(r: StudyData) -> MechanismEstimate:
    """M5: change of the host's credibility as a mediator in the war, beside that of all
    rival mediators."""
    _need(
        r, "credibility_host", "no two states of the roster, the host apart, are at war"
    )
    host, rivals = (
        r.difference(r.named("credibility", who)) for who in ("host", "rivals")
    )
    found = _of_host(
        r,
        "credibility_host",
        rivals=detail_of(rivals),
        against_rivals=detail_of(host - rivals),
    )
    found.detail["wars"] = ["-".join(r.codes[i] for i in dyad) for dyad in r.cast.wars]
    return found


def europe(r: StudyData) -> MechanismEstimate:
    """M6: change of the mean relation of Europe's states to the host, and how much
    comes through the war."""
    _need(r, "relations_europe_host", "the scenario reports no group `europe`")
    found: dict[str, Any] = {"by_window": r.by_window("relations_europe_host")}
    war = r.named("drawn_in_war", "europe_host")
    if r.has(war):
        parties = [r.codes[i] for i in r.cast.war_parties]
        through = ratio(r.difference(war), _hostility(r, "europe"))
        found["share_through_war"] = detail(*through, parties=parties)
    return mean_of(r.difference(r.named("relations", "europe_host")), detail=found)


def _hostility(r: StudyData, group: str) -> PairedColumns:
    """Change of -ln(1 - q): hostility to the host itself, and what its partners draw it
    into."""
    own, drawn = (
        r.difference(f"{part}_{group}_host_{r.short}")
        for part in ("hostility", "drawn_in")
    )
    return own + drawn


def asia(r: StudyData) -> MechanismEstimate:
    """M7: change of the mean relation of Asia's states to the host; South Korea
    apart."""
    r.need_host()
    shares = asian_shares(r.cast)
    need(shares, "the scenario reports no group whose name starts with `asia`")
    apart = ["south_korea"] if r.has(r.named("relations", "south_korea_host")) else []
    groups = {
        name: r.difference(r.named("relations", f"{name}_host"))
        for name in [*shares, *apart]
    }
    found: dict[str, Any] = {
        "by_group": {name: detail_of(of) for name, of in groups.items()}
    }
    if {"asia_claimants", "asia_others"} <= set(shares):
        found["claimants_less_others"] = detail_of(
            groups["asia_claimants"] - groups["asia_others"]
        )
    return mean_of(
        reduce(add, [groups[name].times(part) for name, part in shares.items()]),
        detail=found,
    )


def entrapment(r: StudyData) -> MechanismEstimate:
    """M8: share of the host's loss of standing at the horizon that starts with its
    partners' provocations.

    Loss: fall of all outsiders' mean relation. With provocations less without, over
    that from the control arm."""
    host = r.need_host()
    beside = {r.codes[i] for i in r.cast.participants if i != host}
    partners = [
        one for one in r.scenario.provocations if one.rate > 0 and one.state in beside
    ]
    need(partners, "the scenario declares no provocations by the host's partners")
    calm, twice = "extra.provoked_0", "extra.provoked_200"
    r.need_extra(calm)
    arms = (r.arm, r.reference, calm, calm + ".reference", twice)
    relations = r.columns(r.named("relations", "outside_host", r.long), *arms)
    with_it, without, calm_with, calm_without, twice_with = -relations.T
    by_them = PairedColumns(with_it, calm_with)
    added = by_them - PairedColumns(without, calm_without)
    by_rate = {"0": calm_with, "1": with_it, "2": twice_with}
    spread = {
        rate: float(of.std(ddof=1)) if len(of) > 1 else float("nan")
        for rate, of in by_rate.items()
    }
    return MechanismEstimate(
        *ratio(by_them, PairedColumns(with_it, calm_without)),
        len(with_it),
        note=f"that such acts cost the host is implied; the event adds {added.values.mean():+.6f} to their cost",
        detail={
            "loss_by_provocations": detail_of(by_them),
            "added_by_the_event": detail_of(added),
            "standard_deviation_of_loss_by_rate": spread,
            "provocations": [one.id for one in partners],
        },
    )


def manoeuvre(r: StudyData) -> MechanismEstimate:
    """M9: change of the host's room for manoeuvre: partners worth having that would
    agree."""
    r.need_host()
    return _of_host(
        r,
        "room_host",
        rate_of_agreement=detail_of(r.difference(r.named("room_rate", "host"))),
    )


def net_loss(r: StudyData) -> MechanismEstimate:
    """M10: change of the host's insecurity: what the others' fear costs it, less what
    its partners lend."""
    r.need_host()
    parts = {
        "defence": r.named("defence", "host"),
        "dependence": r.named("dependence", "host"),
    }
    parts["dependence_on_partners"] = r.named("dependence", "host_partners")
    changes = {
        name: detail_of(r.difference(of))
        for name, of in parts.items()
        if name == "defence" or r.has(of)
    }
    alone = r.scenario.parameters.beta <= 0
    note = (
        "beta is 0: friends without a treaty lend nothing, and nobody joins a quarrel"
        if alone
        else ""
    )
    return _of_host(r, "insecurity_host", note, **changes)


def association(r: StudyData) -> MechanismEstimate:
    """M12: share of the change of hostility to the host that comes through its
    partners."""
    r.need_host()
    outside = _hostility(r, "outside")
    need(
        outside.values.any(),
        "what states think of the host does not differ between the arms",
    )
    by_group = {}
    for name in r.cast.groups:
        if r.has(r.named("hostility", f"{name}_host")):
            drawn, whole = (
                r.difference(r.named("drawn_in", f"{name}_host")),
                _hostility(r, name),
            )
            by_group[name] = detail(*ratio(drawn, whole), change=detail_of(whole))
    through = ratio(r.difference(r.named("drawn_in", "outside_host")), outside)
    return MechanismEstimate(*through, len(r.runs), detail={"by_group": by_group})


def rivalry(r: StudyData) -> MechanismEstimate:
    """M13: change of the host's influence over the junior principal less that of the
    third."""
    names = {"host": r.need_host(), "junior": r.cast.junior, "third": r.cast.third}
    why = "the focal event has fewer than three principals in the roster, one of them its host"
    need(r.has(r.named("influence", "host_junior")), why)
    gap = {}
    for w in r.windows:
        host, third = (
            r.difference(r.named("influence", f"{who}_junior", w))
            for who in ("host", "third")
        )
        gap[w] = host - third
    left = (
        ratio(gap[r.long], gap[r.short]) if gap[r.short].values.any() else (np.nan,) * 3
    )
    return mean_of(
        gap[r.short],
        note=", ".join(
            f"{part} {r.codes[i]}" for part, i in names.items() if i is not None
        ),
        detail={
            **{
                who: detail_of(r.difference(r.named("influence", f"{who}_junior")))
                for who in ("host", "third")
            },
            "without": {
                who: r.level(r.named("influence", f"{who}_junior"))
                for who in ("host", "third")
            },
            "left_at_the_horizon": detail(*left),
            "by_window": {str(w): detail_of(of) for w, of in gap.items()},
        },
    )


def neutrality(r: StudyData) -> MechanismEstimate:
    """M14: how far the host's perceived position in the war lies from the one it
    declares."""
    why = "the scenario declares no position of the host between two disputants (`report.positions`)"
    _need(r, "neutrality_gap_host", why)
    return _of_host(
        r, "neutrality_gap_host", declared=dict(r.scenario.report.positions)
    )

"""Mechanisms read off what states believe: audiences, mediation, relations by group, guilt by association."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

from balance_sim.analysis.mechanisms.readings import (
    Change,
    Found,
    Measured,
    Readings,
    detail_of,
    mean_found,
    ratio,
)
from balance_sim.model.news import attention_to
from balance_sim.replications.recorder import asian_shares, audiences_apart, outsiders

Floats = npt.NDArray[np.float64]

NO_HOST = "the focal event names no host in the roster"


def audiences(r: Readings) -> Measured:
    """M3: rise of the participants' perceived alignment where the event is heeded most, less where least."""
    heed = {name: attention_to(r.scenario, name, r.focal.kind) for name in r.cast.audiences}
    if len(r.cast.participants) < 2:
        return "the focal event has fewer than two principals in the roster"
    apart = audiences_apart(r.worlds, r.cast)
    if apart is None:
        return "all audiences heed such an event alike"
    most, least = apart
    outside = {name: outsiders(r.worlds, r.cast, name) for name in r.scenario.audiences}
    column = "alignment_participants_{}_{}".format
    rise = {name: r.difference(column(name, r.short)) for name in heed}
    acts = _acts_by_audience(r, outside)
    return mean_found(
        rise[most] - rise[least],
        note=f"{most} less {least}",
        detail={
            "rise": {name: detail_of(of) | {"attention": heed[name]} for name, of in rise.items()},
            "accords_per_state": {name: detail_of(of) for name, of in acts.items()},
        },
    )


def _acts_by_audience(r: Readings, audiences: dict[str, list[int]]) -> dict[str, Change]:
    """Change of new accords per state of an audience."""
    world, out = r.worlds.reference, {}
    for name, inside in audiences.items():
        who = np.isin(np.arange(world.n), inside)
        made = []
        for arm in (r.arm, r.result.reference):
            new = r.new(arm)
            pair = new["pair"].to_numpy(int)
            sides = who[world.first[pair]].astype(float) + who[world.second[pair]]
            made.append(np.bincount(np.searchsorted(r.runs, new["run"]), sides, minlength=len(r.runs)))
        change = Change(made[0], made[1], alike=r.arm in r.result.alike, least=1.0)
        out[name] = change.times(1 / max(int(who.sum()), 1))
    return out


def mediation(r: Readings) -> Measured:
    """M5: change of the host's credibility as a mediator in the war, beside that of all rival mediators."""
    if r.cast.host is None:
        return NO_HOST
    if not r.has(f"credibility_host_{r.short}"):
        return "no two states of the roster, the host apart, are at war"
    host, rivals = (r.difference(f"credibility_{who}_{r.short}") for who in ("host", "rivals"))
    level = r.level(f"credibility_host_{r.short}")
    return mean_found(
        host,
        detail={
            "without": level,
            "rivals": detail_of(rivals),
            "against_rivals": detail_of(host - rivals),
            "by_window": r.by_window("credibility_host"),
            "wars": ["-".join(r.codes[i] for i in pair) for pair in r.cast.wars],
        },
    )


def europe(r: Readings) -> Measured:
    """M6: change of the mean relation of Europe's states to the host, and how much comes through the war."""
    if r.cast.host is None:
        return NO_HOST
    name = f"relations_europe_host_{r.short}"
    if not r.has(name):
        return "the scenario reports no group `europe`"
    detail: dict[str, Any] = {"by_window": r.by_window("relations_europe_host")}
    if r.has(f"drawn_in_war_europe_host_{r.short}"):
        through, *bounds = ratio(r.difference(f"drawn_in_war_europe_host_{r.short}"), against(r, "europe"))
        parties = [r.codes[i] for i in r.cast.war_parties]
        detail["share_through_war"] = {"value": through, "ci95": bounds, "parties": parties}
    return mean_found(r.difference(name), detail=detail)


def against(r: Readings, group: str, arm: str | None = None) -> Change:
    """Change of -ln(1 - q): hostility of the host's own, and what its partners draw it into."""
    own, drawn = (r.difference(f"{part}_{group}_host_{r.short}", arm) for part in ("hostility", "drawn_in"))
    return own + drawn


def asia(r: Readings) -> Measured:
    """M7: change of the mean relation of Asia's states to the host; South Korea apart."""
    if r.cast.host is None:
        return NO_HOST
    shares = asian_shares(r.cast)
    if not shares:
        return "the scenario reports no group whose name starts with `asia`"
    parts = [r.difference(f"relations_{name}_host_{r.short}").times(part) for name, part in shares.items()]
    value = reduce(add, parts)
    apart = [name for name in ("south_korea",) if r.has(f"relations_{name}_host_{r.short}")]
    groups = {name: detail_of(r.difference(f"relations_{name}_host_{r.short}")) for name in [*shares, *apart]}
    detail: dict[str, Any] = {"by_group": groups}
    if {"asia_claimants", "asia_others"} <= set(shares):
        claimants, others = (
            r.difference(f"relations_asia_{name}_host_{r.short}") for name in ("claimants", "others")
        )
        detail["claimants_less_others"] = detail_of(claimants - others)
    return mean_found(value, detail=detail)


def association(r: Readings) -> Measured:
    """M12: share of the change of hostility to the host that comes through its partners."""
    if r.cast.host is None:
        return NO_HOST
    if not against(r, "outside").values.any():
        return "what states think of the host does not differ between the arms"
    value, lo, hi = ratio(r.difference(f"drawn_in_outside_host_{r.short}"), against(r, "outside"))
    by_group = {}
    for name in r.cast.groups:
        if r.has(f"hostility_{name}_host_{r.short}"):
            of, *bounds = ratio(r.difference(f"drawn_in_{name}_host_{r.short}"), against(r, name))
            by_group[name] = {"value": of, "ci95": bounds, "change": detail_of(against(r, name))}
    return Found(value, lo, hi, len(r.runs), detail={"by_group": by_group})

"""Mechanisms read off the host: entrapment, room, net loss, rivalry inside the bloc, the neutrality gap."""

from __future__ import annotations

import numpy as np

from balance_sim.analysis.mechanisms.beliefs import NO_HOST
from balance_sim.analysis.mechanisms.readings import (
    NO_EXTRA,
    Change,
    Found,
    Measured,
    Readings,
    detail_of,
    mean_found,
    ratio,
)


def entrapment(r: Readings) -> Measured:
    """M8: share of the host's loss of standing at the horizon that starts with its partners' provocations.

    Loss: fall of the mean relation of all outsiders to the host. With provocations in the arm, less without
    them, over the whole loss from the reference without them."""
    if r.cast.host is None:
        return NO_HOST
    beside = {r.codes[i] for i in r.cast.participants if i != r.cast.host}
    partners = [one for one in r.scenario.provocations if one.rate > 0 and one.state in beside]
    if not partners:
        return "the scenario declares no provocations by the host's partners"
    calm, twice = "extra.provoked_0", "extra.provoked_200"
    if not r.has_arm(calm):
        return NO_EXTRA
    reference = r.result.reference
    arms = (r.arm, reference, calm, calm + ".reference", twice, twice + ".reference")
    columns = -r.columns(f"relations_outside_host_{r.long}", *arms)
    with_it, without, calm_with, calm_without, twice_with, _ = columns.T
    by_them = Change(with_it, calm_with)
    value, lo, hi = ratio(by_them, Change(with_it, calm_without))
    added = by_them - Change(without, calm_without)
    spread = {"0": calm_with, "1": with_it, "2": twice_with}
    return Found(
        value,
        lo,
        hi,
        len(with_it),
        note=f"that such acts cost the host is implied; the event adds {added.values.mean():+.1e} to their cost",
        detail={
            "loss_by_provocations": detail_of(by_them),
            "added_by_the_event": detail_of(added),
            "standard_deviation_of_loss_by_rate": {
                rate: float(of.std(ddof=1)) if len(of) > 1 else float("nan") for rate, of in spread.items()
            },
            "provocations": [one.id for one in partners],
        },
    )


def manoeuvre(r: Readings) -> Measured:
    """M9: change of the host's room for manoeuvre: partners worth having that would agree."""
    if r.cast.host is None:
        return NO_HOST
    level = r.level(f"room_host_{r.short}")
    rate = r.difference(f"room_rate_host_{r.short}")
    detail = {
        "without": level,
        "rate_of_agreement": detail_of(rate),
        "by_window": r.by_window("room_host"),
    }
    return mean_found(r.difference(f"room_host_{r.short}"), detail=detail)


def net_loss(r: Readings) -> Measured:
    """M10: change of the host's insecurity: what the others' fear costs it, less what its partners lend."""
    if r.cast.host is None:
        return NO_HOST
    level = r.level(f"insecurity_host_{r.short}")
    depends = {
        "dependence": f"dependence_host_{r.short}",
        "dependence_on_partners": f"dependence_host_partners_{r.short}",
    }
    return mean_found(
        r.difference(f"insecurity_host_{r.short}"),
        note="" if r.scenario.parameters.beta > 0 else "beta is 0: friends without a treaty lend nothing",
        detail={
            "without": level,
            "defence": detail_of(r.difference(f"defence_host_{r.short}")),
            **{name: detail_of(r.difference(outcome)) for name, outcome in depends.items() if r.has(outcome)},
            "by_window": r.by_window("insecurity_host"),
        },
    )


def rivalry(r: Readings) -> Measured:
    """M13: change of the host's influence over the junior principal less that of the third."""
    if r.cast.host is None:
        return NO_HOST
    if not r.has(f"influence_host_junior_{r.short}"):
        return "the focal event has fewer than three principals in the roster, one of them its host"
    assert r.cast.junior is not None
    assert r.cast.third is not None
    gap = {
        w: r.difference(f"influence_host_junior_{w}") - r.difference(f"influence_third_junior_{w}")
        for w in r.windows
    }
    left, *bounds = ratio(gap[r.long], gap[r.short]) if gap[r.short].values.any() else (np.nan,) * 3
    return mean_found(
        gap[r.short],
        note=f"host {r.codes[r.cast.host]}, junior {r.codes[r.cast.junior]}, third {r.codes[r.cast.third]}",
        detail={
            "host": detail_of(r.difference(f"influence_host_junior_{r.short}")),
            "third": detail_of(r.difference(f"influence_third_junior_{r.short}")),
            "without": {who: r.level(f"influence_{who}_junior_{r.short}") for who in ("host", "third")},
            "left_at_the_horizon": {"value": left, "ci95": bounds},
            "by_window": {str(w): detail_of(of) for w, of in gap.items()},
        },
    )


def neutrality(r: Readings) -> Measured:
    """M14: how far the host's perceived position in the war lies from the one it declares."""
    if r.cast.host is None:
        return NO_HOST
    if not r.has(f"neutrality_gap_host_{r.short}"):
        return "the scenario declares no position of the host between two disputants (`report.positions`)"
    level = r.level(f"neutrality_gap_host_{r.short}")
    return mean_found(
        r.difference(f"neutrality_gap_host_{r.short}"),
        detail={
            "without": level,
            "declared": dict(r.scenario.report.positions),
            "by_window": r.by_window("neutrality_gap_host"),
        },
    )

"""A year of the record as a scenario: what was known on 1 January, in the model's own
terms.

The same scenario serves the fit (its terms are what states would have weighed then) and
the forecast (it is run forward from there). Alliances stand in it as legs of
multilateral treaties that are in force, so that they act by depth and as partners, and
count neither as activity nor as new agreements."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from balance_sim.evidence.data.codes import nuclear_since
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import Floats, History
from balance_sim.model.willingness import CHANGING
from balance_sim.scenario import schema
from balance_sim.scenario.defaults import default_tree, default_weights
from balance_sim.scenario.diagnostics import plain
from balance_sim.scenario.schema import Scenario

Ints = NDArray[np.int64]
Codes = list[tuple[str, str]]

KINDS = (
    "political_declaration",
    "information_sharing",
    "logistics",
    "defence_cooperation",
)
"""Kinds that the record of agreements tells apart, and that are fitted."""
LONG_AGO = date(1950, 1, 1)
NOBODY_SIGNS = -60.0
"""Intercept, nats, of kinds that stand in the record as alliances and are not
forecast."""
HARDLY_EVER = 1e-9
"""Opportunities a year for those kinds."""
WHOLE_CHANGE = {f"change_{name}": 1.0 for name in CHANGING}
"""A year of the record is a start of its own: weights fitted to whole terms count a
change as they count a level."""
FURTHEST_KM = 20_100.0
MONTH = 30.4375
AT_WAR = 0.5
"""Intensity of war from which two states count as being at war, as in
`model/baseline.py`."""


def members_at(history: History, year: int) -> Ints:
    """Roster positions of the states that are members on some day of the year, in order
    of their codes."""
    return np.flatnonzero(history.present[history.at(year)])


def scenario_at(
    history: History,
    year: int,
    *,
    parameters: dict[str, float] | None = None,
    weights: dict[str, float] | None = None,
    intercepts: dict[str, float] | None = None,
    propensity: Floats | None = None,
    years: int = 1,
) -> Scenario:
    """The world on 1 January of a year, to be run for `years`.

    parameters, weights, intercepts (by kind): laid over the shipped defaults.
    propensity: (n,) by position on the history's roster. States are the members of the
    year. A missing value stays missing. An event that says nothing stands on each 1
    January, so that a step begins there. Raises DataError where no state's capability
    is known."""
    t, who = history.at(year), members_at(history, year)
    if not np.nansum(history.capability[t, who]) > 0:
        why = f"no state's capability is known at the start of {year}, which is that of {year - 1}"
        raise DataError(
            why,
            "Give capabilities from the year before on, or begin later: --first, or `first` of a plan",
        )
    tree: Any = plain(default_tree())
    start, codes = date(year, 1, 1), [history.iso3[i] for i in who]
    quiet = {"quiet": year} | {
        f"quiet_{later}": later for later in range(year + 1, year + years)
    }
    nothing: dict[str, Any] = {
        "kind": "statement",
        "visibility": 0.0,
        "principals": (codes[0],),
    }
    level = {
        **dict.fromkeys(tree["kinds"], NOBODY_SIGNS),
        **dict.fromkeys(KINDS, -3.0),
        **(intercepts or {}),
    }
    kinds = {}
    for name, values in tree["kinds"].items():
        rate = values["ceiling"] if name in KINDS else HARDLY_EVER
        kinds[name] = schema.AgreementKind(
            **{**values, "intercept": float(level[name]), "ceiling": rate}
        )
    dyads = _dyads(history, who)
    return Scenario(
        name=f"record_{year}",
        title=f"The record on 1 January {year}",
        start=start,
        end=date(year + years, 1, 1),
        step_days=MONTH,
        focal="quiet",
        capability=schema.CapabilityWeights(**tree["capability"]),
        states=tuple(_state(history, t, i, propensity) for i in who),
        audiences={"rest": schema.Audience(members=tuple(codes))},
        disputes=tuple(_disputes(history, t, *dyads)),
        no_relations=tuple(_at_war(history, t, *dyads)),
        distances=tuple(_distances(history, t, *dyads)),
        accords=(
            *_alliances(history, t, *dyads, kinds),
            *_agreements(history, start, who),
        ),
        events=tuple(
            schema.Event(id=name, date=date(when, 1, 1), **nothing)
            for name, when in quiet.items()
        ),
        kinds=kinds,
        event_kinds={
            name: schema.EventKind(**values)
            for name, values in tree["event_kinds"].items()
        },
        parameters=schema.Parameters(
            **{**tree["parameters"], **WHOLE_CHANGE, **(parameters or {})}
        ),
        theory=schema.Theory(
            preset="balance_of_threat", weights={**default_weights(), **(weights or {})}
        ),
        arms={"record": schema.Arm(reference=True)},
        report=schema.Report(windows=(365,)),
    )


def _state(history: History, t: int, i: int, propensity: Floats | None) -> schema.State:
    democracy, ideal_point = (
        None if np.isnan(series[t, i]) else float(series[t, i])
        for series in (history.democracy, history.ideal)
    )
    return schema.State(
        id=history.iso3[i],
        name=history.names[i],
        capability=float(np.nan_to_num(history.capability[t, i])),
        democracy=democracy,
        ideal_point=ideal_point,
        propensity=0.0 if propensity is None else float(propensity[i]),
        nuclear_since=nuclear_since(history.iso3[i], date(int(history.years[t]), 1, 1)),
    )


def _dyads(history: History, who: Ints) -> tuple[Ints, Ints, Codes]:
    """Positions of both sides of every dyad of these states, and their codes."""
    low, high = np.triu_indices(len(who), 1)
    i, j = who[low], who[high]
    return i, j, [(history.iso3[a], history.iso3[b]) for a, b in zip(i, j, strict=True)]


def _disputes(
    history: History, t: int, i: Ints, j: Ints, codes: Codes
) -> Iterator[schema.Dispute]:
    layers = ("rivalry", "claim", "militarised", "war")
    level = np.nan_to_num(
        np.stack([getattr(history, name)[t, i, j] for name in layers])
    )
    for k in np.flatnonzero(level.any(axis=0)):
        levels: dict[str, Any] = dict(zip(layers, map(float, level[:, k]), strict=True))
        yield schema.Dispute(a=codes[k][0], b=codes[k][1], **levels)


def _at_war(
    history: History, t: int, i: Ints, j: Ints, codes: Codes
) -> Iterator[schema.NoRelations]:
    """Dyads at war on 1 January, for the whole year. Of recognition and relations there
    is no series."""
    for k in np.flatnonzero(np.nan_to_num(history.war[t, i, j]) >= AT_WAR):
        yield schema.NoRelations(a=codes[k][0], b=codes[k][1], kind="war")


def _distances(
    history: History, t: int, i: Ints, j: Ints, codes: Codes
) -> Iterator[schema.Distance]:
    km = np.minimum(history.distance[t, i, j], FURTHEST_KM)
    for k in np.flatnonzero(~np.isnan(km)):
        yield schema.Distance.model_construct(
            a=codes[k][0], b=codes[k][1], km=float(km[k]), source=""
        )


def _alliances(
    history: History,
    t: int,
    i: Ints,
    j: Ints,
    codes: Codes,
    kinds: dict[str, schema.AgreementKind],
) -> Iterator[schema.Agreement]:
    """One leg a dyad and kind. Depth and calm may come from two treaties: each then has
    its own leg."""
    depth, calm = (
        np.nan_to_num(layer[t, i, j])
        for layer in (history.alliance_depth, history.alliance_calm)
    )
    in_force: dict[str, Any] = {
        "status": "in_force",
        "signed": LONG_AGO,
        "in_force": LONG_AGO,
        "multilateral": True,
    }
    for kind in ("defence_pact", "political_declaration", "non_aggression"):
        by_depth = (depth > 0) & np.isclose(depth, kinds[kind].depth)
        by_calm = (calm > 0) & np.isclose(calm, kinds[kind].calm)
        for k in np.flatnonzero(by_depth | by_calm):
            a, b = codes[k]
            leg = in_force | {
                "id": f"alliance-{a}-{b}-{kind}",
                "a": a,
                "b": b,
                "kind": kind,
            }
            yield schema.Agreement.model_construct(**leg)


def _agreements(
    history: History, start: date, who: Ints
) -> tuple[schema.Agreement, ...]:
    """Agreements signed before the start. One whose entry into force is not known
    counts from its signature."""
    first = pd.Timestamp(start)
    frame = history.agreements
    frame = frame[
        (frame["signed"] < first) & frame["a"].isin(who) & frame["b"].isin(who)
    ]
    in_force = frame["in_force"].where(
        frame["in_force"] > frame["signed"], frame["signed"]
    )
    columns = (
        frame[name] for name in ("a", "b", "kind", "signed", "ended", "multilateral")
    )
    return tuple(
        schema.Agreement.model_construct(
            id=f"accord-{k}",
            a=history.iso3[a],
            b=history.iso3[b],
            kind=str(kind),
            status="ended"
            if ended < first
            else "signed"
            if entered >= first
            else "in_force",
            signed=signed.date(),
            in_force=None if entered >= first else entered.date(),
            ended=ended.date() if ended < first else None,
            multilateral=bool(multilateral),
        )
        for k, (a, b, kind, signed, ended, multilateral, entered) in enumerate(
            zip(*columns, in_force, strict=True)
        )
    )

"""A year of the record as a scenario: what was known on 1 January, in the model's own
terms.

The same scenario serves the fit (its terms are what states would have weighed then) and
the forecast (it is run forward from there). Alliances stand in it as legs of
multilateral treaties that are in force, so that they act by depth and as partners, and
count neither as activity nor as new agreements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from balance_sim.evidence.data.agreements import DEPTHS
from balance_sim.evidence.data.codes import nuclear_since
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import FEWEST_STATES, History
from balance_sim.scenario import schema
from balance_sim.scenario.defaults import default_tree, default_weights
from balance_sim.scenario.nodes import plain
from balance_sim.scenario.schema import Scenario
from balance_sim.stats import Floats, Ints

KINDS = DEPTHS
"""Kinds that the record of agreements tells apart, and that are fitted."""
ALLIANCE_KINDS = ("defence_pact", "political_declaration", "non_aggression")
LONG_AGO = date(1950, 1, 1)
QUIET = "quiet"
"""Name of the event that says nothing, the focal one."""
USUAL_INTERCEPT = -3.0
"""Intercept, nats, of the kinds that are fitted, where none is given."""
NOBODY_SIGNS = -60.0
"""Intercept, nats, of kinds that stand in the record as alliances and are not
forecast."""
HARDLY_EVER = 1e-9
"""Opportunities a year for those kinds."""
FURTHEST_KM = 20_100.0
QUARRELS = ["rivalry", "claim", "militarised", "war"]
DYADIC = (*QUARRELS, "distance", "alliance_depth", "alliance_calm")
"""Layers that say something of a dyad."""
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
    January, so that a step begins there. Raises DataError where fewer than two states
    exist, or no state's capability is known."""
    t, members = history.at(year), members_at(history, year)
    if len(members) < FEWEST_STATES:
        message = f"fewer than two of the states exist in {year}"
        raise DataError(message, "Begin later, or name more states", value=str(year))
    if not np.nansum(history.capability[t, members]) > 0:
        raise DataError(
            f"no state's capability is known before {year}",
            "Give capabilities from the year before on, or begin later",
            value=str(year),
        )
    defaults: Any = plain(default_tree())
    start, dyads = date(year, 1, 1), _dyads(history, t, members)
    codes = tuple(history.iso3[i] for i in members)
    kinds = _agreement_kinds(defaults["kinds"], intercepts or {})
    event_kinds = defaults["event_kinds"].items()
    all_parameters = {**defaults["parameters"], **(parameters or {})}
    all_weights = {**default_weights(), **(weights or {})}
    return Scenario(
        name=f"record_{year}",
        title=f"The record on 1 January {year}",
        start=start,
        end=date(year + years, 1, 1),
        step_days=MONTH,
        focal=QUIET,
        capability=schema.CapabilityWeights(**defaults["capability"]),
        states=tuple(_state(history, t, i, propensity) for i in members),
        audiences={"rest": schema.Audience(members=codes)},
        disputes=tuple(_disputes(dyads)),
        no_relations=tuple(_wars(dyads)),
        distances=tuple(_distances(dyads)),
        accords=(*_alliances(dyads, kinds), *_agreements(history, members, start)),
        events=tuple(
            _quiet_event(codes[0], later, year) for later in range(year, year + years)
        ),
        kinds=kinds,
        event_kinds={name: schema.EventKind(**kind) for name, kind in event_kinds},
        parameters=schema.Parameters(**all_parameters),
        theory=schema.Theory(preset="balance_of_threat", weights=all_weights),
        arms={"record": schema.Arm(reference=True)},
        report=schema.Report(windows=(365,)),
    )


def _agreement_kinds(
    defaults: dict[str, dict[str, Any]], intercepts: dict[str, float]
) -> dict[str, schema.AgreementKind]:
    """Types of agreement, of which those that are not fitted are hardly ever signed."""
    kinds = {}
    for name, values in defaults.items():
        is_fitted = name in KINDS
        usual = USUAL_INTERCEPT if is_fitted else NOBODY_SIGNS
        changed = {
            "intercept": float(intercepts.get(name, usual)),
            "ceiling": values["ceiling"] if is_fitted else HARDLY_EVER,
        }
        kinds[name] = schema.AgreementKind(**{**values, **changed})
    return kinds


def _quiet_event(code: str, year: int, start_year: int) -> schema.Event:
    """An event that says nothing, on 1 January."""
    return schema.Event(
        id=QUIET if year == start_year else f"{QUIET}_{year}",
        date=date(year, 1, 1),
        kind="statement",
        visibility=0.0,
        principals=(code,),
    )


def _state(history: History, t: int, i: int, propensity: Floats | None) -> schema.State:
    """The state at a roster position, as it is known on 1 January of the t-th year."""
    code, year = history.iso3[i], int(history.years[t])
    return schema.State(
        id=code,
        name=history.names[i],
        capability=float(np.nan_to_num(history.capability[t, i])),
        democracy=_known(history.democracy[t, i]),
        ideal_point=_known(history.ideal[t, i]),
        propensity=0.0 if propensity is None else float(propensity[i]),
        nuclear_since=nuclear_since(code, date(year, 1, 1)),
    )


def _dyads(history: History, t: int, members: Ints) -> pd.DataFrame:
    """What is known of every dyad of the members in the t-th year: codes `a` and `b`,
    and `DYADIC` layers."""
    low, high = np.triu_indices(len(members), 1)
    i, j = members[low], members[high]
    codes = np.array(history.iso3, dtype=object)
    values = {name: getattr(history, name)[t, i, j] for name in DYADIC}
    return pd.DataFrame({"a": codes[i], "b": codes[j], **values})


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a frame as keyword arguments."""
    return [{str(key): row[key] for key in row} for row in frame.to_dict("records")]


def _disputes(dyads: pd.DataFrame) -> Iterator[schema.Dispute]:
    """Dyads with a rivalry, a claim, or a dispute with force in it."""
    levels = dyads[QUARRELS].fillna(0.0)
    rows = dyads[["a", "b"]].join(levels)[levels.any(axis=1)]
    return (schema.Dispute(**row) for row in _records(rows))


def _wars(dyads: pd.DataFrame) -> Iterator[schema.NoRelations]:
    """Dyads at war on 1 January, for the whole year. Of recognition and relations there
    is no series."""
    rows = dyads.loc[dyads["war"] >= AT_WAR, ["a", "b"]]
    return (schema.NoRelations(**row, kind="war") for row in _records(rows))


def _distances(dyads: pd.DataFrame) -> Iterator[schema.Distance]:
    """Distances of the dyads of which one is known."""
    distances = dyads.assign(km=dyads["distance"].clip(upper=FURTHEST_KM))
    rows = _records(distances[["a", "b", "km"]].dropna())
    return (schema.Distance.model_construct(**row, source="") for row in rows)


def _alliances(
    dyads: pd.DataFrame, kinds: dict[str, schema.AgreementKind]
) -> Iterator[schema.Agreement]:
    """One leg a dyad and kind. Depth and calm may come from two treaties: each then has
    its own leg."""
    depth = dyads["alliance_depth"].fillna(0.0)
    calm = dyads["alliance_calm"].fillna(0.0)
    for kind in ALLIANCE_KINDS:
        by_depth = (depth > 0) & np.isclose(depth, kinds[kind].depth)
        by_calm = (calm > 0) & np.isclose(calm, kinds[kind].calm)
        for row in dyads.loc[by_depth | by_calm, ["a", "b"]].itertuples():
            yield schema.Agreement.model_construct(
                status="in_force",
                signed=LONG_AGO,
                in_force=LONG_AGO,
                multilateral=True,
                id=f"alliance-{row.a}-{row.b}-{kind}",
                a=row.a,
                b=row.b,
                kind=kind,
            )


def _agreements(
    history: History, members: Ints, start: date
) -> Iterator[schema.Agreement]:
    """Agreements signed before the start. One whose entry into force is not known
    counts from its signature."""
    first = pd.Timestamp(start)
    frame = history.agreements
    is_between = frame["a"].isin(members) & frame["b"].isin(members)
    frame = frame[(frame["signed"] < first) & is_between]
    is_later = frame["in_force"] > frame["signed"]
    entered = frame["in_force"].where(is_later, frame["signed"])
    columns = ["a", "b", "kind", "signed", "ended", "multilateral"]
    rows: Iterable[Any] = frame[columns].assign(entered=entered).itertuples(index=False)
    for k, row in enumerate(rows):
        has_ended, waits = row.ended < first, row.entered >= first
        status = "signed" if waits else "in_force"
        yield schema.Agreement.model_construct(
            id=f"accord-{k}",
            a=history.iso3[row.a],
            b=history.iso3[row.b],
            kind=str(row.kind),
            status="ended" if has_ended else status,
            signed=row.signed.date(),
            in_force=None if waits else row.entered.date(),
            ended=row.ended.date() if has_ended else None,
            multilateral=bool(row.multilateral),
        )


def _known(value: float) -> float | None:
    """A value, or None for NaN."""
    return None if np.isnan(value) else float(value)

"""Agreements as arrays for a goodness-of-fit comparison: a scenario's own record, and a study's table of agreements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from balance_sim.model.world import distances
from balance_sim.replications.gof import Agreements, Ground
from balance_sim.replications.outcomes import NEW
from balance_sim.scenario.schema import Scenario


def ground_of(scenario: Scenario) -> Ground:
    """What the statistics need to know of the states. A dispute: a row of the table with any part above 0."""
    at = {code: i for i, code in enumerate(scenario.codes)}
    hostile = np.zeros((len(at), len(at)), dtype=bool)
    for row in scenario.disputes:
        if max(row.rivalry, row.claim, row.militarised, row.war) > 0:
            hostile[at[row.a], at[row.b]] = hostile[at[row.b], at[row.a]] = True
    democracy = np.array([np.nan if s.democracy is None else s.democracy for s in scenario.states])
    return Ground(scenario.codes, distances(scenario), democracy, hostile)


def recorded(scenario: Scenario) -> Agreements:
    """The bilateral agreements of a scenario's own record with their dates of signature: one history, number 0.

    Of one that is signed and not in force at the scenario's start the lag is infinite."""
    rows = [one for one in scenario.accords if one.signed is not None and not one.multilateral]
    frame = pd.DataFrame(
        {
            "a": [one.a for one in rows],
            "b": [one.b for one in rows],
            "kind": [one.kind for one in rows],
            "signed": [one.signed for one in rows],
            "opened": [one.opened for one in rows],
            "in_force": [one.in_force if one.precision == "day" else None for one in rows],
        }
    )
    found = from_table(frame.assign(run=0), scenario.codes)
    waits = np.array([one.status == "signed" and one.in_force is None for one in rows], dtype=bool)
    return replace(found, force=np.where(waits, np.inf, found.force))


def newly_signed(accords: pd.DataFrame, codes: Sequence[str]) -> Agreements:
    """The new agreements of a study's table of agreements: signed in the run, neither signed nor fixed at its start."""
    new = accords["origin"].astype(str).isin(NEW) & accords["signed"].notna()
    return from_table(accords[new], codes)


def from_table(frame: pd.DataFrame, codes: Sequence[str]) -> Agreements:
    """Columns run, a, b, kind, signed, and opened and in_force where they are known, as arrays.

    Raises KeyError for a state that is not among the codes."""
    at = {code: i for i, code in enumerate(codes)}
    signed = pd.to_datetime(frame["signed"])

    def days(name: str) -> npt.NDArray[np.float64]:
        if name not in frame:
            return np.full(len(frame), np.nan)
        lag = (pd.to_datetime(frame[name]) - signed).dt.days.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.asarray(np.abs(lag) if name == "opened" else lag)

    ends = [np.array([at[str(code)] for code in frame[side]], dtype=np.int64) for side in ("a", "b")]
    return Agreements(
        run=frame["run"].to_numpy(dtype=np.int64),
        a=np.minimum(*ends),
        b=np.maximum(*ends),
        kind=frame["kind"].astype(str).to_numpy(dtype=np.str_),
        signed=np.array([day.toordinal() for day in signed], dtype=np.int64),
        talks=days("opened"),
        force=days("in_force"),
    )

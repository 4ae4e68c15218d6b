"""Tables of dated agreements between states: what somebody's model simulated, or what was observed.

One row an agreement: a, b (ISO alpha-3 codes, or names of one's own), date, kind; for simulated ones replication."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from balance_sim.evidence.data import codes
from balance_sim.evidence.data.accords import read_outcomes
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.table import Table, open_table
from balance_sim.scenario.layout import ACCORD_KINDS

_NAMES = {
    "run": ("replication", "run", "simulation"),
    "a": ("a", "iso3_a", "state_a"),
    "b": ("b", "iso3_b", "state_b"),
    "kind": ("kind",),
    "signed": ("signed", "date"),
    "opened": ("opened",),
    "in_force": ("in_force",),
    "multilateral": ("multilateral",),
}
NEEDED = ("a", "b", "signed", "kind")


def read_networks(path: Path | str, *, simulated: bool) -> pd.DataFrame:
    """Columns run, a, b, kind, signed, opened, in_force; `line`, counted from 1 with the header.

    simulated: `replication` is asked for, a whole number of 0 or more, and replications are numbered anew from 0 in
    their order; else `run` is 0. Rows of multilateral agreements, and those without a date, are left out. An observed
    table may also be in the forms that `score` reads (iso3_a, iso3_b, kind, stage, date, or DCAD's columns).

    Raises DataError with the line for a row that is no agreement between two states on a date."""
    if not simulated and _is_outcomes(path):
        return _outcomes(path)
    table = open_table(path, "agreements", _NAMES, (*NEEDED, *(["run"] if simulated else [])))
    signed, precision = table.dates("signed")
    lost = signed.isna() if not simulated else pd.Series(False, index=signed.index)
    if simulated and signed.isna().any():
        raise table.fault("signed", signed.isna(), "there is no date", "Write YYYY-MM-DD")
    if table.has("multilateral"):
        lost = lost | table.flag("multilateral")
    sides = {side: table.text[side].str.strip() for side in ("a", "b")}
    for side, words in sides.items():
        if (words == "").any():
            raise table.fault(side, words == "", "there is no state", "Write its code")
    alike = sides["a"] == sides["b"]
    if alike.any():
        raise table.fault("b", alike, "both sides are the same state", "Correct the code")
    kind = table.text["kind"].str.strip()
    plain = kind.str.lower().str.replace("-", "_").str.replace(" ", "_")
    exact = precision == "day"
    frame = pd.DataFrame(
        {
            "run": _replications(table) if simulated else 0,
            "a": sides["a"],
            "b": sides["b"],
            "kind": plain.map(ACCORD_KINDS.get).astype(object).fillna(kind),
            "signed": signed,
            "opened": table.dates("opened")[0].where(exact) if table.has("opened") else pd.NaT,
            "in_force": table.dates("in_force")[0].where(exact) if table.has("in_force") else pd.NaT,
            "line": table.lines([int(row) for row in table.text.index]),
        }
    )
    return frame[~lost].reset_index(drop=True)


def _replications(table: Table) -> pd.Series:
    numbers = table.integer("run")
    bad = (numbers.isna() | (numbers < 0)).fillna(True).astype(bool)
    if bad.any():
        raise table.fault(
            "run", bad, "this is no number of a replication", "Write a whole number of 0 or more"
        )
    return (numbers.rank(method="dense") - 1).astype("int64")


def _is_outcomes(path: Path | str) -> bool:
    probe = open_table(path, "agreements", {"sign_year": ("signYear",), "stage": ("stage",)}, ())
    return probe.has("sign_year") or probe.has("stage")


def _outcomes(path: Path | str) -> pd.DataFrame:
    found = read_outcomes(path).frame
    found = found[found["signed"].notna() & ~found["multilateral"].astype(bool)]
    day = found["precision"] == "day"
    return pd.DataFrame(
        {
            "run": 0,
            "a": codes.convert(found["cow_a"], found["signed"], "cow", "iso3"),
            "b": codes.convert(found["cow_b"], found["signed"], "cow", "iso3"),
            "kind": found["kind"],
            "signed": found["signed"],
            "opened": pd.NaT,
            "in_force": found["in_force"].where(day),
            "line": 0,
        }
    ).reset_index(drop=True)


def only_known(
    frame: pd.DataFrame, roster: tuple[str, ...], path: Path | str, *, simulated: bool
) -> pd.DataFrame:
    """The rows between states of the roster. Raises DataError for a simulated row with another state."""
    known = frame["a"].isin(roster) & frame["b"].isin(roster)
    if simulated and not known.all():
        row = frame[~known].iloc[0]
        side = "a" if row["a"] not in roster else "b"
        raise DataError(
            "the scenario has no such state",
            "Leave such rows out, or give no SCENARIO: then the states of the tables are the roster",
            path,
            int(row["line"]),
            side,
            str(row[side]),
        )
    return frame[known].reset_index(drop=True)


__all__ = ["only_known", "read_networks"]

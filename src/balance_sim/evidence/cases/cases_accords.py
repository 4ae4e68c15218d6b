"""The accords on record at a case's date: alliances of ATOP and COW, defence cooperation of DCAD.

ATOP comes first; a COW alliance is added where ATOP has none of that pair that began within a year of it. The
phases of one treaty are one accord, of the kind of its last phase before the date. Only what began before the
day of the signal is there, and the end of an accord only where it had ended by then. Ended accords are kept
if they began in the last fifty years: five half-lives of `experience`.

Two ends that the series of agreements cannot tell are taken from that of disputes, the first after the agreement in
which one of two states shows or uses force against the other. It ends a promise of non-aggression among many for these
two: ATOP dates ends by treaty and member, so that one between two of many members has no date there (one between two
alone has). And an agreement of DCAD or of COW that was in force when its record of ends closes, in 2010 or 2012, goes
on until such a dispute, and no longer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from balance_sim.evidence.cases.cases_data import Actor, Series, placed
from balance_sim.evidence.cases.cases_states import Row

MEMORY_YEARS = 50
SAME_TREATY_DAYS = 366
SIGNAL_DAYS = 31
"""A treaty between participants that a series dates so shortly before the signal is the signal itself."""
SLUGS = {
    "defence_pact": "pact",
    "political_declaration": "declaration",
    "non_aggression": "nonaggression",
    "defence_cooperation": "defence",
    "information_sharing": "information",
    "logistics": "logistics",
}
ACCORD_COLUMNS = (
    "id",
    "a",
    "b",
    "kind",
    "name",
    "status",
    "signed",
    "in_force",
    "ended",
    "precision",
    "multilateral",
    "source",
)
_FIELDS = ["a", "b", "kind", "name", "signed", "in_force", "ended", "precision", "multilateral", "source"]


def accord_rows(series: Series, actors: Sequence[Actor], participants: Sequence[str], on: date) -> list[Row]:
    """Rows in order of pair and date, with ids A-B-kind-year."""
    atop = _alliances(series, "atop", "ATOP 5.1", actors, on)
    cow = _alliances(series, "cow_alliances", "COW alliances 4.1", actors, on)
    found = pd.concat([atop, _without(cow, atop), _cooperation(series, actors, on)], ignore_index=True)
    day = pd.Timestamp(on)
    found = found.assign(ended=_broken(found, series, actors, on))
    inside = found["a"].isin(participants) & found["b"].isin(participants)
    found = found[~(inside & (found["signed"] >= day - pd.Timedelta(days=SIGNAL_DAYS)))]
    found = found[found["ended"].isna() | (found["signed"] >= day - pd.DateOffset(years=MEMORY_YEARS))]
    found = found.sort_values(["a", "b", "signed", "kind", "name"], kind="stable")
    seen: dict[str, int] = {}
    rows = []
    for record in found.to_dict("records"):
        stem = f"{record['a']}-{record['b']}-{SLUGS.get(record['kind'], 'accord')}-{record['signed'].year}"
        seen[stem] = seen.get(stem, 0) + 1
        key = stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"
        rows.append(_row({str(name): value for name, value in record.items()}, key))
    return rows


SHOW_OF_FORCE = 3
"""Level of hostility, of COW's five, from which force is shown or used."""
ENDS_KNOWN_TO = {"DCAD": pd.Timestamp(2010, 12, 31), "COW": pd.Timestamp(2012, 12, 31)}
"""Where records of ends close, by the first word of an agreement's name. ATOP's closes after that of disputes."""


def _broken(found: pd.DataFrame, series: Series, actors: Sequence[Actor], on: date) -> pd.Series:
    """The ends of agreements, with those that disputes tell put in where none is on record."""
    read = series.read("disputes")
    if read is None:
        return found["ended"]
    clashes = placed(read.frame, actors)
    clashes = clashes[(clashes["hostility"] >= SHOW_OF_FORCE) & (clashes["start"] < pd.Timestamp(on))]
    starts = {key: sorted(part["start"]) for key, part in clashes.groupby(["a", "b"])}

    ends: list[object] = []
    for row in found.itertuples():
        ended, known_to = row.ended, ENDS_KNOWN_TO.get(str(row.name).split()[0])
        since = max(pd.Timestamp(str(row.signed)), known_to or pd.Timestamp.min)
        tells = known_to is not None or (row.kind == "non_aggression" and row.multilateral)
        if tells and not isinstance(ended, pd.Timestamp):
            ended = next((start for start in starts.get((row.a, row.b), []) if start > since), ended)
        ends.append(ended)
    return pd.Series(ends, index=found.index, dtype=object)


def _row(record: dict[str, object], key: str) -> Row:
    start, length = str(record["signed"]), {"year": 4, "month": 7}.get(str(record["precision"]), 10)
    dates = {name: _iso(record[name]) for name in ("signed", "in_force", "ended")}
    if length < 10:  # scenarios write the first day of the year or month, the readers its middle
        first = (start[:length] + "-01-01")[:10]
        dates = {name: first if value == start[:10] else value for name, value in dates.items()}
    status = "ended" if dates["ended"] else "signed" if record["in_force"] is None else "in_force"
    texts = {name: str(record[name]) for name in ("a", "b", "kind", "name", "precision", "source")}
    multilateral = "true" if record["multilateral"] else "false"
    return {"id": key, **texts, **dates, "status": status, "multilateral": multilateral}


def _iso(value: object) -> str:
    return value.strftime("%Y-%m-%d") if isinstance(value, pd.Timestamp) and not pd.isna(value) else ""


def _alliances(series: Series, name: str, label: str, actors: Sequence[Actor], on: date) -> pd.DataFrame:
    read = series.read(name)
    if read is None:
        return pd.DataFrame(columns=_FIELDS)
    day = pd.Timestamp(on)
    begun = read.frame[read.frame["start"] < day]
    sides = [begun[["alliance_id", c]].set_axis(["id", "cow"], axis=1) for c in ("cow_a", "cow_b")]
    members = pd.concat(sides).groupby("id")["cow"].nunique()
    frame = placed(begun, actors).sort_values("start", kind="stable")
    frame = frame.assign(ended=frame["end"].where(frame["end"] < day))
    phases = frame.groupby(["alliance_id", "a", "b"], sort=False)
    last = phases.tail(1).set_index(["alliance_id", "a", "b"])
    merged = last.assign(signed=phases["start"].min()).reset_index()
    return pd.DataFrame(
        {
            "a": merged["a"],
            "b": merged["b"],
            "kind": merged["kind"],
            "name": label + " id " + merged["alliance_id"].astype(str),
            "signed": merged["signed"],
            "in_force": merged["signed"],
            "ended": merged["ended"],
            "precision": "day",
            "multilateral": merged["alliance_id"].map(members) > 2,
            "source": label + " id " + merged["alliance_id"].astype(str),
        },
        columns=_FIELDS,
    )


def _without(cow: pd.DataFrame, atop: pd.DataFrame) -> pd.DataFrame:
    """COW's alliances that ATOP does not have: no start of the same pair within a year."""
    starts: dict[tuple[str, str], list[pd.Timestamp]] = {}
    for a, b, signed in zip(atop["a"], atop["b"], atop["signed"], strict=True):
        starts.setdefault((a, b), []).append(signed)
    lone = [
        all(abs((signed - other).days) > SAME_TREATY_DAYS for other in starts.get((a, b), []))
        for a, b, signed in zip(cow["a"], cow["b"], cow["signed"], strict=True)
    ]
    return cow[pd.Series(lone, index=cow.index, dtype=bool)]


def _cooperation(series: Series, actors: Sequence[Actor], on: date) -> pd.DataFrame:
    """DCAD: in force from its entry, or from signature where that is not on record."""
    read = series.read("accords")
    if read is None:
        return pd.DataFrame(columns=_FIELDS)
    day = pd.Timestamp(on)
    frame = placed(read.frame, actors)
    frame = frame[frame["signed"].notna() & (frame["signed"] < day)]
    later = frame["in_force"].notna() & (frame["in_force"] >= day)
    begun = frame["in_force"].where(frame["in_force"] >= frame["signed"], frame["signed"])
    out = frame.assign(
        ended=frame["ended"].where((frame["ended"] < day) & (frame["ended"] >= begun)),
        name="DCAD " + frame["accord_id"].astype(str),
        source="DCAD 1.0 (Kinne 2020) " + frame["accord_id"].astype(str),
        in_force=begun.astype(object).mask(later, None),
    )
    return out[_FIELDS]

"""A case from history becomes a scenario: NAME.yaml, and its tables beside it with
their sha256.

The rules by which a row of the table of cases and the series at its date become a
scenario are in docs/cases.md; they are the same for every case and none was chosen by
what happened afterwards."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from balance_sim.evidence.cases.series import (
    TITLES,
    Row,
    Series,
    agreement_rows,
    dispute_rows,
    distance_rows,
    pacts_in_force,
    relation_rows,
    short,
    state_rows,
)
from balance_sim.evidence.cases.tables import Actor, Case, actor, case_of, is_state_in
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.estimation.calibration import FEWEST
from balance_sim.evidence.estimation.choices import years_before
from balance_sim.scenario.actors import IDENTIFIER

RECORD_YEARS = 20
"""Years of agreements from which a case's level is counted, or its calibration made."""
COLUMNS: Mapping[str, Sequence[str]] = {
    "states": (
        *(
            "id",
            "name",
            "capability",
            "democracy",
            "ideal_point",
            "latitude",
            "longitude",
            "reliability",
            "autonomy",
        ),
        *("nuclear_since", "patrons", "source", "guesses"),
    ),
    "disputes": (
        "a",
        "b",
        "rivalry",
        "claim",
        "militarised",
        "war",
        "source",
        "x_guesses",
    ),
    "no_relations": ("a", "b", "from", "until", "kind", "source"),
    "distances": ("a", "b", "km", "source"),
    "accords": (
        *(
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
        ),
        "source",
    ),
}
"""The tables of a scenario in the order in which it names them, with their columns."""
SIGNAL, NO_SIGNAL = "signal", "no_signal"
WINDOWS = (30, 90, 365)
SHORTEST_REST = 7
"""A window is left out that ends within so many days of the last one."""
ATTENTION_OF_OTHERS = 0.5
"""A guess, as in the scenario of Beijing 2025: who has no part in a quarrel with the
participants, and no pact with them, heeds their signals half as much."""
CARRIED = ("rivalry", "claims", "disputes", "atop", "cow_alliances", "accords")


def build_case(
    case: Case | Mapping[str, str],
    data_dir: Path | str,
    name: str,
    base_rate: float | None = None,
) -> tuple[dict[str, str], date | None]:
    """The files of a scenario, by their path beside NAME.yaml: NAME.yaml itself and
    NAME/*.csv; and the day before which the record is complete, where it is long enough
    for a calibration: then the scenario names NAME/calibration.yaml, which is still to
    be written.

    case: a row of the table of cases, read or as text by column. data_dir: folder of
    the series, under the names that evidence.data lists; only the capabilities must be
    there. base_rate: agreements a year, in place of what the series say of the level.
    Nothing dated on or after the signal is read into the scenario. Raises DataError."""
    if not isinstance(case, Case):
        case = case_of(dict(case), None, None)
    if not IDENTIFIER.fullmatch(name):
        hint = "Take letters, digits, _ and -, up to 64 of them"
        raise DataError("this is no name for a scenario", hint, value=name)
    series, on = Series(data_dir), case.signal_date
    actors, left_out = _cast(case)
    present = {one.code for one in actors}
    agreements = agreement_rows(series, actors, case.participants, on)
    states = state_rows(series, actors, on, agreements)
    disputes = dispute_rows(series, actors, on)
    distances, by_capitals = distance_rows(series, actors, on)
    relations = relation_rows(series, actors, on)
    tables = dict(
        zip(COLUMNS, (states, disputes, relations, distances, agreements), strict=True)
    )
    inside = {*case.participants}
    targets = _beside([(row["a"], row["b"]) for row in disputes], case) & (
        present - inside
    )
    bloc = (_beside(pacts_in_force(agreements), case) | inside) & (present - targets)
    roles = {
        "participants": sorted(inside & present),
        "targets": sorted(targets),
        "bloc": sorted(bloc),
    }
    notes = [*left_out, *series.notes, *_gaps(series, case, states, by_capitals)]
    level, until = _level(series, agreements, on - timedelta(days=1), name, base_rate)
    files = {
        f"{name}/{table}.csv": _csv(COLUMNS[table], rows)
        for table, rows in tables.items()
        if rows
    }
    codes = [row["id"] for row in states]
    return {
        f"{name}.yaml": _yaml(case, name, codes, files, roles, notes, level),
        **files,
    }, until


def _beside(pairs: Iterable[tuple[str, str]], case: Case) -> set[str]:
    """Both states of the pairs that have a participant."""
    return {code for dyad in pairs if {*dyad} & {*case.participants} for code in dyad}


def _level(
    series: Series,
    agreements: Sequence[Row],
    start: date,
    name: str,
    given: float | None,
) -> tuple[list[str], date | None]:
    """Lines that state the level: agreements between two of the states in the twenty
    years before the start, or before the end of the series of agreements, and the day
    on which the record ends if they are enough for a calibration."""
    if given is not None:
        return [
            f"base_rate: {short(given)}    # agreements a year, as given to `balance-sim new`"
        ], None
    last = series.last_year("accords")
    until = min(start, date(last + 1, 1, 1)) if last is not None else start
    signed = [
        row["signed"]
        for row in agreements
        if row["multilateral"] == "false" and row["signed"]
    ]
    count = sum(
        years_before(until, RECORD_YEARS) <= date.fromisoformat(day) < until
        for day in signed
    )
    said = f"{count} agreements between two of these states are dated in the twenty years before {until}"
    if count >= FEWEST:
        more = f" --until {until}" if until != start else ""
        written = f"# Written by `balance-sim evidence calibrate {name}.yaml{more}`."
        return [f"# {said}.", written, f"calibration: {name}/calibration.yaml"], until
    if count:
        return [
            f"# {said}, too few for a calibration.",
            f"base_rate: {short(count / RECORD_YEARS)}",
        ], None
    other = "the level is that of the shipped intercepts. `base_rate: 2` would set it, agreements a year."
    return [f"# {said}: {other}"], None


def _cast(case: Case) -> tuple[list[Actor], list[str]]:
    """The states of the case, sorted by code, and why others are left out.

    A state that was none in the year of the signal cannot be in a scenario that starts
    then."""
    on, found = case.signal_date, dict[str, Actor]()
    why = [f"Left out: {name} is no state." for name in case.organisations]

    def refused(message: str, hint: str, column: str, value: str) -> DataError:
        return DataError(message, hint, case.path, case.line, column, value)

    absent: dict[str, str] = {}
    for code in (*case.participants, *case.observers):
        reason = is_state_in(code, (on - timedelta(days=1)).year)
        one = actor(code, on) if reason is None else None
        if one is None:
            absent[code] = reason or f"`{code}` has no COW number"
            continue
        if same := [other.code for other in found.values() if other.iso3 == one.iso3]:
            column = "participants" if code in case.participants else "observers"
            raise refused(
                f"{same[0]} and {code} are one state", "Name it once", column, code
            )
        found[code] = one
    why += [f"Left out: {reason}." for reason in absent.values()]
    if missing := [code for code in case.participants if code in absent]:
        said = f"a participant was no state at the time: {absent[missing[0]]}"
        raise refused(said, "Correct the code or the date", "participants", missing[0])
    if len(found) < 3:
        detail = f" ({'; '.join(why)[:300]})" if why else ""
        said = f"three states that were there at the time are needed, participants and observers{detail}"
        raise refused(
            said, "Name more observers", "observers", ";".join(case.observers)
        )
    return [found[code] for code in sorted(found)], why


def _gaps(
    series: Series, case: Case, states: Sequence[Row], by_capitals: int
) -> Iterable[str]:
    """What the scenario lacks, in words."""
    year = case.signal_date.year
    for name in CARRIED:
        last, what = (
            series.last_year(name),
            TITLES[name] + " and wars" * (name == "disputes"),
        )
        if last is not None and last < year - 1:
            yield f"{what[0].upper()}{what[1:]} are on record to {last}; what went on then is taken to go on."
    for field in ("democracy", "ideal_point"):
        missing = [row["id"] for row in states if not row[field]]
        if len(missing) == len(states):
            yield f"{field}: missing for all states; no pair differs in it."
        elif missing:
            yield f"{field}: missing for {', '.join(missing)}; their pairs take the mean of the others."
    for row in states:
        found = re.search(r"COW NMC (\d{4})", row["source"])
        if found is None:
            yield f"Capability of {row['id']}: in no series; the least of the other states stands in."
        elif int(found[1]) != year - 1:
            yield f"Capability of {row['id']} is that of {found[1]}."
    if by_capitals:
        yield f"{by_capitals} pairs without a minimum distance: between capitals."


def _yaml(
    case: Case,
    name: str,
    codes: Sequence[str],
    files: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    notes: Sequence[str],
    level: Sequence[str],
) -> str:
    """roles: participants, targets, bloc (the participants and their allies). level:
    lines that state how many agreements a year there are."""
    apart, heard = (
        {*roles[one], *roles["targets"]} for one in ("participants", "bloc")
    )
    everyone = {**roles, "others": [code for code in codes if code not in apart]}
    groups = {
        one: everyone[one]
        for one in ("participants", "targets", "others")
        if everyone[one]
    }
    readers = {one: roles[one] for one in ("bloc", "targets")}
    readers["others"] = [code for code in codes if code not in heard]
    days = (case.last_day - case.signal_date).days
    windows = [
        str(d) for d in (*(d for d in WINDOWS if d < days - SHORTEST_REST), days)
    ]
    question = f"Which accords of others did the signal of {', '.join(case.participants)} call forth?"
    tables = []
    for table in COLUMNS:
        path = f"{name}/{table}.csv"
        if path in files:
            digest = hashlib.sha256(files[path].encode()).hexdigest()
            tables += [f"{table}:", f'  - {{table: {path}, sha256: "{digest}"}}']
    targets = f", targets: {_list(roles['targets'])}" if roles["targets"] else ""
    audiences = [
        f"  {audience}:\n    members: {_list(members)}\n"
        f"    attention: {{default: {short(ATTENTION_OF_OTHERS if audience == 'others' else 1.0)}}}"
        for audience, members in readers.items()
        if members
    ]

    def block(lines: Iterable[str]) -> str:
        return "".join(f"{line}\n" for line in lines)

    return f"""\
# {_plain(case.label)}, {case.signal_date}. Case {_plain(case.case_id)}. Built from its
# row and the public series by `balance-sim new NAME --from-case`; the rules and the
# columns: docs/cases.md. Nothing dated on or after the day of the signal is an input.
schema: 1
title: {_text(case.label)}
question: {_text(question)}
source: {_text("Tables beside this file, each row with its source. Case: " + case.case_id)}
notes: {_text(" ".join(notes) or "Nothing is missing that the rules ask for.")}
start: {case.signal_date - timedelta(days=1)}    # the day before the signal
end: {case.last_day + timedelta(days=1)}      # {case.window_months} months after it, and a day
step_days: 7
focal: {SIGNAL}
{block(level)}
{block(tables)}
# targets: rivalry, claim, war or recent militarised dispute with a participant on
# record.
events:
  - {{id: {SIGNAL}, date: {case.signal_date}, kind: {case.event_kind}, label: {_text(case.label)}, \
visibility: {short(case.visibility)}, principals: {_list(roles["participants"])}{targets}, \
source: {_text(f"Table of cases, {case.case_id}")}}}

groups:
{block(f"  {group}: {_list(members)}" for group, members in groups.items())}
# bloc: the participants and who has a defence pact in force with one of them, unless a
# target. What the others heed is a guess, to be swept.
audiences:
{block(audiences)}
theory: {{preset: balance_of_threat}}

arms:
  {NO_SIGNAL}:
    title: The same years without the signal
    reference: true
    drop: [{SIGNAL}]
  {SIGNAL}:
    title: The signal is given

report:
  windows: {_list(windows)}
  groups: {_list(list(groups))}
"""


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    return pd.DataFrame(rows, columns=list(columns)).to_csv(
        index=False, lineterminator="\n"
    )


def _text(value: str) -> str:
    """A double-quoted YAML scalar: JSON's form is one."""
    return json.dumps(" ".join(value.split())[:9_000], ensure_ascii=False)


def _plain(value: str) -> str:
    return " ".join(value.split())[:90]


def _list(items: Sequence[str]) -> str:
    return f"[{', '.join(items)}]"

"""The files of a case's scenario as text: NAME.yaml, and its tables beside it with their sha256."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from balance_sim.evidence.cases.cases_accords import ACCORD_COLUMNS
from balance_sim.evidence.cases.cases_pairs import DISPUTE_COLUMNS, DISTANCE_COLUMNS
from balance_sim.evidence.cases.cases_states import STATE_COLUMNS, Row, short
from balance_sim.evidence.data.relations import RELATION_COLUMNS

if TYPE_CHECKING:
    from balance_sim.evidence.cases.case_table import Case

COLUMNS: Mapping[str, Sequence[str]] = {
    "states": STATE_COLUMNS,
    "disputes": DISPUTE_COLUMNS,
    "no_relations": RELATION_COLUMNS,
    "distances": DISTANCE_COLUMNS,
    "accords": ACCORD_COLUMNS,
}
SIGNAL, NO_SIGNAL = "signal", "no_signal"
WINDOWS = (30, 90, 365)
SHORTEST_REST = 7
"""A window is left out that ends within so many days of the last one."""
ATTENTION_OF_OTHERS = 0.5
"""A guess, as in the scenario of Beijing 2025: who has no part in a quarrel with the participants, and no
pact with them, heeds their signals half as much."""


def scenario_files(
    case: Case,
    name: str,
    tables: Mapping[str, Sequence[Row]],
    roles: Mapping[str, Sequence[str]],
    notes: Sequence[str],
    level: Sequence[str] = (),
) -> dict[str, str]:
    """path -> text. roles: participants, targets, bloc (the participants and their allies). level: lines that state how
    many agreements a year there are."""
    files = {f"{name}/{table}.csv": _csv(COLUMNS[table], rows) for table, rows in tables.items() if rows}
    return {f"{name}.yaml": _yaml(case, name, tables, files, roles, notes, level), **files}


def _yaml(
    case: Case,
    name: str,
    tables: Mapping[str, Sequence[Row]],
    files: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    notes: Sequence[str],
    level: Sequence[str],
) -> str:
    codes = [row["id"] for row in tables["states"]]
    groups = _groups(codes, roles)
    days = (case.last_day - case.signal_date).days
    windows = [*(d for d in WINDOWS if d < days - SHORTEST_REST), days]
    who = ", ".join(case.participants)
    head = [
        f"# {_plain(case.label)}, {case.signal_date}. Case {_plain(case.case_id)}.",
        "# Built from its row and the public series by `balance-sim new NAME --from-case`; the rules and the",
        "# columns: docs/cases.md. Nothing dated on or after the day of the signal is an input.",
        "schema: 1",
        f"title: {_text(case.label)}",
        f"question: {_text(f'Which accords of others did the signal of {who} call forth?')}",
        f"source: {_text('Tables beside this file, each row with its source. Case: ' + case.case_id)}",
        f"notes: {_text(' '.join(notes) or 'Nothing is missing that the rules ask for.')}",
        f"start: {case.signal_date - timedelta(days=1)}    # the day before the signal",
        f"end: {case.last_day + timedelta(days=1)}      # {case.window_months} months after it, and a day",
        "step_days: 7",
        f"focal: {SIGNAL}",
        *level,
        "",
    ]
    for table in COLUMNS:
        path = f"{name}/{table}.csv"
        if path in files:
            digest = hashlib.sha256(files[path].encode()).hexdigest()
            head += [f"{table}:", f'  - {{table: {path}, sha256: "{digest}"}}']
    event = {
        "id": SIGNAL,
        "date": str(case.signal_date),
        "kind": case.event_kind,
        "label": _text(case.label),
        "visibility": short(case.visibility),
        "principals": _list(roles["participants"]),
        **({"targets": _list(roles["targets"])} if roles["targets"] else {}),
        "source": _text(f"Table of cases, {case.case_id}"),
    }
    body = [
        "",
        "# targets: rivalry, claim, war or recent militarised dispute with a participant on record.",
        "events:",
        "  - {" + ", ".join(f"{key}: {value}" for key, value in event.items()) + "}",
        "",
        "groups:",
        *(f"  {group}: {_list(members)}" for group, members in groups.items()),
        "",
        "# bloc: the participants and who has a defence pact in force with one of them, unless a target.",
        "# What the others heed is a guess, to be swept.",
        "audiences:",
    ]
    readers = {"bloc": roles["bloc"], "targets": roles["targets"]}
    readers["others"] = [code for code in codes if code not in {*roles["bloc"], *roles["targets"]}]
    for audience, members in readers.items():
        heed = short(ATTENTION_OF_OTHERS if audience == "others" else 1.0)
        if members:
            body += [f"  {audience}:", f"    members: {_list(members)}"]
            body += [f"    attention: {{default: {heed}}}"]
    tail = [
        "",
        "theory: {preset: balance_of_threat}",
        "",
        "arms:",
        f"  {NO_SIGNAL}:",
        "    title: The same years without the signal",
        "    reference: true",
        f"    drop: [{SIGNAL}]",
        f"  {SIGNAL}:",
        "    title: The signal is given",
        "",
        "report:",
        f"  windows: {_list([str(d) for d in windows])}",
        f"  groups: {_list(list(groups))}",
    ]
    return "\n".join([*head, *body, *tail]) + "\n"


def _groups(codes: Sequence[str], roles: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    rest = [code for code in codes if code not in {*roles["participants"], *roles["targets"]}]
    groups = {"participants": [*roles["participants"]], "targets": [*roles["targets"]], "others": rest}
    return {name: members for name, members in groups.items() if members}


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _text(value: str) -> str:
    """A double-quoted YAML scalar: JSON's form is one."""
    return json.dumps(" ".join(value.split())[:9_000], ensure_ascii=False)


def _plain(value: str) -> str:
    return " ".join(value.split())[:90]


def _list(items: Sequence[str]) -> str:
    return f"[{', '.join(items)}]"

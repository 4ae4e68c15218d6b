"""Readers of dyadic event data: acts of one state towards another, and how many of them
are conflict.

Tidy frames, one row a record or a count: cow_a (the source of the acts), cow_b (their
target), day, and

* `conflict` and `count`: acts of conflict among all acts (ICEWS, POLECAT, GDELT's
  events), or
* `score`: a net score of cooperation, which has no counts (GDELT's sums); cow_a < cow_b
  then.

Conflict is what CAMEO has under the roots 09 to 20, the quad classes 3 and 4 (verbal
and material conflict); PLOVER's types are assigned to the same four classes. Schrodt
2012, CAMEO codebook 1.1b3; Boschee et al. 2015, ICEWS Coded Event Data; Halterman et
al. 2023, PLOVER and POLECAT; Leetaru, Schrodt 2013, GDELT."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.data.codes import convert, state_codes
from balance_sim.evidence.data.errors import NO_TABLE, DataError
from balance_sim.evidence.data.table import (
    SECONDS,
    Read,
    Table,
    declared,
    open_table,
    ordered_dyad,
    years_of,
)
from balance_sim.evidence.data.text import read_text

FIRST_OF_CONFLICT = 9
"""CAMEO's first root of conflict: 09 investigate ... 20 mass violence; 01 to 08 are
cooperation."""
PLOVER_COOPERATION = (
    *("AGREE", "CONSULT", "SUPPORT", "CONCEDE", "COOPERATE", "AID", "RETREAT"),
    "YIELD",
)
PLOVER_CONFLICT = (
    *("REQUEST", "ACCUSE", "REJECT", "THREATEN", "PROTEST", "SANCTION", "MOBILIZE"),
    *("COERCE", "ASSAULT"),
)
PLOVER = {
    **dict.fromkeys(PLOVER_COOPERATION, 0),
    **dict.fromkeys(PLOVER_CONFLICT, 1),
}
"""Whether a PLOVER event type is conflict."""
CAMEO_WORDS: Mapping[int, str] = {
    1: "make (statement|pessimistic|optimistic|empathetic)|decline comment|"
    "consider policy|acknowledge or claim|deny resp|engage in symbolic|express accord",
    2: "make an appeal|appeal",
    3: "express intent",
    4: "consult|discuss by|make a visit|host a visit|meet at|mediate|"
    "engage in (negotiation|mediation)",
    5: "engage in diplomatic|praise|defend verbally|rally support|grant diplomatic|"
    "apologi[sz]e|forgive|sign formal",
    6: "engage in (material|judicial)|cooperate|share intelligence",
    7: "provide|grant asylum",
    8: "yield|ease|accede|return|declare truce|demobilize|receive|retreat|"
    "de-escalate|allow",
    9: "investigate",
    10: "demand",
    11: "criticize|accuse|rally opposition|complain|bring lawsuit|find guilty",
    12: "reject|refuse|veto|defy|block",
    13: "threaten|give ultimatum",
    14: "demonstrate (or|for)|conduct (hunger|strike)|obstruct|protest|"
    "engage in (political dissent|violent protest)",
    15: "demonstrate military|increase (military|police)|mobilize|exhibit",
    16: "reduce|impose embargo|halt|expel or withdraw",
    17: "coerce|confiscate|seize|destroy|"
    "impose (administrative|curfew|state|restrictions)|ban|arrest|"
    "expel or deport|use tactics of violent rep",
    18: "use unconventional violence|abduct|physically|sexually|torture|kill by|"
    "conduct (suicide|non)|carry out|use as human|attempt to assass|assassinate",
    19: "use conventional|impose blockade|occupy|fight|employ aerial|violate ceasefire",
    20: "use unconventional mass|engage in (mass|ethnic)|"
    "use (chemical|weapons of mass|nuclear)|detonate",
}
"""What the texts of CAMEO's events begin with, by root: for releases that have the text
and not the code."""
FURTHER_NAMES = {
    "RUS": "russian federation",
    "CZE": "czechia",
    "CIV": "cote d'ivoire|côte d'ivoire",
    "COD": "congo, the democratic republic of the|democratic republic of congo|"
    "congo (kinshasa)",
    "COG": "republic of congo|republic of the congo|congo (brazzaville)",
    "MKD": "north macedonia",
    "USA": "united states",
    "VNM": "viet nam",
    "PRK": "korea, north|democratic people's republic of korea",
    "KOR": "korea, south|republic of korea",
    "MMR": "burma",
    "SWZ": "eswatini",
    "TLS": "timor-leste",
    "CPV": "cabo verde",
    "BIH": "bosnia",
    "GMB": "the gambia",
    "BHS": "the bahamas",
    "TUR": "türkiye|turkiye",
    "SRB": "serbia|serbia and montenegro",
    "ATG": "antigua and barbuda",
    "KNA": "saint kitts and nevis",
    "LCA": "saint lucia",
    "VCT": "saint vincent and the grenadines",
    "FSM": "micronesia",
    "STP": "são tomé and príncipe",
    "LAO": "lao people's democratic republic",
    "SYR": "syrian arab republic",
}
"""Names of states, in lower case, beside those of the table of codes."""
NAMES: Mapping[str, str] = {
    name: code for code, names in FURTHER_NAMES.items() for name in names.split("|")
}
_ACTOR_COLUMNS = (
    *("Code", "Name", "CountryCode", "KnownGroupCode", "EthnicCode"),
    *("Religion1Code", "Religion2Code", "Type1Code", "Type2Code", "Type3Code"),
)
GDELT = (
    *("GLOBALEVENTID", "SQLDATE", "MonthYear", "Year", "FractionDate"),
    *(f"Actor1{column}" for column in _ACTOR_COLUMNS),
    *(f"Actor2{column}" for column in _ACTOR_COLUMNS),
    *("IsRootEvent", "EventCode", "EventBaseCode", "EventRootCode", "QuadClass"),
    "GoldsteinScale",
)
"""The first columns of GDELT's daily files, which have no header (GDELT 1.0 and 2.0
codebooks)."""

_COUNTS = ("verb_coop", "matl_coop", "verb_conf", "matl_conf")
MOST_ACTS = 1e9
_YEARS = declared(
    "year! source!=source_iso3|iso3_1 target!=target_iso3|iso3_2 "
    "verb_coop! matl_coop! verb_conf! matl_conf!"
)
_SCORES = declared("day!=date|month source!=iso3_1 target!=iso3_2 score!")
_ICEWS = (
    {
        "day": ("Event Date", "date"),
        "source": ("Source Country", "source_iso3"),
        "target": ("Target Country", "target_iso3"),
        "text": ("Event Text", "event"),
        "code": ("CAMEO Code",),
    },
    ("day", "source", "target", "text"),
)
_POLECAT = {
    "day": ("Event Date",),
    "kind": ("Event Type",),
    "source": ("Actor Country",),
    "target": ("Recipient Country",),
}
_GDELT = {
    "day": "SQLDATE",
    "source": "Actor1CountryCode",
    "target": "Actor2CountryCode",
    "root": "EventRootCode",
}


class HeadlessTable(Table):
    """A table of a file without a header: its first line is a row."""

    def lines(self, positions: Sequence[int]) -> list[int]:
        """Physical line of each row, counted from 1."""
        return [position + 1 for position in positions]


@cache
def _by_name() -> Mapping[str, str]:
    """ISO codes of states by their names in lower case."""
    table = state_codes().sort_values("start")
    table = table[table["iso3"] != ""]
    names = dict(zip(table["name"].str.lower(), table["iso3"], strict=True))
    return names | dict(NAMES)


def state_iso3(words: pd.Series) -> pd.Series:
    """ISO codes of states that are named by a code of three letters or in words; blank
    where a name is unknown."""
    names, stripped = _by_name(), words.str.strip()
    by_name = stripped.str.lower().map(lambda word: names.get(word, ""))
    is_code = stripped.str.fullmatch("[A-Z]{3}")
    return by_name.where(~is_code, stripped)


def _between_states(table: Table, day: pd.Series, **columns: pd.Series) -> Read:
    """Rows between two different members of the state system on their day; the others
    are counted."""
    a, b = state_iso3(table.words("source")), state_iso3(table.words("target"))
    cow_a = convert(a, day[a.index], "iso3", "cow")
    cow_b = convert(b, day[b.index], "iso3", "cow")
    table.drop(day.isna(), "no date")
    is_nameless = (a == "") | (b == "")
    table.drop(is_nameless, "one side is no state by its name or code")
    table.drop(a == b, "both sides are the same state")
    is_stateless = cow_a.isna() | cow_b.isna()
    table.drop(is_stateless, "one side is no member of the state system on that date")
    frame = table.kept(day=day, **columns, cow_a=cow_a, cow_b=cow_b)
    frame = frame.reset_index(drop=True).astype({"cow_a": np.int64, "cow_b": np.int64})
    return table.read(frame, years_of(frame["day"]))


def conflict_of_text(text: str) -> bool | None:
    """Whether a CAMEO event, given by its text, is conflict; None for a text that is
    none of CAMEO's.

    >>> conflict_of_text("Host a visit"), conflict_of_text("Threaten with force")
    (False, True)
    """
    for root, words in CAMEO_WORDS.items():
        if re.match(words, text.strip().lower()):
            return root >= FIRST_OF_CONFLICT
    return None


def read_icews(path: Path | str) -> Read:
    """ICEWS events: the authors' yearly files, or a release with `date`, `source_iso3`,
    `event`, `target_iso3`.

    States are those of `Source Country` and `Target Country`, whatever the sector: acts
    within one state are left out. Raises DataError."""
    table = open_table(path, "ICEWS events", *_ICEWS)
    day = table.dates("day")[0]
    is_conflict = _by_code(table) if table.has("code") else _by_text(table)
    counts = {"conflict": is_conflict.astype(float), "count": table.same(1.0)}
    return _between_states(table, day, **counts, text=table.words("text"))


def _by_code(table: Table) -> pd.Series:
    """Whether events are conflict, by their CAMEO codes."""
    root = table.words("code").str.extract(r"^(\d{2})")[0]
    hint = "Write the code with its leading 0"
    table.refuse("code", root.isna(), "this is no CAMEO code", hint)
    return pd.to_numeric(root) >= FIRST_OF_CONFLICT


def _by_text(table: Table) -> pd.Series:
    """Whether events are conflict, by their texts."""
    texts = table.words("text")
    by_text = {text: conflict_of_text(text) for text in texts.unique()}
    is_conflict = texts.map(by_text)
    hint = "Write CAMEO's text, or add a column CAMEO Code"
    table.refuse("text", is_conflict.isna(), "this is no event of CAMEO", hint)
    return is_conflict.astype(bool)


def read_icews_dyad_years(path: Path | str) -> Read:
    """Directed yearly counts of verbal and material cooperation and conflict. Raises
    DataError."""
    table = open_table(path, "ICEWS dyad-years", *_YEARS)
    middle = table.year("year").astype("string") + "-07-01"
    day = pd.to_datetime(middle).astype(SECONDS)
    counts = {name: table.bounded(name, 0.0, MOST_ACTS) for name in _COUNTS}
    is_missing = pd.DataFrame(counts).isna().any(axis=1)
    table.drop(is_missing, "a count is missing")
    conflict = counts["verb_conf"] + counts["matl_conf"]
    count = conflict + counts["verb_coop"] + counts["matl_coop"]
    return _between_states(table, day, conflict=conflict, count=count)


def read_polecat(path: Path | str) -> Read:
    """POLECAT events: PLOVER types with the countries of actor and recipient.

    A row that names several countries on a side names none alone, and is left out.
    Raises DataError."""
    table = open_table(path, "POLECAT", _POLECAT, tuple(_POLECAT))
    day, event_type = table.dates("day")[0], table.words("kind").str.upper()
    is_unknown = ~event_type.isin(list(PLOVER))
    hint = f"Use one of {', '.join(sorted(PLOVER))}"
    table.refuse("kind", is_unknown, "this is no PLOVER event type", hint)
    conflict = event_type.map(PLOVER).astype(float)
    return _between_states(table, day, conflict=conflict, count=table.same(1.0))


def _is_headless(path: Path) -> bool:
    """Whether a file begins with a number, as GDELT's daily files do."""
    if not path.is_file():
        return False
    first_cell = read_text(path).readline().split("\t", 1)[0]
    return first_cell.strip().isdigit()


def _headless_table(path: Path, names: Mapping[str, tuple[str, ...]]) -> Table:
    """A daily file of GDELT: columns by their place. Raises DataError."""
    rows = [line.rstrip("\r\n").split("\t") for line in read_text(path)]
    for number, cells in enumerate(rows, 1):
        if len(cells) < len(GDELT):
            message = (
                f"a row has {len(cells)} cells, GDELT's have {len(GDELT)} and more"
            )
            hint = "Download the file again"
            raise DataError(message, hint, path, number, code=NO_TABLE)
    columns = {}
    for our_name, their_name in _GDELT.items():
        position = GDELT.index(their_name)
        columns[our_name] = [cells[position] for cells in rows]
    text = pd.DataFrame(columns)
    return HeadlessTable(path, "GDELT events", text, _GDELT, names, GDELT)


def read_gdelt(path: Path | str) -> Read:
    """GDELT events: the daily files without a header, or rows with GDELT's column
    names. Raises DataError."""
    path = Path(path)
    names = {our_name: (their_name,) for our_name, their_name in _GDELT.items()}
    if _is_headless(path):
        table = _headless_table(path, names)
    else:
        table = open_table(path, "GDELT events", names, tuple(names))
    day, root = table.dates("day")[0], table.bounded("root", 1, 20)
    table.drop(root.isna(), "no event code")
    conflict = (root >= FIRST_OF_CONFLICT).astype(float)
    return _between_states(table, day, conflict=conflict, count=table.same(1.0))


def read_gdelt_scores(path: Path | str) -> Read:
    """Undirected net scores of a dyad and day or month: cooperation above 0, conflict
    below. Raises DataError."""
    table = open_table(path, "GDELT scores", *_SCORES)
    day, score = table.dates("day")[0], table.number("score")
    table.drop(score.isna(), "no score")
    read = _between_states(table, day, score=score)
    return Read(ordered_dyad(read.frame), read.report)


Outcome = tuple[Callable[[Path], Read], tuple[str, ...]]

OUTCOMES: Mapping[str, Outcome] = {
    "icews-years": (read_icews_dyad_years, ("icews_dyad_year.csv",)),
    "icews": (read_icews, ("events.*.tab", "*events*.tab", "icews14_events.csv")),
    "polecat": (read_polecat, ("ngecEventsDV*.txt", "polecat*.csv", "polecat*.txt")),
    "gdelt": (read_gdelt, ("*.export.csv", "gdelt_events*.csv")),
    "gdelt-scores": (read_gdelt_scores, ("gdelt_monthly_scores.csv",)),
}
"""Outcome -> its reader and the names of its files; of each name all files that fit are
read."""

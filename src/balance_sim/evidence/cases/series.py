"""What is known of a case at its date: its states, and agreements, quarrels, distances
and broken relations between them, as rows of a scenario's tables.

Nothing dated on or after the day of the signal is read, but that something has ended by
then. The rules: docs/cases.md. Two ends that the series of agreements cannot tell are
taken from that of disputes, the first after the agreement in which one of two states
shows or uses force against the other: of a promise of non-aggression among many (ATOP
dates ends by treaty and member), and of an agreement of DCAD or of COW that was in
force when its record of ends closes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from balance_sim.evidence.cases.tables import Actor
from balance_sim.evidence.data.codes import known_relations, nuclear_since
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.sources import FILES, READERS, file_of
from balance_sim.evidence.data.table import Read, placed

Row = dict[str, str]
Pair = tuple[str, str]

CARRY_YEARS = 5
PATRON_RATIO = 10.0
"""A patron has a defence pact in force with a state and at least so many times its
capability."""
RELIABILITY = "0.9"
"""A guess, the same for all states, as in the scenario of Beijing 2025."""
MILITARISED_YEARS = 10
MILITARISED_HALF_LIFE = 5.0
"""Years after its end in which a dispute counts half."""
OPEN_DISPUTE = 0.75
"""A dispute under way counts like one in which force was used (level 4 of 5): its final
level came later."""
WAR_DAYS = 180
"""The series dates disputes, not the outbreak of a war in one. A dispute that is a war
in the end counts as a war once the two have been in it for so long, or have joined one
of that age."""
SALIENCE_GUESS = 0.5
CONTIGUOUS_KM = {
    1: 0.0,
    2: 12 * 1.609344,
    3: 24 * 1.609344,
    4: 150 * 1.609344,
    5: 400 * 1.609344,
}
"""Upper bound in km of the water between states of a COW type of contiguity, given
there in miles."""
MEMORY_YEARS = 50
SAME_TREATY_DAYS = 366
SIGNAL_DAYS = 31
"""A treaty between participants that a series dates so shortly before the signal is the
signal itself."""
SHOW_OF_FORCE = 3
"""Level of hostility, of COW's five, from which force is shown or used."""
ENDS_KNOWN_TO = {"DCAD": pd.Timestamp(2010, 12, 31), "COW": pd.Timestamp(2012, 12, 31)}
"""Where records of ends close, by the first word of an agreement's name. ATOP's closes
after that of disputes."""
SLUGS = {
    "defence_pact": "pact",
    "political_declaration": "declaration",
    "non_aggression": "nonaggression",
    "defence_cooperation": "defence",
    "information_sharing": "information",
    "logistics": "logistics",
}
MID = "COW MID 5 (Palmer et al. 2022)"
TITLES = {
    "accords": "defence cooperation agreements (DCAD)",
    "ideal": "ideal points",
    "democracy": "regime types",
    "distance": "minimum distances",
    "contiguity": "contiguity",
    "capitals": "capitals",
    "rivalry": "rivalries",
    "claims": "territorial claims",
    "disputes": "militarised disputes",
    "atop": "ATOP alliances",
    "cow_alliances": "COW alliances",
}
FIELDS = [
    "a",
    "b",
    "kind",
    "name",
    "signed",
    "in_force",
    "ended",
    "precision",
    "multilateral",
    "source",
]


class Series:
    """The tables of a data folder, read when asked for. `notes` says which are not
    there."""

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self.notes: list[str] = []
        self._read: dict[str, Read | None] = {}
        if not self.folder.is_dir():
            message = "there is no such folder"
            if self.folder.is_file():
                message = "this is a file, not a folder of data"
            hint = "Give the folder that holds the series"
            raise DataError(message, hint, self.folder)

    def read(self, name: str) -> Read | None:
        """A series by the panel's name for it (`capability`, `atop`, ...), or None with
        a note."""
        if name in self._read:
            return self._read[name]
        path, _ = file_of(self.folder, name)
        if path is None and name == "capability":
            hint = f"Put {' or '.join(FILES[name])} into the folder"
            raise DataError("there is no file of capabilities", hint, self.folder)
        if path is None:
            title = TITLES[name]
            self.notes.append(f"The data folder has no {title}: missing throughout.")
        self._read[name] = None if path is None else READERS[name](path)
        return self._read[name]

    def last_year(self, name: str) -> int | None:
        """The last year of a series; None where it is not there or does not say."""
        read = self.read(name)
        return None if read is None else read.report.last_year

    def between(self, name: str, actors: Sequence[Actor]) -> pd.DataFrame | None:
        """Rows of a series on dyads, of two of the actors; see `_placed`. None where
        the series is not there."""
        read = self.read(name)
        return None if read is None else _placed(read.frame, actors)


def _placed(frame: pd.DataFrame, actors: Sequence[Actor]) -> pd.DataFrame:
    """Rows of two of the actors, with their codes a < b."""
    code = {cow: actor.code for actor in actors for cow in actor.cows}
    return placed(frame, code, str)


def short(value: float) -> str:
    """Six significant digits, no exponent, no trailing zeros."""
    text = f"{value:.6g}"
    return f"{value:.12f}".rstrip("0").rstrip(".") if "e" in text else text


def state_rows(
    series: Series, actors: Sequence[Actor], on: date, agreements: Sequence[Row]
) -> list[Row]:
    """One row a state, sorted by code: capability, regime, ideal point, capital,
    nuclear weapons, patrons.

    agreements: rows of the case's agreements, for the patrons."""
    capability: dict[str, tuple[float, int]] = {}
    for actor in actors:
        value = _latest(series, "capability", "cinc", actor, on.year)
        if value is None:
            value = _latest(series, "capability", "cinc", actor, on.year + 1, 0)
        if value is not None:
            capability[actor.code] = value
    positive = [value for value, _ in capability.values() if value > 0]
    smallest = (min(positive, default=1.0), 0)
    share = {actor.code: capability.get(actor.code, smallest)[0] for actor in actors}
    patrons = _patrons(share, agreements)
    rows = []
    for actor in sorted(actors, key=lambda actor: actor.code):
        code = actor.code
        year = capability[code][1] if code in capability else None
        source = "no series has it; the least of the other states stands in"
        if year is not None:
            source = f"COW NMC {year}"
        sources = [f"capability: {source}"]
        row = {"id": code, "name": actor.name, "capability": short(share[code])}
        for field, (name, column, title) in YEARLY.items():
            value = _latest(series, name, column, actor, on.year)
            row[field] = ""
            if value is not None:
                row[field] = short(value[0])
                sources.append(f"{field}: {title} {value[1]}")
        row |= _capital(series, actor, on, sources)
        armed = nuclear_since(code, on)
        if armed:
            sources.append("nuclear_since: Bleek (nuclear.csv)")
        guesses = ["reliability"]
        if year in (None, on.year):
            guesses.append("capability")
        row |= {
            "reliability": RELIABILITY,
            "autonomy": "0",
            "nuclear_since": str(armed or ""),
            "patrons": ";".join(sorted(patrons.get(code, ()))),
            "source": "; ".join(sources),
            "guesses": ";".join(guesses),
        }
        rows.append(row)
    return rows


YEARLY = {
    "democracy": ("democracy", "polyarchy", "V-Dem"),
    "ideal_point": ("ideal", "ideal_fp", "Bailey, Strezhnev, Voeten (final passage)"),
}
"""Fields of a state by year: series, column, source."""


def _latest(
    series: Series,
    name: str,
    column: str,
    actor: Actor,
    year: int,
    carry_years: int = CARRY_YEARS,
) -> tuple[float, int] | None:
    """Value and year of the last known of the years before `year`, so many years back
    at most from the last."""
    read = series.read(name)
    if read is None:
        return None
    frame = read.frame
    is_known = (frame["cow"] == actor.cow) & frame[column].notna()
    is_recent = frame["year"].between(year - 1 - carry_years, year - 1)
    rows = frame[is_known & is_recent].sort_values("year")
    if rows.empty:
        return None
    return float(rows[column].iloc[-1]), int(rows["year"].iloc[-1])


def _capital(series: Series, actor: Actor, on: date, sources: list[str]) -> Row:
    """Latitude and longitude of the capital at the date; else of the first capital on
    record after it, since where a city lies is nothing learnt later; else of the last
    before it."""
    read, day = series.read("capitals"), pd.Timestamp(on)
    frame = pd.DataFrame()
    if read is not None:
        is_own = read.frame["cow"].isin(actor.cows)
        frame = read.frame[is_own].sort_values("start")
    if frame.empty:
        return {"latitude": "", "longitude": ""}
    at_date = frame[(frame["start"] <= day) & (frame["end"] >= day)]
    later, earlier = frame[frame["start"] > day], frame[frame["end"] < day]
    by_rank = pd.concat([earlier.tail(1), later.head(1), at_date.tail(1)])
    row = by_rank.iloc[-1]
    source = "capital: COW capitals"
    if at_date.empty:
        source += ", of another year"
    sources.append(source)
    return {side: short(float(row[side])) for side in ("latitude", "longitude")}


def _patrons(share: dict[str, float], agreements: Sequence[Row]) -> dict[str, set[str]]:
    """State -> the states that have a defence pact in force with it and ten times its
    capability."""
    patrons: dict[str, set[str]] = {}
    for a, b in pacts_in_force(agreements):
        for client, power in ((a, b), (b, a)):
            if share[power] >= PATRON_RATIO * share[client]:
                patrons.setdefault(client, set()).add(power)
    return patrons


def pacts_in_force(agreements: Sequence[Row]) -> list[Pair]:
    """Dyads with a defence pact in force, a pact each."""
    pact = ("defence_pact", "in_force")
    rows = [row for row in agreements if (row["kind"], row["status"]) == pact]
    return [(row["a"], row["b"]) for row in rows]


def dispute_rows(series: Series, actors: Sequence[Actor], on: date) -> list[Row]:
    """One row for each pair with anything between it, each part 0..1."""
    claims, guessed = _claims(series, actors, on)
    wars = wars_under_way(series, actors, on)
    by_part = {
        "rivalry": (_rivalries(series, actors, on), "Thompson, Sakuwa, Suhas 2021"),
        "claim": (claims, "ICOW territorial claims (Hensel et al.)"),
        "militarised": (_militarised(series, actors, on), MID),
        "war": (dict.fromkeys(wars, 1.0), MID),
    }
    dyads = set[Pair]()
    for values, _ in by_part.values():
        dyads |= set(values)
    rows = []
    for a, b in sorted(dyads):
        row, sources = {"a": a, "b": b}, []
        for part, (values, source) in by_part.items():
            if (a, b) in values:
                row[part] = short(round(values[a, b], 3))
                sources.append(f"{part}: {source}")
        guesses = "claim" if (a, b) in guessed else ""
        rows.append(row | {"source": "; ".join(sources), "x_guesses": guesses})
    return rows


def _rivalries(series: Series, actors: Sequence[Actor], on: date) -> dict[Pair, float]:
    """1 for each pair in a rivalry at the date."""
    frame = series.between("rivalry", actors)
    if frame is None:
        return {}
    has_begun = frame["year_from"] < on.year
    goes_on = frame["year_to"].fillna(9999) >= on.year
    rivals = frame[has_begun & goes_on]
    return dict.fromkeys(zip(rivals["a"], rivals["b"], strict=True), 1.0)


def _by_dyad(column: pd.Series) -> dict[Pair, Any]:
    return dict(zip(column.index, column, strict=True))


def _claims(
    series: Series, actors: Sequence[Actor], on: date
) -> tuple[dict[Pair, float], set[Pair]]:
    """Salience (ICOW's 0..12 over 12) of the most salient claim that stands, and pairs
    where it is a guess."""
    frame, day = series.between("claims", actors), pd.Timestamp(on)
    if frame is None:
        return {}, set()
    stands = (frame["start"] < day) & (frame["end"].isna() | (frame["end"] >= day))
    salience = frame["salience"].fillna(SALIENCE_GUESS)
    pairs = frame.assign(filled=salience)[stands].groupby(["a", "b"])
    largest, coded = pairs["filled"].max(), pairs["salience"].count()
    return _by_dyad(largest[largest > 0]), set(coded.index[coded == 0])


def _militarised(
    series: Series, actors: Sequence[Actor], on: date
) -> dict[Pair, float]:
    """Largest of a pair's disputes in the last ten years, (level - 1) / 4 fading with
    age, as of the day, or of the last day of the series where that lies before it."""
    frame, day = _recent(series, actors, on)
    if frame is None:
        return {}
    age = (day - frame["end"]).dt.days.clip(lower=0) / 365.25
    level = (frame["hostility"].fillna(1.0) - 1) / 4
    weight = level * 2 ** (-age / MILITARISED_HALF_LIFE)
    frame = frame.assign(weight=weight.mask(frame["end"] >= day, OPEN_DISPUTE))
    largest = frame.groupby(["a", "b"])["weight"].max()
    return _by_dyad(largest[largest > 0])


def wars_under_way(
    series: Series, actors: Sequence[Actor], on: date
) -> dict[Pair, date]:
    """Since when the pairs have fought that are in a war, by the rule of `WAR_DAYS`."""
    frame, day = _recent(series, actors, on)
    if frame is None:
        return {}
    long = timedelta(days=WAR_DAYS)
    has_lasted = day - frame["start"] >= long
    was_joined = frame["start"] - frame["began"] >= long
    is_war = (frame["end"] >= day) & frame["war"] & (has_lasted | was_joined)
    since = frame[is_war].groupby(["a", "b"])["start"].min()
    return _by_dyad(since.map(pd.Timestamp.date))


def _recent(
    series: Series, actors: Sequence[Actor], on: date
) -> tuple[pd.DataFrame | None, pd.Timestamp]:
    """Disputes of the last ten years between the actors, and the day as of which they
    are known."""
    read = series.read("disputes")
    if read is None:
        return None, pd.Timestamp(on)
    day = min(pd.Timestamp(on), pd.Timestamp(read.report.last_year or on.year, 12, 31))
    began = read.frame.groupby("dispute")["start"].transform("min")
    frame = _placed(read.frame.assign(began=began), actors)
    since = day - pd.DateOffset(years=MILITARISED_YEARS)
    return frame[(frame["start"] < day) & (frame["end"] >= since)], day


def distance_rows(
    series: Series, actors: Sequence[Actor], on: date
) -> tuple[list[Row], int]:
    """Minimum distance of every pair that has one, and the number of pairs left to
    their capitals.

    CShapes of the year, else its last value before, else the bound that COW's direct
    contiguity sets."""
    km: dict[Pair, tuple[float, str]] = {}
    year = on.year
    frame = series.between("contiguity", actors)
    if frame is not None:
        last = series.last_year("contiguity") or year
        goes_on = frame["year_to"] >= min(year, last)
        frame = frame[(frame["year_from"] < year) & goes_on]
        source = "COW direct contiguity 3.2: upper bound of its type"
        nearest = frame.groupby(["a", "b"])["type"].min()
        for dyad, contiguity in _by_dyad(nearest).items():
            km[dyad] = (CONTIGUOUS_KM[contiguity], source)
    spells = series.between("distance", actors)
    if spells is not None:
        spells = spells[spells["year_from"] <= year]
        spells = spells.sort_values("year_to", kind="stable")
        for spell in spells.to_dict("records"):
            of_year = min(year, int(spell["year_to"]))
            source = f"CShapes 2.0 (Schvitz et al. 2022), {of_year}"
            km[spell["a"], spell["b"]] = (float(spell["km"]), source)
    rows = []
    for (a, b), (distance, source) in sorted(km.items()):
        row = {"a": a, "b": b, "km": short(round(distance, 1)), "source": source}
        rows.append(row)
    return rows, math.comb(len(actors), 2) - len(rows)


def relation_rows(series: Series, actors: Sequence[Actor], on: date) -> list[Row]:
    """Rows of a case's no_relations: wars of COW MID 5 under way the day before, and
    the table for the rest."""
    wars = wars_under_way(series, actors, on)
    source = f"{MID}; since the dispute began that became the war"
    rows = []
    for (a, b), since in wars.items():
        row = {"a": a, "b": b, "from": str(since), "kind": "war", "source": source}
        rows.append(row)
    day_before = on - timedelta(days=1)
    relations = known_relations([actor.code for actor in actors], day_before)
    rows += [
        row
        for row in relations
        if row["kind"] != "war" or (row["a"], row["b"]) not in wars
    ]
    return sorted(rows, key=lambda row: (row["a"], row["b"], row["kind"]))


def agreement_rows(
    series: Series, actors: Sequence[Actor], participants: Sequence[str], on: date
) -> list[Row]:
    """Rows in order of pair and date, with ids A-B-kind-year."""
    day = pd.Timestamp(on)
    atop = _alliances(series, "atop", "ATOP 5.1", actors, day)
    cow = _alliances(series, "cow_alliances", "COW alliances 4.1", actors, day)
    tables = [atop, _without(cow, atop), _cooperation(series, actors, day)]
    frame = pd.concat(tables, ignore_index=True)
    frame = frame.assign(ended=_broken(frame, series, actors, day))
    signed = frame["signed"]
    inside = frame["a"].isin(participants) & frame["b"].isin(participants)
    is_signal = inside & (signed >= day - pd.Timedelta(days=SIGNAL_DAYS))
    is_remembered = signed >= day - pd.DateOffset(years=MEMORY_YEARS)
    frame = frame[~is_signal & (frame["ended"].isna() | is_remembered)]
    order = ["a", "b", "signed", "kind", "name"]
    counts = Counter[str]()
    rows = []
    for record in frame.sort_values(order, kind="stable").to_dict("records"):
        slug = SLUGS.get(record["kind"], "accord")
        stem = f"{record['a']}-{record['b']}-{slug}-{record['signed'].year}"
        counts[stem] += 1
        key = stem if counts[stem] == 1 else f"{stem}-{counts[stem]}"
        dates = _dates(record)
        status = "signed" if record["in_force"] is None else "in_force"
        texts = ("a", "b", "kind", "name", "precision", "source")
        rows.append(
            {
                "id": key,
                **{column: str(record[column]) for column in texts},
                **dates,
                "status": "ended" if dates["ended"] else status,
                "multilateral": "true" if record["multilateral"] else "false",
            }
        )
    return rows


def _dates(record: dict[Any, Any]) -> Row:
    """Dates of an agreement as a scenario writes them: the first day of a year or month
    where no more is known, of which the readers have the middle."""
    start = str(record["signed"])
    length = {"year": 4, "month": 7}.get(str(record["precision"]), 10)
    first = (start[:length] + "-01-01")[:10]
    dates = {}
    for column in ("signed", "in_force", "ended"):
        value = _iso(record[column])
        is_middle = length < 10 and value == start[:10]
        dates[column] = first if is_middle else value
    return dates


def _iso(value: object) -> str:
    """A date as text; empty for none."""
    if isinstance(value, pd.Timestamp) and not pd.isna(value):
        return value.strftime("%Y-%m-%d")
    return ""


def _broken(
    agreements: pd.DataFrame,
    series: Series,
    actors: Sequence[Actor],
    day: pd.Timestamp,
) -> pd.Series:
    """The ends of agreements, with those that disputes tell put in where none is on
    record."""
    clashes = series.between("disputes", actors)
    if clashes is None:
        return agreements["ended"]
    is_forceful = clashes["hostility"] >= SHOW_OF_FORCE
    clashes = clashes[is_forceful & (clashes["start"] < day)]
    starts = {}
    for dyad, part in clashes.groupby(["a", "b"]):
        starts[dyad] = sorted(part["start"])
    ends: list[object] = []
    for row in agreements.itertuples():
        ended = row.ended
        closes = ENDS_KNOWN_TO.get(str(row.name).split()[0])
        is_promise = row.kind == "non_aggression" and row.multilateral
        may_be_broken = closes is not None or is_promise
        if may_be_broken and not isinstance(ended, pd.Timestamp):
            since = max(pd.Timestamp(str(row.signed)), closes or pd.Timestamp.min)
            later = [start for start in starts.get((row.a, row.b), []) if start > since]
            ended = later[0] if later else ended
        ends.append(ended)
    return pd.Series(ends, index=agreements.index, dtype=object)


def _alliances(
    series: Series, name: str, label: str, actors: Sequence[Actor], day: pd.Timestamp
) -> pd.DataFrame:
    read = series.read(name)
    if read is None:
        return pd.DataFrame(columns=FIELDS)
    begun = read.frame[read.frame["start"] < day]
    sides = []
    for side in ("cow_a", "cow_b"):
        members = begun[["alliance_id", side]]
        sides.append(members.set_axis(["id", "cow"], axis=1))
    sizes = pd.concat(sides).groupby("id")["cow"].nunique()
    keys = ["alliance_id", "a", "b"]
    frame = _placed(begun, actors).sort_values("start", kind="stable")
    phases = frame.groupby(keys, sort=False)
    last = phases.tail(1).set_index(keys)
    last = last.assign(signed=phases["start"].min()).reset_index()
    source = label + " id " + last["alliance_id"].astype(str)
    return last.assign(
        name=source,
        in_force=last["signed"],
        ended=last["end"].where(last["end"] < day),
        precision="day",
        multilateral=last["alliance_id"].map(sizes) > 2,
        source=source,
    )[FIELDS]


def _without(cow: pd.DataFrame, atop: pd.DataFrame) -> pd.DataFrame:
    """COW's alliances that ATOP does not have: no start of the same pair within a
    year."""
    if cow.empty or atop.empty:
        return cow
    pairs = cow.reset_index().merge(atop, on=["a", "b"])
    gap = (pairs["signed_x"] - pairs["signed_y"]).dt.days.abs()
    return cow.drop(pairs["index"][gap <= SAME_TREATY_DAYS])


def _cooperation(
    series: Series, actors: Sequence[Actor], day: pd.Timestamp
) -> pd.DataFrame:
    """DCAD: in force from its entry, or from signature where that is not on record."""
    frame = series.between("accords", actors)
    if frame is None:
        return pd.DataFrame(columns=FIELDS)
    frame = frame[frame["signed"].notna() & (frame["signed"] < day)]
    signed, in_force, ended = frame["signed"], frame["in_force"], frame["ended"]
    is_later = in_force.notna() & (in_force >= day)
    begun = in_force.where(in_force >= signed, signed)
    key = frame["accord_id"].astype(str)
    return frame.assign(
        ended=ended.where((ended < day) & (ended >= begun)),
        name="DCAD " + key,
        source="DCAD 1.0 (Kinne 2020) " + key,
        in_force=begun.astype(object).mask(is_later, None),
    )[FIELDS]

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
        if self.folder.is_file():
            raise DataError(
                "this is a file, not a folder of data",
                "Give the folder it lies in",
                self.folder,
            )
        if not self.folder.is_dir():
            raise DataError(
                "there is no such folder",
                "Give the folder that holds the series",
                self.folder,
            )

    def read(self, name: str) -> Read | None:
        """A series by the panel's name for it (`capability`, `atop`, ...), or None with
        a note."""
        if name not in self._read:
            path, _ = file_of(self.folder, name)
            if path is None and name == "capability":
                wanted = " or ".join(FILES[name])
                raise DataError(
                    "there is no file of capabilities",
                    f"Put {wanted} into the folder",
                    self.folder,
                )
            if path is None:
                self.notes.append(
                    f"The data folder has no {TITLES[name]}: missing throughout."
                )
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
    return placed(frame, {cow: one.code for one in actors for cow in one.cows}, str)


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
    known: dict[str, tuple[float, int]] = {}
    for one in actors:
        power = _latest(series, "capability", "cinc", one, on.year)
        power = power or _latest(
            series, "capability", "cinc", one, on.year + 1, carry_years=0
        )
        known |= {one.code: power} if power else {}
    least = min((value for value, _ in known.values() if value > 0), default=1.0)
    share = {one.code: known.get(one.code, (least, 0))[0] for one in actors}
    patrons = _patrons(share, agreements)
    rows = []
    for one in sorted(actors, key=lambda each: each.code):
        code, year = one.code, known.get(one.code, (least, None))[1]
        said = (
            f"COW NMC {year}"
            if year
            else "no series has it; the least of the other states stands in"
        )
        sources, guessed = [f"capability: {said}"], year in (None, on.year)
        row = {"id": code, "name": one.name, "capability": short(share[code])}
        for field, name, column, label in (
            ("democracy", "democracy", "polyarchy", "V-Dem"),
            (
                "ideal_point",
                "ideal",
                "ideal_fp",
                "Bailey, Strezhnev, Voeten (final passage)",
            ),
        ):
            found = _latest(series, name, column, one, on.year)
            row[field] = short(found[0]) if found else ""
            sources += [f"{field}: {label} {found[1]}"] if found else []
        row |= _capital(series, one, on, sources)
        armed = nuclear_since(code, on)
        sources += ["nuclear_since: Bleek (nuclear.csv)"] if armed else []
        row |= {
            "reliability": RELIABILITY,
            "autonomy": "0",
            "nuclear_since": str(armed or ""),
        }
        row |= {
            "patrons": ";".join(sorted(patrons.get(code, ()))),
            "source": "; ".join(sources),
        }
        rows.append(
            row | {"guesses": "reliability;capability" if guessed else "reliability"}
        )
    return rows


def _latest(
    series: Series,
    name: str,
    column: str,
    one: Actor,
    year: int,
    carry_years: int = CARRY_YEARS,
) -> tuple[float, int] | None:
    """Value and year of the last known of the years before `year`, so many years back
    at most from the last."""
    read = series.read(name)
    if read is None:
        return None
    frame = read.frame[(read.frame["cow"] == one.cow) & read.frame[column].notna()]
    here = frame[frame["year"].between(year - 1 - carry_years, year - 1)].sort_values(
        "year"
    )
    return (
        None
        if here.empty
        else (float(here[column].iloc[-1]), int(here["year"].iloc[-1]))
    )


def _capital(series: Series, one: Actor, on: date, sources: list[str]) -> Row:
    """Latitude and longitude of the capital at the date; else of the first capital on
    record after it, since where a city lies is nothing learnt later; else of the last
    before it."""
    read, day = series.read("capitals"), pd.Timestamp(on)
    frame = (
        pd.DataFrame()
        if read is None
        else read.frame[read.frame["cow"].isin(one.cows)].sort_values("start")
    )
    if frame.empty:
        return {"latitude": "", "longitude": ""}
    now = frame[(frame["start"] <= day) & (frame["end"] >= day)]
    after, before = frame[frame["start"] > day], frame[frame["end"] < day]
    row = pd.concat([before.tail(1), after.head(1), now.tail(1)]).iloc[-1]
    sources.append("capital: COW capitals" + ("" if len(now) else ", of another year"))
    return {side: short(float(row[side])) for side in ("latitude", "longitude")}


def _patrons(share: dict[str, float], agreements: Sequence[Row]) -> dict[str, set[str]]:
    """State -> the states that have a defence pact in force with it and ten times its
    capability."""
    found: dict[str, set[str]] = {}
    pacts = pacts_in_force(agreements)
    for client, power in (*pacts, *((b, a) for a, b in pacts)):
        if share[power] >= PATRON_RATIO * share[client]:
            found.setdefault(client, set()).add(power)
    return found


def pacts_in_force(agreements: Sequence[Row]) -> list[Pair]:
    return [
        (r["a"], r["b"])
        for r in agreements
        if (r["kind"], r["status"]) == ("defence_pact", "in_force")
    ]


def dispute_rows(series: Series, actors: Sequence[Actor], on: date) -> list[Row]:
    """One row for each pair with anything between it, each part 0..1."""
    claims, guessed = _claims(series, actors, on)
    rivals, rivalry = series.between("rivalry", actors), dict[Pair, float]()
    if rivals is not None:
        rivals = rivals[
            (rivals["year_from"] < on.year)
            & (rivals["year_to"].fillna(9999) >= on.year)
        ]
        rivalry = dict.fromkeys(zip(rivals["a"], rivals["b"], strict=True), 1.0)
    parts = {
        "rivalry": (rivalry, "Thompson, Sakuwa, Suhas 2021"),
        "claim": (claims, "ICOW territorial claims (Hensel et al.)"),
        "militarised": (_militarised(series, actors, on), MID),
        "war": (dict.fromkeys(wars_under_way(series, actors, on), 1.0), MID),
    }
    rows = []
    for a, b in sorted(set().union(*(found for found, _ in parts.values()))):
        here = {
            part: short(round(found[a, b], 3))
            for part, (found, _) in parts.items()
            if (a, b) in found
        }
        source = "; ".join(f"{part}: {parts[part][1]}" for part in here)
        rows.append(
            {
                "a": a,
                "b": b,
                **here,
                "source": source,
                "x_guesses": "claim" if (a, b) in guessed else "",
            }
        )
    return rows


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
    frame = frame[
        (frame["start"] < day) & (frame["end"].isna() | (frame["end"] >= day))
    ]
    pairs = frame.assign(known=frame["salience"].fillna(SALIENCE_GUESS)).groupby(
        ["a", "b"]
    )
    found, coded = pairs["known"].max(), pairs["salience"].count()
    return _by_dyad(found[found > 0]), set(coded.index[coded == 0])


def _militarised(
    series: Series, actors: Sequence[Actor], on: date
) -> dict[Pair, float]:
    """Largest of a pair's disputes in the last ten years, (level - 1) / 4 fading with
    age, as of the day, or of the last day of the series where that lies before it."""
    frame, day = _recent(series, actors, on)
    if frame is None:
        return {}
    age = (day - frame["end"]).dt.days.clip(lower=0) / 365.25
    level = (
        (frame["hostility"].fillna(1.0) - 1) / 4 * 2 ** (-age / MILITARISED_HALF_LIFE)
    )
    frame = frame.assign(weight=level.mask(frame["end"] >= day, OPEN_DISPUTE))
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
    old = (day - frame["start"] >= long) | (frame["start"] - frame["began"] >= long)
    wars = frame[(frame["end"] >= day) & frame["war"] & old]
    return _by_dyad(wars.groupby(["a", "b"])["start"].min().map(pd.Timestamp.date))


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
    spells, frame, year = (
        series.between("distance", actors),
        series.between("contiguity", actors),
        on.year,
    )
    if frame is not None:
        last = series.last_year("contiguity") or year
        frame = frame[
            (frame["year_from"] < year) & (frame["year_to"] >= min(year, last))
        ]
        bound = "COW direct contiguity 3.2: upper bound of its type"
        nearest = _by_dyad(frame.groupby(["a", "b"])["type"].min())
        km |= {dyad: (CONTIGUOUS_KM[kind], bound) for dyad, kind in nearest.items()}
    if spells is not None:
        spells = spells[spells["year_from"] <= year].sort_values(
            "year_to", kind="stable"
        )
        for a, b, least, until in zip(
            spells["a"], spells["b"], spells["km"], spells["year_to"], strict=True
        ):
            km[a, b] = (
                float(least),
                f"CShapes 2.0 (Schvitz et al. 2022), {min(year, int(until))}",
            )
    rows = [
        {"a": a, "b": b, "km": short(round(far, 1)), "source": said}
        for (a, b), (far, said) in sorted(km.items())
    ]
    return rows, math.comb(len(actors), 2) - len(rows)


def relation_rows(series: Series, actors: Sequence[Actor], on: date) -> list[Row]:
    """Rows of a case's no_relations: wars of COW MID 5 under way the day before, and
    the table for the rest."""
    wars, source = (
        wars_under_way(series, actors, on),
        f"{MID}; since the dispute began that became the war",
    )
    rows = [
        {"a": a, "b": b, "from": str(since), "kind": "war", "source": source}
        for (a, b), since in wars.items()
    ]
    known = known_relations([one.code for one in actors], on - timedelta(days=1))
    rows += [
        row for row in known if row["kind"] != "war" or (row["a"], row["b"]) not in wars
    ]
    return sorted(rows, key=lambda row: (row["a"], row["b"], row["kind"]))


def agreement_rows(
    series: Series, actors: Sequence[Actor], participants: Sequence[str], on: date
) -> list[Row]:
    """Rows in order of pair and date, with ids A-B-kind-year."""
    day = pd.Timestamp(on)
    atop = _alliances(series, "atop", "ATOP 5.1", actors, day)
    cow = _alliances(series, "cow_alliances", "COW alliances 4.1", actors, day)
    found = pd.concat(
        [atop, _without(cow, atop), _cooperation(series, actors, day)],
        ignore_index=True,
    )
    found = found.assign(ended=_broken(found, series, actors, day))
    inside = found["a"].isin(participants) & found["b"].isin(participants)
    found = found[~(inside & (found["signed"] >= day - pd.Timedelta(days=SIGNAL_DAYS)))]
    found = found[
        found["ended"].isna()
        | (found["signed"] >= day - pd.DateOffset(years=MEMORY_YEARS))
    ]
    found = found.sort_values(["a", "b", "signed", "kind", "name"], kind="stable")
    seen = Counter[str]()
    rows = []
    for record in found.to_dict("records"):
        stem = f"{record['a']}-{record['b']}-{SLUGS.get(record['kind'], 'accord')}-{record['signed'].year}"
        seen[stem] += 1
        key = stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"
        start, length = (
            str(record["signed"]),
            {"year": 4, "month": 7}.get(str(record["precision"]), 10),
        )
        dates = {name: _iso(record[name]) for name in ("signed", "in_force", "ended")}
        if (
            length < 10
        ):  # scenarios write the first day of the year or month, the readers its middle
            first = (start[:length] + "-01-01")[:10]
            dates = {
                name: first if value == start[:10] else value
                for name, value in dates.items()
            }
        status = (
            "ended"
            if dates["ended"]
            else "signed"
            if record["in_force"] is None
            else "in_force"
        )
        texts = {
            name: str(record[name])
            for name in ("a", "b", "kind", "name", "precision", "source")
        }
        multilateral = "true" if record["multilateral"] else "false"
        rows.append(
            {
                "id": key,
                **texts,
                **dates,
                "status": status,
                "multilateral": multilateral,
            }
        )
    return rows


def _iso(value: object) -> str:
    return (
        value.strftime("%Y-%m-%d")
        if isinstance(value, pd.Timestamp) and not pd.isna(value)
        else ""
    )


def _broken(
    found: pd.DataFrame, series: Series, actors: Sequence[Actor], day: pd.Timestamp
) -> pd.Series:
    """The ends of agreements, with those that disputes tell put in where none is on
    record."""
    clashes = series.between("disputes", actors)
    if clashes is None:
        return found["ended"]
    clashes = clashes[
        (clashes["hostility"] >= SHOW_OF_FORCE) & (clashes["start"] < day)
    ]
    starts = {key: sorted(part["start"]) for key, part in clashes.groupby(["a", "b"])}
    ends: list[object] = []
    for row in found.itertuples():
        ended, known_to = row.ended, ENDS_KNOWN_TO.get(str(row.name).split()[0])
        since = max(pd.Timestamp(str(row.signed)), known_to or pd.Timestamp.min)
        tells = known_to is not None or (
            row.kind == "non_aggression" and row.multilateral
        )
        if tells and not isinstance(ended, pd.Timestamp):
            ended = next(
                (start for start in starts.get((row.a, row.b), []) if start > since),
                ended,
            )
        ends.append(ended)
    return pd.Series(ends, index=found.index, dtype=object)


def _alliances(
    series: Series, name: str, label: str, actors: Sequence[Actor], day: pd.Timestamp
) -> pd.DataFrame:
    read = series.read(name)
    if read is None:
        return pd.DataFrame(columns=FIELDS)
    begun = read.frame[read.frame["start"] < day]
    sides = [
        begun[["alliance_id", c]].set_axis(["id", "cow"], axis=1)
        for c in ("cow_a", "cow_b")
    ]
    members = pd.concat(sides).groupby("id")["cow"].nunique()
    frame, keys = (
        _placed(begun, actors).sort_values("start", kind="stable"),
        ["alliance_id", "a", "b"],
    )
    phases = frame.groupby(keys, sort=False)
    last = (
        phases.tail(1)
        .set_index(keys)
        .assign(signed=phases["start"].min())
        .reset_index()
    )
    source = label + " id " + last["alliance_id"].astype(str)
    return last.assign(
        name=source,
        in_force=last["signed"],
        ended=last["end"].where(last["end"] < day),
        precision="day",
        multilateral=last["alliance_id"].map(members) > 2,
        source=source,
    )[FIELDS]


def _without(cow: pd.DataFrame, atop: pd.DataFrame) -> pd.DataFrame:
    """COW's alliances that ATOP does not have: no start of the same pair within a
    year."""
    if cow.empty or atop.empty:
        return cow
    both = cow.reset_index().merge(atop, on=["a", "b"])
    near = (both["signed_x"] - both["signed_y"]).dt.days.abs() <= SAME_TREATY_DAYS
    return cow.drop(both["index"][near])


def _cooperation(
    series: Series, actors: Sequence[Actor], day: pd.Timestamp
) -> pd.DataFrame:
    """DCAD: in force from its entry, or from signature where that is not on record."""
    frame = series.between("accords", actors)
    if frame is None:
        return pd.DataFrame(columns=FIELDS)
    frame = frame[frame["signed"].notna() & (frame["signed"] < day)]
    later = frame["in_force"].notna() & (frame["in_force"] >= day)
    begun = frame["in_force"].where(
        frame["in_force"] >= frame["signed"], frame["signed"]
    )
    return frame.assign(
        ended=frame["ended"].where((frame["ended"] < day) & (frame["ended"] >= begun)),
        name="DCAD " + frame["accord_id"].astype(str),
        source="DCAD 1.0 (Kinne 2020) " + frame["accord_id"].astype(str),
        in_force=begun.astype(object).mask(later, None),
    )[FIELDS]

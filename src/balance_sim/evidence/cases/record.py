"""What is known of a case at its date: its states, and agreements, quarrels, distances
and broken relations between them, as tables of a scenario, every cell as text.

Nothing dated on or after the day of the signal is read, but that something has ended by
then. The rules: docs/cases.md. Two ends that the series of agreements cannot tell are
taken from that of disputes, the first after the agreement in which one of two states
shows or uses force against the other: of a promise of non-aggression among many (ATOP
dates ends by treaty and member), and of an agreement of DCAD or of COW that was in
force when its record of ends closes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from balance_sim.evidence.cases.tables import Actor
from balance_sim.evidence.data.codes import known_relations, nuclear_since
from balance_sim.evidence.data.layers import FORCE, fading_force
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.data.table import Read, placed

Pair = tuple[str, str]

CARRY_YEARS = 5
PATRON_RATIO = 10.0
"""A patron has a defence pact in force with a state and at least so many times its
capability."""
RELIABILITY = "0.9"
"""A guess, the same for all states, as in the scenario of Beijing 2025."""
RECENT_YEARS = 10
"""Years in which a militarised dispute is a quarrel."""
LEAST_RECENT = 0.05
"""What a use of force of 43 years ago tells: less is left out."""
WAR_TIME = pd.Timedelta(days=180)
"""The series dates disputes, not the outbreak of a war in one. A dispute that is a war
in the end counts as a war once the two have been in it for so long, or have joined one
of that age."""
SALIENCE_GUESS = 0.5
NEVER = 9999
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
SIGNAL_TIME = pd.Timedelta(days=31)
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
DISPUTE_SOURCES = {
    "rivalry": "Thompson, Sakuwa, Suhas 2021",
    "claim": "ICOW territorial claims (Hensel et al.)",
    "militarised": MID,
    "war": MID,
}
YEARLY = {
    "democracy": ("democracy", "V-Dem"),
    "ideal_point": ("ideal", "Bailey, Strezhnev, Voeten (final passage)"),
}
"""Fields of a state by year: series, and how its source is called."""
NO_CAPABILITY = "no series has it; the least of the other states stands in"
PLACE, AT_DATE = ("latitude", "longitude"), 2
DATES = ("signed", "in_force", "ended")
FIELDS = ["a", "b", "kind", "name", *DATES, "precision", "multilateral", "source"]


@dataclass(frozen=True)
class Record:
    """The series of a data folder, by name, for the states of a case at its date."""

    reads: Mapping[str, Read]
    actors: tuple[Actor, ...]
    on: date

    @classmethod
    def of(cls, folder: Path | str, actors: Sequence[Actor], on: date) -> Record:
        """What a folder holds. Raises DataError."""
        return cls(
            {name: source.of(Path(folder)) for name, source in SOURCES.items()},
            tuple(actors),
            on,
        )

    @property
    def codes(self) -> list[str]:
        """Codes of the states."""
        return [actor.code for actor in self.actors]

    @property
    def day(self) -> pd.Timestamp:
        """The date of the case."""
        return pd.Timestamp(self.on)

    def last_year(self, name: str) -> int | None:
        """The last year of a series; None where it is not there or does not say."""
        return self.reads[name].report.last_year

    def between(self, name: str) -> pd.DataFrame:
        """Rows of a series on dyads, of two of the actors, with their codes a < b."""
        return self.placed(self.reads[name].frame)

    def placed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of two of the actors, with their codes a < b."""
        code = {cow: actor.code for actor in self.actors for cow in actor.cows}
        return placed(frame, code, str)

    def latest(
        self, name: str, last_year: int, carry_years: int = CARRY_YEARS
    ) -> dict[str, tuple[float, int]]:
        """Value and year of each state's last known of the years up to one, so many
        years back at most; by code."""
        frame = self.reads[name].frame
        series = frame.columns[-1]
        is_recent = frame["year"].between(last_year - carry_years, last_year)
        rows = frame[is_recent & frame[series].notna()].groupby("cow").last()
        values = zip(rows[series].astype(float), rows["year"].astype(int), strict=True)
        by_number = dict(zip(rows.index, values, strict=True))
        return {
            actor.code: by_number[actor.cow]
            for actor in self.actors
            if actor.cow in by_number
        }


def short(value: float) -> str:
    """Six significant digits, no exponent, no trailing zeros."""
    text = f"{value:.6g}"
    return f"{value:.12f}".rstrip("0").rstrip(".") if "e" in text else text


# --- states ---------------------------------------------------------------------------


def state_rows(record: Record, agreements: pd.DataFrame) -> pd.DataFrame:
    """One row a state, sorted by code: capability, regime, ideal point, capital,
    nuclear weapons, patrons.

    agreements: the case's, for the patrons."""
    year = record.on.year
    capability = record.latest("capability", year, 0)
    capability |= record.latest("capability", year - 1)
    positive = [value for value, _ in capability.values() if value > 0]
    smallest = (min(positive, default=1.0), 0)
    share = {code: capability.get(code, smallest)[0] for code in record.codes}
    yearly = {name: record.latest(name, year - 1) for name, _ in YEARLY.values()}
    pacts = pacts_in_force(agreements)
    rows = []
    for actor in sorted(record.actors, key=lambda actor: actor.code):
        code, measured = actor.code, capability.get(actor.code, smallest)[1]
        sources = {"capability": f"COW NMC {measured}" if measured else NO_CAPABILITY}
        cells = {"capability": short(share[code])}
        for field, (name, title) in YEARLY.items():
            if code in yearly[name]:
                value, known_year = yearly[name][code]
                cells[field] = short(value)
                sources[field] = f"{title} {known_year}"
        capital = _capitals_by_rank(record, actor)
        if len(capital):
            cells |= {side: short(float(capital.iloc[-1][side])) for side in PLACE}
            is_other = capital.iloc[-1]["rank"] < AT_DATE
            sources["capital"] = (
                f"COW capitals{', of another year' if is_other else ''}"
            )
        armed = nuclear_since(code, record.on)
        if armed:
            sources["nuclear_since"] = "Bleek (nuclear.csv)"
        allies = {ally for pact in pacts if code in pact for ally in pact}
        patrons = [ally for ally in allies if share[ally] >= PATRON_RATIO * share[code]]
        is_guess = measured in (0, year)
        rows.append(
            {
                "id": code,
                "name": actor.name,
                **cells,
                "reliability": RELIABILITY,
                "autonomy": "0",
                "nuclear_since": str(armed or ""),
                "patrons": ";".join(sorted(patrons)),
                "source": "; ".join(
                    f"{field}: {title}" for field, title in sources.items()
                ),
                "guesses": "reliability;capability" if is_guess else "reliability",
            }
        )
    return pd.DataFrame(rows)


def _capitals_by_rank(record: Record, actor: Actor) -> pd.DataFrame:
    """A state's capitals, the one that counts last: that at the date; else the first on
    record after it, since where a city lies is nothing learnt later; else the last
    before it."""
    frame, day = record.reads["capitals"].frame, record.day
    frame = frame[frame["cow"].isin(actor.cows)].sort_values("start")
    at_date = frame[(frame["start"] <= day) & (frame["end"] >= day)]
    later, earlier = frame[frame["start"] > day], frame[frame["end"] < day]
    ranked = [earlier.tail(1), later.head(1), at_date.tail(1)]
    return pd.concat([part.assign(rank=rank) for rank, part in enumerate(ranked)])


def pacts_in_force(agreements: pd.DataFrame) -> list[Pair]:
    """Dyads with a defence pact in force, a pact each."""
    is_pact = agreements["kind"] == "defence_pact"
    pacts = agreements[is_pact & (agreements["status"] == "in_force")]
    return list(zip(pacts["a"], pacts["b"], strict=True))


# --- quarrels -------------------------------------------------------------------------


def dispute_rows(record: Record) -> pd.DataFrame:
    """One row for each pair with anything between it, each part 0..1: in a rivalry or a
    war 1; of its claims that stand the highest salience (ICOW's 0..12 over 12), a guess
    where none is coded; of its uses of force
    the most recent, as `recent_force` has it."""
    claims, rivals = record.between("claims"), record.between("rivalry")
    rivals = rivals[
        (rivals["year_from"] < record.on.year)
        & (rivals["year_to"].fillna(NEVER) >= record.on.year)
    ]
    goes_on = claims["end"].isna() | (claims["end"] >= record.day)
    claims = claims[(claims["start"] < record.day) & goes_on]
    severity = {
        "rivalry": _largest(rivals, pd.Series(1.0, index=rivals.index)),
        "claim": _largest(claims, claims["salience"].fillna(SALIENCE_GUESS)),
        "militarised": recent_force(record),
        "war": dict.fromkeys(wars_under_way(record), 1.0),
    }
    coded = {*_largest(claims, claims["salience"].notna().astype(float))}
    rows = []
    for a, b in sorted({dyad for values in severity.values() for dyad in values}):
        on_record = {
            part: values for part, values in severity.items() if (a, b) in values
        }
        is_guess = "claim" in on_record and (a, b) not in coded
        rows.append(
            {
                "a": a,
                "b": b,
                **{
                    part: short(round(values[a, b], 3))
                    for part, values in on_record.items()
                },
                "source": "; ".join(
                    f"{part}: {DISPUTE_SOURCES[part]}" for part in on_record
                ),
                "x_guesses": "claim" if is_guess else "",
            }
        )
    return pd.DataFrame(rows, columns=["a", "b", *severity, "source", "x_guesses"])


def standing_quarrels(record: Record, disputes: pd.DataFrame) -> list[Pair]:
    """Pairs with a rivalry, a claim or a war, or with a militarised dispute of the ten
    years before, of whatever level. disputes: of `dispute_rows`."""
    frame, day = _known_disputes(record)
    is_recent = frame["end"] >= day - pd.DateOffset(years=RECENT_YEARS)
    was_shown = (frame["hostility"].fillna(1.0) > 1) | (frame["end"] >= day)
    recent = frame[is_recent & was_shown]
    standing = disputes[["rivalry", "claim", "war"]].astype(object).fillna("")
    quarrels = disputes[(standing != "").any(axis=1)]
    dyads = pd.concat([recent[["a", "b"]], quarrels[["a", "b"]]])
    return sorted(set(zip(dyads["a"], dyads["b"], strict=True)))


def _largest(frame: pd.DataFrame, values: pd.Series) -> dict[Pair, float]:
    """By dyad the largest of its rows' values, where that is above 0."""
    largest = values.groupby([frame["a"], frame["b"]]).max()
    largest = largest[largest > 0]
    return dict(zip(largest.index, largest, strict=True))


def recent_force(record: Record) -> dict[Pair, float]:
    """How recently two states used force against each other, 0..1, where it still
    counts: 1 while a dispute is under way, which has no level yet."""
    frame, day = _known_disputes(record)
    was_force = (frame["hostility"] >= FORCE) | (frame["end"] >= day)
    force = frame[was_force]
    age = (day - force["end"]).dt.days.clip(lower=0) / 365.25
    recent = fading_force(age)
    return _largest(force, recent.where(recent >= LEAST_RECENT, 0.0))


def wars_under_way(record: Record) -> dict[Pair, date]:
    """Since when the pairs have fought that are in a war, by the rule of
    `WAR_TIME`."""
    frame, day = _known_disputes(record)
    has_lasted = day - frame["start"] >= WAR_TIME
    was_joined = frame["start"] - frame["began"] >= WAR_TIME
    is_war = (frame["end"] >= day) & frame["war"] & (has_lasted | was_joined)
    since = frame[is_war].groupby(["a", "b"])["start"].min()
    return dict(zip(since.index, (start.date() for start in since), strict=True))


def _known_disputes(record: Record) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Disputes between the actors that began before the case, and the day as of which
    they are known: the last day of the source where it ends earlier."""
    read = record.reads["disputes"]
    last_year = read.report.last_year or record.on.year
    day = min(record.day, pd.Timestamp(last_year, 12, 31))
    frame = record.placed(
        read.frame.assign(began=read.frame.groupby("dispute")["start"].transform("min"))
    )
    return frame[frame["start"] < day], day


def relation_rows(record: Record) -> pd.DataFrame:
    """A case's no_relations: wars of COW MID 5 under way the day before, and the table
    of relations for the rest."""
    wars = wars_under_way(record)
    source = f"{MID}; since the dispute began that became the war"
    rows = []
    for (a, b), since in wars.items():
        row = {"a": a, "b": b, "from": str(since), "kind": "war", "source": source}
        rows.append(row)
    relations = known_relations(record.codes, record.on - timedelta(days=1))
    rows += [
        row
        for row in relations
        if row["kind"] != "war" or (row["a"], row["b"]) not in wars
    ]
    return pd.DataFrame(
        rows, columns=["a", "b", "from", "until", "kind", "source"]
    ).sort_values(["a", "b", "kind"])


# --- distances ------------------------------------------------------------------------


def distance_rows(record: Record) -> tuple[pd.DataFrame, int]:
    """Minimum distance of every pair that has one, and the number of pairs left to
    their capitals.

    CShapes of the year, else its last value before, else the bound that COW's direct
    contiguity sets."""
    year = record.on.year
    borders = record.between("contiguity")
    last = min(year, record.last_year("contiguity") or year)
    borders = borders[(borders["year_from"] < year) & (borders["year_to"] >= last)]
    nearest = borders.groupby(["a", "b"], as_index=False)["type"].min()
    nearest["km"] = nearest["type"].map(CONTIGUOUS_KM)
    nearest["source"] = "COW direct contiguity 3.2: upper bound of its type"
    spells = record.between("distance")
    spells = spells[spells["year_from"] <= year].sort_values("year_to", kind="stable")
    years = spells["year_to"].clip(upper=year).astype(str)
    spells["source"] = "CShapes 2.0 (Schvitz et al. 2022), " + years
    rows = pd.concat([nearest, spells]).drop_duplicates(["a", "b"], keep="last")
    rows = rows.sort_values(["a", "b"])
    rows["km"] = [short(round(float(km), 1)) for km in rows["km"]]
    return rows, math.comb(len(record.actors), 2) - len(rows)


# --- agreements -----------------------------------------------------------------------


def agreement_rows(record: Record, participants: Sequence[str]) -> pd.DataFrame:
    """Agreements in order of pair and date, with ids A-B-kind-year."""
    atop = _alliances(record, "atop", "ATOP 5.1")
    tables = [
        atop,
        _without(_alliances(record, "cow_alliances", "COW alliances 4.1"), atop),
        _cooperation(record),
    ]
    frame = pd.concat([table for table in tables if len(table)] or tables[:1])
    frame = frame.reset_index(drop=True)
    frame["ended"] = _broken(frame, record)
    signed = frame["signed"]
    inside = frame["a"].isin(participants) & frame["b"].isin(participants)
    is_signal = inside & (signed >= record.day - SIGNAL_TIME)
    is_remembered = signed >= record.day - pd.DateOffset(years=MEMORY_YEARS)
    frame = frame[~is_signal & (frame["ended"].isna() | is_remembered)]
    frame = frame.sort_values(
        ["a", "b", "signed", "kind", "name"], kind="stable"
    ).reset_index(drop=True)
    return frame.assign(
        id=_ids(frame),
        status=np.select(
            [frame["ended"].notna(), frame["in_force"].isna()],
            ["ended", "signed"],
            "in_force",
        ),
        multilateral=frame["multilateral"].map({True: "true", False: "false"}),
        **{column: _written(frame, column) for column in DATES},
    )


def _ids(frame: pd.DataFrame) -> pd.Series:
    """A-B-kind-year, with a number from the second of the same on."""
    slug = frame["kind"].map(SLUGS).fillna("accord")
    year = frame["signed"].dt.year.astype(str)
    stem: pd.Series = frame["a"] + "-" + frame["b"] + "-" + slug + "-" + year
    number = stem.groupby(stem).cumcount() + 1
    return stem.where(number == 1, stem + "-" + number.astype(str))


def _written(frame: pd.DataFrame, column: str) -> pd.Series:
    """Dates of agreements as a scenario writes them: the first day of a year or month
    where no more is known, of which the readers have the middle."""
    signed, precision = frame["signed"], frame["precision"]
    dates = pd.to_datetime(frame[column])
    text = dates.dt.strftime("%Y-%m-%d").fillna("")
    is_middle = dates == signed
    text = text.mask(is_middle & (precision == "month"), text.str[:7] + "-01")
    return text.mask(is_middle & (precision == "year"), text.str[:4] + "-01-01")


def _broken(agreements: pd.DataFrame, record: Record) -> pd.Series:
    """The ends of agreements, with those that disputes tell put in where none is on
    record."""
    clashes = record.between("disputes")
    is_forceful = clashes["hostility"] >= SHOW_OF_FORCE
    clashes = clashes[is_forceful & (clashes["start"] < record.day)].sort_values(
        "start"
    )
    starts = clashes.groupby(["a", "b"])["start"].agg(list).to_dict()
    ends: dict[object, pd.Timestamp] = {}
    for place, row in agreements[agreements["ended"].isna()].iterrows():
        closes = ENDS_KNOWN_TO.get(row["name"].split()[0])
        is_promise = row["kind"] == "non_aggression" and row["multilateral"]
        since = max(row["signed"], closes or row["signed"])
        later = [
            start for start in starts.get((row["a"], row["b"]), []) if start > since
        ]
        if later and (closes is not None or is_promise):
            ends[place] = later[0]
    return agreements["ended"].fillna(pd.Series(ends, dtype="datetime64[s]"))


def _alliances(record: Record, name: str, label: str) -> pd.DataFrame:
    """The treaties of a series that were signed before the date, phases of one taken
    together."""
    read, day = record.reads[name], record.day
    begun = read.frame[read.frame["start"] < day]
    sides = begun.melt(["alliance_id"], ["cow_a", "cow_b"], value_name="cow")
    sizes = sides.groupby("alliance_id")["cow"].nunique()
    keys = ["alliance_id", "a", "b"]
    frame = record.placed(begun).sort_values("start", kind="stable")
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
    pairs = cow.reset_index().merge(atop, on=["a", "b"])
    gap = (pairs["signed_x"] - pairs["signed_y"]).dt.days.abs()
    return cow.drop(pairs["index"][gap <= SAME_TREATY_DAYS])


def _cooperation(record: Record) -> pd.DataFrame:
    """DCAD, or agreements of the user's own: in force from entry, or from signature
    where that is not on record."""
    frame, day = record.between("accords"), record.day
    report = record.reads["accords"].report
    name, source = "DCAD ", "DCAD 1.0 (Kinne 2020) "
    if report.source != "DCAD":
        name = source = f"{Path(report.path).stem} "
    frame = frame[frame["signed"] < day]
    signed, in_force, ended = frame["signed"], frame["in_force"], frame["ended"]
    begun = in_force.where(in_force >= signed, signed)
    return frame.assign(
        ended=ended.where((ended < day) & (ended >= begun)),
        name=name + frame["accord_id"],
        source=source + frame["accord_id"],
        in_force=begun.mask(in_force >= day),
    )[FIELDS]

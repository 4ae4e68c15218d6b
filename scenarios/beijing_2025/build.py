"""Build the tables of this scenario from the facts and the public series.

    python scenarios/beijing_2025/build.py --facts DIR --data DIR

Plain standard library; the same inputs give the same bytes. How figures map to columns:

states.csv     one row of states_2025.csv each: gdp_usd_bn_2024 -> gdp_bn, milex_usd_bn_2024 -> milex_bn,
               population_m, vdem_polyarchy_2024 -> democracy, unga_ideal_2024 -> ideal_point (final-passage
               votes), capital_lat/lon -> latitude/longitude. Blank stays blank. Patrons by rule from the
               defence pacts; autonomy from coding_states.csv and reliability (below) are guesses;
               nuclear_since (below) from Bleek 2017.
trade.csv      trade_share_chn and trade_share_usa, one row a share on record; all are from memory.
accords.csv    one row of accords_before_2025-09-03.csv each, its words for kind and status kept; three rows
               changed (ACCORDS_CHANGED). talks.csv is written by hand and only checked here.
events.csv     one row of events_2025.csv each, with roles, sign and kind from coding_events.csv, where merged
               rows name the event they belong to; plus one scheduled meeting (EVENTS_ADDED).
disputes.csv   rivalry: Thompson, Sakuwa, Suhas, still open in 2020 -> 1. claim: ICOW, going on in 2017,
               largest salience of the pair / 12. militarised: see `recent_force`. war: WARS.
distances.csv  CShapes 2.0 minimum distance of every pair, 2019.

At the end the sha256 of every table is written into ../beijing_2025.yaml.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import hashlib
import io
import re
from itertools import combinations
from pathlib import Path

HERE = Path(__file__).resolve().parent
YAML = HERE.parent / "beijing_2025.yaml"

Row = dict[str, str]
Pair = tuple[str, str]

# --- codings by hand ------------------------------------------------------------------------------------

PATRON_POWERS = ("USA", "CHN", "RUS", "IND")
PATRON_RATIO = (
    10.0  # a patron spends at least this many times what its partner spends on arms
)
PATRONS_GUESSED = {
    "TWN": "USA",
    "PAK": "CHN",
}  # no defence pact on record; the standing expectation is clear

RELIABILITY = "0.9"  # guess, the same for all: what lowers it is in the events

# Bleek 2017, When Did (and Didn't) States Proliferate?: first test, or 1 January of the year of the first weapons.
NUCLEAR_SINCE = {
    "USA": "1945-07-16",
    "RUS": "1949-08-29",
    "GBR": "1952-10-03",
    "FRA": "1960-02-13",
    "CHN": "1964-10-16",
    "IND": "1987-01-01",
    "PAK": "1987-01-01",
    "PRK": "2006-10-09",
}

ACCORDS_CHANGED: dict[str, Row] = {
    "JPN-PHL-access-2024": {
        "scheduled_in_force": "2025-09-11",
        "note": "Entry into force fixed before the parade.",
    },
    "AUS-VUT-defence-2022": {
        "status": "never_ratified",
        "note": "Shelved before ratification.",
    },
    "AUS-VUT-partnership-2025": {
        "status": "initialled",
        "opened": "2025-08-13",
        "signed": "",
        "note": "Initialled on 2025-08-13, not signed; opened = first day on record.",
    },
}
ACCORD_SLUG = {
    "acquisition_cross_servicing": "logistics",
    "defense_cooperation": "defence",
    "defense_pact": "pact",
    "information_sharing": "information",
    "nonaggression": "nonaggression",
    "reciprocal_access": "access",
    "status_of_forces": "sofa",
    "strategic_partnership": "partnership",
}

KEPT = ("second_thomas_understanding_2024",)
"""Reassurances that were kept: the resupply missions after it went unhindered."""

EVENTS_ADDED: tuple[Row, ...] = (
    {
        "id": "aus_jpn_ministers_2025",
        "date": "2025-09-05",
        "kind": "visit",
        "label": "Scheduled meeting of foreign and defence ministers",
        "visibility": "0.5",
        "principals": "AUS;JPN",
        "host": "JPN",
        "source": "Fixed before the parade; general knowledge",
        "confidence": "from_memory",
        "note": "Scheduled: the same in every arm. What it was to agree is an accord in talks (talks.csv).",
    },
)

WARS: dict[Pair, tuple[str, str, str]] = {
    ("RUS", "UKR"): (
        "1",
        "war under way: general knowledge; facts: events of 2024-25",
        "",
    ),
    ("PRK", "UKR"): (
        "0.5",
        "facts: troops in the war on Russia's side, 2024-10 and 2025-04",
        "war",
    ),
}
SALIENCE_GUESSED: dict[Pair, float] = {
    ("RUS", "UKR"): 12.0
}  # Crimea: the series gives no salience

FORCE, FORCE_FROM, GML_LAST, COW_LAST = 4, 1946, 2010, 2014
FORCE_HALF_LIFE = 10.0  # years
LEAST_RECENT = 0.05
DISTANCE_YEAR = 2019

# --- reading and writing --------------------------------------------------------------------------------


def read(path: Path) -> list[Row]:
    """All rows of a CSV, plain or gzipped."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(name: str, columns: str, rows: list[Row]) -> None:
    """A CSV beside this script with just these columns; a key outside them is an error."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns.split(), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (HERE / name).write_text(text.getvalue(), encoding="utf-8", newline="\n")


def pair(a: str, b: str) -> Pair:
    """Both codes, sorted."""
    return (a, b) if a < b else (b, a)


def pairs_in(
    rows: list[Row], roster: set[str], first: str, second: str
) -> list[tuple[Pair, Row]]:
    """Rows whose two states are both in the roster, with their pair."""
    return [
        (pair(r[first], r[second]), r)
        for r in rows
        if r[first] in roster and r[second] in roster
    ]


def number(value: float) -> str:
    """Three decimals at the most, without trailing zeros."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


# --- states and trade -----------------------------------------------------------------------------------

MEMORY_FIELDS = {"gdp": "gdp_bn", "milex": "milex_bn", "population": "population_m"}


def patrons(facts: list[Row], agreements: list[Row]) -> dict[str, list[str]]:
    """Powers that have a defence pact in force with a state and spend ten times as much on arms."""
    milex = {r["iso3"]: float(r["milex_usd_bn_2024"]) for r in facts}
    found: dict[str, set[str]] = {}
    for row in agreements:
        if row["kind"] != "defense_pact" or row["status"] != "in_force":
            continue
        for client, power in ((row["a"], row["b"]), (row["b"], row["a"])):
            if power in PATRON_POWERS and milex[power] >= PATRON_RATIO * milex[client]:
                found.setdefault(client, set()).add(power)
    for client, power in PATRONS_GUESSED.items():
        found.setdefault(client, set()).add(power)
    return {client: sorted(powers) for client, powers in found.items()}


def state_rows(
    facts: list[Row], patrons_of: dict[str, list[str]], autonomy: dict[str, str]
) -> list[Row]:
    """Rows of states.csv. `guesses`: fields that are a guess or a figure from memory."""
    rows = []
    for r in sorted(facts, key=lambda r: r["iso3"]):
        code = r["iso3"]
        memory = [
            MEMORY_FIELDS[f]
            for f in r["from_memory_fields"].split(";")
            if f in MEMORY_FIELDS
        ]
        memory += ["latitude", "longitude"]
        guesses = ["autonomy", "reliability"] + (
            ["patrons"] if code in PATRONS_GUESSED else []
        )
        rows.append(
            {
                "id": code,
                "name": r["name"],
                "gdp_bn": r["gdp_usd_bn_2024"],
                "milex_bn": r["milex_usd_bn_2024"],
                "population_m": r["population_m"],
                "democracy": r["vdem_polyarchy_2024"],
                "ideal_point": r["unga_ideal_2024"],
                "latitude": r["capital_lat"],
                "longitude": r["capital_lon"],
                "reliability": RELIABILITY,
                "autonomy": autonomy.get(code, "0"),
                "nuclear_since": NUCLEAR_SINCE.get(code, ""),
                "patrons": ";".join(patrons_of.get(code, [])),
                "source": r["source"]
                + ("; nuclear_since: Bleek 2017" if code in NUCLEAR_SINCE else ""),
                "guesses": ";".join(guesses + memory),
                "x_confidence": r["confidence"],
                "x_from_memory": ";".join(memory),
            }
        )
    return rows


def trade_rows(facts: list[Row]) -> list[Row]:
    """One row a share on record; a blank share gives no row."""
    return [
        {
            "state": r["iso3"],
            "partner": partner,
            "share": r[f"trade_share_{partner.lower()}"],
            "source": "facts: states of 2025, about 2023-24",
            "x_confidence": "from_memory",
        }
        for r in sorted(facts, key=lambda r: r["iso3"])
        for partner in ("CHN", "USA")
        if r[f"trade_share_{partner.lower()}"] != ""
    ]


# --- agreements --------------------------------------------------------------------------------------------


def accord_ids(rows: list[Row]) -> list[str]:
    """A-B-kind-year; where two fall together, `-2` and on, in order of date and name."""
    seen: dict[str, int] = {}
    ids = []
    for r in rows:
        stem = f"{r['iso3_a']}-{r['iso3_b']}-{ACCORD_SLUG[r['kind']]}-{r['signed'][:4]}"
        seen[stem] = seen.get(stem, 0) + 1
        ids.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return ids


def accord_rows(facts: list[Row]) -> list[Row]:
    """Rows of accords.csv, the facts' words for kind and status kept."""
    facts = sorted(
        facts,
        key=lambda r: (r["iso3_a"], r["iso3_b"], r["signed"], r["kind"], r["name"]),
    )
    rows = []
    for key, r in zip(accord_ids(facts), facts, strict=True):
        row = {
            "id": key,
            "a": r["iso3_a"],
            "b": r["iso3_b"],
            "kind": r["kind"],
            "name": r["name"],
            "status": r["status"],
            "signed": r["signed"],
            "in_force": r["in_force"],
            "precision": r["signed_precision"],
            "multilateral": "true" if r["multilateral"] == "1" else "false",
            "source": r["source"],
            "confidence": r["confidence"],
        }
        rows.append(row | ACCORDS_CHANGED.get(key, {}))
    missing = set(ACCORDS_CHANGED) - {row["id"] for row in rows}
    if missing:
        raise SystemExit(
            f"ACCORDS_CHANGED names no accord of the facts: {sorted(missing)}"
        )
    return rows


# --- events ---------------------------------------------------------------------------------------------


CODED = (
    "id",
    "date",
    "kind",
    "label",
    "principals",
    "guests",
    "host",
    "targets",
    "accord",
    "note",
)


def event_rows(
    facts: list[Row], coding: list[Row], agreement_keys: set[str]
) -> list[Row]:
    """Rows of events.csv: what happened from the facts, who did what from coding_events.csv."""
    if [(int(c["fact"]), c["date"]) for c in coding] != [
        (i + 1, f["date"]) for i, f in enumerate(facts)
    ]:
        raise SystemExit("coding_events.csv does not follow the facts row by row")
    rows: list[Row] = []
    for fact, code in zip(facts, coding, strict=True):
        if code["merged_into"]:
            continue
        if code["accord"] and code["accord"] not in agreement_keys:
            raise SystemExit(f"{code['id']}: no accord {code['accord']}")
        rows.append(
            {key: code[key] for key in CODED}
            | {"sign": code["sign"] or "1"}
            | {"kept": "true" if code["id"] in KEPT else ""}
            | {key: fact[key] for key in ("visibility", "source", "confidence")}
            | {"x_fact_kind": fact["kind"]}
        )
    rows += EVENTS_ADDED
    lost = {c["merged_into"] for c in coding if c["merged_into"]} - {
        r["id"] for r in rows
    }
    if lost:
        raise SystemExit(f"merged into events that are not there: {sorted(lost)}")
    return sorted(rows, key=lambda r: r["date"])


# --- disputes and distances -----------------------------------------------------------------------------


def rivalry(rows: list[Row], roster: set[str]) -> dict[Pair, float]:
    """1 for a strategic rivalry that the series still has open in its last year, 2020."""
    return {
        key: 1.0
        for key, r in pairs_in(rows, roster, "iso3_1", "iso3_2")
        if r["end"] == "2020"
    }


def claims(rows: list[Row], roster: set[str]) -> dict[Pair, float]:
    """Largest salience (0..12) of the territorial claims of a pair that go on in 2017, over 12."""
    found: dict[Pair, float] = {}
    for key, r in pairs_in(rows, roster, "iso3_chal", "iso3_tgt"):
        if r["endclaim"] == "201799":
            salience = float(r["icowsal"]) if r["icowsal"] else SALIENCE_GUESSED[key]
            found[key] = max(found.get(key, 0.0), salience / 12)
    return found


def force_years(
    gml: list[Row], cow: list[Row], roster: set[str]
) -> list[tuple[Pair, int]]:
    """Pair and year of each use of force (hostility 4 or 5); GML to 2010, COW MID v5 from then to 2014."""
    found = []
    for rows, first, last in (
        (gml, FORCE_FROM, GML_LAST),
        (cow, GML_LAST + 1, COW_LAST),
    ):
        for key, r in pairs_in(rows, roster, "iso3_1", "iso3_2"):
            was_force = max(int(r["hostlev1"]), int(r["hostlev2"])) >= FORCE
            if (
                was_force
                and r["sidea1"] != r["sidea2"]
                and first <= int(r["year"]) <= last
            ):
                found.append((key, int(r["year"])))
    return found


def recent_force(years: list[tuple[Pair, int]]) -> dict[Pair, float]:
    """How recently force was used between two states as of 2014, the last year on record: 1 in that year, halved for
    every ten years before."""
    found: dict[Pair, float] = {}
    for key, year in years:
        found[key] = max(
            found.get(key, 0.0), 2 ** (-(COW_LAST - year) / FORCE_HALF_LIFE)
        )
    return {key: value for key, value in found.items() if value >= LEAST_RECENT}


SOURCES = {
    "rivalry": "Thompson, Sakuwa, Suhas 2021 (to 2020)",
    "claim": "ICOW v1.01, Hensel et al. (to 2017)",
    "militarised": "GML MID 2.2.1 (1946-2010), COW MID 5 (2011-14)",
}


def dispute_rows(parts: dict[str, dict[Pair, float]]) -> list[Row]:
    """One row for each pair with anything between them."""
    rows = []
    for key in sorted(set(WARS).union(*parts.values())):
        row = {"a": key[0], "b": key[1]} | {
            p: number(v[key]) for p, v in parts.items() if key in v
        }
        sources = [f"{p}: {SOURCES[p]}" for p in parts if key in parts[p]]
        guesses = ["claim"] if key in SALIENCE_GUESSED else []
        if key in WARS:
            row["war"], why, guess = WARS[key]
            sources.append(f"war: {why}")
            guesses += [guess] if guess else []
        rows.append(
            row | {"source": "; ".join(sources), "x_guesses": ";".join(guesses)}
        )
    return rows


def distance_rows(series: list[Row], roster: set[str]) -> list[Row]:
    """Minimum distance of every pair of the roster in the last year of the series."""
    km = {
        key: r["mindist_km"]
        for key, r in pairs_in(series, roster, "iso3_1", "iso3_2")
        if int(r["year_from"]) <= DISTANCE_YEAR <= int(r["year_to"])
    }
    missing = [key for key in combinations(sorted(roster), 2) if key not in km]
    if missing:
        raise SystemExit(f"no distance for {missing}")
    source = "CShapes 2.0, Schvitz et al. 2022; 2019"
    return [
        {"a": a, "b": b, "km": number(float(km[a, b])), "source": source}
        for a, b in sorted(km)
    ]


# --- the whole ------------------------------------------------------------------------------------------


def seal(path: Path) -> None:
    """Write the sha256 of every table that the YAML file names beside its name."""
    text = path.read_text(encoding="utf-8")

    def sealed(match: re.Match[str]) -> str:
        digest = hashlib.sha256((path.parent / match[1]).read_bytes()).hexdigest()
        return f'table: {match[1]}, sha256: "{digest}"'

    sealed_text = re.sub(r'table: (\S+\.csv), sha256: "\w*"', sealed, text)
    path.write_text(sealed_text, encoding="utf-8", newline="\n")


def main() -> None:
    """Read, build, write, seal."""
    parser = argparse.ArgumentParser(
        description="Build the tables of the scenario beijing_2025."
    )
    parser.add_argument(
        "--facts", type=Path, required=True, help="folder of the facts' CSV files"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the public series"
    )
    options = parser.parse_args()

    facts = read(options.facts / "states_2025.csv")
    roster = {r["iso3"] for r in facts}
    agreements = accord_rows(read(options.facts / "accords_before_2025-09-03.csv"))
    autonomy = {r["id"]: r["autonomy"] for r in read(HERE / "coding_states.csv")}
    talks = read(HERE / "talks.csv")
    keys = {r["id"] for r in agreements} | {r["id"] for r in talks}
    years = force_years(
        read(options.data / "mid_gml_directed_dyad_year.csv.gz"),
        read(options.data / "mid_cow_directed_dyad_year.csv"),
        roster,
    )
    parts = {
        "rivalry": rivalry(
            read(options.data / "rivalries_thompson_sakuwa_suhas.csv"), roster
        ),
        "claim": claims(read(options.data / "territorial_claims_icow.csv"), roster),
        "militarised": recent_force(years),
    }
    write(
        "states.csv",
        "id name gdp_bn milex_bn population_m democracy ideal_point latitude longitude reliability autonomy "
        "nuclear_since patrons source guesses x_confidence x_from_memory",
        state_rows(facts, patrons(facts, agreements), autonomy),
    )
    write("trade.csv", "state partner share source x_confidence", trade_rows(facts))
    write(
        "accords.csv",
        "id a b kind name status opened signed in_force scheduled_signed scheduled_in_force precision "
        "multilateral source confidence note",
        agreements,
    )
    events = event_rows(
        read(options.facts / "events_2025.csv"), read(HERE / "coding_events.csv"), keys
    )
    write(
        "events.csv",
        "id date kind label visibility principals guests host targets sign accord kept source confidence note x_fact_kind",
        events,
    )
    write(
        "disputes.csv",
        "a b rivalry claim militarised war source x_guesses",
        dispute_rows(parts),
    )
    write(
        "distances.csv",
        "a b km source",
        distance_rows(read(options.data / "min_distance_spells.csv"), roster),
    )
    seal(YAML)


if __name__ == "__main__":
    main()

"""Writes `no_relations.csv` of the shipped scenarios from facts, by rule, complete over each roster.

    python scenarios/no_relations.py

The facts below are from memory, each with where it can be checked; nothing dated after a scenario's start is used.
Rules:

* war: armed force between the two governments, under way at the start or ended less than twelve months before it
  without a peace settlement; then the spell ends twelve months after the last fighting.
* no_diplomatic_relations: relations broken off, or refused by one of the two.
* not_recognised: one of the two does not recognise the other as the state it claims to be.
* sanctions: an arms embargo of one's own, or of one's union, together with financial sanctions on the other's
  government, state banks or armed forces. What the Security Council asks of all is none of one's own.

A blank `from` is a spell that began before the start. docs/decisions/0019-whom-one-does-not-sign-with.md.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
Row = tuple[str, str, str, str, str, str]  # a, b, from, until, kind, source
Spell = tuple[str, str, str, str, str]  # a, b, from, until, why
ENDED = "no settlement"  # says of a war that the fighting is over

EU = ["BGR", "DEU", "DNK", "ESP", "FIN", "FRA", "GRC", "HUN", "ITA", "NLD", "POL", "ROU", "SVK", "SWE"]
MEMORY = "from memory, to be checked"

# Who sanctions whom since when, by the rule above.
SANCTIONS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "RUS": (
        "EU Decision 2014/512/CFSP and those of the G7 and partners; Russian government order 430-r of 2022-03-05 "
        "lists who takes part since 2022",
        {
            "2014-07-31": [*EU, "GBR", "USA", "NOR", "CAN", "UKR"],
            "2014-09-01": ["AUS"],
            "2014-09-24": ["JPN"],
            "2022-02-28": ["KOR", "TWN"],
            "2022-03-05": ["SGP"],
            "2022-03-11": ["NZL"],
        },
    ),
    "BLR": (
        "EU Regulation 765/2006 as amended 2011 (arms) and 2021-06-24 (state banks), and those of partners",
        {
            "2021-06-24": [*EU, "NOR"],
            "2021-08-09": ["GBR", "USA", "CAN"],
            "2022-03-08": ["AUS", "JPN", "KOR", "NZL", "UKR"],
        },
    ),
    "IRN": (
        "EU Decision 2010/413/CFSP (arms; armed forces and their ministry), U.S. Iran sanctions since 1984, and those "
        "of partners",
        {"1984-01-19": ["USA"], "2010-07-26": [*EU, "GBR", "NOR", "CAN", "AUS"], "2023-05-29": ["UKR"]},
    ),
    "PRK": (
        "own sanctions beyond those of the Security Council: U.S. since 1950, Japan 2006, EU Regulation 329/2007, "
        "South Korea since 2010-05-24, and those of partners",
        {
            "1950-06-28": ["USA"],
            "2006-10-14": ["JPN", "AUS"],
            "2007-03-27": [*EU, "GBR", "NOR"],
            "2010-05-24": ["KOR"],
            "2011-08-11": ["CAN"],
        },
    ),
    "MMR": (
        "EU Regulation 401/2013 as amended 2018 (arms) and 2021 (armed forces), and those of partners",
        {"2021-03-22": [*EU, "GBR", "USA", "CAN", "NOR"], "2023-02-01": ["AUS"]},
    ),
}

WAR: list[Spell] = [
    ("RUS", "UKR", "2014-02-27", "", "Crimea and the Donbas since 2014, invasion 2022-02-24"),
    ("PRK", "UKR", "2024-11-05", "", "North Korean troops against Ukraine in Kursk"),
    (
        "KHM",
        "THA",
        "2025-07-24",
        "2026-07-28",
        "fighting of 2025-07-24 to 28, ambassadors recalled; no settlement",
    ),
    ("IND", "PAK", "2025-05-07", "2026-05-10", "fighting of 2025-05-07 to 10; no settlement"),
    ("IRN", "USA", "2025-06-22", "2026-06-24", "strikes of 2025-06-22 to 24; no settlement"),
    (
        "CHN",
        "TWN",
        "1946-06-26",
        "1956-01-01",
        "civil war; fighting in the strait went on through the fifties",
    ),
    ("CHN", "JPN", "1937-07-07", "1945-09-02", "Second Sino-Japanese War"),
    ("DEU", "GBR", "1939-09-03", "1945-05-08", "Second World War"),
    ("AUS", "DEU", "1939-09-03", "1945-05-08", "Second World War"),
    ("CAN", "DEU", "1939-09-10", "1945-05-08", "Second World War"),
    ("DEU", "NLD", "1940-05-10", "1945-05-08", "Second World War"),
    ("GBR", "ITA", "1940-06-10", "1943-09-08", "Second World War"),
    ("AUS", "ITA", "1940-06-11", "1943-09-08", "Second World War"),
    ("CAN", "ITA", "1940-06-10", "1943-09-08", "Second World War"),
]

NONE: list[Spell] = [
    ("KOR", "PRK", "1948-09-09", "", "each claims the whole of Korea; armistice of 1953-07-27, no peace"),
    ("PRK", "USA", "1948-09-09", "", "never established"),
    ("JPN", "PRK", "1948-09-09", "", "never established"),
    ("FRA", "PRK", "1948-09-09", "", "refused"),
    ("PRK", "SAU", "1948-09-09", "", "refused"),
    ("PRK", "SLB", "1978-07-07", "", "refused"),
    ("MYS", "PRK", "2021-03-19", "", "broken off by North Korea"),
    ("PRK", "UKR", "2022-07-13", "", "broken off by Ukraine"),
    ("RUS", "UKR", "2022-02-24", "", "broken off by Ukraine"),
    ("IRN", "USA", "1980-04-07", "", "broken off by the United States"),
    ("CAN", "IRN", "2012-09-07", "", "broken off by Canada"),
    ("ESP", "SUN", "1939-04-01", "1977-02-09", "the Soviet Union did not deal with Franco's Spain"),
    ("CAN", "SUN", "1927-05-26", "1942-06-12", "broken off by Canada"),
    ("PHL", "SUN", "1946-07-04", "1976-06-02", "refused by the Philippines"),
]

NOT_RECOGNISED: list[Spell] = [
    ("NLD", "SUN", "1922-12-30", "1942-07-10", "the Netherlands did not recognise the Soviet Union"),
    ("SVK", "USA", "1939-03-14", "1945-05-08", "the United States did not recognise Slovakia"),
    ("KOR", "SUN", "1948-09-09", "1990-09-30", "the Soviet Union recognises Pyongyang"),
]

# Who recognises Taipei at the start of a scenario, and who Beijing.
WITH_TAIPEI_1950 = ["AUS", "FRA", "GRC", "IDN", "JPN", "KOR", "NZL", "PHL", "THA", "TUR", "USA"]
WITH_PEKING_1950 = ["BUR", "GBR", "IND", "PAK", "SUN"]
WITH_TAIPEI_2022 = ["MHL", "NRU", "PLW", "TUV"]

SCENARIOS = {
    "beijing_2025": "2025-09-01",
    "nolimits_2022": "2022-02-03",
    "solomon_2022": "2022-04-18",
    "sinosov_1950": "1950-02-13",
    "tripartite_1940": "1940-09-26",
}


def spells(of: list[Spell], kind: str, roster: set[str], start: str) -> Iterator[Row]:
    """Those under way at the start. Their end is known then only where the rule for wars gives it."""
    for a, b, since, until, why in of:
        if {a, b} <= roster and since <= start and (not until or start < until):
            known = until if kind == "war" and since[:4] == start[:4] and ENDED in why else ""
            yield a, b, since, known, kind, f"{why}; {MEMORY}"


def between_two_chinas(roster: set[str], start: str) -> Iterator[Row]:
    """Who recognises Beijing has no relations with Taipei, and the other way round."""
    if "TWN" in roster and start >= "1992":
        for code in roster - {"TWN", *WITH_TAIPEI_2022}:
            yield code, "TWN", "", "", "not_recognised", f"recognises Beijing, not Taipei; {MEMORY}"
    if "CHN" in roster and start >= "1992":
        for code in roster & {*WITH_TAIPEI_2022}:
            yield "CHN", code, "", "", "no_diplomatic_relations", f"recognises Taipei, not Beijing; {MEMORY}"
    if start.startswith("1950"):
        for code in roster & {*WITH_TAIPEI_1950}:
            yield "CHN", code, "1949-10-01", "", "not_recognised", f"recognises Taipei; {MEMORY}"
        for code in roster & {*WITH_PEKING_1950}:
            why = f"recognises Beijing since the turn of 1949; {MEMORY}"
            yield code, "TWN", "", "", "not_recognised", why


def sanctions(roster: set[str], start: str) -> Iterator[Row]:
    for target, (why, by_date) in SANCTIONS.items():
        for since, codes in by_date.items():
            for code in roster & {*codes}:
                if target in roster and start >= "1992" and since <= start:
                    yield code, target, since, "", "sanctions", f"{why}; {MEMORY}"


def rows_of(codes: list[str], start: str) -> list[Row]:
    """Every spell in force at the start between two states of the roster."""
    roster = {*codes}
    found = [
        *spells(WAR, "war", roster, start),
        *spells(NONE, "no_diplomatic_relations", roster, start),
        *spells(NOT_RECOGNISED, "not_recognised", roster, start),
        *between_two_chinas(roster, start),
        *sanctions(roster, start),
    ]
    ordered = [(min(row[:2]), max(row[:2]), *row[2:]) for row in found]
    return sorted(ordered, key=lambda row: (row[0], row[1], row[4]))


def main() -> None:
    for name, start in SCENARIOS.items():
        with (HERE / name / "states.csv").open(encoding="utf-8") as file:
            roster = [row["id"] for row in csv.DictReader(file)]
        rows = sorted(
            {(*sorted(row[:2]), *row[2:]) for row in rows_of(roster, start)}, key=lambda r: (*r[:2], r[4])
        )
        path = HERE / name / "no_relations.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("a", "b", "from", "until", "kind", "source"))
            writer.writerows(rows)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        entry = f'no_relations:\n  - {{table: {name}/no_relations.csv, sha256: "{digest}"}}\n'
        scenario = HERE / f"{name}.yaml"
        text = scenario.read_text(encoding="utf-8")
        if "\nno_relations:\n" in text:
            text = re.sub(r"no_relations:\n  - \{table: .*\}\n", entry, text)
        else:
            text = re.sub(r"(disputes:\n(?:  - .*\n)+)", rf"\g<1>{entry}", text, count=1)
        scenario.write_text(text, encoding="utf-8")
        print(name, len(rows))


if __name__ == "__main__":
    main()

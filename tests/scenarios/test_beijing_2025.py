"""The shipped scenario Beijing 2025: its tables hold what the documentation says they hold."""

import csv
import runpy
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from balance_sim.scenario import schema
from balance_sim.scenario.load import check_scenario

FOLDER = Path(__file__).resolve().parents[2] / "scenarios"
TABLES = FOLDER / "beijing_2025"
TRIO = ("CHN", "PRK", "RUS")
LAST_KNOWN = "2025-09-03"
SCHEDULED = {"2025-09-05", "2025-09-11"}
MODELS = {
    "states": schema.State,
    "disputes": schema.Dispute,
    "no_relations": schema.NoRelations,
    "distances": schema.Distance,
    "trade": schema.Trade,
    "accords": schema.Agreement,
    "talks": schema.Agreement,
    "events": schema.Event,
}

Row = dict[str, str]


def rows(table: str) -> list[Row]:
    with (TABLES / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def by_id(table: str) -> dict[str, Row]:
    return {row["id"]: row for row in rows(table)}


def listed(cell: str) -> list[str]:
    return cell.split(";") if cell else []


@pytest.fixture(scope="module")
def scenario() -> dict[str, Any]:
    """The file, its dates left as text."""
    text = (FOLDER / "beijing_2025.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=yaml.BaseLoader)


@pytest.fixture(scope="module")
def roster() -> set[str]:
    return set(by_id("states"))


def expanded(actors: list[str], groups: dict[str, list[str]]) -> set[str]:
    return {state for actor in actors for state in groups.get(actor, [actor])}


def dyads_shown(event: Row, groups: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Pairs that an event shows together: principals, and each guest with each principal."""
    principals = expanded(listed(event["principals"]), groups)
    guests = expanded(listed(event["guests"]), groups)
    together = {tuple(sorted(dyad)) for dyad in combinations(sorted(principals), 2)}
    return together | {tuple(sorted((p, g))) for p in principals for g in guests if p != g}


# --- every table ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", MODELS)
def test_every_row_has_a_source(table: str) -> None:
    assert [row for row in rows(table) if not row["source"].strip()] == []


@pytest.mark.parametrize("table", ["accords", "talks", "events"])
def test_no_date_after_the_parade_but_the_scheduled(table: str) -> None:
    allowed = {"scheduled_in_force": SCHEDULED, "scheduled_signed": SCHEDULED, "date": {"2025-09-05"}}
    for row in rows(table):
        for column in ("date", "opened", "signed", "in_force", *allowed):
            if value := row.get(column):
                assert date.fromisoformat(value)
                assert value <= LAST_KNOWN or value in allowed.get(column, set()), (row["id"], column)


# --- states, disputes, distances, trade -----------------------------------------------------------------


def test_what_is_missing_stays_missing() -> None:
    states = by_id("states")
    assert [code for code, row in states.items() if row["ideal_point"] == ""] == ["TWN"]
    assert [code for code, row in states.items() if row["democracy"] == ""] == ["BRN"]
    assert {code for code, row in states.items() if not (row["gdp_bn"] and row["milex_bn"])} == set()


def test_patrons_have_a_defence_pact_or_are_marked_as_guess() -> None:
    pacts = {
        frozenset((r["a"], r["b"]))
        for r in rows("accords")
        if r["kind"] == "defense_pact" and r["status"] == "in_force"
    }
    found = 0
    for row in rows("states"):
        for patron in listed(row["patrons"]):
            found += 1
            assert frozenset((row["id"], patron)) in pacts or "patrons" in row["guesses"], row["id"]
    assert found == 26
    assert listed(by_id("states")["PRK"]["patrons"]) == ["CHN", "RUS"]


def test_disputes_follow_the_series_and_the_war() -> None:
    disputes = {(r["a"], r["b"]): r for r in rows("disputes")}
    assert sum(r["rivalry"] == "1" for r in disputes.values()) == 14
    assert disputes["RUS", "UKR"]["war"] == "1"
    assert disputes["PRK", "UKR"]["war"] == "0.5"
    assert "war" in disputes["PRK", "UKR"]["x_guesses"]
    # ICOW: Senkaku salience 6 of 12, Kurils 12. China-Russia: one side used force in 2012. Korea: force in 2014.
    assert float(disputes["CHN", "JPN"]["claim"]) == 6 / 12
    assert float(disputes["JPN", "RUS"]["claim"]) == 1.0
    assert float(disputes["CHN", "RUS"]["militarised"]) == pytest.approx(2 ** (-2 / 10), abs=5e-4)
    assert float(disputes["KOR", "PRK"]["militarised"]) == 1.0
    recent = [float(row["militarised"]) for row in disputes.values() if row["militarised"]]
    assert len(recent) == 100 and min(recent) >= 0.05  # force since 1946, forgotten below a twentieth
    for row in disputes.values():
        parts = [float(row[p] or 0) for p in ("rivalry", "claim", "militarised", "war")]
        assert 0 < max(parts) <= 1


def test_every_pair_has_a_minimum_distance(roster: set[str]) -> None:
    km = {(r["a"], r["b"]): float(r["km"]) for r in rows("distances")}
    assert set(km) == set(combinations(sorted(roster), 2))
    assert sum(value == 0 for value in km.values()) == 55
    assert km["KOR", "PRK"] == km["CHN", "RUS"] == 0
    assert max(km.values()) < 20_020  # half the meridian


# --- events ---------------------------------------------------------------------------------------------


def test_the_trio_is_seen_together_in_the_parade_alone(scenario: dict[str, Any]) -> None:
    on_the_day = [r for r in rows("events") if r["date"] == "2025-09-03"]
    trio = set(combinations(TRIO, 2))
    shown = {r["id"]: trio & dyads_shown(r, scenario["groups"]) for r in on_the_day}
    assert shown.pop("parade") == trio
    assert shown.pop("putin_kim_2025") == {("PRK", "RUS")}  # a meeting of its own
    assert set().union(*shown.values()) == set()
    around = [r for r in rows("events") if r["date"] >= "2025-08-28"]
    assert [r["id"] for r in around if trio <= dyads_shown(r, scenario["groups"])] == ["parade"]


# --- the file itself ------------------------------------------------------------------------------------


def test_audiences_divide_the_roster(scenario: dict[str, Any], roster: set[str]) -> None:
    members = [m for audience in scenario["audiences"].values() for m in audience["members"]]
    assert sorted(members) == sorted(roster)


def test_west_and_bloc_follow_their_rule(scenario: dict[str, Any]) -> None:
    pacts = [r for r in rows("accords") if r["kind"] == "defense_pact" and r["status"] == "in_force"]
    partners = {
        code: {r["b"] if r["a"] == code else r["a"] for r in pacts if code in (r["a"], r["b"])}
        for code in ("USA", *TRIO)
    }
    apart = {c for c, s in by_id("states").items() if s["ideal_point"] and float(s["ideal_point"]) > 0.5}
    audiences = scenario["audiences"]
    assert set(audiences["west"]["members"]) == partners["USA"] | {"USA", "TWN"} | apart
    assert set(audiences["bloc"]["members"]) == set(TRIO).union(*(partners[c] for c in TRIO))
    assert set(scenario["groups"]["us_allies"]) == partners["USA"]


# --- the script that builds the tables ------------------------------------------------------------------


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    return runpy.run_path(str(TABLES / "build.py"))


def test_militarised_is_how_recently_force_was_used(build: dict[str, Any]) -> None:
    """1 in 2014, the last year on record, halved for every ten years before, and forgotten below a twentieth."""
    years = [
        (("AAA", "BBB"), 2014),  # this year: 1
        (("AAA", "BBB"), 1994),  # and before, which counts less
        (("AAA", "CCC"), 2004),  # ten years ago: 1 / 2
        (("BBB", "CCC"), 1971),  # 43 years: 0.051
        (("BBB", "DDD"), 1970),  # 44 years: 0.047
    ]
    recent = build["recent_force"](years)
    assert recent == pytest.approx({("AAA", "BBB"): 1.0, ("AAA", "CCC"): 0.5, ("BBB", "CCC"): 2**-4.3})


def test_only_force_between_opposed_sides_counts_each_series_in_its_years(build: dict[str, Any]) -> None:
    def row(year: int, level: int, side: int = 0, other: str = "BBB") -> dict[str, str]:
        sides = {"sidea1": "1", "sidea2": str(side)}
        return {"iso3_1": "AAA", "iso3_2": other, "year": str(year), "hostlev1": str(level), "hostlev2": "1", **sides}

    gml = [row(1946, 4), row(1945, 5), row(2010, 5), row(2011, 4), row(2009, 3), row(2008, 4, side=1)]
    cow = [row(2010, 4), row(2011, 4), row(2014, 3), row(2013, 5, other="ZZZ")]
    years = build["force_years"](gml, cow, {"AAA", "BBB"})
    assert years == [(("AAA", "BBB"), year) for year in (1946, 2010, 2011)]


# --- through the loader ---------------------------------------------------------------------------------


def test_it_loads_with_only_the_two_gaps_as_warnings() -> None:
    _, problems = check_scenario(FOLDER / "beijing_2025.yaml")
    assert sorted(p.message for p in problems) == ["`democracy` is missing for BRN", "`ideal_point` is missing for TWN"]

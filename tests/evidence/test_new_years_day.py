"""The world on 1 January of a year of the record: what was signed, in force and over, who was there, and what is known of
a year after a source has ended. Nothing of the year itself or later is told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.data import layers
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import LAYERS, History, last_carried_forward, load_history
from balance_sim.evidence.data.record_scenario import DYADIC, KINDS, members_at, scenario_at
from balance_sim.evidence.data.table import ReadReport
from balance_sim.scenario import schema
from balance_sim.scenario.schema import Scenario
from invented import EMPTY, invented
from refusals import refused

NEW_YEAR = date(1992, 1, 1)
Signing = tuple[int, int, str | None, str | None, str | None]
Cells = list[object]


def signed(rows: Iterable[Signing], history: History) -> History:
    """The history with these agreements: both sides' positions, signed, in force and ended."""
    frame = pd.DataFrame(list(rows), columns=["a", "b", "signed", "in_force", "ended"])
    for name in ("signed", "in_force", "ended"):
        frame[name] = pd.to_datetime(frame[name])
    ids = [f"id{k}" for k in range(len(frame))]
    frame = frame.assign(accord_id=ids, kind="logistics", precision="day", multilateral=False)
    return replace(history, agreements=frame[list(EMPTY)])


def accords(scenario: Scenario) -> list[schema.Agreement]:
    """Agreements of the record, without the alliances."""
    return [row for row in scenario.accords if row.id.startswith("accord-")]


# --- agreements -----------------------------------------------------------------------

SIGNED, FIRST = "1990-05-01", date(1990, 5, 1)
LAST_DAY = date(1991, 12, 31)
STAGES = [
    (("1991-12-31", None, None), ("in_force", LAST_DAY, None)),
    (("1992-01-01", None, None), None),
    (("1992-01-02", None, None), None),
    ((None, None, None), None),
    ((SIGNED, None, None), ("in_force", FIRST, None)),
    ((SIGNED, "1989-05-01", None), ("in_force", FIRST, None)),
    ((SIGNED, "1990-05-01", None), ("in_force", FIRST, None)),
    ((SIGNED, "1990-05-02", None), ("in_force", date(1990, 5, 2), None)),
    ((SIGNED, "1991-12-31", None), ("in_force", LAST_DAY, None)),
    ((SIGNED, "1992-01-01", None), ("signed", None, None)),
    ((SIGNED, "1992-01-02", None), ("signed", None, None)),
    ((SIGNED, "1991-01-01", "1991-12-31"), ("ended", date(1991, 1, 1), LAST_DAY)),
    ((SIGNED, "1991-01-01", "1992-01-01"), ("in_force", date(1991, 1, 1), None)),
    ((SIGNED, "1991-01-01", "1992-01-02"), ("in_force", date(1991, 1, 1), None)),
    ((SIGNED, None, "1991-12-31"), ("ended", FIRST, LAST_DAY)),
    ((SIGNED, "1992-06-01", "1993-06-01"), ("signed", None, None)),
    ((SIGNED, "1992-06-01", "1991-12-31"), ("ended", None, LAST_DAY)),
]


@pytest.mark.parametrize(("dates", "expected"), STAGES)
def test_an_agreement_s_stage_on_1_january(
    dates: tuple[str | None, str | None, str | None], expected: tuple[str, date | None, date | None] | None
) -> None:
    found = accords(scenario_at(signed([(0, 2, *dates)], invented(4, 4)), 1992))
    assert [(row.status, row.in_force, row.ended) for row in found] == ([] if expected is None else [expected])
    for row in found:
        assert dates[0] is not None and row.signed == date.fromisoformat(dates[0]) < NEW_YEAR
        assert (row.a, row.b, row.kind) == ("XAA", "XAC", "logistics")
        assert schema.Agreement(**row.model_dump()) == row


def test_an_agreement_passes_through_its_stages_year_by_year() -> None:
    """Signed in 1990, in force from 1991-07-01 to 1993-07-01: of each 1 January one stage, in their order."""
    history = signed([(0, 1, "1990-07-01", "1991-07-01", "1993-07-01")], invented(4, 6))
    stages = [[row.status for row in accords(scenario_at(history, year))] for year in range(1990, 1996)]
    assert stages == [[], ["signed"], ["in_force"], ["in_force"], ["ended"], ["ended"]]


# --- who is there ---------------------------------------------------------------------


def without(history: History, state: int, years: slice) -> History:
    """The history in which a state is no member in some years."""
    leave = history.leave.copy()
    leave[years, state] = 0.0
    return replace(history, leave=leave)


def sorted_rows(rows: Iterable[Any]) -> list[str]:
    """What rows say, but for their ids, in an order that does not depend on them."""
    return sorted(str(row.model_dump(exclude={"id"})) for row in rows)


def pairs(rows: Iterable[schema.Dispute | schema.NoRelations | schema.Distance]) -> set[tuple[str, str]]:
    return {(row.a, row.b) for row in rows}


def test_a_state_that_does_not_exist_yet_is_in_nothing() -> None:
    """State 1 of 6 joins in 1992. Until then no row names it, and those of the others are as they are with it."""
    whole = invented(6, 4, seed=3)
    quarrels = {name: np.ones_like(whole.rivalry) for name in ("rivalry", "war", "alliance_depth", "alliance_calm")}
    whole = signed([(0, 1, SIGNED, None, None), (0, 2, SIGNED, None, None)], replace(whole, **quarrels))
    late = without(whole, 1, slice(0, 2))
    assert members_at(late, 1991).tolist() == [0, 2, 3, 4, 5] and members_at(late, 1992).tolist() == list(range(6))
    before, after = scenario_at(late, 1991), scenario_at(late, 1992)
    assert "XAB" not in {state.id for state in before.states} and "XAB" in {state.id for state in after.states}
    assert after == scenario_at(whole, 1992)
    all_of_them = scenario_at(whole, 1991)
    for name in ("disputes", "no_relations", "distances", "accords"):
        every = getattr(all_of_them, name)
        others = [row for row in every if "XAB" not in (row.a, row.b)]
        assert sorted_rows(getattr(before, name)) == sorted_rows(others) != sorted_rows(every)
    assert before.states == tuple(state for state in all_of_them.states if state.id != "XAB")
    assert before.audiences["rest"].members == tuple(state.id for state in before.states)


def test_the_world_among_some_states_is_that_of_all_without_the_others() -> None:
    """Whatever the order in which they are named."""
    rng = np.random.default_rng(4)
    whole = invented(9, 3, seed=4)
    whole = replace(whole, capability=whole.capability * [[1.0], [2.0], [3.0]])
    rows = [(*sorted(rng.choice(9, 2, replace=False).tolist()), SIGNED, None, None) for _ in range(30)]
    whole = signed([(int(a), int(b), *dates) for a, b, *dates in rows], whole)
    chosen = ["XAH", "XAB", "XAE", "XAC"]
    part, every = scenario_at(whole.among(chosen), 1992), scenario_at(whole, 1992)
    assert part == scenario_at(whole.among(chosen[::-1]), 1992)
    assert part.states == tuple(state for state in every.states if state.id in chosen)
    for name in ("disputes", "distances", "accords"):
        inside = [row for row in getattr(every, name) if {row.a, row.b} <= {*chosen}]
        assert sorted_rows(getattr(part, name)) == sorted_rows(inside)
    assert len(accords(part)) > 1
    assert whole.among(chosen).at(1992) == 2


def test_too_few_members_no_capability_and_a_year_outside_are_refused() -> None:
    history = invented(3, 3)
    alone = without(without(history, 0, slice(1, 2)), 1, slice(1, 2))
    assert len(scenario_at(alone, 1990).states) == 3
    powerless = history.capability.copy()
    powerless[1] = [0.0, np.nan, 0.0]
    for broken in (alone, replace(history, capability=powerless)):
        with refused("E600"):
            scenario_at(broken, 1991)
    for year in (1989, 1993):
        with refused("E600"):
            scenario_at(history, year)


def test_who_has_nuclear_weapons_on_the_day() -> None:
    """North Korea from 9 October 2006; South Africa none from 1991 on, Russia those of the Soviet Union."""
    for year, code, since in (
        (2006, "PRK", None), (2007, "PRK", date(2006, 10, 9)), (1989, "ZAF", date(1979, 1, 1)), (1995, "ZAF", None),
    ):  # fmt: skip
        history = replace(invented(3, 2, first=year), iso3=("AND", code, "ZZZ"))
        assert [state.nuclear_since for state in scenario_at(history, year).states] == [None, since, None]


# --- what a year says -----------------------------------------------------------------


def test_figures_are_those_of_the_year_s_row_and_what_is_missing_stays_so() -> None:
    """A different figure each year and state; capability, of which the model needs one, is 0 where it is missing."""
    history = invented(3, 3)
    figures = np.arange(9.0).reshape(3, 3) / 100 + 0.01
    ideal, democracy = figures - 1.0, figures.copy()
    capability = figures.copy()
    capability[1, 0] = ideal[1, 1] = democracy[1, 2] = np.nan
    history = replace(history, capability=capability, ideal=ideal, democracy=democracy)
    states = scenario_at(history, 1991, propensity=np.array([0.1, 0.2, 0.3])).states
    assert [state.capability for state in states] == pytest.approx([0.0, 0.05, 0.06])
    assert [state.ideal_point for state in states] == [pytest.approx(-0.96), None, pytest.approx(-0.94)]
    assert [state.democracy for state in states] == [pytest.approx(0.04), pytest.approx(0.05), None]
    assert [state.propensity for state in states] == [0.1, 0.2, 0.3]


def dyad(history: History, **values: float) -> History:
    """The history in which the dyad 0-2 alone has these values, in 1991 alone."""
    changed: dict[str, np.ndarray] = {}
    for name in DYADIC:
        layer = np.zeros_like(history.rivalry)
        layer[1, 0, 2] = layer[1, 2, 0] = values.get(name, 0.0)
        changed[name] = layer
    return replace(history, **changed)


@pytest.mark.parametrize("quarrel", ["rivalry", "claim", "militarised", "war"])
def test_each_quarrel_makes_a_dispute_of_its_year_and_dyad(quarrel: str) -> None:
    history = dyad(invented(4, 3), **{quarrel: 0.75})
    (found,) = scenario_at(history, 1991).disputes
    levels = {name: getattr(found, name) for name in ("rivalry", "claim", "militarised", "war")}
    assert (found.a, found.b) == ("XAA", "XAC")
    assert levels == {**dict.fromkeys(levels, 0.0), quarrel: 0.75}
    assert not scenario_at(history, 1990).disputes and not scenario_at(history, 1992).disputes


def test_a_missing_quarrel_is_none_beside_one_that_is_known() -> None:
    (found,) = scenario_at(dyad(invented(4, 3), rivalry=1.0, claim=np.nan), 1991).disputes
    assert (found.rivalry, found.claim) == (1.0, 0.0)
    assert not scenario_at(dyad(invented(4, 3), rivalry=np.nan), 1991).disputes


@pytest.mark.parametrize(("war", "apart"), [(0.49, False), (0.5, True), (1.0, True), (np.nan, False)])
def test_who_is_at_war_has_no_relations_all_year(war: float, apart: bool) -> None:
    rows = scenario_at(dyad(invented(4, 3), war=war), 1991).no_relations
    assert pairs(rows) == ({("XAA", "XAC")} if apart else set())
    assert all((row.kind, row.since, row.until) == ("war", None, None) for row in rows)


def test_a_distance_that_is_missing_has_no_row_and_none_is_beyond_the_earth() -> None:
    history = invented(3, 2)
    distance = history.distance.copy()
    distance[0, 0, 1] = distance[0, 1, 0] = np.nan
    distance[0, 1, 2] = distance[0, 2, 1] = 99_999.0
    rows = scenario_at(replace(history, distance=distance), 1990).distances
    assert pairs(rows) == {("XAA", "XAC"), ("XAB", "XAC")}
    km = {(row.a, row.b): row.km for row in rows}
    assert km["XAA", "XAC"] == history.distance[0, 0, 2] and 20_000 < km["XAB", "XAC"] < 20_200


KIND_OF = layers.default_depths()
TREATIES = [
    ({"defence_pact"}, {"defence_pact"}),
    ({"political_declaration"}, {"political_declaration"}),
    ({"non_aggression"}, {"non_aggression"}),
    ({"political_declaration", "non_aggression"}, {"political_declaration", "non_aggression"}),
    ({"defence_pact", "non_aggression"}, {"defence_pact"}),
    (set(), set()),
]


@pytest.mark.parametrize(("held", "legs"), TREATIES)
def test_alliances_are_legs_of_treaties_in_force_that_give_back_depth_and_calm(held: set[str], legs: set[str]) -> None:
    """From long before, so that they are neither new nor activity."""
    depth, calm = (max((KIND_OF[kind][part] for kind in held), default=0.0) for part in (0, 1))
    scenario = scenario_at(dyad(invented(4, 3), alliance_depth=depth, alliance_calm=calm), 1991)
    rows = scenario.accords
    assert {row.kind for row in rows} == legs and len(rows) == len(legs)
    assert max((scenario.kinds[row.kind].depth for row in rows), default=0.0) == depth
    assert max((scenario.kinds[row.kind].calm for row in rows), default=0.0) == calm
    for row in rows:
        assert (row.a, row.b, row.status, row.multilateral) == ("XAA", "XAC", "in_force", True)
        assert row.signed == row.in_force and row.signed is not None and row.signed.year < 1991 - 30
        assert schema.Agreement(**row.model_dump()) == row


def test_a_step_begins_on_each_1_january_of_the_run() -> None:
    scenario = scenario_at(invented(4, 4), 1991, years=3)
    assert (scenario.start, scenario.end) == (date(1991, 1, 1), date(1994, 1, 1))
    assert [event.date for event in scenario.events] == [date(year, 1, 1) for year in (1991, 1992, 1993)]
    assert scenario.focal == scenario.events[0].id and all(event.visibility == 0 for event in scenario.events)


# --- after a source has ended --------------------------------------------------------


@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_known_last_is_carried_forward_and_never_back(layer: str) -> None:
    """Known in 1991 to 1993 of 1990 to 1995, by a single cell in 1993; what is missing between is left alone."""
    whole = invented(4, 6)
    values = getattr(whole, layer) + np.arange(6.0).reshape(6, *[1] * (getattr(whole, layer).ndim - 1))
    values[[0, 2, 4, 5]] = np.nan
    values[3, 1:] = np.nan
    found = getattr(last_carried_forward(replace(whole, **{layer: values})), layer)
    np.testing.assert_array_equal(found[:4], values[:4])
    np.testing.assert_array_equal(found[4], values[3])
    np.testing.assert_array_equal(found[5], values[3])


def test_what_is_said_of_a_state_that_is_no_member_is_not_known() -> None:
    """State 0 is a member to 1991; a figure of it in 1993 does not stand for the others'."""
    whole = without(invented(4, 6), 0, slice(2, None))
    capability = whole.capability.copy()
    capability[2:] = np.nan
    capability[3, 0] = 0.5
    found = last_carried_forward(replace(whole, capability=capability)).capability
    np.testing.assert_array_equal(found[3], capability[1])
    np.testing.assert_array_equal(found[5], capability[1])


def test_a_layer_without_any_source_stays_missing() -> None:
    nothing = replace(invented(4, 3), claim=np.full((3, 4, 4), np.nan))
    assert np.isnan(last_carried_forward(nothing).claim).all()


@pytest.mark.parametrize(
    ("source", "last", "said"),
    [
        ("strategic rivalries", 1993, True), ("strategic rivalries", 1994, False), ("strategic rivalries", 1995, False),
        ("strategic rivalries", None, False), ("DCAD", 1993, False), ("agreements", 1993, False),
        ("COW contiguity", 1993, True),
    ],
)  # fmt: skip
def test_a_note_names_a_source_that_does_not_reach_the_last_1_january(
    source: str, last: int | None, said: bool
) -> None:
    """Of 1990 to 1995: what is known to the end of 1994 reaches 1 January 1995."""
    report = ReadReport(source, "some/where/file.csv", 9, 9, 1900, last)
    notes = last_carried_forward(replace(invented(4, 6), reports=(report,), notes=("as before",))).notes
    assert notes[0] == "as before" and len(notes) == 1 + said
    assert all(source in note and str(last) in note and "file.csv" in note for note in notes[1:])


def test_a_source_that_ends_before_the_history_begins_is_said_to_be_missing() -> None:
    """Nothing of it can be carried forward, and the note does not say that it stands."""
    report = ReadReport("strategic rivalries", "tss.csv", 9, 9, 1900, 1980)
    known = replace(invented(4, 6), reports=(report,))
    unknown = replace(known, rivalry=np.full_like(known.rivalry, np.nan))
    (stands,), (missing,) = (last_carried_forward(history).notes for history in (known, unknown))
    assert "stands for" in stands and "missing from 1990 to 1995" in missing and "1981" in missing


# --- from files -----------------------------------------------------------------------

STATES = ("CAN", "CHN", "FRA", "GBR", "JPN", "RUS", "USA")
COW = dict(zip(STATES, (20, 710, 220, 200, 740, 365, 2), strict=True))
TURN = pd.Timestamp("1993-01-01")
ENDLESS = "2000-06-01"


def draw(seed: int) -> dict[str, list[Cells]]:
    """Rows of invented sources, by kind. Dates crowd around the turn of 1993."""
    rng = np.random.default_rng(seed)

    def day() -> str:
        away = rng.choice([-2000, -400, -2, -1, 0, 1, 2, 200, 800])
        return str((TURN + pd.Timedelta(days=int(away))).date())

    def spells(count: int) -> list[Cells]:
        found: list[Cells] = []
        for _ in range(count):
            a, b = rng.choice(STATES, 2, replace=False)
            found.append([str(a), str(b), *sorted((day(), day()))])
        return found

    figures: list[Cells] = [
        [code, year, round(float(rng.uniform(0.01, 0.2)), 4)] for code in STATES for year in range(1985, 1997)
    ]
    agreements = [[*spell, day()] for spell in spells(30)]
    return {
        "rivalry": spells(8),
        "claims": spells(8),
        "disputes": [[*spell, int(rng.integers(1, 6))] for spell in spells(14)],
        "atop": [[*spell, int(rng.integers(0, 3))] for spell in spells(10)],
        "accords": agreements,
        "capability": figures,
        "democracy": [row for row in figures if rng.uniform() < 0.7],
    }


def known_by(rows: dict[str, list[Cells]]) -> dict[str, list[Cells]]:
    """The same as it could be written on the eve of 1993: rows that begin later are left out, and what comes later is
    put at some other day."""
    turn, found = str(TURN.date()), {}
    for name, cells in rows.items():
        if name in ("capability", "democracy"):
            found[name] = [row for row in cells if int(str(row[1])) < TURN.year]
            continue
        kept = [row for row in cells if str(row[2]) < turn]
        found[name] = [
            [ENDLESS if k >= 3 and isinstance(cell, str) and cell >= turn else cell for k, cell in enumerate(row)]
            for row in kept
        ]
    return found


def written(rows: dict[str, list[Cells]], folder: Path, order: int) -> Path:
    """A folder of data with these rows, in some order."""
    rng = np.random.default_rng(order)
    folder.mkdir()
    sides = "ccode1,ccode2"
    heads = {
        "rivalries_thompson_sakuwa_suhas.csv": f"{sides},start,end",
        "territorial_claims_icow.csv": "chal,tgt,begclaim,endclaim,icowsal",
        "mid_cow5_participants.csv": "dispnum,ccode,stday,stmon,styear,endday,endmon,endyear,sidea,hostlev",
        "atop_members.csv": "atopid,member,yrent,moent,dayent,yrexit,moexit,dayexit,phase,defense,offense,neutral,nonagg,consul",
        "accords.csv": "id,iso3_a,iso3_b,kind,stage,date",
        "nmc_state_year.csv": "ccode,year,cinc",
        "democracy_state_year.csv": "ccode,year,v2x_polyarchy",
    }
    lines: dict[str, list[str]] = {name: [] for name in heads}
    files = dict(
        zip(("rivalry", "claims", "disputes", "atop", "accords", "capability", "democracy"), heads, strict=True)
    )
    for name, file in files.items():
        for k, (a, b, *rest) in enumerate(rows[name]):
            lines[file] += _lines(name, k, str(a), b, [str(cell) for cell in rest])
    for name, head in heads.items():
        body = list(rng.permutation(lines[name])) if order else lines[name]
        (folder / name).write_text("\n".join([head, *body, ""]), encoding="utf-8")
    return folder


def _lines(name: str, k: int, a: str, b: object, rest: list[str]) -> list[str]:
    """The lines of a row in its source's own columns."""
    if name in ("capability", "democracy"):
        return [f"{COW[a]},{b},{rest[0]}"]
    first, second = COW[a], COW[str(b)]
    begin, end = rest[0].split("-"), rest[1].split("-")
    match name:
        case "rivalry":
            return [f"{first},{second},{begin[0]},{end[0]}"]
        case "claims":
            return [f"{first},{second},{begin[0]}{begin[1]},{end[0]}{end[1]},6"]
        case "disputes":
            days = ",".join([*begin[::-1], *end[::-1]])
            return [f"{k},{state},{days},{side},{rest[2]}" for state, side in ((first, 1), (second, 0))]
        case "atop":
            duty = {"0": "1,0,0,0,0", "1": "0,0,0,1,0", "2": "0,0,0,0,1"}[rest[2]]
            return [f"{k},{state},{','.join([*begin, *end])},1,{duty}" for state in (first, second)]
    stages = zip(("signed", "in_force", "ended"), (rest[0], *sorted(rest[1:])), strict=True)
    return [f"{k},{a},{b},logistics,{stage},{day}" for stage, day in stages]


@pytest.mark.parametrize("seed", range(2))
def test_nothing_of_the_year_itself_or_later_is_in_its_world(seed: int, tmp_path: Path) -> None:
    """What is written down later, and the order of the rows, leave the world of 1 January 1993 as it was."""
    rows = draw(seed)
    whole = load_history(written(rows, tmp_path / "whole", 0), 1990, 1996).among(STATES)
    eve = load_history(written(known_by(rows), tmp_path / "eve", 5), 1990, 1996).among(STATES)
    world, earlier = scenario_at(whole, 1993), scenario_at(eve, 1993)
    names = ("a", "b", "kind", "status", "signed", "in_force", "ended", "multilateral")
    found, expected = (
        sorted(str([getattr(row, name) for name in names]) for row in scenario.accords) for scenario in (world, earlier)
    )
    assert found == expected and len(found) > 5
    assert world.states == earlier.states and world.no_relations == earlier.no_relations
    assert world.disputes == earlier.disputes != ()
    assert scenario_at(whole, 1995).disputes != scenario_at(eve, 1995).disputes


def test_the_world_does_not_depend_on_the_years_of_the_history(tmp_path: Path) -> None:
    folder = written(draw(2), tmp_path / "data", 0)
    worlds = [scenario_at(load_history(folder, *years).among(STATES), 1993) for years in ((1980, 1996), (1993, 1993))]
    assert worlds[0] == worlds[1]


def test_the_folder_counts_to_the_last_day_of_a_year_and_the_outcomes_from_the_next(tmp_path: Path) -> None:
    """Of both 30 and 31 December, 1 and 2 January: the first two of the folder and the last two of the outcomes."""
    days = ("1992-12-30", "1992-12-31", "1993-01-01", "1993-01-02")
    rows = draw(0)
    rows["accords"] = [["USA", "JPN", day, ENDLESS, ENDLESS] for day in days]
    folder = written(rows, tmp_path / "data", 0)
    head, *lines = (folder / "accords.csv").read_text(encoding="utf-8").splitlines()
    outcomes = tmp_path / "outcomes.csv"
    outcomes.write_text("\n".join([head, *(line.replace("JPN", "GBR") for line in lines), ""]), encoding="utf-8")
    history = load_history(folder, 1990, 1996, outcomes=(outcomes, 1992))
    frame = history.agreements
    partners = [{history.iso3[a], history.iso3[b]} - {"USA"} for a, b in zip(frame["a"], frame["b"], strict=True)]
    assert [str(day.date()) for day in frame["signed"]] == list(days)
    assert partners == [{"JPN"}, {"JPN"}, {"GBR"}, {"GBR"}]
    assert frame["accord_id"].is_unique and (frame["a"] < frame["b"]).all()
    with pytest.raises(DataError, match="signed after 1993"):
        load_history(folder, 1990, 1996, outcomes=(outcomes, 1993))


def test_a_year_can_be_forecast_where_agreements_are_known_to_the_eve_of_it() -> None:
    history = replace(invented(3, 4), agreement_years=(1980, 1991))
    history.require_record(1992)
    with refused("E600"):
        history.require_record(1993)


def test_exposure_is_what_two_states_have_in_common_of_a_year() -> None:
    """One to the middle of the year, one from its first quarter on, one from its last; one is never there."""
    entry = np.array([[0.0, 0.25, 0.75, 0.0, 0.0]])
    leave = np.array([[0.5, 1.0, 1.0, 0.0, 1.0]])
    shares = replace(invented(5, 1), entry=entry, leave=leave).exposure(1990)
    expected = np.zeros((5, 5))
    for a, b, share in ((0, 1, 0.25), (0, 4, 0.5), (1, 2, 0.25), (1, 4, 0.75), (2, 4, 0.25)):
        expected[a, b] = expected[b, a] = share
    np.testing.assert_array_equal(shares, expected)


def test_the_history_ends_with_the_record_of_agreements_unless_told(tmp_path: Path) -> None:
    """Each date of an agreement counts, not that of its signature alone."""
    rows = draw(1)
    rows["accords"] = [["USA", "JPN", "1991-05-05", "1992-06-01", "1994-06-01"]]
    history = load_history(written(rows, tmp_path / "data", 0), 1990)
    assert history.agreement_years == (1991, 1994) and history.years.tolist() == [1990, 1991, 1992, 1993, 1994]


def test_what_is_given_lies_over_the_defaults_and_alliances_are_never_forecast() -> None:
    """An intercept by kind; those kinds that the record has as alliances stay out of what is signed."""
    usual, given = (
        scenario_at(invented(3, 2), 1990, **options)
        for options in (
            {},
            {"parameters": {"tau": 0.02}, "weights": {"common_threat": 0.125}, "intercepts": {"logistics": -1.5}},
        )
    )
    assert given.parameters == usual.parameters.model_copy(update={"tau": 0.02}) != usual.parameters
    assert given.theory.weights == {**usual.theory.weights, "common_threat": 0.125} != usual.theory.weights
    assert {name for name in usual.kinds if usual.kinds[name] != given.kinds[name]} == {"logistics"}
    assert given.kinds["logistics"].intercept == -1.5
    fitted = {kind for kind in usual.kinds if usual.kinds[kind].ceiling > 1e-6}
    assert fitted == set(KINDS) and not fitted & {"defence_pact", "non_aggression"}
    assert all(usual.kinds[kind].intercept < -50 for kind in {*usual.kinds} - fitted)

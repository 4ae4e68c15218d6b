"""Readers of event data and of dated acts, in the layouts of their authors."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.events import acts, outcomes
from refusals import refused

USA, GBR, RUS, CHN, PRK, KOR, JPN = 2, 200, 365, 710, 731, 732, 740


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


def counts(frame) -> list[tuple[int, int, float, float]]:  # type: ignore[no-untyped-def]
    return list(frame[["cow_a", "cow_b", "conflict", "count"]].itertuples(index=False, name=None))


def who(frame) -> list[tuple[str, str, tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:  # type: ignore[no-untyped-def]
    named = frame.assign(on=frame["day"].dt.strftime("%Y-%m-%d"))
    return list(named[["on", "kind", "principals", "guests", "targets"]].itertuples(index=False, name=None))


ICEWS = """\
Event ID\tEvent Date\tSource Name\tSource Sectors\tSource Country\tEvent Text\tCAMEO Code\tIntensity\tTarget Name\t\
Target Sectors\tTarget Country\tStory ID
1\t2010-01-04\tKim\tGovernment\tNorth Korea\tThreaten\t130\t-4.4\tLee\tGovernment\tSouth Korea\t7
2\t2010-01-04\tA\t\tRussian Federation\tConsult\t040\t1.0\tB\t\tChina\t8
3\t2010-01-05\tA\t\tChina\tConsult\t040\t1.0\tB\t\tChina\t8
4\t2010-01-05\tA\t\t\tConsult\t040\t1.0\tB\t\tChina\t8
"""


def test_icews_as_published(tmp_path: Path) -> None:
    read = outcomes.read_icews(written(tmp_path, "events.2010.tab", ICEWS))
    assert counts(read.frame) == [(PRK, KOR, 1.0, 1.0), (RUS, CHN, 0.0, 1.0)]
    assert [(one.reason, one.count, one.lines) for one in read.report.dropped] == [
        ("one side is no state by its name or code", 1, (5,)),
        ("both sides are the same state", 1, (4,)),
    ]


def test_icews_without_codes_is_read_by_its_texts(tmp_path: Path) -> None:
    text = (
        "date,source,source_iso3,event,target,target_iso3\n"
        "2014-01-01,A,JPN,Demonstrate military or police power,B,CHN\n"
        "2014-01-01,A,JPN,Host a visit,B,CHN\n"
    )
    read = outcomes.read_icews(written(tmp_path, "icews14_events.csv.gz", text))
    assert counts(read.frame) == [(JPN, CHN, 1.0, 1.0), (JPN, CHN, 0.0, 1.0)]
    path = written(tmp_path, "wrong.csv", text.replace("Host a visit", "Play chess"))
    with refused("E604", 3, "event"):
        outcomes.read_icews(path)


@pytest.mark.parametrize(
    ("text", "conflict"),
    [
        ("Investigate war crimes", True),
        ("Express intent to ease administrative sanctions", False),
        ("Ease economic sanctions, boycott, embargo", False),
        ("Demonstrate or rally", True),
        ("Demand economic aid", True),
        ("Sign formal agreement", False),
        ("Use conventional military force", True),
        ("Receive deployment of peacekeepers", False),
        ("Sing", None),
    ],
)
def test_cameo_texts(text: str, conflict: bool | None) -> None:
    assert outcomes.conflict_of_text(text) is conflict


def test_dyad_years_are_added_up(tmp_path: Path) -> None:
    head = "year,source_iso3,target_iso3,verb_coop,matl_coop,verb_conf,matl_conf"
    text = f"{head}\n2005,USA,CHN,6,1,2,3\n2005,USA,PSE,1,0,0,0\n"
    read = outcomes.read_icews_dyad_years(written(tmp_path, "icews_dyad_year.csv", text))
    assert counts(read.frame) == [(USA, CHN, 5.0, 12.0)]
    assert read.report.dropped[0].reason == "one side is no member of the state system on that date"


def test_polecat(tmp_path: Path) -> None:
    text = (
        "Event ID\tEvent Date\tEvent Type\tEvent Mode\tActor Country\tRecipient Country\n"
        "a\t2018-03-01\tASSAULT\t\tRUS\tUKR\nb\t2018-03-01\tCONSULT\t\tUSA\tJPN\nc\t2018-03-01\tAID\t\tUSA; GBR\tJPN\n"
    )
    read = outcomes.read_polecat(written(tmp_path, "ngecEventsDV-2018.txt", text))
    assert counts(read.frame) == [(RUS, 369, 1.0, 1.0), (USA, JPN, 0.0, 1.0)]
    with refused("E604", 2, "Event Type"):
        outcomes.read_polecat(written(tmp_path, "wrong.txt", text.replace("ASSAULT", "HUG")))


def gdelt_line(a: str, b: str, root: str) -> str:
    cells = dict.fromkeys(outcomes.GDELT, "")
    cells |= {"GLOBALEVENTID": "1", "SQLDATE": "20190401", "EventRootCode": root}
    cells |= {"Actor1CountryCode": a, "Actor2CountryCode": b}
    return "\t".join([*cells.values(), *["0"] * 30])


def test_gdelt_daily_files_have_no_header(tmp_path: Path) -> None:
    rows = [gdelt_line("USA", "PRK", "13"), gdelt_line("USA", "", "04"), gdelt_line("CHN", "PRK", "05")]
    read = outcomes.read_gdelt(written(tmp_path, "20190401.export.CSV", "\n".join(rows) + "\n"))
    assert counts(read.frame) == [(USA, PRK, 1.0, 1.0), (CHN, PRK, 0.0, 1.0)]
    assert read.report.dropped[0].lines == (2,)
    rows[2] = gdelt_line("CHN", "PRK", "x")
    with refused("E604", 3, "EventRootCode"):
        outcomes.read_gdelt(written(tmp_path, "wrong.export.CSV", "\n".join(rows) + "\n"))
    rows[1] = "1\t20190401\tcut off"
    with refused("E602", 2):
        outcomes.read_gdelt(written(tmp_path, "wrong.export.CSV", "\n".join(rows) + "\n"))


def test_gdelt_scores_have_no_direction(tmp_path: Path) -> None:
    text = "month,iso3_1,iso3_2,score,active_days\n2018-01,USA,GBR,12.5,3\n2018-02,GBR,USA,,3\n"
    read = outcomes.read_gdelt_scores(written(tmp_path, "gdelt_monthly_scores.csv", text))
    assert list(read.frame[["cow_a", "cow_b", "score"]].itertuples(index=False, name=None)) == [(USA, GBR, 12.5)]
    assert read.report.dropped[0].reason == "no score"


def test_exercises_with_their_participants(tmp_path: Path) -> None:
    listed = written(tmp_path, "exercises_mme.csv", "mmeid,start\nm1,2004-05-01\nm2,2005-02\nm3,2006-01-01\n")
    with refused("E601"):
        acts.read_exercises(listed)
    written(
        tmp_path,
        "exercises_mme_participants.csv",
        "mmeid,country,gwcode,iso3\nm1,US,2,USA\nm1,Japan,740,JPN\nm2,US,2,USA\nm2,?,-9,\nm9,US,2,USA\n",
    )
    read = acts.read_exercises(listed)
    assert who(read.frame) == [("2004-05-01", "exercise", (USA, JPN), (), ())]
    assert read.report.dropped[0].count == 2
    assert any("not in the list" in note for note in read.report.notes)


def test_visits_and_trips(tmp_path: Path) -> None:
    visits = "title,name,state_visited,start\nS,A,KOR,2005-03-04\nS,A,Nassau,2005-03-05\n"
    assert who(acts.read_us_visits(written(tmp_path, "us_defense_visits.csv", visits)).frame) == [
        ("2005-03-04", "visit", (USA, KOR), (), ())
    ]
    leaders = "year,name,iso3\n2005,Hu,RUS\n2005,Hu,RUS\n"
    china = acts.read_china_visits(written(tmp_path, "china_leader_visits.csv", leaders))
    assert who(china.frame) == [("2005-07-01", "visit", (RUS, CHN), (), ())]
    assert china.report.dropped[0].reason == "the same leader, country and year again"
    trips = "LeaderCountryISO,CountryVisitedISO,TripStartDate\nJPN,USA,2005-01-02\nJPN,JPN,2005-01-03\n"
    assert who(acts.read_trips(written(tmp_path, "colt_trips.csv", trips)).frame) == [
        ("2005-01-02", "visit", (USA, JPN), (), ())
    ]


def test_who_enters_a_treaty_later_is_shown_with_its_members(tmp_path: Path) -> None:
    head = "atopid,phase,member,yrent,moent,dayent,yrexit,moexit,dayexit\n"
    rows = "9,0,2,2001,3,1,0,0,0\n9,0,200,2001,3,1,2003,1,1\n9,0,740,2004,5,6,0,0,0\n"
    read = acts.read_treaties(written(tmp_path, "atop_members.csv", head + rows))
    assert who(read.frame) == [
        ("2001-03-01", "treaty", (USA, GBR), (), ()),
        ("2004-05-06", "treaty", (JPN,), (USA,), ()),
    ]


def test_a_dispute_is_aimed_at_side_b(tmp_path: Path) -> None:
    head = "dispnum,ccode,stday,stmon,styear,sidea\n"
    read = acts.read_incidents(
        written(tmp_path, "MIDB 5.0.csv", head + "1,731,4,7,2006,1\n1,732,4,7,2006,0\n2,2,-9,1,2006,1\n")
    )
    assert who(read.frame) == [("2006-07-04", "incident", (PRK,), (), (KOR,))]
    assert list(read.frame["told"]) == [True]


def test_acts_of_any_kind(tmp_path: Path) -> None:
    text = (
        "date,kind,principals,guests,targets\n2025-09-03,joint_summit,CHN;RUS,PRK,USA|JPN\n2024-01,visit,China;RUS,,\n"
    )
    read = acts.read_acts(written(tmp_path, "acts.csv", text))
    assert who(read.frame) == [
        ("2024-01-15", "visit", (RUS, CHN), (), ()),
        ("2025-09-03", "joint_summit", (RUS, CHN), (PRK,), (USA, JPN)),
    ]
    assert list(read.frame["told"]) == [False, True]
    wrong = written(tmp_path, "wrong.csv", text.replace("CHN;RUS", "CHN;XXX"))
    with refused("E604", 2, "principals"):
        acts.read_acts(wrong)


HEADS = {
    "icews-years": "year,source_iso3,target_iso3,verb_coop,matl_coop,verb_conf,matl_conf",
    "icews": "Event Date,Source Country,Target Country,Event Text,CAMEO Code",
    "polecat": "Event Date,Event Type,Actor Country,Recipient Country",
    "gdelt": "SQLDATE,Actor1CountryCode,Actor2CountryCode,EventRootCode",
    "gdelt-scores": "month,iso3_1,iso3_2,score",
    "exercises": "mmeid,start",
    "treaties": "atopid,member,yrent,moent,dayent,yrexit,moexit,dayexit",
    "us_visits": "state_visited,start",
    "china_visits": "year,name,iso3",
    "trips": "LeaderCountryISO,CountryVisitedISO,TripStartDate",
    "arms": "year,ccode_sender,ccode_receiver",
    "incidents": "dispnum,ccode,stday,stmon,styear,sidea",
    "acts": "date,kind,principals",
    "recorded_visits": "Event Date,Source Country,Target Country,Event Text,CAMEO Code",
}


@pytest.mark.parametrize("name", HEADS)
def test_a_file_without_rows_is_read_and_one_without_columns_refused(name: str, tmp_path: Path) -> None:
    reader = {**outcomes.OUTCOMES, **acts.ACTS}[name][0]
    written(tmp_path, "some_participants.csv", "mmeid,gwcode\n")
    assert reader(written(tmp_path, "some.csv", HEADS[name] + "\n")).frame.empty
    with refused("E603", 1):
        reader(written(tmp_path, "some.csv", "a,b\n1,2\n"))
    with refused("E601"):
        reader(tmp_path / "other.csv")


@pytest.mark.parametrize("name", [name for name in HEADS if name not in ("polecat", "icews", "recorded_visits")])
def test_cells_that_cannot_be_read_are_named(name: str, tmp_path: Path) -> None:
    """Every cell is nonsense: the error names line 2 and a column, or the row is left out with its reason."""
    reader = {**outcomes.OUTCOMES, **acts.ACTS}[name][0]
    written(tmp_path, "some_participants.csv", "mmeid,gwcode\n?!,?!\n")
    row = ",".join(["?!"] * len(HEADS[name].split(",")))
    with pytest.raises(DataError, match=r"line 2, column \w"):
        reader(written(tmp_path, "some.csv", f"{HEADS[name]}\n{row}\n"))

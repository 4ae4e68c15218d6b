"""Readers of event data and of dated acts, in the layouts of their authors."""

from pathlib import Path

from balance_sim.evidence.events.acts import ACTS, DYAD_YEARS
from refusals import refused, written

USA, GBR, RUS, CHN, PRK, KOR, JPN = 2, 200, 365, 710, 731, 732, 740


def counts(frame) -> list[tuple[int, int, float, float]]:  # type: ignore[no-untyped-def]
    return list(frame[["cow_a", "cow_b", "conflict", "count"]].itertuples(index=False, name=None))


def who(frame) -> list[tuple[str, str, tuple[int, ...], tuple[int, ...], tuple[int, ...]]]:  # type: ignore[no-untyped-def]
    named = frame.assign(on=frame["day"].dt.strftime("%Y-%m-%d"))
    return list(named[["on", "kind", "principals", "guests", "targets"]].itertuples(index=False, name=None))


def test_dyad_years_are_added_up(tmp_path: Path) -> None:
    head = "year,source_iso3,target_iso3,verb_coop,matl_coop,verb_conf,matl_conf"
    text = f"{head}\n2005,USA,CHN,6,1,2,3\n2005,USA,PSE,1,0,0,0\n"
    read = DYAD_YEARS.read(written(tmp_path, text, "icews_dyad_year.csv"))
    assert counts(read.frame) == [(USA, CHN, 5.0, 12.0)]
    assert read.report.dropped == {"one side is no member of the state system on that date": 1}


def test_exercises_with_their_participants(tmp_path: Path) -> None:
    listed = written(tmp_path, "mmeid,start\nm1,2004-05-01\nm2,2005-02\nm3,2006-01-01\n", "exercises_mme.csv")
    with refused("E601"):
        ACTS["exercises"].read(listed)
    who_came = "mmeid,country,gwcode,iso3\nm1,US,2,USA\nm1,Japan,740,JPN\nm2,US,2,USA\nm2,?,-9,\nm9,US,2,USA\n"
    written(tmp_path, who_came, "exercises_mme_participants.csv")
    read = ACTS["exercises"].read(listed)
    assert who(read.frame) == [("2004-05-01", "exercise", (USA, JPN), (), ())]
    assert list(read.report.dropped.values()) == [2]


def test_visits(tmp_path: Path) -> None:
    visits = "title,name,state_visited,start\nS,A,KOR,2005-03-04\nS,A,Nassau,2005-03-05\n"
    assert who(ACTS["us_visits"].read(written(tmp_path, visits, "us_defense_visits.csv")).frame) == [
        ("2005-03-04", "visit", (USA, KOR), (), ())
    ]
    leaders = "year,name,iso3\n2005,Hu,RUS\n2005,Hu,RUS\n"
    china = ACTS["china_visits"].read(written(tmp_path, leaders, "china_leader_visits.csv"))
    assert who(china.frame) == [("2005-07-01", "visit", (RUS, CHN), (), ())]
    assert china.report.dropped == {"the same leader, country and year again": 1}


def test_who_enters_a_treaty_later_is_shown_with_its_members(tmp_path: Path) -> None:
    head = "atopid,phase,member,yrent,moent,dayent,yrexit,moexit,dayexit\n"
    rows = "9,0,2,2001,3,1,0,0,0\n9,0,200,2001,3,1,2003,1,1\n9,0,740,2004,5,6,0,0,0\n"
    read = ACTS["treaties"].read(written(tmp_path, head + rows, "atop_members.csv"))
    assert who(read.frame) == [
        ("2001-03-01", "treaty", (USA, GBR), (), ()),
        ("2004-05-06", "treaty", (JPN,), (USA,), ()),
    ]


def test_a_dispute_is_aimed_at_side_b(tmp_path: Path) -> None:
    head = "dispnum,ccode,stday,stmon,styear,endday,endmon,endyear,sidea,hostlev\n"
    rows = "1,731,4,7,2006,,,,1,4\n1,732,4,7,2006,,,,0,1\n2,2,-9,1,2006,,,,1,1\n"
    read = ACTS["incidents"].read(written(tmp_path, head + rows, "MIDB 5.0.csv"))
    assert who(read.frame) == [("2006-07-04", "incident", (PRK,), (), (KOR,))]
    assert list(read.frame["told"]) == [True]

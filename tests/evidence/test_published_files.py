"""Files as their authors publish them, and files with something missing anywhere: a gap is missing, never 0.

The variants are short files of our own in the columns of the codebooks; the extracts are in tests/evidence/data."""

from pathlib import Path

import pandas as pd
from balance_sim.evidence.data.series import SOURCES
from refusals import written


def test_tabs_semicolons_capitals_and_latin_1(tmp_path: Path) -> None:
    rows = "Year,Ccode,IdealPointAll,IdealPointFP,Countryname\n2000,2,2.7,2.9,United States\n2000,600,-1,-0.9,C\xf4te\n"
    plain = SOURCES["ideal"].read(written(tmp_path, rows)).frame
    for mark in ("\t", ";"):
        other = written(tmp_path, rows.replace(",", mark), "Idealpoints.tab", "latin-1")
        pd.testing.assert_frame_equal(SOURCES["ideal"].read(other).frame, plain)


def test_alliances_by_dyad_and_year(tmp_path: Path) -> None:
    head = (
        "version4id,ccode1,state_name1,ccode2,state_name2,dyad_st_day,dyad_st_month,dyad_st_year,dyad_end_day,"
        "dyad_end_month,dyad_end_year,left_censor,right_censor,defense,neutrality,nonaggression,entente,year,version\n"
    )
    row = "210,2,United States,200,United Kingdom,4,4,1949,{end},0,1,{duty},{year},4.1\n"
    text = head + "".join(row.format(end=",,", duty="1,0,0,-9", year=year) for year in range(1949, 1952))
    text += row.format(end="-9,-9,-9", duty="0,0,0,0", year=1950).replace("210,", "211,")
    frame, _ = SOURCES["cow_alliances"].read(written(tmp_path, text))
    assert len(frame) == 1
    assert frame["end"].isna().all()


def test_atop_dates_in_codes(tmp_path: Path) -> None:
    head = "atopid,member,yrent,moent,dayent,yrexit,moexit,dayexit,phase,defense,offense,neutral,nonagg,consul\n"
    text = head + "3180,2,1949,4,4,0,0,0,0,1,0,0,0,1\n3180,200,1949,4,99,0,0,0,0,1,0,0,0,1\n"
    text += "3180,,1949,4,4,0,0,0,0,1,0,0,0,1\n3180,20,-9,4,4,0,0,0,0,1,0,0,0,1\n"
    frame, report = SOURCES["atop"].read(written(tmp_path, text))
    assert len(frame) == 1
    assert frame["end"].isna().all()
    assert report.dropped == {"no member": 1, "no date of entry": 1}


def test_contiguity_by_year_and_open_ends(tmp_path: Path) -> None:
    yearly = "dyad,state1no,state1ab,state2no,state2ab,year,conttype,version\n"
    yearly += "2020,2,USA,20,CAN,1921,1,3.2\n20002,20,CAN,2,USA,1921,1,3.2\n"
    frame, report = SOURCES["contiguity"].read(written(tmp_path, yearly))
    assert frame[["year_from", "year_to"]].values.tolist() == [[1921, 1921]]
    spells = "state1no,state2no,conttype,begin,end\n2,20,1,192001,\n2,40,4,,201612\n2,70,-9,192001,201612\n"
    frame, report = SOURCES["contiguity"].read(written(tmp_path, spells))
    assert frame[["year_from", "year_to"]].values.tolist() == [[1920, 2016]]
    assert list(report.dropped) == ["no type", "no beginning"]


def test_quarrels_with_open_ends_and_unknown_parts(tmp_path: Path) -> None:
    rivals = "rivalry,ccode1,ccode2,start,end\nA,2,365,1945,1989\nB,2,710,1949,9999\nC,2,731,-9,1999\n"
    frame, report = SOURCES["rivalry"].read(written(tmp_path, rivals))
    assert frame["year_to"].isna().tolist() == [False, True]
    assert report.losses == ("file.csv: 1 rows left out: no first year",)
    claims = "chal,tgt,begclaim,endclaim,icowsal\n2,20,181601,-9,-9\n2,70,.,184802,4\n2,200,181699,181600,6\n"
    frame, report = SOURCES["claims"].read(written(tmp_path, claims))
    assert frame["end"].isna().tolist() == [True, False]
    assert frame["salience"].isna().tolist() == [True, False]
    assert str(frame["start"].iloc[1].date()) == "1816-07-01"
    sides = "dispnum3,stabb,ccode,stday,stmon,styear,endday,endmon,endyear,sidea,hostlev\n"
    sides += "1,USA,2,-9,5,1902,-9,-9,1902,1,-9\n1,UKG,200,7,5,1902,24,1,1903,0,4\n1,GMY,255,7,5,-9,24,1,1903,0,4\n"
    frame, report = SOURCES["disputes"].read(written(tmp_path, sides))
    assert frame[["cow_a", "cow_b", "hostility"]].values.tolist() == [[2, 200, 4]]
    assert (str(frame["start"].iloc[0].date()), str(frame["end"].iloc[0].date())) == ("1902-05-15", "1902-12-31")
    assert list(report.dropped) == ["no year of start or end"]


def test_dcad_codes(tmp_path: Path) -> None:
    head = "DCAid,ccode1,ccode2,signDay,signMonth,signYear,EIFDay,EIFMonth,EIFYear,type,category1,endYearEstimate\n"
    text = head + "a,2,20,-99,5,1990,-77,-77,-77,General,DCA,2010\nb,2,20,1,1,-88,1,1,1990,sector,TREX,2000\n"
    text += "c,2,20,1,1,1991,,,,,TREX,2000\nd,2,20,1,1,1992,,,,sector,,-99\n"
    frame, report = SOURCES["accords"].read(written(tmp_path, text, encoding="latin-1"))
    assert frame["kind"].tolist() == ["defence_cooperation", "information_sharing"]
    assert frame["in_force"].isna().all()
    assert frame["ended"].isna().all()
    assert list(report.dropped) == ["no year of signature", "neither general nor sector"]

"""Files as their authors publish them, and files with something missing anywhere: a gap is missing, never 0.

The variants are short files of our own in the columns of the codebooks; the extracts are in tests/evidence/data."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import load_history
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.data.sources import file_of
from balance_sim.evidence.data.table import Read
from refusals import refused

DATA = Path(__file__).parent / "data"
Reader = Callable[[Path], Read]
EXTRACTS: dict[str, tuple[Reader, str]] = {
    "dcad_agreements": (
        SOURCES["accords"].read,
        "ccode1 signMonth signYear EIFYear type category1 endYearEstimate",
    ),
    "nmc_state_year": (SOURCES["capability"].read, "ccode year cinc"),
    "unga_ideal_points": (SOURCES["ideal"].read, "ccode year idealpointfp"),
    "democracy_state_year": (SOURCES["democracy"].read, "ccode year v2x_polyarchy"),
    "min_distance_spells": (SOURCES["distance"].read, "ccode2 year_from year_to mindist_km"),
    "contiguity_spells": (SOURCES["contiguity"].read, "ccode1 conttype stdate enddate"),
    "capitals": (SOURCES["capitals"].read, "ccode stdate enddate lat"),
    "rivalries_thompson_sakuwa_suhas": (SOURCES["rivalry"].read, "ccode1 start end"),
    "territorial_claims_icow": (SOURCES["claims"].read, "chal begclaim endclaim icowsal"),
    "mid_cow5_participants": (SOURCES["disputes"].read, "dispnum ccode stday styear endyear sidea hostlev"),
    "atop_members": (SOURCES["atop"].read, "member yrent moent yrexit defense"),
    "cow_alliance_spells": (
        SOURCES["cow_alliances"].read,
        "ccode1 dyad_st_year dyad_end_month dyad_end_year defense",
    ),
}


def put(folder: Path, text: str, name: str = "file.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.slow
@pytest.mark.parametrize("name", EXTRACTS)
def test_one_cell_without_a_value_anywhere(tmp_path: Path, name: str) -> None:
    """Blank, -9 or text in a cell of each column: read, left out and counted, or refused with its place."""
    rows = list(csv.reader((DATA / f"{name}.csv").open(encoding="utf-8")))
    reader, columns = EXTRACTS[name]
    path = tmp_path / f"{name}.csv"
    places = []
    for column in columns.split():
        for value in ("", "-9", "text"):
            changed = [list(row) for row in rows[:8]]
            changed[3][rows[0].index(column)] = value
            with path.open("w", newline="", encoding="utf-8") as out:
                csv.writer(out).writerows(changed)
            try:
                reader(path)
            except DataError as error:
                places.append((value, error.line, error.column == column))
    assert {("text", 4, True)} <= set(places) <= {("text", 4, True), ("-9", 4, True)}
    path.write_text(",".join(rows[0]) + "\n", encoding="utf-8")
    assert reader(path).frame.empty


def test_tabs_semicolons_capitals_and_latin_1(tmp_path: Path) -> None:
    rows = "Year,Ccode,IdealPointAll,IdealPointFP,Countryname\n2000,2,2.7,2.9,United States\n2000,600,-1,-0.9,C\xf4te\n"
    plain = SOURCES["ideal"].read(put(tmp_path, rows)).frame
    for mark in ("\t", ";"):
        other = put(tmp_path, rows.replace(",", mark), "Idealpoints.tab", "latin-1")
        pd.testing.assert_frame_equal(SOURCES["ideal"].read(other).frame, plain)


def test_marks_at_the_end_of_lines_and_row_numbers(tmp_path: Path) -> None:
    plain = SOURCES["capability"].read(put(tmp_path, "ccode,year,cinc\n2,2000,0.1\n20,2000,0.2\n")).frame
    for text in (
        '"","ccode","year","cinc"\n"1",2,2000,0.1\n"2",20,2000,0.2\n',
        "ccode,year,cinc\n2,2000,0.1,\n20,2000,0.2,\n",
    ):
        pd.testing.assert_frame_equal(SOURCES["capability"].read(put(tmp_path, text)).frame, plain)


def test_alliances_by_dyad_and_year(tmp_path: Path) -> None:
    head = (
        "version4id,ccode1,state_name1,ccode2,state_name2,dyad_st_day,dyad_st_month,dyad_st_year,dyad_end_day,"
        "dyad_end_month,dyad_end_year,left_censor,right_censor,defense,neutrality,nonaggression,entente,year,version\n"
    )
    row = "210,2,United States,200,United Kingdom,4,4,1949,{end},0,1,{duty},{year},4.1\n"
    text = head + "".join(row.format(end=",,", duty="1,0,0,-9", year=year) for year in range(1949, 1952))
    text += row.format(end="-9,-9,-9", duty="0,0,0,0", year=1950).replace("210,", "211,")
    frame, _ = SOURCES["cow_alliances"].read(put(tmp_path, text))
    assert len(frame) == 1
    assert frame["end"].isna().all()


def test_atop_dates_in_codes(tmp_path: Path) -> None:
    head = "atopid,member,yrent,moent,dayent,yrexit,moexit,dayexit,phase,defense,offense,neutral,nonagg,consul\n"
    text = head + "3180,2,1949,4,4,0,0,0,0,1,0,0,0,1\n3180,200,1949,4,99,0,0,0,0,1,0,0,0,1\n"
    text += "3180,,1949,4,4,0,0,0,0,1,0,0,0,1\n3180,20,-9,4,4,0,0,0,0,1,0,0,0,1\n"
    frame, report = SOURCES["atop"].read(put(tmp_path, text))
    assert len(frame) == 1
    assert frame["end"].isna().all()
    assert report.dropped == {"no member": 1, "no date of entry": 1}


def test_contiguity_by_year_and_open_ends(tmp_path: Path) -> None:
    yearly = "dyad,state1no,state1ab,state2no,state2ab,year,conttype,version\n"
    yearly += "2020,2,USA,20,CAN,1921,1,3.2\n20002,20,CAN,2,USA,1921,1,3.2\n"
    frame, report = SOURCES["contiguity"].read(put(tmp_path, yearly))
    assert frame[["year_from", "year_to"]].values.tolist() == [[1921, 1921]]
    spells = "state1no,state2no,conttype,begin,end\n2,20,1,192001,\n2,40,4,,201612\n2,70,-9,192001,201612\n"
    frame, report = SOURCES["contiguity"].read(put(tmp_path, spells))
    assert frame[["year_from", "year_to"]].values.tolist() == [[1920, 2016]]
    assert list(report.dropped) == ["no type", "no beginning"]


def test_quarrels_with_open_ends_and_unknown_parts(tmp_path: Path) -> None:
    rivals = "rivalry,ccode1,ccode2,start,end\nA,2,365,1945,1989\nB,2,710,1949,9999\nC,2,731,-9,1999\n"
    frame, report = SOURCES["rivalry"].read(put(tmp_path, rivals))
    assert frame["year_to"].isna().tolist() == [False, True]
    assert report.losses == ("file.csv: 1 rows left out: no first year",)
    claims = "chal,tgt,begclaim,endclaim,icowsal\n2,20,181601,-9,-9\n2,70,.,184802,4\n2,200,181699,181600,6\n"
    frame, report = SOURCES["claims"].read(put(tmp_path, claims))
    assert frame["end"].isna().tolist() == [True, False]
    assert frame["salience"].isna().tolist() == [True, False]
    assert str(frame["start"].iloc[1].date()) == "1816-07-01"
    sides = "dispnum3,stabb,ccode,stday,stmon,styear,endday,endmon,endyear,sidea,hostlev\n"
    sides += "1,USA,2,-9,5,1902,-9,-9,1902,1,-9\n1,UKG,200,7,5,1902,24,1,1903,0,4\n1,GMY,255,7,5,-9,24,1,1903,0,4\n"
    frame, report = SOURCES["disputes"].read(put(tmp_path, sides))
    assert frame[["cow_a", "cow_b", "hostility"]].values.tolist() == [[2, 200, 4]]
    assert (str(frame["start"].iloc[0].date()), str(frame["end"].iloc[0].date())) == (
        "1902-05-15",
        "1902-12-31",
    )
    assert list(report.dropped) == ["no year of start or end"]


def test_dates_of_several_kinds(tmp_path: Path) -> None:
    head = "iso3_a,iso3_b,kind,date\n"
    written = ("2001-03-04", "2001/3/4", "20010304", "2001-03-04 10:30:00", "2001-03", "2001", "NA")
    frame, report = SOURCES["accords"].read(put(tmp_path, head + "".join(f"JPN,AUS,access,{one}\n" for one in written)))
    days = [str(day.date()) for day in frame["signed"]]
    assert sorted(days) == ["2001-03-04"] * 4 + ["2001-03-15", "2001-07-01"]
    assert report.dropped == {"no date": 1}
    for wrong in ("03/04/2001", "4.3.2001", "2001-13-01", "20011301"):
        with refused("E604", 2, "date"):
            SOURCES["accords"].read(put(tmp_path, head + f"JPN,AUS,access,{wrong}\n"))


def test_dcad_codes(tmp_path: Path) -> None:
    head = "DCAid,ccode1,ccode2,signDay,signMonth,signYear,EIFDay,EIFMonth,EIFYear,type,category1,endYearEstimate\n"
    text = head + "a,2,20,-99,5,1990,-77,-77,-77,General,DCA,2010\nb,2,20,1,1,-88,1,1,1990,sector,TREX,2000\n"
    text += "c,2,20,1,1,1991,,,,,TREX,2000\nd,2,20,1,1,1992,,,,sector,,-99\n"
    frame, report = SOURCES["accords"].read(put(tmp_path, text, encoding="latin-1"))
    assert frame["kind"].tolist() == ["defence_cooperation", "information_sharing"]
    assert frame["in_force"].isna().all()
    assert frame["ended"].isna().all()
    assert list(report.dropped) == ["no year of signature", "neither general nor sector"]


def test_every_name_looked_for_is_on_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")
    table = page.split("| source | names looked for |")[1].split("\n\n")[0]
    for names in (source.files for source in SOURCES.values()):
        assert f"`{names[0]}`" in table
        assert all(f"`{name}`" in table or f"`{Path(name).suffix}`" in table for name in names)


def test_names_of_files_as_downloaded(tmp_path: Path) -> None:
    names = {
        "accords": "DCAD-v1.0-main.csv",
        "capability": "nmc-60-abridged.csv",
        "ideal": "IdealpointestimatesAll_Jun2023.tab",
        "democracy": "V-Dem-CY-Core-v15.csv",
        "claims": "ICOWprov110.csv",
        "disputes": "MIDB 5.0.csv",
        "atop": "atop5_0m.csv",
        "cow_alliances": "alliance_v4.1_by_dyad_yearly.csv",
        "contiguity": "ContDir.csv.gz",
    }
    for name in names.values():
        (tmp_path / name).write_text("", encoding="utf-8")
    for source, name in names.items():
        assert file_of(tmp_path, SOURCES[source].files) == tmp_path / name
    (tmp_path / "NMC-70-abridged.csv").write_text("", encoding="utf-8")
    assert file_of(tmp_path, SOURCES["capability"].files) == tmp_path / "NMC-70-abridged.csv"
    assert file_of(tmp_path, SOURCES["capitals"].files) is None
    for name in ("dcad_agreements.csv", "nmc_state_year.csv"):
        text = (DATA / name).read_text(encoding="utf-8")
        (tmp_path / "two" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "two" / name.upper()).write_text(text, encoding="utf-8")
    assert len(load_history(tmp_path / "two", 1990, 1992).agreements) == 16

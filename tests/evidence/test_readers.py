"""Readers on small extracts (tests/evidence/data/SOURCES.md) and on files that are wrong on purpose."""

import gzip
import os
from pathlib import Path

import pandas as pd
import pytest
from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.series import SOURCES
from refusals import refused, written

DATA = Path(__file__).parent / "data"
read_agreements, read_nmc = SOURCES["accords"].read, SOURCES["capability"].read


def dyad(frame: pd.DataFrame, a: int, b: int) -> pd.DataFrame:
    return frame[(frame["cow_a"] == a) & (frame["cow_b"] == b)]


def test_dcad() -> None:
    frame, report = SOURCES["accords"].read(DATA / "dcad_agreements.csv")
    assert (report.rows_read, report.rows_kept) == (17, 16)
    assert report.dropped == {"both sides are the same state": 1}
    assert (report.first_year, report.last_year) == (1988, 2002)
    by_id = frame.set_index("accord_id")
    philippines = by_id.loc["DCADv1.0-0567"]
    assert (philippines["kind"], str(philippines["in_force"].date())) == ("defence_cooperation", "1994-09-14")
    assert pd.isna(philippines["ended"])
    research = by_id.loc["DCADv1.0-0037"]
    assert (research["kind"], str(research["ended"].date())) == ("information_sharing", "2009-12-31")
    assert by_id.loc["DCADv1.0-1796", "kind"] == "logistics"  # TREX is deeper than COMMISSION
    year_only, month_only = by_id.loc["DCADv1.0-0134"], by_id.loc["DCADv1.0-1388"]
    assert (year_only["precision"], str(year_only["signed"].date())) == ("year", "1990-07-01")
    assert (month_only["precision"], str(month_only["signed"].date())) == ("month", "2001-09-15")


def test_generic_accords_join_stages_by_id(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "id,iso3_a,iso3_b,kind,stage,date\n"
        "x,PHL,JPN,access,signed,2024-07-08\n"
        "x,JPN,PHL,access,in_force,2025-09-11\n"
        "y,DEU,FRA,logistics,,1985-03\n"
        "z,USA,DEU,access,signed,1950-01-01\n"
        "w,USA,GBR,access,talks,2001\n",
    )
    frame, report = read_agreements(path)
    assert list(frame["accord_id"]) == ["y", "x"]
    x = frame.iloc[1]
    assert (x["cow_a"], x["cow_b"]) == (740, 840)
    assert (str(x["signed"].date()), str(x["in_force"].date())) == ("2024-07-08", "2025-09-11")
    assert frame.iloc[0]["cow_b"] == 260
    assert report.dropped == {
        "talks or collapsed: no signature": 1,
        "one side is no member of the state system on that date": 1,
    }


def test_cow_alliances() -> None:
    frame, report = SOURCES["cow_alliances"].read(DATA / "cow_alliance_spells.csv")
    assert report.rows_read == 16
    assert list(report.dropped) == ["the spell ends before it starts"]
    nato = dyad(frame, 2, 200)
    assert nato["kind"].tolist() == ["defence_pact"]
    assert nato["end"].isna().all()
    soviet_yugoslav = dyad(frame, 345, 365).iloc[0]
    assert (str(soviet_yugoslav["start"].date()), str(soviet_yugoslav["end"].date())) == ("1945-04-11", "1949-09-28")


def test_atop_members_are_paired_while_both_belong() -> None:
    frame, _ = SOURCES["atop"].read(DATA / "atop_members.csv")
    east = dyad(frame, 265, 365).iloc[0]
    assert (str(east["start"].date()), str(east["end"].date())) == ("1955-05-14", "1990-10-03")
    lithuania = dyad(frame, 2, 368).iloc[0]
    assert str(lithuania["start"].date()) == "2003-03-26"
    assert pd.isna(lithuania["end"])
    assert dyad(frame, 255, 260).empty
    assert dyad(frame, 2, 740)["kind"].tolist() == ["defence_pact"]  # one side's pledge is enough


def test_capabilities_and_their_gaps(tmp_path: Path) -> None:
    frame, report = read_nmc(DATA / "nmc_state_year.csv")
    assert (report.first_year, report.last_year) == (1989, 1993)
    ukraine = frame[(frame["cow"] == 369) & (frame["year"] == 1991)].iloc[0]
    assert ukraine["cinc"] == 0.02316366
    minus = read_nmc(written(tmp_path, "stateabb,ccode,year,milex,cinc,version\nUSA,2,2000,-9,-9,6\n")).frame
    assert pd.isna(minus.iloc[0]["cinc"])


def test_quarrels() -> None:
    rivals = SOURCES["rivalry"].read(DATA / "rivalries_thompson_sakuwa_suhas.csv").frame
    assert dyad(rivals, 2, 365)["year_to"].fillna(0).tolist() == [1989, 0]
    claims = SOURCES["claims"].read(DATA / "territorial_claims_icow.csv").frame
    senkaku = dyad(claims, 710, 740).iloc[0]
    assert senkaku["salience"] == 0.5
    assert pd.isna(senkaku["end"])
    hong_kong = dyad(claims, 200, 710).iloc[0]
    assert str(hong_kong["end"].date()) == "1997-07-31"
    fights = SOURCES["disputes"].read(DATA / "mid_cow5_participants.csv").frame
    gulf = fights[(fights["dispute"] == 3957) & (fights["cow_a"] == 2)].iloc[0]
    assert (gulf["cow_b"], gulf["war"], str(gulf["start"].date())) == (645, True, "1990-07-24")
    kuwait = fights[(fights["dispute"] == 3957) & (fights["cow_b"] == 690)].iloc[0]
    assert not kuwait["war"]  # one side's level is 4


def test_gzip_under_any_name_mark_and_latin_1_are_read_and_a_damaged_file_is_refused(tmp_path: Path) -> None:
    text = "\ufeffccode,year,cinc,note\n2,2000,0.1,Côte\n"
    packed = tmp_path / "nmc.csv.gz"
    packed.write_bytes(gzip.compress(text.encode("utf-8")))
    assert read_nmc(packed).frame["cinc"].tolist() == [0.1]
    old = tmp_path / "nmc.csv"
    old.write_bytes(text[1:].encode("latin-1"))
    assert read_nmc(old).frame["cinc"].tolist() == [0.1]
    packed.rename(tmp_path / "any.csv")
    assert read_nmc(tmp_path / "any.csv").frame["cinc"].tolist() == [0.1]
    packed.write_bytes(gzip.compress(b"ccode,year\n" * 50)[:30])
    with refused("E601"):
        read_nmc(packed)


ACCORDS = "iso3_a,iso3_b,kind,date\n"
WRONG_FILES = [
    (read_nmc, "ccode,year,cinc\n2,2000,0.1\n2,2001,much\n", "E604", 3, "cinc", "much"),
    (read_nmc, "ccode,year,cinc\n2,2000,0.1\n2,2000,0.2\n", "E606", 3, "ccode", "2"),
    (read_nmc, "ccode,year,cinc\n2,200,0.1\n", "E605", 2, "year", "200"),
    (read_nmc, 'ccode,year,cinc,note\n2,2000,0.1,"a\nb"\n2,2001,x,\n', "E604", 4, "cinc", "x"),
    (read_nmc, "ccode,year,cinc\n2,2000,0.1\n  \n\n , ,\n2,2001,x\n", "E604", 6, "cinc", "x"),
    (read_nmc, "", "E602", 1, None, None),
    (read_nmc, 'ccode,year,cinc\n2,2000,"0.1\n', "E602", 2, None, None),
    (read_agreements, f"{ACCORDS}QQQ,USA,access,2000\n", "E604", 2, "iso3_a", "QQQ"),
    (read_agreements, f"{ACCORDS}JPN,USA,access,2001-02-30\n", "E604", 2, "date", "2001-02-30"),
    (read_agreements, "iso3_a,iso3_b,kind,stage,date\nJPN,USA,access,agreed,2001\n", *("E604", 2, "stage", "agreed")),
]


@pytest.mark.parametrize(("reader", "text", "code", "line", "column", "value"), WRONG_FILES)
def test_errors_have_code_place_value_and_next_step(tmp_path: Path, reader, text, code, line, column, value) -> None:  # type: ignore[no-untyped-def]
    path = written(tmp_path, text)
    with pytest.raises(DataError) as caught:
        reader(path)
    error = caught.value
    assert (error.code, str(error.path), error.line, error.column, error.value) == (
        code,
        str(path),
        line,
        column,
        value,
    )
    assert error.next_step and str(path) in str(error)


def test_a_workbook_that_is_called_csv_is_no_table(tmp_path: Path) -> None:
    path = tmp_path / "accords.csv"
    path.write_bytes(b"PK\x03\x04\x14\x00 id,iso3_a,iso3_b,kind,stage,date\n")
    with pytest.raises(DataError, match="CSV"):
        read_agreements(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    for path in (tmp_path / "pipe.csv", Path("/dev/zero"), tmp_path):
        with refused("E601"):
            read_nmc(path)

"""Codes by date. Expected numbers: COW State System Membership 2016; Gleditsch and Ward 1999; ISO 3166."""

from datetime import date

import pandas as pd
import pytest
from balance_sim.evidence.data import codes


@pytest.mark.parametrize(
    ("iso3", "on", "cow", "gw"),
    [
        ("DEU", date(1985, 1, 1), 260, 260),
        ("DEU", date(1992, 1, 1), 255, 260),
        ("YEM", date(1995, 1, 1), 679, 678),
        ("SRB", date(2010, 1, 1), 345, 340),
        ("SUN", date(1980, 1, 1), 365, 365),
        ("TON", date(2005, 1, 1), 955, 972),
    ],
)
def test_one_code_follows_the_date(iso3: str, on: date, cow: int, gw: int) -> None:
    when = pd.Series([pd.Timestamp(on)])
    for value, source, target, expected in (
        (iso3, "iso3", "cow", cow),
        (cow, "cow", "gw", gw),
        (gw, "gw", "cow", cow),
        (cow, "cow", "iso3", codes.current_iso3(iso3)),
    ):
        assert codes.convert(pd.Series([value]), when, source, target)[0] == expected


def test_a_code_that_names_no_member_on_its_day_is_missing() -> None:
    """Germany from 5 May 1955 to 2 October 1990 and again; no state QQQ; Bavaria has no ISO code."""
    when = pd.Series(pd.to_datetime(["1950-01-01", "1955-05-05", "2000-01-01"]))
    found = codes.convert(pd.Series(["DEU", "DEU", "QQQ"]), when, "iso3", "cow")
    assert found.isna().tolist() == [True, False, True]
    assert codes.convert(pd.Series([245]), pd.Series(pd.to_datetime(["1850-01-01"])), "cow", "iso3").isna()[0]


def members(on: date) -> pd.DataFrame:
    table, day = codes.state_codes(), pd.Timestamp(on)
    return table[(table["start"] <= day) & (table["end"] >= day)]


def test_spells_of_one_number_never_overlap_and_codes_are_unique_on_a_day() -> None:
    table = codes.state_codes()
    for _, spells in table.sort_values("start").groupby("cow"):
        assert (spells["start"].to_numpy()[1:] > spells["end"].to_numpy()[:-1]).all()
    for year in (1850, 1920, 1950, 1989, 1991, 2003, 2020):
        now = members(date(year, 7, 1))
        assert not now["cow"].duplicated().any()
        assert not now["gw"].duplicated().any()
        assert not now.loc[now["iso3"] != "", "iso3"].duplicated().any()


def test_number_of_members() -> None:
    """States in the system at the end of 2016 (COW 2016): 195. COW's list has 23 members in 1816."""
    assert len(members(date(2016, 12, 31))) == 195
    assert len(members(date(1816, 1, 1))) == 23

"""From a source's own dates to spells: parts of a date that are not known, ends that have not come, spells of two that
meet, and whom one does not sign with on a day."""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.series import SOURCES
from balance_sim.evidence.data.table import Read, day
from refusals import written

NAT = None


def tidy(source: str, text: str, folder: Path) -> Read:
    return SOURCES[source].read(written(folder, text))


def texts(column: pd.Series) -> list[str | None]:
    """Dates as they are written; None where there is none."""
    return [None if pd.isna(value) else str(value.date()) for value in column]


DATES = [
    ((1992, 2, 29), "1992-02-29", "1992-02-29", "day"),
    ((1992, 2, np.nan), "1992-02-15", "1992-02-29", "month"),
    ((1993, 2, 29), "1993-02-15", "1993-02-28", "month"),
    ((1993, 12, np.nan), "1993-12-15", "1993-12-31", "month"),
    ((1993, np.nan, 5), "1993-07-01", "1993-12-31", "year"),
    ((1993, np.nan, np.nan), "1993-07-01", "1993-12-31", "year"),
    ((1993, 13, np.nan), "1993-07-01", "1993-12-31", "year"),
    ((1993, 1, 1), "1993-01-01", "1993-01-01", "day"),
    ((np.nan, 1, 1), NAT, NAT, None),
]


@pytest.mark.parametrize(("parts", "start", "end", "precision"), DATES)
def test_what_is_not_known_of_a_date_leaves_it_in_its_year_and_month(
    parts: tuple[float, float, float], start: str | None, end: str | None, precision: str | None
) -> None:
    """A start in the middle, an end on the last day, so that a spell of a year's precision is in force to its end."""
    cells = [pd.Series([part], dtype=float) for part in parts]
    for is_end, expected in ((False, start), (True, end)):
        found, told = day(*cells, end=is_end)
        assert texts(found) == [expected]
        assert [None if pd.isna(value) else value for value in told] == [precision]


def test_an_end_in_a_source_s_last_year_has_not_come(tmp_path: Path) -> None:
    rivals = tidy("rivalry", "ccode1,ccode2,start,end\n2,365,1950,2019\n2,710,1950,2020\n2,740,1950,9999\n", tmp_path)
    assert rivals.frame["year_to"].fillna(0).tolist() == [2019, 0, 0]
    head = "chal,tgt,begclaim,endclaim,icowsal\n"
    claims = tidy("claims", f"{head}2,365,195001,201712\n2,710,195001,201799\n2,740,195001,199900\n", tmp_path)
    assert texts(claims.frame["end"]) == ["2017-12-31", None, "1999-12-31"]
    head = (
        "version4id,ccode1,ccode2,dyad_st_day,dyad_st_month,dyad_st_year,dyad_end_day,dyad_end_month,dyad_end_year,"
        "defense,neutrality,nonaggression,entente\n"
    )
    rows = (
        "1,2,365,1,1,1950,30,12,2012,1,0,0,0\n",
        "2,2,710,1,1,1950,31,12,2012,1,0,0,0\n",
        "3,2,740,1,1,1950,,,,1,0,0,0\n",
    )
    assert texts(tidy("cow_alliances", head + "".join(rows), tmp_path).frame["end"]) == ["2012-12-30", None, None]
    head = "DCAid,ccode1,ccode2,signDay,signMonth,signYear,EIFDay,EIFMonth,EIFYear,type,endYearEstimate\n"
    rows = ("a,2,365,1,1,1992,,,,general,2009\n", "b,2,710,31,12,1991,1,1,1992,general,2010\n")
    dcad = tidy("accords", head + "".join(rows), tmp_path).frame.set_index("accord_id")
    assert texts(dcad.loc[["a", "b"], "ended"]) == ["2009-12-31", None]
    assert texts(dcad.loc[["a", "b"], "in_force"]) == [None, "1992-01-01"]


MEETINGS = [
    (("1990-03-01", "1990-04-30"), ("1990-04-30", "1990-06-01"), ("1990-04-30", "1990-04-30")),
    (("1990-03-01", "1990-04-29"), ("1990-04-30", "1990-06-01"), None),
    (("1990-03-01", "1993-01-01"), ("1990-04-30", "1992-12-31"), ("1990-04-30", "1992-12-31")),
]
Span = tuple[str, str]


@pytest.mark.parametrize(("one", "other", "met"), MEETINGS)
def test_a_dispute_of_two_is_what_they_share_of_it(one: Span, other: Span, met: Span | None, tmp_path: Path) -> None:
    """At the higher of their levels, and at war where both are; two on one side have no dispute."""

    def row(state: int, span: Span, side: int, level: int) -> str:
        days = ",".join(",".join(text.split("-")[::-1]) for text in span)
        return f"7,{state},{days},{side},{level}\n"

    head = "dispnum,ccode,stday,stmon,styear,endday,endmon,endyear,sidea,hostlev\n"
    text = head + row(365, one, 1, 5) + row(2, other, 0, 4) + row(710, one, 1, 5)
    frame = tidy("disputes", text, tmp_path).frame
    assert list(zip(frame["cow_a"], frame["cow_b"], strict=True)) == ([(2, 365), (2, 710)] if met else [])
    if met:
        assert texts(frame["start"]) == [met[0]] * 2 and texts(frame["end"]) == [met[1]] * 2
        assert frame["hostility"].tolist() == [5, 5] and not frame["war"].any()


def test_members_of_a_treaty_are_allied_while_both_belong_to_it(tmp_path: Path) -> None:
    """365 leaves on the day on which 740 enters; 710 has not left."""
    head = "atopid,member,yrent,moent,dayent,yrexit,moexit,dayexit,phase,defense,offense,neutral,nonagg,consul\n"
    rows = (
        "1,365,1950,1,1,1992,1,1,1,0,0,0,0,1\n",
        "1,710,1960,1,1,0,0,0,1,1,0,0,0,0\n",
        "1,740,1992,1,1,1999,12,31,1,0,0,0,1,0\n",
    )
    frame = tidy("atop", head + "".join(rows), tmp_path).frame
    found = zip(frame["cow_a"], frame["cow_b"], texts(frame["start"]), texts(frame["end"]), frame["kind"], strict=True)
    assert sorted(found) == [
        (365, 710, "1960-01-01", "1992-01-01", "defence_pact"),
        (710, 740, "1992-01-01", "1999-12-31", "defence_pact"),
    ]


FACTS = list(
    csv.DictReader((Path(codes.__file__).parents[1] / "relations.csv").read_text(encoding="utf-8").splitlines())
)


def test_whom_one_does_not_sign_with_is_in_force_from_its_first_day_to_the_eve_of_its_last() -> None:
    """Each spell of two states in the table, on both sides of both of its days, and what `*` says of every state that is
    not said to recognise; its end is told in the year of a clash without a settlement alone."""
    recognising = {(row["a"], row["b"]) for row in FACTS if row["kind"] == "recognised"}
    checked = 0
    for fact in FACTS:
        a, b, kind = fact["a"], fact["b"], fact["kind"]
        if a == codes.EVERY_STATE or kind == "recognised":
            continue
        whom = {a} if (a, b) in recognising else {a, codes.EVERY_STATE}
        spells = [row for row in FACTS if row["a"] in whom and (row["b"], row["kind"]) == (b, kind)]
        turns = [date.fromisoformat(fact[name]) for name in ("from", "until") if fact[name]]
        for on in [turn + timedelta(days=k) for turn in turns for k in (-1, 0, 1)]:
            expected = sum((row["from"] or "0") <= str(on) < (row["until"] or "9") for row in spells)
            found = codes.known_relations((b, a), on)
            held = [row for row in found if {row["a"], row["b"]} == {a, b} and row["kind"] == kind]
            assert len(held) == expected, (fact, on)
            for row in held:
                assert row["from"] <= str(on) and (not row["until"] or str(on) < row["until"])
                clash = "no settlement" in row["source"] and row["from"][:4] == str(on.year)
                assert bool(row["until"]) == clash
            checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("code", "on", "since"),
    [
        ("PRK", date(2006, 10, 8), None), ("PRK", date(2006, 10, 9), date(2006, 10, 9)),
        ("ZAF", date(1978, 12, 31), None), ("ZAF", date(1979, 1, 1), date(1979, 1, 1)),
        ("ZAF", date(1991, 7, 9), date(1979, 1, 1)), ("ZAF", date(1991, 7, 10), None),
        ("SUN", date(1991, 12, 25), date(1949, 8, 29)), ("SUN", date(1991, 12, 26), None),
        ("RUS", date(1991, 12, 26), date(1949, 8, 29)), ("JPN", date(2020, 1, 1), None),
    ],
)  # fmt: skip
def test_nuclear_weapons_from_their_first_day_to_the_eve_of_their_last(code: str, on: date, since: date | None) -> None:
    assert codes.nuclear_since(code, on) == since

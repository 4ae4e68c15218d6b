"""Cases from history: what is known at the date, nothing later. Extracts around the Pact of Steel, May 1939.

Facts to hold the scenario to: COW NMC 7, CINC of 1938; ATOP 5.1 id 2440 (Britain and Poland, 1939-04-06);
ICOW; COW MID 5, dispute 258, which began in March 1939 and became the Second World War in September."""

import csv
import io
import shutil
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from balance_sim.evidence.cases.record import Record, agreement_rows, dispute_rows, relation_rows
from balance_sim.evidence.cases.scenario import build_case
from balance_sim.evidence.cases.tables import actor, case_named, case_of
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.codes import known_relations
from balance_sim.evidence.data.errors import DataError
from balance_sim.scenario import load_scenario
from balance_sim.scenario.actors import code_table

DATA = Path(__file__).parent / "data_1939"
STEEL = {
    "case_id": "STEEL1939",
    "label": "Pact of Steel",
    "signal_date": "1939-05-22",
    "participants": "DEU;ITA",
    "observers": "GBR;POL;TUR;SUN;SVK;HRV",
    "window_months": "12",
}


def built(folder, data=DATA, **changes):
    """The scenario of the case, loaded from the files."""
    for path, text in build_case(case_of({**STEEL, **changes}), data, "steel")[0].items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return load_scenario(folder / "steel.yaml")


@pytest.fixture(scope="module")
def steel(tmp_path_factory):
    return built(tmp_path_factory.mktemp("steel"))


@cache
def of_steel():
    """The files of the case and what is said of them."""
    return build_case(case_of(STEEL), DATA, "steel")


def states(scenario):
    return {state.id: state for state in scenario.states}


def disputes(scenario):
    return {(d.a, d.b): d for d in scenario.disputes}


def test_roster_time_and_arms(steel):
    assert steel.codes == ("DEU", "GBR", "ITA", "POL", "SUN", "SVK", "TUR")
    assert (steel.start, steel.end) == (date(1939, 5, 21), date(1940, 5, 23))
    assert steel.reference_arm == "no_signal"
    assert steel.arms["no_signal"].drop == ("signal",) and steel.arms["signal"].drop == ()
    assert steel.report.windows == (30, 90, 366)


def test_the_signal(steel):
    (signal,) = steel.events
    assert (signal.kind, signal.date, signal.principals) == ("treaty", date(1939, 5, 22), ("DEU", "ITA"))
    assert signal.targets == ("GBR", "POL", "SUN", "TUR")  # each has a quarrel with one of the two on record


def test_capabilities_are_those_of_the_year_before(steel):
    assert states(steel)["DEU"].capability == pytest.approx(0.15422215, rel=1e-5)
    assert states(steel)["SUN"].capability == pytest.approx(0.16435921, rel=1e-5)
    assert "NMC 1938" in states(steel)["DEU"].source


def test_a_state_in_no_series_is_missing_there_and_its_capability_is_a_marked_guess(steel):
    slovakia, turkey = states(steel)["SVK"], states(steel)["TUR"]
    assert slovakia.democracy is None and slovakia.ideal_point is None
    assert slovakia.capability == turkey.capability  # the least of the others
    assert "capability" in slovakia.guesses.split(";") and "capability" not in turkey.guesses.split(";")
    assert "Capability of SVK" in steel.notes


def test_a_state_that_was_none_yet_is_left_out_and_named(steel):
    assert "HRV" not in steel.codes
    assert "`HRV` (Croatia) is valid from 1941, not in 1939" in steel.notes


def test_a_dispute_under_way_is_not_yet_the_war_it_became(steel):
    found = disputes(steel)
    assert (found["DEU", "POL"].war, found["DEU", "POL"].militarised) == (0.0, 1.0)
    assert found["DEU", "GBR"].war == 0.0


def test_it_is_a_war_half_a_year_later_and_at_once_for_who_joins_it_then(tmp_path):
    found = disputes(built(tmp_path, signal_date="1940-06-20"))
    assert found["DEU", "GBR"].war == 1.0
    assert found["GBR", "ITA"].war == 1.0  # Italy entered on 1940-06-10


MIDS = """dispnum,ccode,stday,stmon,styear,endday,endmon,endyear,sidea,hostlev
1,255,1,3,2014,31,12,2014,1,3
1,290,1,3,2014,31,12,2014,0,4
2,255,1,6,2009,31,12,2009,1,4
2,365,1,6,2009,31,12,2009,0,3
3,365,1,1,2013,31,12,2014,1,5
3,290,1,1,2013,31,12,2014,0,5
4,255,1,1,2003,31,12,2004,1,5
4,220,1,1,2003,31,12,2004,0,5
"""


def test_a_series_that_ends_before_the_signal_is_carried_forward_as_old_as_it_was(tmp_path):
    """By hand, of a series that ends in 2014 and a signal in 2022: a dispute under way then counts as force; force
    that ended five years before the series does, 2^(-5/10); a war under way is still one; a war that ended ten years
    before the series does counts a half. Before, all of them had faded by seven years more."""
    (tmp_path / "mid_cow5_participants.csv").write_text(MIDS)
    on = date(2022, 2, 4)
    actors = [one for code in ("DEU", "FRA", "POL", "RUS") if (one := actor(code, on)) is not None]
    record = Record.of(tmp_path, actors, on)
    rows = {(row["a"], row["b"]): row for row in dispute_rows(record).to_dict("records")}
    assert {key: float(row["militarised"]) for key, row in rows.items()} == {
        ("DEU", "POL"): 1.0,
        ("DEU", "RUS"): 0.707,
        ("POL", "RUS"): 1.0,
        ("DEU", "FRA"): 0.5,
    }
    assert {key for key, row in rows.items() if row["war"] == "1"} == {("POL", "RUS")}
    wars = [row for row in relation_rows(record).to_dict("records") if row["kind"] == "war"]
    assert [(row["a"], row["b"], row["from"]) for row in wars] == [("POL", "RUS", "2013-01-01")]
    before = dispute_rows(Record.of(tmp_path, actors, date(2010, 12, 31)))
    early = {(r["a"], r["b"]): r for r in before.to_dict("records")}
    assert float(early["DEU", "RUS"]["militarised"]) == pytest.approx(2**-0.1, abs=1e-3)
    assert ("DEU", "POL") not in early  # it began after that signal


def test_what_no_series_can_end_ends_with_the_first_show_of_force(tmp_path):
    """The promise among many ends for the two that showed force, on its day, and stands between the others; the one
    between two alone has its own dates, and stays. A threat (level 2) ends nothing, nor does what came before."""
    header = "atopid,member,begyr,begmo,begday,endyr,endmo,endday,yrent,moent,dayent,yrexit,moexit,dayexit,"
    header += "defense,offense,neutral,nonagg,consul\n"
    rows = [f"1,{who},1975,8,1,0,0,0,1975,8,1,0,0,0,0,0,0,1,0" for who in (255, 290, 365)]
    rows += [f"2,{who},1990,1,1,0,0,0,1990,1,1,0,0,0,0,0,0,1,0" for who in (290, 365)]
    (tmp_path / "atop_members.csv").write_text(header + "\n".join(rows) + "\n")
    (tmp_path / "mid_cow5_participants.csv").write_text(
        "dispnum,ccode,stday,stmon,styear,endday,endmon,endyear,sidea,hostlev\n"
        "1,365,1,3,1970,5,3,1970,1,4\n1,290,1,3,1970,5,3,1970,0,4\n"
        "2,365,1,3,1996,5,3,1996,1,3\n2,290,1,3,1996,5,3,1996,0,1\n"
        "3,365,1,3,1997,5,3,1997,1,2\n3,255,1,3,1997,5,3,1997,0,1\n"
    )
    on = date(2010, 1, 1)
    actors = [one for code in ("DEU", "POL", "RUS") if (one := actor(code, on)) is not None]
    made = agreement_rows(Record.of(tmp_path, actors, on), ("POL",))
    made = {row["id"]: (row["status"], row["ended"]) for row in made.to_dict("records")}
    assert made == {
        "DEU-POL-nonaggression-1975": ("in_force", ""),
        "DEU-RUS-nonaggression-1975": ("in_force", ""),
        "POL-RUS-nonaggression-1975": ("ended", "1996-03-01"),
        "POL-RUS-nonaggression-1990": ("in_force", ""),
    }


def test_relations_are_those_in_force_on_the_day():
    """Canada left Iran in 2012 and Indonesia Taipei in April 1950; nobody but Palau's like keeps relations with it."""
    canada = known_relations(("CAN", "IRN"), date(2012, 9, 6))
    assert [row["kind"] for row in canada] == ["sanctions"]
    later = known_relations(("CAN", "IRN"), date(2012, 9, 7))
    assert [row["kind"] for row in later] == ["no_diplomatic_relations", "sanctions"]
    assert all(row["until"] == "" and row["source"].endswith("to be checked") for row in later)
    assert len(known_relations(("CHN", "IDN"), date(1950, 2, 13))) == 1
    assert known_relations(("CHN", "IDN"), date(1950, 4, 13)) == []
    taipei = known_relations(("JPN", "PLW", "TWN"), date(2022, 4, 18))
    assert [(row["a"], row["b"], row["from"]) for row in taipei] == [("JPN", "TWN", "")]
    (clash,) = known_relations(("IND", "PAK"), date(2025, 9, 1))
    assert clash["until"] == "2026-05-10"  # a war without a settlement ends by the rule, twelve months on
    assert known_relations(("IND", "PAK"), date(2025, 5, 6)) == []


def test_a_case_states_its_level(steel):
    """Two-sided agreements of twenty years between its states."""
    days = [a.signed for a in steel.agreements if not a.multilateral]
    count = sum(date(1919, 5, 21) <= day < date(1939, 5, 21) for day in days)
    assert 0 < count < 50
    assert steel.base_rate == pytest.approx(count / 20)


def test_claims_have_their_salience_and_end(steel):
    found = disputes(steel)
    assert found["DEU", "POL"].claim == pytest.approx(10 / 12, abs=1e-3)
    assert found["ITA", "TUR"].claim == pytest.approx(8 / 12, abs=1e-3)
    assert found["POL", "SUN"].claim == 0.0  # began in July 1939


def test_accords_in_force_and_ended_by_then(steel):
    agreements = {a.id: a for a in steel.agreements}
    guarantee = agreements["GBR-POL-pact-1939"]
    assert (guarantee.kind, guarantee.status) == ("defence_pact", "in_force")
    assert guarantee.signed == date(1939, 4, 6)
    rapprochement = agreements["DEU-POL-nonaggression-1934"]
    assert (rapprochement.status, rapprochement.ended) == ("ended", date(1939, 4, 28))
    assert all(a.signed < date(1939, 5, 22) for a in steel.agreements)
    assert not any(a.signed > date(1939, 4, 6) for a in steel.agreements if {a.a, a.b} == {"DEU", "ITA"})


def test_agreements_of_ones_own_are_named_after_their_file(tmp_path):
    data = shutil.copytree(DATA, tmp_path / "data")
    row = "7,GBR,TUR,logistics,1939-05-12\n"
    (data / "accords.csv").write_text(f"id,iso3_a,iso3_b,kind,date\n{row}", encoding="utf-8")
    agreements = {a.id: a for a in built(tmp_path, data).agreements}
    assert (own := agreements["GBR-TUR-logistics-1939"]).source == "accords 7" and own.signed == date(1939, 5, 12)


def rewritten(folder, name, change):
    """One file's rows changed in a copy of the data; `change` returns the row, or None to leave it out."""
    rows = list(csv.DictReader(io.StringIO((DATA / name).read_text(encoding="utf-8"))))
    kept = [new for row in rows if (new := change(dict(row))) is not None]
    assert kept != rows, f"the change must change something of {name}"
    with (folder / name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)


def later(year, month=None):
    return int(year) > 1939 or (int(year) == 1939 and month is not None and int(month) > 5)


def no_later_year(row):
    return None if int(row["year"]) >= 1939 else row


def no_later_dispute(row):
    if later(row["styear"], row["stmon"]):
        return None
    if later(row["endyear"], row["endmon"]):
        row |= {"endyear": "1949", "endmon": "12", "hostlev": "2"}
    return row


def no_later_treaty(row):
    if later(row["yrent"], row["moent"]):
        return None
    if int(row["yrexit"]) and later(row["yrexit"], row["moexit"]):
        row |= {"yrexit": "0", "moexit": "0", "dayexit": "0"}
    return row


def no_later_spell(row):
    if later(row["dyad_st_year"], row["dyad_st_month"]):
        return None
    if row["dyad_end_year"] and later(row["dyad_end_year"], row["dyad_end_month"]):
        row |= {"dyad_end_year": "", "dyad_end_month": "", "dyad_end_day": ""}
    return row


def no_later_claim(row):
    if row["begclaim"] > "193905":
        return None
    return row | ({"endclaim": "201799"} if row["endclaim"] > "193905" else {})


def no_later_rivalry(row):
    return row | ({"end": "2020"} if int(row["end"]) >= 1939 else {})


def no_later_border(row):
    return None if row["stdate"] >= "1939-05" else row


def test_nothing_later_changes_the_scenario(tmp_path):
    """With the future taken out of every source, or turned into another future, every file is the same."""
    data = shutil.copytree(DATA, tmp_path / "data")
    for name, change in (
        ("nmc_state_year.csv", no_later_year),
        ("democracy_state_year.csv", no_later_year),
        ("mid_cow5_participants.csv", no_later_dispute),
        ("atop_members.csv", no_later_treaty),
        ("cow_alliance_spells.csv", no_later_spell),
        ("territorial_claims_icow.csv", no_later_claim),
        ("rivalries_thompson_sakuwa_suhas.csv", no_later_rivalry),
        ("contiguity_spells.csv", no_later_border),
    ):
        rewritten(data, name, change)
    assert build_case(case_of(STEEL), data, "steel") == of_steel()


def test_the_same_inputs_give_the_same_bytes_in_any_order_of_states():
    turned = {**STEEL, "observers": "HRV;SVK;SUN;TUR;POL;GBR"}
    one, other = of_steel()[0], build_case(case_of(turned), DATA, "steel")[0]
    assert one == other


def test_the_window_ends_on_the_same_day_of_the_month_or_its_last():
    def last(day, months):
        cells = {"case_id": "X", "signal_date": str(day), "participants": "SUN", "observers": "USA"}
        return case_of(cells | {"window_months": str(months)}).last_day

    assert last(date(1940, 9, 27), 24) == date(1942, 9, 27)
    assert last(date(2021, 12, 31), 2) == date(2022, 2, 28)


@pytest.mark.parametrize(
    ("changes", "column", "code"),
    [
        ({"signal_date": "May 1939"}, "signal_date", "E604"),
        ({"participants": "DEU;XYZ"}, "participants", "E604"),
        ({"observers": "DEU;GBR"}, "observers", "E604"),
        ({"observers": "HRV"}, "observers", "E600"),
        ({"participants": "DEU;NATO"}, "observers", "E604"),
        ({"visibility": "2"}, "visibility", "E605"),
    ],
)
def test_what_is_refused(changes, column, code):
    with pytest.raises(DataError) as caught:
        build_case(case_of({**STEEL, **changes}), DATA, "steel")
    assert (caught.value.column, caught.value.code) == (column, code)


def test_a_case_is_refused_for_its_own_row_with_file_and_line(tmp_path):
    path = tmp_path / "cases.csv"
    head = "case_id,label,signal_date,participants,observers\n"
    path.write_text(head + "A,x,1939-05-22,DEU;ITA,GBR;POL\nB,y,some day,QQQ,\nC,z,1939-05-22,DEU;ISR,GBR\n")
    assert case_named(path, "A").observers == ("GBR", "POL")
    with pytest.raises(DataError, match=r"cases.csv, line 3, column signal_date"):
        case_named(path, "B")
    with pytest.raises(DataError, match=r"cases.csv, line 4, column participants: .*Israel.*from 1948"):
        build_case(case_named(path, "C"), DATA, "c")
    path.write_text(head + "A,Pact of Steel, so called,1939-05-22,DEU;ITA,GBR;POL\n")
    with pytest.raises(DataError, match=r"line 2: a row has 6 cells, the header 5.*in quotes"):
        case_named(path, "A")
    path.write_text(head + 'A,"Pact of Steel,1939-05-22,DEU;ITA,GBR;POL\n')
    with pytest.raises(DataError, match="line 2: not a CSV row"):
        case_named(path, "A")


def test_both_code_tables_name_the_same_states_in_the_same_years():
    """The scenario's table has ISO codes, the evidence's COW membership. Where they differ is listed here:
    states that COW does not count as members all that time, or that only one of the two knows."""
    table = codes.state_codes()
    table = table[table["iso3"] != ""]
    first = table.groupby("iso3")["start"].min().dt.year
    last = table.groupby("iso3")["end"].max()
    differing = set()
    for code in first.index:
        entry = code_table()[code]
        ended = None if last[code] == codes.FOREVER else last[code].year
        if (entry.first, entry.last) != (first[code], ended):
            differing.add(code)
    assert differing == {"DDR", "HRV", "SVK", "VAT"}
    former = {code for code, entry in code_table().items() if entry.last is not None and code not in first.index}
    assert former <= set(codes.FORMER_ISO3)
    assert {codes.current_iso3(code) for code in former} <= set(first.index)

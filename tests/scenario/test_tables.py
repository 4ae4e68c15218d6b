"""Tables beside a scenario: the same checks as inline items, with row and number of the cell."""

from __future__ import annotations

import csv
import hashlib
import re
from pathlib import Path

import pytest
from balance_sim.scenario.diagnostics import report

DATA = Path(__file__).parent / "data"

CHINA = "CHN,China,18743.8,313.7,1409,0.04,-0.86,39.9,116.41,,,made up for tests\n"

# name, old, new, code, row, cell, what is said
CASES = [
    ("missing column", "id,name", "x_id,name", "E601", 1, 1, "missing column `id`"),
    ("column of another name", "id,name", "iso3,name", "E602", 1, 1, "it is called `id` here"),
    ("misspelt column", "population_m", "populaton_m", "E602", 1, 5, "did you mean `population_m`"),
    ("extra column", "x_check", "check", "E602", 1, 11, "columns for notes end in `_note`"),
    ("column twice", "x_check", "gdp_bn", "E605", 1, 11, "column `gdp_bn` given twice"),
    (
        "text for a number",
        "18743.8",
        "1874e",
        "E603",
        2,
        3,
        "states.CHN.gdp_bn: expected number, got `1874e`",
    ),
    ("decimal comma", "18743.8", '"18743,8"', "E603", 2, 3, "use 18743.8"),
    ("percent", "0.04", "4%", "E603", 2, 6, "write 0.04"),
    ("leading zero", "18743.8", "018", "E603", 2, 3, "ambiguous number `018`"),
    ("grouped", "18743.8", "18_743", "E603", 2, 3, "ambiguous number"),
    ("not a number", "18743.8", "NaN", "E604", 2, 3, "a number must be finite"),
    ("infinite", "18743.8", "inf", "E604", 2, 3, "a number must be finite"),
    ("overflow", "18743.8", "1e999", "E204", 2, 3, "1e999 must be finite"),
    ("null", "18743.8", "null", "E603", 2, 3, "leave it out (blank in a table) where it is missing"),
    ("long number", "18743.8", "9" * 500, "E603", 2, 3, "number too long (500 characters)"),
    ("out of range", "39.9", "91.9", "E203", 2, 8, "states.CHN.latitude: 91.9 is outside -90..90 (degrees)"),
    ("cells missing", CHINA, "CHN,China\n", "E604", 2, 1, "2 cells, expected 12"),
    ("cell too many", CHINA, CHINA.replace("\n", ",x\n"), "E604", 2, 1, "13 cells, expected 12"),
    ("open quote", "CHN,China", 'CHN,"China', "E604", 6, 1, "not a CSV row"),
    ("key twice", "USA,United", "JPN,United", "E015", 5, 1, "`JPN` already defined at line 4"),
    ("no key", "CHN,China", ",China", "E103", 2, 1, "`id` is required"),
    ("unknown code", "CHN,China", "CHNX,China", "E301", 2, 1, "did you mean `CHN`"),
    ("not a code", "CHN,China", "China,China", "E302", 2, 1, "use `CHN`"),
    ("list of codes", "139.69,USA", "139.69,USA;;FRA", "E301", 5, 10, "states.JPN.patrons[1]: unknown state"),
    ("patron unknown", "139.69,USA", "139.69,ITA", "E307", 5, 10, "`ITA` is not among the 6 states"),
]


@pytest.mark.parametrize(
    ("old", "new", "code", "row", "cell", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_bad_cell(world, old, new, code, row, cell, said):
    found = world.table("states", old, new).errors()
    places = {(one.code, one.line, one.col) for one in found if one.file.endswith("tables/states.csv")}
    assert (code, row, cell) in places, report(found)
    assert any(said in one.text() for one in found), report(found)
    assert len(found) <= 3, report(found)


ACCORDS = [
    ("bad flag", "1960-06-23,0,", "1960-06-23,maybe,", "E603", 2, 8, "expected true or false, got `maybe`"),
    ("bad date", "1953-10-01", "1953-13-01", "E209", 3, 6, "`1953-13-01` is not a date"),
    ("month only", "1953-10-01", "1953-10", "E209", 3, 6, "`1953-10` is not a date"),
    ("a year, said to be a day", "1953-10-01", "1953", "E213", 3, 10, "is a year alone, and `precision` says day"),
    ("bad kind", "reciprocal_access", "reciprocal_acess", "E211", 5, 4, "did you mean `access`"),
    ("bad status", "signed_not_in_force", "sined", "E211", 5, 9, "did you mean `signed`"),
    ("same pair", "usa-kor,USA,KOR", "usa-kor,USA,USA", "E306", 3, 3, "`USA` forms a dyad with itself"),
    ("in force early", "1960-06-23", "1959-06-23",
     "E215", 2, 7, "`in_force` 1959-06-23 is before `signed` 1960-01-19"),
    ("in force late", "1960-06-23", "2025-09-02", "E215", 2, 7, "is after `start` 2025-09-01"),
    ("scheduled early", "2025-09-11", "2025-08-11", "E215", 5, 11, "before `start`"),
    ("id twice", "usa-kor,", "usa-jpn,", "E015", 3, 1, "`usa-jpn` already defined at line 2"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "code", "row", "cell", "said"), [c[1:] for c in ACCORDS], ids=[c[0] for c in ACCORDS]
)
def test_bad_accord(world, old, new, code, row, cell, said):
    found = world.table("accords", old, new).errors()
    here = [one for one in found if (one.code, one.line, one.col) == (code, row, cell)]
    assert here and said in here[0].text(), report(found)
    assert len(found) == 1, report(found)


def test_dates_known_to_the_year_are_compared_by_the_year(world):
    world.table("accords", "1960-01-19,1960-06-23,0,in_force,day", "1960-06-30,1960-01-01,0,in_force,year")
    assert world.load().agreements[-2].precision == "year"


STATES = (DATA / "tables" / "states.csv").read_text(encoding="utf-8")
HEADER, FIRST, *REST = STATES.splitlines()
COMMAS = "," * HEADER.count(",")
HEAD = "the first row names no column: it holds "

# what spreadsheets and people put around a table: name, lines, code, row, cell, what the two printed lines hold
AROUND = [
    ("title", ["States of 2024" + COMMAS, HEADER, FIRST, *REST], "E601", 1, 1,
     HEAD + "`States of 2024`, ``, `` and 9 more\n  help: the names stand in row 2: remove what is above"),
    ("two titles", ["States", "of 2024", HEADER, FIRST, *REST], "E601", 1, 1, "stand in row 3: remove what is"),
    ("sep=", ["sep=,", HEADER, FIRST, *REST], "E601", 1, 1, "the names stand in row 2: remove what is above"),
    ("no table", ["<!DOCTYPE html>", "<html></html>"], "E601", 1, 1,
     HEAD + "`<!DOCTYPE html>`\n  help: write a first row with the names of the columns"),
    ("upper case", [HEADER.replace("id,", "ID,"), FIRST, *REST], "E602", 1, 1,
     "unknown column `ID`\n  help: did you mean `id`?"),
    ("space in a name", [HEADER.replace("name", "name "), FIRST, *REST], "E602", 1, 2, "did you mean `name`?"),
    ("no-break space", [HEADER.replace("name", "name\u00a0"), FIRST, *REST], "E602", 1, 2, "`name\\xa0`"),
    ("unit in a name", [HEADER.replace("gdp_bn", "gdp_bn (USD)"), FIRST, *REST], "E602", 1, 3, "mean `gdp_bn`?"),
    ("header again", [HEADER, FIRST, HEADER, *REST], "E604", 3, 1,
     "the names of the columns again\n  help: remove the row"),
    ("blank cells", [HEADER, FIRST, COMMAS, *REST], "E604", 3, 1, "a row of blank cells\n  help: remove the row"),
    ("comma at every end", [line + "," for line in (HEADER, FIRST, *REST)], "E602", 1, 13,
     "column 13 has no name\n  help: remove the comma at the end of every row"),
    ("column of numbers", [f"{n}," * (n > 0) + "," * (n == 0) + line for n, line in enumerate((HEADER, FIRST, *REST))],
     "E602", 1, 1, "column 1 has no name\n  help: name it, or remove it"),
    ("comma at an end", [HEADER, FIRST + ",", *REST], "E604", 2, 1,
     "13 cells, expected 12\n  help: remove the comma at the end of the row"),
    ("one word", [HEADER, FIRST, "Source: a book", *REST], "E604", 3, 1, "1 cell, expected 12"),
    ("total", [HEADER, FIRST, *REST, "Total,all,1" + COMMAS[2:]], "E301", 7, 1,
     "`Total` is not a state\n  help: remove what is a sum of others"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "code", "row", "cell", "said"), [a[1:] for a in AROUND], ids=[a[0] for a in AROUND])
def test_what_stands_around_a_table(world, lines, code, row, cell, said):
    found = world.table("states", "\n".join(lines).encode() + b"\n").errors()
    here = [one for one in found if (one.code, one.line, one.col) == (code, row, cell)]
    assert here and said in here[0].text(), report(found)
    assert [one for one in found if one.file.endswith("states.csv")] == here, report(found)


def test_blank_lines_and_any_line_ends_are_harmless(world):
    before = world.load().sha256
    text = "\n".join(["", HEADER, "", FIRST + "\r", "   ", *REST, "", ""])
    assert world.table("states", text.encode()).load().sha256 == before


def test_a_table_named_twice_is_read_once(world):
    line = next(one for one in world.text.splitlines() if "accords.csv" in one)
    (found,) = world.edit(line, f"{line}\n{line}").errors()
    assert (found.code, found.line, found.path) == ("E015", world.line_of(line) + 1, "accords[].table")
    assert found.message == f"`tables/accords.csv` already given at line {world.line_of(line)}"


TABLES = [
    ("empty", b"", "E004", "the table is empty"),
    ("semicolons", b"id;name\nCHN;China\n", "E606", "`;` used as delimiter"),
    ("tabs", b"id\tname\nCHN\tChina\n", "E606", "a tab used as delimiter"),
    ("UTF-16", "id,name\nCHN,China\n".encode("utf-16"), "E006", "UTF-16"),
    ("latin-1", b"id,name\nTUR,T\xfcrkiye\n", "E006", "byte 0xFC at offset 13 is not UTF-8"),
    ("NUL", b"id,name\nCHN,Chi\0na\n", "E007", "control character U+0000"),
    ("columns", ",".join(f"c{n}" for n in range(1000)).encode(), "E602", "1,000 columns, more than 100"),
    ("rows", b"id\n" + b"USA\n" * 1000, "E022", "more than 400 rows; the rest was not read"),
    ("one long cell", b'id,name\n"' + b"a" * 200_000, "E604", "not a CSV row: field larger than field limit"),
]


@pytest.mark.parametrize(("data", "code", "said"), [t[1:] for t in TABLES], ids=[t[0] for t in TABLES])
def test_no_table_at_all(world, data, code, said):
    (world.folder / "tables" / "states.csv").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    found = world.write(re.sub(r"(states\.csv, sha256: )\w+", rf"\g<1>{digest}", world.text)).errors()
    assert any(one.code == code and said in one.message for one in found), report(found)


def test_a_long_cell_is_refused_whatever_limit_another_reader_has_set(world):
    shipped = csv.field_size_limit(1 << 27)  # of the whole process
    test_no_table_at_all(world, *next(t[1:] for t in TABLES if t[0] == "one long cell"))
    assert csv.field_size_limit(shipped) == 1 << 27


def test_a_table_too_large(world):
    (world.folder / "tables" / "states.csv").write_bytes(b"id\n" + b"#" * (8 << 20))
    (found,) = world.errors()
    assert (found.code, found.message) == ("E005", "`tables/states.csv`: 8.00 MiB exceeds 8 MiB")


def test_byte_order_mark_and_crlf_are_accepted(world):
    before = world.load().sha256
    text = (world.folder / "tables" / "states.csv").read_bytes()
    assert world.table("states", b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")).load().sha256 == before


def test_b71_another_digest_than_the_one_declared(world):
    path = world.folder / "tables" / "states.csv"
    path.write_bytes(path.read_bytes().replace(b"18743.8", b"18743.9"))
    (found,) = world.errors()
    assert (found.code, found.path) == ("E610", "states[].sha256")
    assert found.line == world.line_of("{table: tables/states.csv")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in found.suggestion


@pytest.mark.parametrize("digest", ["abc", "0" * 64, '""', "[1]"])
def test_digests_that_cannot_be(world, digest):
    found = world.write(re.sub(r"(states\.csv, sha256: )\w+", rf"\g<1>{digest}", world.text)).errors()
    assert [one.code for one in found] == ["E610"]


def test_five_errors_of_one_column_are_printed_then_a_count(world):
    rows = "".join(f"x{n},USA,JPN,access,n,2001-01-0{n},,9,signed,day,\n" for n in range(1, 10))
    world.table("accords", "usa-kor", rows + "usa-kor")
    printed = report(world.errors())
    assert printed.count("error[E603]") == 5
    assert "4 more [E603] in column 8" in printed


def test_inline_items_and_a_table_give_the_same(world):
    before = world.load().sha256
    item = (
        "{id: CHN, name: China, gdp_bn: 18743.8, milex_bn: 313.7, population_m: 1409, democracy: 0.04,"
        " ideal_point: -0.86, latitude: 39.9, longitude: 116.41, source: made up for tests}"
    )
    world.table("states", CHINA, b"\n").edit("  - {id: KOR,", f"  - {item}\n  - {{id: KOR,")
    assert world.load().sha256 == before


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("id,name\nCHN,China\n".encode("utf-16"), "error[E006] UTF-16 or UTF-32 found"),
        (b"PK\x03\x04\x14\x00\x06\x00", "error[E006] an Excel workbook or a zip archive found"),
        (b"\x1f\x8b\x08\x00", "error[E006] a gzipped file found"),
        (b"", "the table is empty"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_alone(world, data, said):
    """None of the scenario's states is known then; that is no news about the lines that name them."""
    found = world.table("states", data).errors()
    assert any(said in one.text() for one in found), report(found)
    assert not any("unknown state" in one.message for one in found), report(found)


# --- as it is published: COW numbers, Polity scores, years -------------------------------------------

NUMBERS = {"CHN": 710, "RUS": 365, "FRA": 220, "JPN": 740, "USA": 2, "KOR": 732}


def as_published(world):
    """The states of the small world by COW number, with Polity scores instead of the regime index."""
    rows = list(csv.DictReader(STATES.splitlines()))
    scores = range(-10, 11, 5)
    head = HEADER.replace("id,", "ccode,").replace("democracy", "polity")
    lines = [
        ",".join([str(NUMBERS[row.pop("id")]), *(row | {"democracy": str(score)}).values()])
        for row, score in zip(rows, scores, strict=True)
    ]
    world.table("states", "\n".join([head, *lines]) + "\n")
    return [row["name"] for row in rows], [(score + 10) / 20 for score in scores]


def test_cow_numbers_and_polity_scores_are_read(world):
    before = [state.id for state in world.load().states]
    names, shares = as_published(world)
    states = world.load().states
    assert sorted(state.id for state in states) == sorted(before) and shares == [0, 0.25, 0.5, 0.75, 1]
    assert [state.democracy for name in names for state in states if state.name == name] == shares


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ("710,", "7100,", "E303", "`7100` is no COW number of a state with an ISO3 code"),
        ("710,", "CHN,", "E603", "expected a COW number, got `CHN`"),
        ("710,", "-1,", "E603", "expected a COW number, got `-1`"),
        ("740,", "710,", "E015", "`CHN` already defined at line 2"),
        ("710,", "265,", "E304", "`DDR` (East Germany) is valid 1949..1990"),
        (",-10,", ",-11,", "E203", "-11 is outside -10..10"),
        (",-10,", ",-88,", "E203", "`-88` is no score: it stands for transition (Polity5)"),
        (",-10,", ",low,", "E603", "expected number, got `low`"),
        (",-10,", ',"-1,5",', "E603", "use -1.5"),
        ("x_check", "democracy", "E605", "column `polity` stands for `democracy`, which another column holds"),
        ("x_check", "id", "E605", "column `ccode` stands for `id`, which another column holds"),
        ("x_check", "ccode1", "E602", "unknown column `ccode1`"),
    ],
)
def test_what_is_published_is_read_as_strictly(world, old, new, code, said):
    as_published(world)
    found = world.table("states", old, new).errors()
    assert any(one.code == code and said in one.text() for one in found), report(found)


def test_dyads_by_cow_number_and_agreements_known_to_the_year(world):
    before = {(one.a, one.b, one.kind) for one in world.load().agreements}
    text = (world.folder / "tables" / "accords.csv").read_text().replace("id,a,b,", "id,ccode1,ccode2,")
    text = re.sub(r"(?<=,)(USA|JPN|KOR|CHN|RUS|FRA)(?=,)", lambda match: str(NUMBERS[match[0]]), text)
    text = text.replace("1960-01-19,1960-06-23,0,in_force,day,", "1960,1961,0,in_force,,")
    world.table("accords", text)
    scenario, problems = world.check()
    assert scenario is not None, report(problems)
    assert {(one.a, one.b, one.kind) for one in scenario.agreements} == before
    (treaty,) = (one for one in scenario.agreements if one.id == "usa-jpn")
    assert (str(treaty.signed), str(treaty.in_force), treaty.precision) == ("1960-01-01", "1961-01-01", "year")
    said = [one.text() for one in problems if one.code == "W313"]
    assert len(said) == 2 and "1 date is a year, read as 1 January" in said[0]
    assert "accords.csv:2:6" in said[0] and "accords.csv:2:7" in said[1]
    found = world.table("accords", "0,in_force,,", "0,in_force,day,").errors()
    assert [one.code for one in found] == ["E213"] and "write year, or the whole date" in found[0].text()


def test_a_year_is_a_day_in_tables_alone(world):
    found = world.edit("opened: 2025-05-01", "opened: 1999").errors()
    assert [one.code for one in found] == ["E209"]


def test_earlier_numbers_of_germany_and_yemen(world):
    as_published(world)
    world.table("states", "220,France", "260,West Germany").edit("NATO: [USA, FRA]", "NATO: [USA, DEU]")
    world.edit("EU: [FRA, DEU]", "EU: [DEU]").table("accords", "jpn-fra,JPN,FRA", "jpn-fra,JPN,DEU")
    assert "DEU" in {state.id for state in world.load().states}

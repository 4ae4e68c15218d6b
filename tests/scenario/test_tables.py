"""Tables beside a scenario: the same checks as inline items, with row and number of the cell."""

import hashlib
import re
from pathlib import Path

import pytest
from balance_sim.scenario import seal
from balance_sim.scenario.actors import of_cow_number
from balance_sim.scenario.diagnostics import report

DATA = Path(__file__).parent / "data"

CHINA = "CHN,China,18743.8,313.7,1409,0.04,-0.86,39.9,116.41,,,made up for tests\n"

# name, old, new, code, row, cell, what is said
CASES = [
    ("missing column", "id,name", "x_id,name", "E601", 1, 1),
    ("misspelt column", "population_m", "populaton_m", "E602", 1, 5),
    ("extra column", "x_check", "check", "E602", 1, 11),
    ("column twice", "x_check", "gdp_bn", "E605", 1, 11),
    ("text for a number", "18743.8", "1874e", "E201", 2, 3),
    ("decimal comma", "18743.8", '"18743,8"', "E205", 2, 3),
    ("leading zero", "18743.8", "018", "E206", 2, 3),
    ("out of range", "39.9", "91.9", "E203", 2, 8),
    ("cells missing", CHINA, "CHN,China\n", "E604", 2, 1),
    ("open quote", "CHN,China", 'CHN,"China', "E604", 2, 1),
    ("no key", "CHN,China", ",China", "E103", 2, 1),
    ("unknown code", "CHN,China", "CHNX,China", "E301", 2, 1),
    ("list of codes", "139.69,USA", "139.69,USA;;FRA", "E301", 5, 10),
]


@pytest.mark.parametrize(("old", "new", "code", "row", "cell"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_bad_cell(world, old, new, code, row, cell):
    found = world.table("states", old, new).errors()
    places = {(one.code, one.line, one.col) for one in found if one.file.endswith("tables/states.csv")}
    assert (code, row, cell) in places, report(found)
    assert len(found) <= 3, report(found)


ACCORDS = [
    ("bad flag", "1960-06-23,0,", "1960-06-23,maybe,", "E201", 2, 8),
    ("bad date", "1953-10-01", "1953-13-01", "E209", 3, 6),
    ("in force early", "1960-06-23", "1959-06-23",
     "E215", 2, 7),
    ("scheduled early", "2025-09-11", "2025-08-11", "E215", 5, 11),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "row", "cell"), [c[1:] for c in ACCORDS], ids=[c[0] for c in ACCORDS])
def test_bad_accord(world, old, new, code, row, cell):
    found = world.table("accords", old, new).errors()
    here = [one for one in found if (one.code, one.line, one.col) == (code, row, cell)]
    assert here and len(found) == 1, report(found)


STATES = (DATA / "tables" / "states.csv").read_text(encoding="utf-8")
HEADER, FIRST, *REST = STATES.splitlines()
COMMAS = "," * HEADER.count(",")

# what spreadsheets and people put around a table: name, lines, code, row, cell, what the two printed lines hold
AROUND = [
    ("title", ["States of 2024" + COMMAS, HEADER, FIRST, *REST], "E601", 1, 1),
    ("unit in a name", [HEADER.replace("gdp_bn", "gdp_bn (USD)"), FIRST, *REST], "E602", 1, 3),
    ("comma at every end", [line + "," for line in (HEADER, FIRST, *REST)], "E602", 1, 13),
    ("column of numbers", [f"{n}," * (n > 0) + "," * (n == 0) + line for n, line in enumerate((HEADER, FIRST, *REST))],
     "E602", 1, 1),
    ("comma at an end", [HEADER, FIRST + ",", *REST], "E604", 2, 1),
    ("total", [HEADER, FIRST, *REST, "Total,all,1" + COMMAS[2:]], "E301", 7, 1),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "code", "row", "cell"), [a[1:] for a in AROUND], ids=[a[0] for a in AROUND])
def test_what_stands_around_a_table(world, lines, code, row, cell):
    found = world.table("states", "\n".join(lines).encode() + b"\n").errors()
    here = [one for one in found if (one.code, one.line, one.col) == (code, row, cell)]
    assert here, report(found)
    assert [one for one in found if one.file.endswith("states.csv")] == here, report(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [("id,", "ID,"), ("name", "name "), ("name", "name\u00a0"), ("gdp_bn", "GDP (bn)"), ("milex_bn", "Milex bn")],
)
def test_names_of_columns_in_other_letters_are_taken(world, old, new):
    before = world.load().sha256
    lines = [HEADER.replace(old, new, 1), FIRST, COMMAS, *REST, COMMAS]  # Excel leaves blank rows
    assert world.table("states", "\n".join(lines).encode()).load().sha256 == before


def test_a_cow_number_is_the_state_of_the_time():
    assert [of_cow_number(365, year) for year in (1950, 2020, None)] == ["SUN", "RUS", "RUS"]
    assert [of_cow_number(345, year) for year in (1950, 2020)] == ["YUG", "SRB"]
    assert of_cow_number(260, 1980) == "DEU" and of_cow_number(9999) is None


def test_sealing_writes_each_sha256_that_is_missing(world):
    sealed = world.text
    bare = re.sub(r", sha256: \w+", "", sealed)
    assert seal(world.write(bare).path) == ["tables/states.csv", "tables/accords.csv"]
    assert world.text == sealed
    assert seal(world.path) == []
    block = bare.replace("- {table: tables/states.csv}", '- table: "tables/states.csv"  # a note')
    assert seal(world.write(block).path) == ["tables/states.csv", "tables/accords.csv"]
    assert world.load().sha256 == world.write(sealed).load().sha256


TABLES = [
    ("empty", b"", "E004"),
    ("semicolons", b"id;name\nCHN;China\n", "E606"),
    ("latin-1", b"id,name\nTUR,T\xfcrkiye\n", "E006"),
    ("columns", ",".join(f"c{n}" for n in range(1000)).encode(), "E602"),
    ("rows", b"id\n" + b"USA\n" * 1000, "E022"),
    ("one long cell", b'id,name\n"' + b"a" * 200_000, "E604"),
]


@pytest.mark.parametrize(("data", "code"), [t[1:] for t in TABLES], ids=[t[0] for t in TABLES])
def test_no_table_at_all(world, data, code):
    (world.folder / "tables" / "states.csv").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    found = world.write(re.sub(r"(states\.csv, sha256: )\w+", rf"\g<1>{digest}", world.text)).errors()
    assert code in {one.code for one in found}, report(found)


def test_a_table_too_large(world):
    (world.folder / "tables" / "states.csv").write_bytes(b"id\n" + b"#" * (8 << 20))
    (found,) = world.errors()
    assert (found.code, found.path) == ("E005", "states[].table")


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


def test_inline_items_and_a_table_give_the_same(world):
    before = world.load().sha256
    item = (
        "{id: CHN, name: China, gdp_bn: 18743.8, milex_bn: 313.7, population_m: 1409, democracy: 0.04,"
        " ideal_point: -0.86, latitude: 39.9, longitude: 116.41, source: made up for tests}"
    )
    world.table("states", CHINA, b"\n").edit("  - {id: KOR,", f"  - {item}\n  - {{id: KOR,")
    assert world.load().sha256 == before


# --- as it is published: COW numbers ------------------------------------------------------------------

NUMBERS = {"CHN": 710, "RUS": 365, "FRA": 220, "JPN": 740, "USA": 2, "KOR": 732}


def as_published(text: str, *columns: str) -> str:
    """A table with COW numbers instead of codes, in columns of these names."""
    text = re.sub(r"(?m)(?<=[,\n])(USA|JPN|KOR|CHN|RUS|FRA)(?=,)", lambda match: str(NUMBERS[match[0]]), text)
    return text.replace("id,a,b,", "id,ccode1,ccode2,") if len(columns) > 1 else text.replace("id,", "ccode,", 1)


def test_cow_numbers_are_read(world):
    before = world.load()
    world.table("states", re.sub(r",2,", ",USA,", as_published(STATES, "ccode")))
    text = (world.folder / "tables" / "accords.csv").read_text()
    world.table("accords", as_published(text, "ccode1", "ccode2"))
    assert world.load().sha256 == before.sha256

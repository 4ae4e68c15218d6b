"""Sheets of Excel files as tables: the scenario that CSV gives, and mistakes with sheet, row and column."""

import csv
import sys
from datetime import date
from pathlib import Path

import pytest
from balance_sim.scenario import check_scenario
from extras import imported

Workbook = imported("openpyxl").Workbook
TABLES = {"states": "states.csv", "accords": "accords.csv"}


def cell(text: str) -> object:
    """What Excel would have made of it as it was typed."""
    for read in (int, float, date.fromisoformat):
        try:
            return read(text)
        except ValueError:
            continue
    return text or None


def with_sheets(world, change=lambda book: None) -> None:
    """The world's tables as the sheets of one file, with blank rows, in the place of its CSV files."""
    book = Workbook()
    for name, file in TABLES.items():
        sheet = book.create_sheet(name)
        for row in csv.reader((world.folder / "tables" / file).read_text(encoding="utf-8").splitlines()):
            sheet.append([cell(text) for text in row])
        sheet.append([])
    change(book)
    book.save(world.folder / "tables" / "world.xlsx")
    lines = world.text.splitlines()
    for number, line in enumerate(lines):
        for name, file in TABLES.items():
            if f"table: tables/{file}" in line:
                lines[number] = line[: line.index("table:")] + f"table: tables/world.xlsx, sheet: {name}}}"
    world.write("\n".join(lines) + "\n")


def test_sheets_give_the_scenario_of_the_tables(world) -> None:
    from_csv = world.load()
    with_sheets(world)
    scenario, problems = check_scenario(world.path)
    assert scenario is not None, [problem.text() for problem in problems]
    assert scenario.sha256 == from_csv.sha256


def put(sheet: str, place: str, value: object):
    def change(book: Workbook) -> None:
        book[sheet][place] = value

    return change


@pytest.mark.parametrize(
    ("change", "code", "sheet", "line", "column"),
    [
        (put("states", "A1", "idd"), "E602", "states", 1, 1),
        (put("states", "A3", "NO"), "E301", "states", 3, 1),
        (put("accords", "A2", None), "E103", "accords", 2, 1),
        (lambda book: book.remove(book["accords"]), "E107", "", 1, 1),
    ],
)
def test_a_mistake_is_told_with_sheet_row_and_column(world, change, code, sheet, line, column) -> None:
    with_sheets(world, change)
    problems = [problem for problem in world.errors() if problem.code == code]
    assert [(one.line, one.col) for one in problems[:1]] == [(line, column)]
    assert f"[{sheet}]" in problems[0].file if sheet else "world.xlsx" in problems[0].file


def test_what_is_no_excel_file_and_a_lacking_package_have_codes(world, monkeypatch: pytest.MonkeyPatch) -> None:
    with_sheets(world)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "openpyxl", None)
        (lacking, *_) = world.errors()
    assert lacking.code == "E003" and "balance-sim[excel]" in lacking.suggestion
    Path(world.folder, "tables", "world.xlsx").write_bytes(b"PK no zip")
    assert {problem.code for problem in world.errors()} == {"E006"}

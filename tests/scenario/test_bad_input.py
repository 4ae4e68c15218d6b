"""Every kind of bad file gets the error it deserves: code, place, key path, value, bound, next step."""

from __future__ import annotations

import os
import re
import socket
from itertools import pairwise

import pytest
from balance_sim.scenario import ScenarioError, check_scenario, load_scenario
from balance_sim.scenario.diagnostics import report

SUMMIT = "- {id: summit, date: 2025-09-03, kind: joint_summit, principals: [CHN, RUS], guests: [EGY], host: CHN,"
AID = "- {id: aid, date: 2025-10-01, kind: military_aid, principals: [NATO], targets: [RUS]}"
TOP = "focal: summit\n"
HALF = "half: {set: {events.summit.visibility: 0.5}}"

# name of the row, text to replace, its replacement, code, what the two printed lines must hold.
# The error must stand on the line on which the replacement begins, plus `down`.
CASES: list[tuple[str, str, str, str, str, int]] = [
    # structure of the text
    ("B09", "A summit of three", '"A \\0 summit"', "E007", r"title: control character U\+0000", 0),
    ("B09 escape", "A summit of three", '"\\e[2J"', "E007", r"control character U\+001B", 0),
    ("B10", "provocations:\n ", "provocations:\n\t",
     "E010", "tab used for indentation\n  help: use spaces", 1),
    ("B11 quote", "A summit of three", '"A summit of three', "E010", "opened at line 3, never closed", 27),
    ("B11 bracket", "outside: [EGY, ETH]", "outside: [EGY, ETH",
     "E010", "opened at line 12, never closed", 1),
    ("B12", TOP, "focal:summit\n", "E011", "got text `focal:summit`\n  help: write `focal: summit`", 0),
    ("B12 flow", "{beta: 0.2}", "{beta:0.2}", "E011", "parameters.beta:0.2: got text.*write `beta: 0.2`", 0),
    ("B14", "report:", "---\nreport:", "E013", "one scenario per file; a second starts at line 43", 0),
    ("B15", "question:", "title: again\nquestion:", "E014", "title: `title` already given at line 3", 0),
    ("B18", "outside: [EGY, ETH]", "outside: &a [*a]", "E020", "outside: anchors are not allowed", 0),
    ("B18 alias", "outside: [EGY, ETH]", "outside: [*a]", "E020", "aliases are not allowed", 0),
    ("B19", "{beta: 0.2}", "{<<: {beta: 0.2}}",
     "E020", "merge keys are not supported\n  help: use `extends:`", 0),
    ("B20", "outside: [EGY, ETH]", "outside: " + "[" * 30 + "]" * 30, "E021", "nesting deeper than 20", 0),
    ("B21", "[EGY, ETH]", "[" + "EGY, " * 10_001 + "]", "E022", "more than 10,000 items", 0),
    ("B22", "A summit of three", "!!python/object/apply:os.system [ls]",
     "E023", "YAML tags are not allowed", 0),
    ("B22 str", "A summit of three", "!!str x", "E023", "title: YAML tags are not allowed", 0),
    ("B23", "beta: 0.2", "beta: " + "9" * 5000, "E024", r"number too long \(5000 characters\)", 0),
    # keys
    ("B24", "question:", "questoin:", "E101", "unknown key `questoin`\n  help: did you mean `question`", 0),
    ("B24 row", "km: 0", "kmm: 0", "E101", "distances.CHN-RUS.kmm: unknown key.*did you mean `km`", 0),
    ("B25", TOP, TOP + "visibility: 1\n", "E102", r"`visibility` belongs in events\[\], provocations\[\]", 1),
    ("B27", "principals: [CHN, RUS]", "participants: [CHN, RUS]", "E104", "called `principals` here", 0),
    ("B27 top", "end: 2026-09-03", "horizon: 2026-09-03", "E104", "`horizon` is called `end` here", 0),
    ("B28", TOP, TOP + "1: x\n", "E105", "keys must be text, got `1`\n  help: put the key in quotes", 1),
    ("B28 null", TOP, TOP + "null: x\n", "E105", "keys must be text, got `null`", 1),
    # single values
    ("B29", "beta: 0.2", 'beta: "0.2"',
     "E201", 'expected number, got text "0.2"\n  help: remove the quotes', 0),
    ("B30", "[30, 90, 365]", "[90.5]", "E201", "expected integer, got number 90.5", 0),
    ("B30 1e3", "[30, 90, 365]", "[1e3]", "E201", "expected integer, got number 1e3\n  help: write 1000", 0),
    ("B31", "beta: 0.2", "beta: true", "E201", "parameters.beta: expected number, got boolean", 0),
    ("B32", "[30, 90, 365]", "[0]", "E203", r"report.windows\[0\]: 0 is outside 1..3650 \(days\)", 0),
    ("B33 nan", "beta: 0.2", "beta: .nan", "E204", "parameters.beta: .nan must be finite", 0),
    ("B33 inf", "beta: 0.2", "beta: -.inf", "E204", "must be finite", 0),
    ("B33 1e999", "beta: 0.2", "beta: 1e999", "E204", "1e999 must be finite", 0),
    ("B34", "visibility: 1.0", "visibility: 1.2", "E203", "events.summit.visibility: 1.2 is outside 0..1", 0),
    ("B34 below", "visibility: 1.0", "visibility: -0.1", "E203", "-0.1 is outside 0..1", 0),
    ("B35", "visibility: 1.0", "visibility: 50%", "E205", "help: write 0.5", 0),
    ("B36", "visibility: 1.0", 'visibility: "0,5"', "E205", 'got text "0,5"\n  help: use 0.5', 0),
    ("B36 flow", "beta: 0.2", "beta: 0,2", "E105", "if this is a decimal comma, use 0.2", 0),
    ("B37 grouped", "beta: 0.2", "beta: 1_000",
     "E206", "ambiguous number `1_000`\n  help: write decimal digits", 0),
    ("B37 zero", "beta: 0.2", "beta: 012", "E206", "ambiguous number `012`", 0),
    ("B37 octal", "beta: 0.2", "beta: 0o14", "E206", "ambiguous number `0o14`", 0),
    ("B37 hex", "beta: 0.2", "beta: 0x1F", "E206", "ambiguous number `0x1F`", 0),
    ("B38", "beta: 0.2", "beta: 12:30:45", "E206", "ambiguous number `12:30:45`", 0),
    ("B39", "beta: 0.2", "beta: ", "E207", "value missing\n  help: write 0..1, or leave the key out", 0),
    ("B39 list", "outside: [EGY, ETH]", "outside: [EGY, ]\ndisputes2:", "E101", "", 1),
    # states
    ("B41", "[CHN, RUS]", "[NO, RUS]", "E301", "`NO` is the ISO2 code of Norway\n  help: use ISO3 `NOR`", 0),
    ("B42", "[CHN, RUS]", "[UKR1, RUS]", "E301", "unknown state `UKR1`\n  help: did you mean `UKR`", 0),
    ("B42 XXX", "[CHN, RUS]", "[XXX, RUS]", "E301", "unknown state `XXX`", 0),
    ("B43", "[CHN, RUS]", "[South Korea, RUS]",
     "E302", "`South Korea` is a name, not a code\n  help: use `KOR`", 0),
    ("B44", "[CHN, RUS]", "[2, RUS]", "E303", "`2` is USA in COW numbers, not an ISO3 code", 0),
    ("B44 two", "[CHN, RUS]", "[840, RUS]", "E303", "PHL in COW numbers and USA in ISO numeric", 0),
    ("B45", "[CHN, RUS]", "[chn, RUS]", "E301", "unknown state `chn`\n  help: did you mean `CHN`", 0),
    ("B45 space", "[CHN, RUS]", '["CHN ", RUS]', "E301", "did you mean `CHN`", 0),
    ("B46", "[EGY, ETH]", "[EGY, SUN]", "E304", r"valid 1922..1991, not in 2025\n  help: use `RUS`", 0),
    ("B47", "[CHN, RUS]", "[KOREA, RUS]", "E305", "`KOREA` is ambiguous: KOR, PRK", 0),
    ("B47 Congo", "[CHN, RUS]", "[Congo, RUS]", "E305", "ambiguous: COD, COG", 0),
    ("B47 Guinea", "[CHN, RUS]", "[GUINEA, RUS]", "E305", "ambiguous: GIN, GNB, GNQ, PNG", 0),
    ("B48", "guests: [EGY]", "guests: [RUS]", "E306", "`RUS` among the principals already", 0),
    ("B48 twice", "[CHN, RUS]", "[CHN, RUS, CHN]", "E306", r"principals\[2\]: `CHN` named twice", 0),
    ("B48 dyad", "{a: JPN, b: CHN,", "{a: CHN, b: CHN,", "E306", "`CHN` forms a dyad with itself", 0),
    ("B48 audiences", "  west:", "  east: {members: [JPN]}\n  west:",
     "E306", "`JPN` is in audience `east` already", 1),
    ("B49", "{a: JPN, b: CHN,", "{a: ITA, b: CHN,", "E307", "`ITA` is not among the 6 states", 0),
    ("B50", "{a: USA, b: CHN, rivalry: 1}", "{a: CHN, b: JPN, claim: 1}",
     "E308", "conflicts with line 17", 0),
    ("B16 event", AID, AID.replace("id: aid", "id: summit"),
     "E015", "`summit` already defined at line 29", 0),
    ("B16 state", "{id: KOR, name", "{id: JPN, name", "E015", "`JPN` already defined at line 5", 0),
    ("B48 target", "guests: [EGY]", "guests: [EGY], targets: [JPN, EGY]",
     "E306", "`EGY` takes part already, and cannot be a target\n  help: name each actor once", 0),
    ("no text for an id", "{id: KOR, name", "{id: true, name", "E201", "expected text, got boolean", 0),
    ("self patron", "patrons: [USA]", "patrons: [KOR]",
     "E306", "states.KOR.patrons: `KOR` is its own patron", 0),
    ("outside twice", "[EGY, ETH]", "[EGY, EGY]", "E015", r"outside\[1\]: `EGY` given twice", 0),
    ("outside inside", "[EGY, ETH]", "[EGY, CHN]", "E306", "`CHN` is among the states already", 0),
    ("group name", "NATO: [USA", "FRA: [USA", "E015", "`FRA` is the code of a state", 0),
    ("group in group", "EU: [FRA, DEU]", "EU: [FRA, NATO]",
     "E301", "`NATO` is a group; groups hold states", 0),
    ("near a group", "principals: [NATO]", "principals: [NATTO]", "E301", "did you mean `NATO`", 0),
    ("half a place", "latitude: 37.57, ", "",
     "E103", "states.KOR.latitude: `latitude` is required beside", 0),
    ("dollars", "gdp_bn: 1870", "gdp_bn: 1870000000000",
     "E203", r"outside 0..1000000 \(billions of US dollars\)", 0),
    ("some measures", "gdp_bn: 1870,", "capability: 0.1, gdp_bn: 1870,",
     "E217", "given for KOR and not for CHN, RUS, USA, JPN, FRA: for all states or for none", 0),
    ("no measure", "gdp_bn: 1870, milex_bn: 47.6, population_m: 51.7, ", "",
     "E216", "neither `capability` nor", 0),
    # time
    ("B51", "date: 2025-10-01", "date: 2027-10-01", "E203", "2027-10-01 is outside ..2026-09-02", 0),
    ("B51 focal", "date: 2025-09-03", "date: 2025-08-03",
     "E203", "the focal event on 2025-08-03 is outside", 0),
    ("B52", "date: 2025-10-01", "date: 2026-02-30", "E209", "`2026-02-30` is not a date\n.*YYYY-MM-DD", 0),
    ("B52 slashes", "date: 2025-10-01", "date: 24/11/2026",
     "E209", "events.aid.date: `24/11/2026` is not a date", 0),
    ("B52 year", "date: 2025-10-01", "date: 2026", "E209", "`2026` is not a date", 0),
    ("B53", "end: 2026-09-03", "end: 2025-01-01",
     "E210", r"2025-01-01 is not after `start` 2025-09-01 \(line 5\)", 0),
    ("steps", TOP, TOP + "step_days: 0.001\n", "E203", "367,000 steps from start to end exceed 20,000", 1),
    # events, kinds, weights
    ("B54", "kind: joint_summit", "kind: sumit",
     "E211", "unknown kind `sumit`\n  help: did you mean `joint_summit`", 0),
    ("B55", "principals: [CHN, RUS], guests: [EGY]", "principals: [CHN]", "E212", "at least 2 take part", 0),
    ("B55 none", "principals: [CHN, RUS]", "principals: []", "E212", "at least 1 needed, got 0", 0),
    ("B55 no list", "principals: [CHN, RUS]", "principals: CHN",
     "E201", "expected a list.*\n  help: write .CHN.", 0),
    ("B56", TOP, TOP + "capability: {gdp: 0.4, milex: 0.4, population: 0.17}\n",
     "E213", "sum is 0.97; must be 1", 1),
    ("B56 zero", TOP, TOP + "capability: {gdp: 0, milex: 0, population: 0}\n",
     "E213", "sum is 0; must be 1", 1),
    ("shares", "share: 0.2}", "share: 0.9}\n  - {state: JPN, partner: KOR, share: 0.2}",
     "E213", "sum to 1.1", 1),
    ("order", TOP, TOP + "event_kinds: {visit: {alignment: 0.05}}\n",
     "E219", "`visit` is 0.05, not above `state", 1),
    ("order of size", TOP, TOP + "event_kinds: {statement: {intent: -0.5}}\n",
     "E219", "not above `statement` w", 1),
    ("new kind", TOP, TOP + "kinds: {mine: {depth: 0.3}}\n", "E103", r"`intercept` is required \(nats", 1),
    ("attention", "statement: 0.5", "statment: 0.5", "E211", "did you mean `statement`", 0),
    ("attention bound", "statement: 0.5", "statement: 2", "E203", "2 is outside -1..1", 0),
    ("theory", "preset: balance_of_threat", "preset: balance_of_treat",
     "E211", "did you mean `balance_of_threat`", 0),
    ("term", "similarity: 0.4", "similarty: 0.4",
     "E101", "theory.weights.similarty.*\n.*did you mean `similarity`", 0),
    ("no mapping", "theory: {preset: balance_of_threat, weights: {similarity: 0.4}}", "theory: null_",
     "E201", "", 0),
    ("status", "status: talks", "status: talking", "E211", "did you mean `talks`", 0),
    ("signed talks", "status: talks,", "status: talks, signed: 2025-06-01,", "E215", "`scheduled_signed`", 0),
    ("dates in order", "status: talks, opened: 2025-05-01",
     "status: signed, opened: 2025-05-01, signed: 2025-04-01",
     "E215", "`signed` 2025-04-01 is before `opened` 2025-05-01", 0),
    ("after the start", "status: talks, opened: 2025-05-01", "status: signed, signed: 2025-09-05", "E215",
     "is after `start` 2025-09-01.*\n.*`scheduled_signed`", 0),
    ("signed when", "status: talks, opened: 2025-05-01", "status: signed",
     "E103", "`signed` is required with", 0),
    ("no such accord", "host: CHN,", "host: CHN, accord: jpn-fra2,", "E309", "did you mean `jpn-fra`", 0),
    ("provokes itself", "targets: [JPN], rate", "targets: [CHN], rate", "E306", "`CHN` provokes itself", 0),
    ("no target", "targets: [JPN], rate", "targets: [], rate", "E212", "at least 1 needed, got 0", 0),
    # arms and report
    ("B74", "groups: [NATO]}", "groups: [NATOO]}",
     "E107", "unknown group `NATOO`\n  help: did you mean `NATO`", 0),
    ("B75", "schema: 1", "schema: 99", "E108", "got integer 99: this version reads 1", 0),
    ("B75 text", "schema: 1", 'schema: "1"', "E108", 'got text "1": this version reads 1', 0),
    ("focal", TOP, "focal: sumit\n", "E309", "no event `sumit`\n  help: did you mean `summit`", 0),
    ("no reference", "reference: true, ", "", "E111", "exactly one arm is the control, got 0", -1),
    ("two references", "  summit: {}", "  summit: {reference: true}", "E111", "got 2", 0),
    ("drop", "drop: [summit]", "drop: [sumit]", "E309", "did you mean `summit`", 0),
    ("drop twice", "drop: [summit]", "drop: [summit, summit]", "E015", "`summit` dropped twice", 0),
    ("arm path", HALF, HALF.replace("visibility", "visiblity"), "E101", "did you mean `events.summit.visibility`", 0),
    ("arm value", HALF, HALF.replace("0.5", "1.5"),
     "E203", "arms.half: events.summit.visibility: 1.5 is outside", 0),
    ("arm start", HALF, "half: {set: {start: 2025-01-01}}", "E110", "an arm cannot set `start`", 0),
    ("arm adds", "{id: reassurance,", "{id: aid,", "E015", "arms.reassured.*`aid` already defined", 0),
    ("arm group", HALF, "half: {set: {groups.EU: [FRA]}}", "E110", "an arm cannot set `groups`", 0),
    ("sign", "host: CHN,", "host: CHN, sign: 2,", "E211", "`2` is none of -1, 0, 1", 0),
    ("sign 1.0", "host: CHN,", "host: CHN, sign: true,", "E211", "`true` is none of -1, 0, 1", 0),
    ("long key", "question:", "q" * 900 + ":", "E101", r"unknown key `q+\.\.\.`", 0),
    ("arm key", HALF, "half: {droop: []}",
     "E101", "arms.half.droop: unknown key.*\n.*did you mean `drop`", 0),
    ("B73 path", "{id: aid,", "{id: ../aid,", "E106", r"`../aid` is not a valid identifier\n.*\[A-Za-z0-9_-\]", 0),
    ("B73 markup", "{id: aid,", '{id: "<script>",', "E106", "`<script>` is not a valid identifier", 0),
    ("B73 reserved", "{id: aid,", "{id: CON,", "E106", "`CON` is a reserved name", 0),
    ("B73 long", "{id: aid,", "{id: " + "a" * 10_000 + ",", "E106", r"aaa\.\.\.` is not a valid identifier", 0),
    ("B73 odd", "{id: aid,", '{id: "\u200f\U0001f600",', "E106", r"`\\u200f", 0),
    ("B73 arm", "  half:", "  a/b:", "E106", "`a/b` is not a valid identifier", 0),
    ("no title", "A summit of three", '""', "E207", "title: value missing", 0),
    ("long text", "A summit of three", "x" * 10_001, "E203", "10,001 characters are too many", 0),
    # files named by the file
    ("B66", "tables/states.csv", "../../etc/passwd", "E501", "resolves outside the scenario's folder", 0),
    ("B66 absolute", "tables/states.csv", "/etc/passwd", "E501", "must stay inside the scenario's folder", 0),
    ("B66 home", "tables/states.csv", "~/states.csv", "E501", "must stay inside", 0),
    ("B66 URL", "tables/states.csv", "https://example.org/states.csv", "E501", "URLs are not read", 0),
    ("B66 drive", "tables/states.csv", '"C:\\\\states.csv"', "E501", "must stay inside", 0),
    ("B66 extends", TOP, TOP + "extends: ../other.yaml\n",
     "E501", "extends: `../other.yaml` resolves outside", 1),
    ("B68 itself", TOP, TOP + "extends: summit.yaml\n", "E502", "cycle: summit.yaml:8 -> summit.yaml", 1),
    ("no table", "tables/states.csv", "tables/stats.csv", "E001", "not found: `tables/stats.csv`", 0),
    ("table key", "{table: tables/states.csv,", "{table: tables/states.csv, id: USA,",
     "E101", "unknown key `id`", 0),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "said", "down"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_one_thing_wrong(world, old, new, code, said, down):
    line = world.line_of(old) + down
    world.edit(old, new)
    found = world.errors()
    here = [one for one in found if one.line == line and one.code == code and one.file == str(world.path)]
    assert here, f"no {code} on line {line}:\n{report(found)}"
    assert any(re.search(said, one.text(), re.DOTALL) for one in here), report(found)
    assert len(found) <= 7, f"one mistake, {len(found)} errors:\n{report(found)}"


@pytest.mark.parametrize("key", ["schema", "title", "start", "end", "focal", "states", "arms"])
def test_b26_a_required_key_is_missed(world, key):
    lines = world.text.splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{key}:"))
    stop = next((at for at in range(start + 1, len(lines)) if lines[at][0].isalpha()), len(lines))
    found = world.write("".join(lines[:start] + lines[stop:])).errors()
    assert any(one.path == key and "is required" in one.message for one in found), report(found)


def test_b16_the_other_place_is_named(world):
    found = world.edit(AID, AID.replace("id: aid", "id: visit")).errors()
    assert [(one.code, one.message) for one in found] == [("E015", "`visit` already defined at line 28")]


def test_the_first_error_is_printed_as_promised(world):
    found = world.edit("visibility: 1.0", "visibility: 1.2").errors()
    line = world.line_of("visibility: 1.2")
    want = f"{world.path}:{line}:18: error[E203] events.summit.visibility: 1.2 is outside 0..1"
    assert report(found) == want


def test_all_errors_in_one_pass_in_the_order_of_the_file(world):
    world.edit("beta: 0.2", "beta: 2").edit("km: 0", "km: -1").edit("kind: visit", "kind: visitt")
    world.edit("drop: [summit]", "drop: [sumit]").table("states", "1409", "x")
    found = world.errors()
    assert [one.code for one in found] == ["E203", "E211", "E203", "E309", "E603"]
    assert [one.line for one in found[:4]] == sorted(one.line for one in found[:4])


def test_at_most_twenty_are_printed_then_a_count(world):
    rows = "".join(f"  - {{id: e{n}, date: x, kind: visit, principals: [USA]}}\n" for n in range(30))
    found = world.edit("provocations:\n", "provocations:\n").edit("events:\n", "events:\n" + rows).errors()
    printed = report(found)
    assert printed.count("error[E209]") == 20
    assert printed.endswith(f"... and {len(found) - 20} more")


def test_records_hold_what_the_text_says(world):
    (found,) = world.edit("beta: 0.2", "betta: 0.2").errors()
    assert found.record() == {
        "file": str(world.path),
        "line": world.line_of("betta"),
        "col": 14,
        "path": "parameters.betta",
        "code": "E101",
        "message": "unknown key `betta`",
        "allowed": "",
        "suggestion": "did you mean `beta`?",
    }


def test_an_error_in_the_file_is_not_repeated_for_every_arm(world):
    found = world.edit("date: 2025-10-01", "date: 2027-10-01").errors()
    assert [one.path for one in found] == ["events.aid.date"]


def test_no_cascade_from_a_state_that_cannot_be_read(world):
    found = world.table("states", "CHN,China", "CHNX,China").errors()
    assert [(one.code, one.path) for one in found] == [("E301", "states.CHNX.id")]


def test_no_cascade_from_a_missing_table(world):
    (world.folder / "tables" / "states.csv").unlink()
    assert [one.code for one in world.errors()] == ["E001"]


# --- files that are no scenario ---------------------------------------------------------------------

WHOLE: list[tuple[str, bytes, str, str, tuple[int, int]]] = [
    ("B04", b"", "E004", "the file is empty\n.*smallest file", (1, 1)),
    ("B04 comments", b"# nothing\n\n", "E004", "the file is empty", (1, 1)),
    ("B05", b"#" + b"x" * (1 << 20), "E005", "1.00 MiB exceeds 1 MiB", (1, 1)),
    ("B06", b"schema: 1\ntitle: T\xfcrkiye\n", "E006", "byte 0xFC at offset 18 is not UTF-8", (2, 9)),
    ("B07", "schema: 1".encode("utf-16"), "E006", "UTF-16", (1, 1)),
    ("B07 no mark", "schema: 1\n".encode("utf-16-le"), "E006", "UTF-16", (1, 1)),
    ("B09", b"schema: 1\ntitle: a\0b\n", "E007", r"control character U\+0000", (2, 9)),
    ("B12 all", b"schema:1\n", "E011", "got text `schema:1`\n  help: write `schema: 1`", (1, 1)),
    ("B11 end", b"schema: 1\ntitle: [", "E010", "opened at line 2, never closed", (3, 1)),
    ("B13", b"- a\n- b\n", "E012", "expected a mapping with keys schema.*got a list", (1, 1)),
    ("B13 text", b"hello\n", "E012", 'got text "hello"', (1, 1)),
    ("B17", b"a: &a [x, x]\nb: [*a, *a, *a]\n", "E020", "anchors are not allowed", (1, 4)),
    ("B20", b"[" * 5000, "E021", "nesting deeper than 20", (1, 1001)),
    ("B20 mappings", b"{a: " * 5000, "E021", "nesting deeper than 20", (1, 81)),
    ("conflict", b"schema: 1\n<<<<<<< HEAD\ntitle: a\n=======\ntitle: b\n>>>>>>> x\n",
     "E010", "a merge conflict stands in the file\n  help: keep one of the two versions", (2, 1)),
    ("CSV", b"id,name\nUSA,United States\n", "E012",
     r"this is a table \(CSV\), not YAML\n  help: name it in a scenario, as `states: \[{table: ", (1, 1)),
    ("CSV with colons", b'id,source\nUSA,"a: b"\n', "E012", r"this is a table \(CSV\), not YAML", (1, 1)),
    ("semicolons", b"id;name\nUSA;United States\n", "E012", r"this is a table \(CSV with `;`\)", (1, 1)),
    ("tabs", b"id\tname\nUSA\tx\n", "E012", r"this is a table \(CSV with tabs\)", (1, 1)),
    ("letter", b"Dear all,\n\nhere is it: the file, as agreed, I hope.\n", "E012", "this is plain text", (1, 1)),
    ("web page", b"<!DOCTYPE html>\n<html>a: b: c</html>\n", "E012", r"this is a web page \(HTML\), not", (1, 1)),
    ("program", b"import os\n\ndef f(x):\n    return x\n", "E012", "this is a program, not YAML", (1, 1)),
    ("TOML", b"[tool]\na = 1\n", "E012", "this is a TOML or INI file, not YAML", (1, 1)),
    ("references", b"@article{x,\n a = {b}}\n", "E012", r"a list of references \(BibTeX\), not YAML", (1, 1)),
    ("LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256: 1: 2\n", "E012", "Git LFS left", (1, 1)),
    ("PDF", b"%PDF-1.7\n%\xe2", "E006", "a PDF found\n  help: give a text file in UTF-8", (1, 1)),
    ("picture", b"\x89PNG\r\n\x1a\n", "E006", r"a picture \(PNG\) found", (1, 1)),
    ("B07 other end", "schema: 1\n".encode("utf-16-be"), "E006", "UTF-16 found\n  help: save as UTF-8", (1, 1)),
    ("tag line", b"%TAG ! tag:x,2000:\n---\na: 1\n", "E023", "YAML tags are not allowed", (1, 1)),
    ("binary", bytes(range(256)), "E006", "not UTF-8|UTF-16", (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("data", "code", "said", "place"), [w[1:] for w in WHOLE], ids=[w[0] for w in WHOLE])
def test_no_scenario_at_all(world, data, code, said, place):
    found = world.write(data).errors()
    assert found[0].code == code
    assert re.search(said, found[0].text(), re.DOTALL), found[0].text()
    if code != "E021" and data != bytes(range(256)):
        assert (found[0].line, found[0].col) == place


def test_b01_missing_file(world):
    found = check_scenario(world.folder / "sumit.yaml")[1]
    assert found[0].code == "E001"
    assert "did you mean" in found[0].suggestion and "summit.yaml" in found[0].suggestion


ODD = [
    ("-", "E001", "not found: `-`; standard input is not read\n  help: give the path of a file"),
    ("", "E001", "no file is named"),
    ("~/summit.yaml", "E001", "`~` is not replaced here: write the path in full"),
    ("https://example.org/a.yaml", "E501", "`https://example.org/a.yaml`: URLs are not read\n  help: save the file"),
    ("dangling.yaml", "E001", "`dangling.yaml` is a link to `nowhere.yaml`, and that is not"),
    ("loop.yaml", "E003", "`loop.yaml` is a link that leads back to itself\n  help: give the path of the file itself"),
    ("world", "E002", "`world` is a folder, not a regular file\n  help: did you mean `world.yaml`?"),
    ("full", "E002", "`full` is a folder, not a regular file\n  help: give the path of a file; it holds a.yaml, b.yml"),
    ("bare", "E002", "it holds no YAML file"),
    ("done", "E002", "it holds results: balance-sim verify done"),
    ("worldd.yml", "E001", "not found: `worldd.yml`\n  help: did you mean `world.yaml`?"),
    ("wor", "E001", "did you mean `world.yaml`?"),
    ("x.yaml", "E001", "not found: `x.yaml`\n  help: these exist: scenarios/beijing_2025.yaml, world.yaml"),
    ("bare/x.yaml", "E001", "not found: `bare/x.yaml`\n  help: these exist: scenarios/beijing_2025.yaml"),
    ("scenarios/bejing.yaml", "E001", "did you mean `scenarios/beijing_2025.yaml`?"),
    ("scenarios/x.yaml", "E001", "not found: `scenarios/x.yaml`\n  help: these exist: scenarios/beijing_2025.yaml"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "code", "said"), ODD, ids=[one[0] or "empty" for one in ODD])
def test_what_is_said_of_a_path_that_leads_to_no_scenario(tmp_path, monkeypatch, path, code, said):
    monkeypatch.chdir(tmp_path)
    os.symlink("nowhere.yaml", "dangling.yaml")
    os.symlink("loop.yaml", "loop.yaml")
    for folder in ("world", "full", "bare", "done", "scenarios"):
        os.mkdir(folder)
    for file in ("world.yaml", "scenarios/beijing_2025.yaml", "full/a.yaml", "full/b.yml", "done/manifest.json"):
        (tmp_path / file).write_text("schema: 1\n")
    (found,) = check_scenario(path)[1]
    assert found.code == code and said in found.text(), found.text()


def test_b01_of_two_files_of_one_name_the_one_in_the_folder_that_was_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("summit", "parade", "treaty", "blockade", "visit", "exercise", "embargo", "doctrine")
    (tmp_path / "scenarios").mkdir()
    for name in names:
        for folder in (".", "scenarios"):
            (tmp_path / folder / f"{name}.yaml").write_text("schema: 1\n", encoding="utf-8")
    for name in names:
        found = check_scenario(f"{name}s.yaml")[1][0]
        assert found.suggestion == f"did you mean `{name}.yaml`?"


@pytest.mark.parametrize("path", ["", "a\0b", "nowhere/at/all.yaml", "x" * 5000, "."])
def test_b01_odd_paths(path):
    scenario, found = check_scenario(path)
    assert scenario is None and found[0].code in ("E001", "E002")


def test_b02_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert check_scenario(tmp_path / "pipe.yaml")[1][0].code == "E002"


def test_b02_devices_folders_and_sockets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.yaml")
        codes = [check_scenario(path)[1][0].code for path in ("/dev/zero", str(tmp_path), "socket.yaml")]
    assert codes == ["E002", "E002", "E002"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_b03_no_permission(world):
    world.path.chmod(0)
    assert world.errors()[0].code == "E003"


def test_b67_a_link_that_leaves_the_folder(world, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("id\nUSA\n")
    (world.folder / "tables" / "link.csv").symlink_to(secret)
    (found,) = world.edit("tables/states.csv", "tables/link.csv").errors()
    assert (found.code, "resolves outside" in found.message) == ("E501", True)


def test_a_link_within_the_folder_is_followed(world):
    (world.folder / "link.csv").symlink_to("tables/states.csv")
    before = world.load().sha256
    assert world.edit("tables/states.csv", "link.csv").load().sha256 == before


def test_b68_cycle_of_three_and_depth(world):
    chain = [f"f{n}.yaml" for n in range(12)]
    for name, base in pairwise(chain):
        (world.folder / name).write_text(f"extends: {base}\n")
    (world.folder / chain[-1]).write_text("extends: summit.yaml\n")
    assert next(one.code for one in check_scenario(world.folder / chain[0])[1]) == "E502"
    assert check_scenario(world.folder / "f6.yaml")[0] is not None
    (world.folder / "f2.yaml").write_text("extends: f0.yaml\n")
    (found,) = [one for one in check_scenario(world.folder / "f0.yaml")[1] if one.code == "E502"]
    assert found.message == "cycle: f0.yaml:1 -> f1.yaml:1 -> f2.yaml:1 -> f0.yaml"
    assert found.file == str(world.folder / "f2.yaml")


def test_b69_an_error_in_an_extended_file_is_reported_there(world):
    world.edit("beta: 0.2", "beta: 2")
    (world.folder / "child.yaml").write_text("extends: summit.yaml\n")
    (found,) = [one for one in check_scenario(world.folder / "child.yaml")[1] if not one.is_warning]
    assert (found.file, found.line) == (str(world.path), world.line_of("beta: 2"))
    assert found.message == f"2 is outside 0..1 (included from {world.folder / 'child.yaml'}:1)"


def test_b69_also_where_the_extended_file_cannot_be_read(world):
    (world.folder / "grand.yaml").write_text("extends: child.yaml\n")
    (world.folder / "child.yaml").write_text("# a child\nextends: summit.yaml\n")
    world.write("schema: [\n")
    (found,) = check_scenario(world.folder / "grand.yaml")[1]
    assert (found.file, found.line, found.code) == (str(world.path), 2, "E010")
    assert found.message.endswith(f"(included from {world.folder / 'child.yaml'}:2)")


# --- --set ------------------------------------------------------------------------------------------

SETS = [
    (["parameters.beta=abc"], "E201", r'--set\[0\]:1:17: .*parameters.beta: expected number, got text "abc"'),
    (["nokey=1"], "E101", r"--set\[0\]:1:1: .*unknown key `nokey`"),
    (["parameters.betta=1"], "E101", "did you mean `parameters.beta`"),
    (["rate"], "E101", "expected key.path=value, got `rate`"),
    (["=1"], "E101", "expected key.path=value"),
    (["parameters.beta=0.1", "parameters.beta=0.1"], "E014", r"--set\[1\].*already set by --set\[0\]"),
    (["parameters.beta="], "E207", "value missing"),
    (["parameters.beta=[1"], "E010", "never closed"),
    (["events.summit.visibility=2"], "E203", r"--set\[0\]:1:26: .*2 is outside 0..1"),
    (["parameters.beta.x=1"], "E101", "one part too many"),
    (["parameters=1"], "E101", "`parameters` needs a name"),
    (["events.summit=1"], "E101", "`events.summit` needs a name"),
    (["events.summit.id=x"], "E101", "`id` names the item and cannot be set"),
    (["theory.preset=nul"], "E211", "did you mean `null`"),
    (["end=2025-09-02"], "E203", "2025-09-03 is outside"),
    (["parameters.beta=!!str x"], "E023", "YAML tags are not allowed"),
    (["parameters.beta=1_0"], "E206", "ambiguous number"),
]


@pytest.mark.parametrize(("settings", "code", "said"), SETS, ids=[" ".join(s[0]) for s in SETS])
def test_b72_set(world, settings, code, said):
    found = world.errors(set=settings)
    assert any(one.code == code and re.search(said, one.text(), re.DOTALL) for one in found), report(found)


def test_theory_option(world):
    (found,) = world.errors(theory="balance_of_treat")
    assert (found.file, found.code) == ("--theory", "E211")


# --- warnings ---------------------------------------------------------------------------------------

WARNINGS = [
    ("B58", "rate: 2", "rate: 200", "W214", "200 per year is 3.83 in every step of 7 days"),
    ("windows", "[30, 90, 365]", "[30, 400]", "W306", "400 days after 2025-09-03 is beyond `end`: 365 days"),
    (
        "no digest",
        "{table: tables/states.csv, sha256: ",
        "{table: tables/states.csv} # ",
        "W310",
        "no sha256",
    ),
    ("same arms", HALF, "half: {}", "W302", "arm `half` comes to the same as arm `summit`"),
    ("reference", "drop: [summit]", "drop: [aid]", "W307", "the control arm keeps the focal event"),
    ("acts on nothing", AID, AID.replace("NATO", "ETH").replace("RUS", "EGY"), "W305", "acts on nothing"),
    ("no distance", "latitude: 37.57, longitude: 126.98, ", "", "W304", "no distance known for KOR-CHN"),
    ("a gap", "democracy: 0.63,\n", "\n", "W303", "`democracy` is missing for KOR"),
    ("a measure", "milex_bn: 47.6, ", "", "W303", "states.KOR: `milex_bn` missing"),
    ("no dates", "status: talks, opened: 2025-05-01", "status: in_force", "W309", "since an unknown date"),
    ("empty group", "EU: [FRA, DEU]", "EU: [DEU], Benelux: [BEL]", "W308", "group `Benelux` has no member"),
]


@pytest.mark.parametrize(("old", "new", "code", "said"), [w[1:] for w in WARNINGS], ids=[w[0] for w in WARNINGS])
def test_worth_saying_and_no_reason_to_refuse(world, old, new, code, said):
    if code == "W308":
        world.edit("targets: [EU]", "targets: [JPN]")
    scenario, found = world.edit(old, new).check()
    assert scenario is not None, report(found)
    assert any(one.code == code and said in one.text() for one in found), report(found)


def test_the_world_itself_has_no_warning(world):
    assert world.check()[1] == []


def test_capabilities_that_are_all_nought(tmp_path):
    path = tmp_path / "nought.yaml"
    states = "[{id: USA, capability: 0}, {id: CHN, capability: 0}]"
    path.write_text(
        f"schema: 1\ntitle: nought\nstart: 2025-01-01\nend: 2026-01-01\nfocal: talk\nstates: {states}\n"
        "events: [{id: talk, date: 2025-01-02, kind: visit, principals: [USA, CHN]}]\n"
        "arms: {all: {reference: true}}\n"
    )
    found = [one for one in check_scenario(path)[1] if not one.is_warning]
    assert [(one.code, one.line, one.message) for one in found] == [("E213", 6, "capabilities sum to 0")]


def test_b76_a_trivial_scenario_still_runs(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(
        "schema: 1\ntitle: small\nstart: 2025-01-01\nend: 2025-01-05\nfocal: talk\n"
        "states: [{id: USA, capability: 1}, {id: CHN, capability: 1}]\n"
        "events: [{id: talk, date: 2025-01-02, kind: visit, principals: [USA, CHN]}]\n"
        "arms: {all: {reference: true}}\n"
    )
    scenario, found = check_scenario(path)
    assert scenario is not None
    said = next(one.message for one in found if one.code == "W301")
    assert said == "trivial scenario: 2 states, one step, 1 arm"


def test_load_raises_errors_only(world):
    world.edit("rate: 2", "rate: 200").edit("beta: 0.2", "beta: 2")
    with pytest.raises(ScenarioError, match="E203") as caught:
        load_scenario(world.path)
    assert [one.code for one in caught.value.problems] == ["E203"]


# --- no more work than the file is worth ------------------------------------------------------------

MANY = 5000
HUGE = {
    "keys": ("focal: summit\n", "focal: summit\n" + "".join(f"zkey{n}: 1\n" for n in range(MANY))),
    "codes": ("[EGY, ETH]", "[" + ", ".join(f"Q{n}" for n in range(MANY)) + "]"),
    "principals": ("[CHN, RUS]", "[" + ", ".join(f"Q{n}" for n in range(MANY)) + "]"),
    "states": ("states:\n", "states:\n" + "".join(f"  - {{id: Q{n}x}}\n" for n in range(MANY))),
    "events": (AID, "\n  ".join([AID.replace("RUS", "RUSS")] * MANY)),
    "arms": ("  summit: {}\n", "  summit: {}\n" + "".join(f"  a{n}: {{}}\n" for n in range(MANY))),
    "kinds": (
        "focal: summit\n",
        "focal: summit\nkinds: {" + ", ".join(f"k{n}: {{}}" for n in range(MANY)) + "}\n",
    ),
    "repeated": ("focal: summit\n", "focal: summit\n" + "a: 1\n" * 100_000),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_file_full_of_mistakes_ends_in_a_report(world, name):
    found = world.edit(*HUGE[name]).errors()
    assert len(found) <= 2 * MANY
    assert len(report(found).splitlines()) < 60

"""Rows B09 to B75 word by word, as a user meets them: `check` and `run` or `sweep`, as text and as JSON.

What is expected is the whole answer, without the name of the file in front."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from balance_sim.cli import main
from click.testing import CliRunner

_PLACE = Path(__file__).parent.parent / "scenario" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("scenario_conftest", _PLACE)
assert _SPEC is not None and _SPEC.loader is not None
worlds = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(worlds)

GOOD = """schema: 1
title: a grid
scenario: summit.yaml
design: {method: grid}
factors:
  events.summit.visibility: [0, 0.5]
  parameters.beta: {min: 0.1, max: 0.5, steps: 3}
arms: [no_summit, summit]
runs: 10
seed: 7
outcomes: [accords_all_365]
"""

# name of the row, text to replace, its replacement, the whole answer
SCENARIO = [
    ("B09", "A summit of three", "\"A \\0 summit\"",
     "3:8: error[E007] title: control character U+0000\n"
     "  help: remove it"),
    ("B10", "provocations:\n ", "provocations:\n\t",
     "33:1: error[E010] tab used for indentation\n"
     "  help: use spaces"),
    ("B11 quote", "title: A summit of three", "title: \"A summit of three",
     "30:31: error[E010] opened at line 3, never closed\n"
     "  help: close the bracket or quote"),
    ("B11 bracket", "outside: [EGY, ETH]", "outside: [EGY, ETH",
     "13:7: error[E010] opened at line 12, never closed\n"
     "  help: close the bracket or quote"),
    ("B12", "focal: summit\n", "focal:summit\n",
     "7:1: error[E011] got text `focal:summit`\n"
     "  help: write `focal: summit`"),
    ("B14", "report:", "---\nreport:",
     "43:1: error[E013] one scenario per file; a second starts at line 43"),
    ("B15", "question:", "title: again\nquestion:",
     "4:1: error[E014] title: `title` already given at line 3\n"
     "  help: remove one"),
    ("B16 state", "{id: KOR, name", "{id: JPN, name",
     "10:10: error[E015] states.JPN.id: `JPN` already defined at line 5\n"
     "  help: remove one"),
    ("B16 event",
     "- {id: aid, date: 2025-10-01, kind: military_aid, principals: [NATO], targets: [RUS]}",
     "- {id: visit, date: 2025-10-01, kind: military_aid, principals: [NATO], targets: [RUS]}",
     "31:10: error[E015] events.visit.id: `visit` already defined at line 28\n"
     "  help: remove one"),
    ("B17 B18", "outside: [EGY, ETH]", "outside: &a [*a]",
     "12:10: error[E020] outside: anchors are not allowed (`&a`)\n"
     "  help: repeat the value"),
    ("B19", "{beta: 0.2}", "{<<: {beta: 0.2}}",
     "34:14: error[E020] parameters.<<: merge keys are not supported\n"
     "  help: use `extends:` or repeat the keys"),
    ("B20", "outside: [EGY, ETH]", "outside: " + "[" * 30 + "]" * 30,
     "12:29: error[E021] outside[1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][0]: nesting deeper "
     "than 20"),
    ("B21", "[EGY, ETH]", "[" + "EGY, " * 10_001 + "]",
     "12:50011: error[E022] outside[10001]: more than 10,000 items\n"
     "  help: move long lists into a CSV table"),
    ("B22", "A summit of three", "!!python/object/apply:os.system [ls]",
     "3:8: error[E023] title: YAML tags are not allowed "
     "(`tag:yaml.org,2002:python/object/apply:os.system`)\n"
     "  help: write plain values"),
    ("B23", "beta: 0.2", "beta: " + "9" * 5_000,
     "34:20: error[E024] parameters.beta: number too long (5000 characters)\n"
     "  help: write fewer digits"),
    ("B24", "question:", "questoin:",
     "4:1: error[E101] questoin: unknown key `questoin`\n"
     "  help: did you mean `question`?"),
    ("B25", "focal: summit\n", "focal: summit\nvisibility: 1\n",
     "8:1: error[E102] visibility: `visibility` belongs in events[], provocations[], found in the top "
     "level\n"
     "  help: move it to where it belongs"),
    ("B26", "end: 2026-09-03\n", "",
     "2:1: error[E103] end: `end` is required (a date after `start`, YYYY-MM-DD)"),
    ("B27", "end: 2026-09-03", "horizon: 2026-09-03",
     "6:1: error[E104] horizon: `horizon` is called `end` here\n"
     "  help: write `end`"),
    ("B28", "focal: summit\n", "focal: summit\n1: x\n",
     "8:1: error[E105] 1: keys must be text, got `1`\n"
     "  help: put the key in quotes"),
    ("B28 null", "focal: summit\n", "focal: summit\nnull: x\n",
     "8:1: error[E105] null: keys must be text, got `null`\n"
     "  help: put the key in quotes"),
    ("B29", "beta: 0.2", "beta: \"0.2\"",
     "34:20: error[E201] parameters.beta: expected number, got text \"0.2\"\n"
     "  help: remove the quotes; allowed: 0..1"),
    ("B30", "[30, 90, 365]", "[90.5]",
     "43:20: error[E201] report.windows[0]: expected integer, got number 90.5\n"
     "  help: allowed: 1..3650"),
    ("B30 1e3", "[30, 90, 365]", "[1e3]",
     "43:20: error[E201] report.windows[0]: expected integer, got number 1e3\n"
     "  help: write 1000; allowed: 1..3650"),
    ("B31", "[30, 90, 365]", "[true]",
     "43:20: error[E201] report.windows[0]: expected integer, got boolean\n"
     "  help: allowed: 1..3650"),
    ("B32", "[30, 90, 365]", "[0]",
     "43:20: error[E203] report.windows[0]: 0 is outside 1..3650 (days)"),
    ("B32 below", "[30, 90, 365]", "[-5]",
     "43:20: error[E203] report.windows[0]: -5 is outside 1..3650 (days)"),
    ("B32 above", "[30, 90, 365]", "[1000000000]",
     "43:20: error[E203] report.windows[0]: 1000000000 is outside 1..3650 (days)"),
    ("B33 nan", "beta: 0.2", "beta: .nan",
     "34:20: error[E204] parameters.beta: .nan must be finite\n"
     "  help: allowed: 0..1"),
    ("B33 inf", "beta: 0.2", "beta: .inf",
     "34:20: error[E204] parameters.beta: .inf must be finite\n"
     "  help: allowed: 0..1"),
    ("B33 1e999", "beta: 0.2", "beta: 1e999",
     "34:20: error[E204] parameters.beta: 1e999 must be finite\n"
     "  help: allowed: 0..1"),
    ("B34", "visibility: 1.0", "visibility: 1.2",
     "30:18: error[E203] events.summit.visibility: 1.2 is outside 0..1"),
    ("B34 below", "visibility: 1.0", "visibility: -0.1",
     "30:18: error[E203] events.summit.visibility: -0.1 is outside 0..1"),
    ("B35", "visibility: 1.0", "visibility: 50%",
     "30:18: error[E205] events.summit.visibility: expected number, got text \"50%\"\n"
     "  help: write 0.5; allowed: 0..1"),
    ("B36", "visibility: 1.0", "visibility: \"0,5\"",
     "30:18: error[E205] events.summit.visibility: expected number, got text \"0,5\"\n"
     "  help: use 0.5; allowed: 0..1"),
    ("B37 grouped", "beta: 0.2", "beta: 1_000",
     "34:20: error[E206] parameters.beta: ambiguous number `1_000`\n"
     "  help: write decimal digits, or quote it if it is text"),
    ("B37 zero", "beta: 0.2", "beta: 012",
     "34:20: error[E206] parameters.beta: ambiguous number `012`\n"
     "  help: write decimal digits, or quote it if it is text"),
    ("B37 octal", "beta: 0.2", "beta: 0o14",
     "34:20: error[E206] parameters.beta: ambiguous number `0o14`\n"
     "  help: write decimal digits, or quote it if it is text"),
    ("B37 hex", "beta: 0.2", "beta: 0x1F",
     "34:20: error[E206] parameters.beta: ambiguous number `0x1F`\n"
     "  help: write decimal digits, or quote it if it is text"),
    ("B38", "beta: 0.2", "beta: 12:30:45",
     "34:20: error[E206] parameters.beta: ambiguous number `12:30:45`\n"
     "  help: write decimal digits, or quote it if it is text"),
    ("B39", "beta: 0.2", "beta: ",
     "34:20: error[E207] parameters.beta: value missing\n"
     "  help: write 0..1, or leave the key out"),
    ("B41", "[CHN, RUS]", "[NO, RUS]",
     "29:69: error[E301] events.summit.principals[0]: `NO` is the ISO2 code of Norway\n"
     "  help: use ISO3 `NOR`"),
    ("B42", "[CHN, RUS]", "[UKR1, RUS]",
     "29:69: error[E301] events.summit.principals[0]: unknown state `UKR1`\n"
     "  help: did you mean `UKR`?"),
    ("B42 XXX", "[CHN, RUS]", "[XXX, RUS]",
     "29:69: error[E301] events.summit.principals[0]: unknown state `XXX`\n"
     "  help: did you mean `XKX`?"),
    ("B43", "[CHN, RUS]", "[South Korea, RUS]",
     "29:69: error[E302] events.summit.principals[0]: `South Korea` is a name, not a code\n"
     "  help: use `KOR`"),
    ("B44 ISO2", "[CHN, RUS]", "[CN, RUS]",
     "29:69: error[E301] events.summit.principals[0]: `CN` is the ISO2 code of China\n"
     "  help: use ISO3 `CHN`"),
    ("B44 COW", "[CHN, RUS]", "[2, RUS]",
     "29:69: error[E303] events.summit.principals[0]: `2` is USA in COW numbers, not an ISO3 code\n"
     "  help: use ISO3 `USA`"),
    ("B44 numeric", "[CHN, RUS]", "[156, RUS]",
     "29:69: error[E303] events.summit.principals[0]: `156` is CHN in ISO numeric codes, not an ISO3 code\n"
     "  help: use ISO3 `CHN`"),
    ("B45", "[CHN, RUS]", "[\"chn \", RUS]",
     "29:69: error[E301] events.summit.principals[0]: unknown state `chn `\n"
     "  help: did you mean `CHN`?"),
    ("B46 over", "[EGY, ETH]", "[EGY, SUN]",
     "12:16: error[E304] outside[1]: `SUN` (Soviet Union) is valid 1922..1991, not in 2025\n"
     "  help: use `RUS`"),
    ("B46 successor", "outside: [EGY, ETH]", "outside: [EGY, SCG]",
     "12:16: error[E304] outside[1]: `SCG` (Serbia and Montenegro) is valid 2003..2006, not in 2025\n"
     "  help: use `SRB`"),
    ("B47", "[CHN, RUS]", "[KOREA, RUS]",
     "29:69: error[E305] events.summit.principals[0]: `KOREA` is ambiguous: KOR, PRK\n"
     "  help: write the ISO3 code that is meant"),
    ("B47 Congo", "[CHN, RUS]", "[CONGO, RUS]",
     "29:69: error[E305] events.summit.principals[0]: `CONGO` is ambiguous: COD, COG\n"
     "  help: write the ISO3 code that is meant"),
    ("B47 Guinea", "[CHN, RUS]", "[GUINEA, RUS]",
     "29:69: error[E305] events.summit.principals[0]: `GUINEA` is ambiguous: GIN, GNB, GNQ, PNG\n"
     "  help: write the ISO3 code that is meant"),
    ("B48", "guests: [EGY]", "guests: [RUS]",
     "29:88: error[E306] events.summit.guests: `RUS` among the principals already\n"
     "  help: guests are seen with the principals; name each actor once"),
    ("B48 target", "guests: [EGY]", "guests: [EGY], targets: [JPN, CHN]",
     "29:104: error[E306] events.summit.targets: `CHN` takes part already, and cannot be a target\n"
     "  help: name each actor once"),
    ("B48 dyad", "{a: JPN, b: CHN,", "{a: CHN, b: CHN,",
     "17:17: error[E306] disputes.CHN-CHN: `CHN` forms a dyad with itself\n"
     "  help: name two states"),
    ("B49", "{a: JPN, b: CHN,", "{a: ITA, b: CHN,",
     "17:9: error[E307] disputes.CHN-ITA.a: `ITA` is not among the 6 states (line 8)\n"
     "  help: add it to `states`"),
    ("B50", "{a: USA, b: CHN, rivalry: 1}", "{a: CHN, b: JPN, claim: 1}",
     "18:5: error[E308] disputes.CHN-JPN: the dyad conflicts with line 17: each dyad once\n"
     "  help: remove one"),
    ("B51", "date: 2025-10-01", "date: 2027-10-01",
     "31:21: error[E203] events.aid.date: 2027-10-01 is outside ..2026-09-02: events lie before `end`"),
    ("B51 focal", "date: 2025-09-03", "date: 2025-08-03",
     "29:24: error[E203] events.summit.date: the focal event on 2025-08-03 is outside "
     "2025-09-01..2026-09-03\n"
     "  help: windows count from its date"),
    ("B52", "date: 2025-10-01", "date: 2026-02-30",
     "31:21: error[E209] events.aid.date: `2026-02-30` is not a date\n"
     "  help: write an ISO date, e.g. 2025-09-03; allowed: a day that exists, as YYYY-MM-DD"),
    ("B52 slashes", "date: 2025-10-01", "date: 24/11/2026",
     "31:21: error[E209] events.aid.date: `24/11/2026` is not a date\n"
     "  help: write an ISO date, e.g. 2025-09-03; allowed: a day that exists, as YYYY-MM-DD"),
    ("B52 year", "date: 2025-10-01", "date: 2026",
     "31:21: error[E209] events.aid.date: `2026` is not a date\n"
     "  help: write an ISO date, e.g. 2025-09-03; allowed: a day that exists, as YYYY-MM-DD"),
    ("B53", "end: 2026-09-03", "end: 2025-01-01",
     "6:6: error[E210] end: `end` 2025-01-01 is not after `start` 2025-09-01 (line 5)"),
    ("B54", "kind: joint_summit", "kind: sumit",
     "29:42: error[E211] events.summit.kind: unknown kind `sumit`\n"
     "  help: did you mean `joint_summit`?; allowed: statement, visit, joint_summit, exercise, "
     "arms_or_basing, treaty, fighting_together, incident, sanction, reassurance, retrenchment"),
    ("B55", "principals: [CHN, RUS], guests: [EGY]", "principals: [CHN]",
     "29:68: error[E212] events.summit.principals: at least 2 take part in an event of kind "
     "`joint_summit`, got 1\n"
     "  help: add a principal, guests or targets"),
    ("B55 none", "principals: [CHN, RUS]", "principals: []",
     "29:68: error[E212] events.summit.principals: at least 1 needed, got 0"),
    ("B56", "focal: summit\n", "focal: summit\ncapability: {gdp: 0.4, milex: 0.4, population: 0.17}\n",
     "8:13: error[E213] capability: sum is 0.97; must be 1 +- 1e-9"),
    ("B56 zero", "focal: summit\n", "focal: summit\ncapability: {gdp: 0, milex: 0, population: 0}\n",
     "8:13: error[E213] capability: sum is 0; must be 1 +- 1e-9"),
    ("B66", "tables/states.csv", "../../etc/passwd",
     "9:13: error[E501] states[].table: `../../etc/passwd` resolves outside the scenario's folder\n"
     "  help: copy the file into the folder"),
    ("B66 absolute", "tables/states.csv", "/etc/passwd",
     "9:13: error[E501] states[].table: `/etc/passwd`: must stay inside the scenario's folder\n"
     "  help: write a path within the folder"),
    ("B66 home", "tables/states.csv", "~/states.csv",
     "9:13: error[E501] states[].table: `~/states.csv`: must stay inside the scenario's folder\n"
     "  help: write a path within the folder"),
    ("B66 URL", "tables/states.csv", "https://example.org/states.csv",
     "9:13: error[E501] states[].table: `https://example.org/states.csv`: URLs are not read\n"
     "  help: write a path within the folder"),
    ("B66 extends", "focal: summit\n", "focal: summit\nextends: ../other.yaml\n",
     "8:10: error[E501] extends: `../other.yaml` resolves outside the scenario's folder\n"
     "  help: copy the file into the folder"),
    ("B68", "focal: summit\n", "focal: summit\nextends: summit.yaml\n",
     "8:10: error[E502] extends: cycle: summit.yaml:8 -> summit.yaml\n"
     "  help: remove one `extends`"),
    ("B73 path", "{id: aid,", "{id: ../aid,",
     "31:6: error[E106] events.../aid.id: `../aid` is not a valid identifier\n"
     "  help: allowed: [A-Za-z0-9_-], 1 to 64 characters"),
    ("B73 markup", "{id: aid,", "{id: \"<script>\",",
     "31:6: error[E106] events.<script>.id: `<script>` is not a valid identifier\n"
     "  help: allowed: [A-Za-z0-9_-], 1 to 64 characters"),
    ("B73 reserved", "{id: aid,", "{id: CON,",
     "31:6: error[E106] events.CON.id: `CON` is a reserved name on some systems\n"
     "  help: take another name"),
    ("B73 long", "{id: aid,", "{id: " + "a" * 10_000 + ",",
     "31:6: error[E106] events.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa....id: "
     "`aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...` is not a valid identifier\n"
     "  help: allowed: [A-Za-z0-9_-], 1 to 64 characters"),
    ("B73 emoji", "{id: aid,", "{id: \"\U0001f600\",",
     "31:6: error[E106] events.😀.id: `😀` is not a valid identifier\n"
     "  help: allowed: [A-Za-z0-9_-], 1 to 64 characters"),
    ("B73 mark", "{id: aid,", "{id: \"\u200faid\",",
     "31:6: error[E106] events.\\u200faid.id: `\\u200faid` is not a valid identifier\n"
     "  help: allowed: [A-Za-z0-9_-], 1 to 64 characters"),
    ("B74", "groups: [NATO]}", "groups: [NATOO]}",
     "43:43: error[E107] report.groups: unknown group `NATOO`\n"
     "  help: did you mean `NATO`?; allowed: EU, NATO"),
    ("B75", "schema: 1", "schema: 99",
     "2:9: error[E108] schema: got integer 99: this version reads 1\n"
     "  help: write `schema: 1`"),
    ("B75 missing", "schema: 1\n", "",
     "2:1: error[E108] schema: `schema` is required\n"
     "  help: write `schema: 1`"),
]  # fmt: skip

EXPERIMENT = [
    ("B24", "title:", "titel:",
     "2:1: error[E101] titel: unknown key `titel`\n"
     "  help: did you mean `title`?"),
    ("B25", "runs: 10", "runs: 10\nmethod: lhs",
     "10:1: error[E102] method: `method` belongs in design, found in the top level\n"
     "  help: write `design: {method: ...}`"),
    ("B26 runs", "runs: 10\n", "",
     "1:1: error[E103] runs: `runs` is required (1..1000000000)"),
    ("B26 scenario", "scenario: summit.yaml\n", "",
     "1:1: error[E103] scenario: `scenario` is required\n"
     "  help: write the path of a scenario, as seen from this file"),
    ("B29", "runs: 10", "runs: \"10\"",
     "9:7: error[E201] runs: expected integer, got text \"10\"\n"
     "  help: remove the quotes; allowed: 1..1000000000"),
    ("B30", "runs: 10", "runs: 10.5",
     "9:7: error[E201] runs: expected integer, got number 10.5\n"
     "  help: allowed: 1..1000000000"),
    ("B30 1e3", "runs: 10", "runs: 1e3",
     "9:7: error[E201] runs: expected integer, got number 1e3\n"
     "  help: write 1000; allowed: 1..1000000000"),
    ("B31", "runs: 10", "runs: true",
     "9:7: error[E201] runs: expected integer, got boolean\n"
     "  help: allowed: 1..1000000000"),
    ("B32", "runs: 10", "runs: 0",
     "9:7: error[E203] runs: 0 is outside 1..1000000000"),
    ("B32 below", "runs: 10", "runs: -5",
     "9:7: error[E203] runs: -5 is outside 1..1000000000"),
    ("B32 above", "runs: 10", "runs: 1000000001",
     "9:7: error[E203] runs: 1000000001 is outside 1..1000000000"),
    ("B39", "runs: 10", "runs:",
     "9:6: error[E207] runs: value missing\n"
     "  help: write 1..1000000000"),
    ("B40 negative", "seed: 7", "seed: -1",
     "10:7: error[E203] seed: -1 is outside 0..18446744073709551615"),
    ("B40 float", "seed: 7", "seed: 1.5",
     "10:7: error[E201] seed: expected integer, got number 1.5\n"
     "  help: allowed: 0..18446744073709551615"),
    ("B40 large", "seed: 7", "seed: 18446744073709551616",
     "10:7: error[E203] seed: 18446744073709551616 is outside 0..18446744073709551615"),
    ("B40 text", "seed: 7", "seed: seven",
     "10:7: error[E201] seed: expected integer, got text \"seven\"\n"
     "  help: write decimal digits; allowed: 0..18446744073709551615"),
    ("B59", "events.summit.visibility", "events.summit.visibilty",
     "6:3: error[E401] events.summit.visibilty: `events.summit` has no `visibilty`\n"
     "  help: did you mean `events.summit.visibility`?"),
    ("B59 parameter", "parameters.beta", "parameters.betta",
     "7:3: error[E401] parameters.betta: `parameters` has no `betta`\n"
     "  help: did you mean `parameters.beta`?"),
    ("B59 event", "events.summit.vis", "events.sumit.vis",
     "6:3: error[E401] events.sumit.visibility: `events` has no `sumit`\n"
     "  help: did you mean `events.summit.visibility`?"),
    ("B60 empty", "[0, 0.5]", "[]",
     "6:29: error[E402] factors.events.summit.visibility: the list is empty\n"
     "  help: give values"),
    ("B60 twice", "[0, 0.5]", "[0, 0.5, 0.0]",
     "6:38: error[E402] factors.events.summit.visibility: value 0.0 at position 3: also at position 1\n"
     "  help: remove one"),
    ("B60 mixed", "[0, 0.5]", "[0, half]",
     "6:29: error[E402] factors.events.summit.visibility: the list mixes numbers, text\n"
     "  help: give values of one type"),
    ("B61 zero", "steps: 3", "step: 0",
     "7:47: error[E403] factors.parameters.beta: step 0 is not above 0\n"
     "  help: give a step above 0, or `steps`, the number of values"),
    ("B61 sign", "steps: 3", "step: -0.1",
     "7:47: error[E403] factors.parameters.beta: step -0.1 is not above 0\n"
     "  help: give a step above 0, or `steps`, the number of values"),
    ("B61 order", "min: 0.1", "min: 0.9",
     "7:26: error[E403] factors.parameters.beta: min 0.9 is not below max 0.5\n"
     "  help: exchange them"),
    ("B61 log", "min: 0.1, max: 0.5", "min: 0, max: 0.5, scale: log",
     "7:26: error[E403] factors.parameters.beta: min 0 has no logarithm\n"
     "  help: write a min above 0"),
    ("B62", "[0, 0.5]", "[0, 0.5, 0.75, 3]",
     "6:44: error[E203] events.summit.visibility: at position 4: 3 is outside 0..1"),
    ("B62 range", "max: 0.5", "max: 7",
     "7:36: error[E203] parameters.beta: 7 is outside 0..1"),
    ("B63", "parameters.beta: {min: 0.1, max: 0.5, steps: 3}", "events.summit.visibility: [1]",
     "7:3: error[E404] factors.events.summit.visibility: `events.summit.visibility` also at line 6\n"
     "  help: remove one"),
    ("B64", "runs: 10", "runs: 1000000000",
     "4:9: error[E405] design: 6 points x 1,000,000,000 runs: 6,000,000,000 runs exceeds 1,000,000 "
     "(`--max-runs`)\n"
     "  help: fewer values, fewer runs, or a sample"),
    ("B65 power", "{method: grid}", "{method: sobol, samples: 12}",
     "4:34: error[E406] design.samples: samples 12 is not a power of 2\n"
     "  help: write 8 or 16"),
    ("B65 few",
     "{method: grid}\nfactors:\n  events.summit.visibility: [0, 0.5]",
     "{method: sobol, samples: 16}\nfactors:",
     "4:9: error[E406] design: sobol needs at least 2 factors, got 1\n"
     "  help: add a factor, or take a grid"),
    ("B66", "summit.yaml", "https://example.org/summit.yaml",
     "3:11: error[E501] scenario: URLs are not read\n"
     "  help: write a path"),
    ("B74 arm", "arms: [no_summit, summit]", "arms: [no_summit, sumit]",
     "8:19: error[E107] arms[1]: no arm `sumit`\n"
     "  help: did you mean `summit`?; allowed: no_summit, summit, half, reassured"),
    ("B74 outcome", "accords_all_365", "acords_all_365",
     "11:11: error[E107] outcomes[0]: no outcome `acords_all_365`\n"
     "  help: did you mean `accords_all_365`?; allowed: accords_counter_30, accords_with_participant_30, "
     "accords_other_30, accords_all_30, declarations_counter_30, declarations_with_participant_30, "
     "declarations_other_30, declarations_all_30, accords_counter_90, accords_with_participant_90, "
     "accords_other_90, accords_all_90 and 115 more"),
    ("B75", "schema: 1", "schema: 99",
     "1:9: error[E108] schema: this version reads 1, got integer 99\n"
     "  help: write `schema: 1`"),
    ("B75 missing", "schema: 1\n", "",
     "1:1: error[E108] schema: `schema` is required\n"
     "  help: write `schema: 1`; allowed: 1"),
    ("arm twice", "arms: [no_summit, summit]", "arms: [summit, summit]",
     "8:16: error[E015] arms[1]: `summit` given twice\n"
     "  help: remove one"),
    ("outcome twice", "[accords_all_365]", "[accords_all_365, accords_all_365]",
     "11:29: error[E015] outcomes[1]: `accords_all_365` given twice\n"
     "  help: remove one"),
]  # fmt: skip


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return worlds.World(tmp_path)


def invoke(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def holds(answer: str, *commands: tuple[str, ...]) -> None:
    """Every command ends with 4 and says just this; with `--json` the record says the same in parts."""
    for command in commands:
        assert invoke(*command) == (4, "", f"{answer}\n")
        code, out, err = invoke(*command, "--json")
        document = json.loads(out)
        assert (code, err, document["ok"]) == (4, "", False)
        (record,) = document["errors"]
        keys = ["file", "line", "col", "path", "code", "message", "allowed", "suggestion"]
        assert list(record) == keys
        where = f"{record['path']}: " if record["path"] else ""
        first = "{file}:{line}:{col}: error[{code}] ".format(**record) + where + record["message"]
        assert answer.split("\n", maxsplit=1)[0] == first
        said = answer.partition("\n  help: ")[2]
        assert said.startswith(record["suggestion"])
        assert record["allowed"] in answer


@pytest.mark.parametrize(("old", "new", "answer"), [row[1:] for row in SCENARIO], ids=[row[0] for row in SCENARIO])
def test_a_scenario(world, old, new, answer):
    world.edit(old, new)
    holds(f"summit.yaml:{answer}", ("check", "summit.yaml"), ("run", "summit.yaml"))


@pytest.mark.parametrize(("old", "new", "answer"), [row[1:] for row in EXPERIMENT], ids=[row[0] for row in EXPERIMENT])
def test_an_experiment(world, old, new, answer):
    assert old in GOOD
    (world.folder / "exp.yaml").write_text(GOOD.replace(old, new, 1))
    holds(f"exp.yaml:{answer}", ("check", "exp.yaml"), ("sweep", "exp.yaml"))

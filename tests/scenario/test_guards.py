"""Guards that only a rare mistake meets: each of these fails if its guard is taken out."""

from __future__ import annotations

import pytest
from balance_sim.scenario.diagnostics import report
from balance_sim.scenario.experiment import check_experiment

TOP = "focal: summit\n"
OUTSIDE = "outside: [EGY, ETH]"
WEST = "west: {members: [NATO, JPN, KOR], attention: {statement: 0.5}}"
NATO = "{NATO: [USA, FRA]"
HALF = "half: {set: {events.summit.visibility: 0.5}}"
CODING = "targets_alternatives: [{{id: other, targets: [{}], weight: {}, source: s}}{}]\n"
TALKS = "status: talks, opened: 2025-05-01"

# text to replace, its replacement, code, key path, what the message holds; on the line where the replacement begins
SCENARIO = [
    (OUTSIDE, "outside: EGY", "E201", "outside", "expected a list of ISO3 codes"),
    (OUTSIDE, "outside: [EGY, null]", "E207", "outside[1]", "value missing"),
    (OUTSIDE, "outside: [EGY, 1.5]", "E201", "outside[1]", "expected an ISO3 code, got number 1.5"),
    ("groups: {NATO", "groups: [NATO] #", "E201", "groups", "expected a mapping of names to lists of codes"),
    (NATO, "{NATO: USA", "E201", "groups.NATO", "expected a list of ISO3 codes"),
    (NATO, "{NATO: [USA, USA]", "E015", "groups.NATO[1]", "`USA` given twice"),
    (NATO, "{NATO: [USA, null]", "E207", "groups.NATO[1]", "value missing"),
    (NATO, "{NATO: [USA, 250]", "E303", "groups.NATO[1]", "`250` is FRA in ISO numeric codes"),
    ("[CHN, RUS]", "[CHN, null]", "E207", "events.summit.principals[1]", "value missing"),
    ("state: CHN, kind", "state: NATO, kind", "E307", "provocations.probing.state", "`NATO` is a group"),
    ("arms:\n", "arms: 3\nnotes: >\n", "E201", "arms", "expected a mapping of arms, got integer 3"),
    (HALF, "half: {add: 3}", "E201", "arms.half.add", "expected a list of events, got integer 3"),
    (HALF, "half: {set: 3}", "E201", "arms.half.set", "got integer 3"),
    ("arms:\n", "arms:\n" + "".join(f"  a{n}: {{}}\n" for n in range(100)),
     "E022", "arms", "104 arms, more than 100"),
    ("arms:\n", "arms: {}\nnotes: >\n", "E212", "arms", "at least 1 arm needed, got 0"),
    ("states:\n", "states: []\nnotes: >\n", "E212", "states", "at least 2 states needed, got 0"),
    ("[30, 90, 365]", "[30, 30]", "E015", "report.windows", "a window is given twice"),
    ("[30, 90, 365]", "[]", "E212", "report.windows", "at least 1 needed, got 0"),
    ("groups: [NATO]}", "positions: {CHN-ITA: 0}}", "E107", "report.positions", "`CHN-ITA` does not name two states"),
    ("groups: [NATO]}", "positions: {CHN-CHN: 0}}", "E107", "report.positions", "`CHN-CHN` does not name two states"),
    (TALKS, "status: talks, scheduled_signed: 2025-08-01", "E215",
     "accords.jpn-kor-talks.scheduled_signed", "2025-08-01 is before `start` 2025-09-01"),
    (TALKS, "status: ended, signed: 2001-01-01", "E103", "accords.jpn-kor-talks.ended", "required with status `ended`"),
    (TOP, TOP + "? [a]\n: 1\n", "E105", "", "keys must be text, got a list or a mapping"),
    (TOP, TOP + "kinds: {" + ", ".join(f"k{n}: {{}}" for n in range(201)) + "}\n",
     "E022", "kinds", "201 kinds, more than 200"),
    (TOP, TOP + "kinds: 3\n", "E201", "kinds", "expected a mapping of kinds, got integer 3"),
    ("audiences:\n  " + WEST, "audiences: 3", "E201", "audiences", "expected a mapping, got integer 3"),
    (TOP, TOP + CODING.format("FRA", 1.5, ""), "E203", "targets_alternatives.other.weight", "1.5"),
    (TOP, TOP + CODING.format("FRA", 0.6, ", {id: a, targets: [], weight: 0.4, source: s}"), "E203",
     "targets_alternatives.other.weight", "sum to 1: nothing is left"),
    (TOP, TOP + CODING.format("XXX", 0.2, ""), "E301", "targets_alternatives.other.targets[0]", "unknown state"),
    ("trade:\n", "trade: 3\nnotes: >\n", "E201", "trade", "expected a list, got integer 3"),
    ("preset: balance_of_threat", "preset: 3", "E201", "theory.preset", "expected text, got integer 3"),
    ("tables/states.csv", '""', "E501", "states[].table", "expected the name of a file"),
    ("parameters: {beta: 0.2}", "parameters: 3", "E201", "parameters", "got integer 3"),
    ("parameters: {beta: 0.2}", "parameters:", "E207", "parameters", "expected a mapping with keys"),
    ("reference: true", 'reference: "yes"', "E201", "arms.no_summit.reference", "expected true or false, got text"),
    ("title: A summit of three", "title: 3", "E201", "title", "expected text, got integer 3"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "path", "said"), SCENARIO, ids=[f"{c[2]} {c[3]}" for c in SCENARIO])
def test_of_a_scenario(world, old, new, code, path, said):
    line = world.line_of(old) + new.startswith(TOP)
    found = world.edit(old, new).errors()
    here = [one for one in found if (one.code, one.path, one.line) == (code, path, line)]
    assert here and said in here[0].message, report(found)


GOOD = """schema: 1
scenario: summit.yaml
design: {method: grid}
factors:
  events.summit.visibility: [0, 0.5]
  parameters.beta: {min: 0.1, max: 0.5, steps: 3}
runs: 10
"""
RANGE = "{min: 0.1, max: 0.5, steps: 3}"
FACTORS = GOOD[GOOD.index("factors") : GOOD.index("runs")]
ONE = "- {parameters.beta: 0.1}"

EXPERIMENT = [
    (RANGE, "{min: 0.1, max: 0.5, steps: 3, step: 0.1}", 6, "E403", "give `step` or `steps`, not both"),
    (RANGE, "{min: 0.1, max: 0.5, steps: 1.5}", 6, "E403", "steps 1.5 is not a whole number in 2..10000"),
    (RANGE, "{min: 0.1, max: 0.5, steps: 1}", 6, "E403", "steps 1 is not a whole number"),
    (RANGE, "{min: 0.1, max: 0.5, step: 0.1, scale: log}", 6, "E403", "a log scale has no even step"),
    (RANGE, "{min: 0.1, max: 0.5, steps: 3, scale: lag}", 6, "E211", "unknown scale `lag`"),
    (RANGE, "{min: 0.1, max: 0.5, stps: 3}", 6, "E101", "unknown key `stps`"),
    (RANGE, "{max: 0.5, steps: 3}", 6, "E103", "`min` is required"),
    (RANGE, "{min: a, max: 0.5, steps: 3}", 6, "E201", 'expected number, got text "a"'),
    (RANGE, "{min: 0.1, max: .inf, steps: 3}", 6, "E204", "must be finite"),
    (RANGE, "{distribution: unifrm, min: 0, max: 1}", 6, "E211", "unknown distribution `unifrm`"),
    (RANGE, "{distribution: normal, mean: 0.3, sd: 0}", 6, "E403", "sd 0 is not above 0"),
    (RANGE, "{distribution: uniform, min: 0.5, max: 0.1}", 6, "E403", "min 0.5 is not below max 0.1"),
    (RANGE, "{distribution: loguniform, min: 0, max: 1}", 6, "E403", "min 0 has no logarithm"),
    (RANGE, "{distribution: triangular, min: 0, mode: 2, max: 1}", 6, "E403", "the middle 2 is not in 0..1"),
    (RANGE, "{distribution: uniform, min: 0, max: 1}", 6, "E403", "a grid needs values"),
    ("{method: grid}", "{method: list}", 3, "E402", "the lists of a list design have one length; here 2, 3"),
    ("{method: grid}", "{method: grid}\npoints: [{parameters.beta: 0.1}]", 4, "E407", "`points` are a list"),
    ("{method: grid}", "{method: list}\npoints: [{parameters.beta: 0.1}]", 5, "E407", "give `points`, or `factors`"),
    (GOOD, "- a\n- b\n", 1, "E012", "expected a mapping with keys schema, title, question, notes and 11 more"),
    (FACTORS, "factors:\n" + "".join(f"  parameters.p{n}: [0, 1]\n" for n in range(1001)), 5, "E022",
     "more than 1,000 factors"),
    (FACTORS, "", 1, "E402", "nothing is varied"),
    (FACTORS, "factors: [1]\n", 4, "E201", "expected a mapping of key paths, got a list"),
    (FACTORS, "points: 3\n", 4, "E402", "expected a list of points"),
    ("grid}\n" + FACTORS, f"list}}\npoints:\n  {ONE}\n  - {{parameters.tau: 0.1}}\n", 6, "E402",
     "every point gives the same keys; here `parameters.beta`, `parameters.tau` is missing or too much"),
    ("grid}\n" + FACTORS, f"list}}\npoints:\n  {ONE}\n  {ONE}\n", 6, "E402", "the same values as an earlier point"),
    ("runs: 10", "runs: 10\nset: 3", 8, "E201", "write `key.path: value` pairs"),
    ("runs: 10", "runs: 10\nset: {parameters.beta2: 3}", 8, "E101", "has no `beta2`"),
    ("runs: 10", "runs: 10\ntheory: nul", 8, "E211", "unknown theory `nul`"),
    ("scenario: summit.yaml\n", "", 1, "E103", "`scenario` is required"),
    ("summit.yaml", "3", 2, "E201", "expected a path, got integer 3"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "code", "said"), EXPERIMENT, ids=[c[4][:40] for c in EXPERIMENT])
def test_of_an_experiment(world, old, new, line, code, said):
    assert old in GOOD
    path = world.folder / "exp.yaml"
    path.write_text(GOOD.replace(old, new, 1))
    experiment, found = check_experiment(path)
    here = [one for one in found if (one.file, one.code, one.line) == (str(path), code, line)]
    assert experiment is None and here and said in here[0].message, report(found)

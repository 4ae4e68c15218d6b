"""Every kind of bad file gets the error it deserves: code, place, key path, value, bound, next step."""

import os
import socket
from itertools import pairwise

import pytest
from balance_sim.scenario import check_scenario
from balance_sim.scenario.diagnostics import report

TOP = "focal: summit\n"
AID = "- {id: aid, date: 2025-10-01, kind: military_aid, principals: [NATO], targets: [RUS]}"
HALF = "half: {set: {events.summit.visibility: 0.5}}"

# text to replace, its replacement, code, key path.
# The error must stand on the line on which the replacement begins, plus `down`.
CASES: list[tuple[str, str, str, str, int]] = [
    ("A summit of three", '"A \\0 summit"', "E007", "title", 0),
    ("provocations:\n ", "provocations:\n\t", "E010", "", 1),
    ("A summit of three", '"A summit of three', "E010", "", 27),
    (TOP, "focal:summit\n", "E011", "", 0),
    ("{beta: 0.2}", "{beta:0.2}", "E101", "parameters.beta:0.2", 0),
    ("report:", "---\nreport:", "E013", "", 0),
    ("question:", "title: again\nquestion:", "E014", "title", 0),
    ("outside: [EGY, ETH]", "outside: [&a EGY, *a]", "E020", "outside[1]", 0),
    ("{beta: 0.2}", "{<<: {beta: 0.2}}", "E020", "parameters.<<", 0),
    ("outside: [EGY, ETH]", "outside: " + "[" * 30 + "]" * 30, "E021", "outside[0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0][0]", 0),
    ("A summit of three", "!!python/object/apply:os.system [ls]", "E023", "title", 0),
    ("beta: 0.2", "beta: " + "9" * 5000, "E024", "parameters.beta", 0),
    ("question:", "questoin:", "E101", "questoin", 0),
    (TOP, TOP + "visibility: 1\n", "E101", "visibility", 1),
    (TOP, TOP + "1: x\n", "E105", "1", 1),
    ("beta: 0.2", "beta: .nan", "E204", "parameters.beta", 0),
    ("visibility: 1.0", "visibility: 1.2", "E203", "events.summit.visibility", 0),
    ("visibility: 1.0", "visibility: 50%", "E205", "events.summit.visibility", 0),
    ("beta: 0.2", "beta: 0,2", "E105", "parameters.2", 0),
    ("beta: 0.2", "beta: 1_000", "E206", "parameters.beta", 0),
    ("beta: 0.2", "beta: ", "E207", "parameters.beta", 0),
    ("focal: summit", "focal: summit\nplugins: [artikel]", "E309", "plugins", 1),
    ("[CHN, RUS]", "[NO, RUS]", "E301", "events.summit.principals[0]", 0),
    ("[CHN, RUS]", "[South Korea, RUS]", "E302", "events.summit.principals[0]", 0),
    ("[CHN, RUS]", "[2, RUS]", "E303", "events.summit.principals[0]", 0),
    ("[EGY, ETH]", "[EGY, SUN]", "E304", "outside", 0),
    ("guests: [EGY]", "guests: [RUS]", "E306", "events.summit", 0),
    ("{a: JPN, b: CHN,", "{a: CHN, b: CHN,", "E306", "disputes.CHN-CHN", 0),
    ("  west:", "  east: {members: [JPN]}\n  west:", "E306", "audiences", 0),
    ("{a: JPN, b: CHN,", "{a: ITA, b: CHN,", "E307", "disputes.CHN-ITA.a", 0),
    ("{a: USA, b: CHN, rivalry: 1}", "{a: CHN, b: JPN, claim: 1}", "E308", "disputes.CHN-JPN", 0),
    ("- {id: aid, date: 2025-10-01, kind: military_aid, principals: [NATO], targets: [RUS]}", "- {id: summit, date: 2025-10-01, kind: military_aid, principals: [NATO], targets: [RUS]}", "E015", "events.summit.id", 0),
    ("{id: KOR, name", "{id: JPN, name", "E015", "states.JPN.id", 0),
    ("[EGY, ETH]", "[EGY, EGY]", "E015", "outside[1]", 0),
    ("latitude: 37.57, ", "", "E103", "states.KOR.latitude", 0),
    ("gdp_bn: 1870,", "capability: 0.1, gdp_bn: 1870,", "E217", "states.KOR.capability", 0),
    ("gdp_bn: 1870, milex_bn: 47.6, population_m: 51.7, ", "", "E216", "states.KOR", 0),
    ("date: 2025-10-01", "date: 2026-02-30", "E209", "events.aid.date", 0),
    ("end: 2026-09-03", "end: 2025-01-01", "E210", "end", 0),
    (TOP, TOP + "step_days: 0.001\n", "E203", "step_days", 1),
    ("kind: joint_summit", "kind: sumit", "E211", "events.summit.kind", 0),
    ("principals: [CHN, RUS], guests: [EGY]", "principals: [CHN]", "E212", "events.summit.principals", 0),
    (TOP, TOP + "capability: {gdp: 0.4, milex: 0.4, population: 0.17}\n", "E213", "capability", 1),
    ("share: 0.2}", "share: 0.9}\n  - {state: JPN, partner: KOR, share: 0.2}", "E213", "trade.JPN-KOR.share", 1),
    (TOP, TOP + "event_kinds: {visit: {alignment: 0.01}}\n", "E219", "event_kinds.visit.alignment", 1),
    (TOP, TOP + "kinds: {mine: {depth: 0.3}}\n", "E103", "kinds.mine.calm", 1),
    ("preset: balance_of_threat", "preset: balance_of_treat", "E211", "theory.preset", 0),
    ("status: talks,", "status: talks, signed: 2025-06-01,", "E215", "accords.jpn-kor-talks.signed", 0),
    ("status: talks, opened: 2025-05-01", "status: signed, opened: 2025-05-01, signed: 2025-04-01", "E215", "accords.jpn-kor-talks.signed", 0),
    ("status: talks, opened: 2025-05-01", "status: signed", "E103", "accords.jpn-kor-talks.signed", 0),
    ("host: CHN,", "host: CHN, accord: jpn-fra2,", "E309", "events.summit.accord", 0),
    ("targets: [JPN], rate", "targets: [], rate", "E212", "provocations.probing.targets", 0),
    ("groups: [NATO]}", "groups: [NATOO]}", "E107", "report.groups", 0),
    ("schema: 1", "schema: 99", "E108", "schema", 0),
    (TOP, "focal: sumit\n", "E309", "focal", 0),
    ("reference: true, ", "", "E111", "arms", 0),
    ("drop: [summit]", "drop: [sumit]", "E309", "arms.no_summit.drop[0]", 0),
    ("half: {set: {events.summit.visibility: 0.5}}", "half: {set: {events.summit.visiblity: 0.5}}", "E101", "arms.half.set.events.summit.visiblity", 0),
    ("half: {set: {events.summit.visibility: 0.5}}", "half: {set: {events.summit.visibility: 1.5}}", "E203", "arms.half: events.summit.visibility", 0),
    ("half: {set: {events.summit.visibility: 0.5}}", "half: {set: {start: 2025-01-01}}", "E110", "arms.half.set.start", 0),
    ("half: {set: {events.summit.visibility: 0.5}}", "half: {set: {parameters.collapse_rate: 0.5}}", "E110", "arms.half.set.parameters.collapse_rate", 0),
    ("half: {set: {events.summit.visibility: 0.5}}", "half: {set: {kinds.logistics.ceiling: 0.5}}", "E110", "arms.half.set.kinds.logistics.ceiling", 0),
    ("{id: reassurance,", "{id: aid,", "E015", "arms.reassured: events.aid.id", 0),
    ("question:", "q" * 900 + ":", "E101", "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq...", 0),
    ("{id: aid,", '{id: "<script>",', "E106", "events.<script>.id", 0),
    ("A summit of three", '""', "E207", "title", 0),
    ("tables/states.csv", "../../etc/passwd", "E501", "states[].table", 0),
    (TOP, TOP + "extends: ../other.yaml\n", "E501", "extends", 1),
    (TOP, TOP + "extends: summit.yaml\n", "E502", "extends", 1),
    ("tables/states.csv", "tables/stats.csv", "E001", "states[].table", 0),
    ("outside: [EGY, ETH]", "outside: [EGY, null]", "E207", "outside[1]", 0),
    ("arms:\n", "arms:\n" + "".join(f"  a{n}: {{}}\n" for n in range(300)), "E022", "arms", 0),
    ("arms:\n", "arms: {}\nnotes: >\n", "E212", "arms", 0),
    (TOP, TOP + "targets_alternatives: [{id: other, targets: [FRA], weight: 1.5, source: s}]\n", "E203", "targets_alternatives.other.weight", 1),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "path", "down"), CASES, ids=[f"{c[2]} {c[3]:.40}" for c in CASES])
def test_one_thing_wrong(world, old, new, code, path, down):
    line = world.line_of(old) + down
    found = world.edit(old, new).errors()
    here = [one for one in found if (one.line, one.code, one.path, one.file) == (line, code, path, str(world.path))]
    assert here, f"no {code} at {path} on line {line}:\n{report(found)}"
    assert len(found) <= 7, f"one mistake, {len(found)} errors:\n{report(found)}"


# text to replace, its replacement, what the next step or the bound must hold
NEXT_STEPS = [
    ("visibility: 1.0", "visibility: 1.2", "0..1"),
    ("visibility: 1.0", 'visibility: "0,5"', "use 0.5"),
    ("gdp_bn: 1870", 'gdp_bn: "28,751"', "write 28751"),
    ("gdp_bn: 1870", 'gdp_bn: "1,028,751.5"', "write 1028751.5"),
    ("beta: 0.2", 'beta: "0.2"', "remove the quotes"),
    ("beta: 0.2", "beta: 0,2", "decimal comma"),
    (TOP, "focal:summit\n", "write `focal: summit`"),
    ("principals: [CHN, RUS]", "participants: [CHN, RUS]", "`principals`"),
    ("NATO: [USA, FRA]", "Gulf monarchies: [USA, FRA]", "write `Gulf_monarchies`"),
    ("[CHN, RUS]", "[NO, RUS]", "`NOR`"),
    ("[EGY, ETH]", "[EGY, SUN]", "`RUS`"),
    ("kind: joint_summit", "kind: sumit", "`summit`"),
    ("status: talks,", "status: talks, signed: 2025-06-01,", "`scheduled_signed`"),
    ("date: 2025-10-01", "date: 2026-02-30", "2026-02 has 28 days"),
    ("date: 2025-10-01", "date: 1.10.2025", "as 2025-09-03"),
    ("kind: joint_summit", "kind: zzzz", "withdrawal"),
    (HALF, HALF.replace("visibility", "visiblity"), "`events.summit.visibility`"),
]


@pytest.mark.parametrize(("old", "new", "hint"), NEXT_STEPS, ids=lambda text: text[:30])
def test_bound_and_next_step(world, old, new, hint):
    found = world.edit(old, new).errors()
    assert hint in f"{found[0].suggestion} {found[0].allowed} {found[0].message}", report(found)


@pytest.mark.parametrize("key", ["schema", "title", "start", "end", "focal", "states", "arms"])
def test_b26_a_required_key_is_missed(world, key):
    lines = world.text.splitlines(keepends=True)
    start = next(at for at, line in enumerate(lines) if line.startswith(f"{key}:"))
    stop = next((at for at in range(start + 1, len(lines)) if lines[at][0].isalpha()), len(lines))
    found = world.write("".join(lines[:start] + lines[stop:])).errors()
    assert any(one.path == key and one.code in ("E103", "E108") for one in found), report(found)


def test_all_errors_in_one_pass_in_the_order_of_the_file(world):
    world.edit("beta: 0.2", "beta: 2").edit("km: 0", "km: -1").edit("kind: visit", "kind: visitt")
    world.edit("drop: [summit]", "drop: [sumit]").table("states", "1409", "x")
    found = world.errors()
    assert [one.code for one in found] == ["E203", "E211", "E203", "E201"]
    assert [one.line for one in found[:3]] == sorted(one.line for one in found[:3])


def test_rows_of_changes_and_pacts_that_are_refused_hide_no_others(world):
    war = "dyad: [USA, CHN], war: true}"
    late, never = f"{{date: 2090-01-01, {war}", f"{{date: 2025-13-01, {war}"
    pacts = "pacts:\n  one: {group: NATO, kind: zzz}\n  two: {group: NADO}\n"
    found = world.edit(TOP, f"{TOP}changes:\n  - {late}\n  - {never}\n{pacts}").edit("[summit]", "[sumit]").errors()
    assert [one.code for one in found] == ["E203", "E209", "E211", "E107", "E309"], report(found)


def test_no_cascade_from_a_state_that_cannot_be_read(world):
    found = world.table("states", "CHN,China", "CHNX,China").errors()
    assert [(one.code, one.path) for one in found] == [("E301", "states.CHNX.id")]


# --- files that are no scenario ---------------------------------------------------------------------

WHOLE: list[tuple[str, bytes, str, tuple[int, int]]] = [
    ("empty", b"", "E004", (1, 1)),
    ("large", b"#" + b"x" * (1 << 20), "E005", (1, 1)),
    ("latin-1", b"schema: 1\ntitle: T\xfcrkiye\n", "E006", (2, 9)),
    ("UTF-16", "schema: 1".encode("utf-16"), "E006", (1, 1)),
    ("binary", bytes(range(256)), "E006", (1, 1)),
    ("NUL", b"schema: 1\ntitle: a\0b\n", "E007", (2, 9)),
    ("open bracket", b"schema: 1\ntitle: [", "E010", (3, 1)),
    ("list", b"- a\n- b\n", "E012", (1, 1)),
    ("anchors", b"a: &a [x, x]\nb: [*a, *a, *a]\n", "E020", (1, 4)),
    ("deep", b"[" * 5000, "E021", (1, 1001)),
]


@pytest.mark.parametrize(("data", "code", "place"), [w[1:] for w in WHOLE], ids=[w[0] for w in WHOLE])
def test_no_scenario_at_all(world, data, code, place):
    found = world.write(data).errors()
    assert (found[0].code, found[0].line, found[0].col) == (code, *place), report(found)


ODD = [
    ("-", "E001", ""),
    ("https://example.org/a.yaml", "E501", ""),
    ("dangling.yaml", "E001", ""),
    ("loop.yaml", "E003", ""),
    ("scenarios", "E002", ""),
    ("worldd.yml", "E001", "`world.yaml`"),
    ("scenarios/bejing.yaml", "E001", "`scenarios/beijing_2025.yaml`"),
]


@pytest.mark.parametrize(("path", "code", "hint"), ODD, ids=[one[0] or "empty" for one in ODD])
def test_paths_that_lead_to_no_scenario(tmp_path, monkeypatch, path, code, hint):
    monkeypatch.chdir(tmp_path)
    os.symlink("nowhere.yaml", "dangling.yaml")
    os.symlink("loop.yaml", "loop.yaml")
    for folder in ("world", "scenarios"):
        os.mkdir(folder)
    for file in ("world.yaml", "scenarios/beijing_2025.yaml"):
        (tmp_path / file).write_text("schema: 1\n")
    (found,) = check_scenario(path)[1]
    assert found.code == code and hint in found.suggestion, found.text()


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
    assert found.code == "E501"


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
    assert found.file == str(world.folder / "f2.yaml")


def test_b69_an_error_in_an_extended_file_is_reported_there(world):
    world.edit("beta: 0.2", "beta: 2")
    (world.folder / "child.yaml").write_text("extends: summit.yaml\n")
    (found,) = [one for one in check_scenario(world.folder / "child.yaml")[1] if not one.is_warning]
    assert (found.file, found.line) == (str(world.path), world.line_of("beta: 2"))


# --- --set ------------------------------------------------------------------------------------------

SETS = [
    (["parameters.beta=abc"], "E201", 17),
    (["rate"], "E101", 1),
    (["parameters.beta=0.1", "parameters.beta=0.1"], "E014", 1),
    (["parameters.beta="], "E207", 17),
    (["parameters.beta=1", "parameters.tau={a"], "E010", 1),
    (["events.summit.visibility=2"], "E203", 26),
    (["events.summit.id=x"], "E101", 1),
    (["theory.preset=nul"], "E211", 15),
    (["parameters.beta=!x y"], "E023", 1),
]


@pytest.mark.parametrize(("settings", "code", "col"), SETS, ids=[" ".join(s[0]) for s in SETS])
def test_b72_set(world, settings, code, col):
    found = world.errors(set=settings)
    where = f"--set[{len(settings) - 1}]"
    assert [(one.code, one.file) for one in found] == [(code, where)] and found[0].col == col, report(found)


# --- warnings ---------------------------------------------------------------------------------------

WARNINGS = [
    ("no digest", "{table: tables/states.csv, sha256: ", "{table: tables/states.csv} # ", "W310"),
    ("no distance", "latitude: 37.57, longitude: 126.98, ", "", "W303"),
    ("a gap", "democracy: 0.63,\n", "\n", "W303"),
    ("millions for billions", "gdp_bn: 1870", "gdp_bn: 970000", "W304"),
    (
        "one event, two ids",
        AID,
        f"{AID}\n  {AID.replace('id: aid', 'id: help').replace('[NATO]', '[FRA, USA]')}",
        "W306",
    ),
    (
        "an arm's event is there already",
        "reassured:\n    add:\n",
        f"reassured:\n    add:\n      {AID.replace('id: aid', 'id: help')}\n",
        "W306",
    ),
    (
        "kind words and force on one day",
        "reassured:\n    add:\n",
        "reassured:\n    add:\n      - {id: raid, date: 2025-10-03, kind: force, principals: [CHN], targets: [FRA]}\n",
        "W307",
    ),
    ("a window beyond the end", "windows: [30, 90, 365]", "windows: [30, 90, 366]", "W305"),
]


@pytest.mark.parametrize(("old", "new", "code"), [w[1:] for w in WARNINGS], ids=[w[0] for w in WARNINGS])
def test_worth_saying_and_no_reason_to_refuse(world, old, new, code):
    scenario, found = world.edit(old, new).check()
    assert scenario is not None, report(found)
    assert code in {one.code for one in found}, report(found)


NEAR_MISSES = [
    ("another day", AID, f"{AID}\n  {AID.replace('id: aid, date: 2025-10-01', 'id: help, date: 2025-10-02')}"),
    ("another target", AID, f"{AID}\n  {AID.replace('id: aid', 'id: help').replace('[RUS]', '[CHN]')}"),
    (
        "force at somebody else",
        "reassured:\n    add:\n",
        "reassured:\n    add:\n      - {id: raid, date: 2025-10-03, kind: force, principals: [CHN], targets: [JPN]}\n",
    ),
    ("a window up to the end", "windows: [30, 90, 365]", "windows: [30, 90, 364, 365]"),
]


@pytest.mark.parametrize(("old", "new"), [n[1:] for n in NEAR_MISSES], ids=[n[0] for n in NEAR_MISSES])
def test_what_only_looks_doubtful_is_not_warned_of(world, old, new):
    scenario, found = world.edit(old, new).check()
    assert scenario is not None and not {one.code for one in found} & {"W305", "W306", "W307"}, report(found)


def test_a_window_longer_than_the_world_is_refused_with_the_bound(world):
    """367 days from start to end: 367 is the last that is taken."""
    assert world.edit("windows: [30, 90, 365]", "windows: [30, 90, 367]").load()
    (found,) = world.edit("windows: [30, 90, 367]", "windows: [30, 90, 368]").errors()
    assert (found.code, found.path, found.allowed) == ("E203", "report.windows[2]", "1..367")
    assert found.line == world.line_of("report:") and "2026-09-06" in found.suggestion


# --- no more work than the file is worth ------------------------------------------------------------

MANY = 1200
HUGE = {
    "keys": ("focal: summit\n", "focal: summit\n" + "".join(f"zkey{n}: 1\n" for n in range(MANY))),
    "principals": ("[CHN, RUS]", "[" + ", ".join(f"Q{n}" for n in range(MANY)) + "]"),
    "states": ("states:\n", "states:\n" + "".join(f"  - {{id: Q{n}x}}\n" for n in range(MANY))),
    "events": (AID, "\n  ".join([AID.replace("RUS", "RUSS")] * MANY)),
    "kinds": ("focal: summit\n", "focal: summit\nkinds: {" + ", ".join(f"k{n}: {{}}" for n in range(MANY)) + "}\n"),
    "repeated": ("focal: summit\n", "focal: summit\n" + "a: 1\n" * 100_000),
}


@pytest.mark.parametrize("name", HUGE)
def test_a_file_full_of_mistakes_ends_in_a_report(world, name):
    found = world.edit(*HUGE[name]).errors()
    assert len(found) <= 2 * MANY
    assert len(report(found).splitlines()) < 60

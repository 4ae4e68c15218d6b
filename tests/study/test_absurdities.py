"""What is absurd in a world is warned of, by code and place, and nothing is where it is not."""

import json
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.effects.scale import scale
from balance_sim.effects.world_at_start import world_at_start
from balance_sim.scenario import load_scenario, new_scenario
from balance_sim.show.absurdities import absurdities
from click.testing import CliRunner

QUARREL = "  - {a: XAR, b: XDO, claim: 1.0, militarised: 1.0}\n"
OF_ELLAND = "  - {a: XAR, b: XEL, claim: 0.5, militarised: 1.0}\n"
OF_BELMAR = "  - {a: XBE, b: XCO, claim: 0.5, militarised: 1.0}\n"
SOUND = [("# base_rate: 2.0", "base_rate: 2.0"), (QUARREL, QUARREL + OF_ELLAND + OF_BELMAR)]
"""Edits of the starter: a stated level, and a quarrel for both states that fear nobody."""

EARNED = [
    ("its patron is its adversary", "longitude: 28}", "longitude: 28, patrons: [XAR]}", "W320", "states.XEL"),
    ("no quarrel", OF_BELMAR, "", "W321", "states.XBE"),
    ("aimed at a friend", "targets: [XCO], host", "targets: [XCO, XBX], host", "W322", "events.summit.targets"),
    ("one dyad", OF_ELLAND, "", "W323", "states"),
    ("nothing seen", "visibility: 1.0}", "visibility: 0.0}", "W324", "events.summit"),
    ("too rare", "base_rate: 2.0", "base_rate: 0.002", "W325", "base_rate"),
    ("the largest event is small", "base_rate: 2.0", "base_rate: 0.002", "W325", "states"),
    ("too short", "end: 2026-03-01", "end: 2025-02-12", "W325", "end"),
    ("no level", "base_rate: 2.0", "# none", "W326", "base_rate"),
    ("no answer", "report: {", "theory: {weights: {alarm: 0}}\nreport: {", "W327", "theory"),
]
FAR = "  - {id: XBX, name: Bexley (made up), gdp_bn: 30, latitude: -40, longitude: -60}\n\ngroups:"


def found_in(folder: Path, *edits: tuple[str, str]) -> dict[tuple[str, str], str]:
    """Messages of all that is found in the starter so edited, by code and key path."""
    text = new_scenario("mine")
    for old, new in [*SOUND, *edits]:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    scenario = load_scenario(path)
    start = world_at_start(scenario)
    found = [*start.why_nothing, *absurdities(start, scale(scenario))]
    return {(finding.code, finding.path): finding.message for finding in found}


def test_a_sound_world_earns_no_warning(tmp_path: Path) -> None:
    assert not found_in(tmp_path)


@pytest.mark.parametrize(("old", "new", "code", "path"), [row[1:] for row in EARNED], ids=[row[0] for row in EARNED])
def test_an_absurd_world_earns_its_warning(tmp_path: Path, old: str, new: str, code: str, path: str) -> None:
    edits = [("\ngroups:", "\n" + FAR)] if "XBX" in new else []
    if old.startswith("end:"):
        edits = [("windows: [30, 90, 365]", "windows: [2]")]
    assert (code, path) in found_in(tmp_path, *edits, (old, new))


AT_ALL = ("targets: [XCO], host", "targets: [XCO, XDO, XBX], host")
PACT = "accords:\n  - {id: pact, a: XAR, b: XCO, kind: defence_pact, status: in_force, signed: 2015-03-01}\n"
WEAK = "gdp_bn: 0.01, milex_bn: 0.0003, population_m: 0.001"


@pytest.mark.parametrize(
    ("edits", "reasons"),
    [
        ([], {"XBX": "hostility"}),
        ([("accords:", PACT)], {"XBX": "hostility", "XCO": "agreement"}),
        (
            [
                ("gdp_bn: 900, milex_bn: 30, population_m: 60", WEAK),
                ("gdp_bn: 500, milex_bn: 20, population_m: 40", WEAK),
                ("report: {", "parameters: {beta: 0.001}\nreport: {"),
            ],
            dict.fromkeys(("XBX", "XCO", "XDO"), "reach"),
        ),
    ],
)
def test_why_a_target_is_not_threatened(tmp_path: Path, edits: list[tuple[str, str]], reasons: dict[str, str]) -> None:
    """A stranger far away has no quarrel, an ally is bound, and two dwarfs to whom nobody lends are too weak."""
    text = new_scenario("mine")
    for old, new in [*SOUND, ("\ngroups:", "\n" + FAR), AT_ALL, *edits]:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    start = world_at_start(load_scenario(tmp_path / "mine.yaml"))
    assert {calm.code: calm.reason for calm in start.calm_targets} == reasons


@pytest.mark.parametrize(
    ("name", "earned", "who"),
    [
        ("sinosov_1950", {"W320", "W321", "W322"}, "France (Soviet Union), United Kingdom (Soviet Union)"),
        ("taiwan", {"W320", "W321"}, "Nepal (India)"),
    ],
)
def test_what_shipped_scenarios_earn(name: str, earned: set[str], who: str) -> None:
    """Treaties of 1942 and 1944 with the Soviet Union in 1950, and of 1950 between India and Nepal, stand on record."""
    scenario = load_scenario(name)
    start = world_at_start(scenario)
    found = {one.code: one.message for one in [*start.why_nothing, *absurdities(start, scale(scenario))]}
    assert found.keys() == earned and who in found["W320"]


def test_check_puts_it_where_it_was_written(tmp_path: Path) -> None:
    found_in(tmp_path, ("visibility: 1.0}", "visibility: 0.0}"))
    path = tmp_path / "mine.yaml"
    answer = json.loads(CliRunner().invoke(main, ["check", str(path), "--json"]).output)
    lines = path.read_text().splitlines()
    (warning,) = [one for one in answer["warnings"] if one["code"] == "W324"]
    assert lines[warning["line"] - 1].lstrip().startswith("- {id: summit") and answer["ok"]

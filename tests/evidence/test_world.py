"""A world of real states in a year from the shipped extracts: facts, roles of the example, how much acts move, refusals."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.effects.scale import scale
from balance_sim.evidence.cases.tables import actor, is_state_in
from balance_sim.evidence.cases.world import EXTRACTS, FIRST_YEAR, LAST_YEAR, build_world
from balance_sim.evidence.data import codes
from balance_sim.evidence.data.agreements import AGREEMENTS
from balance_sim.evidence.data.series import SOURCES
from balance_sim.scenario import ScenarioError, check_scenario, load_scenario
from balance_sim.scenario.actors import code_table
from balance_sim.scenario.schema import Scenario
from click.testing import CliRunner

GULF = "SAU,IRN,ARE,QAT,KWT,BHR,OMN,IRQ,USA"
WORLDS = {
    "levant": ("ISR,LBN,SYR,JOR,EGY,TUR,IRQ,IRN,SAU", 2024),
    "gulf": (GULF, 2024),
    "asia": ("CHN,JPN,KOR,PRK,USA,RUS,VNM,PHL,IND,AUS,IDN,TWN", 2010),
    "cold_war": ("SUN,USA,GBR,FRA,DEU,POL,TUR,GRC,ITA,YUG,HUN,ROU", 1965),
}
SMALLER = ("statement", "joint_summit", "exercise", "treaty")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Scenario]:
    folder, loaded = tmp_path_factory.mktemp("worlds"), {}
    for name, (states, year) in WORLDS.items():
        for path, text in build_world(name, states, year, None)[0].items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        scenario, problems = check_scenario(folder / f"{name}.yaml")
        assert scenario is not None and all(one.is_warning for one in problems)
        loaded[name] = scenario
    return loaded


def test_facts_of_the_gulf(worlds: dict[str, Scenario]) -> None:
    """NMC 7.0 of 2022; the rivalry of Thompson and others; the GCC's pact of 2000; no relations since 1980."""
    gulf = worlds["gulf"]
    states = {state.id: state for state in gulf.states}
    assert states["SAU"].capability == pytest.approx(0.013417, abs=1e-6) and states["SAU"].name == "Saudi Arabia"
    assert states["USA"].nuclear_since == date(1945, 7, 16) and states["IRN"].nuclear_since is None
    assert all(state.democracy is not None and state.ideal_point is not None for state in gulf.states)
    rivals = {(row.a, row.b) for row in gulf.disputes if row.rivalry == 1.0}
    assert {("IRN", "SAU"), ("IRN", "USA")} <= rivals and ("ARE", "SAU") not in rivals
    pacts = {row.key for row in gulf.accords if row.signed == date(2000, 12, 31)}
    assert "KWT-SAU-pact-2000" in pacts and not any("IRN" in key for key in pacts)
    assert next((row.a, row.b, row.kind) for row in gulf.no_relations) == ("IRN", "USA", "no_diplomatic_relations")
    assert gulf.start == date(2024, 1, 1) and gulf.base_rate == pytest.approx(36 * 0.024, rel=0.01)


def test_who_acts_in_the_example(worlds: dict[str, Scenario]) -> None:
    """Whose rivalries join most strength, of those against whom a dyad can count: with an ally where more can."""
    examples = {name: world.events[0] for name, world in worlds.items()}
    assert {name: (event.kind, event.principals) for name, event in examples.items()} == {
        "levant": ("incident", ("IRN",)),
        "gulf": ("incident", ("IRN",)),
        "asia": ("exercise", ("CHN", "PRK")),
        "cold_war": ("incident", ("SUN",)),
    }
    assert "SUN" not in examples["cold_war"].targets and {"USA", "TUR"} <= {*examples["cold_war"].targets}


def test_nothing_of_the_year_or_later_is_known(worlds: dict[str, Scenario]) -> None:
    for world in worlds.values():
        assert all(row.signed < world.start for row in world.accords if row.signed)
        assert all(row.since is None or row.since < world.start for row in world.no_relations)


@pytest.mark.parametrize("name", WORLDS)
def test_acts_move_as_much_as_on_record(worlds: dict[str, Scenario], name: str) -> None:
    """Each act that is not force moves agreements by as much as the record's 95 % interval allows, and by a hundredth
    of them at least: a treaty."""
    found = scale(worlds[name])
    answers = {act.act: act for act in found.acts if act.act in SMALLER}
    for act in answers.values():
        assert act.record[1] <= act.effect <= act.record[2], (act.act, act.effect, act.record)
    assert found.direction == "counter" and found.ratio(answers["treaty"].effect) > 0.01


def test_the_order_of_states_does_not_matter_and_a_rate_is_taken() -> None:
    turned = ",".join(reversed(GULF.split(",")))
    world = build_world("gulf", GULF, 2024, 2.5)
    assert world == build_world("gulf", turned.lower(), 2024, 2.5)
    assert "\nbase_rate: 2.5\n" in world[0]["gulf.yaml"]


def test_more_agreements_than_dyads_are_refused() -> None:
    with pytest.raises(ScenarioError) as raised:
        build_world("gulf", GULF, 2024, 37.0)
    assert [(one.code, one.file, one.allowed) for one in raised.value.problems] == [("E203", "--base-rate", "up to 36")]


REFUSED = [
    (f"{GULF},IRM", 2024, "E301", "use ISO3 codes"),
    (f"{GULF},Qatar", 2024, "E302", "use `QAT`"),
    (f"{GULF},YUG", 2024, "E304", "use `SRB`"),
    (f"{GULF},IRN", 2024, "E306", ""),
    ("SAU,IRN", 2024, "E212", ""),
    (GULF, FIRST_YEAR - 1, "E203", "evidence case"),
]


@pytest.mark.parametrize(("states", "year", "code", "hint"), REFUSED)
def test_what_is_refused(states: str, year: int, code: str, hint: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        build_world("gulf", states, year, None)
    (found,) = raised.value.problems
    assert found.code == code and hint in found.suggestion


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    call = CliRunner().invoke
    late = call(main, ["new", "late", "--states", "SAU,IRN,IRQ", "--year", str(LAST_YEAR + 9)])
    assert late.exit_code == 0 and f"{LAST_YEAR} is the last year on record" in late.output
    assert f"\nstart: {LAST_YEAR}-01-01" in Path("late.yaml").read_text()
    table = Path("late/states.csv")
    table.write_text(table.read_text().replace(",0.9,", ",0.8,"))  # what its user knows better
    assert call(main, ["check", "late.yaml", "--no-world", "--seal"]).exit_code == 0
    assert {state.reliability for state in load_scenario("late.yaml").states} == {0.8}
    for words in (["--year", "2000"], ["--states", "SAU,IRN,IRQ", "--out", "-"]):
        assert call(main, ["new", "other", *words]).exit_code == 2
    assert call(main, ["new", "late", "--states", "SAU,IRN,IRQ"]).exit_code == 2  # it is there
    assert call(main, ["check", "late.yaml", "--no-world"]).exit_code == 0


def test_extracts_are_small_and_each_has_its_source() -> None:
    files = sorted(EXTRACTS.glob("*.csv.gz"))
    assert sum(file.stat().st_size for file in files) < 300_000
    text = (EXTRACTS / "SOURCES.md").read_text(encoding="utf-8")
    read = {Path(source.of(EXTRACTS).report.path).name for source in SOURCES.values()}
    assert read - {""} == {file.name for file in files}
    assert all(f"`{file.name.removesuffix('.csv.gz')}`" in text for file in files)


OWN_CASE = Path(__file__).parents[2] / "docs" / "own_case.md"
QUICK = {"calibrate": ["--no-card", "--json"], "gof": ["--runs", "8", "--no-figures", "--json"]}


def documented_commands() -> list[str]:
    section = OWN_CASE.read_text(encoding="utf-8").split("## Fit and hindcast\n")[1].split("\n## ")[0]
    return re.findall(r"^ {4}\./balance-sim (?:--with evidence )?(.+)$", section, re.MULTILINE)


def answer(line: str, extra: list[str]) -> str:
    done = CliRunner().invoke(main, [*line.split(), *extra])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.needs("sklearn")
@pytest.mark.slow
def test_the_record_that_ships_is_fitted_and_forecast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of docs/own_case.md. The fit counts the declarations in the folder that its states signed; dyads
    forecast are those of 22 states in 8 years."""
    record, fit, hindcast = documented_commands()[:3]
    monkeypatch.chdir(tmp_path)
    answer(record, [])
    fitted = json.loads(answer(fit, ["--json"]))["fitted"]
    states = {*fit.split("--states ")[1].split()[0].split(",")}
    rows = AGREEMENTS.read("treaties/accords.csv").frame
    dyads = [codes.convert(rows[side], rows["signed"], "cow", "iso3").isin(states) for side in ("cow_a", "cow_b")]
    counts = dyads[0] & dyads[1] & rows["signed"].dt.year.between(1991, 2003)
    declarations = rows[counts & (rows["kind"] == "political_declaration")]
    assert (
        fitted["accords"]
        == len(declarations.assign(year=declarations["signed"].dt.year).groupby(["cow_a", "cow_b", "year"]))
        > 0
    )
    plan = hindcast.replace("experiments", str(OWN_CASE.parents[1] / "experiments"))
    scores = json.loads(answer(plan, ["--no-figures", "--json"]))["one_year_ahead"]["model"]
    assert scores["n"] == 8 * 22 * 21 // 2 and scores["events"] > 0


@pytest.mark.slow
def test_a_world_s_own_treaties_are_calibrated_and_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of docs/own_case.md, on treaties of two states before the start alone; out of sample the span's own
    are in no calibration."""
    made, calibrated, compared = documented_commands()[-3:]
    monkeypatch.chdir(tmp_path)
    answer(made, [])
    dated = [row.signed for row in load_scenario("eurasia.yaml").accords if row.signed and not row.multilateral]
    before = sum(date(1984, 1, 1) <= day < date(2004, 1, 1) for day in dated)
    in_span = sum(date(2001, 1, 1) <= day < date(2004, 1, 1) for day in dated)
    assert json.loads(answer(calibrated, QUICK["calibrate"]))["calibrated"]["agreements"] == before == 64
    text = Path("eurasia.yaml").read_text(encoding="utf-8")
    named, count = re.subn("(?m)^base_rate: .+$", "calibration: eurasia/calibration.yaml", text)
    Path("eurasia.yaml").write_text(named, encoding="utf-8")
    assert count == 1 and load_scenario("eurasia.yaml").calibration.weights
    study = json.loads(answer(compared, QUICK["gof"]))
    assert study["about"]["ahead"] is True and study["agreements"] == in_span > 0


def of_everybody(year: int) -> str:
    """Codes of all states of a year that the series know."""
    day, found = date(year, 1, 1), dict[str, str]()
    for code in code_table():
        state = actor(code, day)
        if state is not None and is_state_in(code, year) is None:
            found.setdefault(state.iso3, code)
    return ",".join(found.values())


def test_a_world_of_all_states_has_an_example_and_lines_that_can_be_read(tmp_path: Path) -> None:
    """At whom the example is aimed have a quarrel of weight with one of the actors, and are few; what the series lack is
    said by series and not by state."""
    codes = of_everybody(2024)
    assert codes.count(",") > 190
    files, _ = build_world("all", codes, 2024, None)
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    lines = files["all.yaml"].splitlines()
    assert max(map(len, lines)) < 300 and len(lines) < 80
    world = load_scenario(tmp_path / "all.yaml")
    (event,) = world.events
    assert 1 <= len(event.targets) <= 8
    p = world.parameters
    nats = {
        frozenset((row.a, row.b)): p.eta_rivalry * row.rivalry
        + p.eta_claim * row.claim
        + p.eta_militarised * row.militarised
        + p.eta_war * row.war
        for row in world.disputes
    }
    apart = {frozenset((row.a, row.b)) for row in world.no_relations}
    for target in event.targets:
        dyads = [frozenset((target, one)) for one in event.principals]
        assert any(nats.get(dyad, 0.0) >= p.eta_claim or dyad in apart for dyad in dyads), target
    capability = {state.id: state.capability or 0.0 for state in world.states}
    assert min(capability[code] for code in event.targets) > 1e-4  # no Andorra

"""Names of what comes with the program: found from any folder, a file here before one of the package."""

import shutil
from pathlib import Path

import pytest
from balance_sim.scenario.files import Sources, find, shipped_files, shipped_root
from balance_sim.scenario.load import check_scenario, load_scenario
from balance_sim.scenario.plans import offered_files
from program import answered

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "experiments" / "smoke" / "five_states.yaml"


@pytest.fixture(autouse=True)
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_file_in_the_three_folders_is_offered_with_its_command() -> None:
    """Compared with the folders of the checkout; a path in the place of each name gives the same file."""
    assert shipped_root() == ROOT
    files = {path for folder in ("scenarios", "experiments", "games") for path in (ROOT / folder).glob("*.yaml")}
    assert {path for _, path in shipped_files()} == files
    offered = offered_files()
    assert {Path(one.path) for one in offered} == files and all(one.is_shipped and one.title for one in offered)
    of = {(one.kind, one.name): one.command for one in offered}
    assert of["scenario", "beijing_2025"] == "balance-sim run beijing_2025"
    assert of["game", "beijing_2025"] == "balance-sim game beijing_2025"
    assert of["experiment", "theories"] == "balance-sim sweep theories"
    assert of["cases", "cases"] == "balance-sim evidence cases cases"
    assert of["hindcast", "hindcast_dcad"] == "balance-sim evidence hindcast hindcast_dcad --data DIR"


NAMES = ["solomon_2022", "smoke", "security_dilemma", "cases", "hindcast_dcad"]


@pytest.mark.parametrize("name", NAMES)
def test_a_bare_name_is_found_from_an_empty_folder(name: str) -> None:
    code, said, _ = answered("check", name, "--no-world")
    assert code == 0 and said.startswith(f"{name}: ok"), said


def test_a_file_here_comes_first(empty: Path) -> None:
    (empty / "scenarios").mkdir()
    shutil.copy(SMOKE, empty / "scenarios" / "solomon_2022.yaml")
    assert load_scenario("solomon_2022").codes == load_scenario(SMOKE).codes
    row = next(one for one in offered_files() if one.name == "solomon_2022")
    assert (row.path, row.is_shipped) == ("scenarios/solomon_2022.yaml", False)
    assert answered("list")[1].splitlines()[-1] == "Not shipped, but here: scenarios/solomon_2022.yaml"
    shutil.copy(SMOKE, empty / "solomon_2022.yaml")
    assert Sources("solomon_2022").path == Path("solomon_2022.yaml")


WHAT_IF = (
    'schema: 1\nextends: solomon_2022\ntitle: "Solomon, half as visible"\nevents: [{id: signal, visibility: 0.5}]\n'
)


def test_a_file_in_any_folder_extends_a_shipped_scenario_by_its_name(empty: Path) -> None:
    (empty / "mine.yaml").write_text(WHAT_IF, encoding="utf-8")
    mine, below = load_scenario("mine.yaml"), load_scenario("solomon_2022")
    focal = {event.id: event for event in mine.events}[mine.focal]
    assert (
        focal.visibility == 0.5 and mine.agreements == below.agreements and mine.posterior.file == below.posterior.file
    )
    assert Path(mine.folder) / mine.posterior.draws == Path(below.folder) / below.posterior.draws
    (empty / "mine.yaml").write_text(WHAT_IF.replace("solomon_2022", "solomon_2022.yaml"), encoding="utf-8")
    assert load_scenario("mine.yaml").sha256 == mine.sha256


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        ("solomn_2022", "E001", "did you mean `solomon_2022`?"),
        ("nothing_like_it_at_all", "E001", ""),
        ("../solomon_2022", "E501", "lies outside"),
        ("solomon_2022/states.csv", "E001", "cannot be read"),
        ("mine", "E502", "cycle"),
    ],
)
def test_nothing_else_of_the_package_is_reached(empty: Path, written: str, code: str, said: str) -> None:
    (empty / "mine.yaml").write_text(WHAT_IF.replace("solomon_2022", written), encoding="utf-8")
    _, problems = check_scenario("mine.yaml")
    assert [one.code for one in problems] == [code] and said in problems[0].text()


def test_a_folder_of_tables_does_not_hide_the_scenario_of_its_name(empty: Path) -> None:
    Path("my_case").mkdir()
    assert find("my_case") == Path("my_case")
    Path("my_case.yaml").touch()
    assert find("my_case") == Path("my_case.yaml")

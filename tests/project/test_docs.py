"""The docs say what the code does: terms, keys, columns and outcomes are those of a real run; places that they name
are there."""

import re
from collections import defaultdict
from datetime import date
from functools import cache
from importlib import import_module
from itertools import combinations
from operator import attrgetter
from pathlib import Path

import balance_sim as bs
import pytest
from balance_sim.evidence.forecast.forecast import thaw
from balance_sim.model.responses import STANCES
from balance_sim.scenario.schema import TERMS

ROOT = Path(__file__).resolve().parents[2]


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def first_cells(text: str) -> set[str]:
    """Names in `code` in the first cell of each row of the tables."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.fixture(scope="module")
def result(starter: bs.Scenario, tmp_path_factory: pytest.TempPathFactory) -> bs.Result:
    return bs.run(starter, runs=3, seed=1, out=tmp_path_factory.mktemp("docs") / "results")


def test_every_term_is_in_the_model_page() -> None:
    table = page("model.md").split("| term | form | reads |")[1].split("\n\n")[0]
    assert first_cells(table) == set(TERMS)


def test_keys_of_the_summary(result: bs.Result) -> None:
    table = page("json.md").split("| key | holds |")[1].split("\n\n")[0]
    rows = [row for row in table.splitlines() if "with `plugins:" not in row]
    documented = {re.split(r"[.\[]", name)[0] for name in first_cells("\n".join(rows))}
    assert documented == {*result.summary(), "timing"}  # which `--json` adds


def test_every_outcome_is_documented(result: bs.Result) -> None:
    counted, seen = (
        page("json.md").split(f"| outcome | {head} |")[1].split("\n\n")[0] for head in ("counts", "what it is")
    )
    scenario = result.scenario
    groups = [*scenario.report.groups, "outside", "south_korea"]
    words = {
        "<kind>": sorted(scenario.kinds),
        "<group>": groups,
        "<audience>": sorted(scenario.audiences),
        "<stance>": list(STANCES),
        "_W": [f"_{window}" for window in scenario.report.windows],
        "_L": [f"_{max(scenario.report.windows)}"],
    }

    def spelt(names: set[str]) -> set[str]:
        for blank, fillings in words.items():
            names = {name.replace(blank, one) for name in names for one in fillings}
        return names

    made, of_counted, of_seen = (set(result.outcome_names), spelt(first_cells(counted)), spelt(first_cells(seen)))
    assert of_counted <= made
    assert made - of_counted <= of_seen


def test_columns_of_the_accords(result: bs.Result) -> None:
    table = page("json.md").split("`accords/`, one row")[1].split("Agreements in force at the start")[0]
    assert first_cells(table) == {*result.agreements.columns, "point"}


FORECASTS = sorted((ROOT / "docs" / "forecasts").glob("*.json"))
EARLIER = sorted((ROOT / "docs" / "forecasts" / "earlier").glob("*.json"))


NO_FORECASTS = {"taiwan"}
"""Invented: nothing can come of it (docs/worlds.md)."""


def test_every_shipped_scenario_but_one_has_a_frozen_forecast() -> None:
    assert {path.stem for path in FORECASTS} | NO_FORECASTS == {
        path.stem for path in (ROOT / "scenarios").glob("*.yaml")
    }


shipped = cache(bs.load_scenario)


@pytest.mark.parametrize("path", [*FORECASTS, *EARLIER], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_frozen_forecast_is_as_it_was_frozen(path: Path) -> None:
    """Its hash holds, it speaks of all dyads of the roster, and of the days after the focal event."""
    forecast, day = thaw(path)
    scenario = shipped(path.stem.partition("_decision")[0])
    assert set(forecast.pairs) == {tuple(sorted(dyad)) for dyad in combinations(scenario.codes, 2)}
    assert min(forecast.p) > 0 and max(forecast.p) < 1
    focal = next(event.date for event in scenario.events if event.id == scenario.focal)
    assert (forecast.first - focal).days == 1
    assert (forecast.last - focal).days == max(scenario.report.windows)
    assert date.fromisoformat(day) >= focal


CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PLACE = re.compile(r"`([\w/]+)\.py(?:: ([\w.]+))?`(?: and `(\w+)`)?")


def test_the_ten_answers_are_there() -> None:
    rows = [line.split("|")[1:3] for line in CONTRIBUTING.splitlines() if line.startswith("| ") and ".py" in line]
    assert len(rows) == 10
    for question, answer in rows:
        places = PLACE.findall(answer)
        assert places, question
        for file, *names in places:
            module = import_module(f"balance_sim.{file.replace('/', '.')}")
            for name in filter(None, names):
                assert attrgetter(name)(module).__module__ == module.__name__, (question, name)


def test_files_and_commands_that_are_named_are_there() -> None:
    for path in re.findall(r"`(?:bash |uv run python )?((?:\.ci|tests|docs)/[\w./]+)`", CONTRIBUTING):
        assert (ROOT / path).exists(), path


def marked() -> dict[str, set[str]]:
    """By row: files with tests of every run that hold it."""
    out: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        for test in path.read_text(encoding="utf-8").split("\n\n\n"):
            if "\n@pytest.mark.long\n" not in f"\n{test}":
                for rows in re.findall(r"^@pytest\.mark\.fault\((.*)\)$", test, re.MULTILINE):
                    for row in re.findall(r"\w+", rows):
                        out[row].add(path.relative_to(ROOT / "tests").as_posix())
    return out


def test_each_row_of_faults_is_there_once_in_order_and_names_the_files_of_its_tests() -> None:
    rows = re.findall(r"^\| (F\d+) .* \| (.*) \|$", page("faults.md"), re.MULTILINE)
    assert [row for row, _ in rows] == [f"F{number:02d}" for number in range(1, 19)]
    assert {row: {*re.findall(r"`([^`]+)`", files)} for row, files in rows} == marked()

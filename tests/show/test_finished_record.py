"""When a folder answers a command: only where inputs, options, code and every file are what they were."""

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from balance_sim.cli import main
from balance_sim.cli.run import _write
from balance_sim.effects.result import AnalysedResult
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, scenario_files
from balance_sim.scenario.defaults import DEFAULT_PRESET, presets
from balance_sim.show import finished
from balance_sim.show.finished import (
    RECORD,
    FinishedRun,
    answering_run,
    code_digest,
    digests,
    finished_run,
    keep_record,
    request_digest,
)
from balance_sim.show.headline import paragraphs
from balance_sim.study.store import Store
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "experiments" / "smoke"
OTHER_THEORY = next(name for name in presets() if name != DEFAULT_PRESET)
OPTIONS = {"runs": 4, "seed": 1, "arms": None, "draws": None}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> AnalysedResult:
    return run(SMOKE / "what_if.yaml", 4, 1, out=tmp_path_factory.mktemp("finished") / "kept")


@pytest.fixture(scope="module")
def kept(result: AnalysedResult) -> Path:
    """A folder of a run with its record; figures and report are there as well, of a kind."""
    folder = result.folder
    assert folder is not None
    (folder / "figures").mkdir()
    for name in ("figures/map.png", "figures/arms.svg", "report.html", "summary.json"):
        (folder / name).write_bytes(name.encode())
    keep_record(result, "asked", has_figures=True)
    return folder


@pytest.fixture
def folder(kept: Path, tmp_path: Path) -> Path:
    """A copy of it, that a test may spoil."""
    return Path(shutil.copytree(kept, tmp_path / "copy"))


def answers(folder: Path, request: str = "asked", *, figures: bool = True) -> bool:
    found = answering_run("what_if", folder, request, figures=figures)
    assert found is None or (found[0] == folder and found[1] == finished_run(folder))
    return found is not None


def test_the_record_is_of_the_study_and_of_every_file(kept: Path, result: AnalysedResult) -> None:
    record = finished_run(kept)
    assert record is not None
    manifest = Store(kept).manifest()
    assert (record.request, record.code, record.study) == ("asked", code_digest(), manifest.study_key)
    names = {path.relative_to(kept).as_posix() for path in kept.rglob("*") if path.is_file()}
    assert {*record.files} == names - {RECORD, "lock"} >= {"manifest.json", "report.html", "figures/map.png"}
    assert any(name.startswith("runs/") for name in names)
    assert record.paragraphs == [*paragraphs(result)]
    assert answers(kept) and answers(kept, figures=False)


def test_another_request_or_other_code_is_not_answered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not answers(folder, "something else") and not answers(folder, "")
    monkeypatch.setattr(finished, "code_digest", lambda: "of other code")
    assert not answers(folder) and not finished_run(folder).is_drawn(folder)


def test_every_file_counts(folder: Path) -> None:
    """One byte more, one that is gone, one that was put there: none is answered from, and put back it is."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("lock", RECORD)]
    assert len(files) > 8
    for path in files:
        content = path.read_bytes()
        path.write_bytes(content + b" ")
        assert not answers(folder, figures=False), path
        path.unlink()
        assert not answers(folder, figures=False), path
        path.write_bytes(content)
    assert answers(folder)
    for name in ("more.txt", "figures/more.png", "runs/lock/more.parquet"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"")
        assert not answers(folder), name
        (folder / name).unlink()
    first, second = folder / "figures/map.png", folder / "figures/arms.svg"
    texts = first.read_bytes(), second.read_bytes()
    first.write_bytes(texts[1])
    second.write_bytes(texts[0])
    assert not answers(folder), "each content has its name"


def test_a_lock_says_nothing(folder: Path) -> None:
    (folder / "lock").write_text("of another process")
    assert answers(folder)


def sealed(record: FinishedRun, **values: Any) -> str:
    other = record.model_copy(update=values | {"sha256": ""})
    return other.model_copy(update={"sha256": other.seal}).model_dump_json()


def test_figures_that_were_not_drawn_are_drawn(folder: Path) -> None:
    record = finished_run(folder)
    (folder / RECORD).write_text(sealed(record, has_figures=False))
    assert answers(folder, figures=False) and not answers(folder, figures=True)
    assert not finished_run(folder).is_drawn(folder)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("request", "else"),
        ("code", "else"),
        ("study", "else"),
        ("has_figures", False),
        ("paragraphs", ["The effect is 5."]),
        ("files", {}),
        ("sha256", ""),
    ],
)
def test_a_record_whose_field_was_changed_is_none(folder: Path, field: str, value: object) -> None:
    content = json.loads((folder / RECORD).read_text())
    assert content[field] != value
    (folder / RECORD).write_text(json.dumps(content | {field: value}))
    assert finished_run(folder) is None and not answers(folder, figures=False)


def test_what_cannot_be_read_as_a_record_is_none(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (folder / RECORD).read_text()
    for wrong in ("", "{}", "[]", text[:-20], text.replace('"has_figures": true', '"has_figures": "yes"')):
        (folder / RECORD).write_text(wrong)
        assert finished_run(folder) is None
    (folder / RECORD).unlink()
    assert finished_run(folder) is None and finished_run(tmp_path / "nowhere") is None
    (folder / RECORD).write_text(text)
    monkeypatch.setattr(finished, "LARGEST", len(text.encode()) - 1)
    assert finished_run(folder) is None


def test_figures_are_ours_until_one_is_another(folder: Path) -> None:
    record = finished_run(folder)
    assert record.is_drawn(folder)
    (folder / "summary.json").write_text("of another summary")
    assert record.is_drawn(folder), "it is no figure"
    for name in ("report.html", "figures/map.png", "figures/more.svg"):
        there = (folder / name).read_bytes() if (folder / name).exists() else None
        (folder / name).write_bytes(b"of another hand")
        assert not record.is_drawn(folder), name
        if there is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(there)
        assert record.is_drawn(folder)
    (folder / "report.html").unlink()
    assert not record.is_drawn(folder)


# -- which folder is asked


@pytest.fixture
def default(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder as it is named where none is given."""
    monkeypatch.chdir(tmp_path)
    place = Path("results") / f"what_if-{finished_run(folder).study[:8]}"
    place.parent.mkdir()
    folder.rename(place)
    return place


def default_answer(name: str = "what_if") -> Path | None:
    found = answering_run(name, None, "asked", figures=True)
    return found[0] if found else None


def test_the_default_folder_answers_under_its_own_name_alone(default: Path) -> None:
    assert default_answer() == default
    assert default_answer("what") is None and default_answer("*") is None and default_answer("if") is None
    for wrong in ("what_if-00000000", "what_if-", f"{default.name}0", f"other-{default.name[-8:]}"):
        moved = default.rename(default.parent / wrong)
        assert default_answer() is None, wrong
        assert answering_run("what_if", moved, "asked", figures=True), "a folder that is named may have any name"
        moved.rename(default)
    assert default_answer() == default


def test_a_name_with_signs_of_patterns_is_a_name(default: Path) -> None:
    for name in ("wh[a]t_if", "what_i?"):
        assert default_answer(name) is None
        shutil.copytree(default, default.parent / f"{name}-{default.name[-8:]}")
        assert default_answer(name) == default.parent / f"{name}-{default.name[-8:]}"


def test_the_folder_that_is_named_is_the_only_one(default: Path, tmp_path: Path) -> None:
    assert default_answer() == default
    assert answering_run("what_if", tmp_path / "empty", "asked", figures=True) is None


def test_of_several_folders_the_one_with_the_request_answers(default: Path) -> None:
    """Another study of the scenario, whose record comes first or last."""
    record = finished_run(default)
    for key in ("0" * 64, "f" * 64):
        other = Path(shutil.copytree(default, default.parent / f"what_if-{key[:8]}"))
        (other / RECORD).write_text(sealed(record, study=key, request="something else"))
    assert default_answer() == default


# -- what is asked


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A scenario with a parent and tables."""
    for name in ("five_states.yaml", "what_if.yaml"):
        (tmp_path / name).write_bytes((SMOKE / name).read_bytes())
    return tmp_path / "what_if.yaml"


def request(path: Path, options: dict[str, Any] = OPTIONS, **reading: Any) -> str:
    return request_digest(load_scenario(path, **reading), scenario_files(path), options)


def test_each_input_and_option_makes_another_request(files: Path) -> None:
    asked = {"as it is": request(files)}
    assert request(files) == asked["as it is"] == request(files, dict(reversed(OPTIONS.items())))
    for name, value in {"runs": 5, "seed": 2, "arms": "summit", "draws": "prior"}.items():
        asked[name] = request(files, OPTIONS | {name: value})
    asked["set"] = request(files, set=["parameters.beta=0.31"])
    asked["theory"] = request(files, theory=OTHER_THEORY)
    for name in ("what_if.yaml", "five_states.yaml"):
        text = (files.parent / name).read_text()
        (files.parent / name).write_text(f"{text}# a note\n")
        asked[f"a note in {name}"] = request(files)
        (files.parent / name).write_text(text)
    other = files.rename(files.with_name("what_then.yaml"))
    asked["another name"] = request(other)
    assert len({*asked.values()}) == len(asked), asked
    assert request(other.rename(files)) == asked["as it is"]


def test_each_text_has_its_file(files: Path) -> None:
    scenario = load_scenario(files)
    one = request_digest(scenario, {"a": b"1", "b": b"2"}, OPTIONS)
    others = [{"a": b"2", "b": b"1"}, {"a": b"1"}, {"a": b"1", "c": b"2"}, {"a": b"12", "b": b""}]
    assert len({one, *(request_digest(scenario, texts, OPTIONS) for texts in others)}) == 5
    assert request_digest(scenario, {"b": b"2", "a": b"1"}, OPTIONS) == one


def test_scenarios_of_the_same_files_and_another_content_are_others(files: Path) -> None:
    """As with another version's defaults."""
    scenario = load_scenario(files)
    named = scenario.model_copy(update={"name": "other"})
    valued = scenario.model_copy(update={"sha256": "0" * 64})
    assert len({request_digest(one, {}, OPTIONS) for one in (scenario, named, valued)}) == 3


def with_draws(folder: Path, table: bytes) -> Path:
    """A scenario that names a table of draws; nobody reads it here."""
    folder.mkdir(exist_ok=True)
    for path in (ROOT / "scenarios" / "solomon_2022").iterdir():
        (folder / "solomon_2022").mkdir(exist_ok=True)
        shutil.copy(path, folder / "solomon_2022" / path.name)
    path = Path(shutil.copy(ROOT / "scenarios" / "solomon_2022.yaml", folder))
    (folder / "solomon_2022" / "posterior.csv.gz").write_bytes(table)
    return path


def test_another_table_of_draws_makes_another_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same scenario and the same head, beside which the table has been exchanged, or is gone; from wherever."""
    path = with_draws(tmp_path / "a", b"first")
    scenario = load_scenario(path)
    assert scenario.posterior.draws and scenario.posterior.draws not in scenario_files(path)
    first = request(path)
    monkeypatch.chdir(tmp_path)
    assert request(Path("a") / path.name) == first
    assert request(with_draws(tmp_path / "a", b"second")) != first
    assert request(with_draws(tmp_path / "a", b"first")) == first
    (tmp_path / "a" / "solomon_2022" / "posterior.csv.gz").unlink()
    assert request(path) != first


def test_a_child_elsewhere_has_its_parents_draws(tmp_path: Path) -> None:
    parent = with_draws(tmp_path / "a", b"first")
    child = tmp_path / "child.yaml"
    child.write_text(f"schema: 1\nextends: a/{parent.name}\ntitle: a child\n")
    first = request(child)
    with_draws(tmp_path / "a", b"second")
    assert request(child) != first
    with_draws(tmp_path / "a", b"first")
    assert request(child) == first


# -- the code


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Callable[[], str]]:
    """A small package in the place of this one, and its digest."""
    package = tmp_path / "package"
    (package / "inner").mkdir(parents=True)
    (package / "a.py").write_text("A = 1\n")
    (package / "inner" / "b.yaml").write_text("b: 1\n")
    monkeypatch.setattr(finished, "PACKAGE", package)
    return package, code_digest.__wrapped__


def test_any_file_of_the_package_is_code(code: tuple[Path, Callable[[], str]]) -> None:
    package, digest = code
    seen = {digest()}
    assert digest() in seen

    def is_new() -> bool:
        count = len(seen)
        seen.add(digest())
        return len(seen) > count

    (package / "a.py").write_text("A = 2\n")
    assert is_new()
    (package / "inner" / "b.yaml").write_text("b: 2\n")
    assert is_new()
    (package / "inner" / "c.csv").write_text("")
    assert is_new()
    (package / "a.py").rename(package / "c.py")
    assert is_new()
    (package / "c.py").rename(package / "inner" / "c.py")
    assert is_new()
    (package / "inner").rename(package / "other")
    assert is_new(), "files have the same names in the same order"
    (package / "other" / "__pycache__").mkdir()
    (package / "other" / "__pycache__" / "c.cpython-313.pyc").write_bytes(b"compiled")
    assert not is_new()


@pytest.mark.parametrize("program", ["numpy", "pandas", "pyarrow", "scipy", "matplotlib", "jinja2"])
def test_so_are_the_programs_that_it_computes_and_draws_with(
    code: tuple[Path, Callable[[], str]], program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, version = code[1](), finished.version
    monkeypatch.setattr(finished, "version", lambda name: "0.0" if name == program else version(name))
    assert code[1]() != before


def test_so_is_python(code: tuple[Path, Callable[[], str]], monkeypatch: pytest.MonkeyPatch) -> None:
    before = code[1]()
    monkeypatch.setattr(finished.platform, "python_version", lambda: "3.99.0")
    assert code[1]() != before


def test_the_package_is_this_one() -> None:
    assert (finished.PACKAGE / "model" / "engine.py").is_file() and (finished.PACKAGE / "__init__.py").is_file()


# -- the command


def asked_by(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str) -> tuple[str, str, Path | None, bool]:
    """What `run` asks folders for: name, request, folder and figures; nothing is simulated."""
    seen: list[tuple[str, str, Path | None, bool]] = []

    def looked(name: str, out: Path | None, request: str, *, figures: bool) -> None:
        seen.append((name, request, out, figures))
        raise SystemExit(0)

    with monkeypatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(finished, "answering_run", looked)
        CliRunner().invoke(main, ["run", "what_if.yaml", *words], catch_exceptions=True)
    ((name, request, out, figures),) = seen
    return name, request, out, figures


@pytest.fixture
def no_own_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    from balance_sim.model.own import modules

    monkeypatch.setattr(modules, "_entered", {})


@pytest.mark.usefixtures("no_own_modules")
def test_every_option_of_run_that_changes_a_number_is_in_the_request(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*words: str) -> tuple[str, str, Path | None, bool]:
        return asked_by(monkeypatch, files.parent, *words)

    name, plain, out, figures = asked("--runs", "4")
    assert (name, out, figures) == ("what_if", None, True) and plain
    others = [
        ("--runs", "5"),
        ("--runs", "4", "--seed", "2"),
        ("--runs", "4", "--arms", "no_summit"),
        ("--runs", "4", "--draws", "prior"),
        ("--runs", "4", "--draws", "fitted"),
        ("--runs", "4", "--set", "parameters.beta=0.31"),
        ("--runs", "4", "--set", "end=2025-12-25"),
        ("--runs", "4", "--theory", OTHER_THEORY),
    ]
    requests = [asked(*words)[1] for words in others]
    assert len({plain, *requests}) == len(others) + 1
    same = [("--workers", "1"), ("--json",), ("--no-figures",), ("--out", "there"), ("--run-timeout", "9")]
    assert {asked("--runs", "4", *words)[1] for words in same} == {plain}
    assert asked("--runs", "4", "--out", "there")[2] == Path("there")
    assert asked("--runs", "4", "--no-figures")[3] is False


@pytest.mark.usefixtures("no_own_modules")
def test_code_of_ones_own_is_never_answered_from_a_folder(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its text is not looked at: no request is like another."""
    from balance_sim.model.own import modules

    for words in (("--model", "mine:Mine"), ("--outcomes", "mine")):
        assert asked_by(monkeypatch, files.parent, *words)[1] == ""
    monkeypatch.setattr(modules, "_entered", {"mine": None})
    assert asked_by(monkeypatch, files.parent)[1] == ""


def steps() -> Any:
    class Steps:
        """What `run` says of how far it is."""

        def begin(self, _name: str) -> None: ...

        def counter(self, _name: str) -> None: ...

    return Steps()


@pytest.mark.parametrize(("lacking", "request_", "is_kept"), [(0, "asked", True), (1, "asked", False), (0, "", False)])
def test_only_what_is_whole_is_kept(
    result: AnalysedResult, folder: Path, lacking: int, request_: str, is_kept: bool
) -> None:
    """A replication that failed or was never begun, or no request: no record, and that of before is no answer."""
    (folder / RECORD).unlink()
    other = replace(result, folder=folder, runs=result.runs + lacking)
    vars(other).update({name: value for name, value in vars(result).items() if name not in ("folder", "runs")})
    assert other.finished == other.runs - lacking
    _write(other, {"runs": 4}, request_, steps(), None, figures=False)
    assert (folder / RECORD).exists() == is_kept == answers(folder, figures=False)
    assert json.loads((folder / "summary.json").read_text()) == {"runs": 4}


def test_a_report_of_another_summary_is_taken_away(result: AnalysedResult, folder: Path) -> None:
    other = replace(result, folder=folder)
    vars(other).update({name: value for name, value in vars(result).items() if name != "folder"})
    _write(other, {"runs": 4}, "asked", steps(), None, figures=False)
    assert not (folder / "report.html").exists() and not finished_run(folder).has_figures
    (folder / "report.html").write_text("of this summary")
    _write(other, {"runs": 4}, "asked", steps(), None, figures=False)
    assert (folder / "report.html").exists() and not finished_run(folder).has_figures, "nobody says who drew it"
    assert answers(folder, figures=False) and not answers(folder, figures=True)


@pytest.mark.usefixtures("no_own_modules")
def test_a_stop_before_the_end_leaves_no_answer(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after the last replication and before the summary; then the same command ends what is left."""
    words = ["run", "what_if.yaml", "--runs", "2", "--workers", "1", "--no-figures", "--out", "out"]

    def stop(_result: object) -> None:
        raise KeyboardInterrupt

    with contextlib.chdir(files.parent):
        with monkeypatch.context() as patch:
            patch.setattr(AnalysedResult, "summary", stop)
            assert CliRunner().invoke(main, words).exit_code == 130
        assert finished_run(Path("out")) is None
        first = CliRunner().invoke(main, words)
        assert first.exit_code == 0 and finished_run(Path("out")) is not None
        assert CliRunner().invoke(main, words).stdout == first.stdout
        assert {*digests(Path("out"))} >= {"summary.json", "codebook.csv"}

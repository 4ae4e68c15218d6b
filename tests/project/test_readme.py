"""What README and docs show is run: every command and snippet, with fewer runs. What they name exists.

The main job is a process of its own, as a reader starts it; other commands and all snippets are run in this one, which
spares each two seconds to start and the placebos of a scenario that another has asked for. A command that several pages
show is run once. Notebooks (`code-cell`) are executed by the site: `bash .ci/site`."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.scenario import load_scenario
from click.testing import CliRunner
from extras import skip_where_asked, skip_without

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"# (\w+\.yaml)\n")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

# Commands that a test cannot give, with the reason.
WRITES = "./balance-sim new"
NOT_RUN = {"./balance-sim-test": "this very run"}
MAIN_JOB = "./balance-sim run beijing_2025"
FEW = "2"


@dataclass(frozen=True)
class Shown:
    """A fenced block or one line of it: where it stands, what it says, and what the page has written before: commands
    that write a scenario, and scenarios that begin with their name, `# NAME.yaml`."""

    page: Path
    text: str
    before: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.page.name}: {self.text.splitlines()[0][:60]}"


def blocks(language: str) -> list[Shown]:
    """Fenced blocks of a language in all pages."""
    return [
        Shown(page, text)
        for page in PAGES
        for found, text in FENCE.findall(page.read_text(encoding="utf-8"))
        if found == language
    ]


def commands() -> list[Shown]:
    """The commands of all `sh` blocks, one a line; each once, of the first page that shows it."""
    lines = []
    for page in PAGES:
        before: tuple[str, ...] = ()
        for language, text in FENCE.findall(page.read_text(encoding="utf-8")):
            if language == "yaml" and NAMED.match(text):
                before += (text,)
            for line in filter(None, text.splitlines() if language == "sh" else ()):
                lines.append(Shown(page, line, before))
                before += (line,) if line.startswith(WRITES) else ()
    return list({shown.text: shown for shown in reversed(lines)}.values())[::-1]


def write_before(shown: Shown, folder: Path) -> None:
    """What the page has had its reader write before, in a folder."""
    for step in shown.before:
        name = NAMED.match(step)
        for path, text in ({name[1]: step} if name is not None else new_files(step)).items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")


@cache
def new_files(command: str) -> dict[str, str]:
    """The files that a command writes into an empty folder, by path."""
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        done = CliRunner().invoke(main, shlex.split(command)[1:])
        assert done.exit_code == 0, f"{command}\n{done.output}"
        return {str(path): path.read_text(encoding="utf-8") for path in Path().rglob("*") if path.is_file()}


def as_run(line: str) -> list[str] | None:
    """The command as the test gives it: this interpreter, few runs, figures and extra arms once, in the main job. None:
    not run."""
    if line in NOT_RUN:
        return None
    words = shlex.split(line)
    if words[0] == "./balance-sim":
        words[:1] = ["uv", "run", "balance-sim"]
    if words[:3] == ["uv", "run", "balance-sim"]:
        words = [sys.executable, "-m", "balance_sim", *words[3:]]
        if words[3] == "game":
            draws = "10" if "--discover" in words else "0"
            words += ["--runs", FEW, "--draws", draws, "--workers", "1", "--no-figures"]
        if words[3] == "run":
            if "--runs" in words:
                at = words.index("--runs")
                del words[at : at + 2]
            plain = line == MAIN_JOB
            few = ["--runs", FEW, "--workers", "1"]
            words += few if plain else [*few, "--no-figures"]
            words += (
                ["--arms", "no_parade"] if "beijing_2025" in words[4] and not plain and "--arms" not in words else []
            )
        return words
    if words[:3] == ["uv", "run", "python"]:
        return [sys.executable, *words[3:]]
    raise AssertionError(f"the test does not know how to run: {line}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the clone to a command, and takes what it writes."""
    for name in ("scenarios", "benchmarks", "experiments", "games"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def finished(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """The command, done, with exit code 0."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{shlex.join(words)}\nexit code {done.returncode}\n{done.stderr}\n{done.stdout}"
    return done


@pytest.mark.slow
@pytest.mark.parametrize("shown", commands(), ids=str)
def test_command_works(shown: Shown, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = as_run(shown.text)
    if words is None:
        pytest.skip(NOT_RUN[shown.text])
    if words[1:3] == ["-m", "balance_sim"] and shown.text != MAIN_JOB:
        monkeypatch.chdir(folder)
        write_before(shown, folder)
        done = CliRunner().invoke(main, words[3:])
        skip_where_asked(done.output)
        assert done.exit_code == 0, f"{shown.text}\nexit code {done.exit_code}\n{done.output}"
        assert done.stdout.strip(), "it printed nothing"
    else:
        assert finished(words, folder).stdout.strip(), "it printed nothing"


@pytest.mark.slow
@pytest.mark.parametrize("shown", blocks("python"), ids=str)
def test_snippet_works(shown: Shown, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = folder / "snippet.py"
    script.write_text(re.sub(r"\bruns=\d+", f"runs={FEW}", shown.text), encoding="utf-8")
    if "@bs." in shown.text or "batch_run" in shown.text:  # what it changes is changed as long as its process lives
        finished([sys.executable, str(script)], folder)
        return
    monkeypatch.chdir(folder)
    if "balance_sim.app" in shown.text:
        skip_without("solara")
    runpy.run_path(str(script), run_name="__main__")


def test_main_job_and_tests_are_one_command_each() -> None:
    """The two commands that a fresh machine needs stand alone in a block, in README's words."""
    readme = [block.text.strip() for block in blocks("sh") if block.page.name == "README.md"]
    assert MAIN_JOB in readme
    tests = (ROOT / "README.md").read_text(encoding="utf-8").split("\n## Tests\n")[1]
    assert FENCE.findall(tests)[0] == ("sh", "./balance-sim-test\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Relative links name files of this project."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_paths_in_the_code_that_name_docs_exist() -> None:
    """Messages, defaults and docstrings point to pages that are there."""
    named: set[str] = set()
    for path in (ROOT / "src").rglob("*"):
        if path.suffix in (".py", ".yaml"):
            named |= set(re.findall(r"\bdocs/[\w/.-]+\.md", path.read_text(encoding="utf-8")))
    assert named, "no page is named at all: the pattern has gone wrong"
    assert not [name for name in sorted(named) if not (ROOT / name).exists()]


TUTORIAL = ROOT / "docs" / "tutorial.md"


def what_ifs() -> list[str]:
    """Scenario files that the tutorial shows."""
    return [block.text for block in blocks("yaml") if block.page == TUTORIAL]


def test_the_first_what_if_is_shipped_and_has_six_lines() -> None:
    first = what_ifs()[0]
    assert first == (ROOT / "experiments" / "smoke" / "what_if.yaml").read_text(encoding="utf-8")
    assert len([line for line in first.splitlines() if line]) == 6


@pytest.mark.parametrize("text", what_ifs(), ids=lambda text: re.findall("extends: (.*)", text)[0])
def test_what_if_loads(text: str, tmp_path: Path) -> None:
    """A shipped scenario by its name, from any folder; else beside what it extends."""
    base = re.findall("extends: (.*)", text)[0]
    if base.endswith(".yaml"):
        shutil.copy(ROOT / "experiments" / "smoke" / base, tmp_path)
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    mine, below = load_scenario(tmp_path / "mine.yaml"), load_scenario(tmp_path / base if "." in base else base)
    assert mine.focal == below.focal
    changed = {event.id: event.targets for event in mine.events} != {event.id: event.targets for event in below.events}
    assert changed and len(mine.events) == len(below.events)


def test_figures_of_the_what_if_are_those_it_gives() -> None:
    found = expected_effect(load_scenario(ROOT / "experiments" / "smoke" / "what_if.yaml"))
    _, days, control, level = [row for row in found.rows("accords") if row[0] == "counter"][-1]
    assert found.channels is not None
    said = (
        f"{level - control:.4f} more counter-balancing security agreements within {days} days, on top of {control:.3f}"
        f", of which the threat to the summit's target adds {found.channels['threat']:.4f} and who stands together "
        f"{found.channels['picture']:.4f}"
    )
    assert said in " ".join(TUTORIAL.read_text(encoding="utf-8").split())

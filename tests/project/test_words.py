"""Pages and help texts speak the field's language: no word that docs/words.md lists as an older one.

Code, keys and options stand between backticks or in indented blocks and keep their names."""

from __future__ import annotations

import re
from contextlib import chdir
from pathlib import Path

import pytest
from balance_sim.cli import main
from balance_sim.cli.program import CORE
from balance_sim.registry import places
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "words.md"),
    *sorted((ROOT / "docs" / "notebooks").glob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "tests/README.md")),
]
OLDER = {
    r"accords?": "agreement",
    r"pairs?": "dyad",
    r"lived|lives": "simulated",
    r"twins?": "paired control run",
    r"luck": "common random numbers",
    r"excess": "effect",
    r"reference arms?": "control arm",
    r"told from": "the CI excludes 0",
    r"crew": "process pool",
    r"desk": "workspace",
    r"docket": "initial agreements",
    r"occasions?": "opportunity",
    r"ceilings?": "rate of opportunities, upper bound",
    r"nobody recorded": "unobserved negotiations",
    r"at hand": "projected, available",
    r"propensit(?:y|ies)": "random intercept",
    r"drifts?": "time-varying intercept",
    r"ladder": "order, types",
    r"yardstick": "class table",
    r"dials?": "control",
    r"heal(?:s|ed)?|mend(?:s|ed)?": "repair",
    r"comes? anyway": "without the event",
}
CODE = re.compile(r"```(?:.|\n)*?```|`[^`\n]*`|\]\([^)]*\)|^    .*$", re.MULTILINE)


def prose(page: str) -> str:
    """A page without code, keys and addresses; lines keep their numbers."""
    return CODE.sub(lambda match: "\n" * match.group(0).count("\n"), page)


def older_words(text: str) -> list[str]:
    """`line: word (the field's word)` of each older word."""
    return [
        f"{number}: {match.group(0)} ({better})"
        for number, line in enumerate(text.splitlines(), 1)
        for word, better in OLDER.items()
        for match in re.finditer(rf"(?<![\w-])(?:{word})(?![\w-])", line, re.IGNORECASE)
    ]


def test_older_words_are_found() -> None:
    found = older_words("Each run is lived twice.\nNo `accord` here, an accord there; paired runs are fine.")
    assert found == ["1: lived (simulated)", "2: accord (agreement)", "2: accord (agreement)"]
    assert older_words(prose("No `accord` here.\n\n    ceiling = 1\n")) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_speak_the_fields_language(page: Path) -> None:
    assert older_words(prose(page.read_text(encoding="utf-8"))) == []


def without_keys(text: str) -> str:
    """A text without names of files, options and keys."""
    return re.sub(r"--[a-z-]+|\b\w+(?:\.\w+)+\b", "", text)


def shown(*words: str) -> str:
    """What a command prints, without names."""
    with chdir(ROOT):
        done = CliRunner().invoke(main, list(words))
    assert done.exit_code == 0, done.output
    return without_keys(done.stdout)


@pytest.mark.parametrize(
    "command", ["", *CORE, *places("command"), *(f"evidence {name}" for name in places("evidence"))]
)
def test_help_speaks_the_fields_language(command: str) -> None:
    assert older_words(shown(*command.split(), "--help")) == []


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A small study with its figures and report, and what `run --verbose` printed."""
    folder = tmp_path_factory.mktemp("words") / "study"
    scenario = "experiments/smoke/five_states.yaml"
    return folder, shown("run", scenario, "--runs", "8", "--verbose", "--out", str(folder))


@pytest.mark.slow
def test_tables_on_the_terminal_speak_the_fields_language(study: tuple[Path, str]) -> None:
    folder, said = study
    scenario = "experiments/smoke/five_states.yaml"
    for text in (said, shown("check", scenario), shown("effect", scenario), shown("status", str(folder))):
        assert older_words(text.replace(str(folder), "")) == []


@pytest.mark.slow
def test_the_report_and_its_figures_speak_the_fields_language(study: tuple[Path, str]) -> None:
    page = (study[0] / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"<(style|script|code|pre)\b.*?</\1>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert older_words(without_keys(text)) == []

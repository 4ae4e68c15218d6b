"""Pages and help texts speak the field's language: no word that docs/words.md lists as an older one.

Code, keys and options stand between backticks or in indented blocks and keep their names."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "words.md"),
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

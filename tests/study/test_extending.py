"""What docs/extending.md shows is run as it stands there, with few runs: its files, and (`long`) its commands."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import balance_sim as bs
import pytest
from balance_sim.model.own import events, terms
from balance_sim.model.own import modules as plugins

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The page's files, written beside the scenarios that they extend; its commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setenv("PYTHONPATH", "")
    for module in ("mine", "languages", "caution", "acts", "cautious"):
        sys.modules.pop(module, None)  # another test may have had one of that name
    for name in ("what_if", "five_states"):
        shutil.copy(ROOT / "experiments" / "smoke" / f"{name}.yaml", tmp_path)
    found = FENCE.findall((ROOT / "docs" / "extending.md").read_text(encoding="utf-8"))
    for first, text in [(text.partition("\n")[0], text) for language, text in found if language in ("python", "yaml")]:
        assert len(text.splitlines()) <= 14, f"{first} is long"
        Path(first.removeprefix("# ")).write_text(text, encoding="utf-8")
    yield [line for language, text in found if language == "console" for line in text.splitlines()]
    for registry, name in ((terms, "shared_language"), (terms, "caution"), (events, "embargo")):
        registry.REGISTERED.entries.pop(name, None)
    for module in ("mine", "languages", "caution", "acts", "cautious"):
        sys.modules.pop(module, None)
        plugins._entered.pop(module, None)


def test_files_of_the_page_give_results(page: list[str]) -> None:
    plain = bs.run(bs.load_scenario("what_if.yaml"), runs=2, outcomes="mine")
    assert plain.effects["outcome"].eq("own_corvia_signs").any()
    with_term = bs.load_scenario("language_arm.yaml", set=["theory.weights.own_caution=0.5"])
    plugins.load("caution")
    assert bs.run(with_term, runs=2, terms="languages").digest != plain.digest
    assert bs.run(bs.load_scenario("embargo.yaml"), runs=2, terms="acts").digest != plain.digest
    assert bs.run(bs.load_scenario("what_if.yaml"), runs=1, model="cautious:Aloof").runs == 1

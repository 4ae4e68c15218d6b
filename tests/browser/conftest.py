"""A real browser, cut off from every network; pages made by the program from small studies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).resolve().parents[2]

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = ROOT / "build" / "browser" / "node_modules" / "axe-core" / "axe.min.js"


def missing(what: str) -> None:
    """Leave the test out where a browser is not there, but fail where all is meant to be run."""
    if os.environ.get("BALANCE_SIM_BROWSER") == "required":
        pytest.fail(f"{what} is missing, and BALANCE_SIM_BROWSER=required")
    pytest.skip(f"{what} is missing: see tests/browser/README.md")


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility rules of axe-core, as a script."""
    if not AXE.is_file():
        missing("axe-core")
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        missing("Chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield running
        running.close()


@dataclass
class Opened:
    """A page in the browser, what it asked the network for, and what it complained of."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


class Opener:
    """Opens files in contexts of their own; closes them all."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser
        self.contexts: list[Any] = []

    def __call__(
        self, path: Path, *, width: int = 1280, scheme: str = "light", script: bool = True, at: str = ""
    ) -> Opened:
        context = self.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=script,
        )
        self.contexts.append(context)
        opened = Opened(context.new_page())

        def answer(route: Any) -> None:
            if route.request.url.split("#")[0] == path.as_uri():
                route.continue_()
            else:
                opened.requests.append(route.request.url)
                route.abort()

        context.route("**/*", answer)
        opened.page.on("console", lambda message: opened.complaints.append(f"{message.type}: {message.text}"))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.goto(path.as_uri() + at)
        return opened

    def close(self) -> None:
        for context in self.contexts:
            context.close()


@pytest.fixture
def opener(browser: Browser) -> Iterator[Opener]:
    one = Opener(browser)
    yield one
    one.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of one arm of the shipped scenario, few runs."""
    from balance_sim.effects.run import run
    from balance_sim.scenario import load_scenario
    from balance_sim.show.report import save_report

    result = run(load_scenario(ROOT / "scenarios" / "beijing_2025.yaml"), 12, arms=["parade"])
    return save_report(result, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="session")
def game(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a small game of three players."""
    from balance_sim.show.report import save_report
    from playing import of_three

    folder = tmp_path_factory.mktemp("game")
    return save_report(of_three(folder), folder / "report.html")

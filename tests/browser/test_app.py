"""The page of `app` in a real browser, with its real server behind it: events are changed, and the number is that of
`effect` on the file that the page offers."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from balance_sim.effects.expected_effect import expected_effect
from balance_sim.scenario import load_scenario
from looking import hurdles, ink, pixels

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.needs("solara")]
ROOT = Path(__file__).resolve().parents[2]
SECONDS = 300_000  # that nothing here should take, in thousandths
WORLD = """
schema: 1
extends: five_states.yaml
base_rate: 4.0
states: [{id: XEL, name: "Elland <b>(made up)</b>"}]
events:
  - {id: summit, targets: [North], label: "A summit"}
  - {id: patrol, date: 2025-05-02, kind: exercise, principals: [XAR], targets: [XDO], label: "A patrol"}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("app")
    shipped = ROOT / "experiments" / "smoke" / "five_states.yaml"
    (folder / "five_states.yaml").write_text(shipped.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "world.yaml").write_text(WORLD, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def address(browser: Browser, folder: Path) -> Iterator[str]:
    """The page of a small world, in a home of its own, with every proxy leading nowhere."""
    nowhere = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}
    environment = {**os.environ, **nowhere, "HOME": str(folder), "no_proxy": "", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "balance_sim", "app", "world.yaml"]
    server = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    yield server.stdout.readline().strip()
    server.send_signal(signal.SIGINT)
    assert server.wait(60) == 130


class Opened:
    """The page, what it asked for and what it complained of."""

    def __init__(self, browser: Browser, address: str, width: int, scheme: Any) -> None:
        size = {"width": width, "height": 900}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        self.context.set_default_timeout(SECONDS)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("websocket", lambda socket: self.asked.append(socket.url))
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)
        self.page.locator("#answer p").first.wait_for()

    def _heard(self, message: Any) -> None:
        if message.type not in ("log", "debug", "info"):
            self.complaints.append(f"{message.type}: {message.text}")

    def answered(self, number: int) -> float:
        """The effect on the page, once it is that of the change of this number."""
        self.page.locator(f"#answer[data-number='{number}'][aria-busy=false]").wait_for()
        return float(self.page.locator("#answer").get_attribute("data-effect") or "nan")

    def effect_of_file(self, folder: Path) -> float:
        """Of the file that the page offers, saved beside its scenario."""
        with self.page.expect_download() as download:
            self.page.locator("#download").click()
        assert download.value.suggested_filename == "what_if.yaml"
        download.value.save_as(folder / "what_if.yaml")
        return expected_effect(load_scenario(folder / "what_if.yaml")).effect


@pytest.fixture
def opened(browser: Browser, address: str) -> Iterator[Any]:
    pages: list[Opened] = []

    def open_page(width: int = 1280, scheme: str = "light") -> Opened:
        pages.append(Opened(browser, address, width, scheme))
        return pages[-1]

    yield open_page
    for page in pages:
        page.context.close()


def test_events_are_changed_and_the_file_gives_the_number(opened: Any, folder: Path, address: str) -> None:
    one = opened()
    page = one.page
    before = one.answered(0)
    assert before == expected_effect(load_scenario(folder / "world.yaml")).effect
    page.locator("circle[data-event=summit]").click()
    page.locator("#on").uncheck()
    assert one.answered(1) == one.effect_of_file(folder) == 0.0
    assert page.locator("#dyads li").count() >= 3
    page.locator("#on").check()
    page.locator("#date").fill("2025-08-01")
    moved = one.answered(3)
    assert moved == one.effect_of_file(folder) and 0.0 < moved < before
    page.get_by_role("button", name="Remove Dorn (made up)").click()  # of the group that it was aimed at
    spared = one.answered(4)
    assert spared == one.effect_of_file(folder) != moved
    page.locator("#add-targets").select_option("XDO")
    aimed = one.answered(5)
    assert aimed == one.effect_of_file(folder) != spared
    page.locator("circle[data-event=patrol]").click()
    page.get_by_label("changes whom it is aimed at").check()
    page.locator(".map .state").nth(2).dispatch_event("click")  # Corvia
    assert one.answered(6) == one.effect_of_file(folder) != aimed
    assert page.get_by_role("button", name="Remove Corvia (made up)").count() == 1
    page.locator("#reset-all").click()
    assert one.answered(7) == before
    assert one.complaints == []
    strange = [
        url for url in one.asked if not url.startswith((address, "blob:", "data:", address.replace("http", "ws")))
    ]
    assert strange == []


def test_what_cannot_be_is_said_and_undone(opened: Any) -> None:
    one = opened()
    page = one.page
    page.locator("#add-targets").select_option("XEL")
    one.answered(1)
    page.locator("#add-principals").select_option("North")
    one.answered(2)
    assert page.locator("#answer .error").count() + page.locator("#answer .first").count() == 1
    page.locator("#reset-all").click()
    one.answered(3)
    assert page.locator("#answer .error").count() == 0
    assert "Elland <b>(made up)</b>" in page.locator("#state").inner_text()
    assert page.locator("#state b").count() == 0


def test_a_date_out_of_range_is_refused_in_words_and_set_back(opened: Any) -> None:
    one = opened(390)
    page, before = one.page, one.answered(0)
    date = page.locator("#date").input_value()
    page.locator("#date").fill("2031-01-15")
    page.locator("#date").blur()
    assert "2031-01-15" in page.locator("#refused").inner_text()
    assert page.locator("#date").input_value() == date
    assert float(page.locator("#answer").get_attribute("data-effect")) == before
    page.locator("#on").uncheck()
    one.answered(1)
    assert page.locator("#refused").inner_text() == ""
    page.get_by_label("changes whom it is aimed at").check()
    page.locator(".map .state").first.dispatch_event("click")  # of an event that is off
    assert page.locator("#refused").inner_text() != "" and page.locator("#answer").get_attribute("data-number") == "1"
    box = page.locator("#sticky").bounding_box()  # the answer, where its section is out of view
    assert box is not None and 0 < box["y"] < box["y"] + box["height"] <= 900


def test_by_keyboard_alone(opened: Any) -> None:
    one = opened()
    page, before = one.page, one.answered(0)

    def reach(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == name:
                return
        pytest.fail(f"no way to {name} by Tab")

    reach("state")
    page.keyboard.press("ArrowDown")
    assert "fears" in page.locator("#fears").inner_text()
    reach("event")
    page.keyboard.press("Home")
    assert "2024-11-20" in page.locator("#event option:checked").inner_text()
    reach("on")
    page.keyboard.press("Space")
    assert one.answered(1) != before
    page.keyboard.press("Space")
    assert one.answered(2) == before
    reach("slide")
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    assert one.answered(3) != before
    assert page.locator("#date").input_value() == "2025-12-31"


@pytest.mark.long
def test_mesas_controls_cover_neither_header_nor_map(browser: Browser, folder: Path) -> None:
    """What `docs/app.md` has for Mesa's own front end, served by Solara's command."""
    (folder / "view.py").write_text(
        "from balance_sim.app.mesa_view import model_view\n\npage = model_view('five_states.yaml', arm='summit')\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "solara", "run", "view.py", "--port", str(port), "--no-open"]
    environment = {**os.environ, "SOLARA_TELEMETRY_MIXPANEL_ENABLE": "False", "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(command, cwd=folder, env=environment)
    try:
        while server.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        for width in (1280, 390):
            context = browser.new_context(viewport={"width": width, "height": 900})
            context.set_default_timeout(SECONDS)
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{port}/")
            page.get_by_role("button", name="Step").click()
            page.locator(".v-main img").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            boxes = [page.locator(part).bounding_box() for part in ("header", ".v-main img", ".v-navigation-drawer")]
            header, figure, controls = (box for box in boxes if box is not None)
            assert header["y"] + header["height"] <= min(figure["y"], controls["y"])
            beside = controls["x"] + controls["width"] <= figure["x"]
            assert beside or figure["y"] + figure["height"] <= controls["y"]
            context.close()
    finally:
        server.terminate()
        server.wait(60)


SIZES = [(390, "dark"), (1280, "light")]
FURTHER = [pytest.param(*size, marks=pytest.mark.long) for size in ((390, "light"), (1280, "dark"))]


@pytest.mark.parametrize(("width", "scheme"), [*SIZES, *FURTHER])
def test_it_fits_and_has_no_hurdle(opened: Any, axe: str, width: int, scheme: str) -> None:
    one = opened(width, scheme)
    one.page.locator("#on").uncheck()
    one.answered(1)
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    assert one.page.evaluate("document.documentElement.scrollHeight") <= 900  # one place to scroll, within the page
    wide = one.page.evaluate(
        "[...document.querySelectorAll('.bs-page *')].filter(e => e.scrollWidth > innerWidth).length"
    )
    assert wide == 0
    background = re.findall(r"\d+", one.page.locator(".bs-page").evaluate("e => getComputedStyle(e).backgroundColor"))
    assert (sum(map(int, background[:3])) > 384) == (scheme == "light")
    assert ink(pixels(one.page.locator(".map svg"))) > 0.002
    assert hurdles(one.page, axe) == []
    assert one.complaints == []

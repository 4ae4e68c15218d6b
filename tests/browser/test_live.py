"""The live page in a real browser, with its real server behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from looking import hurdles, ink, pixels
from serving import Server, loud_study

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
SECONDS = 60_000  # that nothing here should take, in thousandths
FURTHER = [pytest.param(*size, marks=pytest.mark.long) for size in ((360, "light"), (1280, "dark"))]


@pytest.fixture(scope="module")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    one = Server.of(loud_study(tmp_path_factory.mktemp("live") / "study"), "--runs", "60")
    yield one
    if one.process.poll() is None:
        one.stop()


class Watched:
    """A page, what it asked for, and what it complained of."""

    def __init__(self, browser: Browser, address: str, width: int = 1280, scheme: Any = "light") -> None:
        self.context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        self.page: Page = self.context.new_page()
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)

    def until(self, words: str) -> str:
        """The answer, once it holds these words and nothing is under way."""
        from playwright.sync_api import expect

        answer = self.page.locator("#answer")
        expect(answer).to_contain_text(re.compile(words), timeout=SECONDS)
        expect(self.page.locator("#near")).to_have_text("", timeout=SECONDS)
        return str(answer.inner_text())


@pytest.fixture
def watched(browser: Browser, server: Server) -> Iterator[Any]:
    opened: list[Watched] = []

    def open_page(at: str = "", **how: Any) -> Watched:
        opened.append(Watched(browser, server.address + at, **how))
        return opened[-1]

    yield open_page
    for one in opened:
        one.context.close()


def test_a_dial_that_is_moved_changes_the_numbers(watched: Any, server: Server) -> None:
    one = watched()
    page = one.page
    before = one.until("Simulated, 60 replications")
    assert re.search(r": \+0\.[1-9]\d+ expected", before)
    chart = pixels(page.locator("#excess"))
    page.locator("#dial-0").focus()
    page.keyboard.press("Home")
    assert page.locator("#value-0").inner_text() == "0"
    one.until("Simulated, 60 replications: .* 0.000 expected")
    assert not np.array_equal(chart, pixels(page.locator("#excess")))
    assert page.locator("#pairs").inner_text() == "No dyad shows an effect."
    assert "--set events.summit.visibility=0.0" in page.locator("#options").inner_text()
    assert page.evaluate("location.hash").startswith("#d=0,")
    rows = page.locator("#tried tr")
    assert rows.count() == 2
    assert page.locator("#along-0 circle").count() == 2
    page.get_by_label("Replications a setting").select_option("200")
    assert ": 0.000 expected" in one.until("Simulated, 200 replications")
    page.get_by_label("Replications a setting").select_option("60")
    page.get_by_role("button", name="Back to the start").click()
    assert one.until("Simulated, 60 replications") == before
    assert one.complaints == []
    assert {url.split("#")[0] for url in one.asked} == {server.address, server.address + "ensemble"}


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light"), *FURTHER])
def test_it_shows_fits_and_has_no_hurdle(watched: Any, axe: str, width: int, scheme: str) -> None:
    one = watched(width=width, scheme=scheme)
    one.until("Simulated, 60 replications")
    assert one.page.locator("#map circle").count() == 5  # states of an invented world are dots
    for name in ("excess", "fan", "along-0"):
        assert ink(pixels(one.page.locator(f"#{name}"))) > 0.004, name
    assert one.page.evaluate("document.documentElement.scrollWidth") <= width
    assert hurdles(one.page, axe) == []
    one.page.evaluate("scrollTo(0, 0)")
    box = one.page.locator("#answer").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 800  # seen while dials are moved
    assert one.complaints == []


ASK = """async (url) => {
    const ask = (how) => fetch(url, how).then((reply) => String(reply.status), () => "refused");
    return [await ask({method: "POST", body: '{"runs": 2}', headers: {"Content-Type": "application/json"}}),
            await ask({method: "POST", body: '{"runs": 2}', mode: "no-cors"}),
            await ask({method: "GET", mode: "no-cors"})]; }"""


def test_a_page_from_elsewhere_is_not_answered(watched: Any, server: Server, tmp_path: Path) -> None:
    """With the very address: the browser lets the page itself ask, and no page of another origin."""
    one = watched()
    one.until("Simulated, 60 replications")
    elsewhere = one.context.new_page()
    path = tmp_path / "elsewhere.html"
    path.write_text("<!doctype html><title>elsewhere</title>")
    elsewhere.goto(path.as_uri())
    assert elsewhere.evaluate(ASK, server.address + "ensemble") == ["refused"] * 3
    assert one.page.evaluate(ASK, server.address + "ensemble") == ["200", "415", "405"]


def test_a_server_that_is_gone_is_said(watched: Any, server: Server) -> None:
    """The last test: it ends the server."""
    from playwright.sync_api import expect

    one = watched()
    before = one.until("Simulated, 60 replications")
    server.stop()
    one.page.locator("#dial-0").focus()
    one.page.keyboard.press("PageDown")
    near = one.page.locator("#near")
    expect(near).to_contain_text("The server does not answer; was it stopped?", timeout=SECONDS)
    expect(near).to_contain_text("Still shown: visibility 1.")
    assert one.page.locator("#answer").inner_text() == before

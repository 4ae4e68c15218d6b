"""The documentation site in a real browser, as `bash .ci/site` built it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from looking import hurdles

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"
PAGES = ["index", "concepts", "gallery", "forecasts", "notebooks/first_result", "r"]
FURTHER = [
    "howto",
    "reference",
    "commands",
    "python",
    "parameters",
    "tutorial",
    "notebooks/sweep",
    "decisions/index",
]


@pytest.fixture(scope="module")
def site() -> Path:
    """The site; where it was not built, or is looked at by another run, the tests are left out, but fail where all is
    meant to be run."""
    if os.environ.get("BALANCE_SIM_SITE") == "apart":
        pytest.skip("BALANCE_SIM_SITE=apart: these tests are a run of their own")
    if not (SITE / "index.html").is_file():
        if os.environ.get("BALANCE_SIM_SITE") == "required":
            pytest.fail("build/site is missing, and BALANCE_SIM_SITE=required")
        pytest.skip("the site is not built: bash .ci/site")
    return SITE


@pytest.fixture(scope="module", params=[(1280, "light"), (390, "dark")], ids=["wide-light", "narrow-dark"])
def visitor(request: pytest.FixtureRequest, browser: Browser) -> Iterator[tuple[Any, int, list[str], list[str]]]:
    """A browser of a width and scheme: its page, the width, what it asked a network for, what it complained of."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, asked, complaints = context.new_page(), [], []
    page.on("request", lambda one: None if one.url.startswith(("file:", "data:")) else asked.append(one.url))
    page.on("console", lambda one: None if one.type == "log" else complaints.append(f"{one.type}: {one.text}"))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, width, asked, complaints
    context.close()


@pytest.mark.parametrize("name", [*PAGES, *(pytest.param(name, marks=pytest.mark.long) for name in FURTHER)])
def test_a_page(site: Path, axe: str, visitor: Any, name: str) -> None:
    """No network, no complaint, nothing wider than the window, no violation of axe-core."""
    page, width, asked, complaints = visitor
    del asked[:], complaints[:]
    page.goto((site / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background)[:3])) > 384) == (width == 1280), background
    shown = page.evaluate("[...document.images].map(one => [one.src, one.naturalWidth > 0, one.alt.length > 0])")
    assert [one for one in shown if not all(one)] == []
    assert (asked, complaints) == ([], [])
    assert hurdles(page, axe) == []  # last: what axe-core asks for is no matter of the page


def test_no_page_refers_to_a_network(site: Path) -> None:
    """No script, style, font or picture from elsewhere, on any page."""
    outside = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=\"(?:https?:)?//[^\"]+", re.IGNORECASE)
    found = {
        str(page.relative_to(site)): outside.findall(page.read_text(encoding="utf-8")) for page in site.rglob("*.html")
    }
    assert len(found) > 60
    assert {name: urls for name, urls in found.items() if urls} == {}


def test_search_finds_a_word(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    page.goto((site / "search.html").as_uri() + "?q=Shapley")
    page.locator("#search-results li a").first.wait_for(timeout=20_000)
    assert page.locator("#search-results li a").count() >= 3
    page.close()

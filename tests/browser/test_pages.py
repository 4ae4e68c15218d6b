"""The report in a real browser: it asks for nothing, complains of nothing and shows something."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from looking import hurdles, ink, pixels

if TYPE_CHECKING:
    from conftest import Opener

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]
SIZES = [
    (360, "light"),
    pytest.param(360, "dark", marks=pytest.mark.long),
    pytest.param(1280, "light", marks=pytest.mark.long),
    (1280, "dark"),
]


@pytest.mark.parametrize(("width", "scheme"), [SIZES[0], SIZES[3]])
def test_every_figure_of_the_report_shows(opener: Opener, report: Path, width: int, scheme: str) -> None:
    opened = opener(report, width=width, scheme=scheme)
    figures = opened.page.locator(".paper").all()
    assert len(figures) >= 6
    for figure in figures:
        picture = pixels(figure)
        assert ink(picture) > 0.004, figure.get_attribute("aria-label")
        corner = picture[12, 12]  # the paper itself: white by day, nearly black by night
        assert corner.min() > 240 if scheme == "light" else corner.max() < 60, corner
    assert opened.requests == []
    assert opened.complaints == []


@pytest.mark.parametrize(("width", "scheme"), SIZES)
def test_it_fits_and_has_no_serious_hurdle(opener: Opener, axe: str, report: Path, width: int, scheme: str) -> None:
    opened = opener(report, width=width, scheme=scheme)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert hurdles(opened.page, axe) == []


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), SIZES[2]])
def test_the_report_of_a_game(opener: Opener, axe: str, game: Path, width: int, scheme: str) -> None:
    """Every figure shows, nothing is asked for or complained of, nothing is wider than the window, no hurdle."""
    opened = opener(game, width=width, scheme=scheme)
    figures = opened.page.locator(".paper").all()
    assert len(figures) == 1
    for figure in figures:
        assert ink(pixels(figure)) > 0.004, figure.get_attribute("aria-label")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.locator("figcaption").first.bounding_box()["height"] > (10 if width == 360 else 0)
    assert hurdles(opened.page, axe) == []
    assert opened.requests == []
    assert opened.complaints == []


def test_the_report_needs_no_script(opener: Opener, report: Path) -> None:
    opened = opener(report, script=False)
    words = opened.page.locator("body").inner_text()
    assert "expected counter-balancing security agreements within a year" in words
    opened.page.locator("details:has(table) > summary").first.click()
    assert opened.page.locator("details table").first.is_visible()
    assert ink(pixels(opened.page.locator(".paper").first)) > 0.01


def test_a_replication_is_replayed_by_keyboard(opener: Opener, report: Path) -> None:
    opened = opener(report, width=390)
    page = opened.page
    told, shown = page.locator("#replay-told"), page.locator("#replay-signed path:not([visibility=hidden])")
    assert "Move the slider" in told.inner_text() and shown.count() == 0
    page.locator("#replay-day").focus()
    page.keyboard.press("End")
    assert shown.count() == page.locator("#replay-signed path").count() > 0
    last = page.locator(".diary li").last.text_content() or ""
    assert page.locator("#replay-date").inner_text() == "2026-09-03" > last[:10]
    assert " ".join(told.inner_text().split()).endswith(last[11:] + ".")
    page.get_by_role("button", name="Back to the effects").click()
    assert shown.count() == 0
    page.get_by_role("button", name="Next agreement").press("Enter")
    first = page.locator(".diary time").first.inner_text() if page.locator(".diary").is_visible() else ""
    assert page.locator("#replay-date").inner_text() == (first or page.locator(".diary time").first.text_content())
    page.locator(".w-state").nth(5).dispatch_event("pointermove", {"clientX": 50, "clientY": 50, "bubbles": True})
    assert ": " in page.locator("#replay-tip").inner_text()
    assert opened.complaints == []

"""The report: whole, quiet, safe, the same twice, small; and the surgery on its figures."""

from __future__ import annotations

import re
import urllib.parse
import xml.etree.ElementTree as ET
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from balance_sim.show import report as report_page
from balance_sim.show.figures import fitting
from balance_sim.show.headline import finding
from balance_sim.show.report import digest, report_html, save_study, text_of
from balance_sim.show.report.tables import cell
from balance_sim.show.save import inlined, path_data
from studies import CASES, SCENARIO, alike, four_runs

VOID = {"meta", "link", "br", "img", "input"}


class Page(HTMLParser):
    """Elements, ids and references of a page; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@cache
def drawn(case: str) -> str:
    """The page of a case, drawn once for all that look at it."""
    return report_html(CASES[case]())


@pytest.fixture(scope="module")
def text() -> str:
    return drawn("four runs")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_it_answers_first(text: str, page: Page) -> None:
    assert finding(four_runs()) in " ".join(" ".join(page.words).split())
    assert text.index("Does the meeting bring the others together?") < text.index("no detectable effect on expected")
    assert "Quay [pact]" in text[: text.index('id="figures"')]  # what was scheduled, before any figure


def test_each_figure_has_its_finding_its_numbers_and_a_download(text: str, page: Page) -> None:
    svgs = [attrs for tag, attrs in page.elements if tag == "svg"]
    assert len(svgs) == len(fitting(four_runs()))
    assert all(attrs["role"] == "img" and len(attrs["aria-label"] or "") > 20 for attrs in svgs)
    downloads = [attrs for tag, attrs in page.elements if tag == "a" and "download" in attrs]
    assert len(downloads) == len(svgs)
    whole = {attrs["download"]: urllib.parse.unquote((attrs["href"] or "").partition(",")[2]) for attrs in downloads}
    lines = whole["difference.csv"].splitlines()
    assert lines == ["title,fewer,same,more,n", "As it happened,0,0.5,0.5,4", "Half,0,1,0,4"]
    assert text.count("<details>") >= len(svgs)


def test_nothing_is_fetched_and_nothing_is_run(text: str, page: Page) -> None:
    tags = {tag for tag, _ in page.elements}
    assert text.count("<script") == 1  # the map's: what is pointed at says its effect
    assert tags.isdisjoint({"iframe", "object", "embed", "form", "base", "foreignobject"})
    for tag, attrs in page.elements:
        assert "style" not in attrs, "the policy would drop it"
        assert not any(name.startswith("on") for name in attrs)
        for name in ("src", "href", "xlink:href"):
            target = attrs.get(name)
            assert target is None or target.startswith(("#", "data:")), (tag, target)
    policy = next(a["content"] for t, a in page.elements if t == "meta" and a.get("http-equiv"))
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert len(style) == 1
    assert f"style-src '{digest(style[0])}'" in (policy or "")
    assert "default-src 'none'" in (policy or "") and "unsafe" not in (policy or "")
    assert "@import" not in style[0] and "url(" not in style[0]
    assert f"script-src '{digest(text_of('replay.js'))}'" in (policy or "")


def test_ids_are_unique_and_references_lead_somewhere(page: Page) -> None:
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attrs in page.elements:
        for value in attrs.values():
            for name in re.findall(r"url\(#([^)]+)\)", value or ""):
                assert name in ids
        href = attrs.get("href") or ""
        assert not href.startswith("#") or href[1:] in ids


def test_words_of_the_scenario_stay_words() -> None:
    nasty = '<script>alert(1)</script> & "quotes" \x1b[31m'
    result = four_runs()
    changed = type(result)(
        **{**vars_of(result), "scenario": SCENARIO.model_copy(update={"title": nasty, "question": nasty})}
    )
    text = report_html(changed, world_map=False)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quotes&#34;" in text
    assert "\x1b" not in text


def vars_of(result: object) -> dict[str, object]:
    from dataclasses import fields

    return {field.name: getattr(result, field.name) for field in fields(result)}  # type: ignore[arg-type]


def test_the_same_bytes_twice(text: str) -> None:
    assert report_html(four_runs()) == text


def test_figures_written_by_a_process_of_their_own_have_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Two fifths of them, as of a large scenario; the page is the one whose figures are drawn one by one."""
    here = save_study(four_runs(), tmp_path / "here")
    monkeypatch.setattr(report_page, "LARGE", 0)
    apart = save_study(four_runs(), tmp_path / "apart")
    names = [path.relative_to(tmp_path / "here").as_posix() for path in here]
    assert [path.relative_to(tmp_path / "apart").as_posix() for path in apart] == names and len(names) > 11
    assert all((tmp_path / "apart" / name).read_bytes() == (tmp_path / "here" / name).read_bytes() for name in names)
    assert (tmp_path / "apart" / "report.html").read_text() == text


@pytest.mark.fault("F31")
@pytest.mark.parametrize("case", CASES)
def test_every_case_is_a_whole_page(case: str) -> None:
    text = drawn(case)
    page = Page(text)
    assert " nan" not in " ".join(page.words)
    assert len(text.encode()) < 600 * 1024


def test_failed_runs_and_the_map_can_be_left_out(text: str) -> None:
    assert "1 of the replications failed and is left out of every number here: replication 0" in drawn(
        "all runs failed"
    )
    without = report_html(alike(), world_map=False)
    assert "Natural Earth" not in without
    assert "Natural Earth" in text


def test_colours_that_look_like_references_are_left_alone() -> None:
    svg = (
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
        b'<style>*{}</style><defs><path id="fff" d="M 0 0 L 1.26 0 z"/>'
        b'<clipPath id="p1"><path d="M0 0"/></clipPath></defs>'
        b'<g id="unused"><g clip-path="url(#p1)">'
        b'<use xlink:href="#fff" style="fill: #ffffff; stroke-width: 0.812345"/></g></g>'
        b"<text style=\"font: bold 12px 'DejaVu Sans', 'Verdana', sans-serif; fill: #fff\">a &lt; b</text></svg>"
    )
    assert inlined(svg, "f", 'said "so"') == (
        '<svg viewBox="0 0 9 9" role="img" aria-label="said &quot;so&quot;" '
        'font-family="DejaVu Sans, Verdana, Geneva, sans-serif" '
        'stroke-linejoin="round" stroke-linecap="butt"><defs><path id="f-1" d="M0 0h1.3z"/>'
        '<clipPath id="f-0"><path d="M0 0"/></clipPath></defs>'
        '<g clip-path="url(#f-0)"><use href="#f-1" fill="#ffffff" stroke-width="0.81"/></g>'
        '<text font-size="12" font-weight="bold" fill="#fff">a &lt; b</text></svg>'
    )


def test_what_is_alike_is_said_once_and_nothing_else_changes() -> None:
    """Every mark keeps the look it had: its own attributes and those of the groups round it."""
    marks = [(k, "#fff" if k % 3 else "#000", 1 + k // 4) for k in range(12)]
    ticks = "".join(
        f'<g id="tick_{k}"><use xlink:href="#m" x="{k}.26" y="0" style="fill: {colour}; stroke-width: {width}"/>'
        f'<text style="font-size: 9px; text-anchor: middle; fill: {colour}">{k}</text></g>'
        for k, colour, width in marks
    )
    grid = "".join(f'<path d="M {k} 0 L {k} 9" style="fill: none; stroke: #ddd"/>' for k in range(5))
    tinted = "".join(f'<path d="M {k} 0 L {k} 9" style="fill: none; stroke: #ddd; opacity: 0.5"/>' for k in range(2))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 9 9">'
        f'<defs><path id="m" d="M 0 0 L 1 1"/></defs><g id="matplotlib.axis_1">{ticks}</g>{grid}{tinted}</svg>'
    )
    root = ET.fromstring(inlined(svg.encode(), "f", "said"))
    seen: dict[str, list[dict[str, str]]] = {}

    def walk(element: ET.Element, above: dict[str, str]) -> None:
        looks = {**above, **element.attrib}
        seen.setdefault(element.tag, []).append({**looks, "words": element.text or ""})
        for child in element:
            walk(child, looks if element.tag == "g" else {})

    walk(root, {})
    assert [(one["x"], one["fill"], one["stroke-width"]) for one in seen["use"]] == [
        (f"{k + 0.3:g}", colour, str(width)) for k, colour, width in marks
    ]
    assert [(one["words"], one["fill"]) for one in seen["text"]] == [(str(k), c) for k, c, _ in marks]
    assert all(one["text-anchor"] == "middle" and one["font-size"] == "9" for one in seen["text"])
    strokes = [one for one in seen["path"] if "stroke" in one]
    assert [one["d"].count("M") for one in strokes] == [5, 1, 1], "only opaque lines may become one path"


def test_paths_keep_their_points() -> None:
    """Relative steps of rounded points: errors do not add up, however many there are."""
    points = [(k / 7, (k * k % 13) / 3) for k in range(60)]
    data = path_data("M " + " L ".join(f"{x:.6f} {y:.6f}" for x, y in points))
    x = y = 0.0
    got = []
    for letter, numbers in re.findall(r"([MmlhvLz])([^MmlhvLz]*)", data):
        steps = [float(n) for n in re.findall(r"-?\d*\.?\d+", numbers)]
        while steps:
            if letter in "Mml":
                dx, dy = steps.pop(0), steps.pop(0)
            else:
                dx, dy = (steps.pop(0), 0.0) if letter == "h" else (0.0, steps.pop(0))
            x, y = (dx, dy) if letter == "M" else (x + dx, y + dy)
            got.append((x, y))
    ends = [min((abs(px - gx) + abs(py - gy)) for gx, gy in got) for px, py in points]
    assert max(ends) <= 0.1 + 1e-9
    assert path_data("M 0 0 A 1 1 0 0 1 2.123 2") == "M 0 0 A 1 1 0 0 1 2.12 2"


def test_cells() -> None:
    values = [0.123456, float("nan"), True, 12345.6, -0.00001, -0.0, "a", 3]
    assert [cell(v) for v in values] == ["0.1235", "-", "yes", "1.235e+04", "-1e-05", "0", "a", "3"]

"""The report: whole, quiet, safe, the same twice, small; and the surgery on its figures."""

import re
import urllib.parse
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest
from balance_sim.show import report
from balance_sim.show.figures import fitting
from balance_sim.show.headline import finding
from balance_sim.show.report import digest, report_html, text_of
from studies import CASES, four_runs

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
    assert text.index("Does the meeting bring the others together?") < text.index(finding(four_runs())[:20])
    assert "Quay [pact]" in text[: text.index('id="figures"')]  # what was scheduled, before any figure


def test_each_figure_has_its_finding_its_numbers_and_a_download(text: str, page: Page) -> None:
    pictures = [attrs for tag, attrs in page.elements if tag == "img"]
    assert len(pictures) == len(fitting(four_runs())) - 1  # the map is drawn anew
    assert all(len(attrs["alt"] or "") > 20 for attrs in pictures)
    downloads = [attrs for tag, attrs in page.elements if tag == "a" and "download" in attrs]
    assert len(downloads) == len(pictures) + 1
    whole = {attrs["download"]: urllib.parse.unquote((attrs["href"] or "").partition(",")[2]) for attrs in downloads}
    head, *lines = whole["arms.csv"].splitlines()
    places = [head.split(",").index(name) for name in ("arm", "effect")]
    assert [[line.split(",")[place] for place in places] for line in lines] == [["with", "0.5"], ["half", "0"]]
    assert text.count("<details>") >= len(pictures)


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


@pytest.mark.parametrize("case", ["250 runs", "reference only", "all runs failed"])
def test_every_case_is_a_whole_page(case: str) -> None:
    text = drawn(case)
    page = Page(text)
    assert " nan" not in " ".join(page.words)
    assert len(text.encode()) < 2_000_000


def test_what_another_process_draws_of_does_not_grow_while_it_is_sent(monkeypatch) -> None:
    calls = []
    monkeypatch.setattr(report, "Background", lambda call, _before: calls.append(call))
    study = replace(four_runs())  # nothing is worked out of it yet
    report.begun_pictures(study, None)
    sent = vars(calls[0].args[0])
    names = {*sent}
    study.summary()
    assert names == {*sent} < {*vars(study)}

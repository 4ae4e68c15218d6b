"""Free text of a stranger's files does nothing: in no page, picture, card or table that is written."""

import csv
import io
import re
from collections.abc import Callable
from functools import cache
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import pandas as pd
import pytest
import yaml
from balance_sim.effects.run import run
from balance_sim.scenario import load_scenario, new_scenario
from balance_sim.scenario.experiment import load_experiment
from balance_sim.show.figures import FIGURES
from balance_sim.show.report import card, report_html
from balance_sim.show.report.tables import data_uri
from balance_sim.show.save import figure_bytes
from balance_sim.study.export import harmless
from balance_sim.study.sweep import sweep

MARKUP = (
    "<script>alert(1)</script>]]></style></svg><img src=x onerror=alert(2)>{{7*7}}${9}$\\frac{1}$ "
    "javascript:alert(3) & \"quoted\" 'single' `tick` --><!--"
)
FORMULAS = ("=cmd|'/C calc'!A0", "@SUM(A1)", "+1+1", "-1+1", "\uff1d1+1", "\uff0b1", "\uff0d1+1", "\uff20x", " =1+1")


class Read(HTMLParser):
    """What a browser would make of a page: its elements, and all that could act."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.acts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            leads = name in ("href", "src", "action", "xlink:href", "formaction")
            if name.startswith("on") or (leads and not re.match(r"#|data:(text/csv|,|image/svg)", value or "")):
                self.acts.append(f"{tag} {name}={value}")

    def handle_comment(self, data: str) -> None:
        self.acts.append(f"comment {data}")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> dict[str, object]:
    """A run and a sweep of a scenario in which all free text is markup or a formula."""
    place = tmp_path_factory.mktemp("hostile")
    content = yaml.safe_load(new_scenario("small")) | {"step_days": 30}
    content |= dict.fromkeys(("title", "question", "source", "notes"), MARKUP)
    for at, state in enumerate(content["states"]):
        state |= {"name": FORMULAS[at % len(FORMULAS)] + MARKUP[:60], "source": FORMULAS[at % len(FORMULAS)]}
    for section in ("accords", "events", "disputes"):
        for row in content[section]:
            row["source"] = MARKUP
    for arm in content["arms"].values():
        arm["title"] = MARKUP
    (place / "small.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    points = [{"label": text, "events.summit.visibility": 0.1 + 0.1 * at}
              for at, text in enumerate((MARKUP, *FORMULAS[:2]))]  # fmt: skip
    plan = {"schema": 1, "title": MARKUP, "question": MARKUP, "scenario": "small.yaml", "runs": 4, "seed": 1,
            "design": {"method": "list"}, "points": points, "arms": ["no_summit", "summit"],
            "outcomes": ["accords_all_365"]}  # fmt: skip
    (place / "plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    swept = sweep(load_experiment(place / "plan.yaml"), out=place / "sweep")
    made = run(load_scenario(place / "small.yaml"), 8, 1, out=place / "run")
    return {"run": made, "sweep": swept}


@pytest.fixture(scope="module")
def pages(hostile) -> Callable[[str], str]:
    """Its pages by kind, each made once."""

    @cache
    def page(kind: str) -> str:
        return card(hostile["run"]) if kind == "card" else report_html(hostile[kind])

    return page


@pytest.mark.parametrize("kind", ["run", "sweep", "card"])
def test_no_page_has_an_element_that_a_file_brought(pages, kind: str) -> None:
    page = pages(kind)
    found = Read(page)
    assert found.acts == []
    # of a map the data and script of its replay
    assert found.tags.count("script") == {"run": 2}.get(kind, 0)
    assert found.tags.count("style") == (0 if kind == "card" else 1)
    assert not {"iframe", "object", "embed", "foreignobject", "b"} & {*found.tags}
    assert found.tags.count("img") == page.count('src="data:image/svg+xml,')
    assert "alert(1)" in unescape(page), "the text is there, and is text"
    if kind != "card":
        assert "Content-Security-Policy" in page and "default-src 'none'" in unescape(page)


def test_no_picture_has_one_either(hostile) -> None:
    for name in ("difference", "arms", "dyads"):
        picture = figure_bytes(FIGURES[name].draw(hostile["run"]), "svg").decode()
        assert not {"script", "img", "foreignobject", "a"} & {*Read(picture).tags}, name


def test_a_table_to_take_away_from_a_page_has_no_formula(pages) -> None:
    tables = re.findall(r'"(data:text/csv[^"]*)"', pages("run") + pages("sweep"))
    assert len(tables) >= 7
    for link in [*tables, data_uri(pd.DataFrame({"=x": FORMULAS, "y": -0.5}))]:
        for row in csv.reader(io.StringIO(unquote(unescape(link)).partition(",")[2])):
            for one in row:
                assert harmless(one) == one or float(one) < 0, one


@pytest.mark.parametrize("text", [*FORMULAS, "\tx", "\rx", "\nx", "\u00a0=x"])
def test_harmless(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"

"""`balance-sim brief`: the same page as HTML, as a PDF and as a slide."""

import re
import sys
from itertools import chain
from pathlib import Path

import pytest
from balance_sim.brief.content import brief_of
from balance_sim.brief.files import MARGIN, WIDTH, _filled
from balance_sim.cli import main
from balance_sim.effects.result import open_result
from balance_sim.effects.run import run
from balance_sim.show.headline import finding
from balance_sim.show.save import style
from click.testing import CliRunner

SMALL = "experiments/smoke/five_states.yaml"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("brief") / "results"
    run(SMALL, 8, 1, out=folder)
    return folder


def brief(*words: object) -> tuple[int, str]:
    answer = CliRunner().invoke(main, ["brief", *map(str, words)])
    assert answer.exception is None or isinstance(answer.exception, SystemExit), answer.exception
    return answer.exit_code, answer.stderr


@pytest.mark.needs("pptx")
def test_the_page_says_the_finding_in_every_format(results: Path, tmp_path: Path) -> None:
    from pptx import Presentation
    from pptx.util import Inches

    for folder, formats in (("a", ("html", "pdf", "pptx")), ("b", ("html", "pdf"))):
        words = (word for name in formats for word in ("--format", name))
        assert brief(results, "--out", tmp_path / folder, *words)[0] == 0
    html, pdf = ((tmp_path / "a" / f"brief.{name}").read_bytes() for name in formats)
    for name, content in (("html", html), ("pdf", pdf)):
        assert (tmp_path / "b" / f"brief.{name}").read_bytes() == content, name
    answer = finding(open_result(results))
    assert answer in html.decode() and not re.search(r'(?:src|href)="http', html.decode())
    assert pdf.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", pdf)) == 1

    deck = Presentation(tmp_path / "a" / "brief.pptx")
    (slide,) = deck.slides
    texts = [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
    assert any(answer in text for text in texts)
    picture, table = [shape for shape in slide.shapes if not shape.has_text_frame]
    assert [cell.text for cell in table.table.iter_cells()] == [*chain(*brief_of(open_result(results)).difference)]
    assert picture.width <= Inches(7.4) and picture.top + picture.height <= Inches(6.6)


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_no_line_of_the_pdf_touches_another_or_leaves_the_page(results: Path, share: float) -> None:
    content = brief_of(open_result(results))
    with style():
        page = _filled(content, share)
        boxes = [text.get_window_extent() for text in page.figure.texts]
    boxes += [ax.get_window_extent() for ax in page.figure.axes]
    for number, box in enumerate(boxes):
        assert not [other for other in boxes[:number] if box.overlaps(other)], number
        assert box.x1 <= (WIDTH - MARGIN + 3) / 72 * page.figure.dpi, number
    widest = max(box.x1 for box in boxes[: len(page.figure.texts)])
    assert widest > 0.85 * WIDTH / 72 * page.figure.dpi


def test_what_has_no_effect_to_tell_is_refused(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(SMALL, 2, 1, arms="no_summit", out=tmp_path / "control")
    assert brief(tmp_path / "control")[0] == 2
    assert brief(tmp_path / "nothing")[0] == 2
    assert brief(tmp_path)[0] == 2
    monkeypatch.setitem(sys.modules, "pptx", None)
    code, words = brief(results, "--format", "pptx", "--format", "html", "--out", tmp_path / "half")
    assert code == 2 and "balance-sim[brief]" in words and not (tmp_path / "half").exists()

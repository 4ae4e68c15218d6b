"""The page as a file: HTML; PDF, drawn by matplotlib; a slide, by python-pptx."""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from balance_sim.brief.content import Brief
from balance_sim.show.figures.style import BLUE
from balance_sim.show.save import INK, QUIET, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

type Place = tuple[float, float, float]
"""Left, top and width of a box on a slide, in inches."""
WIDTH, HEIGHT, MARGIN = 595.3, 841.9, 42.0
"""Of A4, in points."""
LEADING = 1.35
"""From one base line to the next, as a share of the size of the type."""
COLUMNS = (0.0, 0.48, 0.61, 0.74)
"""Where the columns of the table begin, as shares of the text's width."""
ENDS = (*COLUMNS[1:], 1.0)
"""Where they end."""
PICTURE_SHARES = (1.0, 0.8, 0.6, 0.4)
"""Of the text's width, the first with which all fits the page."""


def html_of(brief: Brief) -> bytes:
    """Return the page as HTML that needs no network."""
    from balance_sim.show.report import rendered

    link = "data:image/png;base64," + base64.b64encode(brief.picture).decode()
    content = {"title": brief.title, "brief": brief, "link": link}
    return rendered("brief/templates/brief.html", content).encode()


class _Page:
    """A page of A4 that is filled from the top."""

    def __init__(self) -> None:
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
        self.y = HEIGHT - MARGIN

    def text(
        self, words: str, size: float, x: float = 0.0, end: float = 1.0, **looks: Any
    ) -> float:
        """Write words between two shares of the text's width; return their height."""
        width = (end - x) * (WIDTH - 2 * MARGIN)
        weight = looks.get("fontweight", "normal")
        lines = _lines(words, width, size, weight)
        indent = (MARGIN + x * (WIDTH - 2 * MARGIN)) / WIDTH
        looks = {"color": INK, "fontsize": size, "parse_math": False, **looks}
        for number, line in enumerate(lines):
            base = self.y - size - number * LEADING * size
            self.figure.text(indent, base / HEIGHT, line, va="baseline", **looks)
        return LEADING * size * len(lines)

    def paragraphs(self, words: Iterable[str], size: float, **looks: Any) -> None:
        """Write paragraphs below each other."""
        for paragraph in words:
            self.y -= self.text(paragraph, size, **looks) + 0.45 * size

    def heading(self, words: str) -> None:
        """Write a heading, with room above."""
        self.y -= 10.0
        self.paragraphs([words], 11.0, fontweight="bold", color=BLUE)

    def picture(self, png: bytes, share: float) -> None:
        """Place a picture over a share of the text's width."""
        from matplotlib.image import imread

        pixels = imread(io.BytesIO(png))
        width = share * (WIDTH - 2 * MARGIN)
        height = width * pixels.shape[0] / pixels.shape[1]
        self.y -= height + 6.0
        indent = (WIDTH - width) / 2
        place = (indent / WIDTH, self.y / HEIGHT, width / WIDTH, height / HEIGHT)
        ax = self.figure.add_axes(place)
        ax.imshow(pixels, interpolation="antialiased")
        ax.set_axis_off()


def _lines(words: str, width: float, size: float, weight: str) -> list[str]:
    """Return the lines into which words are broken, as wide as the type is."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    face = FontProperties(size=size, weight=weight)

    def length(text: str) -> float:
        return float(
            text_to_path.get_text_width_height_descent(text, face, ismath=False)[0]
        )

    lines, space = [""], length("a a") - length("aa")
    room = width + space
    for word in words.replace(" %", "\u00a0%").split(" "):
        needed = length(word) + space
        if lines[-1] and needed > room:
            lines.append("")
            room = width + space
        lines[-1] += f" {word}" if lines[-1] else word
        room -= needed
    return lines


def pdf_of(brief: Brief) -> bytes:
    """Return the page as a PDF of A4, the same bytes for the same results."""
    no_stamp = dict.fromkeys(("Creator", "Producer", "CreationDate"))
    with style(), io.BytesIO() as sink:
        pages = (_filled(brief, share) for share in PICTURE_SHARES)
        page = next((page for page in pages if page.y > 0), None)
        page = page or _filled(brief, PICTURE_SHARES[-1])
        page.figure.savefig(sink, format="pdf", dpi=300, metadata=no_stamp)
        return sink.getvalue()


def _filled(brief: Brief, share: float) -> _Page:
    """Return the page with its picture over a share of the text's width."""
    page = _Page()
    page.paragraphs([brief.title], 16.0, fontweight="bold")
    page.paragraphs([brief.question], 10.5, color=QUIET)
    page.paragraphs([" ".join(brief.answer)], 11.5)
    page.picture(brief.picture, share)
    page.heading("The difference")
    for row, cells in enumerate(brief.difference):
        looks = {"color": QUIET} if row == 0 else {}
        heights = [
            page.text(cell, 9.0, x, end, **looks)
            for x, end, cell in zip(COLUMNS, ENDS, cells, strict=True)
        ]
        page.y -= max(heights) + 1.0
    page.heading("How sure")
    page.paragraphs(brief.doubts, 9.0)
    page.heading("Sources")
    page.paragraphs(brief.sources, 8.0, color=QUIET)
    return page


def pptx_of(brief: Brief) -> bytes:
    """Return the page as one slide of 16 to 9 that can be edited."""
    from pptx import Presentation
    from pptx.dml.color import RGBColor
    from pptx.util import Inches, Pt

    rgb: Callable[[str], Any] = RGBColor.from_string
    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(13.333), Inches(7.5)
    slide = deck.slides.add_slide(deck.slide_layouts[6])

    def fill(shape: Any, words: Iterable[str], size: int, ink: str = INK) -> None:
        """Write paragraphs into a box or a cell."""
        shape.text_frame.text = "\n".join(words)
        for paragraph in shape.text_frame.paragraphs:
            paragraph.font.size, paragraph.space_after = Pt(size), Pt(4)
            paragraph.font.bold = size > 20
            paragraph.font.color.rgb = rgb(ink[1:].upper())

    def box(place: Place, words: list[str], size: int, ink: str = INK) -> float:
        """Write paragraphs into a box of their own; return where it ends."""
        x, y, width = place
        shape = slide.shapes.add_textbox(*map(Inches, (x, y, width, 0.4)))
        shape.text_frame.word_wrap = True
        fill(shape, words, size, ink)
        lines = [_lines(text, 72 * width - 20, size, "normal") for text in words]
        return y + 0.1 + (LEADING * size * sum(map(len, lines)) + 4 * len(lines)) / 72

    picture = io.BytesIO(brief.picture)
    slide.shapes.add_picture(picture, *map(Inches, (0.4, 1.4, 7.4)))
    with style():
        box((0.4, 0.25, 12.5), [brief.title], 26)
        box((0.4, 0.8, 12.5), [brief.question], 14, QUIET)
        y = box((8.0, 1.35, 5.0), brief.answer, 14, BLUE)
        size = (len(brief.difference), len(COLUMNS))
        place = map(Inches, (8.0, y + 0.1, 5.0, 0.27 * size[0]))
        table = slide.shapes.add_table(*size, *place).table
        box((8.0, y + 0.2 + 0.27 * size[0], 5.0), brief.doubts, 10)
        box((0.4, 6.4, 7.4), brief.sources, 9, QUIET)
    for column, start, end in zip(table.columns, COLUMNS, ENDS, strict=True):
        column.width = int(Inches(5.0) * (end - start))
    cells = itertools.chain(*brief.difference)
    for cell, words in zip(table.iter_cells(), cells, strict=True):
        cell.fill.background()
        fill(cell, [words], 10, QUIET if words in brief.difference[0] else INK)
    with io.BytesIO() as sink:
        deck.save(sink)
        return sink.getvalue()


FORMATS: dict[str, Callable[[Brief], bytes]] = {
    "html": html_of,
    "pdf": pdf_of,
    "pptx": pptx_of,
}

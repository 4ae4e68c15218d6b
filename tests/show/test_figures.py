"""The figures: drawn in every case, all words inside, large and dark enough; the same bytes twice."""

from pathlib import Path

import numpy as np
import pytest
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.figures import FIGURES, fitting, style
from balance_sim.show.figures.style import DARKER, SCALE, readable
from balance_sim.show.plots import save_figures
from balance_sim.show.save import STAMPS
from studies import CASES

from matplotlib.figure import Figure  # isort: skip
from matplotlib.text import Text  # isort: skip


def words_of(figure: Figure) -> list[Text]:
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text for text in found if isinstance(text, Text) and text.get_text().strip()]


SHAPES = [(name, case) for name in ("map", "fears") for case in ("no accords", "no run differs", "one run")]
EACH = [
    pytest.param(name, case, marks=pytest.mark.long if case == "four runs" or (name, case) in SHAPES else ())
    for case in CASES
    for name in FIGURES
]
"""Every figure of every case but one in the middle; maps, whose shapes take long, of some."""


@pytest.mark.parametrize(("name", "case"), EACH)
def test_drawn_whole_and_legible(name: str, case: str) -> None:
    result = CASES[case]()
    if FIGURES[name].table(result).empty:
        assert name not in fitting(result)
        with pytest.raises(WrongRequest, match=r"there (is|are) no"):
            FIGURES[name].draw(result)
        return
    figure = FIGURES[name].draw(result)
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
    dark = float((pixels.min(axis=2) < 200).mean())
    assert dark > 0.005  # not blank
    assert (pixels[0] == 255).all()  # the page is white to its edge
    page = figure.bbox
    hidden = hidden_tick_labels(figure)
    for text in (text for text in words_of(figure) if id(text) not in hidden):
        assert text.get_fontsize() >= 9
        box = text.get_window_extent()
        inside = page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1 and page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1
        assert inside, text.get_text()


def hidden_tick_labels(figure: Figure) -> set[int]:
    """Labels that matplotlib keeps and does not draw: of ticks out of range, and of axes switched off."""
    kept, drawn = set(), set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            kept |= {id(label) for tick in axis.majorTicks for label in (tick.label1, tick.label2)}
            ticks = axis._update_ticks() if axes.axison else []
            drawn |= {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    return kept - drawn


def contrast_with_white(rgb: tuple[float, ...]) -> float:
    """WCAG 2.1, relative luminance of sRGB."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return float(1.05 / (np.dot([0.2126, 0.7152, 0.0722], linear) + 0.05))


def test_words_have_contrast_and_colours_keep_their_sign_in_grey() -> None:
    from matplotlib.colors import to_rgb

    for colour in (style.BLUE, style.ORANGE, style.VERMILION, style.GREEN, style.PURPLE, style.BASE):
        assert contrast_with_white(to_rgb(readable(colour))) >= 4.5
    assert all(contrast_with_white(to_rgb(pale)) < 4.5 for pale in DARKER)
    assert contrast_with_white((0, 0, 0)) == pytest.approx(21)  # WCAG's largest
    less, more = (contrast_with_white(to_rgb(SCALE[k][1])) for k in (0, -1))
    assert more > 3 * less  # the far ends cannot be mixed up in grey
    assert SCALE[[at for at, _ in SCALE].index(0.5)][1] == "#ffffff"  # zero is white


def test_saved_twice_the_same_bytes(tmp_path: Path) -> None:
    names = ["difference"]
    first, second = (save_figures(CASES["250 runs"](), tmp_path / name, names, STAMPS) for name in ("a", "b"))
    assert [p.name for p in first] == [f"{n}.{k}" for n in names for k in ("png", "svg", "pdf")]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert {p.name for p in (tmp_path / "a" / "figures").iterdir()} == {p.name for p in first}
    assert b"<dc:date>" not in (tmp_path / "a" / "figures" / "difference.svg").read_bytes()


def test_a_figure_that_is_not_drawn_unasked_is_drawn_when_it_is_named(tmp_path: Path) -> None:
    result = CASES["four runs"]()
    unasked = {path.stem for path in save_figures(result, tmp_path / "all")}
    others = {name for name, spec in FIGURES.items() if not spec.is_default}
    assert others and not others & unasked
    assert {path.stem for path in save_figures(result, tmp_path / "named", sorted(others))} == others

"""The figures: drawn in every case, all words inside, large and dark enough; the same bytes twice."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from balance_sim.scenario.errors import WrongRequest
from balance_sim.show.figures import FIGURES, fitting
from balance_sim.show.figures.counts import draw_fan, fan_effects_table, fan_table
from balance_sim.show.figures.dyads import draw_dyads, dyads_table
from balance_sim.show.figures.effects import arms_table, draw_arms
from balance_sim.show.figures.style import OTHERS, SCALE, apart, contrast_with_white, readable
from balance_sim.show.plots import save_figures
from balance_sim.show.save import figure_bytes
from studies import CASES, four_runs

from matplotlib.figure import Figure  # isort: skip
from matplotlib.text import Text  # isort: skip


def words_of(figure: Figure) -> list[Text]:
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text for text in found if isinstance(text, Text) and text.get_text().strip()]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_drawn_whole_and_legible(name: str, case: str) -> None:
    result = CASES[case]()
    if name not in fitting(result):
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


def test_a_figure_can_be_drawn_into_axes_of_ones_own() -> None:
    figure = Figure(figsize=(12, 12))
    grid = figure.subplots(3, 2)
    result = four_runs()
    assert draw_fan(fan_table(result), fan_effects_table(result), ax=(grid[0, 0], grid[1, 0])) is figure
    assert draw_arms(arms_table(result), ax=grid[0, 1]) is figure
    assert draw_dyads(dyads_table(result), ax=(grid[1, 1], grid[2, 1])) is figure
    assert figure.get_suptitle() == ""
    assert "None of 2 arms shows a detectable effect" in grid[0, 1].get_title(loc="left")


def test_drawing_leaves_the_users_settings_alone() -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 23.0, "font.family": ["serif"], "svg.hashsalt": "mine"}):
        mine = figure_bytes(FIGURES["arms"].draw(four_runs()), "svg")
        assert mpl.rcParams["font.size"] == 23.0
        assert mpl.rcParams["svg.hashsalt"] == "mine"
    assert mine == figure_bytes(FIGURES["arms"].draw(four_runs()), "svg")


def test_words_have_contrast_and_colours_keep_their_sign_in_grey() -> None:
    from matplotlib.colors import to_rgb

    for colour, _ in OTHERS:
        assert contrast_with_white(readable(colour)) >= 4.5
    assert contrast_with_white((0, 0, 0)) == pytest.approx(21)  # WCAG's largest
    less, more = (contrast_with_white(to_rgb(SCALE[k][1])) for k in (0, -1))
    assert more > 3 * less  # the far ends cannot be mixed up in grey
    assert SCALE[[at for at, _ in SCALE].index(0.5)][1] == "#FFFFFF"  # zero is white


def test_labels_are_spread_in_order() -> None:
    assert apart([1.0, 1.0, 5.0, 1.1], gap=1.0) == [1.0, 2.0, 5.0, 3.0]
    assert apart([3.0, 1.0], gap=1.0) == [3.0, 1.0]


def test_saved_twice_the_same_bytes(tmp_path: Path) -> None:
    """Some of them; all, and by two processes: the next test."""
    names = list(dict.fromkeys(["fan", *list(fitting(CASES["250 runs"]()))[::4]]))
    first, second = (save_figures(CASES["250 runs"](), tmp_path / name, names) for name in ("a", "b"))
    assert [p.name for p in first] == [f"{n}.{k}" for n in names for k in ("png", "svg")]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert {p.name for p in (tmp_path / "a" / "figures").iterdir()} == {p.name for p in first}
    assert b"<dc:date>" not in (tmp_path / "a" / "figures" / "fan.svg").read_bytes()


@pytest.mark.long  # in every run: a run with figures, the same bytes elsewhere, test_report
def test_without_a_home_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    """In a process of its own whose HOME cannot be written: the same bytes, and no file left behind."""
    home, temporary, out = (tmp_path / name for name in ("home", "tmp", "out"))
    for folder in (home, temporary, out):
        folder.mkdir()
    home.chmod(0o555)
    code = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[1])\n"
        "from studies import four_runs\nfrom balance_sim.show.plots import save_figures\n"
        "save_figures(four_runs(), pathlib.Path(sys.argv[2]))\n"
    )
    keep = {
        k: v for k, v in os.environ.items() if k not in ("MPLCONFIGDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DISPLAY")
    }
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(out)],
        env=keep | {"HOME": str(home), "TMPDIR": str(temporary), "PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert not list(home.iterdir())
    assert not list(temporary.iterdir())
    here = save_figures(four_runs(), tmp_path / "here")
    assert [p.name for p in here] == [f"{n}.{k}" for n in fitting(four_runs()) for k in ("png", "svg")]
    assert {p.name: digest(p) for p in here} == {p.name: digest(p) for p in (out / "figures").iterdir()}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

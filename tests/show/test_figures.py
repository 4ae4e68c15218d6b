"""The figures: drawn in every case, all words inside, large and dark enough; the same bytes twice."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from balance_sim.article.figures import draw_mechanisms, draw_stances, mechanisms_title, stances_title
from balance_sim.show.figures import FIGURES, fitting
from balance_sim.show.figures.counts import (
    draw_fan,
    draw_outcomes,
    fan_effects_table,
    fan_table,
    fan_title,
    outcomes_table,
    outcomes_title,
)
from balance_sim.show.figures.dyads import draw_dyads, dyads_table, dyads_title
from balance_sim.show.figures.effects import difference_table, difference_title, draw_difference
from balance_sim.show.figures.relations import relations_title
from balance_sim.show.figures.style import OTHERS, SCALE, apart, contrast_with_white, folded, readable
from balance_sim.show.headline import finding
from balance_sim.show.plots import save_figures
from balance_sim.show.save import figure_bytes
from studies import CASES, alike, four_runs

from matplotlib.figure import Figure  # isort: skip
from matplotlib.text import Text  # isort: skip

EMPTY = {
    "all runs failed": set(FIGURES),
    "one run": {"convergence", "relations", "stances"},
    "reference only": {
        "difference",
        "pairs",
        "network",
        "arms",
        "map",
        "mechanisms",
        "convergence",
        "placebos",
    },
}

UNOBSERVED = {
    "relations",
    "stances",
    "attribution",
    "timeline",
    "uncertainty",
}  # of these studies made by hand none is observed


def words_of(figure: Figure) -> list[Text]:
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text for text in found if isinstance(text, Text) and text.get_text().strip()]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", CASES)
def test_drawn_whole_and_legible(name: str, case: str) -> None:
    figure = FIGURES[name].draw(CASES[case]())
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]
    dark = float((pixels.min(axis=2) < 200).mean())
    assert dark > (0.001 if name in EMPTY.get(case, set()) | UNOBSERVED else 0.005)  # not blank
    assert (pixels[0] == 255).all()  # the page is white to its edge
    page = figure.bbox
    hidden = hidden_tick_labels(figure)
    for text in (text for text in words_of(figure) if id(text) not in hidden):
        assert text.get_fontsize() >= 9
        box = text.get_window_extent()
        inside = page.x0 - 1 <= box.x0 and box.x1 <= page.x1 + 1 and page.y0 - 1 <= box.y0 and box.y1 <= page.y1 + 1
        assert inside, text.get_text()
    if name in EMPTY.get(case, set()) | UNOBSERVED:
        said = [" ".join(text.get_text().split()) for text in words_of(figure)]
        assert any("there is no" in words or "there are no" in words for words in said)


def hidden_tick_labels(figure: Figure) -> set[int]:
    """Labels that matplotlib keeps and does not draw: of ticks out of range, and of axes switched off."""
    kept, drawn = set(), set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            kept |= {id(label) for tick in axis.majorTicks for label in (tick.label1, tick.label2)}
            ticks = axis._update_ticks() if axes.axison else []
            drawn |= {id(label) for tick in ticks for label in (tick.label1, tick.label2)}
    return kept - drawn


def test_titles_state_the_finding() -> None:
    result = four_runs()
    assert fan_title(fan_effects_table(result)) + "." == finding(result)
    assert difference_title(difference_table(result)) == (
        "As it happened: 50.0 % of replications have more counter-balancing security agreements, 0.0 % have fewer"
    )
    assert dyads_title(dyads_table(result)) == "As it happened: no dyad shows a detectable effect"
    sure = dyads_table(CASES["250 runs"]())
    assert dyads_title(sure[sure["effect"] >= 0]) == (
        "As it happened: one dyad of 14 changes detectably, KOR\u2013FRA, +0.10"
    )
    assert dyads_title(sure) == (
        "As it happened: 1 dyad becomes more likely to sign, 1 less; largest effect: CHN\u2013FRA, -1.00"
    )
    assert "none of 30 replications" in difference_title(difference_table(alike()))


def test_one_run_and_no_difference_are_told_in_words() -> None:
    assert outcomes_title(outcomes_table(alike())).endswith("the two distributions are the same")
    one = CASES["one run"]()
    assert difference_title(difference_table(one)) == "As it happened: more agreements in the one replication"
    row = {"day": [30], "change": 0.0, "lo": 0.0, "hi": 0.0, "n": 9, "host": "China", "group": "x"}
    changes = pd.DataFrame(row | {"estimator": "simulated"})
    assert relations_title(changes) == "Relations with China change in no group, in none of 9 replications"
    moved = changes.assign(change=-0.2, lo=-0.3, hi=-0.1)
    assert relations_title(moved) == "By day 30 relations with China are worse in 1 of 1 group, most in X (-0.200)"
    weeks = pd.DataFrame({"day": [0.0, 7.0], "change": [-0.5, -0.4], "group": "x", "estimator": "expected"})
    both = pd.concat([moved, weeks.assign(host="China")])
    assert relations_title(both).startswith("Relations with China fall at once, most in X (-0.500); by day 30 they are")


def test_stances_are_told_as_differences_from_the_control() -> None:
    """Two of four states balance without, three with, in every replication: 25 points."""
    row = {"group": "", "share_control": 0.5, "share": 0.75, "effect": 0.25, "lo": 0.2, "hi": 0.3, "n": 9,
           "arm": "with", "title": "With", "control": "Without", "treatment": "The meeting", "window": 365}  # fmt: skip
    table = pd.DataFrame(
        [row | {"stance": "balance"}, row | {"stance": "hedge", "effect": -0.1, "lo": -0.2, "hi": 0.1}]
    )
    assert stances_title(table) == "The meeting: balancing rises by 25.00 points, from 50.0 % of states"
    assert "no detectable change of balancing (+25.00 points)" in stances_title(table.assign(lo=-0.1))
    figure = draw_stances(table)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Balancing", "Hedging"]
    assert np.asarray(figure.axes[0].collections[1].get_offsets()).tolist() == [[25.0, 0.0]]


@pytest.mark.parametrize("width", [30, 48, 76])
def test_no_word_stands_alone_on_a_line(width: int) -> None:
    """As few lines as can be, and the last one not a stub; per cent signs stay with their numbers."""
    words = "parade adds 0.12 counter-accords by day 365 (95 % interval 0.08 to 0.16), to 23.5 that come anyway"
    lines = folded(words, width).split("\n")
    assert len(lines) == len(textwrap.wrap(words.replace(" %", "\u00a0%"), width, break_on_hyphens=False))
    assert max(map(len, lines)) <= width
    assert " ".join(lines).replace("\u00a0", " ") == words
    assert min(map(len, lines)) > 0.5 * max(map(len, lines))


def test_a_figure_can_be_drawn_into_axes_of_ones_own() -> None:
    figure = Figure(figsize=(12, 12))
    grid = figure.subplots(3, 2)
    result = four_runs()
    assert draw_fan(fan_table(result), effects=fan_effects_table(result), ax=(grid[0, 0], grid[1, 0])) is figure
    assert draw_difference(difference_table(result), ax=grid[0, 1]) is figure
    assert draw_dyads(dyads_table(result), ax=(grid[1, 1], grid[2, 1])) is figure
    assert draw_outcomes(outcomes_table(result), ax=grid[2, 0]) is figure
    assert figure.get_suptitle() == ""
    assert "As it happened" in grid[0, 1].get_title(loc="left")


def test_drawing_leaves_the_users_settings_alone() -> None:
    import matplotlib as mpl

    with mpl.rc_context({"font.size": 23.0, "font.family": ["serif"], "svg.hashsalt": "mine"}):
        mine = figure_bytes(FIGURES["outcomes"].draw(four_runs()), "svg")
        assert mpl.rcParams["font.size"] == 23.0
        assert mpl.rcParams["svg.hashsalt"] == "mine"
    assert mine == figure_bytes(FIGURES["outcomes"].draw(four_runs()), "svg")


def test_words_have_contrast_and_colours_keep_their_sign_in_grey() -> None:
    from matplotlib.colors import to_rgb

    for colour, _ in OTHERS:
        assert contrast_with_white(readable(colour)) >= 4.5
    assert contrast_with_white((0, 0, 0)) == pytest.approx(21)  # WCAG's largest
    less, more = (contrast_with_white(to_rgb(SCALE[k][1])) for k in (0, -1))
    assert more > 3 * less  # the far ends cannot be mixed up in grey
    assert SCALE[[at for at, _ in SCALE].index(0.5)][1] == "#FFFFFF"  # zero is white


def test_labels_are_spread_in_order() -> None:
    spread = apart([1.0, 1.0, 5.0, 1.1], gap=1.0)
    assert spread[2] == 5.0
    assert sorted(spread) == pytest.approx([3.1 / 3 - 1, 3.1 / 3, 3.1 / 3 + 1, 5.0])
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


def mechanisms() -> pd.DataFrame:
    """Three rows with placebos, two of them supported; one without that is zero to rounding; one without a value."""
    rows = [
        ("M1", 0.02, 0.01, 0.03, "emergent", "as expected", 0.005, "supported"),
        ("M3", 0.03, 0.02, 0.04, "emergent", "opposite", 0.065, "not supported"),
        ("M5", -0.01, -0.02, -0.005, "implied", "", 0.02, "supported"),
        ("M13", 1e-9, -2e-5, 2e-5, "emergent", "not distinguishable", np.nan, ""),
        ("M8", np.nan, np.nan, np.nan, "emergent", "", np.nan, ""),
    ]
    table = pd.DataFrame(rows, columns=["id", "value", "lo", "hi", "tag", "found", "p", "verdict"])
    return table.assign(name="a mechanism", words="0.02 (0.01 to 0.03)", control="The control")


def test_a_mechanism_shows_its_placebo_p_and_verdict_and_one_without_a_dash() -> None:
    table = mechanisms()
    assert mechanisms_title(table) == (
        "Of 3 mechanisms whose sign is open 1 is as expected, 1 opposite, 1 not distinguishable from 0. "
        "Of 3 compared with placebos 2 are supported"
    )
    alone = table.assign(p=np.nan, verdict="")
    assert "placebos" not in mechanisms_title(alone)
    axes = draw_mechanisms(table).axes[0]
    cells = [text.get_text() for text in axes.texts]
    at = cells.index("placebo p") + 1
    assert cells[at : at + 5] == [
        "0.005, supported",
        "0.065, not supported",
        "0.020, supported",
        "\u2013",
        "\u2013",
    ]
    assert cells.count("size only") == 1 and cells.count("no value") == 1
    assert cells[1:6] == ["M1", "M3", "M5", "M13", "M8"]  # from the top down

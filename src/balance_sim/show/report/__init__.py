"""The report: one HTML file that needs no network and no program but a browser; a script replays a run on its map."""

from __future__ import annotations

import base64
import hashlib
import html
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from balance_sim.experiment.run import LARGE
from balance_sim.pool.atomic import make_folder, write_atomic
from balance_sim.pool.errors import WrongRequest
from balance_sim.pool.processes import Background
from balance_sim.results.shards import REPORT, note_drawn
from balance_sim.show.figures import FIGURES, fitting, words_of
from balance_sim.show.headline import finding
from balance_sim.show.report.tables import Shown, failed_and_missing, shown
from balance_sim.show.save import figure_bytes, note_figures, write_figures
from balance_sim.show.svg import inlined
from balance_sim.show.wording import plural, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from jinja2 import Environment
    from matplotlib.figure import Figure

    from balance_sim.analysis.result import AnalysedResult
    from balance_sim.game.keep import PlayedGame
    from balance_sim.results.result import Result
    from balance_sim.show.figures import Study
    from balance_sim.show.figures.style import FigureSpec


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure in the page. body: what stands there instead of the drawing; typeset: its table does."""

    name: str
    question: str
    finding: str
    svg: str
    table: Shown
    body: str = ""
    typeset: bool = False


# By name: a figure's table, its words, and itself as SVG.
type Drawn = dict[str, tuple[pd.DataFrame, str, bytes]]


def report_html(study: Study, drawn: Drawn | None = None, *, world_map: bool = True) -> str:
    """The report of a run, a sweep, a comparison, a game, scored forecasts or goodness of fit, as HTML.

    drawn: figures by name that need not be drawn again. The same bytes for the same results: nothing of it depends on
    when, where or how fast it was made. Raises WrongRequest where Jinja2 is missing."""
    from balance_sim.show.report.pages import page_of

    chosen = {name: one for name, one in fitting(study).items() if world_map or name != "map"}
    template, content = page_of(study)
    figures = embedded(study, chosen, drawn)
    script = text_of("replay.js") if any(one.body for one in figures) else ""
    return rendered(template, content | {"figures": figures}, script)


def embedded(study: Study, figures: dict[str, FigureSpec], drawn: Drawn | None = None) -> list[EmbeddedFigure]:
    """Figures with their tables, as the page wants them. drawn: those that need not be drawn again."""
    if drawn is None:
        tables = {name: figure.table(study) for name, figure in figures.items()}
        made = {name: figure.draw(study, tables[name]) for name, figure in figures.items()}
        shown_as = in_pages(figures)
        drawn = {
            name: (tables[name], words_of(one), figure_bytes(one, "svg", text=True) if name in shown_as else b"")
            for name, one in made.items()
        }
    out = []
    for name, (table, words, drawing) in drawn.items():
        if name not in figures:
            continue
        figure, body = figures[name], map_of(cast("AnalysedResult", study)) if name == "map" else ""
        svg = "" if body or figure.typeset else inlined(drawing, f"f-{name}", f"Figure: {words}")
        numbers = shown(name, figure.numbers(study, table))
        out.append(EmbeddedFigure(name, figure.question, words, svg, numbers, body, figure.typeset))
    return out


def in_pages(figures: dict[str, FigureSpec]) -> list[str]:
    """Names of the figures that a page shows as they are drawn: not tables, and not the map, which it has anew."""
    return [name for name, figure in figures.items() if not figure.typeset and name != "map"]


def map_of(study: Result) -> str:
    """The map of a run as a page has it: hoverable, with one replication to replay."""
    from balance_sim.show.replay import map_content

    return str(_environment().get_template("replay.html").render(map=map_content(study)))


def rendered(template: str, content: dict[str, Any], script: str = "", style: str = "", connect: str = "'none'") -> str:
    """A page from a template, with its style and script and a policy that allows these two and nothing else.

    style: the report's if not given. connect: whom its script may ask."""
    style = style or text_of("report.css")
    allowed = policy(style, script, connect)
    page = _environment().get_template(template)
    return str(page.render(style=style, policy=allowed, script=script, **content))


def policy(style: str, script: str, connect: str = "'none'") -> str:
    """The Content-Security-Policy of a page with this style and script."""
    allowed = f"default-src 'none'; style-src '{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    if script:
        allowed += f"; script-src '{digest(script)}'"
    return allowed if connect == "'none'" else f"{allowed}; connect-src {connect}"


def digest(text: str) -> str:
    """A hash as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def save_report(study: Study, path: Path, drawn: Drawn | None = None, *, world_map: bool = True) -> Path:
    """Write the report of a study to `path`, whole or not at all. Raises CannotWrite."""
    page = report_html(study, drawn, world_map=world_map)
    make_folder(path.parent)
    write_atomic(path, page.encode("utf-8", "backslashreplace"))  # a path may hold what is no text
    note_drawn(path.parent, [path])
    return path


type Told = Callable[[float, int], None]  # figures done, in thirds: their table, drawn, written; and all there are


def _thirds(told: Told | None, figures: int) -> Callable[..., Any]:
    """What gives its argument back, and tells that one more of the three things that make a figure is there."""
    done = count(1)

    def tell(made: object = None) -> object:
        if told is not None:
            told(next(done) / 3, figures)
        return made

    return tell


def save_study(result: AnalysedResult, folder: Path, told: Told | None = None) -> list[Path]:
    """All figures and the report of a study into its folder; every figure is drawn once. Raises CannotWrite.

    Two fifths of those of a large scenario are written by another process, the one that worked out its placebos if that
    is still there: the same bytes, sooner."""
    chosen = fitting(result)
    tell = _thirds(told, len(chosen))
    tables = {name: tell(figure.table(result)) for name, figure in chosen.items()}

    def drawn(names: list[str]) -> dict[str, Figure]:
        return {name: tell(chosen[name].draw(result, tables[name])) for name in names}

    names = list(chosen)
    here = names[: 3 * len(names) // 5] if len(result.scenario.states) >= LARGE else names
    figures = drawn(names[len(here) :])
    begin = result.ahead.then if isinstance(result.ahead, Background) else Background
    elsewhere = begin(partial(write_figures, figures, folder, text=in_pages(chosen))) if figures else dict
    mine = drawn(here)
    svgs = write_figures(mine, folder, text=in_pages(chosen), told=tell) | elsewhere()
    figures |= mine
    ready: Drawn = {name: (tables[name], words_of(figures[name]), svgs.get(name, b"")) for name in names}
    return [*note_figures(names, folder), save_report(result, folder / REPORT, ready)]


def save_game(played: PlayedGame, folder: Path, told: Told | None = None) -> list[Path]:
    """All figures and the report of a game into its folder; every figure is drawn once. Raises CannotWrite."""
    chosen = fitting(played)
    tell = _thirds(told, len(chosen))
    tables = {name: tell(figure.table(played)) for name, figure in chosen.items()}
    figures = {name: tell(figure.draw(played, tables[name])) for name, figure in chosen.items()}
    svgs = write_figures(figures, folder, text=list(figures), told=tell)
    ready: Drawn = {name: (tables[name], words_of(one), svgs[name]) for name, one in figures.items()}
    return [*note_figures(chosen, folder), save_report(played, folder / REPORT, ready)]


def card(result: AnalysedResult) -> str:
    """What a notebook shows for a result: headline and fan chart; no script, no style sheet, nothing fetched."""
    figure = FIGURES["fan"].draw(result)
    # A notebook may show several cards: ids of one must not meet those of another.
    drawing = figure_bytes(figure, "svg", text=True)
    svg = inlined(drawing, f"card-{result.digest[:8]}", f"Figure: {words_of(figure)}")
    runs, arms = plural(result.runs, "replication"), plural(len(result.arms), "arm")
    made = f"{runs} of {arms}, seed {result.seed}, digest {result.digest[:12]}{failed_and_missing(result)}"
    made += ". Tables: .levels, .effects, .dyads, .states, .outcomes, .fan()"
    title, answer, small = map(html.escape, (printable(result.scenario.title), finding(result), made))
    return (
        f'<div><h3>{title}</h3><p>{answer}</p><div style="max-width:44rem;background:#fff">{svg}</div>'
        f"<p><small>{small}</small></p></div>"
    )


@cache
def _environment() -> Environment:
    try:
        from jinja2 import DictLoader, Environment, StrictUndefined
    except ImportError as error:
        raise WrongRequest("the report needs Jinja2: pip install jinja2") from error
    folder = files("balance_sim.show.report") / "templates"
    pages = {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".html")}
    safe: dict[str, Any] = {"autoescape": True, "undefined": StrictUndefined}
    return Environment(loader=DictLoader(pages), trim_blocks=True, lstrip_blocks=True, **safe)


def text_of(name: str) -> str:
    """A file that stands beside the templates."""
    return (files("balance_sim.show.report") / "templates" / name).read_text(encoding="utf-8")

"""The report: one HTML file that needs no network and no program but a browser; a
script replays a run on its map."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.effects.result import AnalysedResult
from balance_sim.effects.run import LARGE
from balance_sim.show import wording as say
from balance_sim.show.figures import FIGURES, fitting, words_of
from balance_sim.show.headline import finding
from balance_sim.show.report import tables
from balance_sim.show.save import data_link, figure_bytes, note_figures, write_figures
from balance_sim.study.atomic_files import make_folder, write_atomic
from balance_sim.study.processes import Background
from balance_sim.study.shards import REPORT, note_drawn

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment

    from balance_sim.show.figures.style import FigureSpec
    from balance_sim.show.study_types import Figures
    from balance_sim.study.result import Result

MAP = "map"
"""The figure that a page has anew, to point at and with one replication to replay."""


@dataclass(frozen=True)
class DrawnFigure:
    """A figure that is drawn: its table, its finding, and itself as SVG."""

    table: pd.DataFrame
    finding: str
    svg: bytes


def draw(study: Any, figure: FigureSpec) -> DrawnFigure:
    """The figure of a study."""
    table = figure.table(study)
    drawn = figure.draw(study, table)
    return DrawnFigure(table, words_of(drawn), figure_bytes(drawn, "svg"))


def report_html(
    study: Any,
    drawn: Mapping[str, DrawnFigure] | None = None,
    *,
    world_map: bool = True,
) -> str:
    """The report of a study of any type, as HTML: the same bytes for the same results,
    whenever, wherever and however fast it was made.

    drawn : figures by name that need not be drawn again
    """
    from balance_sim.show.report.pages import page_of

    chosen = fitting(study)
    if not world_map:
        chosen.pop(MAP, None)
    template, content = page_of(study)
    figures = embedded(study, chosen, drawn)
    script = text_of("replay.js") if any(figure["body"] for figure in figures) else ""
    return rendered(template, content | {"figures": figures}, script)


def embedded(
    study: Any, figures: Figures, drawn: Mapping[str, DrawnFigure] | None = None
) -> list[dict[str, Any]]:
    """Figures as a page wants them: name, question, finding, whether its table is shown
    in place of the drawing (typeset), the drawing as a link, the map as HTML (body),
    and the table.

    drawn : figures by name that need not be drawn again
    """
    pieces = []
    for name, figure in figures.items():
        picture = drawn[name] if drawn is not None else draw(study, figure)
        body = map_of(study) if name == MAP else ""
        link = "" if body or figure.typeset else data_link(picture.svg)
        numbers = figure.numbers(study, picture.table)
        pieces.append(
            {
                "name": name,
                "question": figure.question,
                "finding": picture.finding,
                "typeset": figure.typeset,
                "link": link,
                "body": body,
                "table": tables.shown(figure, numbers),
            }
        )
    return pieces


def map_of(study: Result) -> str:
    """The map of a run as a page has it: hoverable, with one replication to replay."""
    from balance_sim.show.replay import map_content

    template = _environment().get_template("replay.html")
    return template.render(map=map_content(study))


def rendered(
    template: str,
    content: dict[str, Any],
    script: str = "",
    style: str = "",
    connect: str = "'none'",
) -> str:
    """A page from a template, with its style and script and a policy that allows these
    two and nothing else.

    style : the report's if not given
    connect : whom its script may ask
    """
    style = style or text_of("report.css")
    allowed = policy(style, script, connect)
    page = _environment().get_template(template)
    return page.render(style=style, policy=allowed, script=script, **content)


def policy(style: str, script: str, connect: str = "'none'") -> str:
    """The Content-Security-Policy of a page with this style and script."""
    pieces = [
        "default-src 'none'",
        f"style-src '{digest(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if script:
        pieces.append(f"script-src '{digest(script)}'")
    if connect != "'none'":
        pieces.append(f"connect-src {connect}")
    return "; ".join(pieces)


def digest(text: str) -> str:
    """A hash as a Content-Security-Policy names it."""
    sha256 = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(sha256).decode()


def save_report(
    study: Any,
    path: Path,
    drawn: Mapping[str, DrawnFigure] | None = None,
    *,
    world_map: bool = True,
) -> Path:
    """Write the report of a study, whole or not at all; the path.

    Raises
    ------
    CannotWrite : from the folder
    """
    page = report_html(study, drawn, world_map=world_map)
    make_folder(path.parent)
    content = page.encode(
        "utf-8", "backslashreplace"
    )  # a path may hold what is no text
    write_atomic(path, content)
    note_drawn(path.parent, [path])
    return path


def save_study(
    study: Any,
    folder: Path,
    progress: Callable[[float, int], None] = lambda _done, _all: None,
) -> list[Path]:
    """Write all figures and the report of a study into its folder; the paths. Every
    figure is drawn once.

    Two fifths of those of a study of many states are written by another process, the
    one that worked out its placebos if that is still there: the same bytes, sooner.

    progress : called with the figures done, in thirds (its table, drawn, written), and
        how many there are

    Raises
    ------
    CannotWrite : from the folder
    """
    chosen = fitting(study)
    names = list(chosen)
    steps = count(1)

    def step() -> None:
        progress(next(steps) / 3, len(names))

    rows = {}
    for name, figure in chosen.items():
        rows[name] = figure.table(study)
        step()
    figures = {}

    def draw_these(some: list[str]) -> dict[str, Any]:
        for name in some:
            figures[name] = chosen[name].draw(study, rows[name])
            step()
        return {name: figures[name] for name in some}

    own_value, elsewhere = names, list[str]()
    if isinstance(study, AnalysedResult) and len(study.scenario.states) >= LARGE:
        share = 3 * len(names) // 5
        own_value, elsewhere = names[:share], names[share:]
    background = None
    if elsewhere:
        background = _begin(
            study, partial(write_figures, draw_these(elsewhere), folder)
        )
    svgs = write_figures(draw_these(own_value), folder, step)
    if background is not None:
        svgs |= background()
    drawn = {
        name: DrawnFigure(rows[name], words_of(figures[name]), svgs[name])
        for name in names
    }
    paths = note_figures(names, folder)
    return [*paths, save_report(study, folder / REPORT, drawn)]


def _begin[R](study: AnalysedResult, call: Callable[[], R]) -> Background[R]:
    """Begin a call in another process."""
    if isinstance(study.ahead, Background):
        return study.ahead.then(call)
    return Background(call)


def card(result: AnalysedResult) -> str:
    """What a notebook shows for a result: headline and fan chart; no script, no style
    sheet, nothing fetched."""
    figure = draw(result, FIGURES["fan"])
    template = _environment().get_template("card.html")
    return template.render(
        result=result,
        title=say.printable(result.scenario.title),
        answer=finding(result),
        finding=figure.finding,
        link=data_link(figure.svg),
    )


@cache
def _environment() -> Environment:
    """Templates of pages: those of this package by name, those of rooms of the upper
    storey by their path."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    own_value, package = PackageLoader(__name__), PackageLoader("balance_sim", ".")
    environment = Environment(
        loader=ChoiceLoader([own_value, package]),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(say=say, tables=tables)
    return environment


def text_of(name: str) -> str:
    """The text of a file that stands beside the templates."""
    path = files("balance_sim.show.report") / "templates" / name
    return path.read_text(encoding="utf-8")

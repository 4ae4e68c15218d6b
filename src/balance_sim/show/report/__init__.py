"""The report: one HTML file that needs no network and no program but a browser; a
script replays a run on its map."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.effects.result import AnalysedResult
from balance_sim.show import wording as say
from balance_sim.show.figures import (
    FIGURES,
    figures_of,
    fitting,
    run_figures,
    words_of,
)
from balance_sim.show.figures.sweeps import sweep_finding
from balance_sim.show.headline import finding
from balance_sim.show.report import tables
from balance_sim.show.save import (
    IN_FOLDER,
    FileFormat,
    data_link,
    figure_bytes,
    save_files,
)
from balance_sim.show.study_types import Content
from balance_sim.study.atomic_files import make_folder, write_atomic
from balance_sim.study.processes import Background
from balance_sim.study.shards import REPORT
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment
    from markupsafe import Markup

    from balance_sim.scenario.schema import Scenario


MAP = "map"
"""The figure that a page has anew, to point at and with one replication to replay."""

# -- figures ---------------------------------------------------------------------------


def pictures_of(
    study: Any,
    formats: Iterable[FileFormat] = ("svg",),
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Content]:
    """Draw the figures that a study has something to show in.

    Parameters
    ----------
    formats : of the files
    progress : called with the figures done, and how many there are

    Returns
    -------
    Of each, as a page wants it: name, question, finding, files (the drawing by format),
    the drawing as a link, of the map the HTML in its place (body), and the table
    """
    shown = fitting(study)
    pictures = _drawn(study, shown, formats, progress)
    return _with_body(pictures, map_of(study) if MAP in shown else "")


def pictures_at_start(scenario: Scenario, arms: tuple[str, ...]) -> list[Content]:
    """Draw the figures of a run that need no replication of it, as `pictures_of` does
    for a folder."""
    study = AnalysedResult(scenario, runs=0, seed=0, arms=arms, version="")
    specs = [one for one in run_figures().values() if one.is_at_start]
    specs = [one for one in specs if one.is_default]
    shown = {spec.name: table for spec in specs if len(table := spec.table(study))}
    return _drawn(study, shown, IN_FOLDER)


def begun_pictures(
    study: AnalysedResult, first: Background[list[Content]]
) -> Callable[[], list[Content]]:
    """Begin to draw the figures of a run in another process; return what waits for
    them, all as `pictures_of` has them for a folder.

    first: gives those of `pictures_at_start`, from that process"""
    shown = fitting(study)
    specs = figures_of(study)
    rest = {name: shown[name] for name in shown if not specs[name].is_at_start}
    # a copy: this process works more out, and what is sent later must not grow
    others = Background(partial(_drawn, copy(study), rest, IN_FOLDER), first)

    def pictures() -> list[Content]:
        body = map_of(study) if MAP in shown else ""
        by_name = {picture["name"]: picture for picture in (*others(), *first())}
        return _with_body([by_name[name] for name in shown], body)

    return pictures


def _drawn(
    study: Any,
    shown: Mapping[str, pd.DataFrame],
    formats: Iterable[FileFormat],
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Content]:
    """Return some figures of a study as `pictures_of` does, the map without its body.

    shown: their tables by name
    """
    figures, pictures = figures_of(study), []
    for name, table in shown.items():
        figure = figures[name]
        drawing = figure.draw(study, table)
        files = {kind: figure_bytes(drawing, kind) for kind in formats}
        numbers = figure.second(study) if figure.second else table
        picture = {
            "name": name,
            "question": figure.question,
            "finding": words_of(drawing),
            "files": files,
            "link": "" if name == MAP else data_link(files["svg"]),
            "body": "",
            "table": tables.shown(figure, numbers),
        }
        pictures.append(picture)
        progress(len(pictures), len(shown))
    return pictures


def _with_body(pictures: list[Content], body: str) -> list[Content]:
    """Return pictures, the map with its HTML."""
    return [
        picture | {"body": body if picture["name"] == MAP else ""}
        for picture in pictures
    ]


# -- pages -----------------------------------------------------------------------------


def report_html(study: Any, pictures: list[Content] | None = None) -> str:
    """Return the report of a study of any type, as HTML: the same bytes for the same
    results, whenever, wherever and however fast it was made.

    Parameters
    ----------
    pictures : of `pictures_of`, where they are drawn already
    """
    from balance_sim.show.report.pages import page_of

    pictures = pictures_of(study) if pictures is None else pictures
    template, content = page_of(study)
    has_map = any(picture["body"] for picture in pictures)
    script = text_of("replay.js") if has_map else ""
    return rendered(template, content | {"figures": pictures}, script)


def map_of(study: AnalysedResult) -> str:
    """Return the map of a run as a page has it: hoverable, with one replication to
    replay."""
    from balance_sim.show.replay import map_content

    template = _environment().get_template("replay.html")
    return template.render(map=map_content(study))


def rendered(template: str, content: dict[str, Any], script: str = "") -> str:
    """Return a page from a template, with the report's style, its script and a policy
    that allows these two and nothing else."""
    style = text_of("report.css")
    allowed = policy(style, script)
    page = _environment().get_template(template)
    return page.render(style=style, policy=allowed, script=script, **content)


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy of a page with this style and script."""
    pieces = [
        "default-src 'none'",
        f"style-src '{digest(style)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if script:
        pieces.append(f"script-src '{digest(script)}'")
    return "; ".join(pieces)


def digest(text: str) -> str:
    """Return a hash as a Content-Security-Policy names it."""
    sha256 = hashlib.sha256(text.encode()).digest()
    return "sha256-" + base64.b64encode(sha256).decode()


def save_report(study: Any, path: Path, pictures: list[Content] | None = None) -> Path:
    """Write the report of a study, whole or not at all; return the path.

    Raises
    ------
    CannotWrite : from the folder
    """
    page = report_html(study, pictures)
    make_folder(path.parent)
    # A path in it may hold what is no text.
    write_atomic(path, page.encode("utf-8", "backslashreplace"))
    return path


def save_study(
    study: Any,
    folder: Path,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    begun: Callable[[], list[Content]] | None = None,
) -> Path:
    """Write all figures and the report of a study into its folder; return the path of
    the report. Every figure is drawn once.

    begun: of `begun_pictures`, where they are drawn elsewhere

    Raises
    ------
    CannotWrite : from the folder
    """
    pictures = begun() if begun else pictures_of(study, IN_FOLDER, progress)
    for picture in pictures:
        save_files(picture["name"], picture["files"], folder)
    return save_report(study, folder / REPORT, pictures)


def card(study: AnalysedResult | SweepResult) -> str:
    """Return what a notebook shows for a study: the finding, and of a single scenario
    the effect over time; no script, no style sheet, nothing fetched."""
    link, title = "", say.printable(study.scenario.title)
    if isinstance(study, SweepResult):
        answer = sweep_finding(study)
    else:
        answer = finding(study)
        if study.headline is not None:
            link = data_link(figure_bytes(FIGURES["difference"].draw(study), "svg"))
    template = _environment().get_template("card.html")
    return template.render(study=study, title=title, answer=answer, link=link)


@cache
def _environment() -> Environment:
    """Return the templates of pages: those of this package by name, those of rooms of
    the upper storey by their path."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loaders = [PackageLoader(__name__), PackageLoader("balance_sim", ".")]
    environment = Environment(
        loader=ChoiceLoader(loaders),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(say=say, tables=tables)
    environment.filters |= {"cell": tables.cell, "factor_words": say.factor_words}
    environment.filters["with_commands"] = _with_commands
    return environment


def _with_commands(sentence: str) -> Markup:
    """Return a sentence as markup, with what stands between backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", str(escape(sentence))))


def text_of(name: str) -> str:
    """Return the text of a file that stands beside the templates."""
    path = files("balance_sim.show.report") / "templates" / name
    return path.read_text(encoding="utf-8")

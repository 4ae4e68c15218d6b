"""The report: one HTML file that needs no network and no program but a browser; a
script replays a run on its map."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache, partial
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from balance_sim.effects.run import LARGE
from balance_sim.show import wording as say
from balance_sim.show.figures import FIGURES, fitting, words_of
from balance_sim.show.headline import finding
from balance_sim.show.report import tables
from balance_sim.show.save import figure_bytes, inlined, note_figures, write_figures
from balance_sim.study.atomic_files import make_folder, write_atomic
from balance_sim.study.processes import Background
from balance_sim.study.shards import REPORT, note_drawn

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from jinja2 import Environment
    from matplotlib.figure import Figure

    from balance_sim.effects.result import AnalysedResult
    from balance_sim.show.figures.style import FigureSpec
    from balance_sim.study.result import Result


# By name: a figure's table, its words, and itself as SVG.
type Drawn = dict[str, tuple[pd.DataFrame, str, bytes]]
type Told = Callable[
    [float, int], None
]  # figures done, in thirds: their table, drawn, written; and all there are


def report_html(
    study: Any, drawn: Drawn | None = None, *, world_map: bool = True
) -> str:
    """The report of a run, a sweep, a comparison, a game, scored forecasts or goodness
    of fit, as HTML.

    drawn: figures by name that need not be drawn again. The same bytes for the same
    results: nothing of it depends on when, where or how fast it was made."""
    from balance_sim.show.report.pages import page_of

    chosen = {
        name: one for name, one in fitting(study).items() if world_map or name != "map"
    }
    template, content = page_of(study)
    figures = embedded(study, chosen, drawn)
    script = text_of("replay.js") if any(one["body"] for one in figures) else ""
    return rendered(template, content | {"figures": figures}, script)


def embedded(
    study: Any, figures: dict[str, FigureSpec], drawn: Drawn | None = None
) -> list[dict[str, Any]]:
    """Figures with their tables, as the page wants them. drawn: those that need not be
    drawn again.

    body: what stands there instead of the drawing, which is svg; typeset: the table
    does."""
    out = []
    for name, figure in figures.items():
        if drawn is not None:
            table, words, as_drawn = drawn[name]
        else:
            table = figure.table(study)
            made = figure.draw(study, table)
            words = words_of(made)
            as_drawn = (
                figure_bytes(made, "svg", text=True)
                if name in in_pages(figures)
                else b""
            )
        body = map_of(cast("AnalysedResult", study)) if name == "map" else ""
        svg = (
            ""
            if body or figure.typeset
            else inlined(as_drawn, f"f-{name}", f"Figure: {words}")
        )
        said = {
            "name": name,
            "question": figure.question,
            "finding": words,
            "typeset": figure.typeset,
        }
        out.append(
            said
            | {
                "svg": svg,
                "body": body,
                "table": tables.shown(figure, figure.numbers(study, table)),
            }
        )
    return out


def in_pages(figures: dict[str, FigureSpec]) -> list[str]:
    """Names of the figures that a page shows as they are drawn: not tables, and not the
    map, which it has anew."""
    return [
        name for name, figure in figures.items() if not figure.typeset and name != "map"
    ]


def map_of(study: Result) -> str:
    """The map of a run as a page has it: hoverable, with one replication to replay."""
    from balance_sim.show.replay import map_content

    return str(
        _environment().get_template("replay.html").render(map=map_content(study))
    )


def rendered(
    template: str,
    content: dict[str, Any],
    script: str = "",
    style: str = "",
    connect: str = "'none'",
) -> str:
    """A page from a template, with its style and script and a policy that allows these
    two and nothing else.

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


def save_report(
    study: Any, path: Path, drawn: Drawn | None = None, *, world_map: bool = True
) -> Path:
    """Write the report of a study to `path`, whole or not at all. Raises
    CannotWrite."""
    page = report_html(study, drawn, world_map=world_map)
    make_folder(path.parent)
    write_atomic(
        path, page.encode("utf-8", "backslashreplace")
    )  # a path may hold what is no text
    note_drawn(path.parent, [path])
    return path


def save_study(study: Any, folder: Path, told: Told | None = None) -> list[Path]:
    """All figures and the report of a study or a game into its folder; every figure is
    drawn once. Raises CannotWrite.

    Two fifths of those of a study of many states are written by another process, the
    one that worked out its placebos if that is still there: the same bytes, sooner."""
    from balance_sim.effects.result import AnalysedResult

    chosen, done = fitting(study), count(1)
    names = here = list(chosen)
    begin: Callable[..., Callable[[], dict[str, bytes]]] = Background
    if isinstance(study, AnalysedResult) and len(study.scenario.states) >= LARGE:
        here = names[: 3 * len(names) // 5]
        begin = study.ahead.then if isinstance(study.ahead, Background) else Background

    def tell(made: Any = None) -> Any:
        if told is not None:
            told(next(done) / 3, len(chosen))
        return made

    def drawn(names: list[str]) -> dict[str, Figure]:
        return {name: tell(chosen[name].draw(study, rows[name])) for name in names}

    rows = {name: tell(figure.table(study)) for name, figure in chosen.items()}
    figures = drawn(names[len(here) :])
    elsewhere = (
        begin(partial(write_figures, figures, folder, text=in_pages(chosen)))
        if figures
        else dict
    )
    mine = drawn(here)
    svgs = write_figures(mine, folder, text=in_pages(chosen), told=tell) | elsewhere()
    figures |= mine
    ready: Drawn = {
        name: (rows[name], words_of(figures[name]), svgs.get(name, b""))
        for name in names
    }
    return [*note_figures(names, folder), save_report(study, folder / REPORT, ready)]


def card(result: AnalysedResult) -> str:
    """What a notebook shows for a result: headline and fan chart; no script, no style
    sheet, nothing fetched."""
    figure = FIGURES["fan"].draw(result)
    # A notebook may show several cards: ids of one must not meet those of another.
    place = f"card-{result.digest[:8]}"
    svg = inlined(
        figure_bytes(figure, "svg", text=True), place, f"Figure: {words_of(figure)}"
    )
    runs, arms = (
        say.plural(result.runs, "replication"),
        say.plural(len(result.arms), "arm"),
    )
    made = f"{runs} of {arms}, seed {result.seed}, digest {result.digest[:12]}{tables.failed_and_missing(result)}"
    made += ". Tables: .levels, .effects, .dyads, .states, .outcomes, .fan()"
    title, answer, small = map(
        html.escape, (say.printable(result.scenario.title), finding(result), made)
    )
    return (
        f'<div><h3>{title}</h3><p>{answer}</p><div style="max-width:44rem;background:#fff">{svg}</div>'
        f"<p><small>{small}</small></p></div>"
    )


@cache
def _environment() -> Environment:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader(__name__), PackageLoader("balance_sim", ".")]
        ),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(say=say, tables=tables)
    return environment


def text_of(name: str) -> str:
    """A file that stands beside the templates."""
    return (files("balance_sim.show.report") / "templates" / name).read_text(
        encoding="utf-8"
    )

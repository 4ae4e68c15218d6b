"""The page of a study of one scenario, put together from figures, tables and facts."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.analysis.gof_file import GoodnessOfFit
from balance_sim.evidence.forecast.score import Scored
from balance_sim.experiment.run import LARGE
from balance_sim.pool.faults import WrongRequest
from balance_sim.pool.processes import Background
from balance_sim.pool.whole_files import make_folder, write_whole
from balance_sim.results.shards import note_drawn
from balance_sim.results.sweep_result import SweepResult
from balance_sim.show.comparison import Comparison
from balance_sim.show.gallery import Picture, fitting, words_of
from balance_sim.show.headline import finding
from balance_sim.show.names import arm_title
from balance_sim.show.report import facts
from balance_sim.show.report.svg import inlined
from balance_sim.show.report.tables import Shown, shown
from balance_sim.show.save import figure_bytes, note_figures, write_figures
from balance_sim.show.wording import plural, printable, within

if TYPE_CHECKING:
    import pandas as pd
    from jinja2 import Environment
    from matplotlib.figure import Figure

    from balance_sim.analysis.result import AnalysedResult
    from balance_sim.show.gallery import Study

FILE = "report.html"


@dataclass(frozen=True)
class Plate:
    """A figure in the page."""

    name: str
    question: str
    finding: str
    svg: str
    table: Shown


type Drawn = dict[
    str, tuple[pd.DataFrame, str, bytes]
]  # by name: a figure's table, its words, and itself as SVG


def report_html(result: AnalysedResult, drawn: Drawn | None = None, *, world_map: bool = True) -> str:
    """The report as HTML. drawn: figures by name that need not be drawn again.

    The same bytes for the same results: nothing of it depends on when, where or how fast it was made.
    Raises WrongRequest where Jinja2 is missing."""
    from balance_sim.show.report.gof_page import section_beside

    chosen = {name: one for name, one in fitting(result).items() if world_map or name != "map"}
    plates = plates_of(result, chosen, drawn)
    scenario = result.scenario
    first = [arm for arm in result.arms if arm in (result.reference, result.headline_arm)]
    others = [arm for arm in result.arms if arm not in first]
    content: dict[str, Any] = {
        "title": printable(scenario.title),
        "question": printable(scenario.question),
        "answer": finding(result),
        "within": within(result.window),
        "reference": arm_title(scenario, result.reference),
        "compares": len(result.arms) > 1,
        "scheduled": facts.scheduled_rows(result),
        "accords": facts.accord_rows(result, first) if result.finished else [],
        "others": facts.accord_rows(result, others) if result.finished else [],
        "other_arms": plural(len(others), "other arm"),
        "plates": plates,
        "arms": facts.arm_rows(scenario, result.arms),
        "events": facts.event_rows(scenario),
        "states": facts.state_rows(scenario),
        "parameters": facts.parameter_rows(scenario),
        "made": facts.made_rows(result),
        "gof": section_beside(result.folder),
        "failed": [f"replication {row['run']}" for row in result.failed[:20]],
        "failed_count": len(result.failed),
        "limits": facts.LIMITS,
        "source": printable(scenario.source),
        "notes": printable(scenario.notes),
    }
    return rendered("run.html", content)


def plates_of(study: Study, pictures: dict[str, Picture], drawn: Drawn | None = None) -> list[Plate]:
    """Figures with their tables, as the page wants them. drawn: those that need not be drawn again."""
    plates = []
    for name, (table, words, drawing) in (drawn or drawn_of(study, pictures)).items():
        picture = pictures[name]
        svg = inlined(drawing, f"f-{name}", f"Figure: {words}")
        plates.append(Plate(name, picture.question, words, svg, shown(name, picture.numbers(study, table))))
    return plates


def drawn_of(study: Study, pictures: dict[str, Picture]) -> Drawn:
    """Figures with their tables."""
    out = {}
    for name, picture in pictures.items():
        table = picture.table(study)
        figure = picture.draw(study, table)
        out[name] = (table, words_of(figure), figure_bytes(figure, "svg", text=True))
    return out


def rendered(
    template: str, content: dict[str, Any], script: str = "", style: str = "", connect: str = "'none'"
) -> str:
    """A page from a template, with its style and script and a policy that allows these two and nothing else.

    style: the report's if not given. connect: whom its script may ask."""
    style = style or text_of("report.css")
    allowed = policy(style, script, connect)
    return _environment().get_template(template).render(style=style, policy=allowed, script=script, **content)


def policy(style: str, script: str, connect: str = "'none'") -> str:
    """The Content-Security-Policy of a page with this style and script."""
    allowed = (
        f"default-src 'none'; style-src '{digest(style)}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    if script:
        allowed += f"; script-src '{digest(script)}'"
    return allowed if connect == "'none'" else f"{allowed}; connect-src {connect}"


def digest(text: str) -> str:
    """A hash as a Content-Security-Policy names it."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def save_report(study: Study, path: Path, drawn: Drawn | None = None, *, world_map: bool = True) -> Path:
    """Write the report of a study to `path`, whole or not at all. Raises CannotWrite."""
    page = page_of(study, drawn, world_map=world_map)
    make_folder(path.parent)
    write_whole(path, page.encode("utf-8", "backslashreplace"))  # a path may hold what is no text
    note_drawn(path.parent, [path])
    return path


def page_of(study: Study, drawn: Drawn | None = None, *, world_map: bool = True) -> str:
    """The report of a run, a sweep, a comparison or scored forecasts, as HTML."""
    from balance_sim.show.report.comparison_page import comparison_html
    from balance_sim.show.report.gof_page import gof_html
    from balance_sim.show.report.score_page import score_html
    from balance_sim.show.report.sweep_page import sweep_html

    if isinstance(study, SweepResult):
        return sweep_html(study)
    if isinstance(study, Comparison):
        return comparison_html(study)
    if isinstance(study, Scored):
        return score_html(study)
    if isinstance(study, GoodnessOfFit):
        return gof_html(study)
    return report_html(study, drawn, world_map=world_map)


def save_study(result: AnalysedResult, folder: Path) -> list[Path]:
    """All figures and the report of a study into its folder; every figure is drawn once. Raises CannotWrite.

    Two fifths of those of a large scenario are written by a process of its own: the same bytes, sooner."""
    pictures = fitting(result)
    tables = {name: picture.table(result) for name, picture in pictures.items()}

    def drawn(names: list[str]) -> dict[str, Figure]:
        return {name: pictures[name].draw(result, tables[name]) for name in names}

    names = list(pictures)
    here = names[: 3 * len(names) // 5] if len(result.scenario.states) >= LARGE else names
    figures = drawn(names[len(here) :])
    elsewhere = Background(partial(write_figures, figures, folder, text=True)) if figures else dict
    mine = drawn(here)
    svgs = write_figures(mine, folder, text=True) | elsewhere()
    figures |= mine
    plates: Drawn = {name: (tables[name], words_of(figures[name]), svgs[name]) for name in names}
    return [*note_figures(names, folder), save_report(result, folder / FILE, plates)]


@cache
def _environment() -> Environment:
    try:
        from jinja2 import DictLoader, Environment, StrictUndefined
    except ImportError as error:
        raise WrongRequest("the report needs Jinja2: pip install jinja2") from error
    folder = files("balance_sim.show.report") / "templates"
    pages = {
        one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".html")
    }
    return Environment(
        loader=DictLoader(pages),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def text_of(name: str) -> str:
    """A file that stands beside the templates."""
    return (files("balance_sim.show.report") / "templates" / name).read_text(encoding="utf-8")

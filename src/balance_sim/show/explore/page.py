"""The explorer's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from balance_sim.show.explore.data import document
from balance_sim.show.explore.points import RUNS, Design, around, of_sweep
from balance_sim.show.report.page import rendered, text_of
from balance_sim.study.faults import WrongRequest
from balance_sim.study.store import Store
from balance_sim.study.sweep_result import SweepResult

if TYPE_CHECKING:
    from balance_sim.study.result import Result

FILE = "explore.html"


def design_of(
    study: Result | SweepResult, runs: int = RUNS, progress: Callable[[int, int], None] | None = None
) -> Design:
    """The points to show: a sweep's own, or a small design lived round a study."""
    return of_sweep(study) if isinstance(study, SweepResult) else around(study, runs, progress)


def explorer_html(design: Design) -> str:
    """The page of a design. The same bytes for the same results. Raises WrongRequest where no run finished."""
    found = document(design)
    if not found:
        raise WrongRequest("no run finished, so there is nothing to explore")
    # In a script element `<` could end it; as an escape it cannot.
    data = json.dumps(found, separators=(",", ":"), allow_nan=False, ensure_ascii=False).replace(
        "<", "\\u003c"
    )
    content = {"title": f"{found['title']}: explorer", "found": found, "data": data}
    style = text_of("report.css") + text_of("explore.css")
    return rendered("explore.html", content, script=text_of("draw.js") + text_of("explore.js"), style=style)


def save_explorer(design: Design, path: Path) -> Path:
    """Write the page, whole or not at all. Raises CannotWrite."""
    Store(path.parent).write_bytes(path, explorer_html(design).encode())
    return path

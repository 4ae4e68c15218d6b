"""The explorer's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim.pool.faults import WrongRequest
from balance_sim.pool.whole_files import write_whole
from balance_sim.results.sweep_result import SweepResult
from balance_sim.show.explore.data import document
from balance_sim.show.explore.points import Design, around, of_sweep
from balance_sim.show.report.page import policy, rendered, text_of

if TYPE_CHECKING:
    from balance_sim.results.result import Result

FILE = "explore.html"


def design_of(study: Result | SweepResult, progress: Callable[[int, int], None] | None = None) -> Design:
    """The points to show: a sweep's own, or a small design round a study, by the expected estimator."""
    return of_sweep(study) if isinstance(study, SweepResult) else around(study, progress)


def explorer_html(design: Design) -> str:
    """The page of a design. The same bytes for the same results. Raises WrongRequest where no run finished."""
    found = document(design)
    if not found:
        raise WrongRequest("no run finished, so there is nothing to explore")
    content = {"title": f"{found['title']}: explorer", "found": found, "data": _in_script(found)}
    return rendered("explore.html", content, script=_script("explore.js"), style=_style())


def live_html(found: dict[str, Any]) -> tuple[str, str]:
    """The live page, and the policy it asks for: like the explorer, but that it may ask its own server.

    found: `heading` of data.py, and `runs`: those asked for at first; `choices`: those that can be."""
    content = {"title": f"{found['title']}: live", "found": found, "data": _in_script(found)}
    script, style, server = _script("live.js"), _style(), "'self'"
    page = rendered("live.html", content, script=script, style=style, connect=server)
    return page, policy(style, script, server)


def _script(own: str) -> str:
    return text_of("draw.js") + text_of(own)


def _style() -> str:
    return text_of("report.css") + text_of("explore.css")


def _in_script(found: dict[str, Any]) -> str:
    """JSON for a script element, which `<` could end; as an escape it cannot."""
    text = json.dumps(found, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c")


def save_explorer(design: Design, path: Path) -> Path:
    """Write the page, whole or not at all. Raises CannotWrite."""
    write_whole(path, explorer_html(design).encode("utf-8", "backslashreplace"))
    return path

"""What a notebook shows for a result: the finding and the fan chart, as HTML of its own."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from balance_sim.show.gallery import FIGURES, words_of
from balance_sim.show.headline import finding
from balance_sim.show.report.facts import failed_and_missing
from balance_sim.show.report.svg import inlined
from balance_sim.show.save import figure_bytes
from balance_sim.show.wording import plural, printable

if TYPE_CHECKING:
    from balance_sim.analysis.result import AnalysedResult


def card(result: AnalysedResult) -> str:
    """HTML of the headline and the fan chart; no script, no style sheet, nothing fetched."""
    figure = FIGURES["fan"].draw(result)
    words = words_of(figure)
    # A notebook may show several cards: ids of one must not meet those of another.
    svg = inlined(figure_bytes(figure, "svg", text=True), f"card-{result.digest[:8]}", f"Figure: {words}")
    title = html.escape(printable(result.scenario.title))
    made = f"{plural(result.runs, 'replication')} of {plural(len(result.arms), 'arm')}, seed {result.seed}, "
    made += f"digest {result.digest[:12]}"
    return (
        f"<div><h3>{title}</h3><p>{html.escape(finding(result))}</p>"
        f'<div style="max-width:44rem;background:#fff">{svg}</div>'
        f"<p><small>{html.escape(made + failed_and_missing(result))}. "
        "Tables: .levels, .effects, .dyads, .states, .outcomes, .fan()</small></p></div>"
    )

"""Goodness of fit on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from balance_sim.evidence.estimation.lines import note_lines
from balance_sim.evidence.goodness import figures
from balance_sim.evidence.goodness.networks import GoodnessOfFit
from balance_sim.show import wording as say

HEADS = ["statistics", "p", "outside of the 5-95 % band"]


def gof_lines(study: GoodnessOfFit) -> Iterator[str]:
    """For a terminal, at 80 columns: the finding, and each group of statistics in a
    line, with what lies outside of its band."""
    yield say.printable(str(study["about"].get("title") or ""))
    observed = say.plural(study["agreements"], "agreement")
    simulated = say.plural(study["replications"], "replication")
    yield f"{observed} observed, {figures.span_words(study)}; {simulated}"
    yield from say.wrapped(f"{figures.verdict_words(study)}.", "")
    yield from say.table([HEADS, *figures.tests_table(study)], "<>")
    yield "p: Mahalanobis Monte Carlo (docs/gof.md)"
    yield from note_lines(study["notes"])

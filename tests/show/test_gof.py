"""Goodness of fit as it is shown: words that say what the numbers say, and marks where the numbers are."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
from balance_sim.evidence.goodness.comparison import GoodnessOfFit
from balance_sim.evidence.goodness.figures import (
    draw_gof,
    draw_gof_residuals,
    gof_residuals_table,
    gof_table,
    simulated_table,
)
from balance_sim.evidence.goodness.lines import verdict_words
from balance_sim.evidence.goodness.networks import (
    Agreements,
    GofComparison,
    Group,
    Span,
    StateFacts,
    Statistic,
    compare,
)
from balance_sim.evidence.goodness.residuals import Residuals
from balance_sim.evidence.goodness.statistics import MahalanobisFit
from balance_sim.show.figures.style import VERMILION
from matplotlib.colors import to_hex

SPAN = Span(date(2020, 1, 1), date(2022, 1, 1))


def study(rate: float = 6.0) -> GoodnessOfFit:
    rng = np.random.default_rng(1)

    def drawn(runs: int, each: float) -> Agreements:
        run = np.repeat(np.arange(runs), rng.poisson(each, runs))
        ends = np.array([rng.choice(5, 2, replace=False) for _ in run])
        day = SPAN.first.toordinal() + rng.integers(0, 730, len(run))
        blank = np.full(len(run), np.nan)
        return Agreements(run, ends.min(axis=1), ends.max(axis=1), np.full(len(run), "pact"), day, blank, blank)

    names = dict(zip("ABCDE", ("Austria", "Belgium", "Chile", "Denmark", "Egypt"), strict=True))
    found = compare(StateFacts(tuple("ABCDE")), SPAN, drawn(1, rate), drawn(60, 6.0), 60)
    return GoodnessOfFit(found, residuals(), names, {"title": "A test"})


def residuals(ks_p: float = 0.4, level_p: float = 0.5) -> Residuals:
    day = np.array([0.0, 200.0, 400.0, 731.0])
    signed, expected = np.array([0.0, 2.0, 5.0, 9.0]), np.array([0.0, 3.0, 5.5, 7.0])
    return Residuals(SPAN.first, day, signed, expected, np.arange(9.0), ("A",), np.ones(1), 0.2, ks_p, level_p)


def judged(**p: float | None) -> GofComparison:
    groups = tuple(
        Group(
            name,
            (Statistic("x", 1, 1, 0, 2),),
            np.zeros((3, 1)),
            None if of is None else MahalanobisFit(of, of, 1.0, 1),
        )
        for name, of in p.items()
    )
    return GofComparison(SPAN, 99, 5, groups, (), 0.5)


def test_the_verdict_names_what_fails_and_counts_what_is_tested() -> None:
    assert verdict_words(judged(degree=0.3, years=0.06, lags=None)) == (
        "The record is like the simulated networks in all 2 groups of statistics"
    )
    assert verdict_words(judged(degree=0.05, years=0.06, lags=None)) == (
        "The record differs from the simulated networks in 1 of 2 groups: states by partners"
    )
    few = replace(judged(degree=0.06, years=0.06, lags=None), replications=8)  # the least p is 0.5 / 9
    assert verdict_words(few) == "8 replications are too few to test the record at 0.05"


def test_a_dot_for_every_statistic_where_it_was_observed() -> None:
    table = gof_table(study(25.0))
    figure = draw_gof(table, simulated=simulated_table(study(25.0)))
    ax = next(one for one in figure.axes if one.get_title(loc="left").startswith("Agreements by year"))
    rows = table[table["group"] == "years"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert np.concatenate([line.get_ydata() for line in dots]).tolist() == rows["observed"].tolist()
    outside = (rows["observed"] < rows["q05"]) | (rows["observed"] > rows["q95"])
    assert outside.all()  # four times as many
    assert {to_hex(line.get_color()) for line in dots} == {VERMILION.lower()}
    titles = {one.get_title(loc="left").split("\n")[0] for one in figure.axes}
    assert "Distance, km" not in titles  # nothing is known of it


def test_residuals_are_drawn_as_they_are() -> None:
    table = gof_residuals_table(study())
    assert table["residual"].tolist() == [0.0, -1.0, -0.5, 2.0]
    figure = draw_gof_residuals(table)
    steps = next(line for line in figure.axes[1].lines if line.get_drawstyle() == "steps-post")
    assert np.asarray(steps.get_ydata()).tolist() == table["residual"].tolist()
    none = GoodnessOfFit(study().comparison)
    assert "not known" in draw_gof_residuals(gof_residuals_table(none)).axes[0].texts[0].get_text()

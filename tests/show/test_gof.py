"""Goodness of fit as it is shown: words that say what the numbers say, and marks where the numbers are."""

from datetime import date

import numpy as np
import pandas as pd
from balance_sim.evidence.goodness.figures import draw_gof, gof_table, verdict_words
from balance_sim.evidence.goodness.networks import GoodnessOfFit, Span, StateFacts, compare
from balance_sim.show.figures.style import VERMILION
from matplotlib.colors import to_hex

SPAN = Span(date(2020, 1, 1), date(2022, 1, 1))


def study(rate: float = 6.0) -> GoodnessOfFit:
    rng = np.random.default_rng(1)

    def drawn(runs: int, each: float) -> pd.DataFrame:
        run = np.repeat(np.arange(runs), rng.poisson(each, runs))
        ends = np.array([rng.choice(5, 2, replace=False) for _ in run])
        day = SPAN.first.toordinal() + rng.integers(0, 730, len(run))
        columns = {"run": run, "a": ends.min(axis=1), "b": ends.max(axis=1), "kind": "pact", "signed": day}
        return pd.DataFrame(columns | {"talks": np.nan, "force": np.nan})

    blank = np.full((5, 5), np.nan)
    facts = StateFacts(tuple("ABCDE"), blank, blank[0], np.zeros((5, 5), dtype=bool))
    found = compare(facts, SPAN, drawn(1, rate), drawn(60, 6.0), 60)
    return GoodnessOfFit(found | {"about": {"title": "A test"}, "notes": []})


def judged(replications: int = 99, **p: float | None) -> GoodnessOfFit:
    groups = [{"name": name, "p": of, "distance": of and 1.0} for name, of in p.items()]
    return GoodnessOfFit(replications=replications, groups=groups, p=0.5)


def test_the_verdict_names_what_fails_and_counts_what_is_tested() -> None:
    assert "in all 2 groups" in verdict_words(judged(degree=0.3, years=0.06, lags=None))
    assert "in 1 of 2 groups: States by partners" in verdict_words(judged(degree=0.05, years=0.06, lags=None))
    few = judged(8, degree=0.06, years=0.06, lags=None)  # the least p is 0.5 / 9
    assert verdict_words(few) == "8 replications are too few to test the record at 0.05; 9 would do"
    assert "in all 2 groups" in verdict_words(judged(9, degree=0.06, years=0.06, lags=None))


def test_a_dot_for_every_statistic_where_it_was_observed() -> None:
    table = gof_table(study(25.0))
    years = table[table["group"] == "years"]
    assert years["outside"].all()  # four times as many
    figure = draw_gof.draw(None, table)
    dots = [line for ax in figure.axes for line in ax.lines if line.get_marker() == "o"]
    drawn = np.concatenate([line.get_xdata() for line in dots])
    assert len(drawn) == len(table)
    for z in years["z"]:
        (place,) = np.flatnonzero(drawn == z)
        assert to_hex(dots[place].get_color()) == VERMILION.lower()

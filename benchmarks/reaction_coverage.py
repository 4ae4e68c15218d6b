"""Coverage of the intervals of `evidence fit --reactions`, on invented records.

    python benchmarks/reaction_coverage.py DATA [--records 200]

What states did is drawn anew at rates as fitted to the shared record, with an
elasticity that is known, and a gamma of variance 0.25 for every state and year."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from balance_sim.evidence.reactions.alarm import AlarmModel
from balance_sim.evidence.reactions.elasticities import Panel, fit, panel_of
from balance_sim.evidence.reactions.record import ReactionRecord, load_reactions
from balance_sim.stats import Floats

MARGINS = ("alliances", "defence cooperation")
TRUTHS = (0.0, 0.32)
SHAPE = 4.0


def panel(record: ReactionRecord, name: str, values: Floats, alarm: Floats) -> Panel:
    """The rows of a margin with other values."""
    history, margin = record.history, replace(record.margins[name], values=values)
    return panel_of(margin, [alarm], history.present, history.years, record.region)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--records", type=int, default=200)
    arguments = parser.parse_args()
    record, rng = load_reactions(arguments.data), np.random.default_rng(3)
    alarm, states = AlarmModel(record).of_others(record.began), len(record.history.iso3)
    print("margin, truth, mean, s.d., mean error, share of intervals that hold it")
    for name in MARGINS:
        rows = panel(record, name, record.margins[name].values, alarm)
        found = fit(rows, states)
        column = rows.columns[:, 0]
        rates = found.rates * np.exp(-found.estimate[0] * column)
        for truth in TRUTHS:
            mean = rates * np.exp(truth * column)
            mean *= rows.outcome.sum() / mean.sum()
            fits = []
            for _ in range(arguments.records):
                drawn = rng.poisson(mean * rng.gamma(SHAPE, 1 / SHAPE, len(mean)))
                values = np.full_like(record.margins[name].values, np.nan)
                values[rows.year, rows.state] = drawn
                fits.append(fit(panel(record, name, values, alarm), states))
            means = np.array([one.estimate[0] for one in fits])
            errors = np.array([one.error[0] for one in fits])
            holds = np.mean(
                [one.interval[0][0] <= truth <= one.interval[1][0] for one in fits]
            )
            print(
                f"{name}, {truth}, {means.mean():.3f}, {means.std():.3f}, "
                f"{errors.mean():.3f}, {holds:.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

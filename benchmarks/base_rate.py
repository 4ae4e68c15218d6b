"""Base rate: how often pairs sign in the reference arm, against the record. Prints the intercepts that match.

    uv run python benchmarks/base_rate.py scenarios/beijing_2025.yaml 2022-01-01 2025-09-02

The intercept of each kind of agreement carries its level and nothing else. It is solved here so that the
expected bilateral signatures a year at the start of the reference arm equal the agreement table's in the
given years. No arm with the focal event is looked at. Kinds without a signature are set to one in ten years.
"""

from __future__ import annotations

import sys
from datetime import date

import numpy as np

from balance_sim.model.baseline import compile_worlds
from balance_sim.scenario import load_scenario


def recorded(scenario, since: date, until: date) -> dict[str, float]:
    """Bilateral signatures a year, by kind."""
    years = (until - since).days / 365.25
    out = dict.fromkeys(sorted(scenario.kinds), 0)
    for agreement in scenario.agreements:
        if (
            agreement.signed
            and since <= agreement.signed <= until
            and not agreement.multilateral
        ):
            out[agreement.kind] += 1
    return {kind: count / years for kind, count in out.items()}


def main() -> None:
    scenario = load_scenario(sys.argv[1], calibrated=False)
    worlds = compile_worlds(scenario)
    kinds = worlds.reference.ladder
    target = recorded(scenario, *(date.fromisoformat(text) for text in sys.argv[2:4]))
    fails = worlds.reference.rules.collapse_rate / 365.25
    signed = (1 + fails * kinds.talks_days / kinds.talks_shape) ** -kinds.talks_shape
    keen = worlds.baseline.keen
    u = np.log(keen) - np.log1p(-keen)
    print(
        f"{'kind':24s}{'recorded':>10s}{'expected':>10s}{'intercept':>11s}{'matching':>10s}"
    )
    for m, kind in enumerate(kinds.names):
        wanted = target[kind] or 0.1
        low, high = -30.0, 30.0
        for _ in range(80):
            shift = (low + high) / 2
            rate = (
                kinds.ceiling[m]
                * signed[m]
                * (1 / (1 + np.exp(-u[:, :, m] - shift))).prod(axis=1).sum()
            )
            low, high = (shift, high) if rate < wanted else (low, shift)
        now = kinds.ceiling[m] * signed[m] * keen[:, :, m].prod(axis=1).sum()
        print(
            f"{kind:24s}{target[kind]:10.2f}{now:10.2f}{kinds.intercept[m]:11.3f}{kinds.intercept[m] + shift:10.3f}"
        )


if __name__ == "__main__":
    main()

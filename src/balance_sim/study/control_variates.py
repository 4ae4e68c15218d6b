"""Control variates of filtered sums: what the same opportunities would lead to with the
network as at the start, of which the expectation is known.

At an opportunity of an idle clock let b be the probability that it was kept, w the
probability that talks open, given the replication's past, over b, and v that they open
with the network as at the start. Opportunities come at rate lambda, whatever the past,
and are kept by chance, so that

    E[sum of w S]  =  E[integral over the idle time of lambda v S dt]
                    + E[sum of (w - v / b) S]

with S of `filtered.py`. A clock is idle or busy for a whole step, as it is where states
are asked. What is left to chance is what agreements on the way change: the times at
which a clock is busy, and w - v / b. That opportunities come early or late, many or
few, and which of them are kept, falls out.

Control variates: Lavenberg, Welch 1981, Management Science 27(3): 322-335; Glasserman
2003, Monte Carlo Methods in Financial Engineering, sec. 4.1."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from balance_sim.model.baseline import Worlds
from balance_sim.model.core import DAYS_PER_YEAR, Floats
from balance_sim.model.state import ClockRows, Simulated
from balance_sim.model.thinning import opportunity_rate
from balance_sim.study.expected import Estimator, ExpectedSignatures

MOST_STORED = 2**22
"""Entries of the arrays of arms that are stored, of fifty states some thirty arms;
changes no result."""


class Steps:
    """The steps of a scenario in the spans of the expected estimator. S steps, K spans,
    M types.

    Attributes
    ----------
    span : (S,) in which each step lies
    within : by window, (K, M) agreements that are signed within it of talks that open
        at rate 1 a day in a span
    passed : by window, (S, M) the same of talks that open from the beginning of the
        span to that of the step
    """

    def __init__(self, estimator: Estimator, worlds: Worlds) -> None:
        grid, windows = worlds.reference.grid, estimator.windows
        self.span = estimator.signatures.span_of(grid[:-1])
        span_begins = np.searchsorted(self.span, np.arange(self.span[-1] + 1))
        bounds = np.array([windows.bounds(window) for window in windows.days])
        opened = ExpectedSignatures(worlds, grid).opened_by(bounds.ravel())
        first, stop = opened[::2], opened[1::2]  # (W, S, M) each
        of_steps = dict(zip(windows.days, stop - first, strict=True))
        self.within: dict[int, Floats] = {}
        self.passed: dict[int, Floats] = {}
        for window, in_step in of_steps.items():
            self.within[window] = np.add.reduceat(in_step, span_begins)
            before = np.cumsum(in_step, axis=0) - in_step
            self.passed[window] = before - before[span_begins][self.span]


@dataclass(frozen=True)
class ControlVariate:
    """The control variate of an arm. K spans, P dyads, M types.

    Attributes
    ----------
    signatures, steps : of the scenario's spans
    openings : (K, P, M) probability that talks open at an opportunity of an idle clock
    rate : (P, M) opportunities a day
    """

    signatures: ExpectedSignatures
    steps: Steps
    openings: Floats
    rate: Floats

    def signed(self, window: int) -> Floats:
        """(P, M) agreements signed within a window, were all clocks idle throughout."""
        opened = np.einsum("kpm,km->pm", self.openings, self.steps.within[window])
        return np.asarray(self.rate * opened)

    def at(self, simulated: Simulated) -> Floats:
        """(A,) v / b at each opportunity at which two states were asked."""
        answers, opportunities = simulated.answers, simulated.opportunities
        rows = answers.rows
        span = self.signatures.span_of(opportunities.day.take(rows))
        where = span, opportunities.dyad.take(rows), opportunities.kind.take(rows)
        place = np.ravel_multi_index(where, self.openings.shape)
        return np.asarray(self.openings.take(place) / answers.kept)

    def changed(self, changes: ClockRows) -> dict[int, Floats]:
        """By window, (C,) agreements signed within it that each change of a clock adds:
        from the beginning of its step on."""
        kind, row = changes.kind, np.arange(len(changes.kind))
        span = self.steps.span[changes.when]
        openings = self.openings[:, changes.dyad, kind]  # (K, C)
        openings *= changes.weight * self.rate[changes.dyad, kind]
        changed = {}
        for window, within in self.steps.within.items():
            opened = openings * within[:, kind]
            from_span_on = np.cumsum(opened[::-1], axis=0)[::-1][span, row]
            passed = self.steps.passed[window][changes.when, kind]
            changed[window] = from_span_on - openings[span, row] * passed
        return changed


class ControlVariates:
    """The control variates of a scenario's arms, each worked out when it is first asked
    for. worlds: without parameters of single replications."""

    def __init__(self, worlds: Worlds) -> None:
        self._worlds = worlds
        self._stored: dict[str, ControlVariate] = {}

    @cached_property
    def _estimator(self) -> Estimator:
        return Estimator(self._worlds, in_windows=True)

    @cached_property
    def _steps(self) -> Steps:
        return Steps(self._estimator, self._worlds)

    def of(self, arm: str) -> ControlVariate:
        """That of an arm, by name."""
        if arm not in self._stored:
            variate = self._of(arm)
            if (len(self._stored) + 1) * variate.openings.size > MOST_STORED:
                self._stored.clear()
            self._stored[arm] = variate
        return self._stored[arm]

    def _of(self, arm: str) -> ControlVariate:
        signatures = self._estimator.signatures
        (wanted,) = self._estimator.courses_of([self._worlds.arms[arm]])
        openings = signatures.openings(wanted)
        rate = opportunity_rate(self._worlds.reference) / DAYS_PER_YEAR
        return ControlVariate(signatures, self._steps, openings, rate)

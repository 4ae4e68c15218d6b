"""Terms that follow from a fit: what an agreement would call forth, and how many talks
a state has under way.

`foresight` and `talks_budget` (model/willingness.py) read the model's own rates, which
depend on the weights that are to be fitted. So the other terms are fitted first; their
rates give the two terms; all are fitted with these; and so on until the new weights
settle: nested pseudo-likelihood (Aguirregabiria, Mira 2007, Econometrica 75(1): 1-53).
Its fixed point is a quantal response equilibrium (McKelvey, Palfrey 1995, Games and
Economic Behavior 10: 6-38). Once a weight turns back, terms move half way (relaxation:
Kasahara, Shimotsu 2012, Econometrica 80(5)).

For talks, which are not on record, stands their expected number on the first day of the
year, and for what a state has as a rule the mean over its years so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from balance_sim.evidence.data.errors import DataError
from balance_sim.evidence.data.history import History
from balance_sim.evidence.data.layers import Floats
from balance_sim.evidence.data.record_scenario import Ints, scenario_at
from balance_sim.evidence.estimation.choices import Choices, first_day, of_dyads
from balance_sim.evidence.estimation.fitting import WeightFit, fit
from balance_sim.model.core import DAYS_PER_YEAR
from balance_sim.model.prospects import Prospects
from balance_sim.model.thinning import share_lasting
from balance_sim.model.willingness import TERMS

FORESIGHT, TALKS = FOLLOWING = ("foresight", "talks_budget")
ROUNDS, SETTLED = 20, 0.05
"""Rounds at most, and the share of its standard error by which the weight of such a
term may still move at the end."""


class LookingAhead:
    """What these terms are in the dyads and years of a record, under a fit.

    history: as of the record. parameters: of beliefs and reach, laid over the
    defaults."""

    def __init__(
        self, history: History, parameters: Mapping[str, float] | None = None
    ) -> None:
        self.history, self.parameters = history, dict(parameters or {})
        self._prospects: dict[int, Prospects] = {}

    def of(self, fitted: WeightFit, record: Choices, names: Sequence[str]) -> Choices:
        """The record with these terms as they follow from a fit.

        record: of the types of agreement of the fit, and with these terms where it has
        them already. Its first year is the first of those that tell what a state has as
        a rule."""
        foresight = np.zeros(record.by_kind.shape[:3])
        talks = np.zeros(record.common.shape[:2])
        talks_by_year: list[Floats] = []
        kinds = len(record.kinds)
        for year in map(int, np.unique(record.year)):
            is_year = record.year == year
            rows = record.take(is_year)
            dyads = self._places(rows)
            prospects = of_dyads(self.prospects(year), *dyads, rows.kinds)
            if FORESIGHT in names:
                signs = self._signs(fitted, rows)
                prospects = _with_baseline(prospects, signs=signs)
                foresight[is_year] = _by_side(FORESIGHT, prospects, kinds)
            if TALKS in names:
                talks_by_year.append(self._talks(fitted, rows))
                place = self._roster(year)
                usual = _mean_of_known(np.stack(talks_by_year))[place]
                prospects = _with_baseline(prospects, talks=usual)
                under_way = talks_by_year[-1][None, place]
                state = replace(prospects.state, talks=under_way)
                prospects = replace(prospects, state=state)
                talks[is_year] = _by_side(TALKS, prospects, kinds)[:, :, 0]
        if FORESIGHT in names:
            record = _with_column(record, FORESIGHT, foresight)
        return _with_column(record, TALKS, talks) if TALKS in names else record

    def fit(
        self,
        record: Choices,
        names: Sequence[str],
        *,
        since: int | None = None,
        found: WeightFit | None = None,
        **options: Any,
    ) -> WeightFit:
        """Fit all the terms that `record` holds and these, by rounds. options: as for
        `fitting.fit`.

        since: first year that is fitted; those before it tell what a state has as a
        rule. found: a fit of these rows to begin from, else that of the terms of
        `record`. Raises DataError where `fit` does, and if the weights of these terms
        do not settle."""
        first = int(record.year.min()) if since is None else since
        last = int(record.year.max())
        fitted = found or fit(record.within(first, last), **options)
        held_options = dict(options)
        if fitted.propensity_variance > 0:
            held_options["variance"] = fitted.propensity_variance
        weights, step = np.zeros(len(names)), np.zeros(len(names))
        is_relaxed = False
        for _ in range(ROUNDS):
            moved = self.of(fitted, record, names)
            record = _half_way(record, moved) if is_relaxed else moved
            rows = record.within(first, last)
            fitted = fit(rows, start=_start(fitted), **held_options)
            moved_weights = np.array([fitted.weights[name] for name in names])
            turns_back = bool((step * (moved_weights - weights) < 0).any())
            is_relaxed = is_relaxed or turns_back
            weights, step = moved_weights, moved_weights - weights
            by_name = dict(zip(fitted.names, fitted.standard_error, strict=True))
            error = np.array([by_name[name] for name in names])
            if (np.abs(step) < SETTLED * error).all():
                return fit(rows, start=_start(fitted), **options)
        message = f"{' and '.join(names)} did not settle in {ROUNDS} rounds"
        raise DataError(message, "Leave one of them out")

    def _signs(self, fitted: WeightFit, rows: Choices) -> Floats:
        """(P, M) agreements a year that each dyad of the year's world signs, but for
        what `foresight` adds."""
        world = self.prospects(int(rows.year[0])).world
        signs = np.zeros((len(world.first), len(world.ladder.names)))
        rates = _rates(fitted, rows, without=FORESIGHT)
        dyad = world.dyad_index[self._places(rows)]
        for m, kind in enumerate(rows.kinds):
            signs[dyad, world.ladder.names.index(kind)] = rates[:, m]
        return signs

    def _talks(self, fitted: WeightFit, rows: Choices) -> Floats:
        """(n,) talks that each state has under way in the steady state of the year's
        rates, NaN for one not there."""
        year = int(rows.year[0])
        world = self.prospects(year).world
        ladder = world.ladder
        types = [ladder.names.index(kind) for kind in rows.kinds]
        opened = _rates(fitted, rows) / rows.chance_kept / DAYS_PER_YEAR
        chance = -np.expm1(-opened * ladder.talks_days[types])
        lasting = share_lasting(ladder, world.rules.collapse_rate)[types]
        of_dyad = (chance * lasting).sum(axis=1)
        talks = np.full(len(self.history.iso3), np.nan)
        talks[self._roster(year)] = 0.0
        for side in (rows.a, rows.b):
            np.add.at(talks, side, of_dyad)
        return talks

    def _roster(self, year: int) -> Ints:
        """(n of the year,) roster position of each state of the year's world."""
        place = {code: k for k, code in enumerate(self.history.iso3)}
        return np.array([place[code] for code in self.prospects(year).world.codes])

    def _places(self, rows: Choices) -> tuple[Ints, Ints]:
        """Where the year's world has both sides."""
        place = np.full(len(self.history.iso3), -1)
        roster = self._roster(int(rows.year[0]))
        place[roster] = np.arange(len(roster))
        return place[rows.a], place[rows.b]

    def prospects(self, year: int) -> Prospects:
        """What states see on the first day of a year."""
        if year not in self._prospects:
            scenario = scenario_at(
                self.history,
                year,
                parameters=self.parameters,
                weights=dict.fromkeys(TERMS, 0.0),
            )
            self._prospects[year] = first_day(scenario)
        return self._prospects[year]


def _with_baseline(prospects: Prospects, **values: Floats) -> Prospects:
    """The prospects with other values of their baseline."""
    changes: dict[str, Any] = dict(values)
    return replace(prospects, baseline=replace(prospects.baseline, **changes))


def _by_side(term: str, prospects: Prospects, kinds: int) -> Floats:
    """(N, 2, M) of a term, by dyad, who decides, and type of agreement."""
    return np.asarray(TERMS[term](prospects)).reshape(-1, 2, kinds)


def _half_way(record: Choices, moved: Choices) -> Choices:
    """The middle between two records of the same names."""
    return replace(
        moved,
        common=(record.common + moved.common) / 2,
        by_kind=(record.by_kind + moved.by_kind) / 2,
    )


def _start(fitted: WeightFit) -> dict[str, float]:
    return dict(zip(fitted.names, map(float, fitted.estimate), strict=True))


def _rates(fitted: WeightFit, rows: Choices, without: str = "") -> Floats:
    """(N, M) expected agreements of each dyad and type, under a fit but for one of its
    terms."""
    design, values = fitted.on(rows)
    is_left_out = [name == without for name in (*design.names, *rows.states)]
    values = np.where(is_left_out, 0.0, values)
    return np.asarray(np.exp(design.log_rate(values)[0]))


def _with_column(record: Choices, name: str, values: Floats) -> Choices:
    """The record with a term added, or in the place of what it was. values: (N, 2), or
    (N, 2, M) of a term by kind."""
    field = "by_kind" if TERMS[name].by_kind else "common"
    names: tuple[str, ...] = getattr(record, f"{field}_names")
    others = [k for k, term in enumerate(names) if term != name]
    columns = [getattr(record, field)[..., others], values[..., None]]
    changes: dict[str, Any] = {
        field: np.concatenate(columns, axis=-1),
        f"{field}_names": (*(names[k] for k in others), name),
    }
    return replace(record, **changes)


def _mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis of what is not NaN; 0 where all of it is."""
    is_known = ~np.isnan(values)
    total = np.where(is_known, values, 0.0).sum(axis=0)
    return np.asarray(total / np.maximum(is_known.sum(axis=0), 1))

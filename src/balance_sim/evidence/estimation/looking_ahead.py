"""Terms that follow from a fit: what an agreement would call forth, and how many talks
a state has under way.

`foresight` and `talks_budget` (model/willingness.py) read the model's own rates, which depend on the weights that are
to be fitted. So the other terms are fitted first; their rates give the two terms; all
are fitted with these; and so on until the new weights settle: nested pseudo-likelihood
(Aguirregabiria, Mira 2007, Econometrica 75(1): 1-53). Its fixed point is a quantal
response equilibrium (McKelvey, Palfrey 1995, Games and Economic Behavior 10: 6-38).
Once a weight turns back, terms move half way (relaxation: Kasahara, Shimotsu 2012,
Econometrica 80(5)).

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
        self._seen: dict[int, Prospects] = {}

    def of(self, found: WeightFit, record: Choices, names: Sequence[str]) -> Choices:
        """The record with these terms as they follow from a fit.

        record: of the types of agreement of the fit, and with these terms where it has
        them already. Its first year is the first of those that tell what a state has as
        a rule."""
        foresight, talks = (
            np.zeros(record.by_kind.shape[:3]),
            np.zeros(record.common.shape[:2]),
        )
        so_far: list[Floats] = []
        for year in map(int, np.unique(record.year)):
            rows = record.year == year
            now = record.take(rows)
            seen = of_dyads(self.seen(year), *self._places(now), now.kinds)
            if FORESIGHT in names:
                seen = replace(
                    seen, baseline=replace(seen.baseline, signs=self._signs(found, now))
                )
                foresight[rows] = TERMS[FORESIGHT](seen).reshape(
                    -1, 2, len(record.kinds)
                )
            if TALKS in names:
                so_far.append(self._talks(found, now))
                place, usual = self._roster(year), _mean_of_known(np.stack(so_far))
                here = replace(seen.state, talks=so_far[-1][None, place])
                seen = replace(
                    seen,
                    baseline=replace(seen.baseline, talks=usual[place]),
                    state=here,
                )
                talks[rows] = TERMS[TALKS](seen).reshape(-1, 2, len(record.kinds))[
                    :, :, 0
                ]
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
        **how: Any,
    ) -> WeightFit:
        """Fit all the terms that `record` holds and these, by rounds. how: as for
        `fitting.fit`.

        since: first year that is fitted; those before it tell what a state has as a
        rule. found: a fit of these rows to begin from, else that of the terms of
        `record`. Raises DataError where `fit` does, and if the weights of these terms
        do not settle."""
        first, last = (
            int(record.year.min()) if since is None else since,
            int(record.year.max()),
        )
        found = fit(record.within(first, last), **how) if found is None else found
        held = (
            {**how, "variance": found.propensity_variance}
            if found.propensity_variance > 0
            else how
        )
        weight, step, half = np.zeros(len(names)), np.zeros(len(names)), False
        for _ in range(ROUNDS):
            new = self.of(found, record, names)
            if half:  # of the way between two of the same names
                new = replace(
                    new,
                    common=(record.common + new.common) / 2,
                    by_kind=(record.by_kind + new.by_kind) / 2,
                )
            record = new
            past = record.within(first, last)
            found = fit(past, start=_start(found), **held)
            now = np.array([found.weights[name] for name in names])
            half = half or bool((step * (now - weight) < 0).any())
            weight, step = now, now - weight
            error = dict(zip(found.names, found.standard_error, strict=True))
            if (
                np.abs(step) < SETTLED * np.array([error[name] for name in names])
            ).all():
                return fit(past, start=_start(found), **how)
        raise DataError(
            f"{' and '.join(names)} did not settle in {ROUNDS} rounds",
            "Leave one of them out",
        )

    def _signs(self, found: WeightFit, now: Choices) -> Floats:
        """(P, M) agreements a year that each dyad of the year's world signs, but for
        what `foresight` adds."""
        world = self.seen(int(now.year[0])).world
        out = np.zeros((len(world.first), len(world.ladder.names)))
        i, j = self._places(now)
        for m, kind in enumerate(now.kinds):
            out[world.dyad_index[i, j], world.ladder.names.index(kind)] = _rates(
                found, now, without=FORESIGHT
            )[:, m]
        return out

    def _talks(self, found: WeightFit, now: Choices) -> Floats:
        """(n,) talks that each state has under way in the steady state of the year's
        rates, NaN for one not there."""
        world = self.seen(int(now.year[0])).world
        at = [world.ladder.names.index(kind) for kind in now.kinds]
        opened = _rates(found, now) / now.chance_kept / DAYS_PER_YEAR
        chance = -np.expm1(-opened * world.ladder.talks_days[at])
        of_dyad = (
            chance * share_lasting(world.ladder, world.rules.collapse_rate)[at]
        ).sum(axis=1)
        out = np.full(len(self.history.iso3), np.nan)
        out[self._roster(int(now.year[0]))] = 0.0
        for side in (now.a, now.b):
            np.add.at(out, side, of_dyad)
        return out

    def _roster(self, year: int) -> Ints:
        """(n of the year,) roster position of each state of the year's world."""
        place = {code: k for k, code in enumerate(self.history.iso3)}
        return np.array([place[code] for code in self.seen(year).world.codes])

    def _places(self, now: Choices) -> tuple[Ints, Ints]:
        """Where the year's world has both sides."""
        where = np.full(len(self.history.iso3), -1)
        roster = self._roster(int(now.year[0]))
        where[roster] = np.arange(len(roster))
        return where[now.a], where[now.b]

    def seen(self, year: int) -> Prospects:
        """What states see on the first day of a year."""
        if year not in self._seen:
            scenario = scenario_at(
                self.history,
                year,
                parameters=self.parameters,
                weights=dict.fromkeys(TERMS, 0.0),
            )
            self._seen[year] = first_day(scenario)
        return self._seen[year]


def _start(found: WeightFit) -> dict[str, float]:
    return dict(zip(found.names, map(float, found.estimate), strict=True))


def _rates(found: WeightFit, rows: Choices, without: str = "") -> Floats:
    """(N, M) expected agreements of each dyad and type, under a fit but for one of its
    terms."""
    design, at = found.on(rows)
    at = np.where([name == without for name in (*design.names, *rows.states)], 0.0, at)
    return np.asarray(np.exp(design.log_rate(at)[0]))


def _with_column(record: Choices, name: str, values: Floats) -> Choices:
    """The record with a term added, or in the place of what it was. values: (N, 2), or
    (N, 2, M) of a term by kind."""
    of = "by_kind" if TERMS[name].by_kind else "common"
    known: tuple[str, ...] = getattr(record, f"{of}_names")
    kept = [k for k, one in enumerate(known) if one != name]
    columns = np.concatenate(
        [getattr(record, of)[..., kept], values[..., None]], axis=-1
    )
    new: dict[str, Any] = {
        of: columns,
        f"{of}_names": (*(known[k] for k in kept), name),
    }
    return replace(record, **new)


def _mean_of_known(values: Floats) -> Floats:
    """Mean over the first axis of what is not NaN; 0 where all of it is."""
    known = ~np.isnan(values)
    return np.asarray(
        np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    )

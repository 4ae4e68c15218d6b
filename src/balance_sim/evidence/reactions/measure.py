"""How strongly states reacted: the elasticity of each margin in alarm, with leads,
placebo dates and exchanged targets, and the agreements' elasticities pooled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from balance_sim.evidence.reactions.alarm import (
    AlarmModel,
    dates_moved,
    targets_exchanged,
)
from balance_sim.evidence.reactions.elasticities import (
    Elasticity,
    NullFit,
    Panel,
    Pooled,
    fit,
    panel_of,
    pooled,
)
from balance_sim.evidence.reactions.record import ReactionRecord
from balance_sim.stats import Floats

AGREEMENTS = ("alliances", "defence cooperation", "exercises")
"""Margins whose elasticities are pooled: three kinds of agreement and joint act."""
LEADS = 3
"""Years by which alarm to come is looked at."""


@dataclass(frozen=True)
class Reaction:
    """What a margin says.

    Attributes
    ----------
    others : Elasticity
        in alarm at force that others began
    led : Elasticity
        in alarm of today, and in what it rises by in one year, the next and the third:
        0 where states do not act before there is a reason
    dates_p, targets_p : float
        share of placebos, dates moved and targets exchanged, with an elasticity as
        large; NaN without placebos
    """

    others: Elasticity
    led: Elasticity
    dates_p: float
    targets_p: float


@dataclass(frozen=True)
class Reactions:
    """The elasticities of all margins.

    Attributes
    ----------
    margins : mapping of Reaction
        by name
    pooled_names : sequence of str
        those of `AGREEMENTS` that are there
    agreements : Pooled
        of these
    placebos : int
        of either kind
    """

    margins: Mapping[str, Reaction]
    pooled_names: Sequence[str]
    agreements: Pooled
    placebos: int


def measure_reactions(
    record: ReactionRecord,
    placebos: int = 99,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Reactions:
    """Return the elasticities of a record.

    placebos: sets of moved dates, and of exchanged targets; seed: of these; progress:
    called with how many sets are done, of how many."""
    model = AlarmModel(record)
    others = model.of_others(record.began)
    rises = [_rise(others, lead) for lead in range(1, LEADS + 1)]
    shares = _placebo_shares(record, model, placebos, seed, progress)
    margins = {}
    for name in record.margins:
        margins[name] = Reaction(
            others=_fit(record, name, [others]),
            led=_fit(record, name, [others, *rises]),
            dates_p=float(shares[name][0]),
            targets_p=float(shares[name][1]),
        )
    names = [name for name in AGREEMENTS if name in margins]
    return Reactions(
        margins, names, pooled([margins[name].others for name in names]), placebos
    )


def _panel(record: ReactionRecord, name: str, columns: Sequence[Floats]) -> Panel:
    """Return the rows of a margin with columns, (T, n) each."""
    history, margin = record.history, record.margins[name]
    return panel_of(margin, columns, history.present, history.years, record.region)


def _fit(record: ReactionRecord, name: str, columns: Sequence[Floats]) -> Elasticity:
    """Return the elasticities of a margin in columns, (T, n) each."""
    return fit(_panel(record, name, columns), len(record.history.iso3))


def _rise(alarm: Floats, lead: int) -> Floats:
    """Return (T, n) what alarm rises by in the year that ends so many years later; NaN
    where the record ends before."""
    rise = np.full_like(alarm, np.nan)
    rise[:-lead] = alarm[lead:] - alarm[lead - 1 : -1]
    return rise


def _placebo_shares(
    record: ReactionRecord,
    model: AlarmModel,
    placebos: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> dict[str, Floats]:
    """Return (2,) by margin: shares of moved dates, and of exchanged targets, with an
    elasticity as large as that of the record, by one step; NaN without placebos."""
    began, history = record.began, record.history
    others = model.of_others(began)
    nulls = {name: NullFit(_panel(record, name, [others])) for name in record.margins}
    estimates = {name: null.one_step(others) for name, null in nulls.items()}
    as_large = {name: np.ones(2) for name in nulls}
    rng = np.random.default_rng(seed)
    exchanged = targets_exchanged(began, history, rng)
    for count in range(placebos):
        moved = dates_moved(began, history, rng)
        for placebo, acts in enumerate((moved, next(exchanged))):
            alarm = model.of_others(acts)
            for name, null in nulls.items():
                as_large[name][placebo] += null.one_step(alarm) >= estimates[name]
        progress(count + 1, placebos)
    sample_size = placebos + 1 if placebos else np.nan
    return {name: counts / sample_size for name, counts in as_large.items()}

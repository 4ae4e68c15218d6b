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
from balance_sim.evidence.reactions.record import Floats, Margin, ReactionRecord

AGREEMENTS = ("alliances", "defence cooperation", "exercises")
"""Margins whose elasticities are pooled: three kinds of agreement and joint act."""
LEADS = 3
"""Years by which alarm to come is looked at."""


@dataclass(frozen=True)
class Reaction:
    """What a margin says.

    Attributes
    ----------
    others, everybody : Elasticity
        in alarm at force that others began, and at all force, own acts included
    leads : tuple of (float, float)
        estimate and error of alarm to come in one year, two and three, beside that of
        today: 0 where states do not act before there is a reason
    dates_p, targets_p : float
        share of placebos, dates moved and targets exchanged, with an elasticity as
        large; NaN without placebos
    """

    others: Elasticity
    everybody: Elasticity
    leads: tuple[tuple[float, float], ...]
    dates_p: float
    targets_p: float


@dataclass(frozen=True)
class Reactions:
    """The elasticities of all margins.

    Attributes
    ----------
    margins : mapping of Reaction
        by name
    agreements : Pooled
        those of `AGREEMENTS`, in this order
    placebos : int
        of either kind
    """

    margins: Mapping[str, Reaction]
    agreements: Pooled
    placebos: int


def measure_reactions(
    record: ReactionRecord,
    placebos: int = 99,
    seed: int = 0,
    done: Callable[[int], None] | None = None,
) -> Reactions:
    """Return the elasticities of a record.

    placebos: sets of moved dates, and of exchanged targets; seed: of these;
    done: told how many sets are done."""
    model = AlarmModel(record)
    others, everybody = model.of_others.by_state, model.of_all.by_state
    nulls = {
        name: NullFit(_panel(record, m, [others])) for name, m in record.margins.items()
    }
    found = {name: null.one_step(others) for name, null in nulls.items()}
    as_large = {name: np.zeros(2) for name in nulls}
    rng = np.random.default_rng(seed)
    exchanged = targets_exchanged(record.began, record.history, rng)
    for count in range(placebos):
        moved = dates_moved(record.began, record.history, rng)
        for kind, acts in enumerate((moved, next(exchanged))):
            alarm = model.alarms(acts, both_sides=False, wars=False).by_state
            for name, null in nulls.items():
                as_large[name][kind] += null.one_step(alarm) >= found[name]
        if done is not None:
            done(count + 1)
    margins = {}
    for name, margin in record.margins.items():
        shares = (as_large[name] + 1) / (placebos + 1) if placebos else [np.nan, np.nan]
        margins[name] = Reaction(
            others=_fit(record, margin, [others]),
            everybody=_fit(record, margin, [everybody]),
            leads=_leads(_fit(record, margin, _led(others))),
            dates_p=float(shares[0]),
            targets_p=float(shares[1]),
        )
    of_agreements = [margins[name].others for name in AGREEMENTS if name in margins]
    return Reactions(margins, pooled(of_agreements), placebos)


def _panel(record: ReactionRecord, margin: Margin, columns: Sequence[Floats]) -> Panel:
    """Return the rows of a margin with columns, (T, n) each."""
    history = record.history
    return panel_of(margin, columns, history.present, history.years, record.region)


def _fit(
    record: ReactionRecord, margin: Margin, columns: Sequence[Floats]
) -> Elasticity:
    """Return the elasticities of a margin in columns, (T, n) each."""
    return fit(_panel(record, margin, columns), len(record.history.iso3))


def _led(alarm: Floats) -> list[Floats]:
    """Return alarm, and what it rises by in one year, the next and the third."""
    years = [alarm]
    for lead in range(1, LEADS + 1):
        later = np.full_like(alarm, np.nan)
        later[:-lead] = alarm[lead:]
        years.append(later)
    return [alarm, *(years[k] - years[k - 1] for k in range(1, LEADS + 1))]


def _leads(led: Elasticity) -> tuple[tuple[float, float], ...]:
    pairs = zip(led.estimate[1:], led.error[1:], strict=True)
    return tuple((float(estimate), float(error)) for estimate, error in pairs)

"""What is not known of the headline effect, in words: intervals over the posterior and
the prior, theories, what carries the width. The same on the terminal, in the report,
and on the figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from balance_sim.show import wording as say
from balance_sim.show.headline import placebo_words
from balance_sim.show.study_types import Doubt
from balance_sim.show.wording import said, table, wrapped

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.evidence.posterior.effect_draws import (
        DrawnEffect,
        Uncertainty,
    )

ROWS = {
    "total": "effect",
    "picture": "  picture: who stands together",
    "threat": "  threat to the event's targets",
    "rest": "  what else the arm changes",
    "level": "expected without it",
}
"""What is told over draws, by its name in `effect_draws.COLUMNS`."""
MOST_GROUPS = 4
TOO_SHORT = "The scenario's record is too short to score them."
NOT_WORKED_OUT = (
    "Doubt about the parameters is not in these numbers. For intervals over prior and posterior: "
    "balance-sim effect SCENARIO --draws 200"
)


def places_of(found: Uncertainty) -> int:
    """Decimals for effects: two significant digits of the value in use, at least
    four."""
    return max(say.digits(found.estimate["total"]), 4)


def doubt(result: AnalysedResult) -> Doubt:
    """How sure the headline effect of a run is over draws of the parameters."""
    found = result.uncertainty
    if found is None:
        return Doubt(missing=NOT_WORKED_OUT)
    if found.why:
        return Doubt()
    heads, *rows = interval_rows(found)
    sentences = (draws_words(found), width_words(found), theories_words(found))
    return Doubt(
        short=draws_sentence(found),
        sentences=tuple(sentence for sentence in sentences if sentence),
        heads=tuple(heads),
        rows=tuple(tuple(row) for row in rows),
    )


def draws_sentence(found: Uncertainty | None) -> str:
    """How sure the effect is over the posterior of the parameters, else the prior;
    empty where neither is known."""
    if found is None or not (over := _sources(found)):
        return ""
    name, drawn = over[0]
    places, of = places_of(found), drawn.of["total"]
    used, (low, high) = found.estimate["total"], of.ci95
    outside = f"; the values in use, which give {say.signed(used, places)}, lie outside of their {name}"
    return (
        f"Over the {name} of the parameters the effect is above 0 in {say.percent(of.positive)} of draws (95 % "
        f"interval {say.interval(low, high, places)} agreements){'' if low <= used <= high else outside}."
    )


def _sources(found: Uncertainty) -> list[tuple[str, DrawnEffect]]:
    """What the effect is known over."""
    return [
        (name, of)
        for name, of in (("posterior", found.posterior), ("prior", found.prior))
        if of is not None
    ]


def theories_words(found: Uncertainty, unscored: str = TOO_SHORT) -> str:
    """Each theory's effect with its stacking weight, and the effect averaged by them.
    unscored: why there are none."""
    places = places_of(found)
    order = sorted(found.theories, key=lambda one: (-(one.weight or 0.0), one.name))
    told = ", ".join(
        f"{say.arm_words(one.name)} {say.signed(one.total, places)}"
        + (f" (weight {one.weight:.2f})" if one.weight is not None else "")
        for one in (found.theories if found.stacked is None else order)
    )
    if not told:
        return ""
    if found.stacked is None:
        return f"Theories, at one base rate: {told}. {unscored}"
    together = say.signed(found.stacked, places)
    return f"Theories, at one base rate, stacked by forecasts of held-back years: {told}; together {together}."


def width_words(found: Uncertainty) -> str:
    """Which groups of parameters carry the width, and what knowing the one parameter
    worth most would leave of it."""
    of = found.variance
    if of is None or not of.sd > 0:
        return ""
    order = sorted(of.shares.items(), key=lambda item: (-item[1], item[0]))
    shown = [
        f"{name} {say.percent(share)}"
        for name, share in order[:MOST_GROUPS]
        if share > 0.01
    ]
    told = f"What carries the width of the {of.source}: {', '.join(shown)}"
    if not of.sd_if_known:
        return f"{told}."
    best, left = min(of.sd_if_known.items(), key=lambda item: item[1])
    places = max(say.digits(of.sd), 3)
    return (
        f"{told}. Of single parameters {say.factor_words(best)} is worth most to know: it would cut the standard "
        f"deviation from {say.number(of.sd, places)} to {say.number(left, places)} on average."
    )


def sentences(found: Uncertainty) -> list[str]:
    """Return what draws and placebos say of the effect, in a sentence each."""
    words = (draws_sentence(found), placebo_words(found.placebos))
    return [sentence for sentence in words if sentence]


def uncertainty_lines(
    found: Uncertainty | None,
    width: int = 80,
    *,
    placebos: bool = False,
    unscored: str = TOO_SHORT,
) -> Iterator[str]:
    """For a terminal. placebos: with theirs, where nothing else says them; unscored:
    why theories have no weights."""
    if found is None:
        yield from said(NOT_WORKED_OUT, width)
    elif not found.why:
        yield from table(interval_rows(found), "<>", width=width)
        yield from said(draws_words(found), width)
        of_placebos = placebo_words(found.placebos) if placebos else ""
        for words in filter(
            None, (width_words(found), theories_words(found, unscored), of_placebos)
        ):
            yield from wrapped(words, width=width)


def interval_rows(found: Uncertainty) -> list[list[str]]:
    """Heads, then a row a number of ROWS: the value in use, and the 95 % interval over
    each distribution."""
    places, over = places_of(found), _sources(found)
    rows = [
        ["doubt about the parameters", "in use", *(f"{name} 95 %" for name, _ in over)]
    ]
    for name, label in ROWS.items():
        used, spans = found.estimate[name], [of.of[name].ci95 for _, of in over]
        if name == "level":
            rows.append(
                [
                    label,
                    say.number(used, 2),
                    *(say.interval(*of, places=1) for of in spans),
                ]
            )
        elif not (name == "rest" and abs(used) < 1e-12):
            ends = [
                f"{say.signed(low, places)} to {say.signed(high, places)}"
                for low, high in spans
            ]
            rows.append([label, say.signed(used, places), *ends])
    return rows


def draws_words(found: Uncertainty) -> str:
    """How many draws, in how many of them the effect is above zero."""
    over = _sources(found)
    shares = " and ".join(
        f"{say.percent(of.of['total'].positive)} of {name} draws" for name, of in over
    )
    counts = " and ".join(dict.fromkeys(f"{of.draws:,}" for _, of in over))
    return (
        f"{counts} draws each, expected estimator; the effect is above 0 in {shares}."
    )

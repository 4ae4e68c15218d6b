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
    from balance_sim.evidence.posterior.uncertainty import Uncertainty

ROWS = {
    "total": "effect",
    "picture": "  picture: who stands together",
    "threat": "  threat to the event's targets",
    "rest": "  what else the arm changes",
    "level": "expected without it",
}
"""What is told over draws, by its name in `effect_draws.COLUMNS`."""
MOST_GROUPS = 4
SMALLEST_SHARE = 0.01
"""Of the variance, for a group that is named."""
TOO_SHORT = "The scenario's record is too short to score them."
NOT_WORKED_OUT = (
    "Doubt about the parameters is not in these numbers. For intervals over prior and "
    "posterior: balance-sim effect SCENARIO --draws 200"
)


def places_of(uncertainty: Uncertainty) -> int:
    """Decimals for effects: two significant digits of the value in use, at least
    four."""
    return max(say.digits(uncertainty.estimate["total"]), 4)


def doubt(result: AnalysedResult) -> Doubt:
    """How sure the headline effect of a run is over draws of the parameters."""
    uncertainty = result.uncertainty
    if uncertainty is None:
        return Doubt(missing=NOT_WORKED_OUT)
    if uncertainty.why:
        return Doubt()
    heads, *rows = interval_rows(uncertainty)
    paragraphs = (
        draws_words(uncertainty),
        width_words(uncertainty),
        theories_words(uncertainty),
    )
    return Doubt(
        short=draws_sentence(uncertainty),
        sentences=tuple(filter(None, paragraphs)),
        heads=tuple(heads),
        rows=tuple(map(tuple, rows)),
    )


def draws_sentence(uncertainty: Uncertainty | None) -> str:
    """How sure the effect is over the posterior of the parameters, else the prior;
    empty where neither is known."""
    if uncertainty is None or not uncertainty.sources:
        return ""
    name, drawn = next(iter(uncertainty.sources.items()))
    places, effect = places_of(uncertainty), drawn.of["total"]
    in_use, (low, high) = uncertainty.estimate["total"], effect.ci95
    outside = ""
    if not low <= in_use <= high:
        outside = (
            f"; the values in use, which give {say.signed(in_use, places)}, lie "
            f"outside of their {name}"
        )
    return (
        f"Over the {name} of the parameters the effect is above 0 in "
        f"{say.percent(effect.positive)} of draws (95 % interval "
        f"{say.interval(low, high, places)} agreements){outside}."
    )


def theories_words(uncertainty: Uncertainty, unscored: str = TOO_SHORT) -> str:
    """Each theory's effect with its stacking weight, and the effect averaged by them.
    unscored: why there are none."""
    places, theories = places_of(uncertainty), list(uncertainty.theories)
    if not theories:
        return ""
    if uncertainty.stacked is not None:
        theories.sort(key=lambda theory: (-(theory.weight or 0.0), theory.name))
    effects = []
    for theory in theories:
        effect = f"{say.arm_words(theory.name)} {say.signed(theory.total, places)}"
        if theory.weight is not None:
            effect += f" (weight {theory.weight:.2f})"
        effects.append(effect)
    listed = ", ".join(effects)
    if uncertainty.stacked is None:
        return f"Theories, at one base rate: {listed}. {unscored}"
    together = say.signed(uncertainty.stacked, places)
    return (
        "Theories, at one base rate, stacked by forecasts of held-back years: "
        f"{listed}; together {together}."
    )


def width_words(uncertainty: Uncertainty) -> str:
    """Which groups of parameters carry the width, and what knowing the one parameter
    worth most would leave of it."""
    variance = uncertainty.variance
    if variance is None or not variance.sd > 0:
        return ""
    order = sorted(variance.shares.items(), key=lambda item: (-item[1], item[0]))
    shares = [
        f"{name} {say.percent(share)}"
        for name, share in order[:MOST_GROUPS]
        if share > SMALLEST_SHARE
    ]
    carriers = f"What carries the width of the {variance.source}: {', '.join(shares)}"
    if not variance.sd_if_known:
        return f"{carriers}."
    path, sd = min(variance.sd_if_known.items(), key=lambda item: item[1])
    places = max(say.digits(variance.sd), 3)
    return (
        f"{carriers}. Of single parameters {say.factor_words(path)} is worth most to "
        "know: it would cut the standard deviation from "
        f"{say.number(variance.sd, places)} to {say.number(sd, places)} on average."
    )


def sentences(uncertainty: Uncertainty) -> list[str]:
    """What draws and placebos say of the effect, in a sentence each."""
    words = (draws_sentence(uncertainty), placebo_words(uncertainty.placebos))
    return list(filter(None, words))


def uncertainty_lines(
    uncertainty: Uncertainty | None,
    width: int = 80,
    *,
    placebos: bool = False,
    unscored: str = TOO_SHORT,
) -> Iterator[str]:
    """For a terminal. placebos: with theirs, where nothing else says them; unscored:
    why theories have no weights."""
    if uncertainty is None:
        yield from said(NOT_WORKED_OUT, width)
        return
    if uncertainty.why:
        return
    yield from table(interval_rows(uncertainty), "<>", width=width)
    yield from said(draws_words(uncertainty), width)
    paragraphs = [width_words(uncertainty), theories_words(uncertainty, unscored)]
    if placebos:
        paragraphs.append(placebo_words(uncertainty.placebos))
    for paragraph in filter(None, paragraphs):
        yield from wrapped(paragraph, width=width)


def interval_rows(uncertainty: Uncertainty) -> list[list[str]]:
    """Heads, then a row a number of ROWS: the value in use, and the 95 % interval over
    each distribution."""
    places, sources = places_of(uncertainty), uncertainty.sources
    heads = [f"{name} 95 %" for name in sources]
    rows = [["doubt about the parameters", "in use", *heads]]
    for name, label in ROWS.items():
        in_use = uncertainty.estimate[name]
        spans = [drawn.of[name].ci95 for drawn in sources.values()]
        if name == "level":
            ends = [say.interval(*span, places=1) for span in spans]
            rows.append([label, say.number(in_use, 2), *ends])
        elif name != "rest" or abs(in_use) >= 1e-12:
            ends = [_signed_ends(span, places) for span in spans]
            rows.append([label, say.signed(in_use, places), *ends])
    return rows


def _signed_ends(span: tuple[float, float], places: int) -> str:
    low, high = span
    return f"{say.signed(low, places)} to {say.signed(high, places)}"


def draws_words(uncertainty: Uncertainty) -> str:
    """How many draws, in how many of them the effect is above zero."""
    shares, counts = [], []
    for name, drawn in uncertainty.sources.items():
        positive = say.percent(drawn.of["total"].positive)
        shares.append(f"{positive} of {name} draws")
        counts.append(f"{drawn.draws:,}")
    different = " and ".join(dict.fromkeys(counts))
    return (
        f"{different} draws each, expected estimator; the effect is above 0 in "
        f"{' and '.join(shares)}."
    )

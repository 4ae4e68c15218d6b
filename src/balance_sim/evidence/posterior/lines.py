"""What is not known of the headline effect, in words: intervals over the posterior and
the prior, what carries the width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balance_sim.effects.placebos import PlaceboTest
from balance_sim.show import wording as say
from balance_sim.show.headline import placebo_words

if TYPE_CHECKING:
    from balance_sim.effects.result import AnalysedResult
    from balance_sim.evidence.posterior.uncertainty import Uncertainty

MOST_GROUPS = 4
SMALLEST_SHARE = 0.01
"""Of the variance, for a group that is named."""
NOT_WORKED_OUT = (
    "Doubt about the parameters is not in these numbers. For intervals over prior and "
    "posterior: balance-sim effect SCENARIO --draws 200"
)


def places_of(uncertainty: Uncertainty) -> int:
    """Decimals for effects: two significant digits of the value in use, at least
    four."""
    return max(say.digits(uncertainty["estimate"]["total"]), 4)


def doubt(result: AnalysedResult) -> list[str]:
    """How sure the headline effect of a run is over draws of the parameters."""
    uncertainty = result.uncertainty
    if uncertainty is None or uncertainty["why"]:
        return []
    words = draws_sentence(uncertainty)
    return list(filter(None, (words, width_words(uncertainty))))


def sentences(uncertainty: Uncertainty | None) -> list[str]:
    """What draws and placebos say of the effect, in a sentence each; where nothing is
    known of it, how to work it out."""
    if uncertainty is None:
        return [NOT_WORKED_OUT]
    tests = {
        name: PlaceboTest(**test) for name, test in uncertainty["placebos"].items()
    }
    words = (draws_sentence(uncertainty), placebo_words(tests))
    return list(filter(None, words))


def draws_sentence(uncertainty: Uncertainty | None) -> str:
    """How sure the effect is over the posterior of the parameters, else the prior;
    empty where neither is known."""
    if uncertainty is None or not uncertainty.sources:
        return ""
    name, drawn = next(iter(uncertainty.sources.items()))
    places, effect = places_of(uncertainty), drawn["of"]["total"]
    in_use, (low, high) = uncertainty["estimate"]["total"], effect["ci95"]
    outside = ""
    if not low <= in_use <= high:
        outside = (
            f"; the values in use, which give {say.signed(in_use, places)}, lie "
            f"outside of their {name}"
        )
    return (
        f"Over the {name} of the parameters the effect is above 0 in "
        f"{say.percent(effect['positive'])} of draws (95 % interval "
        f"{say.interval(low, high, places)} agreements){outside}."
    )


def width_words(uncertainty: Uncertainty) -> str:
    """Which groups of parameters carry the width, and what knowing the one parameter
    worth most would leave of it."""
    variance = uncertainty["variance"]
    if variance is None or not variance["sd"] > 0:
        return ""
    order = sorted(variance["shares"].items(), key=lambda item: (-item[1], item[0]))
    shares = [
        f"{name} {say.percent(share)}"
        for name, share in order[:MOST_GROUPS]
        if share > SMALLEST_SHARE
    ]
    carriers = (
        f"What carries the width of the {variance['source']}: {', '.join(shares)}."
    )
    if not variance["sd_if_known"]:
        return carriers
    path, sd = min(variance["sd_if_known"].items(), key=lambda item: item[1])
    places = max(say.digits(variance["sd"]), 3)
    return (
        f"{carriers} Of single parameters {say.factor_words(path)} is worth most to "
        "know: it would cut the standard deviation from "
        f"{say.number(variance['sd'], places)} to {say.number(sd, places)} on average."
    )

"""What the page says, in the words of the report: every format is filled with it."""

from __future__ import annotations

from dataclasses import dataclass

from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.show import wording as say
from balance_sim.show.figures import FIGURES
from balance_sim.show.headline import (
    FAR_WORDS,
    TOO_FEW_WORDS,
    doubts_of,
    finding,
    headline_rows,
    placebo_words,
)
from balance_sim.show.save import figure_bytes

UNESTIMATED = (
    "Size: no interval over the parameters stands behind it. It rests on the values "
    "that the file and the defaults assume, some of them guesses."
)


@dataclass(frozen=True)
class Brief:
    """One page of a run.

    Attributes
    ----------
    title, question : of the scenario
    answer : the finding, and what is to be known with it first
    picture : the map, as a PNG
    difference : the three rows of the headline as cells, with their heads
    doubts : how sure it is, in sentences
    sources : of the focal event and of the scenario, and what was simulated
    """

    title: str
    question: str
    answer: list[str]
    picture: bytes
    difference: list[list[str]]
    doubts: list[str]
    sources: list[str]


def brief_of(result: AnalysedResult) -> Brief:
    """Return the page of a run.

    Raises
    ------
    WrongRequest : where there is no effect to tell of
    """
    if result.headline is None:
        raise WrongRequest(f"{result}: there is no effect to tell of")
    return Brief(
        title=say.printable(result.scenario.title),
        question=say.printable(result.scenario.question),
        answer=[
            finding(result),
            *(text.replace("`", "") for text in doubts_of(result)[:1]),
        ],
        picture=figure_bytes(FIGURES["map"].draw(result), "png"),
        difference=headline_rows(result.headline),
        doubts=[*_sign_and_size(result), *_limits(result)],
        sources=[*_written_sources(result.scenario), _what_was_simulated(result)],
    )


def _sign_and_size(result: AnalysedResult) -> list[str]:
    """Return, for a reader who knows no statistics, how sure the sign of the effect is,
    how sure its size, and on what the size rests."""
    headline = result.headline
    assert headline is not None
    if headline.posterior is None or headline.prior is None:
        return [UNESTIMATED]
    with_data, without = (
        say.percent(row["share_positive"])
        for row in (headline.posterior, headline.prior)
    )
    direction = (
        "Direction: under the scenario's theory the number rises in "
        f"{with_data} of the parameter values that the data allow, and in {without} of "
        "those thought possible before."
    )
    if headline.is_sign_assumed:
        direction += " So the direction is the theory's, not the data's."
    low, high = headline.posterior["ci95"]
    places = say.effect_digits(headline.posterior["mean"])
    size = (
        f"Size: in 95 % of those values it is from {say.number(low, places)} to "
        f"{say.number(high, places)}."
    )
    variance = result.uncertainty and result.uncertainty["variance"]
    if variance and variance["sd"] > 0:
        order = sorted(variance["shares"].items(), key=lambda item: -item[1])
        causes = [f"{name} ({say.percent(share)})" for name, share in order[:2]]
        size += (
            f" Most of that comes from {' and '.join(causes)}. Where no data inform "
            "these, the size rests on guesses: “balance-sim parameters "
            f"{result.scenario.name}” says which."
        )
    return [direction, size]


def _limits(result: AnalysedResult) -> list[str]:
    """Return what was assumed of the level, how far the simulation agrees, and whether
    other participants would have done the same."""
    headline, texts = result.headline, list[str]()
    assert headline is not None
    if headline.posterior is None and result.scenario.base_rate is not None:
        texts.append(
            f"Level: the scenario states {result.scenario.base_rate:g} agreements a "
            "year. The effect is proportional to this number; where it is a guess, so "
            "is the effect."
        )
    if headline.estimate["ci95"]:
        texts.append(_simulation_words(result))
    texts += [TOO_FEW_WORDS] * headline.has_too_few_runs
    texts += [FAR_WORDS] * headline.is_far
    placebos = placebo_words(result.placebos.tests())
    return texts + [placebos] * bool(placebos and not headline.is_far)


def _simulation_words(result: AnalysedResult) -> str:
    """Return what replications give, and between which bounds chance alone leaves it,
    where they are enough to say so."""
    assert result.headline is not None
    estimate = result.headline.estimate
    runs = say.plural(result.finished, "replication")
    where = say.values_words(estimate.get("source"))
    places = say.effect_digits(estimate["mean"])
    words = (
        f"Simulation: {runs} with and without the event, {where}, give "
        f"{say.signed(estimate['mean'], places)}"
    )
    low, high = estimate["ci95"]
    if low is not None and high is not None:
        words += (
            f"; chance alone leaves it between {say.number(low, places)} and "
            f"{say.number(high, places)}"
        )
    return f"{words}."


def _written_sources(scenario: Scenario) -> list[str]:
    """Return the sources that the file names of its focal event and of itself."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    texts = {
        say.focal_words(scenario): focal.source,
        "States, quarrels and agreements": scenario.source,
    }
    return [
        say.printable(f"{subject}: {text}") for subject, text in texts.items() if text
    ]


def _what_was_simulated(result: AnalysedResult) -> str:
    """Return what makes the same numbers again."""
    scenario = result.scenario
    runs = say.plural(result.finished, "replication")
    return (
        f"balance-sim {result.version}, scenario {scenario.name} (sha256 "
        f"{scenario.sha256[:12]}): {runs} of {say.plural(len(result.arms), 'arm')}, "
        f"seed {result.seed}, digest {result.digest[:12]}."
    )

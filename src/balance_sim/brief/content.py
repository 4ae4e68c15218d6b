"""What the page says, in the words of the report: every format is filled with it."""

from __future__ import annotations

from dataclasses import dataclass

from balance_sim.effects.result import AnalysedResult
from balance_sim.scenario.errors import WrongRequest
from balance_sim.scenario.schema import Scenario
from balance_sim.show import wording as say
from balance_sim.show.figures import FIGURES
from balance_sim.show.headline import doubts_of, finding, headline_rows, how_sure
from balance_sim.show.save import figure_bytes


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
    doubts = [*doubts_of(result), *how_sure(result)]
    return Brief(
        title=say.printable(result.scenario.title),
        question=say.printable(result.scenario.question),
        answer=[finding(result), *doubts[:1]],
        picture=figure_bytes(FIGURES["map"].draw(result), "png"),
        difference=headline_rows(result.headline),
        doubts=doubts[1:],
        sources=[*_written_sources(result.scenario), _what_was_simulated(result)],
    )


def _written_sources(scenario: Scenario) -> list[str]:
    """Return the sources that the file names of its focal event and of itself."""
    focal = next(event for event in scenario.events if event.id == scenario.focal)
    texts = {
        f"{focal.label or focal.id}, {focal.date}": focal.source,
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

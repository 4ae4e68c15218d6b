"""The types of study that figures and reports are made of.

The core has three: a run, a sweep, and several side by side. A room of the upper storey
registers its own as a `StudyType`, in the role `study_type` of `registry`, and adds to
what is shown of a run in these roles:

run_figures : figures that are drawn of a run
doubt : a function from a run to a `Doubt`, or None
section : a function from a run to a `Section` of its report, or None
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim import registry

if TYPE_CHECKING:
    from balance_sim.show.figures.style import FigureSpec
    from balance_sim.study.result import Result
    from balance_sim.study.sweep_result import SweepResult

type Content = dict[str, Any]
type Figures = dict[str, FigureSpec]


@dataclass(frozen=True)
class StudyType:
    """A type of study that a room of the upper storey brings.

    Attributes
    ----------
    title : what lists of figures call it, such as `game`
    named_by : whether a path names a study of this type; cheap, and never raises
    read : the study that such a path names
    is_one : whether an object is a study of this type
    catalogue : by name, the figures that any study of this type can have
    figures : by name, the figures of one study, in the order of its page
    page : of one study, the template of its page, as a path below the package, and what
        the template is filled with beside the figures
    replications : of one study, the results that `plot --outcome` draws; None where it
        has none
    """

    title: str
    named_by: Callable[[Path], bool]
    read: Callable[[Path], Any]
    is_one: Callable[[object], bool]
    catalogue: Mapping[str, FigureSpec]
    figures: Callable[[Any], Figures]
    page: Callable[[Any], tuple[str, Content]]
    replications: Callable[[Any], Result | SweepResult | None] = lambda _: None


@dataclass(frozen=True)
class Doubt:
    """How sure the headline effect of a run is, beside its Monte Carlo error.

    Attributes
    ----------
    short : a sentence for the terminal; empty where there is nothing to say
    sentences : for the report
    """

    short: str = ""
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """A section of the report of a run.

    Attributes
    ----------
    place : its id in the page
    title : its heading
    template : as a path below the package; it is filled with `section`. The default
        shows a table: `content` then has caption, heads, rows, numeric (whether a
        column is of numbers) and notes, sentences below it
    content : what the template reads from `section.content`
    """

    place: str
    title: str
    template: str = "section.html"
    content: Content = field(default_factory=dict)


def registered_types() -> list[StudyType]:
    """Return the types of study of the upper storey. Their modules are imported."""
    return list(registry.parts("study_type").values())


def registered_type(study: object) -> StudyType:
    """Return the type of a study that is none of the core's.

    Raises
    ------
    TypeError : where no room has such a type
    """
    for study_type in registered_types():
        if study_type.is_one(study):
            return study_type
    raise TypeError(f"figures are not made of a {type(study).__name__}")


def type_named_by(path: Path) -> StudyType | None:
    """Return the type of study of the upper storey that a path names, or None."""
    for study_type in registered_types():
        if study_type.named_by(path):
            return study_type
    return None

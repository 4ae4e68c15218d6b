"""The types of study that figures and reports are made of.

The core has two: a run and a sweep. A room of the upper storey
registers its own as a `StudyType`, in the role `study_type` of `registry`, and adds to
what is shown of a run in these roles:

run_figures : a figure that is drawn of a run
doubt : a function from a run to sentences on how sure the headline effect is, beside
    its Monte Carlo error; the first stands on the terminal too
section : a function from a run to a `Section` of its report, or None
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from balance_sim import registry
from balance_sim.scenario.errors import WrongRequest

if TYPE_CHECKING:
    from balance_sim.show.figures.style import FigureSpec

type Content = dict[str, Any]
type Figures = dict[str, FigureSpec]


@dataclass(frozen=True)
class StudyType:
    """A type of study that a room of the upper storey brings.

    Attributes
    ----------
    title : what lists of figures call it, such as `game`
    study_class : of its studies
    named_by : whether a path names a study of this type; cheap, and never raises
    read : the study that such a path names
    figures : by name, in the order of its page
    page : of one study, the template of its page, as a path below the package, and what
        the template is filled with beside the figures
    """

    title: str
    study_class: type
    named_by: Callable[[Path], bool]
    read: Callable[[Path], Any]
    figures: Mapping[str, FigureSpec]
    page: Callable[[Any], tuple[str, Content]]


@dataclass(frozen=True)
class Section:
    """A section of the report of a run.

    Attributes
    ----------
    place : its id in the page
    title : its heading
    template : as a path below the package; it is filled with `section`
    content : what the template reads from `section.content`
    """

    place: str
    title: str
    template: str
    content: Content


def registered_types() -> list[StudyType]:
    """Return the types of study of the upper storey. Their modules are imported."""
    return list(registry.parts("study_type").values())


def registered_type(study: object) -> StudyType:
    """Return the type of a study that is none of the core's.

    Raises
    ------
    WrongRequest : where no room has such a type
    """
    for study_type in registered_types():
        if isinstance(study, study_type.study_class):
            return study_type
    raise WrongRequest(
        f"a {type(study).__name__} has no figures: give what `run`, `sweep` or "
        "`open_result` return, or a results folder"
    )


def type_named_by(path: Path) -> StudyType | None:
    """Return the type of study of the upper storey that a path names, or None."""
    for study_type in registered_types():
        if study_type.named_by(path):
            return study_type
    return None

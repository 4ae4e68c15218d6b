"""Every figure of a comparison."""

from __future__ import annotations

from balance_sim.show.comparison import Comparison
from balance_sim.show.gallery import Picture


def _two(study: object) -> bool:
    return isinstance(study, Comparison) and study.found is not None


def _with_excess(study: object) -> bool:
    return len(COMPARISON_FIGURES["studies"].table(study)) > 0  # type: ignore[arg-type]


def _with_pairs(study: object) -> bool:
    return _two(study) and len(COMPARISON_FIGURES["pairs"].table(study)) > 0  # type: ignore[arg-type]


COMPARISON_FIGURES: dict[str, Picture] = {
    picture.name: picture
    for picture in (
        Picture("studies", "How large is the excess in each study?", "studies", "studies", fits=_with_excess),
        Picture("differences", "What differs, arm by arm?", "comparison", "differences", fits=_two),
        Picture(
            "pairs", "Which pairs of states differ most?", "comparison", "comparison_pairs", fits=_with_pairs
        ),
    )
}

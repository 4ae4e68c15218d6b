"""Every figure of a sweep."""

from __future__ import annotations

from balance_sim.results.sweep_result import SweepResult
from balance_sim.show.gallery import Picture


def _has_indices(result: object) -> bool:
    methods = ("sobol", "morris")
    return isinstance(result, SweepResult) and result.manifest.design.method in methods


def _has_surface(result: object) -> bool:
    return isinstance(result, SweepResult) and len(SWEEP_FIGURES["surface"].table(result)) > 0


def _varies_theory(result: object) -> bool:
    return isinstance(result, SweepResult) and "theory.preset" in result.paths


SWEEP_FIGURES: dict[str, Picture] = {
    picture.name: picture
    for picture in (
        Picture(
            "theories", "Under which theory is there an excess?", "studies", "theories", fits=_varies_theory
        ),
        Picture("multiples", "How does the excess change with each factor?", "sweeps", "multiples"),
        Picture(
            "surface", "And with the two that matter most together?", "surface", "surface", fits=_has_surface
        ),
        Picture("indices", "Which factor matters how much?", "indices", "indices", fits=_has_indices),
    )
}

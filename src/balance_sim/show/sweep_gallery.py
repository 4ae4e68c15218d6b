"""Every figure of a sweep."""

from __future__ import annotations

from balance_sim.show.gallery import Picture

SWEEP_FIGURES: dict[str, Picture] = {
    picture.name: picture
    for picture in (
        Picture("multiples", "How does the excess change with each factor?", "sweeps", "multiples"),
        Picture("surface", "And with the two that matter most together?", "sweeps", "surface"),
        Picture("indices", "Which factor matters how much?", "sweeps", "indices"),
    )
}

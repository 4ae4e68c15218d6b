"""Every figure of a goodness-of-fit comparison."""

from __future__ import annotations

from typing import Any

from balance_sim.show.gallery import Picture


def _timed(study: Any) -> bool:
    return study.residuals is not None


GOF_FIGURES: dict[str, Picture] = {
    picture.name: picture
    for picture in (
        Picture(
            "gof",
            "Is the network of new agreements like the simulated ones?",
            "gof",
            "gof",
            (("simulated", "simulated_table"),),
        ),
        Picture(
            "gof_states", "Which states sign more or less often than simulated?", "gof_states", "gof_states"
        ),
        Picture(
            "gof_residuals",
            "When did the record leave the model?",
            "gof_residuals",
            "gof_residuals",
            fits=_timed,
        ),
    )
}

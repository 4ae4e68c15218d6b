"""Every figure of scored forecasts: a hindcast, or one forecast against what happened."""

from __future__ import annotations

from balance_sim.show.gallery import Picture

SCORE_FIGURES: dict[str, Picture] = {
    picture.name: picture
    for picture in (
        Picture(
            "scorecard",
            "How much better than the base rate, and than the baselines?",
            "scorecard",
            "scorecard",
        ),
        Picture("reliability", "Does it happen as often as was forecast?", "reliability", "reliability"),
    )
}

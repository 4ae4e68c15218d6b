"""The sentence of `explain --dyad` on what a side has more to fear."""

from types import SimpleNamespace

import pandas as pd
import pytest
from balance_sim.show.explain import _alarm_words

NAMES = {"JPN": "Japan", "CHN": "China", "RUS": "Russia"}


@pytest.mark.parametrize(
    ("threat", "words"),
    [
        ({"CHN": 0.12, "RUS": 0.05}, "Japan is more alarmed: what China could do to it has risen by 20 %."),
        ({"RUS": 0.15, "CHN": 0.10}, "Japan is more alarmed: what Russia could do to it has risen by 200 %."),
        ({"CHN": 0.1009, "RUS": 0.05}, ""),
        ({"CHN": 0.08, "RUS": 0.05}, ""),
    ],
)
def test_the_rise_of_the_greatest_threat_is_told(threat: dict[str, float], words: str) -> None:
    """Over a control arm in which China could do 0.10 and Russia 0.05."""
    sides = {"with": threat, "without": {"CHN": 0.10, "RUS": 0.05}}
    rows = [
        {"arm": arm, "moment": "+7", "side": "JPN", "adversary": code, "threat": value}
        for arm, values in sides.items()
        for code, value in values.items()
    ]
    dyad = SimpleNamespace(adversaries=pd.DataFrame(rows), arm="with", reference="without")
    assert _alarm_words(dyad, "+7", "JPN", NAMES) == words

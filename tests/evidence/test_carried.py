"""Sources that end before the years forecast: what they say last goes on, and is named."""

from dataclasses import replace

import numpy as np
from balance_sim.evidence.data.history import LAYERS, last_carried_forward
from balance_sim.evidence.data.record_scenario import scenario_at
from balance_sim.evidence.data.table import ReadReport
from invented import invented


def test_what_ends_early_goes_on_as_it_was_last() -> None:
    """Rivalries end two years before the history does: its last disputes stay, the other layers as well."""
    whole = invented(12, 6)
    rivalry = whole.rivalry.copy()
    rivalry[4:] = np.nan
    ends = ReadReport("strategic rivalries", "some/where/tss.csv", 9, 9, 1500, 1992)
    full = ReadReport("COW NMC", "nmc.csv", 9, 9, 1816, 2022)
    cut = replace(whole, rivalry=rivalry, reports=(ends, full))
    assert not [d for d in scenario_at(cut, 1995).disputes if d.rivalry]  # what would happen without
    carried = last_carried_forward(cut)
    for layer in LAYERS:
        np.testing.assert_array_equal(getattr(carried, layer), getattr(whole, layer))
    assert scenario_at(carried, 1995).disputes == scenario_at(whole, 1995).disputes
    assert carried.notes == (
        "strategic rivalries ends in 1992 (tss.csv): what it says last stands for the years to 1995",
    )

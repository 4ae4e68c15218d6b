"""The shipped defaults: complete, sourced, in costly-signal order, and reachable by their printed paths."""

from itertools import pairwise

import pytest
from balance_sim.scenario import parameter_table, value_at, with_values
from balance_sim.scenario.defaults import default_weights, presets, weights_under
from balance_sim.scenario.schema import SIGNAL_ORDER, TERMS, AgreementKind


def test_every_default_has_a_unit_a_source_and_a_spread():
    for row in parameter_table():
        assert row["unit"] and row["cite"], row["path"]
        assert row["source"] in ("fitted", "literature", "guess", "posterior"), row["path"]
        assert (row["range"] is None) != (row["standard_error"] is None), row["path"]
        if row["range"] is not None:
            low, high = row["range"]
            assert low <= row["value"] <= high, row["path"]


def test_a_type_of_ones_own_reacts_as_those_that_are_shipped():
    """By the elasticity that is pooled over types, where a file gives none."""
    shipped = {row["value"] for row in parameter_table() if str(row["path"]).endswith(".reaction")}
    assert shipped == {AgreementKind.model_fields["reaction"].default}


def test_printed_paths_are_those_that_set_takes(world):
    scenario = world.load()
    paths = [row["path"] for row in parameter_table()]
    assert len(paths) == len(set(paths)) > 100
    for path in paths:
        value_at(scenario, path)
    values = {path: value_at(scenario, path) for path in paths}
    assert with_values(scenario, values) == scenario


def test_every_term_has_a_weight_in_every_theory():
    assert set(default_weights()) == set(TERMS)
    for name in presets():
        assert set(weights_under(name)) == set(TERMS)
    assert set(weights_under("null").values()) == {0.0}


@pytest.mark.parametrize("weight", ["alignment", "intent"])
@pytest.mark.parametrize("theory", sorted(presets()))
def test_costly_signals_rise_under_every_theory(world, theory, weight):
    kinds = world.load(theory=theory).event_kinds
    sizes = [abs(getattr(kinds[kind], weight)) for kind in SIGNAL_ORDER]
    assert all(low < high for low, high in pairwise(sizes))

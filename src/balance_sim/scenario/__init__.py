"""A file becomes a frozen, complete, checked `Scenario`, or a `ScenarioError` with
file, line and column.

The way of a file: `documents` makes a tree of nodes with their places (`nodes`), `load`
reads tables (`tables`) and the files that it extends into it, and lays it over a
calibration; `reading` has each part of it validated by its field of the models in
`schema` (`validation`), with the names that it may use (`actors`); `checks` holds what
must hold between parts, `arms` in each arm. `setter` changes values at key paths, for
options, arms, points and draws. `experiment` and `design` do the same for designs of
experiments.
"""

from balance_sim.scenario.defaults import new_scenario, parameter_table
from balance_sim.scenario.diagnostics import Diagnostic, ScenarioError
from balance_sim.scenario.load import (
    arm_scenario,
    check_scenario,
    load_scenario,
    scenario_files,
    seal,
    with_values,
)
from balance_sim.scenario.schema import Scenario
from balance_sim.scenario.setter import value_at

__all__ = [
    "Diagnostic",
    "Scenario",
    "ScenarioError",
    "arm_scenario",
    "check_scenario",
    "load_scenario",
    "new_scenario",
    "parameter_table",
    "scenario_files",
    "seal",
    "value_at",
    "with_values",
]

"""Histories of invented states, for tests of the fit and the forecasts."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest
from balance_sim.evidence.data.history import History

_spec = importlib.util.spec_from_file_location("invented", Path(__file__).with_name("invented.py"))
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture(scope="session")
def invented() -> Callable[..., History]:
    """`invented(states, years)`: a history without accords."""
    return _module.invented

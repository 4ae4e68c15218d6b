"""Tests of an extra are skipped where it is not installed: those marked `needs(PACKAGE)`, files and tests that ask for it
by `imported`, and commands of our pages that ask for one. As a plugin (`-p extras`, with BALANCE_SIM_EXTRAS=none) it is as if none was installed."""

import os
import sys
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.util import find_spec
from typing import Any, NoReturn

import pytest
from balance_sim.registry import EXTRAS


def is_here(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


def skip(package: str) -> NoReturn:
    pytest.skip(f"{package} is not installed (extra {EXTRAS[package]})", allow_module_level=True)


def skip_without(*packages: str) -> None:
    for package in packages:
        if not is_here(package):
            skip(package)


def imported(module: str) -> Any:
    """A module of an extra; without it the test that asks is skipped, or its whole file."""
    skip_without(module.partition(".")[0])
    return import_module(module)


def skip_where_asked(output: str) -> None:
    """Skip a test whose command has asked for an extra, where that is not installed."""
    for package, extra in (*EXTRAS.items(), ("sklearn", "games")):
        if f"balance-sim[{extra}]" in output and not is_here(package):
            skip(package)


class NoExtra(MetaPathFinder):
    """No package of an extra can be imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] in EXTRAS:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if os.environ.get("BALANCE_SIM_EXTRAS") == "none":
    sys.meta_path.insert(0, NoExtra())

"""What can go wrong with a study's files, each with the exit code the command line
gives it.

Numbers as JSON knows them; dataclasses as a notebook shows them.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from numbers import Integral
from pathlib import Path
from typing import Any

from balance_sim.scenario.diagnostics import (
    BalanceSimError,
    did_you_mean,
    listed,
    shown,
)
from balance_sim.scenario.files import EXHAUSTED


class StudyError(BalanceSimError):
    """A fault with its exit code; the text says what is wrong and what to do next."""

    exit_code = 1


class WrongRequest(StudyError):
    """The command asks for something that does not fit: unknown arm, another study's
    folder."""

    exit_code = 2


def checked_name(what: str, name: str, names: Iterable[str]) -> str:
    """The name itself, where it is one of `names`.

    Parameters
    ----------
    what : what it names, as in `unknown arm`
    name : as the user gives it
    names : those that there are

    Raises
    ------
    WrongRequest : for any other, with the nearest name or a list

    Examples
    --------
    >>> checked_name("arm", "parade", ["parade", "no_parade"])
    'parade'
    """
    options = list(names)
    if name in options:
        return name
    near_name = did_you_mean(name, options)
    hint = f"{near_name} " if near_name else ""
    raise WrongRequest(
        f"unknown {what} `{shown(name)}`; {hint}there are: {listed(options)}"
    )


def whole_number(what: str, value: Any, least: int, most: float = math.inf) -> int:
    """The number as an int.

    Parameters
    ----------
    what : what it counts, for the message
    value : as the user gives it; 1e3 is 1000
    least, most : bounds, both allowed

    Raises
    ------
    WrongRequest : for a fraction, a text, or a number out of bounds

    Examples
    --------
    >>> whole_number("runs", 1e3, 1)
    1000
    """
    is_integral = isinstance(value, float) and value.is_integer()
    is_integral |= isinstance(value, Integral)
    if is_integral and least <= value <= most:
        return int(value)
    bound = f"from {least} to {most}" if most < math.inf else f"of at least {least}"
    raise WrongRequest(f"{what} must be a whole number {bound}, got {shown(value)!r}")


PATH = str, os.PathLike


def checked_type(what: str, value: object, types: Any, expected: str) -> None:
    """Raise WrongRequest where a value is of none of these types.

    Parameters
    ----------
    what : as the user knows it
    types : as of `isinstance`
    expected : what it should be, in words

    Examples
    --------
    >>> checked_type("out", 3, PATH, "a path")
    Traceback (most recent call last):
    balance_sim.scenario.errors.WrongRequest: out: expected a path, got int
    """
    if not isinstance(value, types):
        raise WrongRequest(f"{what}: expected {expected}, got {type(value).__name__}")


class MissingExtra(WrongRequest):
    """An optional package is needed that is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}: pip install 'balance-sim[{extra}]'; "
            f"in a clone: ./balance-sim --with {extra} ..."
        )


class FolderBusy(StudyError):
    """Another process writes to the results folder."""

    exit_code = 5


class StoreDamaged(StudyError):
    """A file's content is not what its name or the manifest says."""

    exit_code = 6


class CannotWrite(StudyError):
    """The disk is full, or the folder cannot be written."""

    exit_code = 7


class ClusterGone(StudyError):
    """The Dask scheduler, or the last of its workers, is gone in the middle of a
    study."""

    exit_code = 7


def write_fault(error: OSError, path: Path, need: str = "") -> StudyError:
    """The fault for a failed write; other errors of the system are passed on as they
    are. need: how much room."""
    if error.errno is None or error.errno in EXHAUSTED:
        raise error
    need = f" ({need} needed)" if need else ""
    return CannotWrite(
        f"cannot write {path}{need}: {error.strerror}. What was finished is safe; "
        "make room or choose another --out, then give the same command to go on."
    )


def plain_data(value: Any) -> Any:
    """The same for JSON: null for NaN and infinities, lists for tuples and arrays,
    Python's numbers for NumPy's.

    >>> plain_data({"p": float("nan"), "ci95": (0.5, 1.0)})
    {'p': None, 'ci95': [0.5, 1.0]}
    """
    if isinstance(value, dict):
        return {key: plain_data(child) for key, child in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain_data(child) for child in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def as_json(row: Mapping[Any, Any], *names: str) -> dict[str, Any]:
    """Some numbers of a row of a tidy table, for JSON; `ci95` stands for its bounds."""
    values = {**row, "ci95": [row.get("lo"), row.get("hi")]}
    return {name: plain_data(values[name]) for name in names}


class OneLine:
    """A base of classes that a notebook shows in one line: single values, names, shapes
    of arrays, and how many the others hold.

    >>> from dataclasses import dataclass
    >>> @dataclass(repr=False)
    ... class Found(OneLine):
    ...     arm: str
    ...     draws: list[int]
    >>> Found("summit", [1, 2, 3])
    <Found: arm summit, 3 draws>
    """

    def __repr__(self) -> str:
        texts = []
        for name, value in vars(self).items():
            if name.startswith("_"):
                continue
            if isinstance(value, str | int | float) and value != "":
                texts.append(f"{name} {shown(value, 40)}")
            elif isinstance(getattr(value, "name", None), str):
                texts.append(f"{name} {shown(value.name, 40)}")
            elif hasattr(value, "dtype"):
                texts.append(f"{name} {value.shape}")
            elif (
                not isinstance(value, str) and hasattr(value, "__len__") and len(value)
            ):
                texts.append(f"{len(value):,} {name}")
        return f"<{type(self).__name__}: {shown(', '.join(texts), 160)}>"

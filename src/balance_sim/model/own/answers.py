"""What a method of a user's own agent gives back, checked: the method, what came and
what is wanted are named, and not what NumPy would say of it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from balance_sim.model.core import Bools, Floats
from balance_sim.model.state import InvalidNumber
from balance_sim.scenario.diagnostics import shown


def numbers(agent: object, method: str, given: Any, count: int) -> Floats:
    """(C,) what a method gives for so many prospects; one number stands for all. Raises
    InvalidNumber for anything else."""
    wanted = f"a number for each prospect: an array of shape ({count},)"
    return np.asarray(_array(agent, method, given, count, wanted, "fiub"), dtype=float)


def flags(agent: object, method: str, given: Any, count: int) -> Bools:
    """(C,) the same of answers: True or False, or 1 or 0."""
    wanted = f"True or False for each prospect: an array of shape ({count},)"
    answers = _array(agent, method, given, count, wanted, "biuf")
    if not np.isin(answers, (0, 1)).all():
        raise _wrong(agent, method, described(given), wanted)
    return np.asarray(answers, dtype=bool)


def number(agent: object, method: str, given: Any) -> float:
    """The same of one number."""
    value = np.asarray(_array(agent, method, given, 1, "one number", "fiub"))
    return float(value[0])


def _array(
    agent: object, method: str, given: Any, count: int, wanted: str, types: str
) -> np.ndarray[Any, Any]:
    """(C,) what is given, of one of some types of number."""
    try:
        values = np.asarray(given)
    except ValueError:  # rows of several lengths
        raise _wrong(agent, method, described(given), wanted) from None
    if values.dtype.kind not in types or values.shape not in ((), (count,)):
        raise _wrong(agent, method, described(given), wanted)
    return np.broadcast_to(values, (count,))


def described(given: Any) -> str:
    """What was given, in words: type, and shape of what has one."""
    name = type(given).__name__
    if given is None:
        return "None (has it a `return`?)"
    if isinstance(given, str):
        return f"text, `{shown(given)}`"
    shape = getattr(given, "shape", None)
    if isinstance(shape, tuple):
        dtype = getattr(given, "dtype", None)
        of_type = "" if dtype is None else f" of {dtype}"
        return f"{name} of shape {shape}{of_type}"
    if hasattr(given, "__len__"):
        return f"{name} of {len(given)}"
    return f"{name}, `{shown(given)}`"


def _wrong(agent: object, method: str, came: str, wanted: str) -> InvalidNumber:
    name = f"{type(agent).__name__}.{method}"
    code = getattr(getattr(type(agent), method), "__code__", None)
    if code is not None:
        file = os.path.basename(code.co_filename)
        name += f" ({file}:{code.co_firstlineno})"
    return InvalidNumber(f"{name} gave {came}; it has to give {wanted}")

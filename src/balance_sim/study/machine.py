"""Versions of programs, and what kind of processor this is: results are the same to the
last bit on one type, not across types."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

CHOSEN = "OPENBLAS_CORETYPE"
"""Of the environment: the processor for which OpenBLAS takes this one."""


def version(program: str = "balance-sim") -> str:
    """Return the installed version of a program."""
    from importlib.metadata import version as installed

    return installed(program)


def cpu_type() -> str:
    """Return architecture, model and the instructions that NumPy uses of this
    processor; nothing of whose it is.

    E.g. `x86_64 Intel(R) Xeon(R) Processor @ 2.60GHz, X86_V3 X86_V4`. Instructions
    belong to it, as a machine may hide some (so may NPY_DISABLE_CPU_FEATURES) and an
    exponential may then differ in the last digit; and so does a variable that makes
    OpenBLAS take this processor for another."""
    model = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        pattern = r"^(?:model name|CPU part|uarch)\s*:\s*(.+)$"
        text = info.read_text(encoding="utf-8", errors="replace")
        match = re.search(pattern, text, re.MULTILINE)
        model = match[1].strip() if match else ""
    config: Any = np.show_config(mode="dicts")
    instructions = " ".join(config.get("SIMD Extensions", {}).get("found", ()))
    machine = f"{platform.machine() or 'unknown'} {model}".strip()
    names = [machine, instructions or "plain instructions"]
    chosen = os.environ.get(CHOSEN, "")
    if re.fullmatch(r"\w{1,40}", chosen):
        names.append(f"{CHOSEN}={chosen}")
    return ", ".join(names)


@cache
def keep_freed_memory() -> None:
    """From now on this process keeps what a step frees for the next step, where the C
    library is that of GNU: a tenth of a run's time would go into giving large arrays
    back and clearing them anew. Changes no result."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return
    mallopt(-1, 2**28)  # M_TRIM_THRESHOLD, bytes
    mallopt(-3, 2**25)  # M_MMAP_THRESHOLD, at its most


def give_back_freed_memory() -> None:
    """Give back what simulating has left free, where the C library is that of GNU."""
    with suppress(AttributeError, OSError, TypeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)

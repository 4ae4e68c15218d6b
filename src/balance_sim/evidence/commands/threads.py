"""How many threads linear algebra uses, set before NumPy is imported."""

from __future__ import annotations

import os

VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def use_one_thread() -> None:
    """Use one thread for linear algebra, unless the user's environment says otherwise.

    The matrices are small: several threads wait for each other longer than they work,
    and round in an order of their own.
    """
    for variable in VARIABLES:
        os.environ.setdefault(variable, "1")

"""Arrow columns laid over NumPy arrays. `pyarrow.array` would do, but it imports pandas, which a worker has no use for
and waits half a second for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_TYPES = {
    np.dtype(np.float64): pa.float64(),
    np.dtype(np.int32): pa.int32(),
    np.dtype(np.int16): pa.int16(),
}


def numbers(values: npt.NDArray[Any]) -> pa.Array:
    """A column of float64, int32 or int16; NaN stays NaN."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_TYPES[values.dtype], len(values), [None, pa.py_buffer(values)])


def dates(days: npt.NDArray[np.int32], known: npt.NDArray[np.bool_]) -> pa.Array:
    """A column of date32 from days since 1970-01-01; null where not known."""
    bits = np.packbits(known, bitorder="little")
    unknown = len(known) - int(known.sum())
    buffers = [pa.py_buffer(bits), pa.py_buffer(np.ascontiguousarray(days))]
    return pa.Array.from_buffers(pa.date32(), len(days), buffers, null_count=unknown)


def words(index: npt.NDArray[np.integer[Any]], of: Sequence[str]) -> pa.DictionaryArray:
    """A column of words, each given by its place among `of`."""
    encoded = [word.encode() for word in of]
    ends = np.cumsum([0, *map(len, encoded)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    dictionary = pa.Array.from_buffers(pa.string(), len(encoded), buffers)
    return pa.DictionaryArray.from_arrays(numbers(index.astype(np.int16)), dictionary)

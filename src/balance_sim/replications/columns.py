"""Arrow columns laid over NumPy arrays. `pyarrow.array` would do, but it imports pandas, which a worker has no use for
and waits half a second for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

DECIMALS = 12
"""Of outcomes on a scale, in the tables of replications: further digits depend on how these were cut into blocks."""

_TYPES = {
    np.dtype(np.int64): pa.int64(),
    np.dtype(np.float64): pa.float64(),
    np.dtype(np.int32): pa.int32(),
    np.dtype(np.int16): pa.int16(),
}


def numbers(values: npt.NDArray[Any]) -> pa.Array:
    """A column of float64, int64, int32 or int16; NaN stays NaN."""
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


def column_words(table: pa.Table, name: str) -> npt.NDArray[np.object_]:
    """A dictionary column as an array of its words."""
    whole = table[name].unify_dictionaries().combine_chunks()
    return np.asarray(np.array(whole.dictionary.to_pylist(), dtype=object)[whole.indices.to_numpy()])


def positions(table: pa.Table, name: str, words: Sequence[str]) -> npt.NDArray[np.int64]:
    """Position of each row's word among `words`."""
    column = table[name].unify_dictionaries().combine_chunks()
    place = {word: k for k, word in enumerate(words)}
    of_word = np.array([place[word] for word in column.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(of_word[column.indices.to_numpy()])

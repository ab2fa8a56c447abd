"""From arrays to the columns of tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fingerpost.england._draws import Flags


def codes(
    positions: NDArray[np.integer], words: Sequence[str], *, missing: Flags | None = None
) -> pa.Array:
    """Return text as positions in a list of words, dictionary-encoded; None where missing.

    Each word stands once in the list: of two alike, which is written depends on chance.
    """
    held = pa.array(positions.astype(np.int16), mask=missing)
    return pa.DictionaryArray.from_arrays(held, pa.array(list(words), pa.string()))


def always(word: str, size: int) -> pa.Array:
    """Return a column that holds one word."""
    return codes(np.zeros(size, dtype=np.int16), (word,))


def whole(values: NDArray[np.generic], *, missing: Flags | None = None) -> pa.Array:
    """Return whole numbers; None where missing."""
    return pa.array(values.astype(np.int64), mask=missing)


def number(values: NDArray[np.floating], *, missing: Flags | None = None) -> pa.Array:
    """Return numbers; None where missing."""
    return pa.array(values.astype(np.float64), mask=missing)


def dates(days: NDArray[np.integer], *, missing: Flags | None = None) -> pa.Array:
    """Return dates from day numbers; None where missing."""
    return pa.array(days.astype(np.int32), mask=missing).cast(pa.date32())

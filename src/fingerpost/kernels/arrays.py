"""Types of arrays, one BLAS thread, and blocks of rows that fit the cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import numpy as np
import scipy.linalg  # noqa: F401  (its BLAS must be loaded before the controller looks for it)
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

Array = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]] | NDArray[np.integer[Any]] | NDArray[np.bool_]
Codes = NDArray[np.integer[Any]]

CACHE_BYTES = 768 * 1024  # of a second-level cache of 1 MiB; the rest is left to BLAS
LEAST_ROWS = 64
HELD: ContextVar[bool] = ContextVar("one_thread", default=False)  # whether this thread is in one
MOST_ROWS = 16_384


@cache
def controller() -> ThreadpoolController:
    """Return the one controller of the BLAS libraries: finding them costs milliseconds."""
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Return a context in which BLAS uses one thread: on blocks in cache, more only wait.

    Within another such context there is nothing to do, and to ask BLAS costs as much as a small
    fit.
    """
    if HELD.get():
        yield
        return
    held = HELD.set(True)
    try:
        with controller().limit(limits=1, user_api="blas"):
            yield
    finally:
        HELD.reset(held)


def block_rows(p: int, vectors: int = 12) -> int:
    """Return the rows of a block such that it, its weighted copy and its vectors stay in cache.

    p: columns of the design; vectors: working vectors of one number a row.
    """
    return min(MOST_ROWS, max(LEAST_ROWS, CACHE_BYTES // (8 * (2 * p + vectors))))


def spans(n: int, rows: int) -> Iterator[tuple[int, int]]:
    """Yield (lo, hi) of consecutive blocks that cover n rows.

    >>> list(spans(5, 2))
    [(0, 2), (2, 4), (4, 5)]
    """
    for lo in range(0, n, rows):
        yield lo, min(n, lo + rows)

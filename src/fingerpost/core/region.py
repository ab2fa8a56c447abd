"""A set of values not rejected: it may be empty, unbounded or in pieces."""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.estimand import Term


@dataclass(frozen=True, slots=True)
class Region:
    """Pieces [(lo, hi)] for one term; ±inf where unbounded; no pieces where all is rejected."""

    term: Term
    pieces: tuple[tuple[float, float], ...]
    level: float
    method: str
    value: float | None = None
    p: float | None = None

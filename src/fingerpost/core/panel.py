"""Units by periods: what a roll-out leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class PanelOutcome:
    """Sufficient statistics of one outcome by unit × period, each (u, t)."""

    count: Array
    total: Array
    squares: Array


@dataclass(frozen=True, eq=False)
class Panel:
    """u units by t periods (or stages).

    arm: (u, t) codes into `arms`; eligible: (u, t); probability: (u, t) of the arm received;
    adopted: (u,) period of adoption, −1 for never. covariates: name → (u, t). clusters: level →
    (u,) codes. strata: (u,) codes.
    """

    units: tuple[str, ...]
    periods: tuple[str, ...]
    arms: tuple[str, ...]
    arm: NDArray[np.integer[Any]]
    outcomes: Mapping[str, PanelOutcome]
    adopted: NDArray[np.integer[Any]] | None = None
    eligible: NDArray[np.bool_] | None = None
    probability: Array | None = None
    covariates: Mapping[str, Array] = field(default_factory=dict)
    clusters: Mapping[str, NDArray[np.integer[Any]]] = field(default_factory=dict)
    strata: NDArray[np.integer[Any]] | None = None

"""A draw and the draws that might have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Allocation:
    """Unit → arm or wave. code: (u,) into `arms`; probability: (u, k)."""

    units: tuple[str, ...]
    arms: tuple[str, ...]
    code: NDArray[np.integer[Any]]
    probability: NDArray[np.floating[Any]] | None = None
    commitment: str = ""
    digest: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class Permutations:
    """The accepted draws that inference replays: (d, u) codes into `arms`."""

    units: tuple[str, ...]
    arms: tuple[str, ...]
    codes: NDArray[np.integer[Any]]
    digest: str = ""

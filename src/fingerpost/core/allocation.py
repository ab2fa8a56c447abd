"""A draw and the draws that might have been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Allocation:
    """Unit → arm or wave. code: (u,) into `arms`; probability: (u, k) of each arm.

    begins: (k,) the period in which provision begins in each wave, empty where it does not; ()
    where arms are no waves. strata: (u,) names of what was drawn within; () where nothing says.
    stratum: the columns of the records that they come from. draws: how many draws `probability` was
    counted over, 0 where it is exact. fixed: (u,) whether a unit was allocated before this draw, so
    that it is in its arm in each of the draws that were possible. before: (u,) of a draw that
    follows others, the chance that those gave a unit of what they did with it: of the arm it was
    allocated, or of being left to this draw.
    """

    units: tuple[str, ...]
    arms: tuple[str, ...]
    code: NDArray[np.integer[Any]]
    probability: NDArray[np.floating[Any]] | None = None
    commitment: str = ""
    digest: str = ""
    begins: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    stratum: tuple[str, ...] = ()
    draws: int = 0
    fixed: NDArray[np.bool_] | None = None
    before: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Arrived:
    """Units of a trial in the order in which they came, n of them.

    known: (n, f) codes of the levels of what is known of each. stratum: (n,) codes. cluster: (n,)
    codes of the cluster within which each is drawn, zeros where there is none. arm: (n,) codes, of
    those allocated already; fewer than n where the last have none yet.
    """

    known: NDArray[np.int64]
    stratum: NDArray[np.int64]
    cluster: NDArray[np.int64]
    arm: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Step:
    """The next unit's arm, as a code, and the probability that each arm had."""

    arm: int
    probability: tuple[float, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Permutations:
    """The accepted draws that inference replays: (d, u) codes into `arms`."""

    units: tuple[str, ...]
    arms: tuple[str, ...]
    codes: NDArray[np.integer[Any]]
    digest: str = ""

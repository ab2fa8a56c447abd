"""One covariate as numbers: measured values, or codes of named levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Column:
    """A complete covariate of n children.

    values: (n,) float64 in the unit of the records, or integer codes into `levels`.
    levels: names of the categories, the first being the reference; empty where it is numeric.
    flag_of: names of the covariates whose missing values this column flags; empty where it is none.
    """

    values: NDArray[np.generic]
    levels: tuple[str, ...] = ()
    flag_of: tuple[str, ...] = ()

    @property
    def categorical(self) -> bool:
        """Whether the values are codes of levels."""
        return bool(self.levels)

    def take(self, rows: NDArray[np.generic]) -> Column:
        """Return the column of the chosen rows (indices or a mask)."""
        return Column(self.values[rows], self.levels, self.flag_of)

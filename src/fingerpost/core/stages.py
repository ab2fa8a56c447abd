"""What was drawn a second time, of children who stand on a row for each regime they agree with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
NOT_ASKED = -1


@dataclass(frozen=True, eq=False, slots=True)
class Stages:
    """The two draws of n rows. A child who was not drawn again stands on one row for every second
    step that its first could have been followed by: it agrees with each of these regimes.

    first: (n,) codes into `firsts`. second: (n,) codes into `seconds` of what was drawn, −1 of
    children who were not drawn again. leads: (n,) whether the row is its child's first.
    """

    firsts: tuple[str, ...]
    seconds: tuple[str, ...]
    first: Whole
    second: Whole
    leads: NDArray[np.bool_]

    @property
    def asked(self) -> NDArray[np.bool_]:
        """(n,) whether the child was drawn again."""
        found: NDArray[np.bool_] = self.second != NOT_ASKED
        return found

    def take(self, rows: NDArray[np.generic]) -> Stages:
        """Return the stages of the chosen rows."""
        return Stages(
            self.firsts, self.seconds, self.first[rows], self.second[rows], self.leads[rows]
        )

"""The values of one outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

KINDS = ("continuous", "binary", "count", "ordinal", "time")


@dataclass(frozen=True, eq=False, slots=True)
class Outcome:
    """One outcome of n children.

    value: (n,) in `measured_in`; a number of events for `count`; a time for `time`.
    exposure: (n,) person-time at risk of a count, in the unit of the records; None means one each.
    entry, event: (n,) delayed entry and event indicator of a `time` outcome.
    observed: (n,) whether the value was seen; None means all were.
    """

    kind: str
    value: NDArray[np.float64]
    exposure: NDArray[np.float64] | None = None
    entry: NDArray[np.float64] | None = None
    event: NDArray[np.bool_] | None = None
    observed: NDArray[np.bool_] | None = None
    measured_in: str = ""
    better: str = ""

    def take(self, rows: NDArray[np.generic] | slice) -> Outcome:
        """Return the outcome of the chosen rows; of a slice of them nothing is copied."""
        return replace(
            self,
            value=self.value[rows],
            exposure=None if self.exposure is None else self.exposure[rows],
            entry=None if self.entry is None else self.entry[rows],
            event=None if self.event is None else self.event[rows],
            observed=None if self.observed is None else self.observed[rows],
        )

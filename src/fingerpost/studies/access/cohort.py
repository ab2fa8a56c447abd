"""The children of a study of access, one row each, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.column import Column
from fingerpost.core.flow import Flow

Array = NDArray[np.float64]
Codes = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

FOLLOWED, PROVIDED, DIED, LEFT = 0, 1, 2, 3
CAUSES = {PROVIDED: "provided for", DIED: "died", LEFT: "left state schools"}
UNSEEN = -1


@dataclass(frozen=True, eq=False, slots=True)
class Grouping:
    """One characteristic whose gaps are asked.

    labels: of its groups, the one that the others are compared with first. codes: (n,) into labels,
    `UNSEEN` where it was not recorded. own: covariates that are the characteristic itself, so that
    a gap by it is not adjusted for them.
    """

    name: str
    title: str
    labels: tuple[str, ...]
    codes: Codes
    own: tuple[str, ...] = ()

    def take(self, rows: NDArray[np.generic]) -> Grouping:
        """Return the characteristic of the chosen rows."""
        return replace(self, codes=self.codes[rows])


@dataclass(frozen=True, eq=False, slots=True)
class AccessCohort:
    """n children.

    keys: (n,) identifiers. groupings: the characteristics asked. covariates: what was measured of
    each child, complete. provided: (n,) whether the child was provided for by the date of the
    question. time, cause: (n,) years from the origin to the first of provision, death, leaving and
    the end of follow-up, and which it was (`FOLLOWED`, `PROVIDED`, `DIED`, `LEFT`). concern: (n,)
    whether a concern was on record by that date, None where the records hold no concerns. need:
    (n,) recorded need, NaN where none was recorded, None where the study asks for none. status:
    (n, years) codes into `statuses` in each school year, `UNSEEN` where the child was not seen.
    places: level → (n,) codes.
    """

    keys: NDArray[np.str_]
    groupings: tuple[Grouping, ...]
    covariates: Mapping[str, Column]
    provided: Mask
    time: Array
    cause: Codes
    places: Mapping[str, Codes]
    concern: Mask | None = None
    need: Array | None = None
    status: Codes | None = None
    statuses: tuple[str, ...] = ("none", "support", "ehcp", "special")
    years: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    flow: Flow = field(default_factory=Flow)

    @property
    def n(self) -> int:
        """Number of children."""
        return len(self.provided)

    def take(self, rows: NDArray[np.generic]) -> AccessCohort:
        """Return the chosen children (indices or a mask)."""

        def part(values: Any) -> Any:
            return None if values is None else values[rows]

        return replace(
            self,
            keys=self.keys[rows],
            groupings=tuple(each.take(rows) for each in self.groupings),
            covariates={name: column.take(rows) for name, column in self.covariates.items()},
            provided=self.provided[rows],
            time=self.time[rows],
            cause=self.cause[rows],
            places={level: codes[rows] for level, codes in self.places.items()},
            concern=part(self.concern),
            need=part(self.need),
            status=part(self.status),
        )

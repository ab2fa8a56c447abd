"""Units by periods: what a roll-out leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
A = TypeVar("A", bound=NDArray[Any])


@dataclass(frozen=True, eq=False)
class PanelOutcome:
    """Sufficient statistics of one outcome by unit × period, each (u, t).

    children: whether what was summed are children's own values, so that the squares tell how
    children differ; rows that are means of many do not.
    """

    count: Array
    total: Array
    squares: Array
    children: bool = True

    @property
    def mean(self) -> NDArray[np.float64]:
        """(u, t) means; NaN in a cell where nothing was recorded."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found: NDArray[np.float64] = np.where(self.count > 0, self.total / self.count, np.nan)
        return found


@dataclass(frozen=True, eq=False)
class Panel:
    """u units by t periods (or stages).

    arm: (u, t) codes into `arms`; adopted: (u,) period of adoption, −1 for never. covariates: name
    → (u, t). clusters: level → (u,) codes, cluster_names: level → what each code is called. strata:
    (u,) codes. drawn: (u,) the place of what was drawn (the unit, or its cluster) among the units
    of the draw; begins: (k,) the period in which each wave of the draw begins, −1 for not by the
    last; None where nothing was. later: (u,) whether provision begins after the last period, of
    units that are seen without it.
    """

    units: tuple[str, ...]
    periods: tuple[str, ...]
    arms: tuple[str, ...]
    arm: NDArray[np.integer[Any]]
    outcomes: Mapping[str, PanelOutcome]
    adopted: NDArray[np.integer[Any]] | None = None
    covariates: Mapping[str, Array] = field(default_factory=dict)
    clusters: Mapping[str, NDArray[np.integer[Any]]] = field(default_factory=dict)
    strata: NDArray[np.integer[Any]] | None = None
    cluster_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    drawn: NDArray[np.int64] | None = None
    begins: NDArray[np.int64] | None = None
    later: NDArray[np.bool_] | None = None

    def told(self, outcome: str) -> NDArray[np.bool_]:
        """Return (t,) whether an outcome was recorded in a period, in any unit."""
        return np.asarray((np.asarray(self.outcomes[outcome].count) > 0).any(axis=0))

    def take(self, units: NDArray[np.int64]) -> Panel:
        """Return the panel of the chosen units, by index."""

        def part(values: A | None) -> A | None:
            return None if values is None else values[units]  # type: ignore[return-value]

        return replace(
            self,
            units=tuple(self.units[at] for at in units),
            arm=self.arm[units],
            outcomes={
                name: PanelOutcome(
                    one.count[units], one.total[units], one.squares[units], one.children
                )
                for name, one in self.outcomes.items()
            },
            adopted=part(self.adopted),
            covariates={name: values[units] for name, values in self.covariates.items()},
            clusters={name: values[units] for name, values in self.clusters.items()},
            strata=part(self.strata),
            drawn=part(self.drawn),
            later=part(self.later),
        )

    def over(self, periods: NDArray[np.int64]) -> Panel:
        """Return the panel of the chosen periods, by index in order. What begins in a period left
        out is seen from the next one on.
        """
        if len(periods) == len(self.periods):
            return self

        def moved(begins: NDArray[np.integer[Any]] | None) -> NDArray[np.int64] | None:
            if begins is None:
                return None
            later = np.searchsorted(periods, begins)
            return np.where((begins < 0) | (later >= len(periods)), -1, later).astype(np.int64)

        adopted, later = moved(self.adopted), self.later
        if self.adopted is not None and adopted is not None:
            gone = (np.asarray(self.adopted) >= 0) & (adopted < 0)
            later = gone if later is None else later | gone
        return replace(
            self,
            periods=tuple(self.periods[at] for at in periods),
            arm=self.arm[:, periods],
            outcomes={
                name: PanelOutcome(
                    one.count[:, periods],
                    one.total[:, periods],
                    one.squares[:, periods],
                    one.children,
                )
                for name, one in self.outcomes.items()
            },
            adopted=adopted,
            later=later,
            begins=moved(self.begins),
            covariates={name: values[:, periods] for name, values in self.covariates.items()},
        )

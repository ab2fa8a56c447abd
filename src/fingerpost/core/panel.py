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
    """Sufficient statistics of one outcome by unit × period, each (u, t)."""

    count: Array
    total: Array
    squares: Array

    @property
    def mean(self) -> NDArray[np.float64]:
        """(u, t) means; NaN in a cell where nothing was recorded."""
        with np.errstate(invalid="ignore", divide="ignore"):
            found: NDArray[np.float64] = np.where(self.count > 0, self.total / self.count, np.nan)
        return found


@dataclass(frozen=True, eq=False)
class Panel:
    """u units by t periods (or stages).

    arm: (u, t) codes into `arms`; eligible: (u, t); probability: (u, t) of the arm received;
    adopted: (u,) period of adoption, −1 for never. covariates: name → (u, t). clusters: level →
    (u,) codes, cluster_names: level → what each code is called. strata: (u,) codes.
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
    cluster_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def take(self, units: NDArray[np.int64]) -> Panel:
        """Return the panel of the chosen units, by index."""

        def part(values: A | None) -> A | None:
            return None if values is None else values[units]  # type: ignore[return-value]

        return replace(
            self,
            units=tuple(self.units[at] for at in units),
            arm=self.arm[units],
            outcomes={
                name: PanelOutcome(one.count[units], one.total[units], one.squares[units])
                for name, one in self.outcomes.items()
            },
            adopted=part(self.adopted),
            eligible=part(self.eligible),
            probability=part(self.probability),
            covariates={name: values[units] for name, values in self.covariates.items()},
            clusters={name: values[units] for name, values in self.clusters.items()},
            strata=part(self.strata),
        )

    def over(self, periods: NDArray[np.int64]) -> Panel:
        """Return the panel of the chosen periods, by index in order. What begins in a period left
        out is seen from the next one on.
        """
        if len(periods) == len(self.periods):
            return self
        adopted = self.adopted
        if adopted is not None:
            later = np.searchsorted(periods, adopted)
            adopted = np.where((adopted < 0) | (later >= len(periods)), -1, later)

        def part(values: A | None) -> A | None:
            return None if values is None else values[:, periods]  # type: ignore[return-value]

        return replace(
            self,
            periods=tuple(self.periods[at] for at in periods),
            arm=self.arm[:, periods],
            outcomes={
                name: PanelOutcome(
                    one.count[:, periods], one.total[:, periods], one.squares[:, periods]
                )
                for name, one in self.outcomes.items()
            },
            adopted=adopted,
            eligible=part(self.eligible),
            probability=part(self.probability),
            covariates={name: values[:, periods] for name, values in self.covariates.items()},
        )

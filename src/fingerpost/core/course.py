"""What each row of a cohort was followed through, where strategies are sustained over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Kinds of decision, each with a model of its own of who goes on following its strategy.
FIRST, WAITING, LAST_CHANCE, KEEPING = range(4)
STAGES = ("at time zero", "while it may still begin", "at the end of grace", "while it goes on")


@dataclass(frozen=True, eq=False)
class Course:
    """n rows by d decisions, the first at time zero. A row is a copy of a child under one arm.

    stays: (n, d) whether the row follows its arm's strategy, and is on record, up to and with the
    decision; once False it stays so. stage: (n, d) the kind of decision, as `STAGES` numbers them.
    covariates: name → (n, d) values as known before the decision, complete. labels: of the d
    decisions.
    """

    stays: NDArray[np.bool_]
    stage: NDArray[np.int8]
    covariates: Mapping[str, Array] = field(default_factory=dict)
    labels: tuple[str, ...] = ()

    @property
    def at_risk(self) -> NDArray[np.bool_]:
        """(n, d) whether the row followed its strategy before the decision."""
        before = np.ones_like(self.stays)
        before[:, 1:] = self.stays[:, :-1]
        return before

    @property
    def followed(self) -> NDArray[np.bool_]:
        """(n,) whether the row followed its strategy to the last decision."""
        last: NDArray[np.bool_] = self.stays[:, -1]
        return last

    def take(self, rows: NDArray[np.generic]) -> Course:
        """Return the course of the chosen rows (indices or a mask)."""
        values = {name: own[rows] for name, own in self.covariates.items()}
        return Course(self.stays[rows], self.stage[rows], values, self.labels)

"""The children of one study, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.column import Column
from fingerpost.core.course import Course
from fingerpost.core.flow import Flow
from fingerpost.core.outcome import Outcome
from fingerpost.core.stages import Stages

Codes = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Cohort:
    """n rows, one per child (or per copy of a child where cloning repeats it).

    unit: (n,) codes of the child, always a cluster of its own.
    arms: names of the exposure levels in order; arm: (n,) codes into them. dose: (n,) instead,
    for a continuous exposure. clusters: level name → (n,) codes, such as school.
    probability: (n, k) of each arm where a design fixed it. weight: (n,) survey weight.
    replicate: which imputation or linkage spine this is; 0 where there is only one.
    imputed: outcome → (n,) whose value was drawn in this replicate, since none was recorded.
    roles: columns with a job (instrument, running variable, link probability).
    course: what each row was followed through, where arms are strategies sustained over time.
    provided: (n,) years before time zero in which provision was first recorded, of rows whose child
    had it in an earlier school year; NaN of others. drawn: (n,) the place of what was drawn (the
    child, its school) among the units of the draw, −1 of rows that were not. stages: the two draws,
    where arms are regimes of a trial that draws again.
    """

    unit: Codes
    arms: tuple[str, ...]
    arm: Codes
    outcomes: Mapping[str, Outcome]
    covariates: Mapping[str, Column]
    clusters: Mapping[str, Codes] = field(default_factory=dict)
    strata: Codes | None = None
    dose: NDArray[np.float64] | None = None
    probability: NDArray[np.float64] | None = None
    roles: Mapping[str, Column] = field(default_factory=dict)
    weight: NDArray[np.float64] | None = None
    replicate: int = 0
    flow: Flow = field(default_factory=Flow)
    course: Course | None = None
    imputed: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    provided: NDArray[np.float64] | None = None
    drawn: NDArray[np.int64] | None = None
    stages: Stages | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.arm)

    def cluster_codes(self, level: str | None) -> Codes:
        """Return (n,) codes of the variance unit: the named level, or the child (None, "child")."""
        if level is None or (level == "child" and level not in self.clusters):
            return self.unit
        return self.clusters[level]

    def take(self, rows: NDArray[np.generic]) -> Cohort:
        """Return the cohort of the chosen rows (indices or a mask); codes keep their meaning."""

        def part(values: Any) -> Any:
            return None if values is None else values[rows]

        return replace(
            self,
            unit=self.unit[rows],
            arm=self.arm[rows],
            outcomes={name: outcome.take(rows) for name, outcome in self.outcomes.items()},
            covariates={name: column.take(rows) for name, column in self.covariates.items()},
            clusters={name: codes[rows] for name, codes in self.clusters.items()},
            strata=part(self.strata),
            dose=part(self.dose),
            probability=part(self.probability),
            roles={name: column.take(rows) for name, column in self.roles.items()},
            weight=part(self.weight),
            course=None if self.course is None else self.course.take(rows),
            imputed={name: mask[rows] for name, mask in self.imputed.items()},
            provided=part(self.provided),
            drawn=part(self.drawn),
            stages=None if self.stages is None else self.stages.take(rows),
        )

    def blocks(
        self, names: Sequence[str], rows: int = 65_536
    ) -> Iterator[dict[str, NDArray[np.generic]]]:
        """Yield covariates by name, `rows` rows at a time; in memory this is a walk over slices."""
        for start in range(0, self.n, rows):
            part = slice(start, start + rows)
            yield {name: self.covariates[name].values[part] for name in names}

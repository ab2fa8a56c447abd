"""What a leaf keeps of its fit: it stays in the room, for guard rails and sensitivity only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.estimand import Term

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class MatchedSets:
    """Matched sets as m memberships: member i is the child in row `row` of the task's cohort.

    set: (m,) codes of the sets. row: (m,). first: (m,) whether the child is of the contrast's first
    arm. weight: (m,) what the child counts in its set's mean of its arm; it sums to one over each
    arm of a set.
    """

    set: NDArray[np.integer[Any]]
    row: NDArray[np.integer[Any]]
    first: NDArray[np.bool_]
    weight: Array


@dataclass(frozen=True, eq=False, slots=True)
class Weights:
    """A leaf's own weights of one term on the n rows of its task's cohort.

    own: arm → (n,), zero off the arm. target: (n,) how much each child counts in whom the answer
    is for.
    """

    own: Mapping[str, Array]
    target: Array

    @property
    def own_arm(self) -> Array:
        """(n,) what each child counts for in its own arm; zero in arms that are not compared."""
        found: Array = np.sum(list(self.own.values()), axis=0)
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Fit:
    """What one answer rests on, by term: weights of its own, matched sets."""

    weights: Mapping[Term, Weights] = field(default_factory=dict)
    matched: Mapping[Term, MatchedSets] = field(default_factory=dict)

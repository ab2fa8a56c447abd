"""Means of what each child has, had or may have had, over children weighted to stand for a target.

Every mean comes with its influence by child, the score's estimation in it, and sums, products and
ratios of means carry theirs along (the delta method; Stefanski & Boos 2002, The American
Statistician 56, 29-38).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.core.errors import Unanswerable
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.design import Design
from fingerpost.kernels.glm import GlmFit
from fingerpost.kernels.tilting import Tilt, through_score


@dataclass(frozen=True, eq=False, slots=True)
class Moving:
    """A number that children decide: its value, and influence (n,) whose sum is its error.

    >>> one = Moving(2.0, np.array([0.1, -0.1])) + Moving(1.0, np.array([0.0, 0.2]))
    >>> one.value, one.influence.tolist()
    (3.0, [0.1, 0.1])
    """

    value: float
    influence: Array

    def __add__(self, other: Moving) -> Moving:
        """Return the sum of two numbers."""
        return Moving(self.value + other.value, self.influence + other.influence)

    def __sub__(self, other: Moving) -> Moving:
        """Return the difference of two numbers."""
        return Moving(self.value - other.value, self.influence - other.influence)

    def over(self, other: Moving) -> Moving:
        """Return the ratio to a number that is not 0."""
        value = self.value / other.value
        return Moving(value, (self.influence - value * other.influence) / other.value)

    def log(self) -> Moving:
        """Return the logarithm of a number above 0."""
        return Moving(float(np.log(self.value)), self.influence / self.value)


@dataclass(frozen=True, eq=False, slots=True)
class Standing:
    """n children, and what each counts for so that those of an arm stand for the target.

    arm: (n,) codes. weight: (n,) survey weights. tilt: of the target, by the fitted score; design,
    fit, residual (n, k − 1): of that score.
    """

    arm: Codes
    weight: Array
    tilt: Tilt
    design: Design
    fit: GlmFit
    residual: Array

    @property
    def n(self) -> int:
        """Number of children."""
        return len(self.arm)

    def counts(self, arm: int) -> Array:
        """Return (n,) what each child counts for in an arm's mean; 0 in other arms."""
        counted: Array = np.where(self.arm == arm, self.weight * self.tilt.weight(arm), 0.0)
        return counted

    def shares(self, arm: int) -> Array:
        """Return (n,) what each child counts for in an arm's mean, as shares that sum to 1."""
        found = self.counts(arm)
        total = float(found.sum())
        if not total > 0:
            raise Unanswerable("no child of an arm stands for the target.")
        shared: Array = found / total
        return shared

    def mean(self, values: Array, arm: int) -> Moving:
        """Return the mean of values (n,) over children of an arm who stand for the target (Hajek).

        What was estimated to make the values is no part of its influence.
        """
        share = self.shares(arm)
        value = float(share @ values)
        own = share * (values - value)
        slope = own[:, None] * self.tilt.slope(arm)
        return Moving(value, own + self.through(slope))

    def through(self, slope: Array) -> Array:
        """Return (n,) the influence by way of the score. slope: (n, k − 1) in its predictors."""
        return through_score(self.design, self.fit, residual=self.residual, in_score=slope)

    def everyone(self, values: Array) -> Moving:
        """Return the mean of values (n,), known of every child, over the target itself."""
        member = self.weight * self.tilt.member
        share = member / float(member.sum())
        value = float(share @ values)
        own = share * (values - value)
        bent = self.tilt.member_slope
        return Moving(value, own if bent is None else own + self.through(own[:, None] * bent))

"""Children of every arm made to stand for one target, by the probabilities of the arms.

A tilting h(x) says whom an answer is for; children of arm a then count h(x) / e_a(x). All: h = 1.
Who received arm c: h = e_c. Overlap: h = 1 / Σ 1/e_b (Li, Morgan & Zaslavsky 2018, Journal of the
American Statistical Association 113, 390-400; Li & Li 2019, Annals of Applied Statistics 13,
2389-2415).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.carried import carried
from fingerpost.kernels.design import Design
from fingerpost.kernels.glm import GlmFit


@dataclass(frozen=True, eq=False, slots=True)
class Tilt:
    """Who counts, and how much, so that children of any arm stand for the target.

    probability: (n, k) of the arms, not read where membership alone is asked of a fixed target.
    codes: (n,) of the arms. kind: `received` (of the arm `received`), `overlap`, or anything else
    for all children. Everything is made of these when it is asked for, so that blocks of children
    (`part`) need never be held together.

    >>> half = np.full((2, 2), 0.5)
    >>> Tilt(half, np.array([0, 1]), "ate").weights.tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """

    probability: Array
    codes: Codes
    kind: str
    received: int | None = None

    @property
    def member(self) -> Array:
        """(n,) membership h(x) of the target: 0 or 1, or the overlap tilting."""
        if self.kind == "received":
            found: Array = (self.codes == self.received).astype(np.float64)
            return found
        if self.kind == "overlap":
            return self.top
        return np.ones(len(self.codes))

    @property
    def top(self) -> Array:
        """(n,) h(x), of which weights are made: e_c, not membership, where arm c defines it."""
        if self.kind == "received":
            found: Array = self.probability[:, self.received]
            return found
        if self.kind == "overlap":
            found = 1.0 / (1.0 / self.probability).sum(axis=1)
            return found
        return np.ones(len(self.codes))

    @property
    def member_slope(self) -> Array | None:
        """(n, k − 1) of log membership in the linear predictors of the score; None where fixed."""
        if self.kind != "overlap":
            return None
        rest = self.probability[:, 1:]
        found: Array = self.top[:, None] / rest - rest
        return found

    @property
    def weights(self) -> Array:
        """(n, k) weights h(x) / e_a(x), to be used for children of arm a."""
        found: Array = self.top[:, None] / self.probability
        return found

    @property
    def slopes(self) -> Array:
        """(n, k, k − 1) of the log weights in the linear predictors of the score."""
        return np.stack([self.slope(arm) for arm in range(self.probability.shape[1])], axis=1)

    def weight(self, arm: int | Codes) -> Array:
        """Return (n,) h(x) / e_a(x) of an arm, or of each child's own where given by (n,) codes."""
        place = slice(None) if isinstance(arm, int) else np.arange(len(arm))
        own = self.probability[place, arm]
        found: Array = self.top / own
        return found

    def slope(self, arm: int | Codes) -> Array:
        """Return (n, k − 1) slopes of the log weights of an arm, or of each child's own."""
        own = np.eye(self.probability.shape[1])[:, 1:]
        if self.kind == "received":
            # Both probabilities move alike with what they are measured against.
            return np.broadcast_to(own[self.received] - own[arm], self.probability[:, 1:].shape)
        first = self.probability[:, 1:]
        if self.kind == "overlap":
            first = self.top[:, None] / first
        found: Array = first - own[arm]
        return found

    def part(self, rows: slice | Codes) -> Tilt:
        """Return the tilting of the chosen rows."""
        return Tilt(self.probability[rows], self.codes[rows], self.kind, self.received)


def through_score(design: Design, fit: GlmFit, *, residual: Array, in_score: Array) -> Array:
    """Return (n,) the influence that comes by way of an estimated score.

    residual: (n, k − 1) weight × (1[A = j] − e_j). in_score: (n, k − 1) of what is estimated in
    each child's linear predictors.
    """
    found: Array = np.einsum("nj,nj->n", residual, carried(fit, in_score, of=design))
    return found

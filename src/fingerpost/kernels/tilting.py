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

    member: (n,) membership h(x) of the target (0/1, or the overlap tilting). weights: (n, k)
    h(x)/e_a(x), to be used for children of arm a. slopes: (n, k, k − 1) of log weights in the
    linear predictors of the score. member_slope: (n, k − 1) of log membership, None where fixed.
    """

    member: Array
    weights: Array
    slopes: Array
    member_slope: Array | None


def tilting(probability: Array, codes: Codes, *, kind: str, received: int | None = None) -> Tilt:
    """Return the tilting of a target. probability: (n, k). codes: (n,) of the arms.

    kind: `received` (of the arm `received`), `overlap`, or anything else for all children.

    >>> half = np.full((2, 2), 0.5)
    >>> tilting(half, np.array([0, 1]), kind="ate").weights.tolist()
    [[2.0, 2.0], [2.0, 2.0]]
    """
    n, k = probability.shape
    own = np.eye(k)[:, 1:]
    slopes = probability[:, None, 1:] - own[None, :, :]
    if kind == "received" and received is not None:
        weights = probability[:, [received]] / probability
        slopes = slopes + (own[received] - probability[:, None, 1:])
        return Tilt((codes == received).astype(float), weights, slopes, None)
    if kind == "overlap":
        h = 1.0 / (1.0 / probability).sum(axis=1)
        member_slope = h[:, None] / probability[:, 1:] - probability[:, 1:]
        weights = h[:, None] / probability
        return Tilt(h, weights, slopes + member_slope[:, None, :], member_slope)
    return Tilt(np.ones(n), 1.0 / probability, slopes, None)


def through_score(design: Design, fit: GlmFit, *, residual: Array, in_score: Array) -> Array:
    """Return (n,) the influence that comes by way of an estimated score.

    residual: (n, k − 1) weight × (1[A = j] − e_j). in_score: (n, k − 1) of what is estimated in
    each child's linear predictors.
    """
    found: Array = np.einsum("nj,nj->n", residual, carried(fit, in_score, of=design))
    return found

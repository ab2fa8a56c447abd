"""The log-likelihood of a generalised linear model, its gradient and information, by blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.kernels.arrays import Array, block_rows, spans
from fingerpost.kernels.design import Design, Moments
from fingerpost.kernels.families import LINEAR, Family
from fingerpost.kernels.newton import Pass, Singular, inverse_of, maximise

SAMPLE = 25_000  # rows of the first fit, whose answer starts the search on all rows
FAR = 100.0  # a mean so many standard deviations from zero is taken off before products are formed


@dataclass(frozen=True, eq=False, slots=True)
class Likelihood:
    """A model of m linear predictors over n rows; its parameters are (m, p), raveled.

    y: (n,) responses or arm codes. weights, offset: (n,) or None. shift: (p,) taken off the
    columns, zero but where means are far from zero. penalty: (p,) ridge on each squared
    coefficient. firth: whether half the log-determinant of the information is added.
    """

    design: Design
    family: Family
    predictors: int
    y: NDArray[Any]
    weights: Array | None
    offset: Array | None
    shift: Array
    penalty: Array
    firth: bool = False

    @property
    def rows(self) -> int:
        """Rows of a block."""
        m = self.predictors
        return block_rows(self.design.p, 8 + 6 * m + m * m)

    def centred(self, lo: int, hi: int) -> Array:
        """Return rows lo to hi with the shift taken off."""
        block = self.design.block(lo, hi)
        return block - self.shift if self.shift.any() else block

    def predict(self, both: Array, block: Array, *, lo: int) -> tuple[Array, float]:
        """Return (m, r) linear predictors of the upper half, and the greatest of the lower half."""
        m = self.predictors
        out = both @ block.T
        moved = float(np.abs(out[m:]).max(initial=0.0))
        predictor = out[:m]
        if self.offset is not None:
            predictor += self.offset[lo : lo + len(block)]
        return predictor, moved

    def evaluate(self, parameters: Array, step: Array) -> Pass:
        """Return value, gradient and information at the parameters, reached by the step."""
        m, p = self.predictors, self.design.p
        both = np.concatenate([parameters, step]).reshape(2 * m, p)
        value, curvature, moved = 0.0, 0.0, 0.0
        gradient, grams = np.zeros((m, p)), np.zeros((m, m, p, p))
        for lo, hi in spans(self.design.n, self.rows):
            block = self.centred(lo, hi)
            predictor, most = self.predict(both, block, lo=lo)
            moved = max(moved, most)
            found = self.family.rows(predictor, self.y[lo:hi])
            w = None if self.weights is None else self.weights[lo:hi]
            value += float(found.log_likelihood.sum() if w is None else found.log_likelihood @ w)
            gradient += (found.residual if w is None else found.residual * w) @ block
            for (a, b), own in found.curvature.items():
                bent = own if w is None else own * w
                curvature += float(bent.sum()) if a == b else 0.0
                grams[a, b] += signed_gram(block, bent)
        information = assemble(grams)
        if self.firth:
            more, slope = self.firth_terms(parameters, information)
            value, gradient = value + more, gradient + slope
        square = np.tile(self.penalty, m)
        value -= 0.5 * float(square @ parameters**2)
        gradient = gradient.ravel() - square * parameters
        return Pass(value, gradient, information + np.diag(square), curvature, moved)

    def firth_terms(self, parameters: Array, information: Array) -> tuple[float, Array]:
        """Return value and gradient of Jeffreys' penalty (Firth 1993, Biometrika 80:27)."""
        m, p = self.predictors, self.design.p
        inverse = inverse_of(information)
        if inverse is None:
            return -np.inf, np.zeros((m, p))
        parts = inverse.reshape(m, p, m, p).transpose(0, 2, 1, 3)
        slope = np.zeros((m, p))
        both = np.concatenate([parameters, np.zeros_like(parameters)]).reshape(2 * m, p)
        for lo, hi in spans(self.design.n, self.rows):
            block = self.centred(lo, hi)
            predictor, _ = self.predict(both, block, lo=lo)
            leverage = np.einsum("rj,abjk,rk->abr", block, parts, block, optimize=True)
            third = 0.5 * self.family.third(self.family.mean(predictor), leverage)
            slope += (third if self.weights is None else third * self.weights[lo:hi]) @ block
        return 0.5 * float(np.linalg.slogdet(information)[1]), slope

    def on(self, rows: NDArray[Any]) -> Likelihood:
        """Return the likelihood of some of the rows."""
        return replace(
            self,
            design=self.design.take(rows),
            y=self.y[rows],
            weights=None if self.weights is None else self.weights[rows],
            offset=None if self.offset is None else self.offset[rows],
        )

    def start(self, found: Moments) -> Array:
        """Return parameters from which few passes over all rows are needed."""
        nothing = np.zeros(self.predictors * self.design.p)
        if self.family.quadratic:
            return nothing
        if self.design.n > 4 * SAMPLE:
            # The penalty keeps a category that the sample lacks from leaving it singular.
            some = self.on(np.arange(0, self.design.n, self.design.n // SAMPLE))
            near, gentle = replace(some, penalty=self.penalty + found.deviation**2), 1e-4
        elif self.family.working is not None:
            weights = np.ones(self.design.n) if self.weights is None else self.weights
            response, bent = self.family.working(self.y, weights)
            near = replace(self, family=LINEAR, y=response, weights=bent, firth=False)
            gentle = 1.0
        else:
            return nothing
        try:
            best = maximise(
                near.evaluate,
                near.start(found),
                tolerance=gentle,
                quadratic=near.family.quadratic,
                exact=not near.firth,
            )
        except Singular:
            return nothing
        return best.parameters if np.all(np.isfinite(best.parameters)) else nothing


def signed_gram(block: Array, curvature: Array) -> Array:
    """Return blockᵀ diag(curvature) block; the curvature has one sign throughout."""
    negative = bool(curvature.min() < 0.0)
    work = block * np.sqrt(np.abs(curvature))[:, None]
    # A matrix times its own transpose is done by the symmetric routine at half the work.
    product: Array = work.T @ work
    return -product if negative else product


def assemble(grams: Array) -> Array:
    """Return the (m p, m p) information from the (m, m, p, p) blocks of its upper triangle."""
    m, _, p, _ = grams.shape
    full = grams.copy()
    for a in range(m):
        for b in range(a):
            full[a, b] = grams[b, a].T
    return full.transpose(0, 2, 1, 3).reshape(m * p, m * p)

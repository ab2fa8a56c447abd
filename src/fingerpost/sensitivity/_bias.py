"""Bias parameters as distributions, and records corrected for what they say.

Records enter as sums of products within cells of recorded arm and outcome; corrections are linear
in these cells. Lash, Fox & Fink (2009), Applying Quantitative Bias Analysis to Epidemiologic Data,
Springer, chapters 4-8; Greenland (1996), International Journal of Epidemiology 25(6), 1107-1116.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.linalg
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.errors import TooFew, UsageError, listed
from fingerpost.core.model import Factor, ModelTerm
from fingerpost.kernels.arrays import block_rows, one_thread, spans
from fingerpost.kernels.design import Terms, moments
from fingerpost.sensitivity._options import is_number, mapping
from fingerpost.sensitivity._regression import OUTCOME

Array = NDArray[np.floating[Any]]
FORMS = {"uniform": 2, "triangular": 3, "beta": 2, "normal": 2}
CHUNK = 512  # draws corrected at once
LEAST_OWN = 1e-10  # of a column's variance, below which others determine it
# A draw at which little is left to go by is no draw: it would be multiplied beyond all sense.
LEAST_TOLD = 0.02  # sensitivity + specificity − 1: less than this, records hardly tell the arm
LEAST_LEFT = 0.05  # of the corrected arm's variance that its covariates must leave
SLACK = 3.0  # standard errors by which a mean may lie beyond what the outcome can be
REACH = 9.0  # standard deviations beyond which a normal holds nothing


@dataclass(frozen=True, slots=True)
class Distribution:
    """What is believed of one bias parameter: a form and its numbers, or one number for sure."""

    form: str
    numbers: tuple[float, ...]

    def draw(self, generator: Generator, size: int) -> Array:
        """Return (size,) draws."""
        a = self.numbers
        if self.form == "uniform":
            return generator.uniform(a[0], a[1], size)
        if self.form == "triangular":
            return generator.triangular(a[0], a[1], a[2], size)
        if self.form == "beta":
            return generator.beta(a[0], a[1], size)
        if self.form == "normal":
            return generator.normal(a[0], a[1], size)
        return np.full(size, a[0])


def distribution(value: object, where: str) -> Distribution:
    """Return a number, or {uniform: [lo, hi]}, {triangular: [lo, mode, hi]}, {beta: [a, b]} or
    {normal: [mean, sd]}, as a distribution. Raises UsageError saying what is allowed.
    """
    if is_number(value):
        return Distribution("certain", (float(str(value)),))
    found = mapping(value)
    form, raw = next(iter(found.items())) if found and len(found) == 1 else ("", ())
    items = raw if isinstance(raw, list | tuple) else ()
    numbers = tuple(float(item) for item in items if is_number(item))
    if form in FORMS and len(numbers) == len(items) == FORMS[form] and sensible(form, numbers):
        return Distribution(form, numbers)
    raise UsageError(
        f"sensitivity: bias_analysis: {where} must be a number or one of {{uniform: [lo, hi]}}, "
        "{triangular: [lo, mode, hi]}, {beta: [a, b]} (both above 0) and {normal: [mean, sd]}."
    )


def sensible(form: str, numbers: tuple[float, ...]) -> bool:
    """Return whether numbers make a distribution of the form."""
    if form == "beta":
        return min(numbers) > 0
    if form == "normal":
        return numbers[1] > 0
    return numbers[0] < numbers[-1] and list(numbers) == sorted(numbers)


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """Sums of products of (1, covariates, outcome) within cells of recorded arm and outcome.

    product: (2, m, q, q), second arm first; m is 2 for a yes-or-no outcome (no, yes), else 1.
    Columns are in standard units but the first; the outcome's are `mean` and `deviation`. low,
    high: the least and the most of the outcome. left: the share of the recorded arm's variance that
    covariates leave.
    """

    product: Array
    mean: float
    deviation: float
    low: float = -np.inf
    high: float = np.inf
    left: float = 1.0


def cells_of(
    cohort: Cohort, outcome: str, terms: tuple[ModelTerm, ...], *, first: str, second: str
) -> Cells:
    """Return the cells of the children of two arms; columns that others determine are left out."""
    arms = [cohort.arms.index(second), cohort.arms.index(first)]
    kept = (
        cohort if len(cohort.arms) == 2 else cohort.take(np.flatnonzero(np.isin(cohort.arm, arms)))
    )
    value = kept.outcomes[outcome].value
    columns = {**kept.covariates, OUTCOME: Column(value)}
    design = Terms(columns, (*terms, ModelTerm((Factor(OUTCOME),))))
    place = (kept.arm == arms[1]).astype(np.intp)
    levels = 2 if kept.outcomes[outcome].kind == "binary" else 1
    if levels == 2:
        place = place * 2 + (value == 1)
    with one_thread():
        found = moments(design, kept.weight)
        if not found.deviation[-1] > 0:
            raise TooFew(f"bias_analysis: {outcome} does not vary among the children studied.")
        scale = np.where(found.deviation > 0, found.deviation, np.inf)
        product = np.zeros((2 * levels, design.p, design.p))
        for lo, hi in spans(design.n, block_rows(design.p)):
            block = (design.block(lo, hi) - found.mean) / scale
            block[:, 0] = 1.0
            weight = np.ones(hi - lo) if kept.weight is None else kept.weight[lo:hi]
            for at in range(2 * levels):
                own = block[place[lo:hi] == at]
                product[at] += (own * weight[place[lo:hi] == at, None]).T @ own
    used = independent(product.sum(axis=0))
    product = product.reshape(2, levels, design.p, design.p)[:, :, used][:, :, :, used]
    return Cells(
        product,
        float(found.mean[-1]),
        float(found.deviation[-1]),
        float(value.min()),
        float(value.max()),
        float(left_by_covariates(product[None])[0]),
    )


def independent(total: Array) -> NDArray[np.intp]:
    """Return the places of columns that no earlier one determines, and the outcome's, the last."""
    inner = total[:-1, :-1]
    _, upper, order = scipy.linalg.qr(inner, pivoting=True)
    own = np.abs(np.diag(upper)) > LEAST_OWN * max(float(np.abs(upper[0, 0])), 1e-300)
    return np.append(np.sort(order[own]), len(total) - 1)


@dataclass(frozen=True, eq=False, slots=True)
class Parameters:
    """(d,) or (d, …) draws of what went wrong; None where it is not supposed.

    sensitivity, specificity: (d, m) of the recorded arm, by outcome. selected: (d, 2, m)
    probabilities of being among the records, by arm (second first) and outcome.
    """

    sensitivity: Array | None = None
    specificity: Array | None = None
    selected: Array | None = None


def corrected(cells: Cells, told: Parameters) -> Array:
    """Return (d, 2, m, q, q) cells by true arm in whole populations.

    The recorded arm is put right first, then selection, the reverse of how records come about.
    """
    product = cells.product[None]
    if told.sensitivity is not None and told.specificity is not None:
        se, sp = told.sensitivity, told.specificity
        span = (se + sp - 1)[..., None, None]
        whole = cells.product.sum(axis=0)[None]
        exposed = (cells.product[1][None] - (1 - sp)[..., None, None] * whole) / span
        product = np.stack([whole - exposed, exposed], axis=1)
    if told.selected is not None:
        product = product / told.selected[..., None, None]
    return product


def difference(product: Array, cells: Cells) -> Array:
    """Return (d,) coefficients of the arm in least squares on arm and covariates, from cells.

    NaN where no records could come about so: a cell would hold no child or fewer, the covariates
    would all but determine the arm, an arm's mean would lie beyond the outcome's least or most, or
    the coefficient beyond their distance.
    """
    possible = filled(product) & within(means(product, cells), cells)
    inner, with_outcome, arm = sums_of(product, possible)
    with_arm = arm[:, :-1]
    solved = np.linalg.solve(inner, np.stack([with_outcome, with_arm], axis=-1))
    above = arm[:, -1] - np.einsum("dq,dq->d", with_arm, solved[..., 0])
    below = arm[:, 0] - np.einsum("dq,dq->d", with_arm, solved[..., 1])
    least = min(LEAST_LEFT, cells.left / 2)
    with np.errstate(all="ignore"):
        possible &= below > least * arm[:, 0] * (1 - arm[:, 0] / inner[:, 0, 0])
        value = above / below * cells.deviation
        possible &= np.abs(value) <= cells.high - cells.low
        return np.where(possible, value, np.nan)


def sums_of(product: Array, possible: NDArray[np.bool_]) -> tuple[Array, Array, Array]:
    """Return (d, q−1, q−1) products of the covariates, (d, q−1) with the outcome, and (d, q) with
    the arm; of impossible draws something that can be solved.
    """
    total = product.sum(axis=(1, 2))
    total[~possible, :-1, :-1] = np.eye(total.shape[-1] - 1)
    return total[:, :-1, :-1], total[:, :-1, -1], product[:, 1].sum(axis=1)[:, 0]


def left_by_covariates(product: Array) -> Array:
    """Return (d,) shares of the arm's variance that the covariates leave, from cells."""
    inner, _, arm = sums_of(product, np.ones(len(product), dtype=bool))
    with_arm = arm[:, :-1]
    solved = np.linalg.solve(inner, with_arm[..., None])[..., 0]
    own = arm[:, 0] * (1 - arm[:, 0] / inner[:, 0, 0])
    found: Array = (arm[:, 0] - np.einsum("dq,dq->d", with_arm, solved)) / own
    return found


def means(product: Array, cells: Cells) -> Array:
    """Return (d, 2) means of the outcome by arm, from cells."""
    summed = product.sum(axis=2)
    with np.errstate(all="ignore"):
        found: Array = cells.mean + cells.deviation * summed[:, :, 0, -1] / summed[:, :, 0, 0]
    return found


def within(mean: Array, cells: Cells) -> NDArray[np.bool_]:
    """Return (d,) whether both arms' means lie between the outcome's least and most."""
    slack = 1e-9 * cells.deviation
    found: NDArray[np.bool_] = np.all(
        (mean >= cells.low - slack) & (mean <= cells.high + slack), axis=1
    )
    return found


def log_ratio(product: Array, cells: Cells) -> Array:
    """Return (d,) logarithms of the ratio of the arms' means, from cells; covariates play no part.

    NaN where a cell would hold no child or fewer, or a mean is not above 0 or beyond the outcome's
    least or most.
    """
    mean = means(product, cells)
    with np.errstate(all="ignore"):
        possible = filled(product) & within(mean, cells) & (mean > 0).all(axis=1)
        return np.where(possible, np.log(mean[:, 1] / mean[:, 0]), np.nan)


def filled(product: Array) -> NDArray[np.bool_]:
    """Return (d,) whether every cell holds children, more than none."""
    found: NDArray[np.bool_] = np.all(product[:, :, :, 0, 0] > 0, axis=(1, 2))
    return found


def nudged(cells: Cells, by: float, *, ratio: bool) -> Cells:
    """Return the records with the recorded first arm's outcomes higher: by `by` standard units or,
    for ratios, by that share of themselves.
    """
    product = cells.product.copy()
    if ratio and product.shape[1] == 2:
        return moved_cases(cells, by)
    size, own = product[1, :, :, 0], product[1, :, :, -1]
    product[1, :, :, -1] = own + by * (own + size * cells.mean / cells.deviation if ratio else size)
    return replace(cells, product=product)


def moved_cases(cells: Cells, by: float) -> Cells:
    """Return the records with a share `by` more of the recorded first arm's children in the cell
    of yes, out of that of no.
    """
    product = cells.product.copy()
    product[1, 1] *= 1 + by
    product[1, 0] *= 1 - by * cells.product[1, 1, 0, 0] / cells.product[1, 0, 0, 0]
    return replace(cells, product=product)


def shifts(cells: Cells, told: Parameters, *, ratio: bool, draws: int) -> tuple[Array, Array]:
    """Return (d,) what the correction adds to an answer, and how much it stretches its error.

    On the scale of estimates (logarithms for ratios). The stretch is the corrected change of a
    small change in the records' own effect. NaN where the draw is impossible.
    """
    value = log_ratio if ratio else difference
    step = 1e-4
    near = nudged(cells, step, ratio=ratio)
    base = float(value(cells.product[None], cells)[0])
    moved = float(value(near.product[None], near)[0]) - base
    added, stretch = np.empty(draws), np.empty(draws)
    for lo in range(0, draws, CHUNK):
        part = slice(lo, min(lo + CHUNK, draws))
        own = Parameters(
            *(
                None if values is None else values[part]
                for values in (told.sensitivity, told.specificity, told.selected)
            )
        )
        after = value(corrected(cells, own), cells)
        added[part] = after - base
        stretch[part] = np.abs((value(corrected(near, own), near) - after) / moved)
    return added, stretch


def probabilities(draws: Array) -> NDArray[np.bool_]:
    """Return (d,) whether all of a draw's values lie between 0 and 1."""
    rows = draws.reshape(len(draws), -1)
    inside: NDArray[np.bool_] = np.all((rows >= 0) & (rows <= 1), axis=1)
    return inside


@dataclass(frozen=True, slots=True)
class Mean:
    """An arm's mean, its standard error, and the least and most that the outcome can be."""

    value: float
    error: float
    low: float
    high: float

    def allows(self, share: Array, effect: Array, *, ratio: bool) -> NDArray[np.bool_]:
        """Return (d,) whether children with and without a cause of that share and effect can both
        have means that the outcome can have, up to chance.
        """
        with np.errstate(all="ignore"):
            if ratio:
                without = self.value / (1 + share * (effect - 1))
                with_it = without * effect
            else:
                without = self.value - share * effect
                with_it = without + effect
        slack = SLACK * self.error + 1e-9
        found = np.ones(len(share), dtype=bool)
        for mean, there in ((without, share < 1), (with_it, share > 0)):
            found &= ~there | ((mean >= self.low - slack) & (mean <= self.high + slack))
        return found


def limits_with_error(centre: Array, error: Array, *, tails: tuple[float, float]) -> Array:
    """Return (2,) limits of draws each with a normal error of its own, never within those of the
    draws without: the quantiles of the mixture of normals, or of the draws where these lie further
    out.

    centre: (d,) draws; error: (d,) standard deviations above 0. A mixture's quantile may lie inside
    that of its centres (two far lumps spread towards the middle), and chance would then seem to
    make an answer surer. The wider of the two holds at least as much of the mixture as was asked.
    """
    plain = np.quantile(centre, tails)
    floor = 1e-12 * (float(np.abs(centre).max()) + float(error.max())) + 1e-300
    spread = np.maximum(error, floor)
    low, high = float(np.min(centre - REACH * spread)), float(np.max(centre + REACH * spread))

    def beyond(at: float, share: float) -> float:
        return float(ndtr((at - centre) / spread).mean()) - share

    near = 1e-9 * float(np.median(spread)) + 1e-300
    found = [float(brentq(beyond, low, high, args=(share,), xtol=near)) for share in tails]
    return np.array([min(found[0], plain[0]), max(found[1], plain[1])])


def keys_of(
    value: object, where: str, *, needed: tuple[str, ...], allowed: tuple[str, ...] | None = None
) -> dict[str, object]:
    """Return a block of options with the keys that it needs and no others; else UsageError."""
    found = mapping(value)
    known = needed if allowed is None else allowed
    if found is None or not set(needed) <= set(found) or not set(found) <= set(known):
        shown = listed(known).replace(" or ", " and ")
        raise UsageError(f"sensitivity: bias_analysis: {where} must give {shown}, and only these.")
    return found

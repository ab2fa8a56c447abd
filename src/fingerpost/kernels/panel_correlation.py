"""How the means of one unit hang together over periods: correlation matrices, and unit sizes.

A unit's mean in a period is its level (which may last or fade), the effect of provision there, and
the mean of its children, of whom some may be followed from period to period.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammainc, gammaincinv

from fingerpost.core.errors import Malformed
from fingerpost.kernels.arrays import Array, Numbers

PARTS = 32


def lasting(periods: int, kept: float) -> Array:
    """Return (t, t) of which `kept` is shared by any two periods: kept·J + (1 − kept)·I.

    Hussey & Hughes (2007) have kept = 1; Hooper et al. (2016) call `kept` the cluster
    autocorrelation. With kept = 1 − churn it is the share of children that any two periods have in
    common (Kasza et al. 2020, open cohorts).

    >>> lasting(2, 0.8).tolist()
    [[1.0, 0.8], [0.8, 1.0]]
    """
    found: Array = np.full((periods, periods), float(kept))
    np.fill_diagonal(found, 1.0)
    return found


def fading(periods: int, kept: float) -> Array:
    """Return (t, t) of which `kept` is left with each period that passes: kept^|t − s|.

    Kasza et al. (2019), Statistical Methods in Medical Research 28:703-716.

    >>> fading(3, 0.5)[0].tolist()
    [1.0, 0.5, 0.25]
    """
    at = np.arange(periods)
    found: Array = float(kept) ** np.abs(np.subtract.outer(at, at)).astype(np.float64)
    return found


def with_effects(
    level: Array, exposed: Numbers, *, sd: float, correlation: float = 0.0, level_sd: float = 0.0
) -> Array:
    """Return (w, t, t): a unit's covariance where the effect of provision differs between units;
    (1, t, t), that of every wave, where it does not.

    level: (t, t) covariance of the unit's level. exposed: (w, t). sd: of the effect between units;
    correlation: of the effect with the part of the level that lasts, whose standard deviation is
    `level_sd`. Raises Malformed where no such covariance exists.
    """
    x = np.asarray(exposed, dtype=np.float64)
    if not sd:  # the same in every wave
        return level[None]
    one = np.ones_like(x)
    cross = x[:, :, None] * one[:, None, :]
    shared = correlation * sd * level_sd
    found: Array = level + sd**2 * x[:, :, None] * x[:, None, :]
    found = found + shared * (cross + cross.transpose(0, 2, 1))
    least = float(np.linalg.eigvalsh(found).min())
    if least < -1e-9 * float(np.abs(found).max() or 1.0):
        raise Malformed(
            f"an effect with standard deviation {sd:g} between units cannot have a correlation of "
            f"{correlation:g} with a level that fades so fast. Bring effect_corr nearer to 0."
        )
    return found


def gamma_sizes(mean: float, cv: float, *, parts: int = PARTS) -> tuple[Array, Array]:
    """Return sizes and their probabilities that stand for a gamma distribution of unit sizes: the
    means of `parts` parts of it that are alike likely.

    cv: coefficient of variation; 0 gives the mean alone. No unit is without children: parts whose
    mean is below 1 are 1.

    >>> sizes, chance = gamma_sizes(200.0, 0.5)
    >>> round(float(sizes @ chance), 6), round(float(sizes.min())), round(float(sizes.max()))
    (200.0, 45, 491)
    """
    if cv <= 0:
        return np.array([float(mean)]), np.ones(1)
    shape = 1.0 / cv**2
    ends = gammaincinv(shape, np.arange(1, parts) / parts)
    # The mean of a gamma distribution below a bound is that of one of shape + 1.
    below = np.concatenate([[0.0], gammainc(shape + 1.0, ends), [1.0]])
    sizes: Array = np.maximum(mean * parts * np.diff(below), min(1.0, mean))
    return sizes, np.full(parts, 1.0 / parts)

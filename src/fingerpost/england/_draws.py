"""Draws that stay the same for the same child whatever else changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.seeds import stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
NAME = "synthetic England"


def source(seed: int, block: int, purpose: str) -> np.random.Generator:
    """Return the stream of one block of children for one purpose."""
    return stream(NAME, f"block {block}: {purpose}", seed=seed)


def expit(x: Floats) -> Floats:
    """Return 1/(1 + exp(−x)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x)), dtype=np.float64)


def poisson(uniform: Floats, mean: Floats) -> Ints:
    """Return Poisson counts by inversion: more where the mean is more, for the same uniforms.

    uniform, mean: (n,), means at most 500. Counts above 400 are cut there.
    """
    count = np.zeros(len(mean), dtype=np.int64)
    chance = np.exp(-mean)
    at = np.flatnonzero(uniform > chance)
    below, chance, left, rate = chance[at], chance[at], uniform[at], mean[at]
    step = 0
    while len(at) and step < 400:
        step += 1
        chance = chance * (rate / step)
        below = below + chance
        over = left > below
        count[at[~over]] = step
        at, below, chance = at[over], below[over], chance[over]
        left, rate = left[over], rate[over]
    count[at] = step
    return count


def choose(uniform: Floats, shares: Floats | tuple[float, ...]) -> Ints:
    """Return which of k kinds each uniform falls into; shares (k,) need not sum to 1."""
    edges = np.cumsum(np.asarray(shares, dtype=np.float64))
    return np.searchsorted(edges[:-1] / edges[-1], uniform, side="right").astype(np.int64)


def gamma_frailty(rng: np.random.Generator, size: int, spread: float) -> Floats:
    """Return gamma multipliers with mean 1 and variance `spread`."""
    return rng.gamma(1.0 / spread, spread, size)

"""Survival curves that fitted hazards predict, averaged over a target, and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fingerpost.kernels.arrays import Array, block_rows, spans
from fingerpost.kernels.design import Design
from fingerpost.kernels.hazards import Grid, Hazards, expit
from fingerpost.kernels.weighted_survival import Ask


@dataclass(frozen=True, eq=False, slots=True)
class Predicted:
    """What hazards predict for n rows: value (n, q), and the derivative of their weighted sum in
    the parameters of the hazards (P, q).
    """

    value: Array
    in_hazards: Array


def parts_of(grid: Grid, ask: Ask) -> tuple[float, Array]:
    """Return (c, a) such that a value is c + a · (survival at nought and after each end), (J + 1,).

    On an exact grid a curve falls at the ends; otherwise straight from end to end, and stays level
    after the last.
    """
    summary, by = ask
    nodes = np.concatenate([grid.starts[:1], grid.ends])
    if summary == "rmst":
        return 0.0, _area(nodes, by, steps=grid.exact)
    found = np.zeros(len(nodes))
    upto = int(np.searchsorted(nodes, by, side="right")) - 1
    found[upto] = 1.0
    if not grid.exact and upto + 1 < len(nodes):
        share = (by - nodes[upto]) / (nodes[upto + 1] - nodes[upto])
        found[upto], found[upto + 1] = 1.0 - share, share
    return (1.0, -found) if summary == "risk" else (0.0, found)


def _area(nodes: Array, by: float, *, steps: bool) -> Array:
    """Return (J + 1,) weights of survival at the nodes in its integral from nought to a time."""
    corners = np.clip(np.append(nodes, by), 0.0, by)
    corners[0], corners[-1] = 0.0, by
    length: Array = np.diff(corners)
    if steps:
        return length
    found = np.zeros(len(nodes))
    found[-1] = length[-1]
    whole = np.diff(nodes)
    reached = np.divide(length[:-1], whole, out=np.zeros_like(whole), where=whole > 0)
    found[:-1] += length[:-1] * (1.0 - reached / 2)
    found[1:] += length[:-1] * reached / 2
    return found


def predicted(
    hazards: Hazards, design: Design, *, weights: Array, asks: Sequence[Ask]
) -> Predicted:
    """Return what the hazards predict for the rows of a design.

    weights: (n,) not negative, of the sum whose derivative is wanted. A survival curve is the
    product over intervals of one less the hazard, so it moves with an interval's linear predictor
    by minus the hazard, from that interval on.
    """
    told = [parts_of(hazards.risk.grid, ask) for ask in asks]
    shares = np.stack([share for _, share in told], axis=1)
    predictor, size = hazards.predictor(design), len(hazards.level)
    value = np.tile(np.array([constant for constant, _ in told]), (design.n, 1))
    by_row, by_level = np.empty_like(value), np.zeros((size, len(asks)))
    for lo, hi in spans(design.n, block_rows(0, 6 * size + 12)):
        hazard, survival = _survival(hazards, predictor[lo:hi])
        value[lo:hi] += survival @ shares
        bent = -hazard * weights[lo:hi, None]
        for place in range(len(asks)):
            onward = survival[:, 1:] * shares[1:, place]
            onward = np.cumsum(onward[:, ::-1], axis=1)[:, ::-1] * bent
            by_row[lo:hi, place] = onward.sum(axis=1)
            by_level[:, place] += onward.sum(axis=0)
    return Predicted(value, hazards.in_parameters(design, by_level, by_row=by_row))


def _survival(hazards: Hazards, predictor: Array) -> tuple[Array, Array]:
    """Return hazards (r, J) and survival (r, J + 1), one at nought."""
    hazard = expit(predictor[:, None] + hazards.level)
    survival = np.ones((len(predictor), len(hazards.level) + 1))
    np.cumprod(1.0 - hazard, axis=1, out=survival[:, 1:])
    return hazard, survival

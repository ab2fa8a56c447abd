"""The two regressions of Q-learning, backwards: what a next step would give, then a first one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.errors import NotFitted, TooFew
from fingerpost.kernels.newton import inverse_of

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, eq=False, slots=True)
class Parts:
    """What the regressions are of, m children. y: (m,). first: (m,) codes of k options; second:
    (m,) of l, −1 of children who were not drawn again. main_1, main_2: (m, .) covariates of each
    stage; tailor_1, tailor_2: (m, .) by which the best step may differ. stratum: (m,) codes of what
    they were drawn within. names: of the coefficients.
    """

    y: Array
    first: Whole
    second: Whole
    options: tuple[int, int]
    main_1: Array
    tailor_1: Array
    main_2: Array
    tailor_2: Array
    stratum: Whole
    names: tuple[tuple[str, ...], tuple[str, ...]]

    @property
    def asked(self) -> NDArray[np.bool_]:
        """(m,) who was drawn again."""
        found: NDArray[np.bool_] = self.second >= 0
        return found

    def take(self, rows: NDArray[np.intp]) -> Parts:
        """Return the parts of the chosen children."""
        return Parts(
            self.y[rows],
            self.first[rows],
            self.second[rows],
            self.options,
            self.main_1[rows],
            self.tailor_1[rows],
            self.main_2[rows],
            self.tailor_2[rows],
            self.stratum[rows],
            self.names,
        )


def coded(codes: Whole, levels: int) -> Array:
    """Return (m, levels − 1) codes about their mean: −1 for the first option, +1 for the other; of
    more options, one column each that sets it against the first.

    >>> coded(np.array([0, 1]), 2).ravel().tolist()
    [-1.0, 1.0]
    """
    found: Array = (codes[:, None] == np.arange(1, levels)).astype(np.float64)
    found[codes == 0] = -1.0
    return found


def interacted(option: Array, by: Array) -> Array:
    """Return (m, .) the option's columns, and the product of each with every column of `by`."""
    parts = [option] + [option * by[:, [at]] for at in range(by.shape[1])]
    return np.concatenate(parts, axis=1)


def design_1(parts: Parts, first: Whole) -> Array:
    """Return the design of the first stage, had everyone begun with the given option."""
    option = coded(first, parts.options[0])
    ones = np.ones((len(first), 1))
    return np.concatenate([ones, parts.main_1, interacted(option, parts.tailor_1)], axis=1)


def design_2(parts: Parts, second: Whole) -> Array:
    """Return the design of the second stage, had everyone gone on with the given option."""
    before, option = coded(parts.first, parts.options[0]), coded(second, parts.options[1])
    by = np.concatenate([before, parts.tailor_2], axis=1)
    ones = np.ones((len(second), 1))
    return np.concatenate([ones, parts.main_2, before, interacted(option, by)], axis=1)


@dataclass(frozen=True, eq=False, slots=True)
class Line:
    """One least squares fit: coefficients, (m, p) influence by child, and (p, p) bread."""

    best: Array
    influence: Array
    bread: Array


def line(x: Array, y: Array, rows: NDArray[np.bool_], words: str) -> Line:
    """Return the fit of the chosen rows. Raises TooFew or NotFitted."""
    inside = x[rows]
    if len(inside) <= inside.shape[1] + 1:
        raise TooFew(
            f"q_learning: {len(inside)} children for the {inside.shape[1]} coefficients of the "
            f"{words}. Mend: fewer covariates."
        )
    bread = inverse_of(inside.T @ inside)
    if bread is None:
        raise NotFitted(
            f"q_learning: columns of the {words} tell one another. Mend: name fewer of them."
        )
    best = bread @ (inside.T @ y[rows])
    influence = np.zeros(x.shape)
    influence[rows] = (y[rows] - inside @ best)[:, None] * (inside @ bread)
    return Line(best, influence, bread)


def everyone(parts: Parts, option: int) -> Whole:
    """Return (m,) one option for all."""
    return np.full(len(parts.y), option, dtype=np.int64)


def second_line(parts: Parts) -> Line:
    """Return the regression of the outcome among those who were drawn again."""
    chosen = np.where(parts.asked, parts.second, 0)
    return line(design_2(parts, chosen), parts.y, parts.asked, "second stage")


def under_second(parts: Parts, later: Line) -> Array:
    """Return (m, l) what each second option is predicted to give."""
    found = [design_2(parts, everyone(parts, at)) @ later.best for at in range(parts.options[1])]
    return np.stack(found, axis=1)


def first_line(parts: Parts, later: Line, chosen: Whole) -> Line:
    """Return the regression of what would come of each first step, were each child who is drawn
    again given `chosen` (m,); the influence carries that of the second stage.
    """
    ahead = design_2(parts, chosen)
    ahead[~parts.asked] = 0.0
    value = np.where(parts.asked, ahead @ later.best, parts.y)
    x = design_1(parts, parts.first)
    found = line(x, value, np.ones(len(value), dtype=np.bool_), "first stage")
    through = found.bread @ (x.T @ ahead)
    return Line(found.best, found.influence + later.influence @ through.T, found.bread)


def best_second(parts: Parts, later: Line, sign: float) -> Whole:
    """Return (m,) the second option that is predicted to be best. sign: −1 where lower is."""
    return np.asarray((sign * under_second(parts, later)).argmax(axis=1), dtype=np.int64)


def best_first(parts: Parts, sooner: Line, sign: float) -> Whole:
    """Return (m,) the first option that is predicted to be best, the best next step following."""
    found = [design_1(parts, everyone(parts, at)) @ sooner.best for at in range(parts.options[0])]
    return np.asarray((sign * np.stack(found, axis=1)).argmax(axis=1), dtype=np.int64)

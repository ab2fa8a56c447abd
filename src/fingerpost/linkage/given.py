"""What a study asks of hospitals and of schools, beside the identifiers, as two tables of values.

Links are drawn given them: whoever makes them (a study over records) says of each hospital record
what hospitals know of it, and of each child what schools do, the arm among it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.linkage.scoring import Floats, Ints

LEAST = 1e-9  # of a standard deviation


@dataclass(frozen=True, eq=False, slots=True)
class Side:
    """People of one side and what is known of them.

    ids: (n,) identifiers as text. columns: name → (n,) numbers, NaN where not known.
    """

    ids: NDArray[np.str_]
    columns: Mapping[str, Floats]

    def ordered(self, names: Any) -> dict[str, Floats]:
        """Return the columns for people in another order, NaN for whom nothing is known.

        names: identifiers as text, of each person. Values keep seven digits: a score about a mean
        differs from run to run in its last, as engines add in any order, and one link drawn
        otherwise for that makes all later ones others.
        """
        place = {one: at for at, one in enumerate(self.ids.tolist())}
        at = np.array([place.get(one, -1) for one in names], dtype=np.int64)
        found = {}
        for name, column in self.columns.items():
            told = column.astype(np.float32).astype(np.float64)
            found[name] = np.where(at < 0, np.nan, told[at] if len(told) else np.nan)
        return found


@dataclass(frozen=True, eq=False, slots=True)
class Given:
    """What links are drawn given.

    hospital: a hospital record's values, in an order in which each may lean on those before it;
    outcomes last. school: a child's; who is not in it is not studied. arms: columns of `school`
    that tell the arms; all else may matter otherwise in each.
    """

    hospital: Side
    school: Side
    arms: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Design:
    """Columns that facts of a pair are regressed on, one row a pair, a constant first.

    values: (P, q), of mean 0 and standard deviation 1 but for the constant; whatever a fact may
    lean on comes first. plain: how many are what schools know, without products with the arms.
    until: how many there are with products, and with none, one, two … of the hospital's columns.
    known: (P,) whether the child is studied.
    """

    values: Floats
    plain: int
    until: tuple[int, ...]
    known: NDArray[np.bool_]


def design_of(
    left: Ints,
    right: Ints,
    *,
    hospital: Mapping[str, Floats],
    school: Mapping[str, Floats],
    arms: tuple[str, ...],
) -> Design:
    """Return the design of pairs: what schools know, what hospitals know, and each times the arms.

    left, right: of each pair. A value that is not known stands at the mean, with a flag beside it.
    """
    inside = np.zeros(len(right), dtype=bool)
    for column in school.values():
        inside |= np.isfinite(column[right])
    given = [one for name in arms for one in scaled(filled(school[name][right]), inside)]
    rest = [each[right] for name, each in school.items() if name not in arms]
    own = [one for each in rest for one in scaled(filled(each), inside)]
    columns = [np.ones(len(right)), *given, *own]
    plain = len(columns)
    columns += centred([arm * one for arm in given for one in own], inside)
    until = [len(columns)]
    for column in hospital.values():
        more = scaled(filled(column[left]), inside)
        columns += [*more, *centred([arm * one for arm in given for one in more], inside)]
        until.append(len(columns))
    return Design(stacked(columns), plain, tuple(until), inside)


def stacked(columns: list[Floats]) -> Floats:
    """Return columns side by side, (P, q), one after the other in memory; each is let go once it is
    copied, so that they are never held twice, and the list is empty after.
    """
    values = np.empty((len(columns[0]), len(columns)), order="F")
    for at in range(len(columns) - 1, -1, -1):
        values[:, at] = columns.pop()
    return values


def scaled(columns: list[Floats], inside: NDArray[np.bool_]) -> list[Floats]:
    """Return columns about their mean among those inside, on a scale on which a coefficient of one
    is large; those that do not vary are left out.

    A measurement is a standard score. Of two values the whole step is two, however rare one of them
    is: in units of its own small spread, the few children of a rare group would stand so far out
    that what is hardly known of them looks impossible, and sure links of theirs are lost.
    """
    if not inside.any():
        return []
    made = []
    for one in columns:
        own = one[inside]
        low, high = float(own.min()), float(own.max())
        spread = float(own.std())
        if spread <= LEAST:
            continue
        two = bool(((own == low) | (own == high)).all())
        made.append((one - own.mean()) / ((high - low) / 2 if two else spread))
    return made


def centred(columns: list[Floats], inside: NDArray[np.bool_]) -> list[Floats]:
    """Return products of such columns about their mean; those that do not vary are left out."""
    return [
        one - one[inside].mean() for one in columns if inside.any() and one[inside].std() > LEAST
    ]


def filled(column: Floats) -> list[Floats]:
    """Return a column with its mean where it is not known, and a flag of that.

    >>> [one.tolist() for one in filled(np.array([1.0, np.nan, 3.0]))]
    [[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    known = np.isfinite(column)
    if not known.any():
        return []
    own = np.where(known, column - column[known].mean(), 0.0)
    return [own] if known.all() else [own, (~known).astype(float)]

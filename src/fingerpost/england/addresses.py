"""Where made-up children live, and when they move: postcodes that are nobody's.

A neighbourhood (LSOA) is a third of a primary school's children by how deprived their street is,
with 20 postcodes. Postcodes begin with Q, V or X, as no postcode of the country does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fingerpost.england._draws import Floats, Ints
from fingerpost.england._names import Words
from fingerpost.england.places import PRIMARIES

LSOAS, STREETS = 3, 20
PER_SCHOOL = LSOAS * STREETS
# Moves a year, and by how much more often with a standard deviation of deprivation.
MOVES, SLOPE = 0.09, 0.2
MOST_MOVES = 8
NEARBY = 0.7  # share of moves within the school's own streets
EARLIER = 1_700  # a family is followed from so many days before a child's birth
LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
YEAR = 365.25
# Days until a hospital writes a new address: on average, where it ever does.
LAG, UNTOLD = 150.0, 0.11


@dataclass(frozen=True, slots=True)
class Stays:
    """Stays of children at addresses: (m,) child by position, postcode by number, first day, last
    day; `last` is the far future where the child lives there still.
    """

    child: Ints
    place: Ints
    first: Ints
    last: Ints

    def take(self, rows: Ints) -> Stays:
        """Return some stays."""
        return Stays(self.child[rows], self.place[rows], self.first[rows], self.last[rows])


def postcode(numbers: Ints) -> Words:
    """Return made-up postcodes by number, each its own.

    >>> postcode(np.array([0, 1, 999_999])).tolist()
    ['QA1 0AA', 'QA1 0AB', 'VF10 9ZZ']
    """
    area, inside = numbers // 4_000, numbers % 4_000
    first, second = area // 10 // len(LETTERS), area // 10 % len(LETTERS)
    digit, pair = inside // 400, inside % 400
    return np.array(
        [
            f"{'QVX'[a]}{LETTERS[b]}{c} {d}{LETTERS[e // 20]}{LETTERS[e % 20]}"
            for a, b, c, d, e in zip(first, second, area % 10 + 1, digit, pair, strict=True)
        ],
        dtype=object,
    )


def histories(
    rng: np.random.Generator,
    *,
    school: Ints,
    near: Floats,
    birth: Ints,
    family: Ints,
    until: Ints,
    day: int,
    far: int,
) -> Stays:
    """Return where each child lived, from birth. near: (n,) deprivation of the street beyond its
    school's. family: (n,) position of the child whose family a child shares. until: (n,) no stay
    begins after it. day: the last of the records; far: the day that stands for no end.
    """
    n = len(school)
    rate = MOVES * np.exp(SLOPE * near)
    gaps = rng.exponential(YEAR / rate[:, None], (n, MOST_MOVES))
    days = (birth[:, None] - EARLIER + np.cumsum(gaps, axis=1)).astype(np.int64)
    third = np.searchsorted(np.array([-0.25, 0.25]), near)
    home = school * PER_SCHOOL + third * STREETS + rng.integers(0, STREETS, n)
    nearby = school[:, None] * PER_SCHOOL + rng.integers(0, PER_SCHOOL, (n, MOST_MOVES))
    away = rng.integers(0, PRIMARIES * PER_SCHOOL, (n, MOST_MOVES))
    other = np.where(rng.random((n, MOST_MOVES)) < NEARBY, nearby, away)
    place = np.column_stack([home, other])[family]
    first = np.column_stack([np.full(n, days.min() - 1), days])[family]
    last = np.column_stack([days - 1, np.full(n, far)])[family]
    first = np.maximum(first, birth[:, None])
    last = np.where(last > day, far, last)
    child, at = np.nonzero((last >= birth[:, None]) & (first <= until[:, None]))
    return Stays(child, place[child, at], first[child, at], last[child, at])


def at_school(stays: Stays, since: Ints) -> Stays:
    """Return the stays that education records know of: from a child's first census. since: (n,)."""
    start = np.maximum(stays.first, since[stays.child])
    found = Stays(stays.child, stays.place, start, stays.last)
    return found.take(np.flatnonzero(found.last >= start))


def in_hospital(
    rng: np.random.Generator, stays: Stays, *, day: int, far: int, times: Floats
) -> Stays:
    """Return the stays as hospitals know them: some moves are told late, some never. times: (n,)
    how careless a child's records are. day, far: as of `histories`. Of birth, all know the address.
    """
    m = len(stays.child)
    moved = np.diff(stays.child, prepend=-1) == 0
    late = rng.exponential(LAG, m).astype(np.int64)
    untold = rng.random(m) < np.minimum(UNTOLD * times[stays.child], 0.9)
    first = np.where(moved, stays.first + late, stays.first)
    kept = ~moved | (~untold & (first <= np.minimum(stays.last, day)))
    rows = np.flatnonzero(kept)
    child, start = stays.child[rows], first[rows]
    same = np.append(child[1:] == child[:-1], False)
    last = np.where(same, np.append(start[1:], 0) - 1, far)
    return Stays(child, stays.place[rows], start, last)


def mistyped(rng: np.random.Generator, places: Ints, child: Ints, *, wrong: Ints) -> Ints:
    """Return places with those of some children written wrongly: a street of another number.
    wrong: positions of those children.
    """
    shift = rng.integers(1, 4_000, len(places))
    return np.where(np.isin(child, wrong), (places + shift) % (PRIMARIES * PER_SCHOOL), places)

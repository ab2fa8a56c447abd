"""The groups of children whose gaps are asked, from what linked records hold of each child."""

from __future__ import annotations

import numpy as np

from fingerpost.core.access import CHARACTERISTICS
from fingerpost.studies.access.cohort import UNSEEN, Grouping

Value = str | int | float | None


def grouped(name: str, values: list[Value]) -> Grouping:
    """Return the groups of a characteristic, of its values child by child; groups without a child
    are left out, values that are no group of it are `UNSEEN`.

    >>> found = grouped("sex", ["M", "F", None, "M"])
    >>> found.labels, found.codes.tolist()
    (('girls', 'boys'), [1, 0, -1, 1])
    """
    one = CHARACTERISTICS[name]
    said = [written(value) for value in values]
    held = set(said)
    kept = [(value, words) for value, words in one.groups if value in held]
    place = {value: at for at, (value, _) in enumerate(kept)}
    codes = np.array([place.get(value, UNSEEN) for value in said], dtype=np.int64)
    return Grouping(name, one.title, tuple(words for _, words in kept), codes, one.own)


def written(value: Value) -> str:
    """Return a recorded value as the characteristic names it."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)

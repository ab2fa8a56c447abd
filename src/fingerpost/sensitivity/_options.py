"""How options of sensitivity analyses are read: numbers, lists of numbers, mappings; all faults at
once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from fingerpost.core.errors import UsageError

T = TypeVar("T")
U = TypeVar("U")


def is_number(value: object) -> bool:
    """Return whether a value is a finite number and no flag."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def numbers(
    value: object, where: str, *, allowed: Callable[[float], bool], words: str
) -> tuple[float, ...]:
    """Return one number or a list of them. Raises UsageError saying what is allowed.

    >>> numbers((1, 2), "x: times", allowed=lambda v: v > 0, words="numbers above 0")
    (1.0, 2.0)
    """
    items = value if isinstance(value, list | tuple) else (value,)
    found = [float(item) for item in items if is_number(item) and allowed(float(item))]
    if not found or len(found) != len(items):
        raise UsageError(f"sensitivity: {where} must be {words}.")
    return tuple(found)


def number(value: object, where: str, *, allowed: Callable[[float], bool], words: str) -> float:
    """Return one number. Raises UsageError saying what is allowed."""
    if isinstance(value, list | tuple):
        raise UsageError(f"sensitivity: {where} must be {words}.")
    return numbers(value, where, allowed=allowed, words=words)[0]


def mapping(value: object) -> dict[str, object] | None:
    """Return an option that was written as a mapping, or None where it was not.

    >>> mapping((("none", 0.2), ("support", 0.4)))
    {'none': 0.2, 'support': 0.4}
    >>> mapping((0.2, 0.4)) is None
    True
    """
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    pairs = value if isinstance(value, list | tuple) else ()
    if not pairs or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str)
        for pair in pairs
    ):
        return None
    return {str(pair[0]): pair[1] for pair in pairs}


@dataclass(slots=True)
class Reads:
    """Reads options one after another and keeps their faults, so that all are told at once."""

    problems: list[str] = field(default_factory=list)

    def take(self, read: Callable[[], T], otherwise: U) -> T | U:
        """Return what `read` returns, or `otherwise`, its fault kept."""
        try:
            return read()
        except UsageError as fault:
            self.problems += fault.problems
            return otherwise

    def finish(self) -> None:
        """Raise UsageError with every fault kept, each once."""
        if self.problems:
            raise UsageError(dict.fromkeys(self.problems))

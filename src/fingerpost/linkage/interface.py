"""What a linker is, and which there are.

A linker looks at two sides of people and returns pairs: scored, with a probability each, or fixed,
with the step that made each. Another is one line in `LINKERS` and one module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from fingerpost.core.errors import UsageError, listed, nearest

if TYPE_CHECKING:
    from fingerpost.linkage.comparisons import Plan
    from fingerpost.linkage.people import People
    from fingerpost.linkage.scoring import Scored

# Those that score pairs: method → module of this room with a function `score`.
LINKERS = {"splink": "splink", "fellegi_sunter": "fellegi_sunter"}
# Those that link by passes: method → cascade in `passes`.
DETERMINISTIC = {"deterministic": "v2", "deterministic_v1": "v1"}
METHODS = (*LINKERS, *DETERMINISTIC)
DEFAULT = "fellegi_sunter"


class Linker(Protocol):
    """A linker that says how likely each pair is."""

    def __call__(self, people: People, plan: Plan, *, seed: int = 1) -> Scored:
        """Return the pairs that may be matches, by a model learnt from these people."""
        ...


def linker(method: str) -> Linker:
    """Return a linker that scores pairs by its name; UsageError where there is none such."""
    check_method(method)
    found: Linker = import_module(f"fingerpost.linkage.{LINKERS[method]}").score
    return found


def check_method(method: str) -> None:
    """Raise UsageError where there is no such method."""
    if method not in METHODS:
        raise UsageError(
            f'--method: there is no "{method}".{nearest(method, METHODS)} There are '
            f"{listed(METHODS)}."
        )

"""How to link: what a person may ask for, and which of it makes no sense together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fingerpost.core.errors import UsageError
from fingerpost.core.seeds import seed_faults
from fingerpost.linkage.given import Given
from fingerpost.linkage.interface import DEFAULT, DETERMINISTIC, check_method

THRESHOLD = 0.9
MOST_SPINES = 1000
# Spines of a method that says how sure it is, unless others are asked for.
USUAL = 20


def usual(method: str) -> int:
    """Return how many spines a method leaves unless it is told: passes say of no link how sure it
    is, so that they leave one.
    """
    return 1 if method in DETERMINISTIC else USUAL


class Asked(Protocol):
    """What links are drawn given: a study over the records, say."""

    @property
    def names(self) -> tuple[str, ...]:
        """What links are drawn given, in words."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of the records that values are read from."""
        ...

    def read(self, spines: Sequence[Path]) -> Given:
        """Return the values, read through stand-in spines."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """How to link.

    method: one of `interface.METHODS`. spines: how many; one is the best links, more are drawn.
    threshold: the least probability of a link of the best. name: what the spines are called; the
    method's name where empty.
    """

    method: str = DEFAULT
    spines: int = 1
    seed: int = 1
    threshold: float = THRESHOLD
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be linked so, all faults at once."""
        check_method(self.method)
        faults = [*self._of_spines(), *seed_faults(self.seed)]
        if not 0.5 <= self.threshold < 1:
            faults.append("--threshold must be at least 0.5 and below 1.")
        if self.name and not re.fullmatch(r"[A-Za-z0-9_-]+", self.name):
            faults.append("--name: letters, digits, - and _ alone, as it is the name of a folder.")
        if faults:
            raise UsageError(faults)

    @property
    def called(self) -> str:
        """What the spines are called."""
        return self.name or self.method

    @property
    def by_passes(self) -> bool:
        """Whether passes link, which say of no link how likely it is."""
        return self.method in DETERMINISTIC

    def _of_spines(self) -> list[str]:
        faults = []
        if not 1 <= self.spines <= MOST_SPINES:
            faults.append(f"--spines must be 1 to {MOST_SPINES:,}.")
        if self.by_passes and self.spines > 1:
            faults.append(
                "--spines: deterministic passes say of no link how likely it is, so that none can "
                "be drawn anew. Link with --method splink or fellegi_sunter for more than one."
            )
        return faults

    def refuse_given(self) -> None:
        """Raise UsageError where links cannot be drawn given a study."""
        if self.by_passes:
            raise UsageError(
                "--study: deterministic passes say of no link how likely it is, so that none can "
                "be drawn given a study. Link with --method splink or fellegi_sunter."
            )
        if self.spines < 2:
            raise UsageError(
                "--study: links are drawn given what a study asks, and one draw says nothing of "
                "how sure they are. Ask for more: --spines 20."
            )

"""An outcome as people chose it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured, who tells, which way is good and how much matters.

    better: `higher`, `lower` or empty where nobody has said. important: the smallest difference
    that matters, in `measured_in`; None where nobody has said.
    """

    name: str
    title: str = ""
    domain: str = ""
    informant: str = ""
    measured_in: str = ""
    better: str = ""
    important: float | None = None
    chosen_by: str = ""

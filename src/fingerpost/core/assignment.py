"""Who did the assigning: life (`Observed`) or a draw (`Randomised`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """When arms are adopted: periods in order, and the adoption period of each wave."""

    periods: tuple[str, ...] = ()
    adoption: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """Arms as life gave them; exchangeable, it is assumed, given the covariates in `given`."""

    given: tuple[str, ...] = ()
    cluster: str | None = None
    schedule: Schedule | None = None

    @property
    def randomised(self) -> bool:
        """Whether a draw assigned the arms."""
        return False

    @property
    def strata(self) -> tuple[str, ...]:
        """Nothing was drawn, so nothing was drawn within strata."""
        return ()


@dataclass(frozen=True, slots=True)
class Randomised:
    """Arms drawn by a named design. `unit` is what was drawn (child, school, area); level: that at
    which variance is taken, where it is coarser (drawn children who are taught together). even:
    whether each arm is known to be as likely in every stratum, so that arms may be compared across.
    """

    design: str = "simple"
    unit: str | None = None
    given: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    schedule: Schedule | None = None
    level: str | None = None
    even: bool = False

    @property
    def randomised(self) -> bool:
        """Whether a draw assigned the arms."""
        return True

    @property
    def cluster(self) -> str | None:
        """The level at which variance is taken: what was drawn, unless a coarser one is named."""
        return self.level or self.unit


Assignment = Observed | Randomised

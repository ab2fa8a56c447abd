"""A draw as an analysis takes it, of a roll-out or a trial: arms, chances, what might have been.

Whoever reads records finds each row's place among the units that were drawn, by name, and keeps it
(`Panel.drawn`, `Cohort.drawn`); leaves look up arms, chances and draws by that place alone.

>>> own = Allocation(("a", "b"), ("early", "late"), np.array([0, 1]), np.full((2, 2), 0.5))
>>> drawn = Drawn(own, Permutations(own.units, own.arms, np.array([[0, 1], [1, 0]])))
>>> place = drawn.places(["b", "b", "a", "c"])
>>> place.tolist(), drawn.draws(place[:3]).tolist(), drawn.chance[place[:3]].tolist()
([1, 1, 0, -1], [[1, 1, 0], [0, 0, 1]], [0.5, 0.5, 0.5])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.allocation import Allocation, Permutations
from fingerpost.core.provenance import DrawSource

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
UNDRAWN = -1
# Chances counted over draws are taken to differ where counting alone would hardly ever give it.
NOISE = 5.0
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of one unit after the draw, from its ledger: `started`, `slipped`, `withdrew` or
    `merged` (with others, or split), and the period in which.
    """

    unit: str
    kind: str
    period: str


@dataclass(frozen=True, eq=False, slots=True)
class Neighbours:
    """Units between which children go to and fro. pairs: (p, 2) places of drawn units, each pair
    once; share: (p,) what a pair weighs, ones where nothing is known.
    """

    pairs: Ints
    share: Floats

    def begun(self, begins: Ints, periods: int) -> Floats:
        """Return (u, t) the share of a unit's neighbours in which provision has begun, 0 of units
        without neighbours. begins: (u,) period in which it does, −1 for not by the last.

        >>> near = Neighbours(np.array([[0, 1], [1, 2]]), np.ones(2))
        >>> near.begun(np.array([1, -1, 2]), 3).tolist()
        [[0.0, 0.0, 0.0], [0.0, 0.5, 1.0], [0.0, 0.0, 0.0]]
        """
        at = np.arange(periods)
        own = ((begins[:, None] >= 0) & (at >= begins[:, None])).astype(np.float64)
        weights = self.weights(len(begins))
        found: Floats = weights @ own
        return found

    def weights(self, units: int) -> csr_array:
        """Return (u, u), sparse, what each unit's neighbours weigh for it, 1 in all where it has
        any.
        """
        from scipy.sparse import csr_array

        row = np.concatenate([self.pairs[:, 0], self.pairs[:, 1]])
        column = np.concatenate([self.pairs[:, 1], self.pairs[:, 0]])
        share = np.concatenate([self.share, self.share])
        whole = np.bincount(row, weights=share, minlength=units)
        return csr_array((share / whole[row], (row, column)), shape=(units, units))


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """A draw. allocation: of u units to k arms (or waves), with their chances; permutations: the
    draws that were possible, None where none were kept; source: which draw it is, None where it was
    not verified (a rehearsal); happened: to units since; neighbours: those that the register names,
    None where it names none; members: (child → place of its unit) of clusters that were drawn, None
    where rows of the records are named as units are.
    """

    allocation: Allocation
    permutations: Permutations | None = None
    source: DrawSource | None = None
    happened: tuple[Happened, ...] = ()
    neighbours: Neighbours | None = None
    members: Mapping[str, int] | None = None

    def places(self, names: Iterable[str]) -> Ints:
        """Return (n,) the place among the drawn units of each name, UNDRAWN of those not drawn."""
        place = self.members or {unit: at for at, unit in enumerate(self.allocation.units)}
        return np.array([place.get(name, UNDRAWN) for name in names], dtype=np.int64)

    def draws(self, places: Ints) -> Ints | None:
        """Return (d, n) the arms of units, by their places, in each draw that was possible."""
        if self.permutations is None:
            return None
        return np.asarray(self.permutations.codes)[:, places].astype(np.int64)

    @property
    def chances(self) -> Floats:
        """(u, k) each unit's chance of each arm; of one allocated before, of its own arm alone.

        Counted over draws, they differ between units by luck of the counting too. Where that alone
        would give what is seen, all units have the mean; where it would within strata, those of the
        stratum. A unit that was allocated before is left out of the means and keeps its own. What
        earlier draws did with a unit has a chance too, which is multiplied in.
        """
        found, before = self._levelled, self.allocation.before
        return found if before is None else found * np.asarray(before)[:, None]

    @property
    def _levelled(self) -> Floats:
        """(u, k) chances in this draw alone."""
        own = self.allocation.probability
        if own is None:
            code, arms = np.asarray(self.allocation.code), len(self.allocation.arms)
            shares = np.bincount(code, minlength=arms) / max(len(code), 1)
            return np.tile(shares, (len(code), 1))
        found = np.asarray(own, dtype=np.float64)
        fixed = self.allocation.fixed
        free = np.ones(len(found), dtype=bool) if fixed is None else ~np.asarray(fixed)
        whole = found.copy()
        draws, rows = self.allocation.draws, np.flatnonzero(free)
        strata = np.asarray(self.allocation.strata or ("",) * len(found))
        parts = [rows[strata[rows] == name] for name in np.unique(strata)]
        if _alike(found, parts, draws) and _levelled(whole, rows, draws):
            return whole
        for part in parts:
            _levelled(whole, part, draws)
        return whole

    @property
    def chance(self) -> Floats:
        """(u,) each unit's chance of the arm that it was drawn into."""
        code = np.asarray(self.allocation.code, dtype=np.int64)
        found: Floats = self.chances[np.arange(len(code)), code]
        return found

    @property
    def unequal(self) -> bool:
        """Whether units' chances differ by more than counting them over draws explains."""
        fixed = self.allocation.fixed
        chances = self.chances
        if fixed is not None:
            held = np.asarray(fixed)
            own, arm = self.chance[held], np.asarray(self.allocation.code)[held]
            if any(not np.allclose(own[arm == one], own[arm == one][0]) for one in np.unique(arm)):
                return True
            chances = chances[~held]
        return bool(len(chances)) and not np.allclose(chances, chances[0])


def _levelled(chances: Floats, rows: Ints, draws: int) -> bool:
    """Set the chances of some units to their mean, in place, where they differ by luck alone, and
    return whether they did.
    """
    if not len(rows):
        return True
    mean = chances[rows].mean(axis=0)
    spread = np.sqrt(mean * (1 - mean) / draws) if draws else np.zeros(len(mean))
    alike = bool((np.abs(chances[rows] - mean) <= NOISE * spread + ROUNDING).all())
    if alike:
        chances[rows] = mean
    return alike


def _alike(chances: Floats, strata: list[Ints], draws: int) -> bool:
    """Return whether the mean chances of strata differ by luck alone. From draw to draw a stratum
    has the same number of units in a wave, or one more, so that its mean is told far better than
    the chance of one of its units.
    """
    held = [part for part in strata if len(part)]
    if len(held) < 2:
        return True
    mean = chances[np.concatenate(held)].mean(axis=0)
    return all(
        (
            np.abs(chances[part].mean(axis=0) - mean)
            <= (NOISE * 0.5 / (len(part) * np.sqrt(draws)) if draws else 0.0) + ROUNDING
        ).all()
        for part in held
    )

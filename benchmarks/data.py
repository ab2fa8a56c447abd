"""The made-up children of the speed tables: covariates, arms, counts of absence, schools."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
CHILDREN_A_SCHOOL = 250
FRAILTY = 0.5  # variance of the gamma that makes the counts negative binomial


@dataclass(frozen=True, eq=False, slots=True)
class Sample:
    """n children with p covariates, half normal and half yes or no, and k arms.

    columns: (p, n), so that each covariate lies together in memory. arm: (n,) codes. count: (n,)
    events. school: (n,) codes of n/250 schools.
    """

    columns: Array
    arm: NDArray[np.int64]
    count: Array
    school: NDArray[np.int64]
    arms: int

    @property
    def n(self) -> int:
        """Number of children."""
        return int(self.columns.shape[1])

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the covariates."""
        return tuple(f"x{place}" for place in range(len(self.columns)))

    def first(self, n: int) -> Sample:
        """Return a copy of the first n children."""
        return Sample(
            self.columns[:, :n].copy(),
            self.arm[:n].copy(),
            self.count[:n].copy(),
            self.school[:n].copy(),
            self.arms,
        )

    def matrix(self) -> Array:
        """Return the (n, p + 1) design with intercept that peers read."""
        out = np.empty((self.n, len(self.columns) + 1))
        out[:, 0] = 1.0
        out[:, 1:] = self.columns.T
        return out


def draw(n: int, p: int = 20, k: int = 3) -> Sample:
    """Return a sample: multinomial exposure, negative binomial counts, the same for the same size.

    The linear predictors keep their spread as p grows, so that a larger model is not a harder one.
    """
    r = np.random.default_rng([n, p, k])
    columns = np.empty((p, n))
    for place in range(p):
        columns[place] = r.standard_normal(n) if place < p - p // 2 else r.random(n) < 0.5
    slope = np.random.default_rng(7).standard_normal((p, 7)) * 0.7 / np.sqrt(p)
    base = -0.4 * np.arange(k)
    base[0] = 0.0
    predictor = base[:, None] + np.vstack([np.zeros(p), slope[:, : k - 1].T]) @ columns
    arm = np.argmax(predictor + r.gumbel(size=(k, n)), axis=0)
    mean = np.exp(0.3 + slope[:, 6] @ columns - 0.1 * arm)
    count = r.poisson(mean * r.gamma(1 / FRAILTY, FRAILTY, n)).astype(np.float64)
    school = r.integers(0, max(n // CHILDREN_A_SCHOOL, 10), n)
    return Sample(columns, arm, count, school, k)


def place_of(folder: Path, n: int, *, p: int = 20, k: int = 3) -> Path:
    """Return where a sample is kept."""
    return folder / f"children-{n}-{p}-{k}"


def keep(folder: Path, n: int, *, p: int = 20, k: int = 3) -> Path:
    """Write a sample to the folder unless it is there; return its place."""
    place = place_of(folder, n, p=p, k=k)
    if not (place / "done").exists():
        place.mkdir(parents=True, exist_ok=True)
        made = draw(n, p, k)
        for name in ("columns", "arm", "count", "school"):
            np.save(place / f"{name}.npy", getattr(made, name))
        (place / "done").touch()
    return place


def load(place: Path) -> Sample:
    """Read a sample back."""
    found = {name: np.load(place / f"{name}.npy") for name in ("columns", "arm", "count", "school")}
    return Sample(**found, arms=int(place.name.rsplit("-", 1)[1]))

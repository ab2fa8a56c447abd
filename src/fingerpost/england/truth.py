"""The truth of a synthetic England: of its own children, and of the endless population they are
drawn from. Imported by `reveal` alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fingerpost.core.errors import Malformed
from fingerpost.engines._parquet import arrow
from fingerpost.england._draws import Floats, Ints
from fingerpost.england.potential import ARMS, MEASURES, contrast
from fingerpost.england.potential import RATES as RATIOS
from fingerpost.england.sealing import FOLDER, column

if TYPE_CHECKING:
    import pyarrow as pa

VALUES = Path(__file__).with_name("truth_values.json")
WEIGHTS = {
    "ks1_maths": "ks1 assessed",
    "ks2_maths": "ks2 assessed",
    "ks2_maths_expected": "ks2 assessed",
}
EVERYONE = "everyone"
# Of whom a target speaks, by the place of an arm in the contrast.
RECEIVED = {"ate": None, "att": 0, "atu": 1}


@dataclass(frozen=True, slots=True)
class Value:
    """One true value.

    measure: name of the outcome. contrast: (arm, against which). scale: ratio or difference.
    population: who; `these children` for the children of one England. target: ate, att (received
    the first arm) or atu (received the second). value; error: its Monte-Carlo standard error.
    """

    measure: str
    contrast: tuple[str, str]
    scale: str
    population: str
    target: str
    value: float
    error: float = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """Means in each arm over an endless population, as `benchmarks/england_truth.py` drew them.

    received: the arm that those spoken of received, or everyone. means: none, support, ehcp.
    errors: Monte-Carlo standard errors of support and of ehcp against none, on the measure's own
    scale (log ratio, or difference).
    """

    scenario: str
    population: str
    measure: str
    received: str
    means: tuple[float, float, float]
    errors: tuple[float, float]

    def value(self, arms: tuple[str, str], target: str, scale: str | None = None) -> Value:
        """Return a contrast of two arms: on the measure's own scale, or as asked."""
        of, against = (self.means[ARMS.index(arm)] for arm in arms)
        scale = scale or own_scale(self.measure)
        ratio = scale == "ratio"
        value = of / against if ratio else of - against
        error = max(self.errors[ARMS.index(arm) - 1] for arm in arms if arm != "none")
        size = abs(value) if own_scale(self.measure) == "ratio" and ratio else 1.0
        return Value(self.measure, arms, scale, self.population, target, value, error * size)


def own_scale(measure: str) -> str:
    """Return the scale on which a measure's arms are contrasted: ratio or difference."""
    return "ratio" if measure in RATIOS else "difference"


@cache
def values() -> tuple[Kept, ...]:
    """Return the means of every superpopulation that is kept."""
    held = json.loads(VALUES.read_text(encoding="utf-8"))
    return tuple(
        Kept(scenario, population, measure, received, tuple(means), tuple(errors))
        for scenario, population, measure, received, means, errors in held["values"]
    )


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is true of the children of one England: column → (n,), in order of child."""

    columns: dict[str, Floats | Ints]

    def of(self, children: Iterable[int]) -> Sealed:
        """Return the same for some children, in the order given; KeyError for one not there."""
        asked = np.fromiter(children, dtype=np.int64)
        held = self.columns["child_id"]
        at = np.searchsorted(held, asked).clip(max=max(len(held) - 1, 0))
        if len(asked) and not (len(held) and np.array_equal(held[at], asked)):
            raise KeyError("a child who is not of this England")
        return Sealed({name: values[at] for name, values in self.columns.items()})

    def means(self, measure: str) -> Floats:
        """Return each child's mean in each arm: (n, arms)."""
        return np.stack([self.columns[column(measure, arm)] for arm in ARMS], axis=1).astype(float)

    def weight(self, measure: str) -> Floats:
        """Return (n,) each child's chance of having a measure taken; 1 where all have."""
        if measure in WEIGHTS:
            return self.columns[WEIGHTS[measure]].astype(float)
        return np.ones(len(self.columns["child_id"]))

    def truth(self, measure: str, arms: tuple[str, str], target: str = "ate") -> Value:
        """Return the contrast of two arms over these children's own potential outcomes."""
        of, against = (ARMS.index(arm) for arm in arms)
        weights = self.weight(measure)
        place = RECEIVED[target]
        if place is not None:
            weights = weights * (self.columns["arm"] == (of, against)[place])
        value = contrast(self.means(measure), weights, measure, (of, against))
        return Value(measure, arms, own_scale(measure), "these children", target, value)


def open_sealed(folder: Path, children: Ints | None = None) -> Sealed:
    """Return the sealed truth of an England's folder; Malformed where it has none.

    children: whose, where not everybody's is wanted: part by part the others are left behind.
    """
    import pyarrow as pa

    parts = sorted((folder / FOLDER).glob("part-*.parquet"))
    if not parts:
        raise Malformed(f"{folder} holds no sealed truth: it is no synthetic England of ours.")
    wanted = None if children is None else np.sort(children)
    held = pa.concat_tables([_of(arrow(path), wanted) for path in parts])
    order = np.argsort(held["child_id"].to_numpy(), kind="stable")
    return Sealed({name: np.asarray(held[name].to_numpy())[order] for name in held.column_names})


def _of(part: pa.Table, wanted: Ints | None) -> pa.Table:
    """Return the rows of the children wanted, who are in order; all where that is None."""
    import pyarrow as pa

    if wanted is None:
        return part
    own = part["child_id"].to_numpy()
    at = np.searchsorted(wanted, own).clip(max=max(len(wanted) - 1, 0))
    return part.filter(pa.array(wanted[at] == own if len(wanted) else np.zeros(len(own), bool)))


def known(measure: str) -> bool:
    """Return whether the truth of a measure is kept."""
    return measure in MEASURES

"""The children of a synthetic England as arrays, and the groups that targets speak of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fingerpost.core.calendar import day_number, first_day
from fingerpost.kernels.arrays import Array, Codes
from fingerpost.kernels.clusters import recode

if TYPE_CHECKING:
    from fingerpost.records.store import Store

Mask = NDArray[np.bool_]
PHENOTYPES = (
    *("cleft_any", "cleft_isolated", "cerebral_palsy", "down_syndrome"),
    *("major_congenital_anomaly", "neurodisability"),
)
# Births from September 2008 were in Year 1 after the reform of 2014.
REFORMED = 2014  # the academic year in which they were due in Reception
YEAR = 365.25
# What comes from tables that an England may lack: then nothing is known of it.
OPTIONAL = (
    *("death_day", "opt_out_day", "phonics_met", "phonics_academic_year"),
    *("ks1_maths_expected", "ks1_assessed", "ks2_maths_expected", "ks2_assessed"),
)


@dataclass(frozen=True, eq=False, slots=True)
class Children:
    """One entry a child. A missing number is NaN.

    columns: name → (n,), as `rows` names them. la, school: (n,) codes of the authority and school
    of Year 1; a child without has a code of its own. counts: what the register holds. added:
    (n,) whether a child was added with a condition, besides those who stand for England.
    """

    columns: Mapping[str, Array]
    la: Codes
    school: Codes
    counts: Mapping[str, int]
    added: Mask

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.la)

    def has(self, name: str) -> Mask:
        """Return which children have a phenotype, recorded by the end of Year 6."""
        return np.less(self[name], self.day(self["reception"] + 7))

    def day(self, years: Array) -> Array:
        """Return the day number of the first day of each child's academic year."""
        low = int(np.nanmin(years))
        days = [day_number(first_day(year)) for year in range(low, int(np.nanmax(years)) + 1)]
        return np.array(days, dtype=np.float64)[(years - low).astype(np.intp)]

    def level(self, name: str, least: int = 1) -> Mask:
        """Return which children had at least a level of provision (1 support, 2 plan)."""
        return np.greater_equal(self[name], least)

    def ever(self, first: int, least: int = 1) -> Mask:
        """Return which children had at least a level in any year from `first` to Year 6."""
        years = [np.greater_equal(self[f"level_{k}"], least) for k in range(first, 7)]
        found: Mask = np.any(years, axis=0)
        return found


def children(store: Store) -> Children:
    """Return the children of a store; Malformed where a table that is needed is not there."""
    from fingerpost.england.check.rows import joined, registered

    frame = joined(store, PHENOTYPES)
    text = {"child_id", "urn", "la"}
    columns = {name: np.full(len(frame), np.nan) for name in OPTIONAL} | {
        name: np.asarray(frame[name].cast(float).fill_null(np.nan).to_numpy())
        for name in frame.columns
        if name not in text
    }
    return Children(
        columns,
        coded(frame["la"]),
        coded(frame["urn"]),
        registered(store),
        added(np.asarray(frame["child_id"].to_numpy()), store.manifest.options),
    )


def coded(column: Any) -> Codes:
    """Return codes from 0; a child without the value has a code of its own."""
    text = column.cast(str)
    codes, keys = recode(text.fill_null("").to_numpy().astype(str))
    alone = text.is_null().to_numpy()
    codes = codes.astype(np.intp)
    codes[alone] = len(keys) + np.arange(int(alone.sum()))
    return codes


def added(child: NDArray[Any], options: Mapping[str, Any]) -> Mask:
    """Return which children were added with a condition: those numbered beyond the others."""
    if not options.get("boosts"):
        return np.zeros(len(child), dtype=np.bool_)
    beyond: Mask = child > int(options["children"])
    return beyond


def whole(of: Children) -> Mask:
    """Return which children stand for England."""
    return ~of.added


def enrolled(of: Children) -> Mask:
    """Return which children were in Year 1 of a state school."""
    return ~np.isnan(of["level_1_spring"])


def births(of: Children) -> Mask:
    """Return which children were born alive as singletons."""
    kept: Mask = (of["live"] != 0) & (of["multiple"] != 1) & ~np.isnan(of["born"])
    return kept


def early(of: Children) -> Mask:
    """Return which children had a record of neurodisability before Reception."""
    return np.less(of["neurodisability"], of.day(of["reception"]))


def gestation(low: int, high: int) -> Callable[[Children], Mask]:
    """Return the group of pupils born at `low` to `high` completed weeks."""
    return lambda of: (of["gestation"] >= low) & (of["gestation"] <= high) & pupils(of)


def having(phenotype: str, among: Callable[[Children], Mask]) -> Callable[[Children], Mask]:
    """Return the group with a phenotype, among others."""
    return lambda of: of.has(phenotype) & among(of)


def lacking(phenotype: str, among: Callable[[Children], Mask]) -> Callable[[Children], Mask]:
    """Return the group without a phenotype, among others."""
    return lambda of: ~of.has(phenotype) & among(of)


ANOMALY = "major_congenital_anomaly"
CLEFT, PALSY, DOWN, NEURO = "cleft_isolated", "cerebral_palsy", "down_syndrome", "neurodisability"


def pupils(of: Children) -> Mask:
    """Return which children stand for England and were in Year 1 of a state school."""
    return enrolled(of) & whole(of)


def babies(of: Children) -> Mask:
    """Return which children stand for England and were born alive as singletons."""
    return births(of) & whole(of)


# name → (words, which children). Children who were added with a condition are in the groups of one
# condition alone (cleft, cerebral palsy, Down syndrome), where they are like the others.
POPULATIONS: dict[str, tuple[str, Callable[[Children], Mask]]] = {
    "register": ("the register of schools", whole),
    "births": ("singletons born alive", babies),
    "enrolled": ("children in Year 1 of a state school", pupils),
    "born_to_2008": (
        "children in Year 1 born to August 2008",
        lambda of: pupils(of) & (of["reception"] < REFORMED),
    ),
    "preterm": ("children born at 24 to 36 weeks", gestation(24, 36)),
    "born_at_24_weeks": ("children born at 24 weeks", gestation(24, 24)),
    "born_at_41_weeks": ("children born at 41 weeks", gestation(41, 41)),
    "anomaly": ("children with a major congenital anomaly", having(ANOMALY, pupils)),
    "no_anomaly": ("children without one", lacking(ANOMALY, pupils)),
    "anomaly_births": ("births with a major congenital anomaly", having(ANOMALY, babies)),
    "no_anomaly_births": ("births without one", lacking(ANOMALY, babies)),
    "cleft_isolated": ("children with a cleft and no other anomaly", having(CLEFT, enrolled)),
    "cerebral_palsy": ("children with cerebral palsy", having(PALSY, enrolled)),
    "down_syndrome": ("children with Down syndrome", having(DOWN, enrolled)),
    "down_births": ("births with Down syndrome", having(DOWN, births)),
    "neurodisability": ("children with a neurodisability", having(NEURO, pupils)),
    "no_neurodisability": ("children without a neurodisability", lacking(NEURO, pupils)),
    "neurodisability_early": (
        "children with a neurodisability recorded before Reception",
        lambda of: early(of) & pupils(of),
    ),
    "no_neurodisability_early": ("children without one", lambda of: ~early(of) & pupils(of)),
}

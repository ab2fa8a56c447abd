"""Quality against the truth: of a benchmark whose people are known, or of spines of made-up people.

Who is who of made-up people is given by whoever asks: nothing beside the linkers reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

from fingerpost.core.errors import UsageError
from fingerpost.engines._parquet import arrow
from fingerpost.linkage import quality
from fingerpost.linkage.febrl import as_set, read_benchmark
from fingerpost.linkage.interface import DEFAULT, LINKERS, check_method, linker
from fingerpost.linkage.options import THRESHOLD
from fingerpost.linkage.pairing import pair_off
from fingerpost.linkage.scoring import probability
from fingerpost.records.spines import read_spines
from fingerpost.records.store import open_store

if TYPE_CHECKING:
    import pyarrow as pa

    from fingerpost.linkage.febrl import Benchmark
    from fingerpost.linkage.scoring import Floats, Scored

# Columns of the table of children by which quality is told apart.
GROUPS = ("ethnicity", "sex")
PAIR = ("child_id", "hospital_id")


def of_benchmark(
    name: str, *, method: str = DEFAULT, threshold: float = THRESHOLD, seed: int = 1
) -> dict[str, Any]:
    """Return precision and recall on `febrl3` or `febrl4`, at a threshold and at others.

    febrl4: two tables, one to one. febrl3: one table whose duplicates are found. Raises UsageError
    for a method that gives no probabilities.
    """
    check_method(method)
    if method not in LINKERS:
        raise UsageError(
            f"--method {method}: benchmarks have no sex, NHS number or dated postcodes to pass on. "
            "Name a method that gives probabilities."
        )
    known = read_benchmark(name)
    with closing(known.people.session):
        found = linker(method)(known.people, known.plan, seed=seed)
    at = at_threshold(known, found, threshold, seed=seed)
    levels = sorted({*quality.THRESHOLDS, threshold})
    return {
        "benchmark": name,
        "method": method,
        "threshold": threshold,
        **at,
        "pairs_looked_at": found.compared,
        "by_threshold": [
            {"threshold": level, **at_threshold(known, found, level, seed=seed)} for level in levels
        ],
    }


def at_threshold(known: Benchmark, found: Scored, threshold: float, *, seed: int) -> dict[str, Any]:
    """Return quality of the links at one threshold, estimated and against the truth."""
    if known.people.dedupe:
        chance: Floats = probability(found.weights())
        links = np.flatnonzero(chance >= threshold)
    else:
        paired = pair_off(found, threshold=threshold, seed=seed)
        chance, links = paired.chance, paired.best
    true = quality.against(as_set(found.left[links], found.right[links]), set(known.truth))
    return {**true, "estimated": quality.estimated(chance, links, float(chance.sum()))}


def of_records(records: Path, known: pa.Table, *, name: str | None = None) -> dict[str, Any]:
    """Return quality of the spines of a folder of made-up people against their truth, by group.

    known: the pairs that are one child (`child_id`, `hospital_id`). name: of the spines; may be
    left out where there is one. Figures are means over spines. Each of a child's several records
    is a true one; of a child with several, one link is all that a spine can hold, so that recall is
    of children with a record.
    """
    spines = read_spines(records, name)
    truth = pairs_of(known)
    children = len({child for child, _ in truth})
    grouped = {
        column: quality.ByGroup(truth, groups) for column, groups in groups_of(records).items()
    }
    each = []
    for file in spines.files:  # one at a time: of all England a spine is some gigabytes
        links = read_pairs(file)
        each.append(quality.against(links, truth, matches=children))
        for one in grouped.values():
            one.add(links)
    told = spines.told["quality"]
    return {
        "records": records.name,
        "spine": spines.name,
        "spines": len(spines),
        "method": spines.told["method"],
        "threshold": spines.told["thresholds"].get("link") if len(spines) == 1 else None,
        "precision": average([one["precision"] for one in each]),
        "recall": average([one["recall"] for one in each]),
        "matches": children,
        "each": each,
        "estimated": told.get("over_spines", told).get("estimated"),
        "by_group": {column: one.told() for column, one in grouped.items()},
    }


def average(found: list[float | None]) -> float | None:
    """Return the mean of figures, None where one is missing."""
    held = [one for one in found if one is not None]
    return mean(held) if held and len(held) == len(found) else None


def pairs_of(table: pa.Table) -> set[tuple[str, str]]:
    """Return (child, hospital record) of a table of pairs.

    Identifiers are compared as text, as the tables of identifiers have them.
    """
    import pyarrow as pa

    child, hospital = (table[name].cast(pa.string()).to_pylist() for name in PAIR)
    return set(zip(child, hospital, strict=True))


def read_pairs(path: Path) -> set[tuple[str, str]]:
    """Return (child, hospital record) of a spine."""
    return pairs_of(arrow(path, PAIR))


def groups_of(records: Path) -> dict[str, Mapping[str, str]]:
    """Return column → child → group, of the records' table of children; nothing where there is
    none.
    """
    if not (records / "child").exists():
        return {}
    frame = open_store(records).frame("child").select("child_id", *GROUPS)
    held = frame.collect("pyarrow").to_dict(as_series=False)
    child = [str(one) for one in held["child_id"]]
    return {
        column: dict(zip(child, (one or "not known" for one in held[column]), strict=True))
        for column in GROUPS
    }

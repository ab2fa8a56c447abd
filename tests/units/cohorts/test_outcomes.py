"""Outcomes of which the records tell nothing: a fault, or, beside others, refused for itself."""

from __future__ import annotations

import numpy as np
import polars as pl

from fingerpost.cohorts.outcomes import Read, outcomes_of
from fingerpost.cohorts.values import Places
from fingerpost.core.linked import Linked
from fingerpost.core.study import Arms, OutcomeSpec, Study

ARM = np.array([0, 0, 0, 1, 1, 1])
TABLE = {
    "absence": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
    "death": [0.0] * 6,
    "wellbeing": [None] * 6,
    "phonics": [1.0, 2.0, 3.0, None, None, None],
}


def told(*names: str, linked: bool = True):
    specs = tuple(OutcomeSpec(name, name) for name in names)
    study = Study(
        "s",
        "?",
        arms=Arms("arm", ((0, "none"), (1, "support"))),
        outcomes=specs,
        linked=Linked() if linked else None,
    )
    table = {name: pl.Series(name, values, dtype=pl.Float64) for name, values in TABLE.items()}
    read = Read(table, Places(np.arange(6), np.zeros(6, dtype=int), ("t",)), np.ones(6, dtype=bool))
    faults: list[str] = []
    return outcomes_of(study, read, arm=ARM, faults=faults), faults


def test_in_linked_records_what_tells_nothing_is_refused_for_itself():
    found, faults = told("absence", "death", "wellbeing", "phonics")
    assert faults == [] and set(found.outcomes) == {"absence"}
    assert "the same for every child" in found.silent["death"]
    assert "missing for every child studied" in found.silent["wellbeing"]
    assert 'every child of the arm "support"' in found.silent["phonics"]


def test_where_nothing_else_is_asked_it_is_a_fault():
    found, faults = told("death", "wellbeing")
    assert found.outcomes == {} and len(faults) == 2


def test_in_a_table_of_ones_own_it_is_a_fault_whatever_else_is_asked():
    _, faults = told("absence", "death", linked=False)
    assert len(faults) == 1 and "the same for every child" in faults[0]

"""Regression discontinuity on records that others have analysed in print.

The US Senate: an incumbent party's gain in the next election, the illustration of the package
rdrobust, as it prints it (Calonico, Cattaneo, Farrell & Titiunik 2017, Stata Journal 17:372-404,
with the package's later treatment of repeated values). Uruguay: help to poor households and support
for the government, the example of The Effect (Huntington-Klein 2022, chapter 20; data of Manacorda,
Miguel & Vigorito 2011), as that package prints it. Both data files are found by path in installed
packages; nothing is imported.

CARE/Abecedarian: 81 children of a randomised trial of day care that the authors of the R package
rddapp thinned into a cut-off on the mother's IQ. It is not the trial, and says nothing of it.
"""

from __future__ import annotations

import csv
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from conftest import NOT_FOUND
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.outcome import Outcome
from fingerpost.estimators.rdd import run


def columns(path: Path, *names: str) -> list[np.ndarray]:
    """Return the named columns of a CSV file, for rows in which all are there."""
    with path.open(newline="") as file:
        rows = [[row[name] for name in names] for row in csv.DictReader(file)]
    whole = [row for row in rows if all(cell not in ("", "NA") for cell in row)]
    return list(np.array(whole, dtype=float).T)


def inside(package: str, *parts: str) -> Path:
    """Return a file inside an installed package, or skip."""
    found = find_spec(package)
    path = Path(str(found.origin)).parent.joinpath(*parts) if found else Path(package)
    if not path.is_file():
        pytest.skip(f"{NOT_FOUND}: {path}")
    return path


def answer(y, x, arm, cutoff: float, **options: object) -> Answer:
    names = ("none", "treated")
    cohort = Cohort(
        np.arange(len(y)),
        names,
        arm.astype(np.int64),
        {"y": Outcome("continuous", y)},
        {},
        roles={"x": Column(x)},
    )
    told = {"running": "x", "cutoff": cutoff, **options}
    term = Term("y", pair("treated", "none"), Target("cutoff"))
    return run(Task(cohort, (term,), Analysis((), stream="paper", options=told)))


def used(found: Answer) -> dict[str, object]:
    return next(one for one in found.tables if one.name == "rdd_bandwidth").records()[0]


def test_the_senate():
    vote, margin = columns(inside("rdrobust", "data", "rdrobust_RDsenate.csv"), "vote", "margin")
    found = answer(vote, margin, margin >= 0, 0.0)
    row = used(found)
    assert (round(row["h"], 3), round(row["b"], 3)) == (17.754, 28.028)
    assert (row["below"], row["at or above"]) == (360, 323)
    assert round(found.estimate.value[0], 3) == 7.414
    lo, hi = found.estimate.bounds[0]
    assert (round(lo, 3), round(hi, 3)) == (4.094, 10.919)


def test_uruguay():
    """Households below the cut-off were helped."""
    support, income = columns(
        inside("causaldata", "gov_transfers", "Government_Transfers_RDD_Data.csv"),
        "Support",
        "Income_Centered",
    )
    found = answer(support, income, income < 0, 0.0)
    assert round(-found.estimate.value[0], 3) == 0.025
    lo, hi = found.estimate.bounds[0]
    assert (round(-hi, 3), round(-lo, 3)) == (-0.097, 0.188)


def test_the_trial_thinned_into_a_cut_off(shared_file):
    """+12.6 (3.8) is one line on each side through all children, unweighted, with the ordinary
    standard error. The robust interval around the corrected value holds zero: with 81 children a
    cut-off says little, and the printed error takes the lines to be true.
    """
    iq, mother, care = columns(
        shared_file("care_abecedarian_rdd/CARE.csv"), "SBIQ48", "MOMWAIS0", "DC_TRT"
    )
    assert round(iq[care == 1].mean(), 1) == 97.4
    assert round(iq[care == 0].mean(), 1) == 92.9
    found = answer(iq, mother, care, 85.0, bandwidth=50.0, kernel="uniform")
    assert round(found.estimate.value[0], 1) == 12.6
    x = np.column_stack([np.ones(81), care, mother - 85, care * (mother - 85)])
    bread = np.linalg.inv(x.T @ x)
    beta = bread @ x.T @ iq
    assert found.estimate.value[0] == pytest.approx(beta[1])
    assert round(np.sqrt(bread[1, 1] * np.sum((iq - x @ beta) ** 2) / 77), 1) == 3.8
    lo, hi = found.estimate.bounds[0]
    assert lo < 0 < hi
    assert standard_errors(found.estimate)[0] > 3.8

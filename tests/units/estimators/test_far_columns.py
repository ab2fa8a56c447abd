"""A calendar year and its square, as written or about its middle: one model, one error."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.cohort import Cohort
from fingerpost.core.column import Column
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Estimator
from fingerpost.core.model import Factor, Models, ModelTerm
from fingerpost.core.outcome import Outcome
from units.estimators.cases import said

MIDDLE = 2008.0
SQUARED = (ModelTerm((Factor("year"),)), ModelTerm((Factor("year", "power", degree=2),)))
ASKED = [
    *((leaf, "ate") for leaf in ("ipw", "ipw_ra", "g_formula", "aipw", "tmle")),
    ("overlap", "overlap"),
]


def task(middle: float, target: str) -> Task:
    """Return 2,000 children born about a year, a fifth of them not seen at the end."""
    random = np.random.default_rng(8)
    n = 2_000
    away = random.integers(-8, 9, n) / 4.0
    arm = (random.random(n) < 1 / (1 + np.exp(0.3 - 0.3 * away + 0.1 * away**2))).astype(int)
    y = arm + away + 0.3 * away**2 + random.normal(size=n)
    seen = random.random(n) < 1 / (1 + np.exp(-1.5 - 0.2 * away))
    cohort = Cohort(
        np.arange(n),
        ("none", "support"),
        arm,
        {"score": Outcome("continuous", np.where(seen, y, np.nan), observed=seen)},
        {"year": Column(away + middle)},
    )
    term = Term("score", pair("support", "none"), Target(target))
    models = Models(exposure=SQUARED, outcome=SQUARED, censoring=SQUARED)
    return Task(cohort, (term,), Analysis(given=("year",), models=models, stream="test"))


@pytest.mark.parametrize(("leaf", "target"), ASKED)
def test_where_a_year_is_counted_from_moves_no_standard_error(leaf: str, target: str):
    """To eight digits; by raw columns it would be the sixth."""
    run = leaves.load("estimators", leaf, kind=Estimator).run
    near, far = (said(run(task(middle, target))) for middle in (0.0, MIDDLE))
    assert far[0] == pytest.approx(near[0], rel=1e-8)
    assert far[1] == pytest.approx(near[1], rel=3e-8)

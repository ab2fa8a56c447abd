"""Overlap weighting against formulae by hand and its laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core.outcome import Outcome
from suites.worlds import term
from units.estimators.cases import OVERLAP, ask, check, said, small
from units.estimators.sandwich import children_of

CASES = [
    (kind, OVERLAP, scale, arms)
    for kind, scale, arms in (
        ("continuous", "difference", 2),
        ("continuous", "difference", 3),
        ("binary", "ratio", 3),
        ("count", "ratio", 2),
        ("count", "difference", 3),
    )
]


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weights"])
@pytest.mark.parametrize("case", CASES, ids=[f"{k}-{s}-{a}" for k, _, s, a in CASES])
def test_value_and_error_are_those_of_the_stacked_equations(case, weighted):
    check("overlap", case, weighted=weighted, equations="ipw")


def test_two_arms_weigh_by_the_probability_of_the_other():
    """Li, Morgan & Zaslavsky (2018), section 3.1: 1 − e for those who received, e for the rest."""
    cohort = small("count")
    found = children_of(cohort)
    e = sm.Logit(found.c[:, 1], found.x).fit(disp=0, tol=1e-12).predict()
    one, other = found.c[:, 1] * (1 - e), found.c[:, 0] * e
    rates = [(weight @ found.y) / (weight @ found.time) for weight in (one, other)]
    value = said(ask("overlap", cohort, term("count", OVERLAP)))[0]
    assert value == pytest.approx(rates[0] - rates[1])


def test_a_covariate_as_outcome_does_not_differ_at_all():
    """Exact balance under a logit (theorem 3), so nought, and surely so."""
    cohort = small("continuous")
    index = np.asarray(cohort.covariates["index"].values)
    prior = replace(cohort, outcomes={"y": Outcome("continuous", index)})
    value, error = said(ask("overlap", prior, term("continuous", OVERLAP)))
    assert value == pytest.approx(0, abs=1e-8)
    assert error == pytest.approx(0, abs=1e-8)


def test_it_is_what_weighting_says_of_overlap():
    cohort, asked = small("binary", 3), term("binary", OVERLAP, "ratio")
    assert said(ask("overlap", cohort, asked)) == pytest.approx(said(ask("ipw", cohort, asked)))

"""The mixed model as a leaf: Hedges' g over the total variance, and what it has no use for."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.inference import standard_errors
from units.estimators.drawn_cases import ask, cohort, told


def trial(r, schools=20, size=8):
    school = np.repeat(np.arange(schools), size)
    arm = (np.arange(schools) % 2)[school]
    y = 0.5 * arm + 0.5 * r.standard_normal(schools)[school] + r.standard_normal(schools * size)
    return y, arm, school


def test_an_effect_in_standard_deviations_is_over_the_total_variance():
    y, arm, school = trial(np.random.default_rng(1))
    answer = ask("mixed", told(cohort(y, arm, school=school), unit="school"))
    rows = answer.tables[0].records()
    total, within = rows[0], rows[1]
    factor = 1 - 3 / (4 * (len(y) - 2) - 1)  # Hedges' approximation
    value = answer.estimate.value[0]
    assert total["g"] == pytest.approx(
        factor * value / np.sqrt(total["within"] + total["between"]), rel=1e-5
    )
    assert within["g"] == pytest.approx(factor * value / np.sqrt(total["within"]), rel=1e-5)
    assert total["icc"] == pytest.approx(total["between"] / (total["within"] + total["between"]))
    assert answer.estimate.df[0] == pytest.approx(18, rel=1e-5)
    assert standard_errors(answer.estimate)[0] > 0


def test_sampling_weights_are_for_others():
    y, arm, school = trial(np.random.default_rng(2))
    weighted = cohort(y, arm, school=school, weight=np.ones(len(y)))
    with pytest.raises(Unanswerable, match="sampling weights"):
        ask("mixed", told(weighted, unit="school"))


def test_without_clusters_there_is_no_intercept_to_draw():
    y, arm, _ = trial(np.random.default_rng(3))
    with pytest.raises(UsageError, match="level of clusters"):
        ask("mixed", told(cohort(y, arm)))

"""The mixed model as a leaf: Hedges' g over the total variance, and what it has no use for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fingerpost.core.assignment import Randomised
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
    assert "by the model" in total["variance"]  # effect_sizes has that of children as they are
    assert answer.estimate.df[0] == pytest.approx(18, rel=1e-5)
    assert standard_errors(answer.estimate)[0] > 0


def test_half_differences_of_a_crossover_have_no_effect_in_standard_deviations():
    y, arm, school = trial(np.random.default_rng(1))
    task = told(cohort(y, arm, school=school), cluster="school")
    own = replace(task.analysis, assignment=Randomised("crossover", level="school"))
    rows = ask("mixed", replace(task, analysis=own)).tables[0].records()
    assert {row["g"] for row in rows} == {None} and rows[0]["within"] > 0


def test_sampling_weights_are_for_others():
    y, arm, school = trial(np.random.default_rng(2))
    weighted = cohort(y, arm, school=school, weight=np.ones(len(y)))
    with pytest.raises(Unanswerable, match="sampling weights"):
        ask("mixed", told(weighted, unit="school"))


def test_without_clusters_there_is_no_intercept_to_draw():
    y, arm, _ = trial(np.random.default_rng(3))
    with pytest.raises(UsageError, match="level of clusters"):
        ask("mixed", told(cohort(y, arm)))


def test_strata_of_unlike_shares_do_not_confound():
    """Of 20 schools in the one stratum 16 had the arm, in the other 6; there scores are 10 lower,
    and the effect is 2 in both.
    """
    r = np.random.default_rng(4)
    school = np.repeat(np.arange(40), 6)
    drawn = np.concatenate([np.arange(20) < 16, np.arange(20) < 6]).astype(int)
    strata = np.repeat([0, 1], 20)[school]
    y = 2.0 * drawn[school] - 10.0 * strata + r.normal(size=40)[school] + r.normal(size=240)
    task = told(cohort(y, drawn[school], school=school, strata=strata), unit="school")
    found = ask("mixed", task).estimate
    assert abs(found.value[0] - 2) < 3 * standard_errors(found)[0] < 1.5


def test_pairs_of_schools_are_effects_so_that_errors_are_those_of_their_differences():
    """Of pairs of equal schools the answer is the mean of the differences, and so is its error."""
    r = np.random.default_rng(5)
    school = np.repeat(np.arange(24), 5)
    pairs, arm = school // 2, school % 2
    y = 5.0 * r.normal(size=12)[pairs] + r.normal(size=24)[school] + r.normal(size=120)
    found = ask("mixed", told(cohort(y, arm, school=school, strata=pairs), unit="school")).estimate
    means = y.reshape(24, 5).mean(axis=1)
    gaps = means[1::2] - means[::2]
    assert found.value[0] == pytest.approx(gaps.mean())
    assert standard_errors(found)[0] == pytest.approx(gaps.std(ddof=1) / np.sqrt(12), rel=1e-4)
    assert found.df[0] == pytest.approx(11, rel=1e-3)


def test_children_drawn_within_schools_by_other_chances_are_for_by_stratum():
    school = np.repeat(np.arange(4), 20)
    arm = np.concatenate([np.arange(20) < many for many in (4, 16, 4, 16)]).astype(int)
    y = np.arange(80.0)
    with pytest.raises(Unanswerable, match="different shares"):
        ask("mixed", told(cohort(y, arm, school=school, strata=school), cluster="school"))

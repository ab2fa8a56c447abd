"""Arms compared within strata, against Neyman's formula, pairs by hand, and unlike shares."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import Unanswerable, UsageError
from fingerpost.core.inference import standard_errors
from units.estimators.drawn_cases import ask, cohort, told


def test_without_strata_it_is_neymans_difference():
    r = np.random.default_rng(1)
    arm = np.repeat([0, 1], [30, 20])
    y = r.normal(size=50) + arm
    found = ask("by_stratum", told(cohort(y, arm))).estimate
    first, second = y[arm == 1], y[arm == 0]
    assert found.value[0] == pytest.approx(first.mean() - second.mean())
    neyman = first.var(ddof=1) / 20 + second.var(ddof=1) / 30
    assert standard_errors(found)[0] == pytest.approx(np.sqrt(neyman))


def test_strata_of_unlike_shares_do_not_confound():
    """All children of stratum 1 score 10 more, and more of them were drawn into the arm."""
    strata = np.repeat([0, 1], [40, 60])
    arm = np.concatenate([np.arange(40) % 4 == 0, np.arange(60) % 4 > 0]).astype(int)
    y = 10.0 * strata + 2.0 * arm
    found = ask("by_stratum", told(cohort(y, arm, strata=strata))).estimate
    assert found.value[0] == pytest.approx(2.0)
    naive = y[arm == 1].mean() - y[arm == 0].mean()
    assert naive > 5


def test_pairs_are_judged_by_their_differences():
    r = np.random.default_rng(3)
    pairs = np.repeat(np.arange(60), 2)
    arm = np.tile([0, 1], 60)
    y = 3 * r.standard_normal(60)[pairs] + arm * (1 + 0.5 * r.standard_normal(60)[pairs])
    y += r.standard_normal(120)
    found = ask("by_stratum", told(cohort(y, arm, strata=pairs))).estimate
    gaps = y[arm == 1] - y[arm == 0]
    assert found.value[0] == pytest.approx(gaps.mean())
    assert standard_errors(found)[0] == pytest.approx(gaps.std(ddof=1) / np.sqrt(60))


def test_strata_without_an_arm_are_left_out_and_counted():
    arm, strata = np.array([0, 1] * 30 + [1] * 5), np.array([0] * 60 + [1] * 5)
    y = np.arange(65.0)
    found = ask("by_stratum", told(cohort(y, arm, strata=strata)))
    assert found.estimate.n[0] == 60
    assert "1 strata with 5 children" in found.warnings[0][1]


def test_units_of_several_arms_were_not_drawn():
    found = cohort(np.arange(40.0), np.arange(40) % 2, school=np.repeat(np.arange(10), 4))
    with pytest.raises(Unanswerable, match="several arms"):
        ask("by_stratum", told(found, unit="school"))


def test_nothing_drawn_is_a_question_for_others():
    with pytest.raises(UsageError, match="leans on the draw"):
        ask("by_stratum", told(cohort(np.arange(40.0), np.arange(40) % 2), observed=True))

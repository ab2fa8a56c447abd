"""Cluster means against the t test of Welch's variance, and weights by hand."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import TooFew, Unanswerable
from fingerpost.core.inference import standard_errors
from units.estimators.drawn_cases import ask, cohort, told


def trial(r, schools=14, sizes=None):
    size = np.full(schools, 6) if sizes is None else sizes
    school = np.repeat(np.arange(schools), size)
    arm = (np.arange(schools) % 2)[school]
    y = arm + r.standard_normal(schools)[school] + r.standard_normal(len(school))
    return y, arm, school


def means(y, arm, school):
    held = [y[school == one].mean() for one in range(school.max() + 1)]
    return np.array(held), np.array([arm[school == one][0] for one in range(school.max() + 1)])


@pytest.mark.parametrize("weight", ["children", "clusters"])
def test_clusters_of_one_size_give_neymans_two_samples(weight):
    y, arm, school = trial(np.random.default_rng(1))
    found = ask("cluster_means", told(cohort(y, arm, school=school), unit="school", weight=weight))
    mean, own = means(y, arm, school)
    first, second = mean[own == 1], mean[own == 0]
    assert found.estimate.value[0] == pytest.approx(first.mean() - second.mean())
    error = np.sqrt(first.var(ddof=1) / 7 + second.var(ddof=1) / 7)
    assert standard_errors(found.estimate)[0] == pytest.approx(error)
    assert found.estimate.df[0] == 12


def test_children_or_clusters_count_alike():
    sizes = np.array([2, 12] * 4 + [12, 2] * 3)
    y, arm, school = trial(np.random.default_rng(2), sizes=sizes)
    drawn = cohort(y, arm, school=school)
    by_child = ask("cluster_means", told(drawn, unit="school")).estimate.value[0]
    assert by_child == pytest.approx(y[arm == 1].mean() - y[arm == 0].mean())
    mean, own = means(y, arm, school)
    alike = ask("cluster_means", told(drawn, unit="school", weight="clusters")).estimate.value[0]
    assert alike == pytest.approx(mean[own == 1].mean() - mean[own == 0].mean())


def test_too_few_clusters_are_refused():
    y, arm, school = trial(np.random.default_rng(3), schools=4)
    with pytest.raises(TooFew):
        ask("cluster_means", told(cohort(y, arm, school=school), unit="school"))


def test_strata_of_unlike_shares_are_refused():
    y, arm, school = trial(np.random.default_rng(4), schools=40)
    stratum = np.where(school < 20, 0, 1)
    arm = np.where(school < 20, school % 2, (school % 4 > 0).astype(int))
    drawn = cohort(y, arm, school=school, strata=stratum)
    with pytest.raises(Unanswerable, match="by_stratum"):
        ask("cluster_means", told(drawn, unit="school"))

"""A trial on a small England: the allocation enacted, the draw replayed, the truth apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fingerpost.core.errors import Malformed, UsageError
from fingerpost.england.build import Options, build
from fingerpost.studies.document import read_study
from fingerpost.studies.trials import on_england, running

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "trials" / "preschool.yaml"


@pytest.fixture(scope="module")
def england(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("england")
    build(folder, Options(9000, seed=3))
    return folder


@pytest.fixture(scope="module")
def study():
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        "[participation, wellbeing, ks2_maths]", "[participation]"
    )
    return read_study("p.yaml", text=text.replace("size: 600", "size: 120"))


@pytest.fixture(scope="module")
def whom(study, england):
    return on_england.eligible(study, england)


def test_nobody_is_moved_where_the_arm_is_as_it_would_be(whom):
    usual = on_england.enacted(whom, np.zeros(len(whom.table), dtype=np.int64))
    told = whom.table["participation"].to_numpy(), usual["participation"].to_numpy()
    assert np.array_equal(*told, equal_nan=True)


def test_a_child_has_under_any_allocation_what_it_has_where_all_have_its_arm(whom):
    n = len(whom.table)
    arm = np.random.default_rng(1).integers(-1, 2, n)
    mixed = on_england.enacted(whom, arm)["participation"].to_numpy()
    each = [on_england.enacted(whom, np.full(n, at))["participation"].to_numpy() for at in (0, 1)]
    own = np.where(arm == 1, each[1], each[0])
    assert np.array_equal(mixed, own, equal_nan=True)
    assert np.nanmean(each[1] - each[0]) > 0.2


def test_the_draw_is_the_studys_own_and_of_each_run(study, england, whom):
    first, again, other = (running.take(whom, run=run, replayed=50) for run in (0, 0, 1))
    assert np.array_equal(first.arm, again.arm) and np.array_equal(first.rows, again.rows)
    assert not np.array_equal(first.rows, other.rows)
    sex = whom.table["sex"].to_numpy()[first.rows]
    for one in np.unique(sex):
        assert abs(2 * first.arm[sex == one].sum() - (sex == one).sum()) <= 6
    place = first.drawn.places([str(child) for child in whom.children[first.rows]])
    assert np.array_equal(place, np.arange(120))
    assert first.drawn.draws(place).shape == (50, 120)


def test_a_whole_trial_is_run_with_its_draw_replayed(study, england):
    found = running.run_on_england(study, england)
    assert found.finding.provenance.synthetic
    region = next(one for one in found.finding.answers if one.leaf == "permutation_test").regions[0]
    assert "1999 draws" in region.method
    estimate = next(one for one in found.finding.answers if one.leaf == "by_stratum").estimate
    assert int(estimate.arm_n[0].sum()) <= 120


def test_what_cannot_be_run_is_said(study, england, tmp_path):
    large = replace(study, trial=replace(study.trial, size=100_000))
    with pytest.raises(UsageError, match="could take part"):
        running.run_on_england(large, england)
    silent = tuple(replace(arm, enact=None) for arm in study.trial.arms)
    with pytest.raises(UsageError, match="enact"):
        on_england.check_enacted(replace(study, trial=replace(study.trial, arms=silent)))
    with pytest.raises(Malformed, match="england build"):
        on_england.options_of(tmp_path)

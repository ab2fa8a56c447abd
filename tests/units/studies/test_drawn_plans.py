"""What a study of a draw may ask, and that regression by arm is Lin's adjustment."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from fingerpost.core import leaves
from fingerpost.core.analysis import Analysis, Task
from fingerpost.core.assignment import Randomised
from fingerpost.core.errors import NotAnswerable
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.leaves import Estimator
from fingerpost.studies import plan
from fingerpost.studies.document import read_study
from suites.drawn_worlds import DrawnWorld

STUDY = """
study: s
question: Does it?
records: {{table: t.csv, clusters: {{school: school}}}}
arms: {{column: arm, levels: {{0: usual, 1: added}}}}
outcomes: {{y: {{column: y}}}}
assignment: {{{assignment}}}
estimators: [{estimators}]
release: {{policy: none}}
"""


def study(assignment: str, estimators: str):
    text = STUDY.format(assignment=assignment, estimators=estimators)
    return read_study("s.yaml", text=text)


def answered(assignment: str, leaf: str) -> list[str]:
    own = study(assignment, leaf)
    found = plan.estimators(own)[leaf]
    return [term.target.kind for term in plan.answers(found, own, plan.asked(own, "y"))]


def test_within_strata_the_plain_comparison_is_of_no_named_group():
    assert answered("randomised: {design: simple}", "naive") == ["ate"]
    assert answered("randomised: {design: permuted_blocks}", "naive") == ["ate"]
    strata = "randomised: {design: stratified, strata: [school]}"
    assert answered(strata, "naive") == ["association"]
    assert answered(strata, "by_stratum") == ["ate"]


@pytest.mark.parametrize(
    ("assignment", "estimators", "said"),
    [
        ("randomised: {design: stepped_wedge}", "naive", "no design of trials"),
        ("observed: {given: [x]}", "by_stratum", "leans on a draw"),
        (
            "randomised: {design: stratified, strata: [school], given: [x]}",
            "aipw",
            "Name the strata among given",
        ),
    ],
)
def test_what_a_draw_does_not_answer_is_said(assignment, estimators, said):
    with pytest.raises(NotAnswerable, match=said):
        plan.check(study(assignment, estimators))


def test_strata_among_the_covariates_are_adjusted_for():
    plan.check(
        study("randomised: {design: stratified, strata: [school], given: [school, x]}", "aipw")
    )


def test_regression_by_arm_averaged_over_all_children_is_lins_adjustment():
    cohort = DrawnWorld(n=300, arms=2).draw(1)
    term = Term("y", pair("support", "none"), Target("ate"))
    task = Task(cohort, (term,), Analysis(("index", "boy"), assignment=Randomised()))
    found = leaves.load("estimators", "g_formula", kind=Estimator).run(task).estimate.value[0]
    x = np.column_stack([np.asarray(cohort.covariates[one].values) for one in ("index", "boy")])
    x = x - x.mean(axis=0)
    arm = cohort.arm.astype(float)
    wide = sm.add_constant(np.column_stack([arm, x, arm[:, None] * x]))
    assert found == pytest.approx(sm.OLS(cohort.outcomes["y"].value, wide).fit().params[1])

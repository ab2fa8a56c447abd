"""Which leaf answers which term, and what is said when none of the study's does."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fingerpost.core import leaves
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.errors import NotAnswerable
from fingerpost.core.estimand import Estimand, Target, pair
from fingerpost.core.leaves import Estimator
from fingerpost.core.study import Arms, OutcomeSpec, Study
from fingerpost.studies import plan

MENU = leaves.menu("estimators", Estimator)


def asking(*targets: str, estimators: tuple[str, ...], scale: str = "difference", **more) -> Study:
    """Return a study of two arms and one outcome that asks these targets of these leaves."""
    asked = tuple(Target(kind) for kind in targets)
    base = Study(
        "plan",
        "Does support help?",
        arms=Arms("sen", ((0, "none"), (1, "support"))),
        outcomes=(OutcomeSpec("score", "score"),),
        assignment=Observed(("sex",), "school"),
        estimand=Estimand((pair("support", "none"),), asked, scale),
        estimators=estimators,
    )
    return replace(base, **more)


def faults(study: Study) -> tuple[str, ...]:
    with pytest.raises(NotAnswerable) as told:
        plan.check(study)
    return told.value.problems


def named(fault: str) -> set[str]:
    """Return the leaves that a message names as able."""
    return set(re.split(", | or ", re.search(r"Leaves that can: ([^.]*)\.", fault)[1]))


@pytest.mark.parametrize("target", ["ate", "att", "atu", "received"])
def test_a_leaf_that_cannot_answer_a_target_names_those_that_can(target: str) -> None:
    (first, *_) = faults(asking(target, estimators=("overlap",)))
    assert first.startswith(f"estimators: overlap cannot answer {target} on scale difference")
    able = {name for name, leaf in MENU.items() if target in leaf.targets}
    assert named(first) == able and "overlap" not in able


def test_a_target_that_no_leaf_of_the_study_answers_is_named_with_those_that_can() -> None:
    (only,) = faults(asking("ate", "overlap", estimators=("overlap", "naive")))
    assert 'none of the study\'s estimators answers "ate"' in only
    assert "ipw" in named(only)


def test_what_no_leaf_at_all_answers_is_said() -> None:
    (first, *_) = faults(asking("compliers", estimators=("ipw",)))
    assert "No leaf here can." in first
    (first, *_) = faults(asking("ate", estimators=("ipw",), scale="level"))
    assert "on scale level" in first and "No leaf here can." in first
    outcomes = (OutcomeSpec("death", "death", "time"),)
    (first, *_) = faults(asking("ate", estimators=("ipw",), outcomes=outcomes))
    assert "ipw takes continuous, binary or count outcomes, not time; no leaf here can" in first


def test_a_leaf_of_two_arms_asked_of_three_names_those_of_more(monkeypatch) -> None:
    """No leaf of this room is so limited yet; one that is gets the same message."""
    two = replace(MENU["aipw"], levels="2")
    monkeypatch.setattr(plan.leaves, "load", lambda room, name, *, kind: two)
    three = Arms("sen", ((0, "none"), (1, "support"), (2, "plan")))
    (only,) = faults(asking("ate", estimators=("aipw",), arms=three))
    assert "aipw compares two arms, not 3" in only and "ipw" in only
    plan.check(asking("ate", estimators=("aipw",)))


def test_a_draw_within_strata_and_a_design_other_than_simple_are_refused_together() -> None:
    drawn = Randomised("stepped wedge", unit="school", strata=("region", "size"))
    first, second = faults(asking("ate", estimators=("naive",), assignment=drawn))
    assert "design" in first and "stepped wedge" in first and "simple" in first
    assert "strata" in second and "region or size" in second
    plan.check(asking("ate", estimators=("naive",), assignment=Randomised(unit="school")))


def test_every_fault_is_told_at_once_and_once() -> None:
    outcomes = (OutcomeSpec("score", "score"), OutcomeSpec("days", "days", "count"))
    told = faults(asking("ate", "att", estimators=("overlap", "naive"), outcomes=outcomes))
    assert len(told) == len(set(told)) == 1
    assert "cannot answer ate or att" in told[0]
    told = faults(asking("ate", "overlap", estimators=("overlap", "ipw"), scale="level"))
    assert [fault.split(" cannot")[0] for fault in told] == [
        "estimators: overlap",
        "estimators: ipw",
    ]


def test_the_naive_comparison_is_an_association_unless_a_simple_draw_assigned() -> None:
    naive = MENU["naive"]
    observed = asking("ate", "att", estimators=("naive",))
    terms = plan.asked(observed, "score")
    assert [t.target.kind for t in plan.answers(naive, observed, terms)] == ["association"]
    drawn = replace(observed, assignment=Randomised())
    assert [t.target.kind for t in plan.answers(naive, drawn, terms)] == ["ate"]
    att_only = asking("att", estimators=("naive",), assignment=Randomised())
    terms = plan.asked(att_only, "score")
    assert [t.target.kind for t in plan.answers(naive, att_only, terms)] == ["association"]


def test_a_coefficient_is_asked_once_a_contrast_whatever_the_targets() -> None:
    study = asking("ate", "att", "overlap", estimators=("regression",))
    found = plan.answers(MENU["regression"], study, plan.asked(study, "score"))
    assert [term.target.kind for term in found] == ["conditional"]


def test_a_leaf_that_is_not_for_trimmed_targets_leaves_them_to_others() -> None:
    trimmed = Estimand((pair("support", "none"),), (Target("ate"), Target("ate", trim=0.01)))
    study = asking("ate", estimators=("aipw",), estimand=trimmed)
    terms = plan.asked(study, "score")
    assert plan.answers(MENU["aipw"], study, terms) == terms
    assert plan.answers(replace(MENU["aipw"], trimmed=False), study, terms) == terms[:1]


@pytest.mark.parametrize(
    ("kind", "summary"), [("continuous", "mean"), ("binary", "risk"), ("count", "rate")]
)
def test_outcomes_are_summed_up_by_their_kind(kind: str, summary: str) -> None:
    outcomes = (OutcomeSpec("score", "score", kind),)
    (term,) = plan.asked(asking("ate", estimators=("ipw",), outcomes=outcomes), "score")
    assert (term.summary, term.outcome) == (summary, "score")


def test_primary_leaves_are_those_declared_or_all_that_claim_an_effect() -> None:
    study = asking("ate", estimators=("naive", "regression", "ipw", "aipw"))
    assert plan.primary(study) == ("ipw", "aipw")
    assert plan.primary(replace(study, primary=("aipw",))) == ("aipw",)
    only = asking("ate", estimators=("naive", "regression"))
    assert plan.primary(only) == ("naive", "regression")
    plan.check(only)

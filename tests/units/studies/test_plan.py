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

MENU = {
    name: leaf
    for name, leaf in leaves.menu("estimators", Estimator).items()
    if leaf.takes == "cohort"
}
DEATH = OutcomeSpec("death", "death", "time", event="died")
ORDINAL = OutcomeSpec("band", "band", "ordinal")
SCORE = OutcomeSpec("score", "score")


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
    return set(re.split(", | or ", re.search(r"[Ll]eaves that can: ([^.]*)\.", fault)[1]))


@pytest.mark.parametrize("target", ["ate", "att", "atu", "received"])
def test_a_leaf_that_cannot_answer_a_target_names_those_that_can(target: str) -> None:
    (first, *_) = faults(asking(target, estimators=("overlap",)))
    assert first.startswith(f"estimators: overlap cannot answer {target} on scale difference")
    able = {
        name
        for name, leaf in MENU.items()
        if target in leaf.targets and "continuous" in leaf.outcomes
    }
    assert named(first) == able and "overlap" not in able


def test_a_target_that_no_leaf_of_the_study_answers_is_named_with_those_that_can() -> None:
    (only,) = faults(asking("ate", "overlap", estimators=("overlap", "naive")))
    assert 'none of the study\'s estimators answers "ate"' in only
    assert "ipw" in named(only)


def test_what_no_leaf_at_all_answers_is_said() -> None:
    (first, *_) = faults(asking("ate", estimators=("ipw",), scale="level"))
    assert "on scale level" in first and "No leaf here can." in first


def test_a_leaf_asked_of_an_outcome_that_it_does_not_take_names_those_that_do() -> None:
    (first, *_) = faults(asking("ate", estimators=("ipw",), outcomes=(DEATH,)))
    assert "ipw takes continuous, binary or count outcomes, not time; leaves that can:" in first
    assert named(first) == {name for name, leaf in MENU.items() if "time" in leaf.outcomes}
    (first, *_) = faults(asking("ate", estimators=("ipw",), outcomes=(ORDINAL,)))
    assert "not ordinal; no leaf here can" in first


def test_a_leaf_of_two_arms_asked_of_three_names_those_of_more(monkeypatch) -> None:
    """No leaf of this room is so limited yet; one that is gets the same message."""
    two = replace(MENU["aipw"], levels="2")
    monkeypatch.setattr(plan.leaves, "load", lambda room, name, *, kind: two)
    three = Arms("sen", ((0, "none"), (1, "support"), (2, "plan")))
    (only,) = faults(asking("ate", estimators=("aipw",), arms=three))
    assert "aipw compares two arms, not 3" in only and "ipw" in only
    plan.check(asking("ate", estimators=("aipw",)))


def test_a_design_that_is_none_of_trials_is_refused() -> None:
    drawn = Randomised("stepped wedge", unit="school", strata=("region", "size"))
    (fault,) = faults(asking("ate", estimators=("naive",), assignment=drawn))
    assert "design" in fault and "stepped wedge" in fault and "leaves designs" in fault
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


# -------------------- options


def with_options(leaf: str, *targets: str, said: dict, **more) -> Study:
    return asking(*targets, estimators=(leaf,), options=((leaf, tuple(said.items())),), **more)


def kinds_of(study: Study) -> list[str]:
    (leaf,) = plan.estimators(study).values()
    return [term.target.kind for term in plan.answers(leaf, study, plan.asked(study, "score"))]


def test_an_unknown_option_is_named_with_the_nearest_and_the_menu() -> None:
    (only,) = faults(with_options("matching", "att", said={"calliper": 0.2}))
    assert only.startswith('estimators: matching has no option "calliper".')
    assert 'Did you mean "caliper"?' in only and "It has: ratio, replace, caliper" in only
    (only,) = faults(with_options("ipw", "att", said={"strata": 5}))
    assert "It has none: write its name alone." in only


def test_an_option_that_a_leaf_cannot_run_without_is_asked_for() -> None:
    (only,) = faults(with_options("rdd", "cutoff", said={"running": "points"}))
    assert "rdd needs cutoff. Write {rdd: {cutoff: …}}" in only
    (only,) = faults(asking("cutoff", estimators=("rdd",)))
    assert "rdd needs running or cutoff" in only
    plan.check(with_options("rdd", "cutoff", said={"running": "points", "cutoff": 85}))


def test_matching_answers_all_children_only_with_replacement() -> None:
    (first, *_) = faults(with_options("matching", "ate", said={"replace": False}))
    assert "Without replace: false it answers ate." in first
    both = asking("ate", "att", estimators=("matching",))
    assert kinds_of(both) == ["ate", "att"]
    assert kinds_of(with_options("matching", "ate", "att", said={"replace": True})) == [
        "ate",
        "att",
    ]
    once = with_options("matching", "ate", "att", said={"replace": False})
    assert kinds_of(once) == ["att"]


def test_with_a_caliper_the_answer_is_for_the_matched_and_for_nobody_else() -> None:
    close = with_options("matching", "att", said={"caliper": 0.2})
    assert kinds_of(close) == ["matched"]
    (only,) = faults(close)
    assert 'none of the study\'s estimators answers "att"' in only
    assert "They answer, unasked: matched; write target: matched to ask for no other." in only
    plan.check(with_options("matching", "matched", said={"caliper": 0.2}))
    plan.check(replace(close, estimators=("matching", "ipw")))


def test_declared_homogeneity_makes_a_coefficient_an_effect_on_all() -> None:
    assert kinds_of(asking("ate", estimators=("g_estimation",))) == ["conditional"]
    assert kinds_of(with_options("g_estimation", "ate", said={"homogeneous": True})) == ["ate"]


def test_a_target_of_a_leafs_own_is_answered_asked_or_unasked_and_once() -> None:
    for targets in (("compliers",), ("ate",), ("ate", "compliers")):
        said = {"instrument": "draw"}
        study = with_options("iv", *targets, said=said)
        assert kinds_of(study) == ["compliers"]
        if targets == ("compliers",):
            plan.check(study)
    both = replace(with_options("iv", "ate", said=said), estimators=("iv", "ipw"))
    plan.check(both)
    assert plan.primary(both) == ("iv", "ipw")
    (only,) = faults(replace(both, estimators=("iv",)))
    assert 'answers "ate"' in only and "They answer, unasked: compliers" in only


# -------------------- outcomes of time, and contrasts of several arms


def timed(*estimators: str, outcomes=(DEATH,), **estimand) -> Study:
    base = asking("ate", estimators=estimators, outcomes=outcomes)
    return replace(base, estimand=replace(base.estimand, **estimand))


def test_a_time_to_an_event_needs_a_horizon_above_nought() -> None:
    (only,) = faults(timed("survival"))
    assert "death is a time to an event, so the effect is asked by a time" in only
    (only,) = faults(timed("survival", horizons=(6.0, 0.0)))
    assert only.startswith("estimand.horizon: 0 is not above 0.")
    plan.check(timed("survival", horizons=(6.0, 12.0)))
    terms = plan.asked(timed("survival", horizons=(6.0, 12.0)), "death")
    assert [(term.summary, term.horizon) for term in terms] == [("risk", 6.0), ("risk", 12.0)]


def test_a_horizon_or_a_summary_of_times_has_no_meaning_where_there_is_no_time() -> None:
    (only,) = faults(timed("ipw", outcomes=(SCORE,), horizons=(6.0,)))
    assert "a continuous outcome (score) has no horizon" in only
    (only,) = faults(timed("ipw", outcomes=(SCORE,), summary="rmst"))
    assert "not the rmst. Leave `summary` out." in only
    told = faults(timed("survival", horizons=(6.0,), summary="rate"))
    assert any("the rate of a time to an event (death) is not given here" in one for one in told)


def test_times_and_numbers_in_one_study_each_go_to_the_leaf_that_takes_them() -> None:
    study = timed("ipw", "survival", outcomes=(SCORE, DEATH), horizons=(6.0,), summary="rmst")
    plan.check(study)
    answered = {
        name: {
            spec.name: plan.answers(leaf, study, plan.asked(study, spec.name))
            for spec in study.outcomes
        }
        for name, leaf in plan.estimators(study).items()
    }
    assert answered["ipw"]["death"] == answered["survival"]["score"] == ()
    (number,), (time,) = answered["ipw"]["score"], answered["survival"]["death"]
    assert (number.summary, number.horizon) == ("mean", None)
    assert (time.summary, time.horizon) == ("rmst", 6.0)
    (only,) = faults(replace(study, estimators=("survival",)))
    assert "continuous outcomes (score)" in only


def test_a_contrast_of_several_arms_is_not_put_to_a_leaf_of_two_at_a_time() -> None:
    three = Arms("sen", ((0, "none"), (1, "support"), (2, "plan")))
    weighed = (("support", 0.5), ("plan", 0.5), ("none", -1.0))
    received = Target("received", arm="none")
    base = asking("ate", estimators=("ipw", "matching"), arms=three)
    study = replace(base, estimand=Estimand((weighed,), (Target("ate"), received)))
    found = plan.estimators(study)
    assert len(plan.answers(found["ipw"], study, plan.asked(study, "score"))) == 2
    assert plan.answers(found["matching"], study, plan.asked(study, "score")) == ()
    (only,) = faults(study)
    assert only.startswith("estimators: matching cannot answer") and "two arms at a time" in only

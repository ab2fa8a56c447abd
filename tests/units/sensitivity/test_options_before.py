"""Faults of sensitivity analyses are told before a record is read, all of them at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fingerpost.core.assignment import Observed
from fingerpost.core.errors import NotAnswerable
from fingerpost.core.estimand import Estimand, Target, pair
from fingerpost.core.leaves import Sensitivity, load, names
from fingerpost.core.study import Arms, OutcomeSpec, SensitivitySpec, Study
from fingerpost.studies import plan

CAUSE = (("prevalence", (("support", 0.5), ("none", 0.2))), ("effect", 1.2))
STUDY = Study(
    "before",
    "Does support help?",
    arms=Arms("sen", ((0, "none"), (1, "support"))),
    outcomes=(OutcomeSpec("maths", "maths"), OutcomeSpec("absence", "absent", "count")),
    assignment=Observed(("need", "prior")),
    estimand=Estimand((pair("support", "none"),), (Target("att"),)),
    estimators=("aipw",),
)
MATCHED = replace(STUDY, estimators=("matching",), options=(("matching", (("replace", False),)),))


def asking(study: Study = STUDY, **leaves) -> Study:
    specs = tuple(SensitivitySpec(leaf, tuple(said.items())) for leaf, said in leaves.items())
    return replace(study, sensitivity=specs)


def faults(study: Study) -> tuple[str, ...]:
    with pytest.raises(NotAnswerable) as told:
        plan.check(study)
    assert told.value.problems == tuple(dict.fromkeys(known(study)))
    return told.value.problems


def known(study: Study) -> list[str]:
    """What reading the document says of the analyses, before anything else is asked."""
    return [f"{room}: {words}" for room, _, words in plan.option_faults(study)]


@pytest.mark.parametrize("leaf", names("sensitivity"))
def test_every_analysis_checks_its_options_before_the_run(leaf):
    assert load("sensitivity", leaf, kind=Sensitivity).check is not None


def test_faults_of_all_analyses_come_at_once():
    found = faults(
        asking(
            tipping_point={"gap": 0, "unseen": (("help", 3),)},
            bias_analysis={"unmeasured": 0.3, "draws": 1},
            oster={"delta": "strong", "unrelated": "nedd"},
            many_comparisons={"rate": 2, "towards": "meen"},
            e_value={"true": -1},
            omitted_variable={"benchmarks": "priors", "times": 0},
            calibration={"controls": ("a", "b"), "without": "nedd"},
            negative_control={"without": "nedd"},
            prior_outcome={"outcome": "before", "same_scale": "yes"},
            proximal={"exposure_proxy": "z", "outcome_proxy": "z"},
            rosenbaum={"gamma": 0.5, "gama": 1},
        )
    )
    told = "\n".join(found)
    for words in (
        "gap must be numbers above 0",
        "The arms are: none or support",
        "unmeasured must give prevalence and effect",
        "draws must be a whole number",
        "delta must be numbers",
        'oster: unrelated: "nedd" is not a covariate',
        "rate must be a share",
        'Did you mean "mean"?',
        "`true` must be a ratio above 0",
        'benchmarks: "priors" is not a covariate of this study. Did you mean "prior"?',
        "times must be numbers above 0",
        'calibration: without: "nedd"',
        "negative_control needs `outcome`",
        'negative_control: without: "nedd"',
        "same_scale must be true or false",
        "cannot be a proxy of the exposure and of the outcome at once",
        "gamma must be numbers of 1 or more",
        'rosenbaum has no option "gama". Did you mean "gamma"?',
        "rosenbaum needs the answer of matching, which is not among the estimators",
    ):
        assert words in told


def test_an_analysis_without_faults_is_let_through():
    plan.check(
        asking(
            MATCHED,
            rosenbaum={"gamma": (1, 2)},
            tipping_point={"to": 0.5, "unseen": (("support", 3),)},
            bias_analysis={"misclassified_exposure": (("sensitivity", 0.9), ("specificity", 0.9))},
            oster={"unrelated": "need"},
        )
    )


def test_too_few_controls_are_known_before_the_run():
    assert "2 controls tell nothing" in faults(asking(calibration={"controls": ("a", "b")}))[0]


def test_covariates_that_only_the_records_tell_are_not_judged():
    asked = asking(oster={"unrelated": "anything"})
    plan.check(replace(asked, assignment=Observed(()), all_but=("other",)))


def test_matching_that_takes_children_again_has_no_bound():
    again = replace(MATCHED, options=())
    (fault,) = faults(asking(again, rosenbaum={}))
    assert "Write estimators: [{matching: {replace: false}}]" in fault


@pytest.mark.parametrize("scale", ["difference", "ratio"])
def test_one_difference_is_no_effect_on_several_outcomes(scale):
    study = asking(bias_analysis={"unmeasured": CAUSE})
    study = replace(study, estimand=replace(study.estimand, scale=scale))
    found = known(study)
    if scale == "ratio":
        assert found == []
    else:
        assert "Name the outcome: effect: {maths: …, absence: …}" in found[0]


def test_outcomes_are_named_where_each_has_its_own():
    effects = (("maths", 2), ("absence", (("uniform", (0, 0.1)),)))
    plan.check(asking(bias_analysis={"unmeasured": (CAUSE[0], ("effect", effects))}))
    plan.check(asking(bias_analysis={"unmeasured": (("maths", CAUSE),)}))
    wrong = (("maths", 2), ("absense", 0.1))
    (fault,) = faults(asking(bias_analysis={"unmeasured": (CAUSE[0], ("effect", wrong))}))
    assert '"absense" is not an outcome of this study. Did you mean "absence"?' in fault


def test_a_ratio_is_asked_for_only_where_every_answer_is_one():
    study = replace(STUDY, estimand=replace(STUDY.estimand, scale="ratio"))
    assert "to must be a ratio above 0" in faults(asking(study, tipping_point={"to": 0}))[0]
    mixed = replace(STUDY, outcomes=(STUDY.outcomes[0], replace(STUDY.outcomes[1], scale="ratio")))
    assert known(asking(mixed, tipping_point={"to": 0})) == []

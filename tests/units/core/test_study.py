"""A study's digest: what it says, and nothing else."""

from __future__ import annotations

from dataclasses import MISSING, fields, make_dataclass, replace

import pytest

from fingerpost.core.access import Access
from fingerpost.core.assignment import Observed, Randomised
from fingerpost.core.estimand import Estimand, Target, pair
from fingerpost.core.linked import Linked
from fingerpost.core.measure import Measure
from fingerpost.core.model import Models, linear
from fingerpost.core.rollout import Rollout
from fingerpost.core.study import (
    Arms,
    Condition,
    Covariate,
    Guard,
    Imputation,
    OutcomeSpec,
    Records,
    SensitivitySpec,
    Statement,
    Study,
    TableSource,
)
from fingerpost.core.trial import Trial

STUDY = Study("support", "Does support help?")
# Something other than the default, for every field that has one.
SAID = {
    "records": Records((TableSource("children.csv"),), unit="child"),
    "population": (Condition("year", "equals", 1),),
    "population_words": "children of Year 1",
    "arms": Arms("sen", ((0, "none"), (1, "support"))),
    "time_zero": "spring census of Year 1",
    "follow_up": "to the end of Year 6",
    "outcomes": (OutcomeSpec("absence", "days", "count"),),
    "covariates": (Covariate("sex", "categorical"),),
    "assignment": Observed(("sex",), "school"),
    "all_but": ("days",),
    "estimand": Estimand((pair("support", "none"),), (Target("att"),)),
    "models": Models(linear(("sex",))),
    "estimators": ("ipw",),
    "options": (("aipw", (("normalised", True),)),),
    "primary": ("ipw",),
    "agreement": 0.5,
    "guard": Guard(refuse_smd=0.3),
    "sensitivity": (SensitivitySpec("e_value"),),
    "subgroups": ("sex",),
    "statement": Statement(funding="none"),
    "release": "none",
    "missing": "indicator",
    "level": 0.9,
    "seed": 1,
    "notes": (("origin", "a pilot"),),
    "roles": ("visited",),
    "agreements": (("absence", 0.5),),
    "linked": Linked(phenotype="cleft_isolated"),
    "access": Access(groups=("sex",)),
    "imputation": Imputation(40),
    "people": "adults",
    "rollout": Rollout(periods=("2026", "2027")),
    "trial": Trial(size=40),
}


def with_default(study: Study) -> list[str]:
    return [each.name for each in fields(study) if each.default is not MISSING]


def test_every_field_is_tried_here() -> None:
    assert set(SAID) == set(with_default(STUDY))


@pytest.mark.parametrize("name", sorted(SAID))
def test_what_is_said_changes_the_digest_and_taking_it_back_restores_it(name: str) -> None:
    told = replace(STUDY, **{name: SAID[name]})
    assert told.digest() != STUDY.digest()
    default = next(each.default for each in fields(Study) if each.name == name)
    assert replace(told, **{name: default}).digest() == STUDY.digest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "support-2"}, {"name": "support-3"}),
        ({"question": "Does it?"}, {"question": "Does it not?"}),
        (
            {"outcomes": (OutcomeSpec("a", "x", measure=Measure("a", measured_in="days")),)},
            {"outcomes": (OutcomeSpec("a", "x", measure=Measure("a", measured_in="weeks")),)},
        ),
        ({"assignment": Observed(("sex",))}, {"assignment": Randomised(given=("sex",))}),
        ({"estimators": ("ipw", "aipw")}, {"estimators": ("aipw", "ipw")}),
    ],
    ids=["name", "question", "unit", "who assigned", "order"],
)
def test_two_studies_that_say_different_things_have_different_digests(one, other) -> None:
    assert replace(STUDY, **one).digest() != replace(STUDY, **other).digest()


def test_a_default_that_is_spelt_out_is_the_same_study() -> None:
    """Deep inside, too: a guard rail or an outcome's kind at its default says nothing new."""
    plain = replace(STUDY, outcomes=(OutcomeSpec("a", "x"),), guard=Guard(refuse_smd=0.3))
    spelt = replace(
        STUDY,
        outcomes=(OutcomeSpec("a", "x", kind="continuous", measure=Measure("")),),
        guard=Guard(refuse_smd=0.3, refuse_effective_size=30, warn_share=0.05),
    )
    assert plain.digest() == spelt.digest()


def test_a_later_version_with_more_fields_keeps_the_digest_until_they_are_used() -> None:
    later = make_dataclass("Study", [("dose", str, "")], bases=(Study,), frozen=True)
    told = {"name": STUDY.name, "question": STUDY.question, "seed": 3}
    assert later(**told).digest() == Study(**told).digest()
    assert later(**told, dose="hours a week").digest() != Study(**told).digest()

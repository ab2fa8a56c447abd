"""E-values: the definition, the conversions, and which answers get one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerpost.core.answer import Answer
from fingerpost.core.errors import UsageError
from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.refusal import Broken, Refusal
from fingerpost.core.table import Table
from fingerpost.sensitivity._task import SensitivityTask
from fingerpost.sensitivity.e_value import (
    bias_factor,
    e_value,
    e_value_limit,
    from_hazard_ratio,
    from_odds_ratio,
    from_standardised_difference,
    run,
)
from suites.sensitivity_worlds import make_cohort, make_study

ATE = Target("ate")
ratios = st.floats(0.01, 100)


@given(rr=ratios)
def test_a_cause_of_the_e_values_strength_just_explains_the_ratio(rr):
    """The definition: with both strengths equal to E the bias factor is the ratio itself."""
    strength = e_value(rr)
    assert bias_factor(strength, strength) == pytest.approx(max(rr, 1 / rr), rel=1e-9)


@given(rr=ratios, true=ratios)
def test_a_ratio_and_its_inverse_have_one_e_value(rr, true):
    assert e_value(rr, true) == pytest.approx(e_value(1 / rr, 1 / true), rel=1e-9)
    assert e_value(rr, rr) == 1.0


@given(lo=ratios, width=st.floats(1.0, 5.0))
def test_the_limit_is_never_stronger_than_a_point_inside(lo, width):
    hi = lo * width
    assert e_value_limit(lo, hi) <= e_value(math.sqrt(lo * hi)) * (1 + 1e-12)


@pytest.mark.parametrize("rr", [0.0, -1.0, math.nan])
def test_what_is_no_ratio_is_refused(rr):
    with pytest.raises(UsageError, match="ratio above 0"):
        e_value(rr)


def test_strengths_below_one_are_refused():
    with pytest.raises(UsageError, match="1 or more"):
        bias_factor(0.9, 2.0)


@given(hazard_ratio=st.floats(0.05, 20))
def test_a_hazard_ratio_turned_over_gives_the_ratio_turned_over(hazard_ratio):
    there = from_hazard_ratio(hazard_ratio, rare=False)
    assert there * from_hazard_ratio(1 / hazard_ratio, rare=False) == pytest.approx(1.0, rel=1e-9)
    assert (there > 1) == (hazard_ratio > 1) or math.isclose(hazard_ratio, 1)
    assert from_hazard_ratio(hazard_ratio, rare=True) == hazard_ratio


def test_a_common_outcomes_odds_ratio_is_nearer_to_one():
    assert from_odds_ratio(3.0, rare=True) == 3.0
    assert from_odds_ratio(3.0, rare=False) ** 2 == pytest.approx(3.0)


# -------------------- answers


def term(scale="difference", summary="mean", target=ATE, contrast=None) -> Term:
    return Term("score", contrast or pair("support", "none"), target, summary, scale)


def estimate(terms, values, errors) -> Estimate:
    return Estimate(tuple(terms), np.array(values), Matrix(np.diag(np.array(errors) ** 2)))


def asked(*answers: Answer, kind="continuous", values=(1.0, 3.0, 2.0, 6.0), **options):
    arm = np.arange(len(values)) % 2
    cohort = make_cohort(arm, np.array(values), {}, kind=kind)
    task = SensitivityTask(make_study(()), cohort, answers, lambda *_: (), options)
    (table,) = run(task).tables
    return table.records()


def means(first, second, *, leaf="ipw", target="ate", **tags) -> Table:
    return Table(
        "means",
        "",
        ("estimator", "target", "arm", "mean", "se"),
        ("label", "label", "label", "number", "number"),
        ((leaf, target, "support", first, 0.1), (leaf, target, "none", second, 0.1)),
        tags=tuple(tags.items()),
    )


def test_a_ratio_is_used_as_it_is():
    found = estimate([term("ratio", "risk")], [math.log(2.5)], [0.2])
    (line,) = asked(Answer("ipw", found), kind="binary", values=(0, 1, 1, 0))
    assert line["ratio"] == pytest.approx(2.5)
    assert line["ratio_source"] == "risk ratio"
    assert line["e_value"] == pytest.approx(e_value(2.5))
    nearer = 2.5 * math.exp(-1.959964 * 0.2)
    assert line["e_value_limit"] == pytest.approx(e_value(nearer), rel=1e-6)


def test_a_rate_ratio_is_read_as_a_risk_ratio():
    found = estimate([term("ratio", "rate")], [math.log(0.86)], [0.02])
    (line,) = asked(Answer("ipw", found), kind="count")
    assert line["ratio_source"] == "rate ratio, read as a risk ratio"
    assert line["e_value"] == pytest.approx(e_value(0.86))


def test_a_difference_of_means_goes_through_standard_deviations():
    """Limits: 0.91 × 1.96 = 1.78 standard errors of d, as printed by VanderWeele & Ding."""
    values = (1.0, 3.0, 2.0, 6.0)
    sd = float(np.std(values))
    (line,) = asked(Answer("ipw", estimate([term()], [1.5], [0.3])), values=values)
    assert line["ratio"] == pytest.approx(math.exp(0.91 * 1.5 / sd))
    nearer = math.exp(0.91 * 1.5 / sd - 1.78 * 0.3 / sd)
    assert line["e_value_limit"] == pytest.approx(e_value(nearer), rel=2e-3)


def test_a_change_of_unit_changes_nothing():
    values = np.array([1.0, 3.0, 2.0, 6.0])
    (line,) = asked(Answer("ipw", estimate([term()], [1.5], [0.3])), values=values)
    (other,) = asked(Answer("ipw", estimate([term()], [150.0], [30.0])), values=100 * values)
    assert other["e_value"] == pytest.approx(line["e_value"])
    assert other["e_value_limit"] == pytest.approx(line["e_value_limit"])


def test_a_difference_and_its_reverse_have_one_e_value():
    back = term(contrast=pair("none", "support"))
    (line,) = asked(Answer("ipw", estimate([term()], [1.5], [0.3])))
    (other,) = asked(Answer("ipw", estimate([back], [-1.5], [0.3])))
    assert other["e_value"] == pytest.approx(line["e_value"])
    assert other["e_value_limit"] == pytest.approx(line["e_value_limit"])


def test_a_difference_of_risks_becomes_the_ratio_of_standardised_risks():
    found = estimate([term(summary="risk")], [0.2], [0.05])
    answer = Answer("ipw", found, tables=(means(0.6, 0.4, outcome="score"),))
    (line,) = asked(answer, kind="binary", values=(0, 1, 1, 0))
    assert line["ratio"] == pytest.approx(1.5)
    nearer = (0.4 + 0.2 - 1.959964 * 0.05) / 0.4
    assert line["e_value_limit"] == pytest.approx(e_value(nearer), rel=1e-6)


@pytest.mark.parametrize(
    ("target", "contrast", "label"),
    [
        (Target("att"), pair("support", "none"), "received support"),
        (Target("atu"), pair("support", "none"), "received none"),
        (Target("atu", trim=0.01), pair("none", "support"), "received support trimmed 0.01"),
        (Target("received", arm="none"), pair("support", "none"), "received none"),
        (Target("ate", trim=0.05), pair("support", "none"), "ate trimmed 0.05"),
    ],
)
def test_the_means_are_found_by_the_target_with_its_arm_spelt_out(target, contrast, label):
    """Rounded means are found too: nothing is made of the difference's last digits."""
    found = estimate([term(summary="risk", target=target, contrast=contrast)], [0.201], [0.05])
    others = means(0.9, 0.1, outcome="score", target="overlap")
    tables = (others, means(0.6, 0.4, outcome="score", target=label))
    (line,) = asked(Answer("ipw", found, tables=tables), kind="binary", values=(0, 1, 1, 0))
    first, second = (0.6, 0.4) if contrast[0][0] == "support" else (0.4, 0.6)
    assert line["ratio"] == pytest.approx(first / second)


@pytest.mark.parametrize(
    "tables",
    [
        (),
        (means(0.6, 0.4, outcome="score", leaf="aipw"),),
        (means(0.6, 0.4, outcome="other"),),
        (means(0.6, 0.4, outcome="score", target="received support"),),
        (means(0.6, 0.4, outcome="score", target="ate trimmed 0.01"),),
        (means(0.6, 0.4),),
    ],
    ids=["none", "another estimator", "another outcome", "another target", "trimmed", "untold"],
)
def test_means_that_are_not_the_estimates_own_are_not_believed(tables):
    answer = Answer("ipw", estimate([term(summary="risk")], [0.2], [0.05]), tables=tables)
    (line,) = asked(answer, kind="binary", values=(0, 1, 1, 0))
    assert line["e_value"] is None and line["e_value_limit"] is None
    assert line["ratio_source"] == "not computable: the estimator gives no means by arm"


def test_a_risk_below_zero_has_no_ratio():
    found = estimate([term(summary="risk")], [0.2], [0.05])
    answer = Answer("ipw", found, tables=(means(0.1, -0.1, outcome="score"),))
    (line,) = asked(answer, kind="binary", values=(0, 1, 1, 0))
    assert line["e_value"] is None and "not above 0" in line["ratio_source"]


def test_a_limit_that_leaves_no_risk_at_all_is_far_from_no_effect():
    found = estimate([term(summary="risk")], [-0.3], [0.1])
    answer = Answer("ipw", found, tables=(means(0.1, 0.4, outcome="score"),))
    (line,) = asked(answer, kind="binary", values=(0, 1, 1, 0))
    nearer = (0.4 - 0.3 + 1.959964 * 0.1) / 0.4
    assert line["e_value_limit"] == pytest.approx(e_value(nearer), rel=1e-6)


def test_only_claims_about_effects_get_one():
    association = estimate([term(target=Target("association"))], [1.0], [0.1])
    conditional = estimate([term(target=Target("conditional"))], [1.0], [0.1])
    refused = Answer(
        "aipw",
        refusals=(Refusal((term(),), (Broken("smd", "positivity", 1, 0.25),), "trim"),),
        extrapolated=estimate([term()], [9.0], [0.1]),
    )
    both = estimate([term(), term(target=Target("att"))], [1.0, 2.0], [0.1, 0.1])
    lines = asked(
        Answer("naive", association),
        Answer("regression", conditional),
        refused,
        Answer("ipw", both),
    )
    assert [(line["estimator"], line["target"]) for line in lines] == [
        ("ipw", "ate"),
        ("ipw", "att"),
    ]


def test_an_answer_without_an_interval_has_no_limit():
    (line,) = asked(Answer("ipw", Estimate((term(),), np.array([1.0]), None)))
    assert line["e_value"] is not None and line["e_value_limit"] is None


def test_an_interval_that_includes_no_effect_has_limit_one():
    (line,) = asked(Answer("ipw", estimate([term()], [0.1], [0.3])))
    assert line["e_value"] > 1 and line["e_value_limit"] == 1.0


def test_explaining_an_answer_down_to_another_ratio():
    found = estimate([term("ratio", "risk")], [math.log(2.5)], [0.01])
    (line,) = asked(Answer("ipw", found), kind="binary", values=(0, 1, 1, 0), true=1.5)
    assert line["e_value"] == pytest.approx(e_value(2.5 / 1.5))


@pytest.mark.parametrize("true", [0, -1, "one", True])
def test_a_wrong_ratio_is_refused(true):
    with pytest.raises(UsageError, match="`true` must be a ratio above 0"):
        asked(Answer("ipw", estimate([term()], [1.0], [0.1])), true=true)


def test_an_outcome_that_does_not_vary_has_none():
    answer = Answer("ipw", estimate([term()], [1.0], [0.1]))
    (line,) = asked(answer, values=(2.0, 2.0, 2.0, 2.0))
    assert line["e_value"] is None and "does not vary" in line["ratio_source"]


def test_every_conversion_starts_at_one():
    assert from_standardised_difference(0.0) == 1.0
    assert e_value(1.0) == 1.0

"""What analyses of bias tell in the first lines: to where, how far, and which answers are left."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fingerpost.core.estimand import Target, Term
from fingerpost.core.output import SensitivityResult
from fingerpost.core.protocol import outcome_words, outcomes
from fingerpost.core.study import OutcomeSpec
from fingerpost.core.table import Table
from fingerpost.reports.bounds import tipping_words
from fingerpost.reports.corrected import bias_words
from fingerpost.reports.parts import grid
from fingerpost.reports.words import reasons
from units.plots.leaves import table
from units.reports.fixtures import ATE
from units.reports.test_leaves import PAIR, made, of

TIPPING = "estimator outcome contrast target tipped value to away away_sd verdict"
BIAS = (
    "estimator outcome contrast target biases estimate median lo hi lo_with_error hi_with_error "
    "draws impossible remark"
)
ASKED = ("maths", "support v none", "ate")
TIPPED, THERE = "can be tipped", "is there already: the interval includes it"
INSTRUMENT = "rests on an instrument, not on children being alike"


def tipping(*rows: tuple, scale: str = "difference", important: float | None = None) -> str:
    term = Term("maths", PAIR, ATE, scale=scale)
    others = [of(term, 1.4), replace(of(term, 1.2), estimator="ipw")]
    others.append(replace(of(replace(term, target=Target("compliers")), 3.0), estimator="iv"))
    told = SensitivityResult("tipping_point", (table("tipping", TIPPING, rows, tags=()),))
    output = made(*others, sensitivity=(told,))
    (spec, *more) = output.study.outcomes
    spec = replace(spec, measure=replace(spec.measure, important=important))
    output = replace(output, study=replace(output.study, outcomes=(spec, *more)))
    words = tipping_words(output)
    assert not words or words in reasons(output)
    return words


def test_the_way_to_nothing_and_to_what_matters_are_one_sentence():
    told = tipping(
        ("aipw", *ASKED, "answer", 1.4, 0.0, 1.4, 0.28, TIPPED),
        ("aipw", *ASKED, "limit", 0.9, 0.0, 0.9, 0.18, TIPPED),
        ("aipw", *ASKED, "answer", 1.4, 0.5, 0.9, 0.18, TIPPED),
        ("aipw", *ASKED, "limit", 0.9, 0.5, 0.4, 0.08, TIPPED),
        ("ipw", *ASKED, "answer", 1.2, 0.0, 1.2, 0.24, TIPPED),
        ("ipw", *ASKED, "limit", 0.2, 0.0, 0.2, 0.04, TIPPED),
        ("ipw", *ASKED, "answer", 1.2, 0.5, 0.7, 0.14, TIPPED),
        ("ipw", *ASKED, "limit", 0.2, 0.5, 0.0, 0.0, THERE),
        important=0.5,
    )
    first, _, second = told.partition("; to bring ")
    assert "the weakest of 2) to no difference" in first
    assert "account for 1.20 points (0.240 standard deviations)" in first
    assert "0.200 points (0.0400 standard deviations) would bring its interval there" in first
    assert second.startswith("that answer to 0.500 points, the smallest difference that matters")
    assert "account for 0.700 points" in second
    assert "its interval holds that already (tipping point)." in second


def test_a_difference_of_one_that_matters_is_not_called_none():
    told = tipping(("aipw", *ASKED, "answer", 1.4, 1.0, 0.4, 0.1, TIPPED), important=1.0)
    assert "to 1.00 points, the smallest difference that matters" in told


def test_the_weakest_of_ratios_is_the_nearest_to_one():
    told = tipping(
        ("aipw", *ASKED, "answer", 0.7, 1.0, 0.7, None, TIPPED),
        ("ipw", *ASKED, "answer", 0.9, 1.0, 0.9, None, TIPPED),
        scale="ratio",
    )
    assert "the ipw answer" in told and "a factor of 0.900" in told


def test_an_answer_that_is_not_tipped_is_named():
    told = tipping(
        ("aipw", *ASKED, "answer", 1.4, 0.0, 1.4, 0.28, TIPPED),
        (
            "iv",
            *ASKED[:2],
            "compliers",
            "answer",
            3.0,
            None,
            None,
            None,
            f"not tipped: {INSTRUMENT}",
        ),
    )
    assert (
        f"not tipped: the iv answer for maths (support v none, compliers), which {INSTRUMENT}"
        in (told)
    )


# ------------------------------------------------------------------------------- biases
def biases(*rows: tuple) -> str:
    told = SensitivityResult("bias_analysis", (table("bias_analysis", BIAS, rows, tags=()),))
    return bias_words(made(of(Term("maths", PAIR, ATE), 1.5), sensitivity=(told,)))


GOOD = (1.5, 2.5, 1.9, 3.3, 1.7, 3.5)


@pytest.mark.parametrize(("lost", "words"), [(300, "6% of the draws are impossible"), (200, "")])
def test_many_impossible_draws_are_told(lost, words):
    told = biases(("aipw", *ASKED, "unmeasured", *GOOD, 5000, lost, ""))
    assert "would be 2.50 points" in told
    assert words in told and ("impossible" in told) == bool(words)


def test_without_a_number_it_says_why():
    told = biases(
        (
            "aipw",
            *ASKED,
            "unmeasured",
            1.5,
            *(None,) * 5,
            5000,
            4400,
            "more than half of the draws",
        ),
    )
    assert "88% of the draws for maths" in told
    assert "no corrected answer: think the distributions over" in told


def test_what_is_not_corrected_is_named_with_the_reason():
    why = "not computed for a rate of follow-up"
    told = biases(
        ("aipw", *ASKED, "unmeasured", *GOOD, 5000, 0, ""),
        ("aipw", "absence", *ASKED[1:], "misclassified_exposure", -0.1, *(None,) * 7, why),
        (
            "aipw",
            *ASKED[:2],
            "compliers",
            "none",
            3.0,
            *(None,) * 7,
            f"not corrected: {INSTRUMENT}",
        ),
    )
    assert f"not corrected: absence for misclassified_exposure ({why})" in told
    assert f"compliers), which {INSTRUMENT}" in told
    alone = biases(("aipw", "absence", *ASKED[1:], "selection", -0.1, *(None,) * 7, why))
    assert alone.startswith(
        "No answer is corrected for the biases supposed; not corrected: absence"
    )


# ---------------------------------------------------------------------- p-values, protocol
def test_no_p_value_is_shown_as_nothing():
    columns = ("estimator", "estimate", "p", "holm", "q", "q_any_dependence", "calibrated_p")
    rows = (("aipw", 0.0, 0.0, 5.2e-7, 0.04, 0.5, 1.0), ("ipw", 1.5, 0.3, 0.02, 0.04, 0.0, 9e-5))
    shown = grid(Table("many", "Many", columns, ("label", *("number",) * 6), rows)).rows
    texts = [[entry.text for entry in row] for row in shown]
    assert texts[0][2:4] == ["below 0.0001", "below 0.0001"]
    assert texts[1][5:] == ["below 0.0001", "below 0.0001"]
    assert texts[0][1] == "0.0" and texts[1][2].startswith("0.3")


def test_a_difference_that_matters_is_not_said_of_a_ratio():
    spec = OutcomeSpec("absence", "absent", "count")
    spec = replace(spec, measure=replace(spec.measure, important=0.95))
    assert "a difference of 0.95 matters" in outcome_words(spec)
    study = made().study
    study = replace(study, outcomes=(spec,), estimand=replace(study.estimand, scale="ratio"))
    assert "a difference of 0.95 matters on the difference scale, not used for a ratio" in (
        outcomes(study)
    )

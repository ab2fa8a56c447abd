"""England's known error rates: read by name, and right where records are as wrong as they say."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.errors import UsageError
from fingerpost.core.inference import intervals
from fingerpost.core.leaves import Sensitivity, load
from fingerpost.sensitivity import bias_analysis
from fingerpost.sensitivity._bias import distribution
from fingerpost.sensitivity._error_rates import RATES, rates_named
from suites.sensitivity_worlds import answers_of, make_cohort, make_study, make_task

EFFECT = 0.8


def misrecorded(seed: int, *, sensitivity: float, specificity: float, n=1500, share=0.35):
    """Return children whose arm was recorded wrongly; the effect of the true one is 0.8."""
    draw = np.random.default_rng(seed)
    x = draw.standard_normal(n)
    true = draw.random(n) < share
    told = np.where(true, draw.random(n) < sensitivity, draw.random(n) >= specificity)
    value = EFFECT * true + 0.5 * x + draw.standard_normal(n)
    return make_cohort(told.astype(int), value, {"x": x}), make_study(("x",))


def corrected(cohort, study, **told) -> dict:
    block = tuple(told.items())
    task = make_task(cohort, study, misclassified_exposure=block, draws=100)
    answer = load("sensitivity", "bias_analysis", kind=Sensitivity).run(task)
    return answer.tables[0].records()[0]


@pytest.mark.parametrize("name", RATES)
def test_rates_are_probabilities_with_a_source_and_in_the_manual(name):
    found = RATES[name]
    for value in (found.sensitivity, found.specificity):
        low, high = distribution(value, name).numbers
        assert 0 < low < high <= 1
    assert any(character.isdigit() for character in found.source) and found.words
    assert name in (bias_analysis.__doc__ or "")


def test_an_unknown_name_is_told_with_the_names_there_are():
    with pytest.raises(UsageError, match=r'one of .*Did you mean "slcn_need_type"'):
        rates_named("slcn_needs_type")
    cohort, study = misrecorded(1, sensitivity=0.9, specificity=0.99)
    with pytest.raises(UsageError, match="rates must be one of"):
        corrected(cohort, study, rates=3)


def test_by_name_is_what_its_numbers_give():
    cohort, study = misrecorded(1, sensitivity=0.8, specificity=0.98)
    by_name = corrected(cohort, study, rates="slcn_need_type")
    by_numbers = corrected(
        cohort,
        study,
        sensitivity=(("uniform", (0.42, 1.0)),),
        specificity=(("uniform", (0.95, 1.0)),),
    )
    assert by_name == by_numbers


def test_at_the_true_rates_the_corrected_interval_covers_and_the_plain_one_does_not():
    """Of needs recorded as England's types are at worst: a sensitivity of 0.7, 5% typed falsely."""
    held, plain = [], []
    for seed in range(200):
        cohort, study = misrecorded(6000 + seed, sensitivity=0.7, specificity=0.95)
        row = corrected(cohort, study, sensitivity=0.7, specificity=0.95)
        held.append(row["lo_with_error"] <= EFFECT <= row["hi_with_error"])
        lo, hi = intervals(answers_of(cohort, study)[0].estimate)[0]
        plain.append(lo <= EFFECT <= hi)
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.mean(plain) < 0.5


@pytest.mark.parametrize("name", RATES)
def test_over_rates_drawn_as_a_name_says_the_interval_holds_as_often_as_it_says(name):
    """On average over what is believed of the rates, which is what the limits are of; at the ends
    of what is believed they hold less often."""
    draw, found, held = np.random.default_rng(2), RATES[name], []
    for seed in range(100):
        rates = [
            float(distribution(value, name).draw(draw, 1)[0])
            for value in (found.sensitivity, found.specificity)
        ]
        cohort, study = misrecorded(seed, sensitivity=rates[0], specificity=rates[1])
        row = corrected(cohort, study, rates=name)
        held.append(row["lo_with_error"] <= EFFECT <= row["hi_with_error"])
    assert np.mean(held) >= 0.88

"""VanderWeele & Ding (2017), Annals of Internal Medicine 167(4), 268-274; inputs as in the vignette
of the R package EValue (the first: Victora et al. 1987, breast-feeding and respiratory deaths)."""

from __future__ import annotations

import pytest

from fingerpost.sensitivity.e_value import e_value, e_value_limit, from_odds_ratio


@pytest.mark.parametrize(
    ("rr", "true", "printed"),
    [(10.73, 1.0, 20.9478), (0.80, 1.0, 1.8090), (2.5, 1.5, 2.7208)],
)
def test_the_estimate(rr, true, printed):
    assert round(e_value(rr, true), 4) == printed


@pytest.mark.parametrize(
    ("lo", "hi", "printed"), [(8.02, 14.36, 15.5234), (0.71, 0.91, 1.4286), (0.9, 1.2, 1.0)]
)
def test_the_limit_nearer_to_no_effect(lo, hi, printed):
    assert round(e_value_limit(lo, hi), 4) == printed


@pytest.mark.parametrize(("odds_ratio", "printed"), [(3.9, 7.2630), (1.8, 3.0)])
def test_the_odds_ratio_of_a_rare_outcome(odds_ratio, printed):
    assert round(e_value(from_odds_ratio(odds_ratio, rare=True)), 4) == printed

"""P-values adjusted for being many, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from fingerpost.kernels.multiplicity import false_discovery, holm


@pytest.mark.parametrize("seed", range(10))
def test_adjusted_p_values_are_those_of_statsmodels(seed: int) -> None:
    p = np.random.default_rng(seed).random(12) ** 2
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert false_discovery(p) == pytest.approx(multipletests(p, method="fdr_bh")[1])
    by = false_discovery(p, any_dependence=True)
    assert by == pytest.approx(multipletests(p, method="fdr_by")[1])

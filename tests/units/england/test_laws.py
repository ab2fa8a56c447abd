"""The laws of the causal model, fitted by an estimator that is not ours."""

from __future__ import annotations

import numpy as np
import pytest

from units.england.worlds import Lived, effect, lived, made, together

pytest.importorskip("statsmodels")
MEASURED = ("social", "clinical")
ALL = (*MEASURED, "severity")
# crude, adjusted for the measured indices, adjusted for severity as well
TABLE = {
    "unauthorised": (1.220, 0.861, 0.861),
    "unplanned": (1.42, 1.13, 1.00),
    "planned": (1.35, 1.12, 1.00),
    "medical": (1.22, 1.06, 0.98),
    "ks1": (-0.48, -0.19, 0.03),
    "ks2": (-0.46, -0.17, 0.05),
    "participation": (-0.02, 0.13, 0.30),
    "wellbeing": (0.00, 0.14, 0.25),
}
BLOCKS, SIZE = 4, 50_000  # of each seed


@pytest.fixture(scope="module")
def small() -> Lived:
    return lived(made(boost="cleft", block=1))


def test_the_sign_flips(small):
    assert effect(small, "unauthorised") == pytest.approx(1.22, abs=0.07)
    assert effect(small, "unauthorised", *MEASURED) == pytest.approx(0.86, abs=0.05)


@pytest.mark.parametrize(
    ("outcome", "truth"), [("ks2", 0.05), ("wellbeing", 0.25), ("participation", 0.30)]
)
def test_severity_removes_what_the_indices_leave(small, outcome, truth):
    assert effect(small, outcome, *ALL) == pytest.approx(truth, abs=0.03)
    assert effect(small, outcome, *MEASURED) < truth - 0.07


def test_severity_does_not_point_to_unauthorised_absence(small):
    with_it, without = (effect(small, "unauthorised", *given) for given in (ALL, MEASURED))
    assert with_it == pytest.approx(without, abs=0.01)


def test_nothing_happens_where_provision_does_nothing():
    null = lived(made("no_effect", boost="cleft", block=1, size=40_000))
    assert effect(null, "unauthorised", *ALL) == pytest.approx(1.0, abs=0.06)
    assert effect(null, "participation", *ALL) == pytest.approx(0.0, abs=0.03)


def test_without_confounding_the_crude_contrast_is_the_truth():
    plain = lived(made("no_confounding", boost="cleft", block=1, size=40_000))
    assert effect(plain, "ks2") == pytest.approx(0.05, abs=0.04)
    assert effect(plain, "unauthorised") == pytest.approx(0.86, abs=0.06)


@pytest.fixture(scope="module")
def large() -> Lived:
    seeds = (3, 4, 5)
    return together(
        [
            lived(made(seed=seed, block=block, size=SIZE, boost="cleft"))
            for seed in seeds
            for block in range(BLOCKS)
        ]
    )


@pytest.mark.slow
@pytest.mark.parametrize("outcome", TABLE)
def test_the_table_of_the_causal_model(large, outcome):
    found = [effect(large, outcome, *given) for given in ((), MEASURED, ALL)]
    crude, adjusted, severe = TABLE[outcome]
    assert len(large.arm) > 300_000
    assert found[0] == pytest.approx(crude, abs=0.03)
    assert found[1] == pytest.approx(adjusted, abs=0.025)
    assert found[2] == pytest.approx(severe, abs=0.02)


@pytest.mark.slow
def test_need_recorded_when_a_concern_is_raised_takes_most_of_the_bias(large):
    rng = np.random.default_rng(0)
    noisy = large.severity + 0.5 * rng.standard_normal(len(large.severity))
    recorded = Lived(large.arm, large.social, large.clinical, noisy, large.possible, large.outcomes)
    bias = [
        effect(of, "ks2", *given) - 0.05
        for of, given in ((large, MEASURED), (recorded, ALL), (large, ALL))
    ]
    assert abs(bias[2]) < 0.02
    assert 0.60 < 1 - bias[1] / bias[0] < 0.90

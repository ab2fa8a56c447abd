"""Designs: what terms expand to, splines, and the check of columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from fingerpost.core.column import Column
from fingerpost.core.errors import NotFitted, TooFew, UsageError
from fingerpost.core.model import Factor, ModelTerm, linear
from fingerpost.kernels.design import Dense, Terms, check, moments
from fingerpost.kernels.glm import fit
from fingerpost.kernels.splines import knots_at, natural_spline

RANDOM = np.random.default_rng(11)
N = 500
AGE = RANDOM.normal(7.0, 2.0, N)
INCOME = RANDOM.gamma(2.0, 1.0, N)
REGION = RANDOM.integers(0, 3, N)
COLUMNS = {
    "age": Column(AGE),
    "income": Column(INCOME.astype(np.float32)),
    "region": Column(REGION, ("north", "midlands", "south")),
}


def term(*factors: Factor) -> ModelTerm:
    return ModelTerm(factors)


def whole(design: Terms) -> np.ndarray:
    return design.block(0, design.n)


def test_terms_expand_to_the_columns_written_by_hand():
    design = Terms(
        COLUMNS,
        (
            term(Factor("region")),
            term(Factor("age", "power", degree=2)),
            term(Factor("region", "equals", value=2.0)),
            term(Factor("age"), Factor("region")),
        ),
    )
    south, midlands = (REGION == 2) * 1.0, (REGION == 1) * 1.0
    by_hand = np.column_stack(
        [np.ones(N), midlands, south, AGE**2, south, AGE * midlands, AGE * south]
    )
    np.testing.assert_allclose(whole(design), by_hand, rtol=1e-15)
    assert design.names == (
        "intercept",
        "region = midlands",
        "region = south",
        "age^2",
        "region = 2",
        "age × region = midlands",
        "age × region = south",
    )


def test_a_product_of_two_categories_has_every_pair_of_levels_but_the_references():
    sex = Column(RANDOM.integers(0, 2, N), ("girl", "boy"))
    design = Terms({**COLUMNS, "sex": sex}, (term(Factor("region"), Factor("sex")),))
    assert design.names[1:] == ("region = midlands × sex = boy", "region = south × sex = boy")
    both = (REGION[:, None] == [1, 2]) & (sex.values[:, None] == 1)
    np.testing.assert_array_equal(whole(design)[:, 1:], both)


def test_blocks_put_together_are_the_whole_and_taking_rows_keeps_the_knots():
    spline = term(Factor("age", "spline", knots=5))
    design = Terms(COLUMNS, (spline, term(Factor("income"), Factor("region"))))
    parts = np.vstack([design.block(lo, min(N, lo + 77)) for lo in range(0, N, 77)])
    np.testing.assert_array_equal(parts, whole(design))
    oldest = np.argsort(AGE)[-20:]
    np.testing.assert_array_equal(whole(design.take(oldest)), whole(design)[oldest])
    np.testing.assert_array_equal(whole(design.take(AGE > 8)), whole(design)[AGE > 8])


def test_exchanging_a_column_changes_its_terms_alone():
    design = Terms(COLUMNS, linear(("age", "income")))
    other = design.with_columns({"age": Column(np.full(N, 5.0))})
    assert set(whole(other)[:, 1]) == {5.0}
    np.testing.assert_array_equal(whole(other)[:, [0, 2]], whole(design)[:, [0, 2]])


def test_powers_of_narrow_integers_do_not_overflow():
    narrow = Column(np.array([40, 50, 55], dtype=np.int8))
    design = Terms({"age": narrow}, (term(Factor("age", "power", degree=3)),), intercept=False)
    assert whole(design)[:, 0].tolist() == [64_000.0, 125_000.0, 166_375.0]


def test_dense_and_terms_of_the_same_columns_agree():
    design = Terms(COLUMNS, linear(("age", "region")))
    dense = Dense(whole(design), design.names)
    np.testing.assert_array_equal(dense.block(10, 20), design.block(10, 20))
    np.testing.assert_array_equal(dense.take(AGE > 8).array, whole(design.take(AGE > 8)))


@pytest.mark.parametrize("knots", [3, 4, 5, 6, 7])
def test_the_spline_basis_spans_the_natural_cubic_splines_on_its_knots(knots):
    at = knots_at(AGE, knots)
    inside = np.linspace(at[0], at[-1], 200)
    beyond = np.array([at[0] - 3.0, at[-1] + 5.0])
    basis = np.column_stack([np.ones(202), natural_spline(np.append(inside, beyond), at)])
    for unit in np.eye(knots):
        natural = CubicSpline(at, unit, bc_type="natural")
        ends = natural(at[[0, -1]]) + natural(at[[0, -1]], 1) * (beyond - at[[0, -1]])
        wanted = np.append(natural(inside), ends)
        fitted = basis @ np.linalg.lstsq(basis, wanted, rcond=None)[0]
        np.testing.assert_allclose(fitted, wanted, atol=1e-8)


def test_the_spline_is_harrells_formula_written_out():
    at = np.array([1.0, 3.0, 4.0, 8.0])
    x = 6.0
    # Bends at the first two knots, straightened by the last two.
    first = (5.0**3 - 2.0**3 * (8 - 1) / (8 - 4) + 0.0) / 49.0
    second = (3.0**3 - 2.0**3 * (8 - 3) / (8 - 4) + 0.0) / 49.0
    np.testing.assert_allclose(natural_spline(np.array([x]), at), [[x, first, second]])


def test_knots_stand_at_harrells_quantiles_and_must_differ():
    np.testing.assert_allclose(knots_at(np.arange(101.0), 4), [5.0, 35.0, 65.0, 95.0])
    with pytest.raises(TooFew, match="two knots coincide"):
        knots_at(np.repeat([0.0, 1.0], 50), 4, name="fsm")
    with pytest.raises(UsageError, match="3 to 7"):
        knots_at(AGE, 9)


def test_check_names_constant_and_dependent_columns_and_only_those():
    columns = {
        **COLUMNS,
        "year": Column(np.full(N, 2008.0)),
        "again": Column(AGE * 12.0 - 3.0),
        "north": Column((REGION == 0).astype(float)),
        "nothing": Column(np.zeros(N)),
    }
    names = ("age", "region", "year", "again", "income", "north", "nothing")
    design = Terms(columns, linear(names))
    assert check(design) == ("year", "again", "north", "nothing")
    assert check(Terms(COLUMNS, linear(("age", "income", "region")))) == ()


def test_check_is_not_misled_by_units_or_by_means_far_from_zero():
    date = 1.2e9 + RANDOM.normal(0.0, 3e7, N)
    design = Dense(np.column_stack([np.ones(N), date, AGE * 1e-9]), ("intercept", "date", "dose"))
    assert check(design) == ()
    year = 2008.0 + RANDOM.normal(size=N)  # its square is one part in ten million of its own
    square = Dense(np.column_stack([np.ones(N), year, year**2]), ("intercept", "year", "year^2"))
    assert check(square) == ()
    polynomial = Dense(np.column_stack([AGE**d for d in range(5)]), tuple("01234"))
    assert check(polynomial) == ()


def test_check_looks_only_at_rows_with_weight():
    fsm = (np.arange(N) < 3) * 1.0
    design = Dense(np.column_stack([np.ones(N), AGE, fsm]), ("intercept", "age", "fsm"))
    assert check(design) == ()
    assert check(design, (np.arange(N) >= 3) * 1.0) == ("fsm",)


def test_check_without_an_intercept_lets_one_constant_column_stand_for_it():
    design = Dense(np.column_stack([AGE, np.full(N, 2.0), np.ones(N)]), ("age", "two", "one"))
    assert check(design) == ("one",)
    dummies = Dense((REGION[:, None] == np.arange(3)) * 1.0, ("north", "midlands", "south"))
    assert check(dummies) == ()


def test_moments_are_the_weighted_mean_and_deviation():
    weights = RANDOM.random(N)
    found = moments(Terms(COLUMNS, linear(("age",))), weights)
    mean = np.average(AGE, weights=weights)
    np.testing.assert_allclose(found.mean, [1.0, mean])
    np.testing.assert_allclose(
        found.deviation, [0.0, np.sqrt(np.average((AGE - mean) ** 2, weights=weights))]
    )
    assert found.constant == 0


def test_faults_are_named_all_at_once_with_the_nearest_name():
    wrong = (
        term(Factor("agee")),
        term(Factor("region", "power", degree=2)),
        term(Factor("x", "log")),
    )
    with pytest.raises(UsageError) as caught:
        Terms(COLUMNS, wrong)
    assert len(caught.value.problems) == 3
    assert 'Did you mean "age"?' in caught.value.problems[0]


def test_an_infinite_value_is_refused_by_the_name_of_its_column():
    spoilt = AGE.copy()
    spoilt[3] = np.inf
    with pytest.raises(NotFitted, match="income"):
        check(Terms({**COLUMNS, "income": Column(spoilt)}, linear(("age", "income"))))


def test_faults_name_a_category_without_its_levels():
    """A level may be a child's own words."""
    columns = {**COLUMNS, "note": Column(REGION % 2, ("none", "in care (abuse)"))}
    both = ModelTerm((Factor("age"), Factor("note")))
    design = Terms(columns, (*linear(("age", "note")), both, *linear(("note",))))
    assert design.names[2:5] == (
        "note = in care (abuse)",
        "age × note = in care (abuse)",
        "note = in care (abuse)",
    )
    assert design.told[2:5] == ("a level of note", "age × a level of note", "a level of note")
    assert check(design) == ("a level of note",)
    with pytest.raises(NotFitted, match=r"^a level of note: constant") as caught:
        fit(design, AGE, family="linear")
    assert "abuse" not in str(caught.value)

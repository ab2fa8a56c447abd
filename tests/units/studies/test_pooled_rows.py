"""Rows of estimates over copies: what Rubin's rules give of the estimates behind them."""

from __future__ import annotations

import numpy as np
import pytest

from fingerpost.core.estimand import Target, Term, pair
from fingerpost.core.estimate import Estimate, Matrix
from fingerpost.core.inference import intervals, pool, standard_errors
from fingerpost.core.table import Table
from fingerpost.core.tells import Tells
from fingerpost.sensitivity._control import CLEAN, CONFOUNDED, UNSURE, verdict
from fingerpost.studies.pooled_rows import DIFFERS, pooled_row
from fingerpost.studies.pooled_tables import merge

VALUES, ERRORS = (1.0, 1.4, 0.7), (0.5, 0.45, 0.55)
COLUMNS = ("estimator", "target", "estimate", "se", "lo", "hi", "verdict")
KINDS = ("label", "label", "number", "number", "number", "number", "label")


def term() -> Term:
    return Term("y", pair("b", "a"), Target("ate"))


def estimates(values, errors, df: float | None) -> list[Estimate]:
    return [
        Estimate(
            terms=(term(),),
            value=np.array([value]),
            spread=Matrix(np.array([[error**2]])),
            df=None if df is None else np.array([df]),
        )
        for value, error in zip(values, errors, strict=True)
    ]


def row(one: Estimate, level: float = 0.95) -> dict:
    limits, errors = intervals(one, level), standard_errors(one)
    assert limits is not None and errors is not None
    return dict(
        zip(
            ("estimate", "se", "lo", "hi"),
            (float(one.value[0]), float(errors[0]), float(limits[0, 0]), float(limits[0, 1])),
            strict=True,
        )
    )


@pytest.mark.parametrize("df", [None, 11.0, 200.0])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_a_row_pools_as_the_estimate_behind_it(df: float | None, level: float) -> None:
    behind = estimates(VALUES, ERRORS, df)
    expected = row(pool(behind, np.inf if df is None else df, level=level), level)
    found = pooled_row([row(one, level) for one in behind], level)
    assert found is not None
    assert list(found.values()) == pytest.approx(list(expected.values()), rel=1e-4)


def test_limits_that_are_missing_open_or_uneven_are_not_pooled() -> None:
    plain = row(estimates((1.0,), (0.5,), None)[0])
    for change in ({"lo": None}, {"hi": float("inf")}, {"hi": 9.0}, {"se": 0.0}):
        assert pooled_row([plain, {**plain, **change}], 0.95) is None


def control(one: dict, role: str = "control") -> Table:
    found = (*one.values(), verdict(one["lo"], one["hi"]))
    return Table(
        "negative_control", "C", COLUMNS, KINDS, (("aipw", "ATE", *found),), tells=Tells(role)
    )


def test_a_control_that_fires_in_every_copy_fires_over_all() -> None:
    """Before, its limits were left out over copies, and so it never fired."""
    strong = [row(one) for one in estimates((1.0, 1.1, 0.9), (0.1, 0.1, 0.1), None)]
    found = merge([control(one) for one in strong], 3, 0.95).records()[0]
    assert 0 < found["lo"] < 0.8 < 1.2 < found["hi"]
    assert found["verdict"] == CONFOUNDED


def test_a_verdict_is_of_the_pooled_limits_not_of_the_first_copy() -> None:
    apart = [row(one) for one in estimates((1.0, -0.2, 0.1), (0.1, 0.1, 0.1), None)]
    assert merge([control(one) for one in apart], 3, 0.95).records()[0]["verdict"] == CLEAN
    blank = [{**one, "lo": None, "hi": None} for one in apart]
    assert merge([control(one) for one in blank], 3, 0.95).records()[0]["verdict"] == UNSURE
    other = merge([control(one, "") for one in apart], 3, 0.95).records()[0]
    assert other["verdict"] == DIFFERS

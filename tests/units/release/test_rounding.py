"""A number rounded for release, and rounded again for show, is as the full one is shown."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from hypothesis import example, given
from hypothesis import strategies as st

from fingerpost.release.rounding import once


def shown(value: float, places: int) -> Decimal:
    """Return a value with so many decimals, reckoned in decimals of what the float really is."""
    return Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


@given(
    value=st.floats(-5_000, 5_000, allow_nan=False, allow_subnormal=False).filter(
        lambda one: one == 0 or abs(one) > 1e-6
    ),
    places=st.integers(-1, 5),
    fewer=st.integers(0, 4),
)
@example(value=1.1151, places=3, fewer=1)
@example(value=1.1146, places=3, fewer=1)
@example(value=-1.1151, places=3, fewer=1)
@example(value=1549.0, places=-1, fewer=1)
@example(value=1551.2, places=-1, fewer=1)
def test_rounding_twice_is_rounding_once(value: float, places: int, fewer: int):
    assert shown(once(value, places), places - fewer) == shown(value, places - fewer)


@given(value=st.floats(-50, 50), places=st.integers(0, 4))
def test_at_most_one_more_digit_is_told(value: float, places: int):
    told = Decimal(repr(once(value, places)))
    assert abs(told - Decimal(value)) <= Decimal(1).scaleb(-places) * Decimal("0.600001")
    last = told.quantize(Decimal(1).scaleb(-places - 1))
    assert float(last) == once(value, places)
    assert int(abs(last).scaleb(places + 1)) % 10 in (0, 1, 9)

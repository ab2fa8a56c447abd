"""Numbers as people read them: few digits, a true minus sign, thousands set off."""

from __future__ import annotations

import math
from collections.abc import Iterable

MINUS = "−"
ABSENT = "–"
MOST_DECIMALS = 8
ALL_BUT = 0.05  # hundredths short of all, within which the digits say no more


def signed(text: str) -> str:
    """Return the text with a true minus sign, and with no minus before a zero."""
    if text.startswith("-"):
        return MINUS + text[1:] if any(digit in text for digit in "123456789") else text[1:]
    return text


def decimals(value: float, digits: int = 3) -> int:
    """Return how many decimals show `digits` significant digits of a value.

    >>> decimals(-5.8336), decimals(0.0946), decimals(1794.3)
    (2, 4, 0)
    """
    if value == 0 or not math.isfinite(value):
        return 0
    return min(MOST_DECIMALS, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def number(value: float | None, places: int | None = None) -> str:
    """Return a number in three significant digits, or with a given number of decimals.

    >>> number(-5.8336), number(1794.3433), number(0.09462), number(None)
    ('−5.83', '1,794', '0.0946', '–')
    >>> number(float("-inf"))
    '−∞'
    """
    if value is None or math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    shown = decimals(value) if places is None else places
    return signed(f"{value:,.{shown}f}")


def whole(count: float | None) -> str:
    """Return a count with its thousands set off.

    >>> whole(7362)
    '7,362'
    """
    return ABSENT if count is None else signed(f"{round(count):,}")


def percent(share: float | None) -> str:
    """Return a share as a percentage that never rounds to a false 0 or 100.

    >>> percent(0.9096), percent(0.0946), percent(0.998), percent(0.0004), percent(0)
    ('91%', '9.5%', '99.8%', '0.04%', '0%')
    >>> percent(0.95), percent(0.05), percent(0.99999996)
    ('95%', '5%', '> 99.9%')
    """
    if share is None or math.isnan(share):
        return ABSENT
    hundredths = 100 * share
    size, short = abs(hundredths), abs(100 - abs(hundredths))
    if 0 < short < ALL_BUT and 0 < hundredths < 100:
        return "> 99.9%"
    if 0 < short < 1 and size < 100:
        places = decimals(short, 1)
    elif size >= 9.95 or size == 0:
        places = 0
    else:
        places = 1 if size >= 0.95 else decimals(size, 1)
    return f"{signed(f'{hundredths:,.{places}f}').removesuffix('.0')}%"


def plain(value: float | None) -> str:
    """Return a number without zeros at its end, as thresholds are written.

    >>> plain(30.0), plain(0.1), plain(None)
    ('30', '0.1', '–')
    """
    if value is None or not math.isfinite(value):
        return number(value)
    places = decimals(value)
    shown = f"{value:,.{places}f}"
    return signed(shown.rstrip("0").rstrip(".") if "." in shown else shown)


def shared_places(values: Iterable[float | None]) -> int:
    """Return the decimals at which an estimate and its limits are shown alike.

    The widest distance between them is shown in three significant digits.

    >>> shared_places([-5.8336, -8.09, -3.58]), shared_places([1794.3, 550.6, 3038.1])
    (2, 0)
    """
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if not finite:
        return 0
    width = max(finite) - min(finite)
    return decimals(width if width > 0 else finite[0])


def interval(lo: float | None, hi: float | None, places: int | None = None) -> str:
    """Return an interval as limits with 'to' between.

    >>> interval(-8.09, -3.58, 2), interval(None, None), interval(float("-inf"), 3.4)
    ('−8.09 to −3.58', '–', '−∞ to 3.40')
    """
    if lo is None and hi is None:
        return ABSENT
    return f"{number(lo, places)} to {number(hi, places)}"


def pieces(parts: tuple[tuple[float, float], ...]) -> str:
    """Return a set of values as a union of intervals, open where it is unbounded.

    >>> pieces(((float("-inf"), -2.1), (3.4, float("inf"))))
    '(−∞, −2.10] ∪ [3.40, ∞)'
    >>> pieces(())
    'empty: every value is rejected'
    """
    if not parts:
        return "empty: every value is rejected"
    if parts == ((-math.inf, math.inf),):
        return f"({MINUS}∞, ∞): no value is rejected"
    shown = []
    for lo, hi in parts:
        left, right = ("(" if math.isinf(lo) else "["), (")" if math.isinf(hi) else "]")
        shown.append(f"{left}{number(lo)}, {number(hi)}{right}")
    return " ∪ ".join(shown)

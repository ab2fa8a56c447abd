"""How numbers are rounded, banded and snapped."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fingerpost.release.policies import Rules


def nearest(count: float, base: int) -> int:
    """Return the nearest multiple of a base, halves upwards.

    >>> nearest(12, 5), nearest(13, 5), nearest(7362, 5)
    (10, 15, 7360)
    """
    return math.floor(count / base + 0.5) * base


def significant(value: float, digits: int) -> float:
    """Return a value in so many significant digits.

    >>> significant(3.46262, 3), significant(0.0, 3), significant(-1566.4, 3)
    (3.46, 0.0, -1570.0)
    """
    if value == 0 or not math.isfinite(value):
        return value
    return float(f"{value:.{digits - 1}e}")


def once(value: float, places: int) -> float:
    """Return a value with so many decimals, such that rounding it further gives what rounding the
    full value would have given.

    Where what is left ends in a five, which further rounding could take either way, one more digit
    says on which side of it the full value lies, and no more than that.

    >>> once(1.1151, 3), once(1.1146, 3), once(1.1163, 3), once(1.115, 3)
    (1.1151, 1.1149, 1.116, 1.115)
    >>> f"{once(1.1151, 3):.2f}", f"{once(1.1146, 3):.2f}", f"{once(1.1151, 3):.3f}"
    ('1.12', '1.11', '1.115')
    """
    near = round(value, places) + 0.0
    digits = f"{near:.{max(places, 0)}f}".replace(".", "").rstrip("0")
    if near == value or not digits.endswith("5"):
        return near
    return round(near + math.copysign(10.0 ** -(places + 1), value - near), places + 1)


def decimals(error: float, digits: int) -> int:
    """Return the decimals at which an error shows so many significant digits; may be negative.

    >>> decimals(0.4869, 2), decimals(701.58, 2)
    (2, -1)
    """
    return digits - 1 - math.floor(math.log10(error))


def band(share: float, rules: Rules, *, of: float = math.inf) -> str:
    """Return the band in which a share lies; of `of` children no band tells of fewer than the
    threshold unless it begins at nobody.

    >>> band(0.0107, Rules()), band(0.9096, Rules()), band(0.002, Rules())
    ('1% to 5%', 'above 43.75%', 'up to 1%')
    >>> band(0.0107, Rules(), of=300), band(0.0107, Rules(), of=60)
    ('up to 5%', 'up to 25%')
    """
    ends = [end for end in rules.bands if end * of >= rules.threshold]
    if not ends:
        return "not told"
    for at, end in enumerate(ends):
        if share <= end:
            return (
                f"up to {100 * end:g}%" if at == 0 else f"{100 * ends[at - 1]:g}% to {100 * end:g}%"
            )
    return f"above {100 * ends[-1]:g}%"


@dataclass(frozen=True, slots=True)
class Ladder:
    """Counts of parts of one group of children, such that no two of those that are shown tell of
    fewer children than the threshold by their difference.

    heads: true count → what is shown. A count that lies less than the threshold under a head is
    shown as the head is, so that all that can be told of the difference is that it is small. (Of
    fewer than twice the threshold a little more is told: no count that is shown is under it.)
    """

    heads: tuple[tuple[int, int], ...]
    rules: Rules

    def shown(self, count: float) -> int | None:
        """Return what is shown for a count, None where it is too small."""
        if count < self.rules.threshold:
            return None
        for head, released in reversed(self.heads):
            if count <= head:
                near = head - count < self.rules.threshold
                return released if near else nearest(count, self.rules.base)
        return nearest(count, self.rules.base)

    def holds(self, count: object) -> bool:
        """Return whether a count lies within reach of a head."""
        return isinstance(count, int | float) and any(
            0 <= head - count < self.rules.threshold for head, _ in self.heads
        )


def ladder(counts: Iterable[int], rules: Rules) -> Ladder:
    """Return the ladder of counts.

    >>> found = ladder([403, 400, 380, 7], Rules())
    >>> [found.shown(each) for each in (403, 400, 380, 7)]
    [405, 405, 380, None]
    """
    heads: list[tuple[int, int]] = []
    for count in sorted(set(counts), reverse=True):
        if count < rules.threshold:
            continue
        if not heads or heads[-1][0] - count >= rules.threshold:
            heads.append((count, nearest(count, rules.base)))
    return Ladder(tuple(heads), rules)

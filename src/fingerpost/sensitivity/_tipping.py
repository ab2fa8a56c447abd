"""What an unmeasured confounder does to an answer, and how strong one brings it to a given value.

Differences: a confounder whose mean is `gap` higher in the first arm and which changes the outcome
by `effect` a unit adds effect × gap to the answer. Ratios: a normal confounder of unit variance
multiplies the answer by effect^gap, a binary one by (1 + p₁ (effect − 1)) / (1 + p₀ (effect − 1)),
p₁ and p₀ being its shares in the first and second arm. Lin, Psaty & Kronmal (1998), Biometrics
54(3), 948-963, equations for binary and normal confounders; Schlesselman (1978).
"""

from __future__ import annotations

import math


def adjusted_difference(value: float, *, gap: float, effect: float) -> float:
    """Return a difference without what the confounder adds: value − effect × gap.

    >>> round(adjusted_difference(-0.3114, gap=0.75, effect=-0.37), 4)
    -0.0339
    """
    return value - effect * gap


def effect_at_difference(value: float, *, to: float, gap: float) -> float | None:
    """Return the effect on the outcome at which a difference comes to `to`; None for no gap.

    >>> effect_at_difference(1.2, to=0.0, gap=-2.0)
    -0.6
    """
    return None if gap == 0 else (value - to) / gap


def adjusted_ratio(ratio: float, *, gap: float, effect: float) -> float:
    """Return a ratio without what a normal confounder of unit variance multiplies it by.

    effect: how many times as great the outcome is one standard deviation of the confounder higher.
    """
    return ratio / math.exp(gap * math.log(effect))


def effect_at_ratio(ratio: float, *, to: float, gap: float) -> float | None:
    """Return the effect (a ratio) at which a ratio comes to `to`; None for no gap.

    >>> effect_at_ratio(1.5, to=1.0, gap=0.5)
    2.25
    """
    if gap == 0:
        return None
    power = math.log(ratio / to) / gap
    return math.exp(power) if abs(power) < 700 else None


def gap_at_ratio(ratio: float, *, to: float, effect: float) -> float | None:
    """Return the gap at which a ratio comes to `to`; None for a confounder without effect.

    >>> round(gap_at_ratio(1.0866, to=1.0, effect=2.5), 4)
    0.0906
    """
    return None if effect == 1 else math.log(ratio / to) / math.log(effect)


def binary_factor(first: float, second: float, *, effect: float) -> float:
    """Return by how much a binary confounder multiplies a ratio.

    first, second: its shares in the two arms; effect: how many times as great the outcome is with
    it as without.

    >>> binary_factor(0.3, 0.3, effect=4.0)
    1.0
    """
    return (1 + first * (effect - 1)) / (1 + second * (effect - 1))


def effect_at_shares(ratio: float, *, to: float, first: float, second: float) -> float | None:
    """Return the effect (a ratio) of a binary confounder at which a ratio comes to `to`.

    None where no confounder with these shares can do it, however strong.

    >>> round(effect_at_shares(1.09, to=1.0, first=0.25, second=0.10), 2)
    1.64
    >>> effect_at_shares(5.0, to=1.0, first=0.2, second=0.5) is None
    True
    """
    needed = ratio / to
    if needed == 1:
        return 1.0
    slope = first - needed * second
    if slope == 0:
        return None
    effect = 1 + (needed - 1) / slope
    return effect if effect > 0 else None


def shift_of_unseen(value: float, *, to: float, share: float) -> float | None:
    """Return by how much the unseen must differ from their like to bring a difference to `to`.

    share: of the arm's children unseen, less that of the other arm if both are shifted alike.
    """
    return None if share == 0 else (to - value) / share

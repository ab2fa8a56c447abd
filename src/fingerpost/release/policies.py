"""Release policies as data: what a policy asks is written here and nowhere else.

Source of `ons_srs`: the course for accredited researchers of the Office for National Statistics as
reported by its students and by the London School of Hygiene (second-hand: to be checked with the
service before it is relied on): ten children at the least, zeros as well, a complement like a
count, secondary suppression or totals recomputed, one unit at most 43.75% and two at most about
86% of a figure, extremes grouped. Ten residual degrees of freedom: the defaults of ACRO 1.0.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from fingerpost.core.errors import UsageError, listed, nearest


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of a policy that withholds.

    threshold: the fewest children a number may tell of. base: what counts are rounded to.
    residual_df: the fewest residual degrees of freedom. one, two: the largest share of a figure
    that one unit, or two, may hold. error_digits: significant digits of a standard error, which
    also sets the decimals of its estimate; counted_digits: the same where the outcome is of two
    values or a count, whose means are counts of children; digits: of other numbers. bands: the ends
    of the groups in which largest shares are told.
    """

    threshold: int = 10
    base: int = 5
    residual_df: int = 10
    one: float = 0.4375
    two: float = 0.86
    error_digits: int = 3
    counted_digits: int = 2
    digits: int = 3
    bands: tuple[float, ...] = (0.01, 0.05, 0.10, 0.25, 0.4375)

    @property
    def few(self) -> str:
        """What is said in place of a count that is not shown."""
        return f"fewer than {self.threshold}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy: the clearance an output has under it, and a sentence for its readers.

    rules: None where nothing is withheld; extremes and largest shares are then shown as they are.
    """

    name: str
    clearance: str
    words: str
    rules: Rules | None = None


SRS = Rules()
POLICIES = {
    policy.name: policy
    for policy in (
        Policy("none", "public", "The records are public: nothing is withheld, nothing rounded."),
        Policy(
            "inside",
            "inside",
            "Not cleared: for the secure room only. Nothing here may leave it as it is.",
        ),
        Policy(
            "ons_srs",
            "prepared",
            f"Counts of children under {SRS.threshold}, and zeros, are not shown, nor is anything "
            "that would tell them; the "
            f"other counts are rounded to the nearest {SRS.base}. Totals are sums of the rounded "
            "counts that are shown. Extremes are told in bands, and numbers in few digits. "
            "Prepared for a person to check: software clears nothing.",
            SRS,
        ),
    )
}


def policy(name: str) -> Policy:
    """Return a policy by name; raises UsageError with the menu.

    >>> policy("none").clearance
    'public'
    """
    if name not in POLICIES:
        raise UsageError(
            f'release.policy: "{name}" is not a policy here.{nearest(name, POLICIES)} '
            f"There are: {listed(POLICIES)}."
        )
    return POLICIES[name]

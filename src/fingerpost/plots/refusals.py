"""Broken rules in words, as pictures and pages show them."""

from __future__ import annotations

from fingerpost.core.refusal import Broken
from fingerpost.plots.numbers import percent, plain


def plainest(rules: tuple[Broken, ...]) -> Broken | None:
    """Return the broken rule that is easiest to grasp: a child's share of the weight, if any."""
    shares = [rule for rule in rules if "child" in rule.rule and "children" not in rule.rule]
    return next(iter(shares or rules), None)


def broken_words(rule: Broken) -> str:
    """Return one broken rule in words, with what was measured and the threshold.

    >>> broken_words(Broken("child_share", "positivity", 0.9096, 0.10))
    "one child carries 91% of an arm's weight (at most 10% is allowed)"
    """
    if rule.words:
        return rule.words.rstrip(".")
    if "share" in rule.rule:
        who = "cluster" if "cluster" in rule.rule else "child"
        return (
            f"one {who} carries {percent(rule.measured)} of an arm's weight "
            f"(at most {percent(rule.threshold)} is allowed)"
        )
    return (
        f"{rule.assumption}: {rule.rule.replace('_', ' ')} is {plain(rule.measured)} "
        f"(threshold {plain(rule.threshold)})"
    )
